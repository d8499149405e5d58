#include "doc/doc.h"

#include "base/err.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* --- arena --------------------------------------------------------------------------------- */

#define BLOCK ((size_t)1 << 18)
#define KEEP  ((size_t)1 << 22) /* bytes of blocks that survive a reset */

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(16) char data[];
};

struct docarena {
	struct block *full; /* newest first */
	struct block *free; /* empty ones, kept by a reset */
	struct block *cur;
};

struct docarena *docarena_new(void)
{
	return xcalloc(1, sizeof(struct docarena));
}

static struct block *block_new(size_t size)
{
	struct block *b;
	if (size > SIZE_MAX - sizeof *b)
		die(EXIT_IO, "out of memory: %zu bytes", size);
	b = xmalloc(sizeof *b + size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

/* Make cur a block with room for n bytes. */
static void next_block(struct docarena *a, size_t n)
{
	struct block *b = a->free;
	if (a->cur) {
		a->cur->next = a->full;
		a->full = a->cur;
	}
	if (b && b->size >= n)
		a->free = b->next;
	else
		b = block_new(n > BLOCK ? n : BLOCK);
	b->next = NULL;
	a->cur = b;
}

void *docarena_alloc(struct docarena *a, size_t n)
{
	char *p;
	if (n > SIZE_MAX - 15)
		die(EXIT_IO, "out of memory: %zu bytes", n);
	n = (n + 15) & ~(size_t)15;
	if (!a->cur || a->cur->size - a->cur->used < n)
		next_block(a, n);
	p = a->cur->data + a->cur->used;
	a->cur->used += n;
	return p;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

void docarena_reset(struct docarena *a)
{
	size_t kept = a->cur ? a->cur->size : 0;
	struct block *b;
	for (b = a->free; b; b = b->next)
		kept += b->size;
	if (a->cur && a->cur->size > KEEP) {
		kept -= a->cur->size;
		free(a->cur);
		a->cur = NULL;
	} else if (a->cur) {
		a->cur->used = 0;
	}
	while ((b = a->full)) {
		a->full = b->next;
		if (kept + b->size > KEEP) {
			free(b);
			continue;
		}
		kept += b->size;
		b->used = 0;
		b->next = a->free;
		a->free = b;
	}
}

void docarena_free(struct docarena *a)
{
	if (!a)
		return;
	free_blocks(a->full);
	free_blocks(a->free);
	free_blocks(a->cur);
	free(a);
}

/* --- document ------------------------------------------------------------------------------ */

void *doc_alloc(struct doc *d, size_t n)
{
	return docarena_alloc(d->mem, n);
}

static int need_string(struct jspan v, const char *name)
{
	if (jspan_type(v) == JT_STRING)
		return 0;
	err_set(v.p ? "'%s' is not a string" : "no '%s'", name);
	return -1;
}

/* NULL and {} are alike; anything else cannot take attributes. */
static int check_fields(const struct jscan *j)
{
	enum jtype t = jspan_type(j->f[J_ATTRIBUTES]);
	if (need_string(j->f[J_ID], "id") < 0 || need_string(j->f[J_TEXT], "text") < 0)
		return -1;
	if (t == JT_NONE || t == JT_OBJECT || t == JT_NULL)
		return 0;
	err_set("'attributes' is not an object");
	return -1;
}

/* Unescaped and NUL-terminated, in document memory. */
static const char *decode(struct doc *d, struct jspan v, size_t *len)
{
	char *s = doc_alloc(d, v.len);
	*len = jspan_unescape(v, s);
	s[*len] = 0;
	return s;
}

int doc_parse(struct doc *d, const char *file, uint64_t lineno, const char *line, size_t len)
{
	if (!d->mem)
		d->mem = d->own = docarena_new();
	else if (d->own)
		docarena_reset(d->own);
	d->file = file;
	d->lineno = lineno;
	d->line = line;
	d->len = len;
	d->drop = 0;
	d->user = NULL;
	attrs_reset(&d->attrs);
	if (jscan_line(&d->j, line, len) < 0 || check_fields(&d->j) < 0) {
		err_prefix("%s:%llu", file, (unsigned long long)lineno);
		return -1;
	}
	d->text = decode(d, d->j.f[J_TEXT], &d->text_len);
	d->n_cp = utf8_count(d->text, d->text_len);
	return 0;
}

const char *doc_id(struct doc *d, size_t *len)
{
	size_t n;
	const char *s = decode(d, d->j.f[J_ID], &n);
	if (len)
		*len = n;
	return s;
}

void doc_put(const struct doc *d, struct buf *b)
{
	struct jspan old = d->j.f[J_ATTRIBUTES], obj = d->j.object;
	const char *end = d->line + d->len;
	const char *at = old.p ? old.p : obj.p + obj.len - 1;
	if (!d->attrs.n) {
		buf_add(b, d->line, d->len);
		return;
	}
	buf_need(b, d->len + 256);
	buf_add(b, d->line, (size_t)(at - d->line));
	if (!old.p)
		buf_str(b, ",\"attributes\":");
	attrs_merge_json(&d->attrs, old, b);
	at += old.len;
	buf_add(b, at, (size_t)(end - at));
}

void doc_release(struct doc *d)
{
	attrs_release(&d->attrs);
	docarena_free(d->own);
	memset(d, 0, sizeof *d);
}
