/* ops_avx2.c - the operations for AVX2; the Makefile compiles this file with its flags */
#if defined(__x86_64__)
#include "kernels/cpu/vec_avx2.h"

#include "kernels/cpu/ops.inc"
#else
#include "kernels/cpu/cpu.h"

const struct kern_ops *const cpu_ops_avx2 = NULL;
#endif
