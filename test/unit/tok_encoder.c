/* layers: tok doc io base */
/* Added tokens against a slow reading of their rules; the encoder's caches; strip; decoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "tok/added.h"
#include "tok/encoder.h"

#define JSON "test/ref/tokenizer/flags.json"

/* --- added tokens ------------------------------------------------------------------------------ */

static const struct {
	const char *s;
	unsigned flags;
} tokens[] = {{"ab", 0}, {"abc", ADDED_SINGLE}, {"  ", ADDED_RSTRIP}, {"   ", 0},
    {"<", ADDED_LSTRIP}, {"<>", ADDED_LSTRIP | ADDED_RSTRIP}, {"b", ADDED_SINGLE | ADDED_LSTRIP},
    {"\xc3\xa9", ADDED_SINGLE}};
enum { N_TOKENS = sizeof(tokens) / sizeof(tokens[0]) };

static int word_at(const char *s, size_t n, size_t i)
{
	return i < n && (strchr("abcx_", s[i]) || (unsigned char)s[i] == 0xc3);
}

static int word_before(const char *s, size_t i)
{
	return i && (strchr("abcx_", s[i - 1]) || (unsigned char)s[i - 1] == 0xa9);
}

static int space_at(const char *s, size_t n, size_t i)
{
	return i < n && (s[i] == ' ' || s[i] == '\n');
}

static int longest(const char *s, size_t n, size_t i)
{
	int k, best = -1;

	for (k = 0; k < N_TOKENS; k++)
		if (n - i >= strlen(tokens[k].s) &&
		    !memcmp(s + i, tokens[k].s, strlen(tokens[k].s)) &&
		    (best < 0 || strlen(tokens[k].s) > strlen(tokens[best].s)))
			best = k;
	return best;
}

/* "[text]id[text]…" as Hugging Face's find_matches builds it. */
static void slow_split(const char *s, size_t n, struct buf *out)
{
	size_t i = 0, from = 0, start, stop;
	int k;

	while (i < n) {
		if ((k = longest(s, n, i)) < 0) {
			i++;
			continue;
		}
		start = i;
		stop = i += strlen(tokens[k].s);
		if (tokens[k].flags & ADDED_SINGLE &&
		    (word_before(s, start) || word_at(s, n, stop)))
			continue;
		if (tokens[k].flags & ADDED_LSTRIP) {
			while (start > 0 && space_at(s, n, start - 1))
				start--;
			if (start < from)
				start = from;
		}
		while (tokens[k].flags & ADDED_RSTRIP && space_at(s, n, stop))
			stop++;
		buf_printf(out, "[%.*s]%d", (int)(start > from ? start - from : 0), s + from, k);
		from = stop;
	}
	buf_printf(out, "[%.*s]", (int)(n - from), s + from);
}

static void fast_split(const struct added_set *set, const char *s, size_t n, struct buf *out)
{
	struct added_iter it = {.set = set, .s = s, .len = n};
	size_t from, to;
	uint32_t id;

	while (added_next(&it, &from, &to, &id))
		buf_printf(out, "[%.*s]%u", (int)(to - from), s + from, id);
	buf_printf(out, "[%.*s]", (int)(to - from), s + from);
}

static void added_tokens_are_found_elsewhere(void **state)
{
	static const char *const parts[] = {
	    "a", "b", "c", "x", " ", " ", "\n", "<", ">", "_", "-", "\xc3\xa9"};
	struct added_set set = {0};
	struct buf s = {0}, want = {0}, got = {0};
	struct pcg64 r;
	uint32_t k, n;
	int t;

	(void)state;
	for (k = 0; k < N_TOKENS; k++)
		assert_int_equal(
		    added_put(&set, tokens[k].s, strlen(tokens[k].s), k, tokens[k].flags), 0);
	assert_int_equal(added_put(&set, "ab", 2, 99, 0), -1);
	added_build(&set);
	pcg64_seed(&r, 1);
	for (t = 0; t < 100000; t++) {
		s.len = want.len = got.len = 0;
		for (n = pcg64_next32(&r) % 16; n > 0; n--)
			buf_str(&s, parts[pcg64_next32(&r) % 12]);
		slow_split(buf_cstr(&s), s.len, &want);
		fast_split(&set, s.p, s.len, &got);
		assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	}
	buf_release(&s);
	buf_release(&want);
	buf_release(&got);
	added_release(&set);
}

/* --- caches ------------------------------------------------------------------------------------ */

static struct tokenizer *load(void)
{
	struct tokenizer *t = tokenizer_load(JSON, TOKENIZER_C);

	if (!t)
		fail_msg("%s", err_msg());
	return t;
}

/* Words that come again, in number enough to fill the caches: word i is always the same. */
static void put_word(struct buf *b, uint32_t i)
{
	struct pcg64 r;
	uint32_t len;

	pcg64_seed(&r, i);
	len = 1 + pcg64_next32(&r) % (i % 3 == 0 ? 300 : i % 3 == 1 ? 40 : 12);
	for (buf_chr(b, ' '); len > 0; len--)
		buf_chr(b, (char)('a' + pcg64_next32(&r) % (i % 2 ? 4 : 26)));
}

static void caches_change_ids(void **state)
{
	struct tokenizer *t = load();
	struct encoder *old = encoder_new(t), *fresh;
	struct ids a = {0}, b = {0};
	struct buf s = {0};
	struct pcg64 r;
	int i;

	(void)state;
	pcg64_seed(&r, 2);
	for (i = 0; i < 40000; i++) {
		s.len = 0;
		put_word(&s, pcg64_next32(&r) % 9000);
		a.n = b.n = 0;
		assert_int_equal(encoder_add(old, s.p, s.len, &a), 0);
		if (i < 20000 || i % 40)
			continue;
		fresh = encoder_new(t);
		assert_int_equal(encoder_add(fresh, s.p, s.len, &b), 0);
		encoder_free(fresh);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n * sizeof(*a.p));
	}
	ids_release(&a);
	ids_release(&b);
	buf_release(&s);
	encoder_free(old);
	tokenizer_free(t);
}

/* --- very long pretokens ----------------------------------------------------------------------- */

enum { RUNS = 20 };

/* Characters that make one pretoken when they are among themselves. */
static const struct {
	uint32_t from, n;
} alphabets[] = {{'a', 26}, {'a', 1}, {'a', 2}, {'o', 3}, {'A', 58}, {0x4e00, 5000}, {0x4e00, 2},
    {0x1f300, 700}, {0x300, 64}, {0x3b1, 20}, {'=', 1}, {'*', 4}, {'!', 15}, {0xac00, 11000}};

/* Sections of one alphabet: a few characters again and again, or always new ones. */
static void put_run(struct pcg64 *r, size_t len, struct buf *b)
{
	size_t k = pcg64_next32(r) % (sizeof(alphabets) / sizeof(alphabets[0])),
	       end = b->len + len;
	struct buf some = {0};
	char c[4];

	while (b->len < end) {
		size_t to = b->len + 1 + pcg64_next32(r) % 2000, n = pcg64_next32(r) % 3;

		n = n == 0 ? 1 : n == 1 ? 1 + pcg64_next32(r) % 100 : 2000;
		for (some.len = 0; n > 0; n--) {
			uint32_t cp = alphabets[k].from + pcg64_next32(r) % alphabets[k].n;

			buf_add(&some, c, (size_t)utf8_put(c, cp));
		}
		while (b->len < to)
			buf_add(b, some.p, some.len);
	}
	buf_release(&some);
}

static void check_run(struct encoder *fast, struct encoder *slow, const struct buf *s)
{
	struct ids a = {0}, b = {0};

	assert_int_equal(encoder_add(fast, s->p, s->len, &a), 0);
	assert_int_equal(encoder_add(slow, s->p, s->len, &b), 0);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n * sizeof(*a.p));
	ids_release(&a);
	ids_release(&b);
}

static void check_runs(struct pcg64 *r, const struct tokenizer *t)
{
	struct encoder *fast = encoder_new(t), *slow = encoder_new(t);
	struct buf s = {0};
	int i;

	encoder_plain(slow, 1);
	for (i = 0; i < RUNS; i++) {
		s.len = 0;
		put_run(r, 1025 + pcg64_next32(r) % 4000, &s);
		if (i % 5 == 0)
			put_run(r, 1025, &s);
		check_run(fast, slow, &s);
	}
	encoder_free(fast);
	encoder_free(slow);
	buf_release(&s);
}

static void very_long_pretokens_differ(void **state)
{
	static const char *const json[] = {JSON, "test/ref/tokenizer/qwen2.json",
	    "test/ref/tokenizer/cl100k.json", "test/ref/tokenizer/train-seen.json"};
	struct pcg64 r;
	size_t k;

	(void)state;
	pcg64_seed(&r, 6);
	for (k = 0; k < sizeof(json) / sizeof(json[0]); k++) {
		struct tokenizer *t = tokenizer_load(json[k], TOKENIZER_C);

		if (!t)
			fail_msg("%s", err_msg());
		t->ignore_merges = 0;
		check_runs(&r, t);
		t->ignore_merges = 1;
		check_runs(&r, t);
		tokenizer_free(t);
	}
}

static void ill_formed_text_is_encoded(void **state)
{
	struct tokenizer *t = load();
	struct encoder *e = encoder_new(t);
	struct ids a = {0};

	(void)state;
	assert_int_equal(encoder_add(e, "ab\xff", 3, &a), -1);
	assert_non_null(strstr(err_msg(), "byte 2"));
	assert_int_equal(encoder_add(e, "\xed\xa0\x80", 3, &a), -1);
	assert_int_equal(a.n, 0);
	assert_int_equal(encoder_add(e, "", 0, &a), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(encoder_add(e, "\0a", 2, &a), 0);
	assert_true(a.n >= 2);
	ids_release(&a);
	encoder_free(e);
	tokenizer_free(t);
}

/* --- strip and decode -------------------------------------------------------------------------- */

static void strip_differs_from_python(void **state)
{
	/* [c for c in map(chr, range(0x110000)) if c.isspace()] of CPython 3.11 */
	static const uint32_t list[] = {9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 133, 160, 5760,
	    8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239,
	    8287, 12288};
	uint32_t cp;
	size_t i = 0, start, len;
	char s[16];

	(void)state;
	for (cp = 0; cp < 0x110000; cp++) {
		int n, is;

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		n = utf8_put(s, cp);
		s[n] = 'x';
		memcpy(s + n + 1, s, (size_t)n);
		len = encoder_strip(s, (size_t)(2 * n + 1), &start);
		is = i < 29 && list[i] == cp;
		i += (size_t)is;
		assert_int_equal(len, is ? 1 : 2 * n + 1);
		assert_int_equal(start, is ? n : 0);
	}
	assert_int_equal(i, 29);
	assert_int_equal(encoder_strip(" \n ", 3, &start), 0);
	assert_int_equal(encoder_strip("", 0, &start), 0);
}

/* Lossy text in parts equals lossy text in one. */
static void parts_change_replaced_text(void **state)
{
	static const char bytes[] =
	    "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\xed\xa0\x80\xe0\x80\xf4\x90";
	struct buf s = {0}, want = {0}, got = {0};
	struct pcg64 r;
	size_t i, used, cut;
	int t;

	(void)state;
	pcg64_seed(&r, 4);
	for (t = 0; t < 20000; t++) {
		s.len = want.len = got.len = 0;
		for (i = pcg64_next32(&r) % 12; i > 0; i--)
			buf_chr(&s, bytes[pcg64_next32(&r) % (sizeof(bytes) - 1)]);
		buf_cstr(&s);
		assert_int_equal(tokenizer_lossy(s.p, s.len, 1, &want), s.len);
		cut = s.len ? pcg64_next32(&r) % s.len : 0;
		used = tokenizer_lossy(s.p, cut, 0, &got);
		assert_true(used <= cut);
		tokenizer_lossy(s.p + used, s.len - used, 1, &got);
		assert_int_equal(got.len, want.len);
		assert_true(!got.len || !memcmp(got.p, want.p, got.len));
	}
	buf_release(&s);
	buf_release(&want);
	buf_release(&got);
}

static void unknown_ids_are_decoded(void **state)
{
	struct tokenizer *t = load();
	struct buf b = {0};
	uint32_t ids[2] = {1, t->n_id};

	(void)state;
	assert_int_equal(tokenizer_decode(t, ids, 1, 0, &b), 0);
	assert_int_equal(tokenizer_decode(t, ids, 2, 0, &b), -1);
	assert_non_null(strstr(err_msg(), "index 1"));
	buf_release(&b);
	tokenizer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(added_tokens_are_found_elsewhere),
	    cmocka_unit_test(caches_change_ids), cmocka_unit_test(very_long_pretokens_differ),
	    cmocka_unit_test(ill_formed_text_is_encoded),
	    cmocka_unit_test(strip_differs_from_python),
	    cmocka_unit_test(parts_change_replaced_text),
	    cmocka_unit_test(unknown_ids_are_decoded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
