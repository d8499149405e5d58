/* read_mbox: mail in one file: "From " at the beginning of a line that begins the file or follows an
 * empty one begins a message; ">From " in the text is "From " again (one '>' is taken off). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "doc/charset.h"
#include "doc/mime.h"
#include "doc/reader.h"

enum { PARTS_DEEP = 16 };

struct mbox {
	uint64_t line; /* of the From_ line of the message in hand */
	int begun;
	uint64_t *seen; /* hashes of ids, open addressing */
	size_t n_seen, cap;
};

static int mbox_open(struct reader *r)
{
	r->state = xcalloc(1, sizeof(struct mbox));
	return 0;
}

static void mbox_close(struct reader *r, int whole, reader_file_fn *fn, void *arg)
{
	struct mbox *m = r->state;

	(void)whole, (void)fn, (void)arg;
	if (m)
		free(m->seen);
	free(m);
}

/* Insert; 1 when it was there. */
static int seen(struct mbox *m, uint64_t h)
{
	h += !h;
	if (2 * (m->n_seen + 1) > m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 1024;
		uint64_t *v = xcalloc(cap, sizeof(*v));

		for (size_t i = 0; i < m->cap; i++)
			if (m->seen[i]) {
				size_t k = m->seen[i] & (cap - 1);

				while (v[k])
					k = (k + 1) & (cap - 1);
				v[k] = m->seen[i];
			}
		free(m->seen);
		m->seen = v;
		m->cap = cap;
	}
	for (size_t k = h & (m->cap - 1);; k = (k + 1) & (m->cap - 1)) {
		if (m->seen[k] == h)
			return 1;
		if (!m->seen[k]) {
			m->seen[k] = h;
			m->n_seen++;
			return 0;
		}
	}
}

static void message_id(struct mbox *m, struct rec *rec)
{
	struct buf id = {0};
	size_t n;

	if (mime_header(rec->raw.p, rec->raw.len, "Message-ID", &id) && id.len) {
		const char *s = id.p;

		n = id.len;
		if (*s == '<')
			s++, n--;
		if (n && s[n - 1] == '>')
			n--;
		rec_id(rec, "#", s, n);
	}
	if (rec->id.len <= 1) {
		rec->id.len = 0;
		buf_printf(&rec->id, ":%llu", (unsigned long long)m->line);
	} else if (seen(m, hash64(rec->id.p, rec->id.len))) {
		buf_printf(&rec->id, ":%llu", (unsigned long long)m->line);
	}
	buf_release(&id);
}

static int from_line(const char *s, size_t n)
{
	return n > 5 && !memcmp(s, "From ", 5);
}

static int mbox_next(struct reader *r, struct rec *rec)
{
	struct mbox *m = r->state;
	uint64_t stray = 0;
	int empty = 1, rc, too_long = 0;
	char *line;
	size_t len;

	while ((rc = in_line(r->in, &line, &len)) > 0) {
		if (empty && from_line(line, len)) {
			uint64_t at = in_lineno(r->in), begun = m->line;
			int had = m->begun;

			m->begun = 1;
			m->line = at;
			empty = 0;
			if (!had && !stray)
				continue;
			if (had)
				m->line = begun;
			rec_where(rec, r->path, ':', had ? begun : stray);
			if (!had)
				rec_bad(rec, "text before the first From line");
			else
				message_id(m, rec);
			m->line = at;
			break;
		}
		empty = !len || (len == 1 && line[0] == '\r');
		if (!m->begun) {
			if (!empty && !stray)
				stray = in_lineno(r->in);
			continue;
		}
		if (rec->raw.len + len > r->opt->max_bytes) {
			too_long = 1;
			continue;
		}
		buf_add(&rec->raw, line, len);
		buf_chr(&rec->raw, '\n');
	}
	if (rc < 0)
		return -1;
	if (!rc) {
		r->done = 1;
		if (!m->begun && !stray)
			return 0;
		rec_where(rec, r->path, ':', m->begun ? m->line : stray);
		if (!m->begun)
			rec_bad(rec, "not a mailbox: it has no From line");
		else
			message_id(m, rec);
	}
	if (too_long)
		rec_bad(rec, "message is longer than --max-bytes");
	return 1;
}

/* --- parts ------------------------------------------------------------------------------------------ */

struct part {
	const char *s; /* headers and body */
	size_t n;
};

/* The body of a part, its transfer encoding taken off. */
static void decode_body(const struct part *p, struct buf *out)
{
	size_t at = mime_body(p->s, p->n);
	struct buf enc = {0};

	mime_header(p->s, p->n, "Content-Transfer-Encoding", &enc);
	if (!strncasecmp(enc.p, "base64", 6))
		mime_base64(p->s + at, p->n - at, out);
	else if (!strncasecmp(enc.p, "quoted-printable", 16))
		mime_qp(p->s + at, p->n - at, out);
	else
		buf_add(out, p->s + at, p->n - at);
	buf_release(&enc);
}

/* The next part of a multipart body after *s; 1 and p, or 0. */
static int next_part(
    const char **s, const char *end, const char *boundary, size_t k, struct part *p)
{
	const char *line = *s, *from = NULL;

	while (line < end) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		const char *e = nl ? nl : end;

		if ((size_t)(e - line) >= k + 2 && line[0] == '-' && line[1] == '-' &&
		    !memcmp(line + 2, boundary, k)) {
			if (from) {
				p->s = from;
				p->n = (size_t)(line - from);
				*s = line;
				return 1;
			}
			if ((size_t)(e - line) >= k + 4 && line[k + 2] == '-' &&
			    line[k + 3] == '-')
				return 0;
			from = nl ? nl + 1 : end;
		}
		line = nl ? nl + 1 : end;
	}
	if (!from)
		return 0;
	p->s = from; /* the closing boundary is missing */
	p->n = (size_t)(end - from);
	*s = end;
	return 1;
}

/* The first text/plain part at any depth; 1 found.  n_other counts the parts left out. */
static int plain_part(struct part m, int depth, struct part *found, uint64_t *n_other)
{
	struct buf type = {0}, boundary = {0};
	int rc = 0;

	mime_header(m.s, m.n, "Content-Type", &type);
	if (!type.len || !strncasecmp(type.p, "text/plain", 10) || !strcasecmp(type.p, "text")) {
		*found = m;
		rc = 1;
	} else if (!strncasecmp(type.p, "multipart/", 10) && depth < PARTS_DEEP &&
		   mime_param(type.p, type.len, "boundary", &boundary) && boundary.len) {
		const char *s = m.s + mime_body(m.s, m.n), *end = m.s + m.n;
		struct part p;

		while (next_part(&s, end, boundary.p, boundary.len, &p)) {
			struct part f;

			if (!rc && plain_part(p, depth + 1, &f, n_other)) {
				*found = f;
				rc = 1;
			} else if (rc) {
				++*n_other;
			}
		}
	} else {
		++*n_other;
	}
	buf_release(&type);
	buf_release(&boundary);
	return rc;
}

/* Lines end in '\n', ">From " loses its mark, no blank lines at the ends. */
static void tidy(struct buf *text, size_t start)
{
	char *s = text->p + start, *to = s, *end = text->p + text->len;

	while (s < end) {
		char *nl = memchr(s, '\n', (size_t)(end - s)), *e = nl ? nl : end;
		char *t = e, *q = s;

		while (t > s && t[-1] == '\r')
			t--;
		while (q < t && *q == '>')
			q++;
		if (q > s && t - q >= 5 && !memcmp(q, "From ", 5))
			s++;
		if (!(to == text->p + start && t == s)) {
			memmove(to, s, (size_t)(t - s));
			to += t - s;
			if (nl)
				*to++ = '\n';
		}
		s = nl ? nl + 1 : end;
	}
	while (to > text->p + start && (to[-1] == '\n' || to[-1] == ' ' || to[-1] == '\t'))
		to--;
	text->len = (size_t)(to - text->p);
}

static void header_meta(struct rec *rec, const char *name, const char *key)
{
	struct buf v = {0}, w = {0};

	if (mime_header(rec->raw.p, rec->raw.len, name, &v) && v.len) {
		mime_words(v.p, v.len, &w);
		rec_meta(rec, key, w.p ? w.p : "", w.len);
	}
	buf_release(&v);
	buf_release(&w);
}

static void set_date(struct rec *rec)
{
	struct buf v = {0};
	char date[32];

	if (mime_header(rec->raw.p, rec->raw.len, "Date", &v)) {
		mime_date(v.p, date);
		buf_str(&rec->created, date);
	}
	buf_release(&v);
}

static void put_body(struct rec *rec, const struct part *p)
{
	struct buf body = {0}, type = {0}, name = {0};

	decode_body(p, &body);
	mime_header(p->s, p->n, "Content-Type", &type);
	mime_param(type.p, type.len, "charset", &name);
	if (name.len && !charset_known(name.p)) {
		rec->unknown++;
		rec->unknown_what = "charsets_unknown";
		name.len = 0;
	}
	/* Old mail calls UTF-8 or Latin-1 us-ascii. */
	if (!name.len || !strcasecmp(name.p, "us-ascii")) {
		size_t at;
		int utf8 = utf8_valid(body.p ? body.p : "", body.len, &at);

		charset_decode(utf8 ? "utf-8" : "windows-1252", body.p ? body.p : "", body.len,
		    &rec->text, &rec->repaired);
	} else {
		charset_decode(name.p, body.p ? body.p : "", body.len, &rec->text, &rec->repaired);
	}
	if (rec->text.len)
		tidy(&rec->text, 0);
	buf_release(&body);
	buf_release(&type);
	buf_release(&name);
}

static void mbox_convert(const struct reader_opt *opt, struct rec *rec)
{
	struct part p;
	uint64_t n_other = 0;

	(void)opt;
	buf_cstr(&rec->raw);
	header_meta(rec, "Subject", "subject");
	header_meta(rec, "From", "from");
	header_meta(rec, "Date", "date");
	header_meta(rec, "In-Reply-To", "in_reply_to");
	set_date(rec);
	if (!plain_part((struct part){rec->raw.p, rec->raw.len}, 0, &p, &n_other)) {
		rec_skip(rec, "no_plain_text");
		return;
	}
	put_body(rec, &p);
	if (n_other)
		rec_meta_u64(rec, "parts_left_out", n_other);
	if (!rec->text.len)
		rec_skip(rec, "empty");
}

static int mbox_wants(const char *name)
{
	(void)name;
	return 1;
}

const struct reader_kind read_mbox = {
    "mbox", mbox_open, mbox_next, mbox_convert, mbox_close, mbox_wants, 0};
