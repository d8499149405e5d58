#include "doc/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/num.h"
#include "doc/select_int.h"

struct expr {
	enum select_syntax syntax;
	struct path *path;
	struct jq *jq;
	unsigned char *uses; /* by name */
	size_t n_uses;
};

struct select_set {
	struct expr *expr;
	size_t n, cap;
	char **name;
	uint32_t *slot; /* open addressing: name + 1, 0 empty */
	size_t n_names, n_slots;
	struct docarena *mem;
};

struct select {
	const struct select_set *set;
	const struct jscan *doc;
	int indexed;
	struct jspan *attr; /* by name, valid when indexed */
	struct docarena *mem;
	struct buf scratch;
};

struct select_set *select_set_new(void)
{
	struct select_set *s = xcalloc(1, sizeof *s);

	s->mem = docarena_new();
	s->n_slots = 16;
	s->slot = xcalloc(s->n_slots, sizeof *s->slot);
	return s;
}

void select_set_free(struct select_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->expr[i].uses);
	free(s->expr);
	for (size_t i = 0; i < s->n_names; i++)
		free(s->name[i]);
	free(s->name);
	free(s->slot);
	docarena_free(s->mem);
	free(s);
}

/* --- compiling --------------------------------------------------------------------------------- */

int scomp_fail(const struct scomp *c, const char *at, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	err_set("at offset %zu: %s", (size_t)(at - c->text), what);
	return -1;
}

void scomp_space(struct scomp *c)
{
	while (
	    *c->p == ' ' || *c->p == '\t' || *c->p == '\n' || (*c->p == '\r' && c->p[1] == '\n'))
		c->p++;
}

void *scomp_alloc(struct scomp *c, size_t n)
{
	void *p = docarena_alloc(c->set->mem, n);

	memset(p, 0, n);
	return p;
}

char *scomp_strndup(struct scomp *c, const char *s, size_t n)
{
	char *p = scomp_alloc(c, n + 1);

	memcpy(p, s, n);
	return p;
}

/* The slot of a name, or the empty one where it belongs. */
static uint32_t *find_slot(const struct select_set *s, const char *key, size_t len)
{
	size_t i = hash64(key, len) & (s->n_slots - 1);

	while (s->slot[i]) {
		const char *name = s->name[s->slot[i] - 1];

		if (!strncmp(name, key, len) && !name[len])
			break;
		i = (i + 1) & (s->n_slots - 1);
	}
	return &s->slot[i];
}

static void grow_slots(struct select_set *s)
{
	if (2 * (s->n_names + 1) < s->n_slots)
		return;
	free(s->slot);
	s->n_slots *= 2;
	s->slot = xcalloc(s->n_slots, sizeof *s->slot);
	for (size_t i = 0; i < s->n_names; i++)
		*find_slot(s, s->name[i], strlen(s->name[i])) = (uint32_t)i + 1;
}

static void mark_use(struct expr *e, size_t name)
{
	if (name >= e->n_uses) {
		e->uses = xreallocarray(e->uses, name + 1, 1);
		memset(e->uses + e->n_uses, 0, name + 1 - e->n_uses);
		e->n_uses = name + 1;
	}
	e->uses[name] = 1;
}

int scomp_name(struct scomp *c, const char *key)
{
	struct select_set *s = c->set;
	uint32_t *slot;

	grow_slots(s);
	slot = find_slot(s, key, strlen(key));
	if (!*slot) {
		s->name = xreallocarray(s->name, s->n_names + 1, sizeof *s->name);
		s->name[s->n_names++] = xstrdup(key);
		*slot = (uint32_t)s->n_names;
	}
	mark_use(&s->expr[c->expr], *slot - 1);
	return (int)*slot - 1;
}

int select_add(struct select_set *s, const char *text, enum select_syntax syntax)
{
	struct scomp c = {.set = s, .expr = (int)s->n, .text = text, .p = text};
	struct expr *e;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->expr = xreallocarray(s->expr, s->cap, sizeof *s->expr);
	}
	e = &s->expr[s->n++];
	memset(e, 0, sizeof *e);
	e->syntax = syntax;
	if (syntax == SELECT_JQ)
		e->jq = jq_compile(&c);
	else
		e->path = path_compile(&c);
	if (e->jq || e->path)
		return c.expr;
	free(e->uses);
	s->n--;
	return -1;
}

size_t select_names(const struct select_set *s)
{
	return s->n_names;
}

const char *select_name(const struct select_set *s, size_t name)
{
	return s->name[name];
}

int select_uses(const struct select_set *s, int e, size_t name)
{
	return name < s->expr[e].n_uses && s->expr[e].uses[name];
}

/* --- documents --------------------------------------------------------------------------------- */

struct select *select_new(const struct select_set *s)
{
	struct select *t = xcalloc(1, sizeof *t);

	t->set = s;
	t->attr = xcalloc(s->n_names + 1, sizeof *t->attr);
	t->mem = docarena_new();
	return t;
}

void select_free(struct select *t)
{
	if (!t)
		return;
	free(t->attr);
	docarena_free(t->mem);
	buf_release(&t->scratch);
	free(t);
}

void select_open(struct select *t, const struct jscan *doc)
{
	t->doc = doc;
	t->indexed = 0;
	docarena_reset(t->mem);
}

void *salloc(struct select *t, size_t n)
{
	return docarena_alloc(t->mem, n ? n : 1);
}

struct jspan sroot(const struct select *t)
{
	return t->doc->object;
}

/* One walk over the attributes finds all that any expression names. */
static void index_attributes(struct select *t)
{
	struct jiter it = jiter_open(t->doc->f[J_ATTRIBUTES]);
	struct jspan k, v;

	memset(t->attr, 0, (t->set->n_names + 1) * sizeof *t->attr);
	t->indexed = 1;
	while (jiter_next(&it, &k, &v)) {
		size_t len;
		const char *key = sstring(t, k, &len);
		uint32_t slot = *find_slot(t->set, key, len);

		if (slot)
			t->attr[slot - 1] = v;
	}
}

int select_has(struct select *t, size_t name)
{
	if (!t->indexed)
		index_attributes(t);
	return t->attr[name].p != NULL;
}

const char *sstring(struct select *t, struct jspan v, size_t *len)
{
	char *s;

	if (!memchr(v.p, '\\', v.len)) {
		*len = v.len - 2;
		return v.p + 1;
	}
	t->scratch.len = 0;
	jscan_str(v, &t->scratch);
	s = salloc(t, t->scratch.len + 1);
	memcpy(s, t->scratch.p, t->scratch.len);
	*len = t->scratch.len;
	return s;
}

/* The document's own members: those that jscan has found need no walk. */
static struct jspan root_field(struct select *t, const char *key, size_t len)
{
	static const char *const known[J_FIELDS] = {
	    "id", "text", "source", "added", "created", "version", "metadata", "attributes"};
	struct jspan v = {NULL, 0};
	char *name;

	for (int i = 0; i < J_FIELDS; i++)
		if (!strncmp(known[i], key, len) && !known[i][len])
			return t->doc->f[i];
	name = xstrndup(key, len);
	jspan_member(t->doc->object, name, &v);
	free(name);
	return v;
}

struct jspan sfield_n(struct select *t, struct jspan obj, const char *key, size_t len, int name)
{
	struct jspan v = {NULL, 0}, k, m;
	struct jiter it;

	if (obj.p && obj.p == t->doc->object.p)
		return root_field(t, key, len);
	if (name >= 0 && obj.p && obj.p == t->doc->f[J_ATTRIBUTES].p) {
		if (!t->indexed)
			index_attributes(t);
		return t->attr[name];
	}
	if (jspan_type(obj) != JT_OBJECT)
		return v;
	it = jiter_open(obj);
	while (jiter_next(&it, &k, &m)) {
		size_t n;
		const char *s = sstring(t, k, &n);

		if (n == len && !memcmp(s, key, n))
			v = m;
	}
	return v;
}

struct jspan sfield(struct select *t, struct jspan obj, const struct skey *key)
{
	return sfield_n(t, obj, key->s, strlen(key->s), key->name);
}

struct jspan sindex(struct jspan array, uint64_t i)
{
	struct jiter it;
	struct jspan k, v;

	if (jspan_type(array) == JT_ARRAY) {
		it = jiter_open(array);
		while (jiter_next(&it, &k, &v))
			if (!i--)
				return v;
	}
	return (struct jspan){NULL, 0};
}

size_t scount(struct jspan container)
{
	struct jiter it = jiter_open(container);
	struct jspan k, v;
	size_t n = 0;

	while (jiter_next(&it, &k, &v))
		n++;
	return n;
}

static int by_key(const void *a, const void *b)
{
	const struct smember *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = memcmp(x->key, y->key, n);

	if (!c)
		c = (x->len > y->len) - (x->len < y->len);
	/* Equal keys in order of the text, which the values' addresses show. */
	return c ? c : (x->v.p > y->v.p) - (x->v.p < y->v.p);
}

static int same_key(const struct smember *a, const struct smember *b)
{
	return a->len == b->len && !memcmp(a->key, b->key, a->len);
}

size_t ssorted(struct select *t, struct jspan obj, struct smember **out)
{
	size_t n = 0, kept = 0, cap = scount(obj);
	struct smember *m = salloc(t, cap * sizeof *m);
	struct jiter it = jiter_open(obj);
	struct jspan k, v;

	while (jiter_next(&it, &k, &v)) {
		m[n].key = sstring(t, k, &m[n].len);
		m[n++].v = v;
	}
	qsort(m, n, sizeof *m, by_key);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !same_key(&m[i], &m[i + 1]))
			m[kept++] = m[i];
	*out = m;
	return kept;
}

/* --- numbers and equality ---------------------------------------------------------------------- */

struct snum snum_of(struct jspan v)
{
	struct snum n = {.kind = 2};
	int neg = *v.p == '-';
	uint64_t u = 0;
	size_t i = (size_t)neg;

	jspan_num(v, &n.d);
	for (; i < v.len && v.p[i] >= '0' && v.p[i] <= '9'; i++) {
		unsigned d = (unsigned)(v.p[i] - '0');

		if (u > (UINT64_MAX - d) / 10)
			return n;
		u = u * 10 + d;
	}
	if (i < v.len || (neg && (!u || u > (uint64_t)INT64_MAX + 1)))
		return n;
	n.kind = neg;
	n.u = u;
	return n;
}

int snum_eq(const struct snum *a, const struct snum *b)
{
	return a->kind == b->kind && (a->kind == 2 ? a->d == b->d : a->u == b->u);
}

static int equal_arrays(struct select *t, struct jspan a, struct jspan b)
{
	struct jiter x = jiter_open(a), y = jiter_open(b);
	struct jspan k, v, w;

	for (;;) {
		int more = jiter_next(&x, &k, &v);

		if (jiter_next(&y, &k, &w) != more)
			return 0;
		if (!more)
			return 1;
		if (!sequal(t, v, w))
			return 0;
	}
}

static int equal_objects(struct select *t, struct jspan a, struct jspan b)
{
	struct smember *x, *y;
	size_t n = ssorted(t, a, &x);

	if (ssorted(t, b, &y) != n)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!same_key(&x[i], &y[i]) || !sequal(t, x[i].v, y[i].v))
			return 0;
	return 1;
}

int sequal(struct select *t, struct jspan a, struct jspan b)
{
	enum jtype ta = jspan_type(a);
	struct snum x, y;
	const char *s, *u;
	size_t n, m;

	if (ta != jspan_type(b))
		return 0;
	switch (ta) {
	case JT_NUMBER:
		x = snum_of(a);
		y = snum_of(b);
		return snum_eq(&x, &y);
	case JT_STRING:
		s = sstring(t, a, &n);
		u = sstring(t, b, &m);
		return n == m && !memcmp(s, u, n);
	case JT_ARRAY:
		return equal_arrays(t, a, b);
	case JT_OBJECT:
		return equal_objects(t, a, b);
	default:
		return 1;
	}
}

/* --- evaluation -------------------------------------------------------------------------------- */

int select_true(struct select *t, int e, int any)
{
	const struct expr *x = &t->set->expr[e];

	return x->jq ? jq_true(t, x->jq, any) : path_found(t, x->path);
}

int select_value(struct select *t, int e, struct jspan *v)
{
	const struct expr *x = &t->set->expr[e];

	return x->jq ? jq_value(t, x->jq, v) : path_value(t, x->path, v);
}
