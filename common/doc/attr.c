#include "doc/attr.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void attrs_reset(struct attrs *a)
{
	a->n = 0;
	a->n_spans = 0;
	a->names.len = 0;
}

void attrs_release(struct attrs *a)
{
	free(a->attr);
	free(a->spans);
	free(a->owner);
	buf_release(&a->names);
	memset(a, 0, sizeof *a);
}

const char *attrs_name(const struct attrs *a, size_t key)
{
	return a->names.p + a->attr[key].name;
}

/* Index of the key, or a->n. */
static size_t find(const struct attrs *a, const char *name, size_t len)
{
	size_t i;
	for (i = 0; i < a->n; i++) {
		size_t at = a->attr[i].name;
		size_t next = i + 1 < a->n ? a->attr[i + 1].name : a->names.len;
		if (next - at == len + 1 && !memcmp(a->names.p + at, name, len))
			break;
	}
	return i;
}

size_t attrs_key(struct attrs *a, const char *name)
{
	size_t len = strlen(name), i = find(a, name, len);
	if (i < a->n)
		return i;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 8;
		a->attr = xreallocarray(a->attr, a->cap, sizeof *a->attr);
	}
	a->attr[i] = (struct attr){a->names.len, 0, 0};
	buf_add(&a->names, name, len + 1);
	a->n++;
	return i;
}

/* One '_' for each character that is not of a name: continuation bytes add nothing. */
static void add_clean(struct buf *b, const char *s)
{
	for (; *s; s++) {
		int c = (unsigned char)*s, l = c | 0x20;
		if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9'))
			buf_chr(b, (char)c);
		else if ((c & 0xc0) != 0x80)
			buf_chr(b, '_');
	}
}

size_t attrs_key3(struct attrs *a, const char *name, const char *tagger, const char *type)
{
	struct buf b = {0};
	size_t key;
	add_clean(&b, name);
	buf_str(&b, "__");
	add_clean(&b, tagger);
	buf_str(&b, "__");
	add_clean(&b, type);
	key = attrs_key(a, buf_cstr(&b));
	buf_release(&b);
	return key;
}

void attrs_span(struct attrs *a, size_t key, uint64_t start, uint64_t end, double score)
{
	struct attr *t = &a->attr[key];
	if (a->n_spans == a->cap_spans) {
		a->cap_spans = a->cap_spans ? 2 * a->cap_spans : 16;
		a->spans = xreallocarray(a->spans, a->cap_spans, sizeof *a->spans);
		a->owner = xreallocarray(a->owner, a->cap_spans, sizeof *a->owner);
	}
	if (!t->n++)
		t->first = a->n_spans;
	a->spans[a->n_spans] = (struct span){start, end, score};
	a->owner[a->n_spans++] = (uint32_t)key;
}

static void put_span(const struct span *s, int exact, struct buf *b)
{
	buf_chr(b, '[');
	buf_u64(b, s->start);
	buf_chr(b, ',');
	buf_u64(b, s->end);
	buf_chr(b, ',');
	buf_f64(b, exact ? s->score : jnum_round5(s->score), 1);
	buf_chr(b, ']');
}

/* "key":[spans] */
static void put_member(const struct attrs *a, size_t key, struct buf *b)
{
	const struct attr *t = &a->attr[key];
	const char *name = attrs_name(a, key);
	size_t i = t->first, left = t->n;
	jstr_put(b, name, strlen(name));
	buf_add(b, ":[", 2);
	for (; left; i++) {
		if (a->owner[i] != key)
			continue;
		put_span(&a->spans[i], a->exact, b);
		if (--left)
			buf_chr(b, ',');
	}
	buf_chr(b, ']');
}

static void put_members(const struct attrs *a, struct buf *b)
{
	size_t k;
	for (k = 0; k < a->n; k++) {
		if (k)
			buf_chr(b, ',');
		put_member(a, k, b);
	}
}

void attrs_put_json(const struct attrs *a, struct buf *b)
{
	buf_chr(b, '{');
	put_members(a, b);
	buf_chr(b, '}');
}

static int has_key(const struct attrs *a, struct jspan raw)
{
	size_t k;
	for (k = 0; k < a->n; k++)
		if (jspan_streq(raw, attrs_name(a, k)))
			return 1;
	return 0;
}

void attrs_merge_json(const struct attrs *a, struct jspan old, struct buf *b)
{
	struct jiter it = jiter_open(old);
	struct jspan k, v;
	int any = 0;
	buf_chr(b, '{');
	while (jiter_next(&it, &k, &v)) {
		if (!k.p || has_key(a, k))
			continue;
		if (any++)
			buf_chr(b, ',');
		buf_add(b, k.p, (size_t)(v.p + v.len - k.p));
	}
	if (any && a->n)
		buf_chr(b, ',');
	put_members(a, b);
	buf_chr(b, '}');
}

void attrs_put_row(const struct attrs *a, struct jspan id, struct jspan source, struct buf *b)
{
	buf_str(b, "{\"id\":");
	buf_add(b, id.p, id.len);
	buf_str(b, ",\"attributes\":");
	attrs_put_json(a, b);
	if (source.p) {
		buf_str(b, ",\"source\":");
		buf_add(b, source.p, source.len);
	}
	buf_chr(b, '}');
}

/* A whole number that is not negative, however it is written (12, 12.0, 1.2e1). */
static int offset(struct jspan v, uint64_t *out)
{
	int64_t i;
	double d;
	if (!jspan_i64(v, &i)) {
		*out = (uint64_t)i;
		return i < 0 ? -1 : 0;
	}
	if (jspan_num(v, &d) < 0 || !(d >= 0 && d < 0x1p53) || d != floor(d))
		return -1;
	*out = (uint64_t)d;
	return 0;
}

static int one_span(struct jspan v, struct span *s)
{
	struct jiter it = jiter_open(v);
	struct jspan k, x[3], more;
	int n = 0;
	if (jspan_type(v) != JT_ARRAY)
		return -1;
	while (n < 3 && jiter_next(&it, &k, &x[n]))
		n++;
	if (n < 3 || jiter_next(&it, &k, &more))
		return -1;
	if (offset(x[0], &s->start) < 0 || offset(x[1], &s->end) < 0 || s->start > s->end)
		return -1;
	return jspan_num(x[2], &s->score) < 0 || !isfinite(s->score) ? -1 : 0;
}

int spans_parse(struct jspan v, struct span **out, size_t *n, size_t *cap)
{
	struct jiter it = jiter_open(v);
	struct jspan k, x;
	size_t i = 0;
	if (jspan_type(v) != JT_ARRAY) {
		err_set("not a list of spans");
		return -1;
	}
	for (; jiter_next(&it, &k, &x); i++) {
		if (*n == *cap) {
			*cap = *cap ? 2 * *cap : 16;
			*out = xreallocarray(*out, *cap, sizeof **out);
		}
		if (one_span(x, &(*out)[*n]) < 0) {
			err_set("item %zu is not a span [start, end, score]: %.*s", i,
			    (int)(x.len < 80 ? x.len : 80), x.p);
			return -1;
		}
		++*n;
	}
	return 0;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

int attrs_name_ok(const char *name)
{
	size_t n = strspn(name, LETTERS);
	if (n && !name[n + strspn(name + n, LETTERS "0123456789.-")])
		return 0;
	err_set("'%s' is not an attribute name: letters, digits and '_.-', a letter or '_' first",
	    name);
	return -1;
}
