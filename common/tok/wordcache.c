#include "tok/wordcache.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/os.h"

static size_t size_of(unsigned log2)
{
	return (size_t)WORDCACHE_SET << log2;
}

/* In huge pages, once they are worth it: the words are looked up at random. */
void wordcache_init(struct wordcache *c, unsigned log2)
{
	size_t huge = 2 << 20, bytes = size_of(log2);
	size_t align = bytes < huge ? 2 * WORDCACHE_SET : huge;

	c->log2 = log2;
	c->word = aligned_alloc(align, bytes);
	if (!c->word)
		die(EXIT_IO, "out of memory: %zu bytes", bytes);
	if (align == huge)
		os_huge_pages(c->word, bytes);
	memset(c->word, 0, bytes);
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

void wordcache_release(struct wordcache *c)
{
	free(c->word);
	memset(c, 0, sizeof(*c));
}
