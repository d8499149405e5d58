/* trace: which documents a training step saw, and when a document was seen.
 *
 *	struct trace *t = trace_open("run", 1, 2);   	a run's directory, or its config file
 *	trace_step(t, 17, -1, print, arg);		all ranks of step 17
 *	trace_document(t, "id-1", print, arg);
 *	trace_close(t);
 *
 * A run that kept RUN/data-indices/rankR.tsv[.gz] is believed: a line a step, step and instances.
 * Otherwise the order is computed from the config: data.paths, data.order, data.drop_last, seed
 * (or data.seed), global_train_batch_size, model.max_sequence_length, max_duration.  An epoch has
 * floor(entries / batch) steps; step s trains on entries [(s-1) B, s B) of its epoch's order.
 * Relative paths in the config are relative to the working directory, as train takes them.
 *
 * The callback gets one document of one instance at a time; it returns 0, or -1 to stop.
 * Functions give 0, or -1 with a message.  Memory: the document tables.  Time: of OLMo's order all draws
 * of an epoch (ordertrace.h), for trace_document() of each epoch; others are asked directly.
 */
#ifndef OLMO_TOK_TRACE_H
#define OLMO_TOK_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "tok/doctable.h"
#include "tok/tokfile.h"

struct trace;

/* One document's part of one instance. */
struct trace_hit {
	uint64_t step; /* from 1 */
	uint64_t rank;
	uint64_t instance;
	const struct tokfile *file;
	const struct doctable *table; /* NULL: no table, no document */
	size_t row;
	uint64_t start, end; /* ids of the file */
};

typedef int trace_fn(void *arg, const struct trace_hit *h);

/* world: ranks (offset k of a batch is of rank k mod world) when there are no data-indices. */
struct trace *trace_open(const char *run_or_conf, uint64_t world, int threads);
/* Steps the run has, as far as config and indices tell. */
uint64_t trace_steps(const struct trace *t);
/* rank -1: all. */
int trace_step(struct trace *t, uint64_t step, int64_t rank, trace_fn *fn, void *arg);
/* Every occurrence of a document, by step; *found counts them. */
int trace_document(
    struct trace *t, const char *id, size_t id_len, trace_fn *fn, void *arg, uint64_t *found);
/* tokenizer.identifier of the config, or NULL. */
const char *trace_tokenizer(const struct trace *t);
void trace_close(struct trace *t);

#endif
