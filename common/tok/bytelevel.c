#include "tok/bytelevel.h"

#include "base/utf8.h"

static int is_plain(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

uint32_t bytelevel_char(unsigned byte)
{
	if (is_plain(byte))
		return byte;
	if (byte <= 0x20)
		return 0x100 + byte;
	return byte == 0xad ? 0x143 : 0x121 + (byte - 0x7f);
}

/* The byte of a code point, or -1. */
static int byte_of(uint32_t cp)
{
	if (cp < 0x100)
		return is_plain(cp) ? (int)cp : -1;
	if (cp <= 0x120)
		return (int)cp - 0x100;
	if (cp <= 0x142)
		return (int)cp - 0x121 + 0x7f;
	return cp == 0x143 ? 0xad : -1;
}

void bytelevel_put(struct buf *b, const void *p, size_t n)
{
	const unsigned char *u = p;
	size_t i;

	buf_need(b, 2 * n);
	for (i = 0; i < n; i++)
		b->len += (size_t)utf8_put(b->p + b->len, bytelevel_char(u[i]));
}

int bytelevel_get(struct buf *b, const char *s, size_t n)
{
	size_t i = 0, was = b->len;

	buf_need(b, n);
	while (i < n) {
		int len, byte = byte_of(utf8_next(s + i, &len));

		if (byte < 0) {
			b->len = was;
			return -1;
		}
		b->p[b->len++] = (char)byte;
		i += (size_t)len;
	}
	return 0;
}
