/* layers: kernels base */
/*
 * bf16 - products in bf16 are, bit by bit, the sums that kernels.h describes, for each instruction
 * set of this machine, any threads, and for the code of AMX over a model of its instructions
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "ref.h"

#include "kernels/cpu/bf16.h"
#include "kernels/cpu/cpu.h"

struct shape {
	size_t M, N, K;
};

static const struct shape shapes[] = {
    {1, 1, 1},
    {7, 32, 32},
    {8, 33, 31},
    {32, 64, 64},
    {33, 31, 99},
    {15, 17, 96},
    {2, 4100, 5},
    {200, 9, 70},
    {40, 34, 600},
};

/* ---- the description, from its words ---- */

static float flushed(float x)
{
	return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

/* fma in long double: exact enough to round once (64 bits for 16 + 24), tininess seen after
 * rounding */
static float fma_as_described(float a, float b, float c)
{
	float r = fmaf(a, b, c);
	long double x = (long double)a * (long double)b + (long double)c;

	return fabsl(x) < 0x1p-126L - 0x1p-151L ? copysignf(0, r) : r;
}

static float element(enum kern_gemm_form form, const float *A, size_t lda, const float *B,
    size_t ldb, size_t m, size_t n, size_t K, float c)
{
	for (size_t s = 0; s < K; s += 32) {
		float sum[2] = {0, 0};
		for (size_t k = s; k < s + 32; k++) {
			float a = k >= K ? 0 : form == KERN_TN ? A[k * lda + m] : A[m * lda + k];
			float b = k >= K ? 0 : form == KERN_NT ? B[n * ldb + k] : B[k * ldb + n];
			sum[k % 2] = fma_as_described(
			    bf16_float(bf16_of(a)), bf16_float(bf16_of(b)), sum[k % 2]);
		}
		c = flushed(flushed(c) + flushed(sum[0] + sum[1]));
	}
	return c;
}

/* mostly near 1, some so small that products and sums fall among the denormals, some zero */
static float *spread(size_t n)
{
	static const float scale[] = {1, 1, 1, 0, 0x1p-60f, 0x1p-64f, 0x1p-70f, 0x1p-128f};
	float *p = malloc(n * sizeof *p);
	int small = rnd() % 2 != 0;

	for (size_t i = 0; i < n; i++)
		p[i] = rndf() * (small ? scale[4 + rnd() % 4] : scale[rnd() % 8]);
	return p;
}

static void check(struct kern *k, enum kern_gemm_form form, const struct shape *s, int source)
{
	size_t M = s->M, N = s->N, K = s->K;
	size_t rows_a = form == KERN_TN ? K : M, rows_b = form == KERN_NT ? N : K;
	size_t wa = form == KERN_TN ? M : K, wb = form == KERN_NT ? K : N;
	size_t lda = wa + 3, ldb = wb + 1, ldc = N + 2;
	float *A = spread((rows_a - 1) * lda + wa), *B = spread((rows_b - 1) * ldb + wb);
	float *C = source ? spread(M * ldc) : poison(M * ldc), *start = dup(C, M * ldc);

	k->op->gemm(k, form, M, N, K, A, lda, B, ldb, source ? C : NULL, C, ldc);
	for (size_t m = 0; m < M; m++)
		for (size_t n = 0; n < ldc; n++) {
			float *c = &C[m * ldc + n], was = start[m * ldc + n], want;
			want =
			    n < N ? element(form, A, lda, B, ldb, m, n, K, source ? was : 0) : was;
			if (memcmp(c, &want, sizeof want))
				fail_msg(
				    "%s: form %d, %zu x %zu x %zu: C[%zu, %zu] is %a, want %a",
				    k->op->isa, form, M, N, K, m, n, (double)*c, (double)want);
		}
	free(A), free(B), free(C), free(start);
}

static void all_shapes(struct kern *k)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (int form = 0; form < 3; form++)
			check(
			    k, (enum kern_gemm_form)form, &shapes[i], (int)(i + (size_t)form) % 2);
}

static void products_are_those_described(void **state)
{
	(void)state;
	for (const char *const *isa = kern_isas("bf16"); *isa; isa++)
		for (int threads = 1; threads <= 3; threads += 2) {
			struct pool *pool = pool_new(threads);
			struct kern *k = kern_open_as("bf16", "cpu", *isa, pool);
			assert_non_null(k);
			assert_string_equal(k->op->isa, *isa);
			assert_string_equal(k->op->precision, "bf16");
			print_message("# %s, %d threads\n", *isa, threads);
			all_shapes(k);
			kern_close(k);
			pool_free(pool);
		}
}

/* ---- attention: near that of fp32, for a whole sequence and for the end of one ---- */

enum { HEADS = 2, D = 40, TK = 150, W = 3 * HEADS * D };

static size_t attended(size_t Tq)
{
	return Tq * HEADS * D + HEADS * Tq + TK * W;
}

/* o, lse, then the gradients of a packed row; code: instead of this machine's */
static float *attend(const char *precision, const struct cpu_bf16 *code, size_t Tq, const float *x,
    const float *dout)
{
	struct kern *k = kern_open_as(precision, "cpu", NULL, NULL);
	size_t HD = HEADS * D;
	float *r = calloc(attended(Tq), sizeof *r);
	float *lse = r + Tq * HD, *dx = lse + HEADS * Tq, *dq = dx + (TK - Tq) * W;
	const float *q = x + (TK - Tq) * W;
	struct kern_attn a = {1, Tq, TK, HEADS, HEADS, D, 0.4f, q, x + HD, x + 2 * HD, W, W, W};

	assert_int_equal(kern_reserve(k, &(struct kern_shape){.T = TK, .H = HEADS, .D = D}), 0);
	if (code)
		((struct cpu *)k)->bf16 = code;
	k->op->attn_fwd(k, &a, r, HD, lse);
	k->op->attn_bwd(k, &a, dq, dx + HD, dx + 2 * HD, r, dout, HD, lse);
	kern_close(k);
	return r;
}

static void attention_is_near_that_of_fp32(void **state)
{
	static const size_t tq[] = {TK, TK - 64, 37, 1};

	(void)state;
	for (size_t i = 0; i < sizeof tq / sizeof *tq; i++) {
		size_t n = attended(tq[i]);
		float *x = noise(TK * W, 1), *dout = noise(tq[i] * HEADS * D, 1);
		float *a = attend("fp32", NULL, tq[i], x, dout),
		      *b = attend("bf16", NULL, tq[i], x, dout);
		double diff = 0, size = 0;
		for (size_t j = 0; j < n; j++) {
			diff += pow((double)a[j] - (double)b[j], 2);
			size += pow((double)a[j], 2);
		}
		print_message("# %zu queries: %.2g\n", tq[i], sqrt(diff / size));
		/* a bf16 has 8 bits: 2^-9 an operand */
		assert_true(diff > 0 && sqrt(diff / size) < 4 * 0x1p-9);
		free(x), free(dout), free(a), free(b);
	}
}

static void rounding_is_to_nearest_even(void **state)
{
	static const struct {
		float in, out;
	} t[] = {{1, 1}, {0x1.01p0f, 0x1p0f}, {0x1.010002p0f, 0x1.02p0f}, {0x1.03p0f, 0x1.04p0f},
	    {-0x1.03p0f, -0x1.04p0f}, {0x1.ffp127f, INFINITY}, {0x1p-127f, 0},
	    {0x1.fffffcp-127f, 0}, {INFINITY, INFINITY}};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		assert_true(bf16_float(bf16_of(t[i].in)) == t[i].out);
	assert_true(isnan(bf16_float(bf16_of(NAN))));
}

/* ---- the code of AMX over a model of its instructions (Intel's manual, volume 2) ---- */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
static float tile_reg[8][16][16];
static int tiles_ready;

static void model_load(int t, const void *p, size_t stride)
{
	assert_true(tiles_ready);
	for (size_t r = 0; r < 16; r++)
		memcpy(tile_reg[t][r], (const char *)p + r * stride, 64);
}

static void model_store(int t, void *p, size_t stride)
{
	for (size_t r = 0; r < 16; r++)
		memcpy((char *)p + r * stride, tile_reg[t][r], 64);
}

static uint32_t word(const float *p)
{
	uint32_t u;

	memcpy(&u, p, 4);
	return u;
}

/* TDPBF16PS: temp1[2n] and temp1[2n+1] over the pairs k, their sum, then the tile */
static void model_dp(int c, int a, int b)
{
	for (int m = 0; m < 16; m++)
		for (int n = 0; n < 16; n++) {
			float t[2] = {0, 0}, *d = &tile_reg[c][m][n];
			for (int k = 0; k < 16; k++)
				for (int h = 0; h < 2; h++) {
					uint32_t x = word(&tile_reg[a][m][k]) >> 16 * h;
					uint32_t y = word(&tile_reg[b][k][n]) >> 16 * h;
					t[h] = fma_as_described(bf16_float((uint16_t)x),
					    bf16_float((uint16_t)y), t[h]);
				}
			*d = flushed(flushed(*d) + flushed(t[0] + t[1]));
		}
}

#define TILE_LOAD(t, p, stride)  model_load(t, p, stride)
#define TILE_STORE(t, p, stride) model_store(t, p, stride)
#define TILE_ZERO(t)             memset(tile_reg[t], 0, sizeof tile_reg[t])
#define TILE_DP(c, a, b)         model_dp(c, a, b)
#define TILE_CONFIG(p)           (tiles_ready = (p)->palette == 1 && (p)->rows[7] == 16)
#define TILE_RELEASE()           (tiles_ready = 0)

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
#include "kernels/cpu/bf16_amx.inc"
#pragma GCC pop_options

static void code_of_amx_over_a_model_of_tiles(void **state)
{
	struct kern *k = kern_open_as("bf16", "cpu", NULL, NULL);

	(void)state;
	if (!__builtin_cpu_supports("avx512bf16")) {
		kern_close(k);
		print_message("# this machine cannot pack for AMX\n");
		skip();
	}
	((struct cpu *)k)->bf16 = &table16;
	((struct cpu *)k)->ops.isa = "amx code";
	all_shapes(k);
	kern_close(k);
	float *x = noise(TK * W, 1), *dout = noise(86 * HEADS * D, 1);
	float *want = attend("bf16", NULL, 86, x, dout),
	      *got = attend("bf16", &table16, 86, x, dout);
	assert_memory_equal(want, got, attended(86) * sizeof *got);
	free(x), free(dout), free(want), free(got);
}
#else
static void code_of_amx_over_a_model_of_tiles(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(products_are_those_described),
	    cmocka_unit_test(attention_is_near_that_of_fp32),
	    cmocka_unit_test(rounding_is_to_nearest_even),
	    cmocka_unit_test(code_of_amx_over_a_model_of_tiles),
	};

	return cmocka_run_group_tests_name("kernels bf16", tests, NULL, NULL);
}
