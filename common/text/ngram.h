/* ngram: which word n-grams of a text occur more than once, exactly.
 *
 *	gramtab_words(g, &words);
 *	for (n = 2; n <= 10; n++) {
 *		gramtab_next(g);		from n-1 to n
 *		gramtab_count(g, i);		how often the n-gram at word i occurs
 *	}
 *
 * Words get numbers (a hash table that compares bytes), an n-gram is the pair of the two
 * (n-1)-grams inside it, and only pairs of (n-1)-grams that both occur more than once are looked
 * up: any other is unique.  Nothing rests on hashes being different, and long n-grams cost little.
 */
#ifndef OLMO_TEXT_NGRAM_H
#define OLMO_TEXT_NGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "text/segment.h"

#define GRAM_ONCE UINT32_MAX

struct gramslot {
	uint64_t key;
	uint32_t id; /* + 1, 0 = free */
};

struct gramtab {
	size_t n_words, n;       /* words of the text; present length of n-grams */
	size_t n_grams;          /* n-grams in the text: n_words - n + 1, or 0 */
	uint32_t *gram;          /* at each word: number of the n-gram, or GRAM_ONCE */
	uint32_t *count, *first; /* by number: occurrences, first word; numbers rise with first */
	uint32_t *count2;        /* counts of the next length while they are made */
	size_t n_ids;
	uint64_t *chars; /* code points of the words before each word; n_words + 1 entries */
	size_t cap;
	struct gramslot *slot;
	size_t slots, cap_slots; /* in use (a power of two), allocated */
};

struct gramtab *gramtab_new(void);
void gramtab_free(struct gramtab *g);
void gramtab_words(struct gramtab *g, const char *text, const struct words *w);
void gramtab_next(struct gramtab *g);

static inline uint32_t gramtab_count(const struct gramtab *g, size_t i)
{
	return g->gram[i] == GRAM_ONCE ? 1 : g->count[g->gram[i]];
}
/* Code points of the words of the n-gram at word i. */
static inline uint64_t gramtab_chars(const struct gramtab *g, size_t i)
{
	return g->chars[i + g->n] - g->chars[i];
}

/* The most frequent n-gram, of equals the one that comes first: the word it starts at. */
size_t gramtab_top(const struct gramtab *g);

#endif
