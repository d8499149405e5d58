/*
 * bf16.h - products in bf16 on the CPU; what they compute stands in kernels/kernels.h
 *
 * bf16.c cuts a product into blocks as gemm.inc does and calls one of the instruction sets below
 * to pack operands and to multiply tiles. A packed operand is a row of slivers (mr rows of A, nr
 * columns of B); a sliver is a row of steps, and a step holds BF16_STEP elements of k for each of
 * its rows, 0 beyond K, in whatever form the tile of that set likes.
 */
#ifndef KERNELS_CPU_BF16_H
#define KERNELS_CPU_BF16_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

enum { BF16_STEP = 32, BF16_MR_MAX = 32, BF16_NR_MAX = 32 };

/* n rows (or columns) by k elements of an operand: element (r, p) at at[r*ld + p] when its rows
 * run along k, else at at[p*ld + r] */
struct bf16_src {
	const float *at;
	size_t ld;
	int along;
	size_t n, k;
};

struct cpu_bf16 {
	const char *isa;
	size_t mr, nr, width; /* of a tile; bytes of a packed element */
	size_t kc;            /* k of a block, a multiple of BF16_STEP */
	/* begin before and end after a run of the others, on the same thread */
	unsigned (*begin)(void);
	void (*end)(unsigned);
	void (*pack_a)(void *d, const struct bf16_src *);
	void (*pack_b)(void *d, const struct bf16_src *);
	/* C (mr, nr) = C0 (NULL: zero, may be C) + the product of a sliver each */
	void (*tile)(
	    size_t steps, const void *a, const void *b, const float *c0, float *c, size_t ldc);
};

extern const struct cpu_bf16 *const cpu_bf16_c;
/* NULL where not compiled in */
extern const struct cpu_bf16 *const cpu_bf16_avx2,
    *const cpu_bf16_avx512, *const cpu_bf16_avx512bf16, *const cpu_bf16_amx;
/* Ask the system for the tile registers, once, before threads are made: 0, or -1 */
int cpu_amx_permit(void);

void cpu_bf16_gemm(struct kern *, enum kern_gemm_form, size_t M, size_t N, size_t K,
    const float *A, size_t lda, const float *B, size_t ldb, const float *C0, float *C, size_t ldc);

/* bytes of n rows or columns (whole slivers) by k, packed */
size_t cpu_bf16_bytes(const struct cpu_bf16 *, size_t n, size_t k);
/* C (M, N) = C (add) or 0 plus the product of two packed operands, between begin and end; only
 * the tiles that hold an element (i, j) with j < i + see. */
void cpu_bf16_product(const struct cpu_bf16 *, size_t M, size_t N, size_t K, const void *a,
    const void *b, int add, size_t see, float *c, size_t ldc);

/* round to nearest even; denormals become zero, a NaN stays one */
static inline uint16_t bf16_of(float f)
{
	union {
		float f;
		uint32_t u;
	} x = {f};

	if ((x.u & 0x7f800000) == 0)
		return (uint16_t)(x.u >> 16 & 0x8000);
	if ((x.u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(x.u >> 16 | 0x40);
	return (uint16_t)((x.u + 0x7fff + (x.u >> 16 & 1)) >> 16);
}

static inline float bf16_float(uint16_t h)
{
	union {
		uint32_t u;
		float f;
	} x = {(uint32_t)h << 16};

	return x.f;
}

#endif
