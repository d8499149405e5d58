/* read_dictd: a dictionary of dictd(8): NAME.index (headword, tab, offset, tab, length, the numbers in
 * base 64) and NAME.dict or NAME.dict.dz (gzip) beside it.  A definition is a document; the headwords
 * of one definition are kept together. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "doc/charset.h"
#include "doc/jscan.h"
#include "doc/reader.h"

struct entry {
	uint64_t off, len, line;
	const char *word; /* in the index; NULL: the line is malformed */
	size_t n;
};

struct dictd {
	struct buf index, dict;
	char *dict_path;
	struct filehash dict_hash;
	struct entry *e;
	size_t n, at;
};

/* Digits A-Z a-z 0-9 + /, most significant first; -1 when it is none. */
static int number(const char *s, size_t n, uint64_t *v)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	*v = 0;
	if (!n || n > 10)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *d = s[i] ? strchr(digits, s[i]) : NULL;

		if (!d)
			return -1;
		*v = *v << 6 | (uint64_t)(d - digits);
	}
	return 0;
}

static void parse_line(struct entry *e, const char *s, const char *end)
{
	const char *t = memchr(s, '\t', (size_t)(end - s));
	const char *u = t ? memchr(t + 1, '\t', (size_t)(end - t - 1)) : NULL;
	const char *v = u ? memchr(u + 1, '\t', (size_t)(end - u - 1)) : NULL;

	e->word = NULL;
	if (!u || number(t + 1, (size_t)(u - t - 1), &e->off) < 0 ||
	    number(u + 1, (size_t)((v ? v : end) - u - 1), &e->len) < 0 || t == s ||
	    memchr(s, 0, (size_t)(t - s)))
		return;
	e->word = s;
	e->n = (size_t)(t - s);
}

static void parse_index(struct dictd *d)
{
	const char *s = d->index.p, *end = s + d->index.len;
	uint64_t line = 0;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *e = nl ? nl : end;

		if (!(d->n & (d->n - 1)))
			d->e = xreallocarray(d->e, d->n ? 2 * d->n : 1, sizeof(*d->e));
		d->e[d->n] = (struct entry){.line = ++line};
		parse_line(&d->e[d->n++], s, e);
		s = nl ? nl + 1 : end;
	}
}

/* By place in the dictionary, then by line; malformed ones first. */
static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (!x->word != !y->word)
		return x->word ? 1 : -1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static char *dict_beside(const char *index)
{
	size_t n = strlen(index);
	char *p;

	if (n > 6 && !strcmp(index + n - 6, ".index"))
		n -= 6;
	p = xasprintf("%.*s.dict.dz", (int)n, index);
	if (access(p, R_OK) < 0)
		p[n + 5] = 0;
	return p;
}

static int dictd_open(struct reader *r)
{
	struct dictd *d = r->state = xcalloc(1, sizeof(*d));
	ssize_t got;

	d->dict_path = dict_beside(r->path);
	if (in_slurp(d->dict_path, (size_t)1 << 32, &d->dict, &d->dict_hash) < 0) {
		err_prefix("dictionary of index '%s'", r->path);
		return -1;
	}
	do {
		buf_need(&d->index, 256 << 10);
		got = in_read(r->in, d->index.p + d->index.len, d->index.cap - d->index.len);
		d->index.len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0)
		return -1;
	parse_index(d);
	if (d->n)
		qsort(d->e, d->n, sizeof(*d->e), by_place);
	return 0;
}

static void dictd_close(struct reader *r, int whole, reader_file_fn *fn, void *arg)
{
	struct dictd *d = r->state;

	if (!d)
		return;
	if (whole && fn)
		fn(arg, d->dict_path, &d->dict_hash);
	buf_release(&d->index);
	buf_release(&d->dict);
	free(d->dict_path);
	free(d->e);
	free(d);
}

/* The headwords of one definition: metadata.headword and, when there are more, metadata.aliases. */
static void headwords(struct rec *rec, const struct entry *e, size_t n)
{
	rec_meta(rec, "headword", e->word, e->n);
	if (n == 1)
		return;
	buf_str(&rec->meta, ",\"aliases\":[");
	for (size_t i = 1; i < n; i++) {
		struct buf v = {0};

		charset_repair(e[i].word, e[i].n, &v);
		if (i > 1)
			buf_chr(&rec->meta, ',');
		jstr_put(&rec->meta, v.p ? v.p : "", v.len);
		buf_release(&v);
	}
	buf_chr(&rec->meta, ']');
}

/* What dictd itself keeps in the dictionary: 00-database-info and the like, some without the dashes. */
static int about_itself(const struct entry *e)
{
	return (e->n >= 12 && !memcmp(e->word, "00-database-", 12)) ||
	       (e->n >= 10 && !memcmp(e->word, "00database", 10));
}

static int same_letter(char a, char b)
{
	a = a >= 'A' && a <= 'Z' ? (char)(a | 32) : a;
	b = b >= 'A' && b <= 'Z' ? (char)(b | 32) : b;
	return a == b;
}

static int begins_with(const char *s, size_t n, const char *word, size_t k)
{
	if (n < k)
		return 0;
	for (size_t i = 0; i < k; i++)
		if (!same_letter(s[i], word[i]))
			return 0;
	return 1;
}

/* Does the definition itself begin with one of its headwords? */
static int names_itself(const struct dictd *d, const struct entry *e, size_t n)
{
	const char *s = d->dict.p + e->off, *end = s + e->len;

	while (s < end && strchr(" \t\r\n", *s))
		s++;
	for (size_t i = 0; i < n; i++)
		if (begins_with(s, (size_t)(end - s), e[i].word, e[i].n))
			return 1;
	return 0;
}

static int dictd_next(struct reader *r, struct rec *rec)
{
	struct dictd *d = r->state;
	const struct entry *e;
	size_t n = 1;

	if (d->at == d->n)
		return 0;
	e = &d->e[d->at];
	rec_where(rec, r->path, ':', e->line);
	if (!e->word) {
		rec_bad(rec, "not a headword, an offset and a length with tabs between");
	} else {
		while (d->at + n < d->n && e[n].off == e->off && e[n].len == e->len)
			n++;
		buf_printf(&rec->id, ":%llu", (unsigned long long)e->line);
		if (e->off > d->dict.len || e->len > d->dict.len - e->off)
			rec_bad(rec,
			    "definition at %llu, %llu bytes, is beyond the dictionary's %zu",
			    (unsigned long long)e->off, (unsigned long long)e->len, d->dict.len);
		else if (e->len > r->opt->max_bytes)
			rec_bad(rec, "definition of %llu bytes is longer than --max-bytes",
			    (unsigned long long)e->len);
		else if (about_itself(e))
			rec_skip(rec, "about_database");
		else {
			headwords(rec, e, n);
			if (!names_itself(d, e, n))
				buf_add(&rec->raw, e->word, e->n);
			buf_chr(&rec->raw, 0);
			buf_add(&rec->raw, d->dict.p + e->off, e->len);
		}
	}
	d->at += n;
	return 1;
}

/* The definition without blank lines at its ends, behind the headword when raw gives one. */
static void dictd_convert(const struct reader_opt *opt, struct rec *rec)
{
	const char *word = rec->raw.p, *s = word + strlen(word) + 1, *end = word + rec->raw.len;

	(void)opt;
	while (s < end && (*s == '\n' || *s == '\r'))
		s++;
	while (end > s && strchr(" \t\r\n", end[-1]))
		end--;
	if (s == end) {
		rec_skip(rec, "empty");
		return;
	}
	if (*word) {
		rec->repaired += charset_repair(word, strlen(word), &rec->text);
		buf_chr(&rec->text, '\n');
	}
	rec->repaired += charset_repair(s, (size_t)(end - s), &rec->text);
}

static int dictd_wants(const char *name)
{
	if (reader_suffix(name, ".dict") || reader_suffix(name, ".dict.dz"))
		return 2;
	return reader_suffix(name, ".index");
}

const struct reader_kind read_dictd = {
    "dictd", dictd_open, dictd_next, dictd_convert, dictd_close, dictd_wants, 0};
