#include "tok/frame.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "tok/le.h"

/* header offsets that every kind has */
enum { H_MAJOR = 8, H_MINOR = 10, H_SIZE = 12, H_COUNT = 24, H_SUM = FRAME_HEAD - 8 };
/* trailer offsets */
enum { T_COUNT = 0, T_HASH = 8, T_ZERO = 24, T_SUM = 48, T_MAGIC = 56 };

void frame_put_hash(unsigned char p[16], struct h128 h)
{
	int i;

	for (i = 0; i < 8; i++) {
		p[i] = (unsigned char)(h.hi >> (56 - 8 * i));
		p[8 + i] = (unsigned char)(h.lo >> (56 - 8 * i));
	}
}

struct h128 frame_get_hash(const unsigned char p[16])
{
	struct h128 h = {0, 0};
	int i;

	for (i = 0; i < 8; i++) {
		h.hi = h.hi << 8 | p[i];
		h.lo = h.lo << 8 | p[8 + i];
	}
	return h;
}

void frame_head(const struct frame *k, unsigned char h[FRAME_HEAD])
{
	memset(h, 0, FRAME_HEAD);
	memcpy(h, k->magic, 8);
	le_put16(h + H_MAJOR, k->major);
	le_put16(h + H_MINOR, k->minor);
	le_put32(h + H_SIZE, FRAME_HEAD);
}

void frame_head_seal(unsigned char h[FRAME_HEAD])
{
	le_put64(h + H_SUM, hash64(h, H_SUM));
}

void frame_tail(
    const struct frame *k, unsigned char t[FRAME_TAIL], uint64_t count, struct h128 hash)
{
	memset(t, 0, FRAME_TAIL);
	le_put64(t + T_COUNT, count);
	frame_put_hash(t + T_HASH, hash);
	le_put64(t + T_SUM, hash64(t, T_SUM));
	memcpy(t + T_MAGIC, k->end, 8);
}

int frame_is(const struct frame *k, const unsigned char *p, size_t len)
{
	return len >= 8 && memcmp(p, k->magic, 8) == 0;
}

static int check_version(
    const struct frame *k, const char *name, const unsigned char *p, unsigned *minor)
{
	unsigned major = le_get16(p + H_MAJOR);

	*minor = le_get16(p + H_MINOR);
	if (major > k->major) {
		err_set("%s@%d: format version %u.%u is newer than %u.%u, the newest that this "
			"program reads",
		    name, H_MAJOR, major, *minor, k->major, k->minor);
		return -1;
	}
	if (major == 0) {
		err_set(
		    "%s@%d: format version %u.%u does not exist", name, H_MAJOR, major, *minor);
		return -1;
	}
	return 0;
}

int frame_head_check(
    const struct frame *k, const char *name, const unsigned char *p, size_t len, unsigned *minor)
{
	if (len == 0) {
		err_set("%s@0: empty file, not %s (%s)", name, k->what, k->page);
		return -1;
	}
	if (memcmp(p, k->magic, len < 8 ? len : 8) != 0) {
		err_set("%s@0: not %s (%s): wrong magic", name, k->what, k->page);
		return -1;
	}
	if (len < FRAME_HEAD) {
		err_set("%s@%zu: truncated inside the header of %d bytes", name, len, FRAME_HEAD);
		return -1;
	}
	if (check_version(k, name, p, minor) < 0)
		return -1;
	if (le_get64(p + H_SUM) != hash64(p, H_SUM)) {
		err_set("%s@%d: header checksum is %016" PRIx64 ", should be %016" PRIx64
			": the header is damaged",
		    name, H_SUM, le_get64(p + H_SUM), hash64(p, H_SUM));
		return -1;
	}
	if (le_get32(p + H_SIZE) != FRAME_HEAD) {
		err_set("%s@%d: header size %" PRIu32 ", should be %d", name, H_SIZE,
		    le_get32(p + H_SIZE), FRAME_HEAD);
		return -1;
	}
	return 0;
}

int frame_zero(const struct frame *k, const char *name, const unsigned char *p, size_t from,
    size_t to, unsigned minor)
{
	size_t i;

	if (minor > k->minor)
		return 0;
	for (i = from; i < to; i++)
		if (p[i] != 0) {
			err_set("%s@%zu: reserved byte is %02x, should be 0", name, i, p[i]);
			return -1;
		}
	return 0;
}

/* The size of the file against the count in its header. */
static int check_size(
    const struct frame *k, const char *name, size_t len, uint64_t count, uint32_t width)
{
	uint64_t want;

	if (count > (UINT64_MAX / 2 - FRAME_HEAD - FRAME_TAIL) / width) {
		err_set("%s@%d: impossible count %" PRIu64, name, H_COUNT, count);
		return -1;
	}
	want = FRAME_HEAD + count * width + FRAME_TAIL;
	if (len < want) {
		err_set("%s@%zu: truncated: %" PRIu64 " %s need %" PRIu64
			" bytes, the file has %zu",
		    name, len, count, k->item, want, len);
		return -1;
	}
	if (len > want) {
		err_set("%s@%" PRIu64 ": %" PRIu64 " bytes too many after %" PRIu64
			" %s and the trailer",
		    name, want, len - want, count, k->item);
		return -1;
	}
	return 0;
}

/* A stream: the count follows from the size. */
static int derive_count(
    const struct frame *k, const char *name, size_t len, uint32_t width, uint64_t *count)
{
	size_t body;

	if (len < FRAME_HEAD + FRAME_TAIL) {
		err_set("%s@%zu: truncated: no trailer", name, len);
		return -1;
	}
	body = len - FRAME_HEAD - FRAME_TAIL;
	if (body % width != 0) {
		err_set("%s@%zu: truncated: %zu bytes of %s are no multiple of %" PRIu32, name,
		    len, body, k->item, width);
		return -1;
	}
	*count = body / width;
	return 0;
}

int frame_tail_check(const struct frame *k, const char *name, const unsigned char *p, size_t len,
    uint64_t head_count, uint32_t width, unsigned minor, uint64_t *count, struct h128 *hash)
{
	const unsigned char *t;
	size_t off;

	if (head_count == FRAME_UNKNOWN) {
		if (derive_count(k, name, len, width, count) < 0)
			return -1;
	} else {
		if (check_size(k, name, len, head_count, width) < 0)
			return -1;
		*count = head_count;
	}
	off = len - FRAME_TAIL;
	t = p + off;
	if (memcmp(t + T_MAGIC, k->end, 8) != 0) {
		err_set(
		    "%s@%zu: no trailer: the file is truncated or damaged", name, off + T_MAGIC);
		return -1;
	}
	if (le_get64(t + T_SUM) != hash64(t, T_SUM)) {
		err_set("%s@%zu: trailer checksum is %016" PRIx64 ", should be %016" PRIx64
			": the trailer is damaged",
		    name, off + T_SUM, le_get64(t + T_SUM), hash64(t, T_SUM));
		return -1;
	}
	if (le_get64(t + T_COUNT) != *count) {
		err_set("%s@%zu: the trailer counts %" PRIu64
			" %s, the file has room for %" PRIu64,
		    name, off + T_COUNT, le_get64(t + T_COUNT), k->item, *count);
		return -1;
	}
	*hash = frame_get_hash(t + T_HASH);
	return frame_zero(k, name, p, off + T_ZERO, off + T_SUM, minor);
}
