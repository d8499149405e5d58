#include "tok/textrun.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "base/pipe.h"
#include "base/progress.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/charset.h"
#include "io/in.h"

enum {
	BATCH = 1 << 20, /* bytes read at once */
	LARGE = 8 << 20, /* texts in huge pages */
	ROOM = 1 << 30,  /* as much is made at once for a file whose size is known */
	WARN_BAD = 5     /* bad texts that are named */
};

struct batch {
	struct buf data;
	size_t file;
	uint64_t first; /* line number of its first text */
	int eof;        /* the file's last batch */
	struct filehash hash;
	struct textrun_text *text;
	size_t n_text, cap_text;
	struct docarena *mem;
	/* what went wrong, by index of the text; n_text when nothing did */
	size_t failed;
	char *err;
	uint64_t n_bad;
	char *bad[WARN_BAD];
};

struct run {
	struct textrun *r;
	char **file;
	size_t n_file;
	void **thread;
	/* reader */
	struct in *in;
	size_t reading;
	uint64_t line, stored;
	struct buf rest; /* begun line */
	/* in order */
	uint64_t n_warned;
};

static const char *name_of(const struct run *c, size_t file)
{
	return strcmp(c->file[file], "-") ? c->file[file] : "(stdin)";
}

static void batch_clear(struct batch *b)
{
	size_t i;

	for (i = 0; i < WARN_BAD; i++) {
		free(b->bad[i]);
		b->bad[i] = NULL;
	}
	free(b->err);
	b->err = NULL;
	b->data.len = b->n_text = b->n_bad = 0;
	b->eof = 0;
	docarena_reset(b->mem);
}

/* --- stage 1: read ----------------------------------------------------------------------------- */

static void make_room(struct buf *data, size_t n)
{
	size_t cap = data->cap;

	buf_need(data, n);
	if (data->cap > cap && data->cap >= LARGE)
		os_huge_pages(data->p + data->len, data->cap - data->len);
}

/* Read on until the batch holds a whole text, or the file ends: 0, 1 at its end, -1. */
static int fill(struct run *c, struct buf *data)
{
	uint64_t size = c->r->unit == TEXTRUN_FILE ? in_size(c->in) : 0;
	size_t scanned = 0;

	make_room(data, (size < ROOM ? (size_t)size : ROOM) + BATCH);
	buf_add(data, c->rest.p, c->rest.len);
	c->rest.len = 0;
	for (;;) {
		size_t room, i;
		ssize_t n;

		make_room(data, BATCH);
		room = data->cap - data->len;
		n = in_read(c->in, data->p + data->len, room < BATCH ? room : BATCH);
		if (n <= 0)
			return n < 0 ? -1 : 1;
		data->len += (size_t)n;
		if (c->r->unit == TEXTRUN_FILE || data->len < BATCH)
			continue;
		for (i = data->len; i > scanned; i--)
			if (data->p[i - 1] == '\n') {
				buf_add(&c->rest, data->p + i, data->len - i);
				data->len = i;
				return 0;
			}
		scanned = data->len;
	}
}

static void add_text(struct run *c, struct batch *b, const char *p, size_t len)
{
	if (b->n_text == b->cap_text) {
		b->cap_text = b->cap_text ? 2 * b->cap_text : 64;
		b->text = xreallocarray(b->text, b->cap_text, sizeof(*b->text));
	}
	b->text[b->n_text++] = (struct textrun_text){
	    .file = name_of(c, b->file), .lineno = c->line++, .p = p, .len = len, .mem = b->mem};
}

static void split(struct run *c, struct batch *b)
{
	const char *p = b->data.p, *end = p + b->data.len, *nl;

	if (c->r->unit == TEXTRUN_FILE) {
		add_text(c, b, b->data.len ? p : "", b->data.len);
		return;
	}
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl) {
			add_text(c, b, p, (size_t)(end - p));
			return;
		}
		add_text(c, b, p, (size_t)(nl - p) + (c->r->unit == TEXTRUN_LINE_END));
	}
}

static int read_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	uint64_t stored;
	int rc;

	(void)worker;
	if (c->reading == c->n_file)
		return 0;
	if (!c->in) {
		c->in = in_open(c->file[c->reading]);
		if (!c->in)
			return -1;
		c->line = 1;
		c->stored = 0;
	}
	batch_clear(b);
	b->file = c->reading;
	rc = fill(c, &b->data);
	if (rc < 0)
		return -1;
	stored = in_stored(c->in);
	progress_add(stored - c->stored);
	c->stored = stored;
	split(c, b);
	if (rc) {
		in_close(c->in, &b->hash);
		c->in = NULL;
		c->reading++;
		b->eof = 1;
	}
	return 1;
}

/* --- stage 2: work ----------------------------------------------------------------------------- */

/* Leave out text i; the message is the calling thread's. */
static void drop_bad(struct batch *b, size_t i)
{
	if (b->n_bad < WARN_BAD)
		b->bad[b->n_bad] = xstrdup(err_msg());
	b->n_bad++;
	b->text[i].file = NULL;
}

static void fail_at(struct batch *b, size_t i)
{
	free(b->err);
	b->err = xstrdup(err_msg());
	b->failed = i;
}

static void name_text(const struct textrun_text *t)
{
	err_prefix("%s:%llu", t->file, (unsigned long long)t->lineno);
}

int textrun_repair(struct textrun_text *t, struct buf *b)
{
	size_t bad;

	if (utf8_valid(t->p, t->len, &bad))
		return 0;
	b->len = 0;
	charset_repair(t->p, t->len, b);
	t->p = b->p;
	t->len = b->len;
	return 1;
}

static int work_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	size_t i;

	b->failed = b->n_text;
	for (i = 0; c->r->work && i < b->n_text; i++) {
		if (c->r->work(c->r->ctx, c->thread[worker], &b->text[i]) == 0)
			continue;
		name_text(&b->text[i]);
		if (!c->r->o->skip_bad) {
			fail_at(b, i);
			break;
		}
		drop_bad(b, i);
	}
	return 0;
}

/* --- stage 3: in order ------------------------------------------------------------------------- */

static void warn_bad(struct run *c, const struct batch *b)
{
	uint64_t i;

	for (i = 0; i < b->n_bad && i < WARN_BAD && c->n_warned < WARN_BAD; i++, c->n_warned++)
		warn("%s: skipped", b->bad[i]);
	stats_add("texts_bad", b->n_bad);
}

static int order_batch(void *ctx, void *item, int worker)
{
	struct run *c = ctx;
	struct batch *b = item;
	size_t i;

	(void)worker;
	for (i = 0; i < b->failed; i++) {
		if (!b->text[i].file || !c->r->order)
			continue;
		if (c->r->order(c->r->ctx, &b->text[i]) < 0) {
			name_text(&b->text[i]);
			return -1;
		}
	}
	stats_add("texts_in", b->failed);
	stats_add("bytes_in", b->data.len);
	if (c->r->o->skip_bad)
		warn_bad(c, b);
	if (b->err) {
		err_set("%s", b->err);
		return -1;
	}
	if (b->eof && c->r->m)
		manifest_input(c->r->m, "text", c->file[b->file], &b->hash);
	return 0;
}

/* --- the run ----------------------------------------------------------------------------------- */

static void batch_free(struct batch *b)
{
	batch_clear(b);
	docarena_free(b->mem);
	buf_release(&b->data);
	free(b->text);
	free(b);
}

static int run_pipe(struct run *c)
{
	static const struct pipe_stage stages[] = {
	    {"read", read_batch, 1}, {"work", work_batch, 0}, {"order", order_batch, 1}};
	size_t n = 2 * (size_t)c->r->o->threads + 2, i;
	void **items = xcalloc(n, sizeof(*items));
	int rc;

	for (i = 0; i < n; i++) {
		struct batch *b = items[i] = xcalloc(1, sizeof(*b));

		b->mem = docarena_new();
	}
	progress_start(c->r->o->prog->name, "MB", 1e6, 0, c->r->o->progress);
	rc = pipe_run(c->r->o->threads, stages, 3, items, n, c);
	progress_end();
	for (i = 0; i < n; i++)
		batch_free(items[i]);
	free(items);
	return rc;
}

int textrun(struct textrun *r)
{
	static char dash[] = "-";
	char *standard[] = {dash};
	struct run c = {.r = r, .file = r->o->files, .n_file = r->o->n_files};
	int i, rc;

	if (!c.n_file) {
		c.file = standard;
		c.n_file = 1;
	}
	c.thread = xcalloc((size_t)r->o->threads, sizeof(*c.thread));
	for (i = 0; r->thread_new && i < r->o->threads; i++)
		c.thread[i] = r->thread_new(r->ctx);
	rc = run_pipe(&c);
	for (i = 0; r->thread_free && i < r->o->threads; i++)
		r->thread_free(r->ctx, c.thread[i]);
	if (c.in)
		in_close(c.in, NULL);
	free(c.thread);
	buf_release(&c.rest);
	return rc;
}
