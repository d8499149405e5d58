#include "tok/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/os.h"
#include "base/utf8.h"
#include "doc/jscan_isa.h"
#include "tok/le.h"
#include "tok/nfc.h"
#include "tok/scan.h"
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
#define SHORT_KEY 15
#define SHORT_IDS 3
#define SHORT_MIN 15 /* log2 of the sets */
#define SHORT_MAX 19

struct small {
	uint64_t lo, hi; /* all zero: empty */
	uint32_t id[SHORT_IDS], n;
};

/* --- and of longer ones ------------------------------------------------------------------------ */

#define LONG_KEY       1024
#define WINDOW         96 /* bytes: what bpe_encode() does without a heap */
#define LONG_SLOTS_MIN 8192
#define LONG_SLOTS_MAX (1u << 19)
#define LONG_ARENA     (16u << 20) /* bytes; all is forgotten when it is full */

struct large {
	uint32_t hash, at;       /* offset in the arena: ids, then the key */
	uint16_t len, n, pad[2]; /* bytes; ids.  len 0: empty */
};

struct encoder {
	const struct tokenizer *t;
	struct small *small; /* (sets, 2), aligned to 64 */
	unsigned shift;      /* 64 - log2(sets) */
	size_t n_missed;     /* since the last growth */
	struct large *large; /* open addressing, at most half full */
	size_t n_large, large_mask;
	char *arena; /* (LONG_ARENA), touched as it fills */
	size_t arena_len;
	struct bpe_work work;
	struct scan scan;
	struct buf norm, tmp;
	struct ids merged; /* of one pretoken */
	struct ids window; /* of a part of a very long one */
	int plain;         /* without caches and masks */
	/* instead of ids, when set */
	void (*fn)(void *arg, const char *p, size_t n);
	void *arg;
};

static void large_clear(struct encoder *e, size_t slots)
{
	free(e->large);
	e->large = xcalloc(slots, sizeof(*e->large));
	e->large_mask = slots - 1;
	e->n_large = 0;
}

static void *huge_new(size_t bytes)
{
	void *p = aligned_alloc(2 << 20, bytes);

	if (!p)
		die(EXIT_IO, "out of memory: %zu bytes", bytes);
	os_huge_pages(p, bytes);
	return p;
}

static void small_new(struct encoder *e, unsigned log2)
{
	size_t bytes = sizeof(struct small) * 2 << log2;

	e->small = huge_new(bytes);
	memset(e->small, 0, bytes);
	e->shift = 64 - log2;
	e->n_missed = 0;
}

struct encoder *encoder_new(const struct tokenizer *t)
{
	struct encoder *e = xcalloc(1, sizeof(*e));

	e->t = t;
	small_new(e, SHORT_MIN);
	large_clear(e, LONG_SLOTS_MIN);
	return e;
}

void encoder_plain(struct encoder *e, int on)
{
	e->plain = on;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	free(e->small);
	free(e->large);
	free(e->arena);
	bpe_work_release(&e->work);
	scan_release(&e->scan);
	buf_release(&e->norm);
	buf_release(&e->tmp);
	ids_release(&e->merged);
	ids_release(&e->window);
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

/* The slot of a pretoken, or the free one where it belongs. */
static struct large *large_find(const struct encoder *e, uint32_t hash, const char *s, size_t len)
{
	size_t i = hash & e->large_mask;

	for (; e->large[i].len; i = (i + 1) & e->large_mask) {
		const struct large *l = &e->large[i];

		if (l->hash == hash && l->len == len &&
		    !memcmp(e->arena + l->at + 4 * (size_t)l->n, s, len))
			break;
	}
	return &e->large[i];
}

static void large_grow(struct encoder *e)
{
	struct large *old = e->large;
	size_t n = e->large_mask + 1, used = e->n_large, i, k;

	e->large = NULL;
	large_clear(e, 2 * n);
	e->n_large = used;
	for (i = 0; i < n; i++) {
		if (!old[i].len)
			continue;
		for (k = old[i].hash & e->large_mask; e->large[k].len;)
			k = (k + 1) & e->large_mask;
		e->large[k] = old[i];
	}
	free(old);
}

/* Remember e->merged. */
static void large_put(struct encoder *e, uint32_t hash, const char *s, size_t len)
{
	size_t n = e->merged.n, bytes = 4 * n + ((len + 3) & ~(size_t)3);

	if (2 * e->n_large > e->large_mask && e->large_mask + 1 < LONG_SLOTS_MAX)
		large_grow(e);
	if (2 * e->n_large > e->large_mask || e->arena_len + bytes > LONG_ARENA) {
		large_clear(e, e->large_mask + 1);
		e->arena_len = 0;
	}
	*large_find(e, hash, s, len) =
	    (struct large){hash, (uint32_t)e->arena_len, (uint16_t)len, (uint16_t)n, {0}};
	e->n_large++;
	if (!e->arena)
		e->arena = huge_new(LONG_ARENA);
	memcpy(e->arena + e->arena_len, e->merged.p, 4 * n);
	memcpy(e->arena + e->arena_len + 4 * n, s, len);
	e->arena_len += bytes;
}

static void add_very_long(struct encoder *e, const char *s, size_t len, struct ids *out);

/* A pretoken that the small cache does not hold: merge it, or find it in the large one.  The ids
 * are appended. */
static void add_large(struct encoder *e, const char *s, size_t len, uint32_t hash, struct ids *out)
{
	const struct large *l;

	if (len > LONG_KEY && !e->plain) {
		add_very_long(e, s, len, out);
		return;
	}
	if (e->plain) {
		merge(e, s, len);
		push_all(out, e->merged.p, e->merged.n);
		return;
	}
	l = large_find(e, hash, s, len);
	if (l->len) {
		push_all(out, (const uint32_t *)(const void *)(e->arena + l->at), l->n);
		return;
	}
	merge(e, s, len);
	push_all(out, e->merged.p, e->merged.n);
	if (len > SHORT_KEY || e->merged.n > SHORT_IDS)
		large_put(e, hash, s, len);
}

/* --- very long pretokens ----------------------------------------------------------------------- */

/* A run of a million equal letters is one pretoken.  Its ids are found in windows: tokens that the
 * merges make of a window, but for those near its end, are kept, and the next window begins behind
 * them.  That is exact when no merge crosses the seams: what merges inside a token depends on
 * nothing outside until something crosses its edge, so a row of tokens is the right one when each
 * two neighbours are what their own bytes give.  Where a seam does not hold, windows are made
 * larger, and at last the whole is one.  Windows are looked up like pretokens, so repetition is
 * cheap. */
static void window_ids(struct encoder *e, const char *s, size_t len)
{
	e->window.n = 0;
	if (e->t->ignore_merges) { /* the cache is of pretokens, which may be tokens as they are */
		ids_grow(&e->window, len);
		e->window.n = bpe_encode(&e->t->bpe, &e->work, s, len, e->window.p);
	} else {
		add_large(e, s, len, (uint32_t)hash64(s, len), &e->window);
	}
}

static int seam_holds(struct encoder *e, uint32_t a, uint32_t b)
{
	const struct tokenizer_token *x = &e->t->token[a], *y = &e->t->token[b];

	e->tmp.len = 0;
	buf_add(&e->tmp, e->t->bytes.p + x->off, x->len);
	buf_add(&e->tmp, e->t->bytes.p + y->off, y->len);
	if (e->tmp.len > LONG_KEY)
		return 0;
	window_ids(e, e->tmp.p, e->tmp.len);
	return e->window.n == 2 && e->window.p[0] == a && e->window.p[1] == b;
}

/* How many tokens of a window of len bytes to keep, and their bytes; 0 when the tokens are not all
 * of it (bytes without a symbol vanish). */
static size_t keep_tokens(const struct encoder *e, size_t len, size_t *bytes)
{
	size_t i, end = 0, n = 0;

	for (i = 0; i < e->window.n; i++) {
		end += e->t->token[e->window.p[i]].len;
		if (!i || end <= len - len / 4) {
			n = i + 1;
			*bytes = end;
		}
	}
	return end == len ? n : 0;
}

static int add_windows(struct encoder *e, const char *s, size_t len, size_t width, struct ids *out)
{
	size_t was = out->n, pos = 0, n, bytes = 0;
	uint32_t before = BPE_NONE;

	for (;; pos += bytes) {
		size_t w = len - pos < width ? len - pos : width;
		uint32_t first;

		window_ids(e, s + pos, w);
		n = keep_tokens(e, w, &bytes);
		if (!n)
			break;
		if (pos + w == len)
			n = e->window.n;
		first = e->window.p[0];
		push_all(out, e->window.p, n);
		if (before != BPE_NONE && !seam_holds(e, before, first))
			break;
		if (pos + w == len)
			return 0;
		before = out->p[out->n - 1];
	}
	out->n = was;
	return -1;
}

static void add_very_long(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	uint32_t id;

	if (e->t->ignore_merges && !tokenizer_whole(e->t, s, len, &e->tmp, &id))
		ids_push(out, id);
	else if (add_windows(e, s, len, WINDOW, out) && add_windows(e, s, len, LONG_KEY, out)) {
		merge(e, s, len);
		push_all(out, e->merged.p, e->merged.n);
	}
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
	return e->small + 2 * (h >> e->shift);
}

/* Four times the sets, once that many pretokens were not found. */
static void small_grow(struct encoder *e)
{
	struct small *old = e->small;
	size_t n = (size_t)2 << (64 - e->shift), i;

	small_new(e, 64 - e->shift + 2);
	for (i = n; i-- > 0;) {
		struct small *set = small_set(e, old[i].lo, old[i].hi);

		if (!old[i].hi)
			continue;
		set[1] = set[0];
		set[0] = old[i];
	}
	free(old);
}

/* A pretoken on its way through the small cache. */
struct key {
	uint64_t lo, hi;
	struct small *set;
	uint32_t hash; /* of a longer one */
};

/* What a pretoken too long for the small cache is looked up in: no key is 0, 0. */
static struct small never[2] = {{.lo = 1}, {.lo = 1}};

static void small_miss(
    struct encoder *e, const struct key *key, const char *s, size_t len, struct ids *out)
{
	struct small *set = key->set;
	size_t was = out->n, n;

	add_large(e, s, len, set == never ? key->hash : (uint32_t)hash64(s, len), out);
	n = out->n - was;
	if (n > SHORT_IDS || set == never)
		return;
	e->n_missed++;
	set[1] = set[0];
	set[0].lo = key->lo;
	set[0].hi = key->hi;
	set[0].n = (uint32_t)n;
	memcpy(set[0].id, out->p + was, n * sizeof(uint32_t));
}

/* Pretokens that are looked up together. */
#define BLOCK (SCAN_ITEMS + 64)

/* Keys first, so that the sets are on their way from memory when they are read.  Pretoken i is
 * s[pos[i], pos[i + 1]). */
static void make_keys(
    struct encoder *e, const char *s, size_t len, const uint32_t *pos, size_t n, struct key *key)
{
	size_t i, n_long = 0;

	if (e->n_missed >> (64 - e->shift) && e->shift > 64 - SHORT_MAX)
		small_grow(e);
	for (i = 0; i < n; i++) {
		size_t k = pos[i + 1] - pos[i];

		if (k > SHORT_KEY) {
			key[i] = (struct key){.set = never};
			if (k <= LONG_KEY) {
				key[i].hash = (uint32_t)hash64(s + pos[i], k);
				__builtin_prefetch(&e->large[key[i].hash & e->large_mask]);
				n_long++;
			}
			continue;
		}
		small_key(s + pos[i], k, len - pos[i], &key[i].lo, &key[i].hi);
		key[i].set = small_set(e, key[i].lo, key[i].hi);
		__builtin_prefetch(key[i].set);
	}
	/* What the larger ones say is further away still. */
	for (i = 0; n_long && i < n; i++)
		if (key[i].set == never) {
			const struct large *l = &e->large[key[i].hash & e->large_mask];

			if (l->hash == key[i].hash)
				__builtin_prefetch(e->arena + l->at);
			n_long--;
		}
}

/* Ids of n <= BLOCK pretokens. */
static void add_keys(struct encoder *e, const char *s, const uint32_t *pos, size_t n,
    const struct key *key, struct ids *out)
{
	size_t i;

	ids_grow(out, (SHORT_IDS + 1) * n);
	for (i = 0; i < n; i++) {
		const struct small *set = key[i].set;
		int differs = set[0].lo != key[i].lo || set[0].hi != key[i].hi;

		if (differs) {
			set++;
			if (set->lo != key[i].lo || set->hi != key[i].hi) {
				small_miss(e, &key[i], s + pos[i], pos[i + 1] - pos[i], out);
				ids_grow(out, (SHORT_IDS + 1) * (n - i));
				continue;
			}
		}
		memcpy(out->p + out->n, set->id, 16); /* n, too: there is room */
		out->n += set->n;
	}
}

/* The same, for any pretokens. */
static void add_pretokens(
    struct encoder *e, const char *s, size_t len, const uint32_t *pos, size_t n, struct ids *out)
{
	struct key key[BLOCK];
	size_t i;

	if (e->fn || e->plain) {
		for (i = 0; i < n; i++)
			if (e->fn)
				e->fn(e->arg, s + pos[i], pos[i + 1] - pos[i]);
			else
				add_large(e, s + pos[i], pos[i + 1] - pos[i], 0, out);
		return;
	}
	make_keys(e, s, len, pos, n, key);
	add_keys(e, s, pos, n, key, out);
}

/* A normalized piece, its added tokens and pretokens in one pass. */
static void add_scanned(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	struct scan *c = &e->scan;
	struct key key[BLOCK];
	size_t n, i, k;

	scan_init(c, &e->t->pretok, &e->t->normalized, s, len);
	while ((n = scan_next(c))) {
		if (!e->fn)
			make_keys(e, s, len, c->pos, n, key);
		for (i = k = 0; i < n; i++) {
			size_t to = k < c->n_added ? c->added[k].item : n;

			if (e->fn)
				add_pretokens(e, s, len, c->pos + i, to - i, out);
			else
				add_keys(e, s, c->pos + i, to - i, key + i, out);
			for (i = to; k < c->n_added && c->added[k].item == i; k++)
				if (!e->fn)
					ids_push(out, c->added[k].id);
		}
	}
}

/* A piece between added tokens, normalized. */
static void add_piece(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	uint32_t pos[BLOCK + 1];
	size_t n, at = 0;

	pos[0] = 0;
	while ((n = pretok_split(&e->t->pretok, s, len, &at, pos + 1, BLOCK))) {
		add_pretokens(e, s, len, pos, n, out);
		pos[0] = pos[n];
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
	if (!e->plain && scan_can(&e->t->pretok, &e->t->normalized)) {
		add_scanned(e, s, len, out);
		return;
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
	if (!jscan_isa()->utf8(s, len) && !utf8_valid(s, len, &bad)) {
		err_set("invalid UTF-8 at byte %zu", bad);
		return -1;
	}
	if (e->t->nfc && len > UINT32_MAX / 3 && nfc_check(s, len) < len) {
		err_set("a text of %zu bytes is too long to be normalized (at most 1.3 GiB)", len);
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
