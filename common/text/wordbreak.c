/* Each call starts at a boundary, so that within a piece all state runs forward: prev and before
 * are the last two classes without what WB4 attaches, and the only look ahead is one class past
 * attached marks (WB6, WB7b, WB12). */
#include "text/wordbreak.h"

#include "base/utf8.h"
#include "text/uchar.h"

/* Unicode 16.0 made the prepended concatenation marks numbers or letters (they were Format), and
 * took two presentation forms out of MidNum. */
static unsigned class16(uint32_t cp, unsigned class)
{
	switch (cp) {
	case 0x600:
	case 0x601:
	case 0x602:
	case 0x603:
	case 0x604:
	case 0x605:
	case 0x6dd:
	case 0x890:
	case 0x891:
	case 0x8e2:
	case 0x19da:
	case 0x110bd:
	case 0x110cd:
		return WB_NUMERIC;
	case 0x70f:
		return WB_ALETTER;
	case 0xfe10:
	case 0xfe14:
		return WB_OTHER;
	}
	return class;
}

struct at {
	unsigned class, pict;
	int len;
};

static inline struct at look(const char *s, size_t i, int v16)
{
	struct at a;
	uint32_t cp = utf8_next(s + i, &a.len);
	unsigned p = uchar(cp);

	a.class = p & UC_WB;
	a.pict = p & UC_PICT;
	if (v16)
		a.class = class16(cp, a.class);
	return a;
}

static int attaches(unsigned c)
{
	return c == WB_EXTEND || c == WB_FORMAT || c == WB_ZWJ;
}

static int letter(unsigned c)
{
	return c == WB_ALETTER || c == WB_HEBREW;
}

static int newline(unsigned c)
{
	return c == WB_CR || c == WB_LF || c == WB_NEWLINE;
}

static int mid_letter(unsigned c)
{
	return c == WB_MIDLETTER || c == WB_MIDNUMLET || c == WB_SINGLEQ;
}

static int mid_number(unsigned c)
{
	return c == WB_MIDNUM || c == WB_MIDNUMLET || c == WB_SINGLEQ;
}

/* Class of the first character at or after i that WB4 does not attach; WB_OTHER at the end. */
static unsigned after(const char *s, size_t n, size_t i, int v16)
{
	while (i < n) {
		struct at a = look(s, i, v16);

		if (!attaches(a.class))
			return a.class;
		i += (size_t)a.len;
	}
	return WB_OTHER;
}

/* WB5 to WB16: no boundary between prev and cur.  i is where cur ends, regional counts the regional
 * indicators up to prev. */
static int joined(unsigned before, unsigned prev, unsigned cur, const char *s, size_t n, size_t i,
    int regional, int v16)
{
	switch (cur) {
	case WB_ALETTER:
	case WB_HEBREW:
		return letter(prev) || prev == WB_NUMERIC || prev == WB_EXTENDNUMLET ||
		       (mid_letter(prev) && letter(before)) ||
		       (prev == WB_DOUBLEQ && before == WB_HEBREW && cur == WB_HEBREW);
	case WB_NUMERIC:
		return letter(prev) || prev == WB_NUMERIC || prev == WB_EXTENDNUMLET ||
		       (mid_number(prev) && before == WB_NUMERIC);
	case WB_KATAKANA:
		return prev == WB_KATAKANA || prev == WB_EXTENDNUMLET;
	case WB_EXTENDNUMLET:
		return letter(prev) || prev == WB_NUMERIC || prev == WB_KATAKANA ||
		       prev == WB_EXTENDNUMLET;
	case WB_REGIONAL:
		return prev == WB_REGIONAL && (regional & 1);
	case WB_DOUBLEQ:
		return prev == WB_HEBREW && after(s, n, i, v16) == WB_HEBREW;
	}
	if (cur == WB_SINGLEQ && prev == WB_HEBREW)
		return 1;
	if (mid_letter(cur) && letter(prev) && letter(after(s, n, i, v16)))
		return 1;
	return mid_number(cur) && prev == WB_NUMERIC && after(s, n, i, v16) == WB_NUMERIC;
}

static size_t next(const char *s, size_t n, size_t pos, int v16)
{
	unsigned before = WB_OTHER, prev, last;
	int regional;
	struct at a;

	if (pos >= n)
		return n;
	a = look(s, pos, v16);
	pos += (size_t)a.len;
	prev = last = a.class;
	regional = prev == WB_REGIONAL;
	while (pos < n) {
		a = look(s, pos, v16);
		if (last == WB_CR && a.class == WB_LF) { /* WB3 */
			pos += (size_t)a.len;
			break;
		}
		if (newline(last) || newline(a.class)) /* WB3a, WB3b */
			break;
		if (attaches(a.class)) /* WB4 */
			goto take;
		if (!(last == WB_ZWJ && a.pict) &&                /* WB3c */
		    !(last == WB_SPACE && a.class == WB_SPACE) && /* WB3d */
		    !joined(before, prev, a.class, s, n, pos + (size_t)a.len, regional, v16))
			break;
		before = prev, prev = a.class;
		regional += prev == WB_REGIONAL;
	take:
		last = a.class;
		pos += (size_t)a.len;
	}
	return pos;
}

size_t wordbreak_next(const char *s, size_t n, size_t pos)
{
	return next(s, n, pos, 0);
}

size_t wordbreak16_next(const char *s, size_t n, size_t pos)
{
	return next(s, n, pos, 1);
}
