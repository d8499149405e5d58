#include "base/rng.h"

#include "base/wide.h"

typedef unsigned __int128 u128; /* no C11 name for it */

/* ---- numpy's SeedSequence and PCG64 ----------------------------------------------------- */

#define POOL 4

static uint32_t hashmix(uint32_t v, uint32_t *hash_const)
{
	v ^= *hash_const;
	*hash_const *= 0x931e8875u;
	v *= *hash_const;
	return v ^ v >> 16;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
	uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
	return r ^ r >> 16;
}

/* SeedSequence(seed).generate_state(4, uint64): entropy is the seed's 32-bit words. */
static void seed_sequence(uint64_t seed, uint64_t out[4])
{
	uint32_t pool[POOL], c = 0x43b0d7e5u;
	int i, j;
	for (i = 0; i < POOL; i++)
		pool[i] = hashmix(i < 2 ? (uint32_t)(seed >> (32 * i)) : 0, &c);
	for (i = 0; i < POOL; i++)
		for (j = 0; j < POOL; j++)
			if (i != j)
				pool[j] = mix(pool[j], hashmix(pool[i], &c));
	c = 0x8b51f9ddu;
	for (i = 0; i < 4; i++)
		out[i] = 0;
	for (i = 0; i < 8; i++) {
		uint32_t v = pool[i % POOL] ^ c;
		c *= 0x58f38dedu;
		v *= c;
		v ^= v >> 16;
		out[i / 2] |= (uint64_t)v << (32 * (i & 1));
	}
}

static inline u128 join(uint64_t hi, uint64_t lo)
{
	return (u128)hi << 64 | lo;
}

static inline u128 pcg_step(u128 state, u128 inc)
{
	return state * join(2549297995355413924u, 4865540595714422341u) + inc;
}

/* XSL-RR: the halves xored, rotated by the top six bits. */
static inline uint64_t pcg_output(u128 state)
{
	uint64_t x = (uint64_t)(state >> 64) ^ (uint64_t)state;
	unsigned r = (unsigned)(state >> 122);
	return x >> r | x << (-r & 63);
}

void pcg64_seed(struct pcg64 *g, uint64_t seed)
{
	uint64_t s[4];
	u128 state, inc;
	seed_sequence(seed, s);
	inc = join(s[2], s[3]) << 1 | 1;
	state = pcg_step(inc + join(s[0], s[1]), inc);
	g->state_hi = (uint64_t)(state >> 64);
	g->state_lo = (uint64_t)state;
	g->inc_hi = (uint64_t)(inc >> 64);
	g->inc_lo = (uint64_t)inc;
	g->half = 0;
	g->has_half = 0;
}

uint64_t pcg64_next64(struct pcg64 *g)
{
	u128 s = pcg_step(join(g->state_hi, g->state_lo), join(g->inc_hi, g->inc_lo));
	g->state_hi = (uint64_t)(s >> 64);
	g->state_lo = (uint64_t)s;
	return pcg_output(s);
}

uint32_t pcg64_next32(struct pcg64 *g)
{
	uint64_t v;
	if (g->has_half) {
		g->has_half = 0;
		return g->half;
	}
	v = pcg64_next64(g);
	g->half = (uint32_t)(v >> 32);
	g->has_half = 1;
	return (uint32_t)v;
}

/* n steps are again a multiplication and an addition: s -> mul * s + add. */
struct leap {
	u128 mul, add;
};

/* By squaring (Brown, Random number generation with arbitrary strides, 1994). */
static struct leap leap_of(u128 inc, uint64_t n)
{
	struct leap all = {1, 0}, one = {join(2549297995355413924u, 4865540595714422341u), inc};
	for (; n; n >>= 1) {
		if (n & 1) {
			all.mul *= one.mul;
			all.add = all.add * one.mul + one.add;
		}
		one.add *= one.mul + 1;
		one.mul *= one.mul;
	}
	return all;
}

void pcg64_skip(struct pcg64 *g, uint64_t n)
{
	struct leap l = leap_of(join(g->inc_hi, g->inc_lo), n);
	u128 s = join(g->state_hi, g->state_lo) * l.mul + l.add;
	g->state_hi = (uint64_t)(s >> 64);
	g->state_lo = (uint64_t)s;
	g->has_half = 0;
}

static inline void put_halves(uint32_t *v, uint64_t out)
{
	v[0] = (uint32_t)out;
	v[1] = (uint32_t)(out >> 32);
}

/* Four states in turn, each of which leaps over the others: multiplications need not wait. */
void pcg64_draws(struct pcg64 *g, uint32_t *v, size_t n)
{
	u128 inc = join(g->inc_hi, g->inc_lo), s = join(g->state_hi, g->state_lo);
	u128 a = pcg_step(s, inc), b = pcg_step(a, inc), c = pcg_step(b, inc),
	     d = pcg_step(c, inc);
	struct leap l = leap_of(inc, 4);
	size_t k;
	for (k = 0; k + 8 <= n; k += 8) {
		put_halves(v + k, pcg_output(a));
		put_halves(v + k + 2, pcg_output(b));
		put_halves(v + k + 4, pcg_output(c));
		put_halves(v + k + 6, pcg_output(d));
		s = d;
		a = a * l.mul + l.add;
		b = b * l.mul + l.add;
		c = c * l.mul + l.add;
		d = d * l.mul + l.add;
	}
	for (; k < n; k += 2) {
		s = pcg_step(s, inc);
		put_halves(v + k, pcg_output(s));
	}
	g->state_hi = (uint64_t)(s >> 64);
	g->state_lo = (uint64_t)s;
}

/* The smallest 2^k - 1 that is not below max. */
static inline uint64_t mask_for(uint64_t max)
{
	return max ? UINT64_MAX >> __builtin_clzll(max) : 0;
}

uint64_t pcg64_interval(struct pcg64 *g, uint64_t max)
{
	uint64_t mask = mask_for(max), v;
	if (!max)
		return 0;
	if (max <= UINT32_MAX)
		while ((v = pcg64_next32(g) & mask) > max)
			continue;
	else
		while ((v = pcg64_next64(g) & mask) > max)
			continue;
	return v;
}

double pcg64_double(struct pcg64 *g)
{
	return (double)(pcg64_next64(g) >> 11) * 0x1p-53;
}

/* Partners of swaps are drawn well before the swaps are made: the draws do not depend on the values,
 * so the result is the same, and the misses of the cache overlap. */
#define AHEAD 256

struct swaps {
	size_t i, n; /* a[i - k] changes places with a[partner[k]], k < n */
	uint32_t partner[AHEAD + 1];
};

/* One draw for partner k of those at i - k, …; the next k.  No branch on the outcome: a refused
 * draw is overwritten by the next. */
static inline size_t take_draw(struct swaps *s, size_t k, uint32_t draw, uint32_t mask)
{
	draw &= mask;
	s->partner[k] = draw;
	return k + (draw <= s->i - k);
}

/* n partners from i downwards, all with one mask. */
static void draw_swaps(struct pcg64 *g, struct swaps *s, size_t i)
{
	u128 state = join(g->state_hi, g->state_lo), inc = join(g->inc_hi, g->inc_lo);
	uint32_t mask = (uint32_t)mask_for(i);
	size_t k = 0, n = i - mask / 2 < AHEAD ? i - mask / 2 : AHEAD;
	uint64_t v = 0;
	s->i = i;
	s->n = n;
	if (n && g->has_half) {
		k = take_draw(s, 0, g->half, mask);
		g->has_half = 0;
	}
	while (k < n) {
		state = pcg_step(state, inc);
		v = pcg_output(state);
		k = take_draw(s, k, (uint32_t)v, mask);
		if (k == n) {
			g->half = (uint32_t)(v >> 32);
			g->has_half = 1;
			break;
		}
		k = take_draw(s, k, (uint32_t)(v >> 32), mask);
	}
	g->state_hi = (uint64_t)(state >> 64);
	g->state_lo = (uint64_t)state;
}

static inline void swap_u32(uint32_t *x, uint32_t *y)
{
	uint32_t t = *x;
	*x = *y;
	*y = t;
}

/* Makes the swaps of s, and asks for what those of next will touch. */
static void make_swaps(uint32_t *a, const struct swaps *s, const struct swaps *next)
{
	size_t k;
	for (k = 0; k < s->n && k < next->n; k++) {
		__builtin_prefetch(&a[next->partner[k]], 1);
		swap_u32(&a[s->i - k], &a[s->partner[k]]);
	}
	for (; k < s->n; k++)
		swap_u32(&a[s->i - k], &a[s->partner[k]]);
}

void pcg64_shuffle_u32(struct pcg64 *g, uint32_t *a, size_t n)
{
	struct swaps s[2];
	size_t i = n ? n - 1 : 0, b = 0;
	for (; i > UINT32_MAX; i--)
		swap_u32(&a[i], &a[pcg64_interval(g, i)]);
	for (draw_swaps(g, &s[0], i); s[b].n; b ^= 1) {
		draw_swaps(g, &s[b ^ 1], s[b].i - s[b].n);
		make_swaps(a, &s[b], &s[b ^ 1]);
	}
}

/* ---- MT19937 as CPython uses it ------------------------------------------------------------ */

#define MT_N 624
#define MT_M 397

static void mt_init(struct mt19937 *g, uint32_t seed)
{
	int i;
	g->s[0] = seed;
	for (i = 1; i < MT_N; i++)
		g->s[i] = 1812433253u * (g->s[i - 1] ^ g->s[i - 1] >> 30) + (uint32_t)i;
	g->i = MT_N;
}

static int mt_next_index(struct mt19937 *g, int i)
{
	if (++i < MT_N)
		return i;
	g->s[0] = g->s[MT_N - 1];
	return 1;
}

/* init_by_array(key, len) of Matsumoto and Nishimura. */
static void mt_init_array(struct mt19937 *g, const uint32_t *key, int len)
{
	int i = 1, j = 0, k;
	mt_init(g, 19650218u);
	for (k = 0; k < MT_N; k++) {
		uint32_t prev = g->s[i - 1];
		g->s[i] = (g->s[i] ^ (prev ^ prev >> 30) * 1664525u) + key[j] + (uint32_t)j;
		i = mt_next_index(g, i);
		j = j + 1 < len ? j + 1 : 0;
	}
	for (k = 0; k < MT_N - 1; k++) {
		uint32_t prev = g->s[i - 1];
		g->s[i] = (g->s[i] ^ (prev ^ prev >> 30) * 1566083941u) - (uint32_t)i;
		i = mt_next_index(g, i);
	}
	g->s[0] = 0x80000000u;
}

void mt19937_seed(struct mt19937 *g, uint64_t seed)
{
	uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
	mt_init_array(g, key, key[1] ? 2 : 1);
}

static void mt_refill(struct mt19937 *g)
{
	int i;
	for (i = 0; i < MT_N; i++) {
		uint32_t y = (g->s[i] & 0x80000000u) | (g->s[(i + 1) % MT_N] & 0x7fffffffu);
		g->s[i] = g->s[(i + MT_M) % MT_N] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
	}
	g->i = 0;
}

uint32_t mt19937_next32(struct mt19937 *g)
{
	uint32_t y;
	if (g->i >= MT_N)
		mt_refill(g);
	y = g->s[g->i++];
	y ^= y >> 11;
	y ^= y << 7 & 0x9d2c5680u;
	y ^= y << 15 & 0xefc60000u;
	return y ^ y >> 18;
}

double mt19937_double(struct mt19937 *g)
{
	uint32_t a = mt19937_next32(g) >> 5, b = mt19937_next32(g) >> 6;
	return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0);
}

/* getrandbits(k), 1 <= k <= 64: words of 32 bits, the lowest first, the last one's top bits. */
static uint64_t mt_bits(struct mt19937 *g, int k)
{
	uint64_t lo;
	if (k <= 32)
		return mt19937_next32(g) >> (32 - k);
	lo = mt19937_next32(g);
	return (uint64_t)(mt19937_next32(g) >> (64 - k)) << 32 | lo;
}

uint64_t mt19937_below(struct mt19937 *g, uint64_t n)
{
	int k = 64 - __builtin_clzll(n);
	uint64_t r;
	do
		r = mt_bits(g, k);
	while (r >= n);
	return r;
}

/* ---- Philox4x32-10 ------------------------------------------------------------------------- */

uint64_t rng_at(uint64_t key, uint64_t stream, uint64_t ctr)
{
	uint32_t c0 = (uint32_t)ctr, c1 = (uint32_t)(ctr >> 32);
	uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
	int i;
	for (i = 0; i < 10; i++) {
		uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
		c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
		c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
		c1 = (uint32_t)p1;
		c3 = (uint32_t)p0;
		k0 += 0x9e3779b9u;
		k1 += 0xbb67ae85u;
	}
	return (uint64_t)c1 << 32 | c0;
}

double rng_unit(uint64_t key, uint64_t stream, uint64_t ctr)
{
	return ((double)(rng_at(key, stream, ctr) >> 11) + 0.5) * 0x1p-53;
}

WIDE void rng_units(double u[RNG_LANES], uint64_t key, uint64_t stream, uint64_t ctr)
{
	uint32_t c0[RNG_LANES], c1[RNG_LANES], c2[RNG_LANES], c3[RNG_LANES];
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

	for (int j = 0; j < RNG_LANES; j++) {
		c0[j] = (uint32_t)ctr + (uint32_t)j;
		c1[j] = (uint32_t)(ctr >> 32);
		c2[j] = (uint32_t)stream;
		c3[j] = (uint32_t)(stream >> 32);
	}
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < RNG_LANES; j++) {
			uint64_t p0 = (uint64_t)0xd2511f53u * c0[j];
			uint64_t p1 = (uint64_t)0xcd9e8d57u * c2[j];
			c0[j] = (uint32_t)(p1 >> 32) ^ c1[j] ^ k0;
			c2[j] = (uint32_t)(p0 >> 32) ^ c3[j] ^ k1;
			c1[j] = (uint32_t)p1;
			c3[j] = (uint32_t)p0;
		}
		k0 += 0x9e3779b9u;
		k1 += 0xbb67ae85u;
	}
	for (int j = 0; j < RNG_LANES; j++) {
		uint64_t x = (uint64_t)c1[j] << 32 | c0[j];
		u[j] = ((double)(int64_t)(x >> 11) + 0.5) * 0x1p-53;
	}
}
