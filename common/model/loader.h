/* loader: training instances in OLMo's order.
 *
 *	struct loader *l = loader_open(&spec);
 *	loader_epoch(l, e);			the order of epoch e (from 0)
 *	for (k = 0; k < loader_entries(l); k++)
 *		loader_read(l, k, ids, labels, &instance);
 *	loader_close(l);
 *
 * An instance is T ids; labels[t] is the target of position t (ids[t + 1]), KERN_IGNORE at the
 * last position, where the label mask of the target is 0, and where the target is padding.
 * Order: data.order of config.h; olmo and feistel are drawn anew in every epoch with seed + epoch,
 * an order file and sequential are the same in every epoch.
 * Every id is checked against the embedding rows as it is read; errors name FILE@OFFSET.
 */
#ifndef OLMO_MODEL_LOADER_H
#define OLMO_MODEL_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "tok/order.h"
#include "tok/tokfile.h"

struct map;

struct loader_spec {
	char *const *paths, *const *masks;
	size_t n_path, n_mask;
	const char *order; /* NULL = olmo */
	unsigned width;    /* of headerless files */
	size_t T;
	size_t V; /* ids must be below */
	uint64_t seed;
	int drop_last;
	size_t min_period, max_period, count; /* of periodic.h; count 0: none is left out */
	int64_t pad_id; /* >= 0: targets with this id have no loss, and only ids with this
				   value may follow it in an instance */
};

struct loader {
	struct loader_spec spec;
	struct tokfile_list *list;
	struct order *order;
	uint64_t epoch;
	struct map *mask; /* (n_mask) */
};

struct loader *loader_open(const struct loader_spec *spec);
int loader_epoch(struct loader *l, uint64_t epoch);
static inline uint64_t loader_entries(const struct loader *l)
{
	return l->order->total;
}
/* 1: the instance repeats itself, it has no labels; 0: as described above; -1 */
int loader_read(
    const struct loader *l, uint64_t entry, uint32_t *ids, int32_t *labels, uint64_t *instance);
/* first[t]: where the document of t begins; documents end with eos. */
void loader_documents(const uint32_t *ids, size_t T, int64_t eos, uint32_t *first);
/* What the files say of the ids: 0 and all zero where unknown. */
const struct tokfile_meta *loader_meta(const struct loader *l);
void loader_close(struct loader *l);

#endif
