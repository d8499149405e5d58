#include "text/uchar.h"

#include <string.h>

#include "base/utf8.h"

uint32_t uchar_lower(uint32_t cp)
{
	size_t lo = 0, hi = uchar_lower_pairs;

	if (cp < 128)
		return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
	if (!(uchar(cp) & UC_LOWER))
		return cp;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (uchar_lower_pair[mid].from <= cp)
			lo = mid;
		else
			hi = mid;
	}
	return uchar_lower_pair[lo].to;
}

uint32_t uchar_ignorecase(uint32_t cp)
{
	switch (cp) {
	case 0x130:
	case 0x131:
		return 'i';
	case 0x17f:
		return 's';
	case 0x212a:
		return 'k';
	}
	return cp < 128 ? uchar_lower(cp) : cp;
}

uint32_t uchar_before(const char *s, size_t i, size_t *start)
{
	int len;

	do
		i--;
	while (i && ((unsigned char)s[i] & 0xc0) == 0x80);
	*start = i;
	return utf8_next(s + i, &len);
}

/* Final_Sigma of the Unicode standard, as Python tests it, for the sigma at [i, i + 2). */
static int final_sigma(const char *s, size_t n, size_t i)
{
	size_t k = i;
	unsigned p = 0;
	int len;

	while (k) {
		p = uchar(uchar_before(s, k, &k));
		if (!(p & UC_IGNORABLE))
			break;
		if (!k)
			return 0;
	}
	if (!i || !(p & UC_CASED))
		return 0;
	for (k = i + 2; k < n; k += (size_t)len) {
		p = uchar(utf8_next(s + k, &len));
		if (!(p & UC_IGNORABLE))
			return !(p & UC_CASED);
	}
	return 1;
}

void text_lower(const char *s, size_t n, struct buf *out)
{
	size_t i = 0;

	buf_need(out, n + 8);
	while (i < n) {
		size_t j = i;
		char *o;
		int len;
		uint32_t cp;

		for (o = out->p + out->len; j < n && (unsigned char)s[j] < 0x80; j++) {
			unsigned char c = (unsigned char)s[j];

			*o++ = (char)(c + (c >= 'A' && c <= 'Z' ? 32 : 0));
		}
		out->len += j - i;
		if (j == n)
			break;
		cp = utf8_next(s + j, &len);
		if (cp == 0x130)
			buf_add(out, "i\xcc\x87", 3);
		else if (cp == 0x3a3)
			out->len += (size_t)utf8_put(
			    out->p + out->len, final_sigma(s, n, j) ? 0x3c2 : 0x3c3);
		else
			out->len += (size_t)utf8_put(out->p + out->len, uchar_lower(cp));
		i = j + (size_t)len;
		buf_need(out, n - i + 8);
	}
}

void text_strip(const char *s, size_t n, size_t *start, size_t *end)
{
	size_t a = 0, b = n, k;
	int len;

	while (a < n && (uchar(utf8_next(s + a, &len)) & UC_SPACE))
		a += (size_t)len;
	while (b > a && (uchar(uchar_before(s, b, &k)) & UC_SPACE))
		b = k;
	*start = a, *end = b;
}

const char *text_find(const char *s, size_t n, const char *what, size_t len)
{
	const char *end = s + n;

	for (; (size_t)(end - s) >= len; s++) {
		s = memchr(s, what[0], (size_t)(end - s) - len + 1);
		if (!s || !memcmp(s, what, len))
			return s;
	}
	return NULL;
}
