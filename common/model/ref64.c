#include "model/ref64.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static double *doubles(size_t n)
{
	return xcalloc(n, sizeof(double));
}

/* y (M, N) = x (M, K) w (N, K)^T */
static void mul(double *y, const double *x, const double *w, size_t M, size_t N, size_t K)
{
	for (size_t m = 0; m < M; m++) {
		for (size_t n = 0; n < N; n++) {
			double s = 0;
			for (size_t k = 0; k < K; k++)
				s += x[m * K + k] * w[n * K + k];
			y[m * N + n] = s;
		}
	}
}

/* dx += dy w;  dw += dy^T x */
static void mul_bwd(double *dx, double *dw, const double *dy, const double *x, const double *w,
    size_t M, size_t N, size_t K)
{
	for (size_t m = 0; m < M; m++) {
		for (size_t n = 0; n < N; n++) {
			double d = dy[m * N + n];
			for (size_t k = 0; k < K; k++) {
				dx[m * K + k] += d * w[n * K + k];
				dw[n * K + k] += d * x[m * K + k];
			}
		}
	}
}

/* Mean (0 for RMS) and 1 / deviation of a row. */
static void moments(int rms, const double *x, size_t n, double eps, double *mean, double *inv)
{
	double s = 0, q = 0;

	for (size_t i = 0; i < n; i++)
		s += x[i];
	*mean = rms ? 0 : s / (double)n;
	for (size_t i = 0; i < n; i++)
		q += (x[i] - *mean) * (x[i] - *mean);
	*inv = 1 / sqrt(q / (double)n + eps);
}

/* Rows of n at strides ld; w, b NULL: none. */
static void norm(const struct ref64 *r, double *y, const double *x, size_t ld, size_t n,
    const double *w, const double *b)
{
	int rms = r->p->a.family != ARCH_OLMO;

	for (size_t m = 0; m < r->rows; m++) {
		double mean, inv;
		moments(rms, x + m * ld, n, r->p->a.norm_eps, &mean, &inv);
		for (size_t i = 0; i < n; i++)
			y[m * ld + i] = (x[m * ld + i] - mean) * inv * (w != NULL ? w[i] : 1) +
					(b != NULL ? b[i] : 0);
	}
}

/* dx += gradient through norm */
static void norm_bwd(const struct ref64 *r, double *dx, double *dw, double *db, const double *dy,
    const double *x, size_t ld, size_t n, const double *w)
{
	int rms = r->p->a.family != ARCH_OLMO;

	for (size_t m = 0; m < r->rows; m++) {
		const double *xr = x + m * ld, *d = dy + m * ld;
		double mean, inv, sum = 0, dot = 0;
		moments(rms, xr, n, r->p->a.norm_eps, &mean, &inv);
		for (size_t i = 0; i < n; i++) {
			double hat = (xr[i] - mean) * inv, g = d[i] * (w != NULL ? w[i] : 1);
			sum += g;
			dot += g * hat;
			if (dw != NULL)
				dw[i] += d[i] * hat;
			if (db != NULL)
				db[i] += d[i];
		}
		for (size_t i = 0; i < n; i++) {
			double hat = (xr[i] - mean) * inv, g = d[i] * (w != NULL ? w[i] : 1);
			dx[m * ld + i] +=
			    inv * (g - (rms ? 0 : sum / (double)n) - hat * dot / (double)n);
		}
	}
}

/* Rotates the first H + HKV heads of each row by sign times the angle of its position. */
static void rotate(const struct ref64 *r, double *x, double sign)
{
	const struct arch *a = &r->p->a;
	size_t D = a->D, W = arch_qkv(a);

	for (size_t m = 0; m < r->rows; m++) {
		const float *cs = r->rope + (m % r->T) * D;
		for (size_t h = 0; h < a->H + a->HKV; h++) {
			for (size_t j = 0; j < D / 2; j++) {
				double *u = x + m * W + h * D + j, *v = u + D / 2;
				double c = (double)cs[j], s = sign * (double)cs[D / 2 + j], t = *u;
				*u = t * c - *v * s;
				*v = *v * c + t * s;
			}
		}
	}
}

/* ---- attention --------------------------------------------------------------------------- */

/* Where head h of row (b, t) of q, k and v is. */
struct head {
	size_t q, k, v;
};

static struct head head_at(const struct ref64 *r, size_t b, size_t t, size_t h)
{
	const struct arch *a = &r->p->a;
	size_t row = (b * r->T + t) * arch_qkv(a), kv = h / (a->H / a->HKV);

	return (struct head){.q = row + h * a->D,
	    .k = row + (a->H + kv) * a->D,
	    .v = row + (a->H + a->HKV + kv) * a->D};
}

static double dot(const double *x, const double *y, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += x[i] * y[i];
	return s;
}

/* One query: its weights over keys 0 .. t, and the weighted values. */
static void attend(const struct ref64 *r, struct ref64_layer *y, size_t b, size_t t, size_t h)
{
	size_t D = r->p->a.D, H = r->p->a.H;
	double *p = y->p + ((b * H + h) * r->T + t) * r->T, max = -INFINITY, sum = 0;
	double *o = y->att + ((b * r->T + t) * H + h) * D;
	const double *q = y->qkv + head_at(r, b, t, h).q;

	for (size_t s = 0; s <= t; s++) {
		p[s] = dot(q, y->qkv + head_at(r, b, s, h).k, D) / sqrt((double)D);
		max = fmax(max, p[s]);
	}
	for (size_t s = 0; s <= t; s++)
		sum += p[s] = exp(p[s] - max);
	memset(o, 0, D * sizeof(*o));
	for (size_t s = 0; s <= t; s++) {
		const double *v = y->qkv + head_at(r, b, s, h).v;
		p[s] /= sum;
		for (size_t i = 0; i < D; i++)
			o[i] += p[s] * v[i];
	}
}

static void attend_bwd(const struct ref64 *r, const struct ref64_layer *y, const double *datt,
    double *dqkv, size_t b, size_t t, size_t h)
{
	size_t D = r->p->a.D, H = r->p->a.H;
	const double *p = y->p + ((b * H + h) * r->T + t) * r->T;
	const double *d = datt + ((b * r->T + t) * H + h) * D;
	const double *o = y->att + ((b * r->T + t) * H + h) * D;
	size_t q = head_at(r, b, t, h).q;
	double mean = dot(d, o, D);

	for (size_t s = 0; s <= t; s++) {
		struct head at = head_at(r, b, s, h);
		double ds = p[s] * (dot(d, y->qkv + at.v, D) - mean) / sqrt((double)D);
		for (size_t i = 0; i < D; i++) {
			dqkv[at.v + i] += p[s] * d[i];
			dqkv[q + i] += ds * y->qkv[at.k + i];
			dqkv[at.k + i] += ds * y->qkv[q + i];
		}
	}
}

static void each_head(
    const struct ref64 *r, struct ref64_layer *y, const double *datt, double *dqkv)
{
	for (size_t b = 0; b < r->B; b++)
		for (size_t h = 0; h < r->p->a.H; h++)
			for (size_t t = 0; t < r->T; t++) {
				if (datt == NULL)
					attend(r, y, b, t, h);
				else
					attend_bwd(r, y, datt, dqkv, b, t, h);
			}
}

/* ---- MLP ----------------------------------------------------------------------------------- */

static void gate(const struct ref64 *r, double *act, const double *ug)
{
	size_t F = r->p->a.F;

	for (size_t m = 0; m < r->rows; m++)
		for (size_t i = 0; i < F; i++) {
			double u = ug[m * 2 * F + i], g = ug[m * 2 * F + F + i];
			act[m * F + i] = u * g / (1 + exp(-g));
		}
}

static void gate_bwd(const struct ref64 *r, double *dug, const double *dact, const double *ug)
{
	size_t F = r->p->a.F;

	for (size_t m = 0; m < r->rows; m++)
		for (size_t i = 0; i < F; i++) {
			double u = ug[m * 2 * F + i], g = ug[m * 2 * F + F + i],
			       d = dact[m * F + i];
			double s = 1 / (1 + exp(-g));
			dug[m * 2 * F + i] = d * g * s;
			dug[m * 2 * F + F + i] = d * u * (s + g * s * (1 - s));
		}
}

/* ---- a block ------------------------------------------------------------------------------- */

static const double *weight_at(const struct ref64 *r, size_t off)
{
	return off == PARAMS_NONE ? NULL : r->w + off;
}

static double *grad_at(const struct ref64 *r, size_t off)
{
	return off == PARAMS_NONE ? NULL : r->g + off;
}

static void clip(const struct arch *a, double *y, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = a->clip_qkv > 0 ? fmax(-a->clip_qkv, fmin(a->clip_qkv, x[i])) : x[i];
}

static void shape_qkv(struct ref64 *r, struct ref64_layer *y, const struct params_layer *o)
{
	const struct arch *a = &r->p->a;
	size_t W = arch_qkv(a), n = r->rows * W;

	clip(a, y->qkv, y->raw, n);
	if (a->family == ARCH_OLMO2) {
		double *clipped = doubles(n);
		clip(a, clipped, y->raw, n);
		norm(r, y->qkv, clipped, W, a->H * a->D, weight_at(r, o->qnorm), NULL);
		norm(r, y->qkv + a->H * a->D, clipped + a->H * a->D, W, a->HKV * a->D,
		    weight_at(r, o->knorm), NULL);
		free(clipped);
	}
	rotate(r, y->qkv, 1);
}

/* From the gradient of y->qkv to that of y->raw, in d (rows, W). */
static void shape_qkv_bwd(
    struct ref64 *r, const struct ref64_layer *y, const struct params_layer *o, double *d)
{
	const struct arch *a = &r->p->a;
	size_t W = arch_qkv(a), n = r->rows * W, Q = a->H * a->D, K = a->HKV * a->D;

	rotate(r, d, -1);
	if (a->family == ARCH_OLMO2) {
		double *in = doubles(n), *x = doubles(n);
		clip(a, x, y->raw, n);
		norm_bwd(r, in, grad_at(r, o->qnorm), NULL, d, x, W, Q, weight_at(r, o->qnorm));
		norm_bwd(r, in + Q, grad_at(r, o->knorm), NULL, d + Q, x + Q, W, K,
		    weight_at(r, o->knorm));
		for (size_t m = 0; m < r->rows; m++)
			memcpy(d + m * W, in + m * W, (Q + K) * sizeof(*d));
		free(in);
		free(x);
	}
	for (size_t i = 0; a->clip_qkv > 0 && i < n; i++)
		if (fabs(y->raw[i]) > a->clip_qkv)
			d[i] = 0;
}

/* out = x + f, or x + norm(f) where the norm comes after (and has no bias) */
static void add_branch(
    const struct ref64 *r, double *out, const double *x, const double *f, size_t norm_off)
{
	size_t C = r->p->a.C, n = r->rows * C;

	memcpy(out, f, n * sizeof(*out));
	if (r->p->a.family == ARCH_OLMO2)
		norm(r, out, f, C, C, weight_at(r, norm_off), NULL);
	for (size_t i = 0; i < n; i++)
		out[i] += x[i];
}

/* df from the gradient d after the sum: new array */
static double *add_branch_bwd(
    const struct ref64 *r, const double *d, const double *f, size_t norm_off)
{
	size_t C = r->p->a.C, n = r->rows * C;
	double *df = doubles(n);

	if (r->p->a.family == ARCH_OLMO2)
		norm_bwd(r, df, grad_at(r, norm_off), NULL, d, f, C, C, weight_at(r, norm_off));
	else
		memcpy(df, d, n * sizeof(*df));
	return df;
}

/* h = norm(x) where the norm comes before, else x */
static void branch_in(
    const struct ref64 *r, double *h, const double *x, size_t norm_off, size_t bias_off)
{
	size_t C = r->p->a.C;

	if (r->p->a.family == ARCH_OLMO2)
		memcpy(h, x, r->rows * C * sizeof(*h));
	else
		norm(r, h, x, C, C, weight_at(r, norm_off), weight_at(r, bias_off));
}

static void branch_in_bwd(const struct ref64 *r, double *dx, const double *dh, const double *x,
    size_t norm_off, size_t bias_off)
{
	size_t C = r->p->a.C;

	if (r->p->a.family != ARCH_OLMO2) {
		norm_bwd(r, dx, grad_at(r, norm_off), grad_at(r, bias_off), dh, x, C, C,
		    weight_at(r, norm_off));
		return;
	}
	for (size_t i = 0; i < r->rows * C; i++)
		dx[i] += dh[i];
}

static double *after_layer(struct ref64 *r, size_t l)
{
	return l + 1 < r->p->a.L ? r->layer[l + 1].x : r->x_last;
}

static void block(struct ref64 *r, size_t l)
{
	const struct arch *a = &r->p->a;
	const struct params_layer *o = &r->p->layer[l];
	struct ref64_layer *y = &r->layer[l];
	size_t C = a->C, F = a->F, M = r->rows;

	branch_in(r, y->h1, y->x, o->norm1, o->bias1);
	mul(y->raw, y->h1, r->w + o->qkv, M, arch_qkv(a), C);
	shape_qkv(r, y, o);
	each_head(r, y, NULL, NULL);
	mul(y->ao, y->att, r->w + o->o, M, C, a->H * a->D);
	add_branch(r, y->xm, y->x, y->ao, o->norm1);
	branch_in(r, y->h2, y->xm, o->norm2, o->bias2);
	mul(y->ug, y->h2, r->w + o->ug, M, 2 * F, C);
	gate(r, y->act, y->ug);
	mul(y->fo, y->act, r->w + o->down, M, C, F);
	add_branch(r, after_layer(r, l), y->xm, y->fo, o->norm2);
}

static void mlp_bwd(struct ref64 *r, double *dx, size_t l)
{
	const struct params_layer *o = &r->p->layer[l];
	struct ref64_layer *y = &r->layer[l];
	size_t C = r->p->a.C, F = r->p->a.F, M = r->rows;
	double *df = add_branch_bwd(r, dx, y->fo, o->norm2), *dact = doubles(M * F);
	double *dug = doubles(M * 2 * F), *dh = doubles(M * C);

	mul_bwd(dact, r->g + o->down, df, y->act, r->w + o->down, M, C, F);
	gate_bwd(r, dug, dact, y->ug);
	mul_bwd(dh, r->g + o->ug, dug, y->h2, r->w + o->ug, M, 2 * F, C);
	branch_in_bwd(r, dx, dh, y->xm, o->norm2, o->bias2);
	free(df);
	free(dact);
	free(dug);
	free(dh);
}

static void attention_bwd(struct ref64 *r, double *dx, size_t l)
{
	const struct arch *a = &r->p->a;
	const struct params_layer *o = &r->p->layer[l];
	struct ref64_layer *y = &r->layer[l];
	size_t C = a->C, M = r->rows, HD = a->H * a->D;
	double *df = add_branch_bwd(r, dx, y->ao, o->norm1), *datt = doubles(M * HD);
	double *dqkv = doubles(M * arch_qkv(a)), *dh = doubles(M * C);

	mul_bwd(datt, r->g + o->o, df, y->att, r->w + o->o, M, C, HD);
	each_head(r, y, datt, dqkv);
	shape_qkv_bwd(r, y, o, dqkv);
	mul_bwd(dh, r->g + o->qkv, dqkv, y->h1, r->w + o->qkv, M, arch_qkv(a), C);
	branch_in_bwd(r, dx, dh, y->x, o->norm1, o->bias1);
	free(df);
	free(datt);
	free(dqkv);
	free(dh);
}

/* ---- the whole ----------------------------------------------------------------------------- */

struct ref64 *ref64_new(
    const struct params *p, const float *w, const float *rope, size_t B, size_t T)
{
	const struct arch *a = &p->a;
	struct ref64 *r = xcalloc(1, sizeof(*r));
	size_t M = B * T;

	*r = (struct ref64){.p = p, .rope = rope, .B = B, .T = T, .rows = M};
	r->w = doubles(p->n_float);
	r->g = doubles(p->n_float);
	for (size_t i = 0; i < p->n_float; i++)
		r->w[i] = (double)w[i];
	r->layer = xcalloc(a->L, sizeof(*r->layer));
	for (size_t l = 0; l < a->L; l++)
		r->layer[l] = (struct ref64_layer){.x = doubles(M * a->C),
		    .h1 = doubles(M * a->C),
		    .raw = doubles(M * arch_qkv(a)),
		    .qkv = doubles(M * arch_qkv(a)),
		    .p = doubles(M * a->H * T),
		    .att = doubles(M * a->H * a->D),
		    .ao = doubles(M * a->C),
		    .xm = doubles(M * a->C),
		    .h2 = doubles(M * a->C),
		    .ug = doubles(M * 2 * a->F),
		    .act = doubles(M * a->F),
		    .fo = doubles(M * a->C)};
	r->x_last = doubles(M * a->C);
	r->x_final = doubles(M * a->C);
	r->logits = doubles(M * a->V);
	r->loss = doubles(M);
	return r;
}

void ref64_free(struct ref64 *r)
{
	if (r == NULL)
		return;
	for (size_t l = 0; l < r->p->a.L; l++) {
		struct ref64_layer *y = &r->layer[l];
		double *own[] = {y->x, y->h1, y->raw, y->qkv, y->p, y->att, y->ao, y->xm, y->h2,
		    y->ug, y->act, y->fo};
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			free(own[i]);
	}
	free(r->layer);
	free(r->w);
	free(r->g);
	free(r->x_last);
	free(r->x_final);
	free(r->logits);
	free(r->loss);
	free(r);
}

void ref64_forward(struct ref64 *r, const uint32_t *ids)
{
	const struct params *p = r->p;
	size_t C = p->a.C;

	r->ids = ids;
	for (size_t m = 0; m < r->rows; m++)
		memcpy(r->layer[0].x + m * C, r->w + p->embed + ids[m] * C, C * sizeof(double));
	for (size_t l = 0; l < p->a.L; l++)
		block(r, l);
	norm(r, r->x_final, r->x_last, C, C, weight_at(r, p->norm_f), weight_at(r, p->bias_f));
	mul(r->logits, r->x_final, r->w + p->head, r->rows, p->a.V, C);
}

static double log_sum_exp(const double *x, size_t n)
{
	double max = x[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		max = fmax(max, x[i]);
	for (size_t i = 0; i < n; i++)
		sum += exp(x[i] - max);
	return max + log(sum);
}

void ref64_loss(struct ref64 *r, const int32_t *labels)
{
	size_t V = r->p->a.V;

	r->n_label = 0;
	r->mean = 0;
	for (size_t m = 0; m < r->rows; m++) {
		const double *x = r->logits + m * V;
		r->loss[m] = labels[m] < 0 ? 0 : log_sum_exp(x, V) - x[labels[m]];
		r->n_label += labels[m] >= 0;
		r->mean += r->loss[m];
	}
	if (r->n_label > 0)
		r->mean /= (double)r->n_label;
}

void ref64_backward(struct ref64 *r, const int32_t *labels)
{
	const struct params *p = r->p;
	size_t V = p->a.V, C = p->a.C;
	double *d = doubles(r->rows * V), *dxf = doubles(r->rows * C), *dx = doubles(r->rows * C);

	memset(r->g, 0, p->n_float * sizeof(*r->g));
	for (size_t m = 0; m < r->rows; m++) {
		const double *x = r->logits + m * V;
		double lse = log_sum_exp(x, V);
		for (size_t i = 0; labels[m] >= 0 && i < V; i++)
			d[m * V + i] =
			    (exp(x[i] - lse) - (i == (size_t)labels[m])) / (double)r->n_label;
	}
	mul_bwd(dxf, r->g + p->head, d, r->x_final, r->w + p->head, r->rows, V, C);
	norm_bwd(r, dx, grad_at(r, p->norm_f), grad_at(r, p->bias_f), dxf, r->x_last, C, C,
	    weight_at(r, p->norm_f));
	for (size_t l = p->a.L; l-- > 0;) {
		mlp_bwd(r, dx, l);
		attention_bwd(r, dx, l);
	}
	for (size_t m = 0; m < r->rows; m++)
		for (size_t i = 0; i < C; i++)
			r->g[p->embed + r->ids[m] * C + i] += dx[m * C + i];
	free(d);
	free(dxf);
	free(dx);
}
