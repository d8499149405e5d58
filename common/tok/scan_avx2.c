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

static uint64_t kana(__m256i a, __m256i b, uint64_t lead)
{
	uint64_t no_82 =
	    bits(within(a, (char)0x97, 5), within(b, (char)0x97, 5)) | equal(a, b, (char)0xa0);

	return lead & ((equal(a, b, (char)0x81) & ~(equal(a, b, (char)0x80) >> 1)) >> 1 |
			  (equal(a, b, (char)0x82) & ~(no_82 >> 1)) >> 1 |
			  (equal(a, b, (char)0x83) & ~(equal(a, b, (char)0xbb) >> 1)) >> 1);
}

static void letters(__m256i a, __m256i b, struct scan_mask *m)
{
	uint64_t signs = equal(a, b, (char)0x97) | equal(a, b, (char)0xb7),
		 e3 = equal(a, b, (char)0xe3);
	uint64_t two = equal(a, b, (char)0xc3) & ~(signs >> 1),
		 three = bits(within(a, (char)0xe5, 3), within(b, (char)0xe5, 3));

	two |= bits(within(a, (char)0xc4, 1), within(b, (char)0xc4, 1)) |
	       bits(within(a, (char)0xd0, 1), within(b, (char)0xd0, 1));
	if (e3)
		three |= kana(a, b, e3);
	scan_letters(m, two, three);
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
		m->rest = 0;
		if (m->high)
			letters(a, b, m);
		m->cand = 0;
		for (k = 0; k < n_pair; k++)
			m->cand |= equal(a, b, (char)pair[k][0]) &
				   (equal(a, b, (char)pair[k][1]) >> 1 | (uint64_t)1 << 63);
	}
}

/* Where a 0xe3 would lead an unsafe character. */
static unsigned unsafe_e3(const char *p)
{
	__m256i x = load(p + 1), y = load(p + 2);
	__m256i a = _mm256_and_si256(
	    _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)0x80)), within(y, (char)0xaa, 5));
	__m256i b = _mm256_and_si256(
	    _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)0x82)), within(y, (char)0x99, 1));

	return (unsigned)_mm256_movemask_epi8(_mm256_or_si256(a, b));
}

/* A lead byte is looked up by both halves: the high one gives the bit that the low one must have. */
static const char *unsafe(const char *p, const char *end)
{
	const __m256i low = _mm256_broadcastsi128_si256(
	    _mm_setr_epi8(12, 4, 6, 4, 0, 0, 2, 2, 2, 2, 4, 2, 3, 3, 1, 6));
	const __m256i high = _mm256_broadcastsi128_si256(
	    _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8));
	const __m256i half = _mm256_set1_epi8(15);

	for (; end - p >= 34; p += 32) {
		__m256i x = load(p), a, b;
		unsigned m, e3;

		if (!_mm256_movemask_epi8(x))
			continue;
		a = _mm256_shuffle_epi8(low, _mm256_and_si256(x, half));
		b = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(x, 4), half));
		m = (unsigned)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(_mm256_and_si256(a, b), _mm256_setzero_si256()));
		m = ~m;
		e3 = (unsigned)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)0xe3)));
		if (e3)
			m &= ~e3 | unsafe_e3(p);
		if (m)
			return p + __builtin_ctz(m);
	}
	return scan_plain.unsafe(p, end);
}

/* Eight at a time, so that their number is asked for rarely. */
static uint32_t *places(uint64_t starts, uint32_t base, uint32_t *p)
{
	uint32_t *end = p + __builtin_popcountll(starts);
	int k;

	for (; p < end; p += 8)
		for (k = 0; k < 8; k++, starts &= starts - 1)
			p[k] = base + (uint32_t)_tzcnt_u64(starts);
	return end;
}

const struct scan_isa scan_avx2 = {"avx2", masks, unsafe, places};
