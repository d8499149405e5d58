/* Of the xxHash library's header the inner steps are used: what one stripe of 64 bytes adds, the
 * stirring, and the end.  The tests compare all of it with the library's own results. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/blockhash.h"

#include <string.h>

enum {
	STRIPE = BLOCKHASH_STRIPE,
	STRIPES = BLOCKHASH / STRIPE,
	STEP = 8,      /* bytes of the secret from stripe to stripe */
	STIR_AT = 128, /* where in the secret the stirring of a block reads, */
	LAST_AT = 121, /* the last stripe, */
	LOW_AT = 11,   /* the low half of the result */
	HIGH_AT = 117  /* and the high one */
};

#define ALIGNED _Alignas(64) /* the library's steps want it */

void blockhash_init(struct blockhash *h)
{
	static const uint64_t first[8] = {XXH_PRIME32_3, XXH_PRIME64_1, XXH_PRIME64_2,
	    XXH_PRIME64_3, XXH_PRIME64_4, XXH_PRIME32_2, XXH_PRIME64_5, XXH_PRIME32_1};

	memset(h, 0, sizeof(*h));
	memcpy(h->lane, first, sizeof(first));
}

static void stripes(uint64_t lane[8], const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		XXH3_accumulate_512(lane, p + i * STRIPE, XXH3_kSecret + i * STEP);
}

void blockhash_sums(struct blocksum *sum, const void *p, size_t n)
{
	const unsigned char *b = p;
	size_t i;

	for (i = 0; i < n; i++) {
		ALIGNED uint64_t lane[8] = {0};

		stripes(lane, b + i * BLOCKHASH, STRIPES);
		memcpy(sum[i].lane, lane, sizeof(lane));
	}
}

static void fold(uint64_t lane[8], const struct blocksum *sum)
{
	int i;

	for (i = 0; i < 8; i++)
		lane[i] += sum->lane[i];
	XXH3_scrambleAcc(lane, XXH3_kSecret + STIR_AT);
}

/* Blocks that are known not to be the last; p: the first's bytes. */
static void fold_blocks(
    struct blockhash *h, const unsigned char *p, size_t n, const struct blocksum *sum)
{
	ALIGNED uint64_t lane[8];
	size_t i;

	memcpy(lane, h->lane, sizeof(lane));
	for (i = 0; i < n; i++)
		fold(lane, &sum[i]);
	memcpy(h->lane, lane, sizeof(lane));
	memcpy(h->last, p + n * BLOCKHASH - STRIPE, STRIPE);
}

/* The same, sums to be made. */
static void take_blocks(struct blockhash *h, const unsigned char *p, size_t n)
{
	struct blocksum sum[32];
	size_t k;

	for (; n > 0; n -= k, p += k * BLOCKHASH) {
		k = n < sizeof(sum) / sizeof(*sum) ? n : sizeof(sum) / sizeof(*sum);
		blockhash_sums(sum, p, k);
		fold_blocks(h, p, k, sum);
	}
}

/* More comes: a whole block in last is not the last. */
static void take_last(struct blockhash *h)
{
	if (h->n_last < BLOCKHASH)
		return;
	take_blocks(h, h->last + STRIPE, 1);
	h->n_last = 0;
}

void blockhash_add(struct blockhash *h, const void *p, size_t n)
{
	const unsigned char *b = p;

	h->len += n;
	while (n > 0) {
		size_t part;

		take_last(h);
		part = (n - 1) / BLOCKHASH * BLOCKHASH;
		if (h->n_last == 0 && part > 0) {
			take_blocks(h, b, part / BLOCKHASH);
		} else {
			part = BLOCKHASH - h->n_last < n ? BLOCKHASH - h->n_last : n;
			memcpy(h->last + STRIPE + h->n_last, b, part);
			h->n_last += part;
		}
		b += part;
		n -= part;
	}
}

void blockhash_add_blocks(struct blockhash *h, const void *p, size_t n, const struct blocksum *sum)
{
	const unsigned char *b = p;

	if (n == 0)
		return;
	take_last(h);
	h->len += n * BLOCKHASH;
	if (n > 1)
		fold_blocks(h, b, n - 1, sum);
	memcpy(h->last + STRIPE, b + (n - 1) * BLOCKHASH, BLOCKHASH);
	h->n_last = BLOCKHASH;
}

struct h128 blockhash_128(const struct blockhash *h)
{
	ALIGNED uint64_t lane[8];

	if (h->len <= BLOCKHASH)
		return hash128(h->last + STRIPE, h->n_last);
	memcpy(lane, h->lane, sizeof(lane));
	stripes(lane, h->last + STRIPE, (h->n_last - 1) / STRIPE);
	XXH3_accumulate_512(lane, h->last + h->n_last, XXH3_kSecret + LAST_AT);
	return (struct h128){
	    .lo = XXH3_mergeAccs(lane, XXH3_kSecret + LOW_AT, h->len * XXH_PRIME64_1),
	    .hi = XXH3_mergeAccs(lane, XXH3_kSecret + HIGH_AT, ~(h->len * XXH_PRIME64_2))};
}
