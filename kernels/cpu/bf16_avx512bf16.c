/*
 * bf16_avx512bf16.c - products in bf16 with VDPBF16PS
 *
 * The instruction adds the products of a pair one after the other, high half first, each a fused
 * multiply-add that rounds to nearest and takes and gives denormals as zero whatever the control
 * register says. With k and k + 2 in the halves of a word it so walks one of the two chains of a
 * step. The two last additions follow the control register.
 */
#if defined(__x86_64__)
#include "kernels/cpu/bf16_mxcsr.h"

#define MR16     7
#define CHAIN(w) ((w) / 8 + (w) % 8 * 4) /* words 0-7: the even k, 8-15: the odd ones */
#define HIGH(w)  CHAIN(w)
#define LOW(w)   (CHAIN(w) + 2)

#include "kernels/cpu/bf16_words.inc"

/* the words w0 .. w0+8 of a step */
static inline __attribute__((always_inline)) void chain(
    __m512 acc[MR16][2], const uint32_t *a, const __m512i *b)
{
#pragma GCC unroll 8
	for (int i = 0; i < MR16; i++)
		acc[i][0] = acc[i][1] = _mm512_setzero_ps();
#pragma GCC unroll 8
	for (int p = 0; p < WORDS / 2; p++) {
		__m512i b0 = _mm512_load_si512(b + p), b1 = _mm512_load_si512(b + WORDS + p);
#pragma GCC unroll 8
		for (int i = 0; i < MR16; i++) {
			__m512i x = _mm512_set1_epi32((int)a[i * WORDS + p]);
			acc[i][0] = _mm512_dpbf16_ps(acc[i][0], (__m512bh)b0, (__m512bh)x);
			acc[i][1] = _mm512_dpbf16_ps(acc[i][1], (__m512bh)b1, (__m512bh)x);
		}
	}
}

static void tile16(
    size_t steps, const void *pa, const void *pb, const float *c0, float *c, size_t ldc)
{
	const uint32_t *a = pa;
	const __m512i *b = pb;

	for (size_t s = 0; s < steps; s++, a += MR16 * WORDS, b += 2 * WORDS, c0 = c) {
		__m512 even[MR16][2], odd[MR16][2];
		chain(even, a, b);
		chain(odd, a + WORDS / 2, b + WORDS / 2);
#pragma GCC unroll 8
		for (int i = 0; i < MR16; i++)
#pragma GCC unroll 2
			for (int j = 0; j < 2; j++) {
				size_t at = (size_t)i * ldc + (size_t)j * 16;
				__m512 x = c0 ? _mm512_loadu_ps(c0 + at) : _mm512_setzero_ps();
				_mm512_storeu_ps(c + at,
				    _mm512_add_ps(x, _mm512_add_ps(even[i][j], odd[i][j])));
			}
	}
}

static const struct cpu_bf16 table16 = {.isa = "avx512bf16",
    .mr = MR16,
    .nr = NR16,
    .width = 2,
    .kc = 256,
    .begin = begin16,
    .end = end16,
    .pack_a = pack_a16,
    .pack_b = pack_b16,
    .tile = tile16};

const struct cpu_bf16 *const cpu_bf16_avx512bf16 = &table16;
#else
#include "kernels/cpu/bf16.h"

const struct cpu_bf16 *const cpu_bf16_avx512bf16 = NULL;
#endif
