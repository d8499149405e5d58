/* bf16.c - products in bf16: blocks and threads; see gemm.inc for the shape of the algorithm */
#include "kernels/cpu/bf16.h"

#include <string.h>

#include "kernels/cpu/cpu.h"

struct job {
	struct cpu *cpu;
	const struct cpu_bf16 *op;
	enum kern_gemm_form form;
	size_t M, N, K;
	const float *A, *B, *C0;
	float *C;
	size_t lda, ldb, ldc;
	size_t j0, nc, p0, kc; /* the block of columns and of k at work */
	size_t mc, n_split;    /* rows of a task, and its share of the slivers of B */
};

enum { PACK_SLIVERS = 4 };

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t ceil_div(size_t a, size_t b)
{
	return (a + b - 1) / b;
}

size_t cpu_bf16_bytes(const struct cpu_bf16 *op, size_t n, size_t k)
{
	return n * ceil_div(k, BF16_STEP) * BF16_STEP * op->width;
}

/* bytes of n rows, packed, of the block of k at work */
static size_t packed(const struct job *g, size_t n)
{
	return cpu_bf16_bytes(g->op, n, g->kc);
}

static void pack_b(void *arg, size_t task, int worker)
{
	const struct job *g = arg;
	size_t per = PACK_SLIVERS * g->op->nr, n = task * per;
	struct bf16_src s = {
	    .ld = g->ldb, .along = g->form == KERN_NT, .n = min(per, g->nc - n), .k = g->kc};
	unsigned was = g->op->begin();

	(void)worker;
	s.at = s.along ? g->B + (g->j0 + n) * g->ldb + g->p0 : g->B + g->p0 * g->ldb + g->j0 + n;
	g->op->pack_b((char *)g->cpu->packb + packed(g, n), &s);
	g->op->end(was);
}

static void pack_a(char *d, const struct job *g, size_t i0, size_t m)
{
	struct bf16_src s = {.ld = g->lda, .along = g->form != KERN_TN, .n = m, .k = g->kc};

	s.at = s.along ? g->A + i0 * g->lda + g->p0 : g->A + g->p0 * g->lda + i0;
	g->op->pack_a(d, &s);
}

/* A tile of which only r rows and n columns are in memory: through a copy. */
static void tile_edge(const struct cpu_bf16 *op, size_t k, const char *a, const char *b, size_t r,
    size_t n, const float *c0, float *c, size_t ldc)
{
	_Alignas(64) float t[BF16_MR_MAX * BF16_NR_MAX];
	size_t nr = op->nr;

	if (c0) {
		memset(t, 0, op->mr * nr * sizeof *t);
		for (size_t i = 0; i < r; i++)
			memcpy(t + i * nr, c0 + i * ldc, n * sizeof *t);
	}
	op->tile(ceil_div(k, BF16_STEP), a, b, c0 ? t : NULL, t, nr);
	for (size_t i = 0; i < r; i++)
		memcpy(c + i * ldc, t + i * nr, n * sizeof *t);
}

static void tile(const struct cpu_bf16 *op, size_t k, const char *a, const char *b, size_t r,
    size_t n, const float *c0, float *c, size_t ldc)
{
	if (n == op->nr && r == op->mr)
		op->tile(ceil_div(k, BF16_STEP), a, b, c0, c, ldc);
	else
		tile_edge(op, k, a, b, r, n, c0, c, ldc);
}

void cpu_bf16_product(const struct cpu_bf16 *op, size_t M, size_t N, size_t K, const void *pa,
    const void *pb, int add, size_t see, float *c, size_t ldc)
{
	const char *a = pa, *b = pb;

	for (size_t i = 0; i < M; i += op->mr) {
		size_t r = min(op->mr, M - i), end = see < N ? min(N, i + r - 1 + see) : N;
		for (size_t j = 0; j < end; j += op->nr) {
			float *t = c + i * ldc + j;
			tile(op, K, a + cpu_bf16_bytes(op, i, K), b + cpu_bf16_bytes(op, j, K), r,
			    min(op->nr, N - j), add ? t : NULL, t, ldc);
		}
	}
}

static void prefetch_tile(const float *c, size_t ldc, size_t r, size_t n)
{
	for (size_t i = 0; i < r; i++)
		for (size_t j = 0; j < n; j += 16)
			__builtin_prefetch(c + i * ldc + j, 1, 3);
}

/* rows i0 .. i0+m of C times the slivers of columns s0 .. s1 */
static void block(const struct job *g, const char *pa, size_t i0, size_t m, size_t s0, size_t s1)
{
	const float *C0 = g->p0 ? g->C : g->C0;
	size_t mr = g->op->mr, nr = g->op->nr;

	for (size_t s = s0; s < s1; s++) {
		size_t j = s * nr, n = min(nr, g->nc - j);
		const char *pb = (const char *)g->cpu->packb + packed(g, j);
		for (size_t i = 0; i < m; i += mr) {
			size_t r = min(mr, m - i), at = (i0 + i) * g->ldc + g->j0 + j;
			const char *a = pa + packed(g, i);
			const float *c0 = C0 ? C0 + at : NULL;
			if (i + mr < m)
				prefetch_tile(
				    g->C + at + mr * g->ldc, g->ldc, min(mr, m - i - mr), n);
			tile(g->op, g->kc, a, pb, r, n, c0, g->C + at, g->ldc);
		}
	}
}

static void task_block(void *arg, size_t task, int worker)
{
	const struct job *g = arg;
	char *pa = (char *)(g->cpu->packa + (size_t)worker * CPU_PACKA);
	size_t i0 = task / g->n_split * g->mc, part = task % g->n_split;
	size_t m = min(g->mc, g->M - i0), slivers = ceil_div(g->nc, g->op->nr);
	unsigned was = g->op->begin();

	pack_a(pa, g, i0, m);
	block(g, pa, i0, m, slivers * part / g->n_split, slivers * (part + 1) / g->n_split);
	g->op->end(was);
}

/* Tasks enough for the workers to end together: smaller blocks of rows first, then shares of
 * columns. */
static void split(struct job *g)
{
	size_t mr = g->op->mr, max = CPU_MC / mr * mr;
	size_t want = g->cpu->workers > 1 ? 4 * (size_t)g->cpu->workers : 1;
	size_t slivers = ceil_div(g->nc, g->op->nr), blocks = ceil_div(g->M, max);

	if (blocks < want)
		blocks = min(want, ceil_div(g->M, 4 * mr));
	if (blocks < 1)
		blocks = 1;
	g->mc = min(max, ceil_div(ceil_div(g->M, blocks), mr) * mr);
	blocks = ceil_div(g->M, g->mc);
	g->n_split = min(ceil_div(want, blocks), ceil_div(slivers, 4));
}

static void empty(struct job *g)
{
	for (size_t i = 0; i < g->M && g->C0 != g->C; i++)
		for (size_t j = 0; j < g->N; j++)
			g->C[i * g->ldc + j] = g->C0 ? g->C0[i * g->ldc + j] : 0;
}

void cpu_bf16_gemm(struct kern *k, enum kern_gemm_form form, size_t M, size_t N, size_t K,
    const float *A, size_t lda, const float *B, size_t ldb, const float *C0, float *C, size_t ldc)
{
	struct cpu *cpu = (struct cpu *)k;
	struct job g = {.cpu = cpu,
	    .op = cpu->bf16,
	    .form = form,
	    .M = M,
	    .N = N,
	    .K = K,
	    .A = A,
	    .B = B,
	    .C0 = C0,
	    .C = C,
	    .lda = lda,
	    .ldb = ldb,
	    .ldc = ldc};
	size_t nk = ceil_div(K, g.op->kc), steps = ceil_div(K, BF16_STEP);

	if (!M || !N)
		return;
	if (!K) {
		empty(&g);
		return;
	}
	for (g.j0 = 0; g.j0 < N; g.j0 += CPU_NC) {
		g.nc = min(CPU_NC, N - g.j0);
		split(&g);
		for (size_t b = 0; b < nk; b++) {
			g.p0 = steps * b / nk * BF16_STEP;
			g.kc = min(K, steps * (b + 1) / nk * BF16_STEP) - g.p0;
			cpu_par(k, ceil_div(g.nc, PACK_SLIVERS * g.op->nr), pack_b, &g);
			cpu_par(k, ceil_div(M, g.mc) * g.n_split, task_block, &g);
		}
	}
}
