#include "doc/wikitext.h"

#include <stdlib.h>
#include <strings.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/htmltext.h"
#include "doc/prose.h"

/* Verbatim pieces stand in the text between these (they cannot occur in XML). */
enum { RAW_BEGIN = 1, RAW_END = 2 };
enum { LINK_DEPTH = 24 };

struct span {
	size_t from, to; /* to is behind the closing brackets */
};

struct wiki {
	struct prose p;
	const char *s; /* the text whose links are in links[] */
	struct span *links;
	size_t n_links;
	const char *file, *category;
	int depth;
};

/* --- tags -------------------------------------------------------------------------------------------- */

static int name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

/* A tag at s: its length, 0 when it is none.  name gets it in lower case, *closing, *empty (/>). */
static size_t tag(const char *s, const char *end, char name[24], int *closing, int *empty)
{
	const char *p = s + 1, *gt;
	size_t n = 0;

	*closing = p < end && *p == '/';
	p += *closing;
	while (p < end && name_char(*p) && n < 23) {
		name[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p | 32) : *p;
		p++;
	}
	name[n] = 0;
	if (!n || p == end || (name[0] >= '0' && name[0] <= '9'))
		return 0;
	if (*p != '>' && *p != '/' && *p != ' ' && *p != '\n' && *p != '\t')
		return 0;
	/* Attributes are short: a lone '<' does not reach for a '>' far away. */
	gt = memchr(p, '>', (size_t)(end - p) < 2000 ? (size_t)(end - p) : 2000);
	if (!gt)
		return 0;
	*empty = gt[-1] == '/';
	return (size_t)(gt + 1 - s);
}

static int among(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(name, *list))
			return 1;
	return 0;
}

static const char *const dropped[] = {"ref", "gallery", "timeline", "imagemap", "templatestyles",
    "score", "graph", "mapframe", "maplink", "references", "section", "categorytree", "inputbox",
    "hiero", "noinclude", "indicator", NULL};
static const char *const verbatim[] = {
    "nowiki", "pre", "syntaxhighlight", "source", "math", "chem", NULL};

/* The closing tag of name behind s, or NULL; seen remembers that there is none, so that the search is
 * not done again for each opening one. */
static const char *closing_tag(const char *s, const char *end, const char *name)
{
	size_t k = strlen(name);

	for (; (s = memchr(s, '<', (size_t)(end - s))); s++)
		if ((size_t)(end - s) > k + 2 && s[1] == '/' && !strncasecmp(s + 2, name, k) &&
		    !name_char(s[2 + k]))
			return s;
	return NULL;
}

struct unclosed {
	const char *name[8];
	int n;
};

static const char *closing_once(
    struct unclosed *u, const char *s, const char *end, const char *name)
{
	const char *p;

	for (int i = 0; i < u->n; i++)
		if (!strcmp(u->name[i], name))
			return NULL;
	p = closing_tag(s, end, name);
	if (!p && u->n < 8)
		for (int k = 0; k < 2; k++)
			for (const char *const *l = k ? verbatim : dropped; *l; l++)
				if (!strcmp(*l, name))
					u->name[u->n++] = *l;
	return p;
}

static void put_verbatim(struct buf *b, const char *s, const char *end, int block)
{
	if (block)
		buf_str(b, "\n\n");
	buf_chr(b, RAW_BEGIN);
	buf_chr(b, block ? 'b' : 'i');
	for (; s < end; s++)
		if (*s != RAW_BEGIN && *s != RAW_END)
			buf_chr(b, *s);
	buf_chr(b, RAW_END);
	if (block)
		buf_str(b, "\n\n");
}

/* First pass: comments, dropped elements, verbatim ones marked. */
static void strip_elements(const char *s, size_t n, struct buf *b)
{
	const char *end = s + n, *lt;
	struct unclosed u = {0};
	int no_comment_end = 0;

	while ((lt = memchr(s, '<', (size_t)(end - s)))) {
		char name[24];
		int closing, empty;
		size_t len;
		const char *to;

		buf_add(b, s, (size_t)(lt - s));
		s = lt;
		if (end - s >= 4 && !memcmp(s, "<!--", 4) && !no_comment_end) {
			for (to = s + 4; to + 2 < end && memcmp(to, "-->", 3); to++)
				;
			no_comment_end = to + 2 >= end;
			s = no_comment_end ? end : to + 3;
			continue;
		}
		len = tag(s, end, name, &closing, &empty);
		if (len && !closing && among(name, dropped)) {
			to = empty ? NULL : closing_once(&u, s + len, end, name);
			s = to ? memchr(to, '>', (size_t)(end - to)) : s + len - 1;
			s = s ? s + 1 : end;
		} else if (len && !closing && !empty && among(name, verbatim)) {
			to = closing_once(&u, s + len, end, name);
			if (!to) {
				s += len;
				continue;
			}
			put_verbatim(b, s + len, to,
			    name[0] == 'p' ||
				(name[0] == 's' && memchr(s, '\n', (size_t)(to - s))));
			s = memchr(to, '>', (size_t)(end - to));
			s = s ? s + 1 : end;
		} else {
			buf_chr(b, '<');
			s++;
		}
	}
	buf_add(b, s, (size_t)(end - s));
}

/* --- templates and tables ---------------------------------------------------------------------------- */

static int line_start(const char *base, const char *s)
{
	while (s > base && (s[-1] == ' ' || s[-1] == '\t' || s[-1] == ':'))
		s--;
	return s == base || s[-1] == '\n';
}

/* Spans of {{ }}, and of {| |} when tables is set, outermost ones only, in order. */
static size_t find_templates(const char *s, size_t n, int tables, struct span **out)
{
	struct open {
		size_t at;
		char kind;
	} *stack = NULL;
	struct span *v = NULL;
	size_t depth = 0, cap = 0, n_v = 0, cap_v = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		char c = s[i], d = s[i + 1];
		int open = c == '{' && (d == '{' || (d == '|' && tables && line_start(s, s + i)));
		char kind = d == '|' ? '|' : '{';

		if (c == RAW_BEGIN) {
			const char *e = memchr(s + i, RAW_END, n - i);

			i = e ? (size_t)(e - s) : n;
			continue;
		}
		if (open) {
			if (depth == cap)
				stack =
				    xreallocarray(stack, cap = cap ? 2 * cap : 64, sizeof(*stack));
			stack[depth++] = (struct open){i, kind};
			i++;
		} else if ((c == '}' && d == '}') || (c == '|' && d == '}' && tables)) {
			char want = c == '}' ? '{' : '|';
			size_t k = depth;

			/* An unclosed thing inside does not keep the outer one open; but a table's
			 * end within a template does not end a table outside of it. */
			if (k && stack[k - 1].kind != want && want == '|')
				continue;
			while (k && stack[k - 1].kind != want)
				k--;
			if (!k)
				continue;
			depth = k - 1;
			while (n_v && v[n_v - 1].from > stack[depth].at)
				n_v--;
			if (n_v == cap_v)
				v = xreallocarray(v, cap_v = cap_v ? 2 * cap_v : 64, sizeof(*v));
			/* {{{parameter}}} */
			if (want == '{' && s[stack[depth].at + 2] == '{' && i + 2 < n &&
			    s[i + 2] == '}')
				i++;
			v[n_v++] = (struct span){stack[depth].at, i + 2};
			i++;
		}
	}
	free(stack);
	*out = v;
	return n_v;
}

/* Second pass: the text without them. */
static void strip_templates(const struct buf *in, int tables, struct buf *b)
{
	struct span *v;
	size_t n = find_templates(in->p ? in->p : "", in->len, tables, &v), at = 0;

	for (size_t i = 0; i < n; i++) {
		buf_add(b, in->p + at, v[i].from - at);
		at = v[i].to;
		/* A template alone on its line leaves no line. */
		if ((!b->len || b->p[b->len - 1] == '\n') && at < in->len && in->p[at] == '\n')
			at++;
	}
	buf_add(b, in->p + at, in->len - at);
	free(v);
}

/* --- links ------------------------------------------------------------------------------------------- */

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static void find_links(struct wiki *w, const char *s, size_t n)
{
	size_t *stack = NULL, depth = 0, cap = 0, cap_v = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		if (s[i] == RAW_BEGIN) {
			const char *e = memchr(s + i, RAW_END, n - i);

			i = e ? (size_t)(e - s) : n;
		} else if (s[i] == '[' && s[i + 1] == '[') {
			if (depth == cap)
				stack =
				    xreallocarray(stack, cap = cap ? 2 * cap : 64, sizeof(*stack));
			stack[depth++] = i++;
		} else if (s[i] == ']' && s[i + 1] == ']' && depth) {
			if (w->n_links == cap_v)
				w->links = xreallocarray(
				    w->links, cap_v = cap_v ? 2 * cap_v : 64, sizeof(*w->links));
			w->links[w->n_links++] = (struct span){stack[--depth], i + 2};
			i++;
		} else if (s[i] == '\n' && s[i + 1] == '\n') {
			depth = 0; /* links do not cross paragraphs */
		}
	}
	free(stack);
	if (w->n_links)
		qsort(w->links, w->n_links, sizeof(*w->links), by_from);
}

static size_t link_end(const struct wiki *w, size_t from)
{
	struct span key = {from, 0}, *v = NULL;

	if (w->n_links)
		v = bsearch(&key, w->links, w->n_links, sizeof(key), by_from);
	return v ? v->to : 0;
}

static int prefix_is(const char *s, const char *colon, const char *name)
{
	size_t n = strlen(name);

	while (s < colon && (*s == ' ' || *s == '_'))
		s++;
	return n && (size_t)(colon - s) == n && !strncasecmp(s, name, n);
}

/* Does the target name something that is not text here? */
static int dropped_target(const struct wiki *w, const char *s, const char *end, int piped)
{
	const char *colon = memchr(s, ':', (size_t)(end - s));
	size_t n;

	if (!colon || colon == s)
		return 0;
	if (prefix_is(s, colon, "file") || prefix_is(s, colon, "image") ||
	    prefix_is(s, colon, "media") || prefix_is(s, colon, "category") ||
	    prefix_is(s, colon, w->file) || prefix_is(s, colon, w->category))
		return 1;
	/* Interlanguage links: two or three small letters, perhaps a variant. */
	n = (size_t)(colon - s);
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] == '-' && i >= 2)))
			return 0;
	return !piped && n >= 2 && (n <= 3 || memchr(s, '-', n));
}

static void inline_text(struct wiki *w, const char *s, const char *end);

static void put_link(struct wiki *w, const char *s, const char *end)
{
	const char *bar = NULL, *t = s;

	/* The text is behind the first bar that is not in a link within. */
	for (const char *p = s; p < end && !bar; p++) {
		size_t to = p + 1 < end && p[0] == '[' && p[1] == '['
				? link_end(w, (size_t)(p - w->s))
				: 0;

		if (*p == '|')
			bar = p;
		else if (to)
			p = w->s + to - 1;
	}
	if (dropped_target(w, s, bar ? bar : end, bar != NULL))
		return;
	if (bar && bar + 1 < end)
		t = bar + 1;
	else if (bar)
		end = bar;
	if (t == s && t < end && *t == ':')
		t++;
	inline_text(w, t, end);
}

/* [http://… text]; returns what follows, or s when it is none. */
static const char *external(struct wiki *w, const char *s, const char *end)
{
	static const char *const schemes[] = {
	    "http://", "https://", "ftp://", "mailto:", "//", NULL};
	const char *p = s + 1, *close, *text;
	int is = 0;

	for (int i = 0; schemes[i]; i++)
		is |= (size_t)(end - p) > strlen(schemes[i]) &&
		      !strncasecmp(p, schemes[i], strlen(schemes[i]));
	if (!is)
		return s;
	close = memchr(p, '\n', (size_t)(end - p));
	close = memchr(p, ']', (size_t)((close ? close : end) - p));
	if (!close)
		return s;
	for (text = p; text < close && *text != ' ' && *text != '\t';)
		text++;
	inline_text(w, text, close);
	return close + 1;
}

/* --- text -------------------------------------------------------------------------------------------- */

/* &name; &#n; &#xn; returns its length, 0 when it is none. */
static size_t entity(struct wiki *w, const char *s, const char *end)
{
	const char *semi = memchr(s, ';', (size_t)(end - s) < 12 ? (size_t)(end - s) : 12);
	char name[12], text[4];
	unsigned long cp;
	size_t n;

	if (!semi || semi - s < 3)
		return 0;
	n = (size_t)(semi - s - 1);
	memcpy(name, s + 1, n);
	name[n] = 0;
	if (name[0] == '#')
		cp = (name[1] | 32) == 'x' ? strtoul(name + 2, NULL, 16)
					   : strtoul(name + 1, NULL, 10);
	else
		cp = htmltext_entity(name);
	if (cp < 0x20 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	prose_words(&w->p, text, (size_t)utf8_put(text, (uint32_t)cp));
	return n + 2;
}

static size_t put_tag(struct wiki *w, const char *s, const char *end)
{
	static const char *const breaks[] = {"br", "p", "div", "li", "ul", "ol", "dl", "dd", "dt",
	    "tr", "table", "blockquote", "center", "hr", "poem", NULL};
	char name[24];
	int closing, empty;
	size_t len = tag(s, end, name, &closing, &empty);

	if (!len)
		return 0;
	if (among(name, breaks))
		prose_break(&w->p, name[0] == 'p' ? 2 : 1);
	else if (!strcmp(name, "td") || !strcmp(name, "th"))
		prose_space(&w->p);
	return len;
}

/* __TOC__ and the like. */
static size_t magic(const char *s, const char *end)
{
	const char *p = s + 2;

	while (p < end && *p >= 'A' && *p <= 'Z')
		p++;
	return p > s + 3 && end - p >= 2 && p[0] == '_' && p[1] == '_' ? (size_t)(p + 2 - s) : 0;
}

static const char *put_raw(struct wiki *w, const char *s, const char *end)
{
	const char *e = memchr(s, RAW_END, (size_t)(end - s));
	int block = s + 1 < end && s[1] == 'b';

	if (!e)
		return end;
	if (block) {
		prose_break(&w->p, 2);
		s += s + 2 < e && s[2] == '\n' ? 3 : 2;
		prose_verbatim(&w->p, s, (size_t)(e - s));
		if (w->p.nl > 2)
			w->p.nl = 2;
		prose_break(&w->p, 2);
	} else {
		prose_words(&w->p, s + 2, (size_t)(e - s - 2));
	}
	return e + 1;
}

static void inline_text(struct wiki *w, const char *s, const char *end)
{
	const char *plain = s;

	if (++w->depth > LINK_DEPTH) {
		prose_words(&w->p, s, (size_t)(end - s));
		w->depth--;
		return;
	}
	while (s < end) {
		const char *to = s;
		size_t k;

		switch (*s) {
		case '[':
		case '\'':
		case '<':
		case '&':
		case '_':
		case RAW_BEGIN:
			break;
		default:
			s++;
			continue;
		}
		prose_words(&w->p, plain, (size_t)(s - plain));
		if (*s == '[' && s + 1 < end && s[1] == '[') {
			k = link_end(w, (size_t)(s - w->s));
			if (k && w->s + k <= end) {
				put_link(w, s + 2, w->s + k - 2);
				to = w->s + k;
			}
		} else if (*s == '[') {
			to = external(w, s, end);
		} else if (*s == '\'' && s + 1 < end && s[1] == '\'') {
			while (to < end && *to == '\'')
				to++;
			/* ''' '' ''''': four are an apostrophe and three */
			if (to - s == 4)
				prose_words(&w->p, "'", 1);
		} else if (*s == '<') {
			to += put_tag(w, s, end);
		} else if (*s == '&') {
			to += entity(w, s, end);
		} else if (*s == '_' && s + 1 < end && s[1] == '_') {
			to += magic(s, end);
		} else if (*s == RAW_BEGIN) {
			to = put_raw(w, s, end);
		}
		plain = to;
		s = to > s ? to : s + 1;
	}
	prose_words(&w->p, plain, (size_t)(end - plain));
	w->depth--;
}

/* = Heading =: 1 when it is one. */
static int heading(struct wiki *w, const char *s, const char *end)
{
	const char *e = end;

	while (e > s && (e[-1] == ' ' || e[-1] == '\t'))
		e--;
	if (e - s < 3 || *s != '=' || e[-1] != '=')
		return 0;
	while (e - s > 2 && *s == '=' && e[-1] == '=')
		s++, e--;
	w->p.indent = 0;
	prose_break(&w->p, 2);
	inline_text(w, s, e);
	prose_break(&w->p, 2);
	return 1;
}

static void list_item(struct wiki *w, const char *s, const char *end)
{
	int deep = 0, mark = 0;

	for (; s < end && strchr("*#:;", *s); s++) {
		deep++;
		mark = *s == '*' || *s == '#';
	}
	deep = deep < 12 ? deep : 12;
	prose_break(&w->p, 1);
	w->p.indent = mark ? 2 * deep : 2 * (deep - 1);
	if (mark)
		prose_mark(&w->p, "- ");
	inline_text(w, s, end);
	w->p.mark = NULL;
	w->p.indent = 0;
	prose_break(&w->p, 1);
}

/* A line of a table whose cells are kept: cells are separated by tabs, rows are lines. */
static void table_line(struct wiki *w, const char *s, const char *end)
{
	int caption = s + 1 < end && s[1] == '+',
	    row = s + 1 < end && (s[1] == '-' || s[1] == '}');

	if (*s == '{' || row) {
		prose_break(&w->p, 1);
		return;
	}
	if (!prose_at_start(&w->p))
		prose_tab(&w->p);
	s += caption ? 2 : 1;
	while (s <= end) {
		const char *p = s, *bar = NULL, *next = end;

		for (; p < end; p++) {
			size_t to = p + 1 < end && p[0] == '[' && p[1] == '['
					? link_end(w, (size_t)(p - w->s))
					: 0;

			if (to && w->s + to <= end) {
				p = w->s + to - 1;
			} else if (p + 1 < end && ((p[0] == '|' && p[1] == '|') ||
						      (p[0] == '!' && p[1] == '!'))) {
				next = p;
				break;
			} else if (*p == '|' && !bar) {
				bar = p;
			}
		}
		inline_text(w, bar ? bar + 1 : s, next);
		if (next == end)
			break;
		prose_tab(&w->p);
		s = next + 2;
	}
	if (caption)
		prose_break(&w->p, 1);
}

/* The end of the line at s: a verbatim piece belongs to its line whole. */
static const char *line_end(const char *s, const char *end)
{
	for (; s < end && *s != '\n'; s++)
		if (*s == RAW_BEGIN) {
			const char *e = memchr(s, RAW_END, (size_t)(end - s));

			s = e ? e : end - 1;
		}
	return s;
}

static void lines(struct wiki *w, const char *s, const char *end, int tables)
{
	int in_table = 0;

	while (s < end) {
		const char *e = line_end(s, end), *t = s;

		while (t < e && (*t == ' ' || *t == '\t'))
			t++;
		if (t == e) {
			prose_break(&w->p, in_table ? 1 : 2);
		} else if (tables && t + 1 < e && t[0] == '{' && t[1] == '|') {
			in_table++;
			prose_break(&w->p, in_table > 1 ? 1 : 2);
		} else if (in_table && (*t == '|' || *t == '!')) {
			table_line(w, t, e);
			in_table -= t + 1 < e && t[0] == '|' && t[1] == '}';
		} else if (heading(w, t, e)) {
			;
		} else if (strchr("*#:;", *s)) {
			list_item(w, s, e);
		} else if (e - t >= 4 && !memcmp(t, "----", 4)) {
			prose_break(&w->p, 2);
		} else if (e - t >= 9 && *t == '#' && !strncasecmp(t, "#redirect", 9)) {
			;
		} else {
			inline_text(w, t, e);
			prose_space(&w->p);
		}
		s = e < end ? e + 1 : end;
	}
}

void wikitext(
    const char *s, size_t n, int tables, const char *file, const char *category, struct buf *out)
{
	struct buf a = {0}, b = {0};
	struct wiki w = {.p.b = out, .file = file, .category = category};

	strip_elements(s, n, &a);
	strip_templates(&a, !tables, &b);
	buf_cstr(&b);
	w.s = b.p;
	find_links(&w, b.p, b.len);
	lines(&w, b.p, b.p + b.len, tables);
	free(w.links);
	buf_release(&a);
	buf_release(&b);
}
