#include "io/compare.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/err.h"
#include "base/opt.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"

enum { SAMPLES = 1000, SEED = 1234 };

#define LOSS  "train/CrossEntropyLoss"
#define TOTAL "throughput/total_tokens"

/* --- files ------------------------------------------------------------------------------------ */

static char *in_run(const struct compare_run *r, const char *name)
{
	return xasprintf("%s/%s", r->dir, name);
}

/* One line of a file; fields are cut at tabs. */
struct line {
	char **field;
	size_t n, cap;
};

static void cut_tabs(struct line *l, char *text)
{
	for (l->n = 0; text != NULL; l->n++) {
		if (l->n == l->cap) {
			l->cap = l->cap ? 2 * l->cap : 16;
			l->field = xreallocarray(l->field, l->cap, sizeof(*l->field));
		}
		l->field[l->n] = text;
		text = strchr(text, '\t');
		if (text != NULL)
			*text++ = 0;
	}
}

/* fn for each line behind the head of a TSV; a file that is not there has none.  0 or -1 with
 * file:line.  The head is kept for column(). */
typedef int row_fn(struct compare_run *r, const struct line *head, const struct line *row);

static int read_tsv(struct compare_run *r, const char *name, row_fn *fn)
{
	char *path = in_run(r, name), *text, *first = NULL;
	struct line head = {0}, row = {0};
	struct in *f = NULL;
	size_t len;
	int rc = 0;

	if (access(path, F_OK) == 0 && (f = in_open(path)) == NULL)
		rc = -1;
	while (f != NULL && rc == 0 && (rc = in_line(f, &text, &len)) > 0) {
		char *copy = xstrndup(text, len);

		cut_tabs(first == NULL ? &head : &row, copy);
		rc = 0;
		if (first == NULL) {
			first = copy;
			continue;
		}
		if (row.n != head.n)
			rc = (err_set("%zu fields, the first line has %zu", row.n, head.n), -1);
		else
			rc = fn(r, &head, &row);
		if (rc < 0)
			err_prefix("%s:%" PRIu64, path, in_lineno(f));
		free(copy);
	}
	if (f != NULL)
		in_close(f, NULL);
	free(first);
	free(head.field);
	free(row.field);
	free(path);
	return rc < 0 ? -1 : 0;
}

static const char *column(const struct line *head, const struct line *row, const char *name)
{
	for (size_t i = 0; i < head->n; i++)
		if (strcmp(head->field[i], name) == 0)
			return row->field[i];
	return err_set("no column '%s'", name), NULL;
}

static int column_num(const struct line *head, const struct line *row, const char *name, double *v)
{
	const char *s = column(head, row, name);
	char *end;

	if (s == NULL)
		return -1;
	*v = strtod(s, &end);
	if (*s == 0 || *end != 0 || !isfinite(*v))
		return err_set("'%s' is no number: %s", name, s), -1;
	return 0;
}

/* The object at key, made when there is none. */
static json_t *object_at(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (v == NULL) {
		v = json_object();
		if (json_object_set_new(o, key, v) < 0)
			return err_set("no UTF-8"), NULL;
	}
	return v;
}

static void add_num(json_t *o, const char *key, double more)
{
	json_object_set_new(o, key, json_real(json_number_value(json_object_get(o, key)) + more));
}

/* --- what was changed -------------------------------------------------------------------------- */

/* A file's text without the newline at its end, or NULL when there is none. */
static json_t *file_text(const char *path)
{
	struct in *f = access(path, F_OK) == 0 ? in_open(path) : NULL;
	struct buf b = {0};
	json_t *v = NULL;
	char *text;
	size_t len;

	if (f == NULL)
		return NULL;
	while (in_line(f, &text, &len) > 0) {
		if (b.len)
			buf_chr(&b, '\n');
		buf_add(&b, text, len);
	}
	in_close(f, NULL);
	v = json_stringn(b.len ? b.p : "", b.len);
	buf_release(&b);
	return v;
}

static void read_ablation(struct compare_run *r)
{
	static const char *const keys[] = {"stage", "with", "recipe", NULL};
	char *path = in_run(r, ".opts/ablation");
	json_t *text = file_text(path);
	const char *p = json_string_value(text);

	for (; p != NULL && *p; p += strcspn(p, "\n"), p += *p == '\n')
		for (const char *const *k = keys; *k; k++) {
			size_t n = strlen(*k);
			if (strncmp(p, *k, n) == 0 && p[n] == '\t')
				json_object_set_new(r->ablation, *k,
				    json_stringn(p + n + 1, strcspn(p + n + 1, "\n")));
		}
	json_decref(text);
	free(path);
}

/* Files that say how make was told, not what a stage was. */
static int is_stage(const char *name)
{
	return *name != '.' && strchr(name, '.') == NULL && strcmp(name, "with") != 0 &&
	       strcmp(name, "ablation") != 0;
}

static void read_stage_options(struct compare_run *r)
{
	char *dir = in_run(r, ".opts");
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *path = xasprintf("%s/%s", dir, e->d_name);
		json_t *text = is_stage(e->d_name) ? file_text(path) : NULL;

		if (text != NULL)
			json_object_set_new(r->options, e->d_name, text);
		free(path);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}

/* Leaves of the configuration as "a.b.c": JSON. */
static void flatten(json_t *into, const char *path, const json_t *v)
{
	const char *key;
	json_t *more;

	if (!json_is_object(v)) {
		char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		if (s != NULL)
			json_object_set_new(into, path, json_string(s));
		free(s);
		return;
	}
	json_object_foreach((json_t *)v, key, more)
	{
		char *below = *path ? xasprintf("%s.%s", path, key) : xstrdup(key);
		flatten(into, below, more);
		free(below);
	}
}

static int read_config(struct compare_run *r)
{
	char *path = in_run(r, "run/config.json");
	json_t *v = NULL;
	int rc = 0;

	if (access(path, F_OK) == 0) {
		v = conf_json(path);
		rc = v == NULL ? -1 : 0;
	}
	if (v != NULL)
		flatten(r->options, "", v);
	json_decref(v);
	free(path);
	return rc;
}

/* --- documents, bytes, tokens ------------------------------------------------------------------- */

static int count_tokens(struct compare_run *r, const char *path, const char *file)
{
	static const char *const counts[][2] = {
	    {"documents", "docs_in"}, {"bytes", "bytes_in"}, {"tokens", "tokens_out"}};
	json_t *m = manifest_load(path), *all = json_object_get(m, "counts");
	const char *program = json_string_value(json_object_get(m, "program"));
	size_t n = strcspn(file, "."), k = n;
	char *source;

	if (m == NULL)
		return -1;
	while (k > 0 && strchr("0123456789", file[k - 1]) != NULL)
		k--;
	source = xstrndup(file, k > 1 && k < n && file[k - 1] == '-' ? k - 1 : n);
	if (program != NULL && strcmp(program, "tokenize") == 0)
		for (size_t i = 0; i < 3; i++)
			add_num(object_at(r->counts, counts[i][0]), source,
			    json_number_value(json_object_get(all, counts[i][1])));
	free(source);
	json_decref(m);
	return 0;
}

static int read_counts(struct compare_run *r)
{
	static const char tail[] = ".manifest.json";
	char *dir = in_run(r, "tokens");
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	while (rc == 0 && d != NULL && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);
		char *path = xasprintf("%s/%s", dir, e->d_name);

		if (*e->d_name != '.' && n > sizeof(tail) &&
		    strcmp(e->d_name + n - sizeof(tail) + 1, tail) == 0)
			rc = count_tokens(r, path, e->d_name);
		free(path);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
	return rc;
}

/* --- bits per byte ------------------------------------------------------------------------------ */

static int metrics_row(struct compare_run *r, const struct line *head, const struct line *row)
{
	const char *source = column(head, row, "source");
	double bytes, ll;
	json_t *sum;

	if (source == NULL || column_num(head, row, "bytes", &bytes) < 0 ||
	    column_num(head, row, "sum_ll", &ll) < 0 || (sum = object_at(r->bpb, source)) == NULL)
		return -1;
	add_num(sum, "bytes", bytes);
	add_num(sum, "bits", -ll / M_LN2);
	return 0;
}

/* Of documents with the same id the second is "id TAB 2", and so on. */
static int document_row(struct compare_run *r, const struct line *head, const struct line *row)
{
	const char *source = column(head, row, "source"), *id = column(head, row, "id");
	double bytes, ll;
	json_t *all;
	char *key;

	if (source == NULL || id == NULL || column_num(head, row, "bytes", &bytes) < 0 ||
	    column_num(head, row, "sum_ll", &ll) < 0 ||
	    (all = object_at(r->documents, source)) == NULL)
		return -1;
	key = xstrdup(id);
	for (int k = 2; json_object_get(all, key) != NULL; k++) {
		free(key);
		key = xasprintf("%s\t%d", id, k);
	}
	int bad = json_object_set_new(all, key, json_pack("[f,f]", -ll / M_LN2, bytes)) < 0;
	free(key);
	return bad ? (err_set("no UTF-8"), -1) : 0;
}

static int read_tokenizer(struct compare_run *r)
{
	char *path = in_run(r, "eval/paloma/manifest.json");
	json_t *m = access(path, F_OK) == 0 ? manifest_load(path) : NULL, *v;
	int rc = access(path, F_OK) == 0 && m == NULL ? -1 : 0;
	size_t i;

	json_array_foreach(json_object_get(m, "inputs"), i, v)
	{
		const char *role = json_string_value(json_object_get(v, "role"));
		const char *hash = json_string_value(json_object_get(v, "xxh3"));
		if (role != NULL && hash != NULL && strcmp(role, "tokenizer") == 0 &&
		    r->tokenizer == NULL)
			r->tokenizer = xstrdup(hash);
	}
	json_decref(m);
	free(path);
	return rc;
}

/* --- tasks -------------------------------------------------------------------------------------- */

static int prediction(struct compare_run *r, const char *text, size_t len)
{
	json_error_t e;
	json_t *row = json_loadb(text, len, JSON_ALLOW_NUL, &e), *v;
	const char *task = json_string_value(json_object_get(row, "task_name")), *name;
	json_t *doc = json_object_get(row, "doc_id"), *all = json_object_get(row, "metrics");

	if (task == NULL || !json_is_integer(doc) || !json_is_object(all)) {
		json_decref(row);
		return err_set("no prediction with task_name, doc_id and metrics"), -1;
	}
	json_object_foreach(all, name, v)
	{
		char key[32], *group = xasprintf("%s\t%s", task, name);

		snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(doc));
		if (strncmp(name, "predicted_", 10) != 0 && json_is_number(v))
			json_object_set_new(
			    object_at(r->tasks, group), key, json_real(json_number_value(v)));
		free(group);
	}
	json_decref(row);
	return 0;
}

static int read_tasks(struct compare_run *r)
{
	char *path = in_run(r, "eval/catwalk/predictions.jsonl"), *text;
	struct in *f = NULL;
	size_t len;
	int rc = 0;

	if (access(path, F_OK) == 0 && (f = in_open(path)) == NULL)
		rc = -1;
	while (f != NULL && rc == 0 && (rc = in_line(f, &text, &len)) > 0) {
		rc = prediction(r, text, len);
		if (rc < 0)
			err_prefix("%s:%" PRIu64, path, in_lineno(f));
	}
	if (f != NULL)
		in_close(f, NULL);
	free(path);
	return rc < 0 ? -1 : 0;
}

/* --- a run -------------------------------------------------------------------------------------- */

static int read_log(struct compare_run *r)
{
	char *path = in_run(r, "run/log.jsonl");
	int rc = access(path, F_OK) == 0 ? svgplot_read(&r->log, path) : 0;

	free(path);
	return rc;
}

static int run_open(struct compare_run *r, const char *dir)
{
	const char *slash;
	struct stat st;

	if (stat(dir, &st) < 0)
		return err_sys("%s", dir), -1;
	if (!S_ISDIR(st.st_mode))
		return err_set("%s: no run directory", dir), -1;
	slash = strrchr(dir, '/');
	r->dir = dir;
	r->name = slash != NULL && slash[1] != 0 ? slash + 1 : dir;
	r->ablation = json_object();
	r->options = json_object();
	r->counts = json_object();
	r->bpb = json_object();
	r->documents = json_object();
	r->tasks = json_object();
	read_ablation(r);
	read_stage_options(r);
	if (read_config(r) < 0 || read_counts(r) < 0 || read_log(r) < 0 || read_tokenizer(r) < 0 ||
	    read_tsv(r, "eval/paloma/metrics.tsv", metrics_row) < 0 ||
	    read_tsv(r, "eval/documents.tsv", document_row) < 0 || read_tasks(r) < 0)
		return -1;
	if (json_object_size(r->counts) + json_object_size(r->bpb) + json_object_size(r->tasks) +
		json_array_size(r->log.lines) ==
	    0)
		return err_set(
			   "%s: nothing to compare: no tokens/, run/log.jsonl, eval/paloma/ or "
			   "eval/catwalk/",
			   dir),
		       -1;
	return 0;
}

static void run_close(struct compare_run *r)
{
	json_decref(r->ablation);
	json_decref(r->options);
	json_decref(r->counts);
	json_decref(r->bpb);
	json_decref(r->documents);
	json_decref(r->tasks);
	svgplot_log_free(&r->log);
	free(r->tokenizer);
}

/* --- numbers ------------------------------------------------------------------------------------ */

static struct compare_row *new_row(struct compare *c, const struct compare_run *r,
    const char *what, const char *key, double base, double value)
{
	struct compare_row *row;

	c->row = xreallocarray(c->row, c->n_row + 1, sizeof(*c->row));
	row = &c->row[c->n_row++];
	*row = (struct compare_row){.run = r,
	    .what = what,
	    .key = xstrdup(key),
	    .base = base,
	    .value = value,
	    .diff = value - base,
	    .lo = NAN,
	    .hi = NAN,
	    .p = NAN};
	return row;
}

static void set_boot(struct compare_row *row, const struct boot *b, size_t n)
{
	row->diff = b->diff;
	row->lo = b->lo;
	row->hi = b->hi;
	row->p = b->p;
	row->n = n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of a, and of b (may be NULL), sorted, each once.  Borrowed from both; caller frees the list. */
static const char **keys_of(const json_t *a, const json_t *b, size_t *n)
{
	const char **k = xcalloc(json_object_size(a) + json_object_size(b) + 1, sizeof(*k)), *key;
	json_t *v;

	*n = 0;
	json_object_foreach((json_t *)a, key, v) k[(*n)++] = key;
	json_object_foreach((json_t *)b, key, v) if (json_object_get(a, key) == NULL) k[(*n)++] =
	    key;
	qsort(k, *n, sizeof(*k), by_name);
	return k;
}

static double number_at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static double sum_of(const json_t *o)
{
	double sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)o, key, v) sum += json_number_value(v);
	return json_object_size(o) ? sum : NAN;
}

static void count_rows(struct compare *c, const struct compare_run *r)
{
	static const char *const whats[] = {"documents", "bytes", "tokens", NULL};

	for (const char *const *w = whats; *w; w++) {
		json_t *a = json_object_get(c->run->counts, *w),
		       *b = json_object_get(r->counts, *w);
		size_t n;
		const char **key = keys_of(a, b, &n);

		for (size_t i = 0; i < n; i++)
			new_row(c, r, *w, key[i], number_at(a, key[i]), number_at(b, key[i]));
		if (n > 0)
			new_row(c, r, *w, "all", sum_of(a), sum_of(b));
		free(key);
	}
}

/* The last value, and the mean of the last tenth of the points. */
static void loss_ends(const struct compare_run *r, double *last, double *tenth)
{
	struct svgplot_line s = {0};
	size_t n = svgplot_series(&r->log, LOSS, &s), k = n - (n + 9) / 10, i;
	double sum = 0;

	*last = n > 0 ? s.y[n - 1] : NAN;
	for (i = k; i < n; i++)
		sum += s.y[i];
	*tenth = n > 0 ? sum / (double)(n - k) : NAN;
	svgplot_line_free(&s);
}

static double last_of(const struct compare_run *r, const char *key)
{
	struct svgplot_line s = {0};
	size_t n = svgplot_series(&r->log, key, &s);
	double v = n > 0 ? s.y[n - 1] : NAN;

	svgplot_line_free(&s);
	return v;
}

static void loss_rows(struct compare *c, const struct compare_run *r)
{
	double a, b, x, y;

	if (json_array_size(c->run->log.lines) + json_array_size(r->log.lines) == 0)
		return;
	loss_ends(c->run, &a, &x);
	loss_ends(r, &b, &y);
	new_row(c, r, "steps", "last", last_of(c->run, "step"), last_of(r, "step"));
	new_row(c, r, "seen", "tokens seen", last_of(c->run, TOTAL), last_of(r, TOTAL));
	new_row(c, r, "loss", "last step", a, b);
	new_row(c, r, "loss", "mean of the last tenth", x, y);
}

static double bits_per_byte(const json_t *sums, const char *source)
{
	const json_t *s = json_object_get(sums, source);

	return s == NULL ? NAN : number_at(s, "bits") / number_at(s, "bytes");
}

static double macro(const json_t *sums)
{
	double sum = 0;
	size_t n = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)sums, key, v) if (number_at(v, "bytes") > 0)
	{
		sum += bits_per_byte(sums, key);
		n++;
	}
	return n > 0 ? sum / (double)n : NAN;
}

/* Documents of both with the same bytes, by id. */
static size_t pair_documents(const json_t *a, const json_t *b, double **d, double **w)
{
	size_t n, m = 0;
	const char **key = keys_of(a, NULL, &n);

	*d = xcalloc(n + 1, sizeof(**d));
	*w = xcalloc(n + 1, sizeof(**w));
	for (size_t i = 0; i < n; i++) {
		json_t *x = json_object_get(a, key[i]), *y = json_object_get(b, key[i]);
		double bytes = json_number_value(json_array_get(x, 1));

		if (y == NULL || json_number_value(json_array_get(y, 1)) != bytes || bytes == 0)
			continue;
		(*w)[m] = bytes;
		(*d)[m++] = json_number_value(json_array_get(y, 0)) -
			    json_number_value(json_array_get(x, 0));
	}
	if (m < n || m < json_object_size(b))
		warn("held-out text: %zu of %zu and %zu documents are in both runs", m, n,
		    json_object_size(b));
	free(key);
	return m;
}

/* What the rows of bits per byte share while they are made. */
struct pairs {
	double *d, *w; /* of all sources, one after the other */
	size_t n;
	double *mean; /* samples of the sum over sources */
	double diff;
	size_t groups; /* sources with an interval */
};

static void pool(struct pairs *all, const double *d, const double *w, size_t n)
{
	all->d = xreallocarray(all->d, all->n + n + 1, sizeof(*all->d));
	all->w = xreallocarray(all->w, all->n + n + 1, sizeof(*all->w));
	memcpy(all->d + all->n, d, n * sizeof(*d));
	memcpy(all->w + all->n, w, n * sizeof(*w));
	all->n += n;
}

static double ratio(const double *d, const double *w, size_t n)
{
	double sum = 0, weight = 0;

	for (size_t i = 0; i < n; i++) {
		sum += d[i];
		weight += w[i];
	}
	return sum / weight;
}

/* One document tells nothing about how others would have done: an interval takes two. */
static void source_interval(struct compare *c, const struct compare_run *r,
    struct compare_row *row, size_t k, struct pairs *all)
{
	json_t *a = json_object_get(c->run->documents, row->key),
	       *b = json_object_get(r->documents, row->key);
	double *d = NULL, *w = NULL, *sample;
	size_t n = a != NULL && b != NULL ? pair_documents(a, b, &d, &w) : 0;

	if (n > 0)
		pool(all, d, w, n);
	if (n > 1) {
		struct boot boot;

		sample = boot_ratios(d, w, n, SEED, k, SAMPLES);
		for (size_t i = 0; i < SAMPLES; i++)
			all->mean[i] += sample[i];
		boot = boot_of(ratio(d, w, n), sample, SAMPLES);
		set_boot(row, &boot, n);
		all->diff += boot.diff;
		all->groups++;
		free(sample);
	}
	free(d);
	free(w);
}

static void mean_row(struct compare *c, const struct compare_run *r, struct pairs *all, size_t n)
{
	struct compare_row *row =
	    new_row(c, r, "bpb", "mean of sources", macro(c->run->bpb), macro(r->bpb));
	struct boot boot;

	if (all->groups == 0 || all->groups < n)
		return;
	for (size_t i = 0; i < SAMPLES; i++)
		all->mean[i] /= (double)n;
	boot = boot_of(all->diff / (double)n, all->mean, SAMPLES);
	set_boot(row, &boot, all->n);
}

static double micro(const json_t *sums)
{
	double bits = 0, bytes = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)sums, key, v)
	{
		bits += number_at(v, "bits");
		bytes += number_at(v, "bytes");
	}
	return bits / bytes;
}

static void pooled_row(struct compare *c, const struct compare_run *r, struct pairs *all, size_t k)
{
	struct compare_row *row = new_row(c, r, "bpb", "all", micro(c->run->bpb), micro(r->bpb));
	double *sample;
	struct boot boot;

	if (all->n < 2)
		return;
	sample = boot_ratios(all->d, all->w, all->n, SEED, k, SAMPLES);
	boot = boot_of(ratio(all->d, all->w, all->n), sample, SAMPLES);
	set_boot(row, &boot, all->n);
	free(sample);
}

static void bpb_rows(struct compare *c, const struct compare_run *r)
{
	const json_t *a = c->run->bpb, *b = r->bpb;
	struct pairs all = {.mean = xcalloc(SAMPLES + 1, sizeof(double))};
	size_t n;
	const char **key = keys_of(a, b, &n);

	for (size_t i = 0; i < n; i++)
		source_interval(c, r,
		    new_row(
			c, r, "bpb", key[i], bits_per_byte(a, key[i]), bits_per_byte(b, key[i])),
		    i, &all);
	if (n > 0) {
		mean_row(c, r, &all, n);
		pooled_row(c, r, &all, n);
	}
	free(key);
	free(all.mean);
	free(all.d);
	free(all.w);
}

static void task_row(struct compare *c, const struct compare_run *r, const char *name)
{
	const json_t *a = json_object_get(c->run->tasks, name),
		     *b = json_object_get(r->tasks, name);
	size_t n, m = 0;
	const char **key = keys_of(a, NULL, &n);
	double *d = xcalloc(n + 1, sizeof(*d)), x = 0, y = 0;
	struct compare_row *row;
	char *tab;

	for (size_t i = 0; i < n; i++)
		if (json_object_get(b, key[i]) != NULL) {
			x += number_at(a, key[i]);
			y += number_at(b, key[i]);
			d[m++] = number_at(b, key[i]) - number_at(a, key[i]);
		}
	if (m < n || m < json_object_size(b))
		warn("%s: only what both have is compared (%zu of %zu and %zu documents)", name, m,
		    n, json_object_size(b));
	if (m > 0) {
		struct boot boot = boot_mean(d, m, SEED, 0, SAMPLES);
		row = new_row(c, r, "task", name, x / (double)m, y / (double)m);
		set_boot(row, &boot, m);
		if ((tab = strchr(row->key, '\t')) != NULL)
			*tab = ' ';
	}
	free(key);
	free(d);
}

static void task_rows(struct compare *c, const struct compare_run *r)
{
	size_t n;
	const char **key = keys_of(c->run->tasks, NULL, &n);

	for (size_t i = 0; i < n; i++)
		if (json_object_get(r->tasks, key[i]) != NULL)
			task_row(c, r, key[i]);
		else
			warn("%s: no task %s", r->dir, key[i]);
	free(key);
}

/* --- the table ---------------------------------------------------------------------------------- */

static void field_num(struct buf *b, double v)
{
	buf_chr(b, '\t');
	if (isfinite(v))
		buf_f64(b, v, 0);
}

static void put_table(const struct compare *c, struct buf *b)
{
	buf_str(b, "run\twhat\tkey\tbase\tvalue\tdiff\tlow\thigh\tp\tn\n");
	for (size_t i = 0; i < c->n_row; i++) {
		const struct compare_row *r = &c->row[i];

		buf_tsv(b, r->run->name, strlen(r->run->name));
		buf_printf(b, "\t%s\t", r->what);
		buf_tsv(b, r->key, strlen(r->key));
		field_num(b, r->base);
		field_num(b, r->value);
		field_num(b, r->diff);
		field_num(b, r->lo);
		field_num(b, r->hi);
		field_num(b, r->p);
		buf_chr(b, '\t');
		if (r->n > 0)
			buf_u64(b, r->n);
		buf_chr(b, '\n');
	}
}

static int write_as(const char *prefix, const char *suffix, const struct buf *b)
{
	char *path = xasprintf("%s%s", prefix, suffix);
	int rc = out_file(path, b->p, b->len);

	free(path);
	return rc;
}

int compare_command(const struct opts *o)
{
	struct compare c = {.run = xcalloc(o->n_files, sizeof(*c.run)), .n_run = o->n_files};
	struct buf table = {0}, page = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < o->n_files; i++)
		rc = run_open(&c.run[i], o->files[i]);
	for (size_t i = 1; rc == 0 && i < o->n_files; i++) {
		count_rows(&c, &c.run[i]);
		loss_rows(&c, &c.run[i]);
		bpb_rows(&c, &c.run[i]);
		task_rows(&c, &c.run[i]);
	}
	if (rc == 0) {
		put_table(&c, &table);
		compare_page(&c, &page);
		rc = write_as(o->out, ".tsv", &table);
	}
	if (rc == 0)
		rc = write_as(o->out, ".html", &page);
	for (size_t i = 0; i < o->n_files; i++)
		run_close(&c.run[i]);
	for (size_t i = 0; i < c.n_row; i++)
		free(c.row[i].key);
	free(c.row);
	free(c.run);
	buf_release(&table);
	buf_release(&page);
	return rc;
}
