/* svgplot: line charts as SVG, by `olmo plot` and in the report.
 *
 *	struct svgplot p = {.title = "loss", .xlabel = "step", .ylabel = "nats", .series = s, .n = 2};
 *	svgplot_draw(&p, &b);				appends one <svg> element
 *
 *	struct svgplot_log log = {0};
 *	svgplot_read(&log, "run/log.jsonl");		-1: file:line
 *	svgplot_series(&log, "train/CrossEntropyLoss", &s[0]);	0: no line has that key
 *	svgplot_log_free(&log);
 *
 * Series differ by dash pattern and marker as well as by colour, so a chart is read without colour.
 * The same data give the same bytes.  Points that are not finite (with log_x: x <= 0 too) are left
 * out and the line is broken there.  Of more than 600 points each run of points that falls together
 * shows its least and its greatest, so no spike is lost.
 */
#ifndef OLMO_IO_SVGPLOT_H
#define OLMO_IO_SVGPLOT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"

struct svgplot_line {
	const char *name; /* borrowed; in the legend */
	double *x, *y;    /* svgplot_series allocates, svgplot_line_free frees */
	size_t n;
};

struct svgplot {
	const char *title, *xlabel, *ylabel;
	int log_x;
	const struct svgplot_line *series;
	size_t n;
};

/* One <svg> element with its own size and viewBox; valid alone and inside HTML. */
void svgplot_draw(const struct svgplot *p, struct buf *b);
/* n bytes as text of HTML and XML, also in attributes: &<>"' as references, what is no UTF-8,
 * controls that XML 1.0 forbids and those that turn the direction of text as U+FFFD. */
void svgplot_text(struct buf *b, const char *s, size_t n);

/* The lines of a log.jsonl or timing.jsonl (olmo-run(5)). */
struct svgplot_log {
	json_t *lines; /* list of objects, each with a number "step" */
};
int svgplot_read(struct svgplot_log *log, const char *path); /* 0, or -1 with file:line */
/* The key over step; returns the number of points, 0 when no line has a number there. */
size_t svgplot_series(const struct svgplot_log *log, const char *key, struct svgplot_line *s);
/* Names of all keys with numbers, sorted, each after a blank. */
void svgplot_keys(const struct svgplot_log *log, struct buf *b);
void svgplot_line_free(struct svgplot_line *s);
void svgplot_log_free(struct svgplot_log *log);

struct opts;
/* olmo plot KEY LOG..: o->files[0] is KEY, then files, or run directories for their log.jsonl; written
 * to o->out.  0, or -1: an unreadable log, or one without KEY (the message names the keys it has). */
int svgplot_command(const struct opts *o, int log_x);

#endif
