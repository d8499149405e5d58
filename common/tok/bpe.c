#include "tok/bpe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"

/* Looked up at random: in huge pages, once it is large. */
static void *slots_new(size_t bytes)
{
	enum { HUGE = 2 << 20 };
	size_t all = bytes < HUGE / 2 ? bytes : (bytes + HUGE - 1) / HUGE * HUGE;
	void *p = all < HUGE ? xmalloc(all) : aligned_alloc(HUGE, all);

	if (!p)
		die(EXIT_IO, "out of memory: %zu bytes", all);
	if (all >= HUGE)
		os_huge_pages(p, all);
	return p;
}

void bpe_init(struct bpe *b, size_t n_merges)
{
	size_t n = 16, i;
	unsigned bits = 4;

	while (n < n_merges + n_merges / 4 + 1)
		n *= 2, bits++;
	memset(b, 0, sizeof(*b));
	b->slot = slots_new(n * sizeof(*b->slot));
	memset(b->slot, 0xff, n * sizeof(*b->slot));
	b->may = xcalloc(n / 4, sizeof(*b->may));
	b->mask = n - 1;
	b->shift = 64 - bits;
	b->cap_made = n_merges + 1;
	b->made = xcalloc(b->cap_made, sizeof(*b->made));
	for (i = 0; i < 256; i++)
		b->byte_id[i] = BPE_NONE;
}

void bpe_release(struct bpe *b)
{
	free(b->slot);
	free(b->may);
	free(b->made);
	free(b->sure);
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

static inline uint64_t hash_of(uint64_t pair)
{
	return (pair ^ pair >> 15) * 0x9e3779b97f4a7c15u;
}

/* The rank in a slot, and in a free one. */
#define NO_RANK ((1u << RANK_BITS) - 1)

/* The slot of a pair, or the free one where it belongs. */
static inline uint64_t *find(const struct bpe *b, uint64_t pair)
{
	size_t i = hash_of(pair) >> b->shift;

	while (b->slot[i] >> RANK_BITS != pair && b->slot[i] != UINT64_MAX)
		i = (i + 1) & b->mask;
	return &b->slot[i];
}

/* NO_RANK when there is none: what a free slot holds.  Mostly it is the first slot that tells. */
static inline uint32_t rank_at(const struct bpe *b, uint64_t pair, uint64_t hash)
{
	uint64_t bit = hash >> (b->shift - 4), slot;
	size_t i = hash >> b->shift;
	uint64_t may = b->may[bit / 64] >> bit % 64 & 1, other;

	slot = b->slot[i];
	other = slot >> RANK_BITS != pair;
	if (__builtin_expect((may & other) != 0, 0)) {
		while ((slot >> RANK_BITS != pair) & (slot != UINT64_MAX))
			slot = b->slot[i = (i + 1) & b->mask];
		other = slot == UINT64_MAX;
	}
	return (uint32_t)(slot | (0 - other)) & NO_RANK;
}

static inline uint32_t rank_of(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t pair = pair_of(left, right);

	return rank_at(b, pair, hash_of(pair));
}

static inline uint32_t left_of(uint64_t slot)
{
	return (uint32_t)(slot >> (RANK_BITS + ID_BITS));
}

static inline uint32_t right_of(uint64_t slot)
{
	return (uint32_t)(slot >> RANK_BITS) & ((1u << ID_BITS) - 1);
}

/* Whether the pair with that rank merges wherever it stands. */
static inline int is_sure(const struct bpe *b, uint32_t rank)
{
	return rank != NO_RANK && b->sure[rank / 64] >> rank % 64 & 1;
}

/* The id that the merge of a rank makes. */
static inline uint32_t made_by(const struct bpe *b, uint32_t rank)
{
	return b->even ? b->made[0] + rank : b->made[rank];
}

void bpe_merge(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
	uint64_t pair = pair_of(left, right), bit = hash_of(pair) >> (b->shift - 4);

	assert(
	    left <= BPE_MAX_ID && right <= BPE_MAX_ID && id <= BPE_MAX_ID && rank <= BPE_MAX_RANK);
	*find(b, pair) = pair << RANK_BITS | rank;
	b->may[bit / 64] |= (uint64_t)1 << bit % 64;
	if (rank >= b->cap_made) {
		b->cap_made = rank + rank / 2 + 64;
		b->made = xreallocarray(b->made, b->cap_made, sizeof(*b->made));
	}
	b->made[rank] = id;
	if (rank >= b->n_made)
		b->n_made = rank + 1;
}

/* Mark the pairs that merge whatever is beside them: neither half has a merge of a lower rank with
 * what may come before or behind, nor has what they become. */
static void find_sure(struct bpe *b)
{
	uint32_t *before, *behind; /* the lowest rank of a pair that the symbol ends, begins */
	size_t n = 0, i;

	for (i = 0; i <= b->mask; i++)
		if (b->slot[i] != UINT64_MAX) {
			n = left_of(b->slot[i]) > n ? left_of(b->slot[i]) : n;
			n = right_of(b->slot[i]) > n ? right_of(b->slot[i]) : n;
		}
	for (i = 0; i < b->n_made; i++)
		n = b->made[i] > n ? b->made[i] : n;
	before = xreallocarray(NULL, n + 1, 2 * sizeof(*before));
	behind = before + n + 1;
	memset(before, 0xff, 2 * (n + 1) * sizeof(*before));
	for (i = 0; i <= b->mask; i++)
		if (b->slot[i] != UINT64_MAX) {
			uint32_t r = (uint32_t)b->slot[i] & NO_RANK;
			uint32_t *x = &before[right_of(b->slot[i])],
				 *y = &behind[left_of(b->slot[i])];

			*x = r < *x ? r : *x;
			*y = r < *y ? r : *y;
		}
	free(b->sure);
	b->sure = xcalloc(b->n_made / 64 + 1, sizeof(*b->sure));
	for (i = 0; i <= b->mask; i++) {
		uint32_t x = left_of(b->slot[i]), y = right_of(b->slot[i]), r, z;

		if (b->slot[i] == UINT64_MAX)
			continue;
		r = (uint32_t)b->slot[i] & NO_RANK;
		z = b->made[r];
		if (x != y && before[x] > r && behind[y] > r && before[z] > r && behind[z] > r)
			b->sure[r / 64] |= (uint64_t)1 << r % 64;
	}
	free(before);
}

void bpe_build(struct bpe *b)
{
	size_t r;
	unsigned i, k;

	for (r = 0; r < b->n_made && b->made[r] == b->made[0] + r; r++)
		;
	b->even = r == b->n_made;
	for (i = 0; i < 128 && b->byte_id[i] != BPE_NONE; i++)
		;
	b->ascii = i == 128;
	find_sure(b);
	b->bytes = xreallocarray(b->bytes, 65536, sizeof(*b->bytes));
	for (i = 0; i < 256; i++)
		for (k = 0; k < 256; k++)
			b->bytes[i << 8 | k] =
			    b->byte_id[i] == BPE_NONE || b->byte_id[k] == BPE_NONE
				? NO_RANK
				: rank_of(b, b->byte_id[i], b->byte_id[k]);
}

int bpe_find(const struct bpe *b, uint32_t left, uint32_t right, uint32_t *rank, uint32_t *id)
{
	*rank = rank_of(b, left, right);
	if (*rank == NO_RANK)
		return 0;
	*id = b->made[*rank];
	return 1;
}

/* A pair waiting to be merged: its rank, and the place of its left half, so that the lowest is the
 * leftmost of the lowest rank.  The others: no merge, or no pair. */
enum { PLACE_BITS = 7 };
#define NO_PAIR INT32_MAX

static inline int32_t wait_of(uint32_t rank, size_t at)
{
	return (int32_t)(rank << PLACE_BITS | (uint32_t)at);
}

/* Symbols while they are laid down; the last may be made of several bytes. */
struct laid {
	uint32_t *ids, *rank;
	size_t n;
	int byte; /* what the last one is, or -1 when it is several; then the rank before is not set */
};

/* The last symbol is complete: the rank of the pair that ends with it, unless that is sure, too;
 * then 1, and it is longer. */
static int settle(const struct bpe *b, struct laid *l)
{
	int longer = 0;

	for (; l->byte < 0 && l->n > 1; longer = 1) {
		uint32_t r = rank_of(b, l->ids[l->n - 2], l->ids[l->n - 1]);

		l->rank[l->n - 2] = r;
		if (!is_sure(b, r))
			break;
		l->ids[--l->n - 1] = made_by(b, r);
	}
	return longer;
}

/* Symbols of the bytes that have one, sure pairs merged, and the ranks of the pairs of symbols; the
 * last has none. */
static size_t start(const struct bpe *b, const char *s, size_t len, uint32_t *ids, uint32_t *rank)
{
	const unsigned char *u = (const unsigned char *)s;
	struct laid l = {.ids = ids, .rank = rank};
	uint32_t id, r;
	size_t i;

	for (i = 0; i < len; i++) {
		id = b->byte_id[u[i]];
		if (id == BPE_NONE)
			continue;
		if (l.n) {
			r = l.byte < 0 ? rank_of(b, ids[l.n - 1], id)
				       : b->bytes[(unsigned)l.byte << 8 | u[i]];
			if (is_sure(b, r)) {
				ids[l.n - 1] = made_by(b, r);
				l.byte = -1;
				continue;
			}
			if (settle(b, &l))
				r = rank_of(b, ids[l.n - 1], id);
			rank[l.n - 1] = r;
		}
		ids[l.n++] = id;
		l.byte = u[i];
	}
	if (l.n) {
		settle(b, &l);
		rank[l.n - 1] = NO_RANK;
	}
	return l.n;
}

/* The lowest of the first n, rounded up to 4, but at least LEAST. */
enum { LEAST = 16 };
typedef int32_t v4 __attribute__((vector_size(16)));

static inline v4 load4(const int32_t *p)
{
	v4 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline v4 lower(v4 a, v4 b)
{
	v4 less = a < b;

	return (a & less) | (b & ~less);
}

static inline int32_t lowest(const int32_t *wait, size_t n)
{
	v4 a =
	    lower(lower(load4(wait), load4(wait + 4)), lower(load4(wait + 8), load4(wait + 12)));
	size_t i;
	int32_t x, y;

	for (i = LEAST; i < n; i += 4)
		a = lower(a, load4(wait + i));
	x = a[0] < a[1] ? a[0] : a[1];
	y = a[2] < a[3] ? a[2] : a[3];
	return x < y ? x : y;
}

/* A pair that is to be looked up: its place in the table is on its way. */
struct wanted {
	uint64_t pair, hash;
};

/* The symbols of a short pretoken, 1 .. n, between two that merge with nothing; and the two pairs
 * that the last merge has made, behind `at` and behind `before`. */
struct lane {
	struct bpe_job *job;
	size_t n, at, before;
	struct wanted two[2];
	uint32_t id[BPE_SHORT + 2];
	int32_t wait[BPE_SHORT + 4]; /* of the pair (i, the next) */
	uint8_t next[BPE_SHORT + 2], prev[BPE_SHORT + 2];
};
enum { EDGE = BPE_MAX_ID + 1, LANES = 8 };

static inline void want(const struct bpe *b, struct wanted *w, uint32_t left, uint32_t right)
{
	w->pair = pair_of(left, right);
	w->hash = hash_of(w->pair);
	__builtin_prefetch(&b->may[w->hash >> (b->shift - 4) >> 6]);
	__builtin_prefetch(&b->slot[w->hash >> b->shift]);
}

static int is_ascii(const char *s, size_t len)
{
	uint64_t all = 0, x;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&x, s + i, 8);
		all |= x;
	}
	for (; i < len; i++)
		all |= (unsigned char)s[i];
	return !(all & 0x8080808080808080u);
}

/* Symbols of bytes that all have one.  Among those of ASCII hardly a pair is sure. */
static void lay_bytes(const struct bpe *b, struct lane *y, const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i;

	for (i = 1; i < n; i++) {
		y->id[i] = b->byte_id[u[i - 1]];
		y->wait[i] = wait_of(b->bytes[(unsigned)u[i - 1] << 8 | u[i]], i);
	}
	y->id[n] = b->byte_id[u[n - 1]];
	y->wait[n] = wait_of(NO_RANK, n);
}

static size_t lay_symbols(const struct bpe *b, struct lane *y, const struct bpe_job *job)
{
	uint32_t rank[BPE_SHORT];
	size_t n = start(b, job->s, job->len, job->ids, rank), i;

	for (i = 1; i <= n; i++) {
		y->id[i] = job->ids[i - 1];
		y->wait[i] = wait_of(rank[i - 1], i);
	}
	return n;
}

/* Put a pretoken on a lane. */
static void lane_start(const struct bpe *b, struct lane *y, struct bpe_job *job)
{
	size_t n = job->len, i;

	y->job = job;
	for (i = 0; i < LEAST; i++)
		y->wait[i] = NO_PAIR;
	if (n && b->ascii && is_ascii(job->s, n))
		lay_bytes(b, y, job->s, n);
	else
		n = lay_symbols(b, y, job);
	for (i = n + 1; i < n + 4; i++)
		y->wait[i] = NO_PAIR;
	y->n = n;
	y->id[0] = y->id[n + 1] = EDGE;
	for (i = 0; i <= n; i++) {
		y->next[i] = (uint8_t)(i + 1);
		y->prev[i + 1] = (uint8_t)i;
	}
	y->at = y->before = 0;
	y->two[0] = y->two[1] = (struct wanted){0};
	want(b, &y->two[0], EDGE, EDGE);
	want(b, &y->two[1], EDGE, EDGE);
}

/* Merge one pair: 1, or 0 when there is none, and the ids are in the job. */
static int lane_step(const struct bpe *b, struct lane *y)
{
	int32_t first = wait_of(rank_at(b, y->two[0].pair, y->two[0].hash), y->at);
	int32_t second = wait_of(rank_at(b, y->two[1].pair, y->two[1].hash), y->before);
	int32_t low = lowest(y->wait, y->n + 1);
	size_t i, next, live;

	/* They are not in memory yet: loads would wait for these stores. */
	y->wait[y->at] = first;
	y->wait[y->before] = second;
	low = first < low ? first : low;
	low = second < low ? second : low;
	if (low >= wait_of(NO_RANK, 0)) {
		for (i = y->next[0], live = 0; i <= y->n; i = y->next[i])
			y->job->ids[live++] = y->id[i];
		y->job->n = live;
		return 0;
	}
	i = (uint32_t)low & ((1u << PLACE_BITS) - 1);
	y->id[i] = made_by(b, (uint32_t)low >> PLACE_BITS);
	next = y->next[i];
	y->wait[next] = NO_PAIR;
	next = y->next[i] = y->next[next];
	y->prev[next] = (uint8_t)i;
	y->at = i;
	y->before = y->prev[i];
	y->wait[i] = y->wait[y->before] = NO_PAIR;
	want(b, &y->two[0], y->id[i], y->id[next]);
	want(b, &y->two[1], y->id[y->before], y->id[i]);
	return 1;
}

void bpe_encode_all(const struct bpe *b, struct bpe_job *job, size_t n)
{
	struct lane lane[LANES], *y[LANES];
	size_t i, k, n_lane = n < LANES ? n : LANES;

	for (i = 0; i < n_lane; i++)
		lane_start(b, y[i] = &lane[i], &job[i]);
	while (n_lane)
		for (k = 0; k < n_lane; k++) {
			if (lane_step(b, y[k]))
				continue;
			if (i < n) {
				lane_start(b, y[k], &job[i++]);
			} else {
				y[k--] = y[--n_lane];
			}
		}
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
	if (rank != NO_RANK)
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
		if (rank[i] != NO_RANK)
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
		rank[r] = NO_RANK;
		next[at] = next[r];
		rank[at] = NO_RANK;
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

size_t bpe_encode(
    const struct bpe *b, struct bpe_work *w, const char *s, size_t len, uint32_t *ids)
{
	struct bpe_job job = {.s = s, .ids = ids, .len = len};

	if (len <= BPE_SHORT) {
		bpe_encode_all(b, &job, 1);
		return job.n;
	}
	work_reserve(w, len);
	return merge_long(b, w, ids, start(b, s, len, ids, w->mem));
}
