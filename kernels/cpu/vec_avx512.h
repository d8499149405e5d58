/* vec_avx512.h - sixteen lanes as one AVX-512 register; the meaning of each name is in vec_c.h */
#ifndef KERNELS_VEC_H
#define KERNELS_VEC_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ISA  avx512
#define VINL static inline __attribute__((always_inline, unused))

typedef __m512 v16;
typedef struct {
	__m512d a, b; /* lanes 0-7, 8-15 */
} d16;

VINL v16 v_load(const float *p)
{
	return _mm512_loadu_ps(p);
}
VINL __mmask16 v_first(size_t n)
{
	return (__mmask16)((1u << n) - 1);
}
VINL v16 v_loadn(const float *p, size_t n)
{
	return _mm512_maskz_loadu_ps(v_first(n), p);
}
VINL void v_store(float *p, v16 x)
{
	_mm512_storeu_ps(p, x);
}
VINL void v_storen(float *p, v16 x, size_t n)
{
	_mm512_mask_storeu_ps(p, v_first(n), x);
}
VINL v16 v_set1(float f)
{
	return _mm512_set1_ps(f);
}
VINL v16 v_add(v16 x, v16 y)
{
	return _mm512_add_ps(x, y);
}
VINL v16 v_sub(v16 x, v16 y)
{
	return _mm512_sub_ps(x, y);
}
VINL v16 v_mul(v16 x, v16 y)
{
	return _mm512_mul_ps(x, y);
}
VINL v16 v_div(v16 x, v16 y)
{
	return _mm512_div_ps(x, y);
}
VINL v16 v_sqrt(v16 x)
{
	return _mm512_sqrt_ps(x);
}
VINL v16 v_fma(v16 x, v16 y, v16 z)
{
	return _mm512_fmadd_ps(x, y, z);
}
VINL v16 v_fnma(v16 x, v16 y, v16 z)
{
	return _mm512_fnmadd_ps(x, y, z);
}
VINL v16 v_max(v16 x, v16 y)
{
	return _mm512_max_ps(x, y);
}
VINL v16 v_min(v16 x, v16 y)
{
	return _mm512_min_ps(x, y);
}
VINL v16 v_abs(v16 x)
{
	return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x);
}
VINL v16 v_gt(v16 x, v16 lim, v16 y, v16 z)
{
	return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, lim, _CMP_GT_OQ), z, y);
}
VINL v16 v_mask(v16 x, unsigned m)
{
	return _mm512_maskz_mov_ps((__mmask16)m, x);
}
VINL v16 v_keep(v16 x, size_t n)
{
	return v_mask(x, n < 16 ? (1u << n) - 1 : 0xffff);
}
VINL v16 v_exp2i(v16 t)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23));
}
VINL unsigned v_le(v16 x, v16 c)
{
	return _mm512_cmp_ps_mask(x, c, _CMP_LE_OQ);
}
VINL float v_fold_add(v16 x)
{
	__m256 e = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
	__m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
	q = _mm_add_ps(q, _mm_movehl_ps(q, q));
	return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
VINL float v_fold_max(v16 x)
{
	__m256 e = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
	__m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
	q = _mm_max_ps(q, _mm_movehl_ps(q, q));
	return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
VINL d16 d_zero(void)
{
	return (d16){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
VINL d16 d_wide(v16 x)
{
	return (d16){_mm512_cvtps_pd(_mm512_castps512_ps256(x)),
	    _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}
VINL d16 d_add(d16 s, v16 x)
{
	d16 w = d_wide(x);
	return (d16){_mm512_add_pd(s.a, w.a), _mm512_add_pd(s.b, w.b)};
}
VINL d16 d_addsq(d16 s, v16 x)
{
	d16 w = d_wide(x);
	return (d16){_mm512_add_pd(s.a, _mm512_mul_pd(w.a, w.a)),
	    _mm512_add_pd(s.b, _mm512_mul_pd(w.b, w.b))};
}
VINL double d_fold(d16 s)
{
	__m512d o = _mm512_add_pd(s.a, s.b);
	__m256d e = _mm256_add_pd(_mm512_castpd512_pd256(o), _mm512_extractf64x4_pd(o, 1));
	__m128d q = _mm_add_pd(_mm256_castpd256_pd128(e), _mm256_extractf128_pd(e, 1));
	return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

/* ---- products: a 14 x 32 tile in 28 of 32 registers ---- */
#define VL  16
#define MR  14
#define NRV 2
typedef __m512 nv;
VINL nv nv_zero(void)
{
	return _mm512_setzero_ps();
}
VINL nv nv_load(const float *p)
{
	return _mm512_loadu_ps(p);
}
VINL void nv_store(float *p, nv x)
{
	_mm512_storeu_ps(p, x);
}
VINL nv nv_set1(float f)
{
	return _mm512_set1_ps(f);
}
VINL nv nv_add(nv x, nv y)
{
	return _mm512_add_ps(x, y);
}
VINL nv nv_fma(nv x, nv y, nv z)
{
	return _mm512_fmadd_ps(x, y, z);
}
VINL void nv_transpose(nv r[VL])
{
	nv t[16];
#pragma GCC unroll 16
	for (int i = 0; i < 16; i += 2) { /* pairs of rows within 128-bit groups */
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i += 4) { /* r[i + c]: column 4g + c of rows i .. i+3, g = group */
		r[i + 0] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
		r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
		r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
		r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
	}
#pragma GCC unroll 16
	for (int c = 0; c < 4; c++) { /* transpose the 4 x 4 matrix of groups */
		nv a = _mm512_shuffle_f32x4(r[c], r[c + 4], 0x44);
		nv b = _mm512_shuffle_f32x4(r[c], r[c + 4], 0xEE);
		nv d = _mm512_shuffle_f32x4(r[c + 8], r[c + 12], 0x44);
		nv e = _mm512_shuffle_f32x4(r[c + 8], r[c + 12], 0xEE);
		t[c] = _mm512_shuffle_f32x4(a, d, 0x88);
		t[c + 4] = _mm512_shuffle_f32x4(a, d, 0xDD);
		t[c + 8] = _mm512_shuffle_f32x4(b, e, 0x88);
		t[c + 12] = _mm512_shuffle_f32x4(b, e, 0xDD);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		r[i] = t[i];
}

#endif
