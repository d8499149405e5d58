/* report_int: what the parts of the report share: the state of a run, cells and tables, reading; the
 * page of a comparison has the same tables.  Functions return 0 or -1 with a message that names the
 * file.
 *
 *	report.c		the page, runs side by side
 *	report_put.c		cells, tables, files
 *	report_data.c		documents, rules, data card
 *	report_model.c		curves, bits per byte, tasks, samples, model card
 *	report_cost.c		time and energy
 */
#ifndef OLMO_IO_REPORT_INT_H
#define OLMO_IO_REPORT_INT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct report {
	struct buf b;       /* the page */
	struct buf missing; /* what was left out */
	const char *dir;
	json_t *manifests; /* path below dir: manifest, in order of the paths */
	json_t *stats;     /* file name below stats/: object of --stats */
	json_t *funnel;    /* source: counts */
};

/* --- sections; each adds itself to r->b or to r->missing --- */
void rp_funnel(struct report *r);
int rp_rules(struct report *r);
void rp_data_card(struct report *r);
int rp_curves(struct report *r);
int rp_bits(struct report *r);
int rp_tasks(struct report *r);
int rp_samples(struct report *r);
int rp_model_card(struct report *r);
int rp_cost(struct report *r);
/* Curves and bits of several runs. */
int rp_overlay(struct buf *page, char **dirs, size_t n);

/* --- writing --- */
void rp_text(struct buf *b, const char *s); /* as text of HTML */
void rp_json_text(struct buf *b, const json_t *v);
void rp_number(struct buf *b, uint64_t v);        /* 1,234,567 */
void rp_cell_int(struct buf *b, const json_t *v); /* a dash for what is no count */
void rp_cell_count(struct buf *b, uint64_t v);
void rp_cell_num(struct buf *b, double v, int decimals);
void rp_cell_none(struct buf *b);
void rp_cell_text(struct buf *b, const char *s); /* NULL: empty */
/* Heads of columns, separated by |; one that begins with # is of numbers. */
void rp_table(struct buf *b, const char *heads);
void rp_table_end(struct buf *b);
void rp_section(struct report *r, const char *name);
void rp_absent(struct report *r, const char *name, const char *file);
void rp_excerpt(struct buf *b, const json_t *v, size_t most); /* so many code points */

/* --- reading --- */
char *rp_in_dir(const struct report *r, const char *name); /* caller frees */
int rp_exists(const struct report *r, const char *name);
/* Read a line into rows; *head is NULL for the first. */
typedef int rp_line_fn(json_t *rows, json_t **head, const char *line, size_t len);
rp_line_fn rp_tsv_line; /* rows are objects with the names of the first line */
rp_line_fn rp_json_line;
/* *rows (new reference) is NULL when there is no such file. */
int rp_read_rows(const struct report *r, const char *name, rp_line_fn *fn, json_t **rows);
int rp_read_json(const struct report *r, const char *name, json_t **v); /* the same */
const char *rp_field(const json_t *row, const char *key);               /* NULL: no string */
int rp_field_num(const json_t *row, const char *key, double *v);        /* a number of a TSV */
json_t *rp_row_of(const json_t *rows, const char *source);              /* borrowed, NULL */

int rp_ends(const char *s, const char *tail);
int rp_begins(const char *s, const char *head);
void rp_add(json_t *o, const char *key, const json_t *v); /* o.key += v, when that is an integer */
/* documents/web/0.x, documents/web.x, tokens/web-0000.x: "web".  Caller frees. */
char *rp_source_name(const char *path);

#endif
