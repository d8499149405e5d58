/* probe: what a model computes for given ids, as tensors, to compare with other programs.
 *
 *	struct probe p = {.dir = "OLMo-1B-hf", .ids = "ids.jsonl", .labels = NULL,
 *	    .what = PROBE_LOGITS | PROBE_LOSS, .out = "x.safetensors", .threads = 2};
 *	config …	of step1: optimizer, scheduler (step 1) and max_grad_norm
 *	if (probe_run(&p) < 0) …
 *
 * Files of ids and labels: one JSON array of whole numbers a line, all of one length.  Labels are
 * already shifted: labels[t] is the target of position t, negative = none; without a file the next
 * id, and none at the last position.
 *
 * Tensors (fp32, or F64 with fp64): logits (B,T,V); loss (B,T), 0 where there is no label;
 * mean_loss (1), over the positions with a label; grad.NAME, of mean_loss; grad_norm (1);
 * step1.NAME, the weights after one clipped AdamW step.  NAME is Hugging Face's.  A tied matrix
 * appears once.
 */
#ifndef OLMO_MODEL_PROBE_H
#define OLMO_MODEL_PROBE_H

#include "model/config.h"

enum { PROBE_LOGITS = 1, PROBE_LOSS = 2, PROBE_GRADS = 4, PROBE_STEP1 = 8 };

struct probe {
	const char *dir, *ids, *labels, *out;
	unsigned what;
	int threads;
	int bf16; /* products in bf16 */
	int fp64; /* the plain double-precision pass of ref64.h instead of the kernels */
	const char *device;
	const struct config *config;
};

/* "logits,loss,grads,step1": 0, or -1. */
int probe_what(const char *list, unsigned *what);
int probe_run(const struct probe *p);

#endif
