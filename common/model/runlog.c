#include "model/runlog.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "io/in.h"
#include "io/out.h"

/* ---- writing ----------------------------------------------------------------------------- */

/* The step of a line: of {"step":N,… or of N<tab>….  -1: there is none. */
static int step_of(const char *line, size_t n, uint64_t *step)
{
	static const char head[] = "{\"step\":";
	size_t skip =
	    n > sizeof(head) && memcmp(line, head, sizeof(head) - 1) == 0 ? sizeof(head) - 1 : 0;
	char *end;

	if (skip >= n || line[skip] < '0' || line[skip] > '9')
		return -1;
	*step = strtoull(line + skip, &end, 10);
	return 0;
}

/* Bytes of the leading lines with a step <= last. A line without its end is not one. */
static int kept_bytes(const char *path, uint64_t last, uint64_t *keep)
{
	struct buf b = {0};
	uint64_t step;

	*keep = 0;
	if (access(path, F_OK) != 0)
		return 0;
	if (in_slurp(path, SIZE_MAX / 2, &b, NULL) < 0)
		return -1;
	for (size_t at = 0; at < b.len;) {
		const char *nl = memchr(b.p + at, '\n', b.len - at);
		if (nl == NULL || step_of(b.p + at, (size_t)(nl - b.p) - at, &step) < 0 ||
		    step > last)
			break;
		at = (size_t)(nl - b.p) + 1;
		*keep = at;
	}
	buf_release(&b);
	return 0;
}

static FILE *open_after(const char *run, const char *name, uint64_t step)
{
	char *path = xasprintf("%s/%s", run, name);
	uint64_t keep;
	FILE *f = NULL;

	if (out_mkparent(path) < 0 || kept_bytes(path, step, &keep) < 0)
		goto out;
	if (access(path, F_OK) == 0 && truncate(path, (off_t)keep) != 0) {
		err_sys("cannot shorten '%s'", path);
		goto out;
	}
	f = fopen(path, "a");
	if (f == NULL)
		err_sys("cannot open '%s'", path);
out:
	free(path);
	return f;
}

int runlog_open(struct runlog *l, const char *run, uint64_t step, int indices)
{
	memset(l, 0, sizeof(*l));
	l->log = open_after(run, "log.jsonl", step);
	if (l->log != NULL)
		l->timing = open_after(run, "timing.jsonl", step);
	if (l->timing != NULL && indices)
		l->indices = open_after(run, "data-indices/rank0.tsv", step);
	if (l->timing != NULL && (!indices || l->indices != NULL))
		return 0;
	runlog_close(l);
	return -1;
}

void runlog_begin(struct runlog *l, uint64_t step)
{
	l->line.len = 0;
	buf_str(&l->line, "{\"step\":");
	buf_u64(&l->line, step);
}

static void key(struct runlog *l, const char *k)
{
	buf_str(&l->line, ",\"");
	buf_str(&l->line, k);
	buf_str(&l->line, "\":");
}

void runlog_num(struct runlog *l, const char *k, double v)
{
	key(l, k);
	buf_f64(&l->line, v, 1);
}

void runlog_count(struct runlog *l, const char *k, uint64_t v)
{
	key(l, k);
	buf_u64(&l->line, v);
}

static int put_line(struct runlog *l, FILE *f, const char *name)
{
	buf_chr(&l->line, '\n');
	if (fwrite(l->line.p, 1, l->line.len, f) != l->line.len || fflush(f) != 0)
		return err_sys("cannot write %s", name), -1;
	return 0;
}

int runlog_end(struct runlog *l)
{
	buf_chr(&l->line, '}');
	return put_line(l, l->log, "log.jsonl");
}

int runlog_end_timing(struct runlog *l)
{
	buf_chr(&l->line, '}');
	return put_line(l, l->timing, "timing.jsonl");
}

int runlog_indices(struct runlog *l, uint64_t step, const uint64_t *instance, size_t n)
{
	if (l->indices == NULL)
		return 0;
	l->line.len = 0;
	buf_u64(&l->line, step);
	for (size_t i = 0; i < n; i++) {
		buf_chr(&l->line, '\t');
		buf_u64(&l->line, instance[i]);
	}
	return put_line(l, l->indices, "data-indices/rank0.tsv");
}

static int sync_file(FILE *f, const char *name)
{
	if (f != NULL && (fflush(f) != 0 || fsync(fileno(f)) != 0))
		return err_sys("cannot write %s", name), -1;
	return 0;
}

int runlog_sync(struct runlog *l)
{
	if (sync_file(l->log, "log.jsonl") < 0 || sync_file(l->timing, "timing.jsonl") < 0)
		return -1;
	return sync_file(l->indices, "data-indices/rank0.tsv");
}

static int close_file(FILE *f, const char *name)
{
	if (f != NULL && fclose(f) != 0)
		return err_sys("cannot write %s", name), -1;
	return 0;
}

int runlog_close(struct runlog *l)
{
	int rc = close_file(l->log, "log.jsonl");

	if (close_file(l->timing, "timing.jsonl") < 0)
		rc = -1;
	if (close_file(l->indices, "data-indices/rank0.tsv") < 0)
		rc = -1;
	buf_release(&l->line);
	memset(l, 0, sizeof(*l));
	return rc;
}

/* ---- finding ----------------------------------------------------------------------------- */

enum { FIND_SCAN = 1 << 16 };

struct scan {
	FILE *f;
	char *line;
	size_t cap, len;
};

/* The next whole line and its step: 1, or 0 at the end (a line without its end is not one). */
static int scan_next(struct scan *s, uint64_t *step)
{
	ssize_t n = getline(&s->line, &s->cap, s->f);

	if (n <= 0 || s->line[n - 1] != '\n')
		return 0;
	s->len = (size_t)n;
	return step_of(s->line, s->len, step) == 0;
}

/* A place at which a line begins, all lines before it are of earlier steps, and the first one of
 * `step` is near: steps ascend. */
static off_t scan_seek(struct scan *s, uint64_t step, off_t size)
{
	off_t lo = 0, hi = size;
	uint64_t at;

	while (hi - lo > FIND_SCAN) {
		off_t mid = lo + (hi - lo) / 2;
		if (fseeko(s->f, mid, SEEK_SET) != 0)
			return -1;
		ssize_t skip = getline(&s->line, &s->cap, s->f);
		off_t begin = skip > 0 ? mid + skip : size;
		if (begin < hi && scan_next(s, &at) && at < step)
			lo = begin;
		else
			hi = mid;
	}
	return fseeko(s->f, lo, SEEK_SET) == 0 ? lo : -1;
}

static int number_in(const char *line, size_t len, const char *k, double *v)
{
	json_t *j = json_loadb(line, len, 0, NULL);
	const json_t *e = json_object_get(j, k);
	int found = json_is_number(e);

	if (found)
		*v = json_number_value(e);
	json_decref(j);
	return found;
}

int runlog_find(const char *run, uint64_t step, const char *k, double *v)
{
	char *path = xasprintf("%s/log.jsonl", run);
	struct scan s = {.f = fopen(path, "r")};
	struct stat st;
	uint64_t at;
	int rc = 0;

	if (s.f == NULL && errno != ENOENT)
		rc = (err_sys("cannot open '%s'", path), -1);
	if (s.f != NULL && (fstat(fileno(s.f), &st) != 0 || scan_seek(&s, step, st.st_size) < 0))
		rc = (err_sys("cannot read '%s'", path), -1);
	while (s.f != NULL && rc == 0 && scan_next(&s, &at) && at <= step)
		if (at == step)
			rc = number_in(s.line, s.len, k, v);
	if (s.f != NULL)
		fclose(s.f);
	free(s.line);
	free(path);
	return rc;
}

/* ---- comparing --------------------------------------------------------------------------- */

/* A log by step: an object whose keys are the steps. Lines of one step are joined. */
static int add_line(json_t *steps, const char *line, size_t len, const char *name, uint64_t no)
{
	json_error_t je;
	json_t *j = json_loadb(line, len, 0, &je), *step = json_object_get(j, "step"), *have;
	char key_text[24];

	if (j == NULL)
		return err_set("%s:%" PRIu64 ": %s", name, no, je.text), -1;
	if (!json_is_integer(step)) {
		json_decref(j);
		return err_set("%s:%" PRIu64 ": no whole number 'step'", name, no), -1;
	}
	snprintf(key_text, sizeof(key_text), "%" JSON_INTEGER_FORMAT, json_integer_value(step));
	json_object_del(j, "step");
	have = json_object_get(steps, key_text);
	if (have != NULL)
		json_object_update(have, j);
	else
		json_object_set(steps, key_text, j);
	json_decref(j);
	return 0;
}

static json_t *read_log(const char *path)
{
	struct stat st;
	char *file = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? xasprintf("%s/log.jsonl", path)
								 : xstrdup(path);
	struct in *f = in_open(file);
	json_t *steps = json_object();
	char *line;
	size_t len;
	int rc = f != NULL ? 1 : -1;

	while (rc > 0 && (rc = in_line(f, &line, &len)) > 0)
		if (add_line(steps, line, len, in_name(f), in_lineno(f)) < 0)
			rc = -1;
	if (f != NULL)
		in_close(f, NULL);
	free(file);
	if (rc == 0)
		return steps;
	json_decref(steps);
	return NULL;
}

/* What is known of one key. */
struct diff {
	uint64_t steps, first; /* first step beyond, 0 = none (steps count from 1) */
	double max;
	int beyond;
};

static double difference(const json_t *a, const json_t *b)
{
	double x = json_number_value(a), y = json_number_value(b), big = fmax(fabs(x), fabs(y));

	if (!json_is_number(a) || !json_is_number(b))
		return json_is_null(a) && json_is_null(b) ? 0 : INFINITY;
	return x == y ? 0 : fabs(x - y) / big;
}

static void meet(struct diff *d, uint64_t step, double x, double rtol)
{
	d->steps++;
	if (x > d->max)
		d->max = x;
	if (!(x <= rtol) && (!d->beyond || step < d->first)) {
		d->beyond = 1;
		d->first = step;
	}
}

/* {key: index into diffs} grows as keys turn up */
static struct diff *diff_of(json_t *index, struct diff **d, size_t *n, const char *k)
{
	json_t *at = json_object_get(index, k);

	if (at == NULL) {
		*d = xreallocarray(*d, *n + 1, sizeof(**d));
		memset(&(*d)[*n], 0, sizeof(**d));
		json_object_set_new(index, k, json_integer((json_int_t)*n));
		return &(*d)[(*n)++];
	}
	return &(*d)[json_integer_value(at)];
}

static int by_key(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

static int print_diffs(json_t *index, const struct diff *d, FILE *f)
{
	size_t n = 0, total = json_object_size(index);
	const char **names = xcalloc(total + 1, sizeof(*names)), *k;
	json_t *v;
	int differs = 0;

	json_object_foreach(index, k, v) names[n++] = k;
	qsort(names, n, sizeof(*names), by_key);
	for (size_t i = 0; i < n; i++) {
		const struct diff *x = &d[json_integer_value(json_object_get(index, names[i]))];
		fprintf(f, "%s\t%" PRIu64 "\t%.3g\t", names[i], x->steps, x->max);
		if (x->beyond)
			fprintf(f, "%" PRIu64 "\n", x->first);
		else
			fprintf(f, "-\n");
		differs |= x->beyond;
	}
	free(names);
	return differs;
}

static void compare_step(
    json_t *index, struct diff **d, size_t *n, uint64_t step, json_t *x, json_t *y, double rtol)
{
	const char *k;
	json_t *v;

	json_object_foreach(x, k, v)
	{
		json_t *o = json_object_get(y, k);
		meet(diff_of(index, d, n, k), step, o != NULL ? difference(v, o) : INFINITY, rtol);
	}
	json_object_foreach(y, k, v) if (json_object_get(x, k) == NULL)
	    meet(diff_of(index, d, n, k), step, INFINITY, rtol);
}

int runlog_compare(const char *a, const char *b, double rtol, FILE *f)
{
	json_t *x = read_log(a), *y = x != NULL ? read_log(b) : NULL, *index = json_object(), *v;
	struct diff *d = NULL;
	size_t n = 0, common = 0;
	const char *step;
	int rc = -1;

	if (y == NULL)
		goto out;
	json_object_foreach(x, step, v)
	{
		json_t *o = json_object_get(y, step);
		if (o == NULL)
			continue;
		common++;
		compare_step(index, &d, &n, strtoull(step, NULL, 10), v, o, rtol);
	}
	if (common == 0) {
		err_set("%s and %s have no step in common", a, b);
		goto out;
	}
	if (common < json_object_size(x) || common < json_object_size(y))
		note("%zu steps in common; %s has %zu, %s has %zu", common, a, json_object_size(x),
		    b, json_object_size(y));
	fprintf(f, "key\tsteps\tmax_difference\tfirst_step_beyond\n");
	rc = print_diffs(index, d, f);
out:
	json_decref(x);
	json_decref(y);
	json_decref(index);
	free(d);
	return rc;
}
