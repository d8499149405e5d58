/* bf16_c.c - the portable model: what the tile instruction of AMX computes, in plain C */
#include "kernels/cpu/vec_c.h"

/* Zero in place of a denormal. */
static inline float flush(float x)
{
	return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

/*
 * A result is zero when it is below 2^-126 after rounding to 24 bits with any exponent; fmaf has
 * rounded to the coarser denormals, and what it gives as 2^-126 may have been below. Near there
 * the sum in double is exact enough to tell: its terms are multiples of 2^-149 or single.
 */
static inline float fma_flush(float a, float b, float c)
{
	float r = fmaf(a, b, c);

	if (fabsf(r) == 0x1p-126f && fabs((double)a * (double)b + (double)c) < 0x1p-126 - 0x1p-151)
		return copysignf(0, r);
	return flush(r);
}

static inline float add_flush(float a, float b)
{
	return flush(flush(a) + flush(b));
}

#define FMA16(a, b, c) fma_flush(a, b, c)
#define ADD16(a, b)    add_flush(a, b)

static unsigned begin16(void)
{
	return 0;
}

static void end16(unsigned was)
{
	(void)was;
}

#include "kernels/cpu/bf16_fma.inc"
