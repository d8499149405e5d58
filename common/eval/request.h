/* request: questions to a language model as rows "how probable is this continuation of this
 * context", in the form of oe-eval's requests.jsonl:
 *
 *	{"request_type":"loglikelihood","doc":{..},"request":{"context":"..","continuation":" .."},
 *	 "idx":0,"task_name":"piqa","doc_id":0,"native_id":null,"label":1}
 *
 * A document has one row for each choice (idx from 0).  Rows whose doc_id is 1000000 or more are
 * unconditional: the same continuation after a context without the question (usually "Answer:"),
 * of the document doc_id - 1000000.  The flat form (task or file, context and continuation at the
 * top, as harnesses log them) is read as well.
 *
 *	struct request_set s = {0};
 *	request_parse(&s, line, len, lineno)		0, or -1 with a message
 *	request_put(&b, &s, &s.r[i]);			the row, with its '\n'
 *	request_release(&s);
 */
#ifndef OLMO_EVAL_REQUEST_H
#define OLMO_EVAL_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define REQUEST_UNCOND   1000000 /* offset of doc_id in unconditional rows */
#define REQUEST_NO_LABEL (-1)

struct request {
	size_t task; /* in set->task */
	int64_t doc; /* without the offset */
	int uncond;
	int idx;
	int label;                          /* index of the right choice, or REQUEST_NO_LABEL */
	int n_choices;                      /* what "doc" says, 0 when it does not */
	char *context, *continuation;       /* continuation NULL: not given */
	char *raw_doc, *raw_id, *raw_label; /* JSON values; NULL: absent */
	uint64_t line;
	/* a row of --loglikelihoods */
	int has_ll, greedy; /* greedy -1: not given */
	double ll;
	uint32_t n_tokens; /* of the continuation; 0: not given */
};

struct request_set {
	struct request *r;
	size_t n, cap;
	char **task; /* names, in order of appearance */
	size_t n_task;
};

/* An empty row of a task, at the end; the pointer is good until the next call. */
struct request *request_new(struct request_set *s, const char *task);
int request_parse(struct request_set *s, const char *line, size_t len, uint64_t lineno);
void request_put(struct buf *b, const struct request_set *s, const struct request *r);
void request_free(struct request *r); /* what a row owns */
void request_release(struct request_set *s);

/* Python's random.Random(seed).sample(range(n), k) into out (k); k <= n. */
void request_sample(uint64_t seed, size_t n, size_t k, size_t *out);

/* Keeps `limit` documents of each task that has more: a sample in the order drawn, or with
 * first != 0 the first ones.  Documents count in order of their first row. */
void request_limit(struct request_set *s, size_t limit, uint64_t seed, int first);

#endif
