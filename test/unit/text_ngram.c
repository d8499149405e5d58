/* layers: text doc io base */
/* Counts of word n-grams against counting by comparing every pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "text/ngram.h"

static int same_word(const char *t, const struct word *a, const struct word *b)
{
	return a->len == b->len && !memcmp(t + a->off, t + b->off, a->len);
}

static int same_gram(const char *t, const struct words *w, size_t i, size_t j, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!same_word(t, &w->v[i + k], &w->v[j + k]))
			return 0;
	return 1;
}

static void check(struct gramtab *g, const char *text)
{
	struct segment s = {0};
	const struct words *w;

	assert_int_equal(segment_text(&s, text, strlen(text), strlen(text)), 0);
	w = segment_words(&s);
	gramtab_words(g, text, w);
	for (size_t n = 2; n <= 10; n++) {
		size_t grams = w->n >= n ? w->n - n + 1 : 0, best = 0, most = 0;

		gramtab_next(g);
		assert_int_equal(g->n_grams, grams);
		for (size_t i = 0; i < grams; i++) {
			size_t count = 0, chars = 0;

			for (size_t j = 0; j < grams; j++)
				count += (size_t)same_gram(text, w, i, j, n);
			for (size_t k = 0; k < n; k++)
				chars += w->v[i + k].n_cp;
			assert_int_equal(gramtab_count(g, i), count);
			assert_int_equal(gramtab_chars(g, i), chars);
			if (count > most)
				most = count, best = i;
		}
		if (grams)
			assert_int_equal(gramtab_top(g), best);
	}
	segment_release(&s);
}

static void counts_equal_brute_force(void **state)
{
	static const char *const words[] = {"a", "b", "the", "then", "th", "en", "sat", "x"};
	struct gramtab *g = gramtab_new();
	struct mt19937 r;
	char text[2048];

	(void)state;
	mt19937_seed(&r, 7);
	check(g, "");
	check(g, "one");
	check(g, "a a a a a a a a a a a a a a a a");
	for (int round = 0; round < 300; round++) {
		size_t n = mt19937_below(&r, 120), kinds = 1 + mt19937_below(&r, 8), len = 0;

		for (size_t i = 0; i < n; i++) {
			const char *w = words[mt19937_below(&r, kinds)];

			memcpy(text + len, w, strlen(w));
			len += strlen(w);
			text[len++] = i % 7 ? ' ' : '\n';
		}
		text[len] = 0;
		check(g, text);
	}
	gramtab_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts_equal_brute_force)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
