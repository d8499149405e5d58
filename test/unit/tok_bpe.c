/* layers: tok doc io base */
/* Merging and training against slow programs that say what the rules say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "base/rng.h"
#include "tok/bpe.h"
#include "tok/bpetrain.h"

/* --- merging ----------------------------------------------------------------------------------- */

enum { MERGES = 120, BYTES = 4, LONG = 5000 };

struct rule {
	uint32_t left, right, rank, id;
};

/* Symbol of a byte, or BPE_NONE: that of some bytes alone, or of ASCII. */
static uint32_t symbol(int ascii, unsigned char c)
{
	if (c >= 'a' && c < 'a' + BYTES)
		return (uint32_t)(c - 'a');
	return ascii && c < 128 ? c % BYTES : BPE_NONE;
}

/* Random merges over BYTES symbols; later ones use earlier ones; ranks in any order. */
static void make_rules(struct pcg64 *r, int ascii, struct rule *rule, struct bpe *b)
{
	uint32_t rank[MERGES], i;

	for (i = 0; i < MERGES; i++)
		rank[i] = i;
	pcg64_shuffle_u32(r, rank, MERGES);
	bpe_init(b, MERGES);
	for (i = 0; i < 256; i++)
		b->byte_id[i] = symbol(ascii, (unsigned char)i);
	for (i = 0; i < MERGES; i++) {
		/* Mostly short ones, so that many can happen. */
		uint32_t reach = pcg64_next32(r) % 3 ? BYTES + i / 4 : BYTES + i;

		rule[i] = (struct rule){
		    pcg64_next32(r) % reach, pcg64_next32(r) % reach, rank[i], BYTES + i};
		bpe_merge(b, rule[i].left, rule[i].right, rule[i].rank, rule[i].id);
	}
	bpe_build(b);
}

/* The rule of a pair: the last of equal ones. */
static const struct rule *rule_of(const struct rule *rule, uint32_t left, uint32_t right)
{
	int i;

	for (i = MERGES - 1; i >= 0; i--)
		if (rule[i].left == left && rule[i].right == right)
			return &rule[i];
	return NULL;
}

static size_t slow_encode(
    int ascii, const struct rule *rule, const char *s, size_t len, uint32_t *ids)
{
	size_t n = 0, i, at;

	for (i = 0; i < len; i++)
		if (symbol(ascii, (unsigned char)s[i]) != BPE_NONE)
			ids[n++] = symbol(ascii, (unsigned char)s[i]);
	for (;;) {
		const struct rule *best = NULL, *x;

		for (i = at = 0; i + 1 < n; i++)
			if ((x = rule_of(rule, ids[i], ids[i + 1])) &&
			    (!best || x->rank < best->rank)) {
				best = x;
				at = i;
			}
		if (!best)
			return n;
		ids[at] = best->id;
		memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof(*ids));
		n--;
	}
}

static void random_text(struct pcg64 *r, char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s[i] = (char)(i && pcg64_next32(r) % 3 == 0 ? s[i - 1]
							    : "abcdz"[pcg64_next32(r) % 5]);
}

static void merges_differ(void **state)
{
	static char s[LONG];
	static uint32_t want[LONG], got[LONG];
	struct rule rule[MERGES];
	struct bpe_work w = {0};
	struct bpe b;
	struct pcg64 r;
	int set, t;

	(void)state;
	pcg64_seed(&r, 3);
	for (set = 0; set < 20; set++) {
		make_rules(&r, set % 3 == 0, rule, &b);
		for (t = 0; t < 200; t++) {
			size_t len = pcg64_next32(&r) % (t % 20 ? 60 : 300), n;

			random_text(&r, s, len);
			n = slow_encode(set % 3 == 0, rule, s, len, want);
			assert_int_equal(bpe_encode(&b, &w, s, len, got), n);
			assert_true(!n || !memcmp(got, want, n * sizeof(*got)));
		}
		bpe_release(&b);
	}
	bpe_work_release(&w);
}

/* Also with texts left over when the others are done, and empty ones. */
static void merging_side_by_side_differs(void **state)
{
	enum { JOBS = 40 };
	static char s[JOBS][BPE_SHORT];
	static uint32_t want[BPE_SHORT], got[JOBS][BPE_SHORT];
	struct bpe_job job[JOBS];
	struct rule rule[MERGES];
	struct bpe b;
	struct pcg64 r;
	size_t i, n, set;

	(void)state;
	pcg64_seed(&r, 4);
	for (set = 0; set < 20; set++) {
		make_rules(&r, set % 3 == 0, rule, &b);
		for (i = 0; i < JOBS; i++) {
			size_t len = pcg64_next32(&r) % (i % 8 ? 20 : BPE_SHORT + 1);

			random_text(&r, s[i], len);
			job[i] = (struct bpe_job){.s = s[i], .ids = got[i], .len = len};
		}
		bpe_encode_all(&b, job, set % 2 ? JOBS : set);
		for (i = 0; i < (set % 2 ? JOBS : set); i++) {
			n = slow_encode(set % 3 == 0, rule, s[i], job[i].len, want);
			assert_int_equal(job[i].n, n);
			assert_true(!n || !memcmp(got[i], want, n * sizeof(*want)));
		}
		bpe_release(&b);
	}
}

static void last_of_equal_merges_is_not_used(void **state)
{
	struct bpe b;
	struct bpe_work w = {0};
	uint32_t ids[3], rank, id;

	(void)state;
	bpe_init(&b, 3);
	b.byte_id['a'] = 0;
	bpe_merge(&b, 0, 0, 0, 1);
	bpe_merge(&b, 0, 0, 1, 2);
	bpe_build(&b);
	assert_int_equal(bpe_encode(&b, &w, "aaa", 3, ids), 2);
	assert_int_equal(ids[0], 2); /* leftmost */
	assert_int_equal(ids[1], 0);
	assert_int_equal(bpe_find(&b, 0, 0, &rank, &id), 1);
	assert_int_equal(rank, 1);
	assert_int_equal(bpe_find(&b, 0, 1, &rank, &id), 0);
	assert_int_equal(bpe_encode(&b, &w, "", 0, ids), 0);
	assert_int_equal(bpe_encode(&b, &w, "zz", 2, ids), 0); /* bytes without a symbol vanish */
	bpe_release(&b);
	bpe_work_release(&w);
}

/* --- training ---------------------------------------------------------------------------------- */

enum { WORDS = 60, WORD = 12, VOCAB = 256 + 60 };

struct slow_word {
	uint32_t s[WORD];
	size_t n;
	int64_t count;
};

/* Count every pair anew for each merge. */
static int64_t count_pair(const struct slow_word *w, size_t n, uint32_t a, uint32_t b)
{
	int64_t sum = 0;
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k + 1 < w[i].n; k++)
			if (w[i].s[k] == a && w[i].s[k + 1] == b)
				sum += w[i].count;
	return sum;
}

static int best_pair(const struct slow_word *w, size_t n, uint32_t *a, uint32_t *b, int64_t *count)
{
	size_t i, k;

	*count = 0;
	for (i = 0; i < n; i++)
		for (k = 0; k + 1 < w[i].n; k++) {
			uint32_t x = w[i].s[k], y = w[i].s[k + 1];
			int64_t c = count_pair(w, n, x, y);

			if (c > *count || (c == *count && (x < *a || (x == *a && y < *b)))) {
				*a = x;
				*b = y;
				*count = c;
			}
		}
	return *count > 0;
}

static void merge_words(struct slow_word *w, size_t n, uint32_t a, uint32_t b, uint32_t id)
{
	size_t i, k, m;

	for (i = 0; i < n; i++) {
		for (k = m = 0; k < w[i].n; k++)
			if (k + 1 < w[i].n && w[i].s[k] == a && w[i].s[k + 1] == b) {
				w[i].s[m++] = id;
				k++;
			} else {
				w[i].s[m++] = w[i].s[k];
			}
		w[i].n = m;
	}
}

/* Ids of the printable ASCII letters in the alphabet of 256 bytes: '!' is 0. */
static void make_words(struct pcg64 *r, struct slow_word *w, struct wordcount *words)
{
	size_t i, k;

	for (i = 0; i < WORDS; i++) {
		char s[WORD];

		w[i].n = 1 + pcg64_next32(r) % WORD;
		w[i].count = 1 + pcg64_next32(r) % 5;
		for (k = 0; k < w[i].n; k++) {
			s[k] = "aabc"[pcg64_next32(r) % 4];
			w[i].s[k] = (uint32_t)(s[k] - '!');
		}
		wordcount_add(words, s, w[i].n, (uint64_t)w[i].count);
	}
}

static const char *letter_name(uint32_t id, char names[][4 * WORD])
{
	static char one[2][2];
	static int k;

	if (id >= 256)
		return names[id];
	k = !k;
	one[k][0] = (char)('!' + id);
	return one[k];
}

static void training_differs(void **state)
{
	static char names[VOCAB][4 * WORD];
	struct slow_word w[WORDS];
	struct pcg64 r;
	uint32_t a = 0, b = 0, id;
	int64_t count;
	int t;

	(void)state;
	pcg64_seed(&r, 5);
	for (t = 0; t < 40; t++) {
		struct bpetrain_spec spec = {
		    .vocab_size = VOCAB, .alphabet_all = 1, .min_frequency = (uint64_t)t % 4};
		struct wordcount words = {0};
		struct bpetrain *m;
		struct buf json = {0};
		json_t *root, *merges;
		char line[8 * WORD];

		make_words(&r, w, &words);
		assert_non_null(m = bpetrain_run(&spec, &words));
		bpetrain_json(m, &spec, &json);
		assert_non_null(root = json_loadb(json.p, json.len, 0, NULL));
		merges = json_object_get(json_object_get(root, "model"), "merges");
		for (id = 256; id < VOCAB && best_pair(w, WORDS, &a, &b, &count); id++) {
			if ((uint64_t)count < spec.min_frequency)
				break;
			snprintf(names[id], sizeof(names[id]), "%s%s", letter_name(a, names),
			    letter_name(b, names));
			snprintf(line, sizeof(line), "%s %s", letter_name(a, names),
			    letter_name(b, names));
			assert_string_equal(
			    json_string_value(json_array_get(merges, id - 256)), line);
			merge_words(w, WORDS, a, b, id);
		}
		assert_int_equal(json_array_size(merges), id - 256);
		assert_int_equal(bpetrain_vocab(m), id);
		json_decref(root);
		buf_release(&json);
		bpetrain_free(m);
		wordcount_release(&words);
	}
}

/* Counts beyond 2^31, which wrap in Hugging Face's trainer. */
static void large_counts_wrap(void **state)
{
	struct bpetrain_spec spec = {.vocab_size = 258, .alphabet_all = 1};
	struct wordcount words = {0};
	struct bpetrain *m;
	struct buf json = {0};

	(void)state;
	wordcount_add(&words, "ab", 2, (uint64_t)3 << 31);
	wordcount_add(&words, "cd", 2, 1000);
	wordcount_add(&words, "ab", 2, 1);
	assert_non_null(m = bpetrain_run(&spec, &words));
	bpetrain_json(m, &spec, &json);
	assert_non_null(strstr(buf_cstr(&json), "\"a b\",\n      \"c d\""));
	buf_release(&json);
	bpetrain_free(m);
	wordcount_release(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(merges_differ),
	    cmocka_unit_test(merging_side_by_side_differs),
	    cmocka_unit_test(last_of_equal_merges_is_not_used), cmocka_unit_test(training_differs),
	    cmocka_unit_test(large_counts_wrap)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
