#include "io/svgbars.h"

#include <math.h>
#include <string.h>

#include "io/svgplot.h"

enum { WIDTH = 560, LEFT = 8, LABEL = 200, TOP = 32, BAR = 16, GAP = 10, FILLS = 4 };

static const struct {
	const char *fill, *stroke;
} fills[FILLS] = {{"#0b5cad", "#0b5cad"}, {"#ffffff", "#222222"}, {"#bbbbbb", "#777777"},
    {"#f3d9b1", "#8a5a00"}};

static void text(struct buf *b, const char *s)
{
	svgplot_text(b, s, strlen(s));
}

static double greatest(const struct svgbars *p)
{
	double max = 0;

	for (size_t i = 0; i < p->n_rows * p->n; i++)
		if (isfinite(p->v[i]) && p->v[i] > max)
			max = p->v[i];
	return max;
}

static void bar(const struct svgbars *p, size_t name, double v, double max, int y, struct buf *b)
{
	double w = max > 0 && v > 0 ? v / max * (WIDTH - LEFT - LABEL) : 0;

	buf_printf(b,
	    "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" stroke=\"%s\"/>\n"
	    "<text x=\"%.1f\" y=\"%d\">%.*f ",
	    LEFT, y + 2, w, BAR - 4, fills[name % FILLS].fill, fills[name % FILLS].stroke,
	    LEFT + w + 6, y + BAR - 4, p->decimals, v);
	text(b, p->names[name]);
	buf_str(b, "</text>\n");
}

static void group(const struct svgbars *p, size_t row, double max, int y, struct buf *b)
{
	buf_printf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", LEFT, y + BAR - 4);
	text(b, p->rows[row]);
	buf_str(b, "</text>\n");
	for (size_t i = 0; i < p->n; i++)
		if (isfinite(p->v[row * p->n + i]))
			bar(p, i, p->v[row * p->n + i], max, y + (int)(i + 1) * BAR, b);
}

void svgbars_draw(const struct svgbars *p, struct buf *b)
{
	int step = (int)(p->n + 1) * BAR + GAP, height = TOP + (int)p->n_rows * step;
	double max = greatest(p);

	buf_printf(b,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	    "viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\" "
	    "fill=\"#222\">\n<title>",
	    WIDTH, height, WIDTH, height);
	text(b, p->title);
	buf_printf(b,
	    "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
	    "<text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"bold\">",
	    WIDTH, height);
	text(b, p->title);
	buf_str(b, "</text>\n");
	for (size_t i = 0; i < p->n_rows; i++)
		group(p, i, max, TOP + (int)i * step, b);
	buf_str(b, "</svg>\n");
}
