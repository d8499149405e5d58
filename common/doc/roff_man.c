/* roff_man: the macros of man(7). */
#include <stdlib.h>

#include "doc/roff_int.h"

typedef void man_fn(struct roff *r, const char *name, struct roff_arg *a, int n);

static void keep(struct buf *b, struct roff *r, const struct roff_arg *a)
{
	b->len = 0;
	roff_escapes(r, a->p, a->len, b);
}

/* An argument; in quotes "" stands for one. */
static void put_arg(struct roff *r, const struct roff_arg *a)
{
	const char *s = a->p, *end = s + a->len;

	for (const char *q = s; a->quoted && q + 1 < end; q++)
		if (q[0] == '"' && q[1] == '"') {
			roff_put(r, s, (size_t)(q + 1 - s));
			s = q + 2;
			q++;
		}
	roff_put(r, s, (size_t)(end - s));
}

static void words(struct roff *r, const struct roff_arg *a, int n)
{
	for (int i = 0; i < n; i++) {
		if (i)
			roff_put(r, " ", 1);
		put_arg(r, &a[i]);
	}
}

static void m_th(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	if (n > 0)
		keep(&r->page->title, r, &a[0]);
	if (n > 1)
		keep(&r->page->section, r, &a[1]);
	if (n > 2)
		keep(&r->page->date, r, &a[2]);
}

static void m_heading(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	r->base = 0;
	r->p.indent = 0;
	r->nofill = 0;
	r->tag = 0;
	prose_break(&r->p, 2);
	if (n) {
		words(r, a, n);
		prose_break(&r->p, 1);
	} else {
		r->head_next = 1;
	}
}

static void m_para(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name, (void)a, (void)n;
	roff_para(r);
	r->tag = 0;
	r->p.indent = r->base;
}

static void m_tp(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)a, (void)n;
	if (name[1] == 'Q')
		prose_break(&r->p, 1);
	else
		roff_para(r);
	r->p.indent = r->base;
	r->tag = 1;
}

static void m_ip(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	size_t start;

	(void)name;
	roff_para(r);
	r->tag = 0;
	if (n && a[0].len) {
		r->p.indent = r->base;
		start = r->p.b->len;
		put_arg(r, &a[0]);
		/* A bullet or number stays on the line of what it marks. */
		if (r->p.b->len - start <= (size_t)r->base + 2 + ROFF_STEP)
			prose_space(&r->p);
		else
			prose_break(&r->p, 1);
	}
	r->p.indent = r->base + ROFF_STEP;
}

static void m_rs(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)a, (void)n;
	prose_break(&r->p, 1);
	if (name[1] == 'S')
		r->base += r->base < 10 * ROFF_STEP ? ROFF_STEP : 0;
	else
		r->base -= r->base >= ROFF_STEP ? ROFF_STEP : 0;
	r->p.indent = r->base;
	r->tag = 0;
}

/* .B, .I, .SM, .SB: words in a font. */
static void m_font(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	if (!n)
		return;
	words(r, a, n);
	roff_eol(r);
}

/* .BR and the like: the arguments without blanks. */
static void m_fonts(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	if (!n)
		return;
	for (int i = 0; i < n; i++)
		put_arg(r, &a[i]);
	roff_eol(r);
}

static void m_ex(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)a, (void)n;
	prose_break(&r->p, 1);
	r->nofill = name[1] == 'X';
}

static void m_pd(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	r->tight = n && a[0].len && a[0].p[0] == '0' && (a[0].len == 1 || a[0].p[1] != '.');
}

static void m_ur(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	r->ref.len = 0;
	if (n)
		keep(&r->ref, r, &a[0]);
}

static void m_ue(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	if (r->ref.len) {
		if (r->nofill && r->p.nl)
			r->p.nl--;
		prose_space(&r->p);
		prose_words(&r->p, "<", 1);
		prose_words(&r->p, r->ref.p, r->ref.len);
		prose_words(&r->p, ">", 1);
	}
	words(r, a, n);
	r->ref.len = 0;
	roff_eol(r);
}

static void m_sy(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	prose_break(&r->p, 1);
	words(r, a, n);
	roff_eol(r);
}

static void m_op(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	prose_words(&r->p, "[", 1);
	words(r, a, n);
	prose_words(&r->p, "]", 1);
	roff_eol(r);
}

static void m_mr(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)name;
	if (n > 0)
		roff_put(r, a[0].p, a[0].len);
	if (n > 1) {
		prose_words(&r->p, "(", 1);
		roff_put(r, a[1].p, a[1].len);
		prose_words(&r->p, ")", 1);
	}
	if (n > 2)
		roff_put(r, a[2].p, a[2].len);
	roff_eol(r);
}

static void m_nothing(struct roff *r, const char *name, struct roff_arg *a, int n)
{
	(void)r, (void)name, (void)a, (void)n;
}

/* Sorted by name. */
static const struct {
	const char *name;
	man_fn *fn;
} macros[] = {{"AT", m_nothing}, {"B", m_font}, {"BI", m_fonts}, {"BR", m_fonts},
    {"DT", m_nothing}, {"EE", m_ex}, {"EX", m_ex}, {"HP", m_para}, {"I", m_font}, {"IB", m_fonts},
    {"IP", m_ip}, {"IR", m_fonts}, {"LP", m_para}, {"ME", m_ue}, {"MR", m_mr}, {"MT", m_ur},
    {"OP", m_op}, {"P", m_para}, {"PD", m_pd}, {"PP", m_para}, {"RB", m_fonts}, {"RE", m_rs},
    {"RI", m_fonts}, {"RS", m_rs}, {"SB", m_font}, {"SH", m_heading}, {"SM", m_font},
    {"SS", m_heading}, {"SY", m_sy}, {"TH", m_th}, {"TP", m_tp}, {"TQ", m_tp}, {"UC", m_nothing},
    {"UE", m_ue}, {"UR", m_ur}, {"YS", m_para}};

static int by_name(const void *key, const void *e)
{
	return strcmp(key, *(const char *const *)e);
}

int roff_man(struct roff *r, const char *name, const char *rest, const char *end)
{
	struct roff_arg a[ROFF_ARGS];
	const void *e;

	if (r->mdoc || name[0] < 'A' || name[0] > 'Z')
		return 0;
	e = bsearch(name, macros, sizeof(macros) / sizeof(*macros), sizeof(*macros), by_name);
	if (!e)
		return 0;
	macros[((const char *)e - (const char *)macros) / (long)sizeof(*macros)].fn(
	    r, name, a, roff_args(rest, end, a, ROFF_ARGS));
	return 1;
}
