/* layers: io base */
/* manifest: what a run read, did and wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glob.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/stats.h"
#include "io/conf.h"
#include "io/manifest.h"
#include "io/out.h"

static char dir[] = "/tmp/olmo-manifest-XXXXXX";
static char cwd[4096];

static void put(const char *path, const char *text)
{
	if (out_file(path, text, strlen(text)) < 0)
		fail_msg("%s", err_msg());
}

static struct manifest *example(void)
{
	struct manifest *m = manifest_new("tokenize");
	struct filehash h = {.bytes = 2, .xxh3 = hash128("hi", 2)};

	manifest_opt_str(m, "format", "tok");
	manifest_opt_str(m, "none", NULL);
	manifest_opt_int(m, "eos_id", 50279);
	manifest_opt_num(m, "rate", 0.1);
	manifest_opt_bool(m, "flag", 1);
	manifest_opt_json(m, "list", json_pack("[i,i]", 1, 2));
	manifest_input(m, "documents", "in/a", &h);
	manifest_input(m, "documents", "-", &h);
	manifest_output(m, "tokens", "out/b", &h);
	manifest_count(m, "docs", 3);
	return m;
}

static char *slurp(const char *path)
{
	struct buf b = {0};

	if (in_slurp(path, 1 << 20, &b, NULL) < 0)
		fail_msg("%s", err_msg());
	return b.p;
}

static void a_manifest_has_these_bytes(void **state)
{
	struct manifest *m = example(), *c = manifest_clone(m);
	char *a, *b, hex[33], *want;

	(void)state;
	put("in/a", "hi");
	put("out/b", "hi");
	assert_int_equal(manifest_write_for(m, "out/b"), 0);
	a = slurp("out/b.manifest.json");
	h128_hex(hash128("hi", 2), hex);
	want = xasprintf(
	    "{\n \"counts\": {\n  \"docs\": 3\n },\n \"inputs\": [\n  {\n   \"bytes\": 2,\n   "
	    "\"path\": \"../in/a\",\n   \"role\": \"documents\",\n   \"xxh3\": \"%s\"\n  },\n "
	    " {\n   \"bytes\": 2,\n   \"path\": \"-\",\n   \"role\": \"documents\",\n   "
	    "\"xxh3\": \"%s\"\n  }\n ],\n \"manifest\": {\n  \"major\": 1,\n  \"minor\": 0\n "
	    "},\n \"options\": {\n  \"eos_id\": 50279,\n  \"flag\": true,\n  \"format\": "
	    "\"tok\",\n  \"list\": [\n   1,\n   2\n  ],\n  \"none\": null,\n  \"rate\": "
	    "0.10000000000000001\n },\n \"outputs\": [\n  {\n   \"bytes\": 2,\n   \"path\": "
	    "\"b\",\n   \"role\": \"tokens\",\n   \"xxh3\": \"%s\"\n  }\n ],\n \"program\": "
	    "\"tokenize\",\n \"version\": \"%s\"\n}\n",
	    hex, hex, hex, OLMO_VERSION);
	assert_string_equal(a, want);
	/* The clone is the same and goes its own way. */
	manifest_count(m, "docs", 4);
	assert_int_equal(manifest_write_for(c, "out/b"), 0);
	b = slurp("out/b.manifest.json");
	assert_string_equal(b, want);
	free(a);
	free(b);
	free(want);
	manifest_free(m);
	manifest_free(c);
}

static void counters_are_counts(void **state)
{
	struct manifest *m = manifest_new("p");
	json_t *v;

	(void)state;
	stats_add("docs_in", 5);
	stats_add("b", 1);
	manifest_counters(m);
	assert_int_equal(manifest_write(m, "m.json"), 0);
	v = manifest_load("m.json");
	assert_non_null(v);
	assert_int_equal(json_integer_value(conf_get(v, "counts.docs_in")), 5);
	json_decref(v);
	manifest_free(m);
}

static void files_are_hashed_or_named(void **state)
{
	struct manifest *m = manifest_new("p");

	(void)state;
	put("f", "hi");
	assert_int_equal(manifest_input_file(m, "x", "f"), 0);
	assert_int_equal(manifest_input_file(m, "x", "none"), -1);
	assert_non_null(strstr(err_msg(), "none"));
	manifest_free(m);
}

static void names_follow_outputs(void **state)
{
	static const char *const cases[][2] = {{"x.tok", "x.tok.manifest.json"},
	    {"d/x", "d/x.manifest.json"}, {"isdir", "isdir/manifest.json"},
	    {"isdir/", "isdir/manifest.json"}, {"new/", "new/manifest.json"}};

	(void)state;
	assert_int_equal(out_mkdirs("isdir"), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *p = manifest_path(cases[i][0]);

		assert_string_equal(p, cases[i][1]);
		free(p);
	}
}

static void assert_way(const char *base, const char *from, const char *want)
{
	char *p = manifest_relpath(base, from);

	assert_string_equal(p, want);
	free(p);
}

static void ways_are_relative(void **state)
{
	char *abs = xasprintf("%s/x/y", dir);

	(void)state;
	assert_way("a/b", "a/b/c", "c");
	assert_way("a/b/", "a/b/c/d", "c/d");
	assert_way("a/b", "a/c", "../c");
	assert_way("a/b", "c", "../../c");
	assert_way(".", "c", "c");
	assert_way("", "./c", "c");
	assert_way("a", "a", ".");
	assert_way("a/b", "a", "..");
	assert_way("ab", "abc", "../abc");
	assert_way("abc", "ab/c", "../ab/c");
	assert_way("a/../b", "b/./c//d", "c/d");
	assert_way("/a/b", "/", "../..");
	assert_way("/", "/a/b", "a/b");
	assert_way("x", abs, "y");
	free(abs);
}

static void ways_lead_through_links(void **state)
{
	(void)state;
	/* real/deep is also called short: "short/.." is not ".". */
	put("real/deep/m", "");
	put("data/f", "");
	put("real/g", "");
	assert_int_equal(symlink("real/deep", "short"), 0);
	assert_way("short", "data/f", "../../data/f");
	assert_way("short", "short/m", "m");
	assert_way("short", "real/g", "../g");
	/* A link beside the manifest is kept: the set can be moved. */
	assert_int_equal(symlink("../data", "real/data"), 0);
	assert_way("real", "real/data/f", "data/f");
}

static void only_own_data_sets_are_overwritten(void **state)
{
	struct manifest *m = manifest_new("mix"), *other = manifest_new("mix"),
			*c = manifest_new("train");

	(void)state;
	manifest_opt_int(m, "n", 1);
	manifest_opt_int(other, "n", 2);
	manifest_opt_int(c, "n", 1);
	assert_int_equal(manifest_may_write(m, "set", 0), 0);
	assert_int_equal(manifest_begin(m, "set", 0), 0);
	put("set/part", "x");
	/* Killed here: the same run may go on, another may not. */
	assert_int_equal(manifest_may_write(m, "set", 0), 0);
	assert_int_equal(manifest_may_write(other, "set", 0), -1);
	assert_int_equal(manifest_begin(c, "set", 0), -1);
	assert_int_equal(manifest_begin(m, "set", 0), 0);
	assert_int_equal(manifest_write_for(m, "set"), 0);
	assert_int_equal(access("set/.manifest.begun.json", F_OK), -1);
	assert_int_equal(manifest_may_write(m, "set", 0), 0);
	assert_int_equal(manifest_may_write(other, "set", 0), -1);
	assert_non_null(strstr(err_msg(), "other options"));
	assert_int_equal(manifest_may_write(c, "set", 0), -1);
	assert_int_equal(manifest_may_write(other, "set", 1), 0);
	/* With -f the old manifest goes before anything else changes. */
	assert_int_equal(manifest_begin(other, "set", 1), 0);
	assert_int_equal(access("set/manifest.json", F_OK), -1);
	assert_int_equal(manifest_may_write(m, "set", 0), -1);
	put("foreign/file", "x");
	assert_int_equal(manifest_may_write(m, "foreign", 0), -1);
	assert_non_null(strstr(err_msg(), "no manifest"));
	assert_int_equal(manifest_may_write(m, "foreign", 1), 0);
	assert_int_equal(manifest_may_write(m, "foreign/file", 0), -1);
	manifest_free(m);
	manifest_free(other);
	manifest_free(c);
}

static void names_that_are_no_utf8_do_not_stop_a_run(void **state)
{
	struct manifest *m = manifest_new("p");
	json_t *v;

	(void)state;
	put("bad\xff", "hi");
	assert_int_equal(manifest_input_file(m, "x", "bad\xff"), 0);
	assert_int_equal(manifest_write(m, "n.json"), 0);
	v = manifest_load("n.json");
	assert_string_equal(json_string_value(conf_get(v, "inputs.0.path")), "bad\xef\xbf\xbd");
	json_decref(v);
	manifest_free(m);
}

static void format_files_are_taken_or_refused(void **state)
{
	static const char *const kinds[] = {"good", "bad"};

	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		char *pattern =
		    xasprintf("%s/test/format/olmo-manifest/%s/*.json", cwd, kinds[bad]);
		glob_t g;

		assert_int_equal(glob(pattern, 0, NULL, &g), 0);
		assert_true(g.gl_pathc >= 3);
		for (size_t i = 0; i < g.gl_pathc; i++) {
			json_t *v = manifest_load(g.gl_pathv[i]);

			if (bad ? v != NULL : v == NULL)
				fail_msg("%s: %s", g.gl_pathv[i], bad ? "accepted" : err_msg());
			if (bad && !strstr(err_msg(), strrchr(g.gl_pathv[i], '/') + 1))
				fail_msg("%s is not named: %s", g.gl_pathv[i], err_msg());
			json_decref(v);
		}
		globfree(&g);
		free(pattern);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return getcwd(cwd, sizeof cwd) && mkdtemp(dir) ? chdir(dir) : -1;
}

static int remove_dir(void **state)
{
	char cmd[100];

	(void)state;
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return chdir("/") || system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_manifest_has_these_bytes),
	    cmocka_unit_test(counters_are_counts),
	    cmocka_unit_test(files_are_hashed_or_named),
	    cmocka_unit_test(names_follow_outputs),
	    cmocka_unit_test(ways_are_relative),
	    cmocka_unit_test(ways_lead_through_links),
	    cmocka_unit_test(only_own_data_sets_are_overwritten),
	    cmocka_unit_test(names_that_are_no_utf8_do_not_stop_a_run),
	    cmocka_unit_test(format_files_are_taken_or_refused),
	};

	return cmocka_run_group_tests_name("io_manifest", tests, make_dir, remove_dir);
}
