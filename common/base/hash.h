/* hash: XXH3 (xxHash library), 64 and 128 bits, seed 0 unless said.  The 128-bit value prints as 32
 * hex digits, high half first: what `xxhsum -H128` prints. */
#ifndef OLMO_BASE_HASH_H
#define OLMO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct h128 {
	uint64_t lo, hi;
};

uint64_t hash64(const void *p, size_t n);
uint64_t hash64_seed(const void *p, size_t n, uint64_t seed);
struct h128 hash128(const void *p, size_t n);

/* Streaming. */
struct hasher {
	void *st;
};
void hasher_init(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t n);
uint64_t hasher_64(const struct hasher *h);
struct h128 hasher_128(const struct hasher *h);
void hasher_release(struct hasher *h);

void h128_hex(struct h128 h, char out[33]);
int h128_parse(
    const char *s, size_t n, struct h128 *out); /* 32 hex digits, else -1 (no message) */
static inline int h128_eq(struct h128 a, struct h128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

#endif
