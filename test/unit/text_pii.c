/* layers: text doc io base */
/* The PII matchers against a backtracking reading of Dolma's expressions, on random text from small
 * alphabets; and what the corrected rules accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/pii.h"
#include "text/uchar.h"

/* --- the slow matchers: s is code points, and the order of the loops is the order of a
 * backtracking engine ----------------------------------------------------------------------- */

struct text {
	uint32_t c[256];
	size_t byte[257];
	size_t n;
};

static int is_s(uint32_t c)
{
	return (uchar(c) & UC_SPACE) != 0;
}

static int is_edge(uint32_t c) /* [.\s@,?!;:)(] */
{
	return is_s(c) || (c && c < 128 && strchr(".@,?!;:)(", (int)c));
}

static int is_local(uint32_t c) /* [^\s@] */
{
	return !is_s(c) && c != '@';
}

static int is_domain(uint32_t c) /* [^\s@,?!;:)(] */
{
	return c == '.' || !is_edge(c);
}

static size_t run(const struct text *t, size_t i, int (*f)(uint32_t))
{
	size_t k = 0;

	while (i + k < t->n && f(t->c[i + k]))
		k++;
	return k;
}

static int slow_email_at(const struct text *t, size_t s, size_t v[4])
{
	for (size_t k = run(t, s, is_edge) + 1; k-- > 0;)
		for (size_t p = s + k, a = run(t, p, is_local); a > 0; a--)
			if (p + a < t->n && t->c[p + a] == '@')
				for (size_t d = p + a + 1, m = 1; m <= run(t, d, is_domain); m++)
					for (int e = 1; e >= 0; e--) {
						size_t q = d + m + (size_t)e;

						if (q < t->n && is_s(t->c[q]) &&
						    (!e || is_edge(t->c[q - 1]))) {
							v[0] = p, v[1] = p + a, v[2] = d + m,
							v[3] = q + 1;
							return 1;
						}
					}
	return 0;
}

static int slow_email(const struct text *t, size_t pos, struct pii *m)
{
	size_t v[4];

	for (size_t s = pos; s < t->n; s++)
		if (slow_email_at(t, s, v)) {
			*m = (struct pii){t->byte[s], t->byte[v[3]], t->byte[v[0]], t->byte[v[1]],
			    t->byte[v[2]]};
			return 1;
		}
	return 0;
}

static int is_d(uint32_t c)
{
	return (uchar(c) & UC_DIGIT) != 0;
}

static int is_sep(uint32_t c)
{
	return c == '-' || c == '.' || c == ' ';
}

static size_t slow_phone_at(const struct text *t, size_t s)
{
	for (size_t k = run(t, s, is_s); k > 0; k--)
		for (size_t open = 2; open-- > 0;) {
			size_t i = s + k + open;

			if ((open && (i > t->n || t->c[i - 1] != '(')) || run(t, i, is_d) < 3)
				continue;
			for (size_t close = 2; close-- > 0;) {
				size_t j = i + 3 + close;

				if (close && (j > t->n || t->c[j - 1] != ')'))
					continue;
				for (size_t n = run(t, j, is_sep) + 1; n-- > 0;)
					for (size_t sep = 2; sep-- > 0;) {
						size_t b = j + n + 3;

						if (run(t, j + n, is_d) < 3 ||
						    (sep && !run(t, b, is_sep)))
							continue;
						if (run(t, b + sep, is_d) >= 4)
							return b + sep + 4;
					}
			}
		}
	return 0;
}

static int slow_phone(const struct text *t, size_t pos, struct pii *m)
{
	for (size_t s = pos; s < t->n; s++) {
		size_t end = slow_phone_at(t, s);

		if (end) {
			m->start = t->byte[s], m->end = t->byte[end];
			return 1;
		}
	}
	return 0;
}

static int in_range(const struct text *t, size_t i, uint32_t lo, uint32_t hi)
{
	return i < t->n && t->c[i] >= lo && t->c[i] <= hi;
}

/* Lengths an octet can have at i, in the order of the alternatives. */
static int octets(const struct text *t, size_t i, size_t v[8])
{
	int n = 0;

	if (in_range(t, i, '2', '2') && in_range(t, i + 1, '5', '5') &&
	    in_range(t, i + 2, '0', '5'))
		v[n++] = 3;
	if (in_range(t, i, '2', '2') && in_range(t, i + 1, '0', '4') &&
	    in_range(t, i + 2, '0', '9'))
		v[n++] = 3;
	for (size_t first = 2; first-- > 0;) {
		if (first && !in_range(t, i, '0', '1'))
			continue;
		if (!in_range(t, i + first, '0', '9'))
			continue;
		if (in_range(t, i + first + 1, '0', '9'))
			v[n++] = first + 2;
		v[n++] = first + 1;
	}
	return n;
}

static size_t slow_ip_at(const struct text *t, size_t i, int left)
{
	size_t v[8], end;
	int n = octets(t, i, v);

	for (int k = 0; k < n; k++) {
		if (!left)
			return i + v[k];
		if (in_range(t, i + v[k], '.', '.') &&
		    (end = slow_ip_at(t, i + v[k] + 1, left - 1)))
			return end;
	}
	return 0;
}

static int slow_ip(const struct text *t, size_t pos, struct pii *m)
{
	for (size_t s = pos; s < t->n; s++) {
		size_t end = slow_ip_at(t, s, 3);

		if (end) {
			m->start = t->byte[s], m->end = t->byte[end];
			return 1;
		}
	}
	return 0;
}

/* --- comparison ----------------------------------------------------------------------------- */

typedef int fast_fn(const char *s, size_t n, size_t pos, struct pii *m);
typedef int slow_fn(const struct text *t, size_t pos, struct pii *m);

static size_t index_of(const struct text *t, size_t byte)
{
	size_t i = 0;

	while (t->byte[i] < byte)
		i++;
	assert_int_equal(t->byte[i], byte);
	return i;
}

static unsigned compare(
    const struct text *t, const char *s, fast_fn *fast, slow_fn *slow, int group)
{
	unsigned found = 0;
	size_t pos = 0;

	for (;; found++) {
		struct pii f = {0}, w = {0};
		int a = fast(s, t->byte[t->n], pos, &f), b = slow(t, index_of(t, pos), &w);

		if (a != b || (a && (f.start != w.start || f.end != w.end ||
					(group && (f.local != w.local || f.at != w.at ||
						      f.domain_end != w.domain_end))))) {
			print_error("text '%s' from %zu: %d [%zu,%zu) and %d [%zu,%zu)\n", s, pos,
			    a, f.start, f.end, b, w.start, w.end);
			fail();
		}
		if (!a)
			return found;
		pos = f.end;
	}
}

static void random_text(struct mt19937 *r, const char *alphabet, struct text *t, char *s)
{
	struct text from = {.n = 0};
	size_t len = strlen(alphabet), bytes = 0;
	int k;

	for (size_t i = 0; i < len; i += (size_t)k)
		from.c[from.n++] = utf8_next(alphabet + i, &k);
	t->n = (size_t)mt19937_below(r, 40);
	for (size_t i = 0; i < t->n; i++) {
		t->c[i] = from.c[mt19937_below(r, from.n)];
		t->byte[i] = bytes;
		bytes += (size_t)utf8_put(s + bytes, t->c[i]);
	}
	t->byte[t->n] = bytes;
	s[bytes] = 0;
}

static void compare_all(const char *const *alphabets, fast_fn *fast, slow_fn *slow, int group)
{
	struct mt19937 r;
	struct text t;
	char s[200];
	unsigned found = 0;

	mt19937_seed(&r, 1);
	for (; *alphabets; alphabets++)
		for (int round = 0; round < 4000; round++) {
			random_text(&r, *alphabets, &t, s);
			found += compare(&t, s, fast, slow, group);
		}
	assert_true(found > 1000);
}

static void email_equals_backtracking(void **state)
{
	static const char *const alphabets[] = {
	    "a@. ", "ab@.,( \n", "@. (", "@.a \u2028\u3000\u00e9", "a@@.;:)?! ", NULL};

	(void)state;
	compare_all(alphabets, dolma_email, slow_email, 1);
}

static void phone_equals_backtracking(void **state)
{
	static const char *const alphabets[] = {" 1111111", " 00000000(", " 1111111111()-.",
	    " \n\u00a05(555555)-", "\u2028\u0661\u0662\u0663\u0664\u0665(", NULL};

	(void)state;
	compare_all(alphabets, dolma_phone, slow_phone, 0);
}

static void ip_equals_backtracking(void **state)
{
	static const char *const alphabets[] = {"1.", "25.", "0129.", "2560.. ", "1.a", NULL};

	(void)state;
	compare_all(alphabets, dolma_ip, slow_ip, 0);
}

/* --- the corrected rules -------------------------------------------------------------------- */

/* in has the expected spans in square brackets. */
static void marks(fast_fn *fn, const char *in)
{
	char text[512], got[1024];
	size_t n = 0, g = 0, pos = 0, at = 0;
	struct pii m;

	for (const char *p = in; *p; p++)
		if (*p != '[' && *p != ']')
			text[n++] = *p;
	for (; fn(text, n, pos, &m); pos = m.end) {
		memcpy(got + g, text + at, m.start - at);
		g += m.start - at;
		got[g++] = '[';
		memcpy(got + g, text + m.start, m.end - m.start);
		g += m.end - m.start;
		got[g++] = ']';
		at = m.end;
	}
	memcpy(got + g, text + at, n - at);
	got[g + n - at] = 0;
	assert_string_equal(got, in);
}

static void email_spans_are_addresses_only(void **state)
{
	(void)state;
	marks(pii_email, "[a@b.org]");
	marks(pii_email, "Write to ([john.doe+x@mail.example.com]), or ([x_1@ex-am.co.uk])!");
	marks(pii_email, "<mailto:[jo@ex.org]>\n'[a@b.cd]'.\n");
	marks(pii_email, "[jos\u00e9@caf\u00e9.fr] [a@b.org]. End");
	marks(pii_email, "a@b no dot, @b.org no local, a@.org, a@b..org, x @ y.org, a@b.c short");
	marks(pii_email, "a.@b.org, user@10.0.0.1, [x@bar.com].5");
	marks(pii_email, "@@[a@b.org]@@[c@d.org]@");
	marks(pii_email, "");
}

static void phone_spans_are_numbers_only(void **state)
{
	(void)state;
	marks(pii_phone, "[555-123-4567]");
	marks(pii_phone, "call [(555) 123-4567], [+1 555.123.4567] or [1-555-123-4567]x12.");
	marks(pii_phone, "[+12125551234] [2125551234]\n[(555)123-4567]");
	marks(pii_phone, "1234567890 0005551234 12125551234 55512345678 555-123-45678");
	marks(pii_phone, "id#2125551234 x=2125551234 /2125551234 ab2125551234 2125551234ab");
	marks(pii_phone, "1.555-123-4567-8 4-555-123-4567 (555 123-4567");
	marks(pii_phone, "");
}

static void ip_spans_are_whole_addresses(void **state)
{
	(void)state;
	marks(pii_ip, "[10.0.0.1]");
	marks(pii_ip, "http://[192.168.1.254]/x, [255.255.255.255].");
	marks(pii_ip, "999.1.1.1 10.0.0.256 1.2.3.4.5 v1.2.3.4 1.2.3.4a 1.2.3 1234.1.1.1");
	marks(pii_ip, "[1.2.3.4]\n[5.6.7.8]:80");
	marks(pii_ip, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(email_equals_backtracking),
	    cmocka_unit_test(phone_equals_backtracking),
	    cmocka_unit_test(ip_equals_backtracking),
	    cmocka_unit_test(email_spans_are_addresses_only),
	    cmocka_unit_test(phone_spans_are_numbers_only),
	    cmocka_unit_test(ip_spans_are_whole_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
