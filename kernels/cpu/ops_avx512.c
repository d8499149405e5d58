/* ops_avx512.c - the operations for AVX512; the Makefile compiles this file with its flags */
#if defined(__x86_64__)
#include "kernels/cpu/vec_avx512.h"

#include "kernels/cpu/ops.inc"
#else
#include "kernels/cpu/cpu.h"

const struct kern_ops *const cpu_ops_avx512 = NULL;
#endif
