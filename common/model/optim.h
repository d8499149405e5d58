/* optim: gradient norm, clipping, AdamW and LionW over a model's tensors.
 *
 * Groups are OLMo's: Linear weights decay (the head of an untied model too), the embedding decays
 * with decay_embeddings, norm weights with decay_norm.  A tied matrix is an embedding.
 *
 *	norm = optim_norm(p, k, g, &bad);	L2 over all tensors; bad: the first with NaN or Inf
 *	o.gscale = optim_clip(limit, norm);	min(1, limit / (norm + 1e-6)), in fp32 like torch
 *	optim_step(p, k, &o, w, m, v, g);	v is unused by LionW
 *
 * Or, instead of one limit for all (OLMo's max_grad_norm_ratio): each tensor as OLMo stores it
 * (q, k and v are one) has the limit ratio * average, where average is an exponential one of the
 * clipped norms with weight 1 - max(beta1, beta2) for the newest.  At step 1 the norm of the step
 * stands for the average and is forgotten; step 2 begins the average.  Negative: there is none yet.
 *	optim_adapt(p, k, g, ratio, beta, step, avg, scale);	avg, scale: one float a tensor
 *	o.scale = scale;
 */
#ifndef OLMO_MODEL_OPTIM_H
#define OLMO_MODEL_OPTIM_H

#include <stdint.h>

#include "model/params.h"

struct config;
struct kern;

enum optim_kind { OPTIM_ADAMW, OPTIM_LION };

struct optim {
	enum optim_kind kind;
	double lr, beta1, beta2, eps, weight_decay, gscale;
	const float *scale; /* (tensors) instead of gscale, or NULL */
	int decay_embeddings, decay_norm;
	int selective; /* elements whose gradient is 0 stay, their moments too */
	uint64_t step; /* from 1 */
};

/* lr and gscale 0, 1; the rest from the config. */
struct optim optim_of(const struct config *c, uint64_t step);
int optim_decays(const struct optim *o, const struct param *t);
double optim_norm(
    const struct params *p, struct kern *k, const float *g, const struct param **bad);
double optim_clip(double limit, double norm);
/* Returns the share of the tensors (as OLMo stores them) whose gradient is too long. */
double optim_adapt(const struct params *p, struct kern *k, const float *g, double ratio,
    double beta, uint64_t step, float *avg, float *scale);
void optim_step(const struct params *p, struct kern *k, const struct optim *o, float *w, float *m,
    float *v, const float *g);
/* The first tensor with a value that is not finite, or NULL. */
const struct param *optim_first_bad(const struct params *p, struct kern *k, const float *x);

#endif
