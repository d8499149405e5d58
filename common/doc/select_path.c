/* JSONPath as jsonpath-rust 0.3.5 reads and evaluates it.  Its grammar is a parsing expression
 * grammar: choices are tried in order, white space may stand between all tokens but inside a key. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "doc/select_int.h"

enum step_kind {
	S_ROOT,
	S_FIELD,
	S_DESCENT,
	S_DESCENT_ALL,
	S_WILD,
	S_CURRENT,
	S_INDEX,
	S_INDEXES,
	S_KEYS,
	S_SLICE,
	S_FILTER,
	S_LENGTH
};

struct step {
	enum step_kind kind;
	struct skey key;    /* FIELD, DESCENT */
	struct skey *keys;  /* KEYS */
	uint64_t *index;    /* INDEXES; INDEX: one */
	size_t n;           /* of keys or indexes */
	int64_t start, end; /* SLICE */
	uint64_t by;
	struct path *sub;  /* CURRENT: what follows @ (may be NULL) */
	struct cond *cond; /* FILTER */
	const char *from;  /* its text, for the list that a lone index is in a condition */
	size_t from_len;
	int whole_numbers; /* INDEXES: fit to index with */
};

struct path {
	struct step *step;
	size_t n;
	int single;       /* every step leads to one value at most */
	int counts_nodes; /* length() at the end counts the nodes before it */
};

enum op {
	O_EQ,
	O_NE,
	O_GE,
	O_GT,
	O_LE,
	O_LT,
	O_IN,
	O_NIN,
	O_SIZE,
	O_NONE_OF,
	O_ANY_OF,
	O_SUBSET,
	O_EXISTS
};

struct operand {
	struct path *path; /* NULL: constant */
	struct jspan value;
	int is_num;
	struct snum num;
};

enum cond_kind { C_ATOM, C_AND, C_OR, C_NOT };

struct cond {
	enum cond_kind kind;
	enum op op;
	struct operand l, r;
	struct cond *a, *b;
};

/* --- parser ------------------------------------------------------------------------------------ */

static struct path *parse_chain(struct scomp *c);
static int check_indexes(const struct scomp *c, const struct step *s);
static struct cond *parse_or(struct scomp *c);

static int is_key_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       (ch && strchr("_-/\\#", ch));
}

/* A key of letters, digits and _-/\#. 1, 0 when there is none. */
static int take_plain_key(struct scomp *c, struct skey *key)
{
	size_t n = 0;

	if (!strncmp(c->p, "length()", 8))
		return 0;
	while (is_key_char(c->p[n]))
		n++;
	if (!n)
		return 0;
	key->s = scomp_strndup(c, c->p, n);
	key->name = -1;
	c->p += n;
	return 1;
}

/* Length of a string 'x' with its quotes, escapes checked but left as they are (the original takes
 * the text between the quotes as it stands); 0 when there is none. */
static size_t string_len(const char *p)
{
	const char *s = p;

	if (*s++ != '\'')
		return 0;
	for (; *s && *s != '\''; s++) {
		if (*s == '"')
			return 0;
		if (*s == '\\' && (!s[1] || !strchr("\"'\\/bfnrtu()", *++s)))
			return 0;
	}
	return *s ? (size_t)(s + 1 - p) : 0;
}

static int take_string(struct scomp *c, struct skey *key)
{
	size_t n = string_len(c->p);

	if (!n)
		return 0;
	key->s = scomp_strndup(c, c->p + 1, n - 2);
	key->name = -1;
	c->p += n;
	return 1;
}

/* ['key'] without white space. */
static int take_quoted_key(struct scomp *c, struct skey *key)
{
	const char *start = c->p;

	if (*c->p != '[')
		return 0;
	c->p++;
	if (take_string(c, key) && *c->p == ']') {
		c->p++;
		return 1;
	}
	c->p = start;
	return 0;
}

static size_t number_len(const char *p)
{
	const char *s = p;
	size_t n;

	s += *s == '-';
	if (*s == '0')
		s++;
	else if (*s >= '1' && *s <= '9')
		s += strspn(s, "0123456789");
	else
		return 0;
	if (*s == '.' && (n = strspn(s + 1, "0123456789")))
		s += 1 + n;
	if (*s == 'e' || *s == 'E') {
		const char *e = s + 1;

		e += *e == '+' || *e == '-';
		n = strspn(e, "0123456789");
		if (n)
			s = e + n;
	}
	return (size_t)(s - p);
}

static int take(struct scomp *c, const char *token)
{
	size_t n = strlen(token);

	scomp_space(c);
	if (strncmp(c->p, token, n))
		return 0;
	c->p += n;
	return 1;
}

static int parse_whole(struct scomp *c, const char *at, size_t n, uint64_t *out)
{
	char *s = xstrndup(at, n);
	int rc = num_u64(s, 0, INT64_MAX, out);

	free(s);
	return rc < 0 ? scomp_fail(c, at, "'%.*s' is too large", (int)n, at) : 0;
}

/* 'a','b'… */
static int parse_keys(struct scomp *c, struct step *s)
{
	size_t cap = 0;

	s->kind = S_KEYS;
	do {
		struct skey *k;

		if (s->n == cap) {
			cap = cap ? 2 * cap : 8;
			k = scomp_alloc(c, cap * sizeof *k);
			if (s->n)
				memcpy(k, s->keys, s->n * sizeof *k);
			s->keys = k;
		}
		scomp_space(c);
		if (!take_string(c, &s->keys[s->n++]))
			return scomp_fail(c, c->p, "a string in single quotes is expected");
	} while (take(c, ","));
	return s->n > 1 ? 0 : scomp_fail(c, c->p, "white space around a single key");
}

/* 1,2…: indexes, or in a condition a list of numbers. */
static int parse_indexes(struct scomp *c, struct step *s)
{
	size_t cap = 0;

	s->kind = S_INDEXES;
	s->whole_numbers = 1;
	do {
		size_t len;
		uint64_t *v;

		if (s->n == cap) {
			cap = cap ? 2 * cap : 8;
			v = scomp_alloc(c, cap * sizeof *v);
			if (s->n)
				memcpy(v, s->index, s->n * sizeof *v);
			s->index = v;
		}
		scomp_space(c);
		len = number_len(c->p);
		if (!len)
			return scomp_fail(c, c->p, "a number is expected");
		if (strspn(c->p, "0123456789") < len)
			s->whole_numbers = 0;
		else if (parse_whole(c, c->p, len, &s->index[s->n]) < 0)
			return -1;
		s->n++;
		c->p += len;
	} while (take(c, ","));
	return 0;
}

/* An integer of a slice: *v stays when there is none (or when it does not fit: 32 bits). */
static void take_signed(struct scomp *c, int64_t *v)
{
	const char *start;
	int neg;
	size_t n;
	double d;
	char *s;

	scomp_space(c);
	start = c->p;
	neg = *c->p == '-';
	c->p += neg;
	if (neg)
		scomp_space(c);
	n = *c->p == '0' ? 1 : strspn(c->p, "0123456789");
	if (!n) {
		c->p = start;
		return;
	}
	s = xstrndup(c->p, n);
	if (num_f64(s, &d) == 0 && d <= 2147483647.0)
		*v = neg ? -(int64_t)d : (int64_t)d;
	free(s);
	c->p += n;
}

/* [start]:[end][:step] */
static int parse_slice(struct scomp *c, struct step *s)
{
	int64_t by = 1;

	s->kind = S_SLICE;
	take_signed(c, &s->start);
	if (!take(c, ":"))
		return scomp_fail(c, c->p, "':' or ']' is expected");
	take_signed(c, &s->end);
	if (take(c, ":")) {
		const char *at = c->p;

		take_signed(c, &by);
		if (by < 1)
			return scomp_fail(c, at, "a step must be at least 1");
	}
	s->by = (uint64_t)by;
	return 0;
}

static int parse_filter(struct scomp *c, struct step *s)
{
	s->kind = S_FILTER;
	if (!take(c, "("))
		return scomp_fail(c, c->p, "'(' is expected after '?'");
	s->cond = parse_or(c);
	if (!s->cond)
		return -1;
	return take(c, ")") ? 0 : scomp_fail(c, c->p, "')' or an operator is expected");
}

/* Is "1" followed by ",": a list of indexes? */
static int list_follows(const struct scomp *c)
{
	struct scomp d = *c;
	size_t n = number_len(d.p);

	d.p += n;
	return n && take(&d, ",");
}

/* What stands in brackets, after '['. */
static int parse_brackets(struct scomp *c, struct step *s)
{
	size_t n;

	scomp_space(c);
	if (*c->p == '?') {
		c->p++;
		return parse_filter(c, s);
	}
	if (*c->p == '\'')
		return parse_keys(c, s);
	if (list_follows(c))
		return parse_indexes(c, s);
	n = *c->p == '0' ? 1 : strspn(c->p, "0123456789");
	if (n && (c->p[n] == ']' || strchr(" \t\r\n", c->p[n]))) {
		struct scomp d = *c;

		d.p += n;
		if (!take(&d, ":")) {
			s->kind = S_INDEX;
			s->index = scomp_alloc(c, sizeof *s->index);
			s->n = 1;
			if (parse_whole(c, c->p, n, s->index) < 0)
				return -1;
			c->p += n;
			return 0;
		}
	}
	if (*c->p == '-' || *c->p == ':' || n)
		return parse_slice(c, s);
	if (*c->p == '"')
		return scomp_fail(c, c->p, "keys stand in single quotes");
	return scomp_fail(c, c->p, "an index, a slice, keys in single quotes or '?(' is expected");
}

/* The step at c->p in the order of the grammar; 1, 0 when none begins here, -1. */
static int parse_dots(struct scomp *c, struct step *s)
{
	const char *start = c->p;

	if (*c->p != '.')
		return 0;
	c->p++;
	if (take(c, ".")) {
		scomp_space(c);
		if (take_plain_key(c, &s->key) || take_quoted_key(c, &s->key)) {
			s->kind = S_DESCENT;
			return 1;
		}
		if (take(c, "*")) {
			s->kind = S_DESCENT_ALL;
			return 1;
		}
		return scomp_fail(c, c->p, "a key or '*' is expected after '..'");
	}
	if (take(c, "*")) {
		s->kind = S_WILD;
		return 1;
	}
	c->p = start;
	return 0;
}

static int parse_wild_brackets(struct scomp *c, struct step *s)
{
	const char *start = c->p;

	take(c, ".");
	if (take(c, "[") && take(c, "*") && take(c, "]")) {
		s->kind = S_WILD;
		return 1;
	}
	c->p = start;
	return 0;
}

static int parse_field(struct scomp *c, struct step *s)
{
	const char *start = c->p;

	s->kind = S_FIELD;
	c->p += *c->p == '.';
	if (take_quoted_key(c, &s->key) || (c->p > start && take_plain_key(c, &s->key)))
		return 1;
	c->p = start;
	return 0;
}

static int parse_length(struct scomp *c, struct step *s)
{
	const char *start = c->p;

	s->kind = S_LENGTH;
	if (take(c, ".") && take(c, "length") && take(c, "(") && take(c, ")"))
		return 1;
	c->p = start;
	return 0;
}

static int parse_index(struct scomp *c, struct step *s)
{
	const char *start = c->p;

	take(c, ".");
	if (!take(c, "[")) {
		c->p = start;
		return 0;
	}
	s->from = c->p;
	if (parse_brackets(c, s) < 0)
		return -1;
	s->from_len = (size_t)(c->p - s->from);
	return take(c, "]") ? 1 : scomp_fail(c, c->p, "']' is expected");
}

static int parse_step(struct scomp *c, struct step *s)
{
	int rc;

	memset(s, 0, sizeof *s);
	scomp_space(c);
	if (*c->p == '$') {
		c->p++;
		s->kind = S_ROOT;
		return 1;
	}
	rc = parse_dots(c, s);
	if (!rc)
		rc = parse_wild_brackets(c, s);
	if (rc)
		return rc;
	if (*c->p == '@') {
		c->p++;
		s->kind = S_CURRENT;
		s->sub = parse_chain(c);
		if (!s->sub || (s->sub->n && check_indexes(c, s->sub->step) < 0))
			return -1;
		return 1;
	}
	rc = parse_field(c, s);
	if (!rc)
		rc = parse_index(c, s);
	if (!rc)
		rc = parse_length(c, s);
	return rc;
}

/* Of a chain of more than two steps that ends in length(): does it count the nodes? */
static int counts_nodes(const struct step *s, size_t n)
{
	int yes = 0;

	if (n < 3 || s[n - 1].kind != S_LENGTH)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i].kind == S_INDEXES || s[i].kind == S_KEYS || s[i].kind == S_SLICE ||
		    s[i].kind == S_FILTER || s[i].kind == S_WILD)
			yes = 1;
		else if (s[i].kind == S_INDEX)
			yes = 0;
	}
	return yes;
}

static int is_single(const struct step *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].kind != S_ROOT && s[i].kind != S_FIELD && s[i].kind != S_INDEX &&
		    !(s[i].kind == S_CURRENT && s[i].sub->single))
			return 0;
	return 1;
}

/* Numbers in brackets are indexes, unless they stand alone as a list in a condition. */
static int check_indexes(const struct scomp *c, const struct step *s)
{
	if (s->kind != S_INDEXES || s->whole_numbers)
		return 0;
	return scomp_fail(c, s->from, "indexes must be whole numbers, not negative");
}

/* As many steps as there are, perhaps none.  NULL on error. */
static struct path *parse_chain(struct scomp *c)
{
	struct path *p = scomp_alloc(c, sizeof *p);
	size_t cap = 0;
	int rc;

	if (++c->depth > SELECT_DEPTH) {
		scomp_fail(c, c->p, "nested too deep");
		return NULL;
	}
	do {
		if (p->n == cap) {
			struct step *s;

			cap = cap ? 2 * cap : 8;
			s = scomp_alloc(c, cap * sizeof *s);
			if (p->n)
				memcpy(s, p->step, p->n * sizeof *s);
			p->step = s;
		}
		rc = parse_step(c, &p->step[p->n]);
		if (rc > 0 && p->n)
			rc = check_indexes(c, &p->step[p->n]) < 0 ? -1 : 1;
		p->n += rc > 0;
	} while (rc > 0);
	c->depth--;
	p->single = is_single(p->step, p->n);
	p->counts_nodes = counts_nodes(p->step, p->n);
	return rc < 0 ? NULL : p;
}

/* --- constants --------------------------------------------------------------------------------- */

static struct jspan keep(struct scomp *c, struct buf *b)
{
	struct jspan v = {scomp_strndup(c, b->p, b->len), b->len};

	buf_release(b);
	return v;
}

static struct jspan constant_string(struct scomp *c, const char *s)
{
	struct buf b = {0};

	jstr_put(&b, s, strlen(s));
	return keep(c, &b);
}

/* A lone key, or a list in brackets, is a constant list in a condition. */
static int constant_list(struct scomp *c, const struct path *p, struct jspan *v)
{
	const struct step *s = p->step;
	struct buf b = {0};

	if (p->n != 1 || (s->kind != S_FIELD && s->kind != S_KEYS && s->kind != S_INDEXES))
		return 0;
	buf_chr(&b, '[');
	if (s->kind == S_FIELD)
		jstr_put(&b, s->key.s, strlen(s->key.s));
	for (size_t i = 0; s->kind == S_KEYS && i < s->n; i++) {
		if (i)
			buf_chr(&b, ',');
		jstr_put(&b, s->keys[i].s, strlen(s->keys[i].s));
	}
	if (s->kind == S_INDEXES)
		buf_add(&b, s->from, s->from_len);
	buf_chr(&b, ']');
	*v = keep(c, &b);
	return 1;
}

static int parse_constant(struct scomp *c, struct operand *o)
{
	static const char *const words[] = {"true", "false", "null"};
	struct skey key;
	size_t n;

	if (take_string(c, &key)) {
		o->value = constant_string(c, key.s);
		return 0;
	}
	n = number_len(c->p);
	for (int i = 0; !n && i < 3; i++)
		if (!strncmp(c->p, words[i], strlen(words[i])))
			n = strlen(words[i]);
	if (!n && *c->p == '"')
		return scomp_fail(c, c->p, "strings stand in single quotes");
	if (!n)
		return scomp_fail(
		    c, c->p, "a path, a string, a number, true, false or null is expected");
	o->value = (struct jspan){scomp_strndup(c, c->p, n), n};
	o->is_num = jspan_type(o->value) == JT_NUMBER;
	if (o->is_num)
		o->num = snum_of(o->value);
	c->p += n;
	return 0;
}

static int parse_operand(struct scomp *c, struct operand *o)
{
	memset(o, 0, sizeof *o);
	scomp_space(c);
	if (!*c->p || !strchr("$.[@", *c->p))
		return parse_constant(c, o);
	o->path = parse_chain(c);
	if (!o->path)
		return -1;
	if (!o->path->n)
		return scomp_fail(c, c->p, "a path is expected");
	if (!constant_list(c, o->path, &o->value))
		return check_indexes(c, o->path->step);
	o->path = NULL;
	return 0;
}

static const struct {
	const char *sign;
	enum op op;
} signs[] = {
    {"==", O_EQ},
    {"!=", O_NE},
    {">=", O_GE},
    {">", O_GT},
    {"<=", O_LE},
    {"<", O_LT},
    {"in", O_IN},
    {"nin", O_NIN},
    {"size", O_SIZE},
    {"noneOf", O_NONE_OF},
    {"anyOf", O_ANY_OF},
    {"subsetOf", O_SUBSET},
};

/* 1 with *op, 0 when none follows, -1. */
static int parse_sign(struct scomp *c, enum op *op)
{
	scomp_space(c);
	if (!strncmp(c->p, "~=", 2))
		return scomp_fail(c, c->p, "operator '~=' (regular expressions) is not supported");
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (take(c, signs[i].sign)) {
			*op = signs[i].op;
			return 1;
		}
	return 0;
}

static struct cond *parse_atom(struct scomp *c)
{
	struct cond *k = scomp_alloc(c, sizeof *k);
	int rc;

	scomp_space(c);
	if (*c->p == '(') {
		c->p++;
		k = parse_or(c);
		if (k && !take(c, ")")) {
			scomp_fail(c, c->p, "')' is expected");
			return NULL;
		}
		return k;
	}
	k->kind = C_ATOM;
	if (parse_operand(c, &k->l) < 0)
		return NULL;
	rc = parse_sign(c, &k->op);
	if (rc < 0)
		return NULL;
	if (!rc)
		k->op = O_EXISTS;
	else if (parse_operand(c, &k->r) < 0)
		return NULL;
	return k;
}

static struct cond *parse_not(struct scomp *c)
{
	struct cond *k;

	if (!take(c, "!"))
		return parse_atom(c);
	k = scomp_alloc(c, sizeof *k);
	k->kind = C_NOT;
	k->a = parse_atom(c);
	return k->a ? k : NULL;
}

static struct cond *join(struct scomp *c, enum cond_kind kind, struct cond *a, struct cond *b)
{
	struct cond *k = scomp_alloc(c, sizeof *k);

	k->kind = kind;
	k->a = a;
	k->b = b;
	return k;
}

static struct cond *parse_and(struct scomp *c)
{
	struct cond *a = parse_not(c), *b;

	while (a && take(c, "&&")) {
		b = parse_not(c);
		a = b ? join(c, C_AND, a, b) : NULL;
	}
	return a;
}

static struct cond *parse_or(struct scomp *c)
{
	struct cond *a, *b;

	if (++c->depth > SELECT_DEPTH) {
		scomp_fail(c, c->p, "nested too deep");
		return NULL;
	}
	a = parse_and(c);
	while (a && take(c, "||")) {
		b = parse_and(c);
		a = b ? join(c, C_OR, a, b) : NULL;
	}
	c->depth--;
	return a;
}

/* --- names of attributes ----------------------------------------------------------------------- */

/* Where a path stands: at the document, at its "attributes", or elsewhere. */
enum place { AT_ELSEWHERE, AT_ROOT, AT_ATTRIBUTES };

static enum place name_chain(struct scomp *c, struct path *p, enum place at);

static void name_operand(struct scomp *c, struct operand *o, enum place at)
{
	if (o->path)
		name_chain(c, o->path, at);
}

static void name_cond(struct scomp *c, struct cond *k, enum place at)
{
	if (k->kind == C_ATOM) {
		name_operand(c, &k->l, at);
		name_operand(c, &k->r, at);
		return;
	}
	name_cond(c, k->a, at);
	if (k->b)
		name_cond(c, k->b, at);
}

static enum place name_step(struct scomp *c, struct step *s, enum place at)
{
	switch (s->kind) {
	case S_ROOT:
		return AT_ROOT;
	case S_FIELD:
		if (at == AT_ATTRIBUTES)
			s->key.name = scomp_name(c, s->key.s);
		return at == AT_ROOT && !strcmp(s->key.s, "attributes") ? AT_ATTRIBUTES
									: AT_ELSEWHERE;
	case S_KEYS:
		for (size_t i = 0; at == AT_ATTRIBUTES && i < s->n; i++)
			s->keys[i].name = scomp_name(c, s->keys[i].s);
		return AT_ELSEWHERE;
	case S_CURRENT:
		return name_chain(c, s->sub, at);
	case S_FILTER:
		name_cond(c, s->cond, at);
		return at;
	default:
		return AT_ELSEWHERE;
	}
}

static enum place name_chain(struct scomp *c, struct path *p, enum place at)
{
	for (size_t i = 0; i < p->n; i++)
		at = name_step(c, &p->step[i], at);
	return at;
}

struct path *path_compile(struct scomp *c)
{
	struct path *p = parse_chain(c);

	if (!p)
		return NULL;
	scomp_space(c);
	if (*c->p || !p->n) {
		scomp_fail(c, c->p, *c->p ? "'%.20s' is not understood" : "the expression ends%s",
		    *c->p ? c->p : "");
		return NULL;
	}
	if (check_indexes(c, p->step) < 0)
		return NULL;
	name_chain(c, p, AT_ROOT);
	return p;
}

/* --- evaluation -------------------------------------------------------------------------------- */

/* What a step leads to: a value of the document, a number made by length(), or nothing, which the
 * original keeps as a node of its own. */
struct node {
	struct jspan v; /* p NULL: nothing */
	int made;       /* v is the text of a new number */
};

struct nodes {
	struct node *a;
	size_t n, cap;
};

static void add(struct select *t, struct nodes *o, struct jspan v)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 8;
		struct node *a = salloc(t, cap * sizeof *a);

		if (o->n)
			memcpy(a, o->a, o->n * sizeof *a);
		o->a = a;
		o->cap = cap;
	}
	o->a[o->n++] = (struct node){v, 0};
}

static void add_nothing(struct select *t, struct nodes *o)
{
	add(t, o, (struct jspan){NULL, 0});
}

static int holds(struct select *t, const struct cond *k, struct jspan v);
static void run_chain(struct select *t, const struct path *p, struct node from, struct nodes *out);

/* All children, objects in order of their keys; nothing when there are none. */
static void add_children(struct select *t, struct jspan v, struct nodes *out)
{
	struct jiter it;
	struct jspan k, e;
	struct smember *m;
	size_t before = out->n;

	if (jspan_type(v) == JT_OBJECT) {
		size_t n = ssorted(t, v, &m);

		for (size_t i = 0; i < n; i++)
			add(t, out, m[i].v);
	} else {
		it = jiter_open(v);
		while (jiter_next(&it, &k, &e))
			add(t, out, e);
	}
	if (out->n == before)
		add_nothing(t, out);
}

/* Every value below v, parents first. */
static void add_below(struct select *t, struct jspan v, struct nodes *out)
{
	struct nodes kids = {0};

	add_children(t, v, &kids);
	for (size_t i = 0; i < kids.n; i++)
		if (kids.a[i].v.p) {
			add(t, out, kids.a[i].v);
			add_below(t, kids.a[i].v, out);
		}
}

/* v's member of that key, then those of everything below. */
static void add_by_key(struct select *t, struct jspan v, const struct skey *key, struct nodes *out)
{
	struct nodes kids = {0};
	struct jspan m = sfield(t, v, key);

	if (m.p)
		add(t, out, m);
	add_children(t, v, &kids);
	for (size_t i = 0; i < kids.n; i++)
		if (kids.a[i].v.p)
			add_by_key(t, kids.a[i].v, key, out);
}

/* Where a slice bound lies in a list of n; -1: outside. */
static int64_t bound(int64_t i, int64_t n)
{
	if (i >= 0)
		return i > n ? -1 : i;
	return i < -n ? -1 : n + i;
}

static void add_slice(struct select *t, const struct step *s, struct jspan v, struct nodes *out)
{
	int64_t n = (int64_t)scount(v), from = bound(s->start, n), to = bound(s->end, n);
	size_t before = out->n;

	if (jspan_type(v) == JT_ARRAY && from >= 0 && to >= 0) {
		if (!to)
			to = n;
		for (int64_t i = from; i < to; i += (int64_t)s->by) {
			struct jspan e = sindex(v, (uint64_t)i);

			if (e.p)
				add(t, out, e);
		}
	}
	if (out->n == before)
		add_nothing(t, out);
}

/* The elements of a list that hold, or the value itself. */
static void add_filtered(struct select *t, const struct cond *k, struct jspan v, struct nodes *out)
{
	size_t before = out->n;

	if (jspan_type(v) == JT_ARRAY) {
		struct jiter it = jiter_open(v);
		struct jspan key, e;

		while (jiter_next(&it, &key, &e))
			if (holds(t, k, e))
				add(t, out, e);
	} else if (holds(t, k, v)) {
		add(t, out, v);
	}
	if (out->n == before)
		add_nothing(t, out);
}

static void run_step(struct select *t, const struct step *s, struct node in, struct nodes *out)
{
	size_t before = out->n;

	if (s->kind == S_ROOT) {
		add(t, out, sroot(t));
		return;
	}
	if (s->kind == S_CURRENT) {
		run_chain(t, s->sub, in, out);
		return;
	}
	if (!in.v.p || in.made) {
		size_t n = s->kind == S_KEYS || s->kind == S_INDEXES ? s->n : 1;

		if (s->kind == S_DESCENT_ALL && in.made)
			n = 0;
		while (n--)
			add_nothing(t, out);
		return;
	}
	switch (s->kind) {
	case S_FIELD:
		add(t, out, sfield(t, in.v, &s->key));
		break;
	case S_KEYS:
		for (size_t i = 0; i < s->n; i++)
			add(t, out, sfield(t, in.v, &s->keys[i]));
		break;
	case S_INDEX:
	case S_INDEXES:
		for (size_t i = 0; i < s->n; i++)
			add(t, out, sindex(in.v, s->index[i]));
		break;
	case S_WILD:
		add_children(t, in.v, out);
		break;
	case S_DESCENT:
		add_by_key(t, in.v, &s->key, out);
		if (out->n == before)
			add_nothing(t, out);
		break;
	case S_DESCENT_ALL:
		add_below(t, in.v, out);
		break;
	case S_SLICE:
		add_slice(t, s, in.v, out);
		break;
	default:
		add_filtered(t, s->cond, in.v, out);
	}
}

static void add_number(struct select *t, size_t n, struct nodes *out)
{
	char *s = salloc(t, 24);
	struct buf b = {0};

	buf_u64(&b, n);
	memcpy(s, b.p, b.len);
	add(t, out, (struct jspan){s, b.len});
	out->a[out->n - 1].made = 1;
	buf_release(&b);
}

/* length() over all nodes: how many there are, or how long the first one (a list) is. */
static void run_length(
    struct select *t, const struct path *p, const struct nodes *in, struct nodes *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n; i++)
		n += in->a[i].v.p != NULL;
	if (in->n && !n)
		add_nothing(t, out);
	else if (p->counts_nodes)
		add_number(t, n, out);
	else if (in->n && !in->a[0].made && jspan_type(in->a[0].v) == JT_ARRAY)
		add_number(t, scount(in->a[0].v), out);
	else
		add_nothing(t, out);
}

static void run_chain(struct select *t, const struct path *p, struct node from, struct nodes *out)
{
	struct node one[1] = {from};
	struct nodes in = {one, 1, 1};

	for (size_t i = 0; i < p->n; i++) {
		struct nodes next = {0};

		if (p->step[i].kind == S_LENGTH)
			run_length(t, p, &in, &next);
		else
			for (size_t k = 0; k < in.n; k++)
				run_step(t, &p->step[i], in.a[k], &next);
		in = next;
	}
	for (size_t k = 0; k < in.n; k++) {
		add(t, out, in.a[k].v);
		out->a[out->n - 1].made = in.a[k].made;
	}
}

/* The same for a path that leads to one value at most, without making lists. */
static struct jspan run_single(struct select *t, const struct path *p, struct jspan v)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = &p->step[i];

		if (s->kind == S_ROOT)
			v = sroot(t);
		else if (s->kind == S_CURRENT)
			v = run_single(t, s->sub, v);
		else if (!v.p)
			continue;
		else if (s->kind == S_FIELD)
			v = sfield(t, v, &s->key);
		else
			v = sindex(v, s->index[0]);
	}
	return v;
}

/* Values of an operand: those of the document only, numbers of length() do not take part. */
static void values(struct select *t, const struct operand *o, struct jspan at, struct nodes *out)
{
	struct nodes all = {0};
	struct jspan v;

	if (!o->path) {
		add(t, out, o->value);
	} else if (o->path->single) {
		v = run_single(t, o->path, at);
		if (v.p)
			add(t, out, v);
	} else {
		run_chain(t, o->path, (struct node){at, 0}, &all);
		for (size_t i = 0; i < all.n; i++)
			if (all.a[i].v.p && !all.a[i].made)
				add(t, out, all.a[i].v);
	}
}

static int all_equal(struct select *t, const struct nodes *l, const struct nodes *r)
{
	if (l->n != r->n)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		if (!sequal(t, l->a[i].v, r->a[i].v))
			return 0;
	return 1;
}

static int less(const struct nodes *l, const struct nodes *r)
{
	double x, y;

	return l->n == 1 && r->n == 1 && jspan_num(l->a[0].v, &x) == 0 &&
	       jspan_num(r->a[0].v, &y) == 0 && x < y;
}

/* Is v among the elements of a list (or the values of an object)? */
static int contains(struct select *t, struct jspan container, struct jspan v)
{
	struct jiter it = jiter_open(container);
	struct jspan k, e;

	while (jiter_next(&it, &k, &e))
		if (sequal(t, e, v))
			return 1;
	return 0;
}

static int in_list(struct select *t, const struct nodes *l, const struct nodes *r)
{
	for (size_t i = 0; r->n && i < l->n; i++)
		if (contains(t, r->a[0].v, l->a[i].v))
			return 1;
	return 0;
}

static int any_of(struct select *t, const struct nodes *l, const struct nodes *r)
{
	if (!l->n)
		return 1;
	if (!r->n || jspan_type(r->a[0].v) != JT_ARRAY)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		struct jspan v = l->a[i].v, k, e;
		struct jiter it = jiter_open(v);

		if (jspan_type(v) != JT_ARRAY) {
			if (contains(t, r->a[0].v, v))
				return 1;
			continue;
		}
		while (jiter_next(&it, &k, &e))
			if (contains(t, r->a[0].v, e))
				return 1;
	}
	return 0;
}

static int subset_of(struct select *t, const struct nodes *l, const struct nodes *r)
{
	struct jiter it;
	struct jspan k, e;

	if (!l->n)
		return 1;
	if (!r->n || jspan_type(l->a[0].v) != JT_ARRAY || jspan_type(r->a[0].v) != JT_ARRAY ||
	    !scount(r->a[0].v))
		return 0;
	it = jiter_open(l->a[0].v);
	while (jiter_next(&it, &k, &e))
		if (!contains(t, r->a[0].v, e))
			return 0;
	return 1;
}

static int has_size(struct select *t, const struct nodes *l, const struct nodes *r)
{
	double want;

	if (!r->n || jspan_num(r->a[0].v, &want) < 0)
		return 0;
	/* The original truncates, and a negative number becomes 0. */
	want = want < 0 ? 0 : want;
	for (size_t i = 0; i < l->n; i++) {
		struct jspan v = l->a[i].v;
		struct smember *m;
		size_t n;

		switch (jspan_type(v)) {
		case JT_STRING:
			sstring(t, v, &n);
			break;
		case JT_ARRAY:
			n = scount(v);
			break;
		case JT_OBJECT:
			n = ssorted(t, v, &m);
			break;
		default:
			return 0;
		}
		if ((double)n > want || (double)n + 1 <= want)
			return 0;
	}
	return 1;
}

static int compare(struct select *t, enum op op, const struct nodes *l, const struct nodes *r)
{
	switch (op) {
	case O_EQ:
		return all_equal(t, l, r);
	case O_NE:
		return !all_equal(t, l, r);
	case O_LT:
		return less(l, r);
	case O_LE:
		return less(l, r) || all_equal(t, l, r);
	case O_GT:
		return less(r, l);
	case O_GE:
		return less(r, l) || all_equal(t, l, r);
	case O_IN:
		return in_list(t, l, r);
	case O_NIN:
		return !in_list(t, l, r);
	case O_SIZE:
		return has_size(t, l, r);
	case O_ANY_OF:
		return any_of(t, l, r);
	case O_NONE_OF:
		return !any_of(t, l, r);
	case O_SUBSET:
		return subset_of(t, l, r);
	default:
		return l->n > 0;
	}
}

/* The usual condition: a path to one value against a number. 1, 0, -1: not that. */
static int quick(struct select *t, const struct cond *k, struct jspan v)
{
	const struct snum *r = &k->r.num;
	struct snum l;

	if (!k->l.path || !k->l.path->single || !k->r.is_num || k->op > O_LT)
		return -1;
	v = run_single(t, k->l.path, v);
	if (jspan_type(v) != JT_NUMBER)
		return k->op == O_NE;
	l = snum_of(v);
	switch (k->op) {
	case O_EQ:
		return snum_eq(&l, r);
	case O_NE:
		return !snum_eq(&l, r);
	case O_LT:
		return l.d < r->d;
	case O_LE:
		return l.d < r->d || snum_eq(&l, r);
	case O_GT:
		return l.d > r->d;
	default:
		return l.d > r->d || snum_eq(&l, r);
	}
}

/* A part of && || !: on a list it holds when it holds for an element. */
static int part_holds(struct select *t, const struct cond *k, struct jspan v)
{
	struct jiter it;
	struct jspan key, e;

	if (jspan_type(v) != JT_ARRAY)
		return holds(t, k, v);
	it = jiter_open(v);
	while (jiter_next(&it, &key, &e))
		if (holds(t, k, e))
			return 1;
	return 0;
}

static int holds(struct select *t, const struct cond *k, struct jspan v)
{
	struct nodes l = {0}, r = {0};
	int rc;

	switch (k->kind) {
	case C_AND:
		return part_holds(t, k->a, v) && part_holds(t, k->b, v);
	case C_OR:
		return part_holds(t, k->a, v) || part_holds(t, k->b, v);
	case C_NOT:
		return !part_holds(t, k->a, v);
	default:
		break;
	}
	rc = quick(t, k, v);
	if (rc >= 0)
		return rc;
	values(t, &k->l, v, &l);
	if (k->op != O_EXISTS)
		values(t, &k->r, v, &r);
	return compare(t, k->op, &l, &r);
}

static void find(struct select *t, const struct path *p, struct nodes *found)
{
	struct nodes all = {0};

	run_chain(t, p, (struct node){sroot(t), 0}, &all);
	for (size_t i = 0; i < all.n; i++)
		if (all.a[i].v.p)
			add(t, found, all.a[i].v);
}

int path_found(struct select *t, const struct path *p)
{
	struct nodes found = {0};

	if (p->single)
		return run_single(t, p, sroot(t)).p != NULL;
	find(t, p, &found);
	return found.n > 0;
}

int path_value(struct select *t, const struct path *p, struct jspan *v)
{
	struct nodes found = {0};
	struct buf b = {0};
	char *s;

	*v = (struct jspan){NULL, 0};
	find(t, p, &found);
	if (found.n == 1)
		*v = found.a[0].v;
	if (found.n < 2)
		return 0;
	for (size_t i = 0; i < found.n; i++) {
		buf_chr(&b, i ? ',' : '[');
		buf_add(&b, found.a[i].v.p, found.a[i].v.len);
	}
	buf_chr(&b, ']');
	s = salloc(t, b.len);
	memcpy(s, b.p, b.len);
	*v = (struct jspan){s, b.len};
	buf_release(&b);
	return 0;
}
