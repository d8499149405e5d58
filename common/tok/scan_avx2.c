#include "tok/scan.h"

#include <immintrin.h>

static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* All ones in the lanes with low <= x <= low + span. */
static inline __m256i within(__m256i x, char low, char span)
{
	__m256i d = _mm256_sub_epi8(x, _mm256_set1_epi8(low));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(span)), d);
}

static inline uint64_t bits(__m256i a, __m256i b)
{
	return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b)
						       << 32;
}

static inline uint64_t equal(__m256i a, __m256i b, char c)
{
	__m256i x = _mm256_set1_epi8(c);

	return bits(_mm256_cmpeq_epi8(a, x), _mm256_cmpeq_epi8(b, x));
}

static void masks(
    const char *p, size_t n, const uint8_t (*pair)[2], int n_pair, struct scan_mask *m)
{
	const __m256i fold = _mm256_set1_epi8(0x20);
	int k;

	for (; n; n--, m++, p += 64) {
		__m256i a = load(p), b = load(p + 32);

		m->letter = bits(within(_mm256_or_si256(a, fold), 'a', 25),
		    within(_mm256_or_si256(b, fold), 'a', 25));
		m->digit = bits(within(a, '0', 9), within(b, '0', 9));
		m->space = equal(a, b, ' ');
		m->white = m->space | bits(within(a, '\t', 4), within(b, '\t', 4));
		m->line = equal(a, b, '\n') | equal(a, b, '\r');
		m->quote = equal(a, b, '\'');
		m->high = bits(a, b);
		m->cand = 0;
		for (k = 0; k < n_pair; k++)
			m->cand |= equal(a, b, (char)pair[k][0]) &
				   (equal(a, b, (char)pair[k][1]) >> 1 | (uint64_t)1 << 63);
	}
}

/* A lead byte is looked up by both halves: the high one gives the bit that the low one must have. */
static const char *unsafe(const char *p, const char *end)
{
	const __m256i low = _mm256_broadcastsi128_si256(
	    _mm_setr_epi8(12, 4, 6, 4, 0, 0, 2, 2, 2, 2, 4, 2, 3, 3, 1, 6));
	const __m256i high = _mm256_broadcastsi128_si256(
	    _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8));
	const __m256i half = _mm256_set1_epi8(15);

	for (; end - p >= 32; p += 32) {
		__m256i x = load(p), a, b;
		unsigned m;

		if (!_mm256_movemask_epi8(x))
			continue;
		a = _mm256_shuffle_epi8(low, _mm256_and_si256(x, half));
		b = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(x, 4), half));
		m = (unsigned)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(_mm256_and_si256(a, b), _mm256_setzero_si256()));
		if (~m)
			return p + __builtin_ctz(~m);
	}
	return scan_plain.unsafe(p, end);
}

const struct scan_isa scan_avx2 = {"avx2", masks, unsafe};
