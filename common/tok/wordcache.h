/* wordcache: ids of short pretokens, by their bytes.
 *
 *	struct wordcache c;
 *	wordcache_init(&c, log2);			2^log2 sets of 64 bytes
 *	wordcache_key(s, n, room, &k);
 *	set = wordcache_set(&c, &k);			to fetch ahead
 *	if (wordcache_is(set, &k)) …			mostly set[0] or set[1] has k's ids
 *	word = wordcache_find(set, &k);			wherever they are, or NULL
 *	wordcache_put(set, &k, ids, n);			make it set[0]
 *	wordcache_grow(&c, log2);			keeps what it has; sets move
 *	wordcache_release(&c);
 *
 * A pretoken of at most WORDCACHE_KEY bytes is compared whole: its bytes, zeros, and its length in
 * the last byte.  Two of them make a set, which is one cache line; the newer one is in front, and
 * the older one goes to the set beside this one when there is room, else it is forgotten.
 */
#ifndef OLMO_TOK_WORDCACHE_H
#define OLMO_TOK_WORDCACHE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tok/le.h"

enum { WORDCACHE_KEY = 15, WORDCACHE_IDS = 3 };

struct wordcache_word {
	uint64_t lo, hi; /* all zero: empty */
	uint32_t id[WORDCACHE_IDS], n;
};

enum { WORDCACHE_SET = 2 * sizeof(struct wordcache_word) }; /* bytes: 64 */

struct wordcache {
	struct wordcache_word *word; /* (sets, 2), aligned to two sets */
	unsigned log2;
};

struct wordcache_key {
	uint64_t lo, hi;
};

void wordcache_init(struct wordcache *c, unsigned log2);
void wordcache_grow(struct wordcache *c, unsigned log2);
void wordcache_clear(struct wordcache *c); /* forget all */
void wordcache_release(struct wordcache *c);

static const uint64_t wordcache_bytes[9] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff,
    0xffffffffffff, 0xffffffffffffff, 0xffffffffffffffff};

/* The key of n <= WORDCACHE_KEY bytes; room: bytes that may be read from s. */
static inline struct wordcache_key wordcache_key(const char *s, size_t n, size_t room)
{
	struct wordcache_key k;
	char copy[16] = {0};
	size_t h = n > 8 ? n - 8 : 0;

	if (room < 16) {
		memcpy(copy, s, n);
		s = copy;
	}
	k.lo = le_get64((const unsigned char *)s) & wordcache_bytes[n < 8 ? n : 8];
	k.hi = (le_get64((const unsigned char *)s + 8) & wordcache_bytes[h]) | (uint64_t)n << 56;
	return k;
}

static inline struct wordcache_word *wordcache_set(
    const struct wordcache *c, const struct wordcache_key *k)
{
	uint64_t h = (k->lo * 0x9e3779b97f4a7c15u) ^ (k->hi * 0xc2b2ae3d27d4eb4fu);

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return c->word + 2 * (h >> (64 - c->log2));
}

static inline size_t wordcache_sets(const struct wordcache *c)
{
	return (size_t)1 << c->log2;
}

static inline int wordcache_is(const struct wordcache_word *w, const struct wordcache_key *k)
{
	return (w->lo == k->lo) & (w->hi == k->hi);
}

/* The set beside it. */
static inline struct wordcache_word *wordcache_beside(const struct wordcache_word *set)
{
	return (struct wordcache_word *)((uintptr_t)set ^ WORDCACHE_SET);
}

static inline const struct wordcache_word *wordcache_find(
    const struct wordcache_word *set, const struct wordcache_key *k)
{
	const struct wordcache_word *w = wordcache_beside(set);

	if (wordcache_is(set, k))
		return set;
	if (wordcache_is(set + 1, k))
		return set + 1;
	if (!set[1].hi)
		return NULL; /* none has gone there, which may be far */
	return wordcache_is(w, k) ? w : wordcache_is(w + 1, k) ? w + 1 : NULL;
}

/* A word that wordcache_find() does not find; n <= WORDCACHE_IDS. */
static inline void wordcache_put(
    struct wordcache_word *set, const struct wordcache_key *k, const uint32_t *ids, size_t n)
{
	struct wordcache_word *w = wordcache_beside(set);

	if (set[1].hi) {
		w += w->hi != 0;
		if (!w->hi)
			*w = set[1];
	}
	set[1] = set[0];
	set[0].lo = k->lo;
	set[0].hi = k->hi;
	set[0].n = (uint32_t)n;
	memcpy(set[0].id, ids, n * sizeof(*ids));
}

#endif
