/* wordrun: how often each pretoken occurs in the inputs: what a tokenizer is trained on.
 *
 *	struct wordcount words = {0};
 *	struct wordrun r = {.o = &o, .m = m, .t = bpetrain_splitter(&spec), .docs = 1,
 *	    .words = &words};
 *	if (wordrun(&r) < 0) die_err();
 *
 * Operands of o are read (none, or "-": stdin), gzip and zstd recognised; o->threads count.  A text
 * is a document's (doc/docrun.h), whole, or a line with its end (tok/textrun.h).
 *
 * 0, or -1 with a message that names file and line.  With o->skip_bad, bad texts are counted, warned
 * of and left out.  Counters: docs_in or texts_in, bytes_in.  The counts do not depend on the number
 * of threads, the order of the words does (wordcount_sort).
 *
 * Memory: that of docrun or textrun, and the distinct pretokens once a thread.
 */
#ifndef OLMO_TOK_WORDRUN_H
#define OLMO_TOK_WORDRUN_H

#include "base/opt.h"
#include "io/manifest.h"
#include "tok/tokenizer.h"
#include "tok/wordcount.h"

struct wordrun {
	const struct opts *o;
	struct manifest *m;        /* gets the inputs; may be NULL */
	const struct tokenizer *t; /* splits; needs no vocabulary */
	int docs;                  /* else lines */
	int replace;               /* ill-formed UTF-8 by U+FFFD, instead of refusing it */
	struct wordcount *words;   /* grows; the caller's */
};

int wordrun(const struct wordrun *r);

#endif
