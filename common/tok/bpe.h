/* bpe: byte-pair encoding of one pretoken.
 *
 * Bytes become symbols, then the adjacent pair of the lowest rank is merged, the leftmost first among
 * equals, until no pair has a merge.  Bytes without a symbol vanish (as in Hugging Face's BPE
 * without unk_token; only invalid UTF-8 has such bytes in the usual vocabularies).
 *
 *	struct bpe b;
 *	bpe_init(&b, n_merges);
 *	b.byte_id[byte] = id;			BPE_NONE where there is none
 *	bpe_merge(&b, left, right, rank, id);	the last of equal pairs counts
 *	bpe_build(&b);				when all of that is known
 *	n = bpe_encode(&b, &work, s, len, ids);	ids has room for len; returns their number
 *	bpe_encode_all(&b, job, n);		many short ones: nearly all of the time is spent
 *						waiting for memory, and here side by side
 *	bpe_release(&b);
 *
 * Time O(n log n) for long pretokens.  A struct bpe is read-only after it is built and may be
 * shared; the work space is one a thread.
 */
#ifndef OLMO_TOK_BPE_H
#define OLMO_TOK_BPE_H

#include <stddef.h>
#include <stdint.h>

#define BPE_NONE UINT32_MAX
/* What a slot has room for; more than any vocabulary in use. */
#define BPE_MAX_ID   0x1ffffeu
#define BPE_MAX_RANK 0x3ffffeu
/* Pretokens up to this length are merged by looking for the lowest rank again and again. */
#define BPE_SHORT 96

struct bpe {
	uint32_t byte_id[256];
	uint64_t *slot; /* left << 43 | right << 22 | rank; all ones: empty; with room */
	unsigned shift; /* 64 - log2(slots) */
	size_t mask;
	uint64_t *may;  /* 16 bits a slot: a pair with that hash exists; it stays in the cache */
	uint32_t *made; /* id by rank */
	size_t cap_made, n_made;
	uint64_t
	    *sure; /* bit by rank: the pair merges whatever is beside it, so that it may at once */
	int even;  /* made[rank] is made[0] + rank for all */
	int ascii; /* each of these bytes has a symbol */
	uint32_t *bytes; /* rank of two bytes, first << 8 | second, or BPE_NONE */
};

struct bpe_work {
	uint32_t *mem; /* ranks and links of symbols */
	uint64_t *heap;
	size_t cap; /* bytes of pretoken they hold */
};

void bpe_init(struct bpe *b, size_t n_merges);
void bpe_merge(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
void bpe_build(struct bpe *b);
/* The merge of a pair: 1 and *rank, *id, or 0. */
int bpe_find(const struct bpe *b, uint32_t left, uint32_t right, uint32_t *rank, uint32_t *id);
size_t bpe_encode(
    const struct bpe *b, struct bpe_work *w, const char *s, size_t len, uint32_t *ids);

/* A pretoken of len <= BPE_SHORT bytes; ids has room for len; n becomes their number. */
struct bpe_job {
	const char *s;
	uint32_t *ids;
	size_t len, n;
};
void bpe_encode_all(const struct bpe *b, struct bpe_job *job, size_t n);

void bpe_release(struct bpe *b);
void bpe_work_release(struct bpe_work *w);

#endif
