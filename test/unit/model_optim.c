/* layers: model kernels tok doc io base */
/*
 * optim, periodic, spike.  Golden numbers: olmo/optim.py and olmo/data/util.py of allenai/OLMo at
 * HEAD (Sept 2025) with torch 2.15.0 (CPU): two tensors of six numbers, LionW (lr 0.01, betas 0.9
 * 0.99, decay 0.1) with max_grad_norm_ratio 0.9, five steps; find_periodic_sequences on 400
 * arrays made by rnd() as below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "base/err.h"
#include "kernels/kernels.h"
#include "model/optim.h"
#include "model/periodic.h"
#include "model/spike.h"

enum { N = 6, STEPS = 5 };

static float weight(size_t k, size_t i)
{
	uint64_t z = (k + 1) * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	z ^= z >> 31;
	return (float)((double)(z >> 40) / 8388608.0 - 1.0);
}

static const double want_avg[STEPS][2] = {{3.18370652, 2.34222412}, {4.47037792, 4.2540226},
    {4.44332743, 4.22647142}, {4.42174387, 4.21358633}, {4.41732216, 4.20937252}};
static const double want_rate[STEPS] = {1, 1, 0, 0, 1};
static const double want_w[2 * N] = {0.896859705, 0.44498381, 0.644137144, 0.656661034,
    -0.437540174, -0.584099114, -0.225700378, -0.77854377, -0.273892909, 0.34770447, -0.774038672,
    -0.816439807};
static const double want_m[2 * N] = {0.0214456972, 0.0453255884, -0.00673111901, -0.04258864,
    -0.013774002, 0.0149542149, -0.00787510537, -0.0137978103, 0.0150171872, -0.00515559316,
    0.0249561556, -0.00989878364};

static void near(const char *what, size_t i, double got, double want)
{
	if (!(fabs(got - want) <= 4e-7 * (1 + fabs(want))))
		fail_msg("%s, %zu: got %.9g, expected %.9g", what, i, got, want);
}

static void lion_or_adaptive_clipping_differ(void **state)
{
	struct param t[2] = {{.kind = PARAM_O, .n = N, .dims = 1, .shape = {N}},
	    {.kind = PARAM_DOWN, .off = N, .n = N, .dims = 1, .shape = {N}}};
	struct params p = {.t = t, .n = 2, .n_float = 2 * N, .norm_f = PARAMS_NONE};
	struct kern *k = kern_open("cpu", NULL, NULL);
	struct optim o = {
	    .kind = OPTIM_LION, .lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1};
	float w[2 * N], m[2 * N] = {0}, g[2 * N], avg[2] = {-1, -1}, scale[2];

	(void)state;
	for (size_t i = 0; i < 2 * N; i++)
		w[i] = weight(i / N, i % N);
	for (size_t s = 1; s <= STEPS; s++) {
		for (size_t i = 0; i < 2 * N; i++)
			g[i] = weight(10 * s + i / N, i % N) * (float)(1 + s % 3);
		double rate = optim_adapt(&p, k, g, 0.9, 0.99, s, avg, scale);
		assert_true(rate == want_rate[s - 1]);
		for (size_t i = 0; i < 2; i++) {
			if (s == 1)
				assert_true(avg[i] < 0); /* kept from step 2 on */
			else
				near("average of the norm", s, (double)avg[i], want_avg[s - 1][i]);
		}
		o.step = s;
		o.scale = scale;
		optim_step(&p, k, &o, w, m, NULL, g);
	}
	for (size_t i = 0; i < 2 * N; i++) {
		near("weight", i, (double)w[i], want_w[i]);
		near("average of the gradient", i, (double)m[i], want_m[i]);
	}
	kern_close(k);
}

/* ---- repetitions -------------------------------------------------------------------------- */

static uint32_t rnd_state;

static uint32_t rnd(void)
{
	rnd_state = (rnd_state * 1103515245u + 12345u) & 0x7fffffff;
	return rnd_state >> 16;
}

static void repetition_is_seen_otherwise(void **state)
{
	static const char want[] = "8321e5c71f2554c63a291475840567309cd7eafb2b192d2873e1dde48d1d4e"
				   "ada4ca01b5204935d9b3bf50006f1646e1cf9c";
	uint32_t a[128];

	(void)state;
	rnd_state = 12345;
	for (size_t c = 0; c < 400; c++) {
		size_t n = 1 + rnd() % 120, vocab = 1 + rnd() % 4;
		for (size_t i = 0; i < n; i++)
			a[i] = rnd() % (uint32_t)vocab;
		size_t p = 1 + rnd() % 9, at = rnd() % n, len = rnd() % n;
		for (size_t i = at + p; i < n && i < at + len; i++)
			a[i] = a[i - p];
		size_t lo = 1 + rnd() % 3, hi = lo + rnd() % 10, count = 1 + rnd() % 9;
		char hex[2] = {want[c / 4], 0};
		int yes = strtol(hex, NULL, 16) >> (3 - c % 4) & 1;
		if (periodic_has(a, n, lo, hi, count) != yes)
			fail_msg("array %zu: expected %d", c, yes);
	}
}

/* ---- spikes ------------------------------------------------------------------------------- */

static void skipped_steps_are_others(void **state)
{
	struct spike s, r;

	(void)state;
	spike_init(&s, 8, 3);
	/* nothing before four steps, whatever comes */
	for (int i = 0; i < 4; i++)
		assert_false(spike_skips(&s, i == 2 ? 50 : 3, 1));
	spike_release(&s);
	spike_init(&s, 8, 3);
	for (int i = 0; i < 12; i++)
		assert_false(spike_skips(&s, 3 + 0.1 * (i % 3), 1 + 0.1 * (i % 2)));
	/* window: losses 3.1 3.2 3 3.1 3.2 3 3.1 3.2; mean 3.1125, deviation 0.0835 */
	assert_false(spike_skips(&s, 3.3, 1));
	assert_true(spike_skips(&s, 3.5, 1));
	assert_int_equal(s.skipped, 1);
	/* a gradient norm alone; a drop is no spike */
	assert_true(spike_skips(&s, 3.1, 9));
	assert_false(spike_skips(&s, 0.1, 0.01));
	/* what was stored goes on alike; a level that stays is accepted */
	json_t *j = spike_json(&s), *bad = json_pack("{s:i}", "skipped", 1);
	spike_init(&r, 8, 3);
	assert_int_equal(spike_read(&r, j, "x"), 0);
	assert_int_equal(r.skipped, 2);
	int last = 0;
	for (int i = 0; i < 20; i++) {
		last = spike_skips(&s, 9 + 0.01 * (i % 4), 1);
		assert_int_equal(spike_skips(&r, 9 + 0.01 * (i % 4), 1), last);
	}
	assert_false(last);
	assert_int_equal(spike_read(&r, bad, "state.json"), -1);
	assert_non_null(strstr(err_msg(), "state.json: 'spikes'"));
	json_decref(j);
	json_decref(bad);
	spike_release(&s);
	spike_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lion_or_adaptive_clipping_differ),
	    cmocka_unit_test(repetition_is_seen_otherwise),
	    cmocka_unit_test(skipped_steps_are_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
