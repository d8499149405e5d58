/* blockhash: XXH3-128, of which the work can be shared out among threads and among hashes.
 *
 *	struct blockhash h;
 *	blockhash_init(&h);
 *	blockhash_add(&h, head, 4096);			bytes, as a hasher takes them
 *	blockhash_sums(sum, p, n);			n whole blocks; by any thread, in any sequence
 *	blockhash_add_blocks(&h, p, n, sum);		the same blocks in their turn
 *	x = blockhash_128(&h);				= hash128() of all of it
 *
 * XXH3 takes a text in blocks of 1024 bytes.  What a block adds to the state is a sum that does not
 * depend on the blocks before it, only the stirring between two blocks does; so the sums, which are
 * the work, can be made anywhere, and once for all hashes in which the block begins at a multiple
 * of its size: a token file's own hash and that of its ids.  Adding a block with its sum takes a
 * thirtieth of the time.
 */
#ifndef OLMO_BASE_BLOCKHASH_H
#define OLMO_BASE_BLOCKHASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum { BLOCKHASH = 1024, BLOCKHASH_STRIPE = 64 };

struct blocksum {
	uint64_t lane[8];
};

/* No pointers in it: it may be copied, and needs no release. */
struct blockhash {
	uint64_t lane[8];
	uint64_t len;
	size_t n_last; /* the last 1 to 1024 bytes, which are not in the lanes; 0 when len is */
	unsigned char last[BLOCKHASH_STRIPE + BLOCKHASH]; /* behind the 64 before them */
};

void blockhash_init(struct blockhash *h);
void blockhash_add(struct blockhash *h, const void *p, size_t n);
/* The sums of n blocks. */
void blockhash_sums(struct blocksum *sum, const void *p, size_t n);
/* n blocks with their sums; what was added before must be whole blocks. */
void blockhash_add_blocks(
    struct blockhash *h, const void *p, size_t n, const struct blocksum *sum);
struct h128 blockhash_128(const struct blockhash *h);

#endif
