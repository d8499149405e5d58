/* layers: base */
#include "base/blockhash.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void numbers_parse_whole_or_not_at_all(void **st)
{
	static const char *bad[] = {"", " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0",
	    "18446744073709551616", "99999999999999999999999", "1,000"};
	uint64_t v = 77;
	size_t i;
	(void)st;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(num_u64(bad[i], 0, UINT64_MAX, &v), -1);
	assert_int_equal(v, 77);
	assert_int_equal(num_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(num_u64("007", 0, 9, &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(num_u64("10", 0, 9, &v), -1);
	assert_string_equal(err_msg(), "'10' is not a whole number from 0 to 9");
	assert_int_equal(num_u64("2", 3, 9, &v), -1);
}

static void signed_numbers_reach_both_ends(void **st)
{
	int64_t v;
	(void)st;
	assert_int_equal(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(num_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(num_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v), -1);
	assert_int_equal(num_i64("-", INT64_MIN, INT64_MAX, &v), -1);
	assert_int_equal(num_i64("--1", INT64_MIN, INT64_MAX, &v), -1);
	assert_int_equal(num_i64("-5", -4, 4, &v), -1);
}

static void sizes_take_suffixes(void **st)
{
	static const struct {
		const char *s;
		uint64_t v;
	} good[] = {{"0", 0}, {"12", 12}, {"3k", 3072}, {"1K", 1024}, {"1KB", 1024},
	    {"1KiB", 1024}, {"2Mi", 2097152}, {"5G", UINT64_C(5368709120)},
	    {"16T", UINT64_C(17592186044416)}};
	static const char *bad[] = {"", "K", "1X", "1KK", "1Kb", "1.5G", "-1", "99999999T"};
	uint64_t v;
	size_t i;
	(void)st;
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(num_size(good[i].s, &v), 0);
		assert_true(v == good[i].v);
	}
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(num_size(bad[i], &v), -1);
}

static void decimals_parse_whole_and_finite(void **st)
{
	static const char *bad[] = {"", ".", "1e", "1e+", "0x1p3", "inf", "nan", "1e999", " 1",
	    "1 ", "1,5", "1f", "e5", "--1"};
	double v;
	size_t i;
	(void)st;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(num_f64(bad[i], &v), -1);
	assert_int_equal(num_f64("-1.5e-3", &v), 0);
	assert_true(v == -1.5e-3);
	assert_int_equal(num_f64(".5", &v), 0);
	assert_true(v == 0.5);
	assert_int_equal(num_f64("5.", &v), 0);
	assert_true(v == 5);
}

static void products_do_not_wrap(void **st)
{
	size_t v;
	(void)st;
	assert_int_equal(num_mul(SIZE_MAX / 2, 2, &v), 0);
	assert_int_equal(num_mul(SIZE_MAX / 2 + 1, 2, &v), -1);
	assert_string_equal(err_msg(), "size overflow");
	assert_int_equal(num_mul(SIZE_MAX, 0, &v), 0);
	assert_int_equal(v, 0);
}

static const char *shown(double v, int with_point)
{
	static struct buf b;
	b.len = 0;
	buf_f64(&b, v, with_point);
	return buf_cstr(&b);
}

/* What Python 3.11's repr() prints. */
static void doubles_print_shortest(void **st)
{
	static const struct {
		double v;
		const char *s;
	} c[] = {{0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {0.1, "0.1"}, {0.3, "0.3"},
	    {0.1 + 0.2, "0.30000000000000004"}, {1e15, "1000000000000000.0"}, {1e16, "1e+16"},
	    {123456789.5, "123456789.5"}, {1e-5, "1e-05"}, {1e-4, "0.0001"},
	    {0.00012345, "0.00012345"}, {5e-324, "5e-324"},
	    {1.7976931348623157e308, "1.7976931348623157e+308"}, {-2.5, "-2.5"},
	    {9007199254740993.0, "9007199254740992.0"}, {1000000000000000.5, "1000000000000000.5"},
	    {0x1p-44, "5.684341886080802e-14"}, {0x1p-1022, "2.2250738585072014e-308"},
	    {100, "100.0"}, {99999.99999, "99999.99999"}, {12.34567, "12.34567"}};
	size_t i;
	(void)st;
	for (i = 0; i < sizeof c / sizeof *c; i++)
		assert_string_equal(shown(c[i].v, 1), c[i].s);
	assert_string_equal(shown(1, 0), "1");
	assert_string_equal(shown(-0.0, 0), "-0");
	assert_string_equal(shown(2.5, 0), "2.5");
	assert_string_equal(shown(1e20, 0), "1e+20");
	assert_string_equal(shown(NAN, 1), "null");
	assert_string_equal(shown(-INFINITY, 0), "null");
}

static size_t n_digits(const char *s)
{
	size_t n = 0, zeros = 0;
	for (; *s && *s != 'e'; s++)
		if (*s >= '0' && *s <= '9') {
			if (*s == '0')
				zeros += n > 0;
			else
				n += zeros + 1, zeros = 0;
		}
	return n;
}

/* No fewer digits read back: %.{n-1}e of a random double must not. */
static void doubles_read_back_and_none_shorter_does(void **st)
{
	uint64_t k;
	char shorter[64];
	(void)st;
	for (k = 0; k < 200000; k++) {
		uint64_t bits = rng_at(9, 9, k);
		double v;
		const char *s;
		size_t n;
		if (k % 4 == 0)
			v = (double)(int64_t)(bits >> 40) / 1e5;
		else if (k % 4 == 1)
			v = rng_unit(9, 8, k) * 1000;
		else if (k % 64 == 2)
			v = ldexp(1, (int)(bits % 2000) - 1000);
		else
			memcpy(&v, &bits, 8);
		if (!isfinite(v))
			continue;
		s = shown(v, (int)(k & 1));
		assert_true(strtod(s, NULL) == v);
		n = n_digits(s);
		if (n > 1) {
			snprintf(shorter, sizeof shorter, "%.*e", (int)n - 2, v);
			assert_true(strtod(shorter, NULL) != v);
		}
	}
}

static void buffers_grow_and_print(void **st)
{
	struct buf b = {0};
	char want[5000];
	size_t i;
	(void)st;
	for (i = 0; i < 1000; i++)
		buf_printf(&b, "%s", "abcde");
	assert_int_equal(b.len, 5000);
	memset(want, 'x', sizeof want);
	want[4999] = 0;
	b.len = 0;
	buf_printf(&b, "%s", want);
	assert_int_equal(b.len, 4999);
	assert_string_equal(buf_cstr(&b), want);
	b.len = 0;
	buf_u64(&b, 0);
	buf_chr(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	assert_string_equal(buf_cstr(&b), "0 18446744073709551615");
	buf_release(&b);
	assert_null(b.p);
}

static void messages_nest_and_are_cut(void **st)
{
	char big[3000];
	(void)st;
	err_set("inner %d", 1);
	err_set("outer: %s", err_msg());
	assert_string_equal(err_msg(), "outer: inner 1");
	err_prefix("%s:%d", "f", 3);
	assert_string_equal(err_msg(), "f:3: outer: inner 1");
	errno = ENOENT;
	err_sys("cannot open '%s'", "x");
	assert_string_equal(err_msg(), "cannot open 'x': No such file or directory");
	memset(big, 'y', sizeof big);
	big[2999] = 0;
	err_set("%s", big);
	assert_int_equal(strlen(err_msg()), 1023);
	assert_string_equal(err_msg() + 1020, "...");
}

/* XXH3_128bits("abc") of xxHash 0.8; its low half is XXH3_64bits for inputs this short. */
static void hashes_are_xxh3(void **st)
{
	char hex[33];
	struct h128 h = hash128("abc", 3), back;
	struct hasher s;
	static char big[100000];
	size_t i;
	(void)st;
	h128_hex(h, hex);
	assert_string_equal(hex, "06b05ab6733a618578af5f94892f3950");
	assert_true(hash64("abc", 3) == UINT64_C(0x78af5f94892f3950));
	assert_int_equal(h128_parse(hex, 32, &back), 0);
	assert_true(h128_eq(h, back));
	assert_int_equal(h128_parse(hex, 31, &back), -1);
	assert_int_equal(h128_parse("06b05ab6733a618578af5f94892f395g", 32, &back), -1);
	for (i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7);
	hasher_init(&s);
	for (i = 0; i < sizeof big; i += 1000)
		hasher_add(&s, big + i, 1000);
	assert_true(h128_eq(hasher_128(&s), hash128(big, sizeof big)));
	assert_true(hasher_64(&s) == hash64(big, sizeof big));
	hasher_release(&s);
}

/* Lengths around the blocks, parts of all sizes, with and without sums made before. */
static void block_hashes_are_others(void **st)
{
	static unsigned char big[5 * BLOCKHASH];
	struct blocksum sum[5];
	size_t n, part, at;
	(void)st;
	for (n = 0; n < sizeof big; n++)
		big[n] = (unsigned char)(n * 7 + n / 251);
	blockhash_sums(sum, big, 5);
	for (n = 0; n <= sizeof big; n += n % BLOCKHASH < 67 || n % BLOCKHASH > 1020 ? 1 : 97) {
		for (part = 100; part < 4000; part = part * 3 + 1) {
			struct blockhash h;
			blockhash_init(&h);
			for (at = 0; at < n; at += part)
				blockhash_add(&h, big + at, n - at < part ? n - at : part);
			assert_true(h128_eq(blockhash_128(&h), hash128(big, n)));
		}
		for (part = 1; part <= n / BLOCKHASH; part++) {
			struct blockhash h;
			at = n / BLOCKHASH - part;
			blockhash_init(&h);
			blockhash_add(&h, big, at * BLOCKHASH);
			blockhash_add_blocks(&h, big + at * BLOCKHASH, part, sum + at);
			at = n / BLOCKHASH * BLOCKHASH;
			blockhash_add(&h, big + at, n - at);
			assert_true(h128_eq(blockhash_128(&h), hash128(big, n)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(numbers_parse_whole_or_not_at_all),
	    cmocka_unit_test(signed_numbers_reach_both_ends),
	    cmocka_unit_test(sizes_take_suffixes),
	    cmocka_unit_test(decimals_parse_whole_and_finite),
	    cmocka_unit_test(products_do_not_wrap),
	    cmocka_unit_test(doubles_print_shortest),
	    cmocka_unit_test(doubles_read_back_and_none_shorter_does),
	    cmocka_unit_test(buffers_grow_and_print),
	    cmocka_unit_test(messages_nest_and_are_cut),
	    cmocka_unit_test(hashes_are_xxh3),
	    cmocka_unit_test(block_hashes_are_others),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
