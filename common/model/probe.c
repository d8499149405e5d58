#include "model/probe.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/in.h"
#include "kernels/kernels.h"
#include "model/hf.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/ref64.h"
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

/* Results are fp32 (net, the kernels) or double (ref64); the arrays below have that element. */
struct run {
	const struct probe *p;
	struct hf m;
	struct batch b;
	struct net *net;   /* fp32 */
	struct ref64 *ref; /* fp64 */
	float *rope, *grad32, *w1_32;
	double *w1_64;
	enum safetensors_type type;
	const void *loss, *grad, *w1;
	double mean_loss, grad_norm;
	struct safetensors_writer *out;
};

static int declare_one(struct run *r, const char *name, int dims, const size_t *shape)
{
	return safetensors_declare(r->out, name, r->type, dims, shape);
}

static int declare_tensors(struct run *r, const char *prefix)
{
	const struct params *p = r->m.p;
	struct buf b = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		b.len = 0;
		buf_printf(&b, "%s.%s", prefix, p->t[i].name);
		rc = declare_one(r, buf_cstr(&b), p->t[i].dims, p->t[i].shape);
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
		rc = declare_one(r, "logits", 3, shape);
	if (rc == 0 && what & PROBE_LOSS)
		rc = declare_one(r, "loss", 2, shape);
	if (rc == 0 && what & PROBE_LOSS)
		rc = declare_one(r, "mean_loss", 1, &one);
	if (rc == 0 && what & PROBE_GRADS)
		rc = declare_tensors(r, "grad");
	if (rc == 0 && what & PROBE_GRADS)
		rc = declare_one(r, "grad_norm", 1, &one);
	if (rc == 0 && what & PROBE_STEP1)
		rc = declare_tensors(r, "step1");
	return rc;
}

static int put(struct run *r, const void *x, size_t first, size_t n)
{
	size_t width = safetensors_width(r->type);

	return safetensors_put(r->out, (const char *)x + first * width, n * width);
}

static int put_number(struct run *r, double v)
{
	float f = (float)v;

	return r->type == SAFETENSORS_F64 ? put(r, &v, 0, 1) : put(r, &f, 0, 1);
}

static int put_logits(struct run *r)
{
	size_t rows = r->b.B * r->b.T, V = r->m.p->a.V;
	float *x;
	int rc = 0;

	if (r->ref != NULL)
		return put(r, r->ref->logits, 0, rows * V);
	x = xreallocarray(NULL, CHUNK * V, sizeof(*x));
	for (size_t at = 0; rc == 0 && at < rows; at += CHUNK) {
		size_t n = rows - at < CHUNK ? rows - at : CHUNK;
		net_logits(r->net, r->m.w, at, n, x);
		rc = put(r, x, 0, n * V);
	}
	free(x);
	return rc;
}

static int put_tensors(struct run *r, const void *x)
{
	const struct params *p = r->m.p;

	for (size_t i = 0; i < p->n; i++)
		if (put(r, x, p->t[i].off, p->t[i].n) < 0)
			return -1;
	return 0;
}

static int put_all(struct run *r)
{
	unsigned what = r->p->what;
	int rc = 0;

	if (what & PROBE_LOGITS)
		rc = put_logits(r);
	if (rc == 0 && what & PROBE_LOSS)
		rc = put(r, r->loss, 0, r->b.B * r->b.T);
	if (rc == 0 && what & PROBE_LOSS)
		rc = put_number(r, r->mean_loss);
	if (rc == 0 && what & PROBE_GRADS)
		rc = put_tensors(r, r->grad);
	if (rc == 0 && what & PROBE_GRADS)
		rc = put_number(r, r->grad_norm);
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

/* ---- computing: fp32 --------------------------------------------------------------------- */

static double mean_loss(const struct run *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->b.B * r->b.T; i++)
		sum += (double)r->net->loss[i];
	return r->b.n_label > 0 ? sum / (double)r->b.n_label : 0;
}

static float *device_floats(struct run *r, size_t n)
{
	return r->m.k->op->alloc(r->m.k, n * sizeof(float));
}

static void device_free(struct run *r, float *x)
{
	if (x != NULL)
		r->m.k->op->free(r->m.k, x);
}

/* The first step of the schedule, with its clipping. */
static struct optim first_step(const struct run *r)
{
	const struct config *c = r->p->config;
	struct optim o = optim_of(c, 1);

	o.lr = schedule_lr(&c->sched, 1, (double)c->max_steps);
	o.gscale = optim_clip(c->sched.max_grad_norm, r->grad_norm);
	return o;
}

/* One AdamW step from moments of zero. */
static int step1(struct run *r)
{
	size_t n = r->m.p->n_float;
	float *m = device_floats(r, n), *v = device_floats(r, n);
	struct optim o = first_step(r);
	int rc = -1;

	r->w1_32 = device_floats(r, n);
	if (m != NULL && v != NULL && r->w1_32 != NULL) {
		r->m.k->op->copy(r->m.k, r->w1_32, r->m.w, n);
		optim_step(r->m.p, r->m.k, &o, r->w1_32, m, v, r->grad32);
		r->w1 = r->w1_32;
		rc = 0;
	}
	device_free(r, m);
	device_free(r, v);
	return rc;
}

static int compute32(struct run *r, int grads)
{
	struct net_plan plan = {.B = r->b.B, .T = r->b.T, .train = grads};
	const struct param *bad;

	r->net = net_new(r->m.p, r->m.k, &plan);
	if (r->net == NULL)
		return -1;
	if (grads && (r->grad32 = device_floats(r, r->m.p->n_float)) == NULL)
		return -1;
	for (size_t i = 0; i < r->b.B * r->b.T; i++) {
		r->net->g[i] = r->b.n_label > 0 ? (float)(1.0 / (double)r->b.n_label) : 0;
		r->net->gz[i] = 0;
	}
	net_forward(r->net, r->m.w, r->b.ids, r->b.B, r->b.T);
	net_head(r->net, r->m.w, r->b.labels, r->grad32);
	r->mean_loss = mean_loss(r);
	r->loss = r->net->loss;
	if (!grads)
		return r->m.k->op->sync(r->m.k);
	net_backward(r->net, r->m.w, r->grad32);
	r->grad = r->grad32;
	r->grad_norm = optim_norm(r->m.p, r->m.k, r->grad32, &bad);
	if (bad != NULL)
		return err_set("the gradient of %s is not finite", bad->name), -1;
	if (r->p->what & PROBE_STEP1 && step1(r) < 0)
		return -1;
	return r->m.k->op->sync(r->m.k);
}

/* ---- computing: fp64 --------------------------------------------------------------------- */

static double norm64(const double *g, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += g[i] * g[i];
	return sqrt(sum);
}

/* At step 1 the moments, corrected for their bias, are g and g^2. */
static void step1_64(struct run *r)
{
	const struct params *p = r->m.p;
	struct optim o = first_step(r);
	double limit = r->p->config->sched.max_grad_norm;
	double coef = limit > 0 ? fmin(1, limit / (r->grad_norm + 1e-6)) : 1;

	r->w1_64 = xcalloc(p->n_float, sizeof(*r->w1_64));
	for (size_t i = 0; i < p->n; i++) {
		const struct param *t = &p->t[i];
		double keep = 1 - o.lr * (optim_decays(&o, t) ? o.weight_decay : 0);
		for (size_t k = t->off; k < t->off + t->n; k++) {
			double g = coef * r->ref->g[k];
			r->w1_64[k] = keep * r->ref->w[k] - o.lr * g / (fabs(g) + o.eps);
		}
	}
	r->w1 = r->w1_64;
}

static int compute64(struct run *r, int grads)
{
	const struct arch *a = &r->m.p->a;

	r->type = SAFETENSORS_F64;
	r->rope = device_floats(r, r->b.T * a->D);
	if (r->rope == NULL)
		return -1;
	r->m.k->op->rope_table(r->m.k, r->rope, r->b.T, a->D, a->rope_theta);
	r->ref = ref64_new(r->m.p, r->m.w, r->rope, r->b.B, r->b.T);
	ref64_forward(r->ref, r->b.ids);
	ref64_loss(r->ref, r->b.labels);
	r->mean_loss = r->ref->mean;
	r->loss = r->ref->loss;
	if (!grads)
		return 0;
	ref64_backward(r->ref, r->b.labels);
	r->grad = r->ref->g;
	r->grad_norm = norm64(r->ref->g, r->m.p->n_float);
	if (!isfinite(r->grad_norm))
		return err_set("the gradient is not finite"), -1;
	if (r->p->what & PROBE_STEP1)
		step1_64(r);
	return 0;
}

int probe_run(const struct probe *p)
{
	int grads = (p->what & (PROBE_GRADS | PROBE_STEP1)) != 0;
	struct run r = {.p = p, .type = SAFETENSORS_F32};
	int rc = hf_open_as(p->bf16 ? "bf16" : "fp32", &r.m, p->dir, p->threads, p->device);

	if (rc < 0)
		return -1;
	rc = read_batch(&r.b, p, r.m.p->a.V);
	if (rc == 0)
		rc = p->fp64 ? compute64(&r, grads) : compute32(&r, grads);
	if (rc == 0)
		rc = write_out(&r);
	net_free(r.net);
	ref64_free(r.ref);
	device_free(&r, r.rope);
	device_free(&r, r.grad32);
	device_free(&r, r.w1_32);
	free(r.w1_64);
	free(r.b.ids);
	free(r.b.labels);
	hf_close(&r.m);
	return rc;
}
