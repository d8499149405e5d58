#include "model/grads.h"

#include <assert.h>
#include <string.h>

#include "kernels/kernels.h"

size_t grads_arrays(size_t n_micro, int fast)
{
	size_t n = 1;

	while (!fast && n_micro > 1) {
		n_micro /= 2;
		n++;
	}
	return n;
}

int grads_init(struct grads *s, struct kern *k, size_t n, size_t n_micro, int fast)
{
	size_t want = grads_arrays(n_micro, fast);

	memset(s, 0, sizeof(*s));
	s->k = k;
	s->n = n;
	s->fast = fast;
	for (; s->n_buf < want; s->n_buf++) {
		s->buf[s->n_buf] = k->op->alloc(k, n * sizeof(float));
		if (s->buf[s->n_buf] == NULL) {
			grads_release(s);
			return -1;
		}
	}
	return 0;
}

float *grads_next(struct grads *s)
{
	if (s->fast && s->depth == 1)
		return s->buf[0];
	assert(s->depth < s->n_buf);
	s->k->op->fill(s->k, s->buf[s->depth], 0, s->n);
	s->level[s->depth] = 0;
	return s->buf[s->depth++];
}

/* The two newest arrays become one; the older is the left operand. */
static void join(struct grads *s)
{
	float *left = s->buf[s->depth - 2];

	s->k->op->add(s->k, left, left, s->buf[s->depth - 1], s->n);
	s->depth--;
	s->level[s->depth - 1]++;
}

void grads_done(struct grads *s)
{
	while (s->depth >= 2 && s->level[s->depth - 2] == s->level[s->depth - 1])
		join(s);
}

float *grads_sum(struct grads *s)
{
	while (s->depth >= 2)
		join(s);
	s->depth = 0;
	return s->buf[0];
}

void grads_reset(struct grads *s)
{
	s->depth = 0;
}

void grads_release(struct grads *s)
{
	for (size_t i = 0; i < s->n_buf; i++)
		s->k->op->free(s->k, s->buf[i]);
	memset(s, 0, sizeof(*s));
}
