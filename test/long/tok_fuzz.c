/* layers: tok doc io base */
/* Random and damaged input for the tokenizer: text through the fast path and step by step, labels,
 * tokenizer.json with bytes changed, token files with bytes changed.  OLMO_FUZZ_S CPU seconds each (15),
 * seed OLMO_FUZZ_SEED (1), of the tests that match the first argument; run it under SAN=asan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "io/in.h"
#include "tok/encoder.h"
#include "tok/labels.h"
#include "tok/scan.h"
#include "tok/tokfile.h"

static const char *const files[] = {"test/ref/tokenizer/flags.json",
    "test/ref/tokenizer/cl100k.json", "test/ref/tokenizer/qwen2.json",
    "test/ref/tokenizer/o200k.json"};
enum { N_FILES = sizeof(files) / sizeof(files[0]) };

static struct pcg64 rng;
static char dir[64];

static unsigned below(unsigned n)
{
	return pcg64_next32(&rng) % n;
}

static double env_or(const char *name, double other)
{
	return getenv(name) ? atof(getenv(name)) : other;
}

static int begin(void **state)
{
	(void)state;
	pcg64_seed(&rng, (uint64_t)env_or("OLMO_FUZZ_SEED", 1));
	strcpy(dir, "/tmp/tok_fuzz.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/f", dir);
	unlink(path);
	return rmdir(dir);
}

static const char *put_file(const void *p, size_t n)
{
	static char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/f", dir);
	f = fopen(path, "wb");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f))
		fail_msg("cannot write %s", path);
	return path;
}

/* --- text -------------------------------------------------------------------------------------- */

/* What a text is made of: words of the vocabulary, added tokens and pieces of them, white space of
 * all kinds, contractions, marks, any character. */
static void put_piece(struct buf *b, const struct tokenizer *t)
{
	static const char *const special[] = {" ", "\n", "\r\n", "\t", "'", "'s", "'ll", "'Re",
	    "|||", "<|", "|>", "\xc2\xa0", "\xe3\x80\x80", "\xc2\x85", "\xe2\x80\xa9", "\xcc\x81",
	    "\xcc\xb8", "\xe3\x82\x99", "\xc3\x85", "\xe2\x84\xab", "\xc5\xbf",
	    "\xf0\x91\xbc\x84"};
	const struct tokenizer_token *k;
	char c[4];
	uint32_t cp;

	switch (below(5)) {
	case 0:
		k = &t->token[below(t->n_id)];
		if (k->used && utf8_valid(t->bytes.p + k->off, k->len, NULL))
			buf_add(b, t->bytes.p + k->off, k->len);
		break;
	case 1:
		buf_str(b, special[below(sizeof(special) / sizeof(special[0]))]);
		break;
	case 2:
		buf_chr(b, (char)below(128));
		break;
	default:
		cp = below(4) ? below(0x3400) : below(0x110000);
		if (cp < 0xd800 || cp > 0xdfff)
			buf_add(b, c, (size_t)utf8_put(c, cp));
	}
}

static void make_text(struct buf *b, const struct tokenizer *t)
{
	size_t len = below(10) ? below(300) : below(5000), was;

	for (b->len = 0; b->len < len;) {
		unsigned times = below(20) ? 1 : 1 + below(400);

		was = b->len;
		put_piece(b, t);
		while (--times && b->len < 2 * len) {
			buf_need(b, b->len - was);
			buf_add(b, b->p + was, b->len - was < 8 ? b->len - was : 8);
		}
	}
	b->len -= b->len && below(8) == 0; /* may cut a character */
	buf_need(b, 1);
}

static void compare(struct encoder *e, const struct buf *text, const char *what)
{
	static struct ids want, got;
	int a, b;

	want.n = got.n = 0;
	encoder_plain(e, 1);
	a = encoder_add(e, text->p, text->len, &want);
	encoder_plain(e, 0);
	b = encoder_add(e, text->p, text->len, &got);
	if (a == b && want.n == got.n &&
	    (want.n == 0 || !memcmp(want.p, got.p, want.n * sizeof(*want.p))))
		return;
	put_file(text->p, text->len);
	fail_msg("%s: other ids for %s/f", what, dir);
}

static void text_gets_other_ids_by_the_fast_path(void **state)
{
	double until = os_cpu() + env_or("OLMO_FUZZ_S", 15);
	static const enum pretok_kind masked[] = {PRETOK_GPT2, PRETOK_CL100K, PRETOK_QWEN2};
	struct tokenizer *t[N_FILES + 1];
	struct encoder *e[N_FILES + 1];
	struct buf text = {0};
	size_t i, n;

	(void)state;
	for (i = 0; i <= N_FILES; i++) {
		t[i] = tokenizer_load(files[i % N_FILES], (enum tokenizer_profile)(i % 3));
		assert_non_null(t[i]);
		e[i] = encoder_new(t[i]);
	}
	/* flags.json has flags: without masks */
	added_release(&t[N_FILES]->normalized);
	added_put(&t[N_FILES]->normalized, "  ", 2, 7, 0);
	added_put(&t[N_FILES]->normalized, "    ", 4, 8, 0);
	added_put(&t[N_FILES]->normalized, "|||A|||", 7, 9, 0);
	added_build(&t[N_FILES]->normalized);
	assert_true(scan_can(&t[N_FILES]->pretok, &t[N_FILES]->normalized));
	for (n = 0; os_cpu() < until; n++) {
		i = below(N_FILES + 1);
		if (i == N_FILES)
			t[i]->pretok.kind = masked[below(3)];
		scan_isa_force = below(2) ? NULL : &scan_plain;
		make_text(&text, t[i]);
		compare(e[i], &text, files[i % N_FILES]);
	}
	scan_isa_force = NULL;
	printf("# %zu texts\n", n);
	for (i = 0; i <= N_FILES; i++) {
		encoder_free(e[i]);
		tokenizer_free(t[i]);
	}
	buf_release(&text);
}

/* --- labels ------------------------------------------------------------------------------------ */

enum { N_SPAN = 6 };

/* Any text as UTF-8; on[i] says whether a span holds byte i. */
static void make_spans(struct buf *text, struct buf *json, char *on)
{
	size_t i, k, cp, n_cp = utf8_count(text->p, text->len), n = below(N_SPAN);

	memset(on, 0, text->len + 1);
	json->len = 0;
	buf_chr(json, '[');
	for (k = 0; k < n; k++) {
		size_t a = below((unsigned)n_cp + 1), b = a + below((unsigned)(n_cp - a) + 1);
		unsigned score = below(4);

		buf_printf(json, "%s[%zu,%zu,%u]", k ? "," : "", a, b, score);
		for (i = cp = 0; score && i < text->len; i++) {
			cp += ((unsigned char)text->p[i] & 0xc0) != 0x80;
			on[i] |= (char)(cp > a && cp <= b);
		}
	}
	buf_chr(json, ']');
}

/* What is decoded of the ids with this label (or of all: -1) is what is expected. */
static void check_labels(
    const struct tokenizer *t, const struct labels *l, int label, const struct buf *want)
{
	static struct buf got;
	size_t i;

	got.len = 0;
	for (i = 0; i + 1 < l->ids.n; i++) /* without the end mark */
		if (label < 0 || l->mask.p[i] == label)
			assert_int_equal(tokenizer_decode_raw(t, &l->ids.p[i], 1, 0, &got), 0);
	assert_int_equal(got.len, want->len);
	assert_true(!got.len || !memcmp(got.p, want->p, got.len));
}

static void labels_are_at_other_characters(void **state)
{
	double until = os_cpu() + env_or("OLMO_FUZZ_S", 15);
	struct tokenizer *t = tokenizer_load("test/ref/tokenizer/cl100k.json", TOKENIZER_C);
	struct team *team = team_new(t, 1);
	struct labels l = {.e = encoder_new(t), .team = team, .eos = 0};
	struct buf raw = {0}, text = {0}, json = {0}, want = {0};
	static char on[1 << 16];
	size_t i, n, start, len, marks;
	int label;

	(void)state;
	for (n = 0; os_cpu() < until; n++) {
		make_text(&raw, t);
		raw.len = raw.len > 600 ? 600 : raw.len;
		text.len = 0;
		tokenizer_lossy(raw.p, raw.len, 1, &text);
		buf_need(&text, 1);
		make_spans(&text, &json, on);
		buf_cstr(&json);
		assert_int_equal(
		    labels_spans(&l, text.p, text.len, (struct jspan){json.p, json.len}), 0);
		assert_int_equal(l.mask.len, l.ids.n);
		len = encoder_strip(text.p, text.len, &start);
		for (i = marks = 0; i < l.ids.n; i++)
			marks += l.ids.p[i] == 0;
		if (marks != 1 || (len > 0 && text.p[start + len - 1] == '>'))
			continue; /* it may have been the text's own */
		for (label = -1; label < 2; label++) {
			want.len = 0;
			for (i = start; i < start + len; i++)
				if (label < 0 || on[i] == label)
					buf_chr(&want, text.p[i]);
			check_labels(t, &l, label, &want);
		}
	}
	printf("# %zu texts\n", n);
	encoder_free(l.e);
	labels_release(&l);
	team_free(team);
	tokenizer_free(t);
	buf_release(&raw);
	buf_release(&text);
	buf_release(&json);
	buf_release(&want);
}

static void mutate(struct buf *b);

/* A damaged conversation is refused, or has a label of 0 or 1 for every id. */
static void a_damaged_conversation_is_not_survived(void **state)
{
	double until = os_cpu() + env_or("OLMO_FUZZ_S", 15);
	struct tokenizer *t = tokenizer_load("test/ref/tokenizer/flags.json", TOKENIZER_C);
	struct team *team = team_new(t, 1);
	struct labels l = {.e = encoder_new(t), .team = team, .eos = 0};
	struct buf good = {0}, bad = {0};
	size_t n, taken = 0, at, len, i;
	const char *nl;

	(void)state;
	assert_int_equal(in_slurp("test/ref/tokenizer/chat.jsonl", 1 << 24, &good, NULL), 0);
	buf_str(&good, "{\"prompt\":\"the cat\",\"completion\":\"and so\"}\n");
	for (n = 0; os_cpu() < until; n++) {
		at = below((unsigned)good.len);
		while (at > 0 && good.p[at - 1] != '\n')
			at--;
		nl = memchr(good.p + at, '\n', good.len - at);
		len = (size_t)(nl - good.p) - at;
		bad.len = 0;
		buf_add(&bad, good.p + at, len);
		mutate(&bad);
		if (labels_chat(&l, bad.p, bad.len) < 0)
			continue;
		labels_row(&l, 1 + below(200), 5);
		assert_int_equal(l.mask.len, l.ids.n);
		for (i = 0; i < l.mask.len; i++)
			assert_true(l.mask.p[i] == 0 || l.mask.p[i] == 1);
		taken++;
	}
	printf("# %zu conversations, %zu of them taken\n", n, taken);
	encoder_free(l.e);
	labels_release(&l);
	team_free(team);
	tokenizer_free(t);
	buf_release(&good);
	buf_release(&bad);
}

/* --- files ------------------------------------------------------------------------------------- */

static void mutate(struct buf *b)
{
	unsigned times = 1 + below(4);

	while (times-- && b->len) {
		size_t at = pcg64_next32(&rng) % b->len, n = 1 + below(16);

		if (n > b->len - at)
			n = b->len - at;
		buf_need(b, n);
		switch (below(5)) {
		case 0:
			b->p[at] = (char)below(256);
			break;
		case 1:
			b->p[at] ^= (char)(1 << below(8));
			break;
		case 2: /* leave out */
			memmove(b->p + at, b->p + at + n, b->len - at - n);
			b->len -= n;
			break;
		case 3: /* twice */
			memmove(b->p + at + n, b->p + at, b->len - at);
			b->len += n;
			break;
		default: /* a digit, a bracket, a quote */
			b->p[at] = "0123456789[]{},:\"\\nt"[below(20)];
		}
	}
	if (below(20) == 0)
		b->len = pcg64_next32(&rng) % (b->len + 1);
}

static void a_damaged_tokenizer_is_not_survived(void **state)
{
	double until = os_cpu() + env_or("OLMO_FUZZ_S", 15);
	struct buf good[N_FILES], bad = {0}, text = {0}, back = {0};
	size_t i, n, loaded = 0;

	(void)state;
	memset(good, 0, sizeof(good));
	for (i = 0; i < N_FILES; i++)
		assert_int_equal(in_slurp(files[i], 1 << 24, &good[i], NULL), 0);
	for (n = 0; os_cpu() < until; n++) {
		struct tokenizer *t;
		struct encoder *e;
		struct ids ids = {0};

		bad.len = 0;
		i = below(N_FILES);
		buf_add(&bad, good[i].p, good[i].len);
		mutate(&bad);
		t = tokenizer_load(put_file(bad.p, bad.len), (enum tokenizer_profile)below(3));
		if (!t) {
			assert_true(strstr(err_msg(), dir) != NULL);
			continue;
		}
		e = encoder_new(t);
		loaded++;
		make_text(&text, t);
		compare(e, &text, "damaged tokenizer");
		back.len = 0;
		if (!encoder_add(e, text.p, text.len, &ids))
			(void)tokenizer_decode(t, ids.p, ids.n, below(2), &back);
		ids_release(&ids);
		encoder_free(e);
		tokenizer_free(t);
	}
	printf("# %zu files, %zu of them loaded\n", n, loaded);
	for (i = 0; i < N_FILES; i++)
		buf_release(&good[i]);
	buf_release(&bad);
	buf_release(&text);
	buf_release(&back);
}

static void make_token_file(struct buf *out, uint32_t *ids, size_t n)
{
	struct tokfile_meta m = {.width = 2, .vocab_size = 300, .eos_id = 0};
	struct tokfile_sum sum;
	struct tokfile_writer *w;
	char path[96];
	size_t i;

	for (i = 0; i < n; i++)
		ids[i] = below(300);
	snprintf(path, sizeof(path), "%s/f", dir);
	w = tokfile_create(path, &m, 0);
	assert_non_null(w);
	assert_int_equal(tokfile_put(w, ids, n), 0);
	assert_int_equal(tokfile_commit(w, &sum), 0);
	out->len = 0;
	assert_int_equal(in_slurp(path, 1 << 24, out, NULL), 0);
}

/* A file that opens and passes its check has the ids it was made with. */
static void a_damaged_token_file_is_believed(void **state)
{
	enum { N = 500 };
	double until = os_cpu() + env_or("OLMO_FUZZ_S", 15);
	struct buf good = {0}, bad = {0};
	uint32_t want[N], got[N];
	size_t n, opened = 0;

	(void)state;
	make_token_file(&good, want, N);
	for (n = 0; os_cpu() < until; n++) {
		struct tokfile *f;

		bad.len = 0;
		buf_add(&bad, good.p, good.len);
		mutate(&bad);
		f = tokfile_open(put_file(bad.p, bad.len));
		if (!f || tokfile_verify(f) < 0) {
			assert_true(strstr(err_msg(), dir) != NULL);
			tokfile_close(f);
			continue;
		}
		opened++;
		assert_int_equal(f->count, N);
		tokfile_read(f, 0, N, got);
		assert_memory_equal(want, got, sizeof(want));
		tokfile_close(f);
	}
	printf("# %zu files, %zu of them opened\n", n, opened);
	buf_release(&good);
	buf_release(&bad);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(text_gets_other_ids_by_the_fast_path),
	    cmocka_unit_test(labels_are_at_other_characters),
	    cmocka_unit_test(a_damaged_conversation_is_not_survived),
	    cmocka_unit_test(a_damaged_tokenizer_is_not_survived),
	    cmocka_unit_test(a_damaged_token_file_is_believed)};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, begin, end);
}
