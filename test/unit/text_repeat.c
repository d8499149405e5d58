/* layers: text doc io base */
/* Repetitions against a backtracking reading of (.+?)(\s?\1){3,} that tries every length at every
 * place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/repeat.h"
#include "text/uchar.h"

struct text {
	uint32_t c[128];
	size_t n;
};

static int unit_at(const struct text *t, size_t s, size_t unit, size_t i)
{
	return i + unit <= t->n && !memcmp(t->c + s, t->c + i, unit * sizeof(*t->c));
}

/* (\s?\1){3,} from i after k repetitions: the end, or 0. */
static size_t more(const struct text *t, size_t s, size_t unit, size_t i, int k)
{
	size_t end = 0;

	if (i < t->n && (uchar(t->c[i]) & UC_SPACE) && unit_at(t, s, unit, i + 1))
		end = more(t, s, unit, i + 1 + unit, k + 1);
	if (!end && unit_at(t, s, unit, i))
		end = more(t, s, unit, i + unit, k + 1);
	if (!end && k >= 3)
		end = i;
	return end;
}

static size_t match(const struct text *t, size_t s, size_t *unit)
{
	for (*unit = 1; s + *unit <= t->n && t->c[s + *unit - 1] != '\n'; ++*unit) {
		size_t end = more(t, s, *unit, s + *unit, 0);

		if (end)
			return end;
	}
	return 0;
}

static unsigned compare(struct repeats *r, const struct text *t)
{
	char s[512];
	size_t bytes = 0, unit;
	unsigned k = 0;

	for (size_t i = 0; i < t->n; i++)
		bytes += (size_t)utf8_put(s + bytes, t->c[i]);
	repeats_find(r, s, bytes);
	for (size_t i = 0; i < t->n;) {
		size_t end = match(t, i, &unit), count = 0;

		if (!end) {
			i++;
			continue;
		}
		for (size_t j = i; j + unit <= end;)
			if (unit_at(t, i, unit, j))
				count++, j += unit;
			else
				j++;
		assert_true(k < r->n);
		assert_int_equal(r->v[k].start, i);
		assert_int_equal(r->v[k].end, end);
		assert_int_equal(r->v[k].unit, unit);
		assert_int_equal(r->v[k].count, count);
		k++;
		i = end;
	}
	assert_int_equal(r->n, k);
	return k;
}

static void equals_backtracking(void **state)
{
	static const uint32_t alphabets[][6] = {{'a', 'b'}, {'a', ' '}, {' ', '\t', 'a'},
	    {'a', '\n'}, {'a', ' ', '\n', 'a'}, {0xe9, 'a', 0x3000}, {'a', 'a', 'a', 'b', ' '}};
	struct repeats r = {0};
	struct mt19937 g;
	struct text t;
	unsigned found = 0;

	(void)state;
	mt19937_seed(&g, 3);
	for (size_t a = 0; a < sizeof(alphabets) / sizeof(*alphabets); a++)
		for (int round = 0; round < 3000; round++) {
			size_t kinds = 0, unit = (size_t)mt19937_below(&g, 8) + 1;

			while (kinds < 6 && alphabets[a][kinds])
				kinds++;
			t.n = (size_t)mt19937_below(&g, 60);
			for (size_t i = 0; i < t.n; i++) {
				int copy = i >= unit && mt19937_below(&g, 12) > 0;

				t.c[i] =
				    copy ? t.c[i - unit] : alphabets[a][mt19937_below(&g, kinds)];
			}
			found += compare(&r, &t);
		}
	assert_true(found > 5000);
	repeats_release(&r);
}

/* The engine would need hours for these. */
static void long_repetitive_text_ends_soon(void **state)
{
	enum { N = 200000 };
	static char s[N];
	struct repeats r = {0};

	(void)state;
	memset(s, 'a', N);
	repeats_find(&r, s, N);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].end, N);
	assert_int_equal(r.v[0].count, N);
	for (size_t i = 0; i < N; i += 100)
		s[i] = 'b';
	repeats_find(&r, s, N);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].end, N);
	assert_int_equal(r.v[0].unit, 100);
	assert_int_equal(r.v[0].count, N / 100);
	repeats_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_backtracking),
	    cmocka_unit_test(long_repetitive_text_ends_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
