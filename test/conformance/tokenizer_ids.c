/* layers: tok doc io base */
/* Ids equal to Hugging Face tokenizers 0.23.2 on the shared conformance set, for each of its three
 * tokenizers (one that is not there is named and passed over), and to two older behaviours;
 * decoding gives the normalized text back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "base/utf8.h"
#include "io/in.h"
#include "tok/encoder.h"
#include "tok/nfc.h"

static char *shared(const char *rest)
{
	const char *dir = getenv("OLMO_SHARED");

	return xasprintf("%s/data/%s", dir ? dir : "../shared", rest);
}

static json_t *next_json(struct in *f)
{
	char *line;
	size_t len;
	json_t *v;
	int rc = in_line(f, &line, &len);

	assert_true(rc >= 0);
	if (!rc)
		return NULL;
	v = json_loadb(line, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(v);
	return v;
}

static int same(const struct ids *got, const json_t *want)
{
	size_t i;

	if (got->n != json_array_size(want))
		return 0;
	for (i = 0; i < got->n; i++)
		if (got->p[i] != (uint32_t)json_integer_value(json_array_get(want, i)))
			return 0;
	return 1;
}

static void show(const json_t *text, const struct ids *got, const json_t *want)
{
	char *t = json_dumps(text, JSON_ENCODE_ANY), *w = json_dumps(want, JSON_COMPACT);
	size_t i;

	print_error("# text %s\n# want %s\n# got  [", t, w);
	for (i = 0; i < got->n; i++)
		print_error("%s%u", i ? "," : "", got->p[i]);
	print_error("]\n");
	free(t);
	free(w);
}

static struct in *open_shared(const char *rest)
{
	char *path = shared(rest);
	struct in *f = in_open(path);

	if (!f)
		fail_msg("%s", err_msg());
	free(path);
	return f;
}

/* Lines of a diff file: [index, ids], the cases that differ from the golden list. */
static json_t *next_diff(struct in *diff)
{
	return diff ? next_json(diff) : NULL;
}

static void check(
    const char *json, const char *golden, const char *differ, enum tokenizer_profile profile)
{
	char *path = shared(json);
	struct in *texts, *ids, *diff = differ ? open_shared(differ) : NULL;
	struct tokenizer *t;
	struct encoder *e;
	struct ids got = {0};
	json_t *text, *want, *d = next_diff(diff);
	size_t n = 0, bad = 0;

	if (access(path, R_OK) < 0) {
		print_message("# SKIPPED %s: %s is not there\n", golden, json);
		if (diff)
			in_close(diff, NULL);
		json_decref(d);
		free(path);
		return;
	}
	if (!(t = tokenizer_load(path, profile)))
		fail_msg("%s", err_msg());
	e = encoder_new(t);
	texts = open_shared("tokenizer-conformance/cases.jsonl");
	ids = open_shared(golden);
	for (; (text = next_json(texts)); n++) {
		assert_non_null(want = next_json(ids));
		if (d && (size_t)json_integer_value(json_array_get(d, 0)) == n) {
			json_decref(want);
			want = json_incref(json_array_get(d, 1));
			json_decref(d);
			d = next_diff(diff);
		}
		got.n = 0;
		assert_int_equal(
		    encoder_add(e, json_string_value(text), json_string_length(text), &got), 0);
		if (!same(&got, want) && bad++ < 5)
			show(text, &got, want);
		json_decref(text);
		json_decref(want);
	}
	print_message(
	    "# %s%s: %zu of %zu equal\n", golden, differ ? " (older profile)" : "", n - bad, n);
	assert_int_equal(bad, 0);
	assert_int_equal(n, 28930);
	assert_null(d);
	in_close(texts, NULL);
	in_close(ids, NULL);
	if (diff)
		in_close(diff, NULL);
	ids_release(&got);
	encoder_free(e);
	tokenizer_free(t);
	free(path);
}

#define C    "tokenizer-conformance/"
#define OLMO "tokenizers/allenai_gpt-neox-olmo-dolma-v1_5.json"

static void olmo_ids_differ(void **state)
{
	(void)state;
	check(OLMO, C "ids.olmo-v1_5.jsonl", NULL, TOKENIZER_C);
}

static void neox_pii_ids_differ(void **state)
{
	(void)state;
	check("tokenizers/allenai_eleuther-ai-gpt-neox-20b-pii-special.json",
	    C "ids.neox-20b-pii-special.jsonl", NULL, TOKENIZER_C);
}

static void dolma2_ids_differ(void **state)
{
	(void)state;
	check("tokenizers/allenai_dolma2.json", C "ids.dolma2.jsonl", NULL, TOKENIZER_C);
}

static void unicode14_ids_differ(void **state)
{
	(void)state;
	check(OLMO, C "ids.olmo-v1_5.jsonl", C "ids.olmo-v1_5.unicode14.diff.jsonl", TOKENIZER_B);
}

static void release_013_ids_differ(void **state)
{
	(void)state;
	check(OLMO, C "ids.olmo-v1_5.jsonl", C "ids.olmo-v1_5.hf013.diff.jsonl", TOKENIZER_A);
}

/* Text whose ids hold no special token decodes to its own NFC. */
static void decoding_loses_text(void **state)
{
	char *path = shared(OLMO);
	struct tokenizer *t = tokenizer_load(path, TOKENIZER_C);
	struct encoder *e = encoder_new(t);
	struct in *texts = open_shared(C "cases.jsonl");
	struct buf want = {0}, got = {0};
	struct ids ids = {0};
	json_t *text;
	size_t i, n = 0;

	(void)state;
	while ((text = next_json(texts))) {
		const char *s = json_string_value(text);
		size_t len = json_string_length(text), specials = 0;

		ids.n = want.len = got.len = 0;
		assert_int_equal(encoder_add(e, s, len, &ids), 0);
		for (i = 0; i < ids.n; i++)
			specials += t->token[ids.p[i]].special;
		nfc_put(&want, s, len);
		assert_int_equal(tokenizer_decode(t, ids.p, ids.n, 0, &got), 0);
		if (!specials) {
			assert_int_equal(got.len, want.len);
			assert_true(!got.len || !memcmp(got.p, want.p, got.len));
			n++;
		}
		json_decref(text);
	}
	print_message("# %zu texts decoded\n", n);
	assert_true(n > 28000);
	in_close(texts, NULL);
	ids_release(&ids);
	buf_release(&want);
	buf_release(&got);
	encoder_free(e);
	tokenizer_free(t);
	free(path);
}

/* "CP CP .. ; CP CP ..": input and its NFC. */
static const char *code_points(const char *p, struct buf *out)
{
	char *end;
	char u[4];

	out->len = 0;
	while (*p && *p != ';') {
		unsigned long cp = strtoul(p, &end, 16);

		if (end == p)
			break;
		buf_add(out, u, (size_t)utf8_put(u, (uint32_t)cp));
		for (p = end; *p == ' '; p++)
			;
	}
	return *p ? p + 1 : p;
}

static void nfc_differs(void **state)
{
	struct in *f = open_shared(C "nfc-cases.txt");
	struct buf in = {0}, want = {0}, got = {0};
	char *line;
	size_t len, n = 0;
	int rc;

	(void)state;
	while ((rc = in_line(f, &line, &len)) > 0) {
		const char *p = code_points(line, &in);

		code_points(p + 1, &want);
		got.len = 0;
		nfc_put(&got, in.p, in.len);
		if (got.len != want.len || memcmp(got.p, want.p, got.len))
			fail_msg("NFC of %s", line);
		if (nfc_check(in.p, in.len) == in.len)
			assert_true(in.len == want.len && !memcmp(in.p, want.p, in.len));
		n++;
	}
	assert_int_equal(rc, 0);
	print_message("# NFC: %zu cases equal\n", n);
	assert_true(n > 6000);
	in_close(f, NULL);
	buf_release(&in);
	buf_release(&want);
	buf_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(olmo_ids_differ),
	    cmocka_unit_test(neox_pii_ids_differ), cmocka_unit_test(dolma2_ids_differ),
	    cmocka_unit_test(unicode14_ids_differ), cmocka_unit_test(release_013_ids_differ),
	    cmocka_unit_test(decoding_loses_text), cmocka_unit_test(nfc_differs)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
