#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

#include "base/err.h"

uint64_t hash64(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

uint64_t hash64_seed(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

static struct h128 from_xxh(XXH128_hash_t h)
{
	return (struct h128){h.low64, h.high64};
}

struct h128 hash128(const void *p, size_t n)
{
	return from_xxh(XXH3_128bits(p, n));
}

/* XXH3's 64-bit and 128-bit streams share one state and one update. */
void hasher_init(struct hasher *h)
{
	XXH3_state_t *st = XXH3_createState();
	if (!st)
		die(EXIT_IO, "out of memory: %zu bytes", sizeof *st);
	XXH3_128bits_reset(st);
	h->st = st;
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
	if (n)
		XXH3_128bits_update(h->st, p, n);
}

uint64_t hasher_64(const struct hasher *h)
{
	return XXH3_64bits_digest(h->st);
}

struct h128 hasher_128(const struct hasher *h)
{
	return from_xxh(XXH3_128bits_digest(h->st));
}

void hasher_release(struct hasher *h)
{
	XXH3_freeState(h->st);
	h->st = NULL;
}

void h128_hex(struct h128 h, char out[33])
{
	static const char digit[] = "0123456789abcdef";
	int i;
	for (i = 0; i < 16; i++) {
		out[15 - i] = digit[h.hi >> (4 * i) & 15];
		out[31 - i] = digit[h.lo >> (4 * i) & 15];
	}
	out[32] = 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int h128_parse(const char *s, size_t n, struct h128 *out)
{
	uint64_t part[2] = {0, 0};
	size_t i;
	if (n != 32)
		return -1;
	for (i = 0; i < 32; i++) {
		int d = hex_digit(s[i]);
		if (d < 0)
			return -1;
		part[i / 16] = part[i / 16] << 4 | (uint64_t)d;
	}
	out->hi = part[0];
	out->lo = part[1];
	return 0;
}
