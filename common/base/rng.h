/* rng: random numbers that are part of formats.  All are integer arithmetic and never change.
 *
 * pcg64: numpy's Generator(PCG64(seed)): SeedSequence, XSL-RR 128/64, 32-bit draws take the low half
 *   of a 64-bit draw first and keep the high half; pcg64_interval is numpy's masked rejection
 *   (Generator.shuffle).  Source: numpy/random, checked against its output.
 * mt19937: CPython's random.seed(int) / getrandbits / random() / shuffle.
 * rng_at: a counter-based generator (Philox4x32-10, Salmon et al. 2011): the value depends on
 *   (key, stream, counter) only, so that parallel code needs no state.
 */
#ifndef OLMO_BASE_RNG_H
#define OLMO_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct pcg64 {
	uint64_t state_hi, state_lo, inc_hi, inc_lo;
	uint32_t half; /* buffered high half */
	int has_half;
};
void pcg64_seed(struct pcg64 *g, uint64_t seed);
uint64_t pcg64_next64(struct pcg64 *g);
uint32_t pcg64_next32(struct pcg64 *g);
/* Uniform in [0, max], masked rejection: 32-bit draws when max <= 2^32-1. */
uint64_t pcg64_interval(struct pcg64 *g, uint64_t max);
double pcg64_double(struct pcg64 *g); /* [0,1): (next64 >> 11) * 2^-53 */
/* What n calls of pcg64_next64 would do to the generator, in a few steps. */
void pcg64_skip(struct pcg64 *g, uint64_t n);
/* n 32-bit draws, n even, of a generator without a buffered half. */
void pcg64_draws(struct pcg64 *g, uint32_t *v, size_t n);
/* Generator.shuffle of n values of 32 bits, in place (draws ahead and prefetches). */
void pcg64_shuffle_u32(struct pcg64 *g, uint32_t *a, size_t n);

struct mt19937 {
	uint32_t s[624];
	int i;
};
void mt19937_seed(struct mt19937 *g, uint64_t seed); /* random.seed(seed), seed >= 0 */
uint32_t mt19937_next32(struct mt19937 *g);
double mt19937_double(struct mt19937 *g);              /* random.random() */
uint64_t mt19937_below(struct mt19937 *g, uint64_t n); /* random._randbelow(n), n >= 1 */

/* 64 bits at position ctr of a stream. */
uint64_t rng_at(uint64_t key, uint64_t stream, uint64_t ctr);
/* The same as a double in (0,1): (top 53 bits + 0.5) * 2^-53, never 0 or 1. */
double rng_unit(uint64_t key, uint64_t stream, uint64_t ctr);
/* rng_unit at ctr, ctr + 1, .. , several times as fast; ctr a multiple of RNG_LANES. */
enum { RNG_LANES = 16 };
void rng_units(double u[RNG_LANES], uint64_t key, uint64_t stream, uint64_t ctr);

#endif
