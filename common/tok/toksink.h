/* toksink: where the ids of texts go, in order.
 *
 *	struct toksink *s = toksink_open("x.tok", TOKSINK_TOK, &meta);	NULL: err_msg
 *	toksink_put(s, &t);		one text
 *	toksink_commit(s, m);		files appear; m (may be NULL) gets the outputs
 *	toksink_abort(s);		instead: nothing is left
 *
 *	TOKSINK_TOK	a token file and its document table (olmo-tokens(5))
 *	TOKSINK_NPY	OLMO's and Dolma's headerless ids, X.npy, and beside it the table X.csv.gz
 *	TOKSINK_IDS	a JSON array of ids a line
 *	TOKSINK_COUNT	nothing but the numbers: a TSV table of docs and tokens, one row
 *
 * With a mask, TOKSINK_TOK and TOKSINK_NPY write the label mask beside the ids (tok/tokmask.h).
 */
#ifndef OLMO_TOK_TOKSINK_H
#define OLMO_TOK_TOKSINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/manifest.h"
#include "tok/tokfile.h"

enum toksink_form { TOKSINK_TOK, TOKSINK_NPY, TOKSINK_IDS, TOKSINK_COUNT };

struct toksink_text {
	const uint32_t *ids;
	size_t n;
	const char *id; /* of the document */
	size_t id_len;
	const char *source; /* file and line it came from */
	uint64_t line;
	/* TOKSINK_IDS: the ids as toksink_format() wrote them, so that threads can do that */
	const char *shown;
	size_t shown_len;
	const char *mask; /* (n) a byte an id; only with a mask */
};

struct toksink;
/* path NULL or "-": stdout (without a table or a mask). */
struct toksink *toksink_open(
    const char *path, enum toksink_form form, const struct tokfile_meta *meta, int mask);
int toksink_put(struct toksink *s, const struct toksink_text *t);
uint64_t toksink_tokens(const struct toksink *s); /* so far */
uint64_t toksink_docs(const struct toksink *s);
/* Frees s in any case; 0 or -1. */
int toksink_commit(struct toksink *s, struct manifest *m);
/* After an error: frees s (NULL is fine).  What went to stdout stays. */
void toksink_abort(struct toksink *s);

/* tok, npy, ids, count: 0, or -1 without a message. */
int toksink_by_name(const char *name, enum toksink_form *form);
/* Append "[1,2,3]\n". */
void toksink_format(struct buf *b, const uint32_t *ids, size_t n);

#endif
