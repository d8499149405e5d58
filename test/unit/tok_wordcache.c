/* layers: tok doc io base */
/* The cache of short pretokens: what it gives is what was put, and it forgets little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tok/wordcache.h"

static struct wordcache_key key_of(uint32_t i)
{
	char s[16] = {0};
	int n = snprintf(s, sizeof(s), "%.*s%x", (int)(i % 7), "zzzzzz", i * 2654435761u);

	return wordcache_key(s, (size_t)n, sizeof(s));
}

static void put(struct wordcache *c, uint32_t i)
{
	struct wordcache_key k = key_of(i);
	uint32_t ids[3] = {i, i + 1, i + 2};

	if (!wordcache_find(wordcache_set(c, &k), &k))
		wordcache_put(wordcache_set(c, &k), &k, ids, i % 4);
}

/* How many of the first n words are there; all of those with their own ids. */
static size_t count(const struct wordcache *c, uint32_t n)
{
	uint32_t i, k;
	size_t there = 0;

	for (i = 0; i < n; i++) {
		struct wordcache_key key = key_of(i);
		const struct wordcache_word *w = wordcache_find(wordcache_set(c, &key), &key);

		there += w != NULL;
		for (k = 0; w && k < i % 4; k++)
			assert_int_equal(w->id[k], i + k);
		if (w)
			assert_int_equal(w->n, i % 4);
	}
	return there;
}

static void words_come_back_changed_or_are_lost(void **state)
{
	struct wordcache c;
	uint32_t i;
	size_t before;

	(void)state;
	wordcache_init(&c, 10);
	for (i = 0; i < 1024; i++) /* half full */
		put(&c, i);
	before = count(&c, 1024);
	assert_true(before > 960); /* two places a set alone would keep 920 */
	wordcache_grow(&c, 13);
	assert_true(count(&c, 1024) >= before - 2);
	for (; i < 100000; i++)
		put(&c, i);
	assert_true(count(&c, 100000) > 10000);
	wordcache_release(&c);
}

static void length_and_bytes_are_confused(void **state)
{
	static const char text[] = "ab\0\0cdefghijklmnop";
	struct wordcache_key a, b;
	size_t n;

	(void)state;
	for (n = 1; n <= WORDCACHE_KEY; n++) {
		a = wordcache_key(text, n, n); /* no more may be read */
		b = wordcache_key(text, n, sizeof(text));
		assert_memory_equal(&a, &b, sizeof(a));
		b = wordcache_key(text, n - 1, sizeof(text));
		assert_memory_not_equal(&a, &b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(words_come_back_changed_or_are_lost),
	    cmocka_unit_test(length_and_bytes_are_confused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
