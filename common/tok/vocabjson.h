/* vocabjson: reading tokenizer.json fast.  Nearly all of the file is model.vocab and model.merges;
 * jansson is given the rest, these two are walked in place (doc/jscan.h).
 *
 *	struct vocabjson v = {0};
 *	if (vocabjson_read(&v, path) < 0) …		err_msg
 *	v.root: the file as a tree; when model.vocab is an object it is empty there, and
 *		model.merges, when it is a list
 *	struct jiter it = jiter_open(v.vocab);		{NULL, 0} when it is no object
 *	while (jiter_next(&it, &key, &value)) …
 *	vocabjson_release(&v);
 *
 * What jansson refuses is refused with its message, but for duplicate keys in model.vocab: the
 * caller sees them both.
 */
#ifndef OLMO_TOK_VOCABJSON_H
#define OLMO_TOK_VOCABJSON_H

#include <jansson.h>

#include "base/buf.h"
#include "doc/jscan.h"

struct vocabjson {
	json_t *root;
	struct jspan vocab, merges;
	struct buf text; /* the file */
};

int vocabjson_read(struct vocabjson *v, const char *path);
void vocabjson_release(struct vocabjson *v);

/* The text of a raw string: in place, or in tmp when it has escapes. */
struct jspan vocabjson_string(struct jspan raw, struct buf *tmp);

#endif
