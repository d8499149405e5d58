/* keybytes: little-endian fields of the key and Bloom filter files (olmo-keys(5)). */
#ifndef OLMO_TEXT_KEYBYTES_H
#define OLMO_TEXT_KEYBYTES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

/* Major version in the high half: a reader takes its own and older ones. */
#define KEYBYTES_VERSION (1u << 16)

static inline void keybytes_put64(struct buf *b, uint64_t v)
{
	unsigned char c[8];
	int i;
	for (i = 0; i < 8; i++)
		c[i] = (unsigned char)(v >> (8 * i));
	buf_add(b, c, 8);
}

static inline void keybytes_put32(struct buf *b, uint32_t v)
{
	unsigned char c[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
	    (unsigned char)(v >> 24)};
	buf_add(b, c, 4);
}

static inline void keybytes_put_hash(struct buf *b, struct h128 h)
{
	keybytes_put64(b, h.hi);
	keybytes_put64(b, h.lo);
}

/* Zeros up to a multiple of n. */
static inline void keybytes_pad(struct buf *b, size_t n)
{
	while (b->len % n)
		buf_chr(b, 0);
}

static inline uint32_t keybytes_get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t keybytes_get64(const unsigned char *p)
{
	return keybytes_get32(p) | (uint64_t)keybytes_get32(p + 4) << 32;
}

static inline struct h128 keybytes_get_hash(const unsigned char *p)
{
	return (struct h128){.hi = keybytes_get64(p), .lo = keybytes_get64(p + 8)};
}

static inline int keybytes_check_version(const char *path, uint32_t version)
{
	if (version >> 16 <= KEYBYTES_VERSION >> 16 && version >> 16 > 0)
		return 0;
	err_set("%s: version %u.%u of the format: this program reads up to %u", path,
	    version >> 16, version & 0xffff, KEYBYTES_VERSION >> 16);
	return -1;
}

#endif
