#include "doc/mime.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "doc/charset.h"

size_t mime_body(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		const char *nl = memchr(s + i, '\n', n - i);
		size_t len = nl ? (size_t)(nl - s) - i : n - i;

		if (!len || (len == 1 && s[i] == '\r'))
			return nl ? i + len + 1 : n;
		i += len + 1;
	}
	return n;
}

int mime_header(const char *s, size_t n, const char *name, struct buf *out)
{
	size_t k = strlen(name), i = 0;
	int inside = 0, found = 0;

	out->len = 0;
	while (i < n) {
		const char *nl = memchr(s + i, '\n', n - i);
		size_t len = nl ? (size_t)(nl - s) - i : n - i, step = len + 1;
		const char *line = s + i;

		while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (!len)
			break;
		i += step;
		if (inside && (*line == ' ' || *line == '\t')) {
			while (len && (*line == ' ' || *line == '\t'))
				line++, len--;
			buf_chr(out, ' ');
			buf_add(out, line, len);
			continue;
		}
		if (found)
			break;
		inside = len > k && line[k] == ':' && !strncasecmp(line, name, k);
		if (!inside)
			continue;
		found = 1;
		line += k + 1, len -= k + 1;
		while (len && (*line == ' ' || *line == '\t'))
			line++, len--;
		buf_add(out, line, len);
	}
	buf_cstr(out);
	return found;
}

int mime_param(const char *value, size_t n, const char *name, struct buf *out)
{
	size_t k = strlen(name);
	const char *end = value + n, *s = memchr(value, ';', n);

	out->len = 0;
	while (s && s < end) {
		const char *e;

		for (s++; s < end && (*s == ' ' || *s == '\t');)
			s++;
		if ((size_t)(end - s) > k && !strncasecmp(s, name, k) && s[k] == '=') {
			s += k + 1;
			e = s;
			if (s < end && *s == '"') {
				s++;
				e = memchr(s, '"', (size_t)(end - s));
				e = e ? e : end;
			} else {
				while (e < end && *e != ';' && *e != ' ')
					e++;
			}
			buf_add(out, s, (size_t)(e - s));
			buf_cstr(out);
			return 1;
		}
		s = memchr(s, ';', (size_t)(end - s));
	}
	return 0;
}

static int digit64(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'             ? 62
	       : c == '/'             ? 63
				      : -1;
}

void mime_base64(const char *s, size_t n, struct buf *out)
{
	unsigned long v = 0;
	int bits = 0;

	for (size_t i = 0; i < n && s[i] != '='; i++) {
		int d = digit64(s[i]);

		if (d < 0)
			continue;
		v = (v << 6 | (unsigned long)d) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_chr(out, (char)(v >> bits & 255));
		}
	}
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

void mime_qp(const char *s, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '=') {
			buf_chr(out, s[i]);
		} else if (i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			buf_chr(out, (char)(hex(s[i + 1]) << 4 | hex(s[i + 2])));
			i += 2;
		} else { /* a soft line break, perhaps with blanks before it */
			size_t k = i + 1;

			while (k < n && (s[k] == ' ' || s[k] == '\t' || s[k] == '\r'))
				k++;
			if (k < n && s[k] == '\n')
				i = k;
			else
				buf_chr(out, '=');
		}
	}
}

/* One encoded word at s; returns its length, 0 when it is none. */
static size_t encoded_word(const char *s, size_t n, struct buf *out)
{
	const char *end = s + n, *c, *t, *e;
	struct buf raw = {0};
	char name[64];
	size_t k;
	uint64_t bad = 0;

	if (n < 8 || s[0] != '=' || s[1] != '?')
		return 0;
	c = memchr(s + 2, '?', n - 2);
	if (!c || end - c < 4 || c[2] != '?' || c - s - 2 > 63)
		return 0;
	t = c + 3;
	for (e = t; e + 1 < end && !(e[0] == '?' && e[1] == '='); e++)
		if (*e == ' ' || *e == '\n')
			return 0;
	if (e + 1 >= end)
		return 0;
	for (k = 0; s + 2 + k < c && s[2 + k] != '*'; k++)
		name[k] = s[2 + k];
	name[k] = 0;
	if ((c[1] | 32) == 'b') {
		mime_base64(t, (size_t)(e - t), &raw);
	} else {
		mime_qp(t, (size_t)(e - t), &raw);
		for (size_t i = 0; i < raw.len; i++)
			if (raw.p[i] == '_')
				raw.p[i] = ' ';
	}
	if (charset_decode(name, raw.p ? raw.p : "", raw.len, out, &bad) < 0)
		charset_repair(raw.p ? raw.p : "", raw.len, out);
	buf_release(&raw);
	return (size_t)(e + 2 - s);
}

void mime_words(const char *s, size_t n, struct buf *out)
{
	struct buf plain = {0};
	int after = 0; /* blanks between two encoded words are not text */

	for (size_t i = 0; i < n;) {
		size_t k = s[i] == '=' && i + 1 < n && s[i + 1] == '?' ? 1 : 0;

		if (k) {
			struct buf w = {0};

			k = encoded_word(s + i, n - i, &w);
			if (k) {
				int blank = 1;

				for (size_t j = 0; j < plain.len; j++)
					blank &= plain.p[j] == ' ' || plain.p[j] == '\t';
				if (!after || !blank)
					charset_repair(plain.p ? plain.p : "", plain.len, out);
				plain.len = 0;
				buf_add(out, w.p, w.len);
				after = 1;
			}
			buf_release(&w);
			i += k;
		}
		if (!k)
			buf_chr(&plain, s[i++]);
	}
	charset_repair(plain.p ? plain.p : "", plain.len, out);
	buf_release(&plain);
}

/* Days from 1970-01-01 (proleptic Gregorian). */
static long days(long y, long m, long d)
{
	y -= m <= 2;
	m += m > 2 ? -3 : 9;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

void mime_date(const char *s, char out[32])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *comma = strchr(s, ',');
	char mon[4] = "", zone[8] = "";
	int d, y, hh, mm, ss = 0, off = 0, n;
	const char *m;
	time_t t;
	struct tm tm;

	out[0] = 0;
	s = comma ? comma + 1 : s;
	n = sscanf(s, " %2d %3s %4d %2d:%2d:%2d %7s", &d, mon, &y, &hh, &mm, &ss, zone);
	if (n < 5)
		return;
	if (n == 5)
		sscanf(s, " %*d %*s %*d %*d:%*d %7s", zone);
	m = strlen(mon) == 3 ? strstr(months, mon) : NULL;
	if (!m || (m - months) % 3 || d < 1 || d > 31 || y < 0 || hh > 23 || mm > 59 || ss > 60 ||
	    hh < 0 || mm < 0 || ss < 0)
		return;
	y += y < 50 ? 2000 : y < 100 ? 1900 : 0;
	if ((zone[0] == '+' || zone[0] == '-') && strlen(zone) == 5) {
		int z = atoi(zone + 1);

		off = (z / 100 * 60 + z % 100) * (zone[0] == '-' ? -60 : 60);
	}
	t = (time_t)(days(y, (m - months) / 3 + 1, d) * 86400 + hh * 3600 + mm * 60 + ss - off);
	if (gmtime_r(&t, &tm))
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
