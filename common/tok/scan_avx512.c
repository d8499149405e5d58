#include "tok/scan.h"

#include <immintrin.h>

static inline uint64_t within(__m512i x, char low, char span)
{
	return _mm512_cmple_epu8_mask(
	    _mm512_sub_epi8(x, _mm512_set1_epi8(low)), _mm512_set1_epi8(span));
}

static inline uint64_t equal(__m512i x, char c)
{
	return _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(c));
}

static uint64_t kana(__m512i x, uint64_t lead)
{
	uint64_t no_82 = within(x, (char)0x97, 5) | equal(x, (char)0xa0);

	return lead & ((equal(x, (char)0x81) & ~(equal(x, (char)0x80) >> 1)) >> 1 |
			  (equal(x, (char)0x82) & ~(no_82 >> 1)) >> 1 |
			  (equal(x, (char)0x83) & ~(equal(x, (char)0xbb) >> 1)) >> 1);
}

static void letters(__m512i x, struct scan_mask *m)
{
	uint64_t signs = equal(x, (char)0x97) | equal(x, (char)0xb7), e3 = equal(x, (char)0xe3);
	uint64_t two = equal(x, (char)0xc3) & ~(signs >> 1), three = within(x, (char)0xe5, 3);

	two |= within(x, (char)0xc4, 1) | within(x, (char)0xd0, 1);
	if (e3)
		three |= kana(x, e3);
	scan_letters(m, two, three);
}

static void masks(
    const char *p, size_t n, const uint8_t (*pair)[2], int n_pair, struct scan_mask *m)
{
	const __m512i fold = _mm512_set1_epi8(0x20);
	int k;

	for (; n; n--, m++, p += 64) {
		__m512i x = _mm512_loadu_si512(p);

		m->letter = within(_mm512_or_si512(x, fold), 'a', 25);
		m->digit = within(x, '0', 9);
		m->space = equal(x, ' ');
		m->white = m->space | within(x, '\t', 4);
		m->line = equal(x, '\n') | equal(x, '\r');
		m->quote = equal(x, '\'');
		m->high = _mm512_movepi8_mask(x);
		m->rest = 0;
		if (m->high)
			letters(x, m);
		m->cand = 0;
		for (k = 0; k < n_pair; k++)
			m->cand |= equal(x, (char)pair[k][0]) &
				   (equal(x, (char)pair[k][1]) >> 1 | (uint64_t)1 << 63);
	}
}

static const char *unsafe(const char *p, const char *end)
{
	return scan_avx2.unsafe(p, end);
}

/* No branch on their number, which is hard to foresee. */
static uint32_t *places(uint64_t starts, uint32_t base, uint32_t *p)
{
	const __m512i step = _mm512_set1_epi32(16);
	__m512i at = _mm512_add_epi32(_mm512_set1_epi32((int)base),
	    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
	int k;

	for (k = 0; k < 4; k++, starts >>= 16, at = _mm512_add_epi32(at, step)) {
		_mm512_storeu_si512(p, _mm512_maskz_compress_epi32((__mmask16)starts, at));
		p += __builtin_popcount((unsigned)starts & 0xffff);
	}
	return p;
}

const struct scan_isa scan_avx512 = {"avx512", masks, unsafe, places};
