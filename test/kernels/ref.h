/*
 * ref.h - what the tests of the kernels share: numbers, poison, comparison, and each operation
 * in plain fp64
 *
 * The references are written from the formulas in kernels.h, one element at a time, and know
 * nothing of blocks or lanes. Backward passes are checked against central differences of these
 * functions.
 */
#ifndef TEST_KERNELS_REF_H
#define TEST_KERNELS_REF_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/pool.h"
#include "kernels/kernels.h"

#define MAYBE static __attribute__((unused, noinline))

static uint64_t rng_state = 88172645463325252u;

MAYBE uint64_t rnd(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}
/* uniform in [-1, 1) */
MAYBE float rndf(void)
{
	return (float)(rnd() >> 40) * 0x1p-23f - 1;
}

/* n floats of noise, on their own heap block, so that a sanitizer sees any step outside */
MAYBE float *noise(size_t n, float scale)
{
	float *p = malloc(n * sizeof *p + !n);

	for (size_t i = 0; i < n; i++)
		p[i] = scale * rndf();
	return p;
}
/* n floats that must be overwritten: NaN */
MAYBE float *poison(size_t n)
{
	float *p = malloc(n * sizeof *p + !n);

	for (size_t i = 0; i < n; i++)
		p[i] = NAN;
	return p;
}
MAYBE float *dup(const float *a, size_t n)
{
	float *p = malloc(n * sizeof *p + !n);

	memcpy(p, a, n * sizeof *p);
	return p;
}
MAYBE double *wide(const float *a, size_t n)
{
	double *p = malloc(n * sizeof *p + !n);

	for (size_t i = 0; i < n; i++)
		p[i] = (double)a[i];
	return p;
}

/* |got - want| <= tol * (|want| + size): size says what magnitudes went into the result */
MAYBE void near_(
    double got, double want, double size, double tol, const char *what, size_t at, int line)
{
	if (fabs(got - want) <= tol * (fabs(want) + size))
		return;
	fail_msg("line %d: %s[%zu] is %.9g, want %.9g (tolerance %g)", line, what, at, got, want,
	    tol * (fabs(want) + size));
}
#define NEAR(got, want, size, tol, what, at)                                                      \
	near_((double)(got), want, size, tol, what, at, __LINE__)

/* every isa of this machine, with pools of 1 and 3 threads, reserved for the shape */
MAYBE void each_kern(const struct kern_shape *max, void (*fn)(struct kern *))
{
	for (const char *const *isa = kern_isas("fp32"); *isa; isa++)
		for (int threads = 1; threads <= 3; threads += 2) {
			struct pool *pool = pool_new(threads);
			struct kern *k = kern_open("cpu", *isa, pool);
			assert_non_null(k);
			assert_int_equal(kern_reserve(k, max), 0);
			fn(k);
			kern_close(k);
			pool_free(pool);
		}
}

/* d f / d x[i] */
MAYBE double slope(double (*f)(void *), void *arg, double *x)
{
	double h = 1e-5, at = *x, up, down;

	*x = at + h;
	up = f(arg);
	*x = at - h;
	down = f(arg);
	*x = at;
	return (up - down) / (2 * h);
}

/* ---- references ---- */

MAYBE void ref_gemm(enum kern_gemm_form form, size_t M, size_t N, size_t K, const float *A,
    size_t lda, const float *B, size_t ldb, size_t m, size_t n, double *sum, double *size)
{
	(void)M;
	(void)N;
	*sum = *size = 0;
	for (size_t k = 0; k < K; k++) {
		double a = (double)(form == KERN_TN ? A[k * lda + m] : A[m * lda + k]);
		double b = (double)(form == KERN_NT ? B[n * ldb + k] : B[k * ldb + n]);
		*sum += a * b;
		*size += fabs(a * b);
	}
}

MAYBE void ref_norm(enum kern_norm_kind kind, double *y, const double *x, const double *w,
    const double *b, size_t C, double eps)
{
	double mean = 0, var = 0;

	for (size_t c = 0; c < C && kind == KERN_LAYERNORM; c++)
		mean += x[c] / (double)C;
	for (size_t c = 0; c < C; c++)
		var += (x[c] - mean) * (x[c] - mean) / (double)C;
	for (size_t c = 0; c < C; c++)
		y[c] = (x[c] - mean) / sqrt(var + eps) * (w ? w[c] : 1) + (b ? b[c] : 0);
}

MAYBE double ref_silu(double z)
{
	return z / (1 + exp(-z));
}

/* q (B,Tq,H,D), k and v (B,Tk,HKV,D), o (B,Tq,H,D), all contiguous; lse (B,H,Tq) */
MAYBE void ref_attn(const struct kern_attn *a, const double *q, const double *k, const double *v,
    double *o, double *lse)
{
	size_t H = a->H, D = a->D, KV = a->HKV, Tq = a->Tq, Tk = a->Tk;
	double *p = malloc(Tk * sizeof *p);

	for (size_t b = 0; b < a->B; b++)
		for (size_t h = 0; h < H; h++)
			for (size_t i = 0; i < Tq; i++) {
				size_t n = i + Tk - Tq + 1, hk = h / (H / KV);
				size_t lo = a->first ? a->first[b * Tq + i] : 0;
				double max = -INFINITY, sum = 0;
				for (size_t j = lo; j < n; j++) {
					p[j] = 0;
					for (size_t d = 0; d < D; d++)
						p[j] += (double)a->scale *
							q[((b * Tq + i) * H + h) * D + d] *
							k[((b * Tk + j) * KV + hk) * D + d];
					max = fmax(max, p[j]);
				}
				for (size_t j = lo; j < n; j++)
					sum += p[j] = exp(p[j] - max);
				for (size_t d = 0; d < D; d++) {
					double s = 0;
					for (size_t j = lo; j < n; j++)
						s += p[j] * v[((b * Tk + j) * KV + hk) * D + d];
					o[((b * Tq + i) * H + h) * D + d] = s / sum;
				}
				if (lse)
					lse[(b * H + h) * Tq + i] = max + log(sum);
			}
	free(p);
}

/* logits -> loss and log-sum-exp of one row */
MAYBE void ref_loss(const double *s, size_t V, int32_t label, double *loss, double *lse)
{
	double max = -INFINITY, sum = 0;

	for (size_t v = 0; v < V; v++)
		max = fmax(max, s[v]);
	for (size_t v = 0; v < V; v++)
		sum += exp(s[v] - max);
	*lse = max + log(sum);
	*loss = label >= 0 ? *lse - s[label] : 0;
}

#endif
