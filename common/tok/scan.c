#include "tok/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "tok/tokchar.h"

/* --- masks without vector instructions --------------------------------------------------------- */

enum { LETTER = 1, DIGIT = 2, WHITE = 4, SPACE = 8, QUOTE = 16, HIGH = 32, LINE = 64 };

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
	if (c == '\n' || c == '\r')
		return WHITE | LINE;
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
	uint64_t two, three;
	unsigned i;

	for (; n; n--, m++, u += 64) {
		*m = (struct scan_mask){0};
		two = three = 0;
		for (i = 0; i < 64; i++) {
			uint64_t k = kind_of(u[i]);

			m->letter |= (k & 1) << i;
			m->digit |= (k >> 1 & 1) << i;
			m->white |= (k >> 2 & 1) << i;
			m->space |= (k >> 3 & 1) << i;
			m->quote |= (k >> 4 & 1) << i;
			m->high |= (k >> 5 & 1) << i;
			m->line |= (k >> 6 & 1) << i;
			if (is_first(pair, n_pair, u[i], i < 63 ? u[i + 1] : 0, i == 63))
				m->cand |= (uint64_t)1 << i;
			two |= (uint64_t)(i < 63 && scan_two(u[i], u[i + 1])) << i;
			three |= (uint64_t)(i < 62 && scan_three(u[i], u[i + 1], u[i + 2])) << i;
		}
		scan_letters(m, two, three);
	}
}

static const char *unsafe(const char *p, const char *end)
{
	while (p < end && !scan_is_unsafe((const unsigned char *)p))
		p++;
	return p;
}

static uint32_t *places(uint64_t starts, uint32_t base, uint32_t *p)
{
	for (; starts; starts &= starts - 1)
		*p++ = base + (uint32_t)__builtin_ctzll(starts);
	return p;
}

const struct scan_isa scan_plain = {"plain", masks, unsafe, places};

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
	return set->simple &&
	       (p->kind == PRETOK_GPT2 || p->kind == PRETOK_CL100K || p->kind == PRETOK_QWEN2);
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
	c->join = c->set_next = c->clear_next = c->ends = c->lead = 0;
	c->digits = 0;
	c->undecided = 0;
	c->kind = p->kind;
	c->carry = c->last = none;
	c->last.x = UINT64_MAX; /* nothing is before the text */
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

	p->rest |= bytes & (bytes - 1);
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
		c->carry.rest = over;
		c->skip = i + len - 64;
	}
}

/* The characters of the block that are not ASCII. */
static void classify_high(struct scan *c, struct scan_plane *p, size_t base, uint64_t high)
{
	p->l |= c->carry.l;
	p->n |= c->carry.n;
	p->s |= c->carry.s;
	p->rest |= c->carry.rest;
	high &= ~low(c->skip);
	c->carry.l = c->carry.n = c->carry.s = c->carry.rest = c->skip = 0;
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
	p->line &= ~x;
	p->rest &= ~x;
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
	p->rest = m->rest;
	p->s2 = p->s3 = p->x = 0;
	p->space = m->space;
	p->line = m->line;
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

/* Whether the n bytes behind byte i of the block lie in the same piece. */
static int same_piece(const struct scan *c, const struct scan_plane *next, unsigned i, size_t n)
{
	return !((c->cur.x >> i >> 1 | next->x << (63 - i)) & low(n));
}

/* A start n <= 63 places behind bit i. */
static uint64_t set_start(struct scan *c, uint64_t starts, unsigned i, size_t n)
{
	if (i + n < 64)
		return starts | (uint64_t)1 << (i + n);
	c->set_next |= (uint64_t)1 << (i + n - 64);
	return starts;
}

/* Move the starts behind the apostrophes in quote, each of which begins a pretoken. */
static uint64_t cut_contractions(
    struct scan *c, const struct scan_plane *next, size_t base, uint64_t quote, uint64_t starts)
{
	for (; quote; quote &= quote - 1) {
		unsigned i = (unsigned)__builtin_ctzll(quote);
		size_t at = base + i, n = pretok_contraction(c->s + at, c->len - at);

		if (!n || !same_piece(c, next, i, n - 1))
			continue;
		starts &= ~((uint64_t)2 << i);
		starts = set_start(c, starts, i, n);
		if (i == 63)
			c->clear_next |= 1;
	}
	return starts;
}

static uint64_t gpt2_starts(struct scan *c, const struct scan_plane *next, size_t base)
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
	return starts;
}

/* --- the cl100k family ------------------------------------------------------------------------- */

/* Of each character in first, the place behind its last byte; those of bit 63 and beyond are the
 * next block's.  Adding carries a bit over the bytes that continue a character. */
static uint64_t behind(struct scan *c, uint64_t first, uint64_t rest)
{
	uint64_t sum, from = first << 1 | c->lead;
	unsigned over = __builtin_add_overflow(from, rest, &sum);

	c->lead = first >> 63 | over;
	return sum & ~rest;
}

/* The line ends of p right behind a run of other characters; they belong to it. */
static uint64_t tail_lines(struct scan *c, const struct scan_plane *p, uint64_t other)
{
	uint64_t sum, from = (other << 1 | c->ends) & p->line, tail;

	(void)__builtin_add_overflow(from, p->line, &sum);
	tail = from ? p->line & ~sum : 0;
	c->ends = (other | tail) >> 63;
	return tail;
}

/* Numbers are cut after three digits. */
static uint64_t cut_numbers(struct scan *c, const struct scan_plane *p)
{
	uint64_t n = p->n, b = c->last.n, first = n & ~p->rest, starts = 0;
	uint64_t four = n & (n << 1 | b >> 63) & (n << 2 | b >> 62) & (n << 3 | b >> 61);
	uint64_t rise = n & ~(n << 1 | b >> 63);
	unsigned digits = c->digits;

	c->digits = 0;
	if (!n)
		return 0;
	if (!four && !(n >> 63))
		return rise;
	for (; first; first &= first - 1) {
		uint64_t bit = first & -first;

		if (rise & bit)
			digits = 0;
		if (!digits)
			starts |= bit;
		digits = digits == 2 ? 0 : digits + 1;
	}
	c->digits = n >> 63 ? digits : 0;
	return starts;
}

/* Behind the last line end of white space the rest begins a pretoken: those of the places in from,
 * which are white and behind a line end, where no line end follows in white, which has none. */
static uint64_t last_lines(
    struct scan *c, const struct scan_plane *p, uint64_t from, uint64_t white)
{
	uint64_t starts = 0;

	if (c->undecided && ~white) {
		c->undecided = 0;
		if (p->line >> __builtin_ctzll(~white) & 1)
			c->n_pos--;
	}
	for (; from; from &= from - 1) {
		unsigned i = (unsigned)__builtin_ctzll(from), n;

		if (!(~white >> i)) {
			c->undecided = 1;
			return starts | (uint64_t)1 << i;
		}
		n = (unsigned)__builtin_ctzll(~white >> i);
		if (!(p->line >> i >> n & 1))
			starts |= (uint64_t)1 << i;
	}
	return starts;
}

/* Begin a pretoken behind the contractions of the apostrophes in quote, each of which leads
 * letters. */
static uint64_t cut_any_case(
    struct scan *c, const struct scan_plane *next, size_t base, uint64_t quote, uint64_t starts)
{
	for (; quote; quote &= quote - 1) {
		unsigned i = (unsigned)__builtin_ctzll(quote);
		size_t at = base + i, n = pretok_contraction_fold(c->s + at, c->len - at);

		if (n && same_piece(c, next, i, n - 1))
			starts = set_start(c, starts, i, n);
	}
	return starts;
}

/* With O for what is no letter, number or white space:
 *	letters begin a pretoken unless a character leads them: the last one of white space, which is
 *	no line end, or a single O that begins one itself
 *	O begins one unless a space is before it; line ends behind O are part of it
 *	white space begins one, so does what is behind its last line end, and its last character
 *	when that is no line end and text follows */
static uint64_t cl100k_starts(struct scan *c, const struct scan_plane *next, size_t base)
{
	const struct scan_plane *p = &c->cur, *l = &c->last;
	uint64_t text = ~(p->s | p->x), text_next = ~(next->s | next->x);
	uint64_t other = text & ~(p->l | p->n), other_last = ~(l->s | l->x | l->l | l->n);
	uint64_t tail = tail_lines(c, p, other), white = p->s & ~tail, line = p->line & ~tail;
	uint64_t last_line = c->join & 1, last_white = c->join >> 1;
	uint64_t free =
	    other & ~(other << 1 | other_last >> 63) & ~(p->space << 1 | l->space >> 63);
	uint64_t lead = behind(c, free, p->rest) & p->l;
	uint64_t letters = p->l & ~(p->l << 1 | l->l >> 63);
	uint64_t starts = change(p->x, l->x) | free;

	starts |= letters & ~lead & ~((white & ~line) << 1 | (l->s & ~l->line) >> 63);
	starts |= c->kind == PRETOK_QWEN2 ? p->n & ~p->rest : cut_numbers(c, p);
	starts |= white & ~(white << 1 | last_white);
	starts |= p->s1 & ~p->line & ahead(text, text_next, 1);
	if (p->s2 | p->s3)
		starts |=
		    (p->s2 & ahead(text, text_next, 2)) | (p->s3 & ahead(text, text_next, 3));
	starts |= last_lines(c, p, (line << 1 | last_line) & white & ~line, white & ~line);
	c->join = line >> 63 | white >> 63 << 1;
	if (!base)
		starts |= 1;
	starts |= c->set_next;
	c->set_next = 0;
	if (p->quote & free)
		starts =
		    cut_any_case(c, next, base, p->quote & free & ahead(p->l, next->l, 1), starts);
	return starts;
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

/* Forget the items that were handed out; the positions behind them begin the next ones. */
static void drop_items(struct scan *c)
{
	size_t i;

	c->n_pos -= c->n_items;
	for (i = 0; i < c->n_pos; i++)
		c->pos[i] = c->pos[c->n_items + i];
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
	c->n_items = done ? c->n_pos : c->n_pos - 1 - (size_t)c->undecided;
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
		starts = c->kind == PRETOK_GPT2 ? gpt2_starts(c, &next, base)
						: cl100k_starts(c, &next, base);
		starts &= low(c->len - base);
		place_added(c, base, starts);
		c->n_pos =
		    (size_t)(c->isa->places(starts, (uint32_t)base, c->pos + c->n_pos) - c->pos);
		c->last = c->cur;
		c->cur = next;
	}
	return close_items(c, base >= c->len);
}
