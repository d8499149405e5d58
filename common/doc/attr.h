/* attr: attributes: named lists of spans [start, end, score] over code points of the text.
 *
 *	attrs_reset(&a);
 *	size_t k = attrs_key(&a, "gopher_v1__gopher_v1__word_count");	new or existing key
 *	attrs_span(&a, k, 0, n_cp, 12.0);
 *	attrs_put_json(&a, &buf);	{"k":[[0,5,12.0]],…} in order of attrs_key calls
 *
 * A key without spans prints as [] (Dolma: absent = [] = no span).  Scores print as JSON numbers
 * with at most 5 decimals (jnum_round5) and at least one ("12.0", as Python prints them), or with
 * all that read back as the same double when attrs.exact is set.
 */
#ifndef OLMO_DOC_ATTR_H
#define OLMO_DOC_ATTR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "doc/jscan.h"

struct span {
	uint64_t start, end; /* code points, end exclusive */
	double score;
};

struct attr {
	size_t name;     /* offset of the NUL-terminated name in attrs.names */
	size_t first, n; /* index of its first span in attrs.spans, and how many it has; others may
			  * stand between them (attrs.owner) */
};

struct attrs {
	struct attr *attr;
	size_t n, cap;
	struct buf names;
	struct span *spans; /* in order of attrs_span calls */
	uint32_t *owner;    /* key of each span */
	size_t n_spans, cap_spans;
	int exact;
};

void attrs_reset(struct attrs *a);
void attrs_release(struct attrs *a);
size_t attrs_key(struct attrs *a, const char *name);
/* NAME__TAGGER__TYPE, every character outside [A-Za-z0-9_] written as one '_' (Dolma's rule). */
size_t attrs_key3(struct attrs *a, const char *name, const char *tagger, const char *type);
void attrs_span(struct attrs *a, size_t key, uint64_t start, uint64_t end, double score);
const char *attrs_name(const struct attrs *a, size_t key);
void attrs_put_json(const struct attrs *a, struct buf *b);
/* The same into a raw object: members of old whose key is not in a come first, as bytes. */
void attrs_merge_json(const struct attrs *a, struct jspan old, struct buf *b);
/* Dolma's attribute row: {"id":…,"attributes":{…},"source":…} (id and source are raw; source may be
 * absent). */
void attrs_put_row(const struct attrs *a, struct jspan id, struct jspan source, struct buf *b);

/* Parse one raw value as a span list (numbers only); appended to *out (grows with xreallocarray).
 * 0, -1 with a message when it is something else. */
int spans_parse(struct jspan v, struct span **out, size_t *n, size_t *cap);
/* 0 or -1: NAME is a legal attribute name: starts with a letter or '_', only [A-Za-z0-9_.-]. */
int attrs_name_ok(const char *name);

#endif
