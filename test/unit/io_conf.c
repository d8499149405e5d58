/* layers: io base */
/* conf: YAML and JSON configurations. */
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
#include "io/conf.h"
#include "io/out.h"

static json_t *parse(const char *text)
{
	return conf_parse(text, strlen(text), "c.yaml");
}

static void assert_json(json_t *v, const char *want)
{
	char *got;

	if (!v)
		fail_msg("no value, want %s: %s", want, err_msg());
	got = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(got, want);
	free(got);
	json_decref(v);
}

static const char *const good[][2] = {
    /* scalars */
    {"", "null"},
    {"~", "null"},
    {"null", "null"},
    {"yes", "true"},
    {"Off", "false"},
    {"y", "\"y\""},
    {"12", "12"},
    {"-3", "-3"},
    {"+3", "3"},
    {"1_000_000", "1000000"},
    {"0x1F", "31"},
    {"-0x10", "-16"},
    {"0xg", "\"0xg\""},
    {"0", "0"},
    {"1.5", "1.5"},
    {"1e-4", "0.0001"},
    {"3E+2", "300.0"},
    {"6.0e-4", "0.00059999999999999995"},
    {".5", "0.5"},
    {"5.", "5.0"},
    {"-1.5e3", "-1500.0"},
    {"1e", "\"1e\""},
    {".", "\".\""},
    {"-", "[null]"},
    {"1.2.3", "\"1.2.3\""},
    {"12:30", "\"12:30\""},
    {"2024-01-02", "\"2024-01-02\""},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"'12'", "\"12\""},
    {"\"yes\"", "\"yes\""},
    {"\"a\\u00e9\\n\"", "\"a\xc3\xa9\\n\""},
    {"!!str 12", "\"12\""},
    {"! 12", "\"12\""},
    {"!!float 3", "3.0"},
    {"!!int '3'", "3"},
    {"|\n  a\n  b\n", "\"a\\nb\\n\""},
    {">\n  a\n  b\n", "\"a b\\n\""},
    /* order is kept, keys are strings */
    {"b: 1\na: 2\n", "{\"b\":1,\"a\":2}"},
    {"1: x\ntrue: y\n~: z\n", "{\"1\":\"x\",\"true\":\"y\",\"~\":\"z\"}"},
    {"a:\n  - 1\n  - {b: [x, 2]}\n", "{\"a\":[1,{\"b\":[\"x\",2]}]}"},
    {"a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}"},
    {"# only a comment\n", "null"},
    {"---\na: 1\n...\n", "{\"a\":1}"},
    /* anchors, aliases, merge keys */
    {"a: &x [1]\nb: *x\n", "{\"a\":[1],\"b\":[1]}"},
    {"d: &d {a: 1, b: 2}\ne: {<<: *d, b: 3}\n",
	"{\"d\":{\"a\":1,\"b\":2},\"e\":{\"a\":1,\"b\":3}}"},
    {"d: &d {a: 1}\ne: {b: 3, <<: *d}\n", "{\"d\":{\"a\":1},\"e\":{\"a\":1,\"b\":3}}"},
    {"x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}\n",
	"{\"x\":{\"a\":1},\"y\":{\"a\":2,\"b\":2},\"z\":{\"a\":1,\"b\":2}}"},
    {"'<<': 1\n", "{\"<<\":1}"},
    /* what OLMo's files hold */
    {"optimizer:\n  learning_rate: 4.0e-4\n  betas:\n  - 0.9\n  - 0.95\nrun_name: ${oc.env:X}\n",
	"{\"optimizer\":{\"learning_rate\":0.00040000000000000002,\"betas\":[0.90000000000000002,"
	"0.94999999999999996]},\"run_name\":\"${oc.env:X}\"}"},
};

static void yaml_means_this(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_json(parse(good[i][0]), good[i][1]);
}

static const char *const refused[][2] = {
    {"a: 1\nb: 2\na: 3\n", "c.yaml:3: key 'a' stands here twice"},
    {"a:\n  b: 1\n  b: 1\n", "c.yaml:3:"},
    {"a: 010\n", "c.yaml:1: '010' has leading zeros"},
    {"a: .inf\n", "c.yaml:1: '.inf' is no finite number"},
    {"a: -.INF\n", "c.yaml:1:"},
    {"a: 1e999\n", "c.yaml:1:"},
    {"a: 9223372036854775808\n", "c.yaml:1:"},
    {"a: 0x8000000000000000\n", "c.yaml:1:"},
    {"\n\na: !mine 3\n", "c.yaml:3:"},
    {"a: !!python/object x\n", "c.yaml:1:"},
    {"a: !mine {}\n", "c.yaml:1: unknown tag"},
    {"a: !!int x\n", "c.yaml:1:"},
    {"a: 1\n---\nb: 2\n", "c.yaml:2: a second document"},
    {"a: [1, 2\n", "c.yaml:2:"},
    {"a: b: c\n", "c.yaml:1:"},
    {"? [x]\n: 1\n", "c.yaml:1: a key must be a string"},
    {"a: *none\n", "c.yaml:1: alias '*none'"},
    {"a: &a [*a]\n", "c.yaml:1: alias '*a'"},
    {"<<: 3\n", "c.yaml:1: '<<' wants an object"},
    {"a: 1\n<<: [{b: 1}, 2]\n", "c.yaml:2: '<<' wants an object"},
    {"a: \"\xff\"\n", "c.yaml@"},
    {"a:\n\t- 1\n", "c.yaml:2:"},
};

static void what_cannot_be_meant_is_refused_by_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		json_t *v = parse(refused[i][0]);

		if (v)
			fail_msg("accepted: %s", refused[i][0]);
		if (strncmp(err_msg(), refused[i][1], strlen(refused[i][1])))
			fail_msg("%s: want %s", err_msg(), refused[i][1]);
	}
}

static void aliases_cannot_blow_up(void **state)
{
	struct buf b = {0};
	json_t *v;

	(void)state;
	buf_str(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&b, "*a%d,", i - 1);
		buf_str(&b, "]\n");
	}
	v = conf_parse(b.p, b.len, "bomb");
	assert_null(v);
	assert_non_null(strstr(err_msg(), "more than a million"));
	b.len = 0;
	for (int i = 0; i < 10000; i++)
		buf_chr(&b, '[');
	assert_null(conf_parse(b.p, b.len, "deep"));
	buf_release(&b);
}

static void json_is_told_by_name_or_first_byte(void **state)
{
	(void)state;
	assert_json(conf_parse("{\"a\":1}", 7, "x"), "{\"a\":1}");
	assert_json(conf_parse(" [1]", 4, "x.json"), "[1]");
	assert_json(conf_parse("{a: 1}", 6, "x.yml"), "{\"a\":1}");
	assert_null(conf_parse("{a: 1}", 6, "x"));
	assert_null(conf_parse("{\"a\":1,\n\"a\":2}", 14, "x.json"));
	assert_non_null(strstr(err_msg(), "x.json:2:"));
}

static void assignments_reach_into_the_tree(void **state)
{
	json_t *v = parse("a: {b: 1, l: [1, {x: 2}]}\nn: null\ns: text\n");

	(void)state;
	assert_int_equal(conf_set(v, "a.b=3e-4"), 0);
	assert_int_equal(conf_set(v, "a.l.1.x=[1, 2]"), 0);
	assert_int_equal(conf_set(v, "a.l.2=new"), 0);
	assert_int_equal(conf_set(v, "n.deep.er=null"), 0);
	assert_int_equal(conf_set(v, "q=x=y"), 0);
	assert_int_equal(conf_set(v, "e="), 0);
	assert_int_equal(conf_set(v, "a.l.9=1"), -1);
	assert_int_equal(conf_set(v, "a.l.x=1"), -1);
	assert_int_equal(conf_set(v, "s.x=1"), -1);
	assert_int_equal(conf_set(v, "a..x=1"), -1);
	assert_int_equal(conf_set(v, "=1"), -1);
	assert_int_equal(conf_set(v, "novalue"), -1);
	assert_int_equal(conf_set(v, "a.b=[1"), -1);
	assert_int_equal(json_integer_value(conf_get(v, "a.l.1.x.1")), 2);
	assert_null(conf_get(v, "a.l.7"));
	assert_null(conf_get(v, "a.b.c"));
	assert_null(conf_get(v, "a.zz"));
	assert_json(v, "{\"a\":{\"b\":0.00029999999999999997,\"l\":[1,{\"x\":[1,2]},\"new\"]},"
		       "\"n\":{\"deep\":{\"er\":null}},\"s\":\"text\",\"q\":\"x=y\",\"e\":null}");
}

static void copies_by_alias_are_apart(void **state)
{
	json_t *v = parse("a: &x {k: 1}\nb: *x\n");

	(void)state;
	assert_int_equal(conf_set(v, "a.k=2"), 0);
	assert_json(v, "{\"a\":{\"k\":2},\"b\":{\"k\":1}}");
}

static void near_names_are_found(void **state)
{
	static const char *const names[] = {"max_grad_norm", "max_steps", "seed", NULL};

	(void)state;
	assert_string_equal(conf_nearest("max_grad_nrom", names), "max_grad_norm");
	assert_string_equal(conf_nearest("maxsteps", names), "max_steps");
	assert_string_equal(conf_nearest("sed", names), "seed");
	assert_null(conf_nearest("s", names));
	assert_null(conf_nearest("", names));
	assert_null(conf_nearest("wholly_other", names));
}

static void canonical_text_is_sorted(void **state)
{
	json_t *v = parse("b: 0.1\na: {d: [1, x], c: null}\n");
	char *s = conf_dump(v);

	(void)state;
	assert_string_equal(s, "{\"a\":{\"c\":null,\"d\":[1,\"x\"]},\"b\":0.10000000000000001}");
	free(s);
	json_decref(v);
}

static void keys_have_lines(void **state)
{
	static const char yaml[] =
	    "streams:\n  - name: x\n    filter:\n      include: []\nseed: 1\n";
	static const char json[] = "{\n \"a\": {\n  \"b\": 1},\n \"c\": [\n  1,\n  2]}\n";
	char path[] = "/tmp/olmo-conf-XXXXXX.yaml";
	json_t *lines, *v;

	(void)state;
	close(mkstemps(path, 5));
	assert_int_equal(out_file(path, yaml, sizeof yaml - 1), 0);
	v = conf_load_lines(path, &lines);
	assert_non_null(v);
	assert_int_equal(conf_line(lines, "streams"), 1);
	assert_int_equal(conf_line(lines, "streams.0.filter.include"), 4);
	assert_int_equal(conf_line(lines, "streams.0.filter.none"), 3);
	assert_int_equal(conf_line(lines, "seed"), 5);
	assert_int_equal(conf_line(lines, "none"), 0);
	json_decref(v);
	json_decref(lines);
	assert_int_equal(out_file(path, json, sizeof json - 1), 0);
	assert_null(conf_json("/nonexistent"));
	v = conf_json(path);
	json_decref(v);
	v = conf_load_lines(path, &lines);
	assert_int_equal(conf_line(lines, "a.b"), 3);
	assert_int_equal(conf_line(lines, "c.1"), 6);
	json_decref(v);
	json_decref(lines);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(yaml_means_this),
	    cmocka_unit_test(what_cannot_be_meant_is_refused_by_line),
	    cmocka_unit_test(aliases_cannot_blow_up),
	    cmocka_unit_test(json_is_told_by_name_or_first_byte),
	    cmocka_unit_test(assignments_reach_into_the_tree),
	    cmocka_unit_test(copies_by_alias_are_apart),
	    cmocka_unit_test(near_names_are_found),
	    cmocka_unit_test(canonical_text_is_sorted),
	    cmocka_unit_test(keys_have_lines),
	};

	return cmocka_run_group_tests_name("io_conf", tests, NULL, NULL);
}
