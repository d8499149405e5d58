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

const struct scan_isa scan_avx512 = {"avx512", masks, unsafe};
