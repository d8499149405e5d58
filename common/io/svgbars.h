/* svgbars: groups of horizontal bars as SVG, in the report.
 *
 *	const char *rows[] = {"web", "law"}, *names[] = {"model", "xz -9e"};
 *	double v[] = {2.5, 3.2, 1.5, NAN};		rows x names; not finite: no bar
 *	struct svgbars p = {"bits per byte", rows, 2, names, 2, v, 2};
 *	svgbars_draw(&p, &b);				appends one <svg> element
 *
 * Each bar is labelled with its number and name, and they differ by fill and outline too: no colour
 * is needed.  Bars begin at 0; negative numbers are written without a bar.
 */
#ifndef OLMO_IO_SVGBARS_H
#define OLMO_IO_SVGBARS_H

#include <stddef.h>

#include "base/buf.h"

struct svgbars {
	const char *title;
	const char *const *rows;
	size_t n_rows;
	const char *const *names;
	size_t n;
	const double *v;
	int decimals;
};

void svgbars_draw(const struct svgbars *p, struct buf *b);

#endif
