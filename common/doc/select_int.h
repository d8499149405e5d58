/* select_int: what the two expression languages share.  Private to select*.c. */
#ifndef OLMO_DOC_SELECT_INT_H
#define OLMO_DOC_SELECT_INT_H

#include "doc/doc.h"
#include "doc/select.h"

enum { SELECT_DEPTH = 100 }; /* nesting of expressions */

/* A key of the expression; name: its number among the attribute names, -1 when it is none. */
struct skey {
	char *s;
	int name;
};

/* What is being compiled: the text and the attribute names it meets. */
struct scomp {
	struct select_set *set;
	int expr;
	const char *text, *p;
	int depth;
};

/* -1 with "at offset N: …", N from `at`. */
int scomp_fail(const struct scomp *c, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void scomp_space(struct scomp *c); /* skip white space */
/* Register key as a name of an attribute; its number. */
int scomp_name(struct scomp *c, const char *key);
/* Memory of the compiled set. */
void *scomp_alloc(struct scomp *c, size_t n);
char *scomp_strndup(struct scomp *c, const char *s, size_t n);

/* Values of a document.  Members by key: by the table of attributes when obj is that object. */
struct jspan sfield(struct select *t, struct jspan obj, const struct skey *key);
struct jspan sfield_n(struct select *t, struct jspan obj, const char *key, size_t len, int name);
struct jspan sindex(struct jspan array, uint64_t i);
size_t scount(struct jspan container);
/* Members of an object, sorted by key (bytes), each key once, the last one counting; in t's memory. */
struct smember {
	const char *key;
	size_t len;
	struct jspan v;
};
size_t ssorted(struct select *t, struct jspan obj, struct smember **m);
void *salloc(struct select *t, size_t n); /* until select_open */
struct jspan sroot(const struct select *t);
/* An unescaped string in t's memory (or the line itself when nothing is escaped). */
const char *sstring(struct select *t, struct jspan v, size_t *len);

/* A number as serde_json holds it. */
struct snum {
	int kind; /* 0 not negative integer, 1 negative integer, 2 float */
	uint64_t u;
	double d; /* value, always */
};
struct snum snum_of(struct jspan v);
int snum_eq(const struct snum *a, const struct snum *b);
/* Equality as serde_json's: integers and floats differ. */
int sequal(struct select *t, struct jspan a, struct jspan b);

/* The two languages. */
struct path;
struct path *path_compile(struct scomp *c);
int path_found(struct select *t, const struct path *p);
int path_value(struct select *t, const struct path *p, struct jspan *v);

struct jq;
struct jq *jq_compile(struct scomp *c);
int jq_true(struct select *t, const struct jq *q, int any);
int jq_value(struct select *t, const struct jq *q, struct jspan *v);

#endif
