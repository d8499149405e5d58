#include "base/num.h"

#include "base/err.h"

#include <ctype.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Digits at the start of s: the end of them, or NULL when there are none or they overflow. */
static const char *digits(const char *s, uint64_t *out)
{
	const char *p = s;
	uint64_t v = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned d = (unsigned)(*p - '0');
		if (v > (UINT64_MAX - d) / 10)
			return NULL;
		v = v * 10 + d;
	}
	*out = v;
	return p == s ? NULL : p;
}

int num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	const char *end = digits(s, &v);
	if (!end || *end || v < min || v > max) {
		err_set("'%s' is not a whole number from %" PRIu64 " to %" PRIu64, s, min, max);
		return -1;
	}
	*out = v;
	return 0;
}

int num_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	uint64_t v = 0, limit = *s == '-' ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	const char *end = digits(s + (*s == '-' || *s == '+'), &v);
	int64_t i = *s == '-' ? (int64_t)-v : (int64_t)v;
	if (!end || *end || v > limit || i < min || i > max) {
		err_set("'%s' is not a whole number from %" PRId64 " to %" PRId64, s, min, max);
		return -1;
	}
	*out = i;
	return 0;
}

/* "K", "k", "KB", "KiB", "Ki": the power of 1024, or -1. */
static int size_power(const char *s)
{
	static const char units[] = "KMGTP";
	const char *u;
	if (!*s || !strcmp(s, "B"))
		return 0;
	u = strchr(units, toupper((unsigned char)*s));
	if (!u)
		return -1;
	s++;
	s += *s == 'i';
	s += *s == 'B';
	return *s ? -1 : (int)(u - units) + 1;
}

int num_size(const char *s, uint64_t *out)
{
	uint64_t v;
	const char *end = digits(s, &v);
	int power = end ? size_power(end) : -1;
	if (power < 0 || (power && v > UINT64_MAX >> (10 * power))) {
		err_set("'%s' is not a size (a whole number, then nothing or K, M, G, T)", s);
		return -1;
	}
	*out = v << (10 * power);
	return 0;
}

static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent. */
static int looks_decimal(const char *s)
{
	size_t n, m = 0;
	s += *s == '-' || *s == '+';
	n = strspn(s, "0123456789");
	s += n;
	if (*s == '.') {
		m = strspn(s + 1, "0123456789");
		s += 1 + m;
	}
	if (n + m == 0)
		return 0;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		n = strspn(s, "0123456789");
		if (!n)
			return 0;
		s += n;
	}
	return !*s;
}

int num_f64(const char *s, double *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (looks_decimal(s)) {
		locale_t old;
		double v;
		pthread_once(&once, make_c_locale);
		old = c_locale ? uselocale(c_locale) : (locale_t)0;
		v = strtod(s, NULL);
		if (old)
			uselocale(old);
		if (isfinite(v)) {
			*out = v;
			return 0;
		}
	}
	err_set("'%s' is not a finite decimal number", s);
	return -1;
}

int num_mul(size_t a, size_t b, size_t *out)
{
	if (b && a > SIZE_MAX / b) {
		err_set("size overflow");
		return -1;
	}
	*out = a * b;
	return 0;
}
