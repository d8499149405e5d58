/* keyset: an exact set of hashed keys, 128 or 64 bits each, with a value for each if asked for.
 *
 *	struct keyset s;
 *	keyset_init(&s, 128, 0, expect);	expect 0: unknown
 *	if (!keyset_add(&s, key)) …		it was there
 *	keyset_release(&s);
 *
 * Open addressing with linear probing, at most 4/5 full, twice the size when that is reached: 20 to 40
 * bytes a key (128 bits), 10 to 20 (64 bits, the low half), three times that while it grows.  Two
 * different texts are taken for one with probability n^2 / 2^129 (or n^2 / 2^65: 5e-6 for 10^7
 * keys).  Not thread-safe.
 */
#ifndef OLMO_TEXT_KEYSET_H
#define OLMO_TEXT_KEYSET_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct keyset {
	uint64_t *slot; /* key (lo, hi), value; an empty slot has an all-zero key */
	size_t cap;     /* slots, a power of two */
	size_t n;       /* keys, without the zero key */
	int key_words, words;
	int has_zero;
	uint64_t zero_value;
};

/* Bytes of memory that keyset_init takes. */
uint64_t keyset_plan(int bits, int with_value, uint64_t expect);
void keyset_init(struct keyset *s, int bits, int with_value, uint64_t expect);
int keyset_add(struct keyset *s, struct h128 key); /* 1: new, 0: was there */
int keyset_has(const struct keyset *s, struct h128 key);
/* The key's value (valid until the next key is added); a new key has value 0 and *is_new is 1. */
uint64_t *keyset_put(struct keyset *s, struct h128 key, int *is_new);
/* The same without adding: NULL when the key is not there. */
const uint64_t *keyset_get(const struct keyset *s, struct h128 key);
void keyset_prefetch(const struct keyset *s, struct h128 key);
uint64_t keyset_len(const struct keyset *s);
uint64_t keyset_bytes(const struct keyset *s); /* of memory */
void keyset_release(struct keyset *s);

#endif
