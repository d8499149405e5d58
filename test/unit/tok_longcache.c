/* layers: tok doc io base */
/* The cache of longer pretokens: what it gives is what was put, until all is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "tok/longcache.h"

enum { MOST = 300 };

/* Pretoken i and its ids; some have the hash of another. */
static size_t make(uint32_t i, char *s, uint32_t *ids, size_t *n, uint64_t *hash)
{
	size_t len = (size_t)snprintf(s, LONGCACHE_KEY, "%0*u", 1 + (int)(i % 97), i), k;

	*n = i % 50 ? i % 9 : MOST;
	for (k = 0; k < *n; k++)
		ids[k] = i + (uint32_t)k;
	*hash = i % 10 ? hash64(s, len) : 7;
	return len;
}

/* Whether pretoken i is there; with its own ids. */
static int is_there(const struct longcache *c, uint32_t i)
{
	char s[LONGCACHE_KEY];
	uint32_t ids[MOST];
	const uint32_t *got;
	uint64_t hash;
	size_t n, n_got, len = make(i, s, ids, &n, &hash);
	const struct wordcache_word *w = longcache_find(c, hash, s, len);

	if (!w)
		return 0;
	got = longcache_ids(c, w, &n_got);
	assert_int_equal(n_got, n);
	assert_memory_equal(got, ids, n * sizeof(*ids));
	return 1;
}

static const struct wordcache_word *put(struct longcache *c, uint32_t i)
{
	char s[LONGCACHE_KEY];
	uint32_t ids[MOST];
	uint64_t hash;
	size_t n, len = make(i, s, ids, &n, &hash);

	return longcache_put(c, hash, s, len, ids, n);
}

static void words_come_back_changed_or_are_lost(void **state)
{
	struct longcache c;
	uint32_t i, k;

	(void)state;
	longcache_init(&c);
	for (i = 0; i < 20000; i++) {
		if (i % 100 == 0)
			assert_int_equal(longcache_ready(&c, 100), 0);
		assert_false(is_there(&c, i));
		assert_non_null(put(&c, i));
	}
	for (k = 0; k < i; k++)
		assert_true(is_there(&c, k));
	longcache_release(&c);
}

/* Full, it takes no more and keeps what it has; then it forgets all at once. */
static void a_full_one_loses_words(void **state)
{
	struct longcache c;
	struct wordcache_word word;
	static uint32_t ids[1000000];
	uint32_t i, k;
	size_t n;

	(void)state;
	longcache_init(&c);
	for (n = 0; longcache_word(&c, &word, ids, 1000000), word.id[1]; n++)
		;
	assert_int_equal(n, 4);
	assert_int_equal(word.n, LONGCACHE_FAR);
	longcache_word(&c, &word, ids, 150000);
	assert_int_equal(word.id[1], 150000);
	for (i = 0; put(&c, i); i++)
		;
	assert_true(i > 1000);
	for (k = 0; k < i; k++)
		assert_true(is_there(&c, k));
	assert_false(is_there(&c, i));
	longcache_word(&c, &word, ids, WORDCACHE_IDS);
	assert_int_equal(word.n, WORDCACHE_IDS);
	assert_int_equal(longcache_ready(&c, 4096), 1);
	for (k = 0; k < i; k++)
		assert_false(is_there(&c, k));
	assert_non_null(put(&c, i));
	assert_true(is_there(&c, i));
	longcache_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(words_come_back_changed_or_are_lost),
	    cmocka_unit_test(a_full_one_loses_words)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
