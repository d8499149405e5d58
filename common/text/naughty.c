/* An entry is found by a hash of up to three bytes: its first ones, and for entries with a space also
 * those around its first space.  A set of hashes (8 KiB) tells at most places that nothing is there. */
#include "text/naughty.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "text/uchar.h"

struct entry {
	const char *s;
	uint32_t len;
	uint32_t at; /* offset of the hashed bytes in the entry */
	uint16_t key;
};

struct index {
	uint64_t set[65536 / 64];
	struct entry *e; /* in order of key */
	size_t n;
};

struct naughty {
	struct index
	    start; /* all entries, by their first three bytes, fewer when they are shorter */
	struct index space; /* entries with a space, by the bytes around the first */
	struct buf text;
};

static uint16_t hash3(char a, char b, char c)
{
	uint32_t v =
	    (uint32_t)(unsigned char)a << 16 | (uint32_t)(unsigned char)b << 8 | (unsigned char)c;

	return (uint16_t)(v * 0x9e3779b1u >> 16);
}

/* Of the first k <= 3 bytes. */
static uint16_t hash_start(const char *s, size_t k)
{
	return hash3(s[0], k > 1 ? s[1] : 0, k > 2 ? s[2] : 0);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static void add(struct index *p, const char *s, size_t len, size_t at, uint16_t key)
{
	p->e = xreallocarray(p->e, p->n + 1, sizeof(*p->e));
	p->e[p->n++] = (struct entry){s, (uint32_t)len, (uint32_t)at, key};
	p->set[key / 64] |= 1ull << (key & 63);
}

/* text: NUL-terminated entries, one after the other. */
static struct naughty *build(struct buf text)
{
	struct naughty *w = xcalloc(1, sizeof(*w));
	const char *s, *end = text.p + text.len, *blank;

	w->text = text;
	for (s = text.p; s < end; s += strlen(s) + 1) {
		size_t len = strlen(s);

		add(&w->start, s, len, 0, hash_start(s, len));
		blank = memchr(s, ' ', len);
		if (blank) /* never at either end: entries are stripped */
			add(&w->space, s, len, (size_t)(blank - s),
			    hash3(blank[-1], ' ', blank[1]));
	}
	if (w->start.n)
		qsort(w->start.e, w->start.n, sizeof(struct entry), by_key);
	if (w->space.n)
		qsort(w->space.e, w->space.n, sizeof(struct entry), by_key);
	return w;
}

static struct naughty *builtin;

static void make_builtin(void)
{
	struct buf b = {0};

	for (size_t i = 0; naughty_list[i]; i++)
		buf_add(&b, naughty_list[i], strlen(naughty_list[i]) + 1);
	builtin = build(b);
}

const struct naughty *naughty_builtin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_builtin);
	return builtin;
}

struct naughty *naughty_load(const char *path, struct filehash *h)
{
	struct buf raw = {0}, b = {0};
	size_t bad, from, to, line = 0;

	if (in_slurp(path, 1 << 26, &raw, h) < 0)
		return NULL;
	if (!utf8_valid(raw.p, raw.len, &bad)) {
		err_set("%s@%zu: not UTF-8", path, bad);
		goto fail;
	}
	for (char *p = raw.p, *end = raw.p + raw.len, *nl; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		line++;
		if (memchr(p, 0, (size_t)(nl - p))) {
			err_set("%s:%zu: a NUL in a word list", path, line);
			goto fail;
		}
		text_strip(p, (size_t)(nl - p), &from, &to);
		if (from == to)
			continue;
		text_lower(p + from, to - from, &b);
		buf_chr(&b, 0);
	}
	if (!b.len) {
		err_set("%s: no words: one entry a line is expected", path);
		goto fail;
	}
	buf_release(&raw);
	return build(b);
fail:
	buf_release(&raw);
	buf_release(&b);
	return NULL;
}

void naughty_free(struct naughty *w)
{
	if (!w)
		return;
	free(w->start.e);
	free(w->space.e);
	buf_release(&w->text);
	free(w);
}

static int in_set(const struct index *p, uint16_t key)
{
	return p->set[key / 64] >> (key & 63) & 1;
}

/* First entry with this key, and in *end one past the last. */
static const struct entry *find(const struct index *p, uint16_t key, const struct entry **end)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->e[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < p->n && p->e[hi].key == key;)
		hi++;
	*end = p->e + hi;
	return p->e + lo;
}

static int is_token(const struct naughty *w, const char *s, size_t n)
{
	const struct entry *e, *end;
	uint16_t key = hash_start(s, n);

	if (!in_set(&w->start, key))
		return 0;
	for (e = find(&w->start, key, &end); e < end; e++)
		if (e->len == n && !memcmp(e->s, s, n))
			return 1;
	return 0;
}

/* An entry whose first space is at low + i. */
static int is_phrase(const struct naughty *w, const char *low, size_t n, size_t i)
{
	const struct entry *e, *end;
	uint16_t key;

	if (!i || i + 1 == n)
		return 0;
	key = hash3(low[i - 1], ' ', low[i + 1]);
	if (!in_set(&w->space, key))
		return 0;
	for (e = find(&w->space, key, &end); e < end; e++)
		if (e->at <= i && e->len <= n - (i - e->at) &&
		    !memcmp(e->s, low + i - e->at, e->len))
			return 1;
	return 0;
}

/* White space at s + i; *len: bytes of the character there. */
static inline int is_space(const char *s, size_t i, int *len)
{
	unsigned char c = (unsigned char)s[i];

	if (c < 0x80)
		return *len = 1, c <= ' ' && (uchar(c) & UC_SPACE);
	return (uchar(utf8_next(s + i, len)) & UC_SPACE) != 0;
}

int naughty_token(const struct naughty *w, const char *low, size_t n)
{
	size_t i = 0, start;
	int len;

	while (i < n) {
		for (start = i; i < n && !is_space(low, i, &len); i += (size_t)len)
			;
		if (i > start && is_token(w, low + start, i - start))
			return 1;
		for (; i < n && is_space(low, i, &len); i += (size_t)len)
			if (low[i] == ' ' && is_phrase(w, low, n, i))
				return 1;
	}
	return 0;
}

/* An entry that begins at low + i and has no \w after it. */
static int is_word(const struct naughty *w, const char *low, size_t n, size_t i)
{
	const struct entry *e, *end;
	int len;

	for (size_t k = 1; k <= 3 && k <= n - i; k++) {
		uint16_t key = hash_start(low + i, k);

		if (!in_set(&w->start, key))
			continue;
		for (e = find(&w->start, key, &end); e < end; e++)
			if (e->len <= n - i && !memcmp(e->s, low + i, e->len) &&
			    (e->len == n - i ||
				!(uchar(utf8_next(low + i + e->len, &len)) & UC_WORD)))
				return 1;
	}
	return 0;
}

int naughty_word(const struct naughty *w, const char *low, size_t n)
{
	int len, before = 0;

	for (size_t i = 0; i < n; i += (size_t)len) {
		if (!before && is_word(w, low, n, i))
			return 1;
		before = (uchar(utf8_next(low + i, &len)) & UC_WORD) != 0;
	}
	return 0;
}
