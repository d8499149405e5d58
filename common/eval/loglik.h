/* loglik: the log-likelihood of each request's continuation.
 *
 * Context and continuation are encoded each by itself, nothing is added (an empty context is the
 * prefix id); of both together the last L + 1 ids are kept, L the model's longest input.  The
 * log-likelihood is the sum over the continuation's tokens of the natural logarithm of their
 * probability.  A continuation of more than L tokens is an error.
 *
 * mock: no model.  -(u / 2^32) * bytes(continuation), u the first four bytes, big-endian, of SHA-256
 * of context, byte 0x1f, continuation.  Token counts are there when an encoder is.
 *
 * A result depends on its request only.  Memory: all ids (4 bytes each) and, for each of 32
 * requests in a call, L doubles.
 */
#ifndef OLMO_EVAL_LOGLIK_H
#define OLMO_EVAL_LOGLIK_H

#include <stddef.h>
#include <stdint.h>

#include "eval/request.h"

struct encoder;
struct score;

/* Fill ll, n_tokens and greedy of every row; 0, or -1 with a message that names the row's line. */
struct loglik_model {
	struct score *score;
	struct encoder *encoder;
	size_t max_len;  /* L */
	uint32_t prefix; /* stands for an empty context */
};
int loglik_score(const struct loglik_model *m, struct request_set *s);
int loglik_mock(struct encoder *e, struct request_set *s);
/* Take them from the rows of another set, by task, document, kind and idx.  Every row of s must
 * have one. */
int loglik_join(struct request_set *s, const struct request_set *scores);

#endif
