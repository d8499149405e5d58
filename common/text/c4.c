/* C4's rules (Raffel et al. 2020, arXiv 1910.10683, 2.2): as Dolma's taggers/c4.py (1.2.1) has
 * them, and as the original C4 code means them (tagger "c4").
 *
 * What "c4" does otherwise stands in DEVIATIONS.md. */
#include <string.h>

#include "base/utf8.h"
#include "text/naughty.h"
#include "text/taggers.h"
#include "text/uchar.h"

enum { NO_PUNCT, FEW_WORDS, NAUGHTY, JAVASCRIPT, LOREM, CURLY, LINES };

static const char *const types[] = {"lines_with_no_ending_punctuation", "lines_with_too_few_words",
    "has_naughty_word", "has_javascript", "has_lorem_ipsum", "has_curly_brace", "line_count",
    NULL};

enum { MIN_WORDS = 3 };

static int contains(const char *s, size_t n, const char *what)
{
	return text_find(s, n, what, strlen(what)) != NULL;
}

static const struct naughty *words_of(struct tagrun *r)
{
	return r->w->naughty ? r->w->naughty : naughty_builtin();
}

static unsigned space_at(const char *s, size_t i, int *len)
{
	if ((unsigned char)s[i] < 0x80)
		return *len = 1, uchar((unsigned char)s[i]) & UC_SPACE;
	return uchar(utf8_next(s + i, len)) & UC_SPACE;
}

/* Fewer than MIN_WORDS words of str.split(). */
static int too_few_words(const char *s, size_t n)
{
	int words = 0, inside = 0, len;

	for (size_t i = 0; i < n && words < MIN_WORDS; i += (size_t)len) {
		int space = space_at(s, i, &len) != 0;

		words += !space && !inside;
		inside = !space;
	}
	return words < MIN_WORDS;
}

/* Offset where the white space at the end begins. */
static size_t stripped_end(const char *s, size_t n)
{
	size_t k;

	while (n && (uchar(uchar_before(s, n, &k)) & UC_SPACE))
		n = k;
	return n;
}

/* line.strip() ends with . ? ! or " */
static int ends_sentence(const char *s, size_t n)
{
	n = stripped_end(s, n);
	return n && strchr(".?!\"", s[n - 1]) != NULL && s[n - 1];
}

/* A word of str.split() equals javascript. */
static int javascript_word(const char *low, size_t n)
{
	static const char js[] = "javascript";
	const char *p = low, *end = low + n;
	size_t k;
	int len;

	while ((p = text_find(p, (size_t)(end - p), js, sizeof(js) - 1))) {
		const char *after = p + sizeof(js) - 1;

		if ((p == low || (uchar(uchar_before(low, (size_t)(p - low), &k)) & UC_SPACE)) &&
		    (after == end || (uchar(utf8_next(after, &len)) & UC_SPACE)))
			return 1;
		p++;
	}
	return 0;
}

static void run_v1(struct tagrun *r)
{
	const struct segment *g = r->seg;
	const struct lines *l = segment_lines(r->seg);
	const struct buf *low = segment_lower(r->seg);

	for (size_t i = 0; i < l->n; i++)
		if (!ends_sentence(g->text + l->v[i].off, l->v[i].len))
			tag(r, NO_PUNCT, l->v[i].cp, l->v[i].end_cp, 1);
	for (size_t i = 0; i < l->n; i++)
		if (too_few_words(g->text + l->v[i].off, l->v[i].len))
			tag(r, FEW_WORDS, l->v[i].cp, l->v[i].end_cp, 1);
	if (naughty_token(words_of(r), low->p, low->len))
		tag_doc(r, NAUGHTY, 1);
	if (javascript_word(low->p, low->len))
		tag_doc(r, JAVASCRIPT, 1);
	if (contains(low->p, low->len, "lorem ipsum"))
		tag_doc(r, LOREM, 1);
	if (memchr(g->text, '{', g->len))
		tag_doc(r, CURLY, 1);
	tag_doc(r, LINES, (double)l->n);
}
const struct tagger tagger_c4_v1 = {"c4_v1", "line,doc", types, "Dolma 1.2.1", run_v1};

/* How many code points longer s.lower() is than s: one for each U+0130. */
static uint64_t lower_grows(const char *s, size_t n)
{
	static const char idot[] = "\xc4\xb0";
	const char *p = s, *end = s + n;
	uint64_t k = 0;

	while ((p = text_find(p, (size_t)(end - p), idot, 2)))
		k++, p += 2;
	return k;
}

/* Spans of lines are offsets into the lower-cased text, which U+0130 makes longer. */
static void run_v2(struct tagrun *r)
{
	const struct segment *g = r->seg;
	const struct lines *l = segment_lines(r->seg);
	const struct buf *low = segment_lower(r->seg);
	int grows = lower_grows(g->text, g->len) > 0;
	uint64_t start = 0, end;

	if (memchr(g->text, '{', g->len))
		tag_doc(r, CURLY, 1);
	if (contains(low->p, low->len, "lorem ipsum"))
		tag_doc(r, LOREM, 1);
	if (contains(low->p, low->len, "javascript"))
		tag_doc(r, JAVASCRIPT, 1);
	if (naughty_token(words_of(r), low->p, low->len))
		tag_doc(r, NAUGHTY, 1);
	for (size_t i = 0; i < l->n; i++, start = end) {
		const struct line *x = &l->v[i];

		end = start + x->n_cp + x->newline;
		if (grows)
			end += lower_grows(g->text + x->off, x->len);
		if (!ends_sentence(g->text + x->off, x->len))
			tag(r, NO_PUNCT, start, end, 1);
		if (too_few_words(g->text + x->off, x->len))
			tag(r, FEW_WORDS, start, end, 1);
	}
	tag_doc(r, LINES, (double)l->n);
}
const struct tagger tagger_c4_v2 = {"c4_v2", "line,doc", types, "Dolma 1.2.1", run_v2};

/* --- C4 as meant -------------------------------------------------------------------------- */

/* Marks that may follow the end of a sentence: quotation marks, brackets, emphasis. */
static int closing(uint32_t cp)
{
	static const uint32_t marks[] = {'\'', ')', ']', '*', '_', 0xbb, 0x2019, 0x201d, 0x203a,
	    0x300d, 0x300f, 0x3011, 0xff09};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (marks[i] == cp)
			return 1;
	return 0;
}

/* The line ends with the end of a sentence in any script (Sentence_Terminal), or with '"'; closing
 * marks may follow.  An ellipsis ends none. */
static int ends_any_sentence(const char *s, size_t n)
{
	uint32_t cp = 0;
	size_t k = 0;

	n = stripped_end(s, n);
	for (; n; n = k) {
		cp = uchar_before(s, n, &k);
		if (cp == '"' || !closing(cp))
			break;
	}
	if (!n || cp == '"')
		return n > 0;
	if (n >= 3 && !memcmp(s + n - 3, "...", 3))
		return 0;
	return (uchar(cp) & UC_STERM) != 0;
}

static void run_c4(struct tagrun *r)
{
	const struct segment *g = r->seg;
	const struct lines *l = segment_lines(r->seg);
	const struct buf *low = segment_lower(r->seg);
	uint64_t count = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];

		if (x->blank)
			continue;
		count++;
		if (!ends_any_sentence(g->text + x->off, x->len))
			tag(r, NO_PUNCT, x->cp, x->end_cp, 1);
		if (too_few_words(g->text + x->off, x->len))
			tag(r, FEW_WORDS, x->cp, x->end_cp, 1);
	}
	if (naughty_word(words_of(r), low->p, low->len))
		tag_doc(r, NAUGHTY, 1);
	if (contains(low->p, low->len, "javascript"))
		tag_doc(r, JAVASCRIPT, 1);
	if (contains(low->p, low->len, "lorem ipsum"))
		tag_doc(r, LOREM, 1);
	if (memchr(g->text, '{', g->len))
		tag_doc(r, CURLY, 1);
	tag_doc(r, LINES, (double)count);
}
const struct tagger tagger_c4 = {"c4", "line,doc", types, "C4, arXiv 1910.10683", run_c4};
