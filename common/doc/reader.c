#include "doc/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "doc/charset.h"
#include "doc/jscan.h"

static const struct reader_kind *const kinds[] = {&read_text, &read_lines, &read_html, &read_man,
    &read_dictd, &read_source, &read_mbox, &read_warc, &read_mediawiki};

const struct reader_kind *reader_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(name, kinds[i]->name))
			return kinds[i];
	return NULL;
}

const char *reader_kinds(void)
{
	return "text, lines, html, man, dictd, source, mbox, warc or mediawiki";
}

struct reader *reader_open(
    const struct reader_kind *k, const char *path, const struct reader_opt *opt)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->kind = k;
	r->opt = opt;
	r->path = path;
	r->in = in_open(path);
	if (!r->in || (k->open && k->open(r) < 0)) {
		reader_close(r, 0, NULL, NULL);
		return NULL;
	}
	return r;
}

int reader_next(struct reader *r, struct rec *rec)
{
	rec->state = REC_DOC;
	rec->reason = NULL;
	rec->message.len = rec->where.len = rec->raw.len = rec->id.len = rec->created.len = 0;
	rec->meta.len = rec->charset.len = rec->text.len = 0;
	rec->repaired = rec->unknown = 0;
	rec->unknown_what = NULL;
	return r->done ? 0 : r->kind->next(r, rec);
}

void reader_convert(const struct reader_kind *k, const struct reader_opt *opt, struct rec *rec)
{
	if (rec->state == REC_DOC)
		k->convert(opt, rec);
}

void reader_close(struct reader *r, int whole, reader_file_fn *fn, void *arg)
{
	struct filehash h;

	if (!r)
		return;
	if (r->kind->close)
		r->kind->close(r, whole, fn, arg);
	if (r->in) {
		in_close(r->in, &h);
		if (whole && fn)
			fn(arg, r->path, &h);
	}
	free(r);
}

void rec_release(struct rec *rec)
{
	buf_release(&rec->message);
	buf_release(&rec->where);
	buf_release(&rec->raw);
	buf_release(&rec->id);
	buf_release(&rec->created);
	buf_release(&rec->meta);
	buf_release(&rec->charset);
	buf_release(&rec->text);
}

void rec_skip(struct rec *rec, const char *reason)
{
	rec->state = REC_SKIP;
	rec->reason = reason;
}

void rec_bad(struct rec *rec, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	rec->state = REC_BAD;
	rec->message.len = 0;
	buf_add(&rec->message, rec->where.p, rec->where.len);
	buf_printf(&rec->message, ": %s", msg);
	buf_cstr(&rec->message);
}

void rec_meta(struct rec *rec, const char *key, const char *s, size_t n)
{
	struct buf v = {0};

	charset_repair(s, n, &v);
	buf_printf(&rec->meta, ",\"%s\":", key);
	jstr_put(&rec->meta, v.p ? v.p : "", v.len);
	buf_release(&v);
}

void rec_meta_u64(struct rec *rec, const char *key, uint64_t v)
{
	buf_printf(&rec->meta, ",\"%s\":%llu", key, (unsigned long long)v);
}

void rec_id(struct rec *rec, const char *prefix, const char *s, size_t n)
{
	struct buf v = {0};

	buf_str(&v, prefix);
	for (size_t i = 0; i < n && v.len < 512; i++)
		if ((unsigned char)s[i] > 0x20 && s[i] != 0x7f)
			buf_chr(&v, s[i]);
	rec->id.len = 0;
	charset_repair(v.p, v.len, &rec->id);
	buf_release(&v);
}

void rec_where(struct rec *rec, const char *path, char mark, uint64_t at)
{
	rec->where.len = 0;
	buf_printf(&rec->where, "%s%c%llu", strcmp(path, "-") ? path : "(stdin)", mark,
	    (unsigned long long)at);
	buf_cstr(&rec->where);
}

int reader_slurp(struct reader *r, struct rec *rec)
{
	uint64_t total = 0;
	ssize_t got;

	r->done = 1;
	rec_where(rec, r->path, '@', 0);
	for (;;) {
		if (total > r->opt->max_bytes)
			rec->raw.len = 0;
		buf_need(&rec->raw, 256 << 10);
		got = in_read(r->in, rec->raw.p + rec->raw.len, rec->raw.cap - rec->raw.len - 1);
		if (got <= 0)
			break;
		rec->raw.len += (size_t)got;
		total += (uint64_t)got;
	}
	if (got < 0)
		return -1;
	buf_cstr(&rec->raw);
	if (total > r->opt->max_bytes)
		rec_bad(rec, "%llu bytes are more than --max-bytes", (unsigned long long)total);
	return 1;
}

int reader_suffix(const char *s, const char *suffix)
{
	static const char *const ends[] = {"", ".gz", ".zst"};
	size_t n = strlen(s), k = strlen(suffix);

	for (size_t i = 0; i < 3; i++) {
		size_t e = strlen(ends[i]);

		if (n >= k + e && !strcmp(s + n - e, ends[i]) &&
		    !strncmp(s + n - e - k, suffix, k))
			return 1;
	}
	return 0;
}
