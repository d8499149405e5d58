#include "text/contam.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "text/dedup.h"
#include "text/uchar.h"
#include "text/wordbreak.h"

void contam_init(struct contam *c, const struct contam_rule *r)
{
	memset(c, 0, sizeof *c);
	c->rule = *r;
	keyset_init(&c->set, 128, 1, 0);
}

void contam_release(struct contam *c)
{
	size_t i;
	for (i = 0; i < c->n_evals; i++) {
		free(c->eval[i].id);
		free(c->eval[i].where);
	}
	free(c->eval);
	free(c->entry);
	keyset_release(&c->set);
}

void contam_scratch_release(struct contam_scratch *s)
{
	free(s->token);
	free(s->at);
	free(s->pair);
	free(s->pair_key);
	free(s->hit);
	buf_release(&s->text);
}

/* ---- words ---------------------------------------------------------------------------- */

static int has_alnum(const char *s, size_t n)
{
	size_t i;
	int len;
	for (i = 0; i < n; i += (size_t)len)
		if (uchar(utf8_next(s + i, &len)) & UC_ALNUM)
			return 1;
	return 0;
}

static uint64_t lower_hash(struct buf *b, const char *s, size_t n)
{
	size_t i;
	int len;
	b->len = 0;
	for (i = 0; i < n; i += (size_t)len) {
		uint32_t cp = utf8_next(s + i, &len);
		buf_need(b, 4);
		b->len += (size_t)utf8_put(b->p + b->len, uchar_lower(cp));
	}
	return hash64(b->p, b->len);
}

static void add_token(struct contam_scratch *s, uint64_t hash, size_t at, size_t end)
{
	if (s->n_tokens == s->cap_tokens) {
		s->cap_tokens = s->cap_tokens ? 2 * s->cap_tokens : 1024;
		s->token = xreallocarray(s->token, s->cap_tokens, sizeof *s->token);
		s->at = xreallocarray(s->at, s->cap_tokens, 2 * sizeof *s->at);
	}
	s->at[2 * s->n_tokens] = at;
	s->at[2 * s->n_tokens + 1] = end;
	s->token[s->n_tokens++] = hash;
}

static void tokenize(const struct contam *c, struct contam_scratch *s, const char *p, size_t n)
{
	int words = c->rule.normalize == CONTAM_WORDS;
	size_t at = 0, end;
	s->n_tokens = 0;
	while ((end = wordbreak_next(p, n, at)) > at) {
		if (words && has_alnum(p + at, end - at))
			add_token(s, lower_hash(&s->text, p + at, end - at), at, end);
		else if (!words && !dedup_blank(p + at, end - at))
			add_token(s, hash64(p + at, end - at), at, end);
		at = end;
	}
}

/* ---- whole pieces --------------------------------------------------------------------- */

/* Ends stripped, runs of white space as one space. */
static void squeeze(struct buf *b, const char *p, size_t n)
{
	size_t i;
	int len, gap = 0;
	b->len = 0;
	for (i = 0; i < n; i += (size_t)len) {
		utf8_next(p + i, &len);
		if (dedup_blank(p + i, (size_t)len)) {
			gap = b->len > 0;
			continue;
		}
		if (gap)
			buf_chr(b, ' ');
		gap = 0;
		buf_add(b, p + i, (size_t)len);
	}
}

static struct h128 piece_key(
    const struct contam *c, struct contam_scratch *s, const char *p, size_t n)
{
	if (c->rule.normalize == CONTAM_NONE)
		return hash128(p, n);
	if (c->rule.normalize == CONTAM_SPACE) {
		squeeze(&s->text, p, n);
		return hash128(s->text.len ? s->text.p : "", s->text.len);
	}
	tokenize(c, s, p, n);
	return hash128(s->token, s->n_tokens * sizeof *s->token);
}

static int long_enough(const struct contam *c, const char *p, size_t n)
{
	return has_alnum(p, n) &&
	       dedup_words(p, n, (size_t)c->rule.min_words) >= c->rule.min_words;
}

/* ---- n-grams -------------------------------------------------------------------------- */

static struct h128 gram_key(const struct contam *c, const struct contam_scratch *s, size_t i)
{
	return hash128(s->token + i, (size_t)c->rule.ngram * sizeof *s->token);
}

static size_t n_grams(const struct contam *c, const struct contam_scratch *s)
{
	return s->n_tokens < c->rule.ngram ? 0 : s->n_tokens - (size_t)c->rule.ngram + 1;
}

/* ---- the set -------------------------------------------------------------------------- */

static struct contam_eval *new_eval(struct contam *c, const char *id, const char *where)
{
	struct contam_eval *e;
	if (c->n_evals == c->cap_evals) {
		c->cap_evals = c->cap_evals ? 2 * c->cap_evals : 256;
		c->eval = xreallocarray(c->eval, c->cap_evals, sizeof *c->eval);
	}
	e = &c->eval[c->n_evals++];
	memset(e, 0, sizeof *e);
	e->id = xstrdup(id);
	e->where = xstrdup(where);
	return e;
}

/* The last evaluation text holds this key.  The first entry of a key stays first; later ones go
 * behind it, so a text that holds a key twice is found in the first or second. */
static void add_key(struct contam *c, struct h128 key)
{
	uint32_t eval = (uint32_t)(c->n_evals - 1);
	int is_new;
	uint64_t *first = keyset_put(&c->set, key, &is_new);
	struct contam_entry *e = is_new ? NULL : &c->entry[*first - 1];
	if (e && (e->eval == eval || (e->next && c->entry[e->next - 1].eval == eval)))
		return;
	if (c->n_entries == c->cap_entries) {
		c->cap_entries = c->cap_entries ? 2 * c->cap_entries : 4096;
		c->entry = xreallocarray(c->entry, c->cap_entries, sizeof *c->entry);
		e = is_new ? NULL : &c->entry[*first - 1];
	}
	c->entry[c->n_entries] = (struct contam_entry){eval, e ? e->next : 0};
	c->n_entries++;
	if (e)
		e->next = (uint32_t)c->n_entries;
	else
		*first = c->n_entries;
	c->eval[eval].n_keys++;
}

static void add_paragraphs(
    struct contam *c, struct contam_scratch *s, const char *text, size_t len)
{
	struct dedup_piece p = {0};
	while (dedup_piece_next(text, len, "\n", 1, &p))
		if (long_enough(c, text + p.start, p.end - p.start))
			add_key(c, piece_key(c, s, text + p.start, p.end - p.start));
}

static void add_grams(struct contam *c, struct contam_scratch *s, const char *text, size_t len)
{
	size_t i, n;
	tokenize(c, s, text, len);
	n = n_grams(c, s);
	for (i = 0; i < n; i++)
		add_key(c, gram_key(c, s, i));
}

int contam_add(struct contam *c, const char *id, const char *where, const char *text, size_t len)
{
	struct contam_scratch s = {0};
	if (len > UINT32_MAX || c->n_evals >= UINT32_MAX - 1 || c->n_entries >= UINT32_MAX / 2) {
		err_set("too much evaluation text");
		return -1;
	}
	new_eval(c, id, where);
	if (c->rule.method == CONTAM_PARAGRAPH)
		add_paragraphs(c, &s, text, len);
	else if (c->rule.method == CONTAM_NGRAM)
		add_grams(c, &s, text, len);
	else if (long_enough(c, text, len))
		add_key(c, piece_key(c, &s, text, len));
	c->n_short += !c->eval[c->n_evals - 1].n_keys;
	contam_scratch_release(&s);
	return 0;
}

int contam_add_done(const struct contam *c)
{
	if (keyset_len(&c->set))
		return 0;
	err_set("none of the %zu evaluation texts is long enough to be compared", c->n_evals);
	return -1;
}

/* ---- finding -------------------------------------------------------------------------- */

static void add_hit(struct contam_scratch *s, struct contam_hit h)
{
	if (s->n_hits == s->cap_hits) {
		s->cap_hits = s->cap_hits ? 2 * s->cap_hits : 64;
		s->hit = xreallocarray(s->hit, s->cap_hits, sizeof *s->hit);
	}
	s->hit[s->n_hits++] = h;
}

/* A piece equal to one of several evaluation texts is a hit of each. */
static void find_piece(const struct contam *c, struct contam_scratch *s, const char *text,
    size_t start, size_t end, size_t span_end)
{
	const uint64_t *first = keyset_get(&c->set, piece_key(c, s, text + start, end - start));
	uint64_t i;
	for (i = first ? *first : 0; i; i = c->entry[i - 1].next)
		add_hit(s, (struct contam_hit){c->entry[i - 1].eval, start, span_end, 1});
}

static void find_paragraphs(
    const struct contam *c, struct contam_scratch *s, const char *text, size_t len)
{
	struct dedup_piece p = {0};
	while (dedup_piece_next(text, len, "\n", 1, &p))
		if (p.end > p.start)
			find_piece(c, s, text, p.start, p.end, p.next);
}

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void add_pairs(const struct contam *c, struct contam_scratch *s, uint64_t first, size_t i)
{
	for (; first; first = c->entry[first - 1].next) {
		if (s->n_pairs == s->cap_pairs) {
			s->cap_pairs = s->cap_pairs ? 2 * s->cap_pairs : 256;
			s->pair = xreallocarray(s->pair, s->cap_pairs, sizeof *s->pair);
			s->pair_key =
			    xreallocarray(s->pair_key, s->cap_pairs, sizeof *s->pair_key);
		}
		/* The entry stands for (key, evaluation text): equal n-grams give equal entries. */
		s->pair_key[s->n_pairs] = first;
		s->pair[s->n_pairs++] = (uint64_t)c->entry[first - 1].eval << 32 | i;
	}
}

/* Runs of n-grams of one evaluation text, pairs [from, to); runs that share or touch words are one. */
static void add_runs(
    const struct contam *c, struct contam_scratch *s, size_t from, size_t to, double score)
{
	size_t eval = (size_t)(s->pair[from] >> 32), n = (size_t)c->rule.ngram;
	while (from < to) {
		size_t first = (uint32_t)s->pair[from], last = first;
		while (++from < to && (uint32_t)s->pair[from] <= last + n)
			last = (uint32_t)s->pair[from];
		add_hit(s, (struct contam_hit){
			       eval, s->at[2 * first], s->at[2 * (last + n - 1) + 1], score});
	}
}

static int by_start(const void *pa, const void *pb)
{
	const struct contam_hit *a = pa, *b = pb;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->eval > b->eval) - (a->eval < b->eval);
}

/* Different keys among the entries of one evaluation text. */
static size_t count_different(uint64_t *keys, size_t n)
{
	size_t i, k = 0;
	qsort(keys, n, sizeof *keys, by_u64);
	for (i = 0; i < n; i++)
		k += i == 0 || keys[i] != keys[i - 1];
	return k;
}

struct pair_order {
	uint64_t pair, key;
};

static int by_pair(const void *a, const void *b)
{
	return by_u64(
	    &((const struct pair_order *)a)->pair, &((const struct pair_order *)b)->pair);
}

static void sort_pairs(struct contam_scratch *s)
{
	struct pair_order *v = xreallocarray(NULL, s->n_pairs, sizeof *v);
	size_t i;
	for (i = 0; i < s->n_pairs; i++)
		v[i] = (struct pair_order){s->pair[i], s->pair_key[i]};
	qsort(v, s->n_pairs, sizeof *v, by_pair);
	for (i = 0; i < s->n_pairs; i++) {
		s->pair[i] = v[i].pair;
		s->pair_key[i] = v[i].key;
	}
	free(v);
}

#define AHEAD 8

static void find_grams(
    const struct contam *c, struct contam_scratch *s, const char *text, size_t len)
{
	struct h128 key[AHEAD];
	size_t i, n, to;
	tokenize(c, s, text, len);
	n = n_grams(c, s);
	s->n_pairs = 0;
	for (i = 0; i < n + AHEAD; i++) {
		const uint64_t *first;
		if (i >= AHEAD && i - AHEAD < n) {
			first = keyset_get(&c->set, key[i % AHEAD]);
			if (first)
				add_pairs(c, s, *first, i - AHEAD);
		}
		if (i < n) {
			key[i % AHEAD] = gram_key(c, s, i);
			keyset_prefetch(&c->set, key[i % AHEAD]);
		}
	}
	if (!s->n_pairs)
		return;
	sort_pairs(s);
	for (i = 0; i < s->n_pairs; i = to) {
		size_t eval = (size_t)(s->pair[i] >> 32);
		double score;
		for (to = i; to < s->n_pairs && s->pair[to] >> 32 == eval;)
			to++;
		score = (double)count_different(s->pair_key + i, to - i) / c->eval[eval].n_keys;
		if (score >= c->rule.threshold)
			add_runs(c, s, i, to, score);
	}
	if (s->n_hits)
		qsort(s->hit, s->n_hits, sizeof *s->hit, by_start);
}

int contam_find(const struct contam *c, struct contam_scratch *s, const char *text, size_t len,
    const struct contam_hit **hits, size_t *n)
{
	if (len > UINT32_MAX) {
		err_set("a text of more than 4 GiB");
		return -1;
	}
	s->n_hits = 0;
	if (c->rule.method == CONTAM_PARAGRAPH)
		find_paragraphs(c, s, text, len);
	else if (c->rule.method == CONTAM_NGRAM)
		find_grams(c, s, text, len);
	else if (len)
		find_piece(c, s, text, 0, len, len);
	*hits = s->hit;
	*n = s->n_hits;
	return 0;
}
