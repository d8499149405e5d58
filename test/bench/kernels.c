/* layers: kernels base */
/*
 * kernels - the other operations of a training step: attention and the loss in GFLOP/s, the rest
 * in GB/s
 *
 *	kernels [-i ISA] [-t THREADS] [-s SECONDS]
 *
 * The best of repeated calls within SECONDS each (default 0.2); one thread by its CPU time, more
 * by the wall clock. Causal attention counts the unmasked half: forward 2 products, backward 5;
 * the loss counts its 3 products. Bytes are those that must move at the least.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pool.h"
#include "kernels/kernels.h"

struct config {
	const char *name;
	size_t B, T, C, H, F, V;
};

static const struct config configs[] = {
    {"A: d 256, T 512, V 8192", 4, 512, 256, 8, 1024, 8192},
    {"B: d 512, T 1024, V 50304", 2, 1024, 512, 8, 2048, 50304},
};

struct bench {
	struct kern *k;
	const struct config *c;
	float *x, *qkv, *dqkv, *o, *lse, *h, *act, *E, *dE, *stat, *cs, *m, *v;
	int32_t *labels;
	uint32_t *ids;
};

static size_t rows(const struct bench *b)
{
	return b->c->B * b->c->T;
}

static struct kern_attn attn(const struct bench *b)
{
	size_t C = b->c->C;

	return (struct kern_attn){b->c->B, b->c->T, b->c->T, b->c->H, b->c->H, C / b->c->H, 0.2f,
	    b->qkv, b->qkv + C, b->qkv + 2 * C, 3 * C, 3 * C, 3 * C};
}
static void attn_fwd(struct bench *b)
{
	struct kern_attn a = attn(b);

	b->k->op->attn_fwd(b->k, &a, b->o, b->c->C, b->lse);
}
static void attn_bwd(struct bench *b)
{
	struct kern_attn a = attn(b);
	size_t C = b->c->C;

	b->k->op->attn_bwd(b->k, &a, b->dqkv, b->dqkv + C, b->dqkv + 2 * C, b->o, b->x, C, b->lse);
}
static void head(struct bench *b)
{
	struct kern_head h = {.rows = rows(b),
	    .C = b->c->C,
	    .V = b->c->V,
	    .x = b->x,
	    .E = b->E,
	    .labels = b->labels,
	    .g1 = 1e-3f,
	    .loss = b->lse,
	    .dx = b->o,
	    .dE = b->dE};

	b->k->op->head(b->k, &h);
}
static void norm_fwd(struct bench *b)
{
	size_t C = b->c->C;

	b->k->op->norm_fwd(
	    b->k, KERN_LAYERNORM, b->o, C, b->stat, b->x, C, NULL, NULL, rows(b), C, 1e-5f);
}
static void norm_bwd(struct bench *b)
{
	size_t C = b->c->C;

	b->k->op->norm_bwd(b->k, KERN_LAYERNORM, b->o, C, b->o, NULL, NULL, b->act, C, b->x, C,
	    b->stat, NULL, rows(b), C);
}
static void rope(struct bench *b)
{
	size_t C = b->c->C;

	b->k->op->rope_fwd(
	    b->k, b->qkv, 3 * C, b->cs, b->c->B, b->c->T, 2 * b->c->H, C / b->c->H, 0);
}
static void swiglu_fwd(struct bench *b)
{
	b->k->op->swiglu_fwd(b->k, b->act, b->h, rows(b), b->c->F);
}
static void swiglu_bwd(struct bench *b)
{
	b->k->op->swiglu_bwd(b->k, b->h, NULL, b->act, b->h, rows(b), b->c->F);
}
static void embed_bwd(struct bench *b)
{
	b->k->op->embed_bwd(b->k, b->dE, b->ids, b->x, rows(b), b->c->C);
}
static void adamw(struct bench *b)
{
	struct kern_adamw o = {1e-4, 0.9, 0.95, 1e-5, 0.1, 1, 5};

	b->k->op->adamw(b->k, &o, b->E, b->m, b->v, b->dE, b->c->V * b->c->C);
}
static void sumsq(struct bench *b)
{
	b->stat[0] = (float)b->k->op->sumsq(b->k, b->dE, b->c->V * b->c->C);
}

static double (*clock_s)(void);

static double best_time(struct bench *b, void (*fn)(struct bench *), double seconds)
{
	double best = 1e9;

	fn(b);
	for (double start = os_wall(); os_wall() - start < seconds;) {
		double t = clock_s();
		fn(b);
		t = clock_s() - t;
		best = t < best ? t : best;
	}
	return best;
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

static void run(struct kern *k, const struct config *c, double seconds)
{
	size_t R = c->B * c->T, C = c->C, N = c->V * C;
	struct bench b = {k, c, noise(k, R * C), noise(k, R * 3 * C), noise(k, R * 3 * C),
	    noise(k, R * C), noise(k, R * c->H), noise(k, R * 2 * c->F), noise(k, R * c->F),
	    noise(k, N), noise(k, N), noise(k, 2 * R), noise(k, c->T * C / c->H), noise(k, N),
	    noise(k, N), NULL, NULL};
	double attn_flop = 2.0 * (double)(R * C) * (double)(c->T + 1) / 2,
	       head_flop = 6.0 * (double)(R * N);
	double rc = (double)(R * C) * 4e-9, rf = (double)(R * c->F) * 4e-9, n = (double)N * 4e-9;
	const struct {
		const char *name;
		void (*fn)(struct bench *);
		double work; /* GFLOP or GB */
		const char *unit;
	} ops[] = {
	    {"attention", attn_fwd, 2 * attn_flop * 1e-9, "GFLOP/s"},
	    {"attention gradients", attn_bwd, 5 * attn_flop * 1e-9, "GFLOP/s"},
	    {"head, loss, gradients", head, head_flop * 1e-9, "GFLOP/s"},
	    {"layernorm", norm_fwd, 2 * rc, "GB/s"},
	    {"layernorm gradient", norm_bwd, 4 * rc, "GB/s"},
	    {"rope", rope, 4 * rc, "GB/s"},
	    {"swiglu", swiglu_fwd, 3 * rf, "GB/s"},
	    {"swiglu gradients", swiglu_bwd, 5 * rf, "GB/s"},
	    {"embedding gradient", embed_bwd, 3 * rc, "GB/s"},
	    {"adamw", adamw, 7 * n, "GB/s"},
	    {"sumsq", sumsq, n, "GB/s"},
	};

	b.labels = k->op->alloc(k, R * sizeof *b.labels);
	b.ids = k->op->alloc(k, R * sizeof *b.ids);
	for (size_t r = 0; r < R; r++)
		b.labels[r] = (int32_t)(b.ids[r] = (uint32_t)(r * 7919 % c->V));
	if (kern_reserve(k, &(struct kern_shape){R, c->V, c->T, c->H, c->H, C / c->H}) < 0)
		die_err();
	printf("%s, %s: %zu x %zu tokens\n", k->op->isa, c->name, c->B, c->T);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		double t = best_time(&b, ops[i].fn, seconds);
		printf("  %-22s %8.2f ms  %6.1f %s\n", ops[i].name, t * 1e3, ops[i].work / t,
		    ops[i].unit);
	}
	float *all[] = {
	    b.x, b.qkv, b.dqkv, b.o, b.lse, b.h, b.act, b.E, b.dE, b.stat, b.cs, b.m, b.v};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		k->op->free(k, all[i]);
	k->op->free(k, b.labels);
	k->op->free(k, b.ids);
}

int main(int argc, char **argv)
{
	const char *isa = NULL;
	int threads = 1, c;
	double seconds = 0.2;

	while ((c = getopt(argc, argv, "i:t:s:")) != -1) {
		if (c == 'i')
			isa = optarg;
		else if (c == 't')
			threads = atoi(optarg);
		else if (c == 's')
			seconds = atof(optarg);
		else
			die_usage("kernels [-i ISA] [-t THREADS] [-s SECONDS]");
	}
	struct pool *pool = pool_new(threads);
	struct kern *k = kern_open("cpu", isa, pool);
	if (!k)
		die_err();
	clock_s = threads > 1 ? os_wall : os_thread_cpu;
	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
		run(k, &configs[i], seconds);
	kern_close(k);
	pool_free(pool);
	return 0;
}
