#include "io/report_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "io/svgplot.h"

/* In the order in which a pipeline runs them; others follow by name. */
static const char *const order[] = {"documents", "langid", "quality", "dedup", "decontam", "mix",
    "tokenize", "shuffle", "train", "paloma", "catwalk", "generate", NULL};

/* Numbers that are summed over the runs of a stage. */
static const char *const sums[] = {"wall_s", "cpu_s", "energy_joules", "co2_grams", NULL};

static void add_real(json_t *row, const char *key, const json_t *v)
{
	if (json_is_number(v))
		json_object_set_new(row, key,
		    json_real(
			json_number_value(json_object_get(row, key)) + json_number_value(v)));
}

static void add_run(json_t *row, const json_t *stats)
{
	json_t *max = json_object_get(row, "max_rss_bytes"),
	       *v = json_object_get(stats, "max_rss_bytes"), *one = json_integer(1);

	for (const char *const *k = sums; *k; k++)
		add_real(row, *k, json_object_get(stats, *k));
	rp_add(row, "runs", one);
	json_decref(one);
	if (json_number_value(v) > json_number_value(max))
		json_object_set(row, "max_rss_bytes", v);
}

static json_t *by_stage(const struct report *r, json_t *all)
{
	json_t *stages = json_object(), *v;
	const char *name;

	json_object_foreach(r->stats, name, v)
	{
		char *stage = xstrndup(name, strcspn(name, "."));
		json_t *row = json_object_get(stages, stage);

		if (!row) {
			row = json_object();
			json_object_set_new(stages, stage, row);
		}
		add_run(row, v);
		add_run(all, v);
		free(stage);
	}
	return stages;
}

static void cell_real(struct buf *b, const json_t *row, const char *key, double unit, int decimals)
{
	const json_t *v = json_object_get(row, key);

	if (v)
		rp_cell_num(b, json_number_value(v) / unit, decimals);
	else
		rp_cell_none(b);
}

static void stage_row(struct report *r, const char *name, const json_t *row, const json_t *all)
{
	struct buf *b = &r->b;

	buf_str(b, row == all ? "<tr class=\"sum\">" : "<tr>");
	rp_cell_text(b, name);
	rp_cell_int(b, json_object_get(row, "runs"));
	cell_real(b, row, "wall_s", 1, 2);
	cell_real(b, row, "cpu_s", 1, 2);
	cell_real(b, row, "max_rss_bytes", 1e6, 1);
	if (json_object_get(all, "energy_joules"))
		cell_real(b, row, "energy_joules", 3600, 3);
	if (json_object_get(all, "co2_grams"))
		cell_real(b, row, "co2_grams", 1, 2);
	buf_str(b, "</tr>\n");
}

static void stage_rows(struct report *r, json_t *stages, const json_t *all)
{
	const char *name;
	json_t *row;

	for (const char *const *s = order; *s; s++)
		if ((row = json_object_get(stages, *s))) {
			stage_row(r, *s, row, all);
			json_object_del(stages, *s);
		}
	json_object_foreach(stages, name, row) stage_row(r, name, row, all);
	stage_row(r, "all", all, all);
}

static void stages_table(struct report *r)
{
	json_t *all = json_object(), *stages = by_stage(r, all);
	int energy = json_object_get(all, "energy_joules") != NULL,
	    co2 = json_object_get(all, "co2_grams") != NULL;
	char *heads = xasprintf("stage|#runs|#wall, s|#CPU, s|#most memory, MB%s%s",
	    energy ? "|#energy, Wh" : "", co2 ? "|#CO\xe2\x82\x82, g" : "");

	rp_table(&r->b, heads);
	stage_rows(r, stages, all);
	rp_table_end(&r->b);
	buf_str(&r->b,
	    "<p class=\"note\">Programs of a pipe run side by side, so their wall times overlap. "
	    "Memory is that of the largest run.");
	buf_str(&r->b, energy ? "" : " No run could read its energy.");
	buf_str(&r->b, "</p>\n");
	free(heads);
	json_decref(stages);
	json_decref(all);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Speed of training over the steps, and what it came to. */
static void speed(struct report *r, const struct svgplot_log *log)
{
	struct svgplot_line s = {.name = r->dir}, wall = {0};
	struct svgplot p = {"Speed of training", "step", "tokens a second", 0, &s, 1};
	double sum = 0;

	if (svgplot_series(log, "throughput/device/tokens_per_second", &s)) {
		svgplot_draw(&p, &r->b);
		qsort(s.y, s.n, sizeof *s.y, compare);
		buf_printf(&r->b, "<p class=\"note\">Median %.0f tokens a second", s.y[s.n / 2]);
		if (svgplot_series(log, "wall_s", &wall)) {
			for (size_t i = 0; i < wall.n; i++)
				sum += wall.y[i];
			buf_printf(&r->b, "; all %zu steps %.1f s", wall.n, sum);
		}
		buf_str(&r->b, ".</p>\n");
	}
	svgplot_line_free(&wall);
	svgplot_line_free(&s);
}

int rp_cost(struct report *r)
{
	int timing = rp_exists(r, "run/timing.jsonl"), rc = 0;
	struct svgplot_log log;
	char *path;

	if (!json_object_size(r->stats))
		rp_absent(r, "time and energy of each stage", "stats/STAGE.NAME.json");
	if (!timing)
		rp_absent(r, "speed of training", "run/timing.jsonl");
	if (!json_object_size(r->stats) && !timing)
		return 0;
	rp_section(r, "Time and energy");
	if (json_object_size(r->stats))
		stages_table(r);
	if (!timing)
		return 0;
	path = rp_in_dir(r, "run/timing.jsonl");
	rc = svgplot_read(&log, path);
	free(path);
	if (rc == 0) {
		speed(r, &log);
		svgplot_log_free(&log);
	}
	return rc;
}
