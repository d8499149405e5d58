#include "io/svgplot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/utf8.h"
#include "io/in.h"
#include "io/out.h"

enum { WIDTH = 560, LEFT = 84, RIGHT = 14, TOP = 34, PLOT_H = 250, BOTTOM = 52 };
enum { LEGEND_H = 20, MAX_TICKS = 32, MANY = 600, COLUMNS = 300, MARKS = 8, STYLES = 6 };

static const struct {
	const char *colour, *dash;
} styles[STYLES] = {{"#0b5cad", ""}, {"#b3430d", "7 4"}, {"#1b7a3a", "2 3"},
    {"#7a2a8c", "10 3 2 3"}, {"#555555", "4 2"}, {"#8a6a00", "12 5"}};

struct axis {
	double lo, hi;           /* of the data, after log10 */
	double from, to;         /* pixels */
	double tick[MAX_TICKS];  /* where */
	double value[MAX_TICKS]; /* what is written there */
	int n, decimals;
};

/* --- text ------------------------------------------------------------------------------------- */

/* What XML forbids, other controls, and those that turn the direction of text that follows. */
static int forbidden(uint32_t c)
{
	return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0) ||
	       (c & 0xfffe) == 0xfffe || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static void text_char(struct buf *b, const char *s, int len, uint32_t c)
{
	switch (c) {
	case '&':
		buf_str(b, "&amp;");
		break;
	case '<':
		buf_str(b, "&lt;");
		break;
	case '>':
		buf_str(b, "&gt;");
		break;
	case '"':
		buf_str(b, "&quot;");
		break;
	case '\'':
		buf_str(b, "&#39;");
		break;
	default:
		if (forbidden(c))
			buf_str(b, "\xef\xbf\xbd");
		else
			buf_add(b, s, (size_t)len);
	}
}

void svgplot_text(struct buf *b, const char *s, size_t n)
{
	size_t bad, end, i = 0;
	int len;

	while (i < n) {
		end = utf8_valid(s + i, n - i, &bad) ? n : i + bad;
		while (i < end) {
			uint32_t c = utf8_next(s + i, &len);
			text_char(b, s + i, len, c);
			i += (size_t)len;
		}
		if (i < n) {
			buf_str(b, "\xef\xbf\xbd");
			i += utf8_bad_len(s + i, n - i);
		}
	}
}

static void text(struct buf *b, const char *s)
{
	svgplot_text(b, s, strlen(s));
}

/* --- axes ------------------------------------------------------------------------------------- */

static double along(const struct axis *a, double v)
{
	return a->from + (v - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten: about `want` of them between lo and hi. */
static double nice_step(double lo, double hi, int want)
{
	double raw = (hi - lo) / want, unit = pow(10, floor(log10(raw))), f = raw / unit;

	return unit * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static void spread(struct axis *a)
{
	double pad = a->lo == 0 ? 1 : fabs(a->lo) * 0.1;

	if (a->hi - a->lo > fabs(a->lo) * 1e-9)
		return;
	a->lo -= pad;
	a->hi += pad;
}

static void linear_ticks(struct axis *a, int widen)
{
	double step, first;

	spread(a);
	step = nice_step(a->lo, a->hi, 6);
	if (widen) {
		a->lo = floor(a->lo / step + 1e-9) * step;
		a->hi = ceil(a->hi / step - 1e-9) * step;
	}
	a->decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
	first = ceil(a->lo / step - 1e-9);
	for (a->n = 0; a->n < MAX_TICKS; a->n++) {
		double v = (first + a->n) * step;
		if (v > a->hi + step * 1e-9)
			break;
		a->tick[a->n] = a->value[a->n] = fabs(v) < step * 1e-9 ? 0 : v;
	}
}

/* 1, 2 and 5 of each decade; only the decades when there are more than four. */
static void log_ticks(struct axis *a)
{
	static const double digit[] = {1, 2, 5};
	int wide;

	spread(a);
	wide = a->hi - a->lo > 4;
	a->decimals = 0;
	a->n = 0;
	for (double d = floor(a->lo); d <= a->hi; d++)
		for (int k = 0; k < (wide ? 1 : 3) && a->n < MAX_TICKS; k++) {
			double v = digit[k] * pow(10, d), at = log10(v);
			if (at < a->lo - 1e-9 || at > a->hi + 1e-9)
				continue;
			a->tick[a->n] = at;
			a->value[a->n++] = v;
		}
}

static int drawn(const struct svgplot *p, double x, double y)
{
	return isfinite(x) && isfinite(y) && (!p->log_x || x > 0);
}

static double x_of(const struct svgplot *p, double x)
{
	return p->log_x ? log10(x) : x;
}

static int ranges(const struct svgplot *p, struct axis *x, struct axis *y)
{
	int any = 0;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->series[i].n; k++) {
			const struct svgplot_line *s = &p->series[i];
			double v;
			if (!drawn(p, s->x[k], s->y[k]))
				continue;
			v = x_of(p, s->x[k]);
			x->lo = any && x->lo < v ? x->lo : v;
			x->hi = any && x->hi > v ? x->hi : v;
			y->lo = any && y->lo < s->y[k] ? y->lo : s->y[k];
			y->hi = any && y->hi > s->y[k] ? y->hi : s->y[k];
			any = 1;
		}
	return any;
}

static void tick_label(struct buf *b, const struct axis *a, double v)
{
	if (v != 0 && (fabs(v) >= 1e6 || a->decimals > 4 || fabs(v) < 1e-4))
		buf_printf(b, "%.3g", v);
	else if (a->decimals == 0 && v != floor(v))
		buf_printf(b, "%.3g", v);
	else
		buf_printf(b, "%.*f", a->decimals, v);
}

static void draw_x(struct buf *b, const struct axis *a)
{
	for (int i = 0; i < a->n; i++) {
		double at = along(a, a->tick[i]);
		buf_printf(
		    b, "<path d=\"M%.2f %dV%d\" stroke=\"#ddd\"/>\n", at, TOP, TOP + PLOT_H);
		buf_printf(
		    b, "<text x=\"%.2f\" y=\"%d\" text-anchor=\"middle\">", at, TOP + PLOT_H + 18);
		tick_label(b, a, a->value[i]);
		buf_str(b, "</text>\n");
	}
}

static void draw_y(struct buf *b, const struct axis *a)
{
	for (int i = 0; i < a->n; i++) {
		double at = along(a, a->tick[i]);
		buf_printf(
		    b, "<path d=\"M%d %.2fH%d\" stroke=\"#ddd\"/>\n", LEFT, at, WIDTH - RIGHT);
		buf_printf(
		    b, "<text x=\"%d\" y=\"%.2f\" text-anchor=\"end\">", LEFT - 6, at + 4.5);
		tick_label(b, a, a->value[i]);
		buf_str(b, "</text>\n");
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

struct pen {
	struct buf *b;
	const struct axis *x, *y;
	int down;
};

static void move(struct pen *pen, double x, double y)
{
	buf_printf(
	    pen->b, "%s%.2f %.2f", pen->down ? "L" : "M", along(pen->x, x), along(pen->y, y));
	pen->down = 1;
}

/* Points [from, to): the least and the greatest, in their order. */
static void move_extremes(
    struct pen *pen, const struct svgplot *p, const struct svgplot_line *s, size_t from, size_t to)
{
	size_t lo = to, hi = to, first, second;

	for (size_t k = from; k < to; k++) {
		if (!drawn(p, s->x[k], s->y[k]))
			continue;
		lo = lo == to || s->y[k] < s->y[lo] ? k : lo;
		hi = hi == to || s->y[k] > s->y[hi] ? k : hi;
	}
	if (lo == to) {
		pen->down = 0;
		return;
	}
	first = lo < hi ? lo : hi;
	second = lo < hi ? hi : lo;
	move(pen, x_of(p, s->x[first]), s->y[first]);
	if (second != first)
		move(pen, x_of(p, s->x[second]), s->y[second]);
}

static void draw_path(struct pen *pen, const struct svgplot *p, const struct svgplot_line *s)
{
	size_t step = s->n > MANY ? (s->n + COLUMNS - 1) / COLUMNS : 1;

	pen->down = 0;
	for (size_t k = 0; k < s->n; k += step)
		move_extremes(pen, p, s, k, k + step < s->n ? k + step : s->n);
}

static void marker(struct buf *b, size_t kind, double x, double y, const char *colour)
{
	switch (kind % STYLES) {
	case 0:
		buf_printf(b, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"3.5\"", x, y);
		break;
	case 1:
		buf_printf(b, "<path d=\"M%.2f %.2fh7v7h-7z\"", x - 3.5, y - 3.5);
		break;
	case 2:
		buf_printf(b, "<path d=\"M%.2f %.2fl4.5 8h-9z\"", x, y - 5);
		break;
	case 3:
		buf_printf(b, "<path d=\"M%.2f %.2fl5 5l-5 5l-5-5z\"", x, y - 5);
		break;
	case 4:
		buf_printf(b, "<path d=\"M%.2f %.2fl8 8m0-8l-8 8\"", x - 4, y - 4);
		break;
	default:
		buf_printf(b, "<path d=\"M%.2f %.2fh10m-5-5v10\"", x - 5, y);
	}
	buf_printf(b, " stroke=\"%s\" stroke-width=\"1.6\" fill=\"%s\"/>\n", colour,
	    kind < STYLES ? "#fff" : colour);
}

/* A few along each line, not at the same places for all. */
static void draw_markers(
    const struct pen *pen, const struct svgplot *p, const struct svgplot_line *s, size_t kind)
{
	size_t n = s->n < MARKS ? s->n : MARKS;

	for (size_t i = 0; i < n; i++) {
		size_t part = s->n / n, k = i * s->n / n + part * (kind % 3) / 3;
		if (k < s->n && drawn(p, s->x[k], s->y[k]))
			marker(pen->b, kind, along(pen->x, x_of(p, s->x[k])),
			    along(pen->y, s->y[k]), styles[kind % STYLES].colour);
	}
}

static void stroke(struct buf *b, size_t kind)
{
	buf_printf(b, "\" fill=\"none\" stroke-width=\"1.8\" stroke=\"%s\"",
	    styles[kind % STYLES].colour);
	if (*styles[kind % STYLES].dash)
		buf_printf(b, " stroke-dasharray=\"%s\"", styles[kind % STYLES].dash);
	buf_str(b, "/>\n");
}

static void draw_series(struct pen *pen, const struct svgplot *p)
{
	for (size_t i = 0; i < p->n; i++) {
		buf_str(pen->b, "<path d=\"");
		draw_path(pen, p, &p->series[i]);
		stroke(pen->b, i);
		draw_markers(pen, p, &p->series[i], i);
	}
}

static void draw_legend(const struct svgplot *p, struct buf *b)
{
	for (size_t i = 0; i < p->n; i++) {
		int y = TOP + PLOT_H + BOTTOM + (int)i * LEGEND_H;
		buf_printf(b, "<path d=\"M%d %dh44", LEFT, y);
		stroke(b, i);
		marker(b, i, LEFT + 22, y, styles[i % STYLES].colour);
		buf_printf(b, "<text x=\"%d\" y=\"%d\">", LEFT + 54, y + 5);
		text(b, p->series[i].name);
		buf_str(b, "</text>\n");
	}
}

static void draw_labels(const struct svgplot *p, struct buf *b)
{
	buf_printf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", LEFT, TOP - 14);
	text(b, p->title);
	buf_printf(b, "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
	    (LEFT + WIDTH - RIGHT) / 2, TOP + PLOT_H + 36);
	text(b, p->xlabel);
	buf_printf(b,
	    "</text>\n<text transform=\"translate(15 %d) rotate(-90)\" text-anchor=\"middle\">",
	    TOP + PLOT_H / 2);
	text(b, p->ylabel);
	buf_str(b, "</text>\n");
}

void svgplot_draw(const struct svgplot *p, struct buf *b)
{
	struct axis x = {.from = LEFT, .to = WIDTH - RIGHT}, y = {.from = TOP + PLOT_H, .to = TOP};
	struct pen pen = {b, &x, &y, 0};
	int height = TOP + PLOT_H + BOTTOM + (p->n > 1 ? (int)p->n * LEGEND_H : 0);

	buf_printf(b,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	    "viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"14\" "
	    "fill=\"#222\">\n<title>",
	    WIDTH, height, WIDTH, height);
	text(b, p->title);
	buf_printf(
	    b, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, height);
	draw_labels(p, b);
	if (ranges(p, &x, &y)) {
		if (p->log_x)
			log_ticks(&x);
		else
			linear_ticks(&x, 0);
		linear_ticks(&y, 1);
		draw_x(b, &x);
		draw_y(b, &y);
		draw_series(&pen, p);
	}
	buf_printf(b,
	    "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
	    "stroke=\"#444\"/>\n",
	    LEFT, TOP, WIDTH - LEFT - RIGHT, PLOT_H);
	if (p->n > 1)
		draw_legend(p, b);
	buf_str(b, "</svg>\n");
}

/* --- logs ------------------------------------------------------------------------------------- */

static int log_line(json_t *lines, const char *line, size_t len)
{
	json_error_t e;
	json_t *v = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);

	if (!v)
		return err_set("%s", e.text), -1;
	if (!json_is_object(v) || !json_is_number(json_object_get(v, "step"))) {
		json_decref(v);
		return err_set("no object with a number \"step\""), -1;
	}
	json_array_append_new(lines, v);
	return 0;
}

int svgplot_read(struct svgplot_log *log, const char *path)
{
	struct in *f = in_open(path);
	char *line;
	size_t len;
	int rc;

	log->lines = NULL;
	if (!f)
		return -1;
	log->lines = json_array();
	while ((rc = in_line(f, &line, &len)) > 0)
		if (log_line(log->lines, line, len) < 0) {
			err_prefix("%s:%llu", path, (unsigned long long)in_lineno(f));
			rc = -1;
			break;
		}
	in_close(f, NULL);
	if (rc < 0)
		svgplot_log_free(log);
	return rc;
}

size_t svgplot_series(const struct svgplot_log *log, const char *key, struct svgplot_line *s)
{
	size_t n = json_array_size(log->lines), i;
	json_t *v;

	s->x = xreallocarray(NULL, n + 1, sizeof *s->x);
	s->y = xreallocarray(NULL, n + 1, sizeof *s->y);
	s->n = 0;
	json_array_foreach(log->lines, i, v)
	{
		json_t *y = json_object_get(v, key);
		if (!json_is_number(y))
			continue;
		s->x[s->n] = json_number_value(json_object_get(v, "step"));
		s->y[s->n++] = json_number_value(y);
	}
	return s->n;
}

void svgplot_line_free(struct svgplot_line *s)
{
	free(s->x);
	free(s->y);
	s->x = s->y = NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void svgplot_keys(const struct svgplot_log *log, struct buf *b)
{
	json_t *all = json_object(), *line, *v;
	const char *key, **names;
	size_t i, n = 0;

	json_array_foreach(log->lines, i, line) json_object_foreach(
	    line, key, v) if (json_is_number(v)) json_object_set_new(all, key, json_true());
	names = xreallocarray(NULL, json_object_size(all) + 1, sizeof *names);
	json_object_foreach(all, key, v) names[n++] = key;
	qsort(names, n, sizeof *names, by_name);
	for (i = 0; i < n; i++)
		buf_printf(b, " %s", names[i]);
	free(names);
	json_decref(all);
}

void svgplot_log_free(struct svgplot_log *log)
{
	json_decref(log->lines);
	log->lines = NULL;
}

/* --- olmo plot -------------------------------------------------------------------------------- */

static int read_key(const char *name, const char *key, struct svgplot_line *s)
{
	struct svgplot_log log;
	struct stat st;
	struct buf known = {0};
	int dir = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
	char *path = dir ? xasprintf("%s/log.jsonl", name) : xstrdup(name);
	int rc = svgplot_read(&log, path);

	if (rc == 0 && !svgplot_series(&log, key, s)) {
		svgplot_keys(&log, &known);
		err_set("%s: no line has a number '%s'; keys:%s", path, key, buf_cstr(&known));
		rc = -1;
	}
	buf_release(&known);
	svgplot_log_free(&log);
	free(path);
	return rc;
}

static int write_plot(const struct opts *o, const struct svgplot *p)
{
	struct buf b = {0};
	struct out *f;
	int rc = -1;

	svgplot_draw(p, &b);
	f = out_open(o->out, 0);
	if (f && (rc = out_write(f, b.p, b.len)) < 0)
		out_abort(f);
	else if (f)
		rc = out_commit(f, NULL);
	buf_release(&b);
	return rc;
}

int svgplot_command(const struct opts *o, int log_x)
{
	size_t n = o->n_files - 1, done = 0;
	struct svgplot_line *s = xcalloc(n, sizeof *s);
	struct svgplot p = {
	    o->files[0], log_x ? "step (logarithmic)" : "step", o->files[0], log_x, s, n};
	int rc = 0;

	for (; rc == 0 && done < n; done++) {
		s[done].name = o->files[done + 1];
		rc = read_key(s[done].name, o->files[0], &s[done]);
	}
	if (rc == 0)
		rc = write_plot(o, &p);
	for (size_t i = 0; i < n; i++)
		svgplot_line_free(&s[i]);
	free(s);
	return rc;
}
