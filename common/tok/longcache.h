/* longcache: ids of pretokens that a wordcache has no room for: longer ones, and ids by themselves.
 *
 *	struct longcache c;
 *	longcache_init(&c);
 *	if (longcache_ready(&c, n)) …		once in a while: room for n more; 1: all was forgotten
 *	w = longcache_find(&c, hash64(s, len), s, len);		NULL: not there
 *	w = longcache_put(&c, hash64(s, len), s, len, ids, n);	one that is not there
 *	longcache_word(&c, &word, ids, n);	so that a word has them that is kept elsewhere
 *	ids = longcache_ids(&c, w, &n);
 *	longcache_release(&c);
 *
 * A word has up to WORDCACHE_IDS ids itself (its n).  Of more, n is LONGCACHE_FAR, id[1] their number
 * and id[0] where they are, for as long as longcache_ready() does not say 1.  When there is no room
 * the number is 0: the ids are not known.  Words stay where they are between two longcache_ready().
 *
 * Memory: 16 MiB of ids and bytes, touched as it fills, and up to 16 MiB of slots.
 */
#ifndef OLMO_TOK_LONGCACHE_H
#define OLMO_TOK_LONGCACHE_H

#include <stddef.h>
#include <stdint.h>

#include "tok/wordcache.h"

enum {
	LONGCACHE_KEY = 1024, /* bytes of a pretoken, at most */
	LONGCACHE_FAR = WORDCACHE_IDS + 1
};

struct longcache {
	/* Open addressing, at most three quarters full: the hash; the offset of the bytes << 32 and
	 * their number, 0 when free. */
	struct wordcache_word *slot;
	size_t mask, n;
	char *arena;
	size_t used; /* of it, bytes */
};

void longcache_init(struct longcache *c);
void longcache_release(struct longcache *c);
int longcache_ready(struct longcache *c, size_t n);
void longcache_word(
    struct longcache *c, struct wordcache_word *word, const uint32_t *ids, size_t n);
const struct wordcache_word *longcache_find(
    const struct longcache *c, uint64_t hash, const char *s, size_t len);
const struct wordcache_word *longcache_put(
    struct longcache *c, uint64_t hash, const char *s, size_t len, const uint32_t *ids, size_t n);

/* Where a look-up begins, to fetch ahead: its slot, then what that points to. */
static inline const struct wordcache_word *longcache_slot(const struct longcache *c, uint64_t hash)
{
	return &c->slot[hash & c->mask];
}

static inline const char *longcache_key(const struct longcache *c, const struct wordcache_word *w)
{
	return c->arena + (w->hi >> 32);
}

/* The ids of a word whose n is LONGCACHE_FAR; at least 16 bytes behind them may be read. */
static inline const uint32_t *longcache_far(
    const struct longcache *c, const struct wordcache_word *w)
{
	return (const uint32_t *)(const void *)(c->arena + w->id[0]);
}

static inline const uint32_t *longcache_ids(
    const struct longcache *c, const struct wordcache_word *w, size_t *n)
{
	*n = w->n == LONGCACHE_FAR ? w->id[1] : w->n;
	return w->n == LONGCACHE_FAR ? longcache_far(c, w) : w->id;
}

#endif
