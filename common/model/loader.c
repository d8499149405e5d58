#include "model/loader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/map.h"
#include "kernels/kernels.h"
#include "model/periodic.h"

static int open_masks(struct loader *l)
{
	l->mask = xcalloc(l->spec.n_mask + 1, sizeof(*l->mask));
	for (size_t i = 0; i < l->spec.n_mask; i++) {
		if (map_open(&l->mask[i], l->spec.masks[i]) < 0)
			return -1;
		if (l->mask[i].len != l->list->file[i]->count)
			return err_set("%s@0: %zu bytes for the %" PRIu64
				       " ids of %s (one byte each)",
				   l->spec.masks[i], l->mask[i].len, l->list->file[i]->count,
				   l->spec.paths[i]),
			       -1;
	}
	return 0;
}

static int check_vocab(const struct loader *l)
{
	for (size_t i = 0; i < l->list->n_file; i++) {
		const struct tokfile *f = l->list->file[i];
		if (!f->raw && f->meta.vocab_size > l->spec.V)
			return err_set("%s@0: ids up to %" PRIu64
				       ", the model has %zu embedding rows",
				   f->path, f->meta.vocab_size - 1, l->spec.V),
			       -1;
	}
	if (l->list->n_inst == 0)
		return err_set("%s%s: no file holds an instance of %zu ids", l->spec.paths[0],
			   l->spec.n_path > 1 ? " .." : "", l->spec.T),
		       -1;
	return 0;
}

struct loader *loader_open(const struct loader_spec *spec)
{
	struct loader *l = xcalloc(1, sizeof(*l));
	struct tokfile_meta raw = {.width = spec->width,
	    .vocab_size = spec->width == 2 ? 1u << 16 : 1ull << 32,
	    .eos_id = TOKFILE_NONE};
	struct tokfile_list_spec ls = {.seq_len = spec->T, .raw = &raw};

	l->spec = *spec;
	if (spec->n_path == 0) {
		err_set("data.paths names no token files");
		goto fail;
	}
	l->list = tokfile_list_open((const char *const *)spec->paths, spec->n_path, &ls);
	if (l->list == NULL || check_vocab(l) < 0 || open_masks(l) < 0)
		goto fail;
	return l;
fail:
	loader_close(l);
	return NULL;
}

void loader_close(struct loader *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; l->mask != NULL && i < l->spec.n_mask; i++)
		map_close(&l->mask[i]);
	free(l->mask);
	order_free(l->order);
	tokfile_list_close(l->list);
	free(l);
}

static struct order *open_file(const struct loader *l)
{
	struct order *o = order_open_any(l->spec.order, l->list->n_inst);

	if (o != NULL && order_check(o, l->list) < 0) {
		order_free(o);
		return NULL;
	}
	return o;
}

int loader_epoch(struct loader *l, uint64_t epoch)
{
	const char *how = l->spec.order != NULL ? l->spec.order : "olmo";
	struct order_spec s = {.n_inst = l->list->n_inst,
	    .seq_len = l->spec.T,
	    .seed = l->spec.seed,
	    .epoch = epoch,
	    .world = 1,
	    .drop_last = l->spec.drop_last};
	struct order *o;

	if (strcmp(how, "olmo") == 0)
		s.algo = ORDER_NUMPY;
	else if (strcmp(how, "feistel") == 0)
		s.algo = ORDER_FEISTEL;
	else if (strcmp(how, "sequential") == 0)
		s.algo = ORDER_SEQUENTIAL;
	else
		s.algo = ORDER_FILE;
	if (s.algo == ORDER_FILE && l->order != NULL)
		return l->epoch = epoch, 0;
	o = s.algo == ORDER_FILE ? open_file(l) : order_new(&s);
	if (o == NULL)
		return -1;
	order_free(l->order);
	l->order = o;
	l->epoch = epoch;
	return 0;
}

const struct tokfile_meta *loader_meta(const struct loader *l)
{
	return &l->list->file[0]->meta;
}

/* The place of id t of an instance, for messages. */
static void name_place(
    const struct loader *l, uint64_t instance, size_t t, const char **path, uint64_t *offset)
{
	size_t f;
	uint64_t start;

	tokfile_list_find(l->list, instance, &f, &start);
	*path = l->list->file[f]->path;
	*offset = l->list->file[f]->ids_off + (start + t) * l->list->file[f]->meta.width;
}

static int check_ids(const struct loader *l, uint64_t instance, const uint32_t *ids)
{
	const char *path;
	uint64_t off;

	for (size_t t = 0; t < l->spec.T; t++) {
		if (ids[t] < l->spec.V)
			continue;
		name_place(l, instance, t, &path, &off);
		return err_set("%s@%" PRIu64 ": id %u, the model has %zu embedding rows", path,
			   off, (unsigned)ids[t], l->spec.V),
		       -1;
	}
	return 0;
}

/* With a causal mask, padding at the end never reaches a token that counts. */
static int drop_padding(
    const struct loader *l, uint64_t instance, const uint32_t *ids, int32_t *labels)
{
	const char *path;
	uint64_t off;
	int seen = 0;

	for (size_t t = 0; t < l->spec.T; t++) {
		int pad = ids[t] == l->spec.pad_id;
		if (seen && !pad) {
			name_place(l, instance, t, &path, &off);
			return err_set("%s@%" PRIu64
				       ": a token after padding; only padding at the end of an "
				       "instance can be masked",
				   path, off),
			       -1;
		}
		seen |= pad;
		if (pad && t > 0)
			labels[t - 1] = KERN_IGNORE;
	}
	return 0;
}

int loader_read(
    const struct loader *l, uint64_t entry, uint32_t *ids, int32_t *labels, uint64_t *instance)
{
	size_t T = l->spec.T, f;
	uint64_t start;

	*instance = order_at(l->order, entry);
	tokfile_list_read(l->list, *instance, ids);
	if (check_ids(l, *instance, ids) < 0)
		return -1;
	for (size_t t = 0; t + 1 < T; t++)
		labels[t] = (int32_t)ids[t + 1];
	labels[T - 1] = KERN_IGNORE;
	if (l->spec.n_mask > 0) {
		tokfile_list_find(l->list, *instance, &f, &start);
		const unsigned char *m = l->mask[f].p + start;
		for (size_t t = 0; t + 1 < T; t++)
			if (m[t + 1] == 0)
				labels[t] = KERN_IGNORE;
	}
	if (l->spec.pad_id >= 0 && drop_padding(l, *instance, ids, labels) < 0)
		return -1;
	if (l->spec.count == 0 ||
	    !periodic_has(ids, T, l->spec.min_period, l->spec.max_period, l->spec.count))
		return 0;
	for (size_t t = 0; t < T; t++)
		labels[t] = KERN_IGNORE;
	return 1;
}

void loader_documents(const uint32_t *ids, size_t T, int64_t eos, uint32_t *first)
{
	for (size_t t = 0; t < T; t++)
		first[t] = t == 0 || ids[t - 1] == eos ? (uint32_t)t : first[t - 1];
}
