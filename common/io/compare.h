/* compare: finished runs beside the one they differ from; by `olmo compare`.
 *
 *	if (compare_command(&o) < 0) die_err();		o.files: BASE RUN.., o.out: PREFIX
 *
 * PREFIX.tsv has a row for each number, PREFIX.html is one page that shows them.  What is read, and
 * from which files of a run directory:
 *
 *	what was changed			.opts/ablation (key TAB value); .opts/STAGE; run/config.json
 *	documents, bytes and tokens by source	counts of tokens/SOURCE-NNNN.tok.manifest.json
 *	loss					run/log.jsonl
 *	bits per byte by source			eval/paloma/metrics.tsv; eval/documents.tsv (paloma --documents)
 *	tasks					eval/catwalk/predictions.jsonl
 *
 * Columns of the table: run, what, key, base, value, diff (value less base), low and high (95 % of a
 * paired bootstrap over the documents that both have), p, n (documents).  A number that is not there is
 * an empty field.  The same files give the same bytes; no path, host or time goes in but the names of the
 * directories as they were given.
 */
#ifndef OLMO_IO_COMPARE_H
#define OLMO_IO_COMPARE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/svgplot.h"

struct compare_run {
	const char *dir;        /* borrowed */
	const char *name;       /* its last component, borrowed */
	json_t *ablation;       /* stage, with, recipe */
	json_t *options;        /* stage or path in the model's configuration: text */
	json_t *counts;         /* documents | bytes | tokens: {source: number} */
	json_t *bpb;            /* source: {bytes, ll} */
	json_t *documents;      /* source: {id: [bits, bytes]} */
	json_t *tasks;          /* task TAB metric: {document: value} */
	char *tokenizer;        /* hash of the one that was evaluated, or NULL */
	struct svgplot_log log; /* no lines: none */
};

struct compare_row {
	const struct compare_run *run;
	const char *what; /* "documents", "loss", "bpb", … */
	char *key;
	double base, value; /* NaN: not there */
	double diff, lo, hi, p;
	size_t n; /* pairs; 0: no interval */
};

struct compare {
	struct compare_run *run; /* [0] is the base */
	size_t n_run;
	struct compare_row *row;
	size_t n_row;
};

struct opts;
int compare_command(const struct opts *o); /* 0 or -1 */
/* compare_page.c */
void compare_page(const struct compare *c, struct buf *b);

#endif
