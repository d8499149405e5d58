/* frame: what token files and order files have in common: a 4096-byte header (magic, version, size,
 * fields, checksum) with the item count at offset 24, and a 64-byte trailer (count, hash, checksum, magic).  olmo-tokens(5) and
 * olmo-order(5) give the layout; the fields between are their owners' business.
 *
 * Writing
 *	frame_head(&kind, h);			magic, version, zeros
 *	le_put64(h + 24, …);			the owner's fields
 *	frame_head_seal(h);			checksum; again after every change
 *	frame_tail(&kind, t, count, hash);
 * Reading
 *	if (frame_head_check(&kind, name, p, len, &minor) < 0) …
 *	if (frame_zero(name, p, from, to, minor) < 0) …
 *	if (frame_tail_check(&kind, name, p, len, n, width, minor, &count, &hash) < 0) …
 *
 * Checks give 0, or -1 with a message that names the file and the offset in it.
 */
#ifndef OLMO_TOK_FRAME_H
#define OLMO_TOK_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define FRAME_HEAD    4096
#define FRAME_TAIL    64
#define FRAME_UNKNOWN UINT64_MAX /* count in the header of a stream */

struct frame {
	const char *what;  /* "a token file" */
	const char *item;  /* "ids": what is counted */
	const char *page;  /* manual page */
	const char *magic; /* 8 bytes at offset 0 */
	const char *end;   /* the last 8 bytes of the file */
	unsigned major, minor;
};

void frame_head(const struct frame *k, unsigned char h[FRAME_HEAD]);
void frame_head_seal(unsigned char h[FRAME_HEAD]);
void frame_tail(
    const struct frame *k, unsigned char t[FRAME_TAIL], uint64_t count, struct h128 hash);

/* Does the file begin with the magic? */
int frame_is(const struct frame *k, const unsigned char *p, size_t len);

/* Length, magic, version, header size, checksum. */
int frame_head_check(
    const struct frame *k, const char *name, const unsigned char *p, size_t len, unsigned *minor);

/* Bytes [from, to) of a header must be zero when its minor version is not newer than ours (a newer
 * one may have given them a meaning that can be ignored). */
int frame_zero(const struct frame *k, const char *name, const unsigned char *p, size_t from,
    size_t to, unsigned minor);

/* The rest of the file against its size: head_count items (or FRAME_UNKNOWN) of width bytes each,
 * then the trailer. */
int frame_tail_check(const struct frame *k, const char *name, const unsigned char *p, size_t len,
    uint64_t head_count, uint32_t width, unsigned minor, uint64_t *count, struct h128 *hash);

/* An h128 in canonical order: the bytes as its hexadecimal form prints them. */
void frame_put_hash(unsigned char p[16], struct h128 h);
struct h128 frame_get_hash(const unsigned char p[16]);

#endif
