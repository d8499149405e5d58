/* layers: model kernels tok doc io base */
/*
 * schedule, params (initial weights), grads (sum over microbatches).
 *
 * Golden values: CPython 3.11 (IEEE doubles): OLMo's formulas of olmo/optim.py written in Python
 * with peak 6e-4, warm-up 7, 50 steps, alpha_f 0.25; statistics.NormalDist().inv_cdf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "model/grads.h"
#include "model/params.h"
#include "model/schedule.h"

/* ---- schedules ------------------------------------------------------------------------- */

static void learning_rate_differs(void **state)
{
	static const enum schedule_kind kinds[4] = {
	    SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_INV_SQRT, SCHEDULE_MAX};
	static const struct {
		int s;
		double lr[4];
	} want[] = {
	    {1, {0.0001371428571428571, 0.0001371428571428571, 0.0001371428571428571,
		    0.0001371428571428571}},
	    {6, {0.0005228571428571428, 0.0005228571428571428, 0.0005228571428571428,
		    0.0005228571428571428}},
	    {7, {0.0006, 0.0006, 0.0006, 0.0006}},
	    {8, {0.0005993997638242991, 0.0005895348837209302, 0.0005612486080160911,
		    0.0005993997638242991}},
	    {23, {0.000462998562110285, 0.00043255813953488364, 0.00033100637062042227,
		     0.000462998562110285}},
	    {49, {0.00015060023617570088, 0.00016046511627906975, 0.0002267786838055363,
		     0.0002267786838055363}},
	    {50, {0.00015, 0.00015, 0.00022449944320643647, 0.00022449944320643647}},
	    {80, {0.00015, 0.00015, 0.00017748239349298846, 0.00017748239349298846}},
	};

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		struct schedule sc = {.kind = kinds[k],
		    .peak = 6e-4,
		    .alpha_f = 0.25,
		    .warmup = 7,
		    .warmup_min_lr = -1};
		for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
			assert_true(schedule_lr(&sc, want[i].s, 50) == want[i].lr[k]);
		sc.t_max = 50;
		assert_true(schedule_lr(&sc, 23, 999) == want[4].lr[k]);
	}
}

static void warmup_or_constant_is_wrong(void **state)
{
	struct schedule sc = {
	    .kind = SCHEDULE_CONSTANT, .peak = 1, .warmup = 10, .warmup_min_lr = 0};
	enum schedule_kind k;

	(void)state;
	assert_true(schedule_lr(&sc, 1, 100) == 1);
	sc.kind = SCHEDULE_CONSTANT_WARMUP;
	assert_true(schedule_lr(&sc, 1, 100) == 0.1);
	assert_true(schedule_lr(&sc, 50, 100) == 1);
	/* v0.2.4 and the last version round differently: 4e-4 * (0.1 + 0.9 * 1000 / 2000) in Python */
	sc = (struct schedule){
	    .kind = SCHEDULE_COSINE, .peak = 4e-4, .warmup = 2000, .warmup_min_lr = -1};
	assert_true(schedule_lr(&sc, 1000, 9999) == 0.00022);
	sc.v024 = 1;
	assert_true(schedule_lr(&sc, 1000, 9999) == 0.00022000000000000003);
	assert_int_equal(schedule_kind_of("cosine_linear_envelope", &k), 0);
	assert_string_equal(schedule_kind_name(k), "cosine_linear_envelope");
	assert_int_equal(schedule_kind_of("cosine", &k), -1);
	assert_non_null(strstr(err_msg(), "cosine_with_warmup"));
}

/* The paper's last steps: from where the schedule is, on a line to zero. */
static void final_decay_does_not_reach_zero_on_a_line(void **state)
{
	struct schedule sc = {
	    .kind = SCHEDULE_LINEAR, .peak = 3, .alpha_f = 0.1, .warmup = 10, .decay = 20};
	struct schedule plain = sc;

	(void)state;
	plain.decay = 0;
	for (int s = 1; s <= 80; s++)
		assert_true(schedule_lr(&sc, s, 100) == schedule_lr(&plain, s, 100));
	assert_true(schedule_lr(&sc, 81, 100) == schedule_lr(&plain, 80, 100) * 0.95);
	assert_true(schedule_lr(&sc, 90, 100) == schedule_lr(&plain, 80, 100) * 0.5);
	assert_true(schedule_lr(&sc, 100, 100) == 0);
	assert_true(schedule_lr(&sc, 120, 100) == 0);
	/* the line ends with the planned steps, not with t_max */
	sc.kind = SCHEDULE_CONSTANT;
	sc.t_max = 40;
	assert_true(schedule_lr(&sc, 80, 100) == 3);
	assert_true(schedule_lr(&sc, 95, 100) == 0.75);
}

/* OLMo clips step s with the limit of step s - 1, and step 1 with the plain one. */
static void clipping_limit_is_not_late(void **state)
{
	static const double want[] = {1, 10, 10, 10, 1, 1};
	struct schedule sc = {.max_grad_norm = 1, .clip_steps = 3, .clip_factor = 10};

	(void)state;
	for (int s = 1; s <= 6; s++)
		assert_true(schedule_clip_late(&sc, s, s - 1) == want[s - 1]);
	sc.max_grad_norm = 0;
	assert_true(schedule_clip_late(&sc, 3, 2) == 0);
}

/* ---- initial weights ------------------------------------------------------------------- */

static void quantile_is_wrong(void **state)
{
	static const double want[][2] = {{0.5, 0.0}, {0.6, 0.2533471031357998},
	    {0.9, 1.2815515655446008}, {0.925, 1.439531470938456}, {0.999, 3.090232306167813},
	    {1e-06, -4.753424308822899}, {1e-12, -7.034483825301132},
	    {1.1102230246251565e-16, -8.209536151601386}, {0.9999999999999999, 8.209536151601386}};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(fabs(params_quantile(want[i][0]) - want[i][1]) <=
			    4e-15 * (1 + fabs(want[i][1])));
}

static struct params *some_params(int tied)
{
	struct arch a = {.family = ARCH_OLMO,
	    .C = 64,
	    .L = 3,
	    .H = 4,
	    .HKV = 4,
	    .D = 16,
	    .F = 100,
	    .V = 500,
	    .T = 32,
	    .tied = tied,
	    .rope_theta = 1e4,
	    .norm_eps = 1e-5,
	    .init_std = 0.02};

	return params_new(&a);
}

/* Sample deviation of each tensor against OLMo's formulas; a normal cut at 3 has 0.98658 sigma. */
static void deviation_of_first_weights(void **state)
{
	struct params_init in = {.scheme = PARAMS_MITCHELL, .seed = 6198};
	struct params *p = some_params(0);
	struct pool *pool = pool_new(2);
	float *w = calloc(p->n_float, sizeof(*w));

	(void)state;
	params_init(p, w, &in, pool);
	for (size_t i = 0; i < p->n; i++) {
		const struct param *t = &p->t[i];
		double want = 1 / sqrt(64.0), sum = 0, sq = 0, n = (double)t->n;
		if (t->kind == PARAM_O)
			want = 1 / sqrt(64.0) / sqrt(2.0 * (double)(t->layer + 1));
		if (t->kind == PARAM_DOWN)
			want = 1 / sqrt(100.0) / sqrt(2.0 * (double)(t->layer + 1));
		for (size_t k = 0; k < t->n; k++) {
			double x = (double)w[t->off + k];
			assert_true(fabs(x) <= 3 * want * 1.0000001);
			sum += x;
			sq += x * x;
		}
		/* five standard errors */
		assert_true(fabs(sum / n) < 5 * want / sqrt(n));
		assert_true(fabs(sqrt(sq / n) - 0.98658 * want) < 5 * want / sqrt(2 * n));
	}
	free(w);
	pool_free(pool);
	params_free(p);
}

/* The samples of every scheme have the deviation that params_sigma gives, cut off as it says. */
static void scheme_draws_another_deviation(void **state)
{
	static const struct params_init in[] = {{.scheme = PARAMS_NORMAL, .std = 0.02, .seed = 3},
	    {.scheme = PARAMS_NORMAL, .std = 0.02, .cutoff = 2, .depth_scaled = 1, .seed = 4},
	    {.scheme = PARAMS_FAN_IN, .seed = 5}, {.scheme = PARAMS_KAIMING, .seed = 6},
	    {.scheme = PARAMS_MEGATRON, .std = 0.02, .seed = 7}};
	struct params *p = some_params(0);
	struct pool *pool = pool_new(2);
	float *w = calloc(p->n_float, sizeof(*w));

	(void)state;
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		params_init(p, w, &in[i], pool);
		for (size_t q = 0; q < p->n; q++) {
			const struct param *t = &p->t[q];
			double cut, sigma = params_sigma(p, t, &in[i], &cut), sq = 0, max = 0;
			/* what a normal distribution loses when it is cut: 1 - 2 c phi / P */
			double keep = cut > 0 ? 1 - 2 * cut * exp(-cut * cut / 2) /
							sqrt(2 * M_PI) / erf(cut / sqrt(2))
					      : 1;
			for (size_t k = 0; k < t->n; k++) {
				double x = (double)w[t->off + k];
				sq += x * x;
				max = fmax(max, fabs(x));
			}
			double got = sqrt(sq / (double)t->n);
			assert_true(
			    fabs(got - sigma * sqrt(keep)) < 5 * sigma / sqrt(2 * (double)t->n));
			assert_true(cut > 0 ? max <= cut * sigma * 1.0000001 : max > 3 * sigma);
		}
	}
	free(w);
	pool_free(pool);
	params_free(p);
}

static void scheme_has_another_deviation(void **state)
{
	static const struct {
		struct params_init in;
		double embed, o, down, head, cut;
	} want[] = {
	    {{.scheme = PARAMS_NORMAL, .std = 0.02}, 0.02, 0.02, 0.02, 0.02, 0},
	    {{.scheme = PARAMS_NORMAL, .std = 0.02, .depth_scaled = 1, .cutoff = 2}, 0.02, 0.02,
		0.008164965809277261, 0.02, 2},
	    {{.scheme = PARAMS_FAN_IN}, 0.125, 0.125, 0.1, 0.125, 0},
	    {{.scheme = PARAMS_KAIMING}, 0.1767766952966369, 0.1767766952966369,
		0.1414213562373095, 0.1767766952966369, 0},
	    {{.scheme = PARAMS_MEGATRON, .std = 0.02}, 0.02, 0.008164965809277261,
		0.008164965809277261, 0.125, 3},
	};
	struct params *p = some_params(0);
	double cut;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		for (size_t k = 0; k < p->n; k++) {
			const struct param *t = &p->t[k];
			double s = params_sigma(p, t, &want[i].in, &cut), e = want[i].embed;
			if (t->kind == PARAM_O)
				e = want[i].o;
			if (t->kind == PARAM_DOWN)
				e = want[i].down;
			if (t->kind == PARAM_HEAD)
				e = want[i].head;
			assert_true(fabs(s - e) < 1e-15 && cut == want[i].cut);
		}
	}
	params_free(p);
}

/* A weight depends on seed, name and place: not on threads, nor on which other tensors exist. */
static void first_weights_depend_on_more(void **state)
{
	struct params_init in = {.scheme = PARAMS_MITCHELL, .seed = 1};
	struct params *p = some_params(0), *q = some_params(1);
	struct pool *one = pool_new(1), *three = pool_new(3);
	float *a = calloc(p->n_float, sizeof(*a)), *b = calloc(p->n_float, sizeof(*b));
	float *c = calloc(q->n_float, sizeof(*c));

	(void)state;
	params_init(p, a, &in, one);
	params_init(p, b, &in, three);
	assert_memory_equal(a, b, p->n_float * sizeof(*a));
	params_init(q, c, &in, one);
	assert_memory_equal(a, c, q->n_float * sizeof(*a));
	in.seed = 2;
	params_init(p, b, &in, one);
	assert_memory_not_equal(a, b, p->n_float * sizeof(*a));
	assert_memory_not_equal(a + params_find(p, "model.layers.0.self_attn.k_proj.weight")->off,
	    a + params_find(p, "model.layers.0.self_attn.v_proj.weight")->off,
	    64 * 64 * sizeof(*a));
	pool_free(one);
	pool_free(three);
	params_free(p);
	params_free(q);
	free(a);
	free(b);
	free(c);
}

/* ---- sum over microbatches -------------------------------------------------------------- */

static float part(size_t i)
{
	return 1.0f / (float)(3 * i + 1) + (i % 3 == 0 ? 1e6f : 0);
}

/* The tree of trainer.h, by recursion: the left part is the largest power of two below n. */
static float tree(size_t first, size_t n)
{
	size_t left = 1;

	if (n == 1)
		return part(first);
	while (2 * left < n)
		left *= 2;
	return tree(first, left) + tree(first + left, n - left);
}

static void sum_of_microbatches_has_another_order(void **state)
{
	struct kern *k = kern_open("cpu", NULL, NULL);
	struct grads s;

	(void)state;
	for (size_t n = 1; n <= 20; n++) {
		float in_order = 0;
		for (int fast = 0; fast < 2; fast++) {
			assert_int_equal(grads_init(&s, k, 5, n, fast), 0);
			for (int again = 0; again < 2; again++) {
				in_order = 0;
				for (size_t i = 0; i < n; i++) {
					grads_next(&s)[3] += part(i);
					grads_done(&s);
					in_order += part(i);
				}
				float got = grads_sum(&s)[3], want = fast ? in_order : tree(0, n);
				assert_true(got == want);
				assert_true(s.buf[0][0] == 0);
				if (fast)
					memset(s.buf[0], 0, 5 * sizeof(float));
			}
			grads_release(&s);
		}
	}
	kern_close(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(learning_rate_differs),
	    cmocka_unit_test(warmup_or_constant_is_wrong),
	    cmocka_unit_test(final_decay_does_not_reach_zero_on_a_line),
	    cmocka_unit_test(clipping_limit_is_not_late),
	    cmocka_unit_test(quantile_is_wrong),
	    cmocka_unit_test(deviation_of_first_weights),
	    cmocka_unit_test(scheme_has_another_deviation),
	    cmocka_unit_test(scheme_draws_another_deviation),
	    cmocka_unit_test(first_weights_depend_on_more),
	    cmocka_unit_test(sum_of_microbatches_has_another_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
