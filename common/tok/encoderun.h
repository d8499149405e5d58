/* encoderun: the ids of every text of the inputs, made by threads, to a sink in input order.
 *
 *	struct encoderun r = {.o = &o, .m = m, .t = tokenizer, .sink = sink, .form = TOKSINK_TOK,
 *	    .input = ENCODERUN_DOCS, .eos = 50279};
 *	if (encoderun(&r) < 0) { toksink_abort(sink); die_err(); }
 *
 * Operands of o are read (none, or "-": stdin), gzip and zstd recognised; o->threads work.
 *	ENCODERUN_DOCS		documents (doc/docrun.h).  White space around a text is left out, as by
 *				Python's str.strip(): Dolma's rule
 *	ENCODERUN_TEXT		whole files
 *	ENCODERUN_LINES		lines, without their '\n'
 *	ENCODERUN_STRINGS	lines that are JSON strings
 *	ENCODERUN_CHAT		lines that are conversations (tok/labels.h)
 * Texts without a byte are left out, but for strings, and conversations without a label.  What the
 * sink gets as the name of a text is the document's or the conversation's id, else "FILE" or
 * "FILE:LINE".
 *
 * 0, or -1 with a message that names file and line; the sink then has the texts before that.  With
 * o->skip_bad, bad texts are counted, warned of and left out (doc/docrun.h, tok/textrun.h).
 * Counters: docs_in or texts_in, bytes_in; docs_empty, docs_out, tokens_out; with replace,
 * texts_repaired; with labels, labels_out; of conversations, docs_unlabelled and docs_cut (rows that
 * were too long).
 *
 * Memory: that of docrun or textrun, with ids of 4 bytes each, and an encoder a thread; long texts
 * are shared out among the threads (tok/team.h).
 */
#ifndef OLMO_TOK_ENCODERUN_H
#define OLMO_TOK_ENCODERUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "io/manifest.h"
#include "tok/tokenizer.h"
#include "tok/toksink.h"

enum encoderun_input {
	ENCODERUN_DOCS,
	ENCODERUN_TEXT,
	ENCODERUN_LINES,
	ENCODERUN_STRINGS,
	ENCODERUN_CHAT
};

struct encoderun {
	const struct opts *o;
	struct manifest *m; /* gets the inputs; may be NULL */
	const struct tokenizer *t;
	struct toksink *sink;   /* stays open, also after an error */
	enum toksink_form form; /* of the sink */
	enum encoderun_input input;
	uint64_t eos;      /* id that ends each text that does not end with it, or TOKFILE_NONE */
	const char *spans; /* documents: the attribute whose spans are labels, or NULL */
	uint64_t seq_len;  /* conversations: ids of a row, or 0 */
	uint32_t pad;      /* id that fills a row */
	int replace;       /* ill-formed UTF-8 by U+FFFD, instead of refusing it; not in strings */
};

int encoderun(const struct encoderun *r);

#endif
