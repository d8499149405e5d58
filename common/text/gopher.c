/* Gopher's quality and repetition rules (Rae et al. 2021, arXiv 2112.11446, A1.1): as Dolma's
 * taggers/gopher.py (1.2.1) has them, and as the paper says (tagger "gopher").
 *
 * What "gopher" does otherwise stands in DEVIATIONS.md. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "text/ngram.h"
#include "text/taggers.h"
#include "text/uchar.h"

enum {
	TOP2,            /* fraction_of_characters_in_most_common_{2,3,4}grams */
	DUP5 = TOP2 + 3, /* fraction_of_characters_in_duplicate_{5..10}grams */
	CHARS = DUP5 + 6,
	WORDS,
	MEDIAN,
	SYMBOLS,
	ALPHA,
	REQUIRED,
	BULLETS,
	ELLIPSES,
	DUP_LINES,
	DUP_LINE_CHARS
};

static const char *const types[] = {"fraction_of_characters_in_most_common_2grams",
    "fraction_of_characters_in_most_common_3grams", "fraction_of_characters_in_most_common_4grams",
    "fraction_of_characters_in_duplicate_5grams", "fraction_of_characters_in_duplicate_6grams",
    "fraction_of_characters_in_duplicate_7grams", "fraction_of_characters_in_duplicate_8grams",
    "fraction_of_characters_in_duplicate_9grams", "fraction_of_characters_in_duplicate_10grams",
    "character_count", "word_count", "median_word_length", "symbol_to_word_ratio",
    "fraction_of_words_with_alpha_character", "required_word_count",
    "fraction_of_lines_starting_with_bullet_point", "fraction_of_lines_ending_with_ellipsis",
    "fraction_of_duplicate_lines", "fraction_of_characters_in_duplicate_lines", NULL};

static const char *const required[] = {"the", "be", "to", "of", "and", "that", "have", "with"};
enum { N_REQUIRED = sizeof(required) / sizeof(*required) };

static double ratio(uint64_t a, uint64_t b)
{
	return (double)a / (double)(b ? b : 1);
}

static struct gramtab *grams(struct tagrun *r)
{
	if (!r->w->grams)
		r->w->grams = gramtab_new();
	return r->w->grams;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Median of the words' lengths, the mean of the two in the middle; 0 without words.  Lengths up to
 * 255 are counted, the rest is sorted only when the middle is among it. */
static double median_length(const struct words *w)
{
	uint64_t count[256] = {0}, seen = 0, k[2] = {(w->n - 1) / 2, w->n / 2};
	uint32_t mid[2] = {0, 0}, *big = NULL;

	if (!w->n)
		return 0;
	for (size_t i = 0; i < w->n; i++)
		count[w->v[i].n_cp < 255 ? w->v[i].n_cp : 255]++;
	for (uint32_t len = 0; len < 255; len++) {
		for (int m = 0; m < 2; m++)
			if (k[m] >= seen && k[m] < seen + count[len])
				mid[m] = len;
		seen += count[len];
	}
	if (k[1] >= seen) {
		size_t n = 0;

		big = xreallocarray(NULL, count[255], sizeof(*big));
		for (size_t i = 0; i < w->n; i++)
			if (w->v[i].n_cp >= 255)
				big[n++] = w->v[i].n_cp;
		qsort(big, n, sizeof(*big), by_value);
		for (int m = 0; m < 2; m++)
			if (k[m] >= seen)
				mid[m] = big[k[m] - seen];
		free(big);
	}
	return ((double)mid[0] + mid[1]) / 2;
}

static int has_alpha(const char *s, size_t n)
{
	int len;

	for (size_t i = 0; i < n; i += (size_t)len)
		if (uchar(utf8_next(s + i, &len)) & UC_ALPHA)
			return 1;
	return 0;
}

#define ELLIPSIS "\xe2\x80\xa6"

static int has_ellipsis(const char *s, size_t n)
{
	for (size_t i = 0; i + 3 <= n; i++)
		if (s[i] == ELLIPSIS[0] && s[i + 1] == ELLIPSIS[1] && s[i + 2] == ELLIPSIS[2])
			return 1;
	return 0;
}

static int has_dots(const char *s, size_t n)
{
	for (size_t i = 0; i + 3 <= n; i++)
		if (s[i] == '.' && s[i + 1] == '.' && s[i + 2] == '.')
			return 1;
	return 0;
}

static int ends_with(const char *s, size_t n, const char *end)
{
	size_t k = strlen(end);

	return n >= k && !memcmp(s + n - k, end, k);
}

/* Index into required[], or -1. */
static int required_word(const char *s, size_t n)
{
	if (n >= 2 && n <= 4)
		for (int k = 0; k < N_REQUIRED; k++)
			if (strlen(required[k]) == n && !memcmp(required[k], s, n))
				return k;
	return -1;
}

/* --- equal lines -------------------------------------------------------------------------- */

struct piece {
	uint64_t hash;
	const char *p;
	uint32_t len, n_cp;
	uint32_t order; /* position in the text */
};

struct equal {
	uint64_t n, chars;         /* all pieces, and their code points */
	uint64_t dup, dup_chars;   /* pieces of which there are two or more */
	uint64_t copy, copy_chars; /* those of them that are not the first */
};

static int by_hash(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->len && memcmp(x->p, y->p, x->len))
		return memcmp(x->p, y->p, x->len);
	return (x->order > y->order) - (x->order < y->order);
}

static int same(const struct piece *x, const struct piece *y)
{
	return x->hash == y->hash && x->len == y->len && (!x->len || !memcmp(x->p, y->p, x->len));
}

/* Sorts v. */
static struct equal equal_lines(struct piece *v, size_t n)
{
	struct equal e = {.n = n};
	size_t j;

	for (size_t i = 0; i < n; i++)
		v[i].hash = hash64(v[i].p, v[i].len);
	qsort(v, n, sizeof(*v), by_hash);
	for (size_t i = 0; i < n; i = j) {
		for (j = i + 1; j < n && same(&v[i], &v[j]);)
			j++;
		e.chars += (j - i) * (uint64_t)v[i].n_cp;
		if (j - i == 1)
			continue;
		e.dup += j - i;
		e.dup_chars += (j - i) * (uint64_t)v[i].n_cp;
		e.copy += j - i - 1;
		e.copy_chars += (j - i - 1) * (uint64_t)v[i].n_cp;
	}
	return e;
}

static struct piece *pieces(struct tagwork *w, size_t n)
{
	if (w->scratch_cap < n * sizeof(struct piece)) {
		w->scratch_cap = 2 * n * sizeof(struct piece);
		free(w->scratch);
		w->scratch = xmalloc(w->scratch_cap);
	}
	return w->scratch;
}

/* --- Dolma's ------------------------------------------------------------------------------ */

static void dolma_grams(struct tagrun *r, const struct words *w)
{
	struct gramtab *g = grams(r);
	double dup[11];
	int n;

	gramtab_words(g, r->seg->text, w);
	for (n = 2; n <= 10; n++) {
		uint64_t all = 0, more = 0;

		gramtab_next(g);
		if (!g->n_grams)
			break;
		if (n <= 4) {
			size_t top = gramtab_top(g);

			tag_doc(r, TOP2 + n - 2,
			    ratio(gramtab_count(g, top) * gramtab_chars(g, top), w->n_cp));
			continue;
		}
		for (size_t i = 0; i < g->n_grams; i++) {
			all += gramtab_chars(g, i);
			if (gramtab_count(g, i) > 1)
				more += gramtab_chars(g, i);
		}
		dup[n] = ratio(more, all);
	}
	for (int k = 5; k < n; k++)
		tag_doc(r, DUP5 + k - 5, dup[k]);
}

struct lineshare {
	uint64_t n, bullets, ellipses;
	struct equal e;
};

/* Lines as Dolma splits them: all of them, or (skip_empty) at runs of newlines, which leaves an
 * empty piece where the text begins or ends with one. */
static struct lineshare dolma_lines(struct tagrun *r, int skip_empty)
{
	const struct lines *l = segment_lines(r->seg);
	struct piece *v = pieces(r->w, l->n);
	struct lineshare s = {0};

	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];
		const char *p = r->seg->text + x->off;

		if (skip_empty && !x->len && i && i + 1 < l->n)
			continue;
		v[s.n] =
		    (struct piece){.p = p, .len = x->len, .n_cp = x->n_cp, .order = (uint32_t)s.n};
		s.n++;
		s.bullets += x->len && (*p == '*' || *p == '-');
		s.ellipses += (uint64_t)ends_with(p, x->len, ELLIPSIS);
	}
	s.e = equal_lines(v, s.n);
	return s;
}

static void dolma(struct tagrun *r, int skip_empty)
{
	const struct words *w = segment_words(r->seg);
	uint64_t symbols = 0, alpha = 0, req = 0;
	struct lineshare s = {0};

	if (r->seg->len) {
		dolma_grams(r, w);
		s = dolma_lines(r, skip_empty);
	}
	for (size_t i = 0; i < w->n; i++) {
		const char *p = r->seg->text + w->v[i].off;
		size_t len = w->v[i].len;

		symbols += memchr(p, '#', len) || has_ellipsis(p, len);
		alpha += (uint64_t)has_alpha(p, len);
		req += required_word(p, len) >= 0;
	}
	tag_doc(r, CHARS, (double)r->seg->n_cp);
	tag_doc(r, WORDS, (double)w->n);
	tag_doc(r, MEDIAN, median_length(w));
	tag_doc(r, SYMBOLS, ratio(symbols, w->n));
	tag_doc(r, ALPHA, ratio(alpha, w->n));
	tag_doc(r, REQUIRED, (double)req);
	tag_doc(r, BULLETS, ratio(s.bullets, s.n));
	tag_doc(r, ELLIPSES, ratio(s.ellipses, s.n));
	tag_doc(r, DUP_LINES, ratio(s.e.dup, s.n));
	tag_doc(r, DUP_LINE_CHARS, ratio(s.e.dup_chars, w->n_cp));
}

static void run_v1(struct tagrun *r)
{
	dolma(r, 0);
}
const struct tagger tagger_gopher_v1 = {"gopher_v1", "doc", types, "Dolma 1.2.1", run_v1};

static void run_v2(struct tagrun *r)
{
	dolma(r, 1);
}
const struct tagger tagger_gopher_v2 = {"gopher_v2", "doc", types, "Dolma 1.2.1", run_v2};

/* --- the paper's -------------------------------------------------------------------------- */

/* Code points of the words covered by n-grams that which() accepts, each word counted once. */
static uint64_t covered(const struct gramtab *g, uint32_t only)
{
	uint64_t sum = 0;
	size_t done = 0;

	for (size_t i = 0; i < g->n_grams; i++) {
		size_t from = i > done ? i : done;

		if (gramtab_count(g, i) < 2 || (only != GRAM_ONCE && g->gram[i] != only))
			continue;
		done = i + g->n;
		sum += g->chars[done] - g->chars[from];
	}
	return sum;
}

static void paper_grams(struct tagrun *r, const struct words *w)
{
	struct gramtab *g = grams(r);

	gramtab_words(g, r->seg->text, w);
	for (int n = 2; n <= 10; n++) {
		gramtab_next(g);
		if (n <= 4) {
			uint32_t top = g->n_grams ? g->gram[gramtab_top(g)] : GRAM_ONCE;

			tag_doc(r, TOP2 + n - 2,
			    top == GRAM_ONCE ? 0 : ratio(covered(g, top), w->n_cp));
		} else {
			tag_doc(r, DUP5 + n - 5, ratio(covered(g, GRAM_ONCE), w->n_cp));
		}
	}
}

/* A word without what is not a letter or digit at its ends, in lower case: "(The" is "the". */
static int required_bare(const char *s, size_t n)
{
	char low[8];

	while (n && !(uchar((unsigned char)*s & 127) & UC_ALNUM) && (unsigned char)*s < 128)
		s++, n--;
	while (n && (unsigned char)s[n - 1] < 128 && !(uchar((unsigned char)s[n - 1]) & UC_ALNUM))
		n--;
	if (n >= sizeof(low))
		return -1;
	for (size_t i = 0; i < n; i++)
		low[i] =
		    (char)((unsigned char)s[i] < 128 ? uchar_lower((unsigned char)s[i]) : 128);
	return required_word(low, n);
}

static struct lineshare paper_lines(struct tagrun *r)
{
	const struct lines *l = segment_lines(r->seg);
	struct piece *v = pieces(r->w, l->n);
	struct lineshare s = {0};

	for (size_t i = 0; i < l->n; i++) {
		const char *p = r->seg->text + l->v[i].off;
		size_t from, to;

		if (l->v[i].blank)
			continue;
		text_strip(p, l->v[i].len, &from, &to);
		p += from, to -= from;
		v[s.n] = (struct piece){.p = p, .len = (uint32_t)to, .order = (uint32_t)s.n};
		v[s.n++].n_cp = (uint32_t)utf8_count(p, to);
		s.bullets += *p == '*' || *p == '-' || (to >= 3 && !memcmp(p, "\xe2\x80\xa2", 3));
		s.ellipses += ends_with(p, to, ELLIPSIS) || ends_with(p, to, "...");
	}
	s.e = equal_lines(v, s.n);
	return s;
}

static void run_paper(struct tagrun *r)
{
	const struct words *w = segment_words(r->seg);
	uint64_t hashes = 0, ellipses = 0, alpha = 0;
	int found[N_REQUIRED] = {0}, req = 0;
	struct lineshare s = paper_lines(r);

	paper_grams(r, w);
	for (size_t i = 0; i < w->n; i++) {
		const char *p = r->seg->text + w->v[i].off;
		size_t len = w->v[i].len;
		int k = required_bare(p, len);

		hashes += memchr(p, '#', len) != NULL;
		ellipses += has_ellipsis(p, len) || has_dots(p, len);
		alpha += (uint64_t)has_alpha(p, len);
		if (k >= 0)
			req += !found[k], found[k] = 1;
	}
	tag_doc(r, CHARS, (double)r->seg->n_cp);
	tag_doc(r, WORDS, (double)w->n);
	tag_doc(r, MEDIAN, median_length(w));
	tag_doc(r, SYMBOLS, ratio(hashes > ellipses ? hashes : ellipses, w->n));
	tag_doc(r, ALPHA, ratio(alpha, w->n));
	tag_doc(r, REQUIRED, req);
	tag_doc(r, BULLETS, ratio(s.bullets, s.n));
	tag_doc(r, ELLIPSES, ratio(s.ellipses, s.n));
	tag_doc(r, DUP_LINES, ratio(s.e.copy, s.n));
	tag_doc(r, DUP_LINE_CHARS, ratio(s.e.copy_chars, s.e.chars));
}
const struct tagger tagger_gopher = {
    "gopher", "doc", types, "Gopher, arXiv 2112.11446", run_paper};
