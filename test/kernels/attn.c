/* layers: kernels base */
/* attn - causal attention against fp64, its backward pass against central differences at sampled
 * elements */
#include "ref.h"

struct shape {
	size_t B, Tq, Tk, H, HKV, D;
};

/* lengths around the block of 64, grouped heads, odd head sizes, a cached prefix */
static const struct shape shapes[] = {
    {1, 1, 1, 1, 1, 1},
    {2, 5, 5, 2, 1, 3},
    {1, 64, 64, 2, 2, 16},
    {1, 65, 65, 4, 2, 20},
    {1, 130, 130, 1, 1, 7},
    {1, 63, 63, 3, 1, 33},
    {2, 1, 70, 2, 1, 8},
    {1, 67, 150, 2, 2, 32},
};

struct problem {
	struct kern_attn a;
	double *q, *k, *v, *dout, *o; /* contiguous copies */
};

/* rows at stride ld -> contiguous doubles */
static double *gather(const float *x, size_t rows, size_t ld, size_t width)
{
	double *y = malloc(rows * width * sizeof *y);

	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < width; c++)
			y[r * width + c] = (double)x[r * ld + c];
	return y;
}

static double objective(void *arg)
{
	struct problem *p = arg;
	size_t n = p->a.B * p->a.Tq * p->a.H * p->a.D;
	double sum = 0;

	ref_attn(&p->a, p->q, p->k, p->v, p->o, NULL);
	for (size_t i = 0; i < n; i++)
		sum += p->o[i] * p->dout[i];
	return sum;
}

/* n sampled elements of one gradient; got lies at stride ld in rows of `width` */
static void check_slopes(struct problem *p, double *x, const float *got, size_t rows, size_t ld,
    size_t width, const char *what)
{
	size_t all = rows * width, n = all < 12 ? all : 12;

	for (size_t s = 0; s < n; s++) {
		size_t i = rnd() % all;
		NEAR(got[i / width * ld + i % width], slope(objective, p, &x[i]), 0.5, 1e-5, what,
		    i);
	}
}

/* where documents begin, seen from each place: some of one key, some longer than a block */
static uint32_t *starts(size_t B, size_t T)
{
	uint32_t *first = malloc(B * T * sizeof *first);

	for (size_t b = 0; b < B; b++)
		for (size_t t = 0; t < T; t++) {
			int begins = t == 0 || rnd() % (t < 20 ? 3 : 40) == 0;
			first[b * T + t] = begins ? (uint32_t)t : first[b * T + t - 1];
		}
	return first;
}

static void check(struct kern *k, const struct shape *s, int docs)
{
	/* queries and keys packed as a trainer does when the lengths agree, apart otherwise */
	size_t nq = s->B * s->Tq, nk = s->B * s->Tk, HD = s->H * s->D, KD = s->HKV * s->D;
	size_t packed = s->Tq == s->Tk, ldq = packed ? HD + 2 * KD : HD + 1,
	       ldk = packed ? ldq : 2 * KD + 3;
	size_t ldo = HD + 2, n_q = nq * ldq, n_k = packed ? 0 : nk * ldk;
	float *mem = noise(n_q + n_k, 1.5f), *kk = packed ? mem + HD : mem + n_q, *vv = kk + KD;
	float *dmem = poison(n_q + n_k), *dk = dmem + (kk - mem), *dv = dk + KD;
	float *o = poison(nq * ldo), *dout = noise(nq * ldo, 1),
	      *lse = poison(s->B * s->H * s->Tq);
	struct problem p = {.a = {s->B, s->Tq, s->Tk, s->H, s->HKV, s->D, 1 / sqrtf((float)s->D),
				mem, kk, vv, ldq, ldk, ldk, NULL}};
	uint32_t *first = docs ? starts(s->B, s->Tq) : NULL;
	double *want = malloc(nq * HD * sizeof *want),
	       *want_lse = malloc(s->B * s->H * s->Tq * sizeof *want);

	p.a.first = first;
	k->op->attn_fwd(k, &p.a, o, ldo, lse);
	k->op->attn_bwd(k, &p.a, dmem, dk, dv, o, dout, ldo, lse);
	p.q = gather(mem, nq, ldq, HD);
	p.k = gather(kk, nk, ldk, KD);
	p.v = gather(vv, nk, ldk, KD);
	p.dout = gather(dout, nq, ldo, HD);
	p.o = malloc(nq * HD * sizeof *p.o);
	ref_attn(&p.a, p.q, p.k, p.v, want, want_lse);
	for (size_t i = 0; i < nq * HD; i++)
		NEAR(o[i / HD * ldo + i % HD], want[i], 1, 2e-6, "o", i);
	for (size_t i = 0; i < s->B * s->H * s->Tq; i++)
		NEAR(lse[i], want_lse[i], 1, 1e-6, "lse", i);
	for (size_t i = 0; i < nq; i++)
		assert_true(isnan(o[i * ldo + HD]));
	for (size_t i = 0; i < nq * HD; i++)
		assert_false(isnan(dmem[i / HD * ldq + i % HD]));
	for (size_t i = 0; i < nk * KD; i++)
		assert_false(isnan(dk[i / KD * ldk + i % KD]) || isnan(dv[i / KD * ldk + i % KD]));
	check_slopes(&p, p.q, dmem, nq, ldq, HD, "dq");
	check_slopes(&p, p.k, dk, nk, ldk, KD, "dk");
	check_slopes(&p, p.v, dv, nk, ldk, KD, "dv");
	k->op->attn_fwd(k, &p.a, o, ldo, NULL);
	free(mem), free(dmem), free(o), free(dout), free(lse), free(want), free(want_lse);
	free(p.q), free(p.k), free(p.v), free(p.dout), free(p.o), free(first);
}

static void all(struct kern *k)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (int docs = 0; docs <= (shapes[i].Tq == shapes[i].Tk); docs++)
			check(k, &shapes[i], docs);
}

static const struct kern_shape max = {.rows = 200, .T = 150, .H = 4, .HKV = 2, .D = 33};

static void attention_and_gradients_equal_fp64(void **state)
{
	(void)state;
	each_kern(&max, all);
}

/* scores of +-hundreds: the running maximum must carry them */
static void large(struct kern *k)
{
	enum { T = 140, D = 8 };
	float *x = noise(T * 3 * D, 1), *o = poison(T * D);
	double *q, *kk, *v, *want = malloc(T * D * sizeof *want);
	struct kern_attn a = {1, T, T, 1, 1, D, 1, x, x + D, x + 2 * D, 3 * D, 3 * D, 3 * D};

	for (size_t t = 0; t < T; t++)
		for (size_t d = 0; d < 2 * D; d++)
			x[t * 3 * D + d] *= 20;
	q = gather(x, T, 3 * D, D), kk = gather(x + D, T, 3 * D, D),
	v = gather(x + 2 * D, T, 3 * D, D);
	k->op->attn_fwd(k, &a, o, D, NULL);
	ref_attn(&a, q, kk, v, want, NULL);
	for (size_t i = 0; i < T * D;
	     i++) /* an error of 1e-7 in a score of 1000 is 1e-4 in its exp */
		NEAR(o[i], want[i], 1, 5e-4, "o", i);
	free(x), free(o), free(q), free(kk), free(v), free(want);
}

static void large_scores_do_not_overflow(void **state)
{
	(void)state;
	each_kern(&max, large);
}

/* the last row of a full pass = the same query alone on a cached prefix: the same bits */
static void cached(struct kern *k)
{
	enum { T = 131, H = 4, KV = 2, D = 24, W = (H + 2 * KV) * D };
	float *x = noise(T * W, 1), *o = poison(T * H * D), *one = poison(H * D);
	struct kern_attn a = {1, T, T, H, KV, D, 0.2f, x, x + H * D, x + (H + KV) * D, W, W, W};

	k->op->attn_fwd(k, &a, o, H * D, NULL);
	a.Tq = 1;
	a.q = x + (T - 1) * W;
	k->op->attn_fwd(k, &a, one, H * D, NULL);
	assert_memory_equal(one, o + (T - 1) * H * D, H * D * sizeof *o);
	free(x), free(o), free(one);
}

static void a_query_on_a_cached_prefix_gives_the_same_bits(void **state)
{
	(void)state;
	each_kern(&max, cached);
}

/* what comes later must not matter, whatever it is */
static void later(struct kern *k)
{
	enum { T = 70, D = 16, W = 3 * D, CUT = 66 };
	float *x = noise(T * W, 1), *o = poison(T * D), *p = poison(T * D);
	struct kern_attn a = {1, T, T, 1, 1, D, 0.25f, x, x + D, x + 2 * D, W, W, W};

	k->op->attn_fwd(k, &a, o, D, NULL);
	for (size_t i = CUT * W; i < T * W; i++)
		x[i] = 1e4f * rndf();
	k->op->attn_fwd(k, &a, p, D, NULL);
	assert_memory_equal(o, p, CUT * D * sizeof *o);
	assert_memory_not_equal(o + CUT * D, p + CUT * D, (T - CUT) * D * sizeof *o);
	free(x), free(o), free(p);
}

static void no_query_sees_later_keys(void **state)
{
	(void)state;
	each_kern(&max, later);
}

/* one document is no document: the same bits; and nothing of another document comes in */
static void documents(struct kern *k)
{
	enum { T = 150, D = 16, W = 3 * D, CUT = 77 };
	float *x = noise(T * W, 1), *o = poison(T * D), *p = poison(T * D);
	uint32_t *first = calloc(T, sizeof *first);
	struct kern_attn a = {1, T, T, 1, 1, D, 0.25f, x, x + D, x + 2 * D, W, W, W, NULL};

	k->op->attn_fwd(k, &a, o, D, NULL);
	a.first = first;
	k->op->attn_fwd(k, &a, p, D, NULL);
	assert_memory_equal(o, p, T * D * sizeof *o);
	for (size_t t = CUT; t < T; t++)
		first[t] = CUT;
	k->op->attn_fwd(k, &a, p, D, NULL);
	assert_memory_equal(o, p, CUT * D * sizeof *o);
	for (size_t i = 0; i < CUT * W; i++)
		x[i] = 1e4f * rndf();
	k->op->attn_fwd(k, &a, o, D, NULL);
	assert_memory_equal(o + CUT * D, p + CUT * D, (T - CUT) * D * sizeof *o);
	assert_memory_not_equal(o, p, CUT * D * sizeof *o);
	free(x), free(o), free(p), free(first);
}

static void no_query_sees_another_document(void **state)
{
	(void)state;
	each_kern(&max, documents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(attention_and_gradients_equal_fp64),
	    cmocka_unit_test(large_scores_do_not_overflow),
	    cmocka_unit_test(a_query_on_a_cached_prefix_gives_the_same_bits),
	    cmocka_unit_test(no_query_sees_later_keys),
	    cmocka_unit_test(no_query_sees_another_document),
	};

	return cmocka_run_group_tests_name("kernels attn", tests, NULL, NULL);
}
