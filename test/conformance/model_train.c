/* layers: model kernels tok doc io base */
/*
 * Training runs of shared/data/model-conformance: adamw-20 (torch.optim.AdamW 2.15.0, 20 steps)
 * and olmo-trainer-20 (allenai/OLMo's own trainer at HEAD of Sept 2025 and at v0.2.4).
 *
 * Tolerance (README there): loss 1e-5, gradient norm 1e-5 relative, weights 5e-5 (mean 1e-6),
 * learning rate 1e-15, indices equal; metrics of tensors 1e-4 of max and norm (the smallest |x|
 * and the mean of a gradient are differences of rounding); moments 1e-4 (mean 1e-5) of the largest.
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

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "io/conf.h"
#include "io/out.h"
#include "model/config.h"
#include "model/params.h"
#include "model/safetensors.h"
#include "model/trainer.h"
#include "test/conformance/table.h"

static char dir[] = "/tmp/olmo-train-XXXXXX";
static char data[512]; /* …/data/model-conformance */

static void train(json_t *config, const char *run)
{
	struct trainer_opts o = {.run = run, .threads = 2, .device = "cpu", .console = -1};
	struct trainer *t = trainer_new(config, "config", &o);

	if (t == NULL || trainer_run(t) != TRAINER_DONE)
		fail_msg("%s: %s", run, err_msg());
	trainer_free(t);
}

static void set(json_t *j, const char *fmt, const char *a, const char *b)
{
	char *s = xasprintf(fmt, a, b);

	if (conf_set(j, s) < 0)
		fail_msg("%s: %s", s, err_msg());
	free(s);
}

/* Metrics by step, lines of one step joined. */
static json_t **read_log(const char *path, size_t n)
{
	json_t **steps = calloc(n + 1, sizeof(json_t *));
	struct in *f = in_open(path);
	char *line;
	size_t len;

	if (f == NULL)
		fail_msg("%s", err_msg());
	while (in_line(f, &line, &len) > 0) {
		json_t *j = json_loadb(line, len, 0, NULL);
		size_t s = (size_t)json_integer_value(json_object_get(j, "step"));
		if (j == NULL || s < 1 || s > n)
			fail_msg("%s: a bad line", path);
		if (steps[s] == NULL)
			steps[s] = json_object();
		json_object_update(steps[s], j);
		json_decref(j);
	}
	in_close(f, NULL);
	return steps;
}

static void free_log(json_t **steps, size_t n)
{
	for (size_t s = 0; s <= n; s++)
		json_decref(steps[s]);
	free(steps);
}

static double value(json_t **steps, size_t s, const char *key)
{
	const json_t *v = json_object_get(steps[s], key);

	if (!json_is_number(v))
		fail_msg("step %zu: no %s in the log", s, key);
	return json_number_value(v);
}

/* A number of a step; row: the quantity it belongs to in the table. */
static void near(struct table *t, const char *row, const char *what, size_t step, double got,
    double want, double tol)
{
	double d = fabs(got - want);

	table_note(t, row, d, fabs(want), tol);
	if (!(d <= tol))
		fail_msg("%s, step %zu: got %.10g, expected %.10g", what, step, got, want);
}

/* Final weights or moments: a range of ours against a tensor of theirs. */
static void near_tensor(struct table *tb, const char *row, const struct safetensors *want,
    const char *name, const float *got, size_t n)
{
	const struct safetensor *t = safetensors_find(want, name);
	float *v = calloc(n, sizeof(*v));
	double max = 0, sum = 0, big = 0;
	char mean[64];

	if (t == NULL || safetensors_f32(t, 0, n, v) < 0)
		fail_msg("%s: not there", name);
	for (size_t i = 0; i < n; i++) {
		double d = fabs((double)got[i] - (double)v[i]);
		big = fmax(big, fabs((double)v[i]));
		max = fmax(max, d);
		sum += d;
	}
	free(v);
	/* moments are smaller than weights */
	int moment = strncmp(row, "exp_avg", 7) == 0;
	double tol = moment ? 1e-4 * big : 5e-5, tol_mean = moment ? 1e-5 * big : 1e-6;
	snprintf(mean, sizeof(mean), "%s, mean", row);
	table_note(tb, row, max, big, tol);
	table_note(tb, mean, sum / (double)n, big, tol_mean);
	if (!(max <= tol && sum / (double)n <= tol_mean))
		fail_msg("%s: differs by %g, in the mean by %g", name, max, sum / (double)n);
}

/* ---- adamw-20 ---------------------------------------------------------------------------- */

static void adamw_config(json_t *j, const struct safetensors *case_, const char *model, int late)
{
	const struct safetensor *b = safetensors_find(case_, "batches");
	int64_t *v = calloc(b->n, sizeof(*v));
	uint16_t *ids = calloc(b->n, sizeof(*ids));
	char *path = xasprintf("%s/batches.npy", dir);

	assert_int_equal(safetensors_i64(b, 0, b->n, v), 0);
	for (size_t i = 0; i < b->n; i++)
		ids[i] = (uint16_t)v[i];
	assert_int_equal(out_file(path, ids, b->n * sizeof(*ids)), 0);
	set(j, "model.max_sequence_length=32%s%s", "", "");
	set(j, "data.paths=[%s]%s", path, "");
	set(j, "data.order=sequential%s%s", "", "");
	set(j, "load_path=%s/%s", data, model);
	json_object_update_new(
	    j, json_pack("{s:i,s:i,s:i,s:f,s:{s:f},s:{s:s,s:i,s:f}}", "max_duration", 20,
		   "global_train_batch_size", 4, "device_train_microbatch_size", 4,
		   "max_grad_norm", 1.0, "optimizer", "learning_rate", 0.004, "scheduler", "name",
		   "linear_with_warmup", "t_warmup", 5, "alpha_f", 0.1));
	if (late)
		set(j, "scheduler.grad_clip_warmup_steps=6%s%s", "", "");
	if (late)
		set(j, "scheduler.grad_clip_warmup_factor=10%s%s", "", "");
	free(v);
	free(ids);
	free(path);
}

/* Every tensor of a file of the last step against the one named prefix + its name. */
static void compare_saved(struct table *t, const char *run, const char *file, const char *prefix,
    const struct safetensors *want)
{
	char *path = xasprintf("%s/step00000020/%s", run, file);
	struct safetensors *got = safetensors_open(path);

	assert_non_null(got);
	for (size_t i = 0; i < safetensors_count(got); i++) {
		const struct safetensor *s = safetensors_at(got, i);
		char *name = xasprintf("%s%s", prefix, s->name);
		const char *row = *prefix                                 ? "weights"
				  : strncmp(name, "exp_avg_sq.", 11) == 0 ? "exp_avg_sq"
									  : "exp_avg";
		float *v = calloc(s->n, sizeof(*v));
		safetensors_f32(s, 0, s->n, v);
		near_tensor(t, row, want, name, v, s->n);
		free(name);
		free(v);
	}
	safetensors_close(got);
	free(path);
}

/* `model` without d_model only sets the length: sizes come from the weights. */
static void check_adamw(const char *which, const char *model)
{
	char *file = xasprintf("%s/adamw-20/%s/run.safetensors", data, which);
	char *run = xasprintf("%s/%s", dir, which), *log = xasprintf("%s/log.jsonl", run);
	struct safetensors *want = safetensors_open(file);
	json_t *j = json_object(), *hf;
	char *oracle = xasprintf("adamw-20/%s", which);
	struct table table = {.oracle = oracle};
	double lr[20];
	float loss[20], norm[20];

	assert_non_null(want);
	adamw_config(j, want, model, strcmp(which, "untied-late-clip") == 0);
	/* the section model must describe the weights: take it from their config.json */
	char *cfg = xasprintf("%s/%s/config.json", data, model);
	hf = conf_json(cfg);
	json_object_set_new(json_object_get(j, "model"), "d_model",
	    json_deep_copy(json_object_get(hf, "hidden_size")));
	json_object_set_new(json_object_get(j, "model"), "n_heads",
	    json_deep_copy(json_object_get(hf, "num_attention_heads")));
	json_object_set_new(json_object_get(j, "model"), "n_layers",
	    json_deep_copy(json_object_get(hf, "num_hidden_layers")));
	json_object_set_new(json_object_get(j, "model"), "mlp_hidden_size",
	    json_integer(2 * json_integer_value(json_object_get(hf, "intermediate_size"))));
	json_object_set_new(json_object_get(j, "model"), "weight_tying",
	    json_deep_copy(json_object_get(hf, "tie_word_embeddings")));
	json_decref(hf);
	free(cfg);
	train(j, run);
	json_t **steps = read_log(log, 20);
	safetensors_f32(safetensors_find(want, "loss"), 0, 20, loss);
	safetensors_f32(safetensors_find(want, "grad_norm"), 0, 20, norm);
	memcpy(lr, safetensors_find(want, "lr")->data, sizeof(lr));
	for (size_t s = 1; s <= 20; s++) {
		double n = (double)norm[s - 1];
		near(&table, "loss", "loss", s, value(steps, s, "train/CrossEntropyLoss"),
		    (double)loss[s - 1], 1e-5);
		near(&table, "grad_norm", "norm", s, value(steps, s, "optim/total_grad_norm"), n,
		    1e-5 * n);
		near(&table, "lr", "lr", s, value(steps, s, "optim/learning_rate_group0"),
		    lr[s - 1], 1e-15);
	}
	free_log(steps, 20);

	compare_saved(&table, run, "model.safetensors", "param.", want);
	if (safetensors_find(want, "exp_avg.lm_head.weight") != NULL)
		compare_saved(&table, run, "trainer/optimizer.safetensors", "", want);
	print_message(
	    "# %s: largest difference is %.3f of its tolerance\n", oracle, table_worst(&table));
	table_end(&table);
	safetensors_close(want);
	json_decref(j);
	free(oracle);
	free(file);
	free(run);
	free(log);
}

static void adamw_untied(void **state)
{
	(void)state;
	check_adamw("untied", "olmo-tiny-untied");
}

static void adamw_tied(void **state)
{
	(void)state;
	check_adamw("tied", "olmo-tiny-tied");
}

static void adamw_late_clip(void **state)
{
	(void)state;
	check_adamw("untied-late-clip", "olmo-tiny-untied");
}

/* ---- olmo-trainer-20 --------------------------------------------------------------------- */

/* What the original logs and we do not: its count of floating-point operations. */
static int is_ours(const char *key)
{
	return strstr(key, "Gflops") == NULL && strcmp(key, "step") != 0;
}

/* min and avg of a gradient's or moment's elements are noise */
static double tolerance(const char *key, double want)
{
	const char *stat = strrchr(key, '.');

	if (stat != NULL && strncmp(key, "optim/", 6) == 0) {
		if (strcmp(stat, ".max") == 0 || strcmp(stat, ".norm") == 0)
			return 1e-4 * fabs(want) + 1e-12;
		return strcmp(stat, ".min") == 0 ? 1e-5 : 1e-6;
	}
	if (strcmp(key, "optim/total_grad_norm") == 0)
		return 1e-5 * fabs(want);
	if (strstr(key, "learning_rate") != NULL)
		return 1e-15;
	if (strstr(key, "Perplexity") != NULL)
		return 1e-5 * fabs(want);
	return 1e-5;
}

/* optim/grad/transformer.wte.weight.norm belongs to the row "optim/grad: norm" */
static void row_of(char *row, size_t size, const char *key)
{
	const char *stat = strrchr(key, '.'), *second = strchr(key, '/');

	second = second != NULL ? strchr(second + 1, '/') : NULL;
	if (stat != NULL && second != NULL && strncmp(key, "optim/", 6) == 0)
		snprintf(row, size, "%.*s: %s", (int)(second - key), key, stat + 1);
	else
		snprintf(row, size, "%s", key);
}

static void compare_logs(struct table *t, const char *got, const char *want, size_t n)
{
	json_t **a = read_log(got, n), **b = read_log(want, n), *v;
	const char *key;
	char row[64];

	for (size_t s = 1; s <= n; s++) {
		json_object_foreach(b[s], key, v)
		{
			if (!is_ours(key))
				continue;
			double w = json_number_value(v);
			row_of(row, sizeof(row), key);
			near(t, row, key, s, value(a, s, key), w, tolerance(key, w));
		}
	}
	free_log(a, n);
	free_log(b, n);
}

/* Numbers of two files of indices, one beside the other. */
static void compare_indices(struct table *t, const char *got, const char *want)
{
	struct in *a = in_open(got), *b = in_open(want);
	char *x, *y, *end;
	size_t n;

	if (a == NULL || b == NULL)
		fail_msg("%s", err_msg());
	while (in_line(a, &x, &n) > 0) {
		if (in_line(b, &y, &n) <= 0)
			fail_msg("%s has more lines than %s", got, want);
		for (size_t i = 0; *x != 0 && *y != 0; i++) {
			double u = strtod(x, &end), v = (x = end, strtod(y, &end));
			y = end;
			if (i > 0)
				table_note(t, "instances", fabs(u - v), v, 0);
			if (u != v)
				fail_msg("%s: %.0f, expected %.0f", got, u, v);
		}
		if (*x != *y)
			fail_msg("%s: another number of instances than %s", got, want);
	}
	if (in_line(b, &y, &n) > 0)
		fail_msg("%s has fewer lines than %s", got, want);
	in_close(a, NULL);
	in_close(b, NULL);
}

static void compare_weights(struct table *t, const char *run, const char *file, size_t n)
{
	char *dir_path = xasprintf("%s/step%08zu", run, n);
	char *opt = xasprintf("%s/trainer/optimizer.safetensors", dir_path);
	static const char *const prefix[3] = {"", "exp_avg.", "exp_avg_sq."};
	struct safetensors *want = safetensors_open(file);
	struct params_native m;
	struct arch a;
	char name[128];

	assert_non_null(want);
	assert_int_equal(arch_load(&a, dir_path), 0);
	struct params *p = params_new(&a);
	float *w[3];
	for (int k = 0; k < 3; k++)
		w[k] = calloc(p->n_float, sizeof(**w));
	assert_int_equal(params_load(p, w[0], dir_path), 0);
	assert_int_equal(params_load_prefixed(p, &w[1], &prefix[1], 2, opt), 0);
	for (int k = 0; k < 3; k++) {
		for (size_t i = 0; i < p->n; i++) {
			if (!params_native(p, i, &m))
				continue;
			snprintf(name, sizeof(name), "%s%s", prefix[k], m.name);
			if (k == 0 || safetensors_find(want, name) != NULL)
				near_tensor(t,
				    k == 0   ? "weights"
				    : k == 1 ? "exp_avg"
					     : "exp_avg_sq",
				    want, name, w[k] + m.off, m.n);
		}
		free(w[k]);
	}
	params_free(p);
	safetensors_close(want);
	free(opt);
	free(dir_path);
}

/* One of the recorded runs anew; `which` is its name, and that of ours. */
static char *rerun(const char *which, const char *weights, size_t n, const char *rules)
{
	char *base = xasprintf("%s/olmo-trainer-20", data);
	char *conf = xasprintf("%s/config.yaml", which), *run = xasprintf("%s/%s", dir, which);

	assert_int_equal(chdir(base), 0);
	json_t *j = conf_load(conf);
	assert_non_null(j);
	set(j, "load_path=%s%s", weights, "");
	set(j, "rules=%s%s", rules, "");
	set(j, "tokenizer=null%s%s", "", "");
	json_object_set_new(j, "stop_at", json_integer((json_int_t)n));
	train(j, run);
	json_decref(j);
	free(base);
	free(conf);
	return run;
}

static void check_trainer(
    const char *which, const char *weights, size_t n, const char *rules, const char *indices)
{
	char *oracle = xasprintf("olmo-trainer-20/%s", which);
	char *run = rerun(which, weights, n, rules);
	char *a = xasprintf("%s/data-indices/rank0.tsv", run),
	     *b = xasprintf("%s/%s", which, indices);
	struct table table = {.oracle = oracle};

	compare_indices(&table, a, b);
	free(a);
	free(b);
	a = xasprintf("%s/log.jsonl", run);
	b = xasprintf("%s/metrics.jsonl", which);
	if (access(b, F_OK) == 0) {
		compare_logs(&table, a, b, n);
		free(b);
		b = xasprintf("%s/step%zu.safetensors", which, n);
		compare_weights(&table, run, b, n);
	}
	print_message(
	    "# %s: largest difference is %.3f of its tolerance\n", oracle, table_worst(&table));
	table_end(&table);
	free(a);
	free(b);
	free(oracle);
	free(run);
}

static void trainer_linear(void **state)
{
	(void)state;
	check_trainer("linear", "linear/step0.safetensors", 20, "head", "data-indices.tsv");
}

static void trainer_zloss(void **state)
{
	(void)state;
	check_trainer("tied-cosine-zloss", "tied-cosine-zloss/step0.safetensors", 20, "head",
	    "data-indices.tsv");
}

static void trainer_label_mask(void **state)
{
	(void)state;
	check_trainer("label-mask", "linear/step0.safetensors", 20, "head", "data-indices.tsv");
}

static void trainer_three_epochs(void **state)
{
	(void)state;
	check_trainer("three-epochs", "linear/step0.safetensors", 63, "head", "data-indices.tsv");
}

static void trainer_v024(void **state)
{
	(void)state;
	check_trainer(
	    "v0.2.4", "linear/step0.safetensors", 10, "v0.2.4", "data-indices-rank0.tsv");
}

/* What two ranks of the original saw in turn, and their metrics, are one rank's.  Their weights
 * (not recorded) differ from those of one rank by up to 6.9e-7. */
static void trainer_two_ranks(void **state)
{
	struct table table = {.oracle = "olmo-trainer-20/v0.2.4-two-ranks"};
	char *run = rerun("v0.2.4-two-ranks", "linear/step0.safetensors", 10, "v0.2.4");
	char *a = xasprintf("%s/data-indices/rank0.tsv", run), *b = xasprintf("%s/want", run);
	char *join = xasprintf("paste v0.2.4-two-ranks/data-indices-rank[01].tsv | "
			       "awk '{ printf \"%%s\", $1; for (i = 2; i <= NF / 2; i++) "
			       "printf \"\\t%%s\\t%%s\", $i, $(NF / 2 + i); print \"\" }' >'%s'",
	    b);

	(void)state;
	assert_int_equal(system(join), 0);
	compare_indices(&table, a, b);
	free(a);
	a = xasprintf("%s/log.jsonl", run);
	compare_logs(&table, a, "v0.2.4-two-ranks/metrics.jsonl", 10);
	print_message("# %s: largest difference is %.3f of its tolerance\n", table.oracle,
	    table_worst(&table));
	table_end(&table);
	free(a);
	free(b);
	free(join);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adamw_untied),
	    cmocka_unit_test(adamw_tied),
	    cmocka_unit_test(adamw_late_clip),
	    cmocka_unit_test(trainer_linear),
	    cmocka_unit_test(trainer_zloss),
	    cmocka_unit_test(trainer_label_mask),
	    cmocka_unit_test(trainer_three_epochs),
	    cmocka_unit_test(trainer_v024),
	    cmocka_unit_test(trainer_two_ranks),
	};

	if (getenv("OLMO_SHARED") == NULL) {
		printf("1..0 # SKIP OLMO_SHARED is not set\n");
		return 0;
	}
	snprintf(data, sizeof(data), "%s/data/model-conformance", getenv("OLMO_SHARED"));
	if (mkdtemp(dir) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char *rm = xasprintf("rm -rf '%s'", dir);
	if (system(rm) != 0)
		failed++;
	free(rm);
	return failed;
}
