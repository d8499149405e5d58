/* layers: tok doc io base */
/* The splitters against the regexes themselves, tried alternative by alternative, on 200,000 texts of
 * seed 1, or OLMO_FUZZ_TEXTS of seed OLMO_FUZZ_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "tok/pretok.h"

/* The alphabet of the tests, with the classes that the Unicode tables give it. */
struct letter {
	uint32_t cp;
	char k; /* L, N, S or O */
	char c; /* of letters and marks: U (Lu, Lt), l (Ll), W (Lm, Lo), M */
};
static const struct letter letters[] = {{' ', 'S'}, {' ', 'S'}, {' ', 'S'}, {'\n', 'S'},
    {'\r', 'S'}, {'\t', 'S'}, {0xa0, 'S'}, {0x85, 'S'}, {0x3000, 'S'}, {'a', 'L', 'l'},
    {'Z', 'L', 'U'}, {'s', 'L', 'l'}, {'T', 'L', 'U'}, {'r', 'L', 'l'}, {'e', 'L', 'l'},
    {'V', 'L', 'U'}, {'E', 'L', 'U'}, {'l', 'L', 'l'}, {'L', 'L', 'U'}, {'d', 'L', 'l'},
    {'m', 'L', 'l'}, {0x17f, 'L', 'l'}, {0xe9, 'L', 'l'}, {0x6f22, 'L', 'W'}, {0x1d400, 'L', 'U'},
    {0x1c5, 'L', 'U'}, {0x2b0, 'L', 'W'}, {0x903, 'O', 'M'}, {'1', 'N'}, {'2', 'N'}, {0xbd, 'N'},
    {0x2168, 'N'}, {0x663, 'N'}, {'\'', 'O'}, {'\'', 'O'}, {'!', 'O'}, {'_', 'O'},
    {0x301, 'O', 'M'}, {'/', 'O'}, {0x200b, 'O'}, {0x1c, 'O'}, {0, 'O'}, {0x1f600, 'O'},
    {0x378, 'O'}};
enum { N_LETTERS = sizeof(letters) / sizeof(letters[0]), MAX = 24 };

static struct letter text[MAX + 1];
static size_t n;

static size_t run(size_t i, char k)
{
	while (i < n && text[i].k == k)
		i++;
	return i;
}

static uint32_t at(size_t i)
{
	return i < n ? text[i].cp : UINT32_MAX;
}

static uint32_t fold(uint32_t cp)
{
	return cp == 0x17f ? 's' : cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
}

/* 's|'t|'re|'ve|'m|'ll|'d */
static size_t contraction(size_t i, int any_case)
{
	static const char *const list[] = {"s", "t", "re", "ve", "m", "ll", "d"};
	size_t k, j;

	for (k = 0; at(i) == '\'' && k < 7; k++) {
		for (j = 0; list[k][j]; j++) {
			uint32_t cp = at(i + 1 + j);

			if ((any_case ? fold(cp) : cp) != (uint32_t)list[k][j])
				break;
		}
		if (!list[k][j])
			return i + 1 + j;
	}
	return i;
}

/* \s+(?!\S)|\s+ with the backtracking of a regex engine. */
static size_t space(size_t i)
{
	size_t e = run(i, 'S'), k;

	for (k = e; k > i; k--)
		if (k == n || text[k].k == 'S')
			return k;
	return e;
}

static size_t gpt2(size_t i)
{
	size_t e = contraction(i, 0), sp = i + (at(i) == ' ');
	const char *k;

	if (e > i)
		return e;
	for (k = "LNO"; *k; k++) { /* ' '?X+ : with the space, then without */
		if ((e = run(sp, *k)) > sp)
			return e;
		if ((e = run(i, *k)) > i)
			return e;
	}
	return space(i);
}

static int line_end(size_t i)
{
	return at(i) == '\r' || at(i) == '\n';
}

static size_t cl100k(size_t i, size_t digits)
{
	size_t e = contraction(i, 1), k, sp = i + (at(i) == ' ');

	if (e > i)
		return e;
	/* [^\r\n\p{L}\p{N}]?\p{L}+ */
	if (!line_end(i) && text[i].k != 'L' && text[i].k != 'N' && (e = run(i + 1, 'L')) > i + 1)
		return e;
	if ((e = run(i, 'L')) > i)
		return e;
	if ((e = run(i, 'N')) > i)
		return e - i < digits ? e : i + digits;
	/*  ?[^\s\p{L}\p{N}]+[\r\n]* */
	for (k = sp;; k = i) {
		if ((e = run(k, 'O')) > k) {
			while (line_end(e))
				e++;
			return e;
		}
		if (k == i)
			break;
	}
	/* \s*[\r\n]+ : \s* gives back until a line end follows */
	for (k = run(i, 'S') + 1; k-- > i;)
		if (line_end(k)) {
			while (line_end(k))
				k++;
			return k;
		}
	return space(i);
}

static int in(size_t i, const char *set)
{
	return i < n && text[i].c && strchr(set, text[i].c);
}

/* P?A{min_a,}B{min_b,}C? with every way back. */
static size_t word(size_t i, size_t min_a, size_t min_b)
{
	size_t start, a, b;
	int lead = !line_end(i) && text[i].k != 'L' && text[i].k != 'N';

	for (; lead >= 0; lead--) {
		start = i + (size_t)lead;
		for (a = start; in(a, "UWM"); a++)
			;
		for (;; a--) {
			for (b = a; in(b, "lWM"); b++)
				;
			if (a >= start + min_a && b >= a + min_b)
				return contraction(b, 1);
			if (a == start)
				break;
		}
	}
	return i;
}

static size_t o200k(size_t i)
{
	size_t e = word(i, 0, 1), k;

	if (e > i || (e = word(i, 1, 0)) > i)
		return e;
	for (k = i + (at(i) == ' ');; k = i) {
		if ((e = run(k, 'O')) > k) {
			while (line_end(e) || at(e) == '/')
				e++;
			return e;
		}
		if (k == i)
			return cl100k(i, 3); /* the rest is the same */
	}
}

static size_t expected(enum pretok_kind kind, size_t i)
{
	switch (kind) {
	case PRETOK_GPT2:
		return gpt2(i);
	case PRETOK_CL100K:
		return cl100k(i, 3);
	case PRETOK_QWEN2:
		return cl100k(i, 1);
	case PRETOK_O200K:
		return o200k(i);
	default:
		return n;
	}
}

static void make_text(struct pcg64 *rng, size_t len)
{
	for (n = 0; n < len; n++) {
		/* Runs are what the rules are about. */
		if (n && pcg64_next32(rng) % 3 == 0)
			text[n] = text[n - 1];
		else
			text[n] = letters[pcg64_next32(rng) % N_LETTERS];
	}
}

static void check(enum pretok_kind kind, size_t cap)
{
	struct pretok p = {.kind = kind};
	char s[4 * MAX];
	size_t off[MAX + 1], i, k, got = 0, pos = 0, m;
	uint32_t ends[MAX];

	for (i = off[0] = 0; i < n; i++)
		off[i + 1] = off[i] + (size_t)utf8_put(s + off[i], text[i].cp);
	while ((m = pretok_split(&p, s, off[n], &pos, ends + got, cap)))
		got += m;
	for (i = k = 0; i < n; k++) {
		i = expected(kind, i);
		if (k >= got || ends[k] != off[i])
			fail_msg("%s: cut %zu of '%.*s' should be at %zu", pretok_name(kind), k,
			    (int)off[n], s, off[i]);
	}
	assert_int_equal(k, got);
	assert_int_equal(pos, off[n]);
}

static void splitter_differs_from_its_regex(void **state)
{
	const char *texts = getenv("OLMO_FUZZ_TEXTS"), *seed = getenv("OLMO_FUZZ_SEED");
	struct pcg64 rng;
	long t, times = texts ? atol(texts) : 200000;
	int kind;

	(void)state;
	pcg64_seed(&rng, seed ? (uint64_t)atol(seed) : 1);
	for (t = 0; t < times; t++) {
		make_text(&rng, pcg64_next32(&rng) % MAX);
		for (kind = PRETOK_GPT2; kind <= PRETOK_WHOLE; kind++)
			check((enum pretok_kind)kind, t % 5 ? MAX : 1);
	}
}

static void regexes_are_not_recognised(void **state)
{
	enum pretok_kind kind, back;
	int i;

	(void)state;
	for (i = PRETOK_GPT2; i < PRETOK_WHOLE; i++) {
		assert_int_equal(pretok_find(pretok_regex((enum pretok_kind)i), &kind), 0);
		assert_int_equal(kind, i);
		assert_int_equal(pretok_by_name(pretok_name(kind), &back), 0);
		assert_int_equal(back, i);
	}
	assert_int_equal(pretok_find("\\s+", &kind), -1);
	assert_int_equal(pretok_by_name("gpt3", &kind), -1);
	assert_null(pretok_regex(PRETOK_WHOLE));
}

static void new_letters_have_a_class_in_unicode14(void **state)
{
	/* U+11F04 KAWI LETTER A came with 15.0: other, and so no part of the word. */
	struct pretok p = {.kind = PRETOK_GPT2};
	size_t pos = 0;
	uint32_t ends[8];

	(void)state;
	assert_int_equal(pretok_split(&p,
			     "a\xf0\x91\xbc\x84"
			     "b",
			     6, &pos, ends, 8),
	    1);
	p.unicode14 = 1;
	pos = 0;
	assert_int_equal(pretok_split(&p,
			     "a\xf0\x91\xbc\x84"
			     "b",
			     6, &pos, ends, 8),
	    3);
}

static void new_marks_are_marks_in_unicode14(void **state)
{
	/* U+0897 ARABIC PEPET came with 16.0: before, it leads the word behind it. */
	static const char word_of_2[] = "a\xe0\xa2\x97"
					"B";
	struct pretok p = {.kind = PRETOK_O200K};
	size_t pos = 0;
	uint32_t ends[8];

	(void)state;
	assert_int_equal(pretok_split(&p, word_of_2, 5, &pos, ends, 8), 2);
	assert_int_equal(ends[0], 4);
	p.unicode14 = 1;
	pos = 0;
	assert_int_equal(pretok_split(&p, word_of_2, 5, &pos, ends, 8), 2);
	assert_int_equal(ends[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(splitter_differs_from_its_regex),
	    cmocka_unit_test(regexes_are_not_recognised),
	    cmocka_unit_test(new_letters_have_a_class_in_unicode14),
	    cmocka_unit_test(new_marks_are_marks_in_unicode14)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
