#include "io/in.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/err.h"
#include "base/utf8.h"

enum { STORED_BUF = 256 << 10, PLAIN_BUF = 256 << 10, LINES_TAIL = 64 };
#define LINE_MAX_BYTES ((size_t)1 << 31)

enum kind { KIND_PLAIN, KIND_GZIP, KIND_ZSTD };

struct in {
	char *name;
	int fd;
	int eof;    /* the file has no more stored bytes */
	int failed; /* errors are sticky */
	enum kind kind;
	/* stored bytes */
	unsigned char *sbuf;
	size_t spos, slen;
	uint64_t stored; /* file offset of sbuf + slen */
	struct hasher hash;
	/* decoders */
	int inside; /* a member or frame has begun and not ended */
	int in_header;
	struct inflate_state *gz;
	struct isal_gzip_header gz_head;
	ZSTD_DCtx *zstd;
	/* decoded bytes that in_line and in_lines have not handed out */
	char *dbuf;
	size_t dpos, dlen;
	struct buf line;
	uint64_t lineno;
};

static uint64_t offset(const struct in *f)
{
	return f->stored - (f->slen - f->spos);
}

static int fail(struct in *f, const char *what)
{
	err_set("%s@%llu: %s", f->name, (unsigned long long)offset(f), what);
	f->failed = 1;
	return -1;
}

static int again(const struct in *f)
{
	err_set("%s: reading goes on after an error", f->name);
	return -1;
}

/* Read stored bytes; everything that enters the program passes here and is hashed. */
static ssize_t read_stored(struct in *f, void *p, size_t n)
{
	ssize_t got;

	do
		got = read(f->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		err_sys("%s@%llu: cannot read", f->name, (unsigned long long)f->stored);
		f->failed = 1;
		return -1;
	}
	if (!got)
		f->eof = 1;
	hasher_add(&f->hash, p, (size_t)got);
	f->stored += (uint64_t)got;
	return got;
}

/* More stored bytes behind those that are left; 1, 0 at the end, -1. */
static int more_stored(struct in *f)
{
	ssize_t got;

	if (f->eof)
		return 0;
	if (f->spos) {
		memmove(f->sbuf, f->sbuf + f->spos, f->slen - f->spos);
		f->slen -= f->spos;
		f->spos = 0;
	}
	got = read_stored(f, f->sbuf + f->slen, STORED_BUF - f->slen);
	if (got < 0)
		return -1;
	f->slen += (size_t)got;
	return got > 0;
}

/* --- the kind of a file ------------------------------------------------------------------- */

static int is_gzip(const unsigned char *p, size_t n)
{
	return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* A frame, or a skippable frame (pzstd begins its files with one). */
static int is_zstd(const unsigned char *p, size_t n)
{
	if (n < 4)
		return 0;
	if (p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd)
		return 1;
	return (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18;
}

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

/* Plain text under the name of a compressed file is fine, but what is no text was compressed once:
 * the file was cut before its magic was complete, or its magic is damaged. */
static int check_name(struct in *f)
{
	int gz = has_suffix(f->name, ".gz"), zst = has_suffix(f->name, ".zst");
	size_t n = f->slen < 64 ? f->slen : 64, bad;
	int text = n && (utf8_valid((char *)f->sbuf, n, &bad) || bad + 4 > 64);

	for (size_t i = 0; i < n; i++)
		text &= f->sbuf[i] >= ' ' || (f->sbuf[i] >= '\t' && f->sbuf[i] <= '\r');
	if (zst && n == 1 && f->sbuf[0] == 0x28)
		text = 0;
	if ((!gz && !zst) || text)
		return 0;
	return fail(f, n < 4 ? "truncated: a compressed file has at least a header"
		       : gz  ? "damaged: called .gz, but it is neither gzip data nor text"
			     : "damaged: called .zst, but it is neither zstd data nor text");
}

static int find_kind(struct in *f)
{
	int rc = 1;

	while (f->slen < 4 && rc > 0)
		rc = more_stored(f);
	if (rc < 0)
		return -1;
	if (is_gzip(f->sbuf, f->slen)) {
		f->kind = KIND_GZIP;
		f->gz = xmalloc(sizeof *f->gz);
	} else if (is_zstd(f->sbuf, f->slen)) {
		f->kind = KIND_ZSTD;
		f->zstd = ZSTD_createDCtx();
		if (!f->zstd)
			die(EXIT_IO, "out of memory: zstd context");
	} else {
		return check_name(f);
	}
	return 0;
}

struct in *in_open(const char *path)
{
	struct in *f = xcalloc(1, sizeof *f);
	struct stat st;

	f->name = xstrdup(!strcmp(path, "-") ? "(stdin)" : path);
	f->fd = !strcmp(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	f->sbuf = xmalloc(STORED_BUF);
	hasher_init(&f->hash);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		err_sys("cannot open '%s'", path);
	} else if (S_ISDIR(st.st_mode)) {
		err_set("cannot read '%s': it is a directory", path);
	} else {
		(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		if (find_kind(f) == 0)
			return f;
	}
	in_close(f, NULL);
	return NULL;
}

void in_close(struct in *f, struct filehash *h)
{
	if (!f)
		return;
	if (h) {
		h->bytes = f->stored;
		h->xxh3 = hasher_128(&f->hash);
	}
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	hasher_release(&f->hash);
	free(f->gz);
	ZSTD_freeDCtx(f->zstd);
	buf_release(&f->line);
	free(f->dbuf);
	free(f->sbuf);
	free(f->name);
	free(f);
}

/* --- decoding: each fills p with 1..n bytes, or gives 0 at the end, -1 -------------------------- */

static ssize_t decode_plain(struct in *f, char *p, size_t n)
{
	size_t have = f->slen - f->spos;
	int rc;

	if (!have && n >= STORED_BUF)
		return f->eof ? 0 : read_stored(f, p, n);
	if (!have) {
		rc = more_stored(f);
		if (rc <= 0)
			return rc;
		have = f->slen - f->spos;
	}
	n = n < have ? n : have;
	memcpy(p, f->sbuf + f->spos, n);
	f->spos += n;
	return (ssize_t)n;
}

static const char *gz_error(int rc)
{
	switch (rc) {
	case ISAL_INCORRECT_CHECKSUM:
		return "damaged gzip data: wrong checksum or length";
	case ISAL_INVALID_WRAPPER:
		return "damaged gzip header";
	case ISAL_UNSUPPORTED_METHOD:
		return "gzip compression method is not deflate";
	case ISAL_INVALID_LOOKBACK:
		return "damaged gzip data: reference before the start";
	default:
		return "damaged gzip data";
	}
}

static void gz_take(struct in *f)
{
	f->gz->next_in = f->sbuf + f->spos;
	f->gz->avail_in = (uint32_t)(f->slen - f->spos);
}

static void gz_give(struct in *f)
{
	f->spos = f->slen - f->gz->avail_in;
}

/* Begin the member at the current position, or go on with its header; 1 when the header is
 * complete, 0 when it needs more bytes. */
static int gz_header(struct in *f)
{
	int rc;

	if (!f->inside) {
		while (f->slen - f->spos < 2) {
			rc = more_stored(f);
			if (rc < 0)
				return -1;
			if (!rc)
				break;
		}
		if (!is_gzip(f->sbuf + f->spos, f->slen - f->spos))
			return fail(f, f->slen - f->spos < 2 && f->sbuf[f->spos] == 0x1f
					   ? "truncated gzip member"
					   : "bytes that are no gzip member after the last one");
		isal_inflate_init(f->gz);
		isal_gzip_header_init(&f->gz_head);
		f->inside = f->in_header = 1;
	}
	gz_take(f);
	rc = isal_read_gzip_header(f->gz, &f->gz_head);
	gz_give(f);
	if (rc == ISAL_END_INPUT)
		return 0;
	if (rc != ISAL_DECOMP_OK)
		return fail(f, gz_error(rc));
	f->gz->crc_flag = ISAL_GZIP_NO_HDR_VER;
	f->in_header = 0;
	return 1;
}

static ssize_t gz_body(struct in *f, char *p, size_t n)
{
	uint32_t room = n < (1u << 30) ? (uint32_t)n : 1u << 30;
	int rc;

	gz_take(f);
	f->gz->next_out = (unsigned char *)p;
	f->gz->avail_out = room;
	rc = isal_inflate(f->gz);
	gz_give(f);
	if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT)
		return fail(f, gz_error(rc));
	if (f->gz->block_state == ISAL_BLOCK_FINISH)
		f->inside = 0;
	return (ssize_t)(room - f->gz->avail_out);
}

static ssize_t decode_gzip(struct in *f, char *p, size_t n)
{
	ssize_t got;
	int rc;

	for (;;) {
		if (f->inside && !f->in_header) {
			got = gz_body(f, p, n);
			if (got)
				return got;
		} else if (f->spos < f->slen) {
			if (gz_header(f) < 0)
				return -1;
			continue;
		}
		if (f->spos < f->slen)
			continue;
		rc = more_stored(f);
		if (rc < 0)
			return -1;
		if (!rc)
			return f->inside ? fail(f, "truncated gzip member") : 0;
	}
}

static int zstd_error(struct in *f, size_t rc)
{
	char what[200];

	if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
		return fail(
		    f, "zstd frame needs more than 128 MiB to decode: compress without --long");
	if (ZSTD_getErrorCode(rc) == ZSTD_error_prefix_unknown)
		return fail(f, "bytes that are no zstd frame after the last one");
	snprintf(what, sizeof what, "damaged zstd data: %s", ZSTD_getErrorName(rc));
	return fail(f, what);
}

static ssize_t decode_zstd(struct in *f, char *p, size_t n)
{
	ZSTD_outBuffer out = {p, n, 0};
	int rc;

	for (;;) {
		ZSTD_inBuffer in = {f->sbuf, f->slen, f->spos};
		size_t left;

		if (f->inside || f->spos < f->slen) {
			left = ZSTD_decompressStream(f->zstd, &out, &in);
			f->spos = in.pos;
			if (ZSTD_isError(left))
				return zstd_error(f, left);
			f->inside = left != 0;
		}
		if (out.pos)
			return (ssize_t)out.pos;
		if (f->spos < f->slen)
			continue;
		rc = more_stored(f);
		if (rc < 0)
			return -1;
		if (!rc)
			return f->inside ? fail(f, "truncated zstd frame") : 0;
	}
}

static ssize_t decode(struct in *f, void *p, size_t n)
{
	if (f->failed)
		return again(f);
	if (n > SSIZE_MAX)
		n = SSIZE_MAX;
	switch (f->kind) {
	case KIND_GZIP:
		return decode_gzip(f, p, n);
	case KIND_ZSTD:
		return decode_zstd(f, p, n);
	default:
		return decode_plain(f, p, n);
	}
}

ssize_t in_read(struct in *f, void *p, size_t n)
{
	size_t have = f->dlen - f->dpos;

	if (!n)
		return 0;
	if (!have)
		return decode(f, p, n);
	n = n < have ? n : have;
	memcpy(p, f->dbuf + f->dpos, n);
	f->dpos += n;
	return (ssize_t)n;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Decoded bytes at dbuf + dpos; 1, 0 at the end, -1. */
static int more_decoded(struct in *f)
{
	ssize_t got;

	if (f->dpos < f->dlen)
		return 1;
	if (!f->dbuf)
		f->dbuf = xmalloc(PLAIN_BUF + 1);
	f->dpos = f->dlen = 0;
	got = decode(f, f->dbuf, PLAIN_BUF);
	if (got <= 0)
		return (int)got;
	f->dlen = (size_t)got;
	return 1;
}

static int too_long(struct in *f, uint64_t line)
{
	err_set("%s:%llu: line longer than 2 GiB", f->name, (unsigned long long)line);
	f->failed = 1;
	return -1;
}

static int whole_line(struct in *f, char **line, size_t *len)
{
	*line = buf_cstr(&f->line);
	*len = f->line.len;
	f->lineno++;
	return 1;
}

int in_line(struct in *f, char **line, size_t *len)
{
	char *p, *nl;
	size_t n;
	int rc;

	f->line.len = 0;
	for (;;) {
		rc = more_decoded(f);
		if (rc < 0)
			return -1;
		if (!rc)
			return f->line.len ? whole_line(f, line, len) : 0;
		p = f->dbuf + f->dpos;
		nl = memchr(p, '\n', f->dlen - f->dpos);
		n = nl ? (size_t)(nl - p) : f->dlen - f->dpos;
		f->dpos += n + (nl != NULL);
		if (nl && !f->line.len) {
			*nl = 0;
			*line = p;
			*len = n;
			f->lineno++;
			return 1;
		}
		if (f->line.len + n > LINE_MAX_BYTES)
			return too_long(f, f->lineno + 1);
		buf_add(&f->line, p, n);
		if (nl)
			return whole_line(f, line, len);
	}
}

static uint64_t count_lines(const char *p, size_t n)
{
	const char *end = p + n;
	uint64_t k = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		k++;
	}
	return k;
}

/* Decode straight into b while it cannot reach the cut: the cut is the first line end at or after
 * `want` bytes, so the first want - 1 bytes are before it. 1, 0 at the end, -1. */
static int lines_bulk(struct in *f, size_t want, struct buf *b)
{
	size_t have = f->dlen - f->dpos, n = want - 1 < have ? want - 1 : have;
	ssize_t got;

	buf_need(b, want + LINES_TAIL);
	buf_add(b, f->dbuf ? f->dbuf + f->dpos : NULL, n);
	f->dpos += n;
	for (want -= n; want > 1; want -= (size_t)got) {
		got = decode(f, b->p + b->len, want - 1);
		if (got <= 0)
			return (int)got;
		b->len += (size_t)got;
	}
	return 1;
}

/* Where the unfinished line at b's end begins. */
static size_t last_line(const struct buf *b, size_t start)
{
	size_t i = b->len;

	while (i > start && b->p[i - 1] != '\n')
		i--;
	return i;
}

/* The rest of the line that crosses the cut; 1 with its '\n', 0 at the end, -1. */
static int lines_rest(struct in *f, struct buf *b, size_t start)
{
	size_t n;
	char *p, *nl;
	int rc;

	for (;;) {
		rc = more_decoded(f);
		if (rc <= 0)
			return rc;
		p = f->dbuf + f->dpos;
		nl = memchr(p, '\n', f->dlen - f->dpos);
		n = nl ? (size_t)(nl - p) + 1 : f->dlen - f->dpos;
		if (b->len - start + n > LINE_MAX_BYTES) {
			size_t from = last_line(b, start);

			if (b->len - from + n > LINE_MAX_BYTES)
				return too_long(
				    f, f->lineno + 1 + count_lines(b->p + start, from - start));
		}
		buf_add(b, p, n);
		f->dpos += n;
		if (nl)
			return 1;
	}
}

int in_lines(struct in *f, size_t want, struct buf *b, uint64_t *first, uint64_t *n_lines)
{
	size_t start = b->len;
	int rc;

	rc = lines_bulk(f, want ? want : 1, b);
	if (rc > 0)
		rc = lines_rest(f, b, start);
	if (rc < 0) {
		b->len = start;
		return -1;
	}
	if (b->len > start && b->p[b->len - 1] != '\n')
		buf_chr(b, '\n');
	buf_need(b, LINES_TAIL);
	memset(b->p + b->len, 0, LINES_TAIL);
	*first = f->lineno + 1;
	*n_lines = count_lines(b->p + start, b->len - start);
	f->lineno += *n_lines;
	return b->len > start;
}

uint64_t in_lineno(const struct in *f)
{
	return f->lineno;
}

uint64_t in_size(const struct in *f)
{
	struct stat st;

	if (f->kind != KIND_PLAIN || fstat(f->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_size;
}

uint64_t in_stored(const struct in *f)
{
	return offset(f);
}

const char *in_name(const struct in *f)
{
	return f->name;
}

/* --- whole files ---------------------------------------------------------------------------- */

int in_hash_file(const char *path, struct filehash *h)
{
	struct in f = {.name = xstrdup(path), .fd = open(path, O_RDONLY | O_CLOEXEC)};
	char *p = xmalloc(STORED_BUF);
	ssize_t got = -1;

	hasher_init(&f.hash);
	if (f.fd < 0)
		err_sys("cannot open '%s'", path);
	else
		while ((got = read_stored(&f, p, STORED_BUF)) > 0)
			;
	h->bytes = f.stored;
	h->xxh3 = hasher_128(&f.hash);
	hasher_release(&f.hash);
	if (f.fd >= 0)
		close(f.fd);
	free(p);
	free(f.name);
	return (int)got;
}

int in_slurp(const char *path, size_t max, struct buf *b, struct filehash *h)
{
	struct in *f = in_open(path);
	size_t start = b->len;
	ssize_t got;

	if (!f)
		return -1;
	if (in_size(f) < max)
		buf_need(b, (size_t)in_size(f) + (64 << 10));
	do {
		buf_need(b, 64 << 10);
		got = in_read(f, b->p + b->len, b->cap - b->len - 1);
		if (got > 0)
			b->len += (size_t)got;
		if (b->len - start > max) {
			err_set("%s: larger than %zu bytes", f->name, max);
			got = -1;
		}
	} while (got > 0);
	in_close(f, h);
	buf_cstr(b);
	return (int)got;
}
