/* layers: doc io base */
/* jscan against jansson: the same lines accepted, the same fields and texts, on generated lines
 * and mutations of them; one seed, so the lines are the same in every run. */
#include "base/err.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "doc/jscan.h"
#include "doc/jscan_isa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

static struct mt19937 rng;

static uint32_t below(uint32_t n)
{
	return mt19937_next32(&rng) % n;
}

static int one_in(uint32_t n)
{
	return !below(n);
}

/* --- the generator --------------------------------------------------------------------------- */

static void gen_space(struct buf *b)
{
	static const char *const space[] = {"", "", "", "", "", " ", "  ", "\t", "\r", "\n"};
	buf_str(b, space[below(10)]);
}

static uint32_t gen_cp(void)
{
	static const uint32_t edge[] = {0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000,
	    0x10ffff, 0xfffd, 0x2028, 0x85};
	switch (below(6)) {
	case 0:
		return edge[below(12)];
	case 1:
		return 0x80 + below(0x780);
	case 2:
		return 0x4e00 + below(0x5000);
	case 3:
		return 0x10000 + below(0x100000);
	}
	return 0x20 + below(0x5f);
}

static void gen_escape(struct buf *b)
{
	static const char letters[] = "\"\\/bfnrtbfnrtux'0";
	uint32_t cp = one_in(20) ? below(0x20) : gen_cp();
	if (one_in(3)) {
		/* seldom a wrong one */
		buf_printf(b, "\\%c", letters[below(one_in(60) ? 17 : 13)]);
	} else if (one_in(150)) {
		buf_printf(b, "\\u%04x", 0xd800 + below(0x800)); /* a lone half */
	} else if (cp >= 0x10000) {
		buf_printf(b, one_in(2) ? "\\u%04x\\u%04x" : "\\u%04X\\u%04X",
		    0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
	} else {
		buf_printf(b, one_in(2) ? "\\u%04x" : "\\u%04X", cp);
	}
}

static void gen_string(struct buf *b, uint32_t max)
{
	uint32_t i, n = below(one_in(8) ? 8 * max + 1 : max + 1);
	uint32_t escapes = one_in(2) ? 1000000 : 2 + below(40);
	int ascii = one_in(2);
	char tmp[4];
	buf_chr(b, '"');
	for (i = 0; i < n; i++) {
		uint32_t cp = ascii ? 0x20 + below(0x5f) : gen_cp();
		if (one_in(escapes) || cp == '"' || cp == '\\')
			gen_escape(b);
		else
			buf_add(b, tmp, (size_t)utf8_put(tmp, cp));
	}
	buf_chr(b, '"');
}

static void gen_number(struct buf *b)
{
	static const char *const odd[] = {"0", "-0", "1e5", "1E+05", "-1.5e-300", "1e-999", "0.0",
	    "12345678901234567890123", "-9223372036854775808", "18446744073709551615", "01", "1.",
	    ".5", "-", "+1", "1e", "0x10", "NaN", "Infinity", "1.5.2", "1e400"};
	if (one_in(6))
		buf_str(b, odd[below(one_in(8) ? 21 : 10)]);
	else if (one_in(2))
		buf_printf(b, "%d", (int)below(2000000) - 1000000);
	else
		buf_printf(
		    b, "%.*g", 1 + (int)below(17), (below(1000000) - 5e5) / (1 + below(999)));
}

static void gen_value(struct buf *b, int depth);

static void gen_key(struct buf *b)
{
	static const char *const names[] = {"\"id\"", "\"text\"", "\"source\"", "\"added\"",
	    "\"created\"", "\"version\"", "\"metadata\"", "\"attributes\"", "\"t\\u0065xt\"",
	    "\"\\u0069\\u0064\"", "\"ID\"", "\"te\"", "\"texts\"", "\"\"", "\"sour\\u0063e\""};
	if (one_in(4))
		gen_string(b, 12);
	else
		buf_str(b, names[below(15)]);
}

static void gen_object(struct buf *b, int depth, uint32_t n)
{
	uint32_t i;
	buf_chr(b, '{');
	for (i = 0; i < n; i++) {
		gen_space(b);
		gen_key(b);
		gen_space(b);
		buf_chr(b, ':');
		gen_space(b);
		gen_value(b, depth + 1);
		gen_space(b);
		if (i + 1 < n || one_in(200))
			buf_chr(b, ',');
	}
	gen_space(b);
	buf_chr(b, '}');
}

static void gen_array(struct buf *b, int depth)
{
	uint32_t i, n = below(5);
	buf_chr(b, '[');
	for (i = 0; i < n; i++) {
		gen_space(b);
		gen_value(b, depth + 1);
		gen_space(b);
		if (i + 1 < n || one_in(200))
			buf_chr(b, ',');
	}
	buf_chr(b, ']');
}

static void gen_value(struct buf *b, int depth)
{
	static const char *const words[] = {"true", "false", "null", "True", "nul", "truex"};
	switch (below(depth < 5 ? 8 : 5)) {
	case 0:
		buf_str(b, words[below(one_in(30) ? 6 : 3)]);
		break;
	case 1:
	case 2:
		gen_number(b);
		break;
	case 6:
		gen_object(b, depth, below(4));
		break;
	case 7:
		gen_array(b, depth);
		break;
	default:
		gen_string(b, 40);
	}
}

static void mutate(struct buf *b)
{
	static const char bytes[] = "\"\\{}[],:0123456789.eE+-tfnu \t\x00\x01\x1f\x7f\x80\xbf\xc0"
				    "\xc2\xe0\xe2\xed\xa0\xf0\xf4\x90\xff";
	size_t at = below((uint32_t)b->len), n;
	char c = bytes[below(sizeof bytes - 1)];
	switch (below(5)) {
	case 0:
		b->p[at] = c;
		break;
	case 1:
		b->p[at] ^= (char)(1 << below(8));
		break;
	case 2: /* cut out */
		n = 1 + below(4);
		if (n > b->len - at)
			n = b->len - at;
		memmove(b->p + at, b->p + at + n, b->len - at - n);
		b->len -= n;
		break;
	case 3: /* put in */
		buf_chr(b, 0);
		memmove(b->p + at + 1, b->p + at, b->len - 1 - at);
		b->p[at] = c;
		break;
	case 4:
		if (one_in(3))
			b->len = at;
		else
			buf_chr(b, c);
	}
	if (!b->len)
		buf_chr(b, ' ');
}

static void gen_line(struct buf *b)
{
	uint32_t n;
	b->len = 0;
	gen_space(b);
	if (one_in(50))
		gen_value(b, 0);
	else
		gen_object(b, 0, below(7));
	gen_space(b);
	for (n = one_in(2) ? 0 : 1 + below(3); n; n--)
		mutate(b);
}

/* --- the comparison -------------------------------------------------------------------------- */

static const char *const field[J_FIELDS] = {
    "id", "text", "source", "added", "created", "version", "metadata", "attributes"};

static json_t *load(struct jspan v)
{
	return json_loadb(
	    v.p, v.len, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
}

static void same_value(struct jspan v, const json_t *want)
{
	struct buf s = {0};
	json_t *got = load(v);
	assert_non_null(got);
	assert_true(json_equal(got, want));
	assert_int_equal(json_is_string(want), jspan_type(v) == JT_STRING);
	if (json_is_string(want)) {
		assert_int_equal(jscan_str(v, &s), 0);
		assert_int_equal(s.len, json_string_length(want));
		assert_memory_equal(s.len ? s.p : "", json_string_value(want), s.len);
		/* and back: what jstr_put writes reads as the same string */
		struct buf again = {0};
		jstr_put(&again, s.p ? s.p : "", s.len);
		json_t *third = load((struct jspan){again.p, again.len});
		assert_true(json_equal(third, want));
		json_decref(third);
		buf_release(&again);
		buf_release(&s);
	}
	json_decref(got);
}

/* Each member by name, the last of equal ones; and no others. */
static void same_members(struct jspan object, json_t *want)
{
	struct jiter it = jiter_open(object);
	struct jspan k, v;
	const char *name;
	json_t *x, *seen = json_object();
	while (jiter_next(&it, &k, &v)) {
		struct buf s = {0};
		jscan_str(k, &s);
		json_object_set_new(seen, buf_cstr(&s), json_true());
		buf_release(&s);
	}
	assert_int_equal(json_object_size(seen), json_object_size(want));
	json_decref(seen);
	json_object_foreach(want, name, x)
	{
		assert_int_equal(jspan_member(object, name, &v), 1);
		same_value(v, x);
	}
}

static void same_fields(const struct jscan *j, json_t *want)
{
	int k;
	same_members(j->object, want);
	for (k = 0; k < J_FIELDS; k++) {
		json_t *x = json_object_get(want, field[k]);
		assert_int_equal(x != NULL, j->f[k].p != NULL);
		if (!x)
			continue;
		same_value(j->f[k], x);
		assert_true(*j->member[k].p == '"');
		assert_true(j->member[k].p + j->member[k].len == j->f[k].p + j->f[k].len);
	}
}

enum verdict { ACCEPT, REJECT, NO_WORD };

/* What jansson says; NO_WORD where jscan differs on purpose (jscan.h). */
static enum verdict reference(const char *line, size_t len, json_t **out)
{
	json_error_t e;
	*out = NULL;
	if (memchr(line, 0, len))
		return REJECT;
	*out = json_loadb(line, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
	if (!*out && json_error_code(&e) == json_error_numeric_overflow)
		return NO_WORD;
	return json_is_object(*out) ? ACCEPT : REJECT;
}

/* A copy whose last byte is the last of its block: reading beyond it shows under a sanitizer. */
static void compare(const char *line, size_t len, size_t count[3])
{
	char *copy = malloc(len ? len : 1), message[256];
	struct jscan j;
	json_t *want;
	enum verdict v = reference(line, len, &want);
	int rc;
	memcpy(copy, line, len);
	jscan_isa_force = &jscan_sse2;
	rc = jscan_line(&j, copy, len);
	snprintf(message, sizeof message, "%s", rc < 0 ? err_msg() : "");
	jscan_isa_force = NULL;
	assert_int_equal(jscan_line(&j, copy, len), rc);
	if (rc < 0)
		assert_string_equal(err_msg(), message);
	if (v != NO_WORD && (rc == 0) != (v == ACCEPT))
		fail_msg("jansson %s, jscan %s (%s): %.*s", v == ACCEPT ? "accepts" : "refuses",
		    rc == 0 ? "accepts" : "refuses", message, (int)len, line);
	if (v == ACCEPT)
		same_fields(&j, want);
	count[v]++;
	json_decref(want);
	free(copy);
}

static void test_same_as_jansson(void **state)
{
	const char *env = getenv("OLMO_FUZZ_LINES");
	size_t i, n = env ? strtoull(env, NULL, 10) : 100000, count[3] = {0};
	struct buf b = {0};
	(void)state;
	mt19937_seed(
	    &rng, getenv("OLMO_FUZZ_SEED") ? strtoull(getenv("OLMO_FUZZ_SEED"), NULL, 10) : 1);
	for (i = 0; i < n; i++) {
		gen_line(&b);
		compare(b.p, b.len, count);
	}
	buf_release(&b);
	print_message("# %zu lines: %zu accepted, %zu refused, %zu with numbers beyond jansson\n",
	    n, count[ACCEPT], count[REJECT], count[NO_WORD]);
	/* the generator is worth something only when it makes enough of both */
	assert_true(count[ACCEPT] > n / 5 && count[REJECT] > n / 5 && count[NO_WORD] < n / 20);
}

/* --- by hand --------------------------------------------------------------------------------- */

static int accepts(const char *line)
{
	struct jscan j;
	return jscan_line(&j, line, strlen(line)) == 0;
}

static void test_by_hand(void **state)
{
	size_t i, count[3] = {0};
	static const char *const lines[] = {"{}", " { } ", "[]", "", " ", "{", "}", "{}{}", "{} x",
	    "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{a:1}", "{\"a\":[1,]}",
	    "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":[1}", "{\"a\":{]}", "{\"a\":\"\\u0000\"}",
	    "{\"\\u0000\":1}", "{\"a\":{\"b\\u0000\":1}}", "{\"a\":\"\\ud83d\\ude00\"}",
	    "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\ude00\"}", "{\"a\":\"\\ud83dx\"}",
	    "{\"a\":\"\\ud83d\\u0041\"}", "{\"a\":\"\\ud83d\\", "{\"a\":\"\\", "{\"a\":\"\\u12",
	    "{\"a\":\"\\u12g4\"}", "{\"a\":\"\x01\"}", "{\"a\":\"\x1f\"}", "{\"a\":\"\x7f\"}",
	    "{\"a\":\"\t\"}", "\xef\xbb\xbf{}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\x80\"}",
	    "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xf4\x8f\xbf\xbf\"}", "{\"a\":\"\xe2\x82\"}",
	    "{\"a\":-}", "{\"a\":-0}", "{\"a\":00}", "{\"a\":0.}", "{\"a\":.0}", "{\"a\":0e0}",
	    "{\"a\":1e+}", "{\"a\":1E-7}", "{\"a\":tru}", "{\"a\":trues}", "{\"a\":NaN}",
	    "{\"a\":1}\x80", "{\"text\":\"x\",\"text\":\"y\"}", "\"a\"", "1", "null",
	    "{\"a\":1}\r", "{\"a\":1}\x0b", "{\"a\"\xc2\xa0:1}", "{'a':1}", "/**/{}"};
	(void)state;
	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		compare(lines[i], strlen(lines[i]), count);
}

static void test_differences_on_purpose(void **state)
{
	struct jscan j;
	int64_t v;
	double d;
	(void)state;
	assert_true(accepts("{\"a\":18446744073709551616}"));
	assert_true(accepts("{\"a\":1e999}"));
	assert_int_equal(jscan_line(&j, "{\"a\":1\0}", 8), -1);
	assert_int_equal(jscan_line(&j, "{\"a\":true\0}", 11), -1);
	assert_int_equal(jscan_line(&j, "{}\0", 3), -1);
	assert_int_equal(jscan_line(&j, "{\"version\":18446744073709551616}", 32), 0);
	assert_int_equal(jspan_i64(j.f[J_VERSION], &v), -1);
	assert_int_equal(jspan_num(j.f[J_VERSION], &d), 0);
	assert_true(d == 0x1p64);
}

static void nested(struct buf *b, int depth, const char *inner)
{
	int i;
	b->len = 0;
	buf_str(b, "{\"a\":");
	for (i = 0; i < depth; i++)
		buf_str(b, i % 3 ? "[" : "{\"b\":");
	buf_str(b, inner);
	while (i--)
		buf_str(b, i % 3 ? "]" : "}");
	buf_str(b, "}");
}

static void test_depth(void **state)
{
	struct buf b = {0};
	size_t count[3] = {0};
	int d;
	(void)state;
	for (d = 2044; d < 2051; d++) {
		nested(&b, d, "1");
		compare(b.p, b.len, count);
		nested(&b, d, "[]");
		compare(b.p, b.len, count);
		nested(&b, d, "{}");
		compare(b.p, b.len, count);
	}
	assert_int_equal(count[ACCEPT], 9);
	assert_int_equal(count[REJECT], 12);
	/* far deeper must not eat the stack */
	nested(&b, 1000000, "1");
	assert_int_equal(accepts(buf_cstr(&b)), 0);
	buf_release(&b);
}

/* Every special byte at every place of two vectors, at every alignment. */
static void test_block_edges(void **state)
{
	static const char *const special[] = {"\"", "\\n", "\x01", "\x1f", "\xc3\xa9",
	    "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x80",
	    "\xed\xa0\x80", "\xe0\x80\x80", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80", "\xc1\x81"};
	size_t at, k, n, count[3] = {0};
	struct buf b = {0};
	(void)state;
	for (k = 0; k < sizeof special / sizeof *special; k++)
		for (at = 0; at < 70; at++)
			for (n = 0; n < 70; n += 23) {
				size_t i;
				b.len = 0;
				buf_str(&b, "{\"text\":\"");
				for (i = 0; i < at; i++)
					buf_chr(&b, 'x');
				buf_str(&b, special[k]);
				for (i = 0; i < n; i++)
					buf_chr(&b, 'y');
				buf_str(&b, "\"}");
				compare(b.p, b.len, count);
			}
	assert_true(count[ACCEPT] > 1000 && count[REJECT] > 1000);
	buf_release(&b);
}

/* The table look-up of the wide loop against utf8_valid, on short random byte strings made of the
 * bytes that matter. */
static void test_utf8_tables(void **state)
{
	static const char bytes[] =
	    "aA\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed"
	    "\xee\xef\xf0\xf1\xf3\xf4\xf5\xff";
	const struct jscan_isa *isa = jscan_isa();
	char s[80];
	size_t i, j, n, good = 0;
	(void)state;
	mt19937_seed(&rng, 2);
	for (i = 0; i < 200000; i++) {
		n = below(80);
		memset(s, 'a', sizeof s);
		for (j = 0; n && j < 4; j++)
			s[(n - 1 + j) % n] = bytes[below(sizeof bytes - 1)];
		for (j = below(80); j + 4 < n && one_in(2); j++)
			s[j] = bytes[below(sizeof bytes - 1)];
		assert_int_equal(isa->utf8(s, n), utf8_valid(s, n, NULL));
		good += (size_t)isa->utf8(s, n);
	}
	assert_true(good > 100);
}

static void test_messages(void **state)
{
	struct jscan j;
	(void)state;
	assert_int_equal(jscan_line(&j, "{\"a\":1 \"b\":2}", 13), -1);
	assert_string_equal(err_msg(), "offset 7: ',' or '}' expected, not '\"'");
	assert_int_equal(jscan_line(&j, "{\"a\":\"\x80\"}", 9), -1);
	assert_string_equal(err_msg(), "offset 6: not UTF-8");
	assert_int_equal(jscan_line(&j, "{\"a\":1", 6), -1);
	assert_string_equal(err_msg(), "offset 6: ',' or '}' expected, the line ends");
	assert_int_equal(jscan_line(&j, "", 0), -1);
	assert_string_equal(err_msg(), "offset 0: empty line");
}

static void test_streq_and_numbers(void **state)
{
	struct jspan v = {"\"a\\u0062c\"", 10}, n;
	int64_t i;
	double d;
	(void)state;
	assert_true(jspan_streq(v, "abc"));
	assert_false(jspan_streq(v, "ab"));
	assert_false(jspan_streq(v, "abcd"));
	n = (struct jspan){"-9223372036854775808", 20};
	assert_int_equal(jspan_i64(n, &i), 0);
	assert_true(i == INT64_MIN);
	n = (struct jspan){"9223372036854775808", 19};
	assert_int_equal(jspan_i64(n, &i), -1);
	n = (struct jspan){"1.0", 3};
	assert_int_equal(jspan_i64(n, &i), -1);
	assert_int_equal(jspan_num(n, &d), 0);
	assert_true(d == 1);
	assert_int_equal(jspan_num(v, &d), -1);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Python's round(x, 5): format with 5 places (exact, half to even), read back. */
static double round5_slow(double v)
{
	char s[400];
	snprintf(s, sizeof s, "%.5f", v);
	return strtod(s, NULL);
}

static void check_round5(double v)
{
	double a = jnum_round5(v), b = round5_slow(v);
	if (memcmp(&a, &b, sizeof a))
		fail_msg("round5(%.17g) = %.17g, want %.17g", v, a, b);
}

static void test_round5(void **state)
{
	int i;
	(void)state;
	mt19937_seed(&rng, 3);
	for (i = 0; i < 300000; i++) {
		double k = (double)below(2000000) - 1e6, r = mt19937_double(&rng);
		check_round5(r);
		check_round5((k + 0.5) / 1e5); /* next to a tie */
		check_round5(nextafter((k + 0.5) / 1e5, r * 100));
		check_round5((k + 0.5) / 64); /* ties that doubles hold: 2^-6 has 6 places */
		check_round5(ldexp(r - 0.5, (int)below(120) - 60));
	}
	check_round5(0.0);
	check_round5(-0.0);
	check_round5(-1e-9);
	check_round5(5e-6);
	check_round5(15e-6);
	check_round5(0.015625); /* 1/64: 0.01562|5 to even */
	check_round5(0.046875);
	check_round5(1e22);
	check_round5(123456789012.123456789);
	assert_true(jnum_round5(2.675) == 2.675);
}

static void put_is(double v, const char *want)
{
	struct buf b = {0};
	jnum_put(&b, v);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void test_numbers_print_shortest(void **state)
{
	(void)state;
	put_is(12, "12");
	put_is(-3, "-3");
	put_is(0.1, "0.1");
	put_is(0.1 + 0.2, "0.30000000000000004");
	put_is(1.0 / 3, "0.3333333333333333");
	put_is(NAN, "null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_as_jansson),
	    cmocka_unit_test(test_by_hand), cmocka_unit_test(test_differences_on_purpose),
	    cmocka_unit_test(test_depth), cmocka_unit_test(test_block_edges),
	    cmocka_unit_test(test_utf8_tables), cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_streq_and_numbers), cmocka_unit_test(test_round5),
	    cmocka_unit_test(test_numbers_print_shortest)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
