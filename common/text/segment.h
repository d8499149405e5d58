/* segment: the words, lines and paragraphs of one text, found once and shared by all taggers.
 *
 *	struct segment g = {0};
 *	segment_text(&g, text, len, n_cp);	forgets the last text, keeps the memory
 *	const struct words *w = segment_words(&g);	found on first use
 *	…
 *	segment_release(&g);
 *
 * Words are what str.split() gives, lines what str.split("\n") gives (the last may be empty),
 * paragraphs what Dolma's split_paragraphs gives: a line with its newline, blank ones left out.
 * Offsets are bytes unless a name says cp.  A text has less than 4 GiB (segment_text: -1).
 */
#ifndef OLMO_TEXT_SEGMENT_H
#define OLMO_TEXT_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct word {
	uint32_t off, len, n_cp;
};

struct words {
	struct word *v;
	size_t n, cap;
	uint64_t n_cp; /* code points of all words */
};

struct line {
	uint32_t off, len; /* without the newline */
	uint32_t cp, n_cp; /* where it starts and how long it is, in code points */
	uint32_t end_cp;   /* where it ends with its newline */
	uint8_t newline;   /* it has one */
	uint8_t blank;     /* nothing but white space */
};

struct lines {
	struct line *v;
	size_t n, cap;
};

struct segment {
	const char *text;
	size_t len, n_cp;
	int has; /* private: what was found for this text */
	struct words words;
	struct lines lines;
	struct buf lower;
};

int segment_text(struct segment *g, const char *text, size_t len, size_t n_cp);
const struct words *segment_words(struct segment *g);
const struct lines *segment_lines(struct segment *g);
/* text.lower(), NUL-terminated. */
const struct buf *segment_lower(struct segment *g);
void segment_release(struct segment *g);

/* Paragraphs are lines but for blank ones and the empty piece after the last newline. */
static inline int line_is_paragraph(const struct line *l)
{
	return !l->blank;
}

#endif
