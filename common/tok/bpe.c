#include "tok/bpe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Pretokens up to this many symbols are merged by looking for the lowest rank again and again. */
#define SHORT 96

void bpe_init(struct bpe *b, size_t n_merges)
{
	size_t n = 16, i;
	unsigned bits = 4;

	while (n < 2 * n_merges + 1)
		n *= 2, bits++;
	memset(b, 0, sizeof(*b));
	b->slot = xreallocarray(NULL, n, sizeof(*b->slot));
	memset(b->slot, 0xff, n * sizeof(*b->slot));
	b->mask = n - 1;
	b->shift = 64 - bits;
	for (i = 0; i < 256; i++)
		b->byte_id[i] = BPE_NONE;
}

void bpe_release(struct bpe *b)
{
	free(b->slot);
	free(b->made);
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}

void bpe_work_release(struct bpe_work *w)
{
	free(w->mem);
	free(w->heap);
	memset(w, 0, sizeof(*w));
}

enum { RANK_BITS = 22, ID_BITS = 21 };

static inline uint64_t pair_of(uint32_t left, uint32_t right)
{
	return (uint64_t)left << ID_BITS | right;
}

static inline size_t place(const struct bpe *b, uint64_t pair)
{
	return (size_t)((pair ^ pair >> 15) * 0x9e3779b97f4a7c15u >> b->shift);
}

/* The slot of a pair, or the free one where it belongs. */
static inline uint64_t *find(const struct bpe *b, uint64_t pair)
{
	size_t i = place(b, pair);

	while (b->slot[i] >> RANK_BITS != pair && b->slot[i] != UINT64_MAX)
		i = (i + 1) & b->mask;
	return &b->slot[i];
}

/* BPE_NONE when there is none. */
static inline uint32_t rank_of(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t slot = *find(b, pair_of(left, right));

	return slot == UINT64_MAX ? BPE_NONE : (uint32_t)slot & ((1u << RANK_BITS) - 1);
}

void bpe_merge(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
	uint64_t pair = pair_of(left, right);

	assert(left <= BPE_MAX_ID && right <= BPE_MAX_ID && id <= BPE_MAX_ID &&
	       rank <= BPE_MAX_RANK);
	*find(b, pair) = pair << RANK_BITS | rank;
	if (rank >= b->cap_made) {
		b->cap_made = rank + rank / 2 + 64;
		b->made = xreallocarray(b->made, b->cap_made, sizeof(*b->made));
	}
	b->made[rank] = id;
}

void bpe_build(struct bpe *b)
{
	unsigned i, k;

	b->bytes = xreallocarray(b->bytes, 65536, sizeof(*b->bytes));
	for (i = 0; i < 256; i++)
		for (k = 0; k < 256; k++)
			b->bytes[i << 8 | k] =
			    b->byte_id[i] == BPE_NONE || b->byte_id[k] == BPE_NONE
				? BPE_NONE
				: rank_of(b, b->byte_id[i], b->byte_id[k]);
}

int bpe_find(const struct bpe *b, uint32_t left, uint32_t right, uint32_t *rank, uint32_t *id)
{
	*rank = rank_of(b, left, right);
	if (*rank == BPE_NONE)
		return 0;
	*id = b->made[*rank];
	return 1;
}

/* Where the lowest of n >= 1 ranks stands, the leftmost among equals. */
static inline size_t lowest(const uint32_t *rank, size_t n)
{
	uint64_t best = (uint64_t)rank[0] << 32;
	size_t i;

	for (i = 1; i < n; i++) {
		uint64_t x = (uint64_t)rank[i] << 32 | i;

		best = x < best ? x : best;
	}
	return (size_t)(uint32_t)best;
}

/* n <= SHORT symbols in ids, merged in place; rank[i] is that of the pair (i, i + 1). */
static size_t merge_short(const struct bpe *b, uint32_t *ids, uint32_t *rank, size_t n)
{
	while (n > 1) {
		size_t best = lowest(rank, n - 1);

		if (rank[best] == BPE_NONE)
			break;
		ids[best] = b->made[rank[best]];
		n--;
		memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof(*ids));
		if (best + 1 < n) {
			memmove(rank + best + 1, rank + best + 2, (n - best - 2) * sizeof(*rank));
			rank[best] = rank_of(b, ids[best], ids[best + 1]);
		}
		if (best > 0)
			rank[best - 1] = rank_of(b, ids[best - 1], ids[best]);
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
	w->mem = xreallocarray(w->mem, w->cap, 3 * sizeof(*w->mem));
	/* Each merge removes a symbol and adds at most two pairs. */
	w->heap = xreallocarray(w->heap, w->cap, 3 * sizeof(*w->heap));
}

static void put_pair(struct bpe_work *w, size_t *n_heap, uint32_t rank, size_t at)
{
	if (rank != BPE_NONE)
		heap_push(w->heap, n_heap, (uint64_t)rank << 32 | at);
}

/* The same for any n: the pairs wait in a heap. */
static size_t merge_long(const struct bpe *b, struct bpe_work *w, uint32_t *ids, size_t n)
{
	uint32_t *rank = w->mem; /* of the pair at i; set by the caller */
	uint32_t *next = rank + w->cap, *prev = next + w->cap; /* links of live symbols */
	size_t i, live, n_heap = 0;

	for (i = 0; i < n; i++) {
		next[i] = (uint32_t)i + 1;
		prev[i] = (uint32_t)i - 1; /* of the first: never followed */
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
		ids[at] = b->made[rank[at]];
		rank[r] = BPE_NONE;
		next[at] = next[r];
		rank[at] = BPE_NONE;
		if (next[at] < n) {
			prev[next[at]] = (uint32_t)at;
			rank[at] = rank_of(b, ids[at], ids[next[at]]);
			put_pair(w, &n_heap, rank[at], at);
		}
		if (at > 0) {
			l = prev[at];
			rank[l] = rank_of(b, ids[l], ids[at]);
			put_pair(w, &n_heap, rank[l], l);
		}
	}
	for (i = live = 0; i < n; i = next[i])
		ids[live++] = ids[i];
	return live;
}

/* Symbols of the bytes that have one, and the ranks of their pairs; the last has none. */
static size_t start(const struct bpe *b, const char *s, size_t len, uint32_t *ids, uint32_t *rank)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = 0, i;
	unsigned before = 0;

	for (i = 0; i < len; i++) {
		ids[n] = b->byte_id[u[i]];
		if (ids[n] == BPE_NONE)
			continue;
		if (n)
			rank[n - 1] = b->bytes[before << 8 | u[i]];
		before = u[i];
		n++;
	}
	if (n)
		rank[n - 1] = BPE_NONE;
	return n;
}

size_t bpe_encode(
    const struct bpe *b, struct bpe_work *w, const char *s, size_t len, uint32_t *ids)
{
	uint32_t rank[SHORT];

	if (len <= SHORT)
		return merge_short(b, ids, rank, start(b, s, len, ids, rank));
	work_reserve(w, len);
	return merge_long(b, w, ids, start(b, s, len, ids, w->mem));
}
