#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/compare.h"
#include "io/report_int.h"

/* Sizes of the bar charts, in the units of their viewBox. */
enum {
	CHART_W = 560,
	NAME_W = 130,
	BAR_H = 16,
	GAP = 12,
	CHART_TOP = 34,
	AXIS_H = 26,
	KEY_H = 22
};

#define LOSS  "train/CrossEntropyLoss"
#define RATE  "optim/learning_rate_group0"
#define NONE  "\xe2\x80\x93"
#define MINUS "\xe2\x88\x92"

static const char style[] =
    "body{font:16px/1.45 sans-serif;color:#1a1a1a;background:#fff;max-width:72rem;margin:0 auto;"
    "padding:1rem}\n"
    "h1{font-size:1.6rem;margin:.5rem 0;overflow-wrap:anywhere}h2{font-size:1.25rem;"
    "border-bottom:2px solid #333;margin:2rem 0 .6rem}h3{font-size:1.05rem;margin:1.2rem 0 "
    ".3rem}\n"
    "p{margin:.4rem 0}.note{color:#444;font-size:.9rem}.wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;margin:.5rem 0;font-size:.92rem}\n"
    "th,td{padding:.25rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ccc}\n"
    "th{border-bottom:2px solid #555}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}tr.sum td{border-top:2px solid #555;font-weight:bold}\n"
    "code{font:.85rem/1.4 monospace;overflow-wrap:anywhere;unicode-bidi:isolate}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));"
    "gap:1rem;align-items:start}svg{width:100%;height:auto;max-width:44rem}\n"
    "@media (max-width:40rem){body{padding:.6rem;font-size:15px}th,td{padding:.2rem .4rem}"
    "table{font-size:.82rem}}\n"
    "@media print{body{max-width:none;font-size:10pt;padding:0}h2,h3{break-after:avoid}"
    "tr,svg{break-inside:avoid}.wide{overflow:visible}}\n";

/* --- pieces ----------------------------------------------------------------------------------- */

static void code(struct buf *b, const char *s)
{
	buf_str(b, "<td>");
	if (s != NULL && *s) {
		buf_str(b, "<code>");
		rp_text(b, s);
		buf_str(b, "</code>");
	} else {
		buf_str(b, NONE);
	}
	buf_str(b, "</td>");
}

static void section(struct buf *b, const char *name)
{
	buf_str(b, "<h2>");
	rp_text(b, name);
	buf_str(b, "</h2>\n");
}

/* A number with `decimals`, thousands set off, a true minus, and a plus when it is a difference. */
static void number(struct buf *b, double v, int decimals, int sign)
{
	char s[64];
	size_t n, point;

	if (!isfinite(v)) {
		buf_str(b, NONE);
		return;
	}
	snprintf(s, sizeof(s), "%.*f", decimals, fabs(v));
	n = strlen(s);
	point = strcspn(s, ".");
	if (v < 0 && strspn(s, "0.") < n)
		buf_str(b, MINUS);
	else if (sign && strspn(s, "0.") < n)
		buf_chr(b, '+');
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && i < point && (point - i) % 3 == 0)
			buf_chr(b, ',');
		buf_chr(b, s[i]);
	}
}

static void cell(struct buf *b, double v, int decimals, int sign)
{
	buf_str(b, "<td class=\"n\">");
	number(b, v, decimals, sign);
	buf_str(b, "</td>");
}

static const char *string_at(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int is_sum(const struct compare_row *r)
{
	return strcmp(r->key, "all") == 0 || strcmp(r->key, "mean of sources") == 0;
}

/* --- what differs ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void ablation(const struct compare_run *r, struct buf *b)
{
	const char *stage = string_at(r->ablation, "stage"),
		   *recipe = string_at(r->ablation, "recipe");

	if (stage == NULL)
		return;
	buf_str(b, "<p>Stage <b>");
	rp_text(b, stage);
	buf_str(b, "</b> was swapped");
	if (recipe != NULL && *recipe) {
		buf_str(b, " (recipe <code>");
		rp_text(b, recipe);
		buf_str(b, "</code>)");
	}
	buf_str(b, ". In its place: <code>");
	rp_text(b, string_at(r->ablation, "with") ? string_at(r->ablation, "with") : "");
	buf_str(b, "</code></p>\n");
}

static void option_rows(const json_t *x, const json_t *y, struct buf *b)
{
	json_t *all = json_copy((json_t *)x), *v;
	const char **key, *name;
	size_t n = 0, shown = 0;

	json_object_update_missing(all, (json_t *)y);
	key = xcalloc(json_object_size(all) + 1, sizeof(*key));
	json_object_foreach(all, name, v) key[n++] = name;
	qsort(key, n, sizeof(*key), by_name);
	for (size_t i = 0; i < n; i++) {
		const char *p = string_at(x, key[i]), *q = string_at(y, key[i]);

		if (p != NULL && q != NULL && strcmp(p, q) == 0)
			continue;
		if (shown++ == 0)
			rp_table(b, "option|base|this run");
		buf_str(b, "<tr>");
		code(b, key[i]);
		code(b, p);
		code(b, q);
		buf_str(b, "</tr>\n");
	}
	if (shown > 0)
		rp_table_end(b);
	else if (n > 0)
		buf_str(b, "<p>All options of all stages are equal.</p>\n");
	free(key);
	json_decref(all);
}

static void name_heading(const struct compare *c, const struct compare_run *r, struct buf *b)
{
	if (c->n_run <= 2)
		return;
	buf_str(b, "<h3>");
	rp_text(b, r->name);
	buf_str(b, "</h3>\n");
}

static void differs(const struct compare *c, struct buf *b)
{
	section(b, "What differs");
	for (size_t i = 1; i < c->n_run; i++) {
		const struct compare_run *r = &c->run[i];

		name_heading(c, r, b);
		ablation(r, b);
		option_rows(c->run->options, r->options, b);
	}
}

/* --- rows as tables ----------------------------------------------------------------------------- */

static size_t count_what(const struct compare *c, const struct compare_run *r, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_row; i++)
		n += c->row[i].run == r && strcmp(c->row[i].what, what) == 0;
	return n;
}

/* 95 % interval, and in words what it says. */
static void interval(const struct compare_row *r, struct buf *b)
{
	if (r->n == 0) {
		buf_str(b, "<td class=\"n\">" NONE "</td><td class=\"n\">" NONE "</td><td>" NONE
			   "</td><td class=\"n\">" NONE "</td>");
		return;
	}
	buf_str(b, "<td class=\"n\">");
	number(b, r->lo, 4, 1);
	buf_str(b, " to ");
	number(b, r->hi, 4, 1);
	buf_printf(b, "</td><td class=\"n\">%.3f</td><td>%s</td>", r->p,
	    r->hi < 0   ? "lower"
	    : r->lo > 0 ? "higher"
			: "not&nbsp;told&nbsp;apart");
	cell(b, (double)r->n, 0, 0);
}

static void rows(const struct compare *c, const struct compare_run *run, const char *what,
    int decimals, struct buf *b)
{
	int boot = decimals > 0 && strcmp(what, "loss") != 0;

	for (size_t i = 0; i < c->n_row; i++) {
		const struct compare_row *r = &c->row[i];

		if (r->run != run || strcmp(r->what, what) != 0)
			continue;
		buf_printf(b, "<tr%s><td>", is_sum(r) ? " class=\"sum\"" : "");
		rp_text(b, r->key);
		buf_str(b, "</td>");
		cell(b, r->base, decimals, 0);
		cell(b, r->value, decimals, 0);
		cell(b, r->diff, decimals, 1);
		if (boot) {
			interval(r, b);
		} else {
			buf_str(b, "<td class=\"n\">");
			number(b, 100 * r->diff / r->base, 1, 1);
			buf_str(b, isfinite(r->diff / r->base) ? " %</td>" : "</td>");
		}
		buf_str(b, "</tr>\n");
	}
}

static void counts(const struct compare *c, struct buf *b)
{
	static const char *const whats[] = {"documents", "bytes", "tokens", NULL};

	section(b, "What the model was trained on");
	for (size_t i = 1; i < c->n_run; i++) {
		name_heading(c, &c->run[i], b);
		buf_str(b, "<div class=\"charts\">\n");
		for (const char *const *w = whats; *w; w++) {
			char *heads = xasprintf("%s|#base|#this run|#difference|#", *w);

			if (count_what(c, &c->run[i], *w) == 0) {
				free(heads);
				continue;
			}
			rp_table(b, heads);
			rows(c, &c->run[i], *w, 0, b);
			rp_table_end(b);
			free(heads);
		}
		buf_str(b, "</div>\n");
	}
	buf_str(b,
	    "<p class=\"note\">What the mix left, by source; bytes are those of JSON lines, so "
	    "they hold ids and metadata too.</p>\n");
}

/* --- curves ------------------------------------------------------------------------------------- */

static void curve(
    const struct compare *c, const char *key, const char *title, const char *unit, struct buf *b)
{
	struct svgplot_line *s = xcalloc(c->n_run, sizeof(*s));
	struct svgplot p = {
	    .title = title, .xlabel = "step", .ylabel = unit, .series = s, .n = c->n_run};
	size_t points = 0;

	for (size_t i = 0; i < c->n_run; i++) {
		s[i].name = c->run[i].name;
		points += svgplot_series(&c->run[i].log, key, &s[i]);
	}
	if (points > 0)
		svgplot_draw(&p, b);
	for (size_t i = 0; i < c->n_run; i++)
		svgplot_line_free(&s[i]);
	free(s);
}

/* Losses are means over tokens: of different vocabularies they say nothing about each other. */
static int other_vocabulary(const struct compare *c)
{
	for (size_t i = 1; i < c->n_run; i++)
		if (c->run->tokenizer != NULL && c->run[i].tokenizer != NULL &&
		    strcmp(c->run->tokenizer, c->run[i].tokenizer) != 0)
			return 1;
	return 0;
}

static void curves(const struct compare *c, struct buf *b)
{
	section(b, "Loss");
	buf_str(b, "<div class=\"charts\">\n");
	curve(c, LOSS, "training loss", "nats per token", b);
	curve(c, RATE, "learning rate", "", b);
	buf_str(b, "</div>\n");
	if (other_vocabulary(c))
		buf_str(b, "<p><b>The runs have different tokenizers</b>: a loss per token of one "
			   "says nothing about that of the other. Compare bits per byte.</p>\n");
	for (size_t i = 1; i < c->n_run; i++) {
		name_heading(c, &c->run[i], b);
		rp_table(b, "loss|#base|#this run|#difference|#");
		rows(c, &c->run[i], "loss", 4, b);
		rows(c, &c->run[i], "seen", 0, b);
		rp_table_end(b);
	}
}

/* --- bars --------------------------------------------------------------------------------------- */

/* Runs are told apart by their fill's pattern, colour is an extra. */
static const struct {
	const char *fill, *lines;
} fills[] = {{"#d9d9d9", ""}, {"#ffffff", "M-2 2L2 -2M0 8L8 0M6 10L10 6"}, {"#ffffff", "M0 4H8"},
    {"#ffffff", "M4 0V8"}, {"#444444", ""}};
enum { FILLS = sizeof(fills) / sizeof(fills[0]) };

static void patterns(struct buf *b)
{
	buf_str(b, "<defs>\n");
	for (int i = 0; i < FILLS; i++)
		buf_printf(b,
		    "<pattern id=\"f%d\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
		    "<rect width=\"8\" height=\"8\" fill=\"%s\"/><path d=\"%s\" "
		    "stroke=\"#0b5cad\" "
		    "stroke-width=\"1.6\"/></pattern>\n",
		    i, fills[i].fill, fills[i].lines);
	buf_str(b, "</defs>\n");
}

static void svg_begin(struct buf *b, const char *title, int height)
{
	buf_printf(b,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	    "viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"14\" "
	    "fill=\"#222\">\n<title>%s</title>\n<rect width=\"%d\" height=\"%d\" "
	    "fill=\"#fff\"/>\n<text x=\"4\" y=\"20\" font-weight=\"bold\">%s</text>\n",
	    CHART_W, height, CHART_W, height, title, CHART_W, height, title);
}

/* The row of run i for the same key as `like`, or NULL. */
static const struct compare_row *same_key(
    const struct compare *c, const struct compare_row *like, size_t i)
{
	for (size_t k = 0; k < c->n_row; k++)
		if (c->row[k].run == &c->run[i] && strcmp(c->row[k].what, like->what) == 0 &&
		    strcmp(c->row[k].key, like->key) == 0)
			return &c->row[k];
	return NULL;
}

/* The last characters of a long name are dropped: it is whole in the table. */
static void svg_name(struct buf *b, const char *name, int y)
{
	size_t n = strlen(name), max = 17;

	while (n > max && ((unsigned char)name[max] & 0xc0) == 0x80)
		max--;
	buf_printf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", NAME_W - 8, y);
	svgplot_text(b, name, n > max ? max : n);
	buf_printf(b, "%s</text>\n", n > max ? "\xe2\x80\xa6" : "");
}

static void bar(struct buf *b, size_t run, int y, double v, double max)
{
	double w = isfinite(v) ? (CHART_W - NAME_W - 70) * v / max : 0;

	buf_printf(b,
	    "<rect x=\"%d\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"url(#f%zu)\" "
	    "stroke=\"#222\"/>\n<text x=\"%.2f\" y=\"%d\" font-size=\"12\">",
	    NAME_W, y, w, BAR_H - 3, run % FILLS, NAME_W + w + 6, y + BAR_H - 5);
	number(b, v, 3, 0);
	buf_str(b, "</text>\n");
}

static void bar_keys(const struct compare *c, struct buf *b, int y)
{
	for (size_t i = 0; i < c->n_run; i++, y += KEY_H) {
		buf_printf(b,
		    "<rect x=\"%d\" y=\"%d\" width=\"34\" height=\"%d\" fill=\"url(#f%zu)\" "
		    "stroke=\"#222\"/>\n<text x=\"%d\" y=\"%d\">",
		    NAME_W, y, BAR_H - 3, i % FILLS, NAME_W + 44, y + BAR_H - 4);
		rp_text(b, c->run[i].name);
		buf_str(b, "</text>\n");
	}
}

static void bars(const struct compare *c, struct buf *b)
{
	int keys = (int)count_what(c, &c->run[1], "bpb"), n = (int)c->n_run, y = CHART_TOP;
	int height = CHART_TOP + keys * (n * BAR_H + GAP) + 8 + n * KEY_H;
	double max = 0;

	for (size_t i = 0; i < c->n_row; i++)
		if (strcmp(c->row[i].what, "bpb") == 0)
			max = fmax(max, fmax(c->row[i].base, c->row[i].value));
	svg_begin(b, "bits per byte (lower is better)", height);
	patterns(b);
	for (size_t i = 0; i < c->n_row; i++) {
		const struct compare_row *r = &c->row[i], *other;

		if (r->run != &c->run[1] || strcmp(r->what, "bpb") != 0)
			continue;
		svg_name(b, r->key, y + n * BAR_H / 2 + 4);
		bar(b, 0, y, r->base, max);
		for (size_t k = 1; k < c->n_run; k++) {
			other = same_key(c, r, k);
			bar(b, k, y + (int)k * BAR_H, other ? other->value : NAN, max);
		}
		y += n * BAR_H + GAP;
	}
	bar_keys(c, b, y + 4);
	buf_str(b, "</svg>\n");
}

/* --- differences with their intervals ------------------------------------------------------------ */

struct scale {
	double lo, hi;
};

static double place(const struct scale *s, double v)
{
	return NAME_W + 12 + (CHART_W - NAME_W - 30) * (v - s->lo) / (s->hi - s->lo);
}

/* 1, 2 or 5 times a power of ten, such that about four steps span the width. */
static double tick_step(double width)
{
	double raw = width / 4, unit = pow(10, floor(log10(raw))), f = raw / unit;

	return unit * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static void difference_axis(const struct scale *s, struct buf *b, int bottom)
{
	double step = tick_step(s->hi - s->lo), v;
	int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;

	for (v = ceil(s->lo / step - 1e-9) * step; v <= s->hi + step * 1e-9; v += step) {
		double at = fabs(v) < step * 1e-6 ? 0 : v;

		buf_printf(b,
		    "<path d=\"M%.2f %dV%d\" stroke=\"%s\" stroke-width=\"%s\"/>\n"
		    "<text x=\"%.2f\" y=\"%d\" text-anchor=\"middle\" font-size=\"12\">",
		    place(s, at), CHART_TOP, bottom, at == 0 ? "#222" : "#ccc",
		    at == 0 ? "1.6" : "1", place(s, at), bottom + 16);
		number(b, at, decimals, 1);
		buf_str(b, "</text>\n");
	}
}

static void whisker(
    const struct scale *s, const struct compare_row *r, size_t k, int y, struct buf *b)
{
	if (!isfinite(r->diff))
		return;
	if (r->n > 0)
		buf_printf(b,
		    "<path d=\"M%.2f %dH%.2fM%.2f %dv8M%.2f %dv8\" stroke=\"#222\" "
		    "stroke-width=\"1.6\" fill=\"none\"/>\n",
		    place(s, r->lo), y, place(s, r->hi), place(s, r->lo), y - 4, place(s, r->hi),
		    y - 4);
	buf_printf(b,
	    "<rect x=\"%.2f\" y=\"%d\" width=\"9\" height=\"9\" fill=\"url(#f%zu)\" "
	    "stroke=\"#222\" stroke-width=\"1.6\"/>\n",
	    place(s, r->diff) - 4.5, y - 4, k % FILLS);
}

static void differences(const struct compare *c, struct buf *b)
{
	int keys = (int)count_what(c, &c->run[1], "bpb"), n = (int)c->n_run - 1, y = CHART_TOP;
	int bottom = CHART_TOP + keys * (n * BAR_H + GAP);
	struct scale s = {0, 0};

	for (size_t i = 0; i < c->n_row; i++) {
		const struct compare_row *r = &c->row[i];

		if (strcmp(r->what, "bpb") != 0)
			continue;
		s.lo = fmin(s.lo, fmin(r->diff, r->lo));
		s.hi = fmax(s.hi, fmax(r->diff, r->hi));
	}
	if (s.hi - s.lo < 1e-12)
		s = (struct scale){-0.01, 0.01};
	svg_begin(b, "difference from the base, with 95 % interval", bottom + AXIS_H + 4);
	difference_axis(&s, b, bottom);
	for (size_t i = 0; i < c->n_row; i++) {
		const struct compare_row *r = &c->row[i], *other;

		if (r->run != &c->run[1] || strcmp(r->what, "bpb") != 0)
			continue;
		svg_name(b, r->key, y + (n * BAR_H + GAP) / 2 + 4);
		for (size_t k = 1; k < c->n_run; k++)
			if ((other = same_key(c, r, k)) != NULL)
				whisker(
				    &s, other, k, y + (int)(k - 1) * BAR_H + (BAR_H + GAP) / 2, b);
		y += n * BAR_H + GAP;
	}
	buf_str(b, "</svg>\n");
}

/* --- sections ----------------------------------------------------------------------------------- */

static void interval_tables(
    const struct compare *c, const char *what, const char *heads, struct buf *b)
{
	for (size_t i = 1; i < c->n_run; i++) {
		if (count_what(c, &c->run[i], what) == 0)
			continue;
		name_heading(c, &c->run[i], b);
		rp_table(b, heads);
		rows(c, &c->run[i], what, 4, b);
		rp_table_end(b);
	}
}

static void bits(const struct compare *c, struct buf *b)
{
	section(b, "Bits per byte on held-out text");
	buf_str(b, "<div class=\"charts\">\n");
	bars(c, b);
	differences(c, b);
	buf_str(b, "</div>\n");
	interval_tables(c, "bpb",
	    "source|#base|#this run|#difference|#95 % interval|#p|this run is|#documents", b);
	buf_str(b,
	    "<p class=\"note\">Intervals: 1,000 samples of the held-out documents, drawn with "
	    "replacement, both runs on the same ones. Lower is better. p is the share of "
	    "samples with the other sign, doubled. The samples vary the documents, not the "
	    "seed of the training.</p>\n");
}

static size_t any(const struct compare *c, const char *what)
{
	size_t n = 0;

	for (size_t i = 1; i < c->n_run; i++)
		n += count_what(c, &c->run[i], what);
	return n;
}

static void absent(const struct compare *c, struct buf *b)
{
	static const struct {
		const char *what, *says;
	} parts[] = {{"documents", "documents and tokens (tokens/*.manifest.json)"},
	    {"loss", "loss (run/log.jsonl)"}, {"bpb", "bits per byte (eval/paloma/metrics.tsv)"},
	    {"task", "tasks (eval/catwalk/predictions.jsonl)"}};
	const char *sep = "<p class=\"note\">Not in these runs: ";
	size_t i, n = 0;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (any(c, parts[i].what) == 0) {
			buf_printf(b, "%s%s", sep, parts[i].says);
			sep = "; ";
			n++;
		}
	if (n > 0)
		buf_str(b, ".</p>\n");
}

void compare_page(const struct compare *c, struct buf *b)
{
	buf_printf(b,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
	for (size_t i = 1; i < c->n_run; i++) {
		buf_str(b, i > 1 ? ", " : "");
		rp_text(b, c->run[i].name);
	}
	buf_str(b, " and ");
	rp_text(b, c->run->name);
	buf_printf(b, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
	for (size_t i = 1; i < c->n_run; i++) {
		buf_str(b, i > 1 ? ", " : "");
		rp_text(b, c->run[i].name);
	}
	buf_str(b, " beside its base ");
	rp_text(b, c->run->name);
	buf_str(b, "</h1>\n");
	differs(c, b);
	if (any(c, "bpb") > 0)
		bits(c, b);
	if (any(c, "task") > 0) {
		section(b, "Tasks");
		interval_tables(c, "task",
		    "task and measure|#base|#this run|#difference|#95 % interval|#p|this run "
		    "is|#documents",
		    b);
	}
	if (any(c, "loss") > 0)
		curves(c, b);
	if (any(c, "documents") > 0)
		counts(c, b);
	absent(c, b);
	buf_str(b, "</body>\n</html>\n");
}
