/* uchar: properties of code points as Python's str and regex, and UAX #29, see them.
 *
 *	uchar(cp) & UC_SPACE;			str.isspace, \s of re
 *	(uchar(cp) & UC_WB) == WB_ALETTER;	class of word boundaries
 *	uchar_lower(cp);			simple lower case
 *	text_lower(s, n, &b);			str.lower(), appended
 *
 * The tables are Unicode 15.0's (Python 3.12); an older or newer Python differs only in code points
 * that were assigned in between.
 */
#ifndef OLMO_TEXT_UCHAR_H
#define OLMO_TEXT_UCHAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Word_Break of UAX #29. */
enum {
	WB_OTHER,
	WB_CR,
	WB_LF,
	WB_NEWLINE,
	WB_EXTEND,
	WB_ZWJ,
	WB_REGIONAL,
	WB_FORMAT,
	WB_KATAKANA,
	WB_HEBREW,
	WB_ALETTER,
	WB_SINGLEQ,
	WB_DOUBLEQ,
	WB_MIDNUMLET,
	WB_MIDLETTER,
	WB_MIDNUM,
	WB_NUMERIC,
	WB_EXTENDNUMLET,
	WB_SPACE
};

enum {
	UC_WB = 31,
	UC_SPACE = 1 << 5,      /* White_Space and U+001C..1F */
	UC_ALPHA = 1 << 6,      /* str.isalpha: general category L */
	UC_ALNUM = 1 << 7,      /* str.isalnum: L, or has a numeric value */
	UC_WORD = 1 << 8,       /* \w of UTS #18: Alphabetic, M, Nd, Pc, Join_Control */
	UC_PUNCT = 1 << 9,      /* [[:punct:]] of regex: P and S that are not Alphabetic */
	UC_PICT = 1 << 10,      /* Extended_Pictographic */
	UC_CASED = 1 << 11,     /* Cased */
	UC_IGNORABLE = 1 << 12, /* Case_Ignorable */
	UC_DIGIT = 1 << 13,     /* \d of re: general category Nd */
	UC_LOWER = 1 << 14,     /* has another lower case */
	UC_STERM = 1 << 15      /* Sentence_Terminal */
};

#define UCHAR_BLOCK 128
extern const uint16_t uchar_block[0x110000 / UCHAR_BLOCK];
extern const uint16_t uchar_prop[][UCHAR_BLOCK];

/* Property bits of a code point <= 0x10ffff. */
static inline unsigned uchar(uint32_t cp)
{
	return uchar_prop[uchar_block[cp / UCHAR_BLOCK]][cp % UCHAR_BLOCK];
}

struct uchar_pair {
	uint32_t from, to;
};
extern const struct uchar_pair uchar_lower_pair[];
extern const size_t uchar_lower_pairs;

/* Simple lower case (U+0130 → i, U+03A3 → U+03C3). */
uint32_t uchar_lower(uint32_t cp);

/* The lower-case ASCII letter that Python's re.IGNORECASE takes cp for (U+0130, U+0131: i; U+017F: s;
 * U+212A: k), or the code point itself. */
uint32_t uchar_ignorecase(uint32_t cp);

/* Append str.lower() of valid UTF-8: U+0130 becomes i and U+0307, a final U+03A3 becomes U+03C2. */
void text_lower(const char *s, size_t n, struct buf *out);

/* Offsets of what str.strip() leaves: [*start, *end), empty when all is space. */
void text_strip(const char *s, size_t n, size_t *start, size_t *end);

/* First place of the len > 0 bytes of what in s, or NULL. */
const char *text_find(const char *s, size_t n, const char *what, size_t len);

/* The code point that ends at s + i (i > 0) in valid UTF-8; *start is its offset. */
uint32_t uchar_before(const char *s, size_t i, size_t *start);

#endif
