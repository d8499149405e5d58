/* parts: a long pretoken in overlapping parts, merged side by side and joined.
 *
 *	parts_begin(&p, s, len);
 *	do {
 *		k = parts_cut(&p);		parts k .. p.n are new: set their n and ids
 *		done = parts_join(&p, token, &ids);
 *	} while (done == 0);			1: all of it; -1: up to p.s only
 *
 * Where neighbours have a token in common, at the same place, the tokens of the left one up to it and
 * those of the right one behind it make one row.  Each two neighbours of that row are neighbours in
 * one of the parts, so no merge crosses the seam between them there.  Then none does in the whole: what
 * merges inside a token depends on nothing outside until something crosses its edge, and the first
 * merge that did so would have done so between those two alone.  So the row is what the whole gives.
 *
 * Parts begin and end between characters, at even distances, so that what repeats gives equal parts.
 */
#ifndef OLMO_TOK_PARTS_H
#define OLMO_TOK_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "tok/bpe.h"
#include "tok/encoder.h"

enum { PARTS = 32, PARTS_LEN = BPE_SHORT, PARTS_STRIDE = 76 };

struct part {
	const char *s;
	uint32_t *ids; /* room for PARTS_LEN */
	size_t len, n;
	size_t from;            /* the first of its ids that is not in a part before */
	uint8_t end[PARTS_LEN]; /* where its tokens end */
};

struct parts {
	const char *s, *end; /* what is left */
	struct part part[PARTS];
	size_t n, n_joined; /* parts that are there; that have end[] */
	uint32_t ids[PARTS][PARTS_LEN];
};

void parts_begin(struct parts *p, const char *s, size_t len);
/* Make more of them; the number of those that were there. */
size_t parts_cut(struct parts *p);
int part_is(const struct part *x, const struct part *y); /* the same bytes */
/* Append ids as far as the parts go. */
int parts_join(struct parts *p, const struct tokenizer_token *token, struct ids *out);

#endif
