/* layers: model kernels tok doc io base */
/*
 * shared/data/golden/olmo_golden.json: learning rates of the released runs, and a model of
 * OLMo's own code (torch 1.13, CPU, fp32): logits, loss, gradient norms, z-loss, and the loss
 * after one clipped AdamW step. Weights are a formula seeded by the SHA-256 of the tensor's name
 * in OLMo's code. Tolerance 1e-5 relative (fp32, another order of sums); learning rates equal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <jansson.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/conf.h"
#include "kernels/kernels.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/schedule.h"
#include "test/conformance/table.h"

static json_t *golden;
static struct table *table; /* of the test that runs */

/* ---- learning rates ------------------------------------------------------------------------ */

static void learning_rates(void **state)
{
	static const struct {
		const char *name;
		struct schedule s;
		double max;
	} runs[] = {
	    {"olmo1b_cosine(4e-4,warm2000,max739328,a.1)",
		{.kind = SCHEDULE_COSINE, .peak = 4e-4, .warmup = 2000, .alpha_f = 0.1}, 739328},
	    {"olmo7b_linear(3e-4,warm5000,max476837,a.1)",
		{.kind = SCHEDULE_LINEAR, .peak = 3e-4, .warmup = 5000, .alpha_f = 0.1}, 476837},
	    {"olmo7b_phase2_linear(3e-5,warm501000,tmax700000,a.1)",
		{.kind = SCHEDULE_LINEAR, .peak = 3e-5, .warmup = 501000, .alpha_f = 0.1}, 700000},
	    {"olmo7b_final_linear(2.3e-5,warm556000,tmax557000,a.001)",
		{.kind = SCHEDULE_LINEAR, .peak = 2.3e-5, .warmup = 556000, .alpha_f = 0.001},
		557000},
	};
	const char *step;
	json_t *v;
	struct table t = {.oracle = "olmo_golden.json"};
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct schedule s = runs[i].s;
		s.warmup_min_lr = -1;
		s.v024 = 1;
		json_object_foreach(
		    json_object_get(json_object_get(golden, "lr"), runs[i].name), step, v)
		{
			double got = schedule_lr(&s, strtod(step, NULL), runs[i].max);
			double want = json_number_value(v);
			table_note(&t, "learning rate", fabs(got - want), want, 0);
			if (got != json_number_value(v))
				fail_msg("%s, step %s: %.17g, expected %.17g", runs[i].name, step,
				    got, json_number_value(v));
			n++;
		}
	}
	assert_true(n >= 20);
	table_end(&t);
}

/* ---- the model ----------------------------------------------------------------------------- */

/* First 8 bytes of SHA-256(name), as a little-endian number. */
static uint64_t seed_of(const char *name)
{
	char *cmd = xasprintf("printf %%s '%s' | sha256sum", name), hex[17] = "";
	FILE *f = popen(cmd, "r");
	uint64_t v = 0;

	if (f == NULL || fread(hex, 1, 16, f) != 16)
		fail_msg("sha256sum does not run");
	pclose(f);
	free(cmd);
	for (int i = 7; i >= 0; i--) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
		v = v << 8 | strtoull(two, NULL, 16);
	}
	return v;
}

static void fill(float *w, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
		z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
		z ^= z >> 31;
		w[i] = (float)(((double)(z >> 40) / 8388608.0 - 1.0) * 0.125);
	}
}

static void near_row(const char *row, const char *what, double got, const json_t *want)
{
	double w = json_number_value(want), tol = 1e-5 * (0.1 + fabs(w));

	table_note(table, row, fabs(got - w), fabs(w), tol);
	if (!json_is_number(want) || !(fabs(got - w) <= tol))
		fail_msg("%s: %.9g, expected %.9g", what, got, w);
}

static void near(const char *what, double got, const json_t *want)
{
	near_row(what, what, got, want);
}

enum { B = 2, T = 16, V = 128 };

static double loss_of(struct net *n, const float *w, const uint32_t *ids, float *g)
{
	int32_t labels[B * T];
	double loss = 0;

	for (size_t i = 0; i < B * T; i++) {
		labels[i] = i % T + 1 < T ? (int32_t)ids[i + 1] : KERN_IGNORE;
		n->g[i] = 1.0f / (B * (T - 1));
		n->gz[i] = 0;
	}
	net_forward(n, w, ids, B, T);
	net_head(n, w, labels, g);
	for (size_t i = 0; i < B * T; i++)
		loss += (double)n->loss[i] / (B * (T - 1));
	return loss;
}

static void check_logits(struct net *n, const float *w, const json_t *want)
{
	static float lg[B * T * V];
	double sum = 0, sq = 0;

	net_logits(n, w, 0, B * T, lg);
	for (size_t i = 0; i < B * T * V; i++) {
		sum += (double)lg[i];
		sq += (double)lg[i] * (double)lg[i];
	}
	for (size_t i = 0; i < 8; i++) {
		near("logits", (double)lg[15 * V + i],
		    json_array_get(json_object_get(want, "logits_row0_pos15"), i));
		near("logits", (double)lg[(T + 3) * V + i],
		    json_array_get(json_object_get(want, "logits_row1_pos3"), i));
	}
	near("sum of logits", sum, json_object_get(want, "logits_sum"));
	near("norm of logits", sqrt(sq), json_object_get(want, "logits_l2"));
}

static void check_model(int tied)
{
	const json_t *want =
	    json_object_get(json_object_get(json_object_get(golden, "tiny_model"), "results"),
		tied ? "tied" : "untied");
	struct arch a = {.family = ARCH_OLMO,
	    .C = 64,
	    .L = 2,
	    .H = 4,
	    .HKV = 4,
	    .D = 16,
	    .F = 192,
	    .V = V,
	    .T = T,
	    .tied = tied,
	    .rope_theta = 1e4,
	    .norm_eps = 1e-5};
	struct kern *k = kern_open("cpu", NULL, NULL);
	struct params *p = params_new(&a);
	size_t bytes = p->n_float * sizeof(float);
	float *w = k->op->alloc(k, bytes), *g = k->op->alloc(k, bytes);
	float *m = k->op->alloc(k, bytes), *v = k->op->alloc(k, bytes);
	struct net *n = net_new(p, k, &(struct net_plan){.B = B, .T = T, .train = 1});
	struct params_native t;
	const struct param *bad;
	uint32_t ids[B * T];
	struct table rows = {
	    .oracle = tied ? "olmo_golden.json, tied" : "olmo_golden.json, untied"};
	double z = 0;

	table = &rows;

	for (size_t i = 0; i < B * T; i++)
		ids[i] = (uint32_t)((7 * (i % T) * (i % T) + 3 * (i % T) + 11 * (i / T)) % 120);
	for (size_t i = 0; i < p->n; i++)
		if (params_native(p, i, &t))
			fill(w + t.off, t.n, seed_of(t.name));
	near("loss", loss_of(n, w, ids, g), json_object_get(want, "loss"));
	check_logits(n, w, want);
	for (size_t i = 0; i < B * T; i++)
		z += 1e-4 * (double)n->lse[i] * (double)n->lse[i] / (B * T);
	near("z-loss", z, json_object_get(want, "z_term"));
	net_backward(n, w, g);
	for (size_t i = 0; i < p->n; i++)
		if (params_native(p, i, &t))
			near_row("gradient norm of a tensor", t.name,
			    sqrt(k->op->sumsq(k, g + t.off, t.n)),
			    json_object_get(json_object_get(want, "grad_norms"), t.name));
	double norm = optim_norm(p, k, g, &bad);
	near("gradient norm", norm, json_object_get(want, "total_grad_norm"));
	struct optim o = {.lr = json_number_value(json_object_get(want, "lr_step1")),
	    .beta1 = 0.9,
	    .beta2 = 0.95,
	    .eps = 1e-5,
	    .weight_decay = 0.1,
	    .gscale = optim_clip(1, norm),
	    .step = 1};
	optim_step(p, k, &o, w, m, v, g);
	near("loss after a step", loss_of(n, w, ids, NULL),
	    json_object_get(want, "loss_after_step1"));
	table_end(&rows);
	net_free(n);
	float *own[4] = {w, g, m, v};
	for (size_t i = 0; i < 4; i++)
		k->op->free(k, own[i]);
	params_free(p);
	kern_close(k);
}

static void tied_model(void **state)
{
	(void)state;
	check_model(1);
}

static void untied_model(void **state)
{
	(void)state;
	check_model(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(learning_rates),
	    cmocka_unit_test(tied_model),
	    cmocka_unit_test(untied_model),
	};

	if (getenv("OLMO_SHARED") == NULL) {
		printf("1..0 # SKIP OLMO_SHARED is not set\n");
		return 0;
	}
	char *path = xasprintf("%s/data/golden/olmo_golden.json", getenv("OLMO_SHARED"));
	golden = conf_json(path);
	free(path);
	if (golden == NULL) {
		printf("1..0 # SKIP %s\n", err_msg());
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(golden);
	return failed;
}
