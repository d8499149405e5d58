/* layers: tok doc io base */
/* NFC against the definitions of the Unicode Standard (3.11), applied without any cleverness, and
 * against examples of UAX #15. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "tok/nfc.h"
#include "tok/scan.h"
#include "tok/tokchar.h"

enum { MAX = 400 };

static int slow_ccc(uint32_t cp)
{
	size_t i;

	for (i = 0; i < nfc_n_ccc; i++)
		if (cp >= nfc_ccc[i].first && cp < nfc_ccc[i].first + nfc_ccc[i].n)
			return nfc_ccc[i].ccc;
	return 0;
}

static size_t slow_decompose(uint32_t cp, uint32_t *out)
{
	size_t i, n;

	if (cp >= 0xac00 && cp <= 0xd7a3) {
		uint32_t s = cp - 0xac00, t = s % 28;

		out[0] = 0x1100 + s / 588;
		out[1] = 0x1161 + s % 588 / 28;
		out[2] = 0x11a7 + t;
		return t ? 3 : 2;
	}
	for (i = 0; i < nfc_n_decomp; i++)
		if (nfc_decomp[i].cp == cp) {
			n = slow_decompose(nfc_decomp[i].a, out);
			return nfc_decomp[i].b ? n + slow_decompose(nfc_decomp[i].b, out + n) : n;
		}
	out[0] = cp;
	return 1;
}

static uint32_t slow_compose(uint32_t a, uint32_t b)
{
	size_t i;

	if (a >= 0x1100 && a <= 0x1112 && b >= 0x1161 && b <= 0x1175)
		return 0xac00 + (a - 0x1100) * 588 + (b - 0x1161) * 28;
	if (a >= 0xac00 && a <= 0xd7a3 && (a - 0xac00) % 28 == 0 && b >= 0x11a8 && b <= 0x11c2)
		return a + b - 0x11a7;
	for (i = 0; i < nfc_n_comp; i++)
		if (nfc_comp[i].a == a && nfc_comp[i].b == b)
			return nfc_comp[i].cp;
	return 0;
}

/* D108: exchange neighbours A B with ccc(A) > ccc(B) > 0 until there are none. */
static void slow_order(uint32_t *c, size_t n)
{
	size_t i;
	int again = 1;

	while (again)
		for (again = 0, i = 0; i + 1 < n; i++)
			if (slow_ccc(c[i]) > slow_ccc(c[i + 1]) && slow_ccc(c[i + 1]) > 0) {
				uint32_t x = c[i];

				c[i] = c[i + 1];
				c[i + 1] = x;
				again = 1;
			}
}

/* D115, D117: a character is composed with the last starter before it unless it is blocked. */
static size_t slow_recompose(uint32_t *c, size_t n)
{
	size_t i, k, s;

	for (i = 1; i < n; i++) {
		int blocked = 0;
		uint32_t both;

		for (s = i; s-- > 0 && slow_ccc(c[s]);)
			;
		if (s == (size_t)-1)
			continue;
		for (k = s + 1; k < i; k++)
			blocked |= slow_ccc(c[k]) == 0 || slow_ccc(c[k]) >= slow_ccc(c[i]);
		if (blocked || !(both = slow_compose(c[s], c[i])))
			continue;
		c[s] = both;
		memmove(c + i, c + i + 1, (n - i - 1) * sizeof(*c));
		n--;
		i--;
	}
	return n;
}

static void slow_nfc(const uint32_t *c, size_t n, struct buf *out)
{
	uint32_t d[4 * MAX];
	size_t m = 0, i;

	for (i = 0; i < n; i++)
		m += slow_decompose(c[i], d + m);
	slow_order(d, m);
	m = slow_recompose(d, m);
	for (i = 0; i < m; i++) {
		buf_need(out, 4);
		out->len += (size_t)utf8_put(out->p + out->len, d[i]);
	}
}

static void put_all(const uint32_t *c, size_t n, struct buf *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		buf_need(out, 4);
		out->len += (size_t)utf8_put(out->p + out->len, c[i]);
	}
}

static uint32_t some(struct pcg64 *r)
{
	uint32_t i = pcg64_next32(r);

	switch (pcg64_next32(r) % 8) {
	case 0:
		return nfc_decomp[i % nfc_n_decomp].cp;
	case 1:
		i %= nfc_n_ccc;
		return nfc_ccc[i].first + pcg64_next32(r) % nfc_ccc[i].n;
	case 2:
		return nfc_comp[i % nfc_n_comp].a;
	case 3:
		return nfc_comp[i % nfc_n_comp].b;
	case 4:
		return 0x1100 + i % 0x100;
	case 5:
		return 0xac00 + i % 300;
	case 6:
		return 0x300 + i % 8;
	default:
		return "abe \n"[i % 5];
	}
}

static void check(const uint32_t *c, size_t n)
{
	static struct buf in, want, got, twice;

	in.len = want.len = got.len = twice.len = 0;
	put_all(c, n, &in);
	slow_nfc(c, n, &want);
	nfc_put(&got, in.p, in.len);
	assert_int_equal(got.len, want.len);
	assert_true(!want.len || !memcmp(got.p, want.p, want.len));
	if (nfc_check(in.p, in.len) == in.len)
		assert_true(in.len == got.len && (!in.len || !memcmp(in.p, got.p, in.len)));
	nfc_put(&twice, got.p, got.len);
	assert_true(twice.len == got.len && (!got.len || !memcmp(twice.p, got.p, got.len)));
}

static void nfc_differs_from_the_definition(void **state)
{
	struct pcg64 r;
	uint32_t c[MAX];
	size_t i, n;
	int t;

	(void)state;
	pcg64_seed(&r, 7);
	for (t = 0; t < 3000; t++) {
		n = pcg64_next32(&r) % (t % 100 ? 12 : 120);
		for (i = 0; i < n; i++)
			c[i] = some(&r);
		check(c, n);
	}
}

/* More marks than are sorted by insertion. */
static void long_runs_of_marks_are_not_ordered(void **state)
{
	struct pcg64 r;
	uint32_t c[MAX];
	size_t i, k;

	(void)state;
	pcg64_seed(&r, 8);
	for (i = 0; i < 150; i++) {
		k = pcg64_next32(&r) % nfc_n_ccc;
		c[i] = i ? nfc_ccc[k].first : 'a';
	}
	check(c, 150);
}

static void every_character_alone(void **state)
{
	uint32_t cp;

	(void)state;
	for (cp = 0; cp < 0x30000; cp++)
		if ((cp < 0xd800 || cp > 0xdfff) && (tokchar(cp) & TOKCHAR_UNSAFE || cp % 97 == 0))
			check(&cp, 1);
}

static void known(const char *in, const char *want)
{
	struct buf b = {0};

	nfc_put(&b, in, strlen(in));
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void examples_of_the_standard(void **state)
{
	(void)state;
	known("", "");
	known("\u212b", "\u00c5");
	known("\u2126", "\u03a9");
	known("A\u030a", "\u00c5");
	known("\u1e9b\u0323", "\u1e9b\u0323");
	known("\u1e0a\u0323", "\u1e0c\u0307");
	known("q\u0307\u0323", "q\u0323\u0307");
	known("\u0958", "\u0915\u093c"); /* excluded from composition */
	known("\u1100\u1161\u11a8", "\uac01");
	known("\u037e", ";");
	known("\u212a", "K");
	known("e\u0301x", "\u00e9x");
	known("e\u0327\u0301", "\u0229\u0301");
	known("\u0301e", "\u0301e");
}

/* Combining classes that came after 9.0 do not exist here. */
static void younger_marks_are_ordered(void **state)
{
	(void)state;
	known("a\u0301\u1df9", "\u00e1\u1df9");  /* 10.0, class 220: a + U+0301 must compose */
	known("a\u1df9\u0301", "a\u1df9\u0301"); /* and here is blocked: class 0 */
	known("a\u0316\u08d3\u0301", "a\u0316\u08d3\u0301"); /* 11.0 */
}

/* Each instruction set finds each character that may be unsafe, wherever it stands. */
static void an_unsafe_character_is_skipped(void **state)
{
	const struct scan_isa *const *isa;
	char text[96];
	const char *end = text + sizeof(text), *at;
	uint64_t leads = 0;
	uint32_t cp;
	int n, may;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (cp = 0x80; cp < 0x110000; cp++) {
		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		at = text + cp % 89;
		n = utf8_put(text + cp % 89, cp);
		may = scan_is_unsafe((const unsigned char *)at);
		if (tokchar(cp) & TOKCHAR_UNSAFE) {
			assert_true(may);
			leads |= (uint64_t)1 << ((unsigned char)*at - 0xc0);
		} else if ((unsigned char)*at == 0xe3) {
			assert_false(may);
		}
		for (isa = scan_isa_all(); *isa; isa++)
			assert_ptr_equal((*isa)->unsafe(text, end), may ? at : end);
		memset(text + cp % 89, 'x', (size_t)n);
	}
	assert_true(leads == SCAN_UNSAFE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nfc_differs_from_the_definition),
	    cmocka_unit_test(long_runs_of_marks_are_not_ordered),
	    cmocka_unit_test(every_character_alone), cmocka_unit_test(examples_of_the_standard),
	    cmocka_unit_test(younger_marks_are_ordered),
	    cmocka_unit_test(an_unsafe_character_is_skipped)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
