#include "text/mixdrop.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/utf8.h"

struct kept {
	uint64_t hash; /* of the id */
	char *id, *rest;
	size_t id_len, rest_len;
};

/* Of one rule, in order. */
struct few {
	struct kept k[MIXDROP_KEEP];
	size_t n;
};

struct mixdrop {
	size_t n;
	struct few *rule;
	struct buf rest;
};

struct mixdrop *mixdrop_new(size_t n_rules)
{
	struct mixdrop *m = xcalloc(1, sizeof *m);

	m->n = n_rules;
	m->rule = xcalloc(n_rules, sizeof *m->rule);
	return m;
}

static void kept_release(struct kept *k)
{
	free(k->id);
	free(k->rest);
}

void mixdrop_free(struct mixdrop *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->rule[i].n; k++)
			kept_release(&m->rule[i].k[k]);
	free(m->rule);
	buf_release(&m->rest);
	free(m);
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int compare(const struct kept *a, const struct kept *b)
{
	int c;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	c = compare_bytes(a->id, a->id_len, b->id, b->id_len);
	return c ? c : compare_bytes(a->rest, a->rest_len, b->rest, b->rest_len);
}

/* Takes the strings of k, or frees them. */
static void keep(struct few *f, struct kept k)
{
	size_t at = f->n;

	while (at && compare(&k, &f->k[at - 1]) < 0)
		at--;
	if (at == MIXDROP_KEEP) {
		kept_release(&k);
		return;
	}
	if (f->n == MIXDROP_KEEP)
		kept_release(&f->k[--f->n]);
	memmove(&f->k[at + 1], &f->k[at], (f->n - at) * sizeof *f->k);
	f->k[at] = k;
	f->n++;
}

/* The line behind the id. */
static void put_rest(
    struct buf *b, const struct doc *d, const char *text, size_t len, const struct buf *value)
{
	struct jspan source = d->j.f[J_SOURCE];

	b->len = 0;
	buf_str(b, ",\"source\":");
	if (source.p)
		buf_add(b, source.p, source.len);
	else
		buf_str(b, "null");
	buf_str(b, ",\"chars\":");
	buf_u64(b, d->n_cp);
	buf_str(b, ",\"text\":");
	jstr_put(b, text, utf8_offset(text, len, MIXDROP_CHARS));
	if (value->len) {
		buf_str(b, ",\"value\":");
		buf_add(b, value->p, value->len);
	}
}

static char *copy_bytes(const char *p, size_t n)
{
	char *s = xmalloc(n + 1);

	memcpy(s, p, n);
	s[n] = 0;
	return s;
}

void mixdrop_add(struct mixdrop *m, size_t rule, struct doc *d, const char *text, size_t len,
    const struct buf *value)
{
	struct few *f = &m->rule[rule];
	struct kept k = {0};
	const char *id = doc_id(d, &k.id_len);

	k.hash = hash64(id, k.id_len);
	if (f->n == MIXDROP_KEEP && k.hash > f->k[MIXDROP_KEEP - 1].hash)
		return;
	put_rest(&m->rest, d, text, len, value);
	k.id = copy_bytes(id, k.id_len);
	k.rest = copy_bytes(m->rest.p, m->rest.len);
	k.rest_len = m->rest.len;
	keep(f, k);
}

void mixdrop_merge(struct mixdrop *into, struct mixdrop *from)
{
	for (size_t i = 0; i < from->n; i++) {
		for (size_t k = 0; k < from->rule[i].n; k++)
			keep(&into->rule[i], from->rule[i].k[k]);
		from->rule[i].n = 0;
	}
}

void mixdrop_put(const struct mixdrop *m, size_t rule, const char *label, struct buf *b)
{
	for (size_t i = 0; i < m->rule[rule].n; i++) {
		const struct kept *k = &m->rule[rule].k[i];

		buf_str(b, "{\"rule\":");
		jstr_put(b, label, strlen(label));
		buf_str(b, ",\"id\":");
		jstr_put(b, k->id, k->id_len);
		buf_add(b, k->rest, k->rest_len);
		buf_str(b, "}\n");
	}
}
