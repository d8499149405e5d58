/* rearrange: token files in another sequence, mixed, and compared as multisets.
 *
 * A unit is what is moved as a whole: an instance of seq_len ids (the tail of each file is left
 * out, as in training), or a document (a row of the document table).
 *
 *	struct units u;
 *	if (units_open(&u, paths, n, &spec) < 0) …
 *	struct order_spec s = {.algo = ORDER_NUMPY, .n_inst = u.n, .seed = 1, .world = 1, …};
 *	struct order *o = order_new(&s);
 *	rearrange_copy(&u, o, &how, writer, hash);	units in that order; writer: tokfile_create()
 *	units_release(&u);
 *
 * The writer gets rows for the document table when every input has one: a document that an
 * instance holds a part of, with the ids of that part.  Inputs are mapped, outputs streamed;
 * memory is the document tables (doctable.h), and what rearrange_copy() says.
 *
 * Functions give 0, or -1 with a message.
 */
#ifndef OLMO_TOK_REARRANGE_H
#define OLMO_TOK_REARRANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "tok/doctable.h"
#include "tok/order.h"
#include "tok/tokfile.h"

struct units_spec {
	int documents;                  /* units are documents, not instances */
	uint64_t seq_len;               /* of an instance; not used for documents */
	const struct tokfile_meta *raw; /* headerless inputs, or NULL */
};

struct units {
	struct tokfile_list *list;
	struct doctable *table; /* (n_file), or NULL when an input has none */
	int documents;
	uint64_t n;
	uint64_t *first; /* (n_file + 1): index of file f's first unit */
};

struct unit {
	size_t file;
	uint64_t start, len; /* ids */
};

int units_open(
    struct units *u, const char *const *path, size_t n_path, const struct units_spec *spec);
void units_release(struct units *u);
struct unit units_at(const struct units *u, uint64_t i);

/* Header of a file made of all of them: width by vocabulary size, the tokenizer if any knows it. */
struct tokfile_meta units_meta(const struct units *u);

/* Rows for the documents that the unit's ids are of, which are now ids base and on of w. */
int units_put_rows(
    const struct units *u, struct unit unit, uint64_t base, struct tokfile_writer *w);

/*
 * The units in an order.  The inputs are read from front to back and hashed: input (n_file) gets size
 * and hash of each, and ids that differ from their trailer's hash are an error.  The output depends
 * on units and order alone.
 *
 * One pass reads the inputs once more, in the output's sequence; it is taken when the output is no
 * larger than `memory`, or the inputs fit the memory that is free, so that the kernel keeps them.  Otherwise
 * there are two passes over buckets in nameless files in `dir`, together of the output's size, so that
 * all is read and written from front to back.  Memory: `memory`, for documents 8 bytes an entry, and with two
 * passes 8 bytes a unit, for an order that repeats units 8 an entry more.
 */
struct rearrange_how {
	uint64_t memory;
	int threads;
	const char *dir;
	int passes; /* 1 or 2; 0: as said above */
};
int rearrange_copy(const struct units *u, const struct order *o, const struct rearrange_how *how,
    struct tokfile_writer *w, struct filehash *input);

/*
 * A mixture of documents: n_src sources with weights > 0, each a units of documents.  Documents of a
 * source come in a Feistel order of their own, drawn anew (seed, source, pass) when it is used
 * up.  The next document is always of the source that lags furthest behind its share of the ids written
 * so far (of equals the first), so every prefix has the mixture's proportions.  Exactly n_tok ids
 * are written: the last document is cut.  pass[s] gets how often source s was begun.
 */
struct rearrange_source {
	struct units units;
	double weight;
	uint64_t n_tok; /* out: ids taken */
	uint64_t pass;  /* out: times begun */
};
int rearrange_mix(struct rearrange_source *src, size_t n_src, uint64_t n_tok, uint64_t seed,
    struct tokfile_writer *w);

/*
 * The multiset of units: their number and the sum modulo 2^128 of the XXH3-128 of each one's ids
 * (as u32 little-endian, whatever the file's width).
 */
struct unit_sum {
	uint64_t n, n_tok;
	struct h128 sum;
};
struct unit_sum units_sum(const struct units *u);

/* Two units that should be the same multiset and are not: *which gets a unit of a that b lacks, or
 * a->n when there is none (then b has more).  Memory: 24 bytes a unit of both. */
void units_missing(const struct units *a, const struct units *b, uint64_t *which);

#endif
