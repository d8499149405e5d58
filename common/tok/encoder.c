#include "tok/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/os.h"
#include "base/utf8.h"
#include "doc/jscan_isa.h"
#include "tok/longcache.h"
#include "tok/nfc.h"
#include "tok/parts.h"
#include "tok/scan.h"
#include "tok/tokchar.h"

/* --- lists of ids ------------------------------------------------------------------------------ */

enum { LARGE = 2 << 20 }; /* ids that get huge pages */

void ids_grow(struct ids *v, size_t extra)
{
	if (v->cap - v->n >= extra)
		return;
	v->cap = v->n + extra + v->cap / 2 + 64;
	v->p = xreallocarray(v->p, v->cap, sizeof(*v->p));
	if (v->cap - v->n >= LARGE)
		os_huge_pages(v->p + v->n, (v->cap - v->n) * sizeof(*v->p));
}

void ids_release(struct ids *v)
{
	free(v->p);
	memset(v, 0, sizeof(*v));
}

/* --- the cache of short pretokens -------------------------------------------------------------- */

/* Log2 of the sets, at first and at most. */
#define SHORT_MIN 16
#define SHORT_MAX 19

#define WINDOW 96 /* bytes: what bpe_encode() does without a heap */

struct encoder {
	const struct tokenizer *t;
	struct wordcache words;
	size_t n_missed; /* since the last growth */
	struct longcache longs;
	struct bpe_work work;
	struct scan scan;
	struct buf norm, tmp;
	struct ids merged; /* of one pretoken, or of a block's new ones */
	struct ids window; /* of a part of a very long one */
	int plain;         /* without caches and masks */
	/* instead of ids, when set */
	void (*fn)(void *arg, const char *p, size_t n);
	void *arg;
};

struct encoder *encoder_new(const struct tokenizer *t)
{
	struct encoder *e = xcalloc(1, sizeof(*e));

	e->t = t;
	wordcache_init(&e->words, SHORT_MIN);
	longcache_init(&e->longs);
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
	wordcache_release(&e->words);
	longcache_release(&e->longs);
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

static void add_very_long(struct encoder *e, const char *s, size_t len, struct ids *out);

/* A pretoken that is looked for among the longer ones, or merged.  The ids
 * are appended. */
static void add_large(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	const struct wordcache_word *w;
	const uint32_t *ids;
	uint64_t hash;
	size_t n;

	if (e->plain) {
		merge(e, s, len);
		push_all(out, e->merged.p, e->merged.n);
		return;
	}
	if (len > LONGCACHE_KEY) {
		add_very_long(e, s, len, out);
		return;
	}
	hash = hash64(s, len);
	w = longcache_find(&e->longs, hash, s, len);
	if (w) {
		ids = longcache_ids(&e->longs, w, &n);
	} else {
		merge(e, s, len);
		ids = e->merged.p;
		n = e->merged.n;
		longcache_put(&e->longs, hash, s, len, ids, n);
	}
	push_all(out, ids, n);
}

/* --- very long pretokens ----------------------------------------------------------------------- */

/* A run of a million letters is one pretoken.  Its ids are those of overlapping parts, joined where
 * they have tokens in common (tok/parts.h).  Where they have none, windows follow one another for a
 * while: tokens that the merges make of a window, but for those near its end, are kept, and the next
 * window begins behind them.  That is exact when no merge crosses the seams: what merges inside a
 * token depends on nothing outside until something crosses its edge, so a row of tokens is the right
 * one when each two neighbours are what their own bytes give.  Where a seam does not hold, windows
 * are made larger, and at last the whole is one.  Parts and windows are looked up like pretokens, so
 * repetition is cheap. */
static void window_ids(struct encoder *e, const char *s, size_t len)
{
	e->window.n = 0;
	if (e->t->ignore_merges) { /* the cache is of pretokens, which may be tokens as they are */
		ids_grow(&e->window, len);
		e->window.n = bpe_encode(&e->t->bpe, &e->work, s, len, e->window.p);
	} else {
		add_large(e, s, len, &e->window);
	}
}

static int seam_holds(struct encoder *e, uint32_t a, uint32_t b)
{
	const struct tokenizer_token *x = &e->t->token[a], *y = &e->t->token[b];

	e->tmp.len = 0;
	buf_add(&e->tmp, e->t->bytes.p + x->off, x->len);
	buf_add(&e->tmp, e->t->bytes.p + y->off, y->len);
	if (e->tmp.len > LONGCACHE_KEY)
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

/* From *pos on, until `far` bytes are done, or all.  -1 when a seam does not hold; *pos is where it
 * got to. */
static int add_windows(struct encoder *e, const char *s, size_t len, size_t width, size_t far,
    size_t *pos, struct ids *out)
{
	size_t to = far < len - *pos ? *pos + far : len, bytes = 0, n;

	for (; *pos < to; *pos += bytes) {
		size_t w = len - *pos < width ? len - *pos : width, was = out->n;

		window_ids(e, s + *pos, w);
		n = keep_tokens(e, w, &bytes);
		if (!n)
			return -1;
		if (*pos + w == len) {
			n = e->window.n;
			bytes = w;
		}
		push_all(out, e->window.p, n);
		if (*pos && !seam_holds(e, out->p[was - 1], out->p[was])) {
			out->n = was;
			return -1;
		}
	}
	return 0;
}

/* Two in a row may be the same new one.  NULL when there is no room. */
static const struct wordcache_word *remember(
    struct encoder *e, uint64_t hash, const char *s, size_t len, const uint32_t *ids, size_t n)
{
	const struct wordcache_word *w = longcache_find(&e->longs, hash, s, len);

	return w ? w : longcache_put(&e->longs, hash, s, len, ids, n);
}

/* The ids of the parts from k on: those of an equal one before, or remembered, or merged side by
 * side. */
static void encode_parts(struct encoder *e, struct parts *p, size_t k)
{
	int cached = !e->t->ignore_merges; /* see window_ids() */
	struct bpe_job job[PARTS];
	uint64_t hash[PARTS];
	struct part *of[PARTS], *x, *end = p->part + p->n;
	size_t n = 0, i;

	for (x = p->part + k; x < end; x++) {
		const struct wordcache_word *w = NULL;
		const uint32_t *ids;

		if (x > p->part && part_is(x, x - 1))
			continue;
		if (cached) {
			hash[n] = hash64(x->s, x->len);
			w = longcache_find(&e->longs, hash[n], x->s, x->len);
		}
		if (w) {
			ids = longcache_ids(&e->longs, w, &x->n);
			memcpy(x->ids, ids, x->n * sizeof(*x->ids));
			continue;
		}
		of[n] = x;
		job[n++] = (struct bpe_job){.s = x->s, .len = x->len, .ids = x->ids};
	}
	bpe_encode_all(&e->t->bpe, job, n);
	for (i = 0; i < n; i++) {
		x = of[i];
		x->n = job[i].n;
		if (cached)
			remember(e, hash[i], x->s, x->len, x->ids, x->n);
	}
	for (x = p->part + k; x < end; x++)
		if (x > p->part && part_is(x, x - 1)) {
			x->n = x[-1].n;
			memcpy(x->ids, x[-1].ids, x->n * sizeof(*x->ids));
		}
}

/* From *pos on as far as parts can be joined: the fast way. */
static void add_parts(struct encoder *e, const char *s, size_t len, size_t *pos, struct ids *out)
{
	struct parts p;

	parts_begin(&p, s + *pos, len - *pos);
	do {
		size_t k = parts_cut(&p);

		encode_parts(e, &p, k);
		if (!k && *pos &&
		    !(p.part[0].n && seam_holds(e, out->p[out->n - 1], p.part[0].ids[0])))
			return;
	} while (!parts_join(&p, e->t->token, out));
	*pos = (size_t)(p.s - s);
}

/* Forget tokens from the end of out, but for the first `was`, until they are `bytes` or more. */
static void go_back(struct encoder *e, size_t bytes, size_t was, size_t *pos, struct ids *out)
{
	size_t to = *pos > bytes ? *pos - bytes : 0;

	while (out->n > was && *pos > to)
		*pos -= e->t->token[out->p[--out->n]].len;
}

static void add_very_long(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	size_t was = out->n, pos = 0, far = LONGCACHE_KEY, before;
	uint32_t id;

	if (e->t->ignore_merges && !tokenizer_whole(e->t, s, len, &e->tmp, &id)) {
		ids_push(out, id);
		return;
	}
	while (pos < len) {
		before = pos;
		add_parts(e, s, len, &pos, out);
		/* Where parts are of no use they are tried more and more rarely. */
		far = pos - before < far ? 2 * far : LONGCACHE_KEY;
		if (!add_windows(e, s, len, WINDOW, far, &pos, out))
			continue;
		go_back(e, LONGCACHE_KEY / 2, was, &pos, out);
		if (add_windows(e, s, len, LONGCACHE_KEY, far, &pos, out)) {
			out->n = was;
			merge(e, s, len);
			push_all(out, e->merged.p, e->merged.n);
			return;
		}
	}
}

/* A pretoken on its way through the cache of short ones. */
struct key {
	struct wordcache_key k;
	struct wordcache_word *set;
};

/* Where longer pretokens and added tokens are looked up, with its key: found, and no ids. */
static struct {
	_Alignas(2 * WORDCACHE_SET) struct wordcache_word set[4];
} none = {{{.lo = UINT64_MAX}, {.lo = UINT64_MAX}, {.lo = UINT64_MAX}, {.lo = UINT64_MAX}}};
static struct wordcache_word *const never = none.set;
#define NONE ((struct wordcache_key){UINT64_MAX, 0})

/* Nothing is known of it. */
static const struct wordcache_word unknown = {.n = LONGCACHE_FAR};

/* Remember the ids of a short pretoken, or where they are. */
static void put_short(struct encoder *e, const struct key *key, const struct wordcache_word *f)
{
	if (wordcache_find(key->set, &key->k))
		return;
	e->n_missed++;
	wordcache_put(key->set, &key->k, f->id, WORDCACHE_IDS);
	key->set->n = f->n;
}

/* Pretokens that are looked up together: pretoken i is s[pos[i], pos[i + 1]). */
#define BLOCK (SCAN_ITEMS + 64)
struct block {
	const char *s;
	size_t len;
	const uint32_t *pos;
	size_t n, n_longer, n_rest, n_fresh;
	struct key key[BLOCK];
	const struct wordcache_word *word[BLOCK]; /* what is known of each */
	uint16_t longer[BLOCK]; /* those that the cache of short ones has no room for; their keys
				   are hashes, once they are found */
	uint64_t hash[BLOCK];
	uint16_t rest[BLOCK]; /* those that are not in front, in the cache of short ones */
	/* Those that are in no cache; they are put there at last. */
	struct wordcache_word fresh[BLOCK];
	uint16_t item[BLOCK];
};

static inline size_t item_len(const struct block *b, size_t i)
{
	return b->pos[i + 1] - b->pos[i];
}

/* Fourfold: what grows once will mostly grow again, and new memory is dear. */
static unsigned larger(unsigned log2)
{
	return log2 + 2 < SHORT_MAX ? log2 + 2 : SHORT_MAX;
}

/* The caches move and forget only between blocks. */
static void make_room(struct encoder *e)
{
	if (4 * e->n_missed > 3 * wordcache_sets(&e->words) && e->words.log2 < SHORT_MAX) {
		wordcache_grow(&e->words, larger(e->words.log2));
		e->n_missed = 0;
	}
	if (longcache_ready(&e->longs, BLOCK))
		wordcache_clear(&e->words); /* its words may have their ids there */
}

/* Keys first, so that the sets are on their way from memory when they are read. */
static void make_keys(struct encoder *e, struct block *b)
{
	const char *s = b->s;
	const uint32_t *pos = b->pos;
	struct key *key = b->key;
	size_t len = b->len, n = b->n, n_longer = 0, i, k;
	struct wordcache words = e->words; /* here, so that stores to keys leave it alone */

	for (i = 0; i < n; i++) {
		k = pos[i + 1] - pos[i];
		if (k > WORDCACHE_KEY) {
			key[i] = (struct key){NONE, never};
			b->longer[n_longer] = (uint16_t)i;
			b->hash[n_longer++] = hash64(s + pos[i], k <= LONGCACHE_KEY ? k : 0);
			continue;
		}
		key[i].k = wordcache_key(s + pos[i], k, len - pos[i]);
		key[i].set = wordcache_set(&words, &key[i].k);
		__builtin_prefetch(key[i].set);
	}
	for (k = 0; k < n_longer; k++)
		__builtin_prefetch(longcache_slot(&e->longs, b->hash[k]));
	b->n_longer = n_longer;
}

/* What the cache of short ones has in front, without branches: which of them it has is anybody's
 * guess the first time through a text. */
static void look_up(const struct encoder *e, struct block *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++) {
		const struct key *key = &b->key[i];
		const struct wordcache_word *w = key->set;
		int first = wordcache_is(w, &key->k), second = wordcache_is(w + 1, &key->k);

		w += !first;
		b->word[i] = w;
		b->rest[n] = (uint16_t)i;
		n += !(first | second);
	}
	b->n_rest = n;
	for (i = 0; i < b->n_longer; i++)
		__builtin_prefetch(
		    longcache_key(&e->longs, longcache_slot(&e->longs, b->hash[i])));
}

/* A pretoken that is in no cache, as far as w says. */
static void look_up_fresh(struct block *b, size_t i, const struct wordcache_word *w)
{
	size_t n = b->n_fresh;

	b->word[i] = w ? w : &b->fresh[n];
	b->fresh[n] = unknown;
	b->item[n] = (uint16_t)i;
	b->n_fresh += !w;
}

static void look_up_rest(const struct encoder *e, struct block *b)
{
	size_t k;

	for (k = 0; k < b->n_rest; k++) {
		const struct key *key = &b->key[b->rest[k]];
		const struct wordcache_word *set = wordcache_set(&e->t->words, &key->k);

		look_up_fresh(b, b->rest[k], wordcache_find(key->set, &key->k));
		__builtin_prefetch(set);
		__builtin_prefetch(wordcache_beside(set));
	}
}

static void look_up_longer(const struct encoder *e, struct block *b)
{
	size_t k;

	for (k = 0; k < b->n_longer; k++) {
		size_t i = b->longer[k], len = item_len(b, i);

		b->key[i].k = (struct wordcache_key){b->hash[k], 1}; /* like no short one's */
		look_up_fresh(b, i,
		    len > LONGCACHE_KEY
			? &unknown
			: longcache_find(&e->longs, b->hash[k], b->s + b->pos[i], len));
	}
}

/* Whether a short pretoken is a token that needs no merging; then it is in f.  Without branches, for
 * every other one is. */
static int is_token(const struct encoder *e, const struct key *key, struct wordcache_word *f)
{
	const struct wordcache_word *w = wordcache_set(&e->t->words, &key->k);
	const struct wordcache_word *v = wordcache_beside(w);
	int first = wordcache_is(w, &key->k), second = wordcache_is(w + 1, &key->k);
	int third = wordcache_is(v, &key->k), fourth = wordcache_is(v + 1, &key->k);
	int is = first | second | third | fourth;

	w = first | second ? w : v;
	w += !(first | third);
	f->id[0] = w->id[0];
	f->id[1] = 0;
	f->n = is ? 1 : LONGCACHE_FAR;
	return is;
}

/* Whether the vocabulary has the pretoken whole, and takes that before any merge. */
static int is_whole(
    struct encoder *e, const struct key *key, const char *s, size_t len, struct wordcache_word *f)
{
	uint32_t id;

	if (tokenizer_whole(e->t, s, len, &e->tmp, &id))
		return 0;
	if (key->set == never)
		remember(e, key->k.lo, s, len, &id, 1);
	f->id[0] = id;
	f->n = 1;
	return 1;
}

/* The pretokens among the new ones that are to be merged. */
static size_t make_jobs(struct encoder *e, struct block *b, struct bpe_job *job, uint16_t *of)
{
	size_t n = 0, k;

	for (k = 0; k < b->n_fresh; k++) {
		size_t i = b->item[k], len = item_len(b, i);
		const struct key *key = &b->key[i];
		const char *p = b->s + b->pos[i];
		int known;

		if (len > BPE_SHORT)
			continue;
		known = is_token(e, key, &b->fresh[k]);
		if (e->t->ignore_merges && !known)
			known = is_whole(e, key, p, len, &b->fresh[k]);
		of[n] = (uint16_t)k;
		job[n] = (struct bpe_job){.s = p, .len = len};
		n += !known;
	}
	return n;
}

/* Merge the new pretokens of the block, all at once: the first time through a text they are what
 * takes the time. */
static void learn(struct encoder *e, struct block *b)
{
	struct bpe_job job[BLOCK];
	uint16_t of[BLOCK]; /* in fresh */
	size_t n = make_jobs(e, b, job, of), bytes = 0, i;

	for (i = 0; i < n; i++)
		bytes += job[i].len;
	e->merged.n = 0;
	ids_grow(&e->merged, bytes + WORDCACHE_IDS);
	for (i = bytes = 0; i < n; bytes += job[i++].len)
		job[i].ids = e->merged.p + bytes;
	bpe_encode_all(&e->t->bpe, job, n);
	for (i = 0; i < n; i++) {
		const struct key *key = &b->key[b->item[of[i]]];
		struct wordcache_word *f = &b->fresh[of[i]];
		const struct bpe_job *j = &job[i];
		const struct wordcache_word *w;

		if (key->set == never) {
			w = remember(e, key->k.lo, j->s, j->len, j->ids, j->n);
			*f = w ? *w : unknown;
			continue;
		}
		f->n = (uint32_t)j->n;
		memcpy(f->id, j->ids, sizeof(f->id));
		if (j->n > WORDCACHE_IDS)
			longcache_word(&e->longs, f, j->ids, j->n);
	}
}

/* Everything about the block that can be known before. */
static void look_up_all(struct encoder *e, struct block *b)
{
	look_up(e, b);
	b->n_fresh = 0;
	if (b->n_rest)
		look_up_rest(e, b);
	if (b->n_longer)
		look_up_longer(e, b);
	if (b->n_fresh)
		learn(e, b);
}

/* Remember what was new.  Not before all ids are appended: words move. */
static void put_fresh(struct encoder *e, const struct block *b)
{
	size_t k;

	for (k = 0; k < b->n_fresh; k++) {
		const struct key *key = &b->key[b->item[k]];

		if (key->set != never)
			put_short(e, key, &b->fresh[k]);
	}
}

/* The many ids of one word, at p; 4 more may be written. */
static inline void copy_far(uint32_t *p, const uint32_t *ids, size_t n)
{
	size_t i;

	memcpy(p, ids, 16);
	memcpy(p + 4, ids + 4, 16);
	for (i = 8; i < n; i += 4)
		memcpy(p + i, ids + i, 16);
}

/* Ids that one word may write, and more behind it. */
#define ROOM 8

/* Ids of items from .. to. */
static void add_items(struct encoder *e, struct block *b, size_t from, size_t to, struct ids *out)
{
	uint32_t *p;
	size_t i;

	ids_grow(out, ROOM * (to - from));
	p = out->p + out->n;
	for (i = from; i < to; i++) {
		const struct wordcache_word *w = b->word[i];

		if (w->n == LONGCACHE_FAR) {
			out->n = (size_t)(p - out->p);
			ids_grow(out, w->id[1] + ROOM * (to - i));
			p = out->p + out->n;
			if (w->id[1]) {
				copy_far(p, longcache_far(&e->longs, w), w->id[1]);
				p += w->id[1];
				continue;
			}
			add_large(e, b->s + b->pos[i], item_len(b, i), out);
			ids_grow(out, ROOM * (to - i));
			p = out->p + out->n;
			continue;
		}
		memcpy(p, w->id, 16); /* n, too: there is room */
		p += w->n;
	}
	out->n = (size_t)(p - out->p);
}

/* The same one by one: for who wants the pretokens, and without caches. */
static void add_plain(struct encoder *e, const struct block *b, struct ids *out)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (e->fn)
			e->fn(e->arg, b->s + b->pos[i], item_len(b, i));
		else
			add_large(e, b->s + b->pos[i], item_len(b, i), out);
}

/* A normalized piece, its added tokens and pretokens in one pass. */
static void add_scanned(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	struct scan *c = &e->scan;
	struct block b;
	size_t i, k;

	b.s = s;
	b.len = len;
	b.pos = c->pos;

	scan_init(c, &e->t->pretok, &e->t->normalized, s, len);
	while ((b.n = scan_next(c))) {
		make_room(e);
		make_keys(e, &b);
		for (k = 0; k < c->n_added; k++) /* it is found, and has no ids */
			b.key[c->added[k].item] = (struct key){NONE, never};
		look_up_all(e, &b);
		for (i = k = 0; i < b.n; i++) {
			size_t to = k < c->n_added ? c->added[k].item : b.n;

			add_items(e, &b, i, to, out);
			for (i = to; k < c->n_added && c->added[k].item == i; k++)
				ids_push(out, c->added[k].id);
		}
		put_fresh(e, &b);
	}
}

/* A piece between added tokens, normalized. */
static void add_piece(struct encoder *e, const char *s, size_t len, struct ids *out)
{
	uint32_t pos[BLOCK + 1];
	struct block b;
	size_t at = 0;

	b.s = s;
	b.len = len;
	b.pos = pos;
	pos[0] = 0;
	for (; (b.n = pretok_split(&e->t->pretok, s, len, &at, pos + 1, BLOCK)); pos[0] = pos[b.n])
		if (e->fn || e->plain) {
			add_plain(e, &b, out);
		} else {
			make_room(e);
			make_keys(e, &b);
			look_up_all(e, &b);
			add_items(e, &b, 0, b.n, out);
			put_fresh(e, &b);
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
	if (!e->plain && !e->fn && scan_can(&e->t->pretok, &e->t->normalized)) {
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
