#include "tok/wordrun.h"

#include <stdlib.h>

#include "base/err.h"
#include "doc/docrun.h"
#include "tok/encoder.h"
#include "tok/textrun.h"

/* One thread's. */
struct counter {
	struct encoder *e;
	struct wordcount words;
	struct buf buf;
};

static void *counter_new(void *ctx)
{
	const struct wordrun *r = ctx;
	struct counter *w = xcalloc(1, sizeof(*w));

	w->e = encoder_new(r->t);
	return w;
}

/* Called by one thread, when all work is done. */
static void counter_free(void *ctx, void *thread)
{
	const struct wordrun *r = ctx;
	struct counter *w = thread;

	wordcount_merge(r->words, &w->words);
	wordcount_release(&w->words);
	encoder_free(w->e);
	buf_release(&w->buf);
	free(w);
}

static void count_word(void *arg, const char *p, size_t n)
{
	wordcount_add(arg, p, n, 1);
}

static int count_doc(void *ctx, void *thread, struct doc *d)
{
	struct counter *w = thread;

	(void)ctx;
	return encoder_split(w->e, d->text, d->text_len, count_word, &w->words);
}

static int count_text(void *ctx, void *thread, struct textrun_text *t)
{
	const struct wordrun *r = ctx;
	struct counter *w = thread;

	if (r->replace)
		textrun_repair(t, &w->buf);
	return encoder_split(w->e, t->p, t->len, count_word, &w->words);
}

int wordrun(const struct wordrun *r)
{
	struct wordrun ctx = *r;
	struct docrun d = {.o = r->o,
	    .m = r->m,
	    .no_output = 1,
	    .replace = r->replace,
	    .ctx = &ctx,
	    .work = count_doc,
	    .thread_new = counter_new,
	    .thread_free = counter_free};
	struct textrun t = {.o = r->o,
	    .m = r->m,
	    .unit = TEXTRUN_LINE_END,
	    .ctx = &ctx,
	    .work = count_text,
	    .thread_new = counter_new,
	    .thread_free = counter_free};

	return r->docs ? docrun(&d) : textrun(&t);
}
