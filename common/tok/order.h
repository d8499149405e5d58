/*
 * order: which training instance comes when (olmo-order(5)).
 *
 *	struct order_spec s = { .algo = ORDER_NUMPY, .n_inst = l->n_inst, .seq_len = l->seq_len,
 *	                        .seed = 6198, .epoch = 0, .world = 1, .drop_last = 1 };
 *	s.list = tokfile_list_hash(l);
 *	struct order *o = order_new(&s);
 *	for (k = 0; k < o->total; k++)
 *		use(order_at(o, k));		// instance index, < n_inst
 *	order_write(o, "epoch0.order", NULL);	// or order_write_raw(): OLMo's global_indices.npy
 *	order_free(o);
 *
 *	struct order *o = order_open("epoch0.order");
 *	if (order_check(o, l) < 0) ...		// was it made for these files?
 *
 * Step s (from 1) of a run with global batch size B trains on entries [(s-1)*B, s*B); of these,
 * rank r of W takes entries r, r + W, ... (order_rank_at()).
 *
 * ORDER_NUMPY is OLMo's order, bit for bit (olmo/data/iterable_dataset.py): numpy's
 * Generator(PCG64(seed + epoch)).shuffle(arange(n_inst, dtype=uint32)), then with drop_last cut
 * to a multiple of the world size, else lengthened to one by repeating its beginning.
 * It needs 4 bytes an instance; n_inst must be < 2^32 - 1.
 *
 * ORDER_FEISTEL is a keyed permutation that is computed, not stored: O(1) memory, any n_inst up
 * to 2^62, entry -> instance and instance -> entry.  olmo-order(5) defines it.
 *
 * ORDER_SEQUENTIAL is the identity.  ORDER_FILE is an order file without such a name: raw.
 *
 * Functions that return int give 0, or -1 with a message in err_msg(); NULL likewise.
 * An order is read-only after opening and may be used by many threads.
 */
#ifndef OLMO_TOK_ORDER_H
#define OLMO_TOK_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "tok/tokfile.h"

#define ORDER_HEADER    4096
#define ORDER_TRAILER   64
#define ORDER_MAJOR     1
#define ORDER_MINOR     0
#define ORDER_NUMPY_MAX 4294967294u /* largest n_inst of ORDER_NUMPY */

enum order_algo { ORDER_NUMPY, ORDER_FEISTEL, ORDER_SEQUENTIAL, ORDER_FILE };

/* What an order is made from; the header of an order file holds the same. */
struct order_spec {
	enum order_algo algo;
	uint64_t n_inst;  /* entries are < n_inst */
	uint64_t seq_len; /* ids an instance; 0 = unknown */
	uint64_t seed, epoch;
	uint64_t world;   /* total is a multiple of it, >= 1 */
	int drop_last;    /* cut to a multiple of world; 0: repeat the beginning */
	struct h128 list; /* tokfile_list_hash(), all zero = unknown */
};

/* keys of the Feistel permutation of [0, n) */
#define ORDER_ROUNDS 12
struct order_feistel {
	uint64_t n;
	unsigned left, right; /* bits of the two halves; 2^(left + right) >= n */
	uint64_t key[ORDER_ROUNDS];
	uint64_t rot_in, rot_out; /* < n */
};

/* The fields are read-only. */
struct order {
	struct order_spec spec;
	uint64_t total;    /* entries */
	uint32_t width;    /* bytes an entry in idx: 4 or 8 */
	const void *idx;   /* (width 4 or 8) little-endian entries, or NULL: computed */
	uint64_t n_stored; /* entries in idx; entry k is idx[k % n_stored] */
	void *own;         /* idx, when it was allocated */
	struct map map;    /* idx, when it is a file */
	struct order_feistel feistel;
};

/* "numpy", "feistel", "sequential"; -1 when unknown */
int order_algo_parse(const char *name);
const char *order_algo_name(enum order_algo a);

/* Number of entries: n_inst cut or lengthened to a multiple of world; 2^64 - 1 on overflow. */
uint64_t order_total(const struct order_spec *s);

/* Can such an order be made?  order_new() asks itself. */
int order_possible(const struct order_spec *s);

/* Computes an order. */
struct order *order_new(const struct order_spec *s);

/*
 * Opens an order file: header, trailer, size, and every entry < n_inst are checked (olmo-order(5)
 * lists what is refused); the hash as well, since the entries are read anyway.
 */
struct order *order_open(const char *path);

/*
 * Opens OLMo's headerless global_indices.npy (u32).  n_inst: entries must be smaller, 0 = the
 * largest entry + 1.  Sets algo ORDER_FILE and world 1.
 */
struct order *order_open_raw(const char *path, uint64_t n_inst);

/* order_open_raw() when the name ends in .npy and the file does not begin with the magic; otherwise
 * order_open(). */
struct order *order_open_any(const char *path, uint64_t n_inst);

/* Instance at entry k < total. */
uint64_t order_at(const struct order *o, uint64_t k);

/* Instance at entry k of rank r (< world): order_at(o, k * world + r). */
uint64_t order_rank_at(const struct order *o, uint64_t rank, uint64_t k);

/* The first entry that holds the instance, or 2^64 - 1 (cut off): O(1) for Feistel, else a scan. */
uint64_t order_find(const struct order *o, uint64_t instance);

/* Was the order made for this list?  Compares n_inst, seq_len and the hash, as far as known. */
int order_check(const struct order *o, const struct tokfile_list *l);

/* Writes the file atomically; path "-" or NULL = standard output.  hash may be NULL. */
int order_write(const struct order *o, const char *path, struct filehash *hash);
int order_write_raw(const struct order *o, const char *path, struct filehash *hash);

/* Does the file begin like an order file?  0 also when it cannot be read. */
int order_is(const char *path);

void order_free(struct order *o); /* NULL is fine */

/* -- the pieces, for other users and for tests --------------------------------------------- */

/* numpy's Generator(PCG64(seed)).shuffle() of n u32 in place. */
void order_shuffle_numpy(uint32_t *a, uint64_t n, uint64_t seed);

/* The Feistel permutation of [0, n), n >= 1: forward and inverse. */
void order_feistel_init(struct order_feistel *f, uint64_t n, uint64_t key);
uint64_t order_feistel_at(const struct order_feistel *f, uint64_t i);
uint64_t order_feistel_find(const struct order_feistel *f, uint64_t value);

#endif
