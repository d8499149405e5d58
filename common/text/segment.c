#include "text/segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "text/uchar.h"

enum { HAS_WORDS = 1, HAS_LINES = 2, HAS_LOWER = 4 };

/* ASCII white space of str.isspace: \t \n \v \f \r, U+001C..1F and space. */
static inline int ascii_space(unsigned char c)
{
	return c <= 32 && (0x1f0003e00ull >> c & 1);
}

int segment_text(struct segment *g, const char *text, size_t len, size_t n_cp)
{
	if (len >= UINT32_MAX) {
		err_set("text of %zu bytes: at most 4 GiB can be tagged", len);
		return -1;
	}
	g->text = text, g->len = len, g->n_cp = n_cp;
	g->has = 0;
	return 0;
}

static struct word *word_new(struct words *w)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 1024;
		w->v = xreallocarray(w->v, w->cap, sizeof(*w->v));
	}
	return &w->v[w->n++];
}

/* Bytes of the white space character at p, 0 when it is something else; n > 0 bytes are left. */
static inline int space_len(const char *p)
{
	unsigned char c = (unsigned char)*p;
	int len;

	if (c < 0x80)
		return ascii_space(c);
	/* All others begin with C2, E1, E2 or E3. */
	if (c != 0xc2 && (c < 0xe1 || c > 0xe3))
		return 0;
	return uchar(utf8_next(p, &len)) & UC_SPACE ? len : 0;
}

static void find_words(struct segment *g)
{
	struct words *w = &g->words;
	const char *t = g->text;
	size_t i = 0, n = g->len;

	w->n = 0, w->n_cp = 0;
	for (;;) {
		uint32_t cp = 0;
		size_t start;
		struct word *x;
		int s;

		while (i < n && (s = space_len(t + i)))
			i += (size_t)s;
		if (i == n)
			break;
		for (start = i; i < n && !space_len(t + i); i++) {
			cp++;
			while (i + 1 < n && ((unsigned char)t[i + 1] & 0xc0) == 0x80)
				i++;
		}
		x = word_new(w);
		x->off = (uint32_t)start, x->len = (uint32_t)(i - start), x->n_cp = cp;
		w->n_cp += cp;
	}
}

static int blank(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		int len = space_len(s + i);

		if (!len)
			return 0;
		i += (size_t)len;
	}
	return 1;
}

static struct line *line_new(struct lines *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
	}
	return &l->v[l->n++];
}

static void find_lines(struct segment *g)
{
	struct lines *l = &g->lines;
	const char *t = g->text, *end = t + g->len, *nl;
	uint32_t cp = 0;

	l->n = 0;
	do {
		struct line *x = line_new(l);

		nl = t < end ? memchr(t, '\n', (size_t)(end - t)) : NULL;
		x->off = (uint32_t)(t - g->text);
		x->len = (uint32_t)((nl ? nl : end) - t);
		x->cp = cp;
		x->n_cp = g->n_cp == g->len ? x->len : (uint32_t)utf8_count(t, x->len);
		x->newline = nl != NULL;
		x->end_cp = x->cp + x->n_cp + x->newline;
		x->blank = (uint8_t)blank(t, x->len);
		cp = x->end_cp;
		t = nl ? nl + 1 : end;
	} while (nl);
}

const struct words *segment_words(struct segment *g)
{
	if (!(g->has & HAS_WORDS))
		find_words(g);
	g->has |= HAS_WORDS;
	return &g->words;
}

const struct lines *segment_lines(struct segment *g)
{
	if (!(g->has & HAS_LINES))
		find_lines(g);
	g->has |= HAS_LINES;
	return &g->lines;
}

const struct buf *segment_lower(struct segment *g)
{
	if (!(g->has & HAS_LOWER)) {
		g->lower.len = 0;
		text_lower(g->text, g->len, &g->lower);
		buf_cstr(&g->lower);
	}
	g->has |= HAS_LOWER;
	return &g->lower;
}

void segment_release(struct segment *g)
{
	free(g->words.v);
	free(g->lines.v);
	buf_release(&g->lower);
	*g = (struct segment){0};
}
