#include "doc/jscan.h"

#include "base/err.h"
#include "base/utf8.h"
#include "doc/jscan_isa.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson's JSON_PARSER_MAX_DEPTH: values nested in values, scalars included. */
#define MAX_DEPTH 2048

const struct jscan_isa *jscan_isa_force;

const struct jscan_isa *jscan_isa(void)
{
	if (jscan_isa_force)
		return jscan_isa_force;
	return __builtin_cpu_supports("avx2") ? &jscan_avx2 : &jscan_sse2;
}

struct scan {
	const char *p, *end, *begin;
	const struct jscan_isa *isa;
};

static const char *const field_name[J_FIELDS] = {
    "id", "text", "source", "added", "created", "version", "metadata", "attributes"};

static int bad(const struct scan *s, const char *at, const char *what)
{
	err_set("offset %zu: %s", (size_t)(at - s->begin), what);
	return -1;
}

/* The byte at p, or 0 at the end (0 is no part of JSON text). */
static inline int peek(const struct scan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : 0;
}

static inline int is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline int is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Skip white space; the byte after it. */
static inline int skip_space(struct scan *s)
{
	while (s->p < s->end && is_space((unsigned char)*s->p))
		s->p++;
	return peek(s);
}

static int unexpected(const struct scan *s, const char *wanted)
{
	char what[80];
	int c = peek(s);
	if (s->p >= s->end)
		snprintf(what, sizeof what, "%s expected, the line ends", wanted);
	else if (c > 0x20 && c < 0x7f)
		snprintf(what, sizeof what, "%s expected, not '%c'", wanted, c);
	else
		snprintf(what, sizeof what, "%s expected, not byte 0x%02x", wanted, (unsigned)c);
	return bad(s, s->p, what);
}

/* --- strings ------------------------------------------------------------------------------- */

/* Value + 1 of each hex digit, 0 for other bytes. */
static const unsigned char hex_value[256] = {['0'] = 1,
    ['1'] = 2,
    ['2'] = 3,
    ['3'] = 4,
    ['4'] = 5,
    ['5'] = 6,
    ['6'] = 7,
    ['7'] = 8,
    ['8'] = 9,
    ['9'] = 10,
    ['a'] = 11,
    ['b'] = 12,
    ['c'] = 13,
    ['d'] = 14,
    ['e'] = 15,
    ['f'] = 16,
    ['A'] = 11,
    ['B'] = 12,
    ['C'] = 13,
    ['D'] = 14,
    ['E'] = 15,
    ['F'] = 16};

/* Four hex digits at p, or -1. */
static inline int hex4(const char *p)
{
	int a = hex_value[(unsigned char)p[0]] - 1, b = hex_value[(unsigned char)p[1]] - 1;
	int c = hex_value[(unsigned char)p[2]] - 1, d = hex_value[(unsigned char)p[3]] - 1;
	if ((a | b | c | d) < 0)
		return -1;
	return a << 12 | b << 8 | c << 4 | d;
}

/* The character of a \uXXXX escape whose backslash is at p, with the second half of a pair; *len =
 * bytes of it.  -1 when it is malformed or a lone surrogate. */
static int32_t unicode_escape(const char *p, const char *end, int *len)
{
	int32_t hi, lo;
	if (end - p < 6 || (hi = hex4(p + 2)) < 0)
		return -1;
	*len = 6;
	if (hi < 0xd800 || hi > 0xdfff)
		return hi;
	if (hi > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return -1;
	lo = hex4(p + 8);
	if (lo < 0xdc00 || lo > 0xdfff)
		return -1;
	*len = 12;
	return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
}

/* The byte that \c stands for, or 0. */
static inline int short_escape(int c)
{
	static const char byte[256] = {['"'] = '"',
	    ['\\'] = '\\',
	    ['/'] = '/',
	    ['b'] = '\b',
	    ['f'] = '\f',
	    ['n'] = '\n',
	    ['r'] = '\r',
	    ['t'] = '\t'};
	return byte[c];
}

/* At a backslash: skip the escape. */
static inline int skip_escape(struct scan *s, int key)
{
	int32_t cp;
	int len;
	if (s->end - s->p >= 2 && short_escape((unsigned char)s->p[1])) {
		s->p += 2;
		return 0;
	}
	if (s->end - s->p < 2 || s->p[1] != 'u')
		return bad(s, s->p, "no such escape");
	cp = unicode_escape(s->p, s->end, &len);
	if (cp < 0)
		return bad(s, s->p, "malformed \\u escape or half of a surrogate pair");
	if (!cp && key)
		return bad(s, s->p, "\\u0000 in a member's name");
	s->p += len;
	return 0;
}

/* At a quote: skip the string.  That it is UTF-8 was checked for the whole line. */
static int skip_string(struct scan *s, int key)
{
	const char *open = s->p++;
	for (;;) {
		s->p = s->isa->stop(s->p, s->end);
		if (s->p == s->end)
			return bad(s, open, "string without an end");
		if (*s->p == '"')
			break;
		if (*s->p != '\\')
			return bad(s, s->p, "control character in a string");
		do
			if (skip_escape(s, key) < 0)
				return -1;
		while (s->p < s->end && *s->p == '\\');
	}
	s->p++;
	return 0;
}

static char *put_escape(const char **p, const char *end, char *out)
{
	int len = 2, c = short_escape((unsigned char)(*p)[1]);
	if (c)
		*out++ = (char)c;
	else
		out += utf8_put(out, (uint32_t)unicode_escape(*p, end, &len));
	*p += len;
	return out;
}

/* Unescape the inside of an accepted string.  out has room for its raw length: no escape is
 * shorter than what it stands for. */
static size_t unescape(const char *p, const char *end, char *out)
{
	const struct jscan_isa *isa = jscan_isa();
	char *o = out;
	while (p < end) {
		size_t n = isa->copy(p, end, o);
		p += n;
		o += n;
		while (p < end && *p == '\\')
			o = put_escape(&p, end, o);
	}
	return (size_t)(o - out);
}

/* --- values -------------------------------------------------------------------------------- */

static int digits(struct scan *s)
{
	if (!is_digit(peek(s)))
		return unexpected(s, "digit");
	while (is_digit(peek(s)))
		s->p++;
	return 0;
}

static int skip_number(struct scan *s)
{
	int c;
	if (*s->p == '-')
		s->p++;
	if (peek(s) == '0')
		s->p++;
	else if (digits(s) < 0)
		return -1;
	if (peek(s) == '.') {
		s->p++;
		if (digits(s) < 0)
			return -1;
	}
	c = peek(s);
	if (c != 'e' && c != 'E')
		return 0;
	s->p++;
	c = peek(s);
	if (c == '+' || c == '-')
		s->p++;
	return digits(s);
}

static int skip_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n))
		return unexpected(s, "value");
	s->p += n;
	return 0;
}

static int skip_scalar(struct scan *s)
{
	int c = peek(s);
	switch (c) {
	case '"':
		return skip_string(s, 0);
	case 't':
		return skip_word(s, "true");
	case 'f':
		return skip_word(s, "false");
	case 'n':
		return skip_word(s, "null");
	}
	if (c == '-' || is_digit(c))
		return skip_number(s);
	return unexpected(s, "value");
}

/* The key at p and the colon after it. */
static int skip_key(struct scan *s)
{
	if (peek(s) != '"')
		return unexpected(s, "member name in quotes");
	if (skip_string(s, 1) < 0)
		return -1;
	if (skip_space(s) != ':')
		return unexpected(s, "':'");
	s->p++;
	skip_space(s);
	return 0;
}

/* Which of the open containers are objects: one bit each, the outermost first. */
struct nest {
	uint64_t is_object[MAX_DEPTH / 64];
	int depth;
};

static inline void nest_open(struct nest *n, int object)
{
	uint64_t bit = UINT64_C(1) << (n->depth & 63);
	uint64_t *w = &n->is_object[n->depth++ >> 6];
	*w = object ? *w | bit : *w & ~bit;
}

static inline int nest_object(const struct nest *n)
{
	int d = n->depth - 1;
	return (int)(n->is_object[d >> 6] >> (d & 63) & 1);
}

/* After a value inside a container: close what ends here, then step over the comma to the next
 * value.  0: at the next value; 1: all containers are closed. */
static int next_value(struct scan *s, struct nest *n)
{
	while (n->depth) {
		int object = nest_object(n), c = skip_space(s);
		if (c == ',') {
			s->p++;
			skip_space(s);
			return object ? skip_key(s) : 0;
		}
		if (c != (object ? '}' : ']'))
			return unexpected(s, object ? "',' or '}'" : "',' or ']'");
		s->p++;
		n->depth--;
	}
	return 1;
}

/* At the bracket: 0 = at the first value inside, 1 = the container is empty and closed. */
static int open_container(struct scan *s, struct nest *n)
{
	int object = *s->p == '{', c;
	s->p++;
	c = skip_space(s);
	if (c == (object ? '}' : ']')) {
		s->p++;
		return 1;
	}
	nest_open(n, object);
	return object ? skip_key(s) : 0;
}

/* At a value that stands below `above` others: skip it, without recursion. */
static int skip_value(struct scan *s, int above)
{
	struct nest n;
	int rc;
	n.depth = 0;
	do {
		if (above + n.depth >= MAX_DEPTH)
			return bad(s, s->p, "nested too deep (2048 levels)");
		if (peek(s) != '{' && peek(s) != '[')
			rc = skip_scalar(s) < 0 ? -1 : 1;
		else
			rc = open_container(s, &n);
		if (rc > 0)
			rc = next_value(s, &n);
	} while (!rc);
	return rc < 0 ? -1 : 0;
}

/* --- the line ------------------------------------------------------------------------------ */

/* The field a raw key names, or J_FIELDS. */
static int field_of(struct jspan key)
{
	int k;
	if (memchr(key.p, '\\', key.len)) {
		for (k = 0; k < J_FIELDS; k++)
			if (jspan_streq(key, field_name[k]))
				break;
		return k;
	}
	for (k = 0; k < J_FIELDS; k++)
		if (strlen(field_name[k]) == key.len - 2 &&
		    !memcmp(field_name[k], key.p + 1, key.len - 2))
			break;
	return k;
}

/* At a key of the object on top. */
static int scan_member(struct scan *s, struct jscan *j)
{
	struct jspan key = {s->p, 0}, value;
	int k;
	if (peek(s) != '"')
		return unexpected(s, "member name in quotes");
	if (skip_string(s, 1) < 0)
		return -1;
	key.len = (size_t)(s->p - key.p);
	if (skip_space(s) != ':')
		return unexpected(s, "':'");
	s->p++;
	skip_space(s);
	value.p = s->p;
	if (skip_value(s, 1) < 0)
		return -1;
	value.len = (size_t)(s->p - value.p);
	k = field_of(key);
	if (k < J_FIELDS) {
		j->f[k] = value;
		j->member[k].p = key.p;
		j->member[k].len = (size_t)(s->p - key.p);
	}
	return 0;
}

static int scan_object(struct scan *s, struct jscan *j)
{
	j->object.p = s->p++;
	if (skip_space(s) == '}') {
		s->p++;
	} else {
		int c;
		do {
			skip_space(s);
			if (scan_member(s, j) < 0)
				return -1;
			c = skip_space(s);
			if (c != ',' && c != '}')
				return unexpected(s, "',' or '}'");
			s->p++;
		} while (c == ',');
	}
	j->object.len = (size_t)(s->p - j->object.p);
	return 0;
}

int jscan_line(struct jscan *j, const char *line, size_t len)
{
	struct scan s = {line, line + len, line, jscan_isa()};
	size_t at;
	memset(j, 0, sizeof *j);
	if (!s.isa->utf8(line, len)) {
		utf8_valid(line, len, &at);
		return bad(&s, line + at, "not UTF-8");
	}
	if (skip_space(&s) != '{')
		return s.p == s.end ? bad(&s, line, "empty line") : unexpected(&s, "'{'");
	if (scan_object(&s, j) < 0)
		return -1;
	skip_space(&s);
	return s.p == s.end ? 0 : unexpected(&s, "end of line");
}

/* --- walking ------------------------------------------------------------------------------- */

struct jiter jiter_open(struct jspan v)
{
	struct jiter it = {v.p, v.p, 0};
	enum jtype t = jspan_type(v);
	if (t != JT_OBJECT && t != JT_ARRAY)
		return it;
	it.p = v.p + 1;
	it.end = v.p + v.len - 1;
	it.object = t == JT_OBJECT;
	return it;
}

int jiter_next(struct jiter *it, struct jspan *key, struct jspan *value)
{
	struct scan s = {it->p, it->end, it->p, jscan_isa()};
	if (skip_space(&s) == ',') {
		s.p++;
		skip_space(&s);
	}
	if (s.p >= s.end)
		return 0;
	*key = (struct jspan){NULL, 0};
	if (it->object) {
		key->p = s.p;
		if (skip_string(&s, 1) < 0)
			return 0;
		key->len = (size_t)(s.p - key->p);
		skip_space(&s);
		s.p++;
		skip_space(&s);
	}
	value->p = s.p;
	if (skip_value(&s, 0) < 0)
		return 0;
	value->len = (size_t)(s.p - value->p);
	it->p = s.p;
	return 1;
}

int jspan_member(struct jspan object, const char *name, struct jspan *value)
{
	struct jiter it = jiter_open(object);
	struct jspan k, v;
	int found = 0;
	if (!it.object)
		return 0;
	while (jiter_next(&it, &k, &v))
		if (jspan_streq(k, name)) {
			*value = v;
			found = 1;
		}
	return found;
}

/* --- scalars ------------------------------------------------------------------------------- */

enum jtype jspan_type(struct jspan v)
{
	if (!v.p || !v.len)
		return JT_NONE;
	switch (*v.p) {
	case '{':
		return JT_OBJECT;
	case '[':
		return JT_ARRAY;
	case '"':
		return JT_STRING;
	case 't':
		return JT_TRUE;
	case 'f':
		return JT_FALSE;
	case 'n':
		return JT_NULL;
	}
	return JT_NUMBER;
}

/* The raw number as a C string: in tmp when it fits, else allocated (free what differs). */
static char *number_str(struct jspan v, char *tmp, size_t size)
{
	if (v.len >= size)
		return xstrndup(v.p, v.len);
	memcpy(tmp, v.p, v.len);
	tmp[v.len] = 0;
	return tmp;
}

int jspan_num(struct jspan v, double *out)
{
	char tmp[64], *s;
	if (jspan_type(v) != JT_NUMBER)
		return -1;
	s = number_str(v, tmp, sizeof tmp);
	*out = strtod(s, NULL);
	if (s != tmp)
		free(s);
	return 0;
}

int jspan_i64(struct jspan v, int64_t *out)
{
	size_t i = 0;
	uint64_t u = 0, max = INT64_MAX;
	int neg;
	if (jspan_type(v) != JT_NUMBER)
		return -1;
	neg = *v.p == '-';
	if (neg) {
		i = 1;
		max++;
	}
	for (; i < v.len; i++) {
		unsigned d = (unsigned)(unsigned char)v.p[i] - '0';
		if (d > 9 || u > max / 10 || u * 10 > max - d)
			return -1;
		u = u * 10 + d;
	}
	*out = neg ? (int64_t)(0 - u) : (int64_t)u;
	return 0;
}

size_t jspan_unescape(struct jspan v, char *out)
{
	return unescape(v.p + 1, v.p + v.len - 1, out);
}

int jscan_str(struct jspan v, struct buf *out)
{
	if (jspan_type(v) != JT_STRING) {
		err_set("not a string");
		return -1;
	}
	buf_need(out, v.len);
	out->len += jspan_unescape(v, out->p + out->len);
	return 0;
}

int jspan_streq(struct jspan v, const char *s)
{
	size_t n = strlen(s);
	struct buf b = {0};
	int eq;
	if (jspan_type(v) != JT_STRING || v.len < n + 2)
		return 0;
	if (!memchr(v.p, '\\', v.len))
		return v.len == n + 2 && !memcmp(v.p + 1, s, n);
	jscan_str(v, &b);
	eq = b.len == n && !memcmp(b.p, s, n);
	buf_release(&b);
	return eq;
}

/* --- writing ------------------------------------------------------------------------------- */

static void put_escaped(struct buf *b, unsigned char c)
{
	static const char letter[] = {['\b'] = 'b',
	    ['\t'] = 't',
	    ['\n'] = 'n',
	    ['\f'] = 'f',
	    ['\r'] = 'r',
	    ['"'] = '"',
	    ['\\'] = '\\'};
	if (c < sizeof letter && letter[c]) {
		buf_chr(b, '\\');
		buf_chr(b, letter[c]);
	} else {
		buf_printf(b, "\\u%04x", c);
	}
}

void jstr_put(struct buf *b, const char *s, size_t len)
{
	const struct jscan_isa *isa = jscan_isa();
	const char *end = s + len;
	buf_need(b, len + 2);
	buf_chr(b, '"');
	while (s < end) {
		const char *q = isa->stop(s, end);
		buf_add(b, s, (size_t)(q - s));
		for (s = q; s < end && (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20); s++)
			put_escaped(b, (unsigned char)*s);
	}
	buf_chr(b, '"');
}

void jnum_put(struct buf *b, double v)
{
	buf_f64(b, v, 0);
}

/* v * 10^5 is x + e exactly (fused multiply-add), and x - floor(x) is exact; so ties are seen. */
static double round5_small(double v)
{
	double x = v * 1e5, e = fma(v, 1e5, -x), r = floor(x), d = x - r;
	if (d > 0.5 || (d == 0.5 && (e > 0 || (e == 0 && fmod(r, 2) != 0))))
		r += 1;
	return r / 1e5;
}

double jnum_round5(double v)
{
	char s[400];
	double a = fabs(v);
	if (!(a < 1e300) || a == floor(a))
		return v;
	if (a < 1e9)
		return copysign(round5_small(a), v);
	snprintf(s, sizeof s, "%.5f", v);
	return strtod(s, NULL);
}
