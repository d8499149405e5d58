/* doc: one document: a JSON line with the fields of olmo-documents(5). */
#ifndef OLMO_DOC_DOC_H
#define OLMO_DOC_DOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "doc/attr.h"
#include "doc/jscan.h"

struct docarena;

struct doc {
	/* where it stands; lines count from 1 and include seals and bad lines */
	const char *file;
	uint64_t lineno;
	const char *line; /* raw line without '\n' */
	size_t len;
	struct jscan j; /* raw fields */
	/* text after unescaping: valid UTF-8, NUL-terminated, borrowed */
	const char *text;
	size_t text_len; /* bytes */
	size_t n_cp;     /* code points */
	/* what a program adds */
	struct attrs attrs;
	int repaired;         /* by docrun: the line was no UTF-8, and U+FFFD stands there */
	int drop;             /* set by work/order/finish: not written, counted by the program */
	void *user;           /* the program's, from doc_alloc */
	struct docarena *mem; /* lives until the document is written */
	struct docarena *own; /* made by doc_parse when mem was NULL; doc_release frees it */
};

/* Parse a line: checks it, that id and text are strings and attributes (if any) an object or null;
 * decodes text.  -1 with "file:line: what".  d starts zeroed and may be parsed into again:
 * attributes, drop and user start anew.  mem may be NULL: d then makes an arena of its own and
 * resets it at each call (docrun provides one for a batch).  line must stay while d is used. */
int doc_parse(struct doc *d, const char *file, uint64_t lineno, const char *line, size_t len);
/* Memory that lives as long as the document. Aligned to 16. */
void *doc_alloc(struct doc *d, size_t n);
/* The id, unescaped, in document memory. */
const char *doc_id(struct doc *d, size_t *len);
/* The line again with attributes added (merged into the object under "attributes"); every other
 * byte of the line as it was; no trailing newline.  Without attributes the line as it was. */
void doc_put(const struct doc *d, struct buf *b);
void doc_release(struct doc *d);

/* Arena: bump allocation, reset for each batch. */
struct docarena *docarena_new(void);
void *docarena_alloc(struct docarena *a, size_t n);
void docarena_reset(struct docarena *a);
void docarena_free(struct docarena *a);

#endif
