/* layers: io base */
/* seal: end marks of JSON lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/seal.h"

/* Feed a stream to the check as a reader does: 0, -1. */
static int read_all(const char *text, size_t len, int required)
{
	struct seal s;
	uint64_t line = 0;
	int rc = 0;

	seal_init(&s);
	for (const char *p = text, *nl; p < text + len && rc == 0; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(text + len - p));
		if (!nl)
			nl = text + len;
		line++;
		if (seal_is(p, (size_t)(nl - p)))
			rc = seal_check(&s, p, (size_t)(nl - p), "f", line);
		else
			seal_add(&s, p, (size_t)(nl - p) + 1, 1);
	}
	if (rc == 0)
		rc = seal_end(&s, required, "f");
	seal_release(&s);
	return rc;
}

/* n lines and their seal. */
static void sealed(struct buf *b, int n)
{
	struct seal s;
	size_t start = b->len;

	seal_init(&s);
	for (int i = 0; i < n; i++)
		buf_printf(b, "{\"id\":\"%d\"}\n", i);
	seal_add(&s, b->p + start, b->len - start, (uint64_t)n);
	seal_line(&s, b);
	seal_release(&s);
}

static void a_seal_has_one_form(void **state)
{
	struct buf b = {0};

	(void)state;
	/* xxhsum -H128 of no bytes at all (xxhash 0.8.1). */
	sealed(&b, 0);
	assert_string_equal(buf_cstr(&b),
	    "{\"seal\":{\"docs\":0,\"xxh3\":\"99aa06d3014798d86001c324468d497f\"}}\n");
	buf_release(&b);
}

static void sealed_streams_may_follow_each_other(void **state)
{
	struct buf b = {0};

	(void)state;
	for (int n = 0; n < 4; n++)
		sealed(&b, n);
	assert_int_equal(read_all(b.p, b.len, 1), 0);
	buf_str(&b, "{\"id\":\"x\"}\n");
	assert_int_equal(read_all(b.p, b.len, 0), 0);
	assert_int_equal(read_all(b.p, b.len, 1), -1);
	assert_non_null(strstr(err_msg(), "1 documents after the last seal"));
	buf_release(&b);
}

static void unsealed_streams_fail_only_when_asked(void **state)
{
	static const char text[] = "{\"id\":\"x\"}\n";

	(void)state;
	assert_int_equal(read_all(text, sizeof text - 1, 0), 0);
	assert_int_equal(read_all(text, sizeof text - 1, 1), -1);
	assert_int_equal(read_all("", 0, 0), 0);
	assert_int_equal(read_all("", 0, 1), -1);
}

static void every_change_of_a_line_is_seen(void **state)
{
	struct buf b = {0};

	(void)state;
	sealed(&b, 3);
	for (size_t i = 0; i < b.len - 1; i++) {
		b.p[i] ^= 1;
		assert_int_equal(read_all(b.p, b.len, 1), -1);
		b.p[i] ^= 1;
	}
	assert_int_equal(read_all(b.p, b.len, 1), 0);
	/* Every cut too. */
	for (size_t n = 0; n < b.len - 1; n++)
		assert_int_equal(read_all(b.p, n, 1), -1);
	/* A line lost, a line twice. */
	assert_int_equal(read_all(b.p + 11, b.len - 11, 0), -1);
	assert_non_null(strstr(err_msg(), "f:3: the seal counts 3 documents, 2 came"));
	buf_release(&b);
}

static void marks_are_told_from_documents(void **state)
{
	static const char *const docs[] = {"{\"id\":\"a\"}", "{\"seal\":1}",
	    "{\"seal\":{\"docs\":",
	    "{\"seal\":{\"docs\":1,\"xxh3\":\"99aa06d3014798d86001c324468d497f\"},\"id\":\"1\","
	    "\"text\":"
	    "\"\"}",
	    "{\"seal\":{\"docs\":0,\"xxh3\":\"99aa06d3014798d86001c324468d497f\"}}x",
	    "{\"seal\":{\"docs\":0}}", ""};
	static const char *const bad[] = {
	    "{\"seal\":{\"docs\":0,\"xxh3\":\"99aa06d3014798d86001c324468d497\"}}",
	    "{\"seal\":{\"docs\":,\"xxh3\":\"99aa06d3014798d86001c324468d497f\"}}",
	    "{\"seal\":{\"docs\":-1,\"xxh3\":\"99aa06d3014798d86001c324468d497f\"}}",
	    "{\"seal\":{\"docs\":99999999999999999999,\"xxh3\":"
	    "\"99aa06d3014798d86001c324468d497f\"}}",
	    "{\"seal\":{\"docs\":0,\"xxh3\":\"zzaa06d3014798d86001c324468d497f\"}}",
	    "{\"seal\":{\"docs\":0,\"x\"}}"};

	(void)state;
	for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++)
		assert_int_equal(seal_is(docs[i], strlen(docs[i])), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(read_all(bad[i], strlen(bad[i]), 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_seal_has_one_form),
	    cmocka_unit_test(sealed_streams_may_follow_each_other),
	    cmocka_unit_test(unsealed_streams_fail_only_when_asked),
	    cmocka_unit_test(every_change_of_a_line_is_seen),
	    cmocka_unit_test(marks_are_told_from_documents),
	};

	return cmocka_run_group_tests_name("io_seal", tests, NULL, NULL);
}
