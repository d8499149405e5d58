/* bf16_avx512.c - products in bf16 with the fused multiply-adds of AVX512 */
#if defined(__x86_64__)
#include "kernels/cpu/vec_avx512.h"

#include "kernels/cpu/bf16_mxcsr.h"

#define FMA16(a, b, c) nv_fma(a, b, c)
#define ADD16(a, b)    nv_add(a, b)

#include "kernels/cpu/bf16_fma.inc"
#else
#include "kernels/cpu/bf16.h"

const struct cpu_bf16 *const cpu_bf16_avx512 = NULL;
#endif
