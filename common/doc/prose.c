#include "doc/prose.h"

enum { INDENT_MAX = 40 };

/* Write what is held back. */
static void flush(struct prose *p)
{
	struct buf *b = p->b;
	int fresh = !b->len || p->nl;

	if (b->len)
		for (unsigned i = 0; i < p->nl; i++)
			buf_chr(b, '\n');
	if (fresh) {
		int pad = p->indent < INDENT_MAX ? p->indent : INDENT_MAX;
		int mark = p->mark ? (int)strlen(p->mark) : 0;

		for (int i = mark; i < pad; i++)
			buf_chr(b, ' ');
		if (p->mark)
			buf_str(b, p->mark);
		p->mark = NULL;
	}
	for (unsigned i = 0; i < p->tabs; i++)
		buf_chr(b, '\t');
	if (p->sp && !fresh && !p->tabs)
		buf_chr(b, ' ');
	p->nl = p->tabs = 0;
	p->sp = 0;
}

/* Bytes that end a run of plain ones: blanks, and 0xc2 (no-break space, soft hyphen). */
static const unsigned char special[256] = {
    ['\t'] = 1, ['\n'] = 1, ['\f'] = 1, ['\r'] = 1, [' '] = 1, [0xc2] = 2};

void prose_words(struct prose *p, const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		const char *from = s;

		while (s < end && !special[(unsigned char)*s])
			s++;
		if (s > from) {
			if (p->nl || p->sp || p->tabs || !p->b->len || p->mark)
				flush(p);
			buf_add(p->b, from, (size_t)(s - from));
		}
		if (s == end)
			break;
		if (special[(unsigned char)*s] == 1) {
			p->sp = 1;
			s++;
		} else if (s + 1 < end && s[1] == '\xa0') {
			p->sp = 1;
			s += 2;
		} else if (s + 1 < end && s[1] == '\xad') {
			s += 2;
		} else {
			size_t k = s + 1 < end ? 2 : 1;

			flush(p);
			buf_add(p->b, s, k);
			s += k;
		}
	}
}

void prose_verbatim(struct prose *p, const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *e = nl ? nl : end;
		const char *t = e;

		while (t > s && t[-1] == '\r')
			t--;
		if (t > s) {
			flush(p);
			buf_add(p->b, s, (size_t)(t - s));
		}
		if (nl) {
			while (p->b->len &&
			       (p->b->p[p->b->len - 1] == ' ' || p->b->p[p->b->len - 1] == '\t'))
				p->b->len--;
			prose_newline(p);
		}
		s = nl ? nl + 1 : end;
	}
}

void prose_break(struct prose *p, unsigned n)
{
	if (p->nl < n)
		p->nl = n;
	p->sp = 0;
	p->tabs = 0;
}

void prose_newline(struct prose *p)
{
	p->nl++;
	p->sp = 0;
	p->tabs = 0;
}

void prose_space(struct prose *p)
{
	p->sp = 1;
}

void prose_tab(struct prose *p)
{
	p->tabs++;
	p->sp = 0;
}

void prose_mark(struct prose *p, const char *mark)
{
	p->mark = mark;
}

int prose_at_start(const struct prose *p)
{
	return !p->b->len || p->nl > 0;
}
