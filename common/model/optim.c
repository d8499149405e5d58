#include "model/optim.h"

#include <math.h>

#include "kernels/kernels.h"
#include "model/config.h"

struct optim optim_of(const struct config *c, uint64_t step)
{
	return (struct optim){.kind = c->optimizer,
	    .beta1 = c->beta1,
	    .beta2 = c->beta2,
	    .eps = c->eps,
	    .weight_decay = c->weight_decay,
	    .gscale = 1,
	    .decay_embeddings = c->decay_embeddings,
	    .decay_norm = c->decay_norm,
	    .selective = c->selective,
	    .step = step};
}

int optim_decays(const struct optim *o, const struct param *t)
{
	if (t->kind == PARAM_EMBED)
		return o->decay_embeddings;
	if (t->kind == PARAM_NORM || t->kind == PARAM_BIAS)
		return o->decay_norm;
	return 1;
}

const struct param *optim_first_bad(const struct params *p, struct kern *k, const float *x)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct param *t = &p->t[i];
		if (k->op->minmax(k, x + t->off, t->n).nonfinite < t->n)
			return t;
	}
	return NULL;
}

double optim_norm(const struct params *p, struct kern *k, const float *g, const struct param **bad)
{
	double sum = 0;

	for (size_t i = 0; i < p->n; i++)
		sum += k->op->sumsq(k, g + p->t[i].off, p->t[i].n);
	*bad = isfinite(sum) ? NULL : optim_first_bad(p, k, g);
	return sqrt(sum);
}

double optim_clip(double limit, double norm)
{
	if (limit <= 0)
		return 1;
	return fminf(1.0f, (float)limit / ((float)norm + 1e-6f));
}

/* OLMo's arithmetic: fp32 but for the factor of the lerp. */
static float adapt_one(float norm, double ratio, double beta, uint64_t step, float *avg)
{
	float limit, coef;

	if (*avg < 0)
		*avg = norm;
	limit = (float)ratio * *avg;
	coef = fminf(1.0f, limit / (norm + 1e-6f));
	*avg = step > 1 ? *avg + (float)(1 - beta) * (norm * coef - *avg) : -1;
	return coef;
}

double optim_adapt(const struct params *p, struct kern *k, const float *g, double ratio,
    double beta, uint64_t step, float *avg, float *scale)
{
	struct params_native t;
	size_t n = 0, clipped = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!params_native(p, i, &t)) { /* inside the one before */
			avg[i] = avg[i - 1];
			scale[i] = scale[i - 1];
			continue;
		}
		float norm = (float)sqrt(k->op->sumsq(k, g + t.off, t.n));
		scale[i] = adapt_one(norm, ratio, beta, step, &avg[i]);
		clipped += scale[i] < 1;
		n++;
	}
	return (double)clipped / (double)n;
}

void optim_step(const struct params *p, struct kern *k, const struct optim *o, float *w, float *m,
    float *v, const float *g)
{
	struct kern_adamw a = {.lr = o->lr,
	    .beta1 = o->beta1,
	    .beta2 = o->beta2,
	    .eps = o->eps,
	    .step = o->step,
	    .selective = o->selective};
	struct kern_lion l = {
	    .lr = o->lr, .beta1 = o->beta1, .beta2 = o->beta2, .selective = o->selective};

	for (size_t i = 0; i < p->n; i++) {
		const struct param *t = &p->t[i];
		a.wd = l.wd = optim_decays(o, t) ? o->weight_decay : 0;
		a.gscale = l.gscale = o->scale != NULL ? (double)o->scale[i] : o->gscale;
		if (o->kind == OPTIM_LION)
			k->op->lion(k, &l, w + t->off, m + t->off, g + t->off, t->n);
		else
			k->op->adamw(k, &a, w + t->off, m + t->off, v + t->off, g + t->off, t->n);
	}
}
