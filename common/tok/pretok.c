#include "tok/pretok.h"

#include <string.h>

#include "base/utf8.h"
#include "tok/le.h"
#include "tok/tokchar.h"

static const struct {
	const char *name, *regex;
} kinds[] = {
    [PRETOK_GPT2] = {"gpt2",
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    [PRETOK_CL100K] = {"cl100k",
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
	"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    [PRETOK_QWEN2] = {"qwen2", "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
			       "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    [PRETOK_O200K] = {"o200k",
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
	"[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
	"|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
	"[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
	"|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    [PRETOK_WHOLE] = {"whole", NULL},
};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

int pretok_find(const char *regex, enum pretok_kind *kind)
{
	int i;

	for (i = 0; i < N_KINDS; i++)
		if (kinds[i].regex && !strcmp(kinds[i].regex, regex))
			return *kind = (enum pretok_kind)i, 0;
	return -1;
}

int pretok_by_name(const char *name, enum pretok_kind *kind)
{
	int i;

	for (i = 0; i < N_KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return *kind = (enum pretok_kind)i, 0;
	return -1;
}

const char *pretok_regex(enum pretok_kind kind)
{
	return kinds[kind].regex;
}

const char *pretok_name(enum pretok_kind kind)
{
	return kinds[kind].name;
}

/* ASCII classes; 0x80 up: decode. */
#define UP 0xff
static const uint8_t ascii[256] = {['\t'] = TOKCHAR_S,
    ['\n'] = TOKCHAR_S,
    ['\v'] = TOKCHAR_S,
    ['\f'] = TOKCHAR_S,
    ['\r'] = TOKCHAR_S,
    [' '] = TOKCHAR_S,
#define R4(a, v)  [a] = v, [a + 1] = v, [a + 2] = v, [a + 3] = v
#define R8(a, v)  R4(a, v), R4(a + 4, v)
#define R26(a, v) R8(a, v), R8(a + 8, v), R8(a + 16, v), [a + 24] = v, [a + 25] = v
    R8('0', TOKCHAR_N),
    ['8'] = TOKCHAR_N,
    ['9'] = TOKCHAR_N,
    R26('A', TOKCHAR_L),
    R26('a', TOKCHAR_L),
#define R32(a) R8(a, UP), R8(a + 8, UP), R8(a + 16, UP), R8(a + 24, UP)
    R32(0x80),
    R32(0xa0),
    R32(0xc0),
    R32(0xe0)};

/* The text being cut. */
struct cut {
	const char *s;
	size_t len;
	unsigned hide; /* property bit that makes a code point O: TOKCHAR_NEW, or none */
};

/* Class of the code point at i < len, and its bytes. */
static inline unsigned class_at(const struct cut *c, size_t i, size_t *n)
{
	unsigned k = ascii[(unsigned char)c->s[i]];
	int len;

	if (k != UP) {
		*n = 1;
		return k;
	}
	k = tokchar(utf8_next(c->s + i, &len));
	*n = (size_t)len;
	return k & c->hide ? TOKCHAR_O : k & TOKCHAR_CLASS;
}

/* How many of the 8 bytes, the first in the low byte of w, are ASCII letters before the first that
 * is none. */
static inline unsigned letters(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
	uint64_t x = (w & ~high) | 0x20 * ones; /* letters in lower case; no byte carries over */
	uint64_t is = (x + (0x80 - 'a') * ones) & ~(x + (0x7f - 'z') * ones) & ~w & high;

	return is == high ? 8 : (unsigned)__builtin_ctzll(~is & high) / 8;
}

/* End of the run of letters that begins at or before i. */
static inline size_t letters_end(const struct cut *c, size_t i)
{
	size_t n;

	for (;;) {
		while (c->len - i >= 8) {
			unsigned k = letters(le_get64((const unsigned char *)c->s + i));

			i += k;
			if (k < 8)
				break;
		}
		while (i < c->len && ascii[(unsigned char)c->s[i]] == TOKCHAR_L)
			i++;
		if (i >= c->len || ascii[(unsigned char)c->s[i]] != UP ||
		    class_at(c, i, &n) != TOKCHAR_L)
			return i;
		i += n;
	}
}

/* End of the run of class k that begins at or before i. */
static inline size_t run_end(const struct cut *c, size_t i, unsigned k)
{
	size_t n;

	for (;;) {
		while (i < c->len && ascii[(unsigned char)c->s[i]] == k)
			i++;
		if (i >= c->len || ascii[(unsigned char)c->s[i]] != UP || class_at(c, i, &n) != k)
			return i;
		i += n;
	}
}

/* A run of white space from i that no earlier branch has taken: all of it at the end of the text,
 * else all but its last character, unless it is the only one: \s+(?!\S)|\s+ */
static inline size_t space_end(const struct cut *c, size_t i)
{
	size_t e = run_end(c, i, TOKCHAR_S), last = e;

	if (e == c->len)
		return e;
	while (((unsigned char)c->s[--last] & 0xc0) == 0x80)
		;
	return last == i ? e : last;
}

static inline size_t gpt2_end(const struct cut *c, size_t i)
{
	size_t j = i, n;
	unsigned k;

	if (c->s[i] == '\'' && (n = pretok_contraction(c->s + i, c->len - i)))
		return i + n;
	if (c->s[i] == ' ' && i + 1 < c->len)
		j++;
	k = class_at(c, j, &n);
	if (k == TOKCHAR_S)
		return space_end(c, i);
	return k == TOKCHAR_L ? letters_end(c, j + n) : run_end(c, j + n, k);
}

/* Numbers of up to max_digits, of which the first ends at j. */
static inline size_t digits_end(const struct cut *c, size_t j, int max_digits)
{
	size_t n;
	int digits;

	for (digits = 1; digits < max_digits && j < c->len; digits++, j += n)
		if (class_at(c, j, &n) != TOKCHAR_N)
			break;
	return j;
}

/* What is neither word nor number from i, where the character at i ends at j: " ?[^\s\p{L}\p{N}]+", with
 * line ends (and slashes) behind it, when k is TOKCHAR_O, else white space. */
static inline size_t other_end(const struct cut *c, size_t i, size_t j, unsigned k, int slash)
{
	size_t e = run_end(c, j, k);

	if (k == TOKCHAR_O) {
		while (e < c->len &&
		       (c->s[e] == '\r' || c->s[e] == '\n' || (slash && c->s[e] == '/')))
			e++;
		return e;
	}
	/* \s*[\r\n]+ reaches the last line end of the run. */
	for (j = e; j > i; j--)
		if (c->s[j - 1] == '\r' || c->s[j - 1] == '\n')
			return j;
	return space_end(c, i);
}

/* One step of the cl100k family: numbers are cut after max_digits. */
static inline size_t cl100k_end(const struct cut *c, size_t i, int max_digits)
{
	size_t n, m, j;
	unsigned k, next;

	if (c->s[i] == '\'' && (n = pretok_contraction_fold(c->s + i, c->len - i)))
		return i + n;
	k = class_at(c, i, &n);
	if (k == TOKCHAR_L)
		return letters_end(c, i + n);
	if (k == TOKCHAR_N)
		return digits_end(c, i + n, max_digits);
	/* One character that is no line end may lead letters; a space may lead the rest. */
	j = i + n;
	if (c->s[i] != '\r' && c->s[i] != '\n' && j < c->len) {
		next = class_at(c, j, &m);
		if (next == TOKCHAR_L)
			return letters_end(c, j + m);
		if (c->s[i] == ' ' && next == TOKCHAR_O)
			k = TOKCHAR_O;
	}
	return other_end(c, i, j, k, 0);
}

/* TOKCHAR_UPPER, TOKCHAR_LOWER, both or none of the code point at i < len, and its bytes. */
static inline unsigned case_at(const struct cut *c, size_t i, size_t *n)
{
	unsigned char b = (unsigned char)c->s[i];
	unsigned k;
	int len;

	if (b < 0x80) {
		*n = 1;
		return ascii[b] != TOKCHAR_L ? 0 : b & 0x20 ? TOKCHAR_LOWER : TOKCHAR_UPPER;
	}
	k = tokchar(utf8_next(c->s + i, &len));
	*n = (size_t)len;
	return k & c->hide ? 0 : k & (TOKCHAR_UPPER | TOKCHAR_LOWER);
}

/* End of A*B+ at i (pretok.h), or i when there is none; then *upper is the end of A*.  A* gives
 * characters back until the one behind it is a B, too. */
static inline size_t word_end(const struct cut *c, size_t i, size_t *upper)
{
	size_t n, j, both = i;
	unsigned k = 0;

	for (j = i; j < c->len && (k = case_at(c, j, &n)) & TOKCHAR_UPPER; j += n)
		if (k & TOKCHAR_LOWER)
			both = j + n;
	*upper = j;
	if (j == c->len || k != TOKCHAR_LOWER)
		return both;
	do
		j += n;
	while (j < c->len && case_at(c, j, &n) & TOKCHAR_LOWER);
	return j;
}

/* The same with a contraction behind it. */
static inline size_t with_contraction(const struct cut *c, size_t e)
{
	return e < c->len && c->s[e] == '\'' ? e + pretok_contraction_fold(c->s + e, c->len - e)
					     : e;
}

static inline size_t o200k_end(const struct cut *c, size_t i)
{
	size_t n, m, e, upper, j;
	unsigned k = class_at(c, i, &n);

	if (k == TOKCHAR_N)
		return digits_end(c, i + n, 3);
	if (k == TOKCHAR_L) {
		e = word_end(c, i, &upper);
		return with_contraction(c, e > i ? e : upper);
	}
	j = i + n;
	if (c->s[i] != '\r' && c->s[i] != '\n') { /* it may lead a word */
		e = word_end(c, j, &upper);
		if (e == j && case_at(c, i, &m) != 0)
			return with_contraction(c, j); /* a mark is a word */
		if (e > j || upper > j)
			return with_contraction(c, e > j ? e : upper);
		if (c->s[i] == ' ' && j < c->len && class_at(c, j, &m) == TOKCHAR_O)
			k = TOKCHAR_O;
	}
	return other_end(c, i, j, k, 1);
}

size_t pretok_split(
    const struct pretok *p, const char *s, size_t len, size_t *pos, uint32_t *ends, size_t cap)
{
	const struct cut c = {s, len, p->unicode14 ? TOKCHAR_NEW : 0};
	size_t i = *pos, n = 0;

	switch (p->kind) {
	case PRETOK_GPT2:
		for (; i < len && n < cap; n++)
			ends[n] = (uint32_t)(i = gpt2_end(&c, i));
		break;
	case PRETOK_CL100K:
		for (; i < len && n < cap; n++)
			ends[n] = (uint32_t)(i = cl100k_end(&c, i, 3));
		break;
	case PRETOK_QWEN2:
		for (; i < len && n < cap; n++)
			ends[n] = (uint32_t)(i = cl100k_end(&c, i, 1));
		break;
	case PRETOK_O200K:
		for (; i < len && n < cap; n++)
			ends[n] = (uint32_t)(i = o200k_end(&c, i));
		break;
	case PRETOK_WHOLE:
		if (i < len)
			ends[n++] = (uint32_t)(i = len);
		break;
	}
	*pos = i;
	return n;
}
