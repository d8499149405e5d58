/* detokrun: the text of ids in the inputs, one after the other, to one output.
 *
 *	struct detokrun r = {.o = &o, .m = m, .d = {.t = tokenizer, .name = "tok.json"}, .out = out};
 *	if (detokrun(&r) < 0) …			err_msg
 *
 * Operands of o are read (none, or "-": stdin).  An input is a token file, verified before a byte of
 * its text is written, or with .lists lines of JSON lists of ids (gzip and zstd recognised), which
 * o->threads turn into lines of JSON strings.
 *
 * 0, or -1 with a message that names the file, and the line or id.  What was written before an
 * error stands: the caller keeps it or not.  With o->skip_bad, bad lists are counted, warned of and
 * left out (tok/textrun.h); not so token files.  Counters: of lists texts_in, bytes_in and
 * texts_out; of files tokens_in.
 *
 * Memory: token files are mapped; lists, that of textrun.
 */
#ifndef OLMO_TOK_DETOKRUN_H
#define OLMO_TOK_DETOKRUN_H

#include "base/opt.h"
#include "io/manifest.h"
#include "io/out.h"
#include "tok/detok.h"

struct detokrun {
	const struct opts *o;
	struct manifest *m; /* gets the inputs */
	struct detok d;
	int lists;       /* else token files */
	struct out *out; /* stays open */
};

int detokrun(const struct detokrun *r);

#endif
