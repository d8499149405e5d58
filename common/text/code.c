/* Source code: two of Dolma's taggers/code (1.2.1). */
#include <string.h>

#include "base/utf8.h"
#include "text/taggers.h"
#include "text/uchar.h"

/* --- code_redpajama_taggers_v1 ------------------------------------------------------------ */

static const char *const types_redpajama[] = {
    "max_line_length_doc", "avg_line_length_doc", "alnum_prop_doc", "alpha_token_prop_doc", NULL};

/* A character at which str.splitlines() ends a line. */
static int ends_line(uint32_t cp)
{
	return (cp >= 0x0a && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 ||
	       cp == 0x2028 || cp == 0x2029;
}

struct lengths {
	uint64_t lines, sum, max;
};

static void add_line(struct lengths *l, uint64_t len)
{
	l->lines++;
	l->sum += len;
	if (len > l->max)
		l->max = len;
}

static void run_redpajama(struct tagrun *r)
{
	const char *s = r->seg->text;
	size_t n = r->seg->len;
	uint64_t alnum = 0, alpha = 0, line = 0;
	struct lengths l = {0};
	int len, open = 0;

	for (size_t i = 0; i < n; i += (size_t)len) {
		uint32_t cp = utf8_next(s + i, &len);
		unsigned p = uchar(cp);

		alnum += (p & UC_ALNUM) != 0;
		alpha += (p & UC_ALPHA) != 0;
		line++, open = 1;
		if (!ends_line(cp))
			continue;
		if (cp == '\r' && i + 1 < n && s[i + 1] == '\n')
			len = 2;
		add_line(&l, line - 1);
		line = 0, open = 0;
	}
	if (open)
		add_line(&l, line);
	tag_doc(r, 0, (double)l.max);
	tag_doc(r, 1, l.lines ? (double)l.sum / (double)l.lines : 0);
	tag_doc(r, 2, n ? (double)alnum / (double)r->seg->n_cp : 0);
	tag_doc(r, 3, (double)alpha / (double)ws_tokens(s, n));
}
const struct tagger tagger_code_redpajama_taggers_v1 = {
    "code_redpajama_taggers_v1", "doc", types_redpajama, "Dolma 1.2.1", run_redpajama};

/* --- code_copyright_comments_v1 ----------------------------------------------------------- */

enum { NOTICE, BLOCK, DOC };

static const char *const types_copyright[] = {"copyright_notice", "comment_block", "doc", NULL};

/* re.search("copyright", s, re.IGNORECASE) */
static int says_copyright(const char *s, size_t n)
{
	static const char word[] = "copyright";
	int len;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0, j = i;

		while (word[k] && j < n &&
		       uchar_ignorecase(utf8_next(s + j, &len)) == (unsigned char)word[k])
			k++, j += (size_t)len;
		if (!word[k])
			return 1;
		while (i + 1 < n && ((unsigned char)s[i + 1] & 0xc0) == 0x80)
			i++;
	}
	return 0;
}

static int is_comment(const char *p, size_t n)
{
	return n && (*p == '#' || (n > 1 && (!memcmp(p, "//", 2) || !memcmp(p, "--", 2))));
}

/* Code points of the comments and empty lines at the start, without the newlines after comments
 * (they are not counted, but an empty line counts as one). */
static uint64_t leading_comments(struct segment *g)
{
	const struct lines *l = segment_lines(g);
	uint64_t end = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].len && !is_comment(g->text + l->v[i].off, l->v[i].len))
			break;
		end += l->v[i].len ? l->v[i].n_cp : 1;
	}
	return end;
}

static void run_copyright(struct tagrun *r)
{
	struct segment *g = r->seg;
	const char *open = text_find(g->text, g->len, "/*", 2), *close = NULL;
	uint64_t start = 0, end = 0;

	if (open)
		close = text_find(open + 2, g->len - (size_t)(open + 2 - g->text), "*/", 2);
	if (close) {
		close += 2;
		if (says_copyright(open, (size_t)(close - open))) {
			start = utf8_count(g->text, (size_t)(open - g->text));
			end = start + utf8_count(open, (size_t)(close - open));
			tag(r, NOTICE, start, end, 1);
		}
	} else {
		end = leading_comments(g);
		if (end)
			tag(r, BLOCK, 0, end, 1);
	}
	if (!end)
		tag_doc(r, DOC, 0);
	else
		tag_doc(r, DOC, g->n_cp ? (double)(end - start + 1) / (double)g->n_cp : -1);
}
const struct tagger tagger_code_copyright_comments_v1 = {
    "code_copyright_comments_v1", "span,doc", types_copyright, "Dolma 1.2.1", run_copyright};
