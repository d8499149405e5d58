/* tagger: the registry of rules that mark documents.
 *
 * A tagger has a name that means one thing for ever (Dolma's names give Dolma's numbers, mistakes
 * included), looks at one text and emits spans of the types it has, in the order of the original.
 * Attribute keys are NAME__tagger__type (doc/attr.h), NAME by default the tagger's own.
 *
 *	const struct tagger *t = tagger_find("gopher_v1");
 *	struct tagwork w = {0};				one for each thread
 *	tagwork_text(&w, text, len, n_cp);		once for each document
 *	tagger_run(t, &w, &attrs, NULL);		-1 with a message
 *	…
 *	tagwork_release(&w);
 */
#ifndef OLMO_TEXT_TAGGER_H
#define OLMO_TEXT_TAGGER_H

#include <stddef.h>
#include <stdint.h>

#include "doc/attr.h"
#include "text/repeat.h"
#include "text/segment.h"

#define TAGGER_TYPES 24

struct tagger;
struct gramtab;
struct naughty;

/* Memory of one thread: the tables of its present text and what the taggers keep for reuse. */
struct tagwork {
	struct segment seg;
	struct gramtab *grams;         /* gopher */
	const struct naughty *naughty; /* c4: NULL = the built-in list */
	struct repeats repeats;        /* repetitions */
	void *scratch;                 /* gopher: lines */
	size_t scratch_cap;
};

/* One tagger on one document. */
struct tagrun {
	const struct tagger *tagger;
	struct tagwork *w;
	struct segment *seg;
	struct attrs *a;
	const char *name;         /* first part of the keys */
	size_t key[TAGGER_TYPES]; /* of attrs, SIZE_MAX while unused */
};

struct tagger {
	const char *name;
	const char *level;        /* "doc", "para", "line", "span" or several with commas */
	const char *const *types; /* NULL-terminated, at most TAGGER_TYPES */
	const char *source;       /* where the rule comes from */
	void (*run)(struct tagrun *r);
};

const struct tagger *tagger_find(const char *name); /* NULL: no such tagger (no message) */
const struct tagger *tagger_at(size_t i);           /* in order of names, NULL at the end */

int tagwork_text(struct tagwork *w, const char *text, size_t len, size_t n_cp);
void tagwork_release(struct tagwork *w);
/* Append the tagger's attributes for the present text; name NULL = the tagger's own. */
void tagger_run(const struct tagger *t, struct tagwork *w, struct attrs *a, const char *name);

/* For taggers: a span of types[type]; of the whole document. */
/* Make the key of a type without a span: it prints as []. */
void tag_key(struct tagrun *r, int type);
void tag(struct tagrun *r, int type, uint64_t start, uint64_t end, double score);
void tag_doc(struct tagrun *r, int type, double score);

#endif
