#include "tok/parts.h"

#include <string.h>

void parts_begin(struct parts *p, const char *s, size_t len)
{
	p->s = s;
	p->end = s + len;
	p->n = p->n_joined = 0;
}

/* The whole characters in the first n of len bytes. */
static size_t characters(const char *s, size_t len, size_t n)
{
	size_t i = n;

	if (len <= n)
		return len;
	while (i > n - 3 && ((unsigned char)s[i] & 0xc0) == 0x80)
		i--;
	return i;
}

static int is_last(const struct parts *p, const struct part *x)
{
	return x->s + x->len == p->end;
}

size_t parts_cut(struct parts *p)
{
	size_t was = p->n;

	for (; p->n < PARTS && !(p->n && is_last(p, &p->part[p->n - 1])); p->n++) {
		struct part *x = &p->part[p->n];

		x->s = p->s;
		if (p->n)
			x->s = x[-1].s + characters(x[-1].s, x[-1].len, PARTS_STRIDE);
		x->len = characters(x->s, (size_t)(p->end - x->s), PARTS_LEN);
		x->ids = p->ids[p->n];
		x->from = 0;
	}
	return was;
}

int part_is(const struct part *x, const struct part *y)
{
	return x->len == y->len && !memcmp(x->s, y->s, x->len);
}

/* Where its tokens end.  -1 when they are not all of it: bytes without a symbol vanish. */
static int measure(struct part *x, const struct tokenizer_token *token)
{
	size_t i, end = 0;

	for (i = 0; i < x->n; i++) {
		end += token[x->ids[i]].len;
		x->end[i] = (uint8_t)end;
	}
	return end == x->len ? 0 : -1;
}

static size_t start_of(const struct part *x, size_t i)
{
	return i ? x->end[i - 1] : 0;
}

/* The first token of x that y has, too; y->from is where.  x->n when there is none. */
static size_t common(const struct part *x, struct part *y)
{
	size_t off = (size_t)(y->s - x->s), i = x->from, k = 0;

	while (i < x->n && start_of(x, i) < off)
		i++;
	while (i < x->n && k < y->n) {
		size_t a = start_of(x, i), b = off + start_of(y, k);

		if (a == b && x->end[i] == off + y->end[k]) {
			y->from = k;
			return i;
		}
		i += a <= b;
		k += b <= a;
	}
	return x->n;
}

/* The ids of x from its first one to the one before `to`. */
static void put(struct parts *p, const struct part *x, size_t to, struct ids *out)
{
	size_t n = to - x->from;

	ids_grow(out, n);
	memcpy(out->p + out->n, x->ids + x->from, n * sizeof(*out->p));
	out->n += n;
	p->s = x->s + start_of(x, to);
}

int parts_join(struct parts *p, const struct tokenizer_token *token, struct ids *out)
{
	struct part *x = p->part;
	size_t i, k;

	for (k = p->n_joined; k < p->n; k++)
		if (measure(&p->part[k], token))
			return -1;
	for (; x < p->part + p->n - 1; x++) {
		i = common(x, x + 1);
		if (i == x->n)
			return -1;
		put(p, x, i, out);
	}
	if (is_last(p, x)) {
		put(p, x, x->n, out);
		return 1;
	}
	memcpy(p->ids[0], x->ids, x->n * sizeof(*x->ids));
	p->part[0] = *x;
	p->part[0].ids = p->ids[0];
	p->n = p->n_joined = 1;
	return 0;
}
