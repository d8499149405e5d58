/* catwalk: multiple-choice questions to a language model, by the rules of Catwalk. */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/boot.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/stats.h"
#include "eval/loglik.h"
#include "eval/metric.h"
#include "eval/request.h"
#include "eval/task.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "model/score.h"
#include "tok/encoder.h"
#include "tok/tokenizer.h"

enum {
	REQUESTS = OPT_LONG,
	LOGLIKELIHOODS,
	DATA,
	REGIME,
	SPLIT,
	SHOTS,
	LIMIT,
	SUBSAMPLE,
	DUMP,
	COMPARE,
	SAMPLES,
	TOKENIZER,
	MAX_LEN,
	PREFIX
};

static const struct opt own[] = {
    {"model", 'm', "MODEL", "Hugging Face model directory, or mock:sha256"},
    {"requests", REQUESTS, "FILE", "request rows to score"},
    {"loglikelihoods", LOGLIKELIHOODS, "FILE", "rows with log-likelihoods, instead of a model"},
    {"task", 't', "LIST",
	"tasks, separated by commas; core8: the eight of OLMo's table; jsonl:NAME: your own"},
    {"data", DATA, "DIR", "data sets, DIR/TASK.SPLIT.jsonl or .gz"},
    {"regime", REGIME, "NAME", "catwalk or inloop [catwalk]"},
    {"split", SPLIT, "NAME", "split of the data sets [validation]"},
    {"shots", SHOTS, "N", "examples before a question: only 0 [0]"},
    {"limit", LIMIT, "N", "at most N documents of each task"},
    {"subsample-seed", SUBSAMPLE, "SEED",
	"they are a sample of this seed; none: the first [1234]"},
    {"dump-requests", DUMP, NULL, "write the request rows and score nothing"},
    {"compare", COMPARE, NULL, "compare results OUT1 and OUT2.. by a paired bootstrap"},
    {"samples", SAMPLES, "N", "samples of the bootstrap [2000]"},
    {"tokenizer", TOKENIZER, "FILE", "tokenizer.json [HFDIR/tokenizer.json]"},
    {"max-len", MAX_LEN, "N", "longest input in tokens [the model's longest]"},
    {"prefix-id", PREFIX, "N", "id for an empty context [the model's EOS]"},
    {0},
};

static const struct prog prog = {
    "catwalk",
    "-m HFDIR|mock:sha256 --requests FILE [--limit N] -o OUT\n"
    "-m HFDIR|mock:sha256 -t TASK,..|core8 --data DIR [--regime catwalk|inloop] -o OUT\n"
    "[--requests FILE] --loglikelihoods FILE -o OUT\n"
    "-t TASK,.. --data DIR [--regime catwalk|inloop] --dump-requests [-o FILE]\n"
    "--compare OUT1 OUT2..",
    "multiple-choice questions to a language model",
    own,
};

static const char core8[] =
    "arc_challenge,arc_easy,boolq,hellaswag,openbook_qa,piqa,sciq,winogrande";

struct catwalk {
	struct opts o;
	const char *model, *requests, *logliks, *data, *split, *tokenizer_path;
	char *tasks;
	enum task_regime regime;
	size_t limit, max_len, samples;
	uint64_t sample_seed;
	int first, dump, compare;
	int64_t prefix; /* -1: not given */

	struct request_set set;
	struct manifest *m;
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	struct metric_task *result;
};

/* -- rows in ------------------------------------------------------------------------------- */

static void at_line(const struct in *in)
{
	err_prefix("%s:%" PRIu64, in_name(in), in_lineno(in));
	die_err();
}

static void close_input(struct catwalk *c, struct in *in, const char *role, const char *path)
{
	struct filehash h;

	in_close(in, &h);
	manifest_input(c->m, role, path, &h);
}

static void read_requests(
    struct catwalk *c, const char *role, const char *path, struct request_set *s)
{
	struct in *in = in_open(path);
	char *line;
	size_t len;
	int rc;

	if (in == NULL)
		die_err();
	while ((rc = in_line(in, &line, &len)) > 0)
		if (request_parse(s, line, len, in_lineno(in)) < 0)
			at_line(in);
	if (rc < 0)
		die_err();
	if (s->n == 0)
		die(EXIT_IO, "%s: no requests", in_name(in));
	close_input(c, in, role, path);
}

/* DIR/NAME.SPLIT.jsonl, plain or compressed, under one of the task's names. */
static char *find_data(const struct catwalk *c, const struct task *t, const char *name)
{
	static const char *const suffix[] = {"", ".gz", ".zst"};
	struct stat st;
	size_t i, k;
	char *path;

	for (i = 0; task_file(t, name, c->regime, i) != NULL; i++)
		for (k = 0; k < 3; k++) {
			path = xasprintf("%s/%s.%s.jsonl%s", c->data,
			    task_file(t, name, c->regime, i), c->split, suffix[k]);
			if (stat(path, &st) == 0)
				return path;
			free(path);
		}
	die(EXIT_IO, "no data of task %s: '%s/%s.%s.jsonl' (or .gz, .zst)", name, c->data,
	    task_file(t, name, c->regime, 0), c->split);
}

static void read_task(struct catwalk *c, const struct task *t, const char *name)
{
	char *path = find_data(c, t, name), *line;
	struct in *in = in_open(path);
	size_t from = c->set.n, len;
	int64_t doc = 0;
	int rc;

	if (in == NULL)
		die_err();
	while ((rc = in_line(in, &line, &len)) > 0) {
		if (doc == REQUEST_UNCOND)
			die(EXIT_IO, "%s: more than %d documents", path, REQUEST_UNCOND);
		if (task_row(t, name, c->regime, line, len, doc++, &c->set) < 0)
			at_line(in);
	}
	if (rc < 0)
		die_err();
	if (doc == 0)
		die(EXIT_IO, "%s: no rows", path);
	if (c->regime == TASK_CATWALK)
		task_uncond(&c->set, from);
	close_input(c, in, "data", path);
	free(path);
}

static const struct task *known_task(const char *name)
{
	const struct task *t = task_find(name);
	struct buf b = {0};
	size_t i;

	if (t != NULL)
		return t;
	for (i = 0; task_at(i) != NULL; i++)
		buf_printf(&b, "%s%s", i ? " " : "", task_name(task_at(i)));
	die_usage("task '%s' is none of: %s", name, buf_cstr(&b));
}

static void each_task(
    struct catwalk *c, void (*fn)(struct catwalk *c, const struct task *t, const char *name))
{
	char *list = xstrdup(c->tasks), *save = NULL, *name;
	const struct task *t;

	for (name = strtok_r(list, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save)) {
		t = known_task(name);
		if (fn != NULL)
			fn(c, t, name);
	}
	free(list);
}

static void load_rows(struct catwalk *c)
{
	struct request_set given = {0};

	if (c->tasks != NULL)
		each_task(c, read_task);
	else if (c->requests != NULL)
		read_requests(c, "requests", c->requests, &c->set);
	else
		read_requests(c, "loglikelihoods", c->logliks, &c->set);
	if (c->limit > 0)
		request_limit(&c->set, c->limit, c->sample_seed, c->first);
	if (c->logliks == NULL)
		return;
	if (c->tasks != NULL || c->requests != NULL)
		read_requests(c, "loglikelihoods", c->logliks, &given);
	if (loglik_join(&c->set, given.n > 0 ? &given : &c->set) < 0)
		die_err();
	request_release(&given);
}

/* -- the model ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* The configuration and the weights' files become inputs of the manifest. */
static void note_model(struct catwalk *c, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char **path = NULL;
	size_t i, n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (has_suffix(e->d_name, ".safetensors") ||
		    has_suffix(e->d_name, ".safetensors.index.json") ||
		    strcmp(e->d_name, "config.json") == 0) {
			path = xreallocarray(path, n + 1, sizeof(*path));
			path[n++] = xasprintf("%s/%s", dir, e->d_name);
		}
	if (d != NULL)
		closedir(d);
	if (n > 0)
		qsort(path, n, sizeof(*path), by_name);
	for (i = 0; i < n; i++) {
		if (manifest_input_file(c->m, "model", path[i]) < 0)
			die_err();
		free(path[i]);
	}
	free(path);
}

static void load_tokenizer(struct catwalk *c, const char *dir)
{
	char *path =
	    c->tokenizer_path ? xstrdup(c->tokenizer_path) : xasprintf("%s/tokenizer.json", dir);

	c->tokenizer = tokenizer_load(path, TOKENIZER_C);
	if (c->tokenizer == NULL || manifest_input_file(c->m, "tokenizer", path) < 0)
		die_err();
	c->encoder = encoder_new(c->tokenizer);
	free(path);
}

static uint64_t conf_number(const json_t *conf, const char *key, uint64_t otherwise)
{
	const json_t *v = conf_get(conf, key);

	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return otherwise;
	return (uint64_t)json_integer_value(v);
}

static struct score *open_model(struct catwalk *c, struct loglik_model *m)
{
	char *dir = realpath(c->model, NULL), *path;
	struct score_opts so = {.threads = c->o.threads};
	struct score *s;
	uint64_t eos;
	json_t *conf;

	if (dir == NULL) {
		err_sys("cannot open '%s'", c->model);
		die_err();
	}
	path = xasprintf("%s/config.json", dir);
	conf = conf_json(path);
	if (conf == NULL)
		die_err();
	if (c->max_len == 0)
		c->max_len = (size_t)conf_number(conf, "max_position_embeddings", 2048);
	eos = c->prefix >= 0 ? (uint64_t)c->prefix : conf_number(conf, "eos_token_id", UINT64_MAX);
	json_decref(conf);
	load_tokenizer(c, dir);
	so.max_len = c->max_len + 1;
	s = score_open(dir, &so);
	if (s == NULL)
		die_err();
	if (eos >= score_vocab(s))
		die_usage("%s: no usable eos_token_id: say --prefix-id N", path);
	*m = (struct loglik_model){s, c->encoder, c->max_len, (uint32_t)eos};
	manifest_opt_int(c->m, "max_len", (int64_t)c->max_len);
	manifest_opt_int(c->m, "prefix_id", (int64_t)eos);
	note_model(c, dir);
	free(path);
	free(dir);
	return s;
}

static void prepare_out(struct catwalk *c)
{
	if (c->o.out != NULL &&
	    (manifest_may_write(c->m, c->o.out, c->o.force) < 0 || out_mkdirs(c->o.out) < 0))
		die_err();
}

static void score_rows(struct catwalk *c)
{
	struct loglik_model m;
	struct score *s;
	int rc;

	if (c->model == NULL)
		return prepare_out(c);
	if (strcmp(c->model, "mock:sha256") == 0) {
		if (c->tokenizer_path != NULL)
			load_tokenizer(c, NULL);
		prepare_out(c);
		if (loglik_mock(c->encoder, &c->set) < 0)
			die_err();
		return;
	}
	s = open_model(c, &m);
	prepare_out(c);
	progress_start("catwalk", "requests", 1, c->set.n, c->o.progress);
	rc = loglik_score(&m, &c->set);
	progress_end();
	if (rc < 0)
		die_err();
	score_close(s);
}

/* -- results ------------------------------------------------------------------------------- */

/* The number a task is known by; of rows without what it takes, the first that is there. */
static enum metric primary(const struct catwalk *c, const struct metric_task *t)
{
	static const enum metric other[] = {M_ACC_RAW, M_BPB};
	const struct task *k = task_find(t->name);
	size_t i;

	if (k != NULL && !isnan(t->value[task_primary(k, c->regime)]))
		return task_primary(k, c->regime);
	for (i = 0; i < 2; i++)
		if (!isnan(t->value[other[i]]))
			return other[i];
	return M_ACC_RAW;
}

static void put_metrics(const struct catwalk *c, struct buf *b)
{
	size_t i;

	buf_printf(b, "{\"regime\": \"%s\",\n \"tasks\": [",
	    c->regime == TASK_INLOOP ? "inloop" : "catwalk");
	for (i = 0; i < c->set.n_task; i++) {
		const struct metric_task *t = &c->result[i];
		enum metric p = primary(c, t);

		buf_printf(b, "%s\n  {\"task_name\": ", i ? "," : "");
		{
			json_t *name = json_string(t->name);
			char *quoted = json_dumps(name, JSON_ENCODE_ANY);

			buf_str(b, quoted ? quoted : "null");
			free(quoted);
			json_decref(name);
		}
		buf_printf(b,
		    ", \"num_instances\": %zu, \"num_incomplete\": %zu, \"primary_metric\": "
		    "\"%s\", "
		    "\"primary_score\": ",
		    t->n_doc, t->n_incomplete, metric_name(p));
		buf_f64(b, t->value[p], 1);
		if (!isnan(t->stderr_[p])) {
			buf_str(b, ", \"primary_stderr\": ");
			buf_f64(b, t->stderr_[p], 1);
		}
		if (!isnan(t->chance)) {
			buf_str(b, ", \"chance\": ");
			buf_f64(b, t->chance, 1);
		}
		buf_str(b, ", \"metrics\": {");
		metric_put_task(b, t);
		buf_str(b, "}}");
	}
	buf_str(b, "\n ]}\n");
}

static void put_cell(struct buf *b, double v)
{
	buf_chr(b, '\t');
	if (isnan(v))
		buf_chr(b, '-');
	else
		buf_f64(b, v, 1);
}

static void put_table(const struct catwalk *c, struct buf *b)
{
	size_t i;
	int m;

	buf_str(b, "task\tdocs\tprimary\tscore\tstderr\tchance");
	for (m = 0; m < M_COUNT; m++)
		buf_printf(b, "\t%s", metric_name((enum metric)m));
	buf_chr(b, '\n');
	for (i = 0; i < c->set.n_task; i++) {
		const struct metric_task *t = &c->result[i];
		enum metric p = primary(c, t);

		buf_printf(b, "%s\t%zu\t%s", t->name, t->n_doc, metric_name(p));
		put_cell(b, t->value[p]);
		put_cell(b, t->stderr_[p]);
		put_cell(b, p < M_CHOICE ? t->chance : NAN);
		for (m = 0; m < M_COUNT; m++)
			put_cell(b, t->value[m]);
		buf_chr(b, '\n');
	}
}

static void write_one(struct catwalk *c, const char *name, const struct buf *b)
{
	char *path = xasprintf("%s/%s", c->o.out, name);
	struct out *f = out_open(path, 0);
	struct filehash h;

	if (f == NULL)
		die_err();
	if (out_write(f, b->p, b->len) < 0) {
		out_abort(f);
		die_err();
	}
	if (out_commit(f, &h) < 0)
		die_err();
	manifest_output(c->m, name, path, &h);
	free(path);
}

static void write_files(struct catwalk *c)
{
	struct buf b = {0};
	size_t i, k;

	for (i = 0; i < c->set.n; i++)
		request_put(&b, &c->set, &c->set.r[i]);
	write_one(c, "requests.jsonl", &b);
	b.len = 0;
	for (i = 0; i < c->set.n_task; i++)
		for (k = 0; k < c->result[i].n_doc; k++)
			metric_put_doc(&b, &c->result[i], &c->result[i].doc[k]);
	write_one(c, "predictions.jsonl", &b);
	b.len = 0;
	put_metrics(c, &b);
	write_one(c, "metrics.json", &b);
	buf_release(&b);
	manifest_counters(c->m);
	if (manifest_write_for(c->m, c->o.out) < 0)
		die_err();
}

static void evaluate(struct catwalk *c)
{
	struct buf b = {0};
	size_t i;

	score_rows(c);
	c->result = metric_compute(&c->set);
	if (c->result == NULL)
		die_err();
	stats_add("requests", c->set.n);
	for (i = 0; i < c->set.n_task; i++) {
		stats_add("docs", c->result[i].n_doc);
		stats_add("docs_incomplete", c->result[i].n_incomplete);
		if (c->result[i].n_incomplete > 0)
			warn("task %s: %zu of %zu documents lack choices and do not count",
			    c->result[i].name, c->result[i].n_incomplete, c->result[i].n_doc);
	}
	if (c->o.out != NULL)
		write_files(c);
	put_table(c, &b);
	fwrite(b.p, 1, b.len, stdout);
	buf_release(&b);
}

static void dump(struct catwalk *c)
{
	struct out *f = out_open(c->o.out, 0);
	struct filehash h;
	struct buf b = {0};
	size_t i;

	if (f == NULL)
		die_err();
	for (i = 0; i < c->set.n; i++) {
		b.len = 0;
		request_put(&b, &c->set, &c->set.r[i]);
		if (out_write(f, b.p, b.len) < 0) {
			out_abort(f);
			die_err();
		}
	}
	buf_release(&b);
	if (out_commit(f, &h) < 0)
		die_err();
	manifest_output(c->m, "requests", c->o.out ? c->o.out : "-", &h);
	if (c->o.out != NULL && strcmp(c->o.out, "-") != 0 &&
	    manifest_write_for(c->m, c->o.out) < 0)
		die_err();
}

/* -- comparing ----------------------------------------------------------------------------- */

/* "task<TAB>document<TAB>metric" → value, of OUT/predictions.jsonl. */
static json_t *load_values(struct catwalk *c, const char *dir)
{
	char *path = xasprintf("%s/predictions.jsonl", dir), *line, *key;
	struct in *in = in_open(path);
	json_t *all = json_object(), *row, *v;
	const char *name, *task;
	size_t len;
	int rc;

	if (in == NULL)
		die_err();
	while ((rc = in_line(in, &line, &len)) > 0) {
		json_error_t e;

		row = json_loadb(line, len, 0, &e);
		task = json_string_value(json_object_get(row, "task_name"));
		if (task == NULL || !json_is_integer(json_object_get(row, "doc_id")) ||
		    !json_is_object(json_object_get(row, "metrics"))) {
			err_set("no prediction with task_name, doc_id and metrics");
			at_line(in);
		}
		json_object_foreach(json_object_get(row, "metrics"), name, v)
		{
			if (strncmp(name, "predicted_", 10) == 0 || !json_is_number(v))
				continue;
			key = xasprintf("%s\t%s\t%lld", task, name,
			    (long long)json_integer_value(json_object_get(row, "doc_id")));
			if (json_object_get(all, key) != NULL) {
				err_set("document and task are there twice");
				at_line(in);
			}
			json_object_set_new(all, key, json_real(json_number_value(v)));
			free(key);
		}
		json_decref(row);
	}
	if (rc < 0)
		die_err();
	close_input(c, in, "predictions", path);
	free(path);
	return all;
}

/* Length of "task<TAB>metric" at the start of a key. */
static size_t group_len(const char *key)
{
	return (size_t)(strrchr(key, '\t') - key);
}

static size_t put_group(const struct catwalk *c, struct buf *b, json_t *x, json_t *y, char **key,
    size_t n, const char *name)
{
	double *d = xreallocarray(NULL, n, sizeof(*d)), sum = 0;
	size_t i, len = group_len(key[0]);
	struct boot r;

	for (i = 0; i < n && group_len(key[i]) == len && strncmp(key[i], key[0], len) == 0; i++) {
		double v = json_number_value(json_object_get(x, key[i]));

		d[i] = json_number_value(json_object_get(y, key[i])) - v;
		sum += v;
	}
	r = boot_mean(d, i, c->o.has_seed ? c->o.seed : 1234, 0, c->samples);
	buf_printf(b, "%.*s\t%s\t%zu\t", (int)len, key[0], name, i);
	buf_f64(b, sum / (double)i, 1);
	buf_chr(b, '\t');
	buf_f64(b, sum / (double)i + r.diff, 1);
	buf_chr(b, '\t');
	buf_f64(b, r.diff, 1);
	buf_chr(b, '\t');
	buf_f64(b, r.lo, 1);
	buf_chr(b, '\t');
	buf_f64(b, r.hi, 1);
	buf_chr(b, '\t');
	buf_f64(b, r.p, 1);
	buf_chr(b, '\n');
	free(d);
	return i;
}

static void compare_two(struct catwalk *c, json_t *x, const char *name, struct buf *b)
{
	json_t *y = load_values(c, name), *v;
	char **key = NULL;
	const char *k;
	size_t i, n = 0;

	json_object_foreach(x, k, v) if (json_object_get(y, k) != NULL)
	{
		key = xreallocarray(key, n + 1, sizeof(*key));
		key[n++] = xstrdup(k);
	}
	if (n == 0)
		die(EXIT_IO, "%s and %s have no document in common", c->o.files[0], name);
	if (n < json_object_size(x) || n < json_object_size(y))
		warn("%s and %s: only what both have is compared (%zu of %zu and %zu numbers)",
		    c->o.files[0], name, n, json_object_size(x), json_object_size(y));
	qsort(key, n, sizeof(*key), by_name);
	for (i = 0; i < n;)
		i += put_group(c, b, x, y, key + i, n - i, name);
	for (i = 0; i < n; i++)
		free(key[i]);
	free(key);
	json_decref(y);
}

static void compare(struct catwalk *c)
{
	struct buf b = {0};
	json_t *x = load_values(c, c->o.files[0]);
	size_t i;

	buf_str(&b, "task\tmetric\twith\tdocs\ta\tb\tdiff\tlow\thigh\tp\n");
	for (i = 1; i < c->o.n_files; i++)
		compare_two(c, x, c->o.files[i], &b);
	json_decref(x);
	if (c->o.out != NULL && strcmp(c->o.out, "-") != 0) {
		if (out_file(c->o.out, b.p, b.len) < 0)
			die_err();
	} else {
		fwrite(b.p, 1, b.len, stdout);
	}
	buf_release(&b);
}

/* -- main ---------------------------------------------------------------------------------- */

static void take_regime(struct catwalk *c, const char *arg)
{
	if (strcmp(arg, "catwalk") == 0)
		c->regime = TASK_CATWALK;
	else if (strcmp(arg, "inloop") == 0)
		c->regime = TASK_INLOOP;
	else
		die_usage("--regime %s: this version has catwalk and inloop", arg);
}

static void take_seed(struct catwalk *c, const char *arg)
{
	c->first = strcmp(arg, "none") == 0;
	if (!c->first)
		c->sample_seed = opt_u64("subsample-seed", arg, 0, UINT64_MAX);
}

static void take_option(struct catwalk *c, int key, const char *arg)
{
	switch (key) {
	case 'm':
		c->model = arg;
		break;
	case 't':
		free(c->tasks);
		c->tasks = xstrdup(strcmp(arg, "core8") == 0 ? core8 : arg);
		break;
	case REQUESTS:
		c->requests = arg;
		break;
	case LOGLIKELIHOODS:
		c->logliks = arg;
		break;
	case DATA:
		c->data = arg;
		break;
	case REGIME:
		take_regime(c, arg);
		break;
	case SPLIT:
		c->split = arg;
		break;
	case SHOTS:
		if (opt_u64("shots", arg, 0, 1000) > 0)
			die_usage("--shots %s: this version asks without examples (0)", arg);
		break;
	case LIMIT:
		c->limit = (size_t)opt_u64("limit", arg, 1, 1 << 30);
		break;
	case SUBSAMPLE:
		take_seed(c, arg);
		break;
	case DUMP:
		c->dump = 1;
		break;
	case COMPARE:
		c->compare = 1;
		break;
	case SAMPLES:
		c->samples = (size_t)opt_u64("samples", arg, 40, 1000000);
		break;
	case TOKENIZER:
		c->tokenizer_path = arg;
		break;
	case MAX_LEN:
		c->max_len = (size_t)opt_u64("max-len", arg, 1, 1 << 24);
		break;
	case PREFIX:
		c->prefix = (int64_t)opt_u64("prefix-id", arg, 0, UINT32_MAX);
		break;
	}
}

static void check_model(const struct catwalk *c)
{
	if (c->model == NULL && c->logliks == NULL)
		die_usage("-m MODEL is needed (or --loglikelihoods FILE, or --dump-requests)");
	if (c->model != NULL && c->logliks != NULL)
		die_usage("-m and --loglikelihoods exclude each other");
	if (c->model != NULL && strncmp(c->model, "openai:", 7) == 0)
		die_usage(
		    "-m %s: this version scores model directories and mock:sha256", c->model);
	if (c->model != NULL && strncmp(c->model, "mock:", 5) == 0 &&
	    strcmp(c->model, "mock:sha256") != 0)
		die_usage("-m %s: the only mock is mock:sha256", c->model);
}

static void check_options(struct catwalk *c)
{
	if (c->compare) {
		if (c->model || c->tasks || c->requests || c->logliks || c->o.n_files < 2)
			die_usage(
			    "--compare needs two or more result directories and nothing else");
		return;
	}
	if (c->o.n_files > 0)
		die_usage("unexpected operand '%s' (say --requests FILE)", c->o.files[0]);
	if (c->tasks != NULL && c->requests != NULL)
		die_usage("-t and --requests exclude each other");
	if (c->tasks == NULL && c->requests == NULL && c->logliks == NULL)
		die_usage(
		    "-t TASK,.. --data DIR, --requests FILE or --loglikelihoods FILE is needed");
	if (c->tasks != NULL && c->data == NULL)
		die_usage("-t needs --data DIR");
	if (c->tasks != NULL)
		each_task(c, NULL);
	if (c->dump && (c->tasks == NULL || c->model != NULL || c->logliks != NULL))
		die_usage("--dump-requests goes with -t and without a model");
	if (!c->dump)
		check_model(c);
}

static void note_options(struct catwalk *c)
{
	manifest_opt_str(c->m, "tasks", c->tasks);
	manifest_opt_str(c->m, "regime", c->regime == TASK_INLOOP ? "inloop" : "catwalk");
	manifest_opt_str(c->m, "split", c->tasks ? c->split : NULL);
	manifest_opt_bool(c->m, "mock", c->model && strncmp(c->model, "mock:", 5) == 0);
	manifest_opt_int(c->m, "limit", (int64_t)c->limit);
	if (c->limit > 0 && !c->first)
		manifest_opt_int(c->m, "subsample_seed", (int64_t)c->sample_seed);
}

int main(int argc, char **argv)
{
	struct catwalk c = {
	    .prefix = -1, .split = "validation", .sample_seed = 1234, .samples = 2000};
	const char *arg;
	int key;

	opts_init(&c.o, &prog, argc, argv);
	while ((key = opts_next(&c.o, &arg)))
		take_option(&c, key, arg);
	check_options(&c);
	out_signals();
	c.m = manifest_new("catwalk");
	note_options(&c);
	if (c.compare) {
		compare(&c);
	} else {
		load_rows(&c);
		if (c.dump)
			dump(&c);
		else
			evaluate(&c);
	}
	if (c.o.manifest != NULL && manifest_write(c.m, c.o.manifest) < 0)
		die_err();
	metric_free(c.result, c.set.n_task);
	request_release(&c.set);
	encoder_free(c.encoder);
	tokenizer_free(c.tokenizer);
	manifest_free(c.m);
	free(c.tasks);
	return opts_end(&c.o, EXIT_DONE);
}
