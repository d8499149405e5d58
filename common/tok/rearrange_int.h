/* rearrange_int: what the files of rearrange_copy() share.
 *
 *	rearrange_copy.c	where each entry of the order lies in the output; the copy in one pass
 *	rearrange_read.c	the inputs from front to back: hashes, and a call for each part
 *	rearrange_two.c	the copy in two passes
 */
#ifndef OLMO_TOK_REARRANGE_INT_H
#define OLMO_TOK_REARRANGE_INT_H

#include "base/blockhash.h"
#include "io/out.h"
#include "tok/rearrange.h"

struct copy {
	const struct units *u;
	const struct order *o;
	struct tokfile_writer *w;
	struct tokfile_meta meta; /* the output's */
	uint32_t width;           /* of its ids */
	uint64_t *begin; /* (o->total + 1) byte of the output, of documents; NULL: instances */
	uint64_t size;   /* of the output's ids, bytes */
	uint64_t row;    /* first entry whose table rows are not written */
	int threads;
	uint64_t memory;
	struct filehash *input; /* (n_file) */
};

/* Bytes [from, from + n) of the output. */
struct window {
	uint64_t from;
	size_t n;
	unsigned char *p;     /* aligned for out_write_blocks() */
	struct blocksum *sum; /* of its whole blocks */
	int above;            /* it has an id that is not below the vocabulary size */
	uint64_t at;          /* of the output file */
};

/* Room for windows of up to cap bytes, in huge pages when cap is a multiple of WINDOW_HUGE: of those
 * the disk takes twice as many bytes a second as of small ones. */
enum { WINDOW_HUGE = 2 << 20 };
void window_init(struct window *v, size_t cap);
void window_release(struct window *v);
/* After bytes [at, at + n) of it were filled in; at is a multiple of BLOCKHASH. */
void window_sum(const struct copy *c, struct window *v, size_t at, size_t n);
/* Its turn in the output, and that of the table rows that are complete then; */
int window_add(struct copy *c, struct window *v);
/* and its bytes, which any thread may write. */
int window_put(const struct copy *c, const struct window *v);

uint64_t copy_begin(const struct copy *c, uint64_t k); /* byte of entry k */
uint64_t copy_unit_bytes(const struct copy *c, uint64_t i);

/* Ids as the output has them. */
int copy_encode(
    const struct copy *c, const struct tokfile *t, uint64_t start, uint64_t n, unsigned char *dst);

/*
 * Reads all inputs from front to back on c->threads threads, hashes them into c->input, and compares
 * with their trailers.  fn, if any, gets every unit once, by the file in which it lies, in parallel.
 */
typedef int read_fn(void *arg, uint64_t unit, int worker);
int copy_read(struct copy *c, read_fn *fn, void *arg);

/* Through buckets in nameless files in dir. */
int copy_two_passes(struct copy *c, const char *dir);

#endif
