/* layers: kernels base */
/* bits - every operation gives the same bits for plain C, AVX2 and AVX-512, and for 1, 2 and 3
 * threads */
#include "ref.h"

#include "base/hash.h"

enum {
	B = 2,
	T = 97,
	H = 3,
	HKV = 1,
	D = 20,
	QKV = (H + 2 * HKV) * D,
	C = H * D,
	F = 77,
	V = 1003,
	R = B * T
};

/*
 * The operations in the order of a small training step; each result is folded into one hash an
 * operation, so that a difference is named. Random inputs are the same for every call.
 */
enum { N_OPS = 32 };

struct trace {
	int n;
	const char *name[N_OPS];
	uint64_t hash[N_OPS];
};

static void add(struct trace *t, const char *name, const void *p, size_t bytes)
{
	assert_true(t->n < N_OPS);
	t->name[t->n] = name;
	t->hash[t->n++] = hash64(p, bytes);
}

static void norm_ops(struct kern *k, struct trace *t, const float *x, const float *w)
{
	float *y = poison(R * C), *stat = poison(2 * R), *dx = poison(R * C), *dw = noise(C, 1),
	      *db = noise(C, 1);

	k->op->norm_fwd(k, KERN_LAYERNORM, y, C, stat, x, C, w, w, R, C, 1e-5f);
	add(t, "layernorm", y, R * C * 4);
	k->op->norm_bwd(k, KERN_LAYERNORM, dx, C, x, dw, db, y, C, x, C, stat, w, R, C);
	add(t, "layernorm dx", dx, R * C * 4);
	add(t, "layernorm dw", dw, C * 4);
	k->op->norm_fwd(k, KERN_RMSNORM, y, C, stat, x, C, NULL, NULL, R, C, 1e-5f);
	k->op->norm_bwd(k, KERN_RMSNORM, dx, C, NULL, NULL, NULL, y, C, x, C, stat, NULL, R, C);
	add(t, "rmsnorm dx", dx, R * C * 4);
	free(y), free(stat), free(dx), free(dw), free(db);
}

static void attn_ops(struct kern *k, struct trace *t)
{
	float *x = noise(R * QKV, 2), *dx = poison(R * QKV), *o = poison(R * C),
	      *dout = noise(R * C, 1);
	float *lse = poison(B * H * T), *cs = poison(T * D);
	struct kern_attn a = {B, T, T, H, HKV, D, 0.3f, x, x + C, x + C + HKV * D, QKV, QKV, QKV};

	k->op->rope_table(k, cs, T, D, 10000);
	add(t, "rope table", cs, T * D * 4);
	k->op->rope_fwd(k, x, QKV, cs, B, T, H + HKV, D, 0);
	add(t, "rope", x, R * QKV * 4);
	k->op->attn_fwd(k, &a, o, C, lse);
	add(t, "attention", o, R * C * 4);
	add(t, "attention lse", lse, B * H * T * 4);
	k->op->attn_bwd(k, &a, dx, dx + C, dx + C + HKV * D, o, dout, C, lse);
	add(t, "attention gradients", dx, R * QKV * 4);
	k->op->rope_bwd(k, dx, QKV, cs, B, T, H + HKV, D, 0);
	add(t, "rope back", dx, R * QKV * 4);
	free(x), free(dx), free(o), free(dout), free(lse), free(cs);
}

static void mlp_ops(struct kern *k, struct trace *t, const float *x)
{
	float *w = noise(2 * F * C, 1), *h = poison(R * 2 * F), *act = poison(R * F),
	      *d = noise(R * F, 1);
	float *dx = poison(R * C);

	k->op->gemm(k, KERN_NT, R, 2 * F, C, x, C, w, C, NULL, h, 2 * F);
	add(t, "gemm NT", h, R * 2 * F * 4);
	k->op->swiglu_fwd(k, act, h, R, F);
	add(t, "swiglu", act, R * F * 4);
	k->op->swiglu_bwd(k, h, NULL, d, h, R, F);
	add(t, "swiglu gradients", h, R * 2 * F * 4);
	k->op->gemm(k, KERN_NN, R, C, 2 * F, h, 2 * F, w, C, x, dx, C);
	add(t, "gemm NN", dx, R * C * 4);
	k->op->gemm(k, KERN_TN, 2 * F, C, R, h, 2 * F, x, C, w, w, C);
	add(t, "gemm TN", w, 2 * F * C * 4);
	free(w), free(h), free(act), free(d), free(dx);
}

static void loss_ops(struct kern *k, struct trace *t, const float *x)
{
	float *E = noise(V * C, 1), *dE = noise(V * C, 1), *dx = poison(R * C), loss[R], lse[R];
	int32_t labels[R], best[R];
	uint32_t ids[R];
	struct kern_head h = {.rows = R,
	    .C = C,
	    .V = V,
	    .x = x,
	    .E = E,
	    .labels = labels,
	    .g1 = 1.0f / R,
	    .gz1 = 1e-4f,
	    .loss = loss,
	    .lse = lse,
	    .best = best,
	    .dx = dx,
	    .dE = dE};

	for (int r = 0; r < R; r++) {
		ids[r] = (uint32_t)(rnd() % V);
		labels[r] = r % 9 ? (int32_t)(rnd() % V) : KERN_IGNORE;
	}
	k->op->head(k, &h);
	add(t, "loss", loss, sizeof loss);
	add(t, "lse", lse, sizeof lse);
	add(t, "best", best, sizeof best);
	add(t, "head dx", dx, R * C * 4);
	k->op->embed_bwd(k, dE, ids, dx, R, C);
	add(t, "head dE, embedding", dE, V * C * 4);
	free(E), free(dE), free(dx);
}

static void vector_ops(struct kern *k, struct trace *t)
{
	enum { N = 20011 };
	float *w = noise(N, 1), *m = noise(N, 1), *v = noise(N, 1), *g = noise(N, 1),
	      *y = poison(3 * N);
	struct kern_adamw o = {4e-4, 0.9, 0.95, 1e-5, 0.1, 0.37, 7, 0};
	double s[2];

	k->op->scale(k, v, v, 0.5f, N);
	for (int i = 0; i < N; i++)
		v[i] = fabsf(v[i]);
	k->op->adamw(k, &o, w, m, v, g, N);
	memcpy(y, w, N * 4);
	k->op->axpy(k, m, 0.1f, g, N);
	memcpy(y + N, m, N * 4);
	k->op->clamp_fwd(k, y + 2 * N, NULL, v, 0.3f, N);
	add(t, "adamw, axpy, clamp", y, 3 * N * 4);
	s[0] = k->op->sum(k, y, 3 * N);
	s[1] = k->op->sumsq(k, y, 3 * N);
	add(t, "sums", s, sizeof s);
	free(w), free(m), free(v), free(g), free(y);
}

/* attention inside documents, and Lion */
static void other_ops(struct kern *k, struct trace *t)
{
	float *x = noise(R * QKV, 2), *dx = poison(R * QKV), *o = poison(R * C),
	      *dout = noise(R * C, 1), *lse = poison(B * H * T);
	uint32_t first[R];
	struct kern_attn a = {
	    B, T, T, H, HKV, D, 0.3f, x, x + C, x + C + HKV * D, QKV, QKV, QKV, first};
	struct kern_lion l = {4e-4, 0.9, 0.99, 0.1, 0.37, 0};

	for (uint32_t r = 0; r < R; r++)
		first[r] = r % T / 33 * 33;
	k->op->attn_fwd(k, &a, o, C, lse);
	add(t, "attention inside documents", o, R * C * 4);
	k->op->attn_bwd(k, &a, dx, dx + C, dx + C + HKV * D, o, dout, C, lse);
	add(t, "gradients inside documents", dx, R * QKV * 4);
	k->op->lion(k, &l, x, dx, dout, R * C);
	add(t, "lion", x, R * C * 4);
	add(t, "lion's average", dx, R * C * 4);
	free(x), free(dx), free(o), free(dout), free(lse);
}

static struct trace run(const char *precision, const char *isa, int threads)
{
	struct pool *pool = pool_new(threads);
	struct kern *k = kern_open_as(precision, "cpu", isa, pool);
	struct trace t = {0};
	float *x, *w;

	rng_state = 88172645463325252u;
	assert_non_null(k);
	assert_int_equal(kern_reserve(k, &(struct kern_shape){R, V, T, H, HKV, D}), 0);
	x = noise(R * C, 1), w = noise(C, 1);
	norm_ops(k, &t, x, w);
	attn_ops(k, &t);
	mlp_ops(k, &t, x);
	loss_ops(k, &t, x);
	vector_ops(k, &t);
	other_ops(k, &t);
	free(x), free(w);
	kern_close(k);
	pool_free(pool);
	return t;
}

static void same(const struct trace *a, const struct trace *b, const char *isa, int threads)
{
	assert_int_equal(a->n, b->n);
	for (int i = 0; i < a->n; i++)
		if (a->hash[i] != b->hash[i])
			fail_msg("%s differs: %s with %d threads, plain C with 1", a->name[i], isa,
			    threads);
}

static void every_isa_and_any_threads(const char *precision)
{
	struct trace plain = run(precision, "c", 1);

	for (const char *const *isa = kern_isas(precision); *isa; isa++)
		for (int threads = 1; threads <= 3; threads++) {
			struct trace t = run(precision, *isa, threads);
			same(&t, &plain, *isa, threads);
		}
}

static void bits_are_equal_for_every_isa_and_any_threads(void **state)
{
	(void)state;
	every_isa_and_any_threads("fp32");
}

static void bits_of_bf16_are_equal_too(void **state)
{
	(void)state;
	every_isa_and_any_threads("bf16");
}

/*
 * And for every machine and compiler: this number was made by the plain C operations. It changes
 * when an operation's arithmetic does, which is news for everyone who compares runs bit by bit:
 * then say so in NEWS.md.
 */
static void bits_are_those_of_other_machines(void **state)
{
	static const char *const precision[] = {"fp32", "bf16"};
	static const uint64_t want[] = {0x3a3071b9f7db8964, 0xed9fdd04c04d0ebf};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct trace t = run(precision[i], "c", 1);
		uint64_t all = hash64(t.hash, sizeof t.hash[0] * (size_t)t.n);
		print_message(
		    "# all operations, %s: %016llx\n", precision[i], (unsigned long long)all);
		assert_true(all == want[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bits_are_equal_for_every_isa_and_any_threads),
	    cmocka_unit_test(bits_of_bf16_are_equal_too),
	    cmocka_unit_test(bits_are_those_of_other_machines),
	};

	return cmocka_run_group_tests_name("kernels bits", tests, NULL, NULL);
}
