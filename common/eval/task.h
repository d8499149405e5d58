/* task: multiple-choice data sets as requests (eval/request.h).
 *
 * Two regimes write the questions: catwalk (the paper's offline evaluation; unconditional rows
 * follow) and inloop (OLMo's evaluation while it trains).  Rows of a data set are JSON lines with the
 * fields of its Hugging Face form.
 *
 * A task of one's own is called jsonl:NAME.  Its rows are
 *	{"id":..,"context":"..","choices":["..",".."],"answer":K}
 * K from 0, or null where it is not known; other fields are ignored.  A choice is asked for after
 * the context and one space.
 *
 *	const struct task *t = task_find(name);		NULL: unknown
 *	task_row(t, name, TASK_CATWALK, line, len, doc, &set)	appends the rows of document doc
 *	task_uncond(&set, from)				… and the unconditional twins of rows [from, n)
 */
#ifndef OLMO_EVAL_TASK_H
#define OLMO_EVAL_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "eval/metric.h"
#include "eval/request.h"

enum task_regime { TASK_CATWALK, TASK_INLOOP };

struct task;

const struct task *task_find(const char *name); /* name, alias or jsonl:NAME */
const struct task *task_at(size_t i);           /* all of them; NULL at the end */
const char *task_name(const struct task *t);    /* of the table */
/* Names a data file of the task called `name` may have, DIR/NAME.SPLIT.jsonl: the i-th, NULL at the
 * end. */
const char *task_file(const struct task *t, const char *name, enum task_regime g, size_t i);
enum metric task_primary(const struct task *t, enum task_regime g);
int task_row(const struct task *t, const char *name, enum task_regime g, const char *line,
    size_t len, int64_t doc, struct request_set *s);
void task_uncond(struct request_set *s, size_t from);

#endif
