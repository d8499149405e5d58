/* doctable: a token file's document table in memory, to ask which document an id belongs to.
 *
 *	struct doctable d;
 *	if (doctable_load(&d, "X.tok", t->count) < 0) …
 *	k = doctable_find(&d, id_index);	first row that ends behind it
 *	if (k < d.n && d.row[k].start <= id_index) … doctable_id(&d, k) …
 *	doctable_release(&d);
 *
 * Memory: 40 bytes a document and the text of the table (a file name once while it repeats).
 * Load gives 0, or -1 with a message; memory failure ends the program.
 */
#ifndef OLMO_TOK_DOCTABLE_H
#define OLMO_TOK_DOCTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct doctable_row {
	uint64_t start, end; /* ids [start, end) */
	uint64_t line;       /* of the source file, from 1 */
	size_t id, source;   /* offsets into text; NUL-terminated */
	size_t id_len;
};

struct doctable {
	struct doctable_row *row;
	size_t n, cap;
	struct buf text;
};

/* Rows must end at or before count, the ids of the token file. */
int doctable_load(struct doctable *d, const char *tokpath, uint64_t count);
void doctable_release(struct doctable *d);

/* The first row that ends behind id i; n when none does. */
size_t doctable_find(const struct doctable *d, uint64_t i);

static inline const char *doctable_id(const struct doctable *d, size_t k)
{
	return d->text.p + d->row[k].id;
}

static inline const char *doctable_source(const struct doctable *d, size_t k)
{
	return d->text.p + d->row[k].source;
}

#endif
