/* ahead: a thread that reads the next batch while the last one is computed with.
 *
 *	struct ahead *a = ahead_start(l, batch, T, eos);	eos < 0: no documents
 *	ahead_ask(a, entry);			begin with entries entry .. entry + batch - 1
 *	if (!ahead_take(a, entry, &b)) …	not asked for, or unreadable: read them yourself
 *	ahead_stop(a);
 *
 * It copies what loader_read gives, so nothing depends on it; an instance that cannot be read is left
 * to the caller, whose own reading has the message.  The loader's epoch must not change between
 * ahead_ask and ahead_take or ahead_drop.  It holds batch · T · 12 bytes (without documents 8).
 */
#ifndef OLMO_MODEL_AHEAD_H
#define OLMO_MODEL_AHEAD_H

#include <stddef.h>
#include <stdint.h>

struct loader;

struct batch {
	uint32_t *ids, *first; /* (batch, T); first NULL without documents */
	int32_t *labels;       /* (batch, T) */
	uint64_t *instance;    /* (batch) */
	uint64_t masked;       /* instances that repeat themselves */
};

/* Entries entry .. entry + n - 1 of a loader into b, one after the other; 0 or -1. */
int batch_read(
    struct batch *b, const struct loader *l, uint64_t entry, size_t n, size_t T, int64_t eos);

struct ahead *ahead_start(const struct loader *l, size_t batch, size_t T, int64_t eos);
void ahead_ask(struct ahead *a, uint64_t entry);
int ahead_take(struct ahead *a, uint64_t entry, struct batch *b); /* 1: b holds a copy */
void ahead_drop(struct ahead *a);                                 /* what was asked for */
void ahead_stop(struct ahead *a);

#endif
