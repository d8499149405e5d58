/* bloom: a set that may say "there" of a key that is not, with a known probability, in a few bits a
 * key.
 *
 *	struct bloom b;
 *	if (bloom_init(&b, 1000000, 1e-6) < 0) …	as large as needed, no larger
 *	if (!bloom_add(&b, key)) …			it was there, or seems to have been
 *	bloom_release(&b);
 *
 * Size: with k hashes the least m of (1 - exp(-k n / m))^k <= p, that is
 * m = -k n / ln(1 - p^(1/k)), in words of 64 bits; k = ceil(log2(1/p)), the best, but at most 32
 * (beyond that m grows a little instead: 7% at p = 1e-15).  The k places are double hashing (Kirsch
 * and Mitzenmacher 2006) on the two halves of the 128-bit hash, scaled to m by a multiplication.
 * There are no seeds: the same keys in the same order give the same answers and the same file.
 */
#ifndef OLMO_TEXT_BLOOM_H
#define OLMO_TEXT_BLOOM_H

#include <stdint.h>

#include "base/hash.h"

#define BLOOM_MAX_K 32

struct bloom {
	uint64_t *word;
	uint64_t bits; /* a multiple of 64 */
	int k;
	uint64_t capacity; /* keys it was made for */
	double fpr;        /* at capacity */
	uint64_t n;        /* keys added that were not there (or seemed not to be) */
};

/* Bits and hashes for n keys at false positive rate p (0 < p < 1). */
void bloom_plan(uint64_t n, double p, uint64_t *bits, int *k);
int bloom_init(struct bloom *b, uint64_t n, double p); /* -1: more than can be addressed */
int bloom_add(struct bloom *b, struct h128 key);       /* 1: new, 0: was there */
int bloom_has(const struct bloom *b, struct h128 key);
void bloom_prefetch(const struct bloom *b, struct h128 key);
uint64_t bloom_bits_set(const struct bloom *b);
/* The probability that it says "there" of a new key now: (bits set / bits)^k. */
double bloom_now_fpr(const struct bloom *b, uint64_t bits_set);
void bloom_release(struct bloom *b);

/* Files (olmo-keys(5)).  rule: what the keys are made of, compared by the caller.  0 or -1. */
struct filehash;
int bloom_save(const struct bloom *b, const char *rule, const char *path, struct filehash *h);
int bloom_load(struct bloom *b, char **rule, const char *path); /* the caller frees rule */
/* a |= b; both must have the same size, hashes and capacity. */
int bloom_merge(struct bloom *a, const struct bloom *b);

#endif
