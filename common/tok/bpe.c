#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Pretokens up to this many symbols are merged by looking for the lowest rank again and again. */
#define SHORT 40

void bpe_init(struct bpe *b, size_t n_merges)
{
	size_t n = 16, i;
	unsigned bits = 4;

	while (n < 2 * n_merges + 1)
		n *= 2, bits++;
	b->slot = xreallocarray(NULL, n, sizeof(*b->slot));
	for (i = 0; i < n; i++)
		b->slot[i].pair = UINT64_MAX;
	b->mask = n - 1;
	b->shift = 64 - bits;
	for (i = 0; i < 256; i++)
		b->byte_id[i] = BPE_NONE;
}

void bpe_release(struct bpe *b)
{
	free(b->slot);
	b->slot = NULL;
}

void bpe_work_release(struct bpe_work *w)
{
	free(w->mem);
	free(w->heap);
	memset(w, 0, sizeof(*w));
}

static inline size_t place(const struct bpe *b, uint64_t pair)
{
	/* The two halves are ids below 2^24: spread both before the top bits are taken. */
	return (size_t)((pair ^ pair >> 15) * 0x9e3779b97f4a7c15u >> b->shift);
}

void bpe_merge(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
	uint64_t pair = (uint64_t)left << 32 | right;
	size_t i = place(b, pair);

	while (b->slot[i].pair != UINT64_MAX && b->slot[i].pair != pair)
		i = (i + 1) & b->mask;
	b->slot[i] = (struct bpe_slot){pair, rank, id};
}

static inline const struct bpe_slot *find(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t pair = (uint64_t)left << 32 | right;
	size_t i = place(b, pair);

	while (b->slot[i].pair != pair) {
		if (b->slot[i].pair == UINT64_MAX)
			return NULL;
		i = (i + 1) & b->mask;
	}
	return &b->slot[i];
}

int bpe_find(const struct bpe *b, uint32_t left, uint32_t right, uint32_t *rank, uint32_t *id)
{
	const struct bpe_slot *s = find(b, left, right);

	if (!s)
		return 0;
	*rank = s->rank;
	*id = s->id;
	return 1;
}

static inline uint32_t rank_of(const struct bpe *b, uint32_t left, uint32_t right, uint32_t *id)
{
	const struct bpe_slot *s = find(b, left, right);

	if (!s)
		return BPE_NONE;
	*id = s->id;
	return s->rank;
}

/* n <= SHORT symbols in ids, merged in place. */
static size_t merge_short(const struct bpe *b, uint32_t *ids, size_t n)
{
	uint32_t rank[SHORT], to[SHORT]; /* of the pair (i, i + 1) */
	size_t i, best;

	for (i = 0; i + 1 < n; i++)
		rank[i] = rank_of(b, ids[i], ids[i + 1], &to[i]);
	while (n > 1) {
		for (best = 0, i = 1; i + 1 < n; i++)
			if (rank[i] < rank[best])
				best = i;
		if (rank[best] == BPE_NONE)
			break;
		ids[best] = to[best];
		n--;
		memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof(*ids));
		if (best + 1 < n) {
			memmove(rank + best + 1, rank + best + 2, (n - best - 2) * sizeof(*rank));
			memmove(to + best + 1, to + best + 2, (n - best - 2) * sizeof(*to));
			rank[best] = rank_of(b, ids[best], ids[best + 1], &to[best]);
		}
		if (best > 0)
			rank[best - 1] = rank_of(b, ids[best - 1], ids[best], &to[best - 1]);
	}
	return n;
}

/* Min-heap of rank << 32 | position, four children a node. */
static void heap_down(uint64_t *h, size_t n, size_t i)
{
	uint64_t x = h[i];

	for (;;) {
		size_t c = 4 * i + 1, end = c + 4 < n ? c + 4 : n, best = c;

		if (c >= n)
			break;
		while (++c < end)
			if (h[c] < h[best])
				best = c;
		if (h[best] >= x)
			break;
		h[i] = h[best];
		i = best;
	}
	h[i] = x;
}

static void heap_push(uint64_t *h, size_t *n, uint64_t x)
{
	size_t i = (*n)++;

	while (i && h[(i - 1) / 4] > x) {
		h[i] = h[(i - 1) / 4];
		i = (i - 1) / 4;
	}
	h[i] = x;
}

static uint64_t heap_pop(uint64_t *h, size_t *n)
{
	uint64_t top = h[0];

	h[0] = h[--*n];
	if (*n)
		heap_down(h, *n, 0);
	return top;
}

static void work_reserve(struct bpe_work *w, size_t n)
{
	if (n <= w->cap)
		return;
	w->cap = n + n / 2;
	w->mem = xreallocarray(w->mem, w->cap, 4 * sizeof(*w->mem));
	/* Each merge removes a symbol and adds at most two pairs. */
	w->heap = xreallocarray(w->heap, w->cap, 3 * sizeof(*w->heap));
}

static size_t merge_long(const struct bpe *b, struct bpe_work *w, uint32_t *ids, size_t n)
{
	uint32_t *rank, *to, *next, *prev; /* of the pair at i; links of live symbols */
	size_t i, live, n_heap = 0;

	work_reserve(w, n);
	rank = w->mem;
	to = rank + w->cap;
	next = to + w->cap;
	prev = next + w->cap;
	for (i = 0; i < n; i++) {
		next[i] = (uint32_t)i + 1;
		prev[i] = (uint32_t)i - 1; /* of the first: never followed */
		rank[i] = i + 1 < n ? rank_of(b, ids[i], ids[i + 1], &to[i]) : BPE_NONE;
		if (rank[i] != BPE_NONE)
			w->heap[n_heap++] = (uint64_t)rank[i] << 32 | i;
	}
	for (i = n_heap / 4 + 1; i-- > 0;)
		if (i < n_heap)
			heap_down(w->heap, n_heap, i);
	while (n_heap) {
		uint64_t top = heap_pop(w->heap, &n_heap);
		size_t at = (uint32_t)top, r, l;

		if (rank[at] != top >> 32)
			continue; /* the pair is gone, or has become another */
		r = next[at];
		ids[at] = to[at];
		rank[r] = BPE_NONE;
		next[at] = next[r];
		rank[at] = BPE_NONE;
		if (next[at] < n) {
			prev[next[at]] = (uint32_t)at;
			rank[at] = rank_of(b, ids[at], ids[next[at]], &to[at]);
			if (rank[at] != BPE_NONE)
				heap_push(w->heap, &n_heap, (uint64_t)rank[at] << 32 | at);
		}
		if (at > 0) {
			l = prev[at];
			rank[l] = rank_of(b, ids[l], ids[at], &to[l]);
			if (rank[l] != BPE_NONE)
				heap_push(w->heap, &n_heap, (uint64_t)rank[l] << 32 | l);
		}
	}
	for (i = live = 0; i < n; i = next[i])
		ids[live++] = ids[i];
	return live;
}

size_t bpe_encode(
    const struct bpe *b, struct bpe_work *w, const char *s, size_t len, uint32_t *ids)
{
	size_t n = 0, i;

	for (i = 0; i < len; i++) {
		ids[n] = b->byte_id[(unsigned char)s[i]];
		n += ids[n] != BPE_NONE;
	}
	return n <= SHORT ? merge_short(b, ids, n) : merge_long(b, w, ids, n);
}
