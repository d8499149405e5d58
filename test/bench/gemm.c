/* layers: kernels base */
/*
 * gemm - products at the shapes of a trainer, as a share of the FMA peak measured here
 *
 *	gemm [-p fp32|bf16] [-i ISA] [-t THREADS] [-s SECONDS]
 *
 * Peak: independent fused multiply-adds in registers, on as many threads, in this same run. Each
 * rate is the best of repeated calls within SECONDS (default 0.15) by the wall clock; "cpu" is
 * all flops by all CPU seconds of the process, times the threads: on a busy machine nearer to
 * what a quiet one would give. NT: Y = X W^T, NN: dX = dY W, TN: dW += dY^T X.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pool.h"
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { ROUNDS = 2000000 };
#define CHAINS(T, set1, fma, n)                                                                   \
	T a[n], x = set1(0.999f), y = set1(1e-3f);                                                \
	_Pragma("GCC unroll 24") for (int i = 0; i < n; i++) a[i] = set1(0.01f * (float)i);       \
	for (int r = 0; r < ROUNDS; r++) {                                                        \
		_Pragma("GCC unroll 24") for (int i = 0; i < n; i++)                              \
		{                                                                                 \
			a[i] = fma(a[i], x, y);                                                   \
			__asm__ volatile("" : "+v"(a[i]));                                        \
		}                                                                                 \
	}

__attribute__((target("avx512f"))) static double chains_avx512(void)
{
	CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps, 24)
	return 24 * 32.0 * ROUNDS;
}
__attribute__((target("avx2,fma"))) static double chains_avx2(void)
{
	CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps, 12)
	return 12 * 16.0 * ROUNDS;
}
#else
static double chains_avx512(void)
{
	return 0;
}
static double chains_avx2(void)
{
	return 0;
}
#endif

static double (*chains)(void);
static double flops[256];

static void peak_task(void *arg, size_t i, int worker)
{
	(void)arg;
	(void)worker;
	flops[i] = chains();
}

struct rate {
	double wall, cpu; /* GFLOP/s */
};

static struct rate peak(struct pool *pool, int threads, double seconds)
{
	double best = 0, done = 0, start = os_wall(), cpu = os_cpu();

	while (os_wall() - start < seconds) {
		double wall = os_wall(), total = 0;
		pool_run(pool, (size_t)threads, peak_task, NULL);
		wall = os_wall() - wall;
		for (int i = 0; i < threads; i++)
			total += flops[i];
		done += total;
		if (total / wall > best)
			best = total / wall;
	}
	return (struct rate){best * 1e-9, done / (os_cpu() - cpu) * threads * 1e-9};
}

struct shape {
	const char *what;
	size_t M, N, K; /* tokens, outputs, inputs */
};

static const struct shape shapes[] = {
    {"qkv, d 256", 2048, 768, 256},
    {"up+gate, d 256", 2048, 2048, 256},
    {"down, d 256", 2048, 256, 1024},
    {"head, V 8192", 2048, 8192, 256},
    {"qkv, d 512", 2048, 1536, 512},
    {"up+gate, d 512", 2048, 4096, 512},
    {"down, d 512", 2048, 512, 2048},
    {"qkv, d 2048", 512, 6144, 2048},
    {"odd", 1001, 333, 259},
};

/* operands of all three forms: tokens x inputs, outputs x inputs, tokens x outputs */
static struct rate time_form(struct kern *k, enum kern_gemm_form form, const struct shape *s,
    float *X, float *W, float *Y, int threads, double seconds)
{
	double flop = 2.0 * (double)s->M * (double)s->N * (double)s->K, best = 0, done = 0;
	double start = os_wall(), cpu = os_cpu();

	while (os_wall() - start < seconds) {
		double wall = os_wall();
		if (form == KERN_NT)
			k->op->gemm(k, form, s->M, s->N, s->K, X, s->K, W, s->K, NULL, Y, s->N);
		else if (form == KERN_NN)
			k->op->gemm(k, form, s->M, s->K, s->N, Y, s->N, W, s->K, NULL, X, s->K);
		else
			k->op->gemm(k, form, s->N, s->K, s->M, Y, s->N, X, s->K, W, W, s->K);
		wall = os_wall() - wall;
		done += flop;
		if (flop / wall > best)
			best = flop / wall;
	}
	return (struct rate){best * 1e-9, done / (os_cpu() - cpu) * threads * 1e-9};
}

static float *noise(struct kern *k, size_t n)
{
	float *p = k->op->alloc(k, n * sizeof *p);
	uint32_t u = 1;

	if (!p)
		die_err();
	for (size_t i = 0; i < n; i++) {
		u = u * 1664525u + 1013904223u;
		p[i] = (float)(u >> 8) * 0x1p-24f - 0.5f;
	}
	return p;
}

static void run(const char *precision, const char *isa, int threads, double seconds)
{
	static const char *names[] = {"NT", "NN", "TN"};
	struct pool *pool = pool_new(threads);
	struct kern *k = kern_open_as(precision, "cpu", isa, pool);
	struct rate top;

	if (!k)
		die_err();
	chains = strstr(kern_isas("fp32")[0], "avx512") ? chains_avx512 : chains_avx2;
	top = peak(pool, threads, 4 * seconds);
	printf("%s, %s, %d thread%s: FMA peak %.1f GFLOP/s (cpu %.1f)\n", precision, k->op->isa,
	    threads, threads > 1 ? "s" : "", top.wall, top.cpu);
	printf("%-16s %6s %6s %6s  form  GFLOP/s  %%peak     cpu  %%peak\n", "shape", "tokens",
	    "out", "in");
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const struct shape *s = &shapes[i];
		float *X = noise(k, s->M * s->K), *W = noise(k, s->N * s->K),
		      *Y = noise(k, s->M * s->N);
		for (int f = 0; f < 3; f++) {
			struct rate r =
			    time_form(k, (enum kern_gemm_form)f, s, X, W, Y, threads, seconds);
			memset(W, 0, s->N * s->K * sizeof *W);
			printf("%-16s %6zu %6zu %6zu  %s    %7.1f  %5.1f %7.1f  %5.1f\n", s->what,
			    s->M, s->N, s->K, names[f], r.wall, 100 * r.wall / top.wall, r.cpu,
			    100 * r.cpu / top.cpu);
		}
		k->op->free(k, X);
		k->op->free(k, W);
		k->op->free(k, Y);
	}
	kern_close(k);
	pool_free(pool);
}

int main(int argc, char **argv)
{
	const char *isa = NULL, *precision = "fp32";
	int threads = 0, c;
	double seconds = 0.15;

	while ((c = getopt(argc, argv, "p:i:t:s:")) != -1) {
		if (c == 'i')
			isa = optarg;
		else if (c == 'p')
			precision = optarg;
		else if (c == 't')
			threads = atoi(optarg);
		else if (c == 's')
			seconds = atof(optarg);
		else
			die_usage("gemm [-p fp32|bf16] [-i ISA] [-t THREADS] [-s SECONDS]");
	}
	for (int t = 1; t <= 2; t++)
		if (!threads || threads == t)
			run(precision, isa, t, seconds);
	if (threads > 2)
		run(precision, isa, threads, seconds);
	return 0;
}
