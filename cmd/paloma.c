/* paloma: perplexity and bits per byte of documents, by source and domain. */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/stats.h"
#include "doc/jscan.h"
#include "eval/ppl.h"
#include "eval/ppl_report.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"
#include "model/score.h"
#include "tok/encoder.h"
#include "tok/tokenizer.h"

enum { SPLIT = OPT_LONG, MAX_LEN, DISJOINT, WINDOWS, PREFIX, DOCUMENTS };

static const struct opt own[] = {
    {"model", 'm', "HFDIR", "Hugging Face model directory"},
    {"tokenizer", 't', "FILE", "tokenizer.json [HFDIR/tokenizer.json]"},
    {"split", SPLIT, "NAME", "of directories, only files below NAME: val or test [both]"},
    {"max-len", MAX_LEN, "N", "tokens of a window [the model's longest; without one 2048]"},
    {"disjoint", DISJOINT, NULL, "windows share one token, the last one too"},
    {"prefix-id", PREFIX, "N", "id before a document's first token [the model's EOS]"},
    {"windows", WINDOWS, NULL, "print the windows, score nothing (-t, no model)"},
    {"documents", DOCUMENTS, "FILE", "also write a TSV row for each document"},
    {0},
};

static const struct prog prog = {
    "paloma",
    "-m HFDIR [--split val|test] [--max-len N] [--disjoint] -o OUT DOCS|DIR..\n"
    "--windows -t TOK.json [--max-len N] [--disjoint] [DOCS|DIR..]",
    "perplexity and bits per byte of documents",
    own,
};

/* A file of documents and what its place says about it. */
struct input {
	char *path;
	char *source; /* where documents name none */
	char *split;  /* "-": unknown */
};

struct paloma {
	struct opts o;
	const char *model, *tokenizer_path, *split, *documents;
	size_t max_len;
	int disjoint, windows;
	int64_t prefix; /* -1: not given */

	struct input *input;
	size_t n_input;
	char *model_dir; /* without links: what the manifest names */
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	struct score *score;
	struct ppl *ppl;
	struct ppl_table table;
	struct manifest *m;
	struct out *list; /* --windows or --documents */

	struct ids ids;
	struct buf text, name, source, line;
	/* documents that wait for their log-likelihood, in order */
	struct buf *pending;
	uint64_t first_pending, n_doc;
	size_t n_pending, cap_pending;
};

/* -- inputs -------------------------------------------------------------------------------- */

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static int is_documents(const char *path)
{
	static const char *const suffix[] = {
	    ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".json.zst"};
	size_t i;

	for (i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++)
		if (has_suffix(path, suffix[i]))
			return 1;
	return 0;
}

/* Component k of path from the right (0 = the file's name), or "". */
static char *component(const char *path, int k)
{
	const char *end = path + strlen(path), *p = end;

	for (;; k--) {
		while (p > path && p[-1] != '/')
			p--;
		if (k == 0 || p == path)
			break;
		end = --p;
	}
	return k == 0 ? xstrndup(p, (size_t)(end - p)) : xstrdup("");
}

static int is_split(const char *s)
{
	return strcmp(s, "val") == 0 || strcmp(s, "test") == 0;
}

/* SOURCE/val/FILE: the split, and the source for documents that do not name it. */
static void add_input(struct paloma *p, const char *path, int walked)
{
	struct input in = {.path = xstrdup(path), .split = component(path, 1)};

	if (is_split(in.split)) {
		in.source = component(path, 2);
	} else {
		in.source = in.split;
		in.split = xstrdup("-");
	}
	if (in.source[0] == '\0') {
		free(in.source);
		in.source = component(path, 0);
		in.source[strcspn(in.source, ".")] = '\0';
	}
	if (walked && p->split != NULL && strcmp(p->split, in.split) != 0) {
		free(in.path);
		free(in.source);
		free(in.split);
		return;
	}
	p->input = xreallocarray(p->input, p->n_input + 1, sizeof(*p->input));
	p->input[p->n_input++] = in;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void walk(struct paloma *p, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char **name = NULL;
	size_t i, n = 0;
	struct stat st;

	if (d == NULL) {
		err_sys("cannot open '%s'", dir);
		die_err();
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			name = xreallocarray(name, n + 1, sizeof(*name));
			name[n++] = xasprintf("%s/%s", dir, e->d_name);
		}
	closedir(d);
	if (n > 0)
		qsort(name, n, sizeof(*name), by_name);
	for (i = 0; i < n; i++) {
		if (stat(name[i], &st) == 0 && S_ISDIR(st.st_mode))
			walk(p, name[i]);
		else if (is_documents(name[i]))
			add_input(p, name[i], 1);
		free(name[i]);
	}
	free(name);
}

static void find_inputs(struct paloma *p)
{
	struct stat st;
	size_t i;

	for (i = 0; i < p->o.n_files; i++) {
		const char *path = p->o.files[i];

		if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			walk(p, path);
		else
			add_input(p, path, 0);
	}
	if (p->o.n_files == 0)
		add_input(p, "-", 0);
	if (p->n_input == 0)
		die_usage("no documents (*.jsonl, .gz, .zst)%s%s below the directories",
		    p->split == NULL ? "" : " of split ", p->split == NULL ? "" : p->split);
}

/* -- one document -------------------------------------------------------------------------- */

/* A string member of the document, or `or`. */
static const char *string_or(struct jspan v, const char * or, struct buf *b)
{
	b->len = 0;
	if (v.p == NULL || jspan_type(v) != JT_STRING || jscan_str(v, b) < 0 || b->len == 0)
		return or ;
	return buf_cstr(b);
}

static void put_windows(const struct paloma *p, struct buf *b)
{
	struct ppl_window w;
	size_t done;

	buf_chr(b, '\t');
	for (done = 0; ppl_window(p->ids.n, p->max_len, p->disjoint, done, &w); done += w.n)
		buf_printf(b, "%s%zu:%zu:%zu", done == 0 ? "" : ";", w.start, w.n, w.ctx);
	buf_chr(b, '\n');
}

/* The row of a document is ready but for its log-likelihood. */
static void push_pending(struct paloma *p, const struct buf *row)
{
	struct buf *b;

	if (p->n_pending == p->cap_pending) {
		p->cap_pending = p->cap_pending ? 2 * p->cap_pending : 64;
		p->pending = xreallocarray(p->pending, p->cap_pending, sizeof(*p->pending));
	}
	b = &p->pending[p->n_pending++];
	memset(b, 0, sizeof(*b));
	buf_add(b, row->p, row->len);
}

static int document_done(void *arg, uint64_t doc, double ll)
{
	struct paloma *p = arg;
	struct buf *b;
	int rc;

	progress_add(1);
	if (p->list == NULL)
		return 0;
	b = &p->pending[doc - p->first_pending];
	buf_chr(b, '\t');
	buf_f64(b, ll, 1);
	buf_chr(b, '\n');
	rc = out_write(p->list, b->p, b->len);
	buf_release(b);
	if (doc + 1 - p->first_pending == p->n_pending) {
		p->first_pending += p->n_pending;
		p->n_pending = 0;
	}
	return rc;
}

/* A line as a document: its text and ids are in p->text, p->ids, its name begins p->line. */
static int parse(struct paloma *p, struct jscan *j, const char *line, size_t len,
    const char *where, uint64_t lineno)
{
	const char *id;

	p->text.len = p->ids.n = p->line.len = 0;
	if (jscan_line(j, line, len) < 0)
		return -1;
	if (j->f[J_TEXT].p == NULL || jscan_str(j->f[J_TEXT], &p->text) < 0) {
		err_set("no string 'text'");
		return -1;
	}
	buf_cstr(&p->text);
	if (encoder_add(p->encoder, p->text.p, p->text.len, &p->ids) < 0)
		return -1;
	if (j->f[J_ID].p != NULL && jspan_type(j->f[J_ID]) == JT_STRING) {
		id = string_or(j->f[J_ID], "", &p->name);
		buf_tsv(&p->line, id, strlen(id));
	} else
		buf_printf(&p->line, "%s:%" PRIu64, where, lineno);
	return 0;
}

/* Queues the parsed document; its domain is the field subdomain, or its source. */
static int add_document(struct paloma *p, const struct jscan *j, const struct input *in)
{
	const char *source = string_or(j->f[J_SOURCE], in->source, &p->source), *domain;
	struct ppl_sum s = {0};
	struct jspan sub = {NULL, 0};
	struct ppl_row *r;

	(void)jspan_member(j->object, "subdomain", &sub);
	domain = string_or(sub, source, &p->name);
	r = ppl_row(&p->table, source, domain, in->split);
	ppl_count(p->text.p, p->text.len, &s);
	ppl_sum_add(&r->sum, &s);
	if (p->list != NULL) {
		s.tokens = p->ids.n;
		buf_chr(&p->line, '\t');
		buf_tsv(&p->line, source, strlen(source));
		buf_chr(&p->line, '\t');
		buf_tsv(&p->line, domain, strlen(domain));
		buf_printf(&p->line, "\t%s", in->split);
		ppl_report_counts(&p->line, &s);
		push_pending(p, &p->line);
	}
	return ppl_add(p->ppl, p->ids.p, p->ids.n, r, p->n_doc++, document_done, p);
}

/* A line that is no document stops the program, or is counted. */
static int bad_line(struct paloma *p, const char *name, uint64_t lineno)
{
	err_prefix("%s:%" PRIu64, name, lineno);
	if (!p->o.skip_bad)
		return -1;
	if (stats_get("docs_bad") < 5)
		warn("%s", err_msg());
	stats_add("docs_bad", 1);
	return 0;
}

static int one_line(
    struct paloma *p, const struct input *input, struct in *in, const char *line, size_t len)
{
	struct jscan j;

	if (parse(p, &j, line, len, in_name(in), in_lineno(in)) < 0)
		return bad_line(p, in_name(in), in_lineno(in));
	stats_add("docs", 1);
	stats_add("tokens", p->ids.n);
	if (!p->windows)
		return add_document(p, &j, input);
	put_windows(p, &p->line);
	return out_write(p->list, p->line.p, p->line.len);
}

static int read_lines(
    struct paloma *p, const struct input *input, struct in *in, struct seal *seal)
{
	char *line;
	size_t len;
	int rc;

	while ((rc = seal_next(seal, in, &line, &len)) > 0)
		if (one_line(p, input, in, line, len) < 0)
			return -1;
	return rc < 0 ? -1 : seal_end(seal, p->o.require_seal, in_name(in));
}

static int read_file(struct paloma *p, const struct input *input)
{
	struct in *in = in_open(input->path);
	struct filehash h;
	struct seal seal;
	int rc;

	if (in == NULL)
		return -1;
	seal_init(&seal);
	rc = read_lines(p, input, in, &seal);
	seal_release(&seal);
	in_close(in, &h);
	if (rc == 0)
		manifest_input(p->m, "documents", input->path, &h);
	return rc;
}

/* -- the model ----------------------------------------------------------------------------- */

static uint64_t conf_number(const json_t *conf, const char *key, uint64_t or)
{
	const json_t *v = conf_get(conf, key);

	if (json_is_array(v))
		v = json_array_get(v, 0);
	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
								: or
	    ;
}

static void hash_if_there(struct paloma *p, const char *role, const char *name)
{
	char *path = xasprintf("%s/%s", p->model_dir, name);
	struct stat st;

	if (stat(path, &st) == 0 && manifest_input_file(p->m, role, path) < 0)
		die_err();
	free(path);
}

/* The weights' files: one, or those of the index. */
static void note_model(struct paloma *p)
{
	DIR *d = opendir(p->model_dir);
	struct dirent *e;
	char **name = NULL;
	size_t i, n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (has_suffix(e->d_name, ".safetensors") ||
		    has_suffix(e->d_name, ".safetensors.index.json") ||
		    strcmp(e->d_name, "config.json") == 0) {
			name = xreallocarray(name, n + 1, sizeof(*name));
			name[n++] = xstrdup(e->d_name);
		}
	if (d != NULL)
		closedir(d);
	if (n > 0)
		qsort(name, n, sizeof(*name), by_name);
	for (i = 0; i < n; i++) {
		hash_if_there(p, "model", name[i]);
		free(name[i]);
	}
	free(name);
}

static void load_tokenizer(struct paloma *p)
{
	char *path = p->tokenizer_path != NULL ? xstrdup(p->tokenizer_path)
					       : xasprintf("%s/tokenizer.json", p->model_dir);

	p->tokenizer = tokenizer_load(path, TOKENIZER_C);
	if (p->tokenizer == NULL || manifest_input_file(p->m, "tokenizer", path) < 0)
		die_err();
	p->encoder = encoder_new(p->tokenizer);
	free(path);
}

static void load_model(struct paloma *p)
{
	char *path;
	json_t *conf;
	struct score_opts so = {.threads = p->o.threads};
	struct ppl_opts po = {.disjoint = p->disjoint};
	uint64_t eos;

	if (strncmp(p->model, "openai:", 7) == 0 || strncmp(p->model, "mock:", 5) == 0)
		die_usage("-m %s: this version scores model directories only", p->model);
	p->model_dir = realpath(p->model, NULL);
	if (p->model_dir == NULL) {
		err_sys("cannot open '%s'", p->model);
		die_err();
	}
	path = xasprintf("%s/config.json", p->model_dir);
	conf = conf_json(path);
	if (conf == NULL)
		die_err();
	if (p->max_len == 0)
		p->max_len = (size_t)conf_number(conf, "max_position_embeddings", 2048);
	eos = p->prefix >= 0 ? (uint64_t)p->prefix : conf_number(conf, "eos_token_id", UINT64_MAX);
	json_decref(conf);
	load_tokenizer(p);
	so.max_len = p->max_len + 1;
	p->score = score_open(p->model_dir, &so);
	if (p->score == NULL)
		die_err();
	if (eos >= score_vocab(p->score))
		die_usage(
		    "%s: no usable eos_token_id: say --prefix-id N, the id before a document's "
		    "first token",
		    path);
	free(path);
	p->prefix = (int64_t)eos;
	po.max_len = p->max_len;
	po.prefix = (uint32_t)eos;
	p->ppl = ppl_new(p->score, &po);
	if (p->ppl == NULL)
		die_err();
}

/* -- results ------------------------------------------------------------------------------- */

static char *metrics_json(const struct paloma *p)
{
	json_t *root = json_object(), *sources, *total;
	char hex[33], *text;

	ppl_report_json(&p->table, &sources, &total);
	h128_hex(tokenizer_identity(p->tokenizer), hex);
	json_object_set_new(root, "tokenizer", json_string(hex));
	json_object_set_new(root, "max_len", json_integer((json_int_t)p->max_len));
	json_object_set_new(root, "windows",
	    json_string(p->disjoint ? "disjoint" : "last window filled to the left"));
	json_object_set_new(root, "prefix_id", json_integer(p->prefix));
	json_object_set_new(root, "split", p->split ? json_string(p->split) : json_null());
	json_object_set_new(root, "decontaminated", json_string("unknown"));
	json_object_set_new(root, "sources", sources);
	json_object_set_new(root, "total", total);
	text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(root);
	return text;
}

static void write_one(struct paloma *p, const char *name, const void *bytes, size_t len)
{
	char *path = xasprintf("%s/%s", p->o.out, name);
	struct out *f = out_open(path, 0);
	struct filehash h;

	if (f == NULL)
		die_err();
	if (out_write(f, bytes, len) < 0) {
		out_abort(f);
		die_err();
	}
	if (out_commit(f, &h) < 0)
		die_err();
	manifest_output(p->m, "metrics", path, &h);
	free(path);
}

/* Files below OUT, the manifest last; the table goes to standard output as well. */
static void write_results(struct paloma *p)
{
	struct buf tsv = {0};
	char *json;

	ppl_table_sort(&p->table);
	ppl_report_tsv(&p->table, &tsv);
	if (p->o.out != NULL) {
		json = metrics_json(p);
		if (json == NULL)
			die(EXIT_IO, "metrics.json: a source or domain is no UTF-8");
		write_one(p, "metrics.tsv", tsv.p, tsv.len);
		write_one(p, "metrics.json", json, strlen(json));
		free(json);
		manifest_counters(p->m);
		if (manifest_write_for(p->m, p->o.out) < 0)
			die_err();
	}
	fwrite(tsv.p, 1, tsv.len, stdout);
	buf_release(&tsv);
}

/* -- main ---------------------------------------------------------------------------------- */

static void take_option(struct paloma *p, int key, const char *arg)
{
	switch (key) {
	case 'm':
		p->model = arg;
		break;
	case 't':
		p->tokenizer_path = arg;
		break;
	case SPLIT:
		if (!is_split(arg))
			die_usage("--split '%s' is not val or test", arg);
		p->split = arg;
		break;
	case MAX_LEN:
		p->max_len = (size_t)opt_u64("max-len", arg, 1, 1 << 24);
		break;
	case DISJOINT:
		p->disjoint = 1;
		break;
	case PREFIX:
		p->prefix = (int64_t)opt_u64("prefix-id", arg, 0, UINT32_MAX);
		break;
	case WINDOWS:
		p->windows = 1;
		break;
	case DOCUMENTS:
		p->documents = arg;
		break;
	}
}

static void check_options(const struct paloma *p)
{
	if (p->windows && (p->tokenizer_path == NULL || p->model != NULL))
		die_usage("--windows needs -t TOKENIZER.json and no model");
	if (!p->windows && p->model == NULL)
		die_usage("-m HFDIR is needed (or --windows -t TOKENIZER.json)");
	if (p->windows && p->documents != NULL)
		die_usage("--windows and --documents exclude each other");
}

static void prepare(struct paloma *p)
{
	if (p->windows) {
		if (p->max_len == 0)
			p->max_len = 2048;
		load_tokenizer(p);
	} else {
		load_model(p);
		manifest_opt_int(p->m, "max_len", (int64_t)p->max_len);
		manifest_opt_int(p->m, "prefix_id", p->prefix);
		manifest_opt_bool(p->m, "disjoint", p->disjoint);
		manifest_opt_str(p->m, "split", p->split);
		note_model(p);
	}
	if (!p->windows && p->o.out != NULL &&
	    (manifest_may_write(p->m, p->o.out, p->o.force) < 0 || out_mkdirs(p->o.out) < 0))
		die_err();
	if (p->windows || p->documents != NULL) {
		p->list = out_open(p->windows ? p->o.out : p->documents, 0);
		if (p->list == NULL)
			die_err();
	}
	if (p->documents != NULL &&
	    out_printf(
		p->list, "id\tsource\tdomain\tsplit\ttokens\tbytes\tchars\twords\tsum_ll\n") < 0)
		die_err();
}

static void release(struct paloma *p)
{
	size_t i;

	for (i = 0; i < p->n_input; i++) {
		free(p->input[i].path);
		free(p->input[i].source);
		free(p->input[i].split);
	}
	free(p->input);
	free(p->pending);
	ppl_free(p->ppl);
	ppl_table_release(&p->table);
	score_close(p->score);
	encoder_free(p->encoder);
	tokenizer_free(p->tokenizer);
	ids_release(&p->ids);
	buf_release(&p->text);
	buf_release(&p->name);
	buf_release(&p->source);
	buf_release(&p->line);
	manifest_free(p->m);
	free(p->model_dir);
}

int main(int argc, char **argv)
{
	struct paloma p = {.prefix = -1};
	struct filehash h;
	const char *arg;
	int key, rc = 0;
	size_t i;

	opts_init(&p.o, &prog, argc, argv);
	while ((key = opts_next(&p.o, &arg)))
		take_option(&p, key, arg);
	check_options(&p);
	find_inputs(&p);
	out_signals();
	p.m = manifest_new("paloma");
	prepare(&p);
	progress_start("paloma", "documents", 1, 0, p.o.progress);
	for (i = 0; i < p.n_input && rc == 0; i++)
		rc = read_file(&p, &p.input[i]);
	if (rc == 0 && p.ppl != NULL)
		rc = ppl_flush(p.ppl);
	progress_end();
	if (rc < 0) {
		if (p.list != NULL)
			out_abort(p.list);
		die_err();
	}
	if (p.list != NULL) {
		if (out_commit(p.list, &h) < 0)
			die_err();
		manifest_output(p.m, p.windows ? "windows" : "documents",
		    p.documents != NULL ? p.documents
		    : p.o.out != NULL   ? p.o.out
					: "-",
		    &h);
	}
	if (!p.windows)
		write_results(&p);
	else if (p.o.out != NULL && strcmp(p.o.out, "-") != 0 &&
		 manifest_write_for(p.m, p.o.out) < 0)
		die_err();
	if (p.o.manifest != NULL && manifest_write(p.m, p.o.manifest) < 0)
		die_err();
	release(&p);
	return opts_end(&p.o, EXIT_DONE);
}
