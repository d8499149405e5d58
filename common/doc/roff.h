/* roff: manual pages in man(7) and mdoc(7) as readable text.
 *
 * An interpreter of the part of roff that pages use: text, fonts (dropped), special characters,
 * strings, number registers, conditionals, macros that a page defines, and the macros of the two
 * packages.  Lines of a paragraph are joined; what is set without filling keeps its lines; tables have
 * tabs between cells; equations and pictures keep their source lines.  Header and footer lines are not
 * made; what .TH or .Dt, .Dd say goes into the struct.
 *
 *	struct roff_page page = {.text = &text};
 *	rc = roff_text(s, n, &page);		0, or -1: macros that expand without end
 */
#ifndef OLMO_DOC_ROFF_H
#define OLMO_DOC_ROFF_H

#include "base/buf.h"

struct roff_page {
	struct buf *text;                /* appended to */
	struct buf title, section, date; /* of .TH, .Dt and .Dd; the caller releases them */
	struct buf redirect;             /* file of a .so line */
	unsigned unknown;                /* lines with requests or macros that are not known */
	unsigned bad_line;               /* of an error */
};

/* s: valid UTF-8. */
int roff_text(const char *s, size_t n, struct roff_page *page);

#endif
