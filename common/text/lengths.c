/* Lengths, token counts and paragraphs of mere punctuation: Dolma's taggers/length.py and
 * taggers/punctuation.py (1.2.1). */
#include "base/utf8.h"
#include "text/taggers.h"
#include "text/uchar.h"
#include "text/wordbreak.h"

#define DOLMA "Dolma 1.2.1"
#define TYPES(...)                                                                                \
	(const char *const[])                                                                     \
	{                                                                                         \
		__VA_ARGS__, NULL                                                                 \
	}

static void run_bytes(struct tagrun *r)
{
	tag_doc(r, 0, (double)r->seg->len);
}
const struct tagger tagger_bytes_length_v1 = {
    "bytes_length_v1", "doc", TYPES("bytes"), DOLMA, run_bytes};

static void run_docs(struct tagrun *r)
{
	tag_doc(r, 0, 1);
}
const struct tagger tagger_doc_count_v1 = {"doc_count_v1", "doc", TYPES("docs"), DOLMA, run_docs};

static void run_chars(struct tagrun *r)
{
	tag_doc(r, 0, (double)r->seg->n_cp);
}
const struct tagger tagger_char_length_v1 = {
    "char_length_v1", "doc", TYPES("length"), DOLMA, run_chars};

/* Only white space at the two ends is left out, whatever the name says. */
static void run_strip(struct tagrun *r)
{
	size_t a, b;

	text_strip(r->seg->text, r->seg->len, &a, &b);
	tag_doc(r, 0, (double)utf8_count(r->seg->text + a, b - a));
}
const struct tagger tagger_char_length_strip_ws_v1 = {
    "char_length_strip_ws_v1", "doc", TYPES("length_no_ws"), DOLMA, run_strip};

static void run_chars_paragraphs(struct tagrun *r)
{
	const struct lines *l = segment_lines(r->seg);

	for (size_t i = 0; i < l->n; i++)
		if (line_is_paragraph(&l->v[i]))
			tag(r, 0, l->v[i].cp, l->v[i].end_cp, l->v[i].end_cp - l->v[i].cp);
	tag_doc(r, 1, (double)r->seg->n_cp);
}
const struct tagger tagger_char_length_with_paragraphs_v1 = {"char_length_with_paragraphs_v1",
    "para,doc", TYPES("paragraph", "document"), DOLMA, run_chars_paragraphs};

/* regex's \s is White_Space, which U+001C..1F are not. */
uint64_t ws_tokens(const char *s, size_t n)
{
	enum { NONE, WORD, OTHER };
	uint64_t count = 1;
	int last = NONE, kind, len;

	for (size_t i = 0; i < n; i += (size_t)len, last = kind) {
		uint32_t cp = utf8_next(s + i, &len);
		unsigned p = uchar(cp);

		if (p & UC_WORD)
			kind = WORD;
		else if ((p & UC_SPACE) && !(cp >= 0x1c && cp <= 0x1f))
			kind = NONE;
		else
			kind = OTHER;
		count += kind != NONE && kind != last;
	}
	return count;
}

static void run_ws(struct tagrun *r)
{
	tag_doc(r, 0, (double)ws_tokens(r->seg->text, r->seg->len));
}
const struct tagger tagger_whitespace_tokenizer_v1 = {
    "whitespace_tokenizer_v1", "doc", TYPES("length"), DOLMA, run_ws};

static void run_ws_paragraphs(struct tagrun *r)
{
	const struct lines *l = segment_lines(r->seg);
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];
		uint64_t k;

		if (!line_is_paragraph(x))
			continue;
		k = ws_tokens(r->seg->text + x->off, (size_t)x->len + x->newline);
		tag(r, 0, x->cp, x->end_cp, (double)k);
		sum += k;
	}
	tag_doc(r, 1, (double)sum);
}
const struct tagger tagger_whitespace_tokenizer_with_paragraphs_v1 = {
    "whitespace_tokenizer_with_paragraphs_v1", "para,doc", TYPES("paragraph", "document"), DOLMA,
    run_ws_paragraphs};

static int all_space(const char *s, size_t n)
{
	size_t a, b;

	text_strip(s, n, &a, &b);
	return a == b;
}

/* Pieces between the word boundaries of s.strip(); with_space: those of white space too. */
static uint64_t uniseg_words(const char *s, size_t n, int with_space)
{
	uint64_t count = 0;
	size_t i, end, to;

	text_strip(s, n, &i, &to);
	for (; i < to; i = end) {
		end = wordbreak16_next(s, to, i);
		count += with_space || !all_space(s + i, end - i);
	}
	return count;
}

static void run_uniseg(struct tagrun *r)
{
	tag_doc(r, 0, (double)uniseg_words(r->seg->text, r->seg->len, 1));
}
const struct tagger tagger_uniseg_length_v1 = {
    "uniseg_length_v1", "doc", TYPES("length"), DOLMA, run_uniseg};

/* Returns the sum.  The negative lengths are there because Dolma's mixer knows only "at least". */
static uint64_t uniseg_paragraphs(struct tagrun *r, int with_empty)
{
	const struct lines *l = segment_lines(r->seg);
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];
		uint64_t k;

		if (!line_is_paragraph(x) && (!with_empty || (!x->len && !x->newline)))
			continue;
		k = uniseg_words(r->seg->text + x->off, x->len, 0);
		tag(r, 0, x->cp, x->end_cp, (double)k);
		tag(r, 1, x->cp, x->end_cp, (double)-(int64_t)k);
		sum += k;
	}
	return sum;
}

static void run_uniseg_paragraphs(struct tagrun *r)
{
	uniseg_paragraphs(r, 0);
}
const struct tagger tagger_uniseg_length_paragraphs_v1 = {"uniseg_length_paragraphs_v1", "para",
    TYPES("paragraph", "negative_paragraph"), DOLMA, run_uniseg_paragraphs};

static void run_uniseg_empty(struct tagrun *r)
{
	uniseg_paragraphs(r, 1);
}
const struct tagger tagger_uniseg_length_paragraphs_with_empty_v1 = {
    "uniseg_length_paragraphs_with_empty_v1", "para", TYPES("paragraph", "negative_paragraph"),
    DOLMA, run_uniseg_empty};

static void run_uniseg_doc(struct tagrun *r)
{
	uint64_t sum = uniseg_paragraphs(r, 0);

	tag_doc(r, 2, (double)sum);
	tag_doc(r, 3, (double)-(int64_t)sum);
}
const struct tagger tagger_uniseg_length_paragraphs_with_doc_length_v1 = {
    "uniseg_length_paragraphs_with_doc_length_v1", "para,doc",
    TYPES("paragraph", "negative_paragraph", "document", "negative_document"), DOLMA,
    run_uniseg_doc};

/* Nothing but punctuation, symbols, White_Space and emoji. */
static int all_punct(const char *s, size_t n)
{
	int len;

	for (size_t i = 0; i < n; i += (size_t)len) {
		uint32_t cp = utf8_next(s + i, &len);
		unsigned p = uchar(cp);

		if ((p & UC_PUNCT) || ((p & UC_SPACE) && !(cp >= 0x1c && cp <= 0x1f)) ||
		    (cp >= 0x1f300 && cp <= 0x1f64f) || (cp >= 0x1f680 && cp <= 0x1f6ff) ||
		    (cp >= 0x2600 && cp <= 0x27bf))
			continue;
		return 0;
	}
	return 1;
}

static void run_all_punct(struct tagrun *r)
{
	const struct lines *l = segment_lines(r->seg);
	int found = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *x = &l->v[i];

		if (!line_is_paragraph(x) || !all_punct(r->seg->text + x->off, x->len))
			continue;
		tag(r, 0, x->cp, x->end_cp, 1);
		found = 1;
	}
	if (!found)
		tag_doc(r, 0, 0);
}
const struct tagger tagger_not_alphanum_paragraph_v1 = {
    "not_alphanum_paragraph_v1", "para", TYPES("all_punct"), DOLMA, run_all_punct};
