/* layers: text doc io base */
#include "base/err.h"
#include "base/rng.h"
#include "io/in.h"
#include "io/out.h"
#include "text/bloom.h"
#include "text/contam.h"
#include "text/dedup.h"
#include "text/keyfile.h"
#include "text/keyset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/olmo-dedup.XXXXXX";

static const char *path(const char *name)
{
	static char p[4][128];
	static int i;
	i = (i + 1) % 4;
	snprintf(p[i], sizeof p[i], "%s/%s", dir, name);
	return p[i];
}

static struct h128 key(uint64_t i)
{
	return (struct h128){rng_at(1, 0, i), rng_at(1, 1, i)};
}

/* ---- keyset --------------------------------------------------------------------------- */

static void a_set_holds_what_was_added_and_nothing_else(void **st)
{
	int bits;
	uint64_t i;
	(void)st;
	for (bits = 64; bits <= 128; bits += 64) {
		struct keyset s;
		keyset_init(&s, bits, 0, 0);
		for (i = 0; i < 20000; i++) {
			assert_int_equal(keyset_has(&s, key(i)), 0);
			assert_int_equal(keyset_add(&s, key(i)), 1);
			assert_int_equal(keyset_add(&s, key(i / 2)), 0);
		}
		for (i = 0; i < 40000; i++)
			assert_int_equal(keyset_has(&s, key(i)), i < 20000);
		assert_true(keyset_len(&s) == 20000);
		keyset_release(&s);
	}
}

static void zero_and_half_equal_keys_are_keys(void **st)
{
	struct keyset s;
	struct h128 zero = {0, 0}, a = {5, 0}, b = {5, 1}, c = {0, 1};
	(void)st;
	keyset_init(&s, 128, 0, 0);
	assert_int_equal(keyset_has(&s, zero), 0);
	assert_int_equal(keyset_add(&s, zero), 1);
	assert_int_equal(keyset_add(&s, zero), 0);
	assert_int_equal(keyset_add(&s, a), 1);
	assert_int_equal(keyset_add(&s, b), 1);
	assert_int_equal(keyset_add(&s, c), 1);
	assert_int_equal(keyset_has(&s, zero), 1);
	assert_true(keyset_len(&s) == 4);
	keyset_release(&s);
	keyset_init(&s, 64, 0, 0);
	assert_int_equal(keyset_add(&s, a), 1);
	assert_int_equal(keyset_add(&s, b), 0);
	assert_int_equal(keyset_add(&s, c), 1); /* its low half is zero */
	keyset_release(&s);
}

static void values_survive_growth(void **st)
{
	struct keyset s;
	uint64_t i;
	int is_new;
	(void)st;
	keyset_init(&s, 128, 1, 10);
	for (i = 0; i < 30000; i++) {
		*keyset_put(&s, key(i), &is_new) = i;
		assert_int_equal(is_new, 1);
	}
	for (i = 0; i < 30000; i++)
		assert_true(*keyset_get(&s, key(i)) == i);
	assert_null(keyset_get(&s, key(30000)));
	keyset_release(&s);
}

static void room_for_the_keys_expected_is_made_at_once(void **st)
{
	struct keyset s;
	uint64_t before, i;
	(void)st;
	keyset_init(&s, 128, 0, 50000);
	before = keyset_bytes(&s);
	assert_true(before == keyset_plan(128, 0, 50000));
	for (i = 0; i < 50000; i++)
		keyset_add(&s, key(i));
	assert_true(keyset_bytes(&s) == before);
	assert_true(before <= 50000 * 40 + 65536);
	keyset_release(&s);
}

/* ---- Bloom filter ---------------------------------------------------------------------- */

static void a_filter_is_no_larger_than_needed(void **st)
{
	static const struct {
		uint64_t n;
		double p;
	} c[] = {{1, 0.5}, {1000, 1e-3}, {1000000, 1e-4}, {188815, 1e-9}, {30000000000u, 1e-6}};
	uint64_t bits;
	size_t i;
	int k;
	(void)st;
	for (i = 0; i < sizeof c / sizeof *c; i++) {
		double best = (double)c[i].n * -log(c[i].p) / (M_LN2 * M_LN2);
		bloom_plan(c[i].n, c[i].p, &bits, &k);
		assert_true((double)bits >= best * 0.9999 && (double)bits <= best * 1.02 + 64);
		assert_int_equal(k, (int)ceil(-log2(c[i].p)));
	}
	/* No more than 32 places a key, and a little more room instead. */
	bloom_plan(2336120, 1e-15, &bits, &k);
	assert_int_equal(k, 32);
	assert_true((double)bits < 1.08 * 2336120 * -log(1e-15) / (M_LN2 * M_LN2));
	assert_true(pow(1 - exp(-32.0 * 2336120 / (double)bits), 32) <= 1.0001e-15);
}

/* n keys in, then 500,000 others: about p of them are taken for members.  10^-2: 5,000 expected,
 * standard deviation 71; the bounds are 5 of them and the error of the formula. */
static void false_positives_come_at_the_rate_promised(void **st)
{
	struct bloom b;
	uint64_t i, wrong = 0, n = 20000, set;
	(void)st;
	assert_int_equal(bloom_init(&b, n, 1e-2), 0);
	for (i = 0; i < n; i++) {
		bloom_add(&b, key(i));
		assert_int_equal(bloom_has(&b, key(i)), 1);
		assert_int_equal(bloom_add(&b, key(i)), 0);
	}
	for (i = 0; i < 500000; i++)
		wrong += (uint64_t)bloom_has(&b, key(1000000 + i));
	assert_in_range(wrong, 4500, 5500);
	set = bloom_bits_set(&b);
	assert_true(fabs(bloom_now_fpr(&b, set) - 1e-2) < 1e-3);
	assert_true(b.n > n - 200 && b.n <= n);
	bloom_release(&b);
}

static void filters_are_saved_loaded_and_merged(void **st)
{
	struct bloom a, b, both, back;
	char *rule;
	uint64_t i;
	(void)st;
	assert_int_equal(bloom_init(&a, 2000, 1e-9), 0);
	assert_int_equal(bloom_init(&b, 2000, 1e-9), 0);
	assert_int_equal(bloom_init(&both, 2000, 1e-9), 0);
	for (i = 0; i < 2000; i++) {
		bloom_add(i % 2 ? &a : &b, key(i));
		bloom_add(&both, key(i));
	}
	assert_int_equal(bloom_merge(&a, &b), 0);
	assert_memory_equal(a.word, both.word, a.bits / 8);
	assert_int_equal(bloom_save(&a, "some rule", path("b"), NULL), 0);
	assert_int_equal(bloom_load(&back, &rule, path("b")), 0);
	assert_string_equal(rule, "some rule");
	assert_true(back.bits == a.bits && back.k == a.k && back.n == 2000 &&
		    back.capacity == 2000 && back.fpr == 1e-9);
	assert_memory_equal(back.word, both.word, a.bits / 8);
	bloom_release(&b);
	assert_int_equal(bloom_init(&b, 2001, 1e-9), 0);
	assert_int_equal(bloom_merge(&a, &b), -1);
	free(rule);
	bloom_release(&a);
	bloom_release(&b);
	bloom_release(&both);
	bloom_release(&back);
}

/* ---- key files ------------------------------------------------------------------------- */

/* Keys from..to-1 on lines of one documents file, each twice. */
static void make_keys(const char *out, const char *docs, uint64_t from, uint64_t to)
{
	struct keywriter *w = keywriter_new("rule | x");
	uint32_t f = keywriter_file(w, docs);
	uint64_t i;
	for (i = from; i < to; i++) {
		assert_int_equal(keywriter_add(w, key(i), (struct keypos){i + 1, f, 0}), 1);
		assert_int_equal(keywriter_add(w, key(i), (struct keypos){i + 1, f, 1}), 0);
	}
	assert_int_equal(keywriter_write(w, out, NULL), 0);
}

static void merged_keys_know_their_first_position(void **st)
{
	char *in[3];
	struct keyfile *k;
	struct keypos pos;
	uint64_t n, i;
	(void)st;
	make_keys(path("k0"), "./d//a.jsonl", 0, 500);
	make_keys(path("k1"), "d/b.jsonl", 250, 800);
	make_keys(path("k2"), "d/c.jsonl", 0, 5000);
	for (i = 0; i < 3; i++)
		in[i] = xasprintf("%s/k%d", dir, (int)i);
	assert_int_equal(keyfile_merge(path("all"), in, 3, NULL, &n), 0);
	assert_true(n == 5000);
	k = keyfile_open(path("all"));
	assert_non_null(k);
	assert_true(keyfile_len(k) == 5000 && keyfile_n_files(k) == 3);
	assert_string_equal(keyfile_file(k, 0), "d/a.jsonl");
	assert_int_equal(keyfile_find_file(k, "d/./c.jsonl"), 2);
	assert_int_equal(keyfile_find_file(k, "c.jsonl"), -1);
	for (i = 0; i < 5000; i++) {
		assert_int_equal(keyfile_find(k, key(i), &pos), 1);
		assert_true(pos.line == i + 1 && pos.ord == 0);
		assert_int_equal(pos.file, i < 500 ? 0 : i < 800 ? 1 : 2);
	}
	for (i = 5000; i < 9000; i++)
		assert_int_equal(keyfile_find(k, key(i), &pos), 0);
	keyfile_close(k);
	free(in[2]);
	in[2] = xstrdup(in[0]);
	assert_int_equal(keyfile_merge(path("twice"), in, 3, NULL, &n), -1);
	assert_non_null(strstr(err_msg(), "'d/a.jsonl' are there twice"));
	assert_int_equal(access(path("twice"), F_OK), -1);
	for (i = 0; i < 3; i++)
		free(in[i]);
}

static void no_keys_are_a_file_too(void **st)
{
	struct keywriter *w = keywriter_new("r");
	struct keyfile *k;
	struct keypos pos;
	(void)st;
	assert_int_equal(keywriter_write(w, path("none"), NULL), 0);
	k = keyfile_open(path("none"));
	assert_non_null(k);
	assert_int_equal(keyfile_find(k, key(1), &pos), 0);
	keyfile_close(k);
}

static void put_file(const char *name, const char *p, size_t n)
{
	FILE *f = fopen(path(name), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Every byte counts: cut anywhere or with any bit turned, a file is refused. */
static void damaged_files_are_refused(void **st)
{
	struct bloom b, back;
	struct buf k = {0}, f = {0};
	char *rule;
	size_t i;
	(void)st;
	make_keys(path("k"), "d", 0, 3);
	assert_int_equal(bloom_init(&b, 8, 1e-2), 0);
	assert_int_equal(bloom_save(&b, "r", path("f"), NULL), 0);
	assert_int_equal(in_slurp(path("k"), 1 << 20, &k, NULL), 0);
	assert_int_equal(in_slurp(path("f"), 1 << 20, &f, NULL), 0);
	for (i = 0; i < k.len; i++) {
		put_file("bad", k.p, i);
		assert_null(keyfile_open(path("bad")));
		k.p[i] ^= 1 << i % 8;
		put_file("bad", k.p, k.len);
		k.p[i] ^= 1 << i % 8;
		assert_null(keyfile_open(path("bad")));
		assert_non_null(strstr(err_msg(), path("bad")));
	}
	for (i = 0; i < f.len; i++) {
		put_file("bad", f.p, i);
		assert_int_equal(bloom_load(&back, &rule, path("bad")), -1);
		f.p[i] ^= 1 << i % 8;
		put_file("bad", f.p, f.len);
		f.p[i] ^= 1 << i % 8;
		assert_int_equal(bloom_load(&back, &rule, path("bad")), -1);
	}
	bloom_release(&b);
	buf_release(&k);
	buf_release(&f);
}

/* ---- splitting ------------------------------------------------------------------------- */

/* The spans of a text when all keys are copies, as "a-b a-b ". */
static const char *spans(struct dedup_rule *r, const char *text)
{
	static char out[512];
	struct buf line = {0};
	struct dedup_scratch s = {0};
	struct doc d = {0};
	struct dedup_doc dd;
	size_t i, at = 0;
	buf_str(&line, "{\"id\":\"i\",\"text\":");
	jstr_put(&line, text, strlen(text));
	buf_str(&line, "}");
	assert_int_equal(doc_parse(&d, "f", 1, line.p, line.len), 0);
	assert_int_equal(dedup_split(r, &s, &d, &dd), 0);
	out[0] = 0;
	for (i = 0; i < dd.n_units; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%d-%d ", (int)dd.unit[i].start,
		    (int)dd.unit[i].end);
	dedup_scratch_release(&s);
	doc_release(&d);
	buf_release(&line);
	return out;
}

static void spans_cover_the_text_without_gaps_or_empty_ones(void **st)
{
	struct dedup_rule r;
	(void)st;
	dedup_rule_init(&r);
	assert_string_equal(spans(&r, "ab\ncd"), "0-3 3-5 ");
	assert_string_equal(spans(&r, "ab\ncd\n"), "0-3 3-6 ");
	assert_string_equal(spans(&r, "\xc3\xa9\n\xf0\x9f\x98\x8a\n"), "0-2 2-4 ");
	assert_string_equal(spans(&r, "\n\n\n"), "0-1 1-2 2-3 ");
	assert_string_equal(spans(&r, ""), "");
	r.skip_empty = 1;
	assert_string_equal(spans(&r, "a\n\n \xc2\xa0\nb"), "0-2 6-7 ");
	r.skip_empty = 0;
	r.min_length = 2;
	assert_string_equal(spans(&r, "\xc3\xa9\nab\n"), "2-5 ");
	r.min_length = 0;
	r.min_words = 2;
	assert_string_equal(spans(&r, "one\none two\nx.y z\n"), "4-12 12-18 ");
	r.min_words = 0;
	assert_int_equal(dedup_rule_separator(&r, "\\n\\n"), 0);
	assert_string_equal(spans(&r, "aa\n\nbb\n\naa"), "0-4 4-8 8-10 ");
	assert_string_equal(spans(&r, "aa\n\n\nbb\n\n"), "0-4 4-9 ");
	dedup_rule_release(&r);
}

/* Rows of allenai/dolma 669f534's deduper for such texts: [6,9] for the third piece with a
 * separator of two characters, the end of an ASCII text without its newline, empty spans. */
static void compat_counts_as_the_original(void **st)
{
	struct dedup_rule r;
	(void)st;
	dedup_rule_init(&r);
	r.compat = 1;
	assert_string_equal(spans(&r, "\n\n\n"), "0-1 1-2 2-2 2-2 ");
	assert_string_equal(spans(&r, "ab\ncd\n"), "0-3 3-5 5-5 ");
	assert_string_equal(spans(&r, "\xc3\xa9\xc3\xa9\nb\n"), "0-3 3-5 5-6 ");
	assert_int_equal(dedup_rule_separator(&r, "\\n\\n"), 0);
	assert_string_equal(spans(&r, "aa\n\nbb\n\naa"), "0-3 3-6 6-9 ");
	dedup_rule_release(&r);
}

static void rules_are_parsed_and_compared(void **st)
{
	static const char *bad[] = {"", "text", "document:", "document:a..b", "document:.a",
	    "ngram:", "ngram:0", "ngram:2,0", "ngram:2,1,x", "ngram:2,1,0.5,3", "paragraphs"};
	struct dedup_rule r;
	char *a, *b;
	size_t i;
	(void)st;
	dedup_rule_init(&r);
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(dedup_rule_by(&r, bad[i]), -1);
	assert_int_equal(dedup_rule_separator(&r, ""), -1);
	assert_int_equal(dedup_rule_separator(&r, "\\x"), -1);
	assert_int_equal(dedup_rule_by(&r, "document:$.metadata.url"), 0);
	assert_string_equal(r.field, "metadata.url");
	assert_int_equal(dedup_rule_by(&r, "ngram:5,2,0.25"), 0);
	assert_true(r.ngram == 5 && r.stride == 2 && r.threshold == 0.25f);
	a = dedup_rule_text(&r);
	r.min_words = 3;
	b = dedup_rule_text(&r);
	assert_int_equal(dedup_rule_same(a, b, 0), 0);
	assert_int_equal(dedup_rule_same(a, b, 1), 1);
	free(b);
	r.stride = 3;
	b = dedup_rule_text(&r);
	assert_int_equal(dedup_rule_same(a, b, 1), 0);
	free(a);
	free(b);
	dedup_rule_release(&r);
}

/* ---- contamination ---------------------------------------------------------------------- */

static struct contam contam_of(struct contam_rule rule, const char *const *texts)
{
	struct contam c;
	int i;
	contam_init(&c, &rule);
	for (i = 0; texts[i]; i++)
		assert_int_equal(contam_add(&c, "id", "at", texts[i], strlen(texts[i])), 0);
	return c;
}

/* Hits as "eval:start-end@score " with the score in percent. */
static const char *hits(const struct contam *c, const char *text)
{
	static char out[512];
	struct contam_scratch s = {0};
	const struct contam_hit *h;
	size_t n, i, at = 0;
	assert_int_equal(contam_find(c, &s, text, strlen(text), &h, &n), 0);
	out[0] = 0;
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%d:%d-%d@%.0f ", (int)h[i].eval,
		    (int)h[i].start, (int)h[i].end, 100 * h[i].score);
	contam_scratch_release(&s);
	return out;
}

static void paragraphs_are_found_exactly_or_by_their_words(void **st)
{
	static const char *const evals[] = {"a b c\nx y", "A  b c\n- - - -", "q\na b c", NULL};
	struct contam_rule r = {.method = CONTAM_PARAGRAPH, .min_words = 3};
	struct contam c = contam_of(r, evals);
	(void)st;
	assert_string_equal(hits(&c, "z\na b c\nx y\n- - - -"), "0:2-8@100 2:2-8@100 ");
	assert_string_equal(hits(&c, "a b c\r\na b  c\n a b c"), "");
	assert_string_equal(hits(&c, ""), "");
	contam_release(&c);
	r.normalize = CONTAM_SPACE;
	c = contam_of(r, evals);
	assert_string_equal(hits(&c, "a b c\r\n A b\t c"), "0:0-7@100 2:0-7@100 1:7-14@100 ");
	contam_release(&c);
	r.normalize = CONTAM_WORDS;
	c = contam_of(r, evals);
	assert_string_equal(hits(&c, "(A) b, c!"), "0:0-9@100 2:0-9@100 1:0-9@100 ");
	contam_release(&c);
}

static void runs_of_shared_ngrams_are_spans_with_the_part_shared(void **st)
{
	/* 0 has 6 bigrams; 1 has 2, both of them in 0; 2 is too short for one */
	static const char *const evals[] = {
	    "one two three four five six seven", "two three four", "two", NULL};
	struct contam_rule r = {.method = CONTAM_NGRAM, .normalize = CONTAM_WORDS, .ngram = 2};
	struct contam c = contam_of(r, evals);
	(void)st;
	assert_true(c.n_short == 1 && c.n_evals == 3);
	assert_string_equal(hits(&c, "zero ONE, two; three."), "0:5-20@33 1:10-20@50 ");
	/* twice the same bigram is one bigram */
	assert_string_equal(hits(&c, "six seven x six seven"), "0:0-9@17 0:12-21@17 ");
	/* runs that touch are one */
	assert_string_equal(hits(&c, "one two five six"), "0:0-16@33 ");
	assert_string_equal(hits(&c, "two one"), "");
	contam_release(&c);
	r.threshold = 0.5;
	c = contam_of(r, evals);
	assert_string_equal(hits(&c, "zero one two three"), "1:9-18@50 ");
	contam_release(&c);
}

static void nothing_to_compare_with_is_an_error(void **st)
{
	static const char *const evals[] = {"a", "", NULL};
	struct contam_rule r = {.method = CONTAM_PARAGRAPH, .min_words = 2};
	struct contam c = contam_of(r, evals);
	(void)st;
	assert_int_equal(contam_add_done(&c), -1);
	contam_release(&c);
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(a_set_holds_what_was_added_and_nothing_else),
	    cmocka_unit_test(zero_and_half_equal_keys_are_keys),
	    cmocka_unit_test(values_survive_growth),
	    cmocka_unit_test(room_for_the_keys_expected_is_made_at_once),
	    cmocka_unit_test(a_filter_is_no_larger_than_needed),
	    cmocka_unit_test(false_positives_come_at_the_rate_promised),
	    cmocka_unit_test(filters_are_saved_loaded_and_merged),
	    cmocka_unit_test(merged_keys_know_their_first_position),
	    cmocka_unit_test(no_keys_are_a_file_too),
	    cmocka_unit_test(damaged_files_are_refused),
	    cmocka_unit_test(spans_cover_the_text_without_gaps_or_empty_ones),
	    cmocka_unit_test(compat_counts_as_the_original),
	    cmocka_unit_test(rules_are_parsed_and_compared),
	    cmocka_unit_test(paragraphs_are_found_exactly_or_by_their_words),
	    cmocka_unit_test(runs_of_shared_ngrams_are_spans_with_the_part_shared),
	    cmocka_unit_test(nothing_to_compare_with_is_an_error),
	};
	char *clean;
	int rc;
	if (!mkdtemp(dir))
		return 1;
	rc = cmocka_run_group_tests(t, NULL, NULL);
	clean = xasprintf("rm -rf %s", dir);
	if (system(clean))
		rc = 1;
	free(clean);
	return rc;
}
