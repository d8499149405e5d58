#include "base/buf.h"

#include "base/err.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_grow(struct buf *b, size_t extra)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	if (extra > SIZE_MAX - b->len)
		die(EXIT_IO, "out of memory: %zu bytes", SIZE_MAX);
	if (b->cap - b->len >= extra && b->p)
		return;
	while (cap - b->len < extra)
		cap = cap > SIZE_MAX / 2 ? b->len + extra : cap + cap / 2;
	b->p = xreallocarray(b->p, cap, 1);
	b->cap = cap;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	buf_need(b, 64);
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		die(EXIT_IO, "cannot format a string");
	if ((size_t)n >= b->cap - b->len) {
		buf_need(b, (size_t)n + 1);
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	b->len += (size_t)n;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char tmp[20];
	int i = 20;
	do
		tmp[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, tmp + i, (size_t)(20 - i));
}

/* v = k / 10^5 with k < 10^15: at most 15 digits, so no shorter decimal reads back as v, and the
 * division is correctly rounded, so these digits do.  Most scores are of this kind.
 * (Below 10^-4 an exponent is printed, elsewhere.) */
static int add_fixed5(struct buf *b, double v, int with_point)
{
	double k = v * 1e5;
	uint64_t u, frac;
	char tmp[5];
	int i, n = 5;
	if (!(k < 1e15) || (k < 10 && v != 0) || k != floor(k) || k / 1e5 != v)
		return 0;
	u = (uint64_t)k;
	buf_u64(b, u / 100000);
	frac = u % 100000;
	if (!frac) {
		if (with_point)
			buf_add(b, ".0", 2);
		return 1;
	}
	for (i = 4; i >= 0; i--, frac /= 10)
		tmp[i] = (char)('0' + frac % 10);
	while (tmp[n - 1] == '0')
		n--;
	buf_chr(b, '.');
	buf_add(b, tmp, (size_t)n);
	return 1;
}

/* Add one to the last digit of d.ddde-xx when that does not carry past the first digit. */
static int bump(char *s)
{
	char *e = strchr(s, 'e');
	while (e-- > s)
		if (*e == '9') {
			*e = '0';
		} else if (*e != '.') {
			++*e;
			return 1;
		}
	return 0;
}

/* The 16-digit decimal above a power of two: there the gap below is half of that above, so the
 * nearest 16 digits may not read back while the next ones up do.  Those powers of two have an
 * exponent below -4 or above 15: the others have at most 16 digits at all. */
static int above_power_of_two(double v, char *s, size_t size)
{
	char *e, *end;
	int exponent;
	if (frexp(v, &exponent) != 0.5)
		return 0;
	snprintf(s, size, "%.15e", v);
	if (!bump(s) || strtod(s, NULL) != v)
		return 0;
	for (e = end = strchr(s, 'e'); e[-1] == '0'; e--)
		continue;
	memmove(e, end, strlen(end) + 1);
	return 1;
}

void buf_f64(struct buf *b, double v, int with_point)
{
	char s[40];
	int digits;
	if (!isfinite(v)) {
		buf_add(b, "null", 4);
		return;
	}
	if (signbit(v)) {
		buf_chr(b, '-');
		v = -v;
	}
	if (add_fixed5(b, v, with_point))
		return;
	if (v < 1e16 && v == floor(v)) {
		buf_u64(b, (uint64_t)v);
		buf_str(b, with_point ? ".0" : "");
		return;
	}
	/* 15 digits always survive in a normal double; a subnormal one holds fewer. */
	for (digits = v < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
		if (digits == 17 && above_power_of_two(v, s, sizeof s))
			break;
		snprintf(s, sizeof s, "%.*g", digits, v);
		if (strtod(s, NULL) == v)
			break;
	}
	buf_str(b, s);
}

void buf_tsv(struct buf *b, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		switch (p[i]) {
		case '\t':
			buf_str(b, "\\t");
			break;
		case '\n':
			buf_str(b, "\\n");
			break;
		case '\r':
			buf_str(b, "\\r");
			break;
		case '\\':
			buf_str(b, "\\\\");
			break;
		default:
			buf_chr(b, p[i]);
			break;
		}
}

void buf_release(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}
