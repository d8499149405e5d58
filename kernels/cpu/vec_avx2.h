/* vec_avx2.h - sixteen lanes as two AVX2 registers; the meaning of each name is in vec_c.h */
#ifndef KERNELS_VEC_H
#define KERNELS_VEC_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ISA  avx2
#define VINL static inline __attribute__((always_inline, unused))

typedef struct {
	__m256 a, b;
} v16;
typedef struct {
	__m256d a, b, c, d; /* lanes 0-3, 4-7, 8-11, 12-15 */
} d16;

VINL v16 v_load(const float *p)
{
	return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
VINL v16 v_loadn(const float *p, size_t n)
{
	float t[16] = {0};
	memcpy(t, p, n * sizeof *p);
	return v_load(t);
}
VINL void v_store(float *p, v16 x)
{
	_mm256_storeu_ps(p, x.a);
	_mm256_storeu_ps(p + 8, x.b);
}
VINL void v_storen(float *p, v16 x, size_t n)
{
	float t[16];
	v_store(t, x);
	memcpy(p, t, n * sizeof *p);
}
VINL v16 v_set1(float f)
{
	return (v16){_mm256_set1_ps(f), _mm256_set1_ps(f)};
}
VINL v16 v_add(v16 x, v16 y)
{
	return (v16){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
VINL v16 v_sub(v16 x, v16 y)
{
	return (v16){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
VINL v16 v_mul(v16 x, v16 y)
{
	return (v16){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
VINL v16 v_div(v16 x, v16 y)
{
	return (v16){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
VINL v16 v_sqrt(v16 x)
{
	return (v16){_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)};
}
VINL v16 v_fma(v16 x, v16 y, v16 z)
{
	return (v16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
VINL v16 v_fnma(v16 x, v16 y, v16 z)
{
	return (v16){_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
VINL v16 v_max(v16 x, v16 y)
{
	return (v16){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
VINL v16 v_min(v16 x, v16 y)
{
	return (v16){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
VINL v16 v_abs(v16 x)
{
	__m256 s = _mm256_set1_ps(-0.0f);
	return (v16){_mm256_andnot_ps(s, x.a), _mm256_andnot_ps(s, x.b)};
}
VINL __m256 v_gt_half(__m256 x, __m256 lim, __m256 y, __m256 z)
{
	return _mm256_blendv_ps(z, y, _mm256_cmp_ps(x, lim, _CMP_GT_OQ));
}
VINL v16 v_gt(v16 x, v16 lim, v16 y, v16 z)
{
	return (v16){v_gt_half(x.a, lim.a, y.a, z.a), v_gt_half(x.b, lim.b, y.b, z.b)};
}
VINL __m256 v_bits(unsigned m) /* all ones in lane j where bit j of m is set */
{
	__m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	__m256i x = _mm256_and_si256(_mm256_set1_epi32((int)m), bit);
	return _mm256_castsi256_ps(_mm256_cmpeq_epi32(x, bit));
}
VINL v16 v_mask(v16 x, unsigned m)
{
	return (v16){_mm256_and_ps(x.a, v_bits(m)), _mm256_and_ps(x.b, v_bits(m >> 8))};
}
VINL v16 v_keep(v16 x, size_t n)
{
	return v_mask(x, n < 16 ? (1u << n) - 1 : 0xffff);
}
VINL __m256 v_exp2i_half(__m256 t)
{
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23));
}
VINL v16 v_exp2i(v16 t)
{
	return (v16){v_exp2i_half(t.a), v_exp2i_half(t.b)};
}
VINL unsigned v_le(v16 x, v16 c)
{
	unsigned lo = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.a, c.a, _CMP_LE_OQ));
	unsigned hi = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.b, c.b, _CMP_LE_OQ));
	return lo | hi << 8;
}
VINL float v_fold_add(v16 x)
{
	__m256 e = _mm256_add_ps(x.a, x.b);
	__m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
	q = _mm_add_ps(q, _mm_movehl_ps(q, q));
	return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
VINL float v_fold_max(v16 x)
{
	__m256 e = _mm256_max_ps(x.a, x.b);
	__m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
	q = _mm_max_ps(q, _mm_movehl_ps(q, q));
	return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
VINL d16 d_zero(void)
{
	__m256d z = _mm256_setzero_pd();
	return (d16){z, z, z, z};
}
VINL d16 d_wide(v16 x)
{
	return (d16){_mm256_cvtps_pd(_mm256_castps256_ps128(x.a)),
	    _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)),
	    _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)),
	    _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1))};
}
VINL d16 d_add(d16 s, v16 x)
{
	d16 w = d_wide(x);
	return (d16){_mm256_add_pd(s.a, w.a), _mm256_add_pd(s.b, w.b), _mm256_add_pd(s.c, w.c),
	    _mm256_add_pd(s.d, w.d)};
}
VINL d16 d_addsq(d16 s, v16 x)
{
	d16 w = d_wide(x);
	return (d16){_mm256_add_pd(s.a, _mm256_mul_pd(w.a, w.a)),
	    _mm256_add_pd(s.b, _mm256_mul_pd(w.b, w.b)),
	    _mm256_add_pd(s.c, _mm256_mul_pd(w.c, w.c)),
	    _mm256_add_pd(s.d, _mm256_mul_pd(w.d, w.d))};
}
VINL double d_fold(d16 s)
{
	__m256d e = _mm256_add_pd(_mm256_add_pd(s.a, s.c), _mm256_add_pd(s.b, s.d));
	__m128d q = _mm_add_pd(_mm256_castpd256_pd128(e), _mm256_extractf128_pd(e, 1));
	return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

/* ---- products: a 6 x 16 tile in 12 of 16 registers ---- */
#define VL  8
#define MR  6
#define NRV 2
typedef __m256 nv;
VINL nv nv_zero(void)
{
	return _mm256_setzero_ps();
}
VINL nv nv_load(const float *p)
{
	return _mm256_loadu_ps(p);
}
VINL void nv_store(float *p, nv x)
{
	_mm256_storeu_ps(p, x);
}
VINL nv nv_set1(float f)
{
	return _mm256_set1_ps(f);
}
VINL nv nv_add(nv x, nv y)
{
	return _mm256_add_ps(x, y);
}
VINL nv nv_fma(nv x, nv y, nv z)
{
	return _mm256_fmadd_ps(x, y, z);
}
VINL void nv_transpose(nv r[VL])
{
	nv t[8], u[8];
#pragma GCC unroll 8
	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
	}
#pragma GCC unroll 8
	for (int i = 0; i < 2; i++) {
		u[4 * i + 0] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
		u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
		u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
		u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
	}
#pragma GCC unroll 8
	for (int i = 0; i < 4; i++) {
		r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
		r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
	}
}

#endif
