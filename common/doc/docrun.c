#include "doc/docrun.h"

#include "base/err.h"
#include "base/pipe.h"
#include "base/progress.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "io/in.h"
#include "io/out.h"
#include "io/seal.h"
#include "doc/jscan_isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	BATCH = 1 << 20,      /* bytes of lines in a batch, about */
	PACK_MIN = 128 << 10, /* less output than this is gathered and packed by the writer */
	WARN_BAD = 5          /* bad lines named on stderr */
};

/* A seal line in a batch, and what stands before it. */
struct mark {
	size_t off, len, n_doc, out_len;
	uint64_t line, n_out; /* line: 0-based in the batch */
};

/* One input file (or stdin). */
struct input {
	const char *path, *name; /* name: for messages */
	struct stat st;
	int has_st;
	char *side;      /* path of its attribute file, NULL: none */
	struct out *out; /* sidecar: open from its first batch to its last */
	uint64_t n_in, n_out, bytes_in, bytes_out;
};

/* What travels through the pipe: some lines of one file, or its end. */
struct batch {
	struct buf lines;
	uint64_t first, n_lines;
	size_t file;
	int eof;
	struct filehash hash; /* at eof */
	struct doc *doc;
	size_t n_doc, n_slots;
	struct docarena *mem;
	struct mark *mark;
	size_t n_mark, cap_mark;
	uint64_t n_bad;
	char *bad[WARN_BAD];
	char *err; /* why nothing after document n_doc counts */
	struct buf out, packed;
	uint64_t n_out;
};

enum mode { FILTER, SIDECAR, READ };

struct run {
	const struct docrun *r;
	const struct opts *o;
	enum mode mode;
	int fused; /* no serial callback: each document is done with before the next is parsed */
	struct input *in;
	size_t n_in;
	void **thread;
	struct manifest *base; /* as the program gave it, for the manifests of sidecar files */
	/* reader */
	struct in *stream;
	size_t reading;
	uint64_t stored;
	/* in order */
	size_t ordered; /* files begun */
	struct seal seal_in;
	int in_file; /* seal_in is in use */
	int failed;
	uint64_t n_warned;
	/* writer */
	struct out *out;
	struct seal seal_out;
	struct buf pending;
};

/* --- paths --------------------------------------------------------------------------------- */

/* The rightmost "documents/" that is a whole piece of the path and has something after it. */
static const char *documents_piece(const char *path)
{
	static const char piece[] = "documents/";
	const char *p, *found = NULL;
	for (p = path; (p = strstr(p, piece)); p++)
		if ((p == path || p[-1] == '/') && p[sizeof piece - 1])
			found = p;
	return found;
}

char *docrun_sidecar_path(const char *path, const char *name)
{
	const char *at = documents_piece(path);
	if (!at) {
		err_set("'%s': no /documents/ in the path, so no place for attributes", path);
		return NULL;
	}
	return xasprintf(
	    "%.*sattributes/%s/%s", (int)(at - path), path, name, at + strlen("documents/"));
}

static int is_stdin(const char *path)
{
	return !strcmp(path, "-");
}

static int compressed_name(const char *path)
{
	size_t n = strlen(path);
	return (n > 3 && !strcmp(path + n - 3, ".gz")) || (n > 4 && !strcmp(path + n - 4, ".zst"));
}

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int by_inode(const void *pa, const void *pb)
{
	const struct input *a = *(struct input *const *)pa, *b = *(struct input *const *)pb;
	if (a->st.st_dev != b->st.st_dev)
		return a->st.st_dev < b->st.st_dev ? -1 : 1;
	return (a->st.st_ino > b->st.st_ino) - (a->st.st_ino < b->st.st_ino);
}

static int by_side(const void *pa, const void *pb)
{
	return strcmp((*(struct input *const *)pa)->side, (*(struct input *const *)pb)->side);
}

/* --- checks before the run ------------------------------------------------------------------ */

/* The output must not be one of the inputs.  in: sorted by inode. */
static void check_not_input(const char *path, struct input **in, size_t n)
{
	struct input key = {0}, *k = &key, **hit;
	if (stat(path, &key.st) < 0 || !S_ISREG(key.st.st_mode))
		return;
	hit = bsearch(&k, in, n, sizeof *in, by_inode);
	if (hit)
		die_usage("output '%s' is the input '%s'", path, (*hit)->path);
}

/* Inputs that are regular files, sorted by inode; *n of them. */
static struct input **regular_inputs(struct run *c, size_t *n)
{
	struct input **v = xcalloc(c->n_in, sizeof *v);
	size_t i;
	*n = 0;
	for (i = 0; i < c->n_in; i++)
		if (c->in[i].has_st && S_ISREG(c->in[i].st.st_mode))
			v[(*n)++] = &c->in[i];
	qsort(v, *n, sizeof *v, by_inode);
	return v;
}

static void check_sidecar_outputs(struct run *c, struct input **reg, size_t n)
{
	struct input **v = xcalloc(c->n_in, sizeof *v);
	size_t i;
	for (i = 1; i < n; i++)
		if (same_file(&reg[i - 1]->st, &reg[i]->st))
			die_usage(
			    "'%s' and '%s' are one file: its attributes would be written twice",
			    reg[i - 1]->path, reg[i]->path);
	for (i = 0; i < c->n_in; i++)
		v[i] = &c->in[i];
	qsort(v, c->n_in, sizeof *v, by_side);
	for (i = 0; i < c->n_in; i++) {
		if (i && !strcmp(v[i - 1]->side, v[i]->side))
			die_usage("'%s' would be written twice", v[i]->side);
		check_not_input(v[i]->side, reg, n);
	}
	free(v);
}

static void check_outputs(struct run *c)
{
	const char *m = c->o->manifest;
	size_t n;
	struct input **reg = regular_inputs(c, &n);
	if (c->mode == FILTER && c->o->out && !is_stdin(c->o->out)) {
		check_not_input(c->o->out, reg, n);
		if (m && !strcmp(m, c->o->out))
			die_usage("--manifest and --output name the same file");
	}
	if (c->mode == SIDECAR)
		check_sidecar_outputs(c, reg, n);
	if (m)
		check_not_input(m, reg, n);
	free(reg);
}

/* Where the attributes of a file go; usage errors end the program. */
static char *side_path(const char *path, const char *name)
{
	char *s;
	if (is_stdin(path))
		die_usage("--attributes needs files, not standard input");
	s = docrun_sidecar_path(path, name);
	if (!s)
		die_usage("%s", err_msg());
	return s;
}

static void check_options(const struct run *c)
{
	if (c->mode != SIDECAR)
		return;
	if (attrs_name_ok(c->r->sidecar) < 0)
		die_usage("--attributes: %s", err_msg());
	if (c->o->out)
		die_usage("--attributes names its own files: --output has no meaning");
	if (c->o->skip_bad)
		die_usage(
		    "--skip-bad cannot go with --attributes: rows would not match documents");
}

static int add_input(struct run *c, struct input *in, const char *path)
{
	in->path = path;
	in->name = is_stdin(path) ? "(stdin)" : path;
	if (c->mode == SIDECAR)
		in->side = side_path(path, c->r->sidecar);
	if (is_stdin(path))
		return 0;
	if (stat(path, &in->st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	in->has_st = 1;
	return 0;
}

static int add_inputs(struct run *c)
{
	size_t i;
	int n_stdin = 0;
	c->n_in = c->o->n_files ? c->o->n_files : 1;
	c->in = xcalloc(c->n_in, sizeof *c->in);
	if (!c->o->n_files)
		return add_input(c, &c->in[0], "-");
	for (i = 0; i < c->n_in; i++) {
		if (is_stdin(c->o->files[i]) && n_stdin++)
			die_usage("standard input ('-') is named twice");
		if (add_input(c, &c->in[i], c->o->files[i]) < 0)
			return -1;
	}
	return 0;
}

static void dry_run(const struct run *c)
{
	size_t i;
	for (i = 0; i < c->n_in; i++)
		printf("read\t%s\n", c->in[i].path);
	for (i = 0; i < c->n_in && c->mode == SIDECAR; i++)
		printf("write\t%s\n", c->in[i].side);
	if (c->mode == FILTER)
		printf("write\t%s\n", c->o->out ? c->o->out : "-");
	if (c->o->manifest)
		printf("write\t%s\n", c->o->manifest);
}

/* --- stage 1: read --------------------------------------------------------------------------- */

static void batch_clear(struct batch *b)
{
	size_t i;
	for (i = 0; i < WARN_BAD; i++) {
		free(b->bad[i]);
		b->bad[i] = NULL;
	}
	free(b->err);
	b->err = NULL;
	b->lines.len = b->out.len = b->packed.len = 0;
	b->first = b->n_lines = b->n_out = b->n_bad = 0;
	b->n_doc = b->n_mark = 0;
	b->eof = 0;
	docarena_reset(b->mem);
}

static int read_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	uint64_t stored;
	int rc;
	(void)worker;
	if (c->reading == c->n_in)
		return 0;
	if (!c->stream) {
		c->stream = in_open(c->in[c->reading].path);
		if (!c->stream)
			return -1;
		c->stored = 0;
	}
	batch_clear(b);
	b->file = c->reading;
	rc = in_lines(c->stream, BATCH, &b->lines, &b->first, &b->n_lines);
	if (rc < 0)
		return -1;
	stored = in_stored(c->stream);
	progress_add(stored - c->stored);
	c->stored = stored;
	if (!rc) {
		in_close(c->stream, &b->hash);
		c->stream = NULL;
		c->reading++;
		b->eof = 1;
	}
	return 1;
}

/* --- stage 2: parse and work, in any order --------------------------------------------------- */

/* Nothing after document n_doc counts; the message is the calling thread's. */
static void batch_fail(struct batch *b)
{
	free(b->err);
	b->err = xstrdup(err_msg());
}

static void fail_at(struct batch *b, const struct doc *d)
{
	err_prefix("%s:%llu", d->file, (unsigned long long)d->lineno);
	batch_fail(b);
}

static void add_mark(struct batch *b, const char *line, size_t len, uint64_t i)
{
	if (b->n_mark == b->cap_mark) {
		b->cap_mark = b->cap_mark ? 2 * b->cap_mark : 4;
		b->mark = xreallocarray(b->mark, b->cap_mark, sizeof *b->mark);
	}
	b->mark[b->n_mark++] =
	    (struct mark){(size_t)(line - b->lines.p), len, b->n_doc, b->out.len, i, b->n_out};
}

static void add_bad(struct batch *b)
{
	if (b->n_bad < WARN_BAD)
		b->bad[b->n_bad] = xstrdup(err_msg());
	b->n_bad++;
}

/* The program's last word on a document, and its line. */
static int finish_doc(struct run *c, struct batch *b, struct doc *d, void *thread)
{
	const struct docrun *r = c->r;
	size_t before = b->out.len;
	if (r->finish && r->finish(r->ctx, thread, d) < 0)
		return -1;
	if (c->mode == READ || (c->mode == FILTER && d->drop))
		return 0;
	if (c->mode == SIDECAR) {
		attrs_put_row(&d->attrs, d->j.f[J_ID], d->j.f[J_SOURCE], &b->out);
		buf_chr(&b->out, '\n');
	} else if (r->emit) {
		if (r->emit(r->ctx, thread, d, &b->out) < 0) {
			b->out.len = before;
			return -1;
		}
	} else {
		doc_put(d, &b->out);
		buf_chr(&b->out, '\n');
	}
	b->n_out += b->out.len > before;
	return 0;
}

static void need_slots(struct batch *b, size_t n)
{
	if (n <= b->n_slots)
		return;
	b->doc = xreallocarray(b->doc, n, sizeof *b->doc);
	memset(b->doc + b->n_slots, 0, (n - b->n_slots) * sizeof *b->doc);
	b->n_slots = n;
}

/* The line with U+FFFD for what is not UTF-8, in the memory of the batch. */
static int repair(struct batch *b, const char **line, size_t *len)
{
	char *copy;
	if (jscan_isa()->utf8(*line, *len))
		return 0;
	copy = docarena_alloc(b->mem, 3 * *len);
	*len = utf8_repair(copy, *line, *len);
	*line = copy;
	return 1;
}

/* One line.  0, or -1 when the batch ends here. */
static int work_line(
    struct run *c, struct batch *b, const char *line, size_t len, uint64_t i, void *thread)
{
	const struct docrun *r = c->r;
	struct doc *d = &b->doc[c->fused ? 0 : b->n_doc];
	if (seal_is(line, len)) {
		add_mark(b, line, len, i);
		return 0;
	}
	if (c->fused)
		docarena_reset(b->mem);
	d->mem = b->mem;
	d->repaired = r->replace && repair(b, &line, &len);
	if (doc_parse(d, c->in[b->file].name, b->first + i, line, len) < 0) {
		if (!c->o->skip_bad)
			return batch_fail(b), -1;
		add_bad(b);
		return 0;
	}
	if ((r->work && r->work(r->ctx, thread, d) < 0) ||
	    (c->fused && finish_doc(c, b, d, thread) < 0))
		return fail_at(b, d), -1;
	b->n_doc++;
	return 0;
}

static int work_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	const char *p = b->lines.p;
	uint64_t i;
	need_slots(b, c->fused ? 1 : (size_t)b->n_lines);
	for (i = 0; i < b->n_lines; i++) {
		const char *end = memchr(p, '\n', (size_t)(b->lines.p + b->lines.len - p));
		if (work_line(c, b, p, (size_t)(end - p), i, c->thread[worker]) < 0)
			break;
		p = end + 1;
	}
	return 0;
}

/* --- stage 3: in order ----------------------------------------------------------------------- */

static int begin_file(struct run *c, size_t k)
{
	struct input *in = &c->in[k];
	seal_init(&c->seal_in);
	c->in_file = 1;
	c->ordered = k + 1;
	if (c->mode == SIDECAR && !(in->out = out_open(in->side, 0)))
		return -1;
	return c->r->file_begin ? c->r->file_begin(c->r->ctx, in->path, k) : 0;
}

/* Nothing of the batch from this mark on counts. */
static void cut_at(struct batch *b, const struct mark *m)
{
	b->n_doc = m->n_doc;
	b->out.len = m->out_len;
	b->n_out = m->n_out;
}

/* Hash the lines, compare at each seal. */
static int check_seals(struct run *c, struct batch *b)
{
	const char *name = c->in[b->file].name;
	size_t off = 0, k;
	uint64_t line = 0;
	for (k = 0; k < b->n_mark; k++) {
		const struct mark *m = &b->mark[k];
		const char *p = b->lines.p + m->off;
		seal_add(&c->seal_in, b->lines.p + off, m->off - off, m->line - line);
		if (seal_check(&c->seal_in, p, m->len, name, b->first + m->line) < 0) {
			cut_at(b, m);
			return -1;
		}
		off = m->off + m->len + 1;
		line = m->line + 1;
	}
	if (b->lines.len > off)
		seal_add(&c->seal_in, b->lines.p + off, b->lines.len - off, b->n_lines - line);
	return 0;
}

static void warn_bad(struct run *c, struct batch *b)
{
	uint64_t i;
	for (i = 0; i < b->n_bad && c->n_warned < WARN_BAD; i++, c->n_warned++)
		warn("skipped: %s", b->bad[i]);
}

static void order_docs(struct run *c, struct batch *b)
{
	size_t k;
	for (k = 0; c->r->order && k < b->n_doc; k++)
		if (c->r->order(c->r->ctx, &b->doc[k]) < 0) {
			fail_at(b, &b->doc[k]);
			b->n_doc = k;
		}
}

static int order_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	(void)worker;
	if (c->failed)
		return 0; /* the writer stops at the batch that failed */
	if (c->ordered == b->file && begin_file(c, b->file) < 0) {
		b->n_doc = b->out.len = 0;
		b->n_out = 0;
		batch_fail(b);
	} else {
		if (check_seals(c, b) < 0)
			batch_fail(b);
		warn_bad(c, b);
		order_docs(c, b);
		if (b->eof) {
			if (seal_end(&c->seal_in, c->o->require_seal, c->in[b->file].name) < 0)
				batch_fail(b);
			seal_release(&c->seal_in);
			c->in_file = 0;
		}
	}
	c->failed = b->err != NULL;
	return 0;
}

/* --- stage 4: finish and pack, in any order ------------------------------------------------ */

static struct out *out_of(const struct run *c, const struct batch *b)
{
	return c->mode == SIDECAR ? c->in[b->file].out : c->out;
}

static int finish_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	struct out *out = out_of(c, b);
	size_t k;
	for (k = 0; !c->fused && k < b->n_doc; k++)
		if (finish_doc(c, b, &b->doc[k], c->thread[worker]) < 0) {
			fail_at(b, &b->doc[k]);
			b->n_doc = k;
		}
	if (out && b->out.len >= PACK_MIN && compressed_name(out_name(out)))
		out_pack(out, b->out.p, b->out.len, &b->packed);
	return 0;
}

/* --- stage 5: write -------------------------------------------------------------------------- */

static int flush_pending(struct run *c, struct out *out)
{
	struct buf packed = {0};
	int rc;
	if (!c->pending.len)
		return 0;
	out_pack(out, c->pending.p, c->pending.len, &packed);
	rc = out_write_packed(out, packed.p, packed.len);
	buf_release(&packed);
	c->pending.len = 0;
	return rc;
}

/* Plain files take the bytes as they come.  Compressed ones get pieces of a size worth a frame,
 * whose cuts depend on the documents only. */
static int write_out(
    struct run *c, struct out *out, const struct buf *plain, const struct buf *packed)
{
	if (!compressed_name(out_name(out)))
		return out_write(out, plain->p, plain->len);
	if (packed->len)
		return flush_pending(c, out) < 0 ? -1
						 : out_write_packed(out, packed->p, packed->len);
	buf_add(&c->pending, plain->p, plain->len);
	return c->pending.len >= BATCH ? flush_pending(c, out) : 0;
}

/* The seal, if asked for, and the rest. */
static int end_output(struct run *c, struct out *out)
{
	struct buf mark = {0}, none = {0};
	int rc = 0;
	if (c->o->seal) {
		seal_line(&c->seal_out, &mark);
		stats_add("bytes_out", mark.len);
		rc = write_out(c, out, &mark, &none);
		buf_release(&mark);
		seal_release(&c->seal_out);
		seal_init(&c->seal_out);
	}
	return rc < 0 ? -1 : flush_pending(c, out);
}

static int side_manifest(struct run *c, const struct input *in, const struct filehash *read,
    const struct filehash *written)
{
	struct manifest *m = manifest_clone(c->base);
	int rc;
	manifest_input(m, "documents", in->path, read);
	manifest_output(m, "attributes", in->side, written);
	manifest_count(m, "docs_in", in->n_in);
	manifest_count(m, "docs_out", in->n_out);
	manifest_count(m, "bytes_in", in->bytes_in);
	manifest_count(m, "bytes_out", in->bytes_out);
	rc = manifest_write_for(m, in->side);
	manifest_free(m);
	return rc;
}

static int end_file(struct run *c, struct input *in, const struct filehash *read)
{
	struct filehash written;
	struct out *out = in->out;
	if (c->r->m)
		manifest_input(c->r->m, "documents", in->path, read);
	if (c->mode != SIDECAR)
		return 0;
	if (end_output(c, out) < 0)
		return -1;
	in->bytes_out = out_pos(out);
	in->out = NULL;
	if (out_commit(out, &written) < 0)
		return -1;
	if (!c->r->m)
		return 0;
	manifest_output(c->r->m, "attributes", in->side, &written);
	return side_manifest(c, in, read, &written);
}

static void count_batch(const struct run *c, const struct batch *b)
{
	struct input *in = &c->in[b->file];
	in->n_in += b->n_doc;
	in->n_out += b->n_out;
	in->bytes_in += b->lines.len;
	stats_add("docs_in", b->n_doc);
	stats_add("bytes_in", b->lines.len);
	if (c->o->skip_bad)
		stats_add("docs_bad", b->n_bad);
	if (c->mode == READ)
		return;
	stats_add("docs_out", b->n_out);
	stats_add("bytes_out", b->out.len);
}

static int write_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	struct out *out = out_of(c, b);
	(void)worker;
	count_batch(c, b);
	if (out && b->out.len) {
		if (c->o->seal)
			seal_add(&c->seal_out, b->out.p, b->out.len, b->n_out);
		if (write_out(c, out, &b->out, &b->packed) < 0)
			return -1;
	}
	if (b->err) {
		err_set("%s", b->err);
		return -1;
	}
	return b->eof ? end_file(c, &c->in[b->file], &b->hash) : 0;
}

/* --- the run --------------------------------------------------------------------------------- */

static void batch_free(struct batch *b)
{
	size_t i;
	batch_clear(b);
	for (i = 0; i < b->n_slots; i++)
		doc_release(&b->doc[i]);
	free(b->doc);
	free(b->mark);
	docarena_free(b->mem);
	buf_release(&b->lines);
	buf_release(&b->out);
	buf_release(&b->packed);
	free(b);
}

static int run_pipe(struct run *c)
{
	static const struct pipe_stage stages[] = {{"read", read_batch, 1},
	    {"work", work_batch, 0}, {"order", order_batch, 1}, {"finish", finish_batch, 0},
	    {"write", write_batch, 1}};
	size_t n = 2 * (size_t)c->o->threads + 2, i;
	void **items = xcalloc(n, sizeof *items);
	uint64_t total = 0;
	int rc;
	for (i = 0; i < c->n_in; i++)
		total += S_ISREG(c->in[i].st.st_mode) ? (uint64_t)c->in[i].st.st_size : 0;
	for (i = 0; i < n; i++) {
		struct batch *b = items[i] = xcalloc(1, sizeof *b);
		b->mem = docarena_new();
	}
	progress_start(c->o->prog->name, "MB", 1e6, total, c->o->progress);
	rc = pipe_run(c->o->threads, stages, 5, items, n, c);
	progress_end();
	for (i = 0; i < n; i++)
		batch_free(items[i]);
	free(items);
	return rc;
}

static int open_output(struct run *c)
{
	if (c->mode == FILTER && !(c->out = out_open(c->o->out, OUT_HASH)))
		return -1;
	out_signals();
	return 0;
}

/* After an error: keep its message, let stdout have what came before, drop the files. */
static void abandon(struct run *c)
{
	char *message = xstrdup(err_msg());
	size_t i;
	if (c->out && out_is_stdout(c->out))
		out_commit(c->out, NULL);
	else if (c->out)
		out_abort(c->out);
	for (i = 0; i < c->n_in; i++)
		if (c->in[i].out)
			out_abort(c->in[i].out);
	if (c->stream)
		in_close(c->stream, NULL);
	err_set("%s", message);
	free(message);
}

/* An output that can have a manifest beside it: a file, not stdout or a device. */
static int is_file(const char *path)
{
	struct stat st;
	return path && !is_stdin(path) && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int commit(struct run *c)
{
	struct manifest *m = c->r->m;
	struct filehash h;
	struct out *out = c->out;
	if (c->mode == FILTER) {
		if (end_output(c, out) < 0)
			return -1;
		c->out = NULL;
		if (out_commit(out, &h) < 0)
			return -1;
		if (m)
			manifest_output(m, "documents", c->o->out ? c->o->out : "-", &h);
	}
	if (!m)
		return 0;
	manifest_counters(m);
	if (c->mode == READ)
		return 0;
	if (c->mode == FILTER && is_file(c->o->out) && manifest_write_for(m, c->o->out) < 0)
		return -1;
	return c->o->manifest ? manifest_write(m, c->o->manifest) : 0;
}

static void run_release(struct run *c)
{
	size_t i;
	for (i = 0; c->thread && i < (size_t)c->o->threads; i++)
		if (c->r->thread_free)
			c->r->thread_free(c->r->ctx, c->thread[i]);
	free(c->thread);
	for (i = 0; i < c->n_in; i++)
		free(c->in[i].side);
	free(c->in);
	buf_release(&c->pending);
	if (c->base)
		manifest_free(c->base);
}

static int run(struct run *c)
{
	int i, rc;
	if (open_output(c) < 0)
		return -1;
	if (c->r->m)
		c->base = manifest_clone(c->r->m);
	c->thread = xcalloc((size_t)c->o->threads, sizeof *c->thread);
	for (i = 0; c->r->thread_new && i < c->o->threads; i++)
		c->thread[i] = c->r->thread_new(c->r->ctx);
	seal_init(&c->seal_out);
	rc = run_pipe(c);
	if (rc == 0 && c->r->end)
		rc = c->r->end(c->r->ctx);
	if (rc == 0)
		rc = commit(c);
	seal_release(&c->seal_out);
	if (c->in_file)
		seal_release(&c->seal_in);
	if (rc < 0)
		abandon(c);
	return rc;
}

int docrun(struct docrun *r)
{
	struct run c = {.r = r, .o = r->o};
	int rc;
	c.mode = r->no_output ? READ : r->sidecar ? SIDECAR : FILTER;
	c.fused = !r->order;
	check_options(&c);
	rc = add_inputs(&c);
	if (rc == 0) {
		check_outputs(&c);
		if (r->o->dry_run)
			dry_run(&c);
		else
			rc = run(&c);
	}
	run_release(&c);
	return rc;
}
