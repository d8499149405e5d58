/* Units in another sequence, in two passes, by the inverse of the order.
 *
 * The output is cut into buckets of equal size.  Pass 1 reads the inputs from front to back and
 * appends each unit's pieces to the buckets they belong in.  Pass 2 reads bucket by bucket, puts
 * every piece in its place and writes.  Both read and write in long runs.
 *
 * The buckets lie in nameless files, one for each thread, because a file has one writer at a time
 * in the kernel.  Each file has room for the whole of every bucket, one behind the other, and
 * holes where another thread's file has the pieces.
 *
 * A piece in a file: u64 place in the bucket, u32 bytes, the bytes; in the machine's byte order.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pipe.h"
#include "tok/rearrange_int.h"

#define NONE UINT64_MAX

enum {
	HEAD = 12,           /* bytes before a piece */
	PIECE_MAX = 1 << 16, /* bytes of a piece */
	ROOM_MIN = 4096,     /* a thread's buffer for a bucket */
	ROOM_MAX = 1 << 18,
	BLOCK = 1 << 18, /* bytes of a nameless file read at a time */
	PART = 1 << 18,  /* of a bucket, hashed at a time */
	WINDOWS = 3      /* two buckets are filled while one is written */
};

struct two {
	struct copy *c;
	uint64_t *where; /* (u->n) the last entry that is the unit, or NONE */
	uint64_t
	    *more; /* (o->total) the entry before that is the same unit; NULL: none comes twice */
	uint64_t cap; /* of a bucket, bytes of the output */
	uint64_t n_bucket, piece_max;

	int *fd;       /* (threads) the nameless files */
	uint64_t *off; /* (n_bucket + 1) where a bucket begins in each */
	uint64_t *end; /* (threads, n_bucket) how far it is filled there */
	size_t room;
	unsigned char *buf; /* (threads, n_bucket, room) */
	size_t *fill;       /* (threads, n_bucket) */

	uint64_t next_bucket; /* pass 2 */
};

/* -- the plan ------------------------------------------------------------------------------ */

/* The end of the piece that begins at byte `at` of a unit that ends at byte `end`. */
static uint64_t piece_end(const struct two *t, uint64_t at, uint64_t end)
{
	uint64_t stop = (at / t->cap + 1) * t->cap;

	if (stop - at > t->piece_max)
		stop = at + t->piece_max;
	return stop < end ? stop : end;
}

static void repeated(struct two *t, uint64_t k, uint64_t before)
{
	uint64_t i, total = t->c->o->total;

	if (t->more == NULL) {
		t->more = xreallocarray(NULL, total, sizeof(*t->more));
		for (i = 0; i < total; i++)
			t->more[i] = NONE;
	}
	t->more[k] = before;
}

static void invert(struct two *t)
{
	const struct copy *c = t->c;
	uint64_t i, k;

	t->where = xreallocarray(NULL, c->u->n ? c->u->n : 1, sizeof(*t->where));
	for (i = 0; i < c->u->n; i++)
		t->where[i] = NONE;
	for (k = 0; k < c->o->total; k++) {
		i = order_at(c->o, k);
		if (t->where[i] != NONE)
			repeated(t, k, t->where[i]);
		t->where[i] = k;
	}
}

/* In pass 2 some buckets are in memory, with the sums of their blocks. */
static uint64_t cap_max(uint64_t memory)
{
	return memory / WINDOWS / (BLOCKHASH + sizeof(struct blocksum)) * BLOCKHASH / OUT_ALIGN *
	       OUT_ALIGN;
}

/* Before, each thread has a buffer for each bucket.  Of both together it is least when they take the
 * same: memory that is there need not be touched. */
static uint64_t cap_for(uint64_t size, uint64_t memory, int threads)
{
	double even = sqrt((double)size / WINDOWS * ROOM_MAX * threads);
	uint64_t cap = (uint64_t)even / OUT_ALIGN * OUT_ALIGN + OUT_ALIGN, max = cap_max(memory);

	cap = cap < max ? cap : max;
	return cap < WINDOW_HUGE ? cap : cap / WINDOW_HUGE * WINDOW_HUGE;
}

static int enough(uint64_t size, uint64_t memory)
{
	uint64_t cap = cap_max(memory);

	return cap > 0 && (size + cap - 1) / cap <= memory / ROOM_MIN;
}

static int plan(struct two *t)
{
	uint64_t size = t->c->size, memory = t->c->memory, least = ROOM_MIN;

	if (!enough(size, memory)) {
		while (!enough(size, least))
			least *= 2;
		err_set("%" PRIu64 " bytes of memory are too little to rearrange %" PRIu64
			": %" PRIu64 " would do",
		    memory, size, least);
		return -1;
	}
	t->cap = cap_for(size, memory, t->c->threads);
	t->n_bucket = (size + t->cap - 1) / t->cap;
	while (t->c->threads > 1 && memory / t->n_bucket / (uint64_t)t->c->threads < ROOM_MIN)
		t->c->threads--;
	t->room = (size_t)(memory / t->n_bucket / (uint64_t)t->c->threads);
	if (t->room > ROOM_MAX)
		t->room = ROOM_MAX;
	t->piece_max = PIECE_MAX;
	if (t->piece_max > (t->room - HEAD) / 4 * 4)
		t->piece_max = (t->room - HEAD) / 4 * 4;
	return 0;
}

/* The size of each bucket. */
static void lay_out(struct two *t)
{
	const struct copy *c = t->c;
	uint64_t k, b, at, stop, end;

	t->off = xcalloc(t->n_bucket + 1, sizeof(*t->off));
	for (k = 0; k < c->o->total; k++) {
		end = k + 1 == c->o->total ? c->size : copy_begin(c, k + 1);
		for (at = copy_begin(c, k); at < end; at = stop) {
			stop = piece_end(t, at, end);
			t->off[at / t->cap + 1] += HEAD + (stop - at);
		}
	}
	for (b = 0; b < t->n_bucket; b++)
		t->off[b + 1] += t->off[b];
}

static int open_files(struct two *t, const char *dir)
{
	size_t i, n = (size_t)t->c->threads;

	t->fd = xreallocarray(NULL, n, sizeof(*t->fd));
	t->end = xreallocarray(NULL, n * t->n_bucket, sizeof(*t->end));
	for (i = 0; i < n; i++) {
		memcpy(t->end + i * t->n_bucket, t->off, t->n_bucket * sizeof(*t->end));
		t->fd[i] = -1;
	}
	for (i = 0; i < n; i++) {
		t->fd[i] = os_tmpfile(dir);
		if (t->fd[i] < 0) {
			err_sys("cannot make a temporary file in '%s'", dir);
			return -1;
		}
	}
	return 0;
}

static int begin(struct two *t, const char *dir)
{
	size_t slots;

	invert(t);
	lay_out(t);
	slots = (size_t)t->c->threads * t->n_bucket;
	t->buf = xreallocarray(NULL, slots, t->room);
	t->fill = xcalloc(slots, sizeof(*t->fill));
	return open_files(t, dir);
}

static void release(struct two *t)
{
	int i;

	for (i = 0; t->fd != NULL && i < t->c->threads; i++)
		if (t->fd[i] >= 0)
			close(t->fd[i]);
	free(t->fd);
	free(t->where);
	free(t->more);
	free(t->off);
	free(t->end);
	free(t->buf);
	free(t->fill);
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

static int empty_buffer(struct two *t, size_t slot)
{
	size_t n = t->fill[slot];
	uint64_t off = t->end[slot];

	t->end[slot] += n;
	t->fill[slot] = 0;
	return put_at(t->fd[slot / t->n_bucket], t->buf + slot * t->room, n, off);
}

static int put_piece(
    struct two *t, int worker, const struct tokfile *f, uint64_t start, uint64_t at, uint64_t stop)
{
	uint64_t b = at / t->cap, place = at - b * t->cap;
	size_t slot = (size_t)worker * t->n_bucket + b;
	uint32_t n = (uint32_t)(stop - at);
	unsigned char *p;

	if (t->room - t->fill[slot] < HEAD + n && empty_buffer(t, slot) < 0)
		return -1;
	p = t->buf + slot * t->room + t->fill[slot];
	memcpy(p, &place, 8);
	memcpy(p + 8, &n, 4);
	t->fill[slot] += HEAD + n;
	return copy_encode(t->c, f, start, n / t->c->width, p + HEAD);
}

/* A unit to its place k. */
static int put_entry(struct two *t, int worker, struct unit unit, uint64_t k)
{
	const struct copy *c = t->c;
	uint64_t at = copy_begin(c, k), end = at + unit.len * c->width, stop;

	for (; at < end; at = stop) {
		stop = piece_end(t, at, end);
		if (put_piece(t, worker, c->u->list->file[unit.file], unit.start, at, stop) < 0)
			return -1;
		unit.start += (stop - at) / c->width;
	}
	return 0;
}

static int scatter(void *arg, uint64_t i, int worker)
{
	struct two *t = arg;
	uint64_t k;

	for (k = t->where[i]; k != NONE; k = t->more == NULL ? NONE : t->more[k])
		if (put_entry(t, worker, units_at(t->c->u, i), k) < 0)
			return -1;
	return 0;
}

static int pass_1(struct two *t)
{
	size_t slot, slots = (size_t)t->c->threads * t->n_bucket;
	int rc = copy_read(t->c, scatter, t);

	for (slot = 0; rc == 0 && slot < slots; slot++)
		rc = empty_buffer(t, slot);
	free(t->buf);
	t->buf = NULL;
	return rc;
}

/* -- pass 2 -------------------------------------------------------------------------------- */

struct bucket {
	uint64_t index;
	struct window v;
	unsigned char *block;
};

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
		memcpy(k->v.p + to, k->block + at + HEAD, len);
		at += HEAD + len;
	}
	return at;
}

/* What file i has of the bucket, whose space it gives back. */
static int gather_from(struct two *t, struct bucket *k, size_t i)
{
	uint64_t begin = t->off[k->index], end = t->end[i * t->n_bucket + k->index], off;
	size_t kept = 0, used, n;

	for (off = begin; off < end; off += n) {
		n = end - off < BLOCK ? (size_t)(end - off) : BLOCK;
		if (get_at(t->fd[i], k->block + kept, n, off) < 0)
			return -1;
		used = place(k, kept + n);
		kept += n - used;
		memmove(k->block, k->block + used, kept);
	}
	os_punch(t->fd[i], begin, end - begin);
	return 0;
}

static int gather(void *arg, void *item, int worker)
{
	struct two *t = arg;
	struct bucket *k = item;
	size_t i, at, n;

	(void)worker;
	for (i = 0; i < (size_t)t->c->threads; i++)
		if (gather_from(t, k, i) < 0)
			return -1;
	for (at = 0; at < k->v.n; at += n) {
		n = k->v.n - at < PART ? k->v.n - at : PART;
		window_sum(t->c, &k->v, at, n);
	}
	return 0;
}

static int next_bucket(void *arg, void *item, int worker)
{
	struct two *t = arg;
	struct bucket *k = item;
	uint64_t left;

	(void)worker;
	if (t->next_bucket == t->n_bucket)
		return 0;
	k->index = t->next_bucket++;
	k->v.from = k->index * t->cap;
	left = t->c->size - k->v.from;
	k->v.n = left < t->cap ? (size_t)left : (size_t)t->cap;
	k->v.above = 0;
	return 1;
}

static int put_bucket(void *arg, void *item, int worker)
{
	struct copy *c = ((struct two *)arg)->c;
	struct bucket *k = item;

	(void)worker;
	return window_add(c, &k->v) < 0 ? -1 : window_put(c, &k->v);
}

/* One thread more than work: it waits for the disk. */
static int pass_2(struct two *t)
{
	static const struct pipe_stage stage[] = {
	    {"next", next_bucket, 1}, {"gather", gather, 0}, {"write", put_bucket, 1}};
	struct bucket b[WINDOWS] = {{0}};
	void *item[WINDOWS];
	size_t i, n = t->n_bucket < WINDOWS ? (size_t)t->n_bucket : WINDOWS;
	int rc;

	for (i = 0; i < n; i++) {
		item[i] = &b[i];
		window_init(&b[i].v, t->cap);
		b[i].block = xmalloc(BLOCK + HEAD + PIECE_MAX);
	}
	rc = pipe_run(t->c->threads < WINDOWS ? t->c->threads + 1 : WINDOWS, stage, 3, item, n, t);
	for (i = 0; i < n; i++) {
		window_release(&b[i].v);
		free(b[i].block);
	}
	return rc;
}

int copy_two_passes(struct copy *c, const char *dir)
{
	struct two t = {.c = c};
	int rc = plan(&t);

	if (rc == 0)
		rc = begin(&t, dir);
	if (rc == 0)
		rc = pass_1(&t);
	if (rc == 0)
		rc = pass_2(&t);
	release(&t);
	return rc;
}
