#include "tok/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "tok/tokchar.h"

/* --- masks without vector instructions --------------------------------------------------------- */

enum { LETTER = 1, DIGIT = 2, WHITE = 4, SPACE = 8, QUOTE = 16, HIGH = 32 };

static unsigned kind_of(unsigned char c)
{
	if (c >= 0x80)
		return HIGH;
	if ((c | 0x20u) - 'a' < 26)
		return LETTER;
	if (c - (unsigned)'0' < 10)
		return DIGIT;
	if (c == ' ')
		return WHITE | SPACE;
	if (c - (unsigned)'\t' < 5)
		return WHITE;
	return c == '\'' ? QUOTE : 0;
}

static int is_first(
    const uint8_t (*pair)[2], int n_pair, unsigned char a, unsigned char b, int last)
{
	int k;

	for (k = 0; k < n_pair; k++)
		if (pair[k][0] == a && (last || pair[k][1] == b))
			return 1;
	return 0;
}

static void masks(
    const char *p, size_t n, const uint8_t (*pair)[2], int n_pair, struct scan_mask *m)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned i;

	for (; n; n--, m++, u += 64) {
		*m = (struct scan_mask){0};
		for (i = 0; i < 64; i++) {
			uint64_t k = kind_of(u[i]);

			m->letter |= (k & 1) << i;
			m->digit |= (k >> 1 & 1) << i;
			m->white |= (k >> 2 & 1) << i;
			m->space |= (k >> 3 & 1) << i;
			m->quote |= (k >> 4 & 1) << i;
			m->high |= (k >> 5 & 1) << i;
			if (is_first(pair, n_pair, u[i], i < 63 ? u[i + 1] : 0, i == 63))
				m->cand |= (uint64_t)1 << i;
		}
	}
}

static const char *unsafe(const char *p, const char *end)
{
	while (p < end && !scan_is_unsafe((unsigned char)*p))
		p++;
	return p;
}

const struct scan_isa scan_plain = {"plain", masks, unsafe};

const struct scan_isa *scan_isa_force;

static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

static int has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

const struct scan_isa *scan_isa(void)
{
	if (scan_isa_force)
		return scan_isa_force;
	return has_avx512() ? &scan_avx512 : has_avx2() ? &scan_avx2 : &scan_plain;
}

const struct scan_isa *const *scan_isa_all(void)
{
	static const struct scan_isa *const all[] = {&scan_avx512, &scan_avx2, &scan_plain, NULL};

	return has_avx512() ? all : has_avx2() ? all + 1 : all + 2;
}

/* --- blocks ------------------------------------------------------------------------------------ */

static inline uint64_t low(size_t n)
{
	return n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;
}

int scan_can(const struct pretok *p, const struct added_set *set)
{
	return p->kind == PRETOK_GPT2 && set->simple;
}

void scan_init(
    struct scan *c, const struct pretok *p, const struct added_set *set, const char *s, size_t len)
{
	static const struct scan_plane none;

	c->isa = scan_isa();
	c->set = set;
	c->hide = p->unicode14 ? TOKCHAR_NEW : 0;
	c->s = s;
	c->len = len;
	c->block = c->n_pos = c->n_placed = c->n_queue = c->n_added = c->n_items = c->search =
	    c->skip = c->window = 0;
	c->join = c->set_next = c->clear_next = 0;
	c->carry = c->last = none;
}

void scan_release(struct scan *c)
{
	free(c->added);
	c->added = NULL;
	c->cap_added = 0;
}

/* Masks of the window of blocks that begins with block b, as far as the text reaches. */
static void fill(struct scan *c, size_t b)
{
	size_t left = (c->len - b * 64) / 64, n = left < SCAN_WINDOW ? left : SCAN_WINDOW;
	const char *p = c->s + b * 64;

	c->window = b;
	c->isa->masks(p, n, c->set->pairs, c->set->n_pairs, c->mask);
	if (n == SCAN_WINDOW)
		return;
	memset(c->tail, 0, sizeof(c->tail));
	memcpy(c->tail, p + n * 64, c->len - (b + n) * 64);
	c->isa->masks(c->tail, 1, c->set->pairs, c->set->n_pairs, c->mask + n);
}

/* Give the bytes i .. i + len of the block a class; what does not fit is for the next one. */
static inline void classify(struct scan *c, struct scan_plane *p, unsigned k, size_t i, size_t len)
{
	uint64_t bytes = low(len) << i, over = i + len > 64 ? low(i + len - 64) : 0;

	p->l |= k == TOKCHAR_L ? bytes : 0;
	p->n |= k == TOKCHAR_N ? bytes : 0;
	if (k == TOKCHAR_S) {
		p->s |= bytes;
		*(len == 2 ? &p->s2 : &p->s3) |= (uint64_t)1 << i;
	}
	if (over) {
		c->carry.l = k == TOKCHAR_L ? over : 0;
		c->carry.n = k == TOKCHAR_N ? over : 0;
		c->carry.s = k == TOKCHAR_S ? over : 0;
		c->skip = i + len - 64;
	}
}

/* The characters of the block that are not ASCII. */
static void classify_high(struct scan *c, struct scan_plane *p, size_t base, uint64_t high)
{
	p->l |= c->carry.l;
	p->n |= c->carry.n;
	p->s |= c->carry.s;
	high &= ~low(c->skip);
	c->carry.l = c->carry.n = c->carry.s = c->skip = 0;
	while (high) {
		size_t i = (size_t)__builtin_ctzll(high);
		unsigned k;
		int len;

		k = tokchar(utf8_next(c->s + base + i, &len));
		classify(c, p, k & c->hide ? TOKCHAR_O : k & TOKCHAR_CLASS, i, (size_t)len);
		high &= ~(low((size_t)len) << i);
	}
}

static void push_added(struct scan *c, size_t at, uint32_t id)
{
	if (c->n_queue == c->cap_added) {
		c->cap_added = c->cap_added ? 2 * c->cap_added : 64;
		c->added = xreallocarray(c->added, c->cap_added, sizeof(*c->added));
	}
	c->added[c->n_queue++] = (struct scan_added){.pos = (uint32_t)at, .id = id};
}

/* Added tokens that begin in the block, and the bytes of the block that lie in one. */
static uint64_t cover_added(struct scan *c, size_t base, uint64_t cand)
{
	uint64_t x = c->search > base ? low(c->search - base) : 0;

	while ((cand &= ~x)) {
		size_t i = (size_t)__builtin_ctzll(cand), at = base + i;
		const struct added_token *t = added_match(c->set, c->s + at, c->len - at);

		cand &= cand - 1;
		if (!t)
			continue;
		push_added(c, at, t->id);
		c->search = at + t->len;
		x |= low(t->len) << i;
	}
	return x;
}

static void cover(struct scan_plane *p, uint64_t x)
{
	p->x = x;
	p->l &= ~x;
	p->n &= ~x;
	p->s &= ~x;
	p->s1 &= ~x;
	p->s2 &= ~x;
	p->s3 &= ~x;
	p->space &= ~x;
	p->quote &= ~x;
}

/* The next block; all of it behind the text when there is none. */
static void prepare(struct scan *c, struct scan_plane *p)
{
	size_t b = c->block++, base = b * 64;
	const struct scan_mask *m;
	uint64_t x = 0;

	if (base >= c->len) {
		*p = (struct scan_plane){.x = UINT64_MAX};
		return;
	}
	if (!b || b == c->window + SCAN_WINDOW)
		fill(c, b);
	m = &c->mask[b - c->window];
	p->l = m->letter;
	p->n = m->digit;
	p->s = p->s1 = m->white;
	p->s2 = p->s3 = p->x = 0;
	p->space = m->space;
	p->quote = m->quote;
	if (m->high)
		classify_high(c, p, base, m->high);
	if (m->cand || c->search > base)
		x = cover_added(c, base, m->cand);
	if (c->len - base < 64)
		x |= ~low(c->len - base);
	if (x)
		cover(p, x);
}

/* --- where pretokens begin --------------------------------------------------------------------- */

/* Bit i: that of a, then b, k places on. */
static inline uint64_t ahead(uint64_t a, uint64_t b, unsigned k)
{
	return a >> k | b << (64 - k);
}

static inline uint64_t change(uint64_t a, uint64_t before)
{
	return a ^ (a << 1 | before >> 63);
}

/* Move the starts behind the apostrophes in quote, each of which begins a pretoken. */
static uint64_t cut_contractions(
    struct scan *c, const struct scan_plane *next, size_t base, uint64_t quote, uint64_t starts)
{
	for (; quote; quote &= quote - 1) {
		unsigned i = (unsigned)__builtin_ctzll(quote);
		size_t at = base + i, n = pretok_contraction(c->s + at, c->len - at);
		uint64_t x = c->cur.x >> i >> 1 | next->x << (63 - i);

		if (!n || x & low(n - 1))
			continue; /* the piece ends before */
		starts &= ~((uint64_t)2 << i);
		if (i + n < 64)
			starts |= (uint64_t)1 << (i + n);
		else
			c->set_next |= (uint64_t)1 << (i + n - 64);
		if (i == 63)
			c->clear_next |= 1;
	}
	return starts;
}

static uint64_t starts_of(struct scan *c, const struct scan_plane *next, size_t base)
{
	const struct scan_plane *p = &c->cur, *l = &c->last;
	uint64_t text = ~(p->s | p->x), text_next = ~(next->s | next->x);
	uint64_t follows = ahead(text, text_next, 1), join = p->space & follows;
	uint64_t starts = change(p->l, l->l) | change(p->n, l->n) | change(p->s, l->s) |
			  change(p->x, l->x) | (p->s1 & follows);

	if (p->s2 | p->s3)
		starts |=
		    (p->s2 & ahead(text, text_next, 2)) | (p->s3 & ahead(text, text_next, 3));
	if (!base)
		starts |= 1;
	starts &= ~(join << 1 | c->join);
	c->join = join >> 63;
	starts = (starts | c->set_next) & ~c->clear_next;
	c->set_next = c->clear_next = 0;
	if (p->quote & starts)
		starts = cut_contractions(c, next, base, p->quote & starts, starts);
	return starts & low(c->len - base);
}

/* --- items ------------------------------------------------------------------------------------- */

/* The item of each added token that begins in the block. */
static void place_added(struct scan *c, size_t base, uint64_t starts)
{
	for (; c->n_placed < c->n_queue && c->added[c->n_placed].pos < base + 64; c->n_placed++) {
		struct scan_added *a = &c->added[c->n_placed];
		uint64_t upto = starts & low(a->pos - base + 1);

		a->item = (uint32_t)(c->n_pos + (size_t)__builtin_popcountll(upto)) - 1;
	}
}

static void put_starts(struct scan *c, size_t base, uint64_t starts)
{
	uint32_t *p = c->pos + c->n_pos, *end = p + __builtin_popcountll(starts);

	for (; p < end; starts &= starts - 1)
		*p++ = (uint32_t)(base + (size_t)__builtin_ctzll(starts));
	c->n_pos = (size_t)(end - c->pos);
}

/* Forget the items that were handed out; the position behind them begins the next one. */
static void drop_items(struct scan *c)
{
	size_t i;

	c->pos[0] = c->pos[c->n_items];
	c->n_pos = 1;
	c->n_queue -= c->n_added;
	c->n_placed -= c->n_added;
	if (c->n_added)
		memmove(c->added, c->added + c->n_added, c->n_queue * sizeof(*c->added));
	for (i = 0; i < c->n_placed; i++)
		c->added[i].item -= (uint32_t)c->n_items;
}

/* Items that are complete, and their added tokens. */
static size_t close_items(struct scan *c, int done)
{
	c->n_items = done ? c->n_pos : c->n_pos - 1;
	if (done)
		c->pos[c->n_pos] = (uint32_t)c->len;
	for (c->n_added = 0; c->n_added < c->n_placed; c->n_added++)
		if (c->added[c->n_added].item >= c->n_items)
			break;
	return c->n_items;
}

size_t scan_next(struct scan *c)
{
	struct scan_plane next;
	size_t base;

	if (!c->block) {
		if (!c->len)
			return 0;
		prepare(c, &c->cur);
	} else {
		if ((c->block - 1) * 64 >= c->len)
			return 0;
		drop_items(c);
	}
	for (;;) {
		uint64_t starts;

		base = (c->block - 1) * 64;
		if (base >= c->len || c->n_pos > SCAN_ITEMS)
			break;
		prepare(c, &next);
		starts = starts_of(c, &next, base);
		place_added(c, base, starts);
		put_starts(c, base, starts);
		c->last = c->cur;
		c->cur = next;
	}
	return close_items(c, base >= c->len);
}
