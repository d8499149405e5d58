/* Inputs in chunks: each is hashed by sums of its blocks (blockhash.h), made in parallel, which serve
 * the hash of the file and that of its ids. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pipe.h"
#include "tok/rearrange_int.h"

enum { CHUNK = 1 << 20 }; /* bytes of a file */

struct chunk {
	size_t file;
	uint64_t from, to; /* bytes of it */
	struct blocksum sum[CHUNK / BLOCKHASH];
};

struct reading {
	struct copy *c;
	read_fn *fn;
	void *arg;
	size_t file; /* the next chunk */
	uint64_t from;
	struct blockhash whole, ids; /* of the file that is being put together */
	uint64_t there;              /* from which byte its pages are in memory */
};

static int next_chunk(void *arg, void *item, int worker)
{
	struct reading *r = arg;
	struct chunk *k = item;
	const struct tokfile_list *l = r->c->u->list;
	uint64_t len;

	(void)worker;
	if (r->file == l->n_file)
		return 0;
	len = l->file[r->file]->map.len;
	k->file = r->file;
	k->from = r->from;
	k->to = len - r->from < CHUNK ? len : r->from + CHUNK;
	r->from = k->to;
	if (r->from == len) {
		r->file++;
		r->from = 0;
	}
	return 1;
}

/* The first unit of file f that begins at or behind byte `at` of the file. */
static uint64_t unit_from(const struct units *u, size_t f, uint64_t at)
{
	const struct tokfile *t = u->list->file[f];
	uint64_t id = at <= t->ids_off ? 0 : (at - t->ids_off + t->meta.width - 1) / t->meta.width;
	uint64_t lo = u->first[f], hi = u->first[f + 1];

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (units_at(u, mid).start < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int work(void *arg, void *item, int worker)
{
	struct reading *r = arg;
	struct chunk *k = item;
	const struct units *u = r->c->u;
	const struct tokfile *t = u->list->file[k->file];
	uint64_t i, end;
	int rc = 0;

	os_fault_in(t->map.p + k->from, k->to - k->from);
	blockhash_sums(k->sum, t->map.p + k->from, (k->to - k->from) / BLOCKHASH);
	if (r->fn != NULL) {
		i = unit_from(u, k->file, k->from);
		end = k->to == t->map.len ? u->first[k->file + 1] : unit_from(u, k->file, k->to);
		for (; rc == 0 && i < end; i++)
			rc = r->fn(r->arg, i, worker);
	}
	return rc;
}

/* Bytes [from, to) of a chunk, which begin at a block of it and of the hash. */
static void add(struct blockhash *h, const struct tokfile *t, const struct chunk *k, uint64_t from,
    uint64_t to)
{
	size_t n = (to - from) / BLOCKHASH, rest = (to - from) % BLOCKHASH;

	assert((from - k->from) % BLOCKHASH == 0);
	blockhash_add_blocks(h, t->map.p + from, n, k->sum + (from - k->from) / BLOCKHASH);
	blockhash_add(h, t->map.p + to - rest, rest);
}

/* Of two passes nothing is read twice: lets go of what is there of the file, a good part of the
 * memory at a time. */
static void forget(struct reading *r, const struct tokfile *t, uint64_t to)
{
	if (r->fn == NULL || (to < t->map.len && to - r->there < r->c->memory / 2))
		return;
	os_forget(t->map.p + r->there, to - r->there);
	r->there = to < t->map.len ? to : 0;
}

static int fold(void *arg, void *item, int worker)
{
	struct reading *r = arg;
	const struct chunk *k = item;
	const struct tokfile *t = r->c->u->list->file[k->file];
	uint64_t a = t->ids_off, b = t->ids_off + t->count * t->meta.width;

	(void)worker;
	add(&r->whole, t, k, k->from, k->to);
	a = a < k->from ? k->from : a;
	b = b > k->to ? k->to : b;
	if (!t->raw && a < b)
		add(&r->ids, t, k, a, b);
	forget(r, t, k->to);
	if (k->to < t->map.len)
		return 0;
	r->c->input[k->file] = (struct filehash){t->map.len, blockhash_128(&r->whole)};
	if (tokfile_ids_hash_to(t, blockhash_128(&r->ids)) < 0)
		return -1;
	blockhash_init(&r->whole);
	blockhash_init(&r->ids);
	return 0;
}

int copy_read(struct copy *c, read_fn *fn, void *arg)
{
	static const struct pipe_stage stage[] = {
	    {"next", next_chunk, 1}, {"read", work, 0}, {"hash", fold, 1}};
	size_t i, n = 2 * (size_t)c->threads + 2;
	struct reading r = {.c = c, .fn = fn, .arg = arg};
	struct chunk *chunk = xcalloc(n, sizeof(*chunk));
	void **item = xcalloc(n, sizeof(*item));
	int rc;

	for (i = 0; i < n; i++)
		item[i] = &chunk[i];
	for (i = 0; i < c->u->list->n_file; i++)
		map_sequential(&c->u->list->file[i]->map);
	blockhash_init(&r.whole);
	blockhash_init(&r.ids);
	rc = pipe_run(c->threads, stage, 3, item, n, &r);
	free(item);
	free(chunk);
	return rc;
}
