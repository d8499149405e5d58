#include "tok/longcache.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"

#define SLOTS_MIN 8192
#define SLOTS_MAX (1u << 19)
#define ARENA     (16u << 20) /* bytes */
#define SLACK     64          /* bytes behind what is used */

static void slots_new(struct longcache *c, size_t n)
{
	c->slot = xtable(n * sizeof(*c->slot));
	c->mask = n - 1;
	c->n = 0;
}

void longcache_init(struct longcache *c)
{
	memset(c, 0, sizeof(*c));
	slots_new(c, SLOTS_MIN);
	c->arena = aligned_alloc(2 << 20, ARENA);
	if (!c->arena)
		die(EXIT_IO, "out of memory: %u bytes", ARENA);
	os_huge_pages(c->arena, ARENA);
}

void longcache_release(struct longcache *c)
{
	free(c->slot);
	free(c->arena);
	memset(c, 0, sizeof(*c));
}

static void slots_grow(struct longcache *c)
{
	struct wordcache_word *old = c->slot;
	size_t n = c->mask + 1, i, k;

	slots_new(c, 4 * n < SLOTS_MAX ? 4 * n : SLOTS_MAX);
	for (i = 0; i < n; i++) {
		if (!old[i].hi)
			continue;
		for (k = old[i].lo & c->mask; c->slot[k].hi;)
			k = (k + 1) & c->mask;
		c->slot[k] = old[i];
		c->n++;
	}
	free(old);
}

/* Room for that many more bytes. */
static int has_room(const struct longcache *c, size_t bytes)
{
	return c->used + bytes + SLACK <= ARENA;
}

int longcache_ready(struct longcache *c, size_t n)
{
	if (2 * (c->n + n) > c->mask && c->mask + 1 < SLOTS_MAX)
		slots_grow(c);
	if (2 * c->n <= c->mask && has_room(c, 64 * n))
		return 0;
	memset(c->slot, 0, (c->mask + 1) * sizeof(*c->slot));
	c->n = c->used = 0;
	return 1;
}

void longcache_word(
    struct longcache *c, struct wordcache_word *word, const uint32_t *ids, size_t n)
{
	word->n = n > WORDCACHE_IDS ? LONGCACHE_FAR : (uint32_t)n;
	if (n <= WORDCACHE_IDS) {
		memcpy(word->id, ids, n * sizeof(*ids));
		return;
	}
	word->id[0] = (uint32_t)c->used;
	word->id[1] = has_room(c, 4 * n) ? (uint32_t)n : 0;
	memcpy(c->arena + c->used, ids, word->id[1] * sizeof(*ids));
	c->used += word->id[1] * sizeof(*ids);
}

const struct wordcache_word *longcache_find(
    const struct longcache *c, uint64_t hash, const char *s, size_t len)
{
	const struct wordcache_word *w;
	size_t i;

	for (i = hash & c->mask; (w = &c->slot[i])->hi; i = (i + 1) & c->mask)
		if (w->lo == hash && (uint32_t)w->hi == len &&
		    !memcmp(longcache_key(c, w), s, len))
			return w;
	return NULL;
}

const struct wordcache_word *longcache_put(
    struct longcache *c, uint64_t hash, const char *s, size_t len, const uint32_t *ids, size_t n)
{
	size_t i = hash & c->mask;
	struct wordcache_word *w;

	if (4 * (c->n + 1) > 3 * c->mask || !has_room(c, 4 * n + len))
		return NULL;
	while (c->slot[i].hi)
		i = (i + 1) & c->mask;
	w = &c->slot[i];
	longcache_word(c, w, ids, n);
	w->lo = hash;
	w->hi = (uint64_t)c->used << 32 | len;
	memcpy(c->arena + c->used, s, len);
	c->used += (len + 3) & ~(size_t)3;
	c->n++;
	return w;
}
