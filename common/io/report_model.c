#include "io/report_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "io/svgbars.h"
#include "io/svgplot.h"

enum { SAMPLES = 12, HEADER_MOST = 100 << 20 };

#define LOSS "train/CrossEntropyLoss"
#define RATE "optim/learning_rate_group0"

/* --- curves ----------------------------------------------------------------------------------- */

static void curve(struct report *r, const struct svgplot_log *log, const char *key,
    const char *title, const char *unit)
{
	struct svgplot_line s = {.name = r->dir};
	struct svgplot p = {title, "step", unit, 0, &s, 1};

	if (svgplot_series(log, key, &s)) {
		buf_str(&r->b, "<div>");
		svgplot_draw(&p, &r->b);
		buf_str(&r->b, "</div>\n");
	}
	svgplot_line_free(&s);
}

int rp_curves(struct report *r)
{
	char *path = rp_in_dir(r, "run/log.jsonl");
	struct svgplot_log log;
	int there = access(path, F_OK) == 0, rc = there ? svgplot_read(&log, path) : 0;

	free(path);
	if (!there)
		return rp_absent(r, "loss and learning rate", "run/log.jsonl"), 0;
	if (rc < 0)
		return -1;
	rp_section(r, "Training");
	buf_str(&r->b, "<div class=\"charts\">\n");
	curve(r, &log, LOSS, "Loss of the training batches", "nats a token");
	curve(r, &log, RATE, "Learning rate", "learning rate");
	buf_str(&r->b, "</div>\n");
	svgplot_log_free(&log);
	return 0;
}

/* --- bits per byte ----------------------------------------------------------------------------- */

struct column {
	double sum;
	size_t n;
};

static void cell_bits(struct buf *b, struct column *c, double bits)
{
	c->sum += bits;
	c->n++;
	rp_cell_num(b, bits, 3);
}

static int cell_packed(struct buf *b, struct column *c, const json_t *row, const char *key)
{
	double bytes, packed;

	if (!row)
		return rp_cell_none(b), 0;
	if (rp_field_num(row, "bytes", &bytes) < 0 || rp_field_num(row, key, &packed) < 0)
		return -1;
	if (bytes > 0)
		cell_bits(b, c, 8 * packed / bytes);
	else
		rp_cell_none(b);
	return 0;
}

static int bits_row(struct report *r, const json_t *row, const json_t *packed, struct column *c)
{
	const char *source = rp_field(row, "source"), *domain = rp_field(row, "domain");
	json_t *other = rp_row_of(packed, source), *n;
	double v;

	buf_str(&r->b, "<tr><td>");
	rp_text(&r->b, source ? source : "");
	if (source && domain && strcmp(source, domain)) {
		buf_str(&r->b, " / ");
		rp_text(&r->b, domain);
	}
	buf_str(&r->b, "</td>");
	for (const char *const *k = (const char *const[]){"docs", "bytes", NULL}; *k; k++) {
		if (rp_field_num(row, *k, &v) < 0)
			return -1;
		n = json_integer((json_int_t)v);
		rp_cell_int(&r->b, n);
		json_decref(n);
	}
	if (rp_field_num(row, "bpb", &v) < 0)
		return -1;
	cell_bits(&r->b, &c[0], v);
	if (packed && (cell_packed(&r->b, &c[1], other, "xz_bytes") < 0 ||
			  cell_packed(&r->b, &c[2], other, "zstd_bytes") < 0))
		return -1;
	buf_str(&r->b, "</tr>\n");
	return 0;
}

static int bits_table(struct report *r, const json_t *rows, const json_t *packed)
{
	struct column c[3] = {{0, 0}};
	const json_t *row;
	size_t i;

	rp_section(r, "Bits per byte of held-out text");
	rp_table(&r->b, packed ? "source|#documents|#bytes|#model|#xz -9e|#zstd -19"
			       : "source|#documents|#bytes|#model");
	json_array_foreach(rows, i, row) if (bits_row(r, row, packed, c) < 0)
	{
		err_prefix("%s/eval: source %s", r->dir, rp_field(row, "source"));
		return -1;
	}
	buf_str(&r->b, "<tr class=\"sum\"><td>mean</td><td></td><td></td>");
	for (i = 0; i < (packed ? 3 : 1); i++)
		if (c[i].n && c[i].n == json_array_size(rows))
			rp_cell_num(&r->b, c[i].sum / (double)c[i].n, 3);
		else
			rp_cell_none(&r->b);
	buf_str(&r->b, "</tr>\n");
	rp_table_end(&r->b);
	buf_str(&r->b,
	    "<p class=\"note\">Smaller is better. The mean is that of the rows; each counts "
	    "the same.</p>\n");
	return 0;
}

/* Value of a column for each row: bits per byte. */
static double bits_of(const json_t *row, const json_t *packed, const char *key)
{
	double bytes, v;

	if (!key)
		return rp_field_num(row, "bpb", &v) < 0 ? NAN : v;
	row = rp_row_of(packed, rp_field(row, "source"));
	if (!row || rp_field_num(row, "bytes", &bytes) < 0 || rp_field_num(row, key, &v) < 0)
		return NAN;
	return bytes > 0 ? 8 * v / bytes : NAN;
}

static void bits_chart(struct report *r, const json_t *rows, const json_t *packed)
{
	static const char *const names[] = {"model", "xz -9e", "zstd -19"}, *const keys[] = {NULL,
										"xz_bytes",
										"zstd_bytes"};
	size_t n = json_array_size(rows), k = packed ? 3 : 1, i;
	const char **sources = xcalloc(n + 1, sizeof *sources);
	double *v = xcalloc(n * k + 1, sizeof *v);
	struct svgbars p = {"Bits per byte (smaller is better)", sources, n, names, k, v, 3};
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		const char *source = rp_field(row, "source"), *domain = rp_field(row, "domain");

		sources[i] = domain ? domain : source ? source : "";
		for (size_t c = 0; c < k; c++)
			v[i * k + c] = bits_of(row, packed, keys[c]);
	}
	svgbars_draw(&p, &r->b);
	free(sources);
	free(v);
}

int rp_bits(struct report *r)
{
	json_t *rows, *packed;
	int rc = 0;

	if (rp_read_rows(r, "eval/paloma/metrics.tsv", rp_tsv_line, &rows) < 0)
		return -1;
	if (!rows)
		return rp_absent(r, "bits per byte", "eval/paloma/metrics.tsv"), 0;
	if (rp_read_rows(r, "eval/compress.tsv", rp_tsv_line, &packed) < 0) {
		json_decref(rows);
		return -1;
	}
	if (!packed)
		rp_absent(r, "xz and zstd beside bits per byte", "eval/compress.tsv");
	rc = bits_table(r, rows, packed);
	if (rc == 0)
		bits_chart(r, rows, packed);
	json_decref(rows);
	json_decref(packed);
	return rc;
}

/* --- tasks ------------------------------------------------------------------------------------ */

/* What guessing gives: the mean of 1 / choices over the task's documents; 0: not known. */
static double chance_of(const json_t *documents, const char *task)
{
	const json_t *row;
	double sum = 0;
	size_t i, n = 0;

	json_array_foreach(documents, i, row)
	{
		const char *name = rp_field(row, "task_name");
		size_t choices = json_array_size(json_object_get(row, "model_output"));
		if (!name || strcmp(name, task) != 0 || !choices)
			continue;
		sum += 1 / (double)choices;
		n++;
	}
	return n ? sum / (double)n : 0;
}

static json_t *task_named(const json_t *all, const char *name)
{
	json_t *task;
	size_t i;

	json_array_foreach(
	    all, i, task) if (name && rp_field(task, "task_name") &&
			      !strcmp(rp_field(task, "task_name"), name)) return task;
	return NULL;
}

static void cell_metric(struct buf *b, const json_t *task, const char *metric)
{
	const json_t *v = json_object_get(json_object_get(task, "metrics"), metric);

	if (json_is_number(v))
		rp_cell_num(b, json_number_value(v), 4);
	else
		rp_cell_none(b);
}

/* Scores by choosing among answers: chance means something there. */
static int is_choice(const char *metric)
{
	return rp_begins(metric, "acc") || !strcmp(metric, "len_norm");
}

struct tasks {
	json_t *all, *init; /* lists of tasks; init NULL: no untrained model */
	json_t *documents;  /* predictions, NULL */
};

static void task_row(
    struct report *r, const struct tasks *t, const json_t *task, const char *metric, double chance)
{
	const char *primary = rp_field(task, "primary_metric"),
		   *name = rp_field(task, "task_name");
	char *err = xasprintf("%s_stderr", metric);

	buf_str(&r->b, "<tr>");
	rp_cell_text(&r->b, name);
	rp_cell_int(&r->b, json_object_get(task, "num_instances"));
	buf_str(&r->b, "<td>");
	rp_text(&r->b, metric);
	buf_str(&r->b, primary && !strcmp(primary, metric) ? " (primary)</td>" : "</td>");
	cell_metric(&r->b, task, metric);
	cell_metric(&r->b, task, err);
	if (t->init)
		cell_metric(&r->b, task_named(t->init, name), metric);
	if (chance > 0 && is_choice(metric))
		rp_cell_num(&r->b, chance, 4);
	else
		rp_cell_none(&r->b);
	buf_str(&r->b, "</tr>\n");
	free(err);
}

static void task_rows(struct report *r, const struct tasks *t, int primary)
{
	json_t *task, *v;
	const char *key;
	size_t i;

	rp_table(&r->b, t->init
			    ? "task|#documents|metric|#score|#standard error|#untrained|#chance"
			    : "task|#documents|metric|#score|#standard error|#chance");
	json_array_foreach(t->all, i, task)
	{
		const char *name = rp_field(task, "task_name"),
			   *first = rp_field(task, "primary_metric");
		double chance = name ? chance_of(t->documents, name) : 0;

		json_object_foreach(json_object_get(task, "metrics"), key,
		    v) if (json_is_number(v) && !rp_ends(key, "_stderr") &&
			   primary == (first && !strcmp(first, key)))
		    task_row(r, t, task, key, chance);
	}
	rp_table_end(&r->b);
}

static double metric_of(const json_t *task, const char *metric)
{
	const json_t *v = json_object_get(json_object_get(task, "metrics"), metric);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* Primary scores beside the untrained model and chance. */
static void tasks_chart(struct report *r, const struct tasks *t)
{
	static const char *const three[] = {"model", "untrained", "chance"}, *const two[] = {
										 "model",
										 "chance"};
	size_t n = json_array_size(t->all), k = t->init ? 3 : 2, i;
	const char **names = xcalloc(n + 1, sizeof *names);
	double *v = xcalloc(n * k + 1, sizeof *v);
	struct svgbars p = {
	    "Primary scores of the tasks", names, n, t->init ? three : two, k, v, 3};
	json_t *task;

	json_array_foreach(t->all, i, task)
	{
		const char *name = rp_field(task, "task_name"),
			   *metric = rp_field(task, "primary_metric");
		double chance = name ? chance_of(t->documents, name) : 0;

		names[i] = name ? name : "";
		v[i * k] = metric ? metric_of(task, metric) : NAN;
		if (t->init)
			v[i * k + 1] = metric ? metric_of(task_named(t->init, name), metric) : NAN;
		v[i * k + k - 1] = chance > 0 && metric && is_choice(metric) ? chance : NAN;
	}
	svgbars_draw(&p, &r->b);
	free(names);
	free(v);
}

static void tasks_section(struct report *r, const struct tasks *t)
{
	rp_section(r, "Tasks");
	task_rows(r, t, 1);
	buf_str(&r->b, "<p class=\"note\">Chance: what guessing among a document's answers gives, "
		       "the mean over the documents.</p>\n");
	tasks_chart(r, t);
	buf_str(&r->b, "<details><summary>All other metrics</summary>\n");
	task_rows(r, t, 0);
	buf_str(&r->b, "</details>\n");
}

int rp_tasks(struct report *r)
{
	json_t *v, *init = NULL;
	struct tasks t = {0};
	int rc;

	if (rp_read_json(r, "eval/catwalk/metrics.json", &v) < 0)
		return -1;
	if (!v)
		return rp_absent(r, "tasks", "eval/catwalk/metrics.json"), 0;
	rc = rp_read_json(r, "eval/catwalk-init/metrics.json", &init) < 0 ||
	     rp_read_rows(r, "eval/catwalk/predictions.jsonl", rp_json_line, &t.documents) < 0;
	if (!rc) {
		if (!init)
			rp_absent(
			    r, "tasks of the untrained model", "eval/catwalk-init/metrics.json");
		t.all = json_object_get(v, "tasks");
		t.init = json_object_get(init, "tasks");
		tasks_section(r, &t);
	}
	json_decref(t.documents);
	json_decref(init);
	json_decref(v);
	return rc ? -1 : 0;
}

/* --- samples ----------------------------------------------------------------------------------- */

int rp_samples(struct report *r)
{
	json_t *rows, *row;
	size_t i;

	if (rp_read_rows(r, "eval/samples.jsonl", rp_json_line, &rows) < 0)
		return -1;
	if (!rows)
		return rp_absent(r, "samples", "eval/samples.jsonl"), 0;
	rp_section(r, "Samples of generated text");
	buf_str(&r->b, "<p class=\"note\">The prompt is bold and underlined.</p>\n");
	json_array_foreach(rows, i, row)
	{
		if (i == SAMPLES)
			break;
		buf_str(&r->b, "<pre><b>");
		rp_excerpt(&r->b, json_object_get(row, "prompt"), 1000);
		buf_str(&r->b, "</b>");
		rp_excerpt(&r->b, json_object_get(row, "completion"), 2000);
		buf_str(&r->b, "</pre>\n");
	}
	json_decref(rows);
	return 0;
}

/* Leaves of an object, one a row: "a.b", value. */
static void flat_rows(struct buf *b, const char *prefix, const json_t *o)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)o, key, v)
	{
		char *name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key), *value;
		if (json_is_object(v) && json_object_size(v))
			flat_rows(b, name, v);
		else {
			value = json_dumps(
			    v, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
			buf_str(b, "<tr><td><code>");
			rp_text(b, name);
			buf_str(b, "</code></td><td><code>");
			rp_text(b, json_is_string(v) ? json_string_value(v) : value ? value : "");
			buf_str(b, "</code></td></tr>\n");
			free(value);
		}
		free(name);
	}
}

/* The header of a safetensors file: 8 bytes of length, then an object of tensors. */
static json_t *tensors_of(const char *path)
{
	FILE *f = fopen(path, "rb");
	unsigned char head[8];
	uint64_t len = 0;
	json_error_t e;
	json_t *v = NULL;
	char *text;

	if (!f)
		return err_sys("cannot open '%s'", path), NULL;
	if (fread(head, 1, 8, f) == 8)
		for (int i = 7; i >= 0; i--)
			len = len << 8 | head[i];
	if (len && len <= HEADER_MOST) {
		text = xmalloc(len);
		if (fread(text, 1, len, f) == len)
			v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
		free(text);
	}
	fclose(f);
	if (json_is_object(v))
		return v;
	json_decref(v);
	return err_set("%s: no header of a safetensors file", path), NULL;
}

/* Numbers in all tensors, and in those that are not the embedding or its transpose at the end. */
static void count_params(const json_t *tensors, uint64_t *all, uint64_t *inner)
{
	const char *name;
	json_t *v, *dim;
	size_t i;

	*all = *inner = 0;
	json_object_foreach((json_t *)tensors, name, v)
	{
		uint64_t n = 1;

		if (!json_is_array(json_object_get(v, "shape")))
			continue;
		json_array_foreach(json_object_get(v, "shape"), i, dim) n *=
		    (uint64_t)json_integer_value(dim);
		*all += n;
		if (!strstr(name, "embed_tokens") && !strstr(name, "lm_head"))
			*inner += n;
	}
}

static void fact(struct buf *b, const char *what, uint64_t v)
{
	buf_str(b, "<tr>");
	rp_cell_text(b, what);
	rp_cell_count(b, v);
	buf_str(b, "</tr>\n");
}

/* Of the checkpoint that the run's manifest names. */
static int params(struct report *r, const char *name)
{
	char *rel = xasprintf("run/%s", name), *path = rp_in_dir(r, rel);
	uint64_t all, inner;
	json_t *tensors;
	int rc = 0;

	if (!rp_exists(r, rel))
		rp_absent(r, "parameters of the model", rel);
	else if (!(tensors = tensors_of(path)))
		rc = -1;
	else {
		count_params(tensors, &all, &inner);
		fact(&r->b, "parameters", all);
		fact(&r->b, "parameters without the embedding", inner);
		json_decref(tensors);
	}
	free(path);
	free(rel);
	return rc;
}

static void fact_of(struct report *r, const char *what, const json_t *v)
{
	if (json_is_integer(v))
		fact(&r->b, what, (uint64_t)json_integer_value(v));
}

static int facts(struct report *r, const json_t *config)
{
	json_t *m = json_object_get(r->manifests, "run/manifest.json"),
	       *counts = json_object_get(m, "counts"), *v;
	int rc = 0;
	size_t i;

	rp_table(&r->b, "model|#");
	json_array_foreach(json_object_get(m, "outputs"), i, v)
	{
		const char *path = rp_field(v, "path");

		if (path && rc == 0 && rp_ends(path, "/model.safetensors"))
			rc = params(r, path);
	}
	fact_of(r, "tokens seen", json_object_get(counts, "tokens"));
	fact_of(r, "steps", json_object_get(counts, "steps"));
	fact_of(r, "seed", json_object_get(config, "seed"));
	rp_table_end(&r->b);
	return rc;
}

static void model_files(struct report *r)
{
	json_t *m = json_object_get(r->manifests, "run/manifest.json"), *v;
	const char *const lists[] = {"inputs", "outputs"};
	size_t i;

	rp_table(&r->b, "trained on, written|#bytes|XXH3-128");
	for (size_t k = 0; k < 2; k++)
		json_array_foreach(json_object_get(m, lists[k]), i, v)
		{
			const char *path = rp_field(v, "path");

			if (!path || (k && !rp_ends(path, "/model.safetensors")))
				continue;
			buf_str(&r->b, "<tr><td><code>");
			rp_text(&r->b, path + (rp_begins(path, "../") ? 3 : 0));
			buf_str(&r->b, "</code></td>");
			rp_cell_int(&r->b, json_object_get(v, "bytes"));
			buf_str(&r->b, "<td><code>");
			rp_json_text(&r->b, json_object_get(v, "xxh3"));
			buf_str(&r->b, "</code></td></tr>\n");
		}
	rp_table_end(&r->b);
}

static int model_card_of(struct report *r, const json_t *config)
{
	rp_section(r, "Model card");
	if (facts(r, config) < 0)
		return -1;
	if (json_object_get(r->manifests, "run/manifest.json"))
		model_files(r);
	else
		buf_str(&r->b, "<p class=\"note\">No run/manifest.json: the planned end was not "
			       "reached.</p>\n");
	buf_str(&r->b, "<details><summary>Configuration</summary>\n");
	rp_table(&r->b, "key|value");
	flat_rows(&r->b, "", config);
	rp_table_end(&r->b);
	buf_str(&r->b, "</details>\n");
	return 0;
}

int rp_model_card(struct report *r)
{
	json_t *config;
	int rc;

	if (rp_read_json(r, "run/config.json", &config) < 0)
		return -1;
	if (!config)
		return rp_absent(r, "model card", "run/config.json"), 0;
	rc = model_card_of(r, config);
	json_decref(config);
	return rc;
}

/* --- several runs ------------------------------------------------------------------------------- */

static int load_line(const char *dir, const char *key, struct svgplot_line *s)
{
	char *path = xasprintf("%s/run/log.jsonl", dir);
	struct svgplot_log log;
	int rc = 0;

	s->name = dir;
	if (access(path, F_OK) == 0 && (rc = svgplot_read(&log, path)) == 0) {
		svgplot_series(&log, key, s);
		svgplot_log_free(&log);
	}
	free(path);
	return rc;
}

static int overlay_curve(
    struct buf *page, char **dirs, size_t n, const char *key, const char *title, const char *unit)
{
	struct svgplot_line *s = xcalloc(n, sizeof *s);
	struct svgplot p = {title, "step", unit, 0, s, n};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = load_line(dirs[i], key, &s[i]);
	if (rc == 0) {
		buf_str(page, "<div>");
		svgplot_draw(&p, page);
		buf_str(page, "</div>\n");
	}
	for (size_t i = 0; i < n; i++)
		svgplot_line_free(&s[i]);
	free(s);
	return rc;
}

/* Rows of one run's metrics.tsv into all: "source / domain": list of bits, null where absent. */
static int add_bits(json_t *all, const char *dir, size_t run, size_t n)
{
	struct report r = {.dir = dir};
	json_t *rows, *row;
	size_t i;
	int rc = 0;

	if (rp_read_rows(&r, "eval/paloma/metrics.tsv", rp_tsv_line, &rows) < 0)
		return -1;
	json_array_foreach(rows, i, row)
	{
		const char *source = rp_field(row, "source"), *domain = rp_field(row, "domain");
		int same = !source || !domain || !strcmp(source, domain);
		char *name = same ? xasprintf("%s", domain   ? domain
						    : source ? source
							     : "")
				  : xasprintf("%s / %s", source, domain);
		json_t *list = json_object_get(all, name);
		double v;

		if (!list) {
			list = json_array();
			for (size_t k = 0; k < n; k++)
				json_array_append_new(list, json_null());
			json_object_set_new(all, name, list);
		}
		free(name);
		if (rp_field_num(row, "bpb", &v) < 0) {
			err_prefix("%s/eval/paloma/metrics.tsv:%zu", dir, i + 2);
			rc = -1;
			break;
		}
		json_array_set_new(list, run, json_real(v));
	}
	json_decref(rows);
	return rc;
}

/* Means where every run has the row, so that they can be compared. */
static void overlay_mean(struct buf *page, const json_t *all, size_t n)
{
	json_t *list;
	const char *name;

	buf_str(page, "<tr class=\"sum\"><td>mean</td>");
	for (size_t k = 0; k < n; k++) {
		double sum = 0;
		size_t rows = 0;

		json_object_foreach((json_t *)all, name, list)
		{
			rows += json_is_real(json_array_get(list, k));
			sum += json_real_value(json_array_get(list, k));
		}
		if (rows == json_object_size(all))
			rp_cell_num(page, sum / (double)rows, 3);
		else
			rp_cell_none(page);
	}
	buf_str(page, "</tr>\n");
}

static void overlay_bits(struct buf *page, char **dirs, size_t n, const json_t *all)
{
	size_t rows = json_object_size(all), i = 0;
	const char **names = xcalloc(rows, sizeof *names), *name;
	double *v = xcalloc(rows * n, sizeof *v);
	struct svgbars p = {
	    "Bits per byte (smaller is better)", names, rows, (const char *const *)dirs, n, v, 3};
	json_t *list;

	buf_str(page, "<h2>Bits per byte</h2>\n<div class=\"wide\"><table>\n<tr><th>source</th>");
	for (size_t k = 0; k < n; k++) {
		buf_str(page, "<th class=\"n\">");
		rp_text(page, dirs[k]);
		buf_str(page, "</th>");
	}
	buf_str(page, "</tr>\n");
	json_object_foreach((json_t *)all, name, list)
	{
		names[i] = name;
		buf_str(page, "<tr>");
		rp_cell_text(page, name);
		for (size_t k = 0; k < n; k++) {
			json_t *x = json_array_get(list, k);

			v[i * n + k] = json_is_real(x) ? json_real_value(x) : NAN;
			if (json_is_real(x))
				rp_cell_num(page, json_real_value(x), 3);
			else
				rp_cell_none(page);
		}
		buf_str(page, "</tr>\n");
		i++;
	}
	overlay_mean(page, all, n);
	rp_table_end(page);
	svgbars_draw(&p, page);
	free(names);
	free(v);
}

int rp_overlay(struct buf *page, char **dirs, size_t n)
{
	json_t *all = json_object();
	int rc;

	buf_str(page, "<h1>Runs side by side</h1>\n<div class=\"charts\">\n");
	rc = overlay_curve(page, dirs, n, LOSS, "Loss of the training batches", "nats a token");
	if (rc == 0)
		rc = overlay_curve(page, dirs, n, RATE, "Learning rate", "learning rate");
	buf_str(page, "</div>\n");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_bits(all, dirs[i], i, n);
	if (rc == 0 && json_object_size(all))
		overlay_bits(page, dirs, n, all);
	json_decref(all);
	return rc;
}
