#include "model/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/safetensors.h"

/* A norm's weight that is not trained and not in memory. */
static struct param *add_one(struct params *p, size_t layer, size_t n, char *name)
{
	p->one = xreallocarray(p->one, p->n_one + 1, sizeof(*p->one));
	struct param *t = &p->one[p->n_one++];
	*t = (struct param){.name = name,
	    .kind = PARAM_NORM,
	    .layer = layer,
	    .off = PARAMS_NONE,
	    .n = n,
	    .dims = 1,
	    .shape = {n}};
	return t;
}

static struct param *add(struct params *p, enum param_kind kind, size_t layer, int dims,
    size_t rows, size_t cols, char *name)
{
	if (kind == PARAM_NORM && p->a.plain)
		return add_one(p, layer, rows, name);
	p->t = xreallocarray(p->t, p->n + 1, sizeof(*p->t));
	struct param *t = &p->t[p->n++];
	*t = (struct param){.name = name,
	    .kind = kind,
	    .layer = layer,
	    .off = p->n_float,
	    .n = rows * (dims == 2 ? cols : 1),
	    .dims = dims,
	    .shape = {rows, cols}};
	p->n_float += t->n;
	return t;
}

static size_t add_layer(
    struct params *p, enum param_kind kind, size_t l, size_t rows, size_t cols, const char *tail)
{
	int dims = kind == PARAM_NORM || kind == PARAM_BIAS ? 1 : 2;
	const char *what = kind == PARAM_BIAS ? "bias" : "weight";

	return add(
	    p, kind, l, dims, rows, cols, xasprintf("model.layers.%zu.%s.%s", l, tail, what))
	    ->off;
}

/* Norms before attention and MLP with weights. */
static int has_norms_before(const struct arch *a)
{
	return a->family == ARCH_LLAMA || a->affine;
}

static void layer_table(struct params *p, size_t l)
{
	const struct arch *a = &p->a;
	struct params_layer *y = &p->layer[l];
	size_t C = a->C, HD = a->H * a->D, KD = a->HKV * a->D;

	*y = (struct params_layer){.norm1 = PARAMS_NONE,
	    .norm2 = PARAMS_NONE,
	    .bias1 = PARAMS_NONE,
	    .bias2 = PARAMS_NONE,
	    .qnorm = PARAMS_NONE,
	    .knorm = PARAMS_NONE};
	if (has_norms_before(a))
		y->norm1 = add_layer(p, PARAM_NORM, l, C, 0, "input_layernorm");
	if (a->bias)
		y->bias1 = add_layer(p, PARAM_BIAS, l, C, 0, "input_layernorm");
	y->qkv = add_layer(p, PARAM_Q, l, HD, C, "self_attn.q_proj");
	add_layer(p, PARAM_K, l, KD, C, "self_attn.k_proj");
	add_layer(p, PARAM_V, l, KD, C, "self_attn.v_proj");
	y->o = add_layer(p, PARAM_O, l, C, HD, "self_attn.o_proj");
	if (a->family == ARCH_OLMO2) {
		y->qnorm = add_layer(p, PARAM_NORM, l, HD, 0, "self_attn.q_norm");
		y->knorm = add_layer(p, PARAM_NORM, l, KD, 0, "self_attn.k_norm");
		y->norm1 = add_layer(p, PARAM_NORM, l, C, 0, "post_attention_layernorm");
	} else if (has_norms_before(a)) {
		y->norm2 = add_layer(p, PARAM_NORM, l, C, 0, "post_attention_layernorm");
	}
	if (a->bias)
		y->bias2 = add_layer(p, PARAM_BIAS, l, C, 0, "post_attention_layernorm");
	y->ug = add_layer(p, PARAM_UP, l, a->F, C, "mlp.up_proj");
	add_layer(p, PARAM_GATE, l, a->F, C, "mlp.gate_proj");
	y->down = add_layer(p, PARAM_DOWN, l, C, a->F, "mlp.down_proj");
	if (a->family == ARCH_OLMO2)
		y->norm2 = add_layer(p, PARAM_NORM, l, C, 0, "post_feedforward_layernorm");
}

struct params *params_new(const struct arch *a)
{
	struct params *p = xcalloc(1, sizeof(*p));

	p->a = *a;
	p->layer = xcalloc(a->L, sizeof(*p->layer));
	p->embed =
	    add(p, PARAM_EMBED, 0, 2, a->V, a->C, xstrdup("model.embed_tokens.weight"))->off;
	for (size_t l = 0; l < a->L; l++)
		layer_table(p, l);
	p->norm_f = p->bias_f = PARAMS_NONE;
	if (a->family != ARCH_OLMO || a->affine)
		p->norm_f = add(p, PARAM_NORM, 0, 1, a->C, 0, xstrdup("model.norm.weight"))->off;
	if (a->bias)
		p->bias_f = add(p, PARAM_BIAS, 0, 1, a->C, 0, xstrdup("model.norm.bias"))->off;
	p->head = p->embed;
	if (!a->tied)
		p->head = add(p, PARAM_HEAD, 0, 2, a->V, a->C, xstrdup("lm_head.weight"))->off;
	return p;
}

void params_free(struct params *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->t[i].name);
	for (size_t i = 0; i < p->n_one; i++)
		free(p->one[i].name);
	free(p->one);
	free(p->t);
	free(p->layer);
	free(p);
}

const struct param *params_find(const struct params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->t[i].name, name) == 0)
			return &p->t[i];
	return NULL;
}

int param_is_linear(const struct param *t)
{
	return t->kind != PARAM_EMBED && t->kind != PARAM_NORM && t->kind != PARAM_BIAS;
}

/* ---- the original's names ---------------------------------------------------------------- */

static const char *native_norm(const struct params *p, const struct param *t)
{
	const struct params_layer *y = &p->layer[t->layer];

	if (t->off == y->qnorm)
		return "q_norm.weight";
	if (t->off == y->knorm)
		return "k_norm.weight";
	if (t->kind == PARAM_BIAS)
		return t->off == y->bias1 ? "attn_norm.bias" : "ff_norm.bias";
	return t->off == y->norm1 ? "attn_norm.weight" : "ff_norm.weight";
}

/* k, v and gate stand inside the tensors that begin at q and at up. */
static const char *native_tail(const struct params *p, const struct param *t, size_t *rows)
{
	*rows = t->shape[0];
	switch (t->kind) {
	case PARAM_EMBED:
		return "wte.weight";
	case PARAM_HEAD:
	case PARAM_DOWN:
		return "ff_out.weight";
	case PARAM_Q:
		*rows = arch_qkv(&p->a);
		return "att_proj.weight";
	case PARAM_O:
		return "attn_out.weight";
	case PARAM_UP:
		*rows *= 2;
		return "ff_proj.weight";
	case PARAM_NORM:
		return t->off == p->norm_f ? "ln_f.weight" : native_norm(p, t);
	case PARAM_BIAS:
		return t->off == p->bias_f ? "ln_f.bias" : native_norm(p, t);
	case PARAM_K:
	case PARAM_V:
	case PARAM_GATE:
		break;
	}
	return NULL;
}

int params_native(const struct params *p, size_t i, struct params_native *m)
{
	const struct param *t = &p->t[i];
	int top = t->kind == PARAM_EMBED || t->kind == PARAM_HEAD || t->off == p->norm_f ||
		  t->off == p->bias_f;
	const char *tail = native_tail(p, t, &m->shape[0]);

	if (tail == NULL)
		return 0;
	m->off = t->off;
	m->dims = t->dims;
	m->shape[1] = t->shape[1];
	m->n = m->shape[0] * (t->dims == 2 ? t->shape[1] : 1);
	if (top)
		snprintf(m->name, sizeof(m->name), "transformer.%s", tail);
	else
		snprintf(m->name, sizeof(m->name), "transformer.blocks.%zu.%s", t->layer, tail);
	return 1;
}

/* ---- loading ----------------------------------------------------------------------------- */

/* The names of a file: Hugging Face's, OLMo's own, or OLMo's behind "model." */
enum naming { NAMES_HF, NAMES_NATIVE, NAMES_HF_OLMO };

static const char hf_olmo_prefix[] = "model.";

static enum naming naming_of(const struct safetensors *s)
{
	if (safetensors_find(s, "transformer.wte.weight") != NULL)
		return NAMES_NATIVE;
	return safetensors_find(s, "model.transformer.wte.weight") != NULL ? NAMES_HF_OLMO
									   : NAMES_HF;
}

static int has_native(const struct params *p, const char *name, enum naming how)
{
	struct params_native t;

	if (how == NAMES_HF_OLMO && strncmp(name, hf_olmo_prefix, strlen(hf_olmo_prefix)) == 0)
		name += strlen(hf_olmo_prefix);
	for (size_t i = 0; i < p->n; i++)
		if (params_native(p, i, &t) && strcmp(t.name, name) == 0)
			return 1;
	return 0;
}

static int starts_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

/* Is it the weight of a norm that has none, and so all 1? -1: it is not 1, 0: another tensor. */
static int is_one(const struct params *p, const struct safetensor *t)
{
	for (size_t i = 0; i < p->n_one; i++) {
		const struct param *o = &p->one[i];
		if (strcmp(o->name, t->name) != 0)
			continue;
		float *x = xcalloc(o->n, sizeof(*x));
		int rc = t->n == o->n && safetensors_f32(t, 0, o->n, x) == 0 ? 1 : -1;
		for (size_t k = 0; k < o->n && rc > 0; k++)
			rc = x[k] == 1 ? 1 : -1;
		free(x);
		if (rc < 0)
			err_set("%s: tensor '%s' is not all 1, though the model's norms have no "
				"weights (layer_norm_with_affine)",
			    t->file, t->name);
		return rc;
	}
	return 0;
}

/* Tensors of the file that the model has no place for. lm_head of a tied model is a copy. */
static int check_extra(const struct params *p, const struct safetensors *s, enum naming how)
{
	for (size_t i = 0; i < safetensors_count(s); i++) {
		const struct safetensor *t = safetensors_at(s, i);
		if (how != NAMES_HF ? has_native(p, t->name, how)
				    : params_find(p, t->name) != NULL)
			continue;
		int one = is_one(p, t);
		if (one < 0)
			return -1;
		if (one)
			continue;
		if (p->a.tied && strcmp(t->name, "lm_head.weight") == 0)
			continue;
		if (strstr(t->name, "rotary_emb.inv_freq") != NULL)
			continue;
		if (starts_with(t->name, "exp_avg.") || starts_with(t->name, "exp_avg_sq."))
			continue;
		return err_set("%s: tensor '%s' is not part of a%s model of type %s", t->file,
			   t->name, p->a.tied ? " tied" : "", arch_family_name(p->a.family)),
		       -1;
	}
	return 0;
}

static int load_one(const struct safetensors *s, const char *name, int dims, const size_t *shape,
    size_t n, float *dst)
{
	const struct safetensor *f = safetensors_need(s, name, dims, shape);

	return f == NULL ? -1 : safetensors_f32(f, 0, n, dst);
}

static int load_all(const struct params *p, float *w, const struct safetensors *s, enum naming how)
{
	struct params_native m;
	char name[sizeof(m.name) + sizeof(hf_olmo_prefix)];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		const struct param *t = &p->t[i];
		if (how == NAMES_HF) {
			rc = load_one(s, t->name, t->dims, t->shape, t->n, w + t->off);
		} else if (params_native(p, i, &m)) {
			snprintf(name, sizeof(name), "%s%s",
			    how == NAMES_HF_OLMO ? hf_olmo_prefix : "", m.name);
			rc = load_one(s, name, m.dims, m.shape, m.n, w + m.off);
		}
	}
	return rc;
}

int params_load(const struct params *p, float *w, const char *path)
{
	struct safetensors *s = safetensors_open(path);
	int rc = -1;

	if (s == NULL)
		return -1;
	enum naming how = naming_of(s);
	if (load_all(p, w, s, how) == 0)
		rc = check_extra(p, s, how);
	safetensors_close(s);
	return rc;
}

int params_load_prefixed(const struct params *p, float *const *w, const char *const *prefix,
    size_t n_prefix, const char *file)
{
	struct safetensors *s = safetensors_open(file);
	struct buf b = {0};
	int rc = s != NULL ? 0 : -1;

	for (size_t k = 0; rc == 0 && k < n_prefix; k++) {
		for (size_t i = 0; rc == 0 && i < p->n; i++) {
			const struct param *t = &p->t[i];
			b.len = 0;
			buf_printf(&b, "%s%s", prefix[k], t->name);
			const struct safetensor *f =
			    safetensors_need(s, buf_cstr(&b), t->dims, t->shape);
			rc = f == NULL ? -1 : safetensors_f32(f, 0, t->n, w[k] + t->off);
		}
	}
	buf_release(&b);
	safetensors_close(s);
	return rc;
}

static int by_name(const void *x, const void *y)
{
	const struct param *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

/* Element by element: the norms' widths are small beside all else. */
static int put_ones(struct safetensors_writer *f, size_t n)
{
	static const float one = 1;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = safetensors_put(f, &one, sizeof(one));
	return rc;
}

/* Weights of 1 stand only in a model, not in what has its shape. */
static int left_out(const struct param *t, const char *prefix)
{
	return t->off == PARAMS_NONE && prefix[0] != '\0';
}

static int declare_all(
    const struct param **order, size_t n, const char *prefix, struct safetensors_writer *f)
{
	struct buf b = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (left_out(order[i], prefix))
			continue;
		b.len = 0;
		buf_printf(&b, "%s%s", prefix, order[i]->name);
		rc = safetensors_declare(
		    f, buf_cstr(&b), SAFETENSORS_F32, order[i]->dims, order[i]->shape);
	}
	buf_release(&b);
	return rc;
}

static int put_all(const struct param **order, size_t n, const char *prefix, const float *w,
    struct safetensors_writer *f)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct param *t = order[i];
		if (left_out(t, prefix))
			continue;
		rc = t->off == PARAMS_NONE ? put_ones(f, t->n)
					   : safetensors_put(f, w + t->off, t->n * sizeof(float));
	}
	return rc;
}

static int by_native_name(const void *x, const void *y)
{
	const struct params_native *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* A model under OLMo's names, behind "model.": what hf_olmo reads. */
static int put_hf_olmo(const struct params *p, const float *w, struct safetensors_writer *f)
{
	struct params_native *m = xcalloc(p->n, sizeof(*m));
	char name[sizeof(m->name) + sizeof(hf_olmo_prefix)];
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < p->n; i++)
		n += (size_t)params_native(p, i, &m[n]);
	qsort(m, n, sizeof(*m), by_native_name);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		snprintf(name, sizeof(name), "%s%s", hf_olmo_prefix, m[i].name);
		rc = safetensors_declare(f, name, SAFETENSORS_F32, m[i].dims, m[i].shape);
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = safetensors_put(f, w + m[i].off, m[i].n * sizeof(float));
	free(m);
	return rc;
}

int params_save(const struct params *p, const float *const *w, const char *const *prefix,
    size_t n_prefix, const char *file, struct filehash *h)
{
	struct safetensors_writer *f = safetensors_create(file);
	size_t n = p->n + p->n_one;
	int rc = 0;

	if (f == NULL)
		return -1;
	if (arch_is_native(&p->a) && n_prefix == 1 && prefix[0][0] == '\0') {
		if (put_hf_olmo(p, w[0], f) == 0)
			return safetensors_commit(f, h);
		safetensors_abort(f);
		return -1;
	}
	const struct param **order = xreallocarray(NULL, n, sizeof(*order));
	for (size_t i = 0; i < n; i++)
		order[i] = i < p->n ? &p->t[i] : &p->one[i - p->n];
	qsort(order, n, sizeof(*order), by_name);
	for (size_t k = 0; rc == 0 && k < n_prefix; k++)
		rc = declare_all(order, n, prefix[k], f);
	for (size_t k = 0; rc == 0 && k < n_prefix; k++)
		rc = put_all(order, n, prefix[k], w[k], f);
	free(order);
	if (rc < 0) {
		safetensors_abort(f);
		return -1;
	}
	return safetensors_commit(f, h);
}
