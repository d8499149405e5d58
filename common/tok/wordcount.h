/* wordcount: how often each byte string occurs.
 *
 *	struct wordcount w = {0};
 *	wordcount_add(&w, p, n, 1);
 *	wordcount_merge(&w, &other);		adds all of other's
 *	wordcount_sort(&w);			by bytes: the order does not depend on what came when
 *	for (i = 0; i < w.n; i++)
 *		use(wordcount_bytes(&w, i), w.word[i].len, w.word[i].count);
 *	wordcount_release(&w);
 *
 * Counts have 64 bits.  Memory: the distinct strings, and 40 bytes each.
 */
#ifndef OLMO_TOK_WORDCOUNT_H
#define OLMO_TOK_WORDCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct word {
	uint64_t hash, count;
	size_t off;
	uint32_t len;
};

struct wordcount {
	struct word *word;
	size_t n, cap;
	uint32_t *slot; /* index + 1, 0: free */
	size_t mask;
	struct buf arena;
};

void wordcount_add(struct wordcount *w, const char *p, size_t n, uint64_t count);
void wordcount_merge(struct wordcount *w, const struct wordcount *other);
/* Words may not be added afterwards. */
void wordcount_sort(struct wordcount *w);
void wordcount_release(struct wordcount *w);

static inline const char *wordcount_bytes(const struct wordcount *w, size_t i)
{
	return w->arena.p + w->word[i].off;
}

#endif
