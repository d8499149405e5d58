/* layers: doc io base */
/* What the readers of dolma-docs are made of: encodings, mail headers, prose, wikitext, roff. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "doc/charset.h"
#include "doc/htmltext.h"
#include "doc/mime.h"
#include "doc/prose.h"
#include "doc/roff.h"
#include "doc/wikitext.h"

static void expect(struct buf *b, const char *want)
{
	assert_string_equal(buf_cstr(b), want);
	b->len = 0;
}

static void charset_decodes_what_the_web_means(void **state)
{
	static const struct {
		const char *name, *in, *out;
		uint64_t bad;
	} t[] = {{"ISO-8859-1", "\x93q\x94\xe9", "“q”é", 0}, {"latin1", "\x81", "\xef\xbf\xbd", 1},
	    {"utf-8", "a\xc3(", "a\xef\xbf\xbd(", 1}, {"gb2312", "\xc4\xe3", "你", 0},
	    {"shift_jis", "\x82\xa0\xff", "あ\xef\xbf\xbd", 1}, {"koi8-r", "\xc1", "а", 0}};
	struct buf b = {0};
	uint64_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {

		bad = 0;
		assert_int_equal(charset_decode(t[i].name, t[i].in, strlen(t[i].in), &b, &bad), 0);
		expect(&b, t[i].out);
		assert_int_equal(bad, t[i].bad);
	}
	assert_int_equal(charset_decode("no-such", "x", 1, &b, &bad), -1);
	assert_int_equal(charset_decode("utf-8//TRANSLIT", "x", 1, &b, &bad), -1);
	buf_release(&b);
}

static void mail_dates_become_utc(void **state)
{
	static const char *const t[][2] = {
	    {"Tue, 3 Mar 2020 00:30:00 +0100", "2020-03-02T23:30:00Z"},
	    {"29 Feb 2000 12:00 GMT", "2000-02-29T12:00:00Z"},
	    {"Fri, 31 Dec 99 23:59:59 -0930 (X)", "2000-01-01T09:29:59Z"},
	    {"Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"}, {"yesterday", ""},
	    {"1 Foo 2000 00:00:00", ""}, {"40 Jan 2000 00:00:00", ""}};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		mime_date(t[i][0], out);
		assert_string_equal(out, t[i][1]);
	}
}

static void mail_encodings(void **state)
{
	static const char words[] = "=?utf-8?q?a_b?=  =?utf-8?B?w6k=?= c =?x";
	struct buf b = {0};

	(void)state;
	mime_qp("a=3D=\r\nb= \nc=", 13, &b);
	expect(&b, "a=bc=");
	mime_base64("YW\nJj ZA==YQ==", 14, &b);
	expect(&b, "abcd");
	mime_words(words, strlen(words), &b);
	expect(&b, "a bé c =?x");
	assert_int_equal(
	    mime_header("A: 1\nSubject: x\n\ty\n\nSubject: z\n", 30, "subject", &b), 1);
	expect(&b, "x y");
	assert_int_equal(mime_header("A: 1\n\nB: 2\n", 11, "B", &b), 0);
	buf_release(&b);
}

static void prose_holds_back_blanks_and_breaks(void **state)
{
	struct buf b = {0};
	struct prose p = {.b = &b};

	(void)state;
	prose_break(&p, 2);
	prose_words(&p, "  a\xc2\xa0\xc2\xad b \n", 11);
	prose_break(&p, 1);
	prose_break(&p, 2);
	p.indent = 4;
	prose_mark(&p, "- ");
	prose_words(&p, "c", 1);
	prose_break(&p, 1);
	prose_verbatim(&p, "x  \n\n y", 7);
	prose_tab(&p);
	prose_words(&p, "\xc2\xa9 ", 3);
	expect(&b, "a b\n\n  - c\n    x\n\n     y\t©");
	buf_release(&b);
}

static void wiki(const char *in, const char *want)
{
	struct buf b = {0};

	wikitext(in, strlen(in), 0, "Datei", "", &b);
	expect(&b, want);
	buf_release(&b);
}

static void wikitext_that_does_not_close(void **state)
{
	(void)state;
	wiki("a {{b {{c}} d", "a {{b d");
	wiki("a }} b", "a }} b");
	wiki("a {{{1|x}}} b", "a b");
	wiki("[[a [[b|c]]", "[[a c");
	wiki("a <ref>b", "a b");
	wiki("a <!-- b", "a");
	wiki("1 < 2 <b>x</b> &lt; &nosuch; &#x41;", "1 < 2 x < &nosuch; A");
	wiki("l'''a''' d''''x'''", "la d'x");
	wiki("{|\n|a\n{|\n|b\n|}\n|}\nc", "c");
	wiki("{{a|\n{| x\n|}\n}}b", "b");
	wiki("[[:Category:X]] [[Datei:a.png|b [[c]] ]]d [[e|]]", "Category:X d e");
	wiki("=== h ===\n; t : d\n:: i", "h\n\nt : d\n  i");
}

static void wikitext_is_linear(void **state)
{
	static const char *const pieces[] = {
	    "{{", "[[", "<ref>", "<!--", "<pre>", "[[a|", "''", "{|\n|", "<"};
	struct buf in = {0}, out = {0};

	(void)state;
	for (size_t k = 0; k < sizeof(pieces) / sizeof(*pieces); k++) {
		in.len = out.len = 0;
		for (int i = 0; i < 100000; i++)
			buf_str(&in, pieces[k]);
		wikitext(in.p, in.len, (int)k & 1, "", "", &out);
	}
	buf_release(&in);
	buf_release(&out);
}

static int roff(const char *in, struct buf *text)
{
	struct roff_page page = {.text = text};
	int rc = roff_text(in, strlen(in), &page);

	buf_release(&page.title);
	buf_release(&page.section);
	buf_release(&page.date);
	buf_release(&page.redirect);
	return rc;
}

static void roff_says(const char *in, const char *want)
{
	struct buf b = {0};

	assert_int_equal(roff(in, &b), 0);
	expect(&b, want);
	buf_release(&b);
}

static void roff_pieces(void **state)
{
	(void)state;
	roff_says(".B \"a \"\"b\"\" c\" d\n", "a \"b\" c d");
	roff_says("a\\fBb\\fP\\s-1c\\s0\\(em\\[u00E9]\\e\\&.\\*(lq\n", "abc—é\\.“");
	roff_says("a \\\" comment\nb\\c\nc\n", "a bc");
	roff_says(".nr x 3\n.if \\nx>2 y\n.if !\\nx=3 n\n.if 'a'a' z\n", "y z");
	roff_says(".ie t \\{\\\na\n.if n \\{ b \\}\n.\\}\n.el c\n", "c");
	roff_says(".de A\n\\\\$2-\\\\$1 \\\\n(.$\n..\n.A x y\n", "y-x 2");
	roff_says(".ig\n.B x\n..\ny\n", "y");
	roff_says(".Dd x\n.Op Fl a Ar b , c\n.Pq Xr d 1 .\n.Fl Fl long Ns = Ns Ar x\n",
	    "[-a b, c] (d(1)). --long=x");
	roff_says(".Dd x\n.Bl -enum -compact\n.It\na\n.It\nb\n.El\n.Fn f \"int a\" b\n",
	    "1. a\n2. b\nf(int a, b)");
	roff_says(".Dd x\n.Bl -tag -width x\n.It Xo\n.Nm p\n.Xc\nbody\n.El\n", "p\n    body");
	roff_says(".Dd x\n.Sm off\n.Ar a : b\n.Sm on\nc\n", "a:b c");
}

static void roff_without_end_is_an_error(void **state)
{
	struct buf b = {0}, in = {0};

	(void)state;
	assert_int_equal(roff(".de A\n.A\n.A\n..\n.A\n", &b), -1);
	assert_non_null(strstr(err_msg(), "without end"));
	/* strings that double: cut short, but the program goes on */
	buf_str(&in, ".ds a0 xxxxxxxxxxxxxxxx\n");
	for (int i = 1; i < 60; i++)
		buf_printf(&in, ".ds a%d \\*[a%d]\\*[a%d]\n", i, i - 1, i - 1);
	buf_str(&in, "\\*[a59]\n");
	b.len = 0;
	roff(buf_cstr(&in), &b);
	assert_true(b.len < 64u << 20);
	buf_release(&b);
	buf_release(&in);
}

static void html(const char *in, const char *want)
{
	struct buf text = {0}, title = {0}, lang = {0};

	assert_int_equal(htmltext(in, strlen(in), 0, &text, &title, &lang), 0);
	expect(&text, want);
	buf_release(&text);
	buf_release(&title);
	buf_release(&lang);
}

static void html_pieces(void **state)
{
	(void)state;
	htmltext_init();
	html("<p>a<p>b<br>c <i>d</i>", "a\n\nb\nc d");
	html("<header>x</header><main><header><h1>T</h1></header>a</main>z", "T\n\na");
	html("<form>the page <input> itself</form>", "the page itself");
	html("<p>page page page<form>x</form>", "page page page");
	html("<table><tr><td>a<table><tr><td>b<td>c</table></table>", "a\n\nb\tc");
	html("<p style='x:y; display : none'>no</p>yes<p class='NoPrint x'>no", "yes");
	html("<ol><li>a<pre>\nx\n  y\n</pre><li>b</ol>", "- a\n  x\n    y\n- b");
	html("<q>a</q> &lt;b&gt; &#8212; &amp;c", "\"a\" <b> — &c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(charset_decodes_what_the_web_means),
	    cmocka_unit_test(mail_dates_become_utc), cmocka_unit_test(mail_encodings),
	    cmocka_unit_test(prose_holds_back_blanks_and_breaks),
	    cmocka_unit_test(wikitext_that_does_not_close), cmocka_unit_test(wikitext_is_linear),
	    cmocka_unit_test(roff_pieces), cmocka_unit_test(roff_without_end_is_an_error),
	    cmocka_unit_test(html_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
