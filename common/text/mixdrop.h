/* mixdrop: a few of the documents that each rule of a mix removes, as examples.
 *
 *	struct mixdrop *m = mixdrop_new(n_rules);	one a thread
 *	mixdrop_add(m, rule, &doc, text, len, value, value_len)
 *	mixdrop_merge(all, m)
 *	mixdrop_put(all, rule, "web: exclude[0] …", &buf)
 *	mixdrop_free(m)
 *
 * Of each rule the MIXDROP_KEEP documents stay whose (XXH3-64 of the id, id, rest of the line) is
 * smallest: the choice looks random, and does not depend on threads or on the order of documents.
 */
#ifndef OLMO_TEXT_MIXDROP_H
#define OLMO_TEXT_MIXDROP_H

#include <stddef.h>

#include "base/buf.h"
#include "doc/doc.h"

enum { MIXDROP_KEEP = 5, MIXDROP_CHARS = 300, MIXDROP_VALUE = 400 };

struct mixdrop;
struct mixdrop *mixdrop_new(size_t n_rules);
void mixdrop_free(struct mixdrop *m);
/* The document is removed by the rule; text (len bytes) is what the rule saw.  value: JSON of what
 * it looked at, left out when empty. */
void mixdrop_add(struct mixdrop *m, size_t rule, struct doc *d, const char *text, size_t len,
    const struct buf *value);
/* What `from` kept goes into `into`; `from` is empty then. */
void mixdrop_merge(struct mixdrop *into, struct mixdrop *from);
/* Lines {"rule","id","source","chars","text","value"}, smallest first. */
void mixdrop_put(const struct mixdrop *m, size_t rule, const char *label, struct buf *b);

#endif
