/* select: selection expressions over documents, as Dolma's mixer understands them, compiled once.
 *
 * JSONPath: the language and the results of jsonpath-rust 0.3.5, the library that Dolma uses, with
 * its peculiarities (olmo-dolma-mix(1) lists them): $ @ .key ['key'] [n] [n,m] ['a','b'] [a:b:c] * ..
 * length() and [?(…)] with == != < <= > >= in nin size anyOf noneOf subsetOf, ! && || ( ).
 * jq: the part of jq 1.6 that configurations need, with the results of jaq 1.2: paths with ? and
 * slices, literals, arrays, | , // and or not, comparisons, arithmetic, if, and the functions of
 * select_jq.c.  Everything else is refused with its name and the offset in the expression.
 *
 *	struct select_set *s = select_set_new();
 *	int e = select_add(s, "$.attributes[?(@.x[0][2] > 0.5)]", SELECT_JSONPATH);	-1: err_msg
 *	struct select *t = select_new(s);		one a thread
 *	select_open(t, &doc->j);			borrows the line until the next select_open
 *	select_true(t, e)				1, 0, -1: err_msg
 *	select_value(t, e, &v)				one raw value, for spans and replacements
 *
 * Not thread-safe but for different struct select of one set that no longer changes.
 */
#ifndef OLMO_DOC_SELECT_H
#define OLMO_DOC_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include "doc/jscan.h"

enum select_syntax { SELECT_JSONPATH, SELECT_JQ };

struct select_set;
struct select_set *select_set_new(void);
void select_set_free(struct select_set *s);
/* Compile; the expression's number, or -1 with "at offset N: what". */
int select_add(struct select_set *s, const char *expr, enum select_syntax syntax);

/* Attributes that the expressions name (a member of "attributes" by a constant name). */
size_t select_names(const struct select_set *s);
const char *select_name(const struct select_set *s, size_t name);
/* Does expression e name it? */
int select_uses(const struct select_set *s, int e, size_t name);

struct select;
struct select *select_new(const struct select_set *s);
void select_free(struct select *t);
void select_open(struct select *t, const struct jscan *doc);
/* Does the document in hand have the attribute? */
int select_has(struct select *t, size_t name);

/* What a filter means.  JSONPath: something was found.  jq: there is output, and all of it (with
 * any = 0) or some of it (with any = 1) is neither null nor false nor 0 nor empty: Dolma asks all
 * of an include and any of an exclude expression. */
int select_true(struct select *t, int e, int any);
/* What a span rule means: no result: *v has type JT_NONE; one result: that; more: a list of them.
 * The bytes live until select_open.  0, -1. */
int select_value(struct select *t, int e, struct jspan *v);

#endif
