/* prose: readable text out of marked-up text: words with single blanks, lines, paragraphs, list marks,
 * indentation, and verbatim pieces.  Blanks and breaks are held back until text follows, so that a
 * text neither begins nor ends with them and no line ends in blanks.
 *
 *	struct prose p = {.b = &text};
 *	prose_break(&p, 2);  prose_words(&p, "a  b\n", 5);  prose_break(&p, 1);  prose_mark(&p, "- ");
 *
 * In running text no-break spaces become blanks, soft hyphens vanish. */
#ifndef OLMO_DOC_PROSE_H
#define OLMO_DOC_PROSE_H

#include "base/buf.h"

struct prose {
	struct buf *b;
	unsigned nl;      /* newlines held back */
	unsigned tabs;    /* tabs held back (cells) */
	int sp;           /* a blank held back */
	int indent;       /* blanks before each new line */
	const char *mark; /* before the next text, within the indentation */
};

/* Words, white space collapsed. */
void prose_words(struct prose *p, const char *s, size_t n);
/* As it is; '\n' begins a line with the indentation. */
void prose_verbatim(struct prose *p, const char *s, size_t n);
/* At least n newlines before what follows. */
void prose_break(struct prose *p, unsigned n);
/* One newline more before what follows (verbatim lines). */
void prose_newline(struct prose *p);
void prose_space(struct prose *p);
void prose_tab(struct prose *p);
void prose_mark(struct prose *p, const char *mark);
/* Nothing was written since the last break. */
int prose_at_start(const struct prose *p);

#endif
