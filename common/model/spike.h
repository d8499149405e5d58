/* spike: steps whose loss or gradient norm jumps out of what came before are not made.
 *
 *	struct spike s;
 *	spike_init(&s, window, sigma);
 *	if (spike_skips(&s, loss, norm)) …	once a step: enters both, says whether to skip it
 *	spike_release(&s);
 *
 * The rule of OLMo-core's SkipStepOptimizer.  Of the last `window` steps before this one, mean and
 * standard deviation (n - 1) of the loss and of the gradient norm are taken; the step is skipped
 * when either is greater than mean + sigma * deviation.  Nothing is skipped before
 * max(2, window / 2) steps have been seen.  Skipped steps enter the window too: a level that stays
 * is accepted after a while.  A skipped step leaves weights, moments and the optimizer's count of
 * steps (bias correction) as they are; data and learning rate go on.
 *
 * The state is part of checkpoints (spike_json, spike_read): doubles in JSON with 17 digits.
 */
#ifndef OLMO_MODEL_SPIKE_H
#define OLMO_MODEL_SPIKE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct spike {
	size_t window, n; /* n: entries, oldest first */
	double sigma;
	double *loss, *norm; /* (window + 1) */
	uint64_t skipped;    /* steps in all */
};

void spike_init(struct spike *s, size_t window, double sigma);
void spike_copy(struct spike *dst, const struct spike *s);
void spike_release(struct spike *s);
int spike_skips(struct spike *s, double loss, double norm);
json_t *spike_json(const struct spike *s); /* new reference */
/* 0, or -1: j is not what spike_json writes for this window. */
int spike_read(struct spike *s, const json_t *j, const char *name);

#endif
