/* Units in another sequence, whatever their size: by the inverse of the order, in two passes.
 *
 * The output is cut into buckets of equal size.  Pass 1 reads the inputs from front to back and
 * appends each unit's pieces to the buckets they belong in, which lie one behind the other in a
 * nameless file.  Pass 2 reads bucket by bucket, puts every piece in its place and writes.
 * Both read and write in long runs.  What fits one bucket needs no file: pass 1 puts it in place.
 *
 * A piece in the file: u64 place in the bucket, u32 bytes, the bytes; in the machine's byte order.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pipe.h"
#include "tok/le.h"
#include "tok/rearrange.h"

#define NONE UINT64_MAX

enum {
	HEAD = 12,           /* bytes before a piece */
	PIECE_MAX = 1 << 16, /* bytes of a piece */
	ROOM_MIN = 4096,     /* a thread's buffer for a bucket */
	ROOM_MAX = 1 << 20,
	CHUNK = 1 << 20, /* bytes of input that a thread takes at a time */
	BLOCK = 1 << 20  /* bytes of the nameless file read at a time */
};

struct copy {
	const struct units *u;
	const struct order *o;
	struct tokfile_writer *w;
	uint32_t width; /* of the output's ids */

	uint64_t *where; /* (u->n) the last entry that is the unit, or NONE */
	uint64_t
	    *more; /* (o->total) the entry before that is the same unit; NULL: none comes twice */
	uint64_t *begin; /* (o->total + 1) byte of the output, of documents; NULL: instances */
	uint64_t size;   /* of the output, bytes */
	uint64_t cap;    /* of a bucket, bytes of the output */
	uint64_t n_bucket, piece_max;

	unsigned char *image; /* (size) when there is one bucket */
	int fd;               /* otherwise the nameless file, */
	uint64_t *off, *end;  /* (n_bucket + 1): where a bucket lies in it, how far it is filled */
	pthread_mutex_t lock; /* of end */
	int threads;
	size_t room;
	unsigned char *buf; /* (threads, n_bucket, room) */
	size_t *fill;       /* (threads, n_bucket) */

	uint64_t next_unit; /* pass 1 */
	size_t file;        /* inputs are hashed on the way: up to byte `hashed` of this one */
	uint64_t hashed;
	struct hasher whole, ids;
	struct filehash *input;

	uint64_t next_bucket, row; /* pass 2; row: first entry whose table rows are not written */
};

/* -- where things go ----------------------------------------------------------------------- */

static uint64_t unit_bytes(const struct copy *c, uint64_t i)
{
	return (c->u->documents ? units_at(c->u, i).len : c->u->list->seq_len) * c->width;
}

static uint64_t entry_begin(const struct copy *c, uint64_t k)
{
	return c->begin != NULL ? c->begin[k] : k * c->u->list->seq_len * c->width;
}

/* The end of the piece that begins at byte `at` of a unit that ends at byte `end`. */
static uint64_t piece_end(const struct copy *c, uint64_t at, uint64_t end)
{
	uint64_t stop = (at / c->cap + 1) * c->cap;

	if (stop - at > c->piece_max)
		stop = at + c->piece_max;
	return stop < end ? stop : end;
}

static void repeated(struct copy *c, uint64_t k, uint64_t before)
{
	uint64_t i;

	if (c->more == NULL) {
		c->more = xreallocarray(NULL, c->o->total, sizeof(*c->more));
		for (i = 0; i < c->o->total; i++)
			c->more[i] = NONE;
	}
	c->more[k] = before;
}

static void invert(struct copy *c)
{
	uint64_t i, k, at = 0;

	c->where = xreallocarray(NULL, c->u->n ? c->u->n : 1, sizeof(*c->where));
	for (i = 0; i < c->u->n; i++)
		c->where[i] = NONE;
	if (c->u->documents)
		c->begin = xreallocarray(NULL, c->o->total + 1, sizeof(*c->begin));
	for (k = 0; k < c->o->total; k++) {
		i = order_at(c->o, k);
		if (c->where[i] != NONE)
			repeated(c, k, c->where[i]);
		c->where[i] = k;
		if (c->begin != NULL)
			c->begin[k] = at;
		at += unit_bytes(c, i);
	}
	if (c->begin != NULL)
		c->begin[k] = at;
	c->size = at;
}

/* Buckets for the memory there is: two of them while they are written, all their buffers before. */
static int plan(struct copy *c, uint64_t memory, int threads)
{
	uint64_t least = ROOM_MIN;

	c->cap = c->size > 0 ? c->size : 4;
	c->n_bucket = 1;
	c->piece_max = PIECE_MAX;
	c->threads = threads;
	if (c->size <= memory)
		return 0;
	c->cap = memory / 2 / 4 * 4;
	c->n_bucket = c->cap == 0 ? UINT64_MAX : (c->size + c->cap - 1) / c->cap;
	if (c->n_bucket > memory / ROOM_MIN) {
		while (least / 2 < 2 * ROOM_MIN * (c->size / least + 1))
			least *= 2;
		err_set("%" PRIu64 " bytes of memory are too little to rearrange %" PRIu64
			": %" PRIu64 " would do",
		    memory, c->size, least);
		return -1;
	}
	while (c->threads > 1 && memory / c->n_bucket / (uint64_t)c->threads < ROOM_MIN)
		c->threads--;
	c->room = (size_t)(memory / c->n_bucket / (uint64_t)c->threads);
	if (c->room > ROOM_MAX)
		c->room = ROOM_MAX;
	if (c->piece_max > (c->room - HEAD) / 4 * 4)
		c->piece_max = (c->room - HEAD) / 4 * 4;
	return 0;
}

/* The size of each bucket in the nameless file. */
static void lay_out(struct copy *c)
{
	uint64_t k, b, at, stop, end;

	c->off = xcalloc(c->n_bucket + 1, sizeof(*c->off));
	c->end = xcalloc(c->n_bucket + 1, sizeof(*c->end));
	for (k = 0; k < c->o->total; k++) {
		end = k + 1 == c->o->total ? c->size : entry_begin(c, k + 1);
		for (at = entry_begin(c, k); at < end; at = stop) {
			stop = piece_end(c, at, end);
			c->off[at / c->cap + 1] += HEAD + (stop - at);
		}
	}
	for (b = 0; b < c->n_bucket; b++)
		c->off[b + 1] += c->off[b];
	memcpy(c->end, c->off, (c->n_bucket + 1) * sizeof(*c->end));
}

static int begin(struct copy *c, const char *dir)
{
	c->fd = -1;
	if (c->n_bucket == 1) {
		c->image = xmalloc(c->size ? c->size : 1);
		os_huge_pages(c->image, c->size);
		return 0;
	}
	lay_out(c);
	c->buf = xreallocarray(NULL, (size_t)c->threads * c->n_bucket, c->room);
	c->fill = xcalloc((size_t)c->threads * c->n_bucket, sizeof(*c->fill));
	c->fd = os_tmpfile(dir);
	if (c->fd < 0)
		err_sys("cannot make a temporary file in '%s'", dir);
	return c->fd < 0 ? -1 : 0;
}

static void release(struct copy *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->where);
	free(c->more);
	free(c->begin);
	free(c->image);
	free(c->off);
	free(c->end);
	free(c->buf);
	free(c->fill);
	pthread_mutex_destroy(&c->lock);
	hasher_release(&c->whole);
	hasher_release(&c->ids);
}

/* -- pass 1 -------------------------------------------------------------------------------- */

static int put_at(int fd, const unsigned char *p, size_t n, uint64_t off)
{
	while (n > 0) {
		ssize_t got = pwrite(fd, p, n, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_sys("cannot write a temporary file");
			return -1;
		}
		p += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int empty_buffer(struct copy *c, size_t slot, uint64_t b)
{
	size_t n = c->fill[slot];
	uint64_t off;

	pthread_mutex_lock(&c->lock);
	off = c->end[b];
	c->end[b] += n;
	pthread_mutex_unlock(&c->lock);
	c->fill[slot] = 0;
	return put_at(c->fd, c->buf + slot * c->room, n, off);
}

/* Ids as the output has them. */
static int encode(
    const struct tokfile *t, uint64_t start, uint64_t n, uint32_t width, unsigned char *dst)
{
	uint64_t i;

	if (t->meta.width == width) {
		memcpy(dst, (const unsigned char *)t->ids + start * width, n * width);
		return 0;
	}
	for (i = 0; i < n; i++) {
		uint32_t id = tokfile_at(t, start + i);

		if (width == 4) {
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

static int put_piece(struct copy *c, int worker, const struct tokfile *t, uint64_t start,
    uint64_t at, uint64_t stop)
{
	uint64_t b = at / c->cap, place = at - b * c->cap;
	size_t slot = (size_t)worker * c->n_bucket + b;
	uint32_t n = (uint32_t)(stop - at);
	unsigned char *p;

	if (c->room - c->fill[slot] < HEAD + n && empty_buffer(c, slot, b) < 0)
		return -1;
	p = c->buf + slot * c->room + c->fill[slot];
	memcpy(p, &place, 8);
	memcpy(p + 8, &n, 4);
	c->fill[slot] += HEAD + n;
	return encode(t, start, n / c->width, c->width, p + HEAD);
}

/* A unit to its place k. */
static int put_entry(struct copy *c, int worker, struct unit unit, uint64_t k)
{
	const struct tokfile *t = c->u->list->file[unit.file];
	uint64_t at = entry_begin(c, k), end = at + unit.len * c->width, stop;

	if (c->image != NULL)
		return encode(t, unit.start, unit.len, c->width, c->image + at);
	for (; at < end; at = stop) {
		stop = piece_end(c, at, end);
		if (put_piece(c, worker, t, unit.start, at, stop) < 0)
			return -1;
		unit.start += (stop - at) / c->width;
	}
	return 0;
}

struct chunk {
	uint64_t from, to; /* units */
};

static int scatter(void *arg, void *item, int worker)
{
	struct copy *c = arg;
	struct chunk *r = item;
	uint64_t i, k;

	for (i = r->from; i < r->to; i++)
		for (k = c->where[i]; k != NONE; k = c->more == NULL ? NONE : c->more[k])
			if (put_entry(c, worker, units_at(c->u, i), k) < 0)
				return -1;
	return 0;
}

static int check_ids(const struct copy *c, const struct tokfile *t)
{
	struct h128 h = hasher_128(&c->ids);
	char got[33], want[33];

	if (t->raw || h128_eq(h, t->xxh3))
		return 0;
	h128_hex(h, got);
	h128_hex(t->xxh3, want);
	err_set("%s@%" PRIu64 ": the ids hash to %s, the trailer says %s: the file is damaged",
	    t->path, t->ids_off, got, want);
	return -1;
}

/* Hashes bytes of the file in hand up to `to`, of the ids once more by themselves. */
static void hash_to(struct copy *c, uint64_t to)
{
	const struct tokfile *t = c->u->list->file[c->file];
	uint64_t a = c->hashed, b = to, ids_end = t->ids_off + t->count * t->meta.width;

	if (to <= c->hashed)
		return;
	hasher_add(&c->whole, t->map.p + a, b - a);
	a = a < t->ids_off ? t->ids_off : a;
	b = b > ids_end ? ids_end : b;
	if (!t->raw && a < b)
		hasher_add(&c->ids, t->map.p + a, b - a);
	c->hashed = to;
}

static int end_file(struct copy *c)
{
	const struct tokfile *t = c->u->list->file[c->file];
	int rc;

	hash_to(c, t->map.len);
	c->input[c->file] = (struct filehash){t->map.len, hasher_128(&c->whole)};
	rc = check_ids(c, t);
	hasher_release(&c->whole);
	hasher_release(&c->ids);
	hasher_init(&c->whole);
	hasher_init(&c->ids);
	c->hashed = 0;
	c->file++;
	return rc;
}

static int hash_unit(struct copy *c, struct unit unit)
{
	const struct tokfile *t = c->u->list->file[unit.file];

	while (c->file < unit.file)
		if (end_file(c) < 0)
			return -1;
	hash_to(c, t->ids_off + (unit.start + unit.len) * t->meta.width);
	return 0;
}

/* The next units.  They are hashed here, in sequence, while other threads move those before. */
static int next_chunk(void *arg, void *item, int worker)
{
	struct copy *c = arg;
	struct chunk *r = item;
	uint64_t n = 0;

	(void)worker;
	r->from = c->next_unit;
	while (c->next_unit < c->u->n && n < CHUNK)
		n += unit_bytes(c, c->next_unit++);
	r->to = c->next_unit;
	if (r->from < r->to)
		return hash_unit(c, units_at(c->u, r->to - 1)) < 0 ? -1 : 1;
	while (c->file < c->u->list->n_file)
		if (end_file(c) < 0)
			return -1;
	return 0;
}

static int empty_all(struct copy *c)
{
	size_t slot;

	for (slot = 0; slot < (size_t)c->threads * c->n_bucket; slot++)
		if (empty_buffer(c, slot, slot % c->n_bucket) < 0)
			return -1;
	return 0;
}

static int pass_1(struct copy *c)
{
	static const struct pipe_stage stage[] = {
	    {"read", next_chunk, 1}, {"scatter", scatter, 0}};
	size_t i, n = 2 * (size_t)c->threads + 2;
	struct chunk *chunk = xcalloc(n, sizeof(*chunk));
	void **item = xcalloc(n, sizeof(*item));
	int rc;

	for (i = 0; i < n; i++)
		item[i] = &chunk[i];
	for (i = 0; i < c->u->list->n_file; i++)
		map_sequential(&c->u->list->file[i]->map);
	rc = pipe_run(c->threads, stage, 2, item, n, c);
	free(item);
	free(chunk);
	if (rc == 0 && c->image == NULL)
		rc = empty_all(c);
	free(c->buf);
	c->buf = NULL;
	return rc;
}

/* -- pass 2 -------------------------------------------------------------------------------- */

struct bucket {
	uint64_t index;
	unsigned char *image, *block;
};

static uint64_t bucket_size(const struct copy *c, uint64_t b)
{
	return b + 1 < c->n_bucket ? c->cap : c->size - b * c->cap;
}

static int get_at(int fd, unsigned char *p, size_t n, uint64_t off)
{
	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got < 0)
				err_sys("cannot read a temporary file");
			else
				err_set("a temporary file is too short");
			return -1;
		}
		p += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Puts the whole pieces of block[0, n) in place; returns the bytes they took. */
static size_t place(struct bucket *k, size_t n)
{
	size_t at = 0;

	while (n - at >= HEAD) {
		uint64_t to;
		uint32_t len;

		memcpy(&to, k->block + at, 8);
		memcpy(&len, k->block + at + 8, 4);
		if (n - at - HEAD < len)
			break;
		memcpy(k->image + to, k->block + at + HEAD, len);
		at += HEAD + len;
	}
	return at;
}

static int gather(void *arg, void *item, int worker)
{
	struct copy *c = arg;
	struct bucket *k = item;
	uint64_t off = c->off[k->index], end = c->off[k->index + 1];
	size_t kept = 0, used;

	(void)worker;
	while (off < end) {
		size_t n = end - off < BLOCK ? (size_t)(end - off) : BLOCK;

		if (get_at(c->fd, k->block + kept, n, off) < 0)
			return -1;
		off += n;
		n += kept;
		used = place(k, n);
		kept = n - used;
		memmove(k->block, k->block + used, kept);
	}
	os_punch(c->fd, c->off[k->index], end - c->off[k->index]);
	return 0;
}

static int next_bucket(void *arg, void *item, int worker)
{
	struct copy *c = arg;
	struct bucket *k = item;

	(void)worker;
	if (c->next_bucket == c->n_bucket)
		return 0;
	k->index = c->next_bucket++;
	return 1;
}

/* Table rows of the entries that are written as a whole. */
static int put_rows(struct copy *c)
{
	uint64_t end = tokfile_written(c->w) * c->width;

	for (; c->u->table != NULL && c->row < c->o->total; c->row++) {
		struct unit unit = units_at(c->u, order_at(c->o, c->row));
		uint64_t at = entry_begin(c, c->row);

		if (at + unit.len * c->width > end)
			break;
		if (units_put_rows(c->u, unit, at / c->width, c->w) < 0)
			return -1;
	}
	return 0;
}

static int put_bucket(void *arg, void *item, int worker)
{
	struct copy *c = arg;
	struct bucket *k = item;

	(void)worker;
	if (tokfile_put_stored(c->w, k->image, bucket_size(c, k->index) / c->width) < 0)
		return -1;
	return put_rows(c);
}

static int pass_2(struct copy *c)
{
	static const struct pipe_stage stage[] = {
	    {"next", next_bucket, 1}, {"gather", gather, 0}, {"write", put_bucket, 1}};
	struct bucket b[2] = {{0}};
	void *item[2] = {&b[0], &b[1]};
	size_t i, n = c->threads > 1 ? 2 : 1;
	int rc;

	if (c->image != NULL) {
		b[0].image = c->image;
		return put_bucket(c, &b[0], 0);
	}
	for (i = 0; i < n; i++) {
		b[i].image = xmalloc(c->cap);
		os_huge_pages(b[i].image, c->cap);
		b[i].block = xmalloc(BLOCK + HEAD + PIECE_MAX);
	}
	rc = pipe_run(c->threads < 2 ? 1 : 2, stage, 3, item, n, c);
	for (i = 0; i < n; i++) {
		free(b[i].image);
		free(b[i].block);
	}
	return rc;
}

int rearrange_copy(const struct units *u, const struct order *o, const struct rearrange_how *how,
    struct tokfile_writer *w, struct filehash *input)
{
	struct copy c = {
	    .u = u, .o = o, .w = w, .width = units_meta(u).width, .input = input, .fd = -1};
	int rc;

	pthread_mutex_init(&c.lock, NULL);
	hasher_init(&c.whole);
	hasher_init(&c.ids);
	invert(&c);
	rc = plan(&c, how->memory, how->threads);
	if (rc == 0)
		rc = begin(&c, how->dir);
	if (rc == 0)
		rc = pass_1(&c);
	if (rc == 0)
		rc = pass_2(&c);
	release(&c);
	return rc;
}
