/*
 * vec_c.h - sixteen lanes in portable C: the reference of the other vec_*.h
 *
 * Each vec_*.h defines the same names: v16 (sixteen fp32 lanes, whatever the machine's width), d16
 * (sixteen fp64 lanes, for sums), and nv (the machine's own vector of VL floats, for products)
 * with the tile MR x NRV*VL that its registers hold. Every operation is one correctly rounded
 * IEEE operation a lane, so that code written over them has the same bits everywhere. v_max,
 * v_min and v_gt follow the machine's rule: a NaN in either operand gives the second one, false.
 */
#ifndef KERNELS_VEC_H
#define KERNELS_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ISA  c
#define VINL static inline __attribute__((always_inline, unused))

typedef struct {
	float f[16];
} v16;
typedef struct {
	double f[16];
} d16;

#define V_EACH(expr)                                                                              \
	v16 r;                                                                                    \
	for (int j = 0; j < 16; j++)                                                              \
		r.f[j] = (expr);                                                                  \
	return r

VINL v16 v_load(const float *p)
{
	v16 r;
	memcpy(r.f, p, sizeof r.f);
	return r;
}
/* the first n < 16 lanes, the others 0 */
VINL v16 v_loadn(const float *p, size_t n)
{
	v16 r = {{0}};
	memcpy(r.f, p, n * sizeof *p);
	return r;
}
VINL void v_store(float *p, v16 a)
{
	memcpy(p, a.f, sizeof a.f);
}
VINL void v_storen(float *p, v16 a, size_t n)
{
	memcpy(p, a.f, n * sizeof *p);
}
VINL v16 v_set1(float x)
{
	V_EACH(x);
}
VINL v16 v_add(v16 a, v16 b)
{
	V_EACH(a.f[j] + b.f[j]);
}
VINL v16 v_sub(v16 a, v16 b)
{
	V_EACH(a.f[j] - b.f[j]);
}
VINL v16 v_mul(v16 a, v16 b)
{
	V_EACH(a.f[j] * b.f[j]);
}
VINL v16 v_div(v16 a, v16 b)
{
	V_EACH(a.f[j] / b.f[j]);
}
VINL v16 v_sqrt(v16 a)
{
	V_EACH(sqrtf(a.f[j]));
}
/* a*b + c */
VINL v16 v_fma(v16 a, v16 b, v16 c)
{
	V_EACH(fmaf(a.f[j], b.f[j], c.f[j]));
}
/* c - a*b */
VINL v16 v_fnma(v16 a, v16 b, v16 c)
{
	V_EACH(fmaf(-a.f[j], b.f[j], c.f[j]));
}
VINL v16 v_max(v16 a, v16 b)
{
	V_EACH(a.f[j] > b.f[j] ? a.f[j] : b.f[j]);
}
VINL v16 v_min(v16 a, v16 b)
{
	V_EACH(a.f[j] < b.f[j] ? a.f[j] : b.f[j]);
}
VINL v16 v_abs(v16 a)
{
	V_EACH(fabsf(a.f[j]));
}
/* x > lim ? a : b */
VINL v16 v_gt(v16 x, v16 lim, v16 a, v16 b)
{
	V_EACH(x.f[j] > lim.f[j] ? a.f[j] : b.f[j]);
}
/* lanes n and up become 0 */
VINL v16 v_keep(v16 a, size_t n)
{
	V_EACH((size_t)j < n ? a.f[j] : 0);
}
/* 2^n where t = 1.5*2^23 + 127 + n, -126 <= n <= 127: n + 127 moves from the last bits into the
 * exponent */
VINL v16 v_exp2i(v16 t)
{
	v16 r;
	for (int j = 0; j < 16; j++) {
		uint32_t u;
		memcpy(&u, &t.f[j], 4);
		u <<= 23;
		memcpy(&r.f[j], &u, 4);
	}
	return r;
}
/* bit j: |a[j]| <= c */
VINL unsigned v_le(v16 a, v16 c)
{
	unsigned m = 0;
	for (int j = 0; j < 16; j++)
		m |= (unsigned)(a.f[j] <= c.f[j]) << j;
	return m;
}
/* a where the bit is set, else 0 */
VINL v16 v_mask(v16 a, unsigned m)
{
	V_EACH(m >> j & 1 ? a.f[j] : 0);
}
VINL float v_fold_add(v16 a)
{
	for (int h = 8; h; h /= 2)
		for (int j = 0; j < h; j++)
			a.f[j] = a.f[j] + a.f[j + h];
	return a.f[0];
}
VINL float v_fold_max(v16 a)
{
	for (int h = 8; h; h /= 2)
		for (int j = 0; j < h; j++)
			a.f[j] = a.f[j] > a.f[j + h] ? a.f[j] : a.f[j + h];
	return a.f[0];
}
VINL d16 d_zero(void)
{
	d16 r = {{0}};
	return r;
}
VINL d16 d_add(d16 s, v16 a)
{
	for (int j = 0; j < 16; j++)
		s.f[j] = s.f[j] + (double)a.f[j];
	return s;
}
/* the product of two floats is exact in double */
VINL d16 d_addsq(d16 s, v16 a)
{
	for (int j = 0; j < 16; j++)
		s.f[j] = s.f[j] + (double)a.f[j] * (double)a.f[j];
	return s;
}
VINL double d_fold(d16 a)
{
	for (int h = 8; h; h /= 2)
		for (int j = 0; j < h; j++)
			a.f[j] = a.f[j] + a.f[j + h];
	return a.f[0];
}

/* ---- products: one float is the vector ---- */
#define VL  1
#define MR  4
#define NRV 2
typedef float nv;
VINL nv nv_zero(void)
{
	return 0;
}
VINL nv nv_load(const float *p)
{
	return *p;
}
VINL void nv_store(float *p, nv a)
{
	*p = a;
}
VINL nv nv_set1(float x)
{
	return x;
}
VINL nv nv_fma(nv a, nv b, nv c)
{
	return fmaf(a, b, c);
}
VINL void nv_transpose(nv r[VL])
{
	(void)r;
}

#endif
