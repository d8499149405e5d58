/* layers: doc io base */
/*
 * select: JSONPath and jq expressions over documents.
 *
 * The table comes from the original: for each expression, `dolma -c CONF mix` (dolma 1.2.1 from PyPI:
 * jsonpath-rust 0.3.5, jaq 1.2) over the documents below with the expression as the only include
 * rule, and for jq also as the only exclude rule: '1' where a document was kept (removed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "doc/select.h"

/* clang-format off */
static const char *const docs[] = {
    "{\"id\":\"0\",\"text\":\"abcd\",\"metadata\":{\"k\":0,\"o\":{\"b\":1,\"a\":0}},\"attributes\":{\"p\":[[0,4,0.9]]}}",
    "{\"id\":\"1\",\"text\":\"abcd\",\"metadata\":{\"k\":1,\"o\":{\"b\":1,\"a\":1}},\"attributes\":{\"p\":[[0,4,0.1],[1,3,2]]}}",
    "{\"id\":\"2\",\"text\":\"abcd\",\"metadata\":{\"k\":2,\"o\":{\"b\":1,\"a\":2}},\"attributes\":{\"p\":[]}}",
    "{\"id\":\"3\",\"text\":\"abcd\",\"metadata\":{\"k\":3,\"o\":{\"b\":1,\"a\":3}},\"attributes\":{}}",
    "{\"id\":\"4\",\"text\":\"abcd\",\"metadata\":{\"k\":4,\"o\":{\"b\":1,\"a\":4}},\"attributes\":{\"p\":0.5}}",
    "{\"id\":\"5\",\"text\":\"abcd\",\"metadata\":{\"k\":5,\"o\":{\"b\":1,\"a\":5}},\"attributes\":{\"p\":null,\"n\":1}}",
    "{\"id\":\"6\",\"text\":\"abcd\",\"metadata\":{\"k\":6,\"o\":{\"b\":1,\"a\":6}},\"attributes\":{\"n\":1.0,\"s\":\"str\"}}",
    "{\"id\":\"7\",\"text\":\"abcd\",\"metadata\":{\"k\":7,\"o\":{\"b\":1,\"a\":7}},\"attributes\":{\"p\":[[0,2,1]],\"q\":[[0,2,1]],\"s\":\"0.5\"}}",
    "{\"id\":\"8\",\"text\":\"abcd\",\"metadata\":{\"k\":8,\"o\":{\"b\":1,\"a\":8}},\"attributes\":{\"p\":{\"n\":3,\"q\":[1,2,3]},\"s\":[\"a\",\"str\"]}}",
    "{\"id\":\"9\",\"text\":\"abcd\",\"metadata\":{\"k\":9,\"o\":{\"b\":1,\"a\":9}},\"attributes\":{\"n\":0,\"s\":\"\",\"q\":[]}}",
    "{\"id\":\"10\",\"text\":\"abcd\",\"metadata\":{\"k\":10,\"o\":{\"b\":1,\"a\":10}},\"attributes\":{\"p\":[[0,1,-2],[2,3,0.5],[3,4,0.7]],\"r-1\":true,\"s\":\"é\\n\"}}",
    "{\"id\":\"11\",\"text\":\"abcd\",\"metadata\":{\"k\":11,\"o\":{\"b\":1,\"a\":11}},\"attributes\":{\"p\":[1,2,3],\"n\":-1,\"deep\":{\"p\":{\"n\":7}}}}",
};

enum { N_DOCS = sizeof docs / sizeof docs[0] };

static const struct {
	enum select_syntax syntax;
	const char *expr, *include, *exclude;
} table[] = {
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] > 0.5)]", "100000010000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] >= 0.9)]", "100000010000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] <= 0.1)]", "010000000010", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] == 1)]", "000000010000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] != 1)]", "111111101111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.n == 1)]", "000001000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.n == 1.0)]", "000000100000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.n >= 1)]", "000001000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.n < 1)]", "000000000101", NULL},
    {SELECT_JSONPATH, "$.attributes[?(-1 < @.n)]", "000001100100", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p)]", "111011011011", NULL},
    {SELECT_JSONPATH, "$.attributes[?(!@.p)]", "000100100100", NULL},
    {SELECT_JSONPATH, "$.attributes[?(!(@.p && @.n))]", "111110111110", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.nope != 1)]", "111111111111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.nope == @.nada)]", "111111111111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p == @.q)]", "000100110000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[*][2] > 0)]", "100000011000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[*][2] == 1)]", "000000010000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0:2] == @.q)]", "101111101000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[1:][2] > 0)]", "010000000000", NULL},
    {SELECT_JSONPATH, "$.attributes.p[?(@[2] > 0.5)]", "110000010010", NULL},
    {SELECT_JSONPATH, "$.attributes.p[?(@[2] > 0.5 && @[0] < 3)]", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes.p[?(@[2] > 0.5 || @ > 2)]", "110000000011", NULL},
    {SELECT_JSONPATH, "$.attributes.p[?(!@[2])]", "110011011011", NULL},
    {SELECT_JSONPATH, "$.attributes.p[0,2]", "110000010011", NULL},
    {SELECT_JSONPATH, "$.attributes['p','s']", "111011111111", NULL},
    {SELECT_JSONPATH, "$.attributes['r-1']", "000000000010", NULL},
    {SELECT_JSONPATH, "$.attributes.r-1", "000000000010", NULL},
    {SELECT_JSONPATH, "$.attributes.p.q", "000000001000", NULL},
    {SELECT_JSONPATH, "$.attributes.p[-1:]", "110000010011", NULL},
    {SELECT_JSONPATH, "$.attributes.p[0:-1]", "110000010011", NULL},
    {SELECT_JSONPATH, "$.attributes.p[::2]", "110000010011", NULL},
    {SELECT_JSONPATH, "$.attributes.*", "111011111111", NULL},
    {SELECT_JSONPATH, "$.attributes.p[*]", "110000011011", NULL},
    {SELECT_JSONPATH, "$..n", "000001101101", NULL},
    {SELECT_JSONPATH, "$..q[0]", "000000011000", NULL},
    {SELECT_JSONPATH, "$..*", "111111111111", NULL},
    {SELECT_JSONPATH, "$.attributes.p.length()", "111000010011", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p.length() > 1)]", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p size 2)]", "010100101100", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s size 3)]", "111111110011", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s in ['str','x'])]", "000000100000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s nin ['str','x'])]", "111111011111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s anyOf ['a','b'])]", "111111001001", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s noneOf ['a','b'])]", "000000110110", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p.q subsetOf [1,2,3,4])]", "111111111111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p subsetOf [1,2,3,4])]", "001100100101", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.n in [1,2])]", "000001000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s == 'str')]", "000000100000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s > 'a')]", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.s == 0.5)]", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.r-1 == true)]", "000000000010", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p == null)]", "000001000000", NULL},
    {SELECT_JSONPATH, "$.metadata[?(@.k > 5)]", "000000111111", NULL},
    {SELECT_JSONPATH, "$.metadata[?(@.o.a == @.k)]", "111111111111", NULL},
    {SELECT_JSONPATH, "$[?(@.id == '3')]", "000100000000", NULL},
    {SELECT_JSONPATH, "$@.attributes[?(@.p && @.p[0] && @.p[0][2] >= 0.5)]", "100000010000", NULL},
    {SELECT_JSONPATH, "$.attributes[?((@.n > 0 || @.p[0][2] > 0.5) && !@.q)]", "100001100000", NULL},
    {SELECT_JSONPATH, "$.attributes[?($.metadata.k > 8)]", "000000000111", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.deep..n == 7)]", "000000000001", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] > 1e-1)]", "100000010000", NULL},
    {SELECT_JSONPATH, "$.attributes.nope", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.p[0][2] < '0.5')]", "000000000000", NULL},
    {SELECT_JSONPATH, "$.attributes[?(@.q)].n", "000000000100", NULL},
    {SELECT_JSONPATH, "$.metadata.o[?(@ == 1)]", "000000000000", NULL},
    {SELECT_JQ, ".attributes.p", "110010011011", "110010011011"},
    {SELECT_JQ, ".attributes.n", "000001100001", "000001100001"},
    {SELECT_JQ, ".attributes.s", "000000111010", "000000111010"},
    {SELECT_JQ, ".attributes.q", "000000010000", "000000010000"},
    {SELECT_JQ, ".attributes[\"r-1\"]", "000000000010", "000000000010"},
    {SELECT_JQ, ".attributes.n > 0", "000001100000", "000001100000"},
    {SELECT_JQ, ".attributes.n < 1", "111110011111", "111110011111"},
    {SELECT_JQ, ".attributes.n == 1", "000001100000", "000001100000"},
    {SELECT_JQ, ".attributes.n != 1", "111110011111", "111110011111"},
    {SELECT_JQ, ".attributes.p == .attributes.q", "000101110000", "000101110000"},
    {SELECT_JQ, ".attributes.p > .attributes.s", "111010011011", "111010011011"},
    {SELECT_JQ, ".attributes.p[0]?[2]? > 0.5", "100000010000", "100000010000"},
    {SELECT_JQ, ".attributes.p[]?", "110000011011", "110000011011"},
    {SELECT_JQ, ".attributes.p[]?[2]?", "110000011010", "110000011010"},
    {SELECT_JQ, ".attributes.p[1:]?", "010000000011", "010000000011"},
    {SELECT_JQ, ".attributes.p[-1]?", "110000010011", "110000010011"},
    {SELECT_JQ, "(.attributes.p | length?) > 1", "010000001011", "010000001011"},
    {SELECT_JQ, ".attributes.p | type == \"array\"", "111000010011", "111000010011"},
    {SELECT_JQ, ".attributes.p | if type == \"array\" and length > 0 and .[0] != null and (.[0] | type == \"array\") then .[0][2] > 0.5 else false end", "100000010000", "100000010000"},
    {SELECT_JQ, "[.attributes.p[]?[2]?] | any(. > 0.5)", "110000011010", "110000011010"},
    {SELECT_JQ, "[.attributes.p[]?[2]?] | all(. > 0)", "111111111101", "111111111101"},
    {SELECT_JQ, "[.attributes.p[]?[2]?] | (add // 0) > 1", "010000001000", "010000001000"},
    {SELECT_JQ, "[.attributes.p[]?[2]?] | max > 0.6", "110000011010", "110000011010"},
    {SELECT_JQ, "[.attributes.p[]?[2]?] | min < 0", "001111100111", "001111100111"},
    {SELECT_JQ, "any(.attributes.p[]?; type == \"array\")", "110000011010", "110000011010"},
    {SELECT_JQ, "all(.attributes.p[]?; type == \"array\")", "111111110110", "111111110110"},
    {SELECT_JQ, ".attributes | has(\"p\")", "111011011011", "111011011011"},
    {SELECT_JQ, ".attributes | has(\"p\") and (has(\"n\") | not)", "111010011010", "111010011010"},
    {SELECT_JQ, ".attributes.s // \"none\" | . == \"none\"", "111111000001", "111111000001"},
    {SELECT_JQ, ".attributes.n // .attributes.p // false", "110011111011", "110011111011"},
    {SELECT_JQ, ".attributes.s | (. == \"str\" or . == \"0.5\")", "000000110000", "000000110000"},
    {SELECT_JQ, ".attributes.s | isstring and startswith(\"0\")", "000000010000", "000000010000"},
    {SELECT_JQ, ".attributes.s | select(isstring) | endswith(\"r\")", "000000100000", "000000100000"},
    {SELECT_JQ, ".attributes.s | select(isstring) | utf8bytelength > 2", "000000110010", "000000110010"},
    {SELECT_JQ, ".attributes.s | (contains(\"s\")?)", "000000100000", "000000100000"},
    {SELECT_JQ, ".attributes.n + 1 > 1", "000001100000", "000001100000"},
    {SELECT_JQ, ".metadata.k % 3 == 0", "100100100100", "100100100100"},
    {SELECT_JQ, ".metadata.k * 2 - 1 > 10", "000000111111", "000000111111"},
    {SELECT_JQ, ".metadata.k / 4 >= 2", "000000001111", "000000001111"},
    {SELECT_JQ, "-(.metadata.k) < -5", "000000111111", "000000111111"},
    {SELECT_JQ, ".metadata.o | keys == [\"a\",\"b\"]", "111111111111", "111111111111"},
    {SELECT_JQ, "[.metadata.o[]] | first > 5", "000000111111", "000000111111"},
    {SELECT_JQ, ".metadata.o | map(. > 1) | last", "000000000000", "000000000000"},
    {SELECT_JQ, ".metadata | .o.a == .k", "111111111111", "111111111111"},
    {SELECT_JQ, ".attributes | length", "111011111111", "111011111111"},
    {SELECT_JQ, ".attributes | length - 1", "000101111111", "000101111111"},
    {SELECT_JQ, ".attributes.p, .attributes.n", "000000000001", "110011111011"},
    {SELECT_JQ, "empty", "000000000000", "000000000000"},
    {SELECT_JQ, ".metadata.k | floor == 3", "000100000000", "000100000000"},
    {SELECT_JQ, ".attributes.s | values", "000000111010", "000000111010"},
    {SELECT_JQ, "[.attributes.n, .attributes.s] | contains([1])", "000001100000", "000001100000"},
    {SELECT_JQ, "if .metadata.k < 3 then .attributes.p elif .metadata.k < 6 then true else null end", "110111000000", "110111000000"},
    {SELECT_JQ, ".metadata.k > 3 == true", "000011111111", "000011111111"},
    {SELECT_JQ, ".id | ascii_upcase == \"3\"", "000100000000", "000100000000"},
    {SELECT_JQ, "(.attributes.p[5]? | not)", "111000010011", "111000010011"},
    {SELECT_JQ, ".attributes.p?.n?", "000000001000", "000000001000"},
    {SELECT_JQ, ".attributes.n | . == 0 or . == -1", "000000000101", "000000000101"},
    {SELECT_JQ, "[.attributes[]] | length > 1", "000001111111", "000001111111"},
};
/* clang-format on */

static void open_doc(struct select *t, struct jscan *j, const char *line)
{
	if (jscan_line(j, line, strlen(line)) < 0)
		fail_msg("%s: %s", line, err_msg());
	select_open(t, j);
}

static void every_expression_keeps_what_the_original_keeps(void **state)
{
	struct select_set *set = select_set_new();
	struct select *t;
	struct jscan j;
	size_t n = sizeof table / sizeof table[0];

	(void)state;
	/* All in one set: they must not disturb each other. */
	for (size_t i = 0; i < n; i++)
		if (select_add(set, table[i].expr, table[i].syntax) != (int)i)
			fail_msg("%s: %s", table[i].expr, err_msg());
	t = select_new(set);
	for (int d = 0; d < N_DOCS; d++) {
		open_doc(t, &j, docs[d]);
		for (size_t i = 0; i < n; i++) {
			int in = select_true(t, (int)i, 0), ex = select_true(t, (int)i, 1);

			if (in != table[i].include[d] - '0')
				fail_msg("%s on %s: %d", table[i].expr, docs[d], in);
			if (table[i].exclude && ex != table[i].exclude[d] - '0')
				fail_msg("%s excludes %s: %d", table[i].expr, docs[d], ex);
		}
	}
	select_free(t);
	select_set_free(set);
}

static const struct {
	enum select_syntax syntax;
	const char *expr, *message;
} refused[] = {
    {SELECT_JSONPATH, "", "at offset 0: the expression ends"},
    {SELECT_JSONPATH, "$.a[?(@.b > 1)", "at offset 14: ']' is expected"},
    {SELECT_JSONPATH, "$.a[?(@.b > )]", "at offset 12: a path, a string"},
    {SELECT_JSONPATH, "$.a[-1]", "at offset 6: ':' or ']'"},
    {SELECT_JSONPATH, "$.a[\"b\"]", "at offset 4: keys stand in single quotes"},
    {SELECT_JSONPATH, "$.a[?(@.b == \"x\")]", "at offset 13: strings stand in single quotes"},
    {SELECT_JSONPATH, "$.a[?(@.b ~= 'x')]", "at offset 10: operator '~='"},
    {SELECT_JSONPATH, "$. a", "at offset 1: "},
    {SELECT_JSONPATH, "$.a b", "at offset 4: 'b' is not understood"},
    {SELECT_JSONPATH, "$.a[1.5,2]", "at offset 4: indexes must be whole"},
    {SELECT_JSONPATH, "$.a[?@.b]", "at offset 5: '('"},
    {SELECT_JSONPATH, "$.a[::0]", "at offset 6: a step"},
    {SELECT_JSONPATH, "$.a..", "at offset 5: a key"},
    {SELECT_JSONPATH, "$.a[?(!!@.b)]", "at offset 7: a path"},
    {SELECT_JQ, "", "at offset 0: the expression ends"},
    {SELECT_JQ, ".a | test(\"x\")",
	"at offset 5: function 'test' with 1 arguments is not supported"},
    {SELECT_JQ, ".a as $x | $x", "at offset 3: variables"},
    {SELECT_JQ, "{a: 1}", "at offset 0: objects"},
    {SELECT_JQ, ".a |= 3", "at offset 3: assignment"},
    {SELECT_JQ, ".a = 3", "at offset 3: assignment is not supported; comparison is '=='"},
    {SELECT_JQ, "..", "at offset 0: '..'"},
    {SELECT_JQ, "\"a\\(1)\"", "at offset 2: string interpolation"},
    {SELECT_JQ, "\"a", "at offset 0: a string without end"},
    {SELECT_JQ, "reduce .[] as $x (0; 1)", "at offset 0: 'reduce'"},
    {SELECT_JQ, "if .a then 1", "at offset 12: 'end'"},
    {SELECT_JQ, "(.a", "at offset 3: ')'"},
    {SELECT_JQ, ".a.[0]", "at offset 3: a key"},
    {SELECT_JQ, ".a >", "at offset 4: the expression ends"},
    {SELECT_JQ, "map(1; 2; 3)", "at offset 9: more than two"},
};

static void what_is_not_understood_is_named_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct select_set *set = select_set_new();

		if (select_add(set, refused[i].expr, refused[i].syntax) >= 0)
			fail_msg("accepted: %s", refused[i].expr);
		if (strncmp(err_msg(), refused[i].message, strlen(refused[i].message)))
			fail_msg("%s: %s", refused[i].expr, err_msg());
		/* The set is as good as before. */
		assert_int_equal(select_add(set, "$.a", SELECT_JSONPATH), 0);
		select_set_free(set);
	}
}

static void nesting_has_a_limit(void **state)
{
	struct select_set *set = select_set_new();
	char deep[4000];

	(void)state;
	memset(deep, '(', sizeof deep);
	memcpy(deep, "$[?", 3);
	deep[sizeof deep - 1] = 0;
	assert_int_equal(select_add(set, deep, SELECT_JSONPATH), -1);
	memset(deep, '[', sizeof deep - 1);
	assert_int_equal(select_add(set, deep, SELECT_JQ), -1);
	memset(deep, '-', sizeof deep - 1);
	assert_int_equal(select_add(set, deep, SELECT_JQ), -1);
	select_set_free(set);
}

/* Names of attributes that one expression uses, in order, with spaces. */
static void assert_names(const char *expr, enum select_syntax syntax, const char *want)
{
	struct select_set *set = select_set_new();
	char got[200] = "";

	assert_int_equal(select_add(set, "$.attributes.other", SELECT_JSONPATH), 0);
	assert_int_equal(select_add(set, expr, syntax), 1);
	for (size_t i = 0; i < select_names(set); i++)
		if (select_uses(set, 1, i)) {
			strcat(got, select_name(set, i));
			strcat(got, " ");
		}
	assert_string_equal(got, want);
	select_set_free(set);
}

static void attributes_are_known_by_name(void **state)
{
	(void)state;
	assert_names("$.attributes[?(@.a && @.b[0][2] > 1 || !@.c)]", SELECT_JSONPATH, "a b c ");
	assert_names("$@.attributes[?(@.a[0])]", SELECT_JSONPATH, "a ");
	assert_names("$['attributes']['x-y'].z", SELECT_JSONPATH, "x-y ");
	assert_names("$.attributes['p','q']", SELECT_JSONPATH, "p q ");
	assert_names("$.metadata[?(@.a > 1)]", SELECT_JSONPATH, "");
	assert_names("$.metadata[?($.attributes.a > 1)]", SELECT_JSONPATH, "a ");
	assert_names("$.attributes.p[?(@.q > 1)]", SELECT_JSONPATH, "p ");
	assert_names("$.attributes.*", SELECT_JSONPATH, "");
	assert_names(".attributes.a[0][2] > .attributes.\"b c\"", SELECT_JQ, "a b c ");
	assert_names(".attributes? | .a?.n, .[\"b\"]", SELECT_JQ, "a b ");
	assert_names(".attributes | select(.a) | has(\"b\")", SELECT_JQ, "a b ");
	assert_names(".metadata.a", SELECT_JQ, "");
}

static void assert_value(struct select *t, int e, const char *want)
{
	struct jspan v;

	assert_int_equal(select_value(t, e, &v), 0);
	if (!want) {
		assert_null(v.p);
		return;
	}
	assert_int_equal(v.len, strlen(want));
	assert_memory_equal(v.p, want, v.len);
}

static void values_are_the_documents_own_text(void **state)
{
	static const struct {
		enum select_syntax syntax;
		const char *expr, *want;
	} cases[] = {
	    {SELECT_JSONPATH, "$.attributes.p", "[[0, 1,0.50],[2,3,1]]"},
	    {SELECT_JSONPATH, "$.attributes.none", NULL},
	    {SELECT_JSONPATH, "$.attributes.p[*][0]", "[0,2]"},
	    {SELECT_JSONPATH, "$.attributes.p[0]", "[0, 1,0.50]"},
	    {SELECT_JSONPATH, "$.attributes['\\u0061']", NULL},
	    {SELECT_JSONPATH, "$.attributes.caf\\u00e9", NULL},
	    {SELECT_JSONPATH, "$.attributes['caf\xc3\xa9']", "7"},
	    {SELECT_JSONPATH, "$.attributes.twice", "2"},
	    {SELECT_JSONPATH, "$.attributes.p.length()", "2"},
	    {SELECT_JQ, ".attributes.p", "[[0, 1,0.50],[2,3,1]]"},
	    {SELECT_JQ, ".attributes.none", "null"},
	    {SELECT_JQ, ".attributes.none?.x?", NULL},
	    {SELECT_JQ, ".attributes.p[][0]", "[0,2]"},
	    {SELECT_JQ, ".id + \"!\"", "\"x!\""},
	    {SELECT_JQ, "[.attributes.twice + 1, 1/2, \"\\u00e9\", null, true]",
		"[3,0.5,\"\xc3\xa9\",null,true]"},
	};
	static const char line[] =
	    "{\"id\":\"x\",\"text\":\"\",\"attributes\":{\"p\":[[0, 1,0.50],[2,3,1]],"
	    "\"caf\\u00e9\":7,\"twice\":1,\"tw\\u0069ce\":2}}";
	struct select_set *set = select_set_new();
	struct select *t;
	struct jscan j;
	int n = sizeof cases / sizeof cases[0];

	(void)state;
	for (int i = 0; i < n; i++)
		if (select_add(set, cases[i].expr, cases[i].syntax) != i)
			fail_msg("%s: %s", cases[i].expr, err_msg());
	t = select_new(set);
	for (int again = 0; again < 2; again++) {
		open_doc(t, &j, line);
		for (int i = 0; i < n; i++)
			assert_value(t, i, cases[i].want);
	}
	select_free(t);
	select_set_free(set);
}

static void errors_of_jq_are_errors(void **state)
{
	static const char *const cases[] = {".attributes.none[0]", ".id.x", ".id[0]",
	    ".attributes.p.x", ".id - 1", "-.id", ".attributes.p | floor", ".id | keys",
	    ".id | has(\"a\")", "[.id.x]", ".attributes.p | map(.x)", "1 % 0",
	    "9223372036854775807 + 1", "true | length"};
	struct select_set *set = select_set_new();
	struct select *t;
	struct jscan j;
	struct jspan v;
	int n = sizeof cases / sizeof cases[0];

	(void)state;
	for (int i = 0; i < n; i++)
		assert_int_equal(select_add(set, cases[i], SELECT_JQ), i);
	t = select_new(set);
	open_doc(t, &j, "{\"id\":\"x\",\"text\":\"\",\"attributes\":{\"p\":[1]}}");
	for (int i = 0; i < n; i++) {
		if (select_true(t, i, 0) != -1 || select_value(t, i, &v) != -1)
			fail_msg("%s is no error", cases[i]);
		assert_true(strlen(err_msg()) > 5);
	}
	select_free(t);
	select_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_expression_keeps_what_the_original_keeps),
	    cmocka_unit_test(what_is_not_understood_is_named_with_its_place),
	    cmocka_unit_test(nesting_has_a_limit),
	    cmocka_unit_test(attributes_are_known_by_name),
	    cmocka_unit_test(values_are_the_documents_own_text),
	    cmocka_unit_test(errors_of_jq_are_errors),
	};

	return cmocka_run_group_tests_name("doc_select", tests, NULL, NULL);
}
