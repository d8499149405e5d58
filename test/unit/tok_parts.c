/* layers: tok doc io base */
/* Where parts are cut, and what joins them; with tokens that are laid by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tok/parts.h"

enum { LEN = 200, LENS = 100 };

/* Token n has n bytes. */
static struct tokenizer_token token[LENS];

static void set(struct part *x, const uint32_t *ids)
{
	for (x->n = 0; ids[x->n]; x->n++)
		x->ids[x->n] = ids[x->n];
}

/* Join the three parts of LEN bytes, which begin at 0, 76 and 152; the bytes done. */
static size_t join(const uint32_t *a, const uint32_t *b, const uint32_t *c, struct ids *out)
{
	static char s[LEN + 1];
	struct parts p;
	size_t i;
	int done;

	memset(s, 'a', LEN);
	for (i = 0; i < LENS; i++)
		token[i].len = (uint32_t)i;
	parts_begin(&p, s, LEN);
	assert_int_equal(parts_cut(&p), 0);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.part[1].s - s, PARTS_STRIDE);
	set(&p.part[0], a);
	set(&p.part[1], b);
	set(&p.part[2], c);
	out->n = 0;
	done = parts_join(&p, token, out);
	assert_int_equal(done, p.s == s + LEN ? 1 : -1);
	return (size_t)(p.s - s);
}

static const uint32_t a[] = {40, 40, 10, 6, 0}, b[] = {3, 11, 6, 60, 12, 4, 0},
		      c[] = {4, 12, 4, 28, 0};

static void common_tokens_do_not_join(void **state)
{
	static const uint32_t want[] = {40, 40, 10, 6, 60, 12, 4, 28};
	struct ids out = {0};

	(void)state;
	assert_int_equal(join(a, b, c, &out), LEN);
	assert_int_equal(out.n, 8);
	assert_memory_equal(out.p, want, sizeof(want));
	ids_release(&out);
}

static void others_join(void **state)
{
	/* An edge in common at 80, and at 90, but no token. */
	static const uint32_t edges[] = {4, 10, 5, 77, 0}, other[] = {4, 5, 5, 7, 75, 0},
			      none[] = {5, 91, 0}, lost[] = {40, 40, 15, 0};
	struct ids out = {0};

	(void)state;
	assert_int_equal(join((const uint32_t[]){80, 16, 0}, edges, c, &out), 0);
	assert_int_equal(join(a, other, c, &out), 0);
	assert_int_equal(join(a, none, c, &out), 0);
	assert_int_equal(join(lost, b, c, &out), 0);
	assert_int_equal(out.n, 0);
	/* The first two join: what the second one has behind that is still to be done. */
	assert_int_equal(join(a, b, (const uint32_t[]){5, 43, 0}, &out), 90);
	assert_int_equal(out.n, 3);
	ids_release(&out);
}

static void cuts_are_inside_characters(void **state)
{
	static const char *const chars[] = {"\xc3\xa9", "\xe4\xb8\x80", "\xf0\x9f\x98\x80"};
	char s[1200];
	size_t n, i, k, was;
	struct parts p;

	(void)state;
	for (n = 2; n <= 4; n++) {
		for (i = 0; i < sizeof(s); i++)
			s[i] = chars[n - 2][i % n];
		parts_begin(&p, s, sizeof(s));
		was = parts_cut(&p);
		assert_int_equal(was, 0);
		for (k = 0; k < p.n; k++) {
			assert_int_equal((p.part[k].s - s) % (int)n, 0);
			assert_int_equal(p.part[k].len % n, 0);
			assert_true(!k || p.part[k].s < p.part[k - 1].s + p.part[k - 1].len);
		}
		assert_ptr_equal(p.part[k - 1].s + p.part[k - 1].len, s + sizeof(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(common_tokens_do_not_join),
	    cmocka_unit_test(others_join), cmocka_unit_test(cuts_are_inside_characters)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
