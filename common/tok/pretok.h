/* pretok: where a tokenizer's regex cuts text.
 *
 *	n = pretok_split(&p, s, len, &pos, ends, 256);	the next up to 256 cuts
 *	for (i = 0; i < n; i++)
 *		pretoken is s[start, ends[i]); start = ends[i];
 *
 * The regexes are hand-written state machines, recognised by their exact text (pretok_find).  Every
 * one of them covers its whole input, so a piece is cut into pretokens without gaps, and the end of
 * the piece is the end of text for the regex.  Text must be valid UTF-8
 * and less than 4 GiB.  Time is linear.
 *
 *	PRETOK_GPT2	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *	PRETOK_CL100K	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *			 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+	(Llama 3, dolma2)
 *	PRETOK_QWEN2	the same with \p{N} in place of \p{N}{1,3}
 *	PRETOK_O200K	words by case, and \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *			With A = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], B = [\p{Ll}\p{Lm}\p{Lo}\p{M}], C the
 *			contractions of CL100K and P = [^\r\n\p{L}\p{N}] words are P?A*B+C?|P?A+B*C?
 *	PRETOK_WHOLE	no regex: a piece is one pretoken
 *
 * In (?i:…) the long s U+017F equals s, as in Oniguruma (simple case folding).
 */
#ifndef OLMO_TOK_PRETOK_H
#define OLMO_TOK_PRETOK_H

#include <stddef.h>
#include <stdint.h>

enum pretok_kind { PRETOK_GPT2, PRETOK_CL100K, PRETOK_QWEN2, PRETOK_O200K, PRETOK_WHOLE };

struct pretok {
	enum pretok_kind kind;
	int unicode14; /* classes of Unicode 14.0 instead of 16.0 */
};

/* 0 and *kind when the regex is a known one, else -1 (no message). */
int pretok_find(const char *regex, enum pretok_kind *kind);
/* Its text; NULL for PRETOK_WHOLE. */
const char *pretok_regex(enum pretok_kind kind);
/* gpt2, cl100k, qwen2, o200k, whole; and back (0, or -1 without a message). */
const char *pretok_name(enum pretok_kind kind);
int pretok_by_name(const char *name, enum pretok_kind *kind);

/* Cut from *pos on: fills ends[] (offsets in s, at most cap >= 1 of them), advances *pos to the
 * last one and returns their number; 0 at the end. */
size_t pretok_split(
    const struct pretok *p, const char *s, size_t len, size_t *pos, uint32_t *ends, size_t cap);

/* Bytes of 's 't 'm 'd 're 've 'll at the apostrophe at s, of which left are text, or 0. */
static inline size_t pretok_contraction(const char *s, size_t left)
{
	if (left < 2)
		return 0;
	if (s[1] == 's' || s[1] == 't' || s[1] == 'm' || s[1] == 'd')
		return 2;
	if (left < 3)
		return 0;
	if ((s[1] == 'r' && s[2] == 'e') || (s[1] == 'v' && s[2] == 'e') ||
	    (s[1] == 'l' && s[2] == 'l'))
		return 3;
	return 0;
}

/* The same in either case, and with U+017F for s. */
static inline size_t pretok_contraction_fold(const char *s, size_t left)
{
	int a, b;

	if (left < 2)
		return 0;
	a = s[1] | 0x20;
	if ((unsigned char)s[1] < 0x80 && (a == 's' || a == 't' || a == 'm' || a == 'd'))
		return 2;
	if (left < 3)
		return 0;
	if ((unsigned char)s[1] == 0xc5 && (unsigned char)s[2] == 0xbf)
		return 3;
	b = s[2] | 0x20;
	if ((unsigned char)s[1] < 0x80 && (unsigned char)s[2] < 0x80 &&
	    ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')))
		return 3;
	return 0;
}

#endif
