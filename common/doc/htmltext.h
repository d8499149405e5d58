/* htmltext: the main text of a web page, through libxml2's HTML parser.
 *
 * Dropped: script, style and what else is not text; navigation (nav, header, footer, aside, and by role,
 * class or id), forms unless they hold half of the page, hidden elements.  When the page marks its main
 * part (main, role=main, one article) with at least a quarter of its text, only that is taken.  Blocks
 * become paragraphs, list items "- ", cells of tables are separated by tabs (tables that hold blocks
 * are laid out as blocks), pre is verbatim.  Links keep their text.
 *
 * The walk is iterative; libxml2 gives up at 256 levels of nesting and at names or comments of 10 MB
 * unless huge is set, and that is an error. */
#ifndef OLMO_DOC_HTMLTEXT_H
#define OLMO_DOC_HTMLTEXT_H

#include "base/buf.h"

/* s: valid UTF-8.  Appends to text, title and lang.  0, or -1 with a message. */
int htmltext(
    const char *s, size_t n, int huge, struct buf *text, struct buf *title, struct buf *lang);
/* The code point of an HTML entity by name, 0 when there is none. */
unsigned htmltext_entity(const char *name);
/* Once, before threads. */
void htmltext_init(void);

#endif
