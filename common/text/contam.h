/* contam: find text of evaluation sets in other text.
 *
 *	struct contam c;
 *	contam_init(&c, &rule);
 *	contam_add(&c, id, where, text, len);		each evaluation text; one thread
 *	contam_add_done(&c);				-1: nothing to compare with
 *	contam_find(&c, &scratch, text, len, &hits, &n);	any thread, its own scratch
 *
 * Methods.  PARAGRAPH: lines of the evaluation text with at least min_words words (UAX #29; as in
 * Dolma's recipe for Paloma, 13) and at least one letter or digit; a hit is an equal paragraph of the
 * other text, with its newline, score 1.  DOCUMENT: the whole text, same limits.  NGRAM: all n-grams of
 * words; a hit is a run of shared n-grams with one evaluation text, its score the part of that
 * text's different n-grams found in the other text.
 *
 * What is compared.  NONE: the bytes (n-grams: UAX #29 pieces that are not white space).  SPACE:
 * without white space at both ends, any run of it as one space.  WORDS: the words alone (UAX #29 pieces
 * with a letter or digit), in lower case: case, spacing and punctuation do not matter.
 */
#ifndef OLMO_TEXT_CONTAM_H
#define OLMO_TEXT_CONTAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "text/keyset.h"

enum contam_method { CONTAM_PARAGRAPH, CONTAM_DOCUMENT, CONTAM_NGRAM };
enum contam_normalize { CONTAM_NONE, CONTAM_SPACE, CONTAM_WORDS };

struct contam_rule {
	enum contam_method method;
	enum contam_normalize normalize;
	uint64_t min_words; /* paragraph, document */
	uint64_t ngram;
	double threshold; /* ngram: least score of a hit */
};

/* One evaluation text. */
struct contam_eval {
	char *id, *where; /* file:line */
	uint32_t n_keys;  /* different ones */
	atomic_int hit;   /* set by the caller */
};

/* Evaluation texts that hold a key: a list for each key. */
struct contam_entry {
	uint32_t eval, next; /* next: index + 1, 0 at the end */
};

struct contam {
	struct contam_rule rule;
	struct keyset set; /* value: index + 1 of the key's first entry */
	struct contam_entry *entry;
	size_t n_entries, cap_entries;
	struct contam_eval *eval;
	size_t n_evals, cap_evals;
	uint64_t n_short; /* evaluation texts without a key */
};

struct contam_hit {
	size_t eval;
	size_t start, end; /* bytes */
	double score;
};

/* Memory of one thread. */
struct contam_scratch {
	uint64_t *token;
	size_t *at; /* start and end of each token */
	size_t n_tokens, cap_tokens;
	uint64_t *pair; /* evaluation text << 32 | token */
	size_t n_pairs, cap_pairs;
	uint64_t *pair_key;
	struct contam_hit *hit;
	size_t n_hits, cap_hits;
	struct buf text;
};

void contam_init(struct contam *c, const struct contam_rule *r);
/* text is valid UTF-8 of less than 4 GiB; -1 with a message. */
int contam_add(struct contam *c, const char *id, const char *where, const char *text, size_t len);
int contam_add_done(const struct contam *c);
/* Hits in order of start, then of evaluation text; in scratch until the next call. */
int contam_find(const struct contam *c, struct contam_scratch *s, const char *text, size_t len,
    const struct contam_hit **hits, size_t *n);
void contam_release(struct contam *c);
void contam_scratch_release(struct contam_scratch *s);

#endif
