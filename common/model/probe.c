#include "model/probe.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/in.h"
#include "kernels/kernels.h"
#include "model/hf.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/safetensors.h"

#define CHUNK 64 /* rows of logits at a time */

int probe_what(const char *list, unsigned *what)
{
	static const char *const names[] = {"logits", "loss", "grads", "step1"};
	char *copy = xstrdup(list), *save = NULL;
	int rc = 0;

	*what = 0;
	for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
		unsigned i = 0;
		while (i < 4 && strcmp(s, names[i]) != 0)
			i++;
		if (i == 4)
			rc =
			    (err_set("--dump: '%s' is none of logits, loss, grads, step1", s), -1);
		else
			*what |= 1u << i;
	}
	free(copy);
	if (rc == 0 && *what == 0)
		rc = (err_set("--dump names nothing"), -1);
	return rc;
}

/* ---- ids and labels ---------------------------------------------------------------------- */

struct rows {
	int64_t *v; /* (B, T) */
	size_t B, T;
};

static int add_row(struct rows *r, const json_t *j, const char *name, uint64_t line)
{
	size_t n = json_array_size(j);

	if (!json_is_array(j) || n == 0)
		return err_set("%s:%" PRIu64 ": not a JSON array of ids", name, line), -1;
	if (r->B > 0 && n != r->T)
		return err_set("%s:%" PRIu64 ": %zu numbers, the first line has %zu", name, line,
			   n, r->T),
		       -1;
	r->T = n;
	r->v = xreallocarray(r->v, (r->B + 1) * n, sizeof(*r->v));
	for (size_t t = 0; t < n; t++) {
		const json_t *e = json_array_get(j, t);
		if (!json_is_integer(e))
			return err_set("%s:%" PRIu64 ": element %zu is not a whole number", name,
				   line, t),
			       -1;
		r->v[r->B * n + t] = json_integer_value(e);
	}
	r->B++;
	return 0;
}

static int read_rows(struct rows *r, const char *path)
{
	struct in *f = in_open(path);
	char *line;
	size_t len;
	json_error_t je;
	int rc = f != NULL ? 1 : -1;

	memset(r, 0, sizeof(*r));
	while (rc > 0 && (rc = in_line(f, &line, &len)) > 0) {
		json_t *j = json_loadb(line, len, 0, &je);
		if (j == NULL)
			rc =
			    (err_set("%s:%" PRIu64 ": %s", in_name(f), in_lineno(f), je.text), -1);
		else if (add_row(r, j, in_name(f), in_lineno(f)) < 0)
			rc = -1;
		json_decref(j);
	}
	if (f != NULL)
		in_close(f, NULL);
	if (rc == 0 && r->B == 0)
		rc = (err_set("%s: no lines", path), -1);
	return rc;
}

struct batch {
	uint32_t *ids;
	int32_t *labels;
	size_t B, T, n_label;
};

static int check_range(const struct rows *r, const char *path, size_t V, int64_t min)
{
	for (size_t i = 0; i < r->B * r->T; i++)
		if (r->v[i] < min || r->v[i] >= (int64_t)V)
			return err_set("%s:%zu: %" PRId64
				       " at %zu, the model has %zu embedding rows",
				   path, i / r->T + 1, r->v[i], i % r->T, V),
			       -1;
	return 0;
}

static void default_labels(struct batch *b)
{
	for (size_t i = 0; i < b->B * b->T; i++)
		b->labels[i] = i % b->T + 1 < b->T ? (int32_t)b->ids[i + 1] : KERN_IGNORE;
}

static int read_labels(struct batch *b, const char *path, size_t V)
{
	struct rows r;
	int rc = read_rows(&r, path);

	if (rc == 0 && (r.B != b->B || r.T != b->T))
		rc =
		    (err_set("%s: %zu x %zu labels for %zu x %zu ids", path, r.B, r.T, b->B, b->T),
			-1);
	if (rc == 0)
		rc = check_range(&r, path, V, INT32_MIN);
	for (size_t i = 0; rc == 0 && i < b->B * b->T; i++)
		b->labels[i] = (int32_t)r.v[i];
	free(r.v);
	return rc;
}

static int read_batch(struct batch *b, const struct probe *p, size_t V)
{
	struct rows r;
	int rc = read_rows(&r, p->ids) < 0 ? -1 : check_range(&r, p->ids, V, 0);

	memset(b, 0, sizeof(*b));
	if (rc == 0) {
		b->B = r.B;
		b->T = r.T;
		b->ids = xcalloc(r.B * r.T, sizeof(*b->ids));
		b->labels = xcalloc(r.B * r.T, sizeof(*b->labels));
		for (size_t i = 0; i < r.B * r.T; i++)
			b->ids[i] = (uint32_t)r.v[i];
		default_labels(b);
		if (p->labels != NULL)
			rc = read_labels(b, p->labels, V);
	}
	free(r.v);
	for (size_t i = 0; rc == 0 && i < b->B * b->T; i++)
		b->n_label += b->labels[i] >= 0;
	if (rc == 0 && b->n_label == 0 && (p->what & (PROBE_GRADS | PROBE_STEP1)))
		rc = (err_set("no position has a label: there is no gradient"), -1);
	return rc;
}

/* ---- output ------------------------------------------------------------------------------ */

struct run {
	const struct probe *p;
	struct hf m;
	struct net *net;
	struct batch b;
	float *grad, *w1; /* (n_float) or NULL */
	float mean_loss, grad_norm;
	struct safetensors_writer *out;
};

static int declare_tensors(struct run *r, const char *prefix)
{
	const struct params *p = r->m.p;
	struct buf b = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		b.len = 0;
		buf_printf(&b, "%s.%s", prefix, p->t[i].name);
		rc = safetensors_declare(
		    r->out, buf_cstr(&b), SAFETENSORS_F32, p->t[i].dims, p->t[i].shape);
	}
	buf_release(&b);
	return rc;
}

static int declare(struct run *r)
{
	unsigned what = r->p->what;
	size_t shape[3] = {r->b.B, r->b.T, r->m.p->a.V}, one = 1;
	int rc = 0;

	if (what & PROBE_LOGITS)
		rc = safetensors_declare(r->out, "logits", SAFETENSORS_F32, 3, shape);
	if (rc == 0 && what & PROBE_LOSS)
		rc = safetensors_declare(r->out, "loss", SAFETENSORS_F32, 2, shape);
	if (rc == 0 && what & PROBE_LOSS)
		rc = safetensors_declare(r->out, "mean_loss", SAFETENSORS_F32, 1, &one);
	if (rc == 0 && what & PROBE_GRADS)
		rc = declare_tensors(r, "grad");
	if (rc == 0 && what & PROBE_GRADS)
		rc = safetensors_declare(r->out, "grad_norm", SAFETENSORS_F32, 1, &one);
	if (rc == 0 && what & PROBE_STEP1)
		rc = declare_tensors(r, "step1");
	return rc;
}

static int put_logits(struct run *r)
{
	size_t rows = r->b.B * r->b.T, V = r->m.p->a.V;
	float *x = xreallocarray(NULL, CHUNK * V, sizeof(*x));
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < rows; at += CHUNK) {
		size_t n = rows - at < CHUNK ? rows - at : CHUNK;
		net_logits(r->net, r->m.w, at, n, x);
		rc = safetensors_put(r->out, x, n * V * sizeof(*x));
	}
	free(x);
	return rc;
}

static int put_tensors(struct run *r, const float *x)
{
	const struct params *p = r->m.p;

	for (size_t i = 0; i < p->n; i++)
		if (safetensors_put(r->out, x + p->t[i].off, p->t[i].n * sizeof(*x)) < 0)
			return -1;
	return 0;
}

static int put_all(struct run *r)
{
	unsigned what = r->p->what;
	size_t rows = r->b.B * r->b.T;
	int rc = 0;

	if (what & PROBE_LOGITS)
		rc = put_logits(r);
	if (rc == 0 && what & PROBE_LOSS)
		rc = safetensors_put(r->out, r->net->loss, rows * sizeof(float));
	if (rc == 0 && what & PROBE_LOSS)
		rc = safetensors_put(r->out, &r->mean_loss, sizeof(float));
	if (rc == 0 && what & PROBE_GRADS)
		rc = put_tensors(r, r->grad);
	if (rc == 0 && what & PROBE_GRADS)
		rc = safetensors_put(r->out, &r->grad_norm, sizeof(float));
	if (rc == 0 && what & PROBE_STEP1)
		rc = put_tensors(r, r->w1);
	return rc;
}

static int write_out(struct run *r)
{
	r->out = safetensors_create(r->p->out);
	if (r->out == NULL)
		return -1;
	if (declare(r) < 0 || put_all(r) < 0) {
		safetensors_abort(r->out);
		return -1;
	}
	return safetensors_commit(r->out, NULL);
}

/* ---- computing --------------------------------------------------------------------------- */

static void mean_loss(struct run *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->b.B * r->b.T; i++)
		sum += (double)r->net->loss[i];
	r->mean_loss = r->b.n_label > 0 ? (float)(sum / (double)r->b.n_label) : 0;
}

static float *device_floats(struct run *r)
{
	return r->m.k->op->alloc(r->m.k, r->m.p->n_float * sizeof(float));
}

/* One AdamW step from moments of zero, at the schedule's first step. */
static int step1(struct run *r)
{
	const struct config *c = r->p->config;
	size_t n = r->m.p->n_float;
	float *m = device_floats(r), *v = device_floats(r);
	struct optim o = optim_of(c, 1);
	int rc = -1;

	r->w1 = device_floats(r);
	if (m != NULL && v != NULL && r->w1 != NULL) {
		r->m.k->op->copy(r->m.k, r->w1, r->m.w, n);
		o.lr = schedule_lr(&c->sched, 1, (double)c->max_steps);
		o.gscale = optim_clip(c->sched.max_grad_norm, (double)r->grad_norm);
		optim_step(r->m.p, r->m.k, &o, r->w1, m, v, r->grad);
		rc = 0;
	}
	if (m != NULL)
		r->m.k->op->free(r->m.k, m);
	if (v != NULL)
		r->m.k->op->free(r->m.k, v);
	return rc;
}

static int compute(struct run *r)
{
	int grads = (r->p->what & (PROBE_GRADS | PROBE_STEP1)) != 0;
	struct net_plan plan = {.B = r->b.B, .T = r->b.T, .train = grads};
	const struct param *bad;

	r->net = net_new(r->m.p, r->m.k, &plan);
	if (r->net == NULL)
		return -1;
	if (grads && (r->grad = device_floats(r)) == NULL)
		return -1;
	for (size_t i = 0; i < r->b.B * r->b.T; i++) {
		r->net->g[i] = r->b.n_label > 0 ? (float)(1.0 / (double)r->b.n_label) : 0;
		r->net->gz[i] = 0;
	}
	net_forward(r->net, r->m.w, r->b.ids, r->b.B, r->b.T);
	net_head(r->net, r->m.w, r->b.labels, r->grad);
	mean_loss(r);
	if (!grads)
		return r->m.k->op->sync(r->m.k);
	net_backward(r->net, r->m.w, r->grad);
	r->grad_norm = (float)optim_norm(r->m.p, r->m.k, r->grad, &bad);
	if (bad != NULL)
		return err_set("the gradient of %s is not finite", bad->name), -1;
	if (r->p->what & PROBE_STEP1 && step1(r) < 0)
		return -1;
	return r->m.k->op->sync(r->m.k);
}

int probe_run(const struct probe *p)
{
	struct run r = {.p = p};
	int rc = hf_open(&r.m, p->dir, p->threads, p->device);

	if (rc < 0)
		return -1;
	rc = read_batch(&r.b, p, r.m.p->a.V);
	if (rc == 0)
		rc = compute(&r);
	if (rc == 0)
		rc = write_out(&r);
	net_free(r.net);
	if (r.grad != NULL)
		r.m.k->op->free(r.m.k, r.grad);
	if (r.w1 != NULL)
		r.m.k->op->free(r.m.k, r.w1);
	free(r.b.ids);
	free(r.b.labels);
	hf_close(&r.m);
	return rc;
}
