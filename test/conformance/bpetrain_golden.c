/* layers: tok doc io base */
/* Merges and vocabularies equal to Hugging Face's BpeTrainer (0.23.2 and 0.23.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "io/in.h"
#include "tok/bpetrain.h"
#include "tok/encoder.h"

static void slurp(const char *rest, struct buf *b)
{
	const char *dir = getenv("OLMO_SHARED");
	char *path = xasprintf("%s/data/tokenizer-conformance/%s", dir ? dir : "../shared", rest);

	b->len = 0;
	if (in_slurp(path, 1u << 30, b, NULL) < 0)
		fail_msg("%s", err_msg());
	free(path);
}

static void add_word(void *arg, const char *p, size_t n)
{
	wordcount_add(arg, p, n, 1);
}

/* A unit is a line with its end, as from Tokenizer.train(files). */
static void count_lines(
    const struct bpetrain_spec *spec, const struct buf *text, struct wordcount *words)
{
	struct tokenizer *t = bpetrain_splitter(spec);
	struct encoder *e = encoder_new(t);
	const char *p = text->p, *end = p + text->len, *nl;

	for (; p < end; p = nl) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl + 1 : end;
		assert_int_equal(encoder_split(e, p, (size_t)(nl - p), add_word, words), 0);
	}
	encoder_free(e);
	tokenizer_free(t);
}

static void check_merges(const json_t *model, const char *golden)
{
	const json_t *m;
	struct buf want = {0}, got = {0};
	size_t i;

	slurp(golden, &want);
	json_array_foreach(json_object_get(model, "merges"), i, m)
	{
		buf_str(&got, json_string_value(m));
		buf_chr(&got, '\n');
	}
	if (want.len && want.p[want.len - 1] != '\n')
		buf_chr(&want, '\n');
	print_message("# %s: %zu merges\n", golden, i);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	buf_release(&want);
	buf_release(&got);
}

static void check(
    struct bpetrain_spec spec, const char *input, const char *merges, const char *vocab)
{
	struct wordcount words = {0};
	struct buf text = {0}, json = {0};
	struct bpetrain *m;
	json_t *root, *want;

	slurp(input, &text);
	count_lines(&spec, &text, &words);
	assert_non_null(m = bpetrain_run(&spec, &words));
	bpetrain_json(m, &spec, &json);
	assert_non_null(root = json_loadb(json.p, json.len, 0, NULL));
	check_merges(json_object_get(root, "model"), merges);
	slurp(vocab, &text);
	assert_non_null(want = json_loadb(text.p, text.len, 0, NULL));
	assert_true(json_equal(json_object_get(json_object_get(root, "model"), "vocab"), want));
	json_decref(root);
	json_decref(want);
	bpetrain_free(m);
	wordcount_release(&words);
	buf_release(&text);
	buf_release(&json);
}

static void names_list(void **state)
{
	struct bpetrain_spec spec = {.vocab_size = 30000};

	(void)state;
	check(spec, "train-input.txt", "train-merges.txt", "train-vocab.json");
}

static void v2000(void **state)
{
	struct bpetrain_spec spec = {.vocab_size = 2000};

	(void)state;
	check(spec, "train-bpe/input.txt", "train-bpe/v2000-min0.merges.txt",
	    "train-bpe/v2000-min0.vocab.json");
	spec.min_frequency = 2;
	check(spec, "train-bpe/input.txt", "train-bpe/v2000-min2.merges.txt",
	    "train-bpe/v2000-min2.vocab.json");
}

static void v2000_alphabet256(void **state)
{
	struct bpetrain_spec spec = {.vocab_size = 2000, .alphabet_all = 1};

	(void)state;
	check(spec, "train-bpe/input.txt", "train-bpe/v2000-min0-alphabet256.merges.txt",
	    "train-bpe/v2000-min0-alphabet256.vocab.json");
}

static void v8000_min50(void **state)
{
	struct bpetrain_spec spec = {.vocab_size = 8000, .min_frequency = 50};

	(void)state;
	check(spec, "train-bpe/input.txt", "train-bpe/v8000-min50.merges.txt",
	    "train-bpe/v8000-min50.vocab.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_list), cmocka_unit_test(v2000),
	    cmocka_unit_test(v2000_alphabet256), cmocka_unit_test(v8000_min50)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
