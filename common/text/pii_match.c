#include "text/pii.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "text/uchar.h"

/* Bytes of the white space at s + i, 0 when something else (or the end) is there. */
static inline size_t space(const char *s, size_t n, size_t i)
{
	int len;

	if (i >= n)
		return 0;
	if ((unsigned char)s[i] < 0x80)
		return (uchar((unsigned char)s[i]) & UC_SPACE) != 0;
	return uchar(utf8_next(s + i, &len)) & UC_SPACE ? (size_t)len : 0;
}

/* Bytes of the white space that ends at i, not reaching below from. */
static size_t space_before(const char *s, size_t from, size_t i)
{
	size_t k;

	if (i <= from)
		return 0;
	return uchar(uchar_before(s, i, &k)) & UC_SPACE && k >= from ? i - k : 0;
}

/* --- email -------------------------------------------------------------------------------- */

/* Punctuation of the class [.\s@,?!;:)(] */
static int punct(char c)
{
	return c && strchr(".@,?!;:)(", c) != NULL;
}

/* Bytes of a character of that class. */
static size_t edge(const char *s, size_t n, size_t i)
{
	if (i < n && punct(s[i]))
		return 1;
	return space(s, n, i);
}

/* Bytes of a character of the domain, [^\s@,?!;:)(]. */
static size_t domain_char(const char *s, size_t n, size_t i)
{
	int len;

	if (i >= n || (punct(s[i]) && s[i] != '.') || space(s, n, i))
		return 0;
	utf8_next(s + i, &len);
	return (size_t)len;
}

/* What follows '@': the shortest domain after which [class]?\s matches.  1 and m->domain_end,
 * m->end. */
static int email_tail(const char *s, size_t n, size_t at, struct pii *m)
{
	size_t q = at + 1, len;

	while ((len = domain_char(s, n, q))) {
		size_t e, w;

		q += len;
		e = edge(s, n, q);
		if (e && (w = space(s, n, q + e))) {
			m->domain_end = q, m->end = q + e + w;
			return 1;
		}
		if ((w = space(s, n, q))) {
			m->domain_end = q, m->end = q + w;
			return 1;
		}
	}
	return 0;
}

/* A character of [^\s@] ends at i, not below from. */
static int local_before(const char *s, size_t from, size_t i)
{
	return i > from && s[i - 1] != '@' && !space_before(s, from, i);
}

/* The run of edge characters before the match reaches past the '@' that was found: the regex takes
 * as much of it as still leaves a match. */
static int email_greedy(const char *s, size_t n, size_t run_end, struct pii *m)
{
	size_t i = run_end;

	while (i < n && s[i] != '@' && !space(s, n, i))
		i++;
	if (i < n && i > run_end && s[i] == '@' && email_tail(s, n, i, m)) {
		m->local = run_end, m->at = i;
		return 1;
	}
	for (i = run_end; i-- > m->start + 1;)
		if (s[i] == '@' && local_before(s, m->start, i) && email_tail(s, n, i, m)) {
			m->local = i - 1, m->at = i;
			return 1;
		}
	return 0;
}

int dolma_email(const char *s, size_t n, size_t pos, struct pii *m)
{
	const char *p;
	size_t at, i, w;

	for (at = pos; at < n && (p = memchr(s + at, '@', n - at)); at++) {
		at = (size_t)(p - s);
		if (!local_before(s, pos, at) || !email_tail(s, n, at, m))
			continue;
		/* The match starts where the edge characters before the local part start. */
		for (i = at; local_before(s, pos, i);)
			i--;
		for (; i > pos; i -= w)
			if (!(w = punct(s[i - 1]) ? 1 : space_before(s, pos, i)))
				break;
		m->start = i;
		while ((w = edge(s, n, i)))
			i += w;
		m->local = i, m->at = at;
		return i < at || email_greedy(s, n, i, m);
	}
	return 0;
}

/* --- phone -------------------------------------------------------------------------------- */

static inline size_t digit(const char *s, size_t n, size_t i)
{
	int len;

	if (i >= n)
		return 0;
	if ((unsigned char)s[i] < 0x80)
		return s[i] >= '0' && s[i] <= '9';
	return uchar(utf8_next(s + i, &len)) & UC_DIGIT ? (size_t)len : 0;
}

/* End of k digits at i, 0 when there are fewer. */
static size_t digits(const char *s, size_t n, size_t i, int k)
{
	size_t w;

	for (; k; k--, i += w)
		if (!(w = digit(s, n, i)))
			return 0;
	return i;
}

static int separator(const char *s, size_t n, size_t i)
{
	return i < n && (s[i] == '-' || s[i] == '.' || s[i] == ' ');
}

/* End of the number whose first digit is at i, or 0. */
static size_t phone_tail(const char *s, size_t n, size_t i)
{
	if (!(i = digits(s, n, i, 3)))
		return 0;
	i += i < n && s[i] == ')';
	while (separator(s, n, i))
		i++;
	if (!(i = digits(s, n, i, 3)))
		return 0;
	i += (size_t)separator(s, n, i);
	return digits(s, n, i, 4);
}

int dolma_phone(const char *s, size_t n, size_t pos, struct pii *m)
{
	for (size_t i = pos; i < n; i++) {
		size_t first, w;

		/* neither an ASCII digit nor the first byte of another character */
		if ((unsigned char)(s[i] - '0') > 9 && (unsigned char)s[i] < 0xc0)
			continue;
		if (!digit(s, n, i))
			continue;
		first = i;
		if (i > pos && s[i - 1] == '(')
			first--;
		if (!space_before(s, pos, first) || !(m->end = phone_tail(s, n, i)))
			continue;
		while ((w = space_before(s, pos, first)))
			first -= w;
		m->start = first;
		return 1;
	}
	return 0;
}

/* --- ip ----------------------------------------------------------------------------------- */

static int ascii_digit(const char *s, size_t n, size_t i)
{
	return i < n && s[i] >= '0' && s[i] <= '9';
}

/* The k digits at i match 25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]? */
static int octet(const char *s, size_t i, size_t k)
{
	if (k < 3)
		return k > 0;
	return s[i] <= '1' ||
	       (s[i] == '2' && (s[i + 1] < '5' || (s[i + 1] == '5' && s[i + 2] <= '5')));
}

/* Digits at i, at most 4 of them counted. */
static size_t digit_run(const char *s, size_t n, size_t i)
{
	size_t k = 0;

	while (k < 4 && ascii_digit(s, n, i + k))
		k++;
	return k;
}

/* A whole octet and the '.' after it: offset behind, or 0. */
static size_t octet_dot(const char *s, size_t n, size_t i)
{
	size_t k = digit_run(s, n, i);

	return k <= 3 && octet(s, i, k) && i + k < n && s[i + k] == '.' ? i + k + 1 : 0;
}

int dolma_ip(const char *s, size_t n, size_t pos, struct pii *m)
{
	const char *p;
	size_t dot, i, k;

	for (dot = pos; dot < n && (p = memchr(s + dot, '.', n - dot)); dot++) {
		dot = (size_t)(p - s);
		for (k = 0; k < 3 && dot - k > pos && ascii_digit(s, n, dot - k - 1);)
			k++;
		if (k == 3 && !octet(s, dot - k, k))
			k = 2;
		if (!k || !(i = octet_dot(s, n, dot + 1)) || !(i = octet_dot(s, n, i)))
			continue;
		m->start = dot - k;
		if (!(k = digit_run(s, n, i)))
			continue;
		k = k > 3 ? 3 : k;
		if (k == 3 && !octet(s, i, k))
			k = 2;
		m->end = i + k;
		return 1;
	}
	return 0;
}

/* --- the corrected rules ------------------------------------------------------------------ */

static unsigned prop_before(const char *s, size_t i)
{
	size_t k;

	return i ? uchar(uchar_before(s, i, &k)) : 0;
}

static unsigned prop_at(const char *s, size_t n, size_t i)
{
	int len;

	return i < n ? uchar(utf8_next(s + i, &len)) : 0;
}

static int local_char(unsigned prop, char c)
{
	return (prop & UC_WORD) || (c && strchr(".!#$%&'*+/=?^`{|}~-", c));
}

/* The domain after '@': labels of letters, digits and '-' with one '.' between, as many as make the
 * last one of two or more letters, at least two.  Its end, or 0. */
static size_t domain(const char *s, size_t n, size_t i)
{
	size_t end = 0, label = i, letters = 0, k;
	int labels = 0, len;

	for (k = i; k <= n; k += (size_t)len) {
		unsigned p = prop_at(s, n, k);

		len = 1;
		if (k < n && ((p & UC_WORD) || s[k] == '-')) {
			utf8_next(s + k, &len);
			letters += (p & UC_ALPHA) != 0 && letters != SIZE_MAX;
			if (!(p & UC_ALPHA))
				letters = SIZE_MAX; /* not a last label */
			continue;
		}
		if (k == label)
			break;
		labels++;
		if (labels > 1 && letters != SIZE_MAX && letters >= 2)
			end = k;
		if (k == n || s[k] != '.')
			break;
		label = k + 1, letters = 0;
	}
	return end;
}

int pii_email(const char *s, size_t n, size_t pos, struct pii *m)
{
	const char *p;
	size_t at, i, k;

	for (at = pos; at < n && (p = memchr(s + at, '@', n - at)); at++) {
		at = (size_t)(p - s);
		for (i = at; i > pos; i = k) {
			unsigned prop = uchar(uchar_before(s, i, &k));

			if (!local_char(prop, s[k]))
				break;
		}
		while (i < at && !(prop_at(s, n, i) & UC_WORD))
			i++;
		if (i == at || s[at - 1] == '.' || !(m->end = domain(s, n, at + 1)))
			continue;
		m->start = m->local = i, m->at = at, m->domain_end = m->end;
		return 1;
	}
	return 0;
}

static int no_digit_after(const char *s, size_t n, size_t i)
{
	if (i < n && (s[i] == 'x' || s[i] == 'X'))
		return ascii_digit(s, n, i + 1); /* an extension */
	if (prop_at(s, n, i) & UC_WORD)
		return 0;
	return !(separator(s, n, i) && s[i] != ' ' && ascii_digit(s, n, i + 1));
}

static size_t ascii_digits(const char *s, size_t n, size_t i, size_t k)
{
	for (size_t j = 0; j < k; j++)
		if (!ascii_digit(s, n, i + j))
			return 0;
	return i + k;
}

/* A number of the North American plan whose run of digits starts at i; *start is moved to what
 * belongs to it before. */
static size_t phone(const char *s, size_t n, size_t i, size_t *start)
{
	size_t j = i, area, seps = 0;
	int paren;

	*start = i;
	if (s[i] == '1' && ((i && s[i - 1] == '+') || !ascii_digit(s, n, i + 1))) {
		*start = i - (i && s[i - 1] == '+'); /* country code */
		for (j = i + 1; separator(s, n, j) && j < i + 3;)
			j++;
		paren = j < n && s[j] == '(';
		j += (size_t)paren;
	} else {
		paren = i && s[i - 1] == '(';
		*start = i - (size_t)paren;
	}
	area = j;
	if (!(j = ascii_digits(s, n, j, 3)) || (paren && (j >= n || s[j] != ')')))
		return 0;
	j += (size_t)paren;
	while (seps < 3 && separator(s, n, j))
		j++, seps++;
	if (!seps && !paren &&
	    (s[area] < '2' || s[j] < '2')) /* a bare number must be a real one */
		return 0;
	if (!(j = ascii_digits(s, n, j, 3)))
		return 0;
	j += (size_t)separator(s, n, j);
	if (!(j = ascii_digits(s, n, j, 4)) || !no_digit_after(s, n, j))
		return 0;
	return j;
}

/* What stands before may not make it part of a longer number, word or address. */
static int free_before(const char *s, size_t start)
{
	if (!start)
		return 1;
	if (prop_before(s, start) & UC_WORD)
		return 0;
	if (s[start - 1] != '.' && s[start - 1] != '-')
		return 1;
	return !(prop_before(s, start - 1) & UC_WORD);
}

int pii_phone(const char *s, size_t n, size_t pos, struct pii *m)
{
	for (size_t i = pos; i < n; i++) {
		if ((unsigned char)(s[i] - '0') > 9 || (i > pos && ascii_digit(s, n, i - 1)))
			continue;
		m->end = phone(s, n, i, &m->start);
		if (m->end && m->start >= pos && free_before(s, m->start) &&
		    (!m->start || !strchr("#=/+", s[m->start - 1]) || !s[m->start - 1]))
			return 1;
	}
	return 0;
}

int pii_ip(const char *s, size_t n, size_t pos, struct pii *m)
{
	const char *p;
	size_t dot, i, k;

	for (dot = pos; dot < n && (p = memchr(s + dot, '.', n - dot)); dot++) {
		dot = (size_t)(p - s);
		for (k = 0; k < 4 && dot - k > pos && ascii_digit(s, n, dot - k - 1);)
			k++;
		if (!k || k > 3 || !octet(s, dot - k, k) || !free_before(s, dot - k))
			continue;
		m->start = dot - k;
		if (!(i = octet_dot(s, n, dot + 1)) || !(i = octet_dot(s, n, i)))
			continue;
		k = digit_run(s, n, i);
		if (!k || k > 3 || !octet(s, i, k) || (prop_at(s, n, i + k) & UC_WORD) ||
		    (i + k < n && s[i + k] == '.' && ascii_digit(s, n, i + k + 1)))
			continue;
		m->end = i + k;
		return 1;
	}
	return 0;
}
