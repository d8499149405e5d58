/* runlog: the append-only records of a run (olmo-run(5)).
 *
 *	RUN/log.jsonl			one object a step, OLMo's metric names; no times: the bytes
 *					depend on config and data only
 *	RUN/timing.jsonl		speed of each step
 *	RUN/data-indices/rank0.tsv	step, then the instances of the batch in order
 *
 *	runlog_open(&l, run, step, indices);	lines after `step` are cut off
 *	runlog_begin(&l, step); runlog_num(&l, "train/CrossEntropyLoss", x); runlog_end(&l);
 *	runlog_sync(&l);			before a checkpoint
 *	runlog_close(&l);
 *
 *	runlog_find(run, step, "train/CrossEntropyLoss", &x);
 *
 * runlog_compare() reads two logs for `train --compare-logs`.
 */
#ifndef OLMO_MODEL_RUNLOG_H
#define OLMO_MODEL_RUNLOG_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

struct runlog {
	FILE *log, *timing, *indices; /* indices NULL: not asked for */
	struct buf line;
};

/* Opens for appending after step (0: from the beginning). */
int runlog_open(struct runlog *l, const char *run, uint64_t step, int indices);
void runlog_begin(struct runlog *l, uint64_t step);
void runlog_num(struct runlog *l, const char *key, double v); /* not finite: null */
void runlog_count(struct runlog *l, const char *key, uint64_t v);
int runlog_end(struct runlog *l);        /* the object goes to log.jsonl */
int runlog_end_timing(struct runlog *l); /* … to timing.jsonl */
int runlog_indices(struct runlog *l, uint64_t step, const uint64_t *instance, size_t n);
int runlog_sync(struct runlog *l); /* everything is durable */
int runlog_close(struct runlog *l);

/* The number that log.jsonl has for a step under a key, by bisection: another thread may be
 * writing later steps.  1, 0: there is none, -1: error. */
int runlog_find(const char *run, uint64_t step, const char *key, double *v);

/*
 * Compares the numbers of two logs (log.jsonl, or run directories) at the steps that both have.
 * TSV on f: key, steps compared, largest difference |a - b| / max(|a|, |b|), first step beyond
 * rtol ("-": none).  A key that only one log has, or a value that is no number in one, is beyond
 * at that step.  1 = differs, 0 = equal within rtol, -1 = error.
 */
int runlog_compare(const char *a, const char *b, double rtol, FILE *f);

#endif
