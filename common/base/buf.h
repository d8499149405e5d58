/* buf: a byte string that grows.  Memory failure ends the program (err.h).
 *
 *	struct buf b = {0};
 *	buf_add(&b, p, n);  buf_str(&b, "x");  buf_printf(&b, "%d", 1);
 *	write(1, b.p, b.len);
 *	b.len = 0;              reuse
 *	buf_release(&b);
 */
#ifndef OLMO_BASE_BUF_H
#define OLMO_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *p;    /* NULL while nothing was added */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

void buf_grow(struct buf *b, size_t extra); /* room for extra more bytes */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(struct buf *b, uint64_t v); /* decimal */
/* The shortest decimal that reads back as the same double ("1.0" prints as 1.0 when
 * with_point, else 1); NaN and infinities as JSON null. */
void buf_f64(struct buf *b, double v, int with_point);
/* A field of a TSV row: tab, newline, carriage return and backslash as \t, \n, \r, \\. */
void buf_tsv(struct buf *b, const char *p, size_t n);
void buf_release(struct buf *b);

static inline void buf_need(struct buf *b, size_t extra)
{
	if (b->cap - b->len < extra)
		buf_grow(b, extra);
}
static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	buf_need(b, n);
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}
static inline void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}
static inline void buf_chr(struct buf *b, char c)
{
	buf_need(b, 1);
	b->p[b->len++] = c;
}
/* End with a NUL that len does not count, and return the bytes. */
static inline char *buf_cstr(struct buf *b)
{
	buf_need(b, 1);
	b->p[b->len] = 0;
	return b->p;
}

#endif
