#include "tok/detokrun.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "tok/textrun.h"

struct run {
	const struct detokrun *r;
	uint64_t n; /* lists or ids */
};

/* --- lists of ids ------------------------------------------------------------------------------ */

/* One thread's. */
struct worker {
	struct ids ids;
	struct buf buf;
};

/* A line of text, in the memory of its batch. */
struct line {
	size_t len;
	char p[];
};

static void *worker_new(void *ctx)
{
	(void)ctx;
	return xcalloc(1, sizeof(struct worker));
}

static void worker_free(void *ctx, void *thread)
{
	struct worker *w = thread;

	(void)ctx;
	ids_release(&w->ids);
	buf_release(&w->buf);
	free(w);
}

static int work_list(void *ctx, void *thread, struct textrun_text *t)
{
	const struct run *c = ctx;
	struct worker *w = thread;
	struct line *line;

	w->buf.len = 0;
	if (detok_list(&c->r->d, t->p, t->len, &w->ids, &w->buf) < 0)
		return -1;
	line = docarena_alloc(t->mem, sizeof(*line) + w->buf.len);
	line->len = w->buf.len;
	memcpy(line->p, w->buf.p, w->buf.len); /* a line feed at least */
	t->user = line;
	return 0;
}

static int put_line(void *ctx, struct textrun_text *t)
{
	struct run *c = ctx;
	const struct line *line = t->user;

	c->n++;
	return out_write(c->r->out, line->p, line->len);
}

static int run_lists(struct run *c)
{
	struct textrun t = {.o = c->r->o,
	    .m = c->r->m,
	    .unit = TEXTRUN_LINE,
	    .ctx = c,
	    .work = work_list,
	    .order = put_line,
	    .thread_new = worker_new,
	    .thread_free = worker_free};

	return textrun(&t);
}

/* --- token files ------------------------------------------------------------------------------- */

static int run_file(struct run *c, const char *path)
{
	if (detok_file(&c->r->d, path, c->r->out, &c->n) < 0)
		return -1;
	return strcmp(path, "-") ? manifest_input_file(c->r->m, "tokens", path) : 0;
}

static int run_files(struct run *c)
{
	size_t i;

	if (!c->r->o->n_files)
		return run_file(c, "-");
	for (i = 0; i < c->r->o->n_files; i++)
		if (run_file(c, c->r->o->files[i]) < 0)
			return -1;
	return 0;
}

int detokrun(const struct detokrun *r)
{
	struct run c = {.r = r};

	if ((r->lists ? run_lists(&c) : run_files(&c)) < 0)
		return -1;
	stats_add(r->lists ? "texts_out" : "tokens_in", c.n);
	return 0;
}
