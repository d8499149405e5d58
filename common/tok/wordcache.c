#include "tok/wordcache.h"

#include <stdlib.h>

#include "base/err.h"

void wordcache_init(struct wordcache *c, unsigned log2)
{
	c->log2 = log2;
	c->word = xtable((size_t)WORDCACHE_SET << log2);
}

void wordcache_grow(struct wordcache *c, unsigned log2)
{
	struct wordcache_word *old = c->word, *set;
	size_t i = (size_t)2 << c->log2;

	wordcache_init(c, log2);
	/* Backwards, so that what was in front comes to be there again. */
	while (i-- > 0) {
		struct wordcache_key k = {old[i].lo, old[i].hi};

		if (!k.hi)
			continue;
		set = wordcache_set(c, &k);
		wordcache_put(set, &k, old[i].id, WORDCACHE_IDS);
		set->n = old[i].n;
	}
	free(old);
}

void wordcache_clear(struct wordcache *c)
{
	memset(c->word, 0, (size_t)WORDCACHE_SET << c->log2);
}

void wordcache_release(struct wordcache *c)
{
	free(c->word);
	memset(c, 0, sizeof(*c));
}
