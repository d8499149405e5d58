#include "doc/jscan_isa.h"

#include "base/utf8.h"

#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

static inline __m128i load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* 0xff in the lanes that are '"', '\\' or below 0x20. */
static inline __m128i stops(__m128i x)
{
	__m128i q = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i b = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
	__m128i c = _mm_cmpeq_epi8(_mm_max_epu8(x, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
	return _mm_or_si128(_mm_or_si128(q, b), c);
}

static const char *stop(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		int m = _mm_movemask_epi8(stops(load(p)));
		if (m)
			return p + __builtin_ctz((unsigned)m);
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

static size_t copy(const char *p, const char *end, char *out)
{
	const char *from = p;
	for (; end - p >= 16; p += 16, out += 16) {
		__m128i x = load(p);
		int m = _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
		_mm_storeu_si128((__m128i *)(void *)out, x);
		if (m)
			return (size_t)(p - from) + (size_t)__builtin_ctz((unsigned)m);
	}
	while (p < end && *p != '\\')
		*out++ = *p++;
	return (size_t)(p - from);
}

static int utf8(const char *p, size_t n)
{
	return utf8_valid(p, n, NULL);
}

const struct jscan_isa jscan_sse2 = {"sse2", stop, copy, utf8};
