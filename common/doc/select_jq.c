/* A part of jq, with the results of jaq 1.2.  Values are the document's text until a calculation
 * makes new ones.  An expression gives a list of outputs; an error is an output too, which ends what
 * consumes it (jaq's rules), so that '?' can drop it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "doc/select_int.h"

enum kind { V_NULL, V_BOOL, V_NUMBER, V_STRING, V_ARRAY, V_OBJECT, V_ERROR };

struct value {
	enum kind kind;
	int is_int;  /* NUMBER: i counts, else d */
	int literal; /* NUMBER: not an integer, and from the document: always true in a filter */
	int truth;   /* BOOL */
	int64_t i;
	double d;
	const char *s; /* STRING, ERROR */
	size_t n;      /* STRING: bytes; ARRAY made by the expression: elements */
	struct value *item;
	struct jspan raw; /* p set: from the document; OBJECT always */
};

struct list {
	struct value *a;
	size_t n, cap;
};

enum node_kind {
	N_ID,
	N_CONST,
	N_ARRAY,
	N_PATH,
	N_PIPE,
	N_COMMA,
	N_ALT,
	N_OR,
	N_AND,
	N_COMPARE,
	N_MATH,
	N_NEG,
	N_IF,
	N_TRY,
	N_CALL
};

enum part_kind { P_KEY, P_INDEX, P_SLICE, P_ALL };

struct part {
	enum part_kind kind;
	struct skey key;
	struct node *from, *to; /* INDEX: from; SLICE: each may be NULL */
	int optional;
};

struct node;
typedef void call_fn(struct select *t, const struct node *n, struct value in, struct list *out);

struct node {
	enum node_kind kind;
	char op[3];         /* COMPARE, MATH */
	struct value value; /* CONST */
	struct node *a, *b, *c;
	struct part *part;
	size_t n_parts;
	call_fn *call;
};

struct jq {
	struct node *root;
};

/* --- values ------------------------------------------------------------------------------------ */

static struct value v_null(void)
{
	return (struct value){.kind = V_NULL};
}

static struct value v_bool(int truth)
{
	return (struct value){.kind = V_BOOL, .truth = truth};
}

static struct value v_int(int64_t i)
{
	return (struct value){.kind = V_NUMBER, .is_int = 1, .i = i, .d = (double)i};
}

static struct value v_float(double d)
{
	return (struct value){.kind = V_NUMBER, .d = d};
}

static struct value v_string(const char *s, size_t n)
{
	return (struct value){.kind = V_STRING, .s = s, .n = n};
}

static const char *const kind_names[] = {
    "null", "boolean", "number", "string", "array", "object", "error"};

static struct value v_error(struct select *t, const char *what, enum kind kind)
{
	char *s = salloc(t, 120);

	snprintf(s, 120, "%s %s", what, kind_names[kind]);
	return (struct value){.kind = V_ERROR, .s = s};
}

static struct value load(struct select *t, struct jspan raw)
{
	struct value v = {.raw = raw};
	size_t n;

	switch (jspan_type(raw)) {
	case JT_TRUE:
		return v_bool(1);
	case JT_FALSE:
		return v_bool(0);
	case JT_NUMBER:
		v.kind = V_NUMBER;
		v.is_int = jspan_i64(raw, &v.i) == 0 && !(v.i == 0 && *raw.p == '-');
		jspan_num(raw, &v.d);
		v.literal = !v.is_int;
		return v;
	case JT_STRING:
		v.kind = V_STRING;
		v.s = sstring(t, raw, &n);
		v.n = n;
		return v;
	case JT_ARRAY:
		v.kind = V_ARRAY;
		return v;
	case JT_OBJECT:
		v.kind = V_OBJECT;
		return v;
	default:
		return v_null();
	}
}

static void add(struct select *t, struct list *o, struct value v)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 4;
		struct value *a = salloc(t, cap * sizeof *a);

		if (o->n)
			memcpy(a, o->a, o->n * sizeof *a);
		o->a = a;
		o->cap = cap;
	}
	o->a[o->n++] = v;
}

/* The elements of a list, or the values of an object in order of its keys. */
static struct list elements(struct select *t, const struct value *v)
{
	struct list out = {0};
	struct jspan k, e;

	if (v->kind == V_ARRAY && !v->raw.p) {
		out.a = v->item;
		out.n = out.cap = v->n;
	} else if (v->kind == V_ARRAY) {
		struct jiter it = jiter_open(v->raw);

		while (jiter_next(&it, &k, &e))
			add(t, &out, load(t, e));
	} else {
		struct smember *m;
		size_t n = ssorted(t, v->raw, &m);

		for (size_t i = 0; i < n; i++)
			add(t, &out, load(t, m[i].v));
	}
	return out;
}

static size_t length_of(struct select *t, const struct value *v)
{
	struct smember *m;

	if (v->kind == V_STRING)
		return utf8_count(v->s, v->n);
	if (v->kind == V_OBJECT)
		return ssorted(t, v->raw, &m);
	return v->raw.p ? scount(v->raw) : v->n;
}

/* jq's truth: all but null and false. */
static int truth(const struct value *v)
{
	return v->kind != V_NULL && (v->kind != V_BOOL || v->truth);
}

/* Dolma's truth: neither 0 nor empty as well; but numbers with a point or an exponent in the
 * document count as true, whatever they are. */
static int filter_truth(struct select *t, const struct value *v)
{
	if (v->kind == V_NUMBER)
		return v->literal || (v->is_int ? v->i != 0 : v->d != 0);
	if (v->kind == V_STRING)
		return v->n > 0;
	if (v->kind == V_ARRAY || v->kind == V_OBJECT)
		return length_of(t, v) > 0;
	return truth(v);
}

/* --- order ------------------------------------------------------------------------------------- */

static int sign_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* A total order: -0 = 0, NaN above all (below all when its sign is set). */
static int compare_doubles(double a, double b)
{
	if (isnan(a) || isnan(b)) {
		int x = isnan(a) ? (signbit(a) ? -1 : 1) : 0,
		    y = isnan(b) ? (signbit(b) ? -1 : 1) : 0;

		return (x > y) - (x < y);
	}
	return (a > b) - (a < b);
}

static int compare_bytes(const char *a, size_t n, const char *b, size_t m)
{
	int c = memcmp(a, b, n < m ? n : m);

	return c ? (c > 0) - (c < 0) : (n > m) - (n < m);
}

static int compare(struct select *t, const struct value *a, const struct value *b);

static int compare_lists(struct select *t, const struct value *a, const struct value *b)
{
	struct list x = elements(t, a), y = elements(t, b);

	for (size_t i = 0; i < x.n && i < y.n; i++) {
		int c = compare(t, &x.a[i], &y.a[i]);

		if (c)
			return c;
	}
	return (x.n > y.n) - (x.n < y.n);
}

/* Empty first, then by the sorted keys, then by the values. */
static int compare_objects(struct select *t, const struct value *a, const struct value *b)
{
	struct smember *x, *y;
	size_t n = ssorted(t, a->raw, &x), m = ssorted(t, b->raw, &y);
	int c = 0;

	if (!n || !m)
		return (n > 0) - (m > 0);
	for (size_t i = 0; !c && i < n && i < m; i++)
		c = compare_bytes(x[i].key, x[i].len, y[i].key, y[i].len);
	if (!c)
		c = (n > m) - (n < m);
	for (size_t i = 0; !c && i < n; i++) {
		struct value v = load(t, x[i].v), w = load(t, y[i].v);

		c = compare(t, &v, &w);
	}
	return c;
}

/* null < false < true < numbers < strings < lists < objects */
static int compare(struct select *t, const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	switch (a->kind) {
	case V_BOOL:
		return a->truth - b->truth;
	case V_NUMBER:
		if (a->is_int && b->is_int)
			return sign_of(a->i, b->i);
		return compare_doubles(
		    a->is_int ? (double)a->i : a->d, b->is_int ? (double)b->i : b->d);
	case V_STRING:
		return compare_bytes(a->s, a->n, b->s, b->n);
	case V_ARRAY:
		return compare_lists(t, a, b);
	case V_OBJECT:
		return compare_objects(t, a, b);
	default:
		return 0;
	}
}

/* --- arithmetic -------------------------------------------------------------------------------- */

static struct value math_ints(struct select *t, char op, int64_t a, int64_t b)
{
	int64_t r = 0;
	int bad = 0;

	switch (op) {
	case '+':
		bad = __builtin_add_overflow(a, b, &r);
		break;
	case '-':
		bad = __builtin_sub_overflow(a, b, &r);
		break;
	case '*':
		bad = __builtin_mul_overflow(a, b, &r);
		break;
	case '/':
		return v_float((double)a / (double)b);
	default:
		bad = b == 0 || (a == INT64_MIN && b == -1);
		r = bad ? 0 : a % b;
	}
	return bad ? v_error(t, "overflow or division by zero:", V_NUMBER) : v_int(r);
}

static struct value math_floats(char op, double a, double b)
{
	switch (op) {
	case '+':
		return v_float(a + b);
	case '-':
		return v_float(a - b);
	case '*':
		return v_float(a * b);
	default:
		return v_float(a / b);
	}
}

static struct value joined(struct select *t, const struct value *a, const struct value *b)
{
	char *s = salloc(t, a->n + b->n);

	memcpy(s, a->s, a->n);
	memcpy(s + a->n, b->s, b->n);
	return v_string(s, a->n + b->n);
}

static struct value appended(struct select *t, const struct value *a, const struct value *b)
{
	struct list x = elements(t, a), y = elements(t, b), out = {0};

	for (size_t i = 0; i < x.n; i++)
		add(t, &out, x.a[i]);
	for (size_t i = 0; i < y.n; i++)
		add(t, &out, y.a[i]);
	return (struct value){.kind = V_ARRAY, .item = out.a, .n = out.n};
}

static struct value math(struct select *t, char op, const struct value *a, const struct value *b)
{
	if (op == '+' && a->kind == V_NULL)
		return *b;
	if (op == '+' && b->kind == V_NULL)
		return *a;
	if (a->kind == V_NUMBER && b->kind == V_NUMBER) {
		if (a->is_int && b->is_int)
			return math_ints(t, op, a->i, b->i);
		if (op != '%')
			return math_floats(
			    op, a->is_int ? (double)a->i : a->d, b->is_int ? (double)b->i : b->d);
	}
	if (op == '+' && a->kind == V_STRING && b->kind == V_STRING)
		return joined(t, a, b);
	if (op == '+' && a->kind == V_ARRAY && b->kind == V_ARRAY)
		return appended(t, a, b);
	return v_error(t, "cannot calculate with", a->kind == V_NUMBER ? b->kind : a->kind);
}

/* --- evaluation -------------------------------------------------------------------------------- */

static void eval(struct select *t, const struct node *n, struct value in, struct list *out);

static struct list run(struct select *t, const struct node *n, struct value in)
{
	struct list out = {0};

	eval(t, n, in, &out);
	return out;
}

/* Index i of n elements, from the end when negative; -1: outside. */
static int64_t absolute(int64_t i, size_t n)
{
	if (i < 0)
		i += (int64_t)n;
	return i >= 0 && i < (int64_t)n ? i : -1;
}

static struct value at_index(struct select *t, const struct value *v, const struct value *i)
{
	int64_t k;

	if (v->kind == V_ARRAY && i->kind == V_NUMBER && i->is_int) {
		size_t n = length_of(t, v);

		k = absolute(i->i, n);
		if (k < 0)
			return v_null();
		return v->raw.p ? load(t, sindex(v->raw, (uint64_t)k)) : v->item[k];
	}
	if (v->kind == V_OBJECT && i->kind == V_STRING)
		return load(t, sfield_n(t, v->raw, i->s, i->n, -1));
	if (v->kind == V_ARRAY || v->kind == V_OBJECT)
		return v_error(t,
		    v->kind == V_ARRAY ? "cannot index array with" : "cannot index object with",
		    i->kind);
	return v_error(t, "cannot index", v->kind);
}

static size_t clamp(const struct value *i, size_t n, size_t otherwise)
{
	if (!i)
		return otherwise;
	if (i->i < 0)
		return (uint64_t)-i->i > n ? 0 : n - (size_t)-i->i;
	return (uint64_t)i->i > n ? n : (size_t)i->i;
}

static struct value slice(
    struct select *t, const struct value *v, const struct value *from, const struct value *to)
{
	size_t n, a, b;

	if ((from && !(from->kind == V_NUMBER && from->is_int)) ||
	    (to && !(to->kind == V_NUMBER && to->is_int)))
		return v_error(t, "cannot slice with", from ? from->kind : to->kind);
	if (v->kind != V_ARRAY && v->kind != V_STRING)
		return v_error(t, "cannot slice", v->kind);
	n = length_of(t, v);
	a = clamp(from, n, 0);
	b = clamp(to, n, n);
	if (b < a)
		b = a;
	if (v->kind == V_STRING) {
		size_t x = utf8_offset(v->s, v->n, a), y = utf8_offset(v->s, v->n, b);

		return v_string(v->s + x, y - x);
	}
	struct list e = elements(t, v);
	return (struct value){.kind = V_ARRAY, .item = e.a + a, .n = b - a};
}

/* One part of a path on one value; `in` is what the whole path got, for the indexes. */
static void eval_part(struct select *t, const struct part *p, const struct value *v,
    struct value in, struct list *out)
{
	struct list from = {0}, to = {0}, e;

	switch (p->kind) {
	case P_KEY:
		if (v->kind == V_OBJECT)
			add(t, out, load(t, sfield(t, v->raw, &p->key)));
		else
			add(t, out,
			    v_error(t,
				v->kind == V_ARRAY ? "cannot index with a string:"
						   : "cannot index",
				v->kind));
		return;
	case P_ALL:
		if (v->kind != V_ARRAY && v->kind != V_OBJECT) {
			add(t, out, v_error(t, "cannot iterate over", v->kind));
			return;
		}
		e = elements(t, v);
		for (size_t i = 0; i < e.n; i++)
			add(t, out, e.a[i]);
		return;
	case P_INDEX:
		from = run(t, p->from, in);
		for (size_t i = 0; i < from.n; i++)
			add(t, out,
			    from.a[i].kind == V_ERROR ? from.a[i] : at_index(t, v, &from.a[i]));
		return;
	default:
		if (p->from)
			from = run(t, p->from, in);
		if (p->to)
			to = run(t, p->to, in);
		for (size_t i = 0; i < (p->from ? from.n : 1); i++)
			for (size_t k = 0; k < (p->to ? to.n : 1); k++)
				add(t, out,
				    slice(t, v, p->from ? &from.a[i] : NULL,
					p->to ? &to.a[k] : NULL));
	}
}

/* A path on one value: all parts, or one error. */
static void eval_parts(
    struct select *t, const struct node *n, struct value v, struct value in, struct list *out)
{
	struct list now = {0};

	add(t, &now, v);
	for (size_t i = 0; i < n->n_parts; i++) {
		struct list next = {0}, kept = {0};

		for (size_t k = 0; k < now.n; k++)
			eval_part(t, &n->part[i], &now.a[k], in, &next);
		for (size_t k = 0; k < next.n; k++) {
			if (next.a[k].kind != V_ERROR) {
				add(t, &kept, next.a[k]);
			} else if (!n->part[i].optional) {
				add(t, out, next.a[k]);
				return;
			}
		}
		now = kept;
	}
	for (size_t k = 0; k < now.n; k++)
		add(t, out, now.a[k]);
}

static void eval_path(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list base = run(t, n->a, in);

	for (size_t i = 0; i < base.n; i++) {
		if (base.a[i].kind == V_ERROR)
			add(t, out, base.a[i]);
		else
			eval_parts(t, n, base.a[i], in, out);
	}
}

static int compare_op(const char *op, int c)
{
	switch (op[0]) {
	case '=':
		return c == 0;
	case '!':
		return c != 0;
	case '<':
		return op[1] ? c <= 0 : c < 0;
	default:
		return op[1] ? c >= 0 : c > 0;
	}
}

static void eval_binary(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l = run(t, n->a, in);

	for (size_t i = 0; i < l.n; i++) {
		struct list r = run(t, n->b, in);

		for (size_t k = 0; k < r.n; k++) {
			if (l.a[i].kind == V_ERROR || r.a[k].kind == V_ERROR)
				add(t, out, l.a[i].kind == V_ERROR ? l.a[i] : r.a[k]);
			else if (n->kind == N_MATH)
				add(t, out, math(t, n->op[0], &l.a[i], &r.a[k]));
			else
				add(t, out,
				    v_bool(compare_op(n->op, compare(t, &l.a[i], &r.a[k]))));
		}
	}
}

static void eval_logic(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l = run(t, n->a, in), r;
	int stop = n->kind == N_OR;

	for (size_t i = 0; i < l.n; i++) {
		if (l.a[i].kind == V_ERROR) {
			add(t, out, l.a[i]);
			continue;
		}
		if (truth(&l.a[i]) == stop) {
			add(t, out, v_bool(stop));
			continue;
		}
		r = run(t, n->b, in);
		for (size_t k = 0; k < r.n; k++)
			add(t, out, r.a[k].kind == V_ERROR ? r.a[k] : v_bool(truth(&r.a[k])));
	}
}

/* l // r: the outputs of l that are true, or else those of r. */
static void eval_alt(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l = run(t, n->a, in);
	size_t before = out->n;

	for (size_t i = 0; i < l.n; i++)
		if (truth(&l.a[i]))
			add(t, out, l.a[i]);
	if (out->n == before)
		eval(t, n->b, in, out);
}

static void eval_if(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l = run(t, n->a, in);

	for (size_t i = 0; i < l.n; i++) {
		if (l.a[i].kind == V_ERROR)
			add(t, out, l.a[i]);
		else if (truth(&l.a[i]))
			eval(t, n->b, in, out);
		else if (n->c)
			eval(t, n->c, in, out);
		else
			add(t, out, in);
	}
}

static void eval_array(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list e = {0};

	if (n->a)
		e = run(t, n->a, in);
	for (size_t i = 0; i < e.n; i++)
		if (e.a[i].kind == V_ERROR) {
			add(t, out, e.a[i]);
			return;
		}
	add(t, out, (struct value){.kind = V_ARRAY, .item = e.a, .n = e.n});
}

static void eval_neg(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l = run(t, n->a, in);
	struct value zero = v_int(0);

	for (size_t i = 0; i < l.n; i++) {
		struct value *v = &l.a[i];

		if (v->kind == V_NUMBER && !v->is_int)
			add(t, out, v_float(-v->d));
		else if (v->kind == V_NUMBER)
			add(t, out, math(t, '-', &zero, v));
		else
			add(t, out,
			    v->kind == V_ERROR ? *v : v_error(t, "cannot negate", v->kind));
	}
}

static void eval(struct select *t, const struct node *n, struct value in, struct list *out)
{
	struct list l;

	switch (n->kind) {
	case N_ID:
		add(t, out, in);
		break;
	case N_CONST:
		add(t, out, n->value);
		break;
	case N_ARRAY:
		eval_array(t, n, in, out);
		break;
	case N_PATH:
		eval_path(t, n, in, out);
		break;
	case N_PIPE:
		l = run(t, n->a, in);
		for (size_t i = 0; i < l.n; i++) {
			if (l.a[i].kind == V_ERROR)
				add(t, out, l.a[i]);
			else
				eval(t, n->b, l.a[i], out);
		}
		break;
	case N_COMMA:
		eval(t, n->a, in, out);
		eval(t, n->b, in, out);
		break;
	case N_ALT:
		eval_alt(t, n, in, out);
		break;
	case N_OR:
	case N_AND:
		eval_logic(t, n, in, out);
		break;
	case N_COMPARE:
	case N_MATH:
		eval_binary(t, n, in, out);
		break;
	case N_NEG:
		eval_neg(t, n, in, out);
		break;
	case N_IF:
		eval_if(t, n, in, out);
		break;
	case N_TRY:
		l = run(t, n->a, in);
		for (size_t i = 0; i < l.n; i++)
			if (l.a[i].kind != V_ERROR)
				add(t, out, l.a[i]);
		break;
	case N_CALL:
		n->call(t, n, in, out);
	}
}

/* --- functions --------------------------------------------------------------------------------- */

#define CALL(name)                                                                                \
	static void name(struct select *t, const struct node *n, struct value in, struct list *out)

CALL(f_length)
{
	(void)n;
	if (in.kind == V_BOOL)
		add(t, out, v_error(t, "no length of", V_BOOL));
	else if (in.kind == V_NULL)
		add(t, out, v_int(0));
	else if (in.kind == V_NUMBER)
		add(t, out, in.is_int ? v_int(in.i < 0 ? -in.i : in.i) : v_float(fabs(in.d)));
	else
		add(t, out, v_int((int64_t)length_of(t, &in)));
}

CALL(f_not)
{
	(void)n;
	add(t, out, v_bool(!truth(&in)));
}

CALL(f_type)
{
	(void)n;
	add(t, out, v_string(kind_names[in.kind], strlen(kind_names[in.kind])));
}

CALL(f_empty)
{
	(void)t, (void)n, (void)in, (void)out;
}

CALL(f_select)
{
	struct list l = run(t, n->a, in);

	for (size_t i = 0; i < l.n; i++) {
		if (l.a[i].kind == V_ERROR)
			add(t, out, l.a[i]);
		else if (truth(&l.a[i]))
			add(t, out, in);
	}
}

static int is_container(const struct value *v)
{
	return v->kind == V_ARRAY || v->kind == V_OBJECT;
}

CALL(f_map)
{
	struct list e, all = {0};

	if (!is_container(&in)) {
		add(t, out, v_error(t, "cannot iterate over", in.kind));
		return;
	}
	e = elements(t, &in);
	for (size_t i = 0; i < e.n; i++)
		eval(t, n->a, e.a[i], &all);
	for (size_t i = 0; i < all.n; i++)
		if (all.a[i].kind == V_ERROR) {
			add(t, out, all.a[i]);
			return;
		}
	add(t, out, (struct value){.kind = V_ARRAY, .item = all.a, .n = all.n});
}

/* any and all: of the elements, or of the outputs of the first of two arguments. */
static void quantify(
    struct select *t, const struct node *n, struct value in, int want, struct list *out)
{
	const struct node *cond = n->b ? n->b : n->a;
	struct list g = {0}, c;

	if (n->b)
		g = run(t, n->a, in);
	else if (is_container(&in))
		g = elements(t, &in);
	else
		add(t, &g, v_error(t, "cannot iterate over", in.kind));
	for (size_t i = 0; i < g.n; i++) {
		c = (struct list){0};
		if (g.a[i].kind == V_ERROR || !cond)
			add(t, &c, g.a[i]);
		else
			c = run(t, cond, g.a[i]);
		for (size_t k = 0; k < c.n; k++) {
			if (c.a[k].kind == V_ERROR) {
				add(t, out, c.a[k]);
				return;
			}
			if (truth(&c.a[k]) == want) {
				add(t, out, v_bool(want));
				return;
			}
		}
	}
	add(t, out, v_bool(!want));
}

CALL(f_any)
{
	quantify(t, n, in, 1, out);
}

CALL(f_all)
{
	quantify(t, n, in, 0, out);
}

static struct value has(struct select *t, const struct value *v, const struct value *key)
{
	if (v->kind == V_ARRAY && key->kind == V_NUMBER && key->is_int && key->i >= 0)
		return v_bool((uint64_t)key->i < length_of(t, v));
	if (v->kind == V_OBJECT && key->kind == V_STRING)
		return v_bool(sfield_n(t, v->raw, key->s, key->n, -1).p != NULL);
	return v_error(t, "cannot ask for a key of", v->kind);
}

static int find_bytes(const struct value *v, const struct value *part)
{
	for (size_t i = 0; i + part->n <= v->n; i++)
		if (!memcmp(v->s + i, part->s, part->n))
			return 1;
	return 0;
}

static int contains(struct select *t, const struct value *a, const struct value *b);

static int contains_all(struct select *t, const struct value *a, const struct value *b)
{
	struct list x = elements(t, a), y = elements(t, b);

	for (size_t i = 0; i < y.n; i++) {
		size_t k = 0;

		while (k < x.n && !contains(t, &x.a[k], &y.a[i]))
			k++;
		if (k == x.n)
			return 0;
	}
	return 1;
}

static int contains_members(struct select *t, const struct value *a, const struct value *b)
{
	struct smember *m;
	size_t n = ssorted(t, b->raw, &m);

	for (size_t i = 0; i < n; i++) {
		struct jspan f = sfield_n(t, a->raw, m[i].key, m[i].len, -1);
		struct value x = load(t, f), y = load(t, m[i].v);

		if (!f.p || !contains(t, &x, &y))
			return 0;
	}
	return 1;
}

static int contains(struct select *t, const struct value *a, const struct value *b)
{
	if (a->kind == V_STRING && b->kind == V_STRING)
		return find_bytes(a, b);
	if (a->kind == V_ARRAY && b->kind == V_ARRAY)
		return contains_all(t, a, b);
	if (a->kind == V_OBJECT && b->kind == V_OBJECT)
		return contains_members(t, a, b);
	return compare(t, a, b) == 0;
}

static struct value starts(struct select *t, const struct value *v, const struct value *with)
{
	if (v->kind != V_STRING || with->kind != V_STRING)
		return v_error(t, "no string:", v->kind != V_STRING ? v->kind : with->kind);
	return v_bool(v->n >= with->n && !memcmp(v->s, with->s, with->n));
}

static struct value ends(struct select *t, const struct value *v, const struct value *with)
{
	if (v->kind != V_STRING || with->kind != V_STRING)
		return v_error(t, "no string:", v->kind != V_STRING ? v->kind : with->kind);
	return v_bool(v->n >= with->n && !memcmp(v->s + v->n - with->n, with->s, with->n));
}

static struct value does_contain(struct select *t, const struct value *v, const struct value *part)
{
	return v_bool(contains(t, v, part));
}

/* A function of the input and each output of its argument. */
static void each_argument(struct select *t, const struct node *n, struct value in,
    struct value (*f)(struct select *, const struct value *, const struct value *),
    struct list *out)
{
	struct list l = run(t, n->a, in);

	for (size_t i = 0; i < l.n; i++)
		add(t, out, l.a[i].kind == V_ERROR ? l.a[i] : f(t, &in, &l.a[i]));
}

CALL(f_has)
{
	each_argument(t, n, in, has, out);
}

CALL(f_contains)
{
	each_argument(t, n, in, does_contain, out);
}

CALL(f_startswith)
{
	each_argument(t, n, in, starts, out);
}

CALL(f_endswith)
{
	each_argument(t, n, in, ends, out);
}

CALL(f_add)
{
	struct value sum = v_null();
	struct list e;

	(void)n;
	if (!is_container(&in)) {
		add(t, out, v_error(t, "cannot iterate over", in.kind));
		return;
	}
	e = elements(t, &in);
	for (size_t i = 0; i < e.n && sum.kind != V_ERROR; i++)
		sum = math(t, '+', &sum, &e.a[i]);
	add(t, out, sum);
}

static void extreme(struct select *t, struct value in, int sign, struct list *out)
{
	struct value best = v_null();
	struct list e;

	if (in.kind != V_ARRAY) {
		add(t, out, v_error(t, "no array:", in.kind));
		return;
	}
	e = elements(t, &in);
	for (size_t i = 0; i < e.n; i++) {
		int c = sign * compare(t, &e.a[i], &best);

		if (!i || c > 0 || (!c && sign > 0))
			best = e.a[i];
	}
	add(t, out, best);
}

CALL(f_min)
{
	(void)n;
	extreme(t, in, -1, out);
}

CALL(f_max)
{
	(void)n;
	extreme(t, in, 1, out);
}

static void nth(
    struct select *t, const struct node *n, struct value in, int64_t i, struct list *out)
{
	struct value index = v_int(i);
	struct list l;

	if (!n->a) {
		add(t, out, at_index(t, &in, &index));
		return;
	}
	l = run(t, n->a, in);
	for (size_t k = 0; i < 0 && k < l.n; k++)
		if (l.a[k].kind == V_ERROR) {
			add(t, out, l.a[k]);
			return;
		}
	if (l.n)
		add(t, out, l.a[i < 0 ? l.n - 1 : 0]);
}

CALL(f_first)
{
	nth(t, n, in, 0, out);
}

CALL(f_last)
{
	nth(t, n, in, -1, out);
}

static void rounded(struct select *t, struct value in, double (*f)(double), struct list *out)
{
	double d;

	if (in.kind != V_NUMBER) {
		add(t, out, v_error(t, "no number:", in.kind));
		return;
	}
	if (in.is_int) {
		add(t, out, in);
		return;
	}
	d = f(in.d);
	add(t, out,
	    v_int(isnan(d)      ? 0
		  : d >= 0x1p63 ? INT64_MAX
		  : d < -0x1p63 ? INT64_MIN
				: (int64_t)d));
}

CALL(f_floor)
{
	(void)n;
	rounded(t, in, floor, out);
}

CALL(f_ceil)
{
	(void)n;
	rounded(t, in, ceil, out);
}

CALL(f_round)
{
	(void)n;
	rounded(t, in, round, out);
}

static void change_case(struct select *t, struct value in, char from, char to, struct list *out)
{
	char *s;

	if (in.kind != V_STRING) {
		add(t, out, v_error(t, "no string:", in.kind));
		return;
	}
	s = salloc(t, in.n);
	for (size_t i = 0; i < in.n; i++)
		s[i] =
		    in.s[i] >= from && in.s[i] < from + 26 ? (char)(in.s[i] - from + to) : in.s[i];
	add(t, out, v_string(s, in.n));
}

CALL(f_downcase)
{
	(void)n;
	change_case(t, in, 'A', 'a', out);
}

CALL(f_upcase)
{
	(void)n;
	change_case(t, in, 'a', 'A', out);
}

CALL(f_bytelength)
{
	(void)n;
	add(t, out,
	    in.kind == V_STRING ? v_int((int64_t)in.n) : v_error(t, "no string:", in.kind));
}

CALL(f_keys)
{
	struct list out_keys = {0};
	struct smember *m;
	size_t count;

	(void)n;
	if (!is_container(&in)) {
		add(t, out, v_error(t, "no keys of", in.kind));
		return;
	}
	count = in.kind == V_OBJECT ? ssorted(t, in.raw, &m) : length_of(t, &in);
	for (size_t i = 0; i < count; i++)
		add(t, &out_keys,
		    in.kind == V_OBJECT ? v_string(m[i].key, m[i].len) : v_int((int64_t)i));
	add(t, out, (struct value){.kind = V_ARRAY, .item = out_keys.a, .n = out_keys.n});
}

CALL(f_values)
{
	(void)n;
	if (in.kind != V_NULL)
		add(t, out, in);
}

CALL(f_isnumber)
{
	(void)n;
	add(t, out, v_bool(in.kind == V_NUMBER));
}

CALL(f_isstring)
{
	(void)n;
	add(t, out, v_bool(in.kind == V_STRING));
}

CALL(f_isboolean)
{
	(void)n;
	add(t, out, v_bool(in.kind == V_BOOL));
}

CALL(f_isarray)
{
	(void)n;
	add(t, out, v_bool(in.kind == V_ARRAY));
}

CALL(f_isobject)
{
	(void)n;
	add(t, out, v_bool(in.kind == V_OBJECT));
}

static const struct {
	const char *name;
	int min_args, max_args;
	call_fn *call;
} functions[] = {
    {"length", 0, 0, f_length},
    {"not", 0, 0, f_not},
    {"type", 0, 0, f_type},
    {"empty", 0, 0, f_empty},
    {"select", 1, 1, f_select},
    {"map", 1, 1, f_map},
    {"any", 0, 2, f_any},
    {"all", 0, 2, f_all},
    {"has", 1, 1, f_has},
    {"contains", 1, 1, f_contains},
    {"startswith", 1, 1, f_startswith},
    {"endswith", 1, 1, f_endswith},
    {"add", 0, 0, f_add},
    {"min", 0, 0, f_min},
    {"max", 0, 0, f_max},
    {"first", 0, 1, f_first},
    {"last", 0, 1, f_last},
    {"floor", 0, 0, f_floor},
    {"ceil", 0, 0, f_ceil},
    {"round", 0, 0, f_round},
    {"ascii_downcase", 0, 0, f_downcase},
    {"ascii_upcase", 0, 0, f_upcase},
    {"utf8bytelength", 0, 0, f_bytelength},
    {"keys", 0, 0, f_keys},
    {"values", 0, 0, f_values},
    {"isnumber", 0, 0, f_isnumber},
    {"isstring", 0, 0, f_isstring},
    {"isboolean", 0, 0, f_isboolean},
    {"isarray", 0, 0, f_isarray},
    {"isobject", 0, 0, f_isobject},
};

/* --- parser ------------------------------------------------------------------------------------ */

static struct node *parse_expr(struct scomp *c, int min);

static void *refuse(struct scomp *c, const char *at, const char *what)
{
	scomp_fail(c, at, "%s", what);
	return NULL;
}

/* White space and comments. */
static void space(struct scomp *c)
{
	while (*c->p && strchr(" \t\r\n#", *c->p)) {
		if (*c->p == '#')
			c->p += strcspn(c->p, "\n");
		else
			c->p++;
	}
}

static struct node *node(struct scomp *c, enum node_kind kind, struct node *a, struct node *b)
{
	struct node *n = scomp_alloc(c, sizeof *n);

	n->kind = kind;
	n->a = a;
	n->b = b;
	return n;
}

static int is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

/* Length of the identifier at c->p, 0 when there is none. */
static size_t ident_len(const struct scomp *c)
{
	size_t n = 0;

	if (is_letter(*c->p))
		while (is_letter(c->p[n]) || (c->p[n] >= '0' && c->p[n] <= '9'))
			n++;
	return n;
}

static int is_word(const struct scomp *c, const char *word)
{
	size_t n = ident_len(c);

	return n == strlen(word) && !strncmp(c->p, word, n);
}

/* Take a word or a sign; signs must not go on as a longer one. */
static int take(struct scomp *c, const char *token)
{
	size_t n = strlen(token);

	space(c);
	if (is_letter(*token) ? !is_word(c, token) : strncmp(c->p, token, n) != 0)
		return 0;
	c->p += n;
	return 1;
}

static int is_keyword(const struct scomp *c)
{
	static const char *const words[] = {"def", "if", "then", "elif", "else", "end", "or",
	    "and", "as", "reduce", "for", "foreach", "try", "catch", NULL};

	for (int i = 0; words[i]; i++)
		if (is_word(c, words[i]))
			return 1;
	return 0;
}

static int hex4(const char *p, uint32_t *cp)
{
	*cp = 0;
	for (int i = 0; i < 4; i++) {
		char ch = p[i];
		uint32_t d = ch >= '0' && ch <= '9'   ? (uint32_t)(ch - '0')
			     : ch >= 'a' && ch <= 'f' ? (uint32_t)(ch - 'a' + 10)
			     : ch >= 'A' && ch <= 'F' ? (uint32_t)(ch - 'A' + 10)
						      : 16;

		if (d > 15)
			return 0;
		*cp = *cp << 4 | d;
	}
	return 1;
}

/* One escape after '\'; bytes written, or -1. */
static int take_escape(struct scomp *c, char *out)
{
	static const char from[] = "\\/\"bfnrt", to[] = "\\/\"\b\f\n\r\t";
	const char *at = c->p - 1, *hit;
	uint32_t cp;

	if (*c->p == '(')
		return scomp_fail(c, at, "string interpolation '\\(' is not supported");
	if (*c->p == 'u' && hex4(c->p + 1, &cp) && cp && (cp < 0xd800 || cp > 0xdfff)) {
		c->p += 5;
		return utf8_put(out, cp);
	}
	hit = *c->p ? strchr(from, *c->p) : NULL;
	if (!hit)
		return scomp_fail(c, at, "unknown escape");
	*out = to[hit - from];
	c->p++;
	return 1;
}

/* A string at '"'; NULL on error. */
static char *take_string(struct scomp *c, size_t *len)
{
	const char *start = c->p;
	char *s = scomp_alloc(c, strlen(c->p) + 1), *o = s;
	int n;

	c->p++;
	while (*c->p && *c->p != '"') {
		if (*c->p++ != '\\') {
			*o++ = c->p[-1];
			continue;
		}
		n = take_escape(c, o);
		if (n < 0)
			return NULL;
		o += n;
	}
	if (!*c->p)
		return refuse(c, start, "a string without end");
	c->p++;
	*len = (size_t)(o - s);
	return s;
}

static struct node *parse_number(struct scomp *c)
{
	struct node *n = node(c, N_CONST, NULL, NULL);
	size_t len = *c->p == '0' ? 1 : strspn(c->p, "0123456789"), k;
	const char *start = c->p;
	char *s;

	if (c->p[len] == '.')
		len += 1 + strspn(c->p + len + 1, "0123456789");
	if (c->p[len] == 'e' || c->p[len] == 'E') {
		k = len + 1;
		k += c->p[k] == '+' || c->p[k] == '-';
		if (strspn(c->p + k, "0123456789"))
			len = k + strspn(c->p + k, "0123456789");
	}
	s = scomp_strndup(c, c->p, len);
	c->p += len;
	if (num_i64(s, 0, INT64_MAX, &n->value.i) == 0) {
		n->value = v_int(n->value.i);
		return n;
	}
	if (num_f64(s, &n->value.d) < 0)
		return refuse(c, start, "not a number");
	n->value = v_float(n->value.d);
	return n;
}

static int parse_args(struct scomp *c, struct node *n, int *n_args)
{
	struct node **arg[] = {&n->a, &n->b};

	*n_args = 0;
	if (!take(c, "("))
		return 0;
	do {
		if (*n_args == 2)
			return scomp_fail(c, c->p, "more than two arguments");
		*arg[*n_args] = parse_expr(c, 0);
		if (!*arg[(*n_args)++])
			return -1;
	} while (take(c, ";"));
	return take(c, ")") ? 0 : scomp_fail(c, c->p, "')' is expected");
}

static struct node *parse_call(struct scomp *c)
{
	struct node *n = node(c, N_CALL, NULL, NULL);
	const char *start = c->p;
	size_t len = ident_len(c);
	int n_args;

	c->p += len;
	if (parse_args(c, n, &n_args) < 0)
		return NULL;
	n->kind = N_CONST;
	if (!n_args && len == 4 && !strncmp(start, "null", 4))
		return n->value = v_null(), n;
	if (!n_args && len == 4 && !strncmp(start, "true", 4))
		return n->value = v_bool(1), n;
	if (!n_args && len == 5 && !strncmp(start, "false", 5))
		return n->value = v_bool(0), n;
	n->kind = N_CALL;
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
		if (strlen(functions[i].name) == len && !strncmp(functions[i].name, start, len) &&
		    n_args >= functions[i].min_args && n_args <= functions[i].max_args) {
			n->call = functions[i].call;
			return n;
		}
	scomp_fail(c, start, "function '%.*s' with %d arguments is not supported", (int)len, start,
	    n_args);
	return NULL;
}

static int add_part(struct scomp *c, struct node *n, struct part p)
{
	if (!(n->n_parts & (n->n_parts - 1))) {
		size_t cap = n->n_parts ? 2 * n->n_parts : 1;
		struct part *a = scomp_alloc(c, cap * sizeof *a);

		if (n->n_parts)
			memcpy(a, n->part, n->n_parts * sizeof *a);
		n->part = a;
	}
	p.optional = take(c, "?");
	n->part[n->n_parts++] = p;
	return 1;
}

/* A key after '.'; 1, 0 when there is none, -1. */
static int parse_key(struct scomp *c, struct node *n)
{
	struct part p = {.kind = P_KEY, .key.name = -1};
	size_t len;

	space(c);
	if (*c->p == '"') {
		p.key.s = take_string(c, &len);
		if (!p.key.s)
			return -1;
		return add_part(c, n, p);
	}
	len = ident_len(c);
	if (!len || is_keyword(c))
		return 0;
	p.key.s = scomp_strndup(c, c->p, len);
	c->p += len;
	return add_part(c, n, p);
}

/* A string in brackets is a key. */
static void constant_key(struct part *p)
{
	if (p->from->kind == N_CONST && p->from->value.kind == V_STRING) {
		p->kind = P_KEY;
		p->key.s = (char *)p->from->value.s;
		p->key.name = -1;
	}
}

/* [i] [a:b] [] after '['. */
static int parse_brackets(struct scomp *c, struct node *n)
{
	struct part p = {.kind = P_ALL};

	if (take(c, "]"))
		return add_part(c, n, p);
	if (take(c, ":")) {
		p.kind = P_SLICE;
	} else {
		p.kind = P_INDEX;
		p.from = parse_expr(c, 0);
		if (!p.from)
			return -1;
		if (take(c, ":"))
			p.kind = P_SLICE;
		else
			constant_key(&p);
	}
	space(c);
	if (p.kind == P_SLICE && *c->p != ']') {
		p.to = parse_expr(c, 0);
		if (!p.to)
			return -1;
	}
	if (!take(c, "]"))
		return scomp_fail(c, c->p, "']' is expected");
	return add_part(c, n, p);
}

static struct node *parse_path(struct scomp *c, struct node *base, int after_dot)
{
	struct node *n = node(c, N_PATH, base, NULL);

	if (after_dot && parse_key(c, n) < 0)
		return NULL;
	for (;;) {
		space(c);
		if (*c->p == '[') {
			c->p++;
			if (parse_brackets(c, n) < 0)
				return NULL;
		} else if (*c->p == '.') {
			int rc;

			c->p++;
			rc = *c->p == '.' ? 0 : parse_key(c, n);
			if (rc < 0)
				return NULL;
			if (!rc)
				return refuse(c, c->p, "a key is expected after '.'");
		} else {
			break;
		}
	}
	return n->n_parts ? n : base;
}

static struct node *parse_if(struct scomp *c)
{
	struct node *n = node(c, N_IF, NULL, NULL);

	n->a = parse_expr(c, 0);
	if (!n->a)
		return NULL;
	if (!take(c, "then"))
		return refuse(c, c->p, "'then' is expected");
	n->b = parse_expr(c, 0);
	if (!n->b)
		return NULL;
	if (take(c, "elif")) {
		n->c = parse_if(c);
		return n->c ? n : NULL;
	}
	if (take(c, "else")) {
		n->c = parse_expr(c, 0);
		if (!n->c)
			return NULL;
	}
	return take(c, "end") ? n : refuse(c, c->p, "'end' is expected");
}

static struct node *parse_parens(struct scomp *c)
{
	struct node *n = parse_expr(c, 0);

	if (n && !take(c, ")"))
		return refuse(c, c->p, "')' is expected");
	return n;
}

static struct node *parse_list(struct scomp *c)
{
	struct node *n = node(c, N_ARRAY, NULL, NULL);

	if (take(c, "]"))
		return n;
	n->a = parse_expr(c, 0);
	if (n->a && !take(c, "]"))
		return refuse(c, c->p, "']' is expected");
	return n->a ? n : NULL;
}

static struct node *parse_text(struct scomp *c)
{
	struct node *n = node(c, N_CONST, NULL, NULL);
	size_t len;
	char *s = take_string(c, &len);

	if (!s)
		return NULL;
	n->value = v_string(s, len);
	return n;
}

/* What jq has and this does not, by its first character. */
static struct node *unsupported(struct scomp *c)
{
	const char *at = c->p;

	if (*at == '$')
		return refuse(c, at, "variables are not supported");
	if (*at == '{')
		return refuse(c, at, "objects are not supported");
	if (*at == '@')
		return refuse(c, at, "formats are not supported");
	if (is_keyword(c)) {
		scomp_fail(c, at, "'%.*s' is not supported here", (int)ident_len(c), at);
		return NULL;
	}
	return refuse(c, at, *at ? "an expression is expected" : "the expression ends");
}

static struct node *parse_atom(struct scomp *c)
{
	struct node *n;

	space(c);
	if (*c->p == '.') {
		c->p++;
		if (*c->p == '.')
			return refuse(c, c->p - 1, "'..' is not supported");
		return parse_path(c, node(c, N_ID, NULL, NULL), 1);
	}
	if (*c->p == '(') {
		c->p++;
		n = parse_parens(c);
	} else if (*c->p == '[') {
		c->p++;
		n = parse_list(c);
	} else if (*c->p == '"') {
		n = parse_text(c);
	} else if (*c->p >= '0' && *c->p <= '9') {
		n = parse_number(c);
	} else if (ident_len(c) && !is_keyword(c)) {
		n = parse_call(c);
	} else {
		n = unsupported(c);
	}
	return n ? parse_path(c, n, 0) : NULL;
}

static struct node *parse_term(struct scomp *c)
{
	struct node *n;

	space(c);
	if (*c->p == '-') {
		c->p++;
		n = parse_term(c);
		return n ? node(c, N_NEG, n, NULL) : NULL;
	}
	n = take(c, "if") ? parse_if(c) : parse_atom(c);
	while (n && take(c, "?"))
		n = node(c, N_TRY, n, NULL);
	return n;
}

static const struct {
	const char *sign;
	int prec, right;
	enum node_kind kind;
} operators[] = {
    {"//", 3, 0, N_ALT},
    {"|", 0, 1, N_PIPE},
    {",", 1, 0, N_COMMA},
    {"or", 4, 0, N_OR},
    {"and", 5, 0, N_AND},
    {"==", 6, 0, N_COMPARE},
    {"!=", 6, 0, N_COMPARE},
    {"<=", 7, 0, N_COMPARE},
    {">=", 7, 0, N_COMPARE},
    {"<", 7, 0, N_COMPARE},
    {">", 7, 0, N_COMPARE},
    {"+", 8, 0, N_MATH},
    {"-", 8, 0, N_MATH},
    {"*", 9, 0, N_MATH},
    {"/", 9, 0, N_MATH},
    {"%", 10, 0, N_MATH},
};

/* The operator at c->p, -1 when there is none, -2 with a message when it is one we have not. */
static int operator_at(struct scomp *c)
{
	static const char *const assign[] = {"|=", "+=", "-=", "*=", "/=", "%=", NULL};

	space(c);
	for (int i = 0; assign[i]; i++)
		if (!strncmp(c->p, assign[i], 2))
			return scomp_fail(c, c->p, "assignment is not supported"), -2;
	if (c->p[0] == '=' && c->p[1] != '=')
		return scomp_fail(c, c->p, "assignment is not supported; comparison is '=='"), -2;
	if (is_word(c, "as"))
		return scomp_fail(c, c->p, "variables are not supported"), -2;
	for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
		const char *sign = operators[i].sign;

		if (is_letter(*sign) ? is_word(c, sign) : !strncmp(c->p, sign, strlen(sign)))
			return (int)i;
	}
	return -1;
}

static struct node *parse_operators(struct scomp *c, int min)
{
	struct node *l = parse_term(c), *r;
	int op;

	while (l && (op = operator_at(c)) != -1) {
		if (op == -2)
			return NULL;
		if (operators[op].prec < min)
			break;
		c->p += strlen(operators[op].sign);
		r = parse_expr(c, operators[op].prec + !operators[op].right);
		if (!r)
			return NULL;
		l = node(c, operators[op].kind, l, r);
		memcpy(l->op, operators[op].sign,
		    strlen(operators[op].sign) < 3 ? strlen(operators[op].sign) : 2);
	}
	return l;
}

static struct node *parse_expr(struct scomp *c, int min)
{
	struct node *n;

	if (++c->depth > SELECT_DEPTH)
		return refuse(c, c->p, "nested too deep");
	n = parse_operators(c, min);
	c->depth--;
	return n;
}

/* --- names of attributes ----------------------------------------------------------------------- */

enum place { AT_ELSEWHERE, AT_ROOT, AT_ATTRIBUTES };

static enum place name_node(struct scomp *c, struct node *n, enum place at);

static enum place name_part(struct scomp *c, struct part *p, enum place place)
{
	if (p->kind != P_KEY)
		return AT_ELSEWHERE;
	if (place == AT_ATTRIBUTES)
		p->key.name = scomp_name(c, p->key.s);
	return place == AT_ROOT && !strcmp(p->key.s, "attributes") ? AT_ATTRIBUTES : AT_ELSEWHERE;
}

static enum place name_path(struct scomp *c, struct node *n, enum place at)
{
	enum place place = name_node(c, n->a, at);

	for (size_t i = 0; i < n->n_parts; i++) {
		struct part *p = &n->part[i];

		if (p->from)
			name_node(c, p->from, at);
		if (p->to)
			name_node(c, p->to, at);
		place = name_part(c, p, place);
	}
	return place;
}

/* Where the outputs of n stand when its input stands at `at`. */
static enum place name_node(struct scomp *c, struct node *n, enum place at)
{
	enum place a;

	if (!n)
		return AT_ELSEWHERE;
	if (n->kind == N_PATH)
		return name_path(c, n, at);
	if (n->kind == N_CALL && n->call == f_has && at == AT_ATTRIBUTES &&
	    n->a->kind == N_CONST && n->a->value.kind == V_STRING)
		scomp_name(c, n->a->value.s);
	a = name_node(c, n->a, at);
	name_node(c, n->b, n->kind == N_PIPE ? a : at);
	name_node(c, n->c, at);
	if (n->kind == N_ID || (n->kind == N_CALL && (n->call == f_select || n->call == f_values)))
		return at;
	return n->kind == N_TRY ? a : AT_ELSEWHERE;
}

struct jq *jq_compile(struct scomp *c)
{
	struct jq *q = scomp_alloc(c, sizeof *q);

	q->root = parse_expr(c, 0);
	if (!q->root)
		return NULL;
	space(c);
	if (*c->p) {
		scomp_fail(c, c->p, "'%.20s' is not understood", c->p);
		return NULL;
	}
	name_node(c, q->root, AT_ROOT);
	return q;
}

/* --- results ----------------------------------------------------------------------------------- */

static int fail(const struct value *v)
{
	err_set("%s", v->s);
	return -1;
}

int jq_true(struct select *t, const struct jq *q, int any)
{
	struct list l = run(t, q->root, load(t, sroot(t)));
	int hits = 0;

	for (size_t i = 0; i < l.n; i++) {
		if (l.a[i].kind == V_ERROR)
			return fail(&l.a[i]);
		hits += filter_truth(t, &l.a[i]);
	}
	return any ? hits > 0 : l.n && hits == (int)l.n;
}

static void put(struct select *t, struct buf *b, const struct value *v)
{
	struct list e;

	if (v->raw.p) {
		buf_add(b, v->raw.p, v->raw.len);
	} else if (v->kind == V_BOOL) {
		buf_str(b, v->truth ? "true" : "false");
	} else if (v->kind == V_NUMBER) {
		if (v->is_int)
			buf_printf(b, "%lld", (long long)v->i);
		else
			buf_f64(b, v->d, 1);
	} else if (v->kind == V_STRING) {
		jstr_put(b, v->s, v->n);
	} else if (v->kind == V_ARRAY) {
		buf_chr(b, '[');
		e = elements(t, v);
		for (size_t i = 0; i < e.n; i++) {
			if (i)
				buf_chr(b, ',');
			put(t, b, &e.a[i]);
		}
		buf_chr(b, ']');
	} else {
		buf_str(b, "null");
	}
}

int jq_value(struct select *t, const struct jq *q, struct jspan *v)
{
	struct list l = run(t, q->root, load(t, sroot(t)));
	struct value all = {.kind = V_ARRAY, .item = l.a, .n = l.n};
	struct buf b = {0};
	char *s;

	*v = (struct jspan){NULL, 0};
	for (size_t i = 0; i < l.n; i++)
		if (l.a[i].kind == V_ERROR)
			return fail(&l.a[i]);
	if (!l.n)
		return 0;
	put(t, &b, l.n == 1 ? &l.a[0] : &all);
	s = salloc(t, b.len);
	memcpy(s, b.p, b.len);
	*v = (struct jspan){s, b.len};
	buf_release(&b);
	return 0;
}
