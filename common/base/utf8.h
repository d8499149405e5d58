/* utf8: code points and bytes.  Valid UTF-8 is what Unicode table 3-7 allows: no surrogates, no
 * overlong forms, at most U+10FFFF. */
#ifndef OLMO_BASE_UTF8_H
#define OLMO_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* 1 when valid; else 0 and *bad = offset of the first byte of the first ill-formed sequence. */
int utf8_valid(const char *s, size_t n, size_t *bad);
/* Code points in valid UTF-8. */
size_t utf8_count(const char *s, size_t n);
/* Byte offset of code point k (n when k >= their number). */
size_t utf8_offset(const char *s, size_t n, size_t k);
/* Write cp (a scalar value) to out (up to 4 bytes); returns the length. */
int utf8_put(char *out, uint32_t cp);

/* Decode one code point of VALID text at s (n > 0 bytes left); *len = its bytes. */
static inline uint32_t utf8_next(const char *s, int *len)
{
	const unsigned char *u = (const unsigned char *)s;
	if (u[0] < 0x80)
		return *len = 1, u[0];
	if (u[0] < 0xe0)
		return *len = 2, (uint32_t)(u[0] & 31) << 6 | (u[1] & 63);
	if (u[0] < 0xf0)
		return *len = 3,
		       (uint32_t)(u[0] & 15) << 12 | (uint32_t)(u[1] & 63) << 6 | (u[2] & 63);
	return *len = 4, (uint32_t)(u[0] & 7) << 18 | (uint32_t)(u[1] & 63) << 12 |
			     (uint32_t)(u[2] & 63) << 6 | (u[3] & 63);
}
/* Length of the maximal ill-formed subpart at s (WHATWG / Unicode 3.9 U+FFFD substitution). */
size_t utf8_bad_len(const char *s, size_t n);
/* Copy with U+FFFD for each maximal ill-formed subpart; out has room for 3 n.  Its length. */
size_t utf8_repair(char *out, const char *s, size_t n);

#endif
