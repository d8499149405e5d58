/* foreign: token files of other programs, read as token files.
 *
 *	struct foreign f;
 *	struct tokfile_meta m = {.vocab_size = 50280, .eos_id = TOKFILE_NONE};	width 0: the file's
 *	if (foreign_open(&f, CONVERT_MEGATRON, "X", &m) < 0) die_err();
 *	…tokfile_at(f.t, i)…, document k: ids [k ? f.end[k - 1] : 0, f.end[k])
 *	foreign_close(&f);
 *
 *	npy, nanogpt	PATH			ids alone; width 2 where m does not say it
 *	numpy		PATH			a .npy of one dimension, u2 or u4
 *	megatron	X, X.bin or X.idx	X.bin and X.idx; a document is a row of the index
 *	llmc		PATH			256 i32 of header, then the ids
 *	datatrove	PATH			PATH.index: ends of documents; PATH.metadata: width
 *
 * Headers and sizes are checked against each other; what they say wins over nothing, and a width in
 * m that differs is an error, as is the header of another form.  Functions give 0, or -1 with a
 * message FILE@OFFSET.  convert.h writes the same forms.
 */
#ifndef OLMO_TOK_FOREIGN_H
#define OLMO_TOK_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#include "tok/convert.h"
#include "tok/tokfile.h"

struct foreign {
	struct tokfile *t;
	char *index;   /* the file that has the documents, or NULL */
	uint64_t *end; /* (n_doc) ends of the documents, which lie end to end; NULL: not known */
	uint64_t n_doc;
};

/* vocab_size 0: all that the width holds. */
int foreign_open(
    struct foreign *f, enum convert_form form, const char *path, const struct tokfile_meta *meta);
/* The token file without the rest, to be closed by the caller. */
struct tokfile *foreign_take(struct foreign *f);
void foreign_close(struct foreign *f);

#endif
