/* labels: texts whose ids are not all to be learnt: conversations, and documents with spans.
 *
 *	struct labels l = {.e = encoder, .team = team, .eos = id};	one a thread
 *	if (labels_chat(&l, line, len) < 0) …
 *	labels_row(&l, 2048, pad);		optional: a row of that many ids
 *	l.ids.p[i] is to be predicted when l.mask.p[i] is 1, else that byte is 0; i < l.ids.n
 *	labels_release(&l);
 *
 * Every function begins anew.  0, or -1 with a message (no file, no line).
 */
#ifndef OLMO_TOK_LABELS_H
#define OLMO_TOK_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "doc/attr.h"
#include "tok/encoder.h"
#include "tok/team.h"

struct labels {
	struct encoder *e;
	struct team *team;
	uint64_t eos; /* or TOKFILE_NONE (tok/tokfile.h); labels_chat needs one */

	struct ids ids;
	struct buf mask;
	int cut; /* by labels_row */

	struct buf a, b; /* private */
	struct span *span;
	size_t n_span, cap_span;
};

/*
 * A JSON object of one of two forms:
 *
 *	{"messages":[{"role":R,"content":C},..]}, R = system, user or assistant
 *	    EOS, then for each message <|R|>\n and C with white space around it left out (Python's
 *	    str.strip()), then EOS if R is assistant, then \n; each of these pieces is encoded by itself.
 *	    Labels: C and EOS of the assistant.	(OLMo, scripts/prepare_tulu_data.py)
 *	{"prompt":P,"completion":C}
 *	    EOS, then P and C as one text, with a space between them when no blank, tab or line end is
 *	    there, then EOS.  Labels: all behind as many ids as P has by itself.
 *	    (open-instruct, open_instruct/finetune.py)
 */
int labels_chat(struct labels *l, const char *line, size_t len);

/*
 * The text, with labels in the spans of v, a list of [start, end, score] in code points; those with a
 * score of 0 do not count.  Text is cut at the edges of labels, and each part encoded by itself.
 * White space around the text is left out as everywhere, offsets count it.  The EOS behind it has a label
 * when the last character has.
 */
int labels_spans(struct labels *l, const char *text, size_t len, struct jspan v);

/* Cuts what is behind n ids, or adds pad without labels. */
void labels_row(struct labels *l, size_t n, uint32_t pad);
/* Number of labels. */
size_t labels_count(const struct labels *l);
void labels_release(struct labels *l);

#endif
