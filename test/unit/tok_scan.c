/* layers: tok doc io base */
/* The fast paths of encoding against the slow ones: masks, windows, a text shared out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "tok/encoder.h"
#include "tok/scan.h"
#include "tok/team.h"
#include "tok/tokchar.h"

/* What the rules are about, ASCII and not; white space of one, two and three bytes. */
static const char *const parts[] = {" ", " ", "  ", "   ", "\n", "\r\n", "\t", "\xc2\xa0",
    "\xc2\x85", "\xe3\x80\x80", "'", "'", "'s", "'re", "'ll", "'S", "'\xc5\xbf", "'lL", "a", "s",
    "t", "re", "ve", "word", "1", "23", "\xc2\xbd", "\xd9\xa3", "!", "=", "||", "|||", "|||X|||",
    "||X|||", "<|", "<|end|>", "\xc3\xa9", "\xe6\xbc\xa2", "\xe6\xbc\xa2\xe5\xad\x97",
    "\xf0\x9d\x90\x80", "\xf0\x9f\x98\x80", "\xcc\x81", "e\xcc\x81", "\xe2\x80\x8b", "\x7f",
    "\x1c", "\xf0\x91\xbc\x84", "\xc3\x97", "\xc3\xb7\xc3\xb7", "\xc5\x82", "\xd0\x96\xd1\x83",
    "\xe3\x81\x82", "\xe3\x82\xa2\xe3\x83\xbc", "\xe3\x82\x9b", "\xe3\x83\xbb", "\xe4\xb8\x80",
    "\xe9\xbe\xa0"};
enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

static void make_text(struct pcg64 *r, struct buf *b, size_t len)
{
	for (b->len = 0; b->len < len;) {
		const char *p = parts[pcg64_next32(r) % N_PARTS];
		size_t times = pcg64_next32(r) % 8 ? 1 : pcg64_next32(r) % 90;

		while (times--)
			buf_str(b, p);
	}
	buf_need(b, 1);
}

/* --- masks ------------------------------------------------------------------------------------- */

/* ">pos" of each pretoken, "+id" of each added token. */
static void slow(const struct pretok *p, const struct added_set *set, const char *s, size_t len,
    struct buf *out)
{
	struct added_iter it = {.set = set, .s = s, .len = len};
	size_t from, to, pos;
	uint32_t id, end;
	int more;

	do {
		more = added_next(&it, &from, &to, &id);
		for (pos = 0; pretok_split(p, s + from, to - from, &pos, &end, 1);)
			buf_printf(out, ">%zu", from + end);
		if (more)
			buf_printf(out, "+%u", id);
	} while (more);
}

static void fast(struct scan *c, const struct pretok *p, const struct added_set *set,
    const char *s, size_t len, struct buf *out)
{
	size_t n, i, k;

	scan_init(c, p, set, s, len);
	while ((n = scan_next(c)))
		for (i = k = 0; i < n; i++) {
			if (k == c->n_added || c->added[k].item != i)
				buf_printf(out, ">%u", c->pos[i + 1]);
			while (k < c->n_added && c->added[k].item == i)
				buf_printf(out, "+%u", c->added[k++].id);
		}
}

static void check(
    struct scan *c, const struct pretok *p, const struct added_set *set, const struct buf *text)
{
	const struct scan_isa *const *isa;
	struct buf want = {0}, got = {0};

	slow(p, set, text->p, text->len, &want);
	for (isa = scan_isa_all(); *isa; isa++) {
		scan_isa_force = *isa;
		got.len = 0;
		fast(c, p, set, text->p, text->len, &got);
		if (strcmp(buf_cstr(&want), buf_cstr(&got)))
			fail_msg("%s: '%.*s'\n%s\n%s", (*isa)->name, (int)text->len, text->p,
			    want.p, got.p);
	}
	scan_isa_force = NULL;
	buf_release(&want);
	buf_release(&got);
}

static void masks_cut_elsewhere_than_the_rules(void **state)
{
	static const enum pretok_kind kinds[] = {PRETOK_GPT2, PRETOK_CL100K, PRETOK_QWEN2};
	struct pretok p;
	struct added_set sets[2] = {{0}, {0}};
	struct scan *c = xcalloc(1, sizeof(*c));
	struct buf text = {0};
	struct pcg64 r;
	char run[] = "                        ";
	int i;

	(void)state;
	pcg64_seed(&r, 20);
	for (i = 2; i <= 24; i++)
		added_put(&sets[1], run, (size_t)i, (uint32_t)(100 + i), 0);
	added_put(&sets[1], "|||X|||", 7, 1, 0);
	added_put(&sets[1], "<|end|>", 7, 2, 0);
	added_build(&sets[0]);
	added_build(&sets[1]);
	for (i = 0; i < 6000; i++) {
		size_t len = pcg64_next32(&r) % (i % 50 ? 150 : 9000);

		p.unicode14 = i % 5 == 0;
		p.kind = kinds[i % 3];
		assert_true(scan_can(&p, &sets[i % 2]));
		make_text(&r, &text, len);
		check(c, &p, &sets[i % 2], &text);
	}
	scan_release(c);
	free(c);
	added_release(&sets[0]);
	added_release(&sets[1]);
	buf_release(&text);
}

/* Letters that the masks know by themselves, at every place of a block. */
static void a_mask_has_a_letter_that_is_none(void **state)
{
	const struct scan_isa *const *isa;
	struct scan_mask plain, m;
	char text[66];
	uint64_t bytes;
	uint32_t cp;
	size_t at;
	int n;

	(void)state;
	memset(text, '-', sizeof(text));
	for (cp = 0x80; cp < 0x110000; cp++) {
		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		at = cp % 63;
		n = utf8_put(text + at, cp);
		bytes = (((uint64_t)1 << n) - 1) << at;
		scan_plain.masks(text, 1, NULL, 0, &plain);
		assert_true((plain.letter | plain.high) == bytes);
		if (plain.letter) {
			assert_true(plain.letter == bytes);
			assert_true(plain.rest == (bytes & (bytes - 1)));
			assert_int_equal(tokchar(cp) & (TOKCHAR_CLASS | TOKCHAR_NEW), TOKCHAR_L);
		}
		for (isa = scan_isa_all(); *isa; isa++) {
			(*isa)->masks(text, 1, NULL, 0, &m);
			assert_memory_equal(&m, &plain, sizeof(m));
		}
		memset(text + at, '-', (size_t)n);
	}
}

/* Random starts. */
static void a_place_is_lost(void **state)
{
	const struct scan_isa *const *isa;
	uint32_t want[64], got[128], *end;
	struct pcg64 r;
	int i;

	(void)state;
	pcg64_seed(&r, 21);
	for (i = 0; i < 10000; i++) {
		uint64_t starts = pcg64_next64(&r) & (i % 3 ? pcg64_next64(&r) : UINT64_MAX);

		starts = i == 1 ? 0 : i == 2 ? UINT64_MAX : starts;
		end = scan_plain.places(starts, (uint32_t)i, want);
		assert_int_equal(end - want, __builtin_popcountll(starts));
		for (isa = scan_isa_all(); *isa; isa++) {
			assert_int_equal(
			    (*isa)->places(starts, (uint32_t)i, got) - got, end - want);
			assert_memory_equal(got, want, (size_t)(end - want) * sizeof(*got));
		}
	}
}

/* White space behind a line end, over blocks, of which the next line end decides; at every place of
 * what one call gives. */
static void a_line_end_far_ahead_is_missed(void **state)
{
	struct pretok p = {.kind = PRETOK_CL100K};
	struct added_set set = {0};
	struct scan *c = xcalloc(1, sizeof(*c));
	struct buf text = {0};
	size_t i, k;

	(void)state;
	added_build(&set);
	for (i = 0; i < 300; i++) {
		text.len = 0;
		for (k = 0; k < i; k++)
			buf_str(&text, "a1");
		buf_str(&text, "\n");
		for (k = 0; k < 130 + i % 3; k++)
			buf_chr(&text, ' ');
		buf_str(&text, i % 2 ? "\nb" : "b");
		buf_need(&text, 1);
		check(c, &p, &set, &text);
	}
	scan_release(c);
	free(c);
	added_release(&set);
	buf_release(&text);
}

static void a_set_that_masks_cannot_find_is_taken(void **state)
{
	struct pretok p = {.kind = PRETOK_GPT2};
	struct added_set flag = {0}, one = {0};

	(void)state;
	added_put(&flag, "ab", 2, 0, ADDED_SINGLE);
	added_put(&one, "a", 1, 0, 0); /* any byte may follow: 256 pairs */
	added_build(&flag);
	added_build(&one);
	assert_false(scan_can(&p, &flag));
	assert_false(scan_can(&p, &one));
	added_release(&flag);
	added_release(&one);
}

/* --- the encoder ------------------------------------------------------------------------------- */

/* The first has flags, which masks do not know; the last gets another splitter. */
static const char *const files[] = {"flags", "cl100k", "qwen2", "qwen2"};
enum { N_FILES = sizeof(files) / sizeof(files[0]) };

static struct tokenizer *open_file(int i)
{
	char path[64];
	struct tokenizer *t;

	snprintf(path, sizeof(path), "test/ref/tokenizer/%s.json", files[i]);
	t = tokenizer_load(path, TOKENIZER_C);
	if (!t)
		fail_msg("%s", err_msg());
	if (i == N_FILES - 1)
		t->pretok.kind = PRETOK_GPT2;
	assert_int_equal(scan_can(&t->pretok, &t->normalized), i > 0);
	return t;
}

static void same_ids(const struct ids *a, const struct ids *b, const char *what)
{
	if (a->n != b->n || memcmp(a->p, b->p, a->n * sizeof(*a->p)))
		fail_msg("%s: the ids differ", what);
}

/* The second time around from the caches. */
static void caches_and_windows_change_ids(void **state)
{
	struct buf text = {0};
	struct ids want = {0}, got = {0};
	struct pcg64 r;
	int i, k;

	(void)state;
	pcg64_seed(&r, 21);
	for (k = 0; k < N_FILES; k++) {
		struct tokenizer *t = open_file(k);
		struct encoder *e = encoder_new(t);

		for (i = 0; i < 60; i++) {
			size_t n = 1 + pcg64_next32(&r) % 4000;

			make_text(&r, &text, 500);
			while (n--) /* one pretoken, longer than a window */
				buf_chr(&text,
				    (char)('a' + pcg64_next32(&r) % (1u + (unsigned)i % 4)));
			want.n = 0;
			encoder_plain(e, 1);
			assert_int_equal(encoder_add(e, text.p, text.len, &want), 0);
			encoder_plain(e, 0);
			for (got.n = 0; got.n < want.n;) {
				got.n = 0;
				assert_int_equal(encoder_add(e, text.p, text.len, &got), 0);
				same_ids(&want, &got, files[k]);
			}
		}
		encoder_free(e);
		tokenizer_free(t);
	}
	buf_release(&text);
	ids_release(&want);
	ids_release(&got);
}

static void a_text_that_is_shared_out_has_other_ids(void **state)
{
	struct buf text = {0};
	struct ids want = {0}, got = {0};
	struct pcg64 r;
	int k;

	(void)state;
	pcg64_seed(&r, 22);
	make_text(&r, &text, 3 * TEAM_PART + 1000);
	buf_chr(&text, 'a');
	for (k = 0; k < N_FILES; k++) {
		struct tokenizer *t = open_file(k);
		struct encoder *e = encoder_new(t);
		struct team *m = team_new(t, 3);

		assert_int_equal(team_can(t), strcmp(files[k], "flags") != 0);
		want.n = got.n = 0;
		assert_int_equal(encoder_add(e, text.p, text.len, &want), 0);
		assert_int_equal(team_add(m, e, text.p, text.len, &got), 0);
		same_ids(&want, &got, files[k]);
		text.p[text.len - 1] = (char)0xff;
		assert_int_equal(team_add(m, e, text.p, text.len, &got), -1);
		text.p[text.len - 1] = 'a';
		assert_int_equal(got.n, want.n);
		team_free(m);
		encoder_free(e);
		tokenizer_free(t);
	}
	buf_release(&text);
	ids_release(&want);
	ids_release(&got);
}

static void a_text_is_cut_where_something_reaches_over(void **state)
{
	(void)state;
	assert_int_equal(team_cut("a b", 3, 0), 1);
	assert_int_equal(team_cut("a  b", 4, 2), 4);
	assert_int_equal(team_cut("! b ", 4, 0), 3);
	assert_int_equal(team_cut(" a", 2, 0), 2);
	assert_int_equal(team_cut("\xc3\xa9 9 x", 6, 0), 4);
}

/* --- time -------------------------------------------------------------------------------------- */

static double seconds(struct encoder *e, const char *unit, size_t times)
{
	struct buf b = {0};
	struct ids ids = {0};
	double took;

	while (times--)
		buf_str(&b, unit);
	took = os_thread_cpu();
	assert_int_equal(encoder_add(e, b.p, b.len, &ids), 0);
	took = os_thread_cpu() - took;
	buf_release(&b);
	ids_release(&ids);
	return took;
}

/* Eight times the text: eight times the work; quadratic would be 64 times. */
static void repetition_takes_quadratic_time(void **state)
{
	static const char *const units[] = {"a", " ", "=", "\xcc\x81", "e\xcc\x81\xcc\xa3",
	    "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "\n", "'", "|", "<|", "ab",
	    "\xe1\x84\x80\xe1\x85\xa1"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct tokenizer *t = open_file((int)(i % N_FILES));
		struct encoder *e = encoder_new(t);
		size_t n = 20000 / strlen(units[i]);
		double small = seconds(e, units[i], n) + 0.002,
		       large = seconds(e, units[i], 8 * n);

		if (large > 40 * small)
			fail_msg(
			    "'%s': %g s, and eight times as much %g s", units[i], small, large);
		encoder_free(e);
		tokenizer_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(masks_cut_elsewhere_than_the_rules),
	    cmocka_unit_test(a_mask_has_a_letter_that_is_none), cmocka_unit_test(a_place_is_lost),
	    cmocka_unit_test(a_line_end_far_ahead_is_missed),
	    cmocka_unit_test(a_set_that_masks_cannot_find_is_taken),
	    cmocka_unit_test(caches_and_windows_change_ids),
	    cmocka_unit_test(a_text_that_is_shared_out_has_other_ids),
	    cmocka_unit_test(a_text_is_cut_where_something_reaches_over),
	    cmocka_unit_test(repetition_takes_quadratic_time)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
