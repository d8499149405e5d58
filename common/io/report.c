#include "io/report.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/svgplot.h"

enum { EXAMPLES = 5, EXAMPLE_LEN = 300, SAMPLES = 12 };

#define LOSS "train/CrossEntropyLoss"
#define RATE "optim/learning_rate_group0"

struct report {
	struct buf b;
	struct buf missing;
	const char *dir;
	json_t *manifests; /* path below dir: manifest, in order of the paths */
	json_t *stats;     /* path below dir: object of --stats */
	json_t *funnel;    /* source: counts */
};

static const char style[] =
    "body{font:16px/1.45 sans-serif;color:#1a1a1a;background:#fff;max-width:72rem;margin:0 auto;"
    "padding:1rem}\n"
    "h1{font-size:1.7rem;margin:.5rem 0}h2{font-size:1.25rem;border-bottom:2px solid #333;"
    "margin:2.2rem 0 .6rem}h3{font-size:1.05rem;margin:1.2rem 0 .3rem}\n"
    "p{margin:.4rem 0}.note{color:#444;font-size:.9rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0;font-size:.92rem}\n"
    "th,td{padding:.25rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ccc}\n"
    "th{border-bottom:2px solid #555}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}\n"
    "tr.sum td{border-top:2px solid #555;font-weight:bold}\n"
    "code,pre{font:.85rem/1.4 monospace;overflow-wrap:anywhere}\n"
    "pre{white-space:pre-wrap;unicode-bidi:isolate;border-left:3px solid #999;padding:.3rem .7rem;"
    "margin:.3rem 0 .8rem;background:#f6f6f6;max-height:24rem;overflow:auto}\n"
    "td code{unicode-bidi:isolate}.rules td code{display:inline-block;min-width:13rem}pre "
    "b{text-decoration:underline}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));"
    "gap:1rem}svg{width:100%;height:auto;max-width:44rem}\n"
    "@media (max-width:40rem){body{padding:.6rem;font-size:15px}th,td{padding:.2rem .4rem}"
    "table{font-size:.85rem}}\n"
    "@media print{body{max-width:none;font-size:10pt;padding:0}pre{max-height:none;"
    "background:none}h2,h3{break-after:avoid}tr,svg,pre{break-inside:avoid}.wide{overflow:visible}"
    "}\n";

/* --- writing ---------------------------------------------------------------------------------- */

static void text(struct buf *b, const char *s)
{
	svgplot_text(b, s, strlen(s));
}

static void json_text(struct buf *b, const json_t *v)
{
	if (json_is_string(v))
		svgplot_text(b, json_string_value(v), json_string_length(v));
}

/* 1234567 as 1,234,567 */
static void number(struct buf *b, uint64_t v)
{
	char digits[32];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, v);

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buf_chr(b, ',');
		buf_chr(b, digits[i]);
	}
}

static void cell_int(struct buf *b, const json_t *v)
{
	buf_str(b, "<td class=\"n\">");
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		number(b, (uint64_t)json_integer_value(v));
	else
		buf_str(b, "\xe2\x80\x93");
	buf_str(b, "</td>");
}

static void cell_num(struct buf *b, double v, int decimals)
{
	buf_printf(b, "<td class=\"n\">%.*f</td>", decimals, v);
}

static void cell_none(struct buf *b)
{
	buf_str(b, "<td class=\"n\">\xe2\x80\x93</td>");
}

static void cell_text(struct buf *b, const char *s)
{
	buf_str(b, "<td>");
	text(b, s ? s : "");
	buf_str(b, "</td>");
}

/* Heads of columns, separated by |; one that begins with # is of numbers. */
static void table(struct buf *b, const char *heads)
{
	buf_str(b, "<div class=\"wide\"><table>\n<tr>");
	while (*heads) {
		size_t n = strcspn(heads, "|");
		int num = *heads == '#';
		buf_str(b, num ? "<th class=\"n\">" : "<th>");
		svgplot_text(b, heads + num, n - (size_t)num);
		buf_str(b, "</th>");
		heads += n + (heads[n] == '|');
	}
	buf_str(b, "</tr>\n");
}

static void table_end(struct buf *b)
{
	buf_str(b, "</table></div>\n");
}

static void section(struct report *r, const char *name)
{
	buf_str(&r->b, "<h2>");
	text(&r->b, name);
	buf_str(&r->b, "</h2>\n");
}

static void absent(struct report *r, const char *name, const char *file)
{
	buf_printf(&r->missing, "%s%s (", r->missing.len ? "; " : "", name);
	text(&r->missing, file);
	buf_chr(&r->missing, ')');
}

/* --- reading ---------------------------------------------------------------------------------- */

static char *in_dir(const struct report *r, const char *name)
{
	return xasprintf("%s/%s", r->dir, name);
}

/* Read a line into rows; head is NULL for the first.  0 or -1. */
typedef int line_fn(json_t *rows, json_t **head, const char *line, size_t len);

static int tsv_line(json_t *rows, json_t **head, const char *line, size_t len)
{
	json_t *fields = json_array(), *row, *name, *v;
	size_t i;

	for (const char *p = line, *end = line + len; p <= end;) {
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		size_t n = (size_t)((tab ? tab : end) - p);
		if (json_array_append_new(fields, json_stringn(p, n)) < 0) {
			json_decref(fields);
			return err_set("no UTF-8"), -1;
		}
		p += n + 1;
	}
	if (!*head) {
		*head = fields;
		return 0;
	}
	if (json_array_size(fields) != json_array_size(*head)) {
		err_set("%zu fields, the first line has %zu", json_array_size(fields),
		    json_array_size(*head));
		json_decref(fields);
		return -1;
	}
	row = json_object();
	json_array_foreach(*head, i, name)
	{
		v = json_array_get(fields, i);
		json_object_set(row, json_string_value(name), v);
	}
	json_decref(fields);
	return json_array_append_new(rows, row);
}

static int json_line(json_t *rows, json_t **head, const char *line, size_t len)
{
	json_error_t e;
	json_t *v = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);

	(void)head;
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set("%s", v ? "no object" : e.text), -1;
	}
	return json_array_append_new(rows, v);
}

/* *rows is NULL when there is no such file; 0 or -1. */
static int read_rows(const struct report *r, const char *name, line_fn *fn, json_t **rows)
{
	char *path = in_dir(r, name), *line;
	json_t *head = NULL;
	struct in *f;
	size_t len;
	int rc = 0;

	*rows = NULL;
	if (access(path, F_OK) < 0 || !(f = in_open(path))) {
		rc = access(path, F_OK) < 0 ? 0 : -1;
		free(path);
		return rc;
	}
	*rows = json_array();
	while ((rc = in_line(f, &line, &len)) > 0)
		if (fn(*rows, &head, line, len) < 0) {
			err_prefix("%s:%" PRIu64, path, in_lineno(f));
			rc = -1;
			break;
		}
	in_close(f, NULL);
	json_decref(head);
	if (rc < 0) {
		json_decref(*rows);
		*rows = NULL;
	}
	free(path);
	return rc;
}

static int read_json(const struct report *r, const char *name, json_t **v)
{
	char *path = in_dir(r, name);
	int there = access(path, F_OK) == 0;

	*v = there ? conf_json(path) : NULL;
	free(path);
	return there && !*v ? -1 : 0;
}

static const char *field(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

/* A number of a TSV; 0 or -1. */
static int field_num(const json_t *row, const char *key, double *v)
{
	const char *s = field(row, key);
	char *end;

	if (!s || !*s)
		return err_set("no column or no value '%s'", key), -1;
	*v = strtod(s, &end);
	return *end ? (err_set("'%s' is no number: %s", key, s), -1) : 0;
}

static int ends(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && !strcmp(s + n - k, tail);
}

static int begins(const char *s, const char *head)
{
	return !strncmp(s, head, strlen(head));
}

static int take_file(struct report *r, const char *path, const char *rel)
{
	int manifest = ends(rel, ".manifest.json") || ends(rel, "/manifest.json");
	json_t *v;

	if (!manifest && !ends(rel, ".stats.json"))
		return 0;
	v = manifest ? manifest_load(path) : conf_json(path);
	if (!v)
		return -1;
	return json_object_set_new(manifest ? r->manifests : r->stats, rel, v);
}

static int walk(struct report *r, const char *rel);

static int walk_entry(struct report *r, const char *rel, const char *name)
{
	char *below = *rel ? xasprintf("%s/%s", rel, name) : xstrdup(name),
	     *path = in_dir(r, below);
	struct stat st;
	int rc = 0;

	if (*name != '.' && strcmp(below, "raw") && lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			rc = walk(r, below);
		else if (S_ISREG(st.st_mode))
			rc = take_file(r, path, below);
	}
	free(path);
	free(below);
	return rc;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk(struct report *r, const char *rel)
{
	char *path = *rel ? in_dir(r, rel) : xstrdup(r->dir);
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_bytes), rc = 0;

	if (n < 0)
		err_sys("%s", path);
	free(path);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		rc = rc < 0 ? rc : walk_entry(r, rel, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* --- documents, bytes, tokens ------------------------------------------------------------------ */

static void add(json_t *o, const char *key, const json_t *v)
{
	json_int_t old = json_integer_value(json_object_get(o, key));

	if (json_is_integer(v))
		json_object_set_new(o, key, json_integer(old + json_integer_value(v)));
}

/* documents/web/0.x, documents/web.x, tokens/web-0000.x: "web".  Caller frees. */
static char *source_name(const char *path)
{
	size_t n = strcspn(path, "/"), k;

	if (!path[n]) {
		n = strcspn(path, ".");
		for (k = n; k && strchr("0123456789", path[k - 1]);)
			k--;
		if (k > 1 && k < n && path[k - 1] == '-')
			n = k - 1;
	}
	return xstrndup(path, n);
}

static void count_into(struct report *r, const char *path, const json_t *m, const char *docs_in,
    const char *docs, const char *bytes_in, const char *bytes)
{
	char *name = source_name(path);
	json_t *counts = json_object_get(m, "counts"), *row = json_object_get(r->funnel, name);

	if (!row) {
		row = json_object();
		json_object_set_new(r->funnel, name, row);
	}
	add(row, docs, json_object_get(counts, docs_in));
	add(row, bytes, json_object_get(counts, bytes_in));
	free(name);
}

static void count_manifest(struct report *r, const char *path, const json_t *m)
{
	const char *program = field(m, "program");
	int mix = !strcmp(program, "dolma-mix");

	if (begins(path, "documents/") && !strcmp(program, "dolma-docs"))
		count_into(r, path + 10, m, "docs_out", "docs", "bytes_text", "bytes");
	else if (begins(path, "documents/") && mix)
		count_into(r, path + 10, m, "docs_out", "train_docs", "bytes_out", "train_bytes");
	else if (begins(path, "eval/data/") && mix)
		count_into(r, path + 10, m, "docs_out", "held_docs", "bytes_out", "held_bytes");
	else if (begins(path, "tokens/") && !strcmp(program, "tokenize")) {
		count_into(r, path + 7, m, "docs_in", "mix_docs", "bytes_in", "mix_bytes");
		count_into(r, path + 7, m, "tokens_out", "tokens", "", "");
	}
}

static const char *const stages[] = {"docs", "bytes", "held_docs", "held_bytes", "train_docs",
    "train_bytes", "mix_docs", "mix_bytes", "tokens", NULL};

static void funnel_row(struct report *r, const char *name, const json_t *row, const char *class)
{
	buf_printf(&r->b, "<tr%s>", class);
	cell_text(&r->b, name);
	for (const char *const *s = stages; *s; s++)
		cell_int(&r->b, json_object_get(row, *s));
	buf_str(&r->b, "</tr>\n");
}

static void funnel(struct report *r)
{
	json_t *m, *row, *sum = json_object();
	const char *path, *name;

	json_object_foreach(r->manifests, path, m) count_manifest(r, path, m);
	if (!json_object_size(r->funnel))
		absent(r, "documents of each source", "manifests below documents/ and tokens/");
	else {
		section(r, "From raw text to tokens");
		table(&r->b,
		    "source|#documents|#bytes of text|#held out|#bytes|#for training|#bytes|"
		    "#after the mix|#bytes|#tokens");
		json_object_foreach(r->funnel, name, row)
		{
			funnel_row(r, name, row, "");
			for (const char *const *s = stages; *s; s++)
				add(sum, *s, json_object_get(row, *s));
		}
		funnel_row(r, "all", sum, " class=\"sum\"");
		table_end(&r->b);
		buf_str(&r->b,
		    "<p class=\"note\">Counts of the manifests. Bytes after the first are "
		    "those of JSON lines, so they hold ids and metadata too.</p>\n");
	}
	json_decref(sum);
}

/* --- rules ------------------------------------------------------------------------------------ */

static json_t *stream_documents(const struct report *r, const char *rule)
{
	char *name = xstrndup(rule, strcspn(rule, ":"));
	json_t *row = json_object_get(r->funnel, name), *v = json_object_get(row, "train_docs");

	free(name);
	return v ? v : json_object_get(row, "docs");
}

static void rule_row(struct report *r, const json_t *row, double docs)
{
	static const char *const columns[] = {"docs", "chars", "only_this_rule", NULL};
	const char *rule = field(row, "rule");
	double all = json_number_value(stream_documents(r, rule));

	buf_str(&r->b, "<tr><td><code>");
	text(&r->b, rule);
	buf_str(&r->b, "</code></td>");
	for (const char *const *c = columns; *c; c++) {
		json_t *v =
		    field(row, *c) ? json_integer(strtoll(field(row, *c), NULL, 10)) : NULL;
		cell_int(&r->b, v);
		json_decref(v);
		if (c == columns && all > 0)
			buf_printf(&r->b, "<td class=\"n\">%.1f %%</td>", 100 * docs / all);
		else if (c == columns)
			cell_none(&r->b);
	}
	buf_str(&r->b, "</tr>\n");
}

static int rules_table(struct report *r, const json_t *rows)
{
	size_t i, idle = 0;
	const json_t *row;
	double docs;

	section(r, "What the rules of the mix did");
	buf_str(&r->b, "<div class=\"rules\">");
	table(&r->b, "rule|#documents|#share|#characters|#by this rule alone");
	json_array_foreach(rows, i, row)
	{
		if (!field(row, "rule") || field_num(row, "docs", &docs) < 0) {
			err_prefix("%s/mix-rules.tsv:%zu", r->dir, i + 2);
			return -1;
		}
		if (docs > 0)
			rule_row(r, row, docs);
		else
			idle++;
	}
	table_end(&r->b);
	buf_str(&r->b, "</div>");
	buf_printf(&r->b,
	    "<p class=\"note\">%zu more rule%s met no document. exclude, include and "
	    "min_text_length drop documents, span_replacement masks spans in them; a document "
	    "that "
	    "several rules name counts with each.</p>\n",
	    idle, idle == 1 ? "" : "s");
	return 0;
}

/* Text, cut after so many code points. */
static void excerpt(struct buf *b, const json_t *v, size_t most)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v), i = 0, points = 0;

	if (!s)
		return;
	for (; i < n && points < most; points++)
		for (i++; i < n && ((unsigned char)s[i] & 0xc0) == 0x80;)
			i++;
	svgplot_text(b, s, i);
	if (i < n)
		buf_str(b, "\xe2\x80\xa6");
}

static void example(struct report *r, const json_t *v)
{
	buf_str(&r->b, "<p><code>");
	json_text(&r->b, json_object_get(v, "id"));
	buf_str(&r->b, "</code></p>\n<pre>");
	excerpt(&r->b, json_object_get(v, "text"), EXAMPLE_LEN);
	buf_str(&r->b, "</pre>\n");
}

/* Examples by rule, rules in the order of their first example. */
static int examples(struct report *r)
{
	json_t *rows, *row, *by_rule, *list;
	const char *rule;
	size_t i;

	if (read_rows(r, "mix-dropped.jsonl", json_line, &rows) < 0)
		return -1;
	if (!rows)
		return absent(r, "examples of dropped documents", "mix-dropped.jsonl"), 0;
	by_rule = json_object();
	json_array_foreach(rows, i, row)
	{
		rule = field(row, "rule");
		list = json_object_get(by_rule, rule ? rule : "");
		if (!list) {
			list = json_array();
			json_object_set_new(by_rule, rule ? rule : "", list);
		}
		if (json_array_size(list) < EXAMPLES)
			json_array_append(list, row);
	}
	json_object_foreach(by_rule, rule, list)
	{
		buf_str(&r->b, "<details open><summary>Dropped by <code>");
		text(&r->b, rule);
		buf_str(&r->b, "</code></summary>\n");
		json_array_foreach(list, i, row) example(r, row);
		buf_str(&r->b, "</details>\n");
	}
	json_decref(by_rule);
	json_decref(rows);
	return 0;
}

static int rules(struct report *r)
{
	json_t *rows;
	int rc;

	if (read_rows(r, "mix-rules.tsv", tsv_line, &rows) < 0)
		return -1;
	if (!rows)
		return absent(r, "rules of the mix", "mix-rules.tsv"), 0;
	rc = rules_table(r, rows);
	json_decref(rows);
	return rc < 0 ? rc : examples(r);
}

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

static int curves(struct report *r)
{
	char *path = in_dir(r, "run/log.jsonl");
	struct svgplot_log log;
	int there = access(path, F_OK) == 0, rc = there ? svgplot_read(&log, path) : 0;

	free(path);
	if (!there)
		return absent(r, "loss and learning rate", "run/log.jsonl"), 0;
	if (rc < 0)
		return -1;
	section(r, "Training");
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
	cell_num(b, bits, 3);
}

static int cell_packed(struct buf *b, struct column *c, const json_t *row, const char *key)
{
	double bytes, packed;

	if (!row)
		return cell_none(b), 0;
	if (field_num(row, "bytes", &bytes) < 0 || field_num(row, key, &packed) < 0)
		return -1;
	if (bytes > 0)
		cell_bits(b, c, 8 * packed / bytes);
	else
		cell_none(b);
	return 0;
}

static json_t *row_of(const json_t *rows, const char *source)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (source && field(row, "source") &&
					     !strcmp(field(row, "source"), source)) return row;
	return NULL;
}

static int bits_row(struct report *r, const json_t *row, const json_t *packed, struct column *c)
{
	const char *source = field(row, "source"), *domain = field(row, "domain");
	json_t *other = row_of(packed, source), *n;
	double v;

	buf_str(&r->b, "<tr><td>");
	text(&r->b, source ? source : "");
	if (source && domain && strcmp(source, domain)) {
		buf_str(&r->b, " / ");
		text(&r->b, domain);
	}
	buf_str(&r->b, "</td>");
	for (const char *const *k = (const char *const[]){"docs", "bytes", NULL}; *k; k++) {
		if (field_num(row, *k, &v) < 0)
			return -1;
		n = json_integer((json_int_t)v);
		cell_int(&r->b, n);
		json_decref(n);
	}
	if (field_num(row, "bpb", &v) < 0)
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

	section(r, "Bits per byte of held-out text");
	table(&r->b, packed ? "source|#documents|#bytes|#model|#xz -9e|#zstd -19"
			    : "source|#documents|#bytes|#model");
	json_array_foreach(rows, i, row) if (bits_row(r, row, packed, c) < 0)
	{
		err_prefix("%s/eval: source %s", r->dir, field(row, "source"));
		return -1;
	}
	buf_str(&r->b, "<tr class=\"sum\"><td>mean</td><td></td><td></td>");
	for (i = 0; i < (packed ? 3 : 1); i++)
		if (c[i].n && c[i].n == json_array_size(rows))
			cell_num(&r->b, c[i].sum / (double)c[i].n, 3);
		else
			cell_none(&r->b);
	buf_str(&r->b, "</tr>\n");
	table_end(&r->b);
	buf_str(&r->b,
	    "<p class=\"note\">Smaller is better. The mean is that of the rows; each counts "
	    "the same.</p>\n");
	return 0;
}

static int bits(struct report *r)
{
	json_t *rows, *packed;
	int rc = 0;

	if (read_rows(r, "eval/paloma/metrics.tsv", tsv_line, &rows) < 0)
		return -1;
	if (!rows)
		return absent(r, "bits per byte", "eval/paloma/metrics.tsv"), 0;
	if (read_rows(r, "eval/compress.tsv", tsv_line, &packed) < 0) {
		json_decref(rows);
		return -1;
	}
	if (!packed)
		absent(r, "xz and zstd beside bits per byte", "eval/compress.tsv");
	rc = bits_table(r, rows, packed);
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
		const char *name = field(row, "task_name");
		size_t choices = json_array_size(json_object_get(row, "model_output"));
		if (!name || strcmp(name, task) != 0 || !choices)
			continue;
		sum += 1 / (double)choices;
		n++;
	}
	return n ? sum / (double)n : 0;
}

static void task_row(
    struct report *r, const json_t *task, const char *metric, double value, double chance)
{
	const char *primary = field(task, "primary_metric");
	char *key = xasprintf("%s_stderr", metric);
	const json_t *err = json_object_get(json_object_get(task, "metrics"), key);

	buf_str(&r->b, "<tr>");
	cell_text(&r->b, field(task, "task_name"));
	cell_int(&r->b, json_object_get(task, "num_instances"));
	buf_str(&r->b, "<td>");
	text(&r->b, metric);
	buf_str(&r->b, primary && !strcmp(primary, metric) ? " (primary)</td>" : "</td>");
	cell_num(&r->b, value, 4);
	if (err)
		cell_num(&r->b, json_number_value(err), 4);
	else
		cell_none(&r->b);
	if (chance > 0 && (begins(metric, "acc") || !strcmp(metric, "len_norm")))
		cell_num(&r->b, chance, 4);
	else
		cell_none(&r->b);
	buf_str(&r->b, "</tr>\n");
	free(key);
}

static void task_rows(struct report *r, const json_t *all, const json_t *documents)
{
	json_t *task, *v;
	const char *key;
	size_t i;

	json_array_foreach(all, i, task)
	{
		const char *name = field(task, "task_name");
		double chance = name ? chance_of(documents, name) : 0;
		json_object_foreach(json_object_get(task, "metrics"), key,
		    v) if (json_is_number(v) && !ends(key, "_stderr"))
		    task_row(r, task, key, json_number_value(v), chance);
	}
}

static int tasks(struct report *r)
{
	json_t *v, *documents;

	if (read_json(r, "eval/catwalk/metrics.json", &v) < 0)
		return -1;
	if (!v)
		return absent(r, "tasks", "eval/catwalk/metrics.json"), 0;
	if (read_rows(r, "eval/catwalk/predictions.jsonl", json_line, &documents) < 0) {
		json_decref(v);
		return -1;
	}
	section(r, "Tasks");
	table(&r->b, "task|#documents|metric|#score|#standard error|#chance");
	task_rows(r, json_object_get(v, "tasks"), documents);
	table_end(&r->b);
	json_decref(documents);
	json_decref(v);
	return 0;
}

/* --- samples, time ------------------------------------------------------------------------------ */

static int samples(struct report *r)
{
	json_t *rows, *row;
	size_t i;

	if (read_rows(r, "samples.jsonl", json_line, &rows) < 0)
		return -1;
	if (!rows)
		return absent(r, "samples", "samples.jsonl"), 0;
	section(r, "Samples of generated text");
	buf_str(&r->b, "<p class=\"note\">The prompt is bold and underlined.</p>\n");
	json_array_foreach(rows, i, row)
	{
		if (i == SAMPLES)
			break;
		buf_str(&r->b, "<pre><b>");
		excerpt(&r->b, json_object_get(row, "prompt"), 1000);
		buf_str(&r->b, "</b>");
		excerpt(&r->b, json_object_get(row, "completion"), 2000);
		buf_str(&r->b, "</pre>\n");
	}
	json_decref(rows);
	return 0;
}

static void add_time(json_t *sums, const json_t *stats)
{
	const char *name = field(stats, "program");
	json_t *row = json_object_get(sums, name ? name : "?"), *max, *v;

	if (!row) {
		row = json_object();
		json_object_set_new(sums, name ? name : "?", row);
	}
	for (const char *const *k = (const char *const[]){"wall_s", "cpu_s", NULL}; *k; k++)
		json_object_set_new(row, *k,
		    json_real(json_number_value(json_object_get(row, *k)) +
			      json_number_value(json_object_get(stats, *k))));
	json_object_set_new(
	    row, "runs", json_integer(json_integer_value(json_object_get(row, "runs")) + 1));
	max = json_object_get(row, "max_rss_bytes");
	v = json_object_get(stats, "max_rss_bytes");
	if (json_number_value(v) > json_number_value(max))
		json_object_set(row, "max_rss_bytes", v);
}

static void times(struct report *r)
{
	json_t *sums = json_object(), *v;
	const char *name;

	json_object_foreach(r->stats, name, v) add_time(sums, v);
	if (!json_object_size(sums))
		absent(r, "wall and CPU time", "*.stats.json");
	else {
		section(r, "Time of each program");
		table(&r->b, "program|#runs|#wall, s|#CPU, s|#most memory, MB");
		json_object_foreach(sums, name, v)
		{
			buf_str(&r->b, "<tr>");
			cell_text(&r->b, name);
			cell_int(&r->b, json_object_get(v, "runs"));
			cell_num(&r->b, json_number_value(json_object_get(v, "wall_s")), 2);
			cell_num(&r->b, json_number_value(json_object_get(v, "cpu_s")), 2);
			cell_num(&r->b,
			    json_number_value(json_object_get(v, "max_rss_bytes")) / 1e6, 1);
			buf_str(&r->b, "</tr>\n");
		}
		table_end(&r->b);
	}
	json_decref(sums);
}

/* --- cards ------------------------------------------------------------------------------------ */

static void card_source(json_t *cards, const char *path, const json_t *m)
{
	char *name = source_name(path + strlen("documents/"));
	json_t *row = json_object_get(cards, name), *o = json_object_get(m, "options");
	const char *license = field(o, "license");

	if (!row) {
		row = json_object();
		json_object_set_new(cards, name, row);
	}
	if (field(o, "from"))
		json_object_set(row, "from", json_object_get(o, "from"));
	json_object_set_new(row, "files",
	    json_integer(json_integer_value(json_object_get(row, "files")) +
			 (json_int_t)json_array_size(json_object_get(m, "inputs"))));
	if (license && !field(row, "license"))
		json_object_set_new(row, "license", json_string(license));
	else if (license && !strstr(field(row, "license"), license)) {
		json_t *both = json_sprintf("%s, %s", field(row, "license"), license);
		json_object_set_new(row, "license", both);
	}
	add(row, "bytes", json_object_get(json_object_get(m, "counts"), "bytes_in"));
	free(name);
}

static void data_card(struct report *r)
{
	json_t *cards = json_object(), *m, *row;
	const char *path;

	json_object_foreach(r->manifests, path,
	    m) if (begins(path, "documents/") && !strcmp(field(m, "program"), "dolma-docs"))
	    card_source(cards, path, m);
	if (!json_object_size(cards))
		absent(r, "data card", "manifests of dolma-docs below documents/");
	else {
		section(r, "Data card");
		table(&r->b, "source|read as|#raw files|#bytes|licence");
		json_object_foreach(cards, path, row)
		{
			buf_str(&r->b, "<tr>");
			cell_text(&r->b, path);
			cell_text(&r->b, field(row, "from"));
			cell_int(&r->b, json_object_get(row, "files"));
			cell_int(&r->b, json_object_get(row, "bytes"));
			cell_text(
			    &r->b, field(row, "license") ? field(row, "license") : "not recorded");
			buf_str(&r->b, "</tr>\n");
		}
		table_end(&r->b);
	}
	json_decref(cards);
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
			text(b, name);
			buf_str(b, "</code></td><td><code>");
			text(b, json_is_string(v) ? json_string_value(v) : value ? value : "");
			buf_str(b, "</code></td></tr>\n");
			free(value);
		}
		free(name);
	}
}

static void model_files(struct report *r)
{
	json_t *m = json_object_get(r->manifests, "run/manifest.json"), *v;
	size_t i;

	flat_rows(&r->b, "counts", json_object_get(m, "counts"));
	json_array_foreach(
	    json_object_get(m, "outputs"), i, v) if (ends(field(v, "path"), "/model.safetensors"))
	{
		buf_str(&r->b, "<tr><td><code>");
		text(&r->b, field(v, "path"));
		buf_str(&r->b, "</code></td><td>");
		number(&r->b, (uint64_t)json_integer_value(json_object_get(v, "bytes")));
		buf_str(&r->b, " bytes, XXH3-128 <code>");
		text(&r->b, field(v, "xxh3"));
		buf_str(&r->b, "</code></td></tr>\n");
	}
}

static void model_card(struct report *r, const json_t *config)
{
	if (!config) {
		absent(r, "model card", "run/config.json");
		return;
	}
	section(r, "Model card");
	table(&r->b, "what|value");
	flat_rows(&r->b, "", config);
	model_files(r);
	table_end(&r->b);
	if (!json_object_get(r->manifests, "run/manifest.json"))
		buf_str(&r->b, "<p class=\"note\">No run/manifest.json: the planned end was not "
			       "reached.</p>\n");
}

/* --- a run, the page ---------------------------------------------------------------------------- */

static int run_sections(struct report *r, int alone)
{
	json_t *config;
	const char *name;
	size_t head;
	int rc;

	if (walk(r, "") < 0 || read_json(r, "run/config.json", &config) < 0)
		return -1;
	name = alone && field(config, "run_name") ? field(config, "run_name") : r->dir;
	buf_str(&r->b, "<h1>Report: ");
	text(&r->b, name);
	buf_str(&r->b, "</h1>\n");
	head = r->b.len;
	funnel(r);
	rc = rules(r) < 0 || curves(r) < 0 || bits(r) < 0 || tasks(r) < 0 || samples(r) < 0 ? -1
											    : 0;
	if (rc == 0) {
		times(r);
		data_card(r);
		model_card(r, config);
		if (r->b.len == head) {
			err_set(
			    "%s: nothing of a run is there: no manifest, log or metrics", r->dir);
			rc = -1;
		}
		if (r->missing.len)
			buf_printf(&r->b,
			    "<p class=\"note\">Left out, for want of the files: %s.</p>\n",
			    buf_cstr(&r->missing));
	}
	json_decref(config);
	return rc;
}

static int one_run(struct buf *page, const char *dir, int alone)
{
	struct report r = {.dir = dir,
	    .manifests = json_object(),
	    .stats = json_object(),
	    .funnel = json_object()};
	int rc = run_sections(&r, alone);

	if (rc == 0)
		buf_add(page, r.b.p, r.b.len);
	json_decref(r.manifests);
	json_decref(r.stats);
	json_decref(r.funnel);
	buf_release(&r.b);
	buf_release(&r.missing);
	return rc;
}

static int load_line(const char *dir, struct svgplot_line *s)
{
	char *path = xasprintf("%s/run/log.jsonl", dir);
	struct svgplot_log log;
	int rc = 0;

	s->name = dir;
	if (access(path, F_OK) == 0 && (rc = svgplot_read(&log, path)) == 0) {
		svgplot_series(&log, LOSS, s);
		svgplot_log_free(&log);
	}
	free(path);
	return rc;
}

/* The losses of several runs in one chart. */
static int overlay(struct buf *page, char **dirs, size_t n)
{
	struct svgplot_line *s = xcalloc(n, sizeof *s);
	struct svgplot p = {"Loss of the training batches", "step", "nats a token", 0, s, n};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = load_line(dirs[i], &s[i]);
	if (rc == 0) {
		buf_str(page, "<h1>Runs side by side</h1>\n");
		svgplot_draw(&p, page);
	}
	for (size_t i = 0; i < n; i++)
		svgplot_line_free(&s[i]);
	free(s);
	return rc;
}

static void page_head(struct buf *b)
{
	buf_printf(b,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\">\n<title>olmo.c: report</title>\n<style>\n%s</style>\n"
	    "</head>\n<body>\n",
	    style);
}

int report_command(const struct opts *o)
{
	char **dirs = o->files;
	size_t n = o->n_files;
	struct buf page = {0};
	struct out *f;
	int rc = 0;

	page_head(&page);
	if (n > 1)
		rc = overlay(&page, dirs, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = one_run(&page, dirs[i], n == 1);
	buf_str(&page, "</body>\n</html>\n");
	if (rc == 0) {
		f = out_open(o->out, 0);
		rc = f ? out_write(f, page.p, page.len) : -1;
		if (f && rc < 0)
			out_abort(f);
		else if (f)
			rc = out_commit(f, NULL);
	}
	buf_release(&page);
	return rc;
}
