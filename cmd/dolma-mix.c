/* dolma-mix: which documents stay, what is masked in them: Dolma's mixer as a filter, or over
 * documents/ and attributes/ into shards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/stats.h"
#include "doc/docrun.h"
#include "io/manifest.h"
#include "io/out.h"
#include "text/mix.h"

enum { STREAM = OPT_LONG, RULES, EXAMPLES, EXPLAIN, STRICT, COMPAT };

static const struct opt own[] = {
    {"config", 'c', "CONF", "configuration: YAML or JSON with Dolma's keys"},
    {"stream", STREAM, "NAME", "the stream that is used [the only one]"},
    {"rules", RULES, "F", "write what each rule did: rule, docs, chars, only_this_rule"},
    {"examples", EXAMPLES, "F", "write five documents that each rule drops, as JSON lines"},
    {"explain", EXPLAIN, "ID", "name the rules that remove this document; status 1: it is kept"},
    {"strict", STRICT, NULL, "an attribute that a rule names and no document has is an error"},
    {"dolma-compat", COMPAT, NULL, "make the original's mistakes in span replacement"}, {0}};

static const struct prog prog = {"dolma-mix",
    "-c CONF [--stream NAME] [OPTIONS] [FILE..]\n-c CONF [OPTIONS] -o DIR\n"
    "-c CONF --explain ID [FILE..]",
    "keep, drop and mask documents by their attributes", own, 0};

struct mix {
	struct opts o;
	const char *conf_path, *stream_name, *rules, *examples, *explain;
	unsigned flags;
	struct mix_conf *conf;
	struct mix_stream *stream; /* filter form */
	struct mix_run *run;
	struct manifest *m;
	struct out *rules_out, *examples_out;
	struct buf dropped; /* --examples */
	FILE *report;
	char *report_text;
	size_t report_len;
	int found, kept;
};

static void parse(struct mix *x, int argc, char **argv)
{
	const char *arg;
	int key;

	opts_init(&x->o, &prog, argc, argv);
	while ((key = opts_next(&x->o, &arg)))
		switch (key) {
		case 'c':
			x->conf_path = arg;
			break;
		case STREAM:
			x->stream_name = arg;
			break;
		case RULES:
			x->rules = arg;
			x->flags |= MIX_RULES;
			break;
		case EXAMPLES:
			x->examples = arg;
			x->flags |= MIX_RULES | MIX_EXAMPLES;
			break;
		case EXPLAIN:
			x->explain = arg;
			x->flags |= MIX_RULES;
			break;
		case STRICT:
			x->flags |= MIX_STRICT;
			break;
		case COMPAT:
			x->flags |= MIX_COMPAT;
			break;
		}
	if (!x->conf_path)
		die_usage("no configuration: give -c CONF");
	if (x->explain && (x->o.out || x->rules || x->examples))
		die_usage("--explain writes nothing: no -o, no --rules, no --examples");
}

static int has_documents(const struct mix *x)
{
	int any = 0;

	for (size_t i = 0; i < x->conf->n; i++)
		if (!x->stream_name || !strcmp(x->stream_name, x->conf->stream[i].name))
			any |= x->conf->stream[i].n_documents > 0;
	return any;
}

/* Dolma's layout: no operands, and the configuration says what to read. */
static int is_layout(const struct mix *x)
{
	return !x->o.n_files && has_documents(x) && (x->o.out || x->explain);
}

static void note_unused(const struct mix *x, int layout)
{
	static const char *const filter_only[] = {
	    "documents", "attributes", "compression", "output.path", "output.max_size_in_bytes"};
	json_t *v;
	size_t i;

	json_array_foreach(x->conf->unused, i, v)
	{
		note("'%s' has no effect", json_string_value(v));
	}
	for (i = 0; !layout && i < sizeof filter_only / sizeof filter_only[0]; i++) {
		const char *key = filter_only[i], *dot = strchr(key, '.');
		const json_t *at = x->stream->conf;

		if (dot) {
			at = json_object_get(at, "output");
			key = dot + 1;
		}
		if (json_object_get(at, key))
			note("stream '%s': '%s' has no effect in the filter form", x->stream->name,
			    filter_only[i]);
	}
}

/* What changes the output: the streams as they are written in the configuration. */
static void describe(struct mix *x)
{
	json_t *streams = json_array();

	for (size_t i = 0; i < x->conf->n; i++)
		if (x->stream
			? &x->conf->stream[i] == x->stream
			: !x->stream_name || !strcmp(x->stream_name, x->conf->stream[i].name))
			json_array_append(streams, x->conf->stream[i].conf);
	x->m = manifest_new(prog.name);
	manifest_opt_json(x->m, "streams", streams);
	manifest_opt_bool(x->m, "shuffle", x->conf->shuffle);
	manifest_opt_bool(x->m, "dolma_compat", (x->flags & MIX_COMPAT) != 0);
	manifest_opt_bool(x->m, "seal", x->o.seal);
	if (manifest_input_file(x->m, "config", x->conf_path) < 0)
		die_err();
}

static struct out *open_side(const char *path)
{
	struct out *out = out_open(path, 0);

	if (!out)
		die_err();
	return out;
}

static void open_sides(struct mix *x)
{
	if (x->o.dry_run)
		return;
	if (x->examples)
		x->examples_out = open_side(x->examples);
	if (!x->rules)
		return;
	x->rules_out = open_side(x->rules);
	x->report = open_memstream(&x->report_text, &x->report_len);
	if (!x->report)
		die(EXIT_IO, "out of memory: report");
}

static int close_side(
    struct mix *x, const char *role, const char *path, struct out *out, const char *p, size_t n)
{
	struct filehash h;

	if (!out)
		return 0;
	if (out_write(out, p, n) < 0) {
		out_abort(out);
		return -1;
	}
	if (out_commit(out, &h) < 0)
		return -1;
	manifest_output(x->m, role, path, &h);
	return 0;
}

/* Before the manifest is written, which names them. */
static int close_sides(void *ctx)
{
	struct mix *x = ctx;

	if (x->report)
		fclose(x->report);
	if (close_side(x, "rules", x->rules, x->rules_out, x->report_text, x->report_len) < 0 ||
	    close_side(x, "examples", x->examples, x->examples_out, x->dropped.p, x->dropped.len) <
		0)
		return -1;
	free(x->report_text);
	buf_release(&x->dropped);
	return 0;
}

/* --- filter ------------------------------------------------------------------------------------ */

static void *thread_new(void *ctx)
{
	struct mix *x = ctx;

	return mix_thread_new(x->run);
}

static int emit(void *ctx, void *thread, struct doc *d, struct buf *out)
{
	int rc;

	(void)ctx;
	rc = mix_doc(thread, d, strcmp(d->file, "(stdin)") ? d->file : "-", out);
	return rc < 0 ? -1 : 0;
}

static int explain(void *ctx, void *thread, struct doc *d)
{
	struct mix *x = ctx;
	int rc = mix_explain(thread, d, x->explain, stdout);

	x->found |= rc == 0 || rc == 1;
	x->kept |= rc == 1;
	return rc < 0 ? -1 : 0;
}

static int end_filter(void *ctx)
{
	struct mix *x = ctx;

	if (x->explain)
		return 0;
	if (mix_run_end(x->run) < 0)
		return -1;
	if (x->report) {
		mix_report_head(x->report);
		mix_run_report(x->run, x->report);
	}
	if (x->examples)
		mix_run_examples(x->run, &x->dropped);
	return close_sides(x);
}

static int run_filter(struct mix *x)
{
	struct docrun r = {
	    .o = &x->o, .m = x->m, .ctx = x, .thread_new = thread_new, .end = end_filter};
	int rc;

	if (x->explain) {
		x->o.threads = 1; /* prints as it goes */
		r.no_output = 1;
		r.work = explain;
	} else {
		r.emit = emit;
	}
	x->run = mix_run_new(x->stream, x->flags);
	rc = docrun(&r);
	mix_run_free(x->run);
	return rc;
}

static int run_layout(struct mix *x)
{
	struct mix_job j = {.o = &x->o,
	    .conf = x->conf,
	    .only = x->stream_name,
	    .dir = x->explain ? NULL : x->o.out,
	    .explain = x->explain,
	    .flags = x->flags,
	    .report = x->report,
	    .examples = x->examples ? &x->dropped : NULL,
	    .m = x->m,
	    .end = close_sides,
	    .ctx = x};
	int rc = mix_files(&j);

	x->found = j.found;
	x->kept = j.kept;
	return rc;
}

static int answer(const struct mix *x)
{
	if (!x->explain || x->o.dry_run)
		return EXIT_DONE;
	if (!x->found)
		die(EXIT_IO, "no document has the id '%s'", x->explain);
	return x->kept ? EXIT_NO : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct mix x = {0};
	int layout, status;

	parse(&x, argc, argv);
	x.conf = mix_conf_load(x.conf_path);
	if (!x.conf)
		die_err();
	if (x.stream_name && !mix_stream_find(x.conf, x.stream_name))
		die_usage("%s", err_msg());
	layout = is_layout(&x);
	if (!layout) {
		x.stream = mix_stream_find(x.conf, x.stream_name);
		if (!x.stream)
			die_usage("%s", err_msg());
	}
	if (layout && x.o.skip_bad)
		die_usage(
		    "--skip-bad works in the filter form only: rows would not match documents");
	note_unused(&x, layout);
	describe(&x);
	open_sides(&x);
	if ((layout ? run_layout(&x) : run_filter(&x)) < 0)
		die_err();
	manifest_free(x.m);
	status = answer(&x);
	mix_conf_free(x.conf);
	return opts_end(&x.o, status);
}
