#include "text/ngram.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

struct gramtab *gramtab_new(void)
{
	return xcalloc(1, sizeof(struct gramtab));
}

void gramtab_free(struct gramtab *g)
{
	if (!g)
		return;
	free(g->gram);
	free(g->count);
	free(g->count2);
	free(g->first);
	free(g->chars);
	free(g->slot);
	free(g);
}

static void reserve(struct gramtab *g, size_t n_words)
{
	if (n_words + 1 <= g->cap)
		return;
	g->cap = n_words + 1 + n_words / 2;
	g->gram = xreallocarray(g->gram, g->cap, sizeof(*g->gram));
	g->count = xreallocarray(g->count, g->cap, sizeof(*g->count));
	g->count2 = xreallocarray(g->count2, g->cap, sizeof(*g->count2));
	g->first = xreallocarray(g->first, g->cap, sizeof(*g->first));
	g->chars = xreallocarray(g->chars, g->cap, sizeof(*g->chars));
}

/* An empty table for up to n keys. */
static void clear(struct gramtab *g, size_t n)
{
	g->slots = 16;
	while (g->slots < 2 * n)
		g->slots *= 2;
	if (g->slots > g->cap_slots) {
		free(g->slot);
		g->slot = xcalloc(g->slots, sizeof(*g->slot));
		g->cap_slots = g->slots;
		return;
	}
	memset(g->slot, 0, g->slots * sizeof(*g->slot));
}

void gramtab_words(struct gramtab *g, const char *text, const struct words *w)
{
	reserve(g, w->n);
	clear(g, w->n);
	g->n = 1, g->n_words = g->n_grams = w->n;
	g->n_ids = 0;
	g->chars[0] = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct word *x = &w->v[i];
		uint64_t h = hash64(text + x->off, x->len);
		size_t k = h & (g->slots - 1);
		struct gramslot *s;

		for (; (s = &g->slot[k])->id; k = (k + 1) & (g->slots - 1)) {
			const struct word *y = &w->v[g->first[s->id - 1]];

			if (s->key == h && y->len == x->len &&
			    !memcmp(text + y->off, text + x->off, x->len))
				break;
		}
		if (!s->id) {
			g->first[g->n_ids] = (uint32_t)i;
			g->count[g->n_ids] = 0;
			s->key = h, s->id = (uint32_t)++g->n_ids;
		}
		g->gram[i] = s->id - 1;
		g->count[s->id - 1]++;
		g->chars[i + 1] = g->chars[i] + x->n_cp;
	}
}

static int repeats(const struct gramtab *g, size_t i)
{
	return g->gram[i] != GRAM_ONCE && g->count[g->gram[i]] > 1;
}

/* How many n-grams have two (n-1)-grams that both repeat. */
static size_t candidates(const struct gramtab *g)
{
	size_t n = 0;
	int here = g->n_grams && repeats(g, 0);

	for (size_t i = 0; i < g->n_grams; i++) {
		int next = repeats(g, i + 1);

		n += here && next;
		here = next;
	}
	return n;
}

/* Number of the n-gram whose (n-1)-grams are a and b, new or known. */
static uint32_t number(struct gramtab *g, uint32_t a, uint32_t b, size_t at)
{
	uint64_t key = (uint64_t)a << 32 | b;
	uint64_t h = (key ^ key >> 29) * 0x9e3779b97f4a7c15u;
	size_t k = (h >> 32) & (g->slots - 1);
	struct gramslot *s;

	while ((s = &g->slot[k])->id && s->key != key)
		k = (k + 1) & (g->slots - 1);
	if (!s->id) {
		g->first[g->n_ids] = (uint32_t)at;
		g->count2[g->n_ids] = 0;
		s->key = key, s->id = (uint32_t)++g->n_ids;
	}
	g->count2[s->id - 1]++;
	return s->id - 1;
}

void gramtab_next(struct gramtab *g)
{
	uint32_t *swap;
	int here;

	g->n++;
	g->n_grams = g->n_words >= g->n ? g->n_words - g->n + 1 : 0;
	clear(g, candidates(g));
	here = g->n_grams && repeats(g, 0);
	g->n_ids = 0;
	/* gram[i] is written after its last use; counts of the shorter n-grams stay in count. */
	for (size_t i = 0; i < g->n_grams; i++) {
		int next = repeats(g, i + 1);

		g->gram[i] = here && next ? number(g, g->gram[i], g->gram[i + 1], i) : GRAM_ONCE;
		here = next;
	}
	swap = g->count, g->count = g->count2, g->count2 = swap;
}

size_t gramtab_top(const struct gramtab *g)
{
	uint32_t best = 0;

	for (uint32_t k = 1; k < g->n_ids; k++)
		if (g->count[k] > g->count[best])
			best = k;
	return g->n_ids && g->count[best] > 1 ? g->first[best] : 0;
}
