#include "io/report_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/manifest.h"
#include "io/svgplot.h"

enum { EXAMPLES = 5, EXAMPLE_LEN = 300 };

/* --- documents, bytes, tokens ------------------------------------------------------------------ */

static void count_into(struct report *r, const char *path, const json_t *m, const char *docs_in,
    const char *docs, const char *bytes_in, const char *bytes)
{
	char *name = rp_source_name(path);
	json_t *counts = json_object_get(m, "counts"), *row = json_object_get(r->funnel, name);

	if (!row) {
		row = json_object();
		json_object_set_new(r->funnel, name, row);
	}
	rp_add(row, docs, json_object_get(counts, docs_in));
	rp_add(row, bytes, json_object_get(counts, bytes_in));
	free(name);
}

/* Does it end in a file?  Else it is the beginning of a pipe, whose documents are not all there. */
static int has_file(const json_t *m)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(m, "outputs"), i,
	    v) if (rp_field(v, "path") && strcmp(rp_field(v, "path"), "-") != 0) return 1;
	return 0;
}

static void count_manifest(struct report *r, const char *path, const json_t *m)
{
	const char *program = rp_field(m, "program");
	int mix = !strcmp(program, "dolma-mix") && has_file(m);

	if (rp_begins(path, "documents/") && !strcmp(program, "dolma-docs"))
		count_into(r, path + 10, m, "docs_out", "docs", "bytes_text", "bytes");
	else if (rp_begins(path, "documents/") && mix)
		count_into(r, path + 10, m, "docs_out", "train_docs", "bytes_out", "train_bytes");
	else if (rp_begins(path, "eval/data/") && mix)
		count_into(r, path + 10, m, "docs_out", "held_docs", "bytes_out", "held_bytes");
	else if (rp_begins(path, "tokens/") && !strcmp(program, "tokenize")) {
		count_into(r, path + 7, m, "docs_in", "mix_docs", "bytes_in", "mix_bytes");
		count_into(r, path + 7, m, "tokens_out", "tokens", "", "");
	}
}

static const char *const stages[] = {"docs", "bytes", "held_docs", "held_bytes", "train_docs",
    "train_bytes", "mix_docs", "mix_bytes", "tokens", NULL};

static void funnel_row(struct report *r, const char *name, const json_t *row, const char *class)
{
	buf_printf(&r->b, "<tr%s>", class);
	rp_cell_text(&r->b, name);
	for (const char *const *s = stages; *s; s++)
		rp_cell_int(&r->b, json_object_get(row, *s));
	buf_str(&r->b, "</tr>\n");
}

void rp_funnel(struct report *r)
{
	json_t *m, *row, *sum = json_object();
	const char *path, *name;

	json_object_foreach(r->manifests, path, m) count_manifest(r, path, m);
	if (!json_object_size(r->funnel))
		rp_absent(r, "documents of each source", "manifests below documents/ and tokens/");
	else {
		rp_section(r, "From raw text to tokens");
		rp_table(&r->b,
		    "source|#documents|#bytes of text|#held out|#bytes|#for training|#bytes|"
		    "#after the mix|#bytes|#tokens");
		json_object_foreach(r->funnel, name, row)
		{
			funnel_row(r, name, row, "");
			for (const char *const *s = stages; *s; s++)
				rp_add(sum, *s, json_object_get(row, *s));
		}
		funnel_row(r, "all", sum, " class=\"sum\"");
		rp_table_end(&r->b);
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

/* The rule without its stream. */
static const char *rule_text(const char *rule)
{
	const char *p = strchr(rule, ':');

	return p ? p + 1 + (p[1] == ' ') : rule;
}

static void rule_row(struct report *r, const json_t *row, double docs)
{
	static const char *const columns[] = {"docs", "chars", "only_this_rule", NULL};
	const char *rule = rp_field(row, "rule");
	double all = json_number_value(stream_documents(r, rule));

	buf_str(&r->b, "<tr><td><code>");
	rp_text(&r->b, rule_text(rule));
	buf_str(&r->b, "</code></td>");
	for (const char *const *c = columns; *c; c++) {
		const char *v = rp_field(row, *c);
		if (v)
			rp_cell_count(&r->b, strtoull(v, NULL, 10));
		else
			rp_cell_none(&r->b);
		if (c == columns && all > 0)
			buf_printf(&r->b, "<td class=\"n\">%.1f %%</td>", 100 * docs / all);
		else if (c == columns)
			rp_cell_none(&r->b);
	}
	buf_str(&r->b, "</tr>\n");
}

static void example(struct report *r, const json_t *v)
{
	json_t *value = json_object_get(v, "value"), *chars = json_object_get(v, "chars");
	char *s = json_is_object(value) ? json_dumps(value, JSON_REAL_PRECISION(6)) : NULL;

	buf_str(&r->b, "<p><code>");
	rp_json_text(&r->b, json_object_get(v, "id"));
	buf_str(&r->b, "</code>");
	if (json_is_integer(chars)) {
		buf_str(&r->b, ", ");
		rp_number(&r->b, (uint64_t)json_integer_value(chars));
		buf_str(&r->b, " characters");
	}
	if (s) {
		buf_str(&r->b, ", <code>");
		rp_text(&r->b, s);
		buf_str(&r->b, "</code>");
	}
	buf_str(&r->b, "</p>\n<pre>");
	rp_excerpt(&r->b, json_object_get(v, "text"), EXAMPLE_LEN);
	buf_str(&r->b, "</pre>\n");
	free(s);
}

static void rule_examples(struct report *r, const char *rule, const json_t *list)
{
	json_t *row;
	size_t i;

	buf_printf(
	    &r->b, "<details><summary>%zu of those dropped by <code>", json_array_size(list));
	rp_text(&r->b, rule);
	buf_str(&r->b, "</code></summary>\n");
	json_array_foreach(list, i, row) example(r, row);
	buf_str(&r->b, "</details>\n");
}

/* Rule: list of at most EXAMPLES rows, rules in the order of their first; NULL: no file. */
static int read_examples(struct report *r, json_t **by_rule)
{
	json_t *rows, *row, *list;
	const char *rule;
	size_t i;

	*by_rule = NULL;
	if (rp_read_rows(r, "mix-dropped.jsonl", rp_json_line, &rows) < 0)
		return -1;
	if (!rows)
		return rp_absent(r, "examples of dropped documents", "mix-dropped.jsonl"), 0;
	*by_rule = json_object();
	json_array_foreach(rows, i, row)
	{
		rule = rp_field(row, "rule");
		list = json_object_get(*by_rule, rule ? rule : "");
		if (!list) {
			list = json_array();
			json_object_set_new(*by_rule, rule ? rule : "", list);
		}
		if (json_array_size(list) < EXAMPLES)
			json_array_append(list, row);
	}
	json_decref(rows);
	return 0;
}

/* The rows from i on that are of one stream. */
static size_t stream_end(const json_t *rows, size_t i)
{
	const char *rule = rp_field(json_array_get(rows, i), "rule");
	size_t n = strcspn(rule, ":");

	while (++i < json_array_size(rows)) {
		const char *other = rp_field(json_array_get(rows, i), "rule");

		if (!other || strcspn(other, ":") != n || memcmp(rule, other, n) != 0)
			break;
	}
	return i;
}

/* One stream: its table, then examples, which are taken out of by_rule. */
static int stream_rules(
    struct report *r, const json_t *rows, size_t from, size_t to, json_t *by_rule)
{
	size_t i, idle = 0;
	double docs;

	buf_str(&r->b, "<h3>");
	svgplot_text(&r->b, rp_field(json_array_get(rows, from), "rule"),
	    strcspn(rp_field(json_array_get(rows, from), "rule"), ":"));
	buf_str(&r->b, "</h3>\n<div class=\"rules\">");
	rp_table(&r->b, "rule|#documents|#share|#characters|#by this rule alone");
	for (i = from; i < to; i++) {
		if (rp_field_num(json_array_get(rows, i), "docs", &docs) < 0) {
			err_prefix("%s/mix-rules.tsv:%zu", r->dir, i + 2);
			return -1;
		}
		if (docs > 0)
			rule_row(r, json_array_get(rows, i), docs);
		else
			idle++;
	}
	rp_table_end(&r->b);
	buf_str(&r->b, "</div>\n");
	if (idle)
		buf_printf(&r->b, "<p class=\"note\">%zu more rule%s met no document.</p>\n", idle,
		    idle == 1 ? "" : "s");
	for (i = from; i < to; i++) {
		const char *rule = rp_field(json_array_get(rows, i), "rule");
		const json_t *list = json_object_get(by_rule, rule);

		if (list) {
			rule_examples(r, rule_text(rule), list);
			json_object_del(by_rule, rule);
		}
	}
	return 0;
}

static int rules_of(struct report *r, const json_t *rows, json_t *by_rule)
{
	size_t i, end, n = json_array_size(rows);
	const char *rule;
	json_t *list;

	rp_section(r, "What the rules of the mix did");
	buf_str(&r->b,
	    "<p class=\"note\">exclude, include and min_text_length drop documents, "
	    "span_replacement masks spans in them; a document that several rules name counts "
	    "with each.</p>\n");
	for (i = 0; i < n; i++)
		if (!rp_field(json_array_get(rows, i), "rule")) {
			err_set("%s/mix-rules.tsv:%zu: no column 'rule'", r->dir, i + 2);
			return -1;
		}
	for (i = 0; i < n; i = end) {
		end = stream_end(rows, i);
		if (stream_rules(r, rows, i, end, by_rule) < 0)
			return -1;
	}
	/* of rules that the table does not have */
	json_object_foreach(by_rule, rule, list) rule_examples(r, rule, list);
	return 0;
}

int rp_rules(struct report *r)
{
	json_t *rows, *by_rule;
	int rc;

	if (rp_read_rows(r, "mix-rules.tsv", rp_tsv_line, &rows) < 0)
		return -1;
	if (!rows)
		return rp_absent(r, "rules of the mix", "mix-rules.tsv"), 0;
	rc = read_examples(r, &by_rule);
	if (rc == 0)
		rc = rules_of(r, rows, by_rule);
	json_decref(by_rule);
	json_decref(rows);
	return rc;
}

/* --- data card ---------------------------------------------------------------------------------- */

static void card_source(json_t *cards, const char *path, const json_t *m)
{
	char *name = rp_source_name(path + strlen("documents/"));
	json_t *row = json_object_get(cards, name), *o = json_object_get(m, "options");
	const char *license = rp_field(o, "license");

	if (!row) {
		row = json_object();
		json_object_set_new(cards, name, row);
	}
	if (rp_field(o, "from"))
		json_object_set(row, "from", json_object_get(o, "from"));
	json_object_set_new(row, "files",
	    json_integer(json_integer_value(json_object_get(row, "files")) +
			 (json_int_t)json_array_size(json_object_get(m, "inputs"))));
	if (license && !rp_field(row, "license"))
		json_object_set_new(row, "license", json_string(license));
	else if (license && !strstr(rp_field(row, "license"), license)) {
		json_t *both = json_sprintf("%s, %s", rp_field(row, "license"), license);
		json_object_set_new(row, "license", both);
	}
	rp_add(row, "bytes", json_object_get(json_object_get(m, "counts"), "bytes_in"));
	rp_add(row, "docs", json_object_get(json_object_get(m, "counts"), "docs_out"));
	rp_add(row, "text", json_object_get(json_object_get(m, "counts"), "bytes_text"));
	free(name);
}

static const char *const card_columns[] = {"files", "bytes", "docs", "text", NULL};

/* "0.1.0" for each program; several when files are of several versions. */
static void versions(struct report *r)
{
	json_t *all = json_object(), *m, *v;
	const char *path, *name;

	json_object_foreach(r->manifests, path, m)
	{
		const char *program = rp_field(m, "program"), *version = rp_field(m, "version"),
			   *old = rp_field(all, program);

		if (!old)
			json_object_set_new(all, program, json_string(version));
		else if (!strstr(old, version))
			json_object_set_new(all, program, json_sprintf("%s, %s", old, version));
	}
	buf_str(&r->b, "<p class=\"note\">Programs:");
	json_object_foreach(all, name, v)
	{
		buf_chr(&r->b, ' ');
		rp_text(&r->b, name);
		buf_chr(&r->b, ' ');
		rp_json_text(&r->b, v);
		buf_chr(&r->b, ';');
	}
	if (json_object_size(all))
		r->b.len--;
	buf_str(&r->b, ".</p>\n");
	json_decref(all);
}

static void output_row(struct report *r, const char *manifest, const json_t *output)
{
	const char *slash = strrchr(manifest, '/'), *name = rp_field(output, "path");
	char *path = xasprintf(
		 "%.*s%s", (int)(slash ? slash + 1 - manifest : 0), manifest, name ? name : "?"),
	     *rel = manifest_relpath(".", path);

	buf_str(&r->b, "<tr><td><code>");
	rp_text(&r->b, rel ? rel : path);
	buf_str(&r->b, "</code></td>");
	rp_cell_int(&r->b, json_object_get(output, "bytes"));
	buf_str(&r->b, "<td><code>");
	rp_json_text(&r->b, json_object_get(output, "xxh3"));
	buf_str(&r->b, "</code></td></tr>\n");
	free(rel);
	free(path);
}

/* What the manifests say was written, but for streams. */
static void checksums(struct report *r)
{
	json_t *m, *v;
	const char *path;
	size_t i;

	buf_str(&r->b, "<details><summary>Checksums of every file that was made</summary>\n");
	rp_table(&r->b, "file|#bytes|XXH3-128");
	json_object_foreach(r->manifests, path, m)
	{
		json_array_foreach(json_object_get(m, "outputs"), i, v)
		{
			const char *name = rp_field(v, "path");

			if (name && strcmp(name, "-") != 0)
				output_row(r, path, v);
		}
	}
	rp_table_end(&r->b);
	buf_str(&r->b, "</details>\n");
}

void rp_data_card(struct report *r)
{
	json_t *cards = json_object(), *m, *row;
	const char *path;

	json_object_foreach(r->manifests, path,
	    m) if (rp_begins(path, "documents/") && !strcmp(rp_field(m, "program"), "dolma-docs"))
	    card_source(cards, path, m);
	if (!json_object_size(cards))
		rp_absent(r, "data card", "manifests of dolma-docs below documents/");
	else {
		rp_section(r, "Data card");
		rp_table(
		    &r->b, "source|licence|read as|#raw files|#bytes|#documents|#bytes of text");
		json_object_foreach(cards, path, row)
		{
			buf_str(&r->b, "<tr>");
			rp_cell_text(&r->b, path);
			rp_cell_text(&r->b,
			    rp_field(row, "license") ? rp_field(row, "license") : "not recorded");
			rp_cell_text(&r->b, rp_field(row, "from"));
			for (const char *const *c = card_columns; *c; c++)
				rp_cell_int(&r->b, json_object_get(row, *c));
			buf_str(&r->b, "</tr>\n");
		}
		rp_table_end(&r->b);
	}
	if (json_object_size(r->manifests)) {
		if (!json_object_size(cards))
			rp_section(r, "Files");
		versions(r);
		checksums(r);
	}
	json_decref(cards);
}
