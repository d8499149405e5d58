/* roff_mdoc: the macros of mdoc(7).  Macros on a line are called from left to right; an enclosure that
 * a line opens (.Op, .Dq, …) closes at the end of the line, before punctuation. */
#include <stdio.h>
#include <stdlib.h>

#include "doc/roff_int.h"

enum list_type { TAG, BULLET, ENUM, COLUMN, ITEM, OHANG, INLINE_HEAD };

struct line {
	struct roff *r;
	struct roff_arg *a;
	int n;
	int first; /* the macro in hand begins the line */
};
/* A macro at a[i-1]: does its work on the arguments from i on; returns where the walk goes on. */
typedef int mdoc_fn(struct line *l, const char *name, int i);

struct macro {
	const char *name;
	mdoc_fn *fn;
	int whole_line; /* only at the beginning of a line */
	const char *open, *close;
};

static const struct macro *macro_of(const struct roff_arg *a);

/* --- words ------------------------------------------------------------------------------------------ */

static int closing(const struct roff_arg *a)
{
	return !a->quoted && a->len == 1 && strchr(".,:;)]?!", a->p[0]);
}

static void glue(struct roff *r, const char *s, size_t n)
{
	roff_put(r, s, n);
	r->no_space = 0;
}

static void word(struct roff *r, const char *s, size_t n)
{
	if (!r->no_space && r->spacing)
		prose_space(&r->p);
	roff_put(r, s, n);
	r->no_space = 0;
}

static void str(struct roff *r, const char *s)
{
	word(r, s, strlen(s));
}

static void put_arg(struct roff *r, const struct roff_arg *a)
{
	if (closing(a)) {
		glue(r, a->p, a->len);
		return;
	}
	word(r, a->p, a->len);
	if (!a->quoted && a->len == 1 && (a->p[0] == '(' || a->p[0] == '['))
		r->no_space = 1;
}

/* Is there a word at i that is neither macro nor punctuation? */
static int has_word(const struct line *l, int i)
{
	return i < l->n && !closing(&l->a[i]) && !macro_of(&l->a[i]);
}

static void close_pending(struct roff *r, int down_to)
{
	while (r->n_pending > down_to) {
		const char *c = r->pending[--r->n_pending];

		glue(r, c, strlen(c));
	}
}

/* Arguments i to n with the macros among them. */
static void inline_args(struct line *l, int i)
{
	while (i < l->n) {
		const struct macro *m = macro_of(&l->a[i]);

		if (m && !m->whole_line) {
			i = m->fn(l, m->name, i + 1);
		} else {
			put_arg(l->r, &l->a[i]);
			i++;
		}
		l->first = 0;
	}
}

/* A line from argument i on, its enclosures closed before the punctuation at its end. */
static void whole(struct line *l, int i)
{
	struct roff *r = l->r;
	int n = l->n, base = r->n_pending, end;

	while (l->n > i && closing(&l->a[l->n - 1]))
		l->n--;
	end = l->n;
	inline_args(l, i);
	close_pending(r, base);
	for (i = end; i < n; i++)
		put_arg(r, &l->a[i]);
	l->n = n;
}

/* --- macros within lines ---------------------------------------------------------------------------- */

static int f_text(struct line *l, const char *name, int i)
{
	(void)l, (void)name;
	return i;
}

static int f_ar(struct line *l, const char *name, int i)
{
	if (!has_word(l, i))
		str(l->r, name[0] == 'A' ? "file ..." : "~");
	return i;
}

static int f_nm(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	if (r->synopsis && l->first)
		prose_break(&r->p, 1);
	if (has_word(l, i)) {
		if (!r->nm.len)
			roff_escapes(r, l->a[i].p, l->a[i].len, &r->nm);
	} else if (r->nm.len) {
		if (!r->no_space && r->spacing)
			prose_space(&r->p);
		prose_words(&r->p, r->nm.p, r->nm.len);
		r->no_space = 0;
	}
	return i;
}

static int f_fl(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	if (!has_word(l, i)) {
		str(r, "-");
		r->no_space = i < l->n && !closing(&l->a[i]);
		return i;
	}
	for (; i < l->n && !macro_of(&l->a[i]); i++) {
		if (!closing(&l->a[i]) && !(l->a[i].len == 1 && l->a[i].p[0] == '|')) {
			str(r, "-");
			r->no_space = 1;
		}
		put_arg(r, &l->a[i]);
	}
	return i;
}

static const struct macro *lookup(const char *name);

/* .Op and the like: closed by the end of the line. */
static int f_enclose(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	const struct macro *m = lookup(name);
	int mail =
	    !strcmp(name, "Aq") && i < l->n && l->a[i].len == 2 && !memcmp(l->a[i].p, "Mt", 2);

	str(r, mail ? "<" : m->open);
	r->no_space = 1;
	if (r->n_pending < ROFF_ARGS)
		r->pending[r->n_pending++] = mail ? ">" : m->close;
	return i;
}

static int f_open(struct line *l, const char *name, int i)
{
	str(l->r, lookup(name)->open);
	l->r->no_space = 1;
	return i;
}

static int f_close(struct line *l, const char *name, int i)
{
	const char *c = lookup(name)->close;

	glue(l->r, c, strlen(c));
	return i;
}

static int f_eo(struct line *l, const char *name, int i)
{
	(void)name;
	if (i < l->n && !macro_of(&l->a[i])) {
		word(l->r, l->a[i].p, l->a[i].len);
		i++;
	} else if (!l->r->no_space) {
		prose_space(&l->r->p);
	}
	l->r->no_space = 1;
	return i;
}

static int f_ec(struct line *l, const char *name, int i)
{
	(void)name;
	if (i < l->n && !macro_of(&l->a[i])) {
		glue(l->r, l->a[i].p, l->a[i].len);
		i++;
	}
	return i;
}

static int f_ns(struct line *l, const char *name, int i)
{
	(void)name;
	l->r->no_space = 1;
	return i;
}

static int f_ap(struct line *l, const char *name, int i)
{
	(void)name;
	glue(l->r, "'", 1);
	l->r->no_space = 1;
	return i;
}

static int f_pf(struct line *l, const char *name, int i)
{
	(void)name;
	if (i < l->n) {
		word(l->r, l->a[i].p, l->a[i].len);
		i++;
	}
	l->r->no_space = 1;
	return i;
}

static int f_xr(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	if (!has_word(l, i))
		return i;
	word(r, l->a[i].p, l->a[i].len);
	i++;
	if (has_word(l, i)) {
		glue(r, "(", 1);
		glue(r, l->a[i].p, l->a[i].len);
		glue(r, ")", 1);
		i++;
	}
	return i;
}

/* Space between the declarations of a synopsis. */
static void synopsis(struct line *l, int what)
{
	struct roff *r = l->r;

	if (!r->synopsis || !l->first)
		return;
	if (what == 'n' && r->after == 't')
		prose_break(&r->p, 1);
	else
		prose_break(&r->p, r->after == what && what == 'i' ? 1 : 2);
	r->after = what;
}

static int f_fn(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	synopsis(l, 'n');
	if (!has_word(l, i))
		return i;
	word(r, l->a[i].p, l->a[i].len);
	glue(r, "(", 1);
	for (i++; has_word(l, i); i++) {
		glue(r, l->a[i].p, l->a[i].len);
		if (has_word(l, i + 1))
			glue(r, ", ", 2);
	}
	glue(r, r->synopsis ? ");" : ")", r->synopsis ? 2 : 1);
	return i;
}

static int f_fo(struct line *l, const char *name, int i)
{
	(void)name;
	synopsis(l, 'n');
	if (i < l->n) {
		word(l->r, l->a[i].p, l->a[i].len);
		i++;
	}
	glue(l->r, "(", 1);
	l->r->no_space = 1;
	l->r->fo_args = 0;
	return i;
}

static int f_fc(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	r->fo_args = -1;
	glue(r, r->synopsis ? ");" : ")", r->synopsis ? 2 : 1);
	return i;
}

static int f_fa(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	if (r->fo_args < 0)
		return i;
	for (; has_word(l, i); i++) {
		if (r->fo_args++)
			glue(r, ",", 1);
		word(r, l->a[i].p, l->a[i].len);
	}
	return i;
}

static int f_decl(struct line *l, const char *name, int i)
{
	synopsis(l, name[0] == 'F' && name[1] == 't' ? 't' : 'v');
	return i;
}

static int f_in(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	synopsis(l, 'i');
	if (r->synopsis && l->first)
		str(r, "#include");
	if (has_word(l, i)) {
		str(r, "<");
		glue(r, l->a[i].p, l->a[i].len);
		glue(r, ">", 1);
		i++;
	}
	return i;
}

/* .Bx .Bsx .Fx .Nx .Ox .Dx .Ux: names of systems, with a version behind them. */
static int f_system(struct line *l, const char *name, int i)
{
	str(l->r, lookup(name)->open);
	if (!has_word(l, i) || name[0] == 'U')
		return i;
	put_arg(l->r, &l->a[i]);
	return i + 1;
}

static int f_bx(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	char c;

	(void)name;
	if (!has_word(l, i)) {
		str(r, "BSD");
		return i;
	}
	word(r, l->a[i].p, l->a[i].len);
	if (!(l->a[i].len == 5 && !memcmp(l->a[i].p, "-alph", 5)))
		glue(r, "BSD", 3);
	i++;
	if (has_word(l, i) && l->a[i].len > 1) {
		c = l->a[i].p[0];
		c = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
		glue(r, "-", 1);
		glue(r, &c, 1);
		glue(r, l->a[i].p + 1, l->a[i].len - 1);
		i++;
	}
	return i;
}

static int equals(const struct roff_arg *a, const char *s)
{
	return a->len == strlen(s) && !memcmp(a->p, s, a->len);
}

/* Names that stand for longer ones. */
struct phrase {
	const char *key, *text;
};
static const struct phrase systems[] = {{"v1", "Version 1 AT&T UNIX"},
    {"v2", "Version 2 AT&T UNIX"}, {"v3", "Version 3 AT&T UNIX"}, {"v4", "Version 4 AT&T UNIX"},
    {"v5", "Version 5 AT&T UNIX"}, {"v6", "Version 6 AT&T UNIX"}, {"v7", "Version 7 AT&T UNIX"},
    {"32v", "Version 7 AT&T UNIX/32V"}, {"III", "AT&T System III UNIX"},
    {"V", "AT&T System V UNIX"}, {"V.1", "AT&T System V Release 1 UNIX"},
    {"V.2", "AT&T System V Release 2 UNIX"}, {"V.3", "AT&T System V Release 3 UNIX"},
    {"V.4", "AT&T System V Release 4 UNIX"}, {NULL, NULL}};
static const struct phrase standards[] = {{"-p1003.1", "IEEE Std 1003.1 (“POSIX.1”)"},
    {"-p1003.1-88", "IEEE Std 1003.1-1988 (“POSIX.1”)"},
    {"-p1003.1-90", "IEEE Std 1003.1-1990 (“POSIX.1”)"},
    {"-p1003.1-96", "ISO/IEC 9945-1:1996 (“POSIX.1”)"},
    {"-p1003.1-2001", "IEEE Std 1003.1-2001 (“POSIX.1”)"},
    {"-p1003.1-2004", "IEEE Std 1003.1-2004 (“POSIX.1”)"},
    {"-p1003.1-2008", "IEEE Std 1003.1-2008 (“POSIX.1”)"},
    {"-p1003.1b", "IEEE Std 1003.1b (“POSIX.1b”)"},
    {"-p1003.1b-93", "IEEE Std 1003.1b-1993 (“POSIX.1b”)"},
    {"-p1003.1c-95", "IEEE Std 1003.1c-1995 (“POSIX.1c”)"},
    {"-p1003.1i-95", "IEEE Std 1003.1i-1995 (“POSIX.1i”)"},
    {"-p1003.1g-2000", "IEEE Std 1003.1g-2000 (“POSIX.1g”)"},
    {"-p1003.2", "IEEE Std 1003.2 (“POSIX.2”)"},
    {"-p1003.2-92", "IEEE Std 1003.2-1992 (“POSIX.2”)"},
    {"-iso9945-1-90", "ISO/IEC 9945-1:1990 (“POSIX.1”)"},
    {"-iso9945-1-96", "ISO/IEC 9945-1:1996 (“POSIX.1”)"},
    {"-iso9945-2-93", "ISO/IEC 9945-2:1993 (“POSIX.2”)"},
    {"-ansiC", "ANSI X3.159-1989 (“ANSI C89”)"}, {"-ansiC-89", "ANSI X3.159-1989 (“ANSI C89”)"},
    {"-isoC", "ISO/IEC 9899:1990 (“ISO C90”)"}, {"-isoC-90", "ISO/IEC 9899:1990 (“ISO C90”)"},
    {"-isoC-amd1", "ISO/IEC 9899/AMD1:1995 (“ISO C90, Amendment 1”)"},
    {"-isoC-tcor1", "ISO/IEC 9899/TCOR1:1994 (“ISO C90, Technical Corrigendum 1”)"},
    {"-isoC-tcor2", "ISO/IEC 9899/TCOR2:1995 (“ISO C90, Technical Corrigendum 2”)"},
    {"-isoC-99", "ISO/IEC 9899:1999 (“ISO C99”)"}, {"-isoC-2011", "ISO/IEC 9899:2011 (“ISO C11”)"},
    {"-susv1", "Version 1 of the Single UNIX Specification (“SUSv1”)"},
    {"-susv2", "Version 2 of the Single UNIX Specification (“SUSv2”)"},
    {"-susv3", "Version 3 of the Single UNIX Specification (“SUSv3”)"},
    {"-susv4", "Version 4 of the Single UNIX Specification (“SUSv4”)"},
    {"-svid4", "System V Interface Definition, Fourth Edition (“SVID4”)"},
    {"-xpg3", "X/Open Portability Guide Issue 3 (“XPG3”)"},
    {"-xpg4", "X/Open Portability Guide Issue 4 (“XPG4”)"},
    {"-xpg4.2", "X/Open Portability Guide Issue 4, Version 2 (“XPG4.2”)"},
    {"-xbd5", "X/Open Base Definitions Issue 5 (“XBD5”)"},
    {"-xcu5", "X/Open Commands and Utilities Issue 5 (“XCU5”)"},
    {"-xsh5", "X/Open System Interfaces and Headers Issue 5 (“XSH5”)"},
    {"-xns5", "X/Open Networking Services Issue 5 (“XNS5”)"},
    {"-xns5.2", "X/Open Networking Services Issue 5.2 (“XNS5.2”)"},
    {"-xcurses4.2", "X/Open Curses Issue 4, Version 2 (“XCURSES4.2”)"},
    {"-ieee754", "IEEE Std 754-1985"}, {"-iso8601", "ISO 8601"}, {NULL, NULL}};
static const struct phrase libraries[] = {{"libc", "Standard C Library (libc, -lc)"},
    {"libm", "Math Library (libm, -lm)"},
    {"libutil", "System Utilities Library (libutil, -lutil)"},
    {"libkvm", "Kernel Data Access Library (libkvm, -lkvm)"},
    {"libpthread", "POSIX Threads Library (libpthread, -lpthread)"},
    {"libcrypt", "Crypt Library (libcrypt, -lcrypt)"},
    {"libgeom", "Userland API Library for Kernel GEOM subsystem (libgeom, -lgeom)"},
    {"libdevstat", "Device Statistics Library (libdevstat, -ldevstat)"},
    {"libnv", "Name/value pairs library (libnv, -lnv)"},
    {"libcasper", "Casper Library (libcasper, -lcasper)"}, {NULL, NULL}};

static const char *phrase_of(const struct phrase *t, const struct roff_arg *a)
{
	for (; t->key; t++)
		if (equals(a, t->key))
			return t->text;
	return NULL;
}

static int f_phrase(struct line *l, const char *name, int i)
{
	const struct phrase *t = name[0] == 'A' ? systems : name[0] == 'S' ? standards : libraries;
	const char *text = has_word(l, i) ? phrase_of(t, &l->a[i]) : NULL;

	if (text)
		return str(l->r, text), i + 1;
	if (name[0] == 'A')
		str(l->r, "AT&T UNIX");
	if (name[0] == 'L' && has_word(l, i)) {
		str(l->r, "library “");
		glue(l->r, l->a[i].p, l->a[i].len);
		glue(l->r, "”", strlen("”"));
		i++;
	}
	return i;
}

/* The names of .Rv and .Ex: "a, b and c"; returns how many. */
static int f_names(struct line *l, int i, const char *behind)
{
	struct roff *r = l->r;
	int first = i;

	for (; i < l->n; i++) {
		if (i > first)
			i + 1 < l->n ? glue(r, ",", 1) : str(r, "and");
		word(r, l->a[i].p, l->a[i].len);
		glue(r, behind, strlen(behind));
	}
	return i - first;
}

static int f_rv(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name;
	i += i < l->n && equals(&l->a[i], "-std");
	if (i < l->n) {
		str(r, "The");
		str(r, f_names(l, i, "()") > 1 ? "functions return" : "function returns");
		str(r, "the value 0 if successful;");
	} else {
		str(r, "Upon successful completion, the value 0 is returned;");
	}
	str(r, "otherwise the value -1 is returned and the global variable errno is set to "
	       "indicate the error.");
	return l->n;
}

static int f_ex(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	int n;

	(void)name;
	i += i < l->n && equals(&l->a[i], "-std");
	str(r, "The");
	n = f_names(l, i, "");
	if (!n) {
		prose_space(&r->p);
		prose_words(&r->p, r->nm.p ? r->nm.p : "", r->nm.len);
	}
	str(r, n > 1 ? "utilities exit" : "utility exits");
	str(r, "0 on success, and >0 if an error occurs.");
	return l->n;
}

static int f_phrases(struct line *l, const char *name, int i)
{
	str(l->r, lookup(name)->open);
	return i;
}

static int f_lk(struct line *l, const char *name, int i)
{
	int url = i;

	(void)name;
	if (!has_word(l, i))
		return i;
	for (i++; has_word(l, i); i++)
		put_arg(l->r, &l->a[i]);
	if (i > url + 1)
		glue(l->r, ":", 1);
	word(l->r, l->a[url].p, l->a[url].len);
	return i;
}

static int f_an(struct line *l, const char *name, int i)
{
	(void)name;
	if (i < l->n && (equals(&l->a[i], "-split") || equals(&l->a[i], "-nosplit")))
		return i + 1;
	return i;
}

static int f_sm(struct line *l, const char *name, int i)
{
	(void)name;
	l->r->spacing = i < l->n ? equals(&l->a[i], "on") : !l->r->spacing;
	if (!l->r->no_space)
		prose_space(&l->r->p);
	l->r->no_space = 0;
	return l->n;
}

static int f_ta(struct line *l, const char *name, int i)
{
	(void)name;
	prose_tab(&l->r->p);
	l->r->no_space = 1;
	return i;
}

static int f_none(struct line *l, const char *name, int i)
{
	(void)name, (void)i;
	return l->n;
}

/* --- lists ------------------------------------------------------------------------------------------ */

static struct roff_list *list_of(struct roff *r)
{
	return r->n_lists ? &r->list[r->n_lists - 1] : NULL;
}

static void head_done(struct roff *r)
{
	struct roff_list *t = list_of(r);

	t->in_head = 0;
	switch (t->type) {
	case TAG:
		prose_break(&r->p, 1);
		r->p.indent = t->indent + ROFF_STEP;
		break;
	case OHANG:
		prose_break(&r->p, 1);
		break;
	case INLINE_HEAD:
		r->p.indent = t->indent + ROFF_STEP;
		break;
	default:
		break;
	}
}

static int f_xo(struct line *l, const char *name, int i)
{
	struct roff_list *t = list_of(l->r);

	(void)name;
	if (t && t->in_head)
		t->in_head++;
	return i;
}

static int f_xc(struct line *l, const char *name, int i)
{
	struct roff_list *t = list_of(l->r);

	(void)name;
	if (t && t->in_head > 1 && --t->in_head == 1) {
		/* What follows on the line is still of the head. */
		inline_args(l, i);
		head_done(l->r);
		return l->n;
	}
	return i;
}

static int f_bl(struct line *l, const char *name, int i)
{
	static const struct {
		const char *name;
		int type;
	} types[] = {{"-tag", TAG}, {"-bullet", BULLET}, {"-dash", BULLET}, {"-hyphen", BULLET},
	    {"-enum", ENUM}, {"-column", COLUMN}, {"-item", ITEM}, {"-ohang", OHANG},
	    {"-inset", INLINE_HEAD}, {"-hang", INLINE_HEAD}, {"-diag", INLINE_HEAD}};
	struct roff *r = l->r;
	struct roff_list *t;

	(void)name;
	if (r->n_lists == ROFF_LISTS)
		return r->failed = 1, l->n;
	t = &r->list[r->n_lists++];
	*t = (struct roff_list){.type = ITEM, .indent = r->p.indent};
	for (; i < l->n; i++) {
		for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++)
			if (equals(&l->a[i], types[k].name))
				t->type = types[k].type;
		if (equals(&l->a[i], "-compact"))
			t->compact = 1;
		else if (equals(&l->a[i], "-width") || equals(&l->a[i], "-offset"))
			i++;
	}
	return l->n;
}

static int f_el(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name, (void)i;
	if (!r->n_lists)
		return l->n;
	r->p.indent = r->list[--r->n_lists].indent;
	prose_break(&r->p, 1);
	return l->n;
}

/* Cells of a column list: by .Ta, or by tabs within the line. */
static void columns(struct line *l, int i)
{
	for (; i < l->n; i++) {
		const char *s = l->a[i].p, *end = s + l->a[i].len, *t;

		if (macro_of(&l->a[i])) {
			struct line part = *l;
			int k = i + 1;

			while (k < l->n && !memchr(l->a[k].p, '\t', l->a[k].len))
				k++;
			part.n = k;
			whole(&part, i);
			i = k - 1;
			continue;
		}
		while ((t = memchr(s, '\t', (size_t)(end - s)))) {
			if (t > s)
				word(l->r, s, (size_t)(t - s));
			prose_tab(&l->r->p);
			l->r->no_space = 1;
			s = t + 1;
		}
		if (s < end) {
			struct roff_arg rest = {s, (size_t)(end - s), l->a[i].quoted};

			put_arg(l->r, &rest);
		}
	}
}

static int f_it(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	struct roff_list *t = list_of(r);
	char number[16];

	(void)name;
	r->no_space = 0;
	if (!t) {
		prose_break(&r->p, 1);
		whole(l, i);
		return l->n;
	}
	prose_break(&r->p, t->compact || t->type == COLUMN ? 1 : 2);
	r->p.indent = t->indent;
	t->items++;
	switch (t->type) {
	case BULLET:
		r->p.indent = t->indent + 2;
		prose_mark(&r->p, "- ");
		break;
	case ENUM:
		snprintf(number, sizeof(number), "%d.", t->items);
		prose_words(&r->p, number, strlen(number));
		r->p.indent = t->indent + ROFF_STEP;
		break;
	case ITEM:
		break;
	case COLUMN:
		columns(l, i);
		break;
	default:
		t->in_head = 1;
		whole(l, i);
		if (t->in_head == 1)
			head_done(r);
	}
	return l->n;
}

/* --- displays, sections, references ------------------------------------------------------------------ */

static int f_bd(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	int compact = 0, offset = 0;

	(void)name;
	if (r->n_disp == ROFF_LISTS)
		return r->failed = 1, l->n;
	r->saved_fill[r->n_disp] = r->nofill;
	r->saved_indent[r->n_disp++] = r->p.indent;
	r->nofill = 0;
	for (; i < l->n; i++) {
		if (equals(&l->a[i], "-literal") || equals(&l->a[i], "-unfilled"))
			r->nofill = 1;
		compact |= equals(&l->a[i], "-compact");
		offset |= equals(&l->a[i], "-offset");
	}
	prose_break(&r->p, compact ? 1 : 2);
	r->p.indent += offset ? ROFF_STEP : 0;
	return l->n;
}

static int f_ed(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)name, (void)i;
	if (r->n_disp) {
		r->nofill = r->saved_fill[--r->n_disp];
		r->p.indent = r->saved_indent[r->n_disp];
		/* the last line's newline is held back already */
		if (r->p.nl > 1)
			r->p.nl = 1;
	}
	prose_break(&r->p, 1);
	return l->n;
}

static int f_d1(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	int indent = r->p.indent;

	(void)name;
	prose_break(&r->p, 1);
	r->p.indent += ROFF_STEP;
	whole(l, i);
	prose_break(&r->p, 1);
	r->p.indent = indent;
	return l->n;
}

static int f_sh(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	prose_break(&r->p, 2);
	r->nofill = r->n_lists = r->n_disp = 0;
	r->p.indent = 0;
	r->fo_args = -1;
	r->no_space = 0;
	r->spacing = 1;
	r->after = 0;
	if (name[1] == 'h') {
		r->synopsis = i < l->n && equals(&l->a[i], "SYNOPSIS");
		r->name_section = i < l->n && equals(&l->a[i], "NAME");
	}
	whole(l, i);
	prose_break(&r->p, 1);
	return l->n;
}

static int f_pp(struct line *l, const char *name, int i)
{
	(void)name, (void)i;
	roff_para(l->r);
	return l->n;
}

static int f_nd(struct line *l, const char *name, int i)
{
	(void)name;
	str(l->r, "–");
	whole(l, i);
	return l->n;
}

static int f_rs(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;

	(void)i;
	if (name[1] == 's') {
		prose_break(&r->p, 1);
		r->an_seen = 0;
	} else if (r->an_seen) {
		glue(r, ".", 1);
		r->an_seen = 0;
	}
	return l->n;
}

static int f_ref(struct line *l, const char *name, int i)
{
	struct roff *r = l->r;
	int quoted = name[1] == 'T';

	if (r->an_seen++)
		glue(r, ",", 1);
	if (quoted) {
		str(r, "“");
		r->no_space = 1;
	}
	whole(l, i);
	if (quoted)
		glue(r, "”", strlen("”"));
	return l->n;
}

static void keep_args(struct line *l, int i, struct buf *b)
{
	b->len = 0;
	for (; i < l->n; i++) {
		if (b->len)
			buf_chr(b, ' ');
		roff_escapes(l->r, l->a[i].p, l->a[i].len, b);
	}
}

static int f_dd(struct line *l, const char *name, int i)
{
	(void)name;
	l->r->mdoc = 1;
	keep_args(l, i, &l->r->page->date);
	return l->n;
}

static int f_dt(struct line *l, const char *name, int i)
{
	struct line one = *l;

	(void)name;
	l->r->mdoc = 1;
	one.n = i + 1 < l->n ? i + 1 : l->n;
	keep_args(&one, i, &l->r->page->title);
	one.n = i + 2 < l->n ? i + 2 : l->n;
	keep_args(&one, i + 1, &l->r->page->section);
	return l->n;
}

/* Sorted by name. */
static const struct macro macros[] = {{"%A", f_ref, 1, NULL, NULL}, {"%B", f_ref, 1, NULL, NULL},
    {"%C", f_ref, 1, NULL, NULL}, {"%D", f_ref, 1, NULL, NULL}, {"%I", f_ref, 1, NULL, NULL},
    {"%J", f_ref, 1, NULL, NULL}, {"%N", f_ref, 1, NULL, NULL}, {"%O", f_ref, 1, NULL, NULL},
    {"%P", f_ref, 1, NULL, NULL}, {"%Q", f_ref, 1, NULL, NULL}, {"%R", f_ref, 1, NULL, NULL},
    {"%T", f_ref, 1, NULL, NULL}, {"%U", f_ref, 1, NULL, NULL}, {"%V", f_ref, 1, NULL, NULL},
    {"Ac", f_close, 0, NULL, "⟩"}, {"Ad", f_text, 0, NULL, NULL}, {"An", f_an, 0, NULL, NULL},
    {"Ao", f_open, 0, "⟨", NULL}, {"Ap", f_ap, 0, NULL, NULL}, {"Aq", f_enclose, 0, "⟨", "⟩"},
    {"Ar", f_ar, 0, NULL, NULL}, {"At", f_phrase, 0, NULL, NULL}, {"Bc", f_close, 0, NULL, "]"},
    {"Bd", f_bd, 1, NULL, NULL}, {"Bf", f_none, 1, NULL, NULL}, {"Bk", f_none, 1, NULL, NULL},
    {"Bl", f_bl, 1, NULL, NULL}, {"Bo", f_open, 0, "[", NULL}, {"Bq", f_enclose, 0, "[", "]"},
    {"Brc", f_close, 0, NULL, "}"}, {"Bro", f_open, 0, "{", NULL}, {"Brq", f_enclose, 0, "{", "}"},
    {"Bsx", f_system, 0, "BSD/OS", NULL}, {"Bt", f_phrases, 1, "is currently in beta test.", NULL},
    {"Bx", f_bx, 0, NULL, NULL}, {"Cd", f_decl, 0, NULL, NULL}, {"Cm", f_text, 0, NULL, NULL},
    {"D1", f_d1, 1, NULL, NULL}, {"Db", f_none, 1, NULL, NULL}, {"Dc", f_close, 0, NULL, "”"},
    {"Dd", f_dd, 1, NULL, NULL}, {"Dl", f_d1, 1, NULL, NULL}, {"Do", f_open, 0, "“", NULL},
    {"Dq", f_enclose, 0, "“", "”"}, {"Dt", f_dt, 1, NULL, NULL}, {"Dv", f_text, 0, NULL, NULL},
    {"Dx", f_system, 0, "DragonFly", NULL}, {"Ec", f_ec, 0, NULL, NULL},
    {"Ed", f_ed, 1, NULL, NULL}, {"Ef", f_none, 1, NULL, NULL}, {"Ek", f_none, 1, NULL, NULL},
    {"El", f_el, 1, NULL, NULL}, {"Em", f_text, 0, NULL, NULL}, {"En", f_text, 0, NULL, NULL},
    {"Eo", f_eo, 0, NULL, NULL}, {"Er", f_text, 0, NULL, NULL}, {"Es", f_none, 0, NULL, NULL},
    {"Ev", f_text, 0, NULL, NULL}, {"Ex", f_ex, 1, NULL, NULL}, {"Fa", f_fa, 0, NULL, NULL},
    {"Fc", f_fc, 0, NULL, NULL}, {"Fd", f_decl, 1, NULL, NULL}, {"Fl", f_fl, 0, NULL, NULL},
    {"Fn", f_fn, 0, NULL, NULL}, {"Fo", f_fo, 0, NULL, NULL}, {"Fr", f_text, 0, NULL, NULL},
    {"Ft", f_decl, 0, NULL, NULL}, {"Fx", f_system, 0, "FreeBSD", NULL},
    {"Hf", f_none, 1, NULL, NULL}, {"Ic", f_text, 0, NULL, NULL}, {"In", f_in, 0, NULL, NULL},
    {"It", f_it, 1, NULL, NULL}, {"Lb", f_phrase, 0, NULL, NULL}, {"Li", f_text, 0, NULL, NULL},
    {"Lk", f_lk, 0, NULL, NULL}, {"Lp", f_pp, 1, NULL, NULL}, {"Ms", f_text, 0, NULL, NULL},
    {"Mt", f_text, 0, NULL, NULL}, {"Nd", f_nd, 1, NULL, NULL}, {"Nm", f_nm, 0, NULL, NULL},
    {"No", f_text, 0, NULL, NULL}, {"Ns", f_ns, 0, NULL, NULL},
    {"Nx", f_system, 0, "NetBSD", NULL}, {"Oc", f_close, 0, NULL, "]"},
    {"Oo", f_open, 0, "[", NULL}, {"Op", f_enclose, 0, "[", "]"}, {"Os", f_none, 1, NULL, NULL},
    {"Ot", f_decl, 0, NULL, NULL}, {"Ox", f_system, 0, "OpenBSD", NULL},
    {"Pa", f_ar, 0, NULL, NULL}, {"Pc", f_close, 0, NULL, ")"}, {"Pf", f_pf, 0, NULL, NULL},
    {"Po", f_open, 0, "(", NULL}, {"Pp", f_pp, 1, NULL, NULL}, {"Pq", f_enclose, 0, "(", ")"},
    {"Qc", f_close, 0, NULL, "\""}, {"Ql", f_enclose, 0, "‘", "’"}, {"Qo", f_open, 0, "\"", NULL},
    {"Qq", f_enclose, 0, "\"", "\""}, {"Re", f_rs, 1, NULL, NULL}, {"Rs", f_rs, 1, NULL, NULL},
    {"Rv", f_rv, 1, NULL, NULL}, {"Sc", f_close, 0, NULL, "’"}, {"Sh", f_sh, 1, NULL, NULL},
    {"Sm", f_sm, 1, NULL, NULL}, {"So", f_open, 0, "‘", NULL}, {"Sq", f_enclose, 0, "‘", "’"},
    {"Ss", f_sh, 1, NULL, NULL}, {"St", f_phrase, 0, NULL, NULL}, {"Sx", f_text, 0, NULL, NULL},
    {"Sy", f_text, 0, NULL, NULL}, {"Ta", f_ta, 0, NULL, NULL}, {"Tg", f_none, 1, NULL, NULL},
    {"Tn", f_text, 0, NULL, NULL}, {"Ud", f_phrases, 1, "currently under development.", NULL},
    {"Ux", f_system, 0, "UNIX", NULL}, {"Va", f_text, 0, NULL, NULL},
    {"Vt", f_decl, 0, NULL, NULL}, {"Xc", f_xc, 0, NULL, NULL}, {"Xo", f_xo, 0, NULL, NULL},
    {"Xr", f_xr, 0, NULL, NULL}};

static int by_name(const void *key, const void *e)
{
	return strcmp(key, ((const struct macro *)e)->name);
}

static const struct macro *lookup(const char *name)
{
	return bsearch(name, macros, sizeof(macros) / sizeof(*macros), sizeof(*macros), by_name);
}

static const struct macro *macro_of(const struct roff_arg *a)
{
	char name[4];

	if (a->quoted || a->len < 2 || a->len > 3 ||
	    !((a->p[0] >= 'A' && a->p[0] <= 'Z') || a->p[0] == '%'))
		return NULL;
	memcpy(name, a->p, a->len);
	name[a->len] = 0;
	return lookup(name);
}

/* What the first macro of a line does with the whole line. */
static void first_macro(struct line *l, const struct macro *m)
{
	struct roff *r = l->r;
	int n = l->n, end;

	if (m->whole_line) {
		int i = m->fn(l, m->name, 0);

		if (i < l->n)
			whole(l, i);
		return;
	}
	while (l->n && closing(&l->a[l->n - 1]))
		l->n--;
	end = l->n;
	inline_args(l, m->fn(l, m->name, 0));
	close_pending(r, 0);
	for (int i = end; i < n; i++)
		put_arg(r, &l->a[i]);
}

/* Macros after which a verbatim line does not end. */
static int blockish(const struct macro *m)
{
	return m->whole_line && m->fn != f_nd && m->fn != f_phrases;
}

int roff_mdoc(struct roff *r, const char *name, const char *rest, const char *end)
{
	struct roff_arg a[ROFF_ARGS];
	const struct macro *m = lookup(name);
	struct line l = {r, a, 0, 1};

	if (!m)
		return 0;
	l.n = roff_args(rest, end, a, ROFF_ARGS);
	if (!r->nofill && m->fn == f_nm && r->fo_args >= 0)
		r->fo_args = -1;
	first_macro(&l, m);
	r->n_pending = 0;
	if (r->nofill && !blockish(m))
		prose_newline(&r->p);
	return 1;
}
