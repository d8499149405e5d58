/*
 * Scores of a trained model: how probable each next token is.  For evaluation (paloma, catwalk),
 * which brings token ids and takes log-probabilities; no gradient, no state between calls.
 *
 *	struct score *s = score_open(dir, &(struct score_opts){ .threads = 2 });
 *	struct score_seq q[2] = {
 *		{ .ids = a, .n = na, .logp = pa },
 *		{ .ids = b, .n = nb, .logp = pb, .greedy = gb },
 *	};
 *	if (s == NULL || score_run(s, q, 2) != 0)
 *		die;                    (the message is in err_msg())
 *	score_close(s);
 *
 * logp[t] is the natural logarithm of the probability of ids[t + 1] given ids[0..t], for
 * t = 0 .. n-2: n - 1 numbers.  Log-softmax runs over all rows of the embedding (50304 for OLMo),
 * in fp32; each number is stored as double so that sums keep their digits.  greedy[t] is 1 when
 * ids[t + 1] has the largest logit (ties: the lowest id wins), n - 1 bytes, may be NULL.
 *
 * Sequences may have different lengths, 1 <= n <= score_max_len().  Neighbours in q are computed
 * together where they fit, padded to the longest of them, so similar lengths side by side are
 * fastest.  A result depends neither on the other sequences of a call nor on the number of
 * threads.  Memory: the weights and one layer's activations for score_max_len() tokens.
 *
 * Not thread-safe: one struct score, one caller at a time.
 */
#ifndef OLMO_MODEL_SCORE_H
#define OLMO_MODEL_SCORE_H

#include <stddef.h>
#include <stdint.h>

struct score;

struct score_opts {
	int threads;    /* 0 = all processors */
	size_t max_len; /* 0 = the model's max_position_embeddings */
};

struct score_seq {
	const uint32_t *ids; /* n ids, each below score_vocab() */
	size_t n;
	double *logp;          /* out: n - 1 */
	unsigned char *greedy; /* out: n - 1, or NULL */
};

/* A Hugging Face directory (config.json, model.safetensors or shards).  NULL on error. */
struct score *score_open(const char *dir, const struct score_opts *opts);
size_t score_vocab(const struct score *s);   /* rows of the embedding: ids must be below */
size_t score_max_len(const struct score *s); /* longest sequence in tokens */
int score_run(struct score *s, struct score_seq *q, size_t n);
/* Number of weights, for reports. */
uint64_t score_n_params(const struct score *s);
void score_close(struct score *s);

#endif
