#include "io/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static const char head[] = "{\"seal\":{\"docs\":";
static const char middle[] = ",\"xxh3\":\"";
static const char tail[] = "\"}}";

enum { HEAD = sizeof head - 1, MIDDLE = sizeof middle - 1, TAIL = sizeof tail - 1, HEX = 32 };
enum { MARK_MAX = HEAD + 20 + MIDDLE + HEX + TAIL }; /* a count has up to 20 digits */

void seal_init(struct seal *s)
{
	memset(s, 0, sizeof *s);
	hasher_init(&s->h);
}

void seal_release(struct seal *s)
{
	hasher_release(&s->h);
}

static void start_anew(struct seal *s)
{
	hasher_release(&s->h);
	hasher_init(&s->h);
	s->docs = 0;
	s->seals++;
}

void seal_add(struct seal *s, const char *lines, size_t len, uint64_t n_lines)
{
	hasher_add(&s->h, lines, len);
	s->docs += n_lines;
}

void seal_line(struct seal *s, struct buf *b)
{
	char hex[HEX + 1];

	h128_hex(hasher_128(&s->h), hex);
	buf_printf(b, "%s%" PRIu64 "%s%s%s\n", head, s->docs, middle, hex, tail);
	start_anew(s);
}

int seal_is(const char *line, size_t len)
{
	return len > HEAD && len <= MARK_MAX && !memcmp(line, head, HEAD) &&
	       !memcmp(line + len - TAIL, tail, TAIL);
}

/* 0, -1 when it does not have the one form that seal_line writes. */
static int parse(const char *p, size_t len, uint64_t *docs, struct h128 *hash)
{
	const char *end = p + len;
	uint64_t v = 0;
	int digits = 0;

	for (p += HEAD; p < end && *p >= '0' && *p <= '9'; p++, digits++) {
		if (v > (UINT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*docs = v;
	if (!digits || end - p != MIDDLE + HEX + TAIL || memcmp(p, middle, MIDDLE) ||
	    memcmp(end - TAIL, tail, TAIL))
		return -1;
	return h128_parse(p + MIDDLE, HEX, hash);
}

int seal_check(struct seal *s, const char *line, size_t len, const char *name, uint64_t lineno)
{
	struct h128 want = {0}, got = hasher_128(&s->h);
	uint64_t docs = 0, have = s->docs;

	if (!seal_is(line, len) || parse(line, len, &docs, &want) < 0) {
		err_set("%s:%" PRIu64 ": malformed seal", name, lineno);
		return -1;
	}
	start_anew(s);
	if (docs != have) {
		err_set("%s:%" PRIu64 ": the seal counts %" PRIu64 " documents, %" PRIu64
			" came: the stream is not complete",
		    name, lineno, docs, have);
		return -1;
	}
	if (!h128_eq(want, got)) {
		err_set("%s:%" PRIu64 ": the %" PRIu64
			" documents before the seal are not those that were sealed",
		    name, lineno, docs);
		return -1;
	}
	return 0;
}

int seal_next(struct seal *s, struct in *in, char **line, size_t *len)
{
	int rc;

	while ((rc = in_line(in, line, len)) > 0 && seal_is(*line, *len))
		if (seal_check(s, *line, *len, in_name(in), in_lineno(in)) < 0)
			return -1;
	if (rc > 0) {
		seal_add(s, *line, *len, 0);
		seal_add(s, "\n", 1, 1);
	}
	return rc;
}

int seal_end(const struct seal *s, int required, const char *name)
{
	if (!required || (s->seals && !s->docs))
		return 0;
	if (s->seals)
		err_set("%s: %" PRIu64
			" documents after the last seal: the stream was cut off, or its "
			"writer ran without --seal",
		    name, s->docs);
	else
		err_set(
		    "%s: no seal at the end: the stream was cut off, or its writer ran without "
		    "--seal",
		    name);
	return -1;
}
