/* layers: text doc io base */
/* Unicode: what Python's str does, and the word boundaries of UAX #29.  The expected values are
 * written by hand from the standards; where Python is named, CPython 3.11 gave them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "text/segment.h"
#include "text/uchar.h"
#include "text/wordbreak.h"

static void lower(const char *in, const char *want)
{
	struct buf b = {0};

	text_lower(in, strlen(in), &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void lower_case_is_python_s(void **state)
{
	(void)state;
	lower("Hello, WORLD 123", "hello, world 123");
	lower("\u00c9COLE \u0141\u00d3D\u0179", "\u00e9cole \u0142\u00f3d\u017a");
	lower("\u0130stanbul", "i\u0307stanbul"); /* one code point becomes two */
	lower("\u212aelvin", "kelvin");           /* three bytes become one */
	lower("\u023a\u023e", "\u2c65\u2c66");    /* two bytes become three */
	lower("\u1e9e\u01c5", "\u00df\u01c6");
	lower("\U00010400", "\U00010428");
	lower("", "");
}

static void final_sigma_needs_a_letter_before_and_none_after(void **state)
{
	(void)state;
	lower("\u03a3\u039f\u03a6\u039f\u03a3", "\u03c3\u03bf\u03c6\u03bf\u03c2");
	lower("\u03a3", "\u03c3");
	lower("A\u03a3 B", "a\u03c2 b");
	lower("A\u03a3B", "a\u03c3b");
	lower("A.\u03a3", "a.\u03c2"); /* '.' is case-ignorable */
	lower(".\u03a3", ".\u03c3");
	lower("A\u03a3'b", "a\u03c3'b");
	lower("A\u03a3' b", "a\u03c2' b");
	lower("\u4e2d\u03a3", "\u4e2d\u03c3");
	lower("A\u0308\u03a3\u0301", "a\u0308\u03c2\u0301");
}

static void white_space_is_python_s(void **state)
{
	static const uint32_t space[] = {9, 10, 11, 12, 13, 0x1c, 0x1d, 0x1e, 0x1f, 32, 0x85, 0xa0,
	    0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(space) / sizeof(*space); i++)
		assert_true(uchar(space[i]) & UC_SPACE);
	for (uint32_t cp = 0; cp < 0x110000; cp++)
		n += (uchar(cp) & UC_SPACE) != 0;
	assert_int_equal(n, 29);
	assert_false(uchar(0x200b) & UC_SPACE);
	assert_false(uchar(0xfeff) & UC_SPACE);
}

static void classes_of_letters_and_digits(void **state)
{
	(void)state;
	assert_true(uchar('x') & UC_ALPHA);
	assert_true(uchar(0x4e2d) & UC_ALPHA);
	assert_false(uchar(0x345) & UC_ALPHA); /* Alphabetic, but a mark */
	assert_true(uchar(0x345) & UC_WORD);
	assert_false(uchar(0xb2) & UC_WORD); /* superscript two: isalnum, not \w of UTS #18 */
	assert_true(uchar(0xb2) & UC_ALNUM);
	assert_false(uchar(0xb2) & UC_DIGIT);
	assert_true(uchar(0x661) & UC_DIGIT);
	assert_true(uchar('$') & UC_PUNCT);
	assert_true(uchar(0x20ac) & UC_PUNCT);
	assert_false(uchar(0x24b6) & UC_PUNCT); /* circled A is a symbol, and Alphabetic */
	assert_true(uchar(0x3002) & UC_STERM);
	assert_false(uchar(0x2026) & UC_STERM);
}

static void strip(const char *s, const char *want)
{
	size_t a, b;

	text_strip(s, strlen(s), &a, &b);
	assert_int_equal(b - a, strlen(want));
	assert_memory_equal(s + a, want, b - a);
}

static void strip_takes_all_white_space(void **state)
{
	(void)state;
	strip("", "");
	strip(" \u3000\t\x1c", "");
	strip("\u00a0x y\u2028\n", "x y");
	strip("\u200bx", "\u200bx");
}

/* '|' in want marks the boundaries inside. */
static void breaks(const char *want)
{
	char text[256], got[512];
	size_t n = 0, g = 0, pos = 0, end;

	for (const char *p = want; *p; p++)
		if (*p != '|')
			text[n++] = *p;
	while (pos < n && (end = wordbreak_next(text, n, pos)) > pos) {
		if (pos)
			got[g++] = '|';
		memcpy(got + g, text + pos, end - pos);
		g += end - pos;
		pos = end;
	}
	got[g] = 0;
	assert_int_equal(pos, n);
	assert_string_equal(got, want);
}

static void words_break_as_uax29_says(void **state)
{
	(void)state;
	breaks("The| |quick| |(|\u201c|brown|\u201d|)| |fox| |can\u2019t| |jump| |32.3| |feet|,| "
	       "|right|?");
	breaks("a.b|.| |3,4|,|x_1|.");
	breaks("e.g|.");
	breaks("1|.|a");
	breaks("\r\n|\n|\r|a");
	breaks("  |a| |\t|b"); /* WB3d joins spaces, not tabs */
	breaks("a\u0308b|.\u0308");
}

static void words_with_marks_and_scripts(void **state)
{
	(void)state;
	breaks("a\u0308'\u0308b"); /* WB4 inside WB6 */
	breaks(
	    "\u05d0'| |\u05d1\"\u05d2|\""); /* Hebrew: WB7a joins the apostrophe, WB7b the quote */
	breaks("\u30ab\u30bf\u30ab\u30ca|\u6f22|\u5b57");
	breaks("\u30ab_\u30ab");
	breaks("\U0001f1ec\U0001f1e7|\U0001f1ec\U0001f1e7|\U0001f1ec");
	breaks("\U0001f469\u200d\U0001f469\u200d\U0001f467|!");
	breaks("\u200d\U0001f469");
	breaks("a\u00adb");
}

static void segments_of_a_text(void **state)
{
	static const char t[] = "\u00e9t\u00e9 a\n \n\nx\u2028y\n";
	struct segment g = {0};
	const struct words *w;
	const struct lines *l;

	(void)state;
	assert_int_equal(segment_text(&g, t, strlen(t), utf8_count(t, strlen(t))), 0);
	w = segment_words(&g);
	l = segment_lines(&g);
	assert_int_equal(w->n, 4);
	assert_int_equal(w->v[0].n_cp, 3);
	assert_int_equal(w->v[3].off, strlen(t) - 2);
	assert_int_equal(w->n_cp, 6);
	assert_int_equal(l->n, 5);
	assert_int_equal(l->v[0].end_cp, 6);
	assert_true(l->v[1].blank && l->v[2].blank && l->v[4].blank);
	assert_false(line_is_paragraph(&l->v[1]));
	assert_int_equal(l->v[3].cp, 9);
	assert_int_equal(l->v[4].cp, 13);
	assert_int_equal(l->v[4].newline, 0);
	assert_int_equal(segment_text(&g, "", 0, 0), 0);
	assert_int_equal(segment_words(&g)->n, 0);
	assert_int_equal(segment_lines(&g)->n, 1);
	assert_int_equal(segment_text(&g, "x", UINT32_MAX, 1), -1);
	segment_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lower_case_is_python_s),
	    cmocka_unit_test(final_sigma_needs_a_letter_before_and_none_after),
	    cmocka_unit_test(white_space_is_python_s),
	    cmocka_unit_test(classes_of_letters_and_digits),
	    cmocka_unit_test(strip_takes_all_white_space),
	    cmocka_unit_test(words_break_as_uax29_says),
	    cmocka_unit_test(words_with_marks_and_scripts),
	    cmocka_unit_test(segments_of_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
