/* optim: gradient norm, clipping and AdamW over a model's tensors.
 *
 * Groups are OLMo's: Linear weights decay (the head of an untied model too), the embedding decays
 * with decay_embeddings, norm weights with decay_norm.  A tied matrix is an embedding.
 *
 *	norm = optim_norm(p, k, g, &bad);	L2 over all tensors; bad: the first with NaN or Inf
 *	o.gscale = optim_clip(limit, norm);	min(1, limit / (norm + 1e-6)), in fp32 like torch
 *	optim_step(p, k, &o, w, m, v, g);
 */
#ifndef OLMO_MODEL_OPTIM_H
#define OLMO_MODEL_OPTIM_H

#include <stdint.h>

#include "model/config.h"
#include "model/params.h"

struct kern;

struct optim {
	double lr, beta1, beta2, eps, weight_decay, gscale;
	int decay_embeddings, decay_norm;
	uint64_t step; /* from 1 */
};

/* lr and gscale 0, 1; the rest from the config. */
struct optim optim_of(const struct config *c, uint64_t step);
int optim_decays(const struct optim *o, const struct param *t);
double optim_norm(
    const struct params *p, struct kern *k, const float *g, const struct param **bad);
double optim_clip(double limit, double norm);
void optim_step(const struct params *p, struct kern *k, const struct optim *o, float *w, float *m,
    float *v, const float *g);
/* The first tensor with a value that is not finite, or NULL. */
const struct param *optim_first_bad(const struct params *p, struct kern *k, const float *x);

#endif
