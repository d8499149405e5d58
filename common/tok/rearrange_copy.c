/* Units in another sequence, whatever their size.
 *
 * In one pass the output is made in windows, one behind the other: each is filled with the units that
 * belong in it, from wherever they lie in the inputs, and goes to the disk while the next are
 * filled.  That reads the inputs in no order, so it is for inputs that memory can hold, be it as
 * the kernel's cache: they are read once before, from front to back, for their hashes, and are there
 * then.  For others there are two passes (rearrange_two.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pipe.h"
#include "tok/le.h"
#include "tok/rearrange_int.h"

enum {
	WINDOW = WINDOW_HUGE, /* bytes written at a time */
	PART = 64 << 10       /* of a window, hashed while it is in the cache */
};

/* -- where things go ----------------------------------------------------------------------- */

uint64_t copy_unit_bytes(const struct copy *c, uint64_t i)
{
	return (c->u->documents ? units_at(c->u, i).len : c->u->list->seq_len) * c->width;
}

uint64_t copy_begin(const struct copy *c, uint64_t k)
{
	return c->begin != NULL ? c->begin[k] : k * c->u->list->seq_len * c->width;
}

static void set_begins(struct copy *c)
{
	uint64_t k, at = 0;

	if (!c->u->documents) {
		c->size = c->o->total * c->u->list->seq_len * c->width;
		return;
	}
	c->begin = xreallocarray(NULL, c->o->total + 1, sizeof(*c->begin));
	for (k = 0; k < c->o->total; k++) {
		c->begin[k] = at;
		at += copy_unit_bytes(c, order_at(c->o, k));
	}
	c->begin[k] = at;
	c->size = at;
}

/* The last entry that begins at or before a byte < size. */
static uint64_t entry_at(const struct copy *c, uint64_t at)
{
	uint64_t lo = 0, hi = c->o->total;

	if (c->begin == NULL)
		return at / (c->u->list->seq_len * c->width);
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (c->begin[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int copy_encode(
    const struct copy *c, const struct tokfile *t, uint64_t start, uint64_t n, unsigned char *dst)
{
	uint64_t i;

	if (t->meta.width == c->width) {
		memcpy(dst, (const unsigned char *)t->ids + start * c->width, n * c->width);
		return 0;
	}
	for (i = 0; i < n; i++) {
		uint32_t id = tokfile_at(t, start + i);

		if (c->width == 4) {
			le_put32(dst + 4 * i, id);
			continue;
		}
		if (id > 0xffff) {
			err_set("%s@%" PRIu64 ": id %" PRIu32
				" is not below the vocabulary size %" PRIu64,
			    t->path, t->ids_off + (start + i) * t->meta.width, id,
			    t->meta.vocab_size);
			return -1;
		}
		le_put16(dst + 2 * i, id);
	}
	return 0;
}

/* -- windows ------------------------------------------------------------------------------- */

void window_init(struct window *v, size_t cap)
{
	size_t align = cap < WINDOW_HUGE ? OUT_ALIGN : WINDOW_HUGE;
	void *p = NULL;

	cap = (cap + OUT_ALIGN - 1) / OUT_ALIGN * OUT_ALIGN;
	if (posix_memalign(&p, align, cap) != 0)
		die(EXIT_IO, "out of memory: %zu bytes", cap);
	v->p = p;
	os_huge_pages(v->p, cap);
	v->sum = xreallocarray(NULL, cap / BLOCKHASH, sizeof(*v->sum));
}

void window_release(struct window *v)
{
	free(v->p);
	free(v->sum);
}

void window_sum(const struct copy *c, struct window *v, size_t at, size_t n)
{
	blockhash_sums(v->sum + at / BLOCKHASH, v->p + at, n / BLOCKHASH);
	if (tokfile_stored_above(&c->meta, v->p + at, n / c->width) < n / c->width)
		v->above = 1;
}

/* Table rows of the entries that are written as a whole. */
static int put_rows(struct copy *c)
{
	uint64_t end = tokfile_written(c->w) * c->width;

	for (; c->u->table != NULL && c->row < c->o->total; c->row++) {
		struct unit unit = units_at(c->u, order_at(c->o, c->row));
		uint64_t at = copy_begin(c, c->row);

		if (at + unit.len * c->width > end)
			break;
		if (units_put_rows(c->u, unit, at / c->width, c->w) < 0)
			return -1;
	}
	return 0;
}

/* Bytes that go by window_put(); only the last window has others. */
static size_t by_blocks(const struct window *v)
{
	return v->above ? 0 : v->n / OUT_ALIGN * OUT_ALIGN;
}

int window_add(struct copy *c, struct window *v)
{
	size_t n = by_blocks(v);

	if (tokfile_add_blocks(c->w, v->p, n / BLOCKHASH, v->sum, &v->at) < 0 ||
	    tokfile_put_stored(c->w, v->p + n, (v->n - n) / c->width) < 0)
		return -1;
	return put_rows(c);
}

int window_put(const struct copy *c, const struct window *v)
{
	return tokfile_put_blocks(c->w, v->p, by_blocks(v) / BLOCKHASH, v->at);
}

/* -- one pass ------------------------------------------------------------------------------ */

struct gather {
	struct copy *c;
	uint64_t next; /* byte of the output */
};

/* Bytes [from, from + n) of the output, a few whole units and parts of two. */
static int fill(struct copy *c, uint64_t from, size_t n, unsigned char *dst)
{
	uint64_t k;

	for (k = entry_at(c, from); n > 0; k++) {
		struct unit unit = units_at(c->u, order_at(c->o, k));
		uint64_t skip = from - copy_begin(c, k), left = unit.len * c->width - skip;
		size_t part = left < n ? (size_t)left : n;

		if (part > 0 && copy_encode(c, c->u->list->file[unit.file],
				    unit.start + skip / c->width, part / c->width, dst) < 0)
			return -1;
		from += part;
		dst += part;
		n -= part;
	}
	return 0;
}

static int next_window(void *arg, void *item, int worker)
{
	struct gather *g = arg;
	struct window *v = item;
	uint64_t left = g->c->size - g->next;

	(void)worker;
	v->from = g->next;
	v->n = left < WINDOW ? (size_t)left : WINDOW;
	v->above = 0;
	g->next += v->n;
	return v->n > 0;
}

static int fill_window(void *arg, void *item, int worker)
{
	struct copy *c = ((struct gather *)arg)->c;
	struct window *v = item;
	size_t at, n;

	(void)worker;
	for (at = 0; at < v->n; at += n) {
		n = v->n - at < PART ? v->n - at : PART;
		if (fill(c, v->from + at, n, v->p + at) < 0)
			return -1;
		window_sum(c, v, at, n);
	}
	return 0;
}

static int add_window(void *arg, void *item, int worker)
{
	(void)worker;
	return window_add(((struct gather *)arg)->c, item);
}

static int put_window(void *arg, void *item, int worker)
{
	(void)worker;
	return window_put(((struct gather *)arg)->c, item);
}

static int one_pass(struct copy *c)
{
	static const struct pipe_stage stage[] = {{"next", next_window, 1},
	    {"gather", fill_window, 0}, {"add", add_window, 1}, {"write", put_window, 0}};
	size_t i, n = (size_t)c->threads + 4;
	struct gather g = {.c = c};
	struct window *v;
	void **item;
	int rc;

	if (copy_read(c, NULL, NULL) < 0)
		return -1;
	v = xcalloc(n, sizeof(*v));
	item = xcalloc(n, sizeof(*item));
	for (i = 0; i < n; i++) {
		window_init(&v[i], c->size < WINDOW ? (size_t)c->size + 1 : WINDOW);
		item[i] = &v[i];
	}
	/* two threads more than work: they wait for the disk */
	rc = pipe_run(c->threads + 2, stage, 4, item, n, &g);
	if (rc == 0)
		rc = put_rows(c); /* of no ids at all */
	for (i = 0; i < n; i++)
		window_release(&v[i]);
	free(item);
	free(v);
	return rc;
}

/* -- how many passes ----------------------------------------------------------------------- */

static uint64_t input_bytes(const struct units *u)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < u->list->n_file; i++)
		sum += u->list->file[i]->map.len;
	return sum;
}

static int passes(const struct copy *c, int asked)
{
	uint64_t free_memory;

	if (asked != 0)
		return asked;
	if (c->size <= c->memory)
		return 1;
	free_memory = os_free_memory();
	return input_bytes(c->u) <= free_memory - free_memory / 4 ? 1 : 2;
}

int rearrange_copy(const struct units *u, const struct order *o, const struct rearrange_how *how,
    struct tokfile_writer *w, struct filehash *input)
{
	struct copy c = {.u = u,
	    .o = o,
	    .w = w,
	    .meta = units_meta(u),
	    .memory = how->memory,
	    .threads = how->threads,
	    .input = input};
	int rc;

	c.width = c.meta.width;
	set_begins(&c);
	if (passes(&c, how->passes) == 1 || c.size == 0)
		rc = one_pass(&c);
	else
		rc = copy_two_passes(&c, how->dir);
	free(c.begin);
	return rc;
}
