#include "doc/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

uint64_t charset_repair(const char *s, size_t n, struct buf *out)
{
	uint64_t bad = 0;
	size_t at;

	while (n && !utf8_valid(s, n, &at)) {
		size_t skip = utf8_bad_len(s + at, n - at);

		buf_add(out, s, at);
		buf_str(out, "\xef\xbf\xbd");
		s += at + skip, n -= at + skip;
		bad++;
	}
	buf_add(out, s, n);
	return bad;
}

/* What the web means by a name: the encoding that browsers use for it. */
static const char *const meant[][2] = {{"utf8", "utf-8"}, {"unicode-1-1-utf-8", "utf-8"},
    {"iso-8859-1", "windows-1252"}, {"latin1", "windows-1252"}, {"latin-1", "windows-1252"},
    {"l1", "windows-1252"}, {"iso8859-1", "windows-1252"}, {"iso88591", "windows-1252"},
    {"iso_8859-1", "windows-1252"}, {"us-ascii", "windows-1252"}, {"ascii", "windows-1252"},
    {"ansi_x3.4-1968", "windows-1252"}, {"cp1252", "windows-1252"}, {"x-cp1252", "windows-1252"},
    {"gb2312", "gb18030"}, {"gbk", "gb18030"}, {"x-gbk", "gb18030"}, {"gb_2312-80", "gb18030"},
    {"shift_jis", "cp932"}, {"shift-jis", "cp932"}, {"sjis", "cp932"}, {"x-sjis", "cp932"},
    {"windows-31j", "cp932"}, {"euc-kr", "cp949"}, {"ks_c_5601-1987", "cp949"},
    {"korean", "cp949"}, {"big5", "big5-hkscs"}, {"x-x-big5", "big5-hkscs"},
    {"iso-8859-9", "cp1254"}, {"latin5", "cp1254"}, {"tis-620", "cp874"}, {"windows-874", "cp874"},
    {"iso-8859-11", "cp874"}, {"iso-8859-8-i", "iso-8859-8"}, {"utf-16", "utf-16le"},
    {"unicode", "utf-16le"}, {"x-mac-roman", "macintosh"}, {"x-euc-jp", "euc-jp"},
    {"8bit", "utf-8"}, {"binary", "utf-8"}, {"unknown-8bit", "utf-8"}};

static const char *meaning(const char *name)
{
	for (size_t i = 0; i < sizeof(meant) / sizeof(*meant); i++)
		if (!strcasecmp(name, meant[i][0]))
			return meant[i][1];
	return name;
}

/* windows-1252, 0x80 to 0x9f; 0: undefined. */
static const uint16_t cp1252[32] = {0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d,
    0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178};

static uint64_t decode_1252(const char *s, size_t n, struct buf *out)
{
	uint64_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		uint32_t u = c >= 0x80 && c < 0xa0 ? cp1252[c - 0x80] : c;

		if (c && !u)
			bad++, u = 0xfffd;
		buf_need(out, 4);
		out->len += (size_t)utf8_put(out->p + out->len, u);
	}
	return bad;
}

static iconv_t open_iconv(const char *name)
{
	/* glibc's options behind // would change what it does with errors. */
	if (strchr(name, '/') || !*name)
		return (iconv_t)-1;
	return iconv_open("UTF-8", name);
}

static uint64_t decode_iconv(iconv_t cd, const char *s, size_t n, struct buf *out)
{
	uint64_t bad = 0;
	char *in = (char *)(uintptr_t)s;

	while (n) {
		char *o;
		size_t room;

		buf_need(out, 4 * (n < 65536 ? n : 65536) + 64);
		o = out->p + out->len;
		room = out->cap - out->len;
		errno = 0;
		if (iconv(cd, &in, &n, &o, &room) == (size_t)-1 && errno != E2BIG) {
			memcpy(o, "\xef\xbf\xbd", room >= 3 ? 3 : 0);
			o += room >= 3 ? 3 : 0;
			bad++;
			in++, n--;
			iconv(cd, NULL, NULL, NULL, NULL);
		}
		out->len = (size_t)(o - out->p);
	}
	return bad;
}

int charset_known(const char *name)
{
	const char *m = meaning(name);
	iconv_t cd;

	if (!strcasecmp(m, "utf-8") || !strcasecmp(m, "windows-1252"))
		return 1;
	cd = open_iconv(m);
	if (cd == (iconv_t)-1)
		return 0;
	iconv_close(cd);
	return 1;
}

int charset_decode(const char *name, const char *s, size_t n, struct buf *out, uint64_t *bad)
{
	const char *m = meaning(name);
	size_t start = out->len;
	struct buf tmp = {0};
	iconv_t cd;

	if (!strcasecmp(m, "utf-8"))
		return *bad += charset_repair(s, n, out), 0;
	if (!strcasecmp(m, "windows-1252"))
		return *bad += decode_1252(s, n, out), 0;
	cd = open_iconv(m);
	if (cd == (iconv_t)-1)
		return -1;
	*bad += decode_iconv(cd, s, n, out);
	iconv_close(cd);
	/* iconv lets a few things through that are not scalar values. */
	if (!utf8_valid(out->p ? out->p + start : "", out->len - start, &(size_t){0})) {
		buf_add(&tmp, out->p + start, out->len - start);
		out->len = start;
		*bad += charset_repair(tmp.p, tmp.len, out);
		buf_release(&tmp);
	}
	return 0;
}

/* A name behind `key` (charset=, coding:) in the first bytes; 1 found. */
static int named(const char *key, const char *s, size_t n, char name[64])
{
	size_t k = strlen(key), len = 0;

	for (size_t i = 0; i + k < n; i++) {
		if ((s[i] | 32) != key[0] || strncasecmp(s + i, key, k))
			continue;
		i += k;
		while (i < n && (s[i] == ' ' || s[i] == '"' || s[i] == '\'' || s[i] == '='))
			i++;
		while (i < n && len < 63 && (unsigned char)s[i] > ' ' && !strchr("\"'>/;<", s[i]))
			name[len++] = s[i++];
		name[len] = 0;
		return len > 0;
	}
	return 0;
}

void charset_sniff(const char *outer, const char *s, size_t n, char name[64], size_t *skip)
{
	size_t head = n < 1024 ? n : 1024, at;

	*skip = 0;
	if (n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3)) {
		*skip = 3;
		strcpy(name, "utf-8");
	} else if (n >= 2 && (!memcmp(s, "\xff\xfe", 2) || !memcmp(s, "\xfe\xff", 2))) {
		*skip = 2;
		strcpy(name, s[0] == '\xff' ? "utf-16le" : "utf-16be");
	} else if (outer && *outer && strlen(outer) < 64 && charset_known(outer)) {
		strcpy(name, outer);
	} else if ((named("charset", s, head, name) || named("encoding=", s, head, name) ||
		       named("coding:", s, head, name)) &&
		   charset_known(name)) {
		/* A page that can say so in ASCII bytes is not in UTF-16. */
		if (!strncasecmp(name, "utf-16", 6))
			strcpy(name, "utf-8");
	} else {
		strcpy(name, utf8_valid(s, n, &at) ? "utf-8" : "windows-1252");
	}
}
