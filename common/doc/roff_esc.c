/* roff_esc: escape sequences.  What has no text (fonts, sizes, motions) vanishes. */
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "doc/roff_int.h"

/* Bytes of the character at s. */
static size_t one_char(const char *s, size_t n)
{
	size_t len = 1;

	while (len < n && ((unsigned char)s[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* The name behind \f, \*, \n, \(…: one byte, (xx or [name].  *s moves behind it. */
static void name_of(const char **s, const char *end, const char **name, size_t *n)
{
	const char *p = *s, *e;

	*name = p, *n = 0;
	if (p == end)
		return;
	if (*p == '(') {
		*name = p + 1;
		*n = end - p >= 3 ? 2 : (size_t)(end - p - 1);
		*s = *name + *n;
	} else if (*p == '[') {
		e = memchr(p, ']', (size_t)(end - p));
		*name = p + 1;
		*n = (size_t)((e ? e : end) - p - 1);
		*s = e ? e + 1 : end;
	} else {
		*n = one_char(p, (size_t)(end - p));
		*s = p + *n;
	}
}

/* The argument in delimiters behind \h, \w, …: 'arg'. */
static void delimited(const char **s, const char *end, const char **arg, size_t *n)
{
	const char *p = *s, *e;
	size_t k;

	*arg = p, *n = 0;
	if (p == end)
		return;
	k = one_char(p, (size_t)(end - p));
	for (e = p + k; e < end && memcmp(e, p, k < (size_t)(end - e) ? k : (size_t)(end - e));
	     e++)
		;
	*arg = p + k;
	*n = (size_t)(e - p) - k;
	*s = e < end ? e + ((size_t)(end - e) < k ? (size_t)(end - e) : k) : end;
}

static void put_cp(struct buf *out, unsigned long cp)
{
	if (cp < 0x20 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return;
	buf_need(out, 4);
	out->len += (size_t)utf8_put(out->p + out->len, (uint32_t)cp);
}

/* A special character by its name: uXXXX[_XXXX], charNNN, or one of the table. */
static void put_char(struct buf *out, const char *name, size_t n)
{
	const char *text;

	if (n >= 5 && name[0] == 'u' && strspn(name + 1, "0123456789ABCDEFabcdef") >= 4) {
		const char *p = name;

		while (p < name + n) {
			char *e;
			unsigned long cp = strtoul(p + (*p == 'u' || *p == '_'), &e, 16);

			put_cp(out, cp);
			p = e > p ? e : name + n;
			if (p < name + n && *p != '_')
				break;
		}
		return;
	}
	if (n > 4 && !memcmp(name, "char", 4)) {
		put_cp(out, strtoul(name + 4, NULL, 10));
		return;
	}
	text = roff_char(name, n);
	if (text)
		buf_str(out, text);
}

static void put_string(struct roff *r, const char *name, size_t n, struct buf *out)
{
	const struct roff_name *d = roff_find(r, name, n);
	const char *text = d ? NULL : roff_predefined(name, n);

	if (text) {
		buf_str(out, text);
	} else if (d && r->budget && r->n_in < ROFF_INPUTS) {
		size_t len = d->body.len;
		char *copy = memcpy(xmalloc(len + 1), d->body.p ? d->body.p : "", len);

		r->budget -= 1 + len / 64 < r->budget ? 1 + (unsigned)(len / 64) : r->budget;
		r->n_in++; /* a string in a string in a … ends */
		copy[len] = 0;
		roff_escapes(r, copy, len, out);
		r->n_in--;
		free(copy);
	}
}

/* \s: a size: a digit or two, signed, or in brackets. */
static const char *skip_size(const char *s, const char *end)
{
	const char *name;
	size_t n;

	if (s < end && (*s == '+' || *s == '-'))
		s++;
	if (s == end)
		return s;
	if (*s == '\'') {
		delimited(&s, end, &name, &n);
		return s;
	}
	if (*s == '(' || *s == '[') {
		name_of(&s, end, &name, &n);
		return s;
	}
	if (*s >= '1' && *s <= '3' && s + 1 < end && s[1] >= '0' && s[1] <= '9')
		return s + 2;
	return s + (*s >= '0' && *s <= '9');
}

static const char *put_reg(struct roff *r, const char *s, const char *end, struct buf *out)
{
	const char *name;
	size_t n;

	if (s < end && (*s == '+' || *s == '-'))
		s++;
	name_of(&s, end, &name, &n);
	buf_printf(out, "%ld", roff_reg(r, name, n));
	return s;
}

/* Width in characters. */
static void put_width(struct roff *r, const char *arg, size_t n, struct buf *out)
{
	struct buf b = {0};

	if (r->n_in < ROFF_INPUTS) {
		r->n_in++;
		roff_escapes(r, arg, n, &b);
		r->n_in--;
	}
	buf_printf(out, "%zu", b.p ? utf8_count(b.p, b.len) * 24 : 0);
	buf_release(&b);
}

/* The escape behind a backslash; returns what follows it. */
static const char *escape(struct roff *r, const char *s, const char *end, struct buf *out)
{
	const char *arg;
	size_t n;
	char c = *s++;

	switch (c) {
	case 'e':
	case '\\':
		buf_chr(out, '\\');
		return s;
	case '-':
		buf_chr(out, '-');
		return s;
	case '.':
		buf_chr(out, '.');
		return s;
	case '\'':
		buf_str(out, "´");
		return s;
	case '`':
		buf_chr(out, '`');
		return s;
	case '_':
		buf_chr(out, '_');
		return s;
	case ' ':
	case '~':
	case '0':
		buf_chr(out, ' ');
		return s;
	case 't':
		buf_chr(out, '\t');
		return s;
	case '(':
		s--; /* fall through */
	case '[':
		s -= c == '[';
		name_of(&s, end, &arg, &n);
		put_char(out, arg, n);
		return s;
	case 'C':
		delimited(&s, end, &arg, &n);
		put_char(out, arg, n);
		return s;
	case 'N':
		delimited(&s, end, &arg, &n);
		put_cp(out, strtoul(arg, NULL, 10));
		return s;
	case '*':
		name_of(&s, end, &arg, &n);
		put_string(r, arg, n, out);
		return s;
	case 'n':
		return put_reg(r, s, end, out);
	case 'w':
		delimited(&s, end, &arg, &n);
		put_width(r, arg, n, out);
		return s;
	case 'h':
		delimited(&s, end, &arg, &n);
		if (n && *arg != '-' && strncmp(arg, "0", n))
			buf_chr(out, ' ');
		return s;
	case 'o':
	case 'Z':
		delimited(&s, end, &arg, &n);
		if (n && *arg != '\\')
			buf_add(out, arg, c == 'o' ? one_char(arg, n) : n);
		return s;
	case 'f':
	case 'F':
	case 'g':
	case 'k':
	case 'm':
	case 'M':
	case 'O':
	case 'V':
	case 'Y':
		name_of(&s, end, &arg, &n);
		return s;
	case 's':
		return skip_size(s, end);
	case 'A':
	case 'B':
	case 'b':
	case 'D':
	case 'H':
	case 'L':
	case 'l':
	case 'R':
	case 'S':
	case 'v':
	case 'x':
	case 'X':
		delimited(&s, end, &arg, &n);
		return s;
	case 'z':
		return s;
	case 'c':
		r->cont = 1;
		return end;
	case '"':
	case '#':
		return end;
	case '&':
	case '%':
	case ':':
	case '|':
	case '^':
	case ')':
	case '/':
	case ',':
	case '{':
	case '}':
	case 'a':
	case 'd':
	case 'u':
	case 'r':
	case 'p':
	case '!':
	case '?':
		return s;
	default: /* an escape of an ordinary character is that character */
		buf_chr(out, c);
		return s;
	}
}

void roff_escapes(struct roff *r, const char *s, size_t n, struct buf *out)
{
	const char *end = s + n;

	while (s < end) {
		const char *b = memchr(s, '\\', (size_t)(end - s));

		buf_add(out, s, (size_t)((b ? b : end) - s));
		if (!b)
			return;
		s = b + 1 < end ? escape(r, b + 1, end, out) : end;
	}
}
