/* Dolma's layout: documents/ and attributes/ beside each other in, shards out. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/pipe.h"
#include "base/progress.h"
#include "base/stats.h"
#include "doc/docrun.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"
#include "text/mix.h"

enum { BATCH = 1 << 20 };

/* --- names of files ---------------------------------------------------------------------------- */

struct names {
	char **a;
	size_t n, cap;
};

static void add_name(struct names *o, char *name)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 16;
		o->a = xreallocarray(o->a, o->cap, sizeof *o->a);
	}
	o->a[o->n++] = name;
}

static void free_names(struct names *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->a[i]);
	free(o->a);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_directory(const char *path)
{
	struct stat st;

	return stat(*path ? path : ".", &st) == 0 && S_ISDIR(st.st_mode);
}

/* Names in a directory, sorted, without hidden ones. */
static struct names list_directory(const char *dir)
{
	struct names out = {0};
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			add_name(&out, xstrdup(e->d_name));
	if (d)
		closedir(d);
	if (out.n)
		qsort(out.a, out.n, sizeof *out.a, by_bytes);
	return out;
}

static void match(const char *base, const char *pattern, struct names *out);

/* "**": this directory and all below it. */
static void match_below(const char *base, const char *rest, struct names *out)
{
	struct names in = list_directory(base);

	match(base, rest, out);
	for (size_t i = 0; i < in.n; i++) {
		char *dir = xasprintf("%s%s", base, in.a[i]), *slash = xasprintf("%s/", dir);
		struct stat st;

		if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			match_below(slash, rest, out);
		free(slash);
		free(dir);
	}
	free_names(&in);
}

/* One piece of the pattern against one name. */
static void match_name(const char *base, const char *name, const char *rest, struct names *out)
{
	char *path = xasprintf("%s%s", base, name), *slash;
	struct stat st;

	if (!*rest) {
		if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
			add_name(out, xstrdup(path));
	} else if (is_directory(path)) {
		slash = xasprintf("%s/", path);
		match(slash, rest, out);
		free(slash);
	}
	free(path);
}

/* Files that match, in order of their names.  base: "" or with '/' at its end. */
static void match(const char *base, const char *pattern, struct names *out)
{
	size_t n = strcspn(pattern, "/");
	const char *rest = pattern + n + strspn(pattern + n, "/");
	char *piece = xstrndup(pattern, n);

	if (!n) {
		match("/", rest, out);
	} else if (!strcmp(piece, "**")) {
		match_below(base, *rest ? rest : "*", out);
	} else if (!strpbrk(piece, "*?[")) {
		match_name(base, piece, rest, out);
	} else {
		struct names in = list_directory(base);

		for (size_t i = 0; i < in.n; i++)
			if (fnmatch(piece, in.a[i], 0) == 0)
				match_name(base, in.a[i], rest, out);
		free_names(&in);
	}
	free(piece);
}

/* --- what is to be done ------------------------------------------------------------------------ */

struct input {
	char *path;
	char **side; /* attribute files, in order of the stream's list */
	uint64_t bytes;
};

struct shard {
	char *path;      /* NULL: nothing is written */
	size_t first, n; /* inputs */
};

struct plan {
	const struct mix_stream *s;
	struct input *in;
	size_t n_in;
	struct shard *shard;
	size_t n_shard;
};

static int add_input(struct plan *p, char *path)
{
	struct input *in = &p->in[p->n_in++];
	const struct mix_stream *s = p->s;
	struct stat st;

	in->path = path;
	in->side = xcalloc(s->n_attributes + 1, sizeof *in->side);
	if (stat(path, &st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	in->bytes = (uint64_t)st.st_size;
	for (size_t i = 0; i < s->n_attributes; i++) {
		in->side[i] = docrun_sidecar_path(path, s->attributes[i]);
		if (!in->side[i])
			return -1;
		if (stat(in->side[i], &st) < 0) {
			err_sys("attributes '%s' of '%s': cannot open '%s'", s->attributes[i],
			    path, in->side[i]);
			return -1;
		}
	}
	return 0;
}

static int find_inputs(struct plan *p)
{
	struct names found = {0};
	int rc = 0;

	for (char **d = p->s->documents; *d && rc == 0; d++) {
		size_t before = found.n;

		match("", *d, &found);
		if (found.n == before) {
			err_set("stream '%s': no file matches '%s'", p->s->name, *d);
			rc = -1;
		}
	}
	p->in = xcalloc(found.n + 1, sizeof *p->in);
	for (size_t i = 0; i < found.n; i++) {
		if (rc == 0)
			rc = add_input(p, found.a[i]);
		else
			free(found.a[i]);
	}
	free(found.a);
	return rc;
}

static char *shard_path(const struct mix_job *j, const struct plan *p, size_t i)
{
	return j->dir ? xasprintf("%s/%s-%04zu.jsonl%s", j->dir, p->s->name, i, p->s->suffix)
		      : NULL;
}

/* Inputs go into a shard until their stored sizes together exceed the limit. */
static void pack_shards(const struct mix_job *j, struct plan *p)
{
	uint64_t size = 0;

	p->shard = xcalloc(p->n_in + 1, sizeof *p->shard);
	for (size_t i = 0; i < p->n_in; i++) {
		struct shard *s = &p->shard[p->n_shard - (p->n_shard > 0)];

		size += p->in[i].bytes;
		if (!p->n_shard || size > p->s->max_size) {
			s = &p->shard[p->n_shard];
			*s = (struct shard){shard_path(j, p, p->n_shard), i, 0};
			p->n_shard++;
			size = p->in[i].bytes;
		}
		s->n++;
	}
}

/* shuffle: false: one output an input, with its name below documents/. */
static int mirror_shards(const struct mix_job *j, struct plan *p)
{
	p->shard = xcalloc(p->n_in + 1, sizeof *p->shard);
	for (size_t i = 0; i < p->n_in; i++) {
		char *side = docrun_sidecar_path(p->in[i].path, "x");
		const char *rel;

		if (!side)
			return -1;
		rel = strstr(side, "attributes/x/");
		for (const char *q = rel; (q = strstr(q + 1, "attributes/x/"));)
			rel = q;
		if (j->dir)
			p->shard[i].path =
			    xasprintf("%s/documents/%s", j->dir, rel + strlen("attributes/x/"));
		p->shard[i].first = i;
		p->shard[i].n = 1;
		p->n_shard++;
		free(side);
	}
	return 0;
}

static void free_plan(struct plan *p)
{
	for (size_t i = 0; i < p->n_in; i++) {
		for (char **s = p->in[i].side; *s; s++)
			free(*s);
		free(p->in[i].side);
		free(p->in[i].path);
	}
	for (size_t i = 0; i < p->n_shard; i++)
		free(p->shard[i].path);
	free(p->in);
	free(p->shard);
}

/* --- one shard --------------------------------------------------------------------------------- */

struct batch {
	struct buf lines; /* documents, seals among them */
	struct buf *rows; /* for each attribute set: one row a document */
	uint64_t first;
	size_t input;
	struct docarena *mem;
	struct buf out, packed;
	uint64_t n_in, n_out;
};

/* A file that is read line by line, with its seals. */
struct source {
	struct in *in;
	struct seal seal;
};

struct worker {
	struct mix_thread *mix;
	struct doc doc;
	struct buf line; /* the document with its attributes */
};

struct work {
	struct mix_job *j;
	const struct plan *p;
	const struct shard *shard;
	struct worker *worker;
	/* reader */
	size_t reading, n_side;
	struct source doc, *side;
	uint64_t stored;
	/* writer */
	struct out *out;
	struct seal seal;
};

static int source_open(struct source *s, const char *path)
{
	s->in = in_open(path);
	if (!s->in)
		return -1;
	seal_init(&s->seal);
	return 0;
}

static void source_abandon(struct source *s)
{
	if (!s->in)
		return;
	in_close(s->in, NULL);
	seal_release(&s->seal);
	s->in = NULL;
}

/* The end of a file: seals, hash into the manifest. */
static int source_end(struct work *w, struct source *s, const char *role)
{
	char *path = xstrdup(in_name(s->in));
	struct filehash h;
	int rc = seal_end(&s->seal, w->j->o->require_seal, path);

	in_close(s->in, &h);
	seal_release(&s->seal);
	s->in = NULL;
	if (rc == 0 && w->j->m)
		manifest_input(w->j->m, role, path, &h);
	free(path);
	return rc;
}

/* The next row, past seals; 1, 0 at the end, -1. */
static int next_row(struct source *s, char **line, size_t *len)
{
	int rc;

	while ((rc = in_line(s->in, line, len)) > 0 && seal_is(*line, *len))
		if (seal_check(&s->seal, *line, *len, in_name(s->in), in_lineno(s->in)) < 0)
			return -1;
	if (rc > 0) {
		seal_add(&s->seal, *line, *len, 0);
		seal_add(&s->seal, "\n", 1, 1);
	}
	return rc;
}

static int open_input(struct work *w)
{
	const struct input *in = &w->p->in[w->reading];

	if (source_open(&w->doc, in->path) < 0)
		return -1;
	for (size_t i = 0; i < w->n_side; i++)
		if (source_open(&w->side[i], in->side[i]) < 0)
			return -1;
	w->stored = 0;
	return 0;
}

/* The documents are at their end: so must the attributes be. */
static int end_input(struct work *w)
{
	const char *path = w->p->in[w->reading].path;
	char *line;
	size_t len;
	int rc;

	for (size_t i = 0; i < w->n_side; i++) {
		rc = next_row(&w->side[i], &line, &len);
		if (rc > 0)
			err_set("%s:%llu: more rows than '%s' has documents",
			    in_name(w->side[i].in), (unsigned long long)in_lineno(w->side[i].in),
			    path);
		if (rc)
			return -1;
		if (source_end(w, &w->side[i], "attributes") < 0)
			return -1;
	}
	w->reading++;
	return source_end(w, &w->doc, "documents");
}

/* Rows of all sets for one document. */
static int read_rows(struct work *w, struct batch *b, uint64_t lineno)
{
	char *line;
	size_t len;
	int rc;

	for (size_t i = 0; i < w->n_side; i++) {
		rc = next_row(&w->side[i], &line, &len);
		if (!rc)
			err_set("%s: no row for %s:%llu: the file is too short",
			    in_name(w->side[i].in), in_name(w->doc.in),
			    (unsigned long long)lineno);
		if (rc <= 0)
			return -1;
		buf_add(&b->rows[i], line, len);
		buf_chr(&b->rows[i], '\n');
	}
	return 0;
}

/* Check the seals of a batch and fetch the rows of its documents. */
static int match_rows(struct work *w, struct batch *b)
{
	const char *p = b->lines.p, *end = p + b->lines.len, *nl;
	uint64_t lineno = b->first;

	for (; p < end; p = nl + 1, lineno++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (seal_is(p, (size_t)(nl - p))) {
			if (seal_check(
				&w->doc.seal, p, (size_t)(nl - p), in_name(w->doc.in), lineno) < 0)
				return -1;
			continue;
		}
		seal_add(&w->doc.seal, p, (size_t)(nl + 1 - p), 1);
		b->n_in++;
		if (read_rows(w, b, lineno) < 0)
			return -1;
	}
	return 0;
}

static int read_batch(void *ctx, void *item, int worker)
{
	struct work *w = ctx;
	struct batch *b = item;
	uint64_t n_lines, stored;
	int rc;

	(void)worker;
	b->lines.len = b->out.len = b->packed.len = 0;
	b->n_in = b->n_out = 0;
	for (size_t i = 0; i < w->n_side; i++)
		b->rows[i].len = 0;
	docarena_reset(b->mem);
	for (;;) {
		if (w->reading == w->shard->first + w->shard->n)
			return 0;
		if (!w->doc.in && open_input(w) < 0)
			return -1;
		rc = in_lines(w->doc.in, BATCH, &b->lines, &b->first, &n_lines);
		if (rc < 0)
			return -1;
		stored = in_stored(w->doc.in);
		progress_add(stored - w->stored);
		w->stored = stored;
		if (rc)
			break;
		if (end_input(w) < 0)
			return -1;
	}
	b->input = w->reading;
	return match_rows(w, b) < 0 ? -1 : 1;
}

/* --- joining ----------------------------------------------------------------------------------- */

static int same_string(struct jspan a, struct jspan b)
{
	struct buf x = {0};
	int same;

	if (a.len == b.len && !memcmp(a.p, b.p, a.len))
		return 1;
	if (jspan_type(b) != JT_STRING || jscan_str(b, &x) < 0)
		return 0;
	same = !memchr(x.p ? x.p : "", 0, x.len) && jspan_streq(a, x.p ? buf_cstr(&x) : "");
	buf_release(&x);
	return same;
}

/* A member of the attributes that was written already; its place in out, or SIZE_MAX. */
struct written {
	struct jspan key;
	size_t from, to;
};

/* Append the members of an object; a key that is there already takes the new value, for the last
 * set counts. */
static void add_members(struct buf *out, struct written **w, size_t *n, struct jspan object)
{
	struct jiter it = jiter_open(object);
	struct jspan k, v;

	while (jiter_next(&it, &k, &v)) {
		size_t i = 0;

		while (i < *n && !same_string((*w)[i].key, k))
			i++;
		if (i == *n) {
			if (!(*n & (*n - 1)))
				*w = xreallocarray(*w, *n ? 2 * *n : 1, sizeof **w);
			++*n;
		} else {
			/* Blank the old one; JSON allows the white space. */
			memset(out->p + (*w)[i].from, ' ', (*w)[i].to - (*w)[i].from);
		}
		buf_chr(out, ',');
		(*w)[i].key = k;
		(*w)[i].from = out->len - 1;
		buf_add(out, k.p, k.len);
		buf_chr(out, ':');
		buf_add(out, v.p, v.len);
		(*w)[i].to = out->len;
	}
}

/* The raw attributes object of a row, which must be of document `id`. */
static int row_attributes(const char *row, size_t len, struct jspan id, struct jspan *attributes)
{
	struct jscan j;

	if (jscan_line(&j, row, len) < 0)
		return -1;
	if (!same_string(id, j.f[J_ID])) {
		err_set("the row is of document %.*s, not %.*s",
		    (int)(j.f[J_ID].len < 100 ? j.f[J_ID].len : 100),
		    j.f[J_ID].p ? j.f[J_ID].p : "", (int)(id.len < 100 ? id.len : 100), id.p);
		return -1;
	}
	*attributes = j.f[J_ATTRIBUTES];
	if (jspan_type(*attributes) == JT_OBJECT)
		return 0;
	err_set("the row has no 'attributes' object");
	return -1;
}

/* The members of all rows, after those that the document has, into out: "{…}". */
static int join_rows(
    struct work *w, const struct batch *b, const struct jscan *j, size_t *at, struct buf *out)
{
	struct written *seen = NULL;
	size_t n = 0, start = out->len;
	int rc = 0;

	add_members(out, &seen, &n, j->f[J_ATTRIBUTES]);
	for (size_t i = 0; i < w->n_side && rc == 0; i++) {
		const char *row = b->rows[i].p + at[i];
		size_t len = (size_t)((char *)memchr(row, '\n', b->rows[i].len - at[i]) - row);
		struct jspan attributes;

		at[i] += len + 1;
		rc = row_attributes(row, len, j->f[J_ID], &attributes);
		if (rc == 0)
			add_members(out, &seen, &n, attributes);
		else
			err_prefix("%s", w->p->in[b->input].side[i]);
	}
	free(seen);
	if (out->len == start)
		buf_chr(out, '{');
	else
		*(char *)memchr(out->p + start, ',', out->len - start) = '{';
	buf_chr(out, '}');
	return rc;
}

/* The document's line with the attributes of its rows. */
static int join_line(struct work *w, const struct batch *b, const char *line, size_t len,
    size_t *at, struct buf *out)
{
	struct jscan j;
	struct jspan old;
	const char *cut;

	if (jscan_line(&j, line, len) < 0)
		return -1;
	old = j.f[J_ATTRIBUTES];
	if (jspan_type(j.f[J_ID]) != JT_STRING) {
		err_set("no 'id' that is a string");
		return -1;
	}
	cut = old.p ? old.p : j.object.p + j.object.len - 1;
	out->len = 0;
	buf_add(out, line, (size_t)(cut - line));
	if (!old.p)
		buf_str(out, ",\"attributes\":");
	if (join_rows(w, b, &j, at, out) < 0)
		return -1;
	cut += old.len;
	buf_add(out, cut, (size_t)(line + len - cut));
	return 0;
}

/* --- work and writing -------------------------------------------------------------------------- */

static int mix_line(struct work *w, struct batch *b, struct worker *k, const char *line,
    size_t len, uint64_t lineno, size_t *at)
{
	const char *file = w->p->in[b->input].path;
	int rc;

	if (w->n_side) {
		if (join_line(w, b, line, len, at, &k->line) < 0) {
			err_prefix("%s:%llu", file, (unsigned long long)lineno);
			return -1;
		}
		line = k->line.p;
		len = k->line.len;
	}
	docarena_reset(b->mem);
	k->doc.mem = b->mem;
	if (doc_parse(&k->doc, file, lineno, line, len) < 0)
		return -1;
	if (w->j->explain) {
		rc = mix_explain(k->mix, &k->doc, w->j->explain, stdout);
		w->j->found |= rc == 0 || rc == 1;
		w->j->kept |= rc == 1;
	} else {
		rc = mix_doc(k->mix, &k->doc, file, &b->out);
		b->n_out += rc > 0;
	}
	if (rc < 0)
		err_prefix("%s:%llu", file, (unsigned long long)lineno);
	return rc < 0 ? -1 : 0;
}

static int work_batch(void *ctx, void *item, int worker)
{
	struct work *w = ctx;
	struct batch *b = item;
	const char *p = b->lines.p, *end = p + b->lines.len, *nl;
	size_t *at = xcalloc(w->n_side + 1, sizeof *at);
	uint64_t lineno = b->first;
	int rc = 0;

	for (; p < end && rc == 0; p = nl + 1, lineno++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!seal_is(p, (size_t)(nl - p)))
			rc = mix_line(w, b, &w->worker[worker], p, (size_t)(nl - p), lineno, at);
	}
	free(at);
	if (rc == 0 && w->out)
		out_pack(w->out, b->out.p, b->out.len, &b->packed);
	return rc;
}

static int write_batch(void *ctx, void *item, int worker)
{
	struct work *w = ctx;
	struct batch *b = item;

	(void)worker;
	stats_add("docs_in", b->n_in);
	stats_add("bytes_in", b->lines.len);
	stats_add("docs_out", b->n_out);
	stats_add("bytes_out", b->out.len);
	if (!w->out)
		return 0;
	if (w->j->o->seal)
		seal_add(&w->seal, b->out.p, b->out.len, b->n_out);
	return out_write_packed(w->out, b->packed.p, b->packed.len);
}

static void batch_free(struct work *w, struct batch *b)
{
	for (size_t i = 0; i < w->n_side; i++)
		buf_release(&b->rows[i]);
	free(b->rows);
	buf_release(&b->lines);
	buf_release(&b->out);
	buf_release(&b->packed);
	docarena_free(b->mem);
	free(b);
}

static int run_pipe(struct work *w)
{
	static const struct pipe_stage stages[] = {
	    {"read", read_batch, 1}, {"work", work_batch, 0}, {"write", write_batch, 1}};
	int threads = w->j->explain ? 1 : w->j->o->threads, rc;
	size_t n = 2 * (size_t)threads + 2;
	void **items = xcalloc(n, sizeof *items);

	for (size_t i = 0; i < n; i++) {
		struct batch *b = items[i] = xcalloc(1, sizeof *b);

		b->rows = xcalloc(w->n_side + 1, sizeof *b->rows);
		b->mem = docarena_new();
	}
	rc = pipe_run(threads, stages, 3, items, n, w);
	for (size_t i = 0; i < n; i++)
		batch_free(w, items[i]);
	free(items);
	return rc;
}

/* The end mark, if asked for, and the file's name. */
static int end_shard(struct work *w)
{
	struct out *out = w->out;
	struct filehash h;
	struct buf mark = {0};
	int rc = 0;

	if (w->j->o->seal) {
		seal_line(&w->seal, &mark);
		rc = out_write(out, mark.p, mark.len);
		buf_release(&mark);
	}
	w->out = NULL;
	if (rc < 0) {
		out_abort(out);
		return -1;
	}
	if (out_commit(out, &h) < 0)
		return -1;
	manifest_output(w->j->m, "documents", w->shard->path, &h);
	return 0;
}

static int run_shard(struct work *w)
{
	char *message;
	int rc;

	w->reading = w->shard->first;
	if (w->shard->path && !(w->out = out_open(w->shard->path, 0)))
		return -1;
	seal_init(&w->seal);
	rc = run_pipe(w);
	if (rc == 0 && w->out)
		rc = end_shard(w);
	seal_release(&w->seal);
	if (rc == 0)
		return 0;
	message = xstrdup(err_msg());
	source_abandon(&w->doc);
	for (size_t i = 0; i < w->n_side; i++)
		source_abandon(&w->side[i]);
	out_abort(w->out);
	err_set("%s", message);
	free(message);
	return -1;
}

/* --- a stream, all streams --------------------------------------------------------------------- */

static int run_stream(struct mix_job *j, const struct plan *p)
{
	struct mix_run *r = mix_run_new(p->s, j->flags);
	struct work w = {.j = j, .p = p, .n_side = p->s->n_attributes};
	size_t n = (size_t)j->o->threads;
	int rc = 0;

	w.side = xcalloc(w.n_side + 1, sizeof *w.side);
	w.worker = xcalloc(n, sizeof *w.worker);
	for (size_t i = 0; i < n; i++)
		w.worker[i].mix = mix_thread_new(r);
	for (size_t i = 0; i < p->n_shard && rc == 0; i++) {
		w.shard = &p->shard[i];
		rc = run_shard(&w);
	}
	if (rc == 0 && !j->explain)
		rc = mix_run_end(r);
	if (rc == 0 && j->report)
		mix_run_report(r, j->report);
	if (rc == 0 && j->examples)
		mix_run_examples(r, j->examples);
	for (size_t i = 0; i < n; i++) {
		w.worker[i].doc.mem = NULL;
		doc_release(&w.worker[i].doc);
		buf_release(&w.worker[i].line);
	}
	free(w.worker);
	free(w.side);
	mix_run_free(r);
	return rc;
}

static int make_plan(struct mix_job *j, const struct mix_stream *s, struct plan *p)
{
	*p = (struct plan){.s = s};
	if (!s->n_documents) {
		err_set("stream '%s' names no documents", s->name);
		return -1;
	}
	if (find_inputs(p) < 0)
		return -1;
	if (!j->conf->shuffle)
		return mirror_shards(j, p);
	pack_shards(j, p);
	return 0;
}

static int is_output(const struct plan *plans, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_shard; k++)
			if (!strcmp(plans[i].shard[k].path, path))
				return 1;
	return 0;
}

/* Two outputs of one name, or one that is an input. */
static int check_outputs(const struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_shard; k++) {
			const char *path = plans[i].shard[k].path;
			struct stat a, b;

			if (is_output(plans, i, path)) {
				err_set("'%s' would be written twice", path);
				return -1;
			}
			if (stat(path, &a) < 0)
				continue;
			for (size_t m = 0; m < plans[i].n_in; m++)
				if (stat(plans[i].in[m].path, &b) == 0 && a.st_ino == b.st_ino &&
				    a.st_dev == b.st_dev) {
					err_set("output '%s' is an input", path);
					return -1;
				}
		}
	return 0;
}

/* Is this NAME-NNNN.jsonl[.gz|.zst]? */
static int is_shard_name(const char *file, const char *stream)
{
	size_t n = strlen(stream), digits;

	if (strncmp(file, stream, n) || file[n] != '-')
		return 0;
	digits = strspn(file + n + 1, "0123456789");
	file += n + 1 + digits;
	return digits >= 4 && (!strcmp(file, ".jsonl") || !strcmp(file, ".jsonl.gz") ||
				  !strcmp(file, ".jsonl.zst"));
}

/* Shards that an earlier run left and this one has no use for would be taken for its own. */
static int remove_stale(const struct mix_job *j, const struct plan *plans, size_t n)
{
	struct names in = list_directory(j->dir);
	int rc = 0;

	for (size_t i = 0; i < in.n && rc == 0; i++) {
		char *path = xasprintf("%s/%s", j->dir, in.a[i]);
		int ours = 0;

		for (size_t k = 0; k < n; k++)
			ours |= is_shard_name(in.a[i], plans[k].s->name);
		if (ours && !is_output(plans, n, path) && unlink(path) < 0 && errno != ENOENT) {
			err_sys("cannot remove '%s'", path);
			rc = -1;
		}
		free(path);
	}
	free_names(&in);
	return rc;
}

static void show_plan(const struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_in; k++) {
			printf("read\t%s\n", plans[i].in[k].path);
			for (char **s = plans[i].in[k].side; *s; s++)
				printf("read\t%s\n", *s);
		}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_shard; k++)
			if (plans[i].shard[k].path)
				printf("write\t%s\n", plans[i].shard[k].path);
}

static void unlink_outputs(const struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_shard; k++)
			unlink(plans[i].shard[k].path);
}

static int run_plans(struct mix_job *j, const struct plan *plans, size_t n)
{
	uint64_t total = 0;
	char *message;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].n_in; k++)
			total += plans[i].in[k].bytes;
	out_signals();
	progress_start(j->o->prog->name, "MB", 1e6, total, j->o->progress);
	if (j->report)
		mix_report_head(j->report);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = run_stream(j, &plans[i]);
	progress_end();
	if (rc < 0 && j->flags & MIX_STRICT && j->dir) {
		message = xstrdup(err_msg());
		unlink_outputs(plans, n);
		err_set("%s", message);
		free(message);
	}
	return rc;
}

static int write_all(struct mix_job *j, const struct plan *plans, size_t n)
{
	int dry = j->o->dry_run || j->conf->dryrun;

	if (j->dir &&
	    (check_outputs(plans, n) < 0 || manifest_may_write(j->m, j->dir, j->o->force) < 0))
		return -1;
	if (dry) {
		show_plan(plans, n);
		return 0;
	}
	if (!j->dir)
		return run_plans(j, plans, n);
	if (manifest_begin(j->m, j->dir, j->o->force) < 0 || run_plans(j, plans, n) < 0 ||
	    remove_stale(j, plans, n) < 0 || j->end(j->ctx) < 0)
		return -1;
	manifest_counters(j->m);
	if (manifest_write_for(j->m, j->dir) < 0)
		return -1;
	return j->o->manifest ? manifest_write(j->m, j->o->manifest) : 0;
}

int mix_files(struct mix_job *j)
{
	struct plan *plans = xcalloc(j->conf->n, sizeof *plans);
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < j->conf->n && rc == 0; i++)
		if (!j->only || !strcmp(j->only, j->conf->stream[i].name))
			rc = make_plan(j, &j->conf->stream[i], &plans[n++]);
	if (rc == 0)
		rc = write_all(j, plans, n);
	for (size_t i = 0; i < n; i++)
		free_plan(&plans[i]);
	free(plans);
	return rc;
}
