#include "text/dedup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "text/uchar.h"
#include "text/wordbreak.h"

/* ---- the rule ------------------------------------------------------------------------- */

void dedup_rule_init(struct dedup_rule *r)
{
	memset(r, 0, sizeof *r);
	r->by = DEDUP_PARAGRAPH;
	r->field = xstrdup("text");
	r->sep = xstrdup("\n");
	r->sep_len = r->sep_cp = 1;
	r->ngram = 13;
	r->stride = 1;
	r->threshold = 0.5f;
}

void dedup_rule_release(struct dedup_rule *r)
{
	free(r->field);
	free(r->sep);
}

static int set_field(struct dedup_rule *r, const char *path)
{
	if (!strncmp(path, "$.", 2))
		path += 2;
	if (!*path || *path == '.' || strstr(path, "..") || path[strlen(path) - 1] == '.') {
		err_set("'%s' is not a field: names joined by dots, as in metadata.url", path);
		return -1;
	}
	free(r->field);
	r->field = xstrdup(path);
	return 0;
}

/* "N,STRIDE,THRESHOLD" */
static int set_ngram(struct dedup_rule *r, const char *arg)
{
	char *copy = xstrdup(arg), *stride = strchr(copy, ','), *threshold = NULL;
	double t = r->threshold;
	int rc;
	if (stride) {
		*stride++ = 0;
		threshold = strchr(stride, ',');
	}
	if (threshold)
		*threshold++ = 0;
	rc = num_u64(copy, 1, 1000, &r->ngram);
	if (rc == 0 && stride)
		rc = num_u64(stride, 1, 1000000, &r->stride);
	if (rc == 0 && threshold)
		rc = num_f64(threshold, &t);
	r->threshold = (float)t;
	free(copy);
	return rc;
}

int dedup_rule_by(struct dedup_rule *r, const char *arg)
{
	if (!strcmp(arg, "url")) {
		r->by = DEDUP_DOCUMENT;
		return set_field(r, "metadata.url");
	}
	if (!strcmp(arg, "document")) {
		r->by = DEDUP_DOCUMENT;
		return 0;
	}
	if (!strncmp(arg, "document:", 9)) {
		r->by = DEDUP_DOCUMENT;
		return set_field(r, arg + 9);
	}
	if (!strcmp(arg, "paragraph")) {
		r->by = DEDUP_PARAGRAPH;
		return 0;
	}
	if (!strcmp(arg, "ngram") || !strncmp(arg, "ngram:", 6)) {
		r->by = DEDUP_NGRAM;
		return arg[5] ? set_ngram(r, arg + 6) : 0;
	}
	err_set("'%s' is not url, document[:FIELD], paragraph or ngram[:N,STRIDE,THRESHOLD]", arg);
	return -1;
}

int dedup_rule_separator(struct dedup_rule *r, const char *arg)
{
	struct buf b = {0};
	size_t bad;
	for (; *arg; arg++) {
		static const char from[] = "ntr\\", to[] = "\n\t\r\\";
		const char *e = *arg == '\\' && arg[1] ? strchr(from, arg[1]) : NULL;
		if (*arg == '\\' && !e) {
			err_set("'\\%.1s' is not \\n, \\t, \\r or \\\\", arg + 1);
			buf_release(&b);
			return -1;
		}
		arg += e != NULL;
		buf_chr(&b, e ? to[e - from] : *arg);
	}
	if (!b.len || !utf8_valid(b.p, b.len, &bad)) {
		err_set("the separator is %s", b.len ? "not UTF-8" : "empty");
		buf_release(&b);
		return -1;
	}
	free(r->sep);
	r->sep = buf_cstr(&b);
	r->sep_len = b.len;
	r->sep_cp = utf8_count(b.p, b.len);
	return 0;
}

char *dedup_rule_text(const struct dedup_rule *r)
{
	struct buf b = {0};
	size_t i;
	if (r->by == DEDUP_DOCUMENT) {
		buf_printf(&b, "by=document field=%s", r->field);
	} else {
		buf_str(
		    &b, r->by == DEDUP_NGRAM ? "by=ngram separator=" : "by=paragraph separator=");
		for (i = 0; i < r->sep_len; i++)
			buf_printf(&b, "%02x", (unsigned char)r->sep[i]);
	}
	if (r->by == DEDUP_NGRAM)
		buf_printf(&b, " n=%" PRIu64 " stride=%" PRIu64 " skip-short=%d", r->ngram,
		    r->stride, r->skip_short);
	buf_printf(&b, " | min-length=%" PRIu64 " min-words=%" PRIu64 " skip-empty=%d dolma=%d",
	    r->min_length, r->min_words, r->skip_empty, r->compat);
	return buf_cstr(&b);
}

int dedup_rule_same(const char *a, const char *b, int what_only)
{
	const char *ea = strstr(a, " | "), *eb = strstr(b, " | ");
	if (!what_only || !ea || !eb)
		return !strcmp(a, b);
	return ea - a == eb - b && !memcmp(a, b, (size_t)(ea - a));
}

/* ---- text ----------------------------------------------------------------------------- */

/* Unicode White_Space: Python's isspace without U+001C..1F. */
static inline int is_space(uint32_t cp)
{
	return (uchar(cp) & UC_SPACE) && !(cp >= 0x1c && cp <= 0x1f);
}

int dedup_blank(const char *s, size_t n)
{
	size_t i;
	int len;
	for (i = 0; i < n; i += (size_t)len)
		if (!is_space(utf8_next(s + i, &len)))
			return 0;
	return 1;
}

size_t dedup_words(const char *s, size_t n, size_t max)
{
	size_t at = 0, end, k = 0;
	while (k < max && (end = wordbreak_next(s, n, at)) > at) {
		k += !dedup_blank(s + at, end - at);
		at = end;
	}
	return k;
}

static const char *find_sep(const char *p, const char *end, const char *sep, size_t len)
{
	while (p < end && (p = memchr(p, sep[0], (size_t)(end - p)))) {
		if (len == 1 || ((size_t)(end - p) >= len && !memcmp(p, sep, len)))
			return p;
		p++;
	}
	return NULL;
}

int dedup_piece_next(
    const char *text, size_t n, const char *sep, size_t sep_len, struct dedup_piece *p)
{
	const char *hit;
	if (p->last)
		return 0;
	p->start = p->next;
	hit = find_sep(text + p->start, text + n, sep, sep_len);
	p->last = !hit;
	p->end = hit ? (size_t)(hit - text) : n;
	p->next = hit ? p->end + sep_len : n;
	return 1;
}

/* ---- keys ----------------------------------------------------------------------------- */

static void add_key(struct dedup_scratch *s, struct h128 key)
{
	if (s->n_keys == s->cap_keys) {
		s->cap_keys = s->cap_keys ? 2 * s->cap_keys : 256;
		s->key = xreallocarray(s->key, s->cap_keys, sizeof *s->key);
	}
	s->key[s->n_keys++] = key;
}

static struct dedup_unit *add_unit(struct dedup_scratch *s, uint64_t start, uint64_t end)
{
	struct dedup_unit *u;
	if (s->n_units == s->cap_units) {
		s->cap_units = s->cap_units ? 2 * s->cap_units : 64;
		s->unit = xreallocarray(s->unit, s->cap_units, sizeof *s->unit);
	}
	u = &s->unit[s->n_units++];
	*u = (struct dedup_unit){.start = start, .end = end, .first = s->n_keys};
	return u;
}

static void add_token(struct dedup_scratch *s, const char *text, size_t at, size_t end)
{
	if (s->n_tokens == s->cap_tokens) {
		s->cap_tokens = s->cap_tokens ? 2 * s->cap_tokens : 1024;
		s->token = xreallocarray(s->token, s->cap_tokens, sizeof *s->token);
		s->at = xreallocarray(s->at, s->cap_tokens, 2 * sizeof *s->at);
	}
	s->at[2 * s->n_tokens] = (uint32_t)at;
	s->at[2 * s->n_tokens + 1] = (uint32_t)end;
	s->token[s->n_tokens++] = hash64(text + at, end - at);
}

static void tokenize(struct dedup_scratch *s, const char *p, size_t n)
{
	size_t at = 0, end;
	s->n_tokens = 0;
	while ((end = wordbreak_next(p, n, at)) > at) {
		if (!dedup_blank(p + at, end - at))
			add_token(s, p, at, end);
		at = end;
	}
}

/* A list of one string is that string, so that n = 1 meets whole paragraphs of one token. */
static struct h128 gram_key(const struct dedup_scratch *s, const char *p, size_t i, size_t n)
{
	if (n == 1)
		return hash128(p + s->at[2 * i], s->at[2 * i + 1] - s->at[2 * i]);
	return hash128(s->token + i, n * sizeof *s->token);
}

static void ngram_keys(const struct dedup_rule *r, struct dedup_scratch *s, struct dedup_unit *u,
    const char *p, size_t n)
{
	size_t i, last = 0, first = s->n_keys;
	tokenize(s, p, n);
	for (i = 0; i + r->ngram <= s->n_tokens; i++)
		if (last == 0 || i - last >= r->stride) {
			last = i;
			add_key(s, gram_key(s, p, i, (size_t)r->ngram));
		}
	u->whole = s->n_keys - first < 2 && !r->skip_short;
	if (u->whole)
		add_key(s, hash128(p, n));
}

static int skipped(const struct dedup_rule *r, const char *p, size_t n, uint64_t length)
{
	return length < r->min_length || (r->skip_empty && dedup_blank(p, n)) ||
	       (r->min_words && dedup_words(p, n, (size_t)r->min_words) < r->min_words);
}

static void add_piece(const struct dedup_rule *r, struct dedup_scratch *s, const char *p, size_t n,
    uint64_t start, uint64_t end)
{
	struct dedup_unit *u = add_unit(s, start, end);
	if (r->by == DEDUP_NGRAM) {
		ngram_keys(r, s, u, p, n);
	} else {
		u->whole = 1;
		add_key(s, hash128(p, n));
	}
	u->n = s->n_keys - u->first;
}

/* The end of a piece's span: the original adds one for whatever separator while that stays below
 * the length in bytes less one. */
static uint64_t piece_end(
    const struct dedup_rule *r, const struct doc *d, uint64_t off, const struct dedup_piece *p)
{
	if (r->compat)
		return off + (off + 1 < d->text_len);
	return off + (p->last ? 0 : r->sep_cp);
}

static void split_text(const struct dedup_rule *r, struct dedup_scratch *s, const struct doc *d)
{
	struct dedup_piece p = {0};
	uint64_t off = 0;
	int ascii = d->n_cp == d->text_len;
	while (dedup_piece_next(d->text, d->text_len, r->sep, r->sep_len, &p)) {
		const char *piece = d->text + p.start;
		size_t n = p.end - p.start, cp = ascii ? n : utf8_count(piece, n);
		uint64_t start = off, end = piece_end(r, d, off + cp, &p);
		if (!r->compat && p.last && !n)
			break;
		if (!skipped(r, piece, n, cp))
			add_piece(r, s, piece, n, start, end);
		off = end;
	}
}

/* The string at the field, in scratch unless it is the text; 0 none there, -1 not a string. */
static int field_string(const struct dedup_rule *r, struct dedup_scratch *s, const struct doc *d,
    const char **p, size_t *n)
{
	struct jspan v = d->j.object;
	const char *name = r->field;
	if (!strcmp(name, "text")) {
		*p = d->text;
		*n = d->text_len;
		return 1;
	}
	while (name) {
		const char *dot = strchr(name, '.');
		char piece[256];
		size_t len = dot ? (size_t)(dot - name) : strlen(name);
		if (len >= sizeof piece || jspan_type(v) != JT_OBJECT)
			return 0;
		memcpy(piece, name, len);
		piece[len] = 0;
		if (!jspan_member(v, piece, &v))
			return 0;
		name = dot ? dot + 1 : NULL;
	}
	if (jspan_type(v) == JT_NULL)
		return 0;
	s->text.len = 0;
	if (jscan_str(v, &s->text) < 0)
		return -1;
	*p = buf_cstr(&s->text);
	*n = s->text.len;
	return 1;
}

static int split_document(
    const struct dedup_rule *r, struct dedup_scratch *s, struct doc *d, struct dedup_doc *dd)
{
	const char *p = NULL;
	size_t n = 0;
	int rc = field_string(r, s, d, &p, &n);
	if (rc <= 0 && r->skip_missing) {
		dd->missing = 1;
		return 0;
	}
	if (rc <= 0) {
		err_set("no %s'%s' to compare by (--missing skip passes over such documents)",
		    rc < 0 ? "string " : "", r->field);
		return -1;
	}
	if (skipped(r, p, n, r->compat ? n : utf8_count(p, n)))
		return 0;
	add_unit(s, 0, r->compat ? n : d->n_cp)->whole = 1;
	add_key(s, hash128(p, n));
	s->unit[0].n = 1;
	dd->absent = r->compat;
	return 0;
}

int dedup_split(
    const struct dedup_rule *r, struct dedup_scratch *s, struct doc *d, struct dedup_doc *dd)
{
	int rc = 0;
	memset(dd, 0, sizeof *dd);
	s->n_units = s->n_keys = 0;
	if (r->by == DEDUP_DOCUMENT)
		rc = split_document(r, s, d, dd);
	else if (d->text_len)
		split_text(r, s, d);
	else
		dd->absent = r->compat;
	dd->n_units = s->n_units;
	dd->n_keys = s->n_keys;
	if (s->n_units) {
		dd->unit = doc_alloc(d, s->n_units * sizeof *dd->unit);
		memcpy(dd->unit, s->unit, s->n_units * sizeof *dd->unit);
	}
	if (s->n_keys) {
		dd->key = doc_alloc(d, s->n_keys * sizeof *dd->key);
		memcpy(dd->key, s->key, s->n_keys * sizeof *dd->key);
		dd->dup = doc_alloc(d, s->n_keys);
		memset(dd->dup, 0, s->n_keys);
	}
	return rc;
}

void dedup_scratch_release(struct dedup_scratch *s)
{
	free(s->unit);
	free(s->key);
	free(s->token);
	free(s->at);
	buf_release(&s->text);
}

/* ---- spans ---------------------------------------------------------------------------- */

/* 1 and the score when the unit has a span. */
static int unit_score(const struct dedup_rule *r, const struct dedup_doc *dd,
    const struct dedup_unit *u, double *score)
{
	size_t i, dup = 0;
	float f;
	if (r->by != DEDUP_NGRAM) {
		*score = 1;
		return u->n && dd->dup[u->first];
	}
	if (!u->n)
		return 0;
	for (i = u->first; i < u->first + u->n; i++)
		dup += dd->dup[i];
	f = u->whole ? (float)dd->dup[u->first + u->n - 1] : (float)dup / (float)u->n;
	*score = f;
	return f >= r->threshold;
}

size_t dedup_mark(const struct dedup_rule *r, const struct dedup_doc *dd, struct attrs *a,
    const char *name, uint64_t *chars)
{
	size_t i, k = 0, n = 0;
	double score;
	if (!dd->absent)
		k = attrs_key(a, name);
	for (i = 0; i < dd->n_units; i++) {
		const struct dedup_unit *u = &dd->unit[i];
		if (!unit_score(r, dd, u, &score))
			continue;
		if (!n++ && dd->absent)
			k = attrs_key(a, name);
		attrs_span(a, k, u->start, u->end, score);
		*chars += u->end - u->start;
	}
	return n;
}
