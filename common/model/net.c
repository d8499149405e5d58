#include "model/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kernels/kernels.h"

/* ---- memory: one block, cut twice with the same code: once to measure, once to point ------ */

struct cutter {
	char *base; /* NULL: measuring */
	size_t at;
};

static void *cut(struct cutter *c, size_t n, size_t size)
{
	size_t at = c->at;

	c->at += (n * size + 63) / 64 * 64;
	return c->base != NULL ? c->base + at : NULL;
}

static float *floats(struct cutter *c, size_t n)
{
	return cut(c, n, sizeof(float));
}

/* What is computed anew in the backward pass. */
enum again { AGAIN_NOTHING, AGAIN_ATTENTION, AGAIN_BLOCK };

static enum again again(const struct net_plan *plan, size_t l)
{
	static const struct {
		size_t n;
		int others;
	} in[] = {[NET_WHOLE_LAYER] = {1, 0},
	    [NET_ONE_IN_TWO] = {2, 0},
	    [NET_ONE_IN_THREE] = {3, 0},
	    [NET_ONE_IN_FOUR] = {4, 0},
	    [NET_ONE_IN_EIGHT] = {8, 0},
	    [NET_TWO_IN_THREE] = {3, 1},
	    [NET_THREE_IN_FOUR] = {4, 1}};

	if (!plan->train || plan->recompute == NET_KEEP)
		return AGAIN_NOTHING;
	if (plan->recompute == NET_FINE_GRAINED)
		return AGAIN_ATTENTION;
	return (l % in[plan->recompute].n == 0) != in[plan->recompute].others ? AGAIN_BLOCK
									      : AGAIN_NOTHING;
}

static const char *const recompute_names[] = {
    [NET_KEEP] = "null",
    [NET_WHOLE_LAYER] = "whole_layer",
    [NET_ONE_IN_TWO] = "one_in_two",
    [NET_ONE_IN_THREE] = "one_in_three",
    [NET_ONE_IN_FOUR] = "one_in_four",
    [NET_ONE_IN_EIGHT] = "one_in_eight",
    [NET_TWO_IN_THREE] = "two_in_three",
    [NET_THREE_IN_FOUR] = "three_in_four",
    [NET_FINE_GRAINED] = "fine_grained",
};

int net_recompute_of(const char *name, enum net_recompute *r)
{
	for (int i = 0; i < (int)(sizeof(recompute_names) / sizeof(recompute_names[0])); i++)
		if (strcmp(name, recompute_names[i]) == 0)
			return *r = (enum net_recompute)i, 0;
	return err_set("activation_checkpointing: '%s' is none of whole_layer, one_in_two, "
		       "one_in_three, one_in_four, one_in_eight, two_in_three, three_in_four, "
		       "fine_grained",
		   name),
	       -1;
}

/* The output of attention. */
static void cut_att(
    struct net_layer *y, const struct arch *a, const struct net_plan *plan, struct cutter *c)
{
	size_t rows = plan->B * plan->T;

	y->att = floats(c, rows * a->H * a->D);
	y->lse = floats(c, rows * a->H);
}

/* Everything between the residual stream before and after a block, but the output of attention. */
static void cut_inside(
    struct net_layer *y, const struct arch *a, const struct net_plan *plan, struct cutter *c)
{
	size_t rows = plan->B * plan->T, W = arch_qkv(a);

	y->xm = floats(c, rows * a->C);
	y->qkv = floats(c, rows * W);
	y->mask = a->clip_qkv > 0 ? cut(c, (rows * W + 7) / 8, 1) : NULL;
	y->ug = floats(c, rows * 2 * a->F);
	y->stat1 = floats(c, rows * 2);
	y->stat2 = floats(c, rows * 2);
	if (a->family != ARCH_OLMO2)
		return;
	y->qk = floats(c, rows * (a->H + a->HKV) * a->D);
	if (a->clip_qkv > 0)
		y->qk_mask = cut(c, (rows * (a->H + a->HKV) * a->D + 7) / 8, 1);
	y->ao = floats(c, rows * a->C);
	y->fo = floats(c, rows * a->C);
	y->statq = floats(c, rows * 2);
	y->statk = floats(c, rows * 2);
}

static size_t n_layer_buffers(const struct arch *a, const struct net_plan *plan)
{
	return plan->train ? a->L : 1;
}

/* Blocks that are computed anew share the buffers of their inside. */
static void cut_layers(
    struct net *n, const struct arch *a, const struct net_plan *plan, struct cutter *c)
{
	struct net_layer all = {0};
	size_t L = n_layer_buffers(a, plan);
	int shared = 0; /* parts of `all` that are there */

	for (size_t l = 0; l < L; l++) {
		enum again r = again(plan, l);
		struct net_layer *y = &n->layer[l];
		if (r >= AGAIN_ATTENTION && shared < AGAIN_ATTENTION)
			cut_att(&all, a, plan, c);
		if (r == AGAIN_BLOCK && shared < AGAIN_BLOCK)
			cut_inside(&all, a, plan, c);
		shared = r > (enum again)shared ? (int)r : shared;
		*y = all;
		y->x = floats(c, plan->B * plan->T * a->C);
		if (r < AGAIN_ATTENTION)
			cut_att(y, a, plan, c);
		if (r < AGAIN_BLOCK)
			cut_inside(y, a, plan, c);
	}
}

static size_t cut_net(struct net *n, const struct arch *a, const struct net_plan *plan, char *base)
{
	struct cutter c = {.base = base};
	size_t rows = plan->B * plan->T;

	cut_layers(n, a, plan, &c);
	n->x_last = floats(&c, rows * a->C);
	n->x_final = floats(&c, rows * a->C);
	n->stat_final = floats(&c, rows * 2);
	n->loss = floats(&c, rows);
	n->lse = floats(&c, rows);
	n->best = cut(&c, rows, sizeof(int32_t));
	n->g = floats(&c, rows);
	n->gz = floats(&c, rows);
	n->h = floats(&c, rows * a->C);
	n->act = floats(&c, rows * a->F);
	n->rope = floats(&c, plan->T * a->D);
	if (plan->train) {
		n->dx = floats(&c, rows * a->C);
		n->dh = floats(&c, rows * a->C);
		n->dqkv = floats(&c, rows * arch_qkv(a));
		n->datt = floats(&c, rows * a->H * a->D);
	}
	return c.at;
}

static struct kern_shape shape_of(const struct params *p, const struct net_plan *plan)
{
	const struct arch *a = &p->a;

	return (struct kern_shape){.rows = plan->B * plan->T,
	    .V = a->V,
	    .T = plan->T,
	    .H = a->H,
	    .HKV = a->HKV,
	    .D = a->D};
}

size_t net_bytes(
    const struct params *p, const struct kern *k, const struct net_plan *plan, json_t *j)
{
	struct net n = {0};
	struct kern_shape s = shape_of(p, plan);

	n.layer = xcalloc(n_layer_buffers(&p->a, plan), sizeof(*n.layer));
	size_t acts = cut_net(&n, &p->a, plan, NULL), scratch = kern_scratch(k, &s);
	free(n.layer);
	if (j != NULL) {
		json_object_set_new(j, "activations", json_integer((json_int_t)acts));
		json_object_set_new(j, "kernel_scratch", json_integer((json_int_t)scratch));
	}
	return acts + scratch;
}

struct net *net_new(const struct params *p, struct kern *k, const struct net_plan *plan)
{
	struct net *n = xcalloc(1, sizeof(*n));
	struct kern_shape s = shape_of(p, plan);

	n->p = p;
	n->k = k;
	n->plan = *plan;
	n->layer = xcalloc(n_layer_buffers(&p->a, plan), sizeof(*n->layer));
	n->bytes = cut_net(n, &p->a, plan, NULL);
	n->mem = k->op->alloc(k, n->bytes);
	if (n->mem == NULL || kern_reserve(k, &s) < 0) {
		net_free(n);
		return NULL;
	}
	cut_net(n, &p->a, plan, n->mem);
	k->op->rope_table(k, n->rope, plan->T, p->a.D, p->a.rope_theta);
	return n;
}

void net_free(struct net *n)
{
	if (n == NULL)
		return;
	if (n->mem != NULL)
		n->k->op->free(n->k, n->mem);
	free(n->layer);
	free(n);
}

/* ---- pieces ------------------------------------------------------------------------------ */

static struct net_layer *layer_of(struct net *n, size_t l)
{
	return &n->layer[n->plan.train ? l : 0];
}

/* Where layer l leaves the residual stream. Without train the one buffer is its own successor. */
static float *after_layer(struct net *n, size_t l)
{
	if (l + 1 == n->p->a.L)
		return n->x_last;
	return layer_of(n, l + 1)->x;
}

static const float *weight_at(const float *w, size_t off)
{
	return off == PARAMS_NONE ? NULL : w + off;
}

static float *grad_at(float *g, size_t off)
{
	return off == PARAMS_NONE ? NULL : g + off;
}

/* y (rows, N) = x (rows, K) W (N, K)^T [+ y0] */
static void linear(struct net *n, float *y, size_t ldy, const float *y0, const float *x,
    size_t ldx, const float *w, size_t N, size_t K)
{
	n->k->op->gemm(n->k, KERN_NT, n->rows, N, K, x, ldx, w, K, y0, y, ldy);
}

/* dx (rows, K) = dy (rows, N) W (N, K) [+ dx0];  dW (N, K) += dy^T x */
static void linear_bwd(struct net *n, float *dx, const float *dx0, float *dw, const float *dy,
    size_t lddy, const float *x, const float *w, size_t N, size_t K)
{
	n->k->op->gemm(n->k, KERN_NN, n->rows, K, N, dy, lddy, w, K, dx0, dx, K);
	n->k->op->gemm(n->k, KERN_TN, N, K, n->rows, dy, lddy, x, K, dw, dw, K);
}

static enum kern_norm_kind norm_kind(const struct net *n)
{
	return n->p->a.family == ARCH_OLMO ? KERN_LAYERNORM : KERN_RMSNORM;
}

/* The weight and the bias of a norm, or PARAMS_NONE. */
struct affine {
	size_t w, b;
};

static void norm(
    struct net *n, float *y, float *stat, const float *x, const float *w, struct affine f)
{
	size_t C = n->p->a.C;

	n->k->op->norm_fwd(n->k, norm_kind(n), y, C, stat, x, C, weight_at(w, f.w),
	    weight_at(w, f.b), n->rows, C, (float)n->p->a.norm_eps);
}

/* dx = dx0 + gradient */
static void norm_bwd(struct net *n, float *dx, const float *dx0, float *grad, const float *dy,
    const float *x, const float *stat, const float *w, struct affine f)
{
	size_t C = n->p->a.C;

	n->k->op->norm_bwd(n->k, norm_kind(n), dx, C, dx0, grad_at(grad, f.w), grad_at(grad, f.b),
	    dy, C, x, C, stat, weight_at(w, f.w), n->rows, C);
}

static struct affine affine1(const struct params_layer *o)
{
	return (struct affine){o->norm1, o->bias1};
}

static struct affine affine2(const struct params_layer *o)
{
	return (struct affine){o->norm2, o->bias2};
}

static struct affine affine_f(const struct params *p)
{
	return (struct affine){p->norm_f, p->bias_f};
}

static struct kern_attn attn_of(const struct net *n, const float *qkv)
{
	const struct arch *a = &n->p->a;
	size_t W = arch_qkv(a);

	return (struct kern_attn){.B = n->B,
	    .Tq = n->T,
	    .Tk = n->T,
	    .H = a->H,
	    .HKV = a->HKV,
	    .D = a->D,
	    .scale = (float)(1 / sqrt((double)a->D)),
	    .first = n->first,
	    .q = qkv,
	    .k = qkv + a->H * a->D,
	    .v = qkv + (a->H + a->HKV) * a->D,
	    .ldq = W,
	    .ldk = W,
	    .ldv = W};
}

static void attend_all(struct net *n, struct net_layer *y)
{
	struct kern_attn at = attn_of(n, y->qkv);

	n->k->op->attn_fwd(n->k, &at, y->att, n->p->a.H * n->p->a.D, y->lse);
}

static void rotate_attend(struct net *n, struct net_layer *y, size_t l)
{
	const struct arch *a = &n->p->a;
	size_t W = arch_qkv(a);

	if (n->attend != NULL) {
		n->attend(n, y, l);
		return;
	}
	n->k->op->rope_fwd(n->k, y->qkv, W, n->rope, n->B, n->T, a->H + a->HKV, a->D, 0);
	attend_all(n, y);
}

/* dqkv before rotation, from datt */
static void rotate_attend_bwd(struct net *n, const struct net_layer *y)
{
	const struct arch *a = &n->p->a;
	size_t W = arch_qkv(a);
	struct kern_attn at = attn_of(n, y->qkv);

	n->k->op->attn_bwd(n->k, &at, n->dqkv, n->dqkv + a->H * a->D,
	    n->dqkv + (a->H + a->HKV) * a->D, y->att, n->datt, a->H * a->D, y->lse);
	n->k->op->rope_bwd(n->k, n->dqkv, W, n->rope, n->B, n->T, a->H + a->HKV, a->D, 0);
}

/* ---- blocks with the norm before: olmo, llama -------------------------------------------- */

/* inside: only what the backward pass needs */
static void block_pre(struct net *n, const float *w, size_t l, int inside)
{
	const struct arch *a = &n->p->a;
	const struct params_layer *o = &n->p->layer[l];
	struct net_layer *y = layer_of(n, l);
	size_t C = a->C, F = a->F, W = arch_qkv(a), HD = a->H * a->D;

	norm(n, n->h, y->stat1, y->x, w, affine1(o));
	linear(n, y->qkv, W, NULL, n->h, C, w + o->qkv, W, C);
	if (a->clip_qkv > 0)
		n->k->op->clamp_fwd(
		    n->k, y->qkv, y->mask, y->qkv, (float)a->clip_qkv, n->rows * W);
	rotate_attend(n, y, l);
	linear(n, y->xm, C, y->x, y->att, HD, w + o->o, C, HD);
	norm(n, n->h, y->stat2, y->xm, w, affine2(o));
	linear(n, y->ug, 2 * F, NULL, n->h, C, w + o->ug, 2 * F, C);
	if (inside)
		return;
	n->k->op->swiglu_fwd(n->k, n->act, y->ug, n->rows, F);
	linear(n, after_layer(n, l), C, y->xm, n->act, F, w + o->down, C, F);
}

/* n->dx is the gradient after the block, then before it */
static void block_pre_bwd(struct net *n, const float *w, float *grad, size_t l)
{
	const struct arch *a = &n->p->a;
	const struct params_layer *o = &n->p->layer[l];
	struct net_layer *y = layer_of(n, l);
	size_t C = a->C, F = a->F, W = arch_qkv(a), HD = a->H * a->D;

	n->k->op->gemm(n->k, KERN_NN, n->rows, F, C, n->dx, C, w + o->down, F, NULL, n->act, F);
	n->k->op->swiglu_bwd(n->k, y->ug, n->act, n->act, y->ug, n->rows, F);
	n->k->op->gemm(
	    n->k, KERN_TN, C, F, n->rows, n->dx, C, n->act, F, grad + o->down, grad + o->down, F);
	norm(n, n->h, NULL, y->xm, w, affine2(o));
	linear_bwd(n, n->dh, NULL, grad + o->ug, y->ug, 2 * F, n->h, w + o->ug, 2 * F, C);
	norm_bwd(n, n->dx, n->dx, grad, n->dh, y->xm, y->stat2, w, affine2(o));

	linear_bwd(n, n->datt, NULL, grad + o->o, n->dx, C, y->att, w + o->o, C, HD);
	rotate_attend_bwd(n, y);
	if (a->clip_qkv > 0)
		n->k->op->clamp_bwd(n->k, n->dqkv, n->dqkv, y->mask, n->rows * W);
	norm(n, n->h, NULL, y->x, w, affine1(o));
	linear_bwd(n, n->dh, NULL, grad + o->qkv, n->dqkv, W, n->h, w + o->qkv, W, C);
	norm_bwd(n, n->dx, n->dx, grad, n->dh, y->x, y->stat1, w, affine1(o));
}

/* ---- blocks with the norm after, and on q and k: olmo2 ------------------------------------ */

/* q (heads = H, at = 0) or k (heads = HKV, at = H) of the packed rows */
static void head_norm(
    struct net *n, struct net_layer *y, float *stat, const float *w, size_t heads, size_t at)
{
	const struct arch *a = &n->p->a;

	n->k->op->norm_fwd(n->k, KERN_RMSNORM, y->qkv + at * a->D, arch_qkv(a), stat,
	    y->qk + at * a->D, (a->H + a->HKV) * a->D, w, NULL, n->rows, heads * a->D,
	    (float)a->norm_eps);
}

/* q and k lie apart until they are normed; of y->qkv the columns of v count, those of q and k are
 * written later (or, in the gradient, have been read). */
static void clip_parts(struct net *n, struct net_layer *y)
{
	const struct arch *a = &n->p->a;
	size_t QK = (a->H + a->HKV) * a->D;
	float c = (float)a->clip_qkv;

	n->k->op->clamp_fwd(n->k, y->qk, y->qk_mask, y->qk, c, n->rows * QK);
	n->k->op->clamp_fwd(n->k, y->qkv, y->mask, y->qkv, c, n->rows * arch_qkv(a));
}

/* dqk (rows, (H + HKV) D), and v's columns of n->dqkv */
static void clip_parts_bwd(struct net *n, const struct net_layer *y, float *dqk)
{
	const struct arch *a = &n->p->a;
	size_t QK = (a->H + a->HKV) * a->D;

	n->k->op->clamp_bwd(n->k, dqk, dqk, y->qk_mask, n->rows * QK);
	n->k->op->clamp_bwd(n->k, n->dqkv, n->dqkv, y->mask, n->rows * arch_qkv(a));
}

static void block_post(struct net *n, const float *w, size_t l, int inside)
{
	const struct arch *a = &n->p->a;
	const struct params_layer *o = &n->p->layer[l];
	struct net_layer *y = layer_of(n, l);
	size_t C = a->C, F = a->F, W = arch_qkv(a), HD = a->H * a->D, QK = (a->H + a->HKV) * a->D;
	float *next = after_layer(n, l);

	linear(n, y->qk, QK, NULL, y->x, C, w + o->qkv, QK, C);
	linear(n, y->qkv + QK, W, NULL, y->x, C, w + o->qkv + QK * C, W - QK, C);
	if (a->clip_qkv > 0)
		clip_parts(n, y);
	head_norm(n, y, y->statq, weight_at(w, o->qnorm), a->H, 0);
	head_norm(n, y, y->statk, weight_at(w, o->knorm), a->HKV, a->H);
	rotate_attend(n, y, l);
	linear(n, y->ao, C, NULL, y->att, HD, w + o->o, C, HD);
	norm(n, n->h, y->stat1, y->ao, w, affine1(o));
	n->k->op->add(n->k, y->xm, y->x, n->h, n->rows * C);
	linear(n, y->ug, 2 * F, NULL, y->xm, C, w + o->ug, 2 * F, C);
	n->k->op->swiglu_fwd(n->k, n->act, y->ug, n->rows, F);
	linear(n, y->fo, C, NULL, n->act, F, w + o->down, C, F);
	norm(n, n->h, y->stat2, y->fo, w, affine2(o));
	if (inside)
		return;
	n->k->op->add(n->k, next, y->xm, n->h, n->rows * C);
}

/* Gradient through head_norm: from n->dqkv to dst (rows, (H + HKV) D). */
static void head_norm_bwd(struct net *n, struct net_layer *y, const float *stat, const float *w,
    float *dw, size_t heads, size_t at, float *dst)
{
	const struct arch *a = &n->p->a;
	size_t QK = (a->H + a->HKV) * a->D;

	n->k->op->norm_bwd(n->k, KERN_RMSNORM, dst + at * a->D, QK, NULL, dw, NULL,
	    n->dqkv + at * a->D, arch_qkv(a), y->qk + at * a->D, QK, stat, w, n->rows,
	    heads * a->D);
}

static void block_post_bwd(struct net *n, const float *w, float *grad, size_t l)
{
	const struct arch *a = &n->p->a;
	const struct params_layer *o = &n->p->layer[l];
	struct net_layer *y = layer_of(n, l);
	size_t C = a->C, F = a->F, W = arch_qkv(a), HD = a->H * a->D, QK = (a->H + a->HKV) * a->D;

	norm_bwd(n, n->dh, NULL, grad, n->dx, y->fo, y->stat2, w, affine2(o));
	n->k->op->gemm(n->k, KERN_NN, n->rows, F, C, n->dh, C, w + o->down, F, NULL, n->act, F);
	n->k->op->swiglu_bwd(n->k, y->ug, n->act, n->act, y->ug, n->rows, F);
	n->k->op->gemm(
	    n->k, KERN_TN, C, F, n->rows, n->dh, C, n->act, F, grad + o->down, grad + o->down, F);
	linear_bwd(n, n->dx, n->dx, grad + o->ug, y->ug, 2 * F, y->xm, w + o->ug, 2 * F, C);

	norm_bwd(n, n->dh, NULL, grad, n->dx, y->ao, y->stat1, w, affine1(o));
	linear_bwd(n, n->datt, NULL, grad + o->o, n->dh, C, y->att, w + o->o, C, HD);
	rotate_attend_bwd(n, y);
	/* y->qkv was last read by the attention: its room takes the gradient of q and k */
	head_norm_bwd(
	    n, y, y->statq, weight_at(w, o->qnorm), grad_at(grad, o->qnorm), a->H, 0, y->qkv);
	head_norm_bwd(
	    n, y, y->statk, weight_at(w, o->knorm), grad_at(grad, o->knorm), a->HKV, a->H, y->qkv);
	if (a->clip_qkv > 0)
		clip_parts_bwd(n, y, y->qkv);
	linear_bwd(n, n->dx, n->dx, grad + o->qkv, y->qkv, QK, y->x, w + o->qkv, QK, C);
	linear_bwd(n, n->dx, n->dx, grad + o->qkv + QK * C, n->dqkv + QK, W, y->x,
	    w + o->qkv + QK * C, W - QK, C);
}

/* ---- the whole --------------------------------------------------------------------------- */

static void block(struct net *n, const float *w, size_t l, int inside)
{
	if (n->p->a.family == ARCH_OLMO2)
		block_post(n, w, l, inside);
	else
		block_pre(n, w, l, inside);
}

static void forward(struct net *n, const float *w)
{
	const struct params *p = n->p;

	n->w = w;
	n->k->op->embed_fwd(n->k, layer_of(n, 0)->x, n->ids, w + p->embed, n->rows, p->a.C);
	for (size_t l = 0; l < p->a.L; l++)
		block(n, w, l, 0);
	norm(n, n->x_final, n->stat_final, n->x_last, w, affine_f(p));
}

void net_forward(struct net *n, const float *w, const uint32_t *ids, size_t B, size_t T)
{
	n->B = B;
	n->T = T;
	n->rows = B * T;
	n->ids = ids;
	n->attend = NULL;
	forward(n, w);
}

void net_extend(struct net *n, const float *w, const uint32_t *ids, size_t rows,
    void (*attend)(struct net *, struct net_layer *, size_t), void *arg)
{
	n->B = 1;
	n->T = n->rows = rows;
	n->ids = ids;
	n->attend = attend;
	n->attend_arg = arg;
	forward(n, w);
}

void net_head(struct net *n, const float *w, const int32_t *labels, float *grad)
{
	const struct params *p = n->p;
	struct kern_head h = {.rows = n->rows,
	    .C = p->a.C,
	    .V = p->a.V,
	    .x = n->x_final,
	    .E = w + p->head,
	    .labels = labels,
	    .g = n->g,
	    .gz = n->gz,
	    .loss = n->loss,
	    .lse = n->lse,
	    .best = n->best};

	if (grad != NULL) {
		h.dx = n->dh;
		h.dE = grad + p->head;
	}
	n->k->op->head(n->k, &h);
}

void net_backward(struct net *n, const float *w, float *grad)
{
	const struct params *p = n->p;

	norm_bwd(n, n->dx, NULL, grad, n->dh, n->x_last, n->stat_final, w, affine_f(p));
	for (size_t l = p->a.L; l-- > 0;) {
		enum again r = again(&n->plan, l);
		if (r == AGAIN_BLOCK)
			block(n, w, l, 1);
		else if (r == AGAIN_ATTENTION)
			attend_all(n, &n->layer[l]);
		if (p->a.family == ARCH_OLMO2)
			block_post_bwd(n, w, grad, l);
		else
			block_pre_bwd(n, w, grad, l);
	}
	n->k->op->embed_bwd(n->k, grad + p->embed, n->ids, n->dx, n->rows, p->a.C);
}

void net_logits(struct net *n, const float *w, size_t first, size_t rows, float *logits)
{
	size_t C = n->p->a.C, V = n->p->a.V;

	n->k->op->gemm(n->k, KERN_NT, rows, V, C, n->x_final + first * C, C, w + n->p->head, C,
	    NULL, logits, V);
}

const char *net_first_bad(struct net *n, size_t *layer)
{
	const struct arch *a = &n->p->a;
	size_t rows = n->rows;

	for (*layer = 0; *layer < a->L; ++*layer) {
		const struct net_layer *y = layer_of(n, *layer);
		if (again(&n->plan, *layer) != AGAIN_NOTHING)
			block(n, n->w, *layer, 1);
		const struct {
			const float *p;
			size_t n;
			const char *name;
		} look[] = {{y->x, rows * a->C, "residual stream before attention"},
		    {y->qkv, rows * arch_qkv(a), "q, k, v"},
		    {y->att, rows * a->H * a->D, "attention output"},
		    {y->xm, rows * a->C, "residual stream before the MLP"},
		    {y->ug, rows * 2 * a->F, "MLP up and gate"}};
		for (size_t i = 0; i < sizeof(look) / sizeof(look[0]); i++)
			if (n->k->op->minmax(n->k, look[i].p, look[i].n).nonfinite < look[i].n)
				return look[i].name;
	}
	if (n->k->op->minmax(n->k, n->x_final, rows * a->C).nonfinite < rows * a->C)
		return "final norm";
	return NULL;
}
