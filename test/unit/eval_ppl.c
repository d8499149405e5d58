/* layers: eval model kernels tok doc io base */
/* ppl: windows, counts, table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "eval/ppl.h"

static void windows_are_not_those_of_the_rule(void **state)
{
	static const struct ppl_window want[] = {{0, 256, 1}, {256, 256, 1}, {512, 183, 74}};
	static const struct ppl_window apart[] = {{0, 256, 1}, {256, 256, 1}, {512, 183, 1}};
	struct ppl_window w;
	size_t done, k;

	(void)state;
	for (done = k = 0; ppl_window(695, 256, 0, done, &w); done += w.n, k++)
		assert_memory_equal(&w, &want[k], sizeof(w));
	assert_int_equal(k, 3);
	for (done = k = 0; ppl_window(695, 256, 1, done, &w); done += w.n, k++)
		assert_memory_equal(&w, &apart[k], sizeof(w));
	assert_int_equal(k, 3);
	assert_int_equal(ppl_window(0, 256, 0, 0, &w), 0);
	assert_int_equal(ppl_window(100, 256, 0, 0, &w), 1);
	assert_int_equal(w.ctx, 1);
}

/* Every length: each token once, an input never longer than L, context never before the start. */
static void windows_leave_out_or_repeat_tokens(void **state)
{
	size_t n, L;

	(void)state;
	for (L = 1; L < 9; L++)
		for (n = 0; n < 40; n++) {
			struct ppl_window w;
			size_t done = 0;

			while (ppl_window(n, L, 0, done, &w)) {
				assert_int_equal(w.start, done);
				assert_true(w.n >= 1 && w.n <= L);
				assert_true(w.ctx >= 1 && w.ctx + w.n <= L + 1);
				assert_true(done == 0 || (w.ctx <= done && w.ctx + w.n == L + 1));
				done += w.n;
			}
			assert_int_equal(done, n);
		}
}

/* Python 3.11: len(t.encode()), len(t), len(re.split(r'\s+', t)) */
static void counts_are_not_those_of_python(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes, chars, words;
	} c[] = {
	    {"", 0, 0, 1},
	    {"a", 1, 1, 1},
	    {" a b\n", 5, 5, 4},
	    {"a \t\r\n b", 7, 7, 2},
	    {"a\xc2\xa0"
	     "b\xe3\x80\x80\xe2\x80\x89"
	     "c",
		11, 6, 3},
	    {"a\x1c"
	     "b\x1f"
	     "c",
		5, 5, 3},
	    {"a\xe2\x80\x8b"
	     "b",
		5, 3, 1},
	    {"\xf0\x9f\x98\x80 \xc3\xa9", 7, 3, 2},
	    {"   ", 3, 3, 2},
	};
	size_t k;

	(void)state;
	for (k = 0; k < sizeof(c) / sizeof(c[0]); k++) {
		struct ppl_sum s = {0};

		ppl_count(c[k].text, strlen(c[k].text), &s);
		assert_int_equal(s.docs, 1);
		assert_int_equal(s.bytes, c[k].bytes);
		assert_int_equal(s.chars, c[k].chars);
		assert_int_equal(s.words, c[k].words);
	}
}

static void units_are_mixed_up(void **state)
{
	struct ppl_sum s = {.tokens = 10, .bytes = 40, .ll = -20 * log(2.0)};
	struct ppl_sum none = {0};

	(void)state;
	assert_true(fabs(ppl_bits_per_byte(&s) - 0.5) < 1e-12);
	assert_true(fabs(ppl_per_token(&s) - 4.0) < 1e-12);
	assert_true(isnan(ppl_bits_per_byte(&none)) && isnan(ppl_per_token(&none)));
}

static void table_loses_rows_or_its_order(void **state)
{
	struct ppl_table t = {0};
	struct ppl_row *a = ppl_row(&t, "b", "x", "val"), *b = ppl_row(&t, "a", "y", "val");

	(void)state;
	assert_ptr_equal(ppl_row(&t, "b", "x", "val"), a);
	assert_ptr_not_equal(ppl_row(&t, "b", "x", "test"), a);
	assert_ptr_equal(ppl_row(&t, "a", "y", "val"), b);
	assert_int_equal(t.n, 3);
	ppl_table_sort(&t);
	assert_ptr_equal(t.row[0], b);
	assert_string_equal(t.row[1]->split, "test");
	assert_ptr_equal(t.row[2], a);
	ppl_table_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(windows_are_not_those_of_the_rule),
	    cmocka_unit_test(windows_leave_out_or_repeat_tokens),
	    cmocka_unit_test(counts_are_not_those_of_python),
	    cmocka_unit_test(units_are_mixed_up),
	    cmocka_unit_test(table_loses_rows_or_its_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
