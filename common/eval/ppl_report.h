/* ppl_report: the results of ppl.h as a table and as JSON.  The table must be sorted. */
#ifndef OLMO_EVAL_PPL_REPORT_H
#define OLMO_EVAL_PPL_REPORT_H

#include <jansson.h>

#include "base/buf.h"
#include "eval/ppl.h"

/* A header line, then a line for each row: source domain split docs tokens bytes chars words sum_ll
 * bpb ppl, separated by tabs; nan where there are no bytes or tokens. */
void ppl_report_tsv(const struct ppl_table *t, struct buf *b);

/* Tab and tokens, tab and bytes, and so on to words. */
void ppl_report_counts(struct buf *b, const struct ppl_sum *s);

/*
 * Sums and measures by source, with its rows in by_domain, and over all.  The micro values are of
 * sums; macro_… are means over a source's rows, and over the sources' own means.  What has no
 * value is null, and left out of means.  New references.
 */
void ppl_report_json(const struct ppl_table *t, json_t **sources, json_t **total);

#endif
