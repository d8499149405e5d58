/* detok: ids to text, of token files or of JSON lists.
 *
 *	struct detok d = {.t = tokenizer, .name = "tok.json"};
 *	detok_list(&d, "[1,2]", 5, &ids, &line);	appends the text as a JSON string and a line feed
 *	detok_file(&d, "X.tok", out, &n);		a token file, verified first
 *
 * 0, or -1 with a message.  An id that the tokenizer does not have is an error, as is a file that
 * was made with another one.
 */
#ifndef OLMO_TOK_DETOK_H
#define OLMO_TOK_DETOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/out.h"
#include "tok/encoder.h"
#include "tok/tokenizer.h"

struct detok {
	const struct tokenizer *t;
	const char *name; /* for messages */
	int skip_special; /* special tokens are left out */
	int any;          /* files made with another tokenizer, too */
};

/* ids: memory to work in.  The message names no line. */
int detok_list(
    const struct detok *d, const char *line, size_t len, struct ids *ids, struct buf *out);
/* *n grows by the number of ids.  What was written before an error stands. */
int detok_file(const struct detok *d, const char *path, struct out *out, uint64_t *n);

#endif
