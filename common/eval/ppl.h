/* ppl: perplexity of documents, one at a time, by Paloma's rules (arXiv 2312.10523; OLMo-Eval's
 * ppl_custom and the lm-evaluation-harness' loglikelihood_rolling compute the same).
 *
 *	struct ppl *p = ppl_new(score, &(struct ppl_opts){.max_len = 2048, .prefix = eos});
 *	struct ppl_row *r = ppl_row(table, "c4_en", "c4_en", "val");
 *	ppl_count(text, len, &r->sum);			documents, bytes, characters, words
 *	ppl_add(p, ids, n, r, done, arg);		tokens; the log-likelihood comes later
 *	…
 *	ppl_flush(p);					now all of it is there
 *	ppl_free(p);
 *
 * Windows.  Tokens t[0..n) of a document, L = max_len, prefix P (the EOS id).  The first window has the
 * input P, t[0..L-1) and the targets t[0..L); later ones the targets t[a..a+L) and the input
 * t[a-1..a+L-1): one token of context.  A last window of k < L targets, unless it is the first, is moved
 * to the left until its input is full: it scores the last k tokens after L - k + 1 of context; with
 * `disjoint` it has one token of context like the others.  Each token is scored once, P never.
 *
 * A document's log-likelihood is the sum of its tokens' in order, a row's the sum of its
 * documents' in order, in double: the same for any number of threads and any batching.
 *
 * Functions give 0, or -1 with a message.
 */
#ifndef OLMO_EVAL_PPL_H
#define OLMO_EVAL_PPL_H

#include <stddef.h>
#include <stdint.h>

struct score;

/* -- windows ------------------------------------------------------------------------------- */

struct ppl_window {
	size_t start; /* first token scored */
	size_t n;     /* tokens scored */
	size_t ctx;   /* tokens before them that the model sees; in the first window P is one */
};

/* The window that scores token `done` of n_tok and those behind it; 0 when done == n_tok. */
int ppl_window(size_t n_tok, size_t max_len, int disjoint, size_t done, struct ppl_window *w);

/* -- counts -------------------------------------------------------------------------------- */

struct ppl_sum {
	uint64_t docs, tokens, bytes, chars, words;
	double ll; /* natural logarithm */
};

/* Adds a document of valid UTF-8: its bytes, code points, and words as Python's
 * len(re.split(r'\s+', text)) has them (white space at an end counts an empty word). */
void ppl_count(const char *text, size_t len, struct ppl_sum *s);
void ppl_sum_add(struct ppl_sum *s, const struct ppl_sum *more);

double ppl_bits_per_byte(const struct ppl_sum *s); /* -ll / (ln 2 * bytes); NaN without bytes */
double ppl_per_token(const struct ppl_sum *s);     /* exp(-ll / tokens); NaN without tokens */

/* -- results by source, domain and split ---------------------------------------------------- */

struct ppl_row {
	char *source, *domain, *split;
	struct ppl_sum sum;
};

struct ppl_table {
	struct ppl_row **row; /* in order of source, domain, split once sorted */
	size_t n, cap;
};

/* The row with this key, made when there is none.  It stays where it is. */
struct ppl_row *ppl_row(
    struct ppl_table *t, const char *source, const char *domain, const char *split);
void ppl_table_sort(struct ppl_table *t);
void ppl_table_release(struct ppl_table *t);

/* -- scoring ------------------------------------------------------------------------------- */

struct ppl_opts {
	size_t max_len; /* L; the model must take sequences of L + 1 */
	int disjoint;
	uint32_t prefix;
};

struct ppl;

struct ppl *ppl_new(struct score *s, const struct ppl_opts *o);

/* Called for each document in order, when its log-likelihood is known; -1 stops. */
typedef int ppl_done_fn(void *arg, uint64_t doc, double ll);

/* Queues a document of n tokens (copied) for a row.  fn may be NULL; doc is handed to it. */
int ppl_add(struct ppl *p, const uint32_t *ids, size_t n, struct ppl_row *row, uint64_t doc,
    ppl_done_fn *fn, void *arg);
int ppl_flush(struct ppl *p);
void ppl_free(struct ppl *p); /* NULL is fine */

#endif
