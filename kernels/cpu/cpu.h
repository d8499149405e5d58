/*
 * cpu.h - what the files of the CPU device share; users see kernels/kernels.h
 *
 * The operations are written once, over the vectors of vec_*.h, in the .inc files; ops_c.c,
 * ops_avx2.c and ops_avx512.c compile them for one instruction set each and export a table. The
 * products in bf16 are apart, in bf16*: they go with the table of the widest vectors.
 */
#ifndef KERNELS_CPU_H
#define KERNELS_CPU_H

#include "kernels/kernels.h"

struct cpu_bf16;

/* Products are cut into blocks of KC (k) x MC (rows of A, a worker's L2) x NC (columns of B,
 * shared). MC is a multiple of every tile height, NC of every tile width. No value shows in the
 * results. */
enum { CPU_KC = 512, CPU_MC = 168, CPU_NC = 2048, CPU_TILE = 32 };

/* Attention works on blocks of ATTN_BQ queries x ATTN_BK keys. The online softmax rescales after
 * each block of keys, so ATTN_BK does show in the last bits: it is part of what "the same bits"
 * means. */
enum { CPU_BQ = 64, CPU_BK = 64 };

enum { CPU_PEAK_MAX = 256 }; /* threads that measure the peak */

struct cpu {
	struct kern k;       /* first: the public part */
	struct kern_ops ops; /* k.op: one of the tables below, for bf16 with its products */
	const struct cpu_bf16 *bf16; /* NULL: fp32 */
	int workers;
	float *packb; /* (NC + CPU_TILE) x KC, shared by the workers */
	float *packa; /* for each worker (MC + CPU_TILE) x KC */
};

enum { CPU_PACKA = (CPU_MC + CPU_TILE) * CPU_KC, CPU_PACKB = (CPU_NC + CPU_TILE) * CPU_KC };

extern const struct kern_ops *const cpu_ops_c;
extern const struct kern_ops *const cpu_ops_avx2;   /* NULL where not compiled in */
extern const struct kern_ops *const cpu_ops_avx512; /* NULL where not compiled in */

/* ---- cpu.c: the same for every instruction set ---- */

/* fn(arg, i, worker) for i = 0 .. n-1 on the pool, or here when there is none or one task */
void cpu_par(struct kern *, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg);

void *cpu_alloc(struct kern *, size_t bytes);
void cpu_free(struct kern *, void *);
void cpu_copy(struct kern *, void *dst, const void *src, size_t bytes);
void cpu_get(struct kern *, void *dst, const void *src, size_t bytes);
int cpu_sync(struct kern *);

/* Scratch floats of attention for one worker, its second form for bf16, and rows of logits that head takes at a time. */
size_t cpu_attn_scratch(size_t T, size_t D);
size_t cpu_attn16_scratch(size_t T, size_t D);
size_t cpu_head_rows(size_t rows, size_t V);

void cpu_rope_table(struct kern *, float *cs, size_t T, size_t D, double theta);

/* Natural logarithm and exponential in double, sine and cosine: fixed sequences of IEEE
 * operations, the same bits everywhere, errors below 2e-15 relative (sin, cos: absolute, |x| <
 * 2^30). */
double cpu_log(double x);
double cpu_exp(double x);
void cpu_sincos(double x, double *s, double *c);

#endif
