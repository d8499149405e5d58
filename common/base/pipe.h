/* pipe: an ordered pipeline over threads.  Items pass a fixed list of stages; a serial stage
 * sees the items one at a time in the order of the source, a parallel stage sees any of them at
 * once.  So a filter is  read (serial) → work (parallel) → write (serial), and its output does not
 * depend on the number of threads.
 *
 *	struct pipe_stage st[] = {
 *		{"read", read_batch, 1}, {"work", work, 0}, {"write", write_batch, 1}};
 *	rc = pipe_run(threads, st, 3, items, n_items, ctx);
 *
 * A stage is fn(ctx, item, worker): 0 = go on, -1 = failed (err_set).  The first stage is the
 * source: it fills the item, 1 = filled, 0 = no more, -1 = failed; it is serial.  worker is
 * 0..threads-1, for per-thread state.  items: the recycled items (batches), n_items in flight at
 * most (2 * threads + 2 is good).
 *
 * Errors keep the order: a failed item skips its later stages but is "seen" in order by the last
 * one, so everything before it is written and nothing after it; pipe_run then returns -1 with that
 * item's message.  Which error is reported does not depend on threads.  threads == 1 runs
 * everything in the calling thread.
 */
#ifndef OLMO_BASE_PIPE_H
#define OLMO_BASE_PIPE_H

#include <stddef.h>

struct pipe_stage {
	const char *name;
	int (*fn)(void *ctx, void *item, int worker);
	int serial;
};

int pipe_run(int threads, const struct pipe_stage *stages, int n_stages, void **items,
    size_t n_items, void *ctx);

#endif
