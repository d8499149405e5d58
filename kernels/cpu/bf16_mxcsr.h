/* bf16_mxcsr.h - denormals taken and given as zero, by the control register of x86 */
#ifndef KERNELS_CPU_BF16_MXCSR_H
#define KERNELS_CPU_BF16_MXCSR_H

#include <immintrin.h>

static unsigned begin16(void)
{
	unsigned was = _mm_getcsr();

	_mm_setcsr(was | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
	return was;
}

static void end16(unsigned was)
{
	_mm_setcsr(was);
}

#endif
