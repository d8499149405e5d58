#include "doc/jscan_isa.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* 0xff in the lanes that are '"', '\\' or below 0x20. */
static inline __m256i stops(__m256i x)
{
	__m256i q = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"'));
	__m256i b = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'));
	__m256i low = _mm256_set1_epi8(0x1f);
	__m256i c = _mm256_cmpeq_epi8(_mm256_max_epu8(x, low), low);
	return _mm256_or_si256(_mm256_or_si256(q, b), c);
}

static const char *stop(const char *p, const char *end)
{
	for (; end - p >= 32; p += 32) {
		unsigned m = (unsigned)_mm256_movemask_epi8(stops(load(p)));
		if (m)
			return p + __builtin_ctz(m);
	}
	return jscan_sse2.stop(p, end);
}

static size_t copy(const char *p, const char *end, char *out)
{
	const char *from = p;
	for (; end - p >= 32; p += 32, out += 32) {
		__m256i x = load(p);
		unsigned m =
		    (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\')));
		_mm256_storeu_si256((__m256i *)(void *)out, x);
		if (m)
			return (size_t)(p - from) + (size_t)__builtin_ctz(m);
	}
	return (size_t)(p - from) + jscan_sse2.copy(p, end, out);
}

/* UTF-8 by table look-up: Keiser and Lemire, "Validating UTF-8 in less than one instruction per
 * byte" (2021).  Each pair of neighbouring bytes is looked up by the high and the low half of the
 * first and the high half of the second; a bit that all three have is an error of that kind. */
enum {
	SHORT = 1 << 0,    /* lead, then no continuation */
	LONG = 1 << 1,     /* ASCII, then a continuation */
	OVER3 = 1 << 2,    /* e0 80..9f */
	LARGE = 1 << 3,    /* f4 90.. */
	SURR = 1 << 4,     /* ed a0.. */
	OVER2 = 1 << 5,    /* c0, c1 */
	OVER4 = 1 << 6,    /* f0 80..8f; also f5.. 80..8f */
	TWO_CONT = 1 << 7, /* continuation twice: right only after a longer lead */
	ANY = SHORT | LONG | TWO_CONT,
	BIG = ANY | LARGE | OVER4,
	C8 = LONG | OVER2 | TWO_CONT | OVER3 | OVER4,
	C9 = LONG | OVER2 | TWO_CONT | OVER3 | LARGE,
	CA = LONG | OVER2 | TWO_CONT | SURR | LARGE
};

#define ROW(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                       \
	_mm256_setr_epi8((char)(a), (char)(b), (char)(c), (char)(d), (char)(e), (char)(f),        \
	    (char)(g), (char)(h), (char)(i), (char)(j), (char)(k), (char)(l), (char)(m),          \
	    (char)(n), (char)(o), (char)(p), (char)(a), (char)(b), (char)(c), (char)(d),          \
	    (char)(e), (char)(f), (char)(g), (char)(h), (char)(i), (char)(j), (char)(k),          \
	    (char)(l), (char)(m), (char)(n), (char)(o), (char)(p))

/* Bytes n before each lane; prev holds the 32 bytes before x. */
#define BEFORE(x, prev, n)                                                                        \
	_mm256_alignr_epi8(x, _mm256_permute2x128_si256(prev, x, 0x21), 16 - (n))

static inline __m256i high_half(__m256i x)
{
	return _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(15));
}

static inline __m256i pair_errors(__m256i x, __m256i before)
{
	const __m256i first_high =
	    ROW(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO_CONT, TWO_CONT, TWO_CONT,
		TWO_CONT, SHORT | OVER2, SHORT, SHORT | OVER3 | SURR, SHORT | LARGE | OVER4);
	const __m256i first_low = ROW(ANY | OVER3 | OVER2 | OVER4, ANY | OVER2, ANY, ANY,
	    ANY | LARGE, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG | SURR, BIG, BIG);
	const __m256i second_high = ROW(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, C8,
	    C9, CA, CA, SHORT, SHORT, SHORT, SHORT);
	__m256i a = _mm256_shuffle_epi8(first_high, high_half(before));
	__m256i b = _mm256_shuffle_epi8(first_low, _mm256_and_si256(before, _mm256_set1_epi8(15)));
	__m256i c = _mm256_shuffle_epi8(second_high, high_half(x));
	return _mm256_and_si256(_mm256_and_si256(a, b), c);
}

static inline __m256i block_errors(__m256i x, __m256i prev)
{
	__m256i pair = pair_errors(x, BEFORE(x, prev, 1));
	__m256i third = _mm256_subs_epu8(BEFORE(x, prev, 2), _mm256_set1_epi8(0xe0 - 0x80));
	__m256i fourth = _mm256_subs_epu8(BEFORE(x, prev, 3), _mm256_set1_epi8(0xf0 - 0x80));
	__m256i want =
	    _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
	return _mm256_xor_si256(want, pair);
}

/* The last block is filled up with zeros, and one more follows a full one, so that a sequence cut
 * at the end is an error of the pair (lead, 0). */
static int utf8(const char *p, size_t n)
{
	const char *end = p + n;
	__m256i prev = _mm256_setzero_si256(), err = prev, x;
	char tail[32] = {0};
	for (;; p += 32) {
		int last = end - p < 32;
		if (last)
			memcpy(tail, p, (size_t)(end - p));
		x = load(last ? tail : p);
		if (_mm256_movemask_epi8(_mm256_or_si256(x, prev)))
			err = _mm256_or_si256(err, block_errors(x, prev));
		prev = x;
		if (last)
			break;
	}
	return _mm256_testz_si256(err, err);
}

const struct jscan_isa jscan_avx2 = {"avx2", stop, copy, utf8};
