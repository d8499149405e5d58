#include "tok/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/os.h"
#include "base/utf8.h"
#include "tok/le.h"
#include "tok/nfc.h"
#include "tok/tokchar.h"

/* --- lists of ids ------------------------------------------------------------------------------ */

void ids_grow(struct ids *v, size_t extra)
{
	if (v->cap - v->n >= extra)
		return;
	v->cap = v->n + extra + v->cap / 2 + 64;
	v->p = xreallocarray(v->p, v->cap, sizeof(*v->p));
}

void ids_release(struct ids *v)
{
	free(v->p);
	memset(v, 0, sizeof(*v));
}

/* --- the cache of short pretokens -------------------------------------------------------------- */

/* At most 15 bytes and 3 ids, compared whole: the bytes, zeros, and the length in the last byte.
 * Two of them make a set of 64 bytes, one cache line; the newer one is in front. */
#define SHORT_KEY       15
#define SHORT_IDS       3
#define SHORT_SETS_LOG2 15

struct small {
	uint64_t lo, hi; /* all zero: empty */
	uint32_t id[SHORT_IDS], n;
};

/* --- and of longer ones ------------------------------------------------------------------------ */

#define LONG_KEY   255
#define LONG_SLOTS 8192
#define LONG_ARENA (1u << 20) /* bytes; forgotten as a whole when full */

struct large {
	uint64_t hash;
	uint32_t len, n;  /* bytes; ids.  len 0: empty */
	uint32_t key, id; /* offsets in the arena; ids follow the key, aligned */
};

struct encoder {
	const struct tokenizer *t;
	struct small *small; /* (1 << SHORT_SETS_LOG2, 2), aligned to 64 */
	struct large *large; /* (LONG_SLOTS) */
	char *arena;
	size_t arena_len;
	struct bpe_work work;
	struct buf norm, tmp;
	struct ids merged; /* of one pretoken */
	/* instead of ids, when set */
	void (*fn)(void *arg, const char *p, size_t n);
	void *arg;
};

struct encoder *encoder_new(const struct tokenizer *t)
{
	struct encoder *e = xcalloc(1, sizeof(*e));
	size_t bytes = sizeof(struct small) * 2 << SHORT_SETS_LOG2;

	e->t = t;
	e->small = aligned_alloc(2 << 20, bytes); /* a huge page */
	if (!e->small)
		die(EXIT_IO, "out of memory: %zu bytes", bytes);
	os_huge_pages(e->small, bytes);
	memset(e->small, 0, bytes);
	e->large = xcalloc(LONG_SLOTS, sizeof(*e->large));
	e->arena = xmalloc(LONG_ARENA);
	return e;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	free(e->small);
	free(e->large);
	free(e->arena);
	bpe_work_release(&e->work);
	buf_release(&e->norm);
	buf_release(&e->tmp);
	ids_release(&e->merged);
	free(e);
}

/* Merge one pretoken into e->merged, without the caches. */
static void merge(struct encoder *e, const char *s, size_t len)
{
	uint32_t id;

	e->merged.n = 0;
	ids_grow(&e->merged, len);
	if (e->t->ignore_merges && !tokenizer_whole(e->t, s, len, &e->tmp, &id)) {
		ids_push(&e->merged, id);
		return;
	}
	e->merged.n = bpe_encode(&e->t->bpe, &e->work, s, len, e->merged.p);
}

static void push_all(struct ids *out, const uint32_t *p, size_t n)
{
	ids_grow(out, n);
	if (n)
		memcpy(out->p + out->n, p, n * sizeof(*p));
	out->n += n;
}

static void large_put(struct encoder *e, struct large *l, uint64_t hash, const char *s, size_t len)
{
	size_t at = (e->arena_len + 3) & ~(size_t)3, n = e->merged.n;
	size_t ids = (at + len + 3) & ~(size_t)3, end = ids + n * sizeof(uint32_t);

	if (end > LONG_ARENA) {
		memset(e->large, 0, LONG_SLOTS * sizeof(*e->large));
		ids = (len + 3) & ~(size_t)3;
		at = 0;
		end = ids + n * sizeof(uint32_t); /* len <= LONG_KEY: fits */
	}
	*l = (struct large){hash, (uint32_t)len, (uint32_t)n, (uint32_t)at, (uint32_t)ids};
	memcpy(e->arena + at, s, len);
	if (n)
		memcpy(e->arena + ids, e->merged.p, n * sizeof(uint32_t));
	e->arena_len = end;
}

/* A pretoken that the small cache does not hold: merge it, or find it in the large one.  The ids
 * are appended; where they lie in out is the caller's to know. */
static void add_large(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	uint64_t hash;
	struct large *l;

	if (len > LONG_KEY) {
		merge(e, s, len);
		push_all(out, e->merged.p, e->merged.n);
		return;
	}
	hash = hash64(s, len);
	l = &e->large[hash % LONG_SLOTS];
	if (l->len == len && l->hash == hash && !memcmp(e->arena + l->key, s, len)) {
		ids_grow(out, l->n);
		if (l->n)
			memcpy(out->p + out->n, e->arena + l->id, l->n * sizeof(uint32_t));
		out->n += l->n;
		return;
	}
	merge(e, s, len);
	push_all(out, e->merged.p, e->merged.n);
	if (len > SHORT_KEY || e->merged.n > SHORT_IDS)
		large_put(e, l, hash, s, len);
}

static const uint64_t low_bytes[9] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff,
    0xffffffffffff, 0xffffffffffffff, 0xffffffffffffffff};

/* The key of n <= 15 bytes; room: bytes that may be read from s. */
static inline void small_key(const char *s, size_t n, size_t room, uint64_t *lo, uint64_t *hi)
{
	char copy[16] = {0};
	size_t h = n > 8 ? n - 8 : 0;

	if (room < 16) {
		memcpy(copy, s, n);
		s = copy;
	}
	*lo = le_get64((const unsigned char *)s) & low_bytes[n < 8 ? n : 8];
	*hi = (le_get64((const unsigned char *)s + 8) & low_bytes[h]) | (uint64_t)n << 56;
}

static inline struct small *small_set(const struct encoder *e, uint64_t lo, uint64_t hi)
{
	uint64_t h = (lo * 0x9e3779b97f4a7c15u) ^ (hi * 0xc2b2ae3d27d4eb4fu);

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return e->small + 2 * (h >> (64 - SHORT_SETS_LOG2));
}

/* A pretoken on its way through the small cache. */
struct key {
	uint64_t lo, hi;
	struct small *set;
};

static void small_miss(
    struct encoder *e, const struct key *key, const char *s, size_t len, struct ids *out)
{
	struct small *set = key->set;
	size_t was = out->n, n;

	add_large(e, s, len, out);
	n = out->n - was;
	if (n > SHORT_IDS)
		return;
	set[1] = set[0];
	set[0].lo = key->lo;
	set[0].hi = key->hi;
	set[0].n = (uint32_t)n;
	memcpy(set[0].id, out->p + was, n * sizeof(uint32_t));
}

/* Pretokens that are looked up together. */
#define BLOCK 256

/* Keys first, so that the sets are on their way from memory when they are read.  A pretoken too long
 * for the small cache has no key: its length byte is 0. */
static void make_keys(const struct encoder *e, const char *s, size_t len, size_t start,
    const size_t *ends, size_t n, struct key *key)
{
	size_t i;

	for (i = 0; i < n; start = ends[i++]) {
		size_t k = ends[i] - start;

		if (k > SHORT_KEY) {
			key[i] = (struct key){0, 0, NULL};
			continue;
		}
		small_key(s + start, k, len - start, &key[i].lo, &key[i].hi);
		key[i].set = small_set(e, key[i].lo, key[i].hi);
		__builtin_prefetch(key[i].set);
	}
}

/* Ids of the pretokens s[start, ends[0]), s[ends[0], ends[1]), …, n <= BLOCK of them. */
static void add_pretokens(struct encoder *e, const char *s, size_t len, size_t start,
    const size_t *ends, size_t n, struct ids *out)
{
	struct key key[BLOCK];
	size_t i;

	make_keys(e, s, len, start, ends, n, key);
	ids_grow(out, SHORT_IDS * n);
	for (i = 0; i < n; start = ends[i++]) {
		struct small *set = key[i].set;

		if (!set) {
			add_large(e, s + start, ends[i] - start, out);
			ids_grow(out, SHORT_IDS * (n - i));
			continue;
		}
		if (set[0].lo != key[i].lo || set[0].hi != key[i].hi) {
			set++;
			if (set[0].lo != key[i].lo || set[0].hi != key[i].hi) {
				small_miss(e, &key[i], s + start, ends[i] - start, out);
				ids_grow(out, SHORT_IDS * (n - i));
				continue;
			}
		}
		memcpy(out->p + out->n, set[0].id, sizeof(set[0].id));
		out->n += set[0].n;
	}
}

/* A piece between added tokens, normalized. */
static void add_piece(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	size_t ends[BLOCK], n, i, pos = 0, start = 0;

	while ((n = pretok_split(&e->t->pretok, s, len, &pos, ends, BLOCK))) {
		if (!e->fn) {
			add_pretokens(e, s, len, start, ends, n, out);
			start = ends[n - 1];
			continue;
		}
		for (i = 0; i < n; start = ends[i++])
			e->fn(e->arg, s + start, ends[i] - start);
	}
}

/* A piece of the raw text, between added tokens that are looked for there. */
static void add_raw_piece(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	struct added_iter it = {.set = &e->t->normalized};
	size_t from, to;
	uint32_t id;

	if (e->t->nfc && nfc_check(s, len) < len) {
		e->norm.len = 0;
		nfc_put(&e->norm, s, len);
		s = e->norm.p;
		len = e->norm.len;
	}
	it.s = s;
	it.len = len;
	while (added_next(&it, &from, &to, &id)) {
		add_piece(e, s + from, to - from, out);
		if (!e->fn)
			ids_push(out, id);
	}
	add_piece(e, s + from, to - from, out);
}

static int add_text(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	struct added_iter it = {.set = &e->t->raw, .s = s, .len = len};
	size_t from, to, bad;
	uint32_t id;

	if (len > INT32_MAX) {
		err_set("a text of %zu bytes is too long (at most 2 GiB)", len);
		return -1;
	}
	if (!utf8_valid(s, len, &bad)) {
		err_set("invalid UTF-8 at byte %zu", bad);
		return -1;
	}
	while (added_next(&it, &from, &to, &id)) {
		add_raw_piece(e, s + from, to - from, out);
		if (!e->fn)
			ids_push(out, id);
	}
	add_raw_piece(e, s + from, to - from, out);
	return 0;
}

int encoder_add(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	e->fn = NULL;
	return add_text(e, s, len, out);
}

int encoder_split(struct encoder *e, const char *s, size_t len,
    void (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	e->fn = fn;
	e->arg = arg;
	return add_text(e, s, len, NULL);
}

/* --- Python's strip ---------------------------------------------------------------------------- */

static int is_strip(uint32_t cp)
{
	return (cp >= 0x1c && cp <= 0x1f) || (tokchar(cp) & TOKCHAR_CLASS) == TOKCHAR_S;
}

size_t encoder_strip(const char *s, size_t len, size_t *start)
{
	size_t i = 0, end = len, p;
	int n;

	while (i < len && is_strip(utf8_next(s + i, &n)))
		i += (size_t)n;
	while (end > i) {
		for (p = end - 1; ((unsigned char)s[p] & 0xc0) == 0x80; p--)
			;
		if (!is_strip(utf8_next(s + p, &n)))
			break;
		end = p;
	}
	*start = i;
	return end - i;
}
