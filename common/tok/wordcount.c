#include "tok/wordcount.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

static void grow(struct wordcount *w)
{
	size_t slots = w->slot ? 2 * (w->mask + 1) : 1024, i, k;

	free(w->slot);
	w->slot = xcalloc(slots, sizeof(*w->slot));
	w->mask = slots - 1;
	w->cap = slots / 2;
	w->word = xreallocarray(w->word, w->cap, sizeof(*w->word));
	if (w->n >= UINT32_MAX / 2)
		die(EXIT_IO, "more than 2^31 distinct words");
	for (i = 0; i < w->n; i++) {
		for (k = (size_t)w->word[i].hash & w->mask; w->slot[k]; k = (k + 1) & w->mask)
			;
		w->slot[k] = (uint32_t)i + 1;
	}
}

static void add(struct wordcount *w, const char *p, size_t n, uint64_t count, uint64_t hash)
{
	size_t k;
	struct word *x;

	if (w->n == w->cap)
		grow(w);
	for (k = (size_t)hash & w->mask; w->slot[k]; k = (k + 1) & w->mask) {
		x = &w->word[w->slot[k] - 1];
		if (x->hash == hash && x->len == n && !memcmp(w->arena.p + x->off, p, n)) {
			x->count += count;
			return;
		}
	}
	w->word[w->n] = (struct word){hash, count, w->arena.len, (uint32_t)n};
	buf_add(&w->arena, p, n);
	w->slot[k] = (uint32_t)++w->n;
}

void wordcount_add(struct wordcount *w, const char *p, size_t n, uint64_t count)
{
	add(w, p, n, count, hash64(p, n));
}

void wordcount_merge(struct wordcount *w, const struct wordcount *other)
{
	size_t i;

	for (i = 0; i < other->n; i++)
		add(w, wordcount_bytes(other, i), other->word[i].len, other->word[i].count,
		    other->word[i].hash);
}

/* qsort() takes no argument of the caller's; heapsort by hand keeps this thread-safe. */
static int less(const struct wordcount *w, const struct word *a, const struct word *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = memcmp(w->arena.p + a->off, w->arena.p + b->off, n);

	return c ? c < 0 : a->len < b->len;
}

static void sift(struct wordcount *w, size_t i, size_t n)
{
	struct word x = w->word[i];
	size_t c;

	for (; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && less(w, &w->word[c], &w->word[c + 1]))
			c++;
		if (!less(w, &x, &w->word[c]))
			break;
		w->word[i] = w->word[c];
	}
	w->word[i] = x;
}

void wordcount_sort(struct wordcount *w)
{
	size_t i;

	for (i = w->n / 2; i-- > 0;)
		sift(w, i, w->n);
	for (i = w->n; i-- > 1;) {
		struct word top = w->word[0];

		w->word[0] = w->word[i];
		w->word[i] = top;
		sift(w, 0, i);
	}
	free(w->slot);
	w->slot = NULL;
}

void wordcount_release(struct wordcount *w)
{
	free(w->word);
	free(w->slot);
	buf_release(&w->arena);
	memset(w, 0, sizeof(*w));
}
