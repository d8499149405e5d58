/* layers: doc io base */
/* attributes and documents: what is printed, merged, parsed and refused. */
#include "base/err.h"
#include "doc/attr.h"
#include "doc/doc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct jspan span_of(const char *s)
{
	return (struct jspan){s, strlen(s)};
}

static void json_is(const struct attrs *a, const char *want)
{
	struct buf b = {0};
	attrs_put_json(a, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void test_print(void **state)
{
	struct attrs a = {0};
	size_t x, y;
	(void)state;
	json_is(&a, "{}");
	x = attrs_key(&a, "x");
	y = attrs_key(&a, "y\"z");
	assert_int_equal(attrs_key(&a, "x"), x);
	attrs_span(&a, y, 0, 5, 12);
	attrs_span(&a, x, 1, 2, 1.0 / 3);
	attrs_span(&a, y, 5, 5, -0.000001);
	attrs_span(&a, x, 3, 18446744073709551615u, 0.123456);
	json_is(&a, "{\"x\":[[1,2,0.33333],[3,18446744073709551615,0.12346]],"
		    "\"y\\\"z\":[[0,5,12.0],[5,5,-0.0]]}");
	a.exact = 1;
	json_is(&a, "{\"x\":[[1,2,0.3333333333333333],[3,18446744073709551615,0.123456]],"
		    "\"y\\\"z\":[[0,5,12.0],[5,5,-1e-06]]}");
	attrs_reset(&a);
	json_is(&a, "{}");
	attrs_key(&a, "no spans");
	json_is(&a, "{\"no spans\":[]}");
	attrs_release(&a);
}

static void test_names(void **state)
{
	struct attrs a = {0};
	(void)state;
	attrs_key3(&a, "my-set", "tag.ger", "__label__toxic");
	assert_string_equal(attrs_name(&a, 0), "my_set__tag_ger____label__toxic");
	attrs_key3(&a, "a", "b", "caf\xc3\xa9 \xf0\x9f\x98\x80");
	assert_string_equal(attrs_name(&a, 1), "a__b__caf___");
	attrs_release(&a);
	assert_int_equal(attrs_name_ok("a"), 0);
	assert_int_equal(attrs_name_ok("_x.y-9"), 0);
	assert_int_equal(attrs_name_ok(""), -1);
	assert_int_equal(attrs_name_ok("9a"), -1);
	assert_int_equal(attrs_name_ok(".."), -1);
	assert_int_equal(attrs_name_ok("a/b"), -1);
	assert_int_equal(attrs_name_ok("a b"), -1);
	assert_int_equal(attrs_name_ok("\xc3\xa9"), -1);
}

static void merge_is(const struct attrs *a, const char *old, const char *want)
{
	struct buf b = {0};
	attrs_merge_json(a, span_of(old), &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void test_merge(void **state)
{
	struct attrs a = {0};
	(void)state;
	merge_is(&a, "{\"a\" : 1, \"b\":[ ] }", "{\"a\" : 1,\"b\":[ ]}");
	attrs_key(&a, "b");
	merge_is(&a, "{}", "{\"b\":[]}");
	merge_is(&a, "null", "{\"b\":[]}");
	merge_is(&a, "{\"a\":{\"b\":0},\"\\u0062\":[[1,2,3]],\"c\":\"}\"}",
	    "{\"a\":{\"b\":0},\"c\":\"}\",\"b\":[]}");
	attrs_release(&a);
}

static void test_row(void **state)
{
	struct attrs a = {0};
	struct buf b = {0};
	(void)state;
	attrs_put_row(&a, span_of("\"x\\u0041\""), (struct jspan){NULL, 0}, &b);
	attrs_put_row(&a, span_of("\"x\""), span_of("null"), &b);
	assert_string_equal(buf_cstr(&b), "{\"id\":\"x\\u0041\",\"attributes\":{}}"
					  "{\"id\":\"x\",\"attributes\":{},\"source\":null}");
	buf_release(&b);
}

static void test_spans_parse(void **state)
{
	static const char *const bad[] = {"{}", "null", "1", "\"[]\"", "[1]", "[[1,2]]",
	    "[[1,2,3,4]]", "[[1,2,\"3\"]]", "[[-1,2,3]]", "[[2,1,3]]", "[[1.5,2,3]]",
	    "[[1,2,null]]", "[[1,2,1e999]]", "[[]]", "[{}]", "[[1,1e300,1]]"};
	struct span *s = NULL;
	size_t n = 0, cap = 0, i;
	(void)state;
	assert_int_equal(spans_parse(span_of("[]"), &s, &n, &cap), 0);
	assert_int_equal(n, 0);
	assert_int_equal(
	    spans_parse(span_of("[ [0, 5 ,1.5], [5,5.0,-2e0],[1e1,18,1]]"), &s, &n, &cap), 0);
	assert_int_equal(n, 3);
	assert_true(s[0].end == 5 && s[0].score == 1.5);
	assert_true(s[1].start == 5 && s[1].end == 5 && s[1].score == -2);
	assert_true(s[2].start == 10);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		n = 0;
		if (!spans_parse(span_of(bad[i]), &s, &n, &cap))
			fail_msg("%s was taken for spans", bad[i]);
	}
	free(s);
}

static void put_is(const char *line, const char *key, const char *want)
{
	struct doc d = {0};
	struct buf b = {0};
	assert_int_equal(doc_parse(&d, "f", 1, line, strlen(line)), 0);
	if (key)
		attrs_span(&d.attrs, attrs_key(&d.attrs, key), 0, d.n_cp, (double)d.n_cp);
	doc_put(&d, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
	doc_release(&d);
}

static void test_doc_put(void **state)
{
	(void)state;
	put_is(" {\"id\":\"1\" , \"text\":\"\\u00e9a\"} \r", NULL,
	    " {\"id\":\"1\" , \"text\":\"\\u00e9a\"} \r");
	put_is(" {\"id\":\"1\" , \"text\":\"\\u00e9a\" } \r", "k",
	    " {\"id\":\"1\" , \"text\":\"\\u00e9a\" ,\"attributes\":{\"k\":[[0,2,2.0]]}} \r");
	put_is("{\"id\":\"1\",\"attributes\": null, \"text\":\"\"}", "k",
	    "{\"id\":\"1\",\"attributes\": {\"k\":[[0,0,0.0]]}, \"text\":\"\"}");
	put_is("{\"attributes\":{\"a\":1},\"id\":\"1\",\"attributes\":{\"b\": 2},\"text\":\"\"}",
	    "k",
	    "{\"attributes\":{\"a\":1},\"id\":\"1\",\"attributes\":{\"b\": 2,\"k\":[[0,0,0.0]]},"
	    "\"text\":\"\"}");
}

static void test_doc_parse(void **state)
{
	static const char line[] =
	    "{\"id\":\"a\\\"b\",\"text\":\"x\\u0000\\n\\ud83d\\ude00\xe6\xb1\x89\"}";
	struct doc d = {0};
	size_t n;
	(void)state;
	assert_int_equal(doc_parse(&d, "f", 1, line, sizeof line - 1), 0);
	assert_int_equal(d.text_len, 10);
	assert_int_equal(d.n_cp, 5);
	assert_memory_equal(d.text, "x\0\n\xf0\x9f\x98\x80\xe6\xb1\x89", 11);
	assert_string_equal(doc_id(&d, &n), "a\"b");
	assert_int_equal(n, 3);
	attrs_key(&d.attrs, "k");
	d.drop = 1;
	/* the same struct again */
	assert_int_equal(doc_parse(&d, "g", 7, "{\"id\":\"\",\"text\":\"\"}", 19), 0);
	assert_int_equal(d.text_len, 0);
	assert_string_equal(d.text, "");
	assert_int_equal(d.attrs.n, 0);
	assert_int_equal(d.drop, 0);
	assert_int_equal(doc_parse(&d, "g", 8, "{\"id\":\"\",\"text\":[]}", 19), -1);
	assert_string_equal(err_msg(), "g:8: 'text' is not a string");
	assert_int_equal(doc_parse(&d, "g", 9, "{\"text\":\"\"}", 11), -1);
	assert_string_equal(err_msg(), "g:9: no 'id'");
	doc_release(&d);
}

static void test_arena(void **state)
{
	struct docarena *a = docarena_new();
	char *p[200];
	size_t i, k, round;
	(void)state;
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 200; i++) {
			size_t n = i % 40 == 39 ? 3000000 : i * 100;
			p[i] = docarena_alloc(a, n);
			assert_int_equal((uintptr_t)p[i] % 16, 0);
			memset(p[i], (int)i, n);
		}
		for (i = 0; i < 200; i++)
			for (k = 0; k < (i % 40 == 39 ? 3000000 : i * 100); k += 97)
				assert_int_equal((unsigned char)p[i][k], i);
		docarena_reset(a);
	}
	docarena_free(a);
	docarena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_print),
	    cmocka_unit_test(test_names), cmocka_unit_test(test_merge), cmocka_unit_test(test_row),
	    cmocka_unit_test(test_spans_parse), cmocka_unit_test(test_doc_put),
	    cmocka_unit_test(test_doc_parse), cmocka_unit_test(test_arena)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
