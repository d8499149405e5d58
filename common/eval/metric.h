/* metric: from log-likelihoods of choices to numbers of a task.
 *
 * L is the log-likelihood of a choice's continuation c.  The choice with the largest
 *	raw		L
 *	per_token	L / tokens(c)
 *	per_char	L / characters(c)			(the leading space counts)
 *	per_byte	L / (bytes(c) - 1)
 *	len_norm	L / (characters(c) - 1)
 *	uncond		L - L of c after the unconditional context
 * is the answer; of equal ones the first.  acc_X (and len_norm) is the share of documents whose answer
 * is the label.  f1 is that of class 0 with the answers of raw, for tasks whose documents all have two
 * choices.  Of the right choice alone: ce_loss = -L / (characters(c) - 1), bpb = -L / (ln 2 *
 * (bytes(c) - 1)), means over documents.  A number that a document lacks what it takes (tokens,
 * unconditional rows, texts, a label) is not there for the task.
 *
 * A document with a choice missing below its largest idx, below its label or below what its row
 * says it has, is incomplete: it counts in n_incomplete and in nothing else but ce_loss and bpb.
 */
#ifndef OLMO_EVAL_METRIC_H
#define OLMO_EVAL_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "eval/request.h"

enum metric {
	M_ACC_RAW,
	M_ACC_PER_TOKEN,
	M_ACC_PER_CHAR,
	M_ACC_PER_BYTE,
	M_LEN_NORM,
	M_ACC_UNCOND,
	M_CHOICE, /* those above pick a choice */
	M_CE_LOSS = M_CHOICE,
	M_BPB,
	M_DOCUMENT, /* those above have a value for each document */
	M_F1 = M_DOCUMENT,
	M_COUNT
};

const char *metric_name(enum metric m);
int metric_by_name(const char *name, enum metric *m); /* 0, or -1 without a message */

struct metric_doc {
	const struct request **choice; /* (n) by idx, NULL: missing */
	const struct request **uncond; /* (n) */
	int n;
	int label;
	int complete;
	double value[M_DOCUMENT]; /* NaN: not there */
	int answer[M_CHOICE];     /* -1: not there */
};

struct metric_task {
	const char *name; /* borrowed from the set */
	struct metric_doc *doc;
	size_t n_doc, n_incomplete;
	double value[M_COUNT];   /* NaN: not there */
	double chance;           /* mean of 1 / choices of the documents that count; NaN: none */
	double stderr_[M_COUNT]; /* of the shares: sqrt(p (1 - p) / (n - 1)), else NaN */
};

/* One for each task of the set, in its order; documents in order of their first row.  The set
 * outlives them.  NULL when two rows are the same document and choice (the message names both). */
struct metric_task *metric_compute(const struct request_set *s);
void metric_free(struct metric_task *t, size_t n);

/* A document as one line of predictions.jsonl. */
void metric_put_doc(struct buf *b, const struct metric_task *t, const struct metric_doc *d);
/* A task's numbers as members of a JSON object, sorted by name. */
void metric_put_task(struct buf *b, const struct metric_task *t);

#endif
