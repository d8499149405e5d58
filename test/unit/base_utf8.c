/* layers: base */
#include "base/rng.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A slow reading of the definition: decode by the bit patterns, then refuse what is too long, too
 * large or a surrogate.  Length of the sequence at s, or 0. */
static int slow_decode(const unsigned char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	int len = s[0] < 0x80             ? 1
		  : (s[0] & 0xe0) == 0xc0 ? 2
		  : (s[0] & 0xf0) == 0xe0 ? 3
		  : (s[0] & 0xf8) == 0xf0 ? 4
					  : 0;
	int i;
	if (!len || (size_t)len > n)
		return 0;
	*cp = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 63);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return len;
}

static size_t slow_bad(const unsigned char *s, size_t n)
{
	size_t i = 0;
	uint32_t cp;
	while (i < n) {
		int len = slow_decode(s + i, n - i, &cp);
		if (!len)
			return i;
		i += (size_t)len;
	}
	return n;
}

static void every_scalar_value_is_written_and_read(void **st)
{
	uint32_t cp, back;
	char s[8];
	size_t bad;
	int len;
	(void)st;
	for (cp = 0; cp <= 0x10ffff; cp++) {
		if (cp == 0xd800)
			cp = 0xe000;
		len = utf8_put(s, cp);
		assert_int_equal(slow_decode((unsigned char *)s, (size_t)len, &back), len);
		assert_int_equal(back, cp);
		assert_int_equal(utf8_next(s, &len), cp);
		assert_true(utf8_valid(s, (size_t)len, &bad));
		assert_int_equal(utf8_count(s, (size_t)len), 1);
	}
}

static void every_short_sequence_is_judged_as_by_definition(void **st)
{
	unsigned a, b;
	(void)st;
	for (a = 0; a < 256; a++)
		for (b = 0; b < 65536; b++) {
			unsigned char s[4] = {
			    (unsigned char)a, (unsigned char)(b >> 8), (unsigned char)b, 0x80};
			size_t n = 2 + b % 3, want = slow_bad(s, n), bad = n;
			assert_int_equal(utf8_valid((char *)s, n, &bad), want == n);
			assert_int_equal(bad, want);
		}
}

/* Text of mostly ASCII with longer characters and, sometimes, a broken byte, at all alignments. */
static size_t fill(unsigned char *s, size_t n, uint64_t seed, int broken)
{
	size_t i = 0;
	uint64_t c = 0;
	while (i + 4 <= n) {
		uint64_t r = rng_at(seed, 0, c++);
		uint32_t cp = (uint32_t)(r >> 32);
		cp = r % 8 ? 32 + cp % 90 : r % 16 ? cp % 0xd800 : 0xe000 + cp % 0x102000;
		i += (size_t)utf8_put((char *)s + i, cp);
	}
	if (broken && i)
		s[rng_at(seed, 1, 0) % i] = (unsigned char)rng_at(seed, 1, 1);
	return i;
}

static void random_text_is_judged_as_by_definition(void **st)
{
	unsigned char buf[512];
	uint64_t k;
	(void)st;
	for (k = 0; k < 60000; k++) {
		size_t off = k % 9, n = fill(buf + off, k % 500, k, k % 2);
		size_t want = slow_bad(buf + off, n), bad = n;
		assert_int_equal(utf8_valid((char *)buf + off, n, &bad), want == n);
		assert_int_equal(bad, want);
	}
}

static void count_and_offset_agree_with_stepping(void **st)
{
	unsigned char buf[512];
	uint64_t k;
	(void)st;
	for (k = 0; k < 400; k++) {
		char *s = (char *)buf + k % 8;
		size_t n = fill((unsigned char *)s, k % 500, k, 0), i = 0, cp = 0;
		for (; i < n; cp++) {
			int len;
			assert_int_equal(utf8_offset(s, n, cp), i);
			utf8_next(s + i, &len);
			i += (size_t)len;
		}
		assert_int_equal(utf8_count(s, n), cp);
		assert_int_equal(utf8_offset(s, n, cp), n);
		assert_int_equal(utf8_offset(s, n, cp + 7), n);
	}
}

static void count_survives_more_than_255_words_of_tails(void **st)
{
	size_t n = 3 * 40000, i;
	char *s = malloc(n);
	(void)st;
	assert_non_null(s);
	for (i = 0; i < n; i += 3)
		memcpy(s + i, "\xe4\xb8\x80", 3);
	assert_int_equal(utf8_count(s, n), 40000);
	free(s);
}

/* Unicode 15, section 3.9, table 3-8 and the text around it. */
static void ill_formed_parts_have_the_length_unicode_says(void **st)
{
	(void)st;
	assert_int_equal(utf8_bad_len("\xc0\xaf", 2), 1);
	assert_int_equal(utf8_bad_len("\xe0\x80\xbf", 3), 1);
	assert_int_equal(utf8_bad_len("\xed\xa0\x80", 3), 1);
	assert_int_equal(utf8_bad_len("\xf0\x91\x92", 3), 3);
	assert_int_equal(utf8_bad_len("\xf1\xbf\x41", 3), 2);
	assert_int_equal(utf8_bad_len("\xe1\x80", 2), 2);
	assert_int_equal(utf8_bad_len("\xf4\x91\x92\x93", 4), 1);
	assert_int_equal(utf8_bad_len("\xff", 1), 1);
	assert_int_equal(utf8_bad_len("\x80", 1), 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(every_scalar_value_is_written_and_read),
	    cmocka_unit_test(every_short_sequence_is_judged_as_by_definition),
	    cmocka_unit_test(random_text_is_judged_as_by_definition),
	    cmocka_unit_test(count_and_offset_agree_with_stepping),
	    cmocka_unit_test(count_survives_more_than_255_words_of_tails),
	    cmocka_unit_test(ill_formed_parts_have_the_length_unicode_says),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
