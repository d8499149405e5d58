/* mix: Dolma's mixer: which documents stay, what is replaced in their text, which fields go.
 *
 *	struct mix_conf *c = mix_conf_load("mix.yaml");		NULL: err_msg with file:line
 *	struct mix_run *r = mix_run_new(c->stream[0], flags);
 *	struct mix_thread *t = mix_thread_new(r);		one a thread
 *	mix_doc(t, &doc, "0000.jsonl.zst", &out)		1: line appended, 0: dropped, -1
 *	mix_run_end(r)						sums the threads, warns
 *	mix_run_report(r, f)					--rules
 *	mix_run_examples(r, &b)					--examples
 *	mix_run_free(r)						and the threads
 *
 * For each document, in this order: sample; filter (kept when the include list is empty or any of
 * it holds, and no exclude expression holds); span replacement; min_text_length (bytes of the text
 * without white space at its ends); discard_fields; metadata.provenance = "FILE:LINE".
 * The meaning of the expressions is in doc/select.h.
 *
 * Span replacement: the spans of all rules with min_score <= score < max_score, sorted by start
 * (rules in order of the configuration where starts are equal), go from left to right; one that
 * starts inside another that was applied is dropped whole; an end behind the text is the text's end.
 * "{}" in the replacement is the text that was there; a replacement "$EXPR" is the string that jq
 * expression EXPR gives.  MIX_COMPAT gives the original's text where it is wrong (DEVIATIONS,
 * Mixing).
 */
#ifndef OLMO_TEXT_MIX_H
#define OLMO_TEXT_MIX_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "doc/doc.h"
#include "doc/select.h"

struct mix_rule {
	char *label; /* "exclude[3]" */
	char *text;  /* the expression */
	int expr;    /* in the stream's set */
};

struct mix_span {
	struct mix_rule rule;
	double min_score, max_score;
	char *replacement;
	int value; /* expression that gives it, -1: the replacement itself */
};

struct mix_stream {
	char *name;
	char **documents, **attributes, **discard; /* NULL-terminated */
	size_t n_documents, n_attributes, n_discard;
	struct mix_rule *include, *exclude;
	size_t n_include, n_exclude;
	struct mix_span *span;
	size_t n_span;
	uint64_t min_text_length, max_size;
	char *path;   /* output.path, NULL: not given */
	char *suffix; /* of outputs: "", ".gz", ".zst" */
	int has_sample, complement;
	double rate;
	uint64_t seed;
	struct select_set *set;
	json_t *conf; /* as it was read */
};

struct mix_conf {
	struct mix_stream *stream;
	size_t n;
	int shuffle, dryrun;
	json_t *unused; /* list of keys that have no effect here: "processes", "work_dir" … */
};

struct mix_conf *mix_conf_load(const char *path);
void mix_conf_free(struct mix_conf *c);
/* The stream of that name; without a name the only one.  NULL with a message. */
struct mix_stream *mix_stream_find(struct mix_conf *c, const char *name);

enum {
	MIX_COMPAT = 1,  /* the original's mistakes in span replacement */
	MIX_RULES = 2,   /* count every rule on every document */
	MIX_STRICT = 4,  /* an attribute that is named and never seen is an error */
	MIX_EXAMPLES = 8 /* keep documents that rules remove; wants MIX_RULES */
};

struct mix_run;
struct mix_thread;
struct mix_run *mix_run_new(const struct mix_stream *s, unsigned flags);
void mix_run_free(struct mix_run *r);
/* Owned by the run. */
struct mix_thread *mix_thread_new(struct mix_run *r);
/* file: its name in provenance (the last piece counts). */
int mix_doc(struct mix_thread *t, struct doc *d, const char *file, struct buf *out);
/* Only when the document's id is `id`: write the rules that remove it to f, one a line. 1 when it
 * is kept, 0 removed, 2 another document, -1. */
int mix_explain(struct mix_thread *t, struct doc *d, const char *id, FILE *f);
/* After the last document: sum the threads, count drops in base/stats.h, warn of attributes that
 * rules name and no document has (-1 with MIX_STRICT). */
int mix_run_end(struct mix_run *r);
/* Rows "rule docs chars only_this_rule", after mix_run_end. */
void mix_report_head(FILE *f);
void mix_run_report(const struct mix_run *r, FILE *f);
/* Lines of up to five documents for each rule that removes some (text/mixdrop.h), rules in the order
 * of the report; with MIX_EXAMPLES, after mix_run_end. */
void mix_run_examples(const struct mix_run *r, struct buf *b);

/* --- Dolma's layout (mix_files.c) --- */

struct opts;
struct manifest;
struct mix_job {
	const struct opts *o;
	struct mix_conf *conf;
	const char *only;    /* one stream, NULL: all */
	const char *dir;     /* NULL: nothing is written (explain, dry run) */
	const char *explain; /* id, NULL: mix */
	unsigned flags;
	FILE *report;         /* NULL: none */
	struct buf *examples; /* NULL: none */
	struct manifest *m;
	/* After all streams, before the manifest is written: 0 or -1. */
	int (*end)(void *ctx);
	void *ctx;
	int kept, found; /* out: explain */
};
/* Read documents and attribute files, write DIR/NAME-NNNN.jsonl.gz and the manifest.  0 or -1. */
int mix_files(struct mix_job *j);

#endif
