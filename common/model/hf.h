/* hf: a Hugging Face model directory opened for computing: config, weights, kernels.
 *
 *	struct hf m;
 *	if (hf_open(&m, dir, threads, "cpu") < 0) …
 *	struct net *n = net_new(m.p, m.k, &plan);
 *	net_free(n);
 *	hf_close(&m);
 */
#ifndef OLMO_MODEL_HF_H
#define OLMO_MODEL_HF_H

#include "model/params.h"

struct kern;
struct pool;

struct hf {
	struct params *p;
	float *w; /* (p->n_float), memory of the device */
	struct pool *pool;
	struct kern *k;
};

int hf_open(struct hf *m, const char *dir, int threads, const char *device);
/* The same with products in a precision of kern_open_as; hf_open is "fp32". */
int hf_open_as(
    const char *precision, struct hf *m, const char *dir, int threads, const char *device);
void hf_close(struct hf *m);

#endif
