/* grads: gradient arrays and their sum over microbatches (trainer.h has the rule).
 *
 *	grads_init(&s, k, n_float, n_micro, fast);	-1: memory
 *	for each microbatch
 *		g = grads_next(&s);			zeroed (canonical), or the running sum
 *		…compute into g…
 *		grads_done(&s);
 *	g = grads_sum(&s);				then start over with grads_next
 *	grads_release(&s);
 */
#ifndef OLMO_MODEL_GRADS_H
#define OLMO_MODEL_GRADS_H

#include <stddef.h>

struct kern;

#define GRADS_LEVELS 40

struct grads {
	struct kern *k;
	size_t n; /* floats in an array */
	int fast;
	size_t depth; /* arrays in use */
	size_t n_buf; /* arrays allocated */
	float *buf[GRADS_LEVELS];
	unsigned level[GRADS_LEVELS]; /* buf[i] is the sum of 2^level microbatches */
};

size_t grads_arrays(size_t n_micro, int fast);
int grads_init(struct grads *s, struct kern *k, size_t n, size_t n_micro, int fast);
float *grads_next(struct grads *s);
void grads_done(struct grads *s);
float *grads_sum(struct grads *s);
void grads_reset(struct grads *s); /* forget a step that was given up */
void grads_release(struct grads *s);

#endif
