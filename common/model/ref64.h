/* ref64: the same model in double precision, in plain loops: the judge of the fast code.
 *
 *	struct ref64 *r = ref64_new(params, w, rope, B, T);	w, rope (T, D): fp32, widened
 *	ref64_forward(r, ids);			r->logits (rows, V)
 *	ref64_loss(r, labels);			r->loss (rows); r->mean over the labels
 *	ref64_backward(r, labels);		r->g (n_float), the gradient of r->mean
 *	ref64_free(r);
 *
 * Weights and the rotary tables are the fp32 ones, as in PyTorch's model.double(); everything else
 * is double.  Formulas: net.h.  Shares no code with net.c or the kernels.  One thread, logits are
 * stored: for small models.
 */
#ifndef OLMO_MODEL_REF64_H
#define OLMO_MODEL_REF64_H

#include <stddef.h>
#include <stdint.h>

#include "model/params.h"

struct ref64_layer {
	double *x, *h1;        /* (rows, C) before attention, and normed */
	double *raw, *qkv;     /* (rows, W) products; after clip, norm and rotation */
	double *p;             /* (B, H, T, T) attention weights */
	double *att, *ao;      /* (rows, H D); (rows, C) its projection */
	double *xm, *h2;       /* (rows, C) before the MLP, and normed */
	double *ug, *act, *fo; /* (rows, 2F), (rows, F), (rows, C) */
};

struct ref64 {
	const struct params *p;
	const float *rope;
	size_t B, T, rows;
	const uint32_t *ids;
	double *w, *g; /* (n_float) */
	struct ref64_layer *layer;
	double *x_last, *x_final, *logits, *loss;
	double mean;
	size_t n_label;
};

struct ref64 *ref64_new(
    const struct params *p, const float *w, const float *rope, size_t B, size_t T);
void ref64_forward(struct ref64 *r, const uint32_t *ids);
void ref64_loss(struct ref64 *r, const int32_t *labels);
void ref64_backward(struct ref64 *r, const int32_t *labels);
void ref64_free(struct ref64 *r);

#endif
