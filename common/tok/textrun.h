/* textrun: what doc/docrun.h is for documents, for inputs that are no documents: whole files, or
 * lines.  Texts are worked on over threads and delivered in input order.
 *
 *	struct textrun r = {.o = &o, .m = m, .unit = TEXTRUN_LINE, .ctx = &ctx,
 *	    .work = work, .order = order};
 *	if (textrun(&r) < 0) die_err();
 *
 * Operands of o are read (none, or "-": stdin), gzip and zstd recognised.  The bytes of a text are
 * as they are in the file: valid UTF-8 or not is the caller's question.  With --skip-bad a text on
 * which work fails is counted (texts_bad), the first five are warned of, and it is left out.
 * Counters: texts_in, bytes_in.  m gets the inputs ("text"); nothing is written.
 *
 * Memory: 2 threads + 2 batches of about 1 MiB; a longer text is a batch of its own.
 */
#ifndef OLMO_TOK_TEXTRUN_H
#define OLMO_TOK_TEXTRUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/opt.h"
#include "doc/doc.h"
#include "io/manifest.h"

enum textrun_unit {
	TEXTRUN_FILE,    /* a whole file */
	TEXTRUN_LINE,    /* a line without its '\n' */
	TEXTRUN_LINE_END /* a line with its '\n', if it has one */
};

struct textrun_text {
	const char *file; /* as messages show it */
	uint64_t lineno;  /* from 1 */
	const char *p;
	size_t len;
	void *user;           /* the program's */
	struct docarena *mem; /* lives until order() has seen the text */
};

struct textrun {
	const struct opts *o;
	struct manifest *m; /* may be NULL */
	enum textrun_unit unit;
	void *ctx;
	/* 0 or -1 (err_set; file:line is put in front).  work: any thread, any order.  order: one
	 * at a time, in input order. */
	int (*work)(void *ctx, void *thread, struct textrun_text *t);
	int (*order)(void *ctx, struct textrun_text *t);
	void *(*thread_new)(void *ctx);
	void (*thread_free)(void *ctx, void *thread);
};

int textrun(struct textrun *r);

/* Make the text valid UTF-8, in b if need be: each maximal ill-formed part becomes U+FFFD.  Whether
 * there was one. */
int textrun_repair(struct textrun_text *t, struct buf *b);

#endif
