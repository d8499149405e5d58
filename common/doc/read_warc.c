/* read_warc: web archives (ISO 28500).  Responses that are HTML become documents; chunked transfer and
 * the content encodings gzip and deflate are taken off. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/err.h"
#include "doc/charset.h"
#include "doc/mime.h"
#include "doc/read_html.h"
#include "doc/reader.h"

enum { BLOCK = 128 << 10, HEADER_MAX = 1 << 20 };

struct warc {
	char *b;
	size_t pos, len;
	uint64_t at; /* offset of b + pos in the decompressed stream */
	struct buf head, v;
	int lost; /* skip to the next line that begins a record */
};

static int warc_open(struct reader *r)
{
	struct warc *w = r->state = xcalloc(1, sizeof(*w));

	w->b = xmalloc(BLOCK);
	return 0;
}

static void warc_close(struct reader *r, int whole, reader_file_fn *fn, void *arg)
{
	struct warc *w = r->state;

	(void)whole, (void)fn, (void)arg;
	if (!w)
		return;
	free(w->b);
	buf_release(&w->head);
	buf_release(&w->v);
	free(w);
}

/* Bytes at b + pos; 1, 0 at the end, -1. */
static int more(struct reader *r)
{
	struct warc *w = r->state;
	ssize_t got;

	if (w->pos < w->len)
		return 1;
	got = in_read(r->in, w->b, BLOCK);
	w->pos = 0;
	w->len = got > 0 ? (size_t)got : 0;
	return got > 0 ? 1 : (int)got;
}

/* Append a line with its '\n' to out (at most HEADER_MAX bytes of it); 1, 0, -1. */
static int line(struct reader *r, struct buf *out)
{
	struct warc *w = r->state;
	int rc, any = 0;

	while ((rc = more(r)) > 0) {
		const char *s = w->b + w->pos, *nl = memchr(s, '\n', w->len - w->pos);
		size_t n = nl ? (size_t)(nl + 1 - s) : w->len - w->pos;

		if (out->len + n <= HEADER_MAX)
			buf_add(out, s, n);
		w->pos += n;
		w->at += n;
		any = 1;
		if (nl)
			return 1;
	}
	return rc < 0 ? -1 : any;
}

/* n bytes into out (NULL: nowhere); 1, 0 when the stream ends before, -1. */
static int take(struct reader *r, uint64_t n, struct buf *out)
{
	struct warc *w = r->state;
	int rc = 1;

	while (n && (rc = more(r)) > 0) {
		size_t k = w->len - w->pos;

		k = k < n ? k : (size_t)n;
		if (out)
			buf_add(out, w->b + w->pos, k);
		w->pos += k;
		w->at += k;
		n -= k;
	}
	return rc;
}

/* The header lines of the next record into head: 1, 0 at the end, -1; *at is where it begins. */
static int head(struct reader *r, uint64_t *at)
{
	struct warc *w = r->state;
	size_t start;
	int rc;

	w->head.len = 0;
	do { /* blank lines between records, and what is skipped */
		w->head.len = 0;
		*at = w->at;
		rc = line(r, &w->head);
	} while (rc > 0 && (strspn(buf_cstr(&w->head), "\r\n") == w->head.len ||
			       (w->lost && strncmp(w->head.p, "WARC/", 5))));
	if (rc <= 0 || strncmp(w->head.p, "WARC/", 5))
		return rc;
	w->lost = 0;
	do {
		start = w->head.len;
		rc = line(r, &w->head);
		buf_cstr(&w->head);
	} while (rc > 0 && w->head.len > start && strspn(w->head.p + start, "\r\n") == 0);
	return rc < 0 ? -1 : 1;
}

static int header(struct warc *w, const char *name)
{
	return mime_header(w->head.p, w->head.len, name, &w->v);
}

/* Content-Length of the header in hand, -1 when it is none. */
static int64_t content_length(struct warc *w)
{
	char *e;
	long long v;

	if (!header(w, "Content-Length") || !w->v.len || w->v.p[0] < '0' || w->v.p[0] > '9')
		return -1;
	v = strtoll(w->v.p, &e, 10);
	return *e || v < 0 || v > INT64_MAX / 2 ? -1 : v;
}

static const char *skip_reason(const char *type)
{
	static const char *const types[][2] = {{"request", "warc_request"},
	    {"warcinfo", "warc_info"}, {"metadata", "warc_metadata"}, {"revisit", "warc_revisit"},
	    {"resource", "warc_resource"}, {"conversion", "warc_conversion"},
	    {"continuation", "warc_continuation"}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcasecmp(type, types[i][0]))
			return types[i][1];
	return "warc_other";
}

/* What the record's header says of a response. */
static void about(struct warc *w, struct rec *rec, uint64_t at)
{
	if (header(w, "WARC-Record-ID") && w->v.len) {
		const char *s = w->v.p;
		size_t n = w->v.len;

		if (*s == '<')
			s++, n--;
		if (n && s[n - 1] == '>')
			n--;
		if (n > 9 && !strncasecmp(s, "urn:uuid:", 9))
			s += 9, n -= 9;
		rec_id(rec, "#", s, n);
	}
	if (rec->id.len <= 1) {
		rec->id.len = 0;
		buf_printf(&rec->id, "@%llu", (unsigned long long)at);
	}
	if (header(w, "WARC-Target-URI") && w->v.len) {
		const char *s = w->v.p;
		size_t n = w->v.len;

		if (n > 1 && *s == '<' && s[n - 1] == '>')
			s++, n -= 2;
		rec_meta(rec, "url", s, n);
	}
	if (header(w, "WARC-Date")) {
		rec_meta(rec, "warc_date", w->v.p, w->v.len);
		charset_repair(w->v.p, w->v.len, &rec->created);
	}
}

static int warc_next(struct reader *r, struct rec *rec)
{
	struct warc *w = r->state;
	uint64_t at;
	int64_t len;
	int rc = head(r, &at), response;

	if (rc <= 0)
		return rc;
	rec_where(rec, r->path, '@', at);
	len = strncmp(w->head.p, "WARC/", 5) ? -1 : content_length(w);
	if (len < 0) {
		rec_bad(rec, strncmp(w->head.p, "WARC/", 5)
				 ? "not a WARC record"
				 : "WARC record without a Content-Length");
		w->lost = 1;
		return 1;
	}
	if (!header(w, "WARC-Type"))
		buf_cstr(&w->v);
	response = !strcasecmp(w->v.p, "response");
	if (!response)
		rec_skip(rec, skip_reason(w->v.p));
	else
		about(w, rec, at);
	rc = take(
	    r, (uint64_t)len, response && (uint64_t)len <= r->opt->max_bytes ? &rec->raw : NULL);
	if (rc < 0)
		return -1;
	if (!rc) {
		rec_bad(rec, "the file ends within this record of %lld bytes", (long long)len);
		r->done = 1;
	} else if (response && (uint64_t)len > r->opt->max_bytes) {
		rec_bad(rec, "record of %lld bytes is longer than --max-bytes", (long long)len);
	}
	return 1;
}

/* --- HTTP ------------------------------------------------------------------------------------------- */

/* Chunked transfer taken off; a body that is not chunked after all is taken as it is. */
static void unchunk(const char *s, size_t n, struct buf *out)
{
	const char *end = s + n;

	while (s < end) {
		char *e;
		unsigned long k = strtoul(s, &e, 16);
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		if (e == s || !nl || e > nl) {
			/* An archive may have stored the body without its chunks. */
			buf_add(out, s, (size_t)(end - s));
			return;
		}
		s = nl + 1;
		if (!k)
			return;
		k = k < (size_t)(end - s) ? k : (size_t)(end - s);
		buf_add(out, s, k);
		s += k;
		while (s < end && (*s == '\r' || *s == '\n'))
			s++;
	}
}

/* gzip, zlib or raw deflate; 0, -1 damaged or larger than max. */
static int unzip(const char *s, size_t n, int bits, uint64_t max, struct buf *out)
{
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)s, .avail_in = (unsigned)n};
	int rc;

	if (n > 0xffffffffu || inflateInit2(&z, bits) != Z_OK)
		return -1;
	do {
		buf_need(out, 256 << 10);
		z.next_out = (unsigned char *)out->p + out->len;
		z.avail_out = 256 << 10;
		rc = inflate(&z, Z_NO_FLUSH);
		out->len += (size_t)(256 << 10) - z.avail_out;
		if (rc == Z_STREAM_END && z.avail_in && bits > 15 && inflateReset(&z) == Z_OK)
			rc = *z.next_in == 0x1f ? Z_OK : Z_STREAM_END;
	} while (rc == Z_OK && out->len <= max);
	inflateEnd(&z);
	return rc == Z_STREAM_END && out->len <= max ? 0 : -1;
}

/* Take the encoding off; 1, 0 it is not known, -1 damaged. */
static int decode_content(const char *enc, uint64_t max, struct buf *body)
{
	struct buf b = {0};
	int rc;

	if (!*enc || !strcasecmp(enc, "identity") || !strcasecmp(enc, "none"))
		return 1;
	if (strcasecmp(enc, "gzip") && strcasecmp(enc, "x-gzip") && strcasecmp(enc, "deflate"))
		return 0;
	/* Archives often keep the header and store the body plain. */
	if ((enc[0] | 32) != 'd' && (body->len < 2 || memcmp(body->p, "\x1f\x8b", 2)))
		return 1;
	rc = unzip(body->p, body->len, 47, max, &b);
	if (rc < 0 && (enc[0] | 32) == 'd') {
		b.len = 0;
		rc = unzip(body->p, body->len, -15, max, &b);
	}
	buf_release(body);
	*body = b;
	return rc < 0 ? -1 : 1;
}

static int is_html(const char *type, const struct buf *body)
{
	size_t i = 0;

	if (!strncasecmp(type, "text/html", 9) || !strncasecmp(type, "application/xhtml+xml", 21))
		return 1;
	if (*type)
		return 0;
	while (i < body->len && strchr(" \t\r\n", body->p[i]) && body->p[i])
		i++;
	return body->len - i >= 6 &&
	       (!strncasecmp(body->p + i, "<html", 5) || !strncasecmp(body->p + i, "<!doct", 6));
}

static void warc_convert(const struct reader_opt *opt, struct rec *rec)
{
	const char *s = buf_cstr(&rec->raw);
	size_t n = rec->raw.len, at = mime_body(s, n);
	struct buf body = {0}, v = {0};
	int status = 0, rc;

	if (!strncmp(s, "HTTP/", 5) && strchr(s, ' '))
		status = atoi(strchr(s, ' '));
	if (status < 100 || status > 999) {
		rec_bad(rec, "response record without an HTTP status line");
		return;
	}
	if (mime_header(s, at, "Transfer-Encoding", &v) && strstr(v.p, "chunked"))
		unchunk(s + at, n - at, &body);
	else
		buf_add(&body, s + at, n - at);
	mime_header(s, at, "Content-Encoding", &v);
	rc = decode_content(v.p, opt->max_bytes, &body);
	if (status < 200 || status > 299)
		rec_skip(rec, "http_status");
	else if (!rc)
		rec_skip(rec, "content_encoding");
	else if (rc < 0)
		rec_bad(rec, "damaged or too large content encoding '%s'", v.p);
	mime_header(s, at, "Content-Type", &v);
	if (rec->state == REC_DOC && !is_html(v.p, &body))
		rec_skip(rec, "not_html");
	if (rec->state == REC_DOC) {
		if (v.len)
			rec_meta(rec, "content_type", v.p, v.len);
		mime_param(v.p, v.len, "charset", &rec->charset);
		read_html_page(opt, rec, body.p ? body.p : "", body.len);
	}
	buf_release(&body);
	buf_release(&v);
}

static int warc_wants(const char *name)
{
	return reader_suffix(name, ".warc");
}

const struct reader_kind read_warc = {
    "warc", warc_open, warc_next, warc_convert, warc_close, warc_wants, 0};
