#include "tok/ordertrace.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pipe.h"
#include "base/rng.h"
#include "base/wide.h"

enum {
	DRAWS = 1 << 18, /* of a block */
	CHUNK = 64,      /* draws looked at together */
	FILTER_BITS = 20,
	STALE_MAX = 1024 /* bits of the filter that nothing stands for any more */
};

#define FREE UINT32_MAX /* no entry: n_inst is at most 2^32 - 2 */

/* -- what is followed ---------------------------------------------------------------------- */

/* Marks on entries: a hash table of those that have one, and a filter in front of it that says no
 * quickly: one bit for all entries with the same low bits. */
struct marks {
	uint32_t *entry; /* (cap) FREE, or an entry, which has mark[k] */
	uint64_t *mark;
	size_t n, cap; /* cap: a power of 2 */
	uint64_t *filter;
	size_t n_stale;
};

static size_t slot_of(const struct marks *m, uint32_t entry)
{
	return (size_t)(entry * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (m->cap - 1);
}

static int maybe(const struct marks *m, uint32_t entry)
{
	uint32_t bit = entry & ((1u << FILTER_BITS) - 1);

	return m->filter[bit / 64] >> bit % 64 & 1;
}

static void filter_add(struct marks *m, uint32_t entry)
{
	uint32_t bit = entry & ((1u << FILTER_BITS) - 1);

	m->filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void filter_renew(struct marks *m)
{
	size_t k;

	memset(m->filter, 0, (size_t)1 << (FILTER_BITS - 3));
	for (k = 0; k < m->cap; k++)
		if (m->entry[k] != FREE)
			filter_add(m, m->entry[k]);
	m->n_stale = 0;
}

/* The slot of an entry, or the free one where it would be. */
static size_t find(const struct marks *m, uint32_t entry)
{
	size_t k = slot_of(m, entry);

	while (m->entry[k] != FREE && m->entry[k] != entry)
		k = (k + 1) & (m->cap - 1);
	return k;
}

static void put(struct marks *m, uint32_t entry, uint64_t mark)
{
	size_t k = find(m, entry);

	m->entry[k] = entry;
	m->mark[k] = mark;
	filter_add(m, entry);
}

/* Frees slot k, and moves up what stands behind it because it was taken. */
static void take_out(struct marks *m, size_t k)
{
	size_t next = k, home;

	for (;;) {
		m->entry[k] = FREE;
		do {
			next = (next + 1) & (m->cap - 1);
			if (m->entry[next] == FREE)
				return;
			home = slot_of(m, m->entry[next]);
		} while (((next - home) & (m->cap - 1)) < ((next - k) & (m->cap - 1)));
		m->entry[k] = m->entry[next];
		m->mark[k] = m->mark[next];
		k = next;
	}
}

static void marks_init(struct marks *m, uint64_t first, uint64_t n)
{
	uint64_t k;

	memset(m, 0, sizeof(*m));
	m->n = n;
	m->cap = 16;
	while (m->cap < 2 * n)
		m->cap *= 2;
	m->entry = xreallocarray(NULL, m->cap, sizeof(*m->entry));
	m->mark = xreallocarray(NULL, m->cap, sizeof(*m->mark));
	m->filter = xcalloc((size_t)1 << (FILTER_BITS - 6), sizeof(*m->filter));
	memset(m->entry, 0xff, m->cap * sizeof(*m->entry));
	for (k = 0; k < n; k++)
		put(m, (uint32_t)(first + k), k);
}

static void marks_release(struct marks *m)
{
	free(m->entry);
	free(m->mark);
	free(m->filter);
}

/* Where each mark is now. */
static void marks_list(const struct marks *m, uint64_t *entry)
{
	size_t k;

	for (k = 0; k < m->cap; k++)
		if (m->entry[k] != FREE)
			entry[m->mark[k]] = m->entry[k];
}

static void swap_entries(struct marks *m, uint32_t i, uint32_t j)
{
	size_t a = find(m, i), b = find(m, j);
	int at_i = m->entry[a] != FREE, at_j = m->entry[b] != FREE;
	uint64_t mark;

	if (i == j || (!at_i && !at_j))
		return;
	if (at_i && at_j) {
		mark = m->mark[a];
		m->mark[a] = m->mark[b];
		m->mark[b] = mark;
		return;
	}
	mark = m->mark[at_i ? a : b];
	take_out(m, at_i ? a : b);
	put(m, at_i ? j : i, mark);
	if (++m->n_stale > STALE_MAX + m->n)
		filter_renew(m);
}

/* -- draws --------------------------------------------------------------------------------- */

static uint32_t mask_of(uint32_t i)
{
	return i == 0 ? 0 : UINT32_MAX >> __builtin_clz(i);
}

/* How many of a chunk's draws are at most i, and how many at most i - CHUNK. */
WIDE static void count_draws(const uint32_t *v, uint32_t mask, uint32_t i, uint32_t n[2])
{
	uint32_t below = i - CHUNK, all = 0, sure = 0;
	int k;

	for (k = 0; k < CHUNK; k++) {
		all += (v[k] & mask) <= i;
		sure += (v[k] & mask) <= below;
	}
	n[0] = all;
	n[1] = sure;
}

/*
 * The number of swaps from i on that a chunk makes, if it can be told without knowing which draw
 * makes which: all have the same mask, and no draw lies where that would decide.  -1: it cannot.
 */
static int quick_count(const uint32_t *v, uint32_t i)
{
	uint32_t mask = mask_of(i), n[2];

	if (i < 2 * CHUNK || i - CHUNK <= mask / 2)
		return -1;
	count_draws(v, mask, i, n);
	return n[0] == n[1] ? (int)n[0] : -1;
}

struct swap {
	uint32_t i, j;
};

/* The swaps of a chunk, from i on; i = 0 ends them all. */
static size_t list_swaps(const uint32_t *v, uint32_t i, struct swap s[CHUNK])
{
	size_t n = 0;
	int k;

	for (k = 0; k < CHUNK && i > 0; k++) {
		uint32_t j = v[k] & mask_of(i);

		if (j > i)
			continue;
		s[n].i = i--;
		s[n++].j = j;
	}
	return n;
}

/* The i behind a chunk. */
static uint32_t count_chunk(const uint32_t *v, uint32_t i)
{
	struct swap s[CHUNK];
	int n = quick_count(v, i);

	return i - (n >= 0 ? (uint32_t)n : (uint32_t)list_swaps(v, i, s));
}

/* Whether one of the n entries that end with i has a mark, perhaps. */
static int maybe_range(const struct marks *m, uint32_t i, uint32_t n)
{
	uint64_t any = 0;
	uint32_t k, word = 1u << (FILTER_BITS - 6);

	for (k = (i - n) / 64; k <= i / 64; k++)
		any |= m->filter[k & (word - 1)];
	return any != 0;
}

/* Whether one of a chunk's draws hits a mark. */
static int hits(const struct marks *m, const uint32_t *v, uint32_t mask)
{
	uint64_t any = 0;
	int k;

	for (k = 0; k < CHUNK; k++)
		any |= (uint64_t)maybe(m, v[k] & mask);
	for (k = 0; any && k < CHUNK; k++)
		if (maybe(m, v[k] & mask) && m->entry[find(m, v[k] & mask)] != FREE)
			return 1;
	return 0;
}

/* Makes the swaps of a chunk from i on, or takes them back; returns the i behind it. */
static uint32_t move_marks(struct marks *m, const uint32_t *v, uint32_t i, int back)
{
	struct swap s[CHUNK];
	int quick = quick_count(v, i);
	size_t k, n;

	if (quick >= 0 && !maybe_range(m, i, (uint32_t)quick) && !hits(m, v, mask_of(i)))
		return i - (uint32_t)quick;
	n = list_swaps(v, i, s);
	for (k = 0; k < n; k++) {
		const struct swap *w = &s[back ? n - 1 - k : k];

		if (maybe(m, w->i) || maybe(m, w->j))
			swap_entries(m, w->i, w->j);
	}
	return i - (uint32_t)n;
}

/* -- blocks -------------------------------------------------------------------------------- */

struct block {
	uint64_t index;
	uint32_t draw[DRAWS];
};

struct run {
	struct pcg64 start;
	struct marks m;
	uint64_t next, n_block; /* blocks given out; n_block: all there are, when it is known */
	int back;               /* from the last block to the first */
	uint32_t i, stop;       /* forwards: the next swap; no swap at or below stop is wanted */
	atomic_int done;        /* forwards: none is left */
	uint32_t *first;        /* the swap with which a block begins */
	size_t cap_first;
};

static int next_block(void *arg, void *item, int worker)
{
	struct run *r = arg;

	(void)worker;
	/* forwards the end shows when the last is followed: a few more are made by then */
	if (r->back ? r->next == r->n_block : r->done)
		return 0;
	((struct block *)item)->index = r->back ? r->n_block - 1 - r->next : r->next;
	r->next++;
	return 1;
}

static int make_draws(void *arg, void *item, int worker)
{
	struct block *b = item;
	struct pcg64 g = ((struct run *)arg)->start;

	(void)worker;
	pcg64_skip(&g, b->index * (DRAWS / 2));
	pcg64_draws(&g, b->draw, DRAWS);
	return 0;
}

/* Counts the swaps of a block. */
static int count_block(void *arg, void *item, int worker)
{
	struct run *r = arg;
	const struct block *b = item;
	size_t k;

	(void)worker;
	if (r->i <= r->stop)
		return 0;
	if (b->index == r->cap_first) {
		r->cap_first = r->cap_first ? 2 * r->cap_first : 64;
		r->first = xreallocarray(r->first, r->cap_first, sizeof(*r->first));
	}
	r->first[b->index] = r->i;
	r->n_block = b->index + 1;
	for (k = 0; k < DRAWS && r->i > r->stop; k += CHUNK)
		r->i = count_chunk(b->draw + k, r->i);
	r->done = r->i <= r->stop;
	return 0;
}

static int follow_block(void *arg, void *item, int worker)
{
	struct run *r = arg;
	const struct block *b = item;
	size_t k;

	(void)worker;
	for (k = 0; k < DRAWS && r->i > r->stop; k += CHUNK)
		r->i = move_marks(&r->m, b->draw + k, r->i, 0);
	r->done = r->i <= r->stop;
	return 0;
}

static int follow_back(void *arg, void *item, int worker)
{
	struct run *r = arg;
	const struct block *b = item;
	uint32_t at[DRAWS / CHUNK], i = r->first[b->index];
	size_t k, n = 0;

	(void)worker;
	for (n = 0; n < DRAWS / CHUNK && i > r->stop; n++) {
		at[n] = i;
		i = count_chunk(b->draw + n * CHUNK, i);
	}
	for (k = n; k-- > 0;)
		move_marks(&r->m, b->draw + k * CHUNK, at[k], 1);
	return 0;
}

static int run_blocks(struct run *r, int threads, int (*fn)(void *, void *, int))
{
	const struct pipe_stage stage[] = {
	    {"next", next_block, 1}, {"draw", make_draws, 0}, {"follow", fn, 1}};
	size_t k, n = threads > 1 ? (size_t)threads + 2 : 1;
	struct block *b = xreallocarray(NULL, n, sizeof(*b));
	void **item = xcalloc(n, sizeof(*item));
	int rc;

	for (k = 0; k < n; k++)
		item[k] = &b[k];
	r->next = 0;
	r->done = r->i <= r->stop;
	rc = pipe_run(threads, stage, 3, item, n, r);
	free(item);
	free(b);
	return rc;
}

static int begin(struct run *r, const struct order_spec *s, uint64_t first, uint64_t n)
{
	assert(s->algo == ORDER_NUMPY && first <= s->n_inst && n <= s->n_inst - first);
	if (order_possible(s) < 0)
		return -1;
	memset(r, 0, sizeof(*r));
	pcg64_seed(&r->start, s->seed + s->epoch);
	r->i = s->n_inst > 0 ? (uint32_t)(s->n_inst - 1) : 0;
	marks_init(&r->m, first, n);
	return 0;
}

int ordertrace_entries(const struct order_spec *spec, uint64_t first_instance, uint64_t n,
    int threads, uint64_t *entry)
{
	struct run r;
	int rc;

	if (begin(&r, spec, first_instance, n) < 0)
		return -1;
	rc = run_blocks(&r, threads, follow_block);
	marks_list(&r.m, entry);
	marks_release(&r.m);
	return rc;
}

int ordertrace_instances(const struct order_spec *spec, uint64_t first_entry, uint64_t n,
    int threads, uint64_t *instance)
{
	struct run r;
	int rc;

	if (begin(&r, spec, first_entry, n) < 0)
		return -1;
	/* swaps below the entries do not touch them */
	r.stop = first_entry > 0 ? (uint32_t)first_entry - 1 : 0;
	rc = run_blocks(&r, threads, count_block);
	r.back = 1;
	if (rc == 0)
		rc = run_blocks(&r, threads, follow_back);
	marks_list(&r.m, instance);
	marks_release(&r.m);
	free(r.first);
	return rc;
}
