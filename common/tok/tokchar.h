/* tokchar: the properties of code points that decide token ids.
 *
 *	class = tokchar(cp) & TOKCHAR_CLASS;	TOKCHAR_O, _L, _N or _S
 *
 * The classes are those of the regexes of byte-level tokenizers, by general category: L = \p{L},
 * N = \p{N}, S = \s (exactly the 25 code points with White_Space), O = all else, unassigned ones
 * too.  They are Unicode 16.0's, as Hugging Face tokenizers >= 0.21.2 have them (Oniguruma 6.5);
 * TOKCHAR_NEW marks the 9,392 code points that were O in 14.0 (older Hugging Face releases), and 93 marks
 * that had no property then.
 */
#ifndef OLMO_TOK_TOKCHAR_H
#define OLMO_TOK_TOKCHAR_H

#include <stdint.h>

enum {
	TOKCHAR_O = 0,
	TOKCHAR_L = 1,
	TOKCHAR_N = 2,
	TOKCHAR_S = 3,
	TOKCHAR_CLASS = 3,
	TOKCHAR_NEW = 4,     /* has its class since Unicode 15, 15.1 or 16 */
	TOKCHAR_WORD = 8,    /* \w of Rust's regex crate, Unicode 16.0 */
	TOKCHAR_UNSAFE = 16, /* may change under NFC 9.0, or compose with what stands before it */
	TOKCHAR_UPPER = 32,  /* \p{Lu} \p{Lt} \p{Lm} \p{Lo} \p{M}: may begin a word, */
	TOKCHAR_LOWER =
	    64 /* \p{Ll} \p{Lm} \p{Lo} \p{M}: may go on in one, of the regex of o200k */
};

#define TOKCHAR_BLOCK 128
extern const uint16_t tokchar_block[0x40000 / TOKCHAR_BLOCK];
extern const uint8_t tokchar_prop[][TOKCHAR_BLOCK];

/* Property bits of a code point <= 0x10ffff. */
static inline unsigned tokchar(uint32_t cp)
{
	if (cp >= 0x40000) /* only variation selectors have a property there: they are marks */
		return cp >= 0xe0100 && cp <= 0xe01ef
			   ? TOKCHAR_WORD | TOKCHAR_UPPER | TOKCHAR_LOWER
			   : 0;
	return tokchar_prop[tokchar_block[cp / TOKCHAR_BLOCK]][cp % TOKCHAR_BLOCK];
}

#endif
