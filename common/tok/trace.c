#include "tok/trace.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/conf.h"
#include "io/in.h"
#include "tok/order.h"
#include "tok/ordertrace.h"

struct trace {
	char *run; /* directory, or NULL when a config alone was given */
	char *conf_path;
	json_t *conf;
	struct tokfile_list *list;
	struct doctable *table; /* (n_file); .row NULL where there is none */
	uint64_t batch, world, seed, max_steps;
	int drop_last;
	const char *order_name;
	uint64_t n_rank; /* rank files in RUN/data-indices, 0: none */
	int threads;
	struct order_spec spec; /* of the epoch in hand */
	struct order *order;    /* NULL for OLMo's: it is traced, not made */
};

/* -- the config ---------------------------------------------------------------------------- */

static int bad(const struct trace *t, const char *key, const char *what)
{
	err_set("%s: %s %s", t->conf_path, key, what);
	return -1;
}

/* A whole number, at least min; `or` when the key is absent and or is not 2^64 - 1. */
static int get_u64(const struct trace *t, const char *key, uint64_t min, uint64_t or, uint64_t *v)
{
	const json_t *j = conf_get(t->conf, key);

	if (j == NULL || json_is_null(j)) {
		if (or == UINT64_MAX)
			return bad(t, key, "is missing");
		*v = or ;
		return 0;
	}
	if (!json_is_integer(j) || json_integer_value(j) < 0 ||
	    (uint64_t)json_integer_value(j) < min)
		return bad(t, key, "is no whole number in range");
	*v = (uint64_t)json_integer_value(j);
	return 0;
}

/* max_duration: steps, or "2e12T" tokens, or "3ep" epochs. */
static int get_duration(struct trace *t, uint64_t seq_len, uint64_t steps_per_epoch)
{
	const json_t *j = conf_get(t->conf, "max_duration");
	const char *s = json_string_value(j);
	size_t n = s == NULL ? 0 : strlen(s);
	char *number;
	double v;
	int rc;

	t->max_steps = steps_per_epoch;
	if (j == NULL || json_is_null(j))
		return 0;
	if (json_is_integer(j)) {
		t->max_steps = (uint64_t)json_integer_value(j);
		return 0;
	}
	if (n > 1 && s[n - 1] == 'T')
		n--;
	else if (n > 2 && strcmp(s + n - 2, "ep") == 0)
		n -= 2;
	number = xstrndup(s == NULL ? "" : s, n);
	rc = num_f64(number, &v);
	free(number);
	if (rc < 0 || v < 0 || v > 1e18)
		return bad(t, "max_duration", "is neither steps, nor NT tokens, nor Nep epochs");
	if (s[n] == 'T')
		t->max_steps = (uint64_t)(v / (double)(t->batch * seq_len));
	else if (s[n] == 'e')
		t->max_steps = (uint64_t)v * steps_per_epoch;
	else
		t->max_steps = (uint64_t)v;
	return 0;
}

static int open_files(struct trace *t, uint64_t seq_len)
{
	const json_t *paths = conf_get(t->conf, "data.paths");
	const char *dtype = json_string_value(conf_get(t->conf, "data.memmap_dtype"));
	struct tokfile_meta raw = {.width = 2, .vocab_size = 65536, .eos_id = TOKFILE_NONE};
	struct tokfile_list_spec spec = {.seq_len = seq_len, .raw = &raw};
	const char **name;
	size_t i, n = json_array_size(paths);

	if (dtype != NULL && strcmp(dtype, "uint32") == 0) {
		raw.width = 4;
		raw.vocab_size = (uint64_t)1 << 32;
	}
	if (n == 0)
		return bad(t, "data.paths", "is no list of files");
	name = xcalloc(n, sizeof(*name));
	for (i = 0; i < n; i++) {
		name[i] = json_string_value(json_array_get(paths, i));
		if (name[i] == NULL) {
			free(name);
			return bad(t, "data.paths", "is no list of files");
		}
	}
	t->list = tokfile_list_open(name, n, &spec);
	t->table = xcalloc(n, sizeof(*t->table));
	for (i = 0; t->list != NULL && i < n; i++)
		if (tokfile_docs_exist(name[i]) &&
		    doctable_load(&t->table[i], name[i], t->list->file[i]->count) < 0) {
			free(name);
			return -1;
		}
	free(name);
	return t->list == NULL ? -1 : 0;
}

/* How many rank files the run has. */
static char *rank_path(const struct trace *t, uint64_t rank)
{
	char *p = xasprintf("%s/data-indices/rank%" PRIu64 ".tsv", t->run, rank), *gz;

	if (access(p, F_OK) == 0)
		return p;
	gz = xasprintf("%s.gz", p);
	free(p);
	if (access(gz, F_OK) == 0)
		return gz;
	free(gz);
	return NULL;
}

static void count_ranks(struct trace *t)
{
	char *p;

	while (t->run != NULL && (p = rank_path(t, t->n_rank)) != NULL) {
		free(p);
		t->n_rank++;
	}
}

static int read_conf(struct trace *t)
{
	uint64_t seq_len, total;
	const json_t *drop = conf_get(t->conf, "data.drop_last");

	if (get_u64(t, "model.max_sequence_length", 1, UINT64_MAX, &seq_len) < 0 ||
	    get_u64(t, "global_train_batch_size", 1, UINT64_MAX, &t->batch) < 0 ||
	    get_u64(t, "seed", 0, 6198, &t->seed) < 0 ||
	    get_u64(t, "data.seed", 0, t->seed, &t->seed) < 0)
		return -1;
	t->drop_last = drop == NULL || json_is_true(drop);
	t->order_name = json_string_value(conf_get(t->conf, "data.order"));
	if (t->order_name == NULL || strcmp(t->order_name, "olmo") == 0)
		t->order_name = "numpy";
	if (open_files(t, seq_len) < 0)
		return -1;
	total = t->list->n_inst;
	return get_duration(t, seq_len, total / t->batch);
}

static int is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct trace *trace_open(const char *run_or_conf, uint64_t world, int threads)
{
	struct trace *t = xcalloc(1, sizeof(*t));

	t->world = world;
	t->threads = threads;
	if (is_dir(run_or_conf)) {
		t->run = xstrdup(run_or_conf);
		t->conf_path = xasprintf("%s/config.json", run_or_conf);
		if (access(t->conf_path, F_OK) != 0) {
			free(t->conf_path);
			t->conf_path = xasprintf("%s/config.yaml", run_or_conf);
		}
	} else {
		t->conf_path = xstrdup(run_or_conf);
	}
	t->conf = conf_load(t->conf_path);
	count_ranks(t);
	if (t->conf == NULL || read_conf(t) < 0) {
		trace_close(t);
		return NULL;
	}
	return t;
}

void trace_close(struct trace *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; t->table != NULL && t->list != NULL && i < t->list->n_file; i++)
		doctable_release(&t->table[i]);
	free(t->table);
	tokfile_list_close(t->list);
	order_free(t->order);
	json_decref(t->conf);
	free(t->conf_path);
	free(t->run);
	free(t);
}

uint64_t trace_steps(const struct trace *t)
{
	return t->max_steps;
}

const char *trace_tokenizer(const struct trace *t)
{
	return json_string_value(conf_get(t->conf, "tokenizer.identifier"));
}

/* -- instances to documents ---------------------------------------------------------------- */

static int report(const struct trace *t, uint64_t step, uint64_t rank, uint64_t instance,
    const struct doctable_row *only, trace_fn *fn, void *arg)
{
	struct trace_hit h = {.step = step, .rank = rank, .instance = instance};
	uint64_t start, end;
	size_t file, row;

	if (instance >= t->list->n_inst) {
		err_set("instance %" PRIu64 " of step %" PRIu64 ": the token files have %" PRIu64,
		    instance, step, t->list->n_inst);
		return -1;
	}
	tokfile_list_find(t->list, instance, &file, &start);
	end = start + t->list->seq_len;
	h.file = t->list->file[file];
	h.start = start;
	h.end = end;
	if (t->table[file].row == NULL)
		return fn(arg, &h);
	h.table = &t->table[file];
	for (row = doctable_find(h.table, start);
	     row < h.table->n && h.table->row[row].start < end; row++) {
		const struct doctable_row *r = &h.table->row[row];

		if (r->start == r->end || (only != NULL && only != r))
			continue;
		h.row = row;
		h.start = r->start < start ? start : r->start;
		h.end = r->end > end ? end : r->end;
		if (fn(arg, &h) < 0)
			return -1;
	}
	return 0;
}

/* -- the order ----------------------------------------------------------------------------- */

static int is_file_order(const struct trace *t)
{
	return strcmp(t->order_name, "numpy") != 0 && strcmp(t->order_name, "feistel") != 0 &&
	       strcmp(t->order_name, "sequential") != 0;
}

static int load_epoch(struct trace *t, uint64_t epoch)
{
	t->spec = (struct order_spec){.n_inst = t->list->n_inst,
	    .seq_len = t->list->seq_len,
	    .seed = t->seed,
	    .epoch = epoch,
	    .world = t->world,
	    .drop_last = t->drop_last};
	if (is_file_order(t)) {
		if (t->order == NULL)
			t->order = order_open_any(t->order_name, t->list->n_inst);
		return t->order == NULL ? -1 : order_check(t->order, t->list);
	}
	t->spec.algo = (enum order_algo)order_algo_parse(t->order_name);
	if (t->spec.algo == ORDER_NUMPY)
		return order_possible(&t->spec);
	order_free(t->order);
	t->order = order_new(&t->spec);
	return t->order == NULL ? -1 : 0;
}

/* Whole batches an epoch has, which are its steps. */
static uint64_t steps_per_epoch(const struct trace *t)
{
	return (t->order != NULL ? t->order->total : order_total(&t->spec)) / t->batch;
}

/* Instances at entries [k, k + n) of OLMo's order: one asking for all that lie in one piece. */
static int traced(const struct trace *t, uint64_t k, uint64_t n, uint64_t *instance)
{
	while (n > 0) {
		uint64_t at = k % t->spec.n_inst;
		uint64_t part = t->spec.n_inst - at < n ? t->spec.n_inst - at : n;

		if (ordertrace_instances(&t->spec, at, part, t->threads, instance) < 0)
			return -1;
		k += part;
		n -= part;
		instance += part;
	}
	return 0;
}

static int entries(const struct trace *t, uint64_t k, uint64_t n, uint64_t *instance)
{
	uint64_t i;

	if (t->order == NULL)
		return traced(t, k, n, instance);
	for (i = 0; i < n; i++)
		instance[i] = order_at(t->order, k + i);
	return 0;
}

static int report_batch(const struct trace *t, uint64_t step, int64_t rank,
    const uint64_t *instance, trace_fn *fn, void *arg)
{
	uint64_t k;

	for (k = 0; k < t->batch; k++)
		if ((rank < 0 || k % t->world == (uint64_t)rank) &&
		    report(t, step, k % t->world, instance[k], NULL, fn, arg) < 0)
			return -1;
	return 0;
}

static int computed_step(struct trace *t, uint64_t step, int64_t rank, trace_fn *fn, void *arg)
{
	uint64_t per_epoch, *instance;
	int rc;

	if (load_epoch(t, 0) < 0)
		return -1;
	per_epoch = steps_per_epoch(t);
	if (step == 0 || per_epoch == 0) {
		err_set("no step %" PRIu64 ": they count from 1, and an epoch has %" PRIu64, step,
		    per_epoch);
		return -1;
	}
	if (load_epoch(t, (step - 1) / per_epoch) < 0)
		return -1;
	instance = xreallocarray(NULL, t->batch, sizeof(*instance));
	rc = entries(t, (step - 1) % per_epoch * t->batch, t->batch, instance);
	if (rc == 0)
		rc = report_batch(t, step, rank, instance, fn, arg);
	free(instance);
	return rc;
}

/* -- data-indices -------------------------------------------------------------------------- */

typedef int line_fn(struct trace *t, void *arg, uint64_t step, uint64_t rank, uint64_t instance);

/* Every number of a rank's file, or of its lines with one step (0: all). */
static int each_index(struct trace *t, uint64_t rank, uint64_t step, line_fn *fn, void *arg)
{
	char *path = rank_path(t, rank), *line;
	struct in *in = in_open(path);
	size_t len;
	int rc = -1;

	free(path);
	if (in == NULL)
		return -1;
	while ((rc = in_line(in, &line, &len)) > 0) {
		char *end, *p = line;
		uint64_t s = strtoull(p, &end, 10);

		if (end == p || (*end != '\t' && *end != '\0')) {
			err_set("%s:%" PRIu64 ": no step number", in_name(in), in_lineno(in));
			rc = -1;
		}
		for (p = end; rc > 0 && *p == '\t' && (step == 0 || s == step); p = end) {
			uint64_t v = strtoull(p + 1, &end, 10);

			if (end == p + 1 || (*end != '\t' && *end != '\0')) {
				err_set("%s:%" PRIu64 ": no instance number", in_name(in),
				    in_lineno(in));
				rc = -1;
			} else if (fn(t, arg, s, rank, v) < 0) {
				rc = -1;
			}
		}
		if (rc < 0)
			break;
	}
	in_close(in, NULL);
	return rc;
}

struct call {
	trace_fn *fn;
	void *arg;
	uint64_t n;
	/* trace_document: what is looked for */
	size_t file;
	const struct doctable_row *row;
	uint64_t first, last; /* instances that hold a part of it */
};

static int report_line(struct trace *t, void *arg, uint64_t step, uint64_t rank, uint64_t instance)
{
	struct call *c = arg;

	c->n++;
	return report(t, step, rank, instance, NULL, c->fn, c->arg);
}

int trace_step(struct trace *t, uint64_t step, int64_t rank, trace_fn *fn, void *arg)
{
	struct call c = {.fn = fn, .arg = arg};
	uint64_t r;

	if (t->n_rank == 0)
		return computed_step(t, step, rank, fn, arg);
	if (rank >= 0 && (uint64_t)rank >= t->n_rank) {
		err_set("%s/data-indices: no rank %" PRId64 ", there are %" PRIu64, t->run, rank,
		    t->n_rank);
		return -1;
	}
	for (r = 0; r < t->n_rank; r++)
		if ((rank < 0 || r == (uint64_t)rank) &&
		    each_index(t, r, step, report_line, &c) < 0)
			return -1;
	if (c.n == 0) {
		err_set("%s/data-indices: no step %" PRIu64, t->run, step);
		return -1;
	}
	return 0;
}

/* -- documents to steps -------------------------------------------------------------------- */

static int document_line(
    struct trace *t, void *arg, uint64_t step, uint64_t rank, uint64_t instance)
{
	struct call *c = arg;

	if (instance < c->first || instance > c->last)
		return 0;
	c->n++;
	return report(t, step, rank, instance, c->row, c->fn, c->arg);
}

/* An entry of the epoch that holds a part of the document. */
struct seen {
	uint64_t entry, instance;
};

struct seen_list {
	struct seen *p;
	size_t n, cap;
};

static void add_seen(struct seen_list *l, uint64_t entry, uint64_t instance)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->p = xreallocarray(l->p, l->cap, sizeof(*l->p));
	}
	l->p[l->n++] = (struct seen){entry, instance};
}

static int by_entry(const void *pa, const void *pb)
{
	const struct seen *a = pa, *b = pb;

	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* An instance that stands at entry k stands at k + n_inst too, if there are so many. */
static void add_repeats(
    const struct trace *t, struct seen_list *l, uint64_t k, uint64_t instance, uint64_t end)
{
	for (; k < end; k += t->spec.n_inst)
		add_seen(l, k, instance);
}

/* All entries below `end` that hold one of the instances. */
static int find_seen(struct trace *t, const struct call *c, uint64_t end, struct seen_list *l)
{
	uint64_t k, n = c->last - c->first + 1, *entry;
	int rc = 0;

	l->n = 0;
	if (is_file_order(t)) {
		for (k = 0; k < end; k++) {
			uint64_t inst = order_at(t->order, k);

			if (inst >= c->first && inst <= c->last)
				add_seen(l, k, inst);
		}
		return 0;
	}
	entry = xreallocarray(NULL, n, sizeof(*entry));
	if (t->order == NULL)
		rc = ordertrace_entries(&t->spec, c->first, n, t->threads, entry);
	else
		for (k = 0; k < n; k++)
			entry[k] = order_find(t->order, c->first + k);
	for (k = 0; rc == 0 && k < n; k++)
		add_repeats(t, l, entry[k], c->first + k, end);
	free(entry);
	if (l->n > 0)
		qsort(l->p, l->n, sizeof(*l->p), by_entry);
	return rc;
}

static int document_computed(struct trace *t, struct call *c)
{
	uint64_t epoch, per_epoch;
	struct seen_list l = {0};
	int rc = load_epoch(t, 0);

	per_epoch = rc < 0 ? 0 : steps_per_epoch(t);
	for (epoch = 0; rc == 0 && per_epoch > 0 && epoch * per_epoch < t->max_steps; epoch++) {
		uint64_t steps = t->max_steps - epoch * per_epoch;
		size_t k;

		rc = load_epoch(t, epoch);
		if (rc == 0)
			rc = find_seen(
			    t, c, (steps < per_epoch ? steps : per_epoch) * t->batch, &l);
		for (k = 0; rc == 0 && k < l.n; k++)
			rc = document_line(t, c, epoch * per_epoch + l.p[k].entry / t->batch + 1,
			    l.p[k].entry % t->batch % t->world, l.p[k].instance);
	}
	free(l.p);
	return rc;
}

/* The instances that hold a part of row r of file f; 0 when it lies in the tail. */
static int find_instances(const struct trace *t, struct call *c)
{
	uint64_t T = t->list->seq_len, first = t->list->first[c->file];
	uint64_t n = t->list->first[c->file + 1] - first;
	uint64_t a = c->row->start / T, b;

	if (c->row->start == c->row->end || a >= n)
		return 0;
	b = (c->row->end - 1) / T;
	c->first = first + a;
	c->last = first + (b < n ? b : n - 1);
	return 1;
}

static int trace_row(struct trace *t, struct call *c)
{
	uint64_t r;

	if (!find_instances(t, c))
		return 0;
	if (t->n_rank == 0)
		return document_computed(t, c);
	for (r = 0; r < t->n_rank; r++)
		if (each_index(t, r, 0, document_line, c) < 0)
			return -1;
	return 0;
}

int trace_document(
    struct trace *t, const char *id, size_t id_len, trace_fn *fn, void *arg, uint64_t *found)
{
	struct call c = {.fn = fn, .arg = arg};
	uint64_t known = 0;
	size_t row, tables = 0;

	for (c.file = 0; c.file < t->list->n_file; c.file++) {
		const struct doctable *d = &t->table[c.file];

		tables += d->row != NULL;
		for (row = 0; row < d->n; row++) {
			if (d->row[row].id_len != id_len ||
			    memcmp(doctable_id(d, row), id, id_len) != 0)
				continue;
			known++;
			c.row = &d->row[row];
			if (trace_row(t, &c) < 0)
				return -1;
		}
	}
	*found = c.n;
	if (known > 0)
		return 0;
	if (tables == 0)
		err_set("%s: none of the token files has a document table", t->conf_path);
	else
		err_set(
		    "no document '%s' in the tables of the %zu token files", id, t->list->n_file);
	return -1;
}
