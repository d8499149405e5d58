/* wikitext: the markup of MediaWiki as readable text.
 *
 * Dropped: comments, <ref>, templates and parameters (nested), tables (or their cells kept: tables),
 * files and categories, interlanguage links, galleries and the like, magic words, bold and italics.
 * Kept: the text of links, headings as lines, list items with "- ", <pre>, <nowiki> and <syntaxhighlight>
 * verbatim, formulas as they are written.  Everything is linear in the length of the text. */
#ifndef OLMO_DOC_WIKITEXT_H
#define OLMO_DOC_WIKITEXT_H

#include "base/buf.h"

/* s: valid UTF-8.  file, category: what the wiki calls these namespaces ("" unknown).  Appends to out. */
void wikitext(
    const char *s, size_t n, int tables, const char *file, const char *category, struct buf *out);

#endif
