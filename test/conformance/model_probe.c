/* layers: model kernels tok doc io base */
/*
 * Models of shared/data/model-conformance against what transformers 5.23.0 and torch 2.15.0
 * (CPU, fp32, eager attention) computed: logits, logsumexp, losses, z-loss, gradients; and
 * lm_head-free tied models, GQA, clip_qkv, another rope_theta, shards, bf16 weights, OLMo 2,
 * Llama.
 *
 * Tolerance (README there: torch differs from itself by 4e-6, tied 1e-5): logits and losses
 * 2e-5, mean loss 5e-6, gradients 1e-5 of the tensor's largest + 1e-6.
 *
 * The same with products in bf16 against the same fp32 numbers, by the norm of the difference: in
 * these six models torch 2.15.0 under autocast("cpu", bfloat16) is off by at most 1.5e-2 in logits
 * and 6.5e-2 in the worst tensor's gradient (with clip_qkv, where elements change sides; 3.2e-2
 * elsewhere), and so may we be; with clip_qkv a little more, 7e-2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "base/err.h"
#include "kernels/kernels.h"
#include "model/hf.h"
#include "model/net.h"
#include "model/safetensors.h"

struct one {
	struct safetensors *want;
	struct hf m;
	struct net *n;
	size_t B, T, rows, n_label;
	uint32_t *ids;
	int32_t *labels;
	float *g;
	double worst; /* largest difference / tolerance so far */
};

static float *want_floats(const struct one *x, const char *name, size_t n)
{
	const struct safetensor *t = safetensors_find(x->want, name);
	float *v = calloc(n + 1, sizeof(*v));

	if (t == NULL || t->n != n || safetensors_f32(t, 0, n, v) < 0) {
		free(v);
		return NULL;
	}
	return v;
}

static void compare(
    struct one *x, const char *name, const float *got, size_t n, double rel, double abs_tol)
{
	float *want = want_floats(x, name, n);
	double big = 0, diff = 0;

	if (want == NULL)
		fail_msg("%s: not in the case, or of another size", name);
	for (size_t i = 0; i < n; i++) {
		big = fmax(big, fabs((double)want[i]));
		diff = fmax(diff, fabs((double)got[i] - (double)want[i]));
		if (isnan(got[i]))
			diff = INFINITY;
	}
	free(want);
	double tol = rel * big + abs_tol;
	if (diff / tol > x->worst)
		x->worst = diff / tol;
	if (!(diff <= tol))
		fail_msg("%s: differs by %g, %g is allowed", name, diff, tol);
}

static void read_case(struct one *x, const char *path)
{
	x->want = safetensors_open(path);
	if (x->want == NULL)
		fail_msg("%s", err_msg());
	const struct safetensor *ids = safetensors_find(x->want, "input_ids");
	x->B = ids->shape[0];
	x->T = ids->shape[1];
	x->rows = ids->n;
	int64_t *v = calloc(x->rows, sizeof(*v));
	x->ids = calloc(x->rows, sizeof(*x->ids));
	x->labels = calloc(x->rows, sizeof(*x->labels));
	assert_int_equal(safetensors_i64(ids, 0, x->rows, v), 0);
	for (size_t i = 0; i < x->rows; i++)
		x->ids[i] = (uint32_t)v[i];
	assert_int_equal(safetensors_i64(safetensors_find(x->want, "labels"), 0, x->rows, v), 0);
	for (size_t i = 0; i < x->rows; i++) {
		x->labels[i] = (int32_t)v[i];
		x->n_label += v[i] >= 0;
	}
	free(v);
}

static void pass(struct one *x, int grads, double z)
{
	for (size_t i = 0; i < x->rows; i++) {
		x->n->g[i] = (float)(1.0 / (double)x->n_label);
		x->n->gz[i] = x->labels[i] >= 0 ? (float)(z / (double)x->n_label) : 0;
	}
	net_forward(x->n, x->m.w, x->ids, x->B, x->T);
	net_head(x->n, x->m.w, x->labels, grads ? x->g : NULL);
	if (grads)
		net_backward(x->n, x->m.w, x->g);
}

static void check_losses(struct one *x)
{
	double sum = 0, z_all = 0, z_some = 0;
	float mean, z[2];

	for (size_t i = 0; i < x->rows; i++) {
		double lse = (double)x->n->lse[i];
		sum += (double)x->n->loss[i];
		z_all += lse * lse;
		z_some += x->labels[i] >= 0 ? lse * lse : 0;
	}
	mean = (float)(sum / (double)x->n_label);
	z[0] = (float)(1e-4 * z_all / (double)x->rows);
	z[1] = (float)(1e-4 * z_some / (double)x->n_label);
	compare(x, "logsumexp", x->n->lse, x->rows, 0, 2e-5);
	compare(x, "token_loss", x->n->loss, x->rows, 0, 2e-5);
	compare(x, "loss", &mean, 1, 0, 5e-6);
	compare(x, "z_loss_all_positions", &z[0], 1, 1e-6, 0);
	compare(x, "z_loss_predicted", &z[1], 1, 1e-6, 0);
}

static void check_grads(struct one *x, const char *prefix, double z)
{
	char name[256];

	memset(x->g, 0, x->m.p->n_float * sizeof(float));
	pass(x, 1, z);
	for (size_t i = 0; i < x->m.p->n; i++) {
		const struct param *t = &x->m.p->t[i];
		snprintf(name, sizeof(name), "%s.%s", prefix, t->name);
		compare(x, name, x->g + t->off, t->n, 1e-5, 1e-6);
	}
}

static void check_case(const char *model, const char *which)
{
	char dir[512], path[600];
	struct one x = {0};

	snprintf(dir, sizeof(dir), "%s/data/model-conformance/%s", getenv("OLMO_SHARED"), model);
	snprintf(path, sizeof(path), "%s/%s.safetensors", dir, which);
	read_case(&x, path);
	if (hf_open(&x.m, dir, 2, "cpu") < 0)
		fail_msg("%s", err_msg());
	x.g = calloc(x.m.p->n_float, sizeof(float));
	x.n = net_new(x.m.p, x.m.k, &(struct net_plan){.B = x.B, .T = x.T, .train = 1});
	assert_non_null(x.n);
	pass(&x, 0, 0);
	float *lg = calloc(x.rows * x.m.p->a.V, sizeof(*lg));
	net_logits(x.n, x.m.w, 0, x.rows, lg);
	compare(&x, "logits", lg, x.rows * x.m.p->a.V, 0, 2e-5);
	free(lg);
	check_losses(&x);
	if (safetensors_find(x.want, "grad.model.embed_tokens.weight") != NULL)
		check_grads(&x, "grad", 0);
	if (safetensors_find(x.want, "grad_with_z.model.embed_tokens.weight") != NULL)
		check_grads(&x, "grad_with_z", 1e-4);
	print_message(
	    "# %s/%s: largest difference is %.3f of its tolerance\n", model, which, x.worst);
	net_free(x.n);
	hf_close(&x.m);
	safetensors_close(x.want);
	free(x.g);
	free(x.ids);
	free(x.labels);
}

static double norm_off(const struct one *x, const char *name, const float *got, size_t n)
{
	float *want = want_floats(x, name, n);
	double diff = 0, size = 0;

	if (want == NULL)
		fail_msg("%s: not in the case, or of another size", name);
	for (size_t i = 0; i < n; i++) {
		diff += pow((double)got[i] - (double)want[i], 2);
		size += pow((double)want[i], 2);
	}
	free(want);
	return sqrt(diff / size);
}

static void check_products_in_bf16(const char *model, double grad_tol)
{
	char dir[512], name[600];
	struct one x = {0};
	double worst = 0;

	snprintf(dir, sizeof(dir), "%s/data/model-conformance/%s", getenv("OLMO_SHARED"), model);
	snprintf(name, sizeof(name), "%s/case.safetensors", dir);
	read_case(&x, name);
	if (hf_open_as("bf16", &x.m, dir, 2, "cpu") < 0)
		fail_msg("%s", err_msg());
	x.g = calloc(x.m.p->n_float, sizeof(float));
	x.n = net_new(x.m.p, x.m.k, &(struct net_plan){.B = x.B, .T = x.T, .train = 1});
	assert_non_null(x.n);
	pass(&x, 1, 0);
	float *lg = calloc(x.rows * x.m.p->a.V, sizeof(*lg));
	net_logits(x.n, x.m.w, 0, x.rows, lg);
	double logits = norm_off(&x, "logits", lg, x.rows * x.m.p->a.V);
	free(lg);
	for (size_t i = 0; i < x.m.p->n; i++) {
		const struct param *t = &x.m.p->t[i];
		snprintf(name, sizeof(name), "grad.%s", t->name);
		worst = fmax(worst, norm_off(&x, name, x.g + t->off, t->n));
	}
	print_message("# %s in bf16: logits %.2g, worst gradient %.2g\n", model, logits, worst);
	assert_true(logits > 1e-4 && logits < 1.5e-2);
	assert_true(worst > 1e-4 && worst < grad_tol);
	net_free(x.n);
	hf_close(&x.m);
	safetensors_close(x.want);
	free(x.g), free(x.ids), free(x.labels);
}

static void products_in_bf16(void **state)
{
	(void)state;
	check_products_in_bf16("olmo-tiny-untied", 3.2e-2);
	check_products_in_bf16("olmo-tiny-tied", 3.2e-2);
	check_products_in_bf16("olmo-gqa", 3.2e-2);
	check_products_in_bf16("olmo2-tiny", 3.2e-2);
	check_products_in_bf16("llama-tiny", 3.2e-2);
	check_products_in_bf16("olmo-clip-qkv", 7e-2);
}

#define CASE(fn, model, which)                                                                    \
	static void fn(void **state)                                                              \
	{                                                                                         \
		(void)state;                                                                      \
		check_case(model, which);                                                         \
	}

CASE(untied, "olmo-tiny-untied", "case")
CASE(untied_one_token, "olmo-tiny-untied", "case-t1")
CASE(tied, "olmo-tiny-tied", "case")
CASE(tied_one_token, "olmo-tiny-tied", "case-t1")
CASE(clip_qkv, "olmo-clip-qkv", "case")
CASE(gqa, "olmo-gqa", "case")
CASE(theta, "olmo-theta-500000", "case")
CASE(sharded, "olmo-sharded", "case")
CASE(bf16, "olmo-bf16", "case")
CASE(olmo2, "olmo2-tiny", "case")
CASE(llama, "llama-tiny", "case")

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(untied),
	    cmocka_unit_test(untied_one_token),
	    cmocka_unit_test(tied),
	    cmocka_unit_test(tied_one_token),
	    cmocka_unit_test(clip_qkv),
	    cmocka_unit_test(gqa),
	    cmocka_unit_test(theta),
	    cmocka_unit_test(sharded),
	    cmocka_unit_test(bf16),
	    cmocka_unit_test(olmo2),
	    cmocka_unit_test(llama),
	    cmocka_unit_test(products_in_bf16),
	};

	if (getenv("OLMO_SHARED") == NULL) {
		printf("1..0 # SKIP OLMO_SHARED is not set\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
