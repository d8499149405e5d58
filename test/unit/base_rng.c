/* layers: base */
/* Expected numbers: numpy 1.26.4 (np.random.PCG64(seed).random_raw, Generator.shuffle, .random) and
 * CPython 3.11.7 (random.Random: seed, getrandbits(32), random, _randbelow, shuffle); Philox from the
 * known answers published with Random123 1.14 (philox4x32, 10 rounds). */
#include "base/err.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BIG UINT64_C(123456789012345)

static void pcg64_gives_numpys_raw_words(void **st)
{
	static const uint64_t a[] = {
	    0xa00641a9f1e54a8b, 0xe5afcdbcaf266a95, 0xc693565f940af962, 0x39a72dabd56a2742};
	static const uint64_t b[] = {
	    0x87ae8961b8510ee6, 0x0b608e9cda245b8f, 0xc1e268f093dfa25c, 0x78dbb4415aec2e0b};
	struct pcg64 g;
	int i;
	(void)st;
	pcg64_seed(&g, 7);
	for (i = 0; i < 4; i++)
		assert_true(pcg64_next64(&g) == a[i]);
	pcg64_seed(&g, BIG);
	for (i = 0; i < 4; i++)
		assert_true(pcg64_next64(&g) == b[i]);
}

static void pcg64_draws_low_half_first(void **st)
{
	struct pcg64 g;
	(void)st;
	pcg64_seed(&g, 7);
	assert_true(pcg64_next32(&g) == 0xf1e54a8b);
	assert_true(pcg64_next64(&g) == 0xe5afcdbcaf266a95); /* does not touch the half */
	assert_true(pcg64_next32(&g) == 0xa00641a9);
	assert_true(pcg64_next32(&g) == 0x940af962);
}

static void pcg64_double_is_numpys_random(void **st)
{
	struct pcg64 g;
	(void)st;
	pcg64_seed(&g, 7);
	assert_true(pcg64_double(&g) == 0.625095466604667);
	assert_true(pcg64_double(&g) == 0.8972138009695755);
	pcg64_seed(&g, BIG);
	assert_true(pcg64_double(&g) == 0.5300069678854166);
}

static uint32_t *shuffled(uint64_t seed, size_t n)
{
	uint32_t *a = xreallocarray(NULL, n, sizeof *a);
	struct pcg64 g;
	size_t i;
	for (i = 0; i < n; i++)
		a[i] = (uint32_t)i;
	pcg64_seed(&g, seed);
	pcg64_shuffle_u32(&g, a, n);
	return a;
}

static void check_large(uint64_t seed, const uint32_t *first, uint64_t weighted)
{
	uint32_t *a = shuffled(seed, 100003);
	uint64_t sum = 0;
	size_t i;
	for (i = 0; i < 6; i++)
		assert_int_equal(a[i], first[i]);
	for (i = 0; i < 100003; i++)
		sum += (uint64_t)a[i] * (i + 1);
	assert_true(sum == weighted);
	free(a);
}

static void shuffle_is_numpys(void **st)
{
	static const uint32_t s7[] = {
	    3, 8, 12, 13, 14, 16, 10, 15, 1, 6, 0, 7, 4, 18, 5, 19, 17, 2, 9, 11};
	static const uint32_t big[] = {
	    8, 5, 10, 9, 12, 2, 0, 7, 19, 14, 17, 4, 3, 13, 18, 11, 16, 15, 1, 6};
	static const uint32_t first7[] = {67292, 71763, 92881, 53806, 15009, 74944};
	static const uint32_t first_big[] = {13534, 35840, 19354, 75738, 60941, 755};
	uint32_t *a = shuffled(7, 20);
	(void)st;
	assert_memory_equal(a, s7, sizeof s7);
	free(a);
	a = shuffled(BIG, 20);
	assert_memory_equal(a, big, sizeof big);
	free(a);
	check_large(7, first7, UINT64_C(249876872344850));
	check_large(BIG, first_big, UINT64_C(250387505048259));
}

/* The shuffle draws ahead: the generator must stand where the plain loop leaves it. */
static void shuffle_leaves_the_generator_as_the_plain_loop(void **st)
{
	static const size_t sizes[] = {0, 1, 2, 3, 255, 256, 257, 258, 511, 513, 4097, 70000};
	struct pcg64 g, h;
	size_t k, i;
	(void)st;
	for (k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		size_t n = sizes[k];
		uint32_t *a = xcalloc(n, sizeof *a), *b = xcalloc(n, sizeof *b);
		for (i = 0; i < n; i++)
			a[i] = b[i] = (uint32_t)i * 3;
		pcg64_seed(&g, k);
		pcg64_seed(&h, k);
		pcg64_next32(&g);
		pcg64_next32(&h);
		pcg64_shuffle_u32(&g, a, n);
		for (i = n; i-- > 1;) {
			size_t j = pcg64_interval(&h, i);
			uint32_t t = b[i];
			b[i] = b[j];
			b[j] = t;
		}
		assert_memory_equal(a, b, n * sizeof *a);
		assert_int_equal(g.has_half, h.has_half);
		assert_true(pcg64_next32(&g) == pcg64_next32(&h));
		assert_true(pcg64_next64(&g) == pcg64_next64(&h));
		free(a);
		free(b);
	}
}

static void check_python(
    uint64_t seed, const uint32_t *bits, double unit, const uint64_t *below, const int *order)
{
	static const uint64_t n[] = {
	    1, 10, 1000, UINT64_C(1) << 32, UINT64_C(1) << 40, UINT64_C(1) << 63};
	struct mt19937 g;
	int a[20], i;
	mt19937_seed(&g, seed);
	for (i = 0; i < 3; i++)
		assert_true(mt19937_next32(&g) == bits[i]);
	assert_true(mt19937_double(&g) == unit);
	for (i = 0; i < 6; i++)
		assert_true(mt19937_below(&g, n[i]) == below[i]);
	mt19937_seed(&g, seed);
	for (i = 0; i < 20; i++)
		a[i] = i;
	for (i = 19; i > 0; i--) {
		int j = (int)mt19937_below(&g, (uint64_t)i + 1), t = a[i];
		a[i] = a[j];
		a[j] = t;
	}
	assert_memory_equal(a, order, sizeof a);
}

static void mt19937_is_cpythons(void **st)
{
	static const uint32_t bits7[] = {1390851128, 4071050724, 647892279};
	static const uint64_t below7[] = {
	    0, 1, 840, 2301595691, 470330855157, 1585446675937841368};
	static const int order7[] = {
	    17, 15, 11, 18, 7, 6, 19, 3, 14, 0, 9, 5, 16, 8, 13, 2, 1, 12, 4, 10};
	static const uint32_t bits_big[] = {2896848117, 946991832, 1255537387};
	static const uint64_t below_big[] = {
	    0, 9, 695, 1983399621, 642886817443, 9079033885140688487u};
	static const int order_big[] = {
	    14, 17, 0, 5, 12, 1, 6, 8, 4, 2, 16, 11, 15, 10, 18, 3, 19, 13, 9, 7};
	(void)st;
	check_python(7, bits7, 0.3948234964231735, below7, order7);
	check_python(BIG, bits_big, 0.41024342346817944, below_big, order_big);
}

static void rng_at_is_philox(void **st)
{
	(void)st;
	assert_true(rng_at(0, 0, 0) == UINT64_C(0xe169c58d6627e8d5));
	assert_true(rng_at(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_C(0x41c83b0e408f276d));
	assert_true(rng_at(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e),
			UINT64_C(0x85a308d3243f6a88)) == UINT64_C(0x94fdccebd16cfe09));
}

static void rng_unit_never_reaches_its_ends(void **st)
{
	uint64_t i;
	double sum = 0;
	(void)st;
	for (i = 0; i < 100000; i++) {
		double u = rng_unit(1, 2, i);
		assert_true(u > 0 && u < 1);
		sum += u;
	}
	/* mean of 1e5 uniforms: standard deviation 0.0009, five of them */
	assert_true(sum / 100000 > 0.4955 && sum / 100000 < 0.5045);
}

static void rng_units_are_other_numbers(void **st)
{
	double u[RNG_LANES];
	(void)st;
	for (uint64_t ctr = 0; ctr < UINT64_C(1) << 40; ctr = 3 * ctr + RNG_LANES) {
		rng_units(u, UINT64_C(0x123456789abcdef0), ~UINT64_C(5), ctr);
		for (uint64_t j = 0; j < RNG_LANES; j++)
			assert_true(
			    u[j] == rng_unit(UINT64_C(0x123456789abcdef0), ~UINT64_C(5), ctr + j));
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(pcg64_gives_numpys_raw_words),
	    cmocka_unit_test(pcg64_draws_low_half_first),
	    cmocka_unit_test(pcg64_double_is_numpys_random),
	    cmocka_unit_test(shuffle_is_numpys),
	    cmocka_unit_test(shuffle_leaves_the_generator_as_the_plain_loop),
	    cmocka_unit_test(mt19937_is_cpythons),
	    cmocka_unit_test(rng_at_is_philox),
	    cmocka_unit_test(rng_unit_never_reaches_its_ends),
	    cmocka_unit_test(rng_units_are_other_numbers),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
