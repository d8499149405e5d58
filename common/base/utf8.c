#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define ONES      UINT64_C(0x0101010101010101)

static inline uint64_t load64(const unsigned char *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

/* Skip bytes below 0x80, 32 at a time while there are that many. */
static const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
	while (end - p >= 32) {
		uint64_t any = load64(p) | load64(p + 8) | load64(p + 16) | load64(p + 24);
		if (any & HIGH_BITS)
			break;
		p += 32;
	}
	while (end - p >= 8 && !(load64(p) & HIGH_BITS))
		p += 8;
	while (p < end && *p < 0x80)
		p++;
	return p;
}

static inline int is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Range of the second byte after each lead byte from c2 on (Unicode table 3-7). */
static inline int second_ok(unsigned lead, unsigned char c)
{
	switch (lead) {
	case 0xe0:
		return c >= 0xa0 && c <= 0xbf;
	case 0xed:
		return c >= 0x80 && c <= 0x9f;
	case 0xf0:
		return c >= 0x90 && c <= 0xbf;
	case 0xf4:
		return c >= 0x80 && c <= 0x8f;
	default:
		return is_tail(c);
	}
}

/* Bytes a sequence with this lead has, 0 when it cannot lead. */
static inline int sequence_len(unsigned lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Length of the well-formed sequence at p, or 0 and *part = bytes of it that were good. */
static inline int sequence(const unsigned char *p, const unsigned char *end, int *part)
{
	int i, len = sequence_len(*p);
	*part = 1;
	if (len < 2)
		return len;
	for (i = 1; i < len; i++) {
		if (p + i == end || !(i == 1 ? second_ok(*p, p[1]) : is_tail(p[i])))
			return *part = i, 0;
	}
	return len;
}

int utf8_valid(const char *s, size_t n, size_t *bad)
{
	const unsigned char *begin = (const unsigned char *)s, *end = begin + n;
	const unsigned char *p = skip_ascii(begin, end);
	while (p < end) {
		int part, len = sequence(p, end, &part);
		if (!len) {
			if (bad)
				*bad = (size_t)(p - begin);
			return 0;
		}
		p += len;
		if (p < end && *p < 0x80)
			p = skip_ascii(p, end);
	}
	return 1;
}

size_t utf8_bad_len(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	int part = 0;
	if (n)
		sequence(p, p + n, &part);
	return (size_t)part;
}

size_t utf8_repair(char *out, const char *s, size_t n)
{
	char *to = out;
	size_t i = 0, good;
	for (;;) {
		if (utf8_valid(s + i, n - i, &good))
			good = n - i;
		memcpy(to, s + i, good);
		to += good;
		i += good;
		if (i == n)
			break;
		memcpy(to, "\xef\xbf\xbd", 3);
		to += 3;
		i += utf8_bad_len(s + i, n - i);
	}
	return (size_t)(to - out);
}

/* Bit 0 of each byte of the result: that byte of w is 10xxxxxx. */
static inline uint64_t tails(uint64_t w)
{
	return w >> 7 & ~w >> 6 & ONES;
}

static inline size_t sum_bytes(uint64_t w)
{
	uint64_t pairs =
	    (w & UINT64_C(0x00ff00ff00ff00ff)) + (w >> 8 & UINT64_C(0x00ff00ff00ff00ff));
	return (size_t)(pairs * UINT64_C(0x0001000100010001) >> 48);
}

size_t utf8_count(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;
	size_t cont = 0;
	while (end - p >= 8) {
		/* A byte of acc counts to 255 at most. */
		size_t words = (size_t)(end - p) / 8;
		uint64_t acc = 0;
		if (words > 255)
			words = 255;
		for (; words; words--, p += 8)
			acc += tails(load64(p));
		cont += sum_bytes(acc);
	}
	for (; p < end; p++)
		cont += (size_t)is_tail(*p);
	return n - cont;
}

size_t utf8_offset(const char *s, size_t n, size_t k)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;
	/* Code point k starts at the (k+1)-th byte that is not a tail. */
	while (end - p >= 8) {
		size_t starts = 8 - sum_bytes(tails(load64(p)));
		if (starts > k)
			break;
		k -= starts;
		p += 8;
	}
	for (; p < end; p++)
		if (!is_tail(*p) && !k--)
			return (size_t)(p - (const unsigned char *)s);
	return n;
}

int utf8_put(char *out, uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 63));
		out[2] = (char)(0x80 | (cp & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 63));
	out[2] = (char)(0x80 | (cp >> 6 & 63));
	out[3] = (char)(0x80 | (cp & 63));
	return 4;
}
