/* roff: lines, requests, conditionals and the page's own macros. */
#include "doc/roff.h"

#include <stdlib.h>

#include "base/err.h"
#include "doc/roff_int.h"

/* --- names ---------------------------------------------------------------------------------------- */

static struct roff_name *find(const struct roff *r, const char *name, size_t n)
{
	for (size_t i = r->n_names; i-- > 0;)
		if (!strncmp(r->names[i].name, name, n) && !r->names[i].name[n])
			return &r->names[i];
	return NULL;
}

const struct roff_name *roff_find(const struct roff *r, const char *name, size_t n)
{
	return find(r, name, n);
}

static struct roff_name *define(struct roff *r, const char *name, size_t n, int macro)
{
	struct roff_name *d = find(r, name, n);

	if (!d) {
		size_t k = r->n_names;

		r->failed |= k >= ROFF_NAMES;
		if (!(k & (k - 1)))
			r->names = xreallocarray(r->names, k ? 2 * k : 1, sizeof(*r->names));
		d = &r->names[r->n_names++];
		*d = (struct roff_name){.name = xstrndup(name, n)};
	}
	d->macro = macro;
	return d;
}

long roff_reg(const struct roff *r, const char *name, size_t n)
{
	if (n == 2 && !memcmp(name, ".g", 2))
		return 1;
	if (n == 2 && !memcmp(name, ".l", 2))
		return 78 * 24;
	for (size_t i = 0; i < r->n_regs; i++)
		if (!strncmp(r->regs[i].name, name, n) && !r->regs[i].name[n])
			return r->regs[i].value;
	return 0;
}

static void set_reg(struct roff *r, const char *name, size_t n, long v, int relative)
{
	for (size_t i = 0; i < r->n_regs; i++)
		if (!strncmp(r->regs[i].name, name, n) && !r->regs[i].name[n]) {
			if (relative)
				v = (long)((unsigned long)v + (unsigned long)r->regs[i].value);
			r->regs[i].value = v;
			return;
		}
	r->failed |= r->n_regs >= ROFF_NAMES;
	if (!(r->n_regs & (r->n_regs - 1)))
		r->regs = xreallocarray(r->regs, r->n_regs ? 2 * r->n_regs : 1, sizeof(*r->regs));
	r->regs[r->n_regs++] = (struct roff_reg){xstrndup(name, n), v};
}

/* --- arguments ------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

int roff_args(const char *s, const char *end, struct roff_arg *a, int max)
{
	int n = 0;

	while (n < max) {
		while (s < end && *s == ' ')
			s++;
		if (s >= end || (s + 1 < end && s[0] == '\\' && s[1] == '"'))
			break;
		a[n].quoted = *s == '"';
		if (a[n].quoted) {
			a[n].p = ++s;
			while (s < end && (*s != '"' || (s + 1 < end && s[1] == '"')))
				s += *s == '"' ? 2 : 1;
			s = s < end ? s : end;
			a[n].len = (size_t)(s - a[n].p);
			s += s < end;
		} else {
			a[n].p = s;
			while (s < end && *s != ' ') {
				if (*s == '\\' && s + 1 < end && s[1] == '"')
					break;
				s += *s == '\\' && s + 1 < end ? 2 : 1;
			}
			a[n].len = (size_t)(s - a[n].p);
		}
		n++;
	}
	return n;
}

/* --- text ------------------------------------------------------------------------------------------ */

void roff_put(struct roff *r, const char *s, size_t n)
{
	r->esc.len = 0;
	roff_escapes(r, s, n, &r->esc);
	if (r->nofill)
		prose_verbatim(&r->p, r->esc.p ? r->esc.p : "", r->esc.len);
	else
		prose_words(&r->p, r->esc.p ? r->esc.p : "", r->esc.len);
}

/* Behind the tag of .TP comes the body. */
static void tag_done(struct roff *r)
{
	r->tag = 0;
	r->p.indent = r->base + ROFF_STEP;
	prose_break(&r->p, 1);
}

void roff_eol(struct roff *r)
{
	if (r->cont) {
		r->cont = 0;
		r->no_space = r->mdoc;
		return;
	}
	if (r->head_next) {
		r->head_next = 0;
		prose_break(&r->p, 1);
	} else if (r->tag) {
		tag_done(r);
	} else if (r->nofill) {
		prose_newline(&r->p);
	} else if (!r->mdoc) {
		prose_space(&r->p);
	}
}

void roff_para(struct roff *r)
{
	prose_break(&r->p, r->tight ? 1 : 2);
}

static void text_line(struct roff *r, const char *s, const char *end)
{
	if (r->mdoc && !r->no_space)
		prose_space(&r->p);
	r->no_space = 0;
	/* A line that begins with a blank breaks in roff; a blank one begins a paragraph. */
	if (!r->nofill && (s == end || *s == ' '))
		prose_break(&r->p, s == end ? 2 : 1);
	roff_put(r, s, (size_t)(end - s));
	if (s < end || r->nofill)
		roff_eol(r);
}

/* --- expressions ------------------------------------------------------------------------------------ */

struct expr {
	const char *p, *end;
	int depth;
};

static long expr_value(struct expr *e);

static long expr_term(struct expr *e)
{
	long v = 0;
	int neg = 0;

	while (e->p < e->end && (*e->p == '-' || *e->p == '+' || *e->p == ' '))
		neg ^= *e->p++ == '-';
	if (e->p < e->end && *e->p == '(' && e->depth < 100) {
		e->p++;
		e->depth++;
		v = expr_value(e);
		e->depth--;
		if (e->p < e->end && *e->p == ')')
			e->p++;
	} else {
		while (e->p < e->end && *e->p >= '0' && *e->p <= '9') {
			v = v < 100000000 ? 10 * v + (*e->p - '0') : v;
			e->p++;
		}
		if (e->p < e->end && *e->p == '.')
			for (e->p++; e->p < e->end && *e->p >= '0' && *e->p <= '9';)
				e->p++;
		if (e->p < e->end && strchr("cfimMnpPsuvz", *e->p))
			e->p++;
	}
	return neg ? -v : v;
}

/* Left to right, as roff does. */
static long expr_value(struct expr *e)
{
	long v = expr_term(e);

	while (e->p < e->end && strchr("+-*/%<>=&:", *e->p)) {
		char op = *e->p++;
		int eq = e->p < e->end && *e->p == '=';
		long w;

		e->p += eq;
		w = expr_term(e);
		v = v > 1000000000 ? 1000000000 : v < -1000000000 ? -1000000000 : v;
		switch (op) {
		case '+':
			v += w;
			break;
		case '-':
			v -= w;
			break;
		case '*':
			v *= w;
			break;
		case '/':
			v = w ? v / w : 0;
			break;
		case '%':
			v = w ? v % w : 0;
			break;
		case '<':
			v = eq ? v <= w : v < w;
			break;
		case '>':
			v = eq ? v >= w : v > w;
			break;
		case '=':
			v = v == w;
			break;
		case '&':
			v = v > 0 && w > 0;
			break;
		case ':':
			v = v > 0 || w > 0;
			break;
		}
	}
	return v;
}

/* The condition of .if at s; *s moves behind it.  The text is decoded first where it must be. */
static int condition(struct roff *r, const char **s, const char *end)
{
	const char *p = skip_blanks(*s, end);
	struct buf b = {0};
	int neg = 0, v;

	while (p < end && *p == '!')
		neg ^= 1, p++;
	if (p < end && strchr("noetv", *p) && (p + 1 == end || p[1] == ' ' || p[1] == '\\')) {
		v = *p == 'n' || *p == 'o';
		*s = p + 1;
		return v ^ neg;
	}
	if (p < end && strchr("dcrF", *p)) {
		const char *name = skip_blanks(p + 1, end), *e = name;

		while (e < end && *e != ' ')
			e++;
		v = *p == 'c' || (*p == 'd' && find(r, name, (size_t)(e - name)));
		*s = e;
		return v ^ neg;
	}
	if (p < end && (*p == '\'' || *p == '"')) { /* 'a'b' */
		const char *m = memchr(p + 1, *p, (size_t)(end - p - 1));
		const char *z = m ? memchr(m + 1, *p, (size_t)(end - m - 1)) : NULL;
		struct buf c = {0};

		if (!z) {
			*s = end;
			return neg;
		}
		roff_escapes(r, p + 1, (size_t)(m - p - 1), &b);
		roff_escapes(r, m + 1, (size_t)(z - m - 1), &c);
		v = b.len == c.len && (!b.len || !memcmp(b.p, c.p, b.len));
		*s = z + 1;
		buf_release(&c);
	} else {
		const char *e = p;
		struct expr x;

		while (e < end && *e != ' ' && !(*e == '\\' && e + 1 < end && e[1] == '{'))
			e += *e == '\\' && e + 1 < end ? 2 : 1;
		roff_escapes(r, p, (size_t)(e - p), &b);
		x = (struct expr){b.p, b.p + b.len, 0};
		v = b.len && expr_value(&x) > 0;
		*s = e;
	}
	buf_release(&b);
	return v ^ neg;
}

/* --- input ------------------------------------------------------------------------------------------ */

/* The next line of the innermost input; 0 at the end of all, or of this one when only is set. */
static int next_line(struct roff *r, const char **s, const char **end, int depth)
{
	while (r->n_in > depth && r->in[r->n_in - 1].p >= r->in[r->n_in - 1].end) {
		free(r->in[--r->n_in].own);
		r->in[r->n_in].own = NULL;
	}
	if (r->n_in <= depth)
		return 0;
	struct roff_input *in = &r->in[r->n_in - 1];
	const char *nl = memchr(in->p, '\n', (size_t)(in->end - in->p));

	*s = in->p;
	*end = nl ? nl : in->end;
	in->p = nl ? nl + 1 : in->end;
	if (r->n_in == 1)
		r->line++;
	if (*end > *s && (*end)[-1] == '\r')
		(*end)--;
	return 1;
}

/* Count of \{ less \} in a line. */
static int braces(const char *s, const char *end)
{
	int n = 0;

	for (; s + 1 < end; s++)
		if (*s == '\\') {
			n += s[1] == '{' ? 1 : s[1] == '}' ? -1 : 0;
			s++;
		}
	return n;
}

/* A condition did not hold: skip its line or block. */
static void skip_block(struct roff *r, const char *s, const char *end)
{
	int depth = braces(s, end);

	while (depth > 0 && next_line(r, &s, &end, 0))
		depth += braces(s, end);
}

static void skip_or_do(struct roff *r, int holds, const char *s, const char *end)
{
	s = skip_blanks(s, end);
	if (!holds) {
		skip_block(r, s, end);
		return;
	}
	if (end - s >= 2 && s[0] == '\\' && s[1] == '{')
		s = skip_blanks(s + 2, end);
	if (s < end)
		roff_line(r, s, end);
}

/* Copy mode: \\ is \ . */
static void copy_mode(struct buf *b, const char *s, const char *end)
{
	for (; s < end; s++) {
		if (*s == '\\' && s + 1 < end && s[1] == '\\')
			s++;
		buf_chr(b, *s);
	}
}

/* The body of .de, .am or .ig, up to ".." or .name; b may be NULL. */
static void body(struct roff *r, const struct roff_arg *stop, struct buf *b)
{
	const char *s, *end;
	int depth = r->n_in - 1;

	while (next_line(r, &s, &end, depth > 0 ? depth : 0)) {
		if (s < end && (*s == '.' || *s == '\'')) {
			const char *name = skip_blanks(s + 1, end);
			size_t n = (size_t)(end - name);

			while (n && name[n - 1] == ' ')
				n--;
			if (stop ? n >= stop->len && !memcmp(name, stop->p, stop->len) &&
				       (n == stop->len || name[stop->len] == ' ')
				 : (n >= 1 && name[0] == '.'))
				return;
		}
		if (b) {
			copy_mode(b, s, end);
			buf_chr(b, '\n');
		}
	}
}

/* A macro's body with \$1, \$*, \$@, \n(.$ replaced. */
static void expand(struct roff *r, const struct roff_name *m, const char *rest, const char *end)
{
	struct roff_arg a[32];
	int n = roff_args(rest, end, a, 32);
	struct buf b = {0};
	const char *s = m->body.p, *e = s ? s + m->body.len : s;

	if (r->n_in == ROFF_INPUTS || !r->budget) {
		r->failed = 1;
		return;
	}
	r->budget--;
	for (; s < e; s++) {
		if (*s != '\\' || s + 2 >= e) {
			buf_chr(&b, *s);
		} else if (s[1] == '$' && s[2] >= '0' && s[2] <= '9') {
			int k = s[2] - '0';

			if (!k)
				buf_str(&b, m->name);
			else if (k <= n)
				buf_add(&b, a[k - 1].p, a[k - 1].len);
			s += 2;
		} else if (s[1] == '$' && (s[2] == '*' || s[2] == '@')) {
			for (int k = 0; k < n; k++) {
				buf_str(&b, k ? " " : "");
				buf_str(&b, s[2] == '@' ? "\"" : "");
				buf_add(&b, a[k].p, a[k].len);
				buf_str(&b, s[2] == '@' ? "\"" : "");
			}
			s += 2;
		} else if (e - s >= 5 && !memcmp(s, "\\n(.$", 5)) {
			buf_printf(&b, "%d", n);
			s += 4;
		} else if (e - s >= 6 && !memcmp(s, "\\n[.$]", 6)) {
			buf_printf(&b, "%d", n);
			s += 5;
		} else {
			buf_chr(&b, *s++);
			buf_chr(&b, *s);
		}
	}
	r->budget -= b.len / 64 < r->budget ? (unsigned)(b.len / 64) : r->budget;
	if (b.len > 1u << 20) {
		r->failed = 1;
		buf_release(&b);
		return;
	}
	r->in[r->n_in++] = (struct roff_input){b.p, b.p + b.len, b.p};
}

/* --- requests --------------------------------------------------------------------------------------- */

static void define_string(struct roff *r, const char *rest, const char *end, int append)
{
	const char *name = skip_blanks(rest, end), *e = name, *v;
	struct roff_name *d;

	while (e < end && *e != ' ' && *e != '\t')
		e++;
	if (e == name)
		return;
	v = skip_blanks(e, end);
	if (v < end && *v == '"')
		v++;
	d = define(r, name, (size_t)(e - name), 0);
	if (!append)
		d->body.len = 0;
	if (d->body.len < 65536)
		copy_mode(&d->body, v, end);
}

static void define_macro(struct roff *r, const char *rest, const char *end, int append)
{
	struct roff_arg a[2];
	/* Reading the body may free the input that holds this line. */
	char *line = xstrndup(rest, (size_t)(end - rest));
	int n = roff_args(line, line + (end - rest), a, 2);
	struct buf b = {0};
	struct roff_name *d;

	body(r, n > 1 ? &a[1] : NULL, n ? &b : NULL);
	if (n && a[0].len) {
		d = define(r, a[0].p, a[0].len, 1);
		if (!append)
			d->body.len = 0;
		buf_add(&d->body, b.p, b.len);
	}
	buf_release(&b);
	free(line);
}

static void ignore(struct roff *r, const char *rest, const char *end)
{
	struct roff_arg a;
	char *line = xstrndup(rest, (size_t)(end - rest));

	body(r, roff_args(line, line + (end - rest), &a, 1) ? &a : NULL, NULL);
	free(line);
}

static void set_register(struct roff *r, const char *rest, const char *end)
{
	const char *name = skip_blanks(rest, end), *e = name, *v;
	struct buf b = {0};
	struct expr x;
	int relative;

	while (e < end && *e != ' ')
		e++;
	v = skip_blanks(e, end);
	relative = v < end && (*v == '+' || *v == '-');
	roff_escapes(r, v, (size_t)(end - v), &b);
	x = (struct expr){b.p, b.p + b.len, 0};
	if (e > name)
		set_reg(r, name, (size_t)(e - name), b.len ? expr_value(&x) : 0, relative);
	buf_release(&b);
}

/* Lines up to .stop as they are: equations, pictures, references. */
static void raw_until(struct roff *r, const char *stop)
{
	const char *s, *end;
	size_t n = strlen(stop);

	prose_break(&r->p, 1);
	while (next_line(r, &s, &end, 0)) {
		if ((size_t)(end - s) >= n + 1 && *s == '.' && !memcmp(s + 1, stop, n))
			break;
		prose_verbatim(&r->p, s, (size_t)(end - s));
		prose_newline(&r->p);
	}
	prose_break(&r->p, 1);
}

/* Requests without text: layout, devices, and what has no meaning here.  Sorted. */
static const char *const silent[] = {"ab", "ad", "aln", "als", "bd", "blm", "box", "bp", "brp",
    "c2", "cc", "cf", "ch", "char", "chop", "close", "color", "cp", "cs", "cu", "da", "defcolor",
    "di", "do", "dt", "ec", "em", "eo", "ev", "evc", "fam", "fc", "fchar", "fcolor", "fl", "fp",
    "ft", "gcolor", "hc", "hcode", "hla", "hlm", "hpf", "hw", "hy", "hylang", "hym", "in", "it",
    "kern", "lc", "lf", "lg", "linetabs", "ll", "ls", "lt", "mc", "mk", "mso", "na", "ne", "nh",
    "nm", "nn", "nop", "nr", "ns", "nx", "open", "opena", "os", "pc", "pev", "pi", "pl", "pm",
    "pn", "pnr", "po", "ps", "psbb", "pso", "ptr", "rchar", "rd", "rj", "rm", "rn", "rnn", "rr",
    "rs", "rt", "schar", "shc", "ss", "sv", "sy", "ta", "tc", "tkf", "tl", "tm", "tm1", "tr",
    "trf", "trin", "trnt", "troff", "uf", "ul", "unformat", "vpt", "vs", "warn", "warnscale", "wh",
    "write", "writem"};

static int by_string(const void *key, const void *e)
{
	return strcmp(key, *(const char *const *)e);
}

static int is(const char *name, const char *request)
{
	return !strcmp(name, request);
}

static void redirect(struct roff *r, const char *rest, const char *end)
{
	r->page->redirect.len = 0;
	rest = skip_blanks(rest, end);
	buf_add(&r->page->redirect, rest, (size_t)(end - rest));
}

/* A request of roff itself: 1 done, 0 none of these. */
static int request(struct roff *r, const char *name, const char *rest, const char *end)
{
	int depth = r->n_in - 1, v;

	if (is(name, "if") || is(name, "ie")) {
		v = condition(r, &rest, end);
		if (name[1] == 'e')
			r->last_if[depth] = v;
		skip_or_do(r, v, rest, end);
	} else if (is(name, "el")) {
		skip_or_do(r, !r->last_if[depth], rest, end);
	} else if (is(name, "while")) {
		skip_or_do(r, 0, rest, end);
		r->page->unknown++;
	} else if (is(name, "ds") || is(name, "ds1")) {
		define_string(r, rest, end, 0);
	} else if (is(name, "as")) {
		define_string(r, rest, end, 1);
	} else if (is(name, "de") || is(name, "de1") || is(name, "dei")) {
		define_macro(r, rest, end, 0);
	} else if (is(name, "am")) {
		define_macro(r, rest, end, 1);
	} else if (is(name, "ig")) {
		ignore(r, rest, end);
	} else if (is(name, "nr")) {
		set_register(r, rest, end);
	} else if (is(name, "br") || is(name, "ti") || is(name, "ce")) {
		prose_break(&r->p, 1);
	} else if (is(name, "in")) {
		prose_break(&r->p, 1);
	} else if (is(name, "sp")) {
		prose_break(&r->p, 2);
	} else if (is(name, "nf")) {
		prose_break(&r->p, 1);
		r->nofill = 1;
	} else if (is(name, "fi")) {
		prose_break(&r->p, 1);
		r->nofill = 0;
	} else if (is(name, "so")) {
		redirect(r, rest, end);
	} else if (is(name, "EQ")) {
		raw_until(r, "EN");
	} else if (is(name, "PS")) {
		raw_until(r, "PE");
	} else if (is(name, "nop")) {
		text_line(r, skip_blanks(rest, end), end);
	} else {
		return bsearch(name, silent, sizeof(silent) / sizeof(*silent), sizeof(*silent),
			   by_string) != NULL;
	}
	return 1;
}

/* --- tables ----------------------------------------------------------------------------------------- */

static void table_cells(struct roff *r, const char *s, const char *end)
{
	for (;;) {
		const char *t = memchr(s, r->table_tab, (size_t)(end - s));
		const char *e = t ? t : end;

		if (e - s == 2 && !t && !memcmp(s, "T{", 2)) {
			r->table_text = 1;
			return;
		}
		if (!(e - s == 1 && (*s == '_' || *s == '=')) &&
		    !(e - s == 2 && (!memcmp(s, "\\_", 2) || !memcmp(s, "\\^", 2))))
			roff_put(r, s, (size_t)(e - s));
		if (!t)
			break;
		prose_tab(&r->p);
		s = t + 1;
	}
	prose_break(&r->p, 1);
}

/* A line within .TS and .TE. */
static void table_line(struct roff *r, const char *s, const char *end)
{
	const char *last = end;

	while (last > s && (last[-1] == ' ' || last[-1] == '\t'))
		last--;
	if (r->table == 1) {
		const char *tab = NULL;

		for (const char *p = s; p + 5 < last && !tab; p++)
			if (!memcmp(p, "tab", 3))
				tab = p + 3;
		if (last > s && last[-1] == ';') {
			while (tab && tab < last && *tab == ' ')
				tab++;
			if (tab && tab + 2 < last && *tab == '(')
				r->table_tab = tab[1];
		} else if (last > s && last[-1] == '.') {
			r->table = 2;
		}
		return;
	}
	if (r->table_text && end - s >= 2 && !memcmp(s, "T}", 2)) {
		r->table_text = 0;
		s += 2;
		if (s < end && *s == r->table_tab)
			prose_tab(&r->p), s++;
		table_cells(r, s, end);
	} else if (r->table_text) {
		roff_put(r, s, (size_t)(end - s));
		prose_space(&r->p);
	} else {
		table_cells(r, s, end);
	}
}

/* .TS, .TE, .T& */
static int table_request(struct roff *r, const char *name)
{
	if (is(name, "TS")) {
		prose_break(&r->p, 2);
		r->table = 1;
		r->table_tab = '\t';
		r->table_text = 0;
		r->nofill = 0;
	} else if (is(name, "TE")) {
		r->table = 0;
		prose_break(&r->p, 2);
	} else if (is(name, "T&")) {
		r->table = 1;
	} else {
		return 0;
	}
	return 1;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static void macro_line(struct roff *r, const char *s, const char *end)
{
	const char *name = skip_blanks(s + 1, end), *e = name;
	const struct roff_name *m;
	char word[32];
	size_t n;

	while (e < end && *e != ' ' && *e != '\t' && *e != '\\')
		e++;
	n = (size_t)(e - name);
	if (!n)
		return; /* .\" and lone control characters */
	m = r->n_names ? roff_find(r, name, n) : NULL;
	if (m && m->macro) {
		expand(r, m, e, end);
		return;
	}
	if (n >= sizeof(word)) {
		r->page->unknown++;
		return;
	}
	memcpy(word, name, n);
	word[n] = 0;
	if (table_request(r, word))
		return;
	/* Names of mdoc and man that are requests too (.Bl, .In …) differ in case. */
	if (roff_man(r, word, e, end) || roff_mdoc(r, word, e, end) || request(r, word, e, end))
		return;
	r->page->unknown++;
}

void roff_line(struct roff *r, const char *s, const char *end)
{
	if (s < end && (*s == '.' || *s == '\'')) {
		macro_line(r, s, end);
		return;
	}
	if (s < end && *s == '\\' && s + 1 < end && s[1] == '"')
		return;
	while (end - s >= 2 && s[0] == '\\' && s[1] == '}')
		s += 2;
	if (r->table)
		table_line(r, s, end);
	else
		text_line(r, s, end);
}

/* Lines that end in a backslash go on; s and end may then point into join. */
static void joined(struct roff *r, const char **s, const char **end, struct buf *join)
{
	const char *t, *e;

	if (*end - *s < 1 || (*end)[-1] != '\\')
		return;
	if (*end - *s >= 2 && (*end)[-2] == '\\')
		return;
	join->len = 0;
	buf_add(join, *s, (size_t)(*end - *s - 1));
	while (next_line(r, &t, &e, 0)) {
		int more = e > t && e[-1] == '\\' && !(e - t >= 2 && e[-2] == '\\');

		buf_add(join, t, (size_t)(e - t - more));
		if (!more)
			break;
	}
	*s = join->p;
	*end = join->p + join->len;
}

static void release(struct roff *r)
{
	for (size_t i = 0; i < r->n_names; i++) {
		free(r->names[i].name);
		buf_release(&r->names[i].body);
	}
	for (size_t i = 0; i < r->n_regs; i++)
		free(r->regs[i].name);
	for (int i = 0; i < r->n_in; i++)
		free(r->in[i].own);
	free(r->names);
	free(r->regs);
	buf_release(&r->ref);
	buf_release(&r->esc);
	buf_release(&r->nm);
	buf_release(&r->eo);
}

int roff_text(const char *s, size_t n, struct roff_page *page)
{
	struct roff *r = xcalloc(1, sizeof(*r));
	struct buf join = {0};
	const char *end;
	int failed;

	r->page = page;
	r->p.b = page->text;
	r->budget = ROFF_LINES;
	r->spacing = 1;
	r->fo_args = -1;
	r->in[r->n_in++] = (struct roff_input){s, s + n, NULL};
	while (!r->failed && next_line(r, &s, &end, 0)) {
		joined(r, &s, &end, &join);
		roff_line(r, s, end);
	}
	failed = r->failed;
	page->bad_line = r->line;
	release(r);
	free(r);
	buf_release(&join);
	if (failed)
		err_set("macros or strings expand without end, or are more than %d", ROFF_NAMES);
	return failed ? -1 : 0;
}
