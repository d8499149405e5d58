/* jscan: find the fields of one JSON line without building a tree.
 *
 * The bytes are looked at 16 or 32 at a time (jscan_isa.h): once for UTF-8, once to find the
 * top-level members that documents have and to check the whole line.  jscan accepts exactly the lines that
 * jansson's json_loadb(JSON_ALLOW_NUL) accepts with an object at the top (strict UTF-8, no control
 * characters in strings, no lone surrogate escapes, no trailing bytes but white space, \u0000 in
 * strings but not in names of members; nesting of at most 2048 values); of equal keys the last one
 * counts, as in jansson.  Two differences, both on purpose:
 *	- numbers may be of any size (jansson refuses integers beyond 64 bits and reals beyond
 *	  double): values pass through as bytes, and Python writes such integers;
 *	- a raw NUL byte is refused everywhere (jansson skips one after a number or a word).
 * Values are raw spans of the line, to be copied through as bytes or decoded.
 *
 *	struct jscan j;
 *	if (jscan_line(&j, line, len) < 0) …		err_msg: "offset N: what"
 *	jscan_str(j.f[J_TEXT], &buf)			appended, unescaped UTF-8
 */
#ifndef OLMO_DOC_JSCAN_H
#define OLMO_DOC_JSCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct jspan {
	const char *p; /* first byte of the raw value; NULL: member absent */
	size_t len;
};

enum jfield {
	J_ID,
	J_TEXT,
	J_SOURCE,
	J_ADDED,
	J_CREATED,
	J_VERSION,
	J_METADATA,
	J_ATTRIBUTES,
	J_FIELDS
};

struct jscan {
	struct jspan f[J_FIELDS];
	struct jspan member[J_FIELDS]; /* "key":value, from the key's quote to the value's end */
	struct jspan object;           /* the object itself, '{' to '}' */
};

int jscan_line(struct jscan *j, const char *line, size_t len); /* 0 or -1 */

/* Walk the members of any raw object, or the items of any raw array, that jscan_line has accepted:
 *	struct jiter it = jiter_open(span);
 *	while (jiter_next(&it, &key, &value)) …	key is a raw string ({NULL,0} for arrays)
 */
struct jiter {
	const char *p, *end;
	int object;
};
struct jiter jiter_open(struct jspan v);
int jiter_next(struct jiter *it, struct jspan *key, struct jspan *value);
/* Last member of a raw object with this (unescaped) name; 1 found, 0 not. */
int jspan_member(struct jspan object, const char *name, struct jspan *value);

enum jtype { JT_OBJECT, JT_ARRAY, JT_STRING, JT_NUMBER, JT_TRUE, JT_FALSE, JT_NULL, JT_NONE };
enum jtype jspan_type(struct jspan v);
int jspan_num(struct jspan v, double *out);  /* 0, -1 when not a number; 1e999 is infinite */
int jspan_i64(struct jspan v, int64_t *out); /* 0, -1 when not an integer in range */
/* Unescape a string into out, which has room for v.len - 2 bytes; returns the length. */
size_t jspan_unescape(struct jspan v, char *out);
/* Append the unescaped string; -1 (message) when v is not a string. */
int jscan_str(struct jspan v, struct buf *out);
int jspan_streq(struct jspan v, const char *s); /* v is a string equal to s after unescaping */

/* Append "…" with ", \ and control characters escaped (\b \f \n \r \t, else \u00xx); everything
 * else as UTF-8.  s must be valid UTF-8. */
void jstr_put(struct buf *b, const char *s, size_t len);
/* A JSON number: integers plain, else the shortest that reads back as the same double. */
void jnum_put(struct buf *b, double v);
/* Round half to even on the exact decimal value to 5 places, as Python's round(x, 5). */
double jnum_round5(double v);

#endif
