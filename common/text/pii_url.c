#include "text/pii_url.h"

#include <string.h>

#include "base/utf8.h"
#include "text/uchar.h"

/* Bytes of a character of [^\s()<>], 0 when something else or the end is there. */
static size_t plain(const char *s, size_t n, size_t i)
{
	int len;

	if (i >= n || s[i] == '(' || s[i] == ')' || s[i] == '<' || s[i] == '>')
		return 0;
	return uchar(utf8_next(s + i, &len)) & UC_SPACE ? 0 : (size_t)len;
}

/* End of PAREN at i, or 0. */
static size_t paren(const char *s, size_t n, size_t i)
{
	int deep = 0;
	size_t k;

	if (i >= n || s[i] != '(')
		return 0;
	for (i++; i < n; i += k) {
		k = plain(s, n, i);
		if (k)
			continue;
		k = 1;
		if (s[i] == ')' && !deep)
			return i + 1;
		if (s[i] == '(' && !deep && plain(s, n, i + 1))
			deep = 1;
		else if (s[i] == ')')
			deep = 0;
		else
			return 0;
	}
	return 0;
}

/* A character the match may end with. */
static int last_char(const char *s, size_t n, size_t i)
{
	int len;
	uint32_t cp;

	if (!plain(s, n, i))
		return 0;
	cp = utf8_next(s + i, &len);
	if (cp < 128)
		return !strchr("`![]{};:'\".,?", (int)cp) || !cp;
	return cp != 0xab && cp != 0xbb && cp != 0x201c && cp != 0x201d && cp != 0x2018 &&
	       cp != 0x2019;
}

/* The part after the beginning of a URL matches at i. */
static int body(const char *s, size_t n, size_t i)
{
	int items = 0;
	size_t k;

	for (;; items++) {
		size_t p = paren(s, n, i);

		if (items && (p || last_char(s, n, i)))
			return 1;
		if (p)
			i = p;
		else if ((k = plain(s, n, i)))
			i += k;
		else
			return 0;
	}
}

/* The character at i, folded; 0 at the end. */
static uint32_t folded(const char *s, size_t n, size_t i, int *len)
{
	*len = 0;
	return i < n ? uchar_ignorecase(utf8_next(s + i, len)) : 0;
}

/* End of word (lower case) at i, or 0. */
static size_t starts(const char *s, size_t n, size_t i, const char *word)
{
	int len;

	for (; *word; word++, i += (size_t)len)
		if (folded(s, n, i, &len) != (unsigned char)*word)
			return 0;
	return i;
}

static int host_char(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* [a-z0-9.\-]+[.][a-z]{2,4}/ at i: its end, or 0. */
static size_t host(const char *s, size_t n, size_t i)
{
	size_t end = i, letters = 0, before_dot = 0, chars = 0;
	int len, dot = 0;
	uint32_t c;

	while (host_char(c = folded(s, n, end, &len))) {
		if (c == '.') {
			dot = 1, letters = 0, before_dot = chars;
		} else {
			letters += dot;
			if (c < 'a')
				dot = 0;
		}
		chars++;
		end += (size_t)len;
	}
	if (!dot || letters < 2 || letters > 4 || !before_dot || end >= n || s[end] != '/')
		return 0;
	return end + 1;
}

static size_t www(const char *s, size_t n, size_t i)
{
	int len;

	i = starts(s, n, i, "www");
	for (int k = 0; i && i < n && k < 3 && (uchar(utf8_next(s + i, &len)) & UC_DIGIT); k++)
		i += (size_t)len;
	return i && i < n && s[i] == '.' ? i + 1 : 0;
}

int dolma_url(const char *s, size_t n)
{
	const char *p, *end = s + n;

	for (p = s; (p = memchr(p, '\b', (size_t)(end - p)));) {
		size_t i = (size_t)(++p - s), k;

		if (((k = starts(s, n, i, "http://")) && body(s, n, k)) ||
		    ((k = starts(s, n, i, "https://")) && body(s, n, k)) ||
		    ((k = www(s, n, i)) && body(s, n, k)) ||
		    ((k = host(s, n, i)) && body(s, n, k)))
			return 1;
	}
	return 0;
}
