/* layers: tok doc io base */
/*
 * order: numpy's shuffle, padding and cutting, the Feistel permutation, order files.
 *
 * Golden values of the numpy order: numpy 1.24.2,
 *	a = np.arange(n, dtype=np.uint32); np.random.Generator(np.random.PCG64(seed)).shuffle(a)
 * The Feistel values come from a second implementation, in Python, of olmo-order(5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "tok/order.h"
#include "tok/ordertrace.h"

static char dir[] = "/tmp/olmo-order-XXXXXX";

static const char *file_in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct order_spec spec_of(enum order_algo algo, uint64_t n, uint64_t world, int drop_last)
{
	return (struct order_spec){.algo = algo,
	    .n_inst = n,
	    .seq_len = 2048,
	    .seed = 6198,
	    .world = world,
	    .drop_last = drop_last};
}

static struct order *make(enum order_algo algo, uint64_t n, uint64_t world, int drop_last)
{
	struct order_spec s = spec_of(algo, n, world, drop_last);
	struct order *o = order_new(&s);

	if (o == NULL)
		fail_msg("%s", err_msg());
	return o;
}

static void assert_entries(const struct order *o, const uint64_t *want, uint64_t n)
{
	uint64_t k;

	assert_int_equal(o->total, n);
	for (k = 0; k < n; k++)
		assert_int_equal(order_at(o, k), want[k]);
}

static void numpy_order_differs_from_numpy(void **state)
{
	static const uint64_t first[] = {4, 14, 6, 15, 3, 2, 13, 0, 10, 11, 9, 7, 8, 1, 12, 5};
	static const uint64_t second[] = {5, 6, 15, 8, 4, 9, 11, 12, 2, 1, 14, 3, 10, 13, 0, 7};
	struct order_spec s = spec_of(ORDER_NUMPY, 16, 1, 1);
	struct order *o = order_new(&s);

	(void)state;
	assert_entries(o, first, 16);
	order_free(o);
	s.epoch = 1;
	o = order_new(&s);
	assert_entries(o, second, 16);
	order_free(o);
}

static void numpy_order_of_a_thousand_differs(void **state)
{
	static const uint64_t head[] = {615, 832, 881, 9, 648, 523, 809, 336};
	struct order *o = make(ORDER_NUMPY, 1000, 1, 1);
	unsigned char seen[1000] = {0};
	uint64_t k;

	(void)state;
	for (k = 0; k < 8; k++)
		assert_int_equal(order_at(o, k), head[k]);
	for (k = 0; k < 1000; k++)
		seen[order_at(o, k)]++;
	for (k = 0; k < 1000; k++)
		assert_int_equal(seen[k], 1);
	order_free(o);
}

static void cut_or_repetition_is_wrong(void **state)
{
	/* 5 instances, numpy, seed 6198: checked with OLMo's IterableDataset rules by hand */
	struct order *base = make(ORDER_NUMPY, 5, 1, 1), *o;
	uint64_t k;

	(void)state;
	o = make(ORDER_NUMPY, 5, 2, 1);
	assert_int_equal(o->total, 4);
	for (k = 0; k < 4; k++)
		assert_int_equal(order_at(o, k), order_at(base, k));
	order_free(o);
	o = make(ORDER_NUMPY, 5, 12, 0);
	assert_int_equal(o->total, 12);
	for (k = 0; k < 12; k++)
		assert_int_equal(order_at(o, k), order_at(base, k % 5));
	assert_int_equal(order_rank_at(o, 7, 0), order_at(base, 2));
	order_free(o);
	o = make(ORDER_NUMPY, 5, 12, 1);
	assert_int_equal(o->total, 0);
	order_free(o);
	o = make(ORDER_SEQUENTIAL, 5, 3, 0);
	assert_entries(o, (uint64_t[]){0, 1, 2, 3, 4, 0}, 6);
	order_free(o);
	order_free(base);
}

static void ranks_do_not_interleave(void **state)
{
	struct order *o = make(ORDER_NUMPY, 16, 4, 1);

	(void)state;
	assert_int_equal(order_rank_at(o, 0, 0), 4);
	assert_int_equal(order_rank_at(o, 3, 0), 15);
	assert_int_equal(order_rank_at(o, 1, 2), 11);
	order_free(o);
}

static void impossible_orders_are_made(void **state)
{
	struct order_spec s = spec_of(ORDER_NUMPY, (uint64_t)1 << 32, 1, 1);

	(void)state;
	assert_null(order_new(&s));
	assert_non_null(strstr(err_msg(), "feistel"));
	s = spec_of(ORDER_FEISTEL, 10, 0, 1);
	assert_null(order_new(&s));
	s = spec_of(ORDER_FEISTEL, 10, 1, 1);
	s.seed = UINT64_MAX;
	s.epoch = 1;
	assert_null(order_new(&s));
	s = spec_of(ORDER_FEISTEL, 0, 4, 0);
	assert_null(order_new(&s));
	s = spec_of(ORDER_FEISTEL, 10, UINT64_MAX, 0);
	assert_null(order_new(&s));
}

static void feistel_differs_from_its_definition(void **state)
{
	static const struct {
		uint64_t n, key, want[4];
	} gold[] = {
	    {1, 0, {0, 0, 0, 0}},
	    {3, 6198, {2, 1, 0, 2}},
	    {5, 0, {4, 3, 1, 2}},
	    {16, 6198, {10, 5, 14, 7}},
	    {1000, 42, {849, 899, 366, 150}},
	    {1000000000000, 7, {41906456359, 814605236182, 494442931527, 38582991755}},
	    {(uint64_t)1 << 62, 6198,
		{1912345477600115984, 2306080316141455128, 340319994402663899,
		    2472671184255652868}},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(gold) / sizeof(gold[0]); i++) {
		struct order_feistel f;

		order_feistel_init(&f, gold[i].n, gold[i].key);
		for (k = 0; k < 4; k++)
			assert_int_equal(order_feistel_at(&f, k % gold[i].n), gold[i].want[k]);
	}
}

static void feistel_is_no_permutation(void **state)
{
	static unsigned char seen[5000];
	uint64_t n, i;

	(void)state;
	for (n = 1; n < 5000; n = n * 3 / 2 + 1) {
		struct order_feistel f;

		order_feistel_init(&f, n, n * 77);
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < n; i++) {
			uint64_t v = order_feistel_at(&f, i);

			assert_true(v < n);
			assert_int_equal(seen[v]++, 0);
			assert_int_equal(order_feistel_find(&f, v), i);
		}
	}
}

/* Each of the 24 orders of 4 elements from 4,800 keys: 200 expected, standard deviation 14. */
static void feistel_prefers_some_orders(void **state)
{
	unsigned count[256] = {0}, kinds = 0;
	uint64_t key, i;

	(void)state;
	for (key = 0; key < 4800; key++) {
		struct order_feistel f;
		unsigned code = 0;

		order_feistel_init(&f, 4, key);
		for (i = 0; i < 4; i++)
			code = code << 2 | (unsigned)order_feistel_at(&f, i);
		count[code]++;
	}
	for (i = 0; i < 256; i++)
		if (count[i] > 0) {
			kinds++;
			assert_in_range(count[i], 130, 270);
		}
	assert_int_equal(kinds, 24);
}

static void find_is_not_the_inverse(void **state)
{
	enum order_algo a;
	uint64_t k;

	(void)state;
	for (a = ORDER_NUMPY; a <= ORDER_SEQUENTIAL; a++) {
		struct order *o = make(a, 100, 7, 1);

		for (k = 0; k < o->total; k++)
			assert_int_equal(order_find(o, order_at(o, k)), k);
		for (k = 0; k < 100; k++)
			if (order_find(o, k) == UINT64_MAX)
				break;
		assert_true(k < 100); /* two were cut off */
		assert_true(order_find(o, 100) == UINT64_MAX);
		order_free(o);
	}
}

/* Sizes around powers of two and the blocks of draws; entries at both ends and between. */
static void traces_differ_from_the_order(void **state)
{
	static const uint64_t size[] = {1, 2, 3, 63, 64, 65, 127, 128, 129, 130, 1000, 4096, 4097,
	    65535, 65537, 262145, 400000};
	uint64_t place[300], n, first, k, *entry;
	size_t i;
	int at;

	(void)state;
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		struct order *o = make(ORDER_NUMPY, size[i], 1, 1);
		struct order_spec s = o->spec;

		s.seed = 6190 + i; /* seed and epoch are one number */
		s.epoch = 8 - i % 8;
		order_free(o);
		o = order_new(&s);
		entry = malloc(size[i] * sizeof(*entry));
		for (k = 0; k < size[i]; k++)
			entry[order_at(o, k)] = k;
		for (at = 0; at < 4; at++) {
			n = at == 3 ? 1 : size[i] < 300 ? size[i] : 300;
			first = (size[i] - n) * (uint64_t)(at % 3) / 2;
			assert_int_equal(ordertrace_instances(&s, first, n, 1 + at % 2, place), 0);
			for (k = 0; k < n; k++)
				assert_int_equal(place[k], order_at(o, first + k));
			assert_int_equal(ordertrace_entries(&s, first, n, 1 + at % 2, place), 0);
			for (k = 0; k < n; k++)
				assert_int_equal(place[k], entry[first + k]);
		}
		free(entry);
		order_free(o);
	}
}

static void file_does_not_keep_the_order(void **state)
{
	enum order_algo a;
	uint64_t k;

	(void)state;
	for (a = ORDER_NUMPY; a <= ORDER_SEQUENTIAL; a++) {
		struct order *o = make(a, 1001, 4, a != ORDER_NUMPY), *r;
		const char *path = file_in_dir("x.order");

		if (order_write(o, path, NULL) < 0)
			fail_msg("%s", err_msg());
		r = order_open(path);
		if (r == NULL)
			fail_msg("%s", err_msg());
		assert_int_equal(r->total, o->total);
		assert_int_equal(r->spec.algo, a);
		assert_int_equal(r->spec.world, 4);
		assert_int_equal(r->spec.seed, 6198);
		assert_int_equal(r->spec.seq_len, 2048);
		for (k = 0; k < o->total; k++)
			assert_int_equal(order_at(r, k), order_at(o, k));
		assert_int_equal(order_find(r, 17), order_find(o, 17));
		order_free(o);
		order_free(r);
		unlink(path);
	}
}

static void raw_file_does_not_keep_the_order(void **state)
{
	struct order *o = make(ORDER_NUMPY, 100, 1, 1), *r;
	const char *path = file_in_dir("global_indices.npy");

	(void)state;
	assert_int_equal(order_write_raw(o, path, NULL), 0);
	r = order_open_any(path, 0);
	assert_non_null(r);
	assert_int_equal(r->spec.n_inst, 100);
	assert_int_equal(r->total, 100);
	assert_int_equal(order_at(r, 50), order_at(o, 50));
	order_free(r);
	assert_null(order_open_any(path, 99));
	assert_non_null(strstr(err_msg(), "global_indices.npy@"));
	assert_int_equal(truncate(path, 399), 0);
	assert_null(order_open_any(path, 0));
	assert_non_null(strstr(err_msg(), "@399"));
	unlink(path);
	order_free(o);
}

static void large_orders_lose_their_upper_half(void **state)
{
	struct order *o = make(ORDER_FEISTEL, (uint64_t)3 << 40, 1, 1);

	(void)state;
	assert_int_equal(o->width, 8);
	assert_int_equal(order_find(o, order_at(o, (uint64_t)5 << 38)), (uint64_t)5 << 38);
	order_free(o);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numpy_order_differs_from_numpy),
	    cmocka_unit_test(numpy_order_of_a_thousand_differs),
	    cmocka_unit_test(cut_or_repetition_is_wrong),
	    cmocka_unit_test(ranks_do_not_interleave),
	    cmocka_unit_test(impossible_orders_are_made),
	    cmocka_unit_test(feistel_differs_from_its_definition),
	    cmocka_unit_test(feistel_is_no_permutation),
	    cmocka_unit_test(feistel_prefers_some_orders),
	    cmocka_unit_test(find_is_not_the_inverse),
	    cmocka_unit_test(traces_differ_from_the_order),
	    cmocka_unit_test(file_does_not_keep_the_order),
	    cmocka_unit_test(raw_file_does_not_keep_the_order),
	    cmocka_unit_test(large_orders_lose_their_upper_half),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
