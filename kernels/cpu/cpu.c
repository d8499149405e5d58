/* cpu.c - the parts of the CPU device that are the same for every instruction set */
#include "kernels/cpu/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pool.h"
#include "kernels/cpu/bf16.h"

void cpu_par(struct kern *k, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg)
{
	if (k->pool && n > 1) {
		pool_run(k->pool, n, fn, arg);
		return;
	}
	for (size_t i = 0; i < n; i++)
		fn(arg, i, 0);
}

/* ---- memory ---- */

/* The system gives a page when it is first written: by all workers that takes half the time. */
enum { CPU_ZERO = 16 << 20 };

struct zero_job {
	char *p;
	size_t bytes;
};

static void zero_task(void *arg, size_t i, int worker)
{
	const struct zero_job *z = arg;
	size_t at = i * CPU_ZERO;

	(void)worker;
	memset(z->p + at, 0, z->bytes - at < CPU_ZERO ? z->bytes - at : CPU_ZERO);
}

void *cpu_alloc(struct kern *k, size_t bytes)
{
	size_t align = bytes >= 4u << 20 ? 2u << 20 : 64;
	void *p;

	if (posix_memalign(&p, align, bytes ? bytes : 1)) {
		err_set("out of memory: %zu bytes", bytes);
		return NULL;
	}
	if (align > 64)
		os_huge_pages(p, bytes);
	cpu_par(k, (bytes + CPU_ZERO - 1) / CPU_ZERO, zero_task, &(struct zero_job){p, bytes});
	return p;
}

void cpu_free(struct kern *k, void *p)
{
	(void)k;
	free(p);
}

void cpu_copy(struct kern *k, void *dst, const void *src, size_t bytes)
{
	(void)k;
	memcpy(dst, src, bytes);
}

int cpu_sync(struct kern *k)
{
	(void)k;
	return 0;
}

/* ---- scratch ---- */

static size_t pad16(size_t n)
{
	return (n + 15) / 16 * 16;
}

/* what attn_cut() of attn.inc takes for a backward pass */
size_t cpu_attn_scratch(size_t T, size_t D)
{
	size_t Dp = pad16(D), Tp = (T + CPU_BK - 1) / CPU_BK * CPU_BK;
	size_t keys = 2 * pad16(Tp * D) + 3 * Tp * Dp;
	size_t queries = 2 * pad16((CPU_BQ + CPU_TILE) * D) + 3 * CPU_BQ * Dp;

	return keys + queries + 2 * CPU_BQ * CPU_BK + CPU_BQ * 16 + 4 * CPU_BQ;
}

/* what attn16_cut() of attn16.inc takes for a backward pass; the packed operands as if of floats */
size_t cpu_attn16_scratch(size_t T, size_t D)
{
	size_t Dp = pad16(D), Dw = (D + 31) / 32 * 32, Tp = (T + CPU_BK - 1) / CPU_BK * CPU_BK;
	size_t keys = 3 * Tp * Dw + 2 * Tp * Dp;
	size_t queries = 4 * (CPU_BQ + BF16_MR_MAX) * Dw + CPU_BQ * Dp;

	return keys + queries + (CPU_BQ + BF16_MR_MAX) * CPU_BK + 2 * CPU_BQ * CPU_BK +
	       CPU_BQ * 16 + 4 * CPU_BQ;
}

/* As many rows as keep the logits within 32 MiB, but at least 512: the output matrix is packed
 * twice, and its gradient read and written, for each chunk. A multiple of BF16_STEP, so that the
 * sums of the gradient do not show the chunks: none of it changes any bit. */
size_t cpu_head_rows(size_t rows, size_t V)
{
	size_t n = V ? ((size_t)8 << 20) / V / BF16_STEP * BF16_STEP : rows;

	if (n < 512)
		n = 512;
	return n < rows ? n : rows;
}

/* ---- functions in double ---- */

/* x = 2^e * m, m in [sqrt(1/2), sqrt(2)); with s = (m - 1)/(m + 1): log m = 2 (s + s^3/3 + s^5/5
 * + ..), |s| < 0.1716 */
double cpu_log(double x)
{
	static const double odd[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
	    1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3};
	int e;
	double m = frexp(x, &e), s, z, p = 1.0 / 23;

	if (!(x > 0) || x > 1.7976931348623157e308)
		return x == 0 ? -INFINITY : x > 0 ? x : NAN;
	if (m < 0.70710678118654752) {
		m *= 2;
		e--;
	}
	s = (m - 1) / (m + 1);
	z = s * s;
	for (int i = 0; i < 10; i++)
		p = p * z + odd[i];
	/* ln 2 in two parts, the first with 11 zero bits at its end: e times it is exact */
	return e * 0x1.62e42fefa3800p-1 + (2 * (s + s * (z * p)) + e * 0x1.ef35793c76730p-45);
}

/* x = n ln 2 + r, |r| <= 0.35: Taylor's series of e^r to degree 14, times 2^n */
double cpu_exp(double x)
{
	double n, r, p = 1;

	if (!(x < 709.7))
		return x < 709.7 || x > 0 ? INFINITY : x;
	if (x < -708)
		return 0;
	n = floor(x * 1.4426950408889634 + 0.5);
	r = (x - n * 0x1.62e42fefa3800p-1) - n * 0x1.ef35793c76730p-45;
	for (int i = 14; i >= 1; i--)
		p = 1 + p * (r / i);
	return ldexp(p, (int)n);
}

/* x = n pi/2 + r, |r| <= pi/4, pi/2 in three parts of 33 bits so that n (below 2^20) times the
 * first two is exact */
void cpu_sincos(double x, double *s, double *c)
{
	double n = floor(x * 0.63661977236758134 + 0.5), r, z, ps = 1, pc = 1;
	int quarter = (int)(n - 4 * floor(n / 4));

	r = x - n * 0x1.921fb54400000p+0;
	r = r - n * 0x1.0b4611a600000p-34;
	r = r - n * 0x1.3198a2e037073p-69;
	z = r * r;
	for (int i = 16; i >= 2; i -= 2) {
		ps = 1 - ps * (z / (i * (i + 1)));
		pc = 1 - pc * (z / (i * (i - 1)));
	}
	ps *= r;
	*s = quarter == 0 ? ps : quarter == 1 ? pc : quarter == 2 ? -ps : -pc;
	*c = quarter == 0 ? pc : quarter == 1 ? -ps : quarter == 2 ? -pc : ps;
}

/* Each step rounded to float as the original's float32 tensors are; the functions themselves in
 * double, which rounds to what a correctly rounded float function gives. */
void cpu_rope_table(struct kern *k, float *cs, size_t T, size_t D, double theta)
{
	size_t half = D / 2;

	(void)k;
	for (size_t j = 0; j < half; j++) {
		float exponent = (float)(2 * j) / (float)D;
		float power = (float)cpu_exp((double)exponent * cpu_log(theta)),
		      inv_freq = 1 / power;
		for (size_t t = 0; t < T; t++) {
			double s, c;
			cpu_sincos((double)((float)t * inv_freq), &s, &c);
			cs[t * D + j] = (float)c;
			cs[t * D + half + j] = (float)s;
		}
	}
}
