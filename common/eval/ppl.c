#include "eval/ppl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "model/score.h"

/* -- windows ------------------------------------------------------------------------------- */

int ppl_window(size_t n_tok, size_t max_len, int disjoint, size_t done, struct ppl_window *w)
{
	size_t left = n_tok - done;

	if (left == 0)
		return 0;
	w->start = done;
	w->n = left < max_len ? left : max_len;
	w->ctx = done > 0 && !disjoint ? max_len - w->n + 1 : 1;
	return 1;
}

/* -- counts -------------------------------------------------------------------------------- */

/* Python's str.isspace(), which its \s matches */
static int is_space(uint32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

void ppl_count(const char *text, size_t len, struct ppl_sum *s)
{
	uint64_t chars = 0, words = 1;
	int in_space = 0, k;
	size_t i;

	for (i = 0; i < len; i += (size_t)k) {
		int space = is_space(utf8_next(text + i, &k));

		words += space && !in_space;
		in_space = space;
		chars++;
	}
	s->docs++;
	s->bytes += len;
	s->chars += chars;
	s->words += words;
}

void ppl_sum_add(struct ppl_sum *s, const struct ppl_sum *more)
{
	s->docs += more->docs;
	s->tokens += more->tokens;
	s->bytes += more->bytes;
	s->chars += more->chars;
	s->words += more->words;
	s->ll += more->ll;
}

double ppl_bits_per_byte(const struct ppl_sum *s)
{
	return s->bytes == 0 ? NAN : -s->ll / (log(2.0) * (double)s->bytes);
}

double ppl_per_token(const struct ppl_sum *s)
{
	return s->tokens == 0 ? NAN : exp(-s->ll / (double)s->tokens);
}

/* -- table --------------------------------------------------------------------------------- */

static int compare(
    const char *source, const char *domain, const char *split, const struct ppl_row *r)
{
	int c = strcmp(source, r->source);

	if (c == 0)
		c = strcmp(domain, r->domain);
	return c != 0 ? c : strcmp(split, r->split);
}

/* Documents of a row come one after another: the row used last is looked at first. */
struct ppl_row *ppl_row(
    struct ppl_table *t, const char *source, const char *domain, const char *split)
{
	struct ppl_row *r;
	size_t i;

	for (i = t->n; i-- > 0;)
		if (compare(source, domain, split, t->row[i]) == 0) {
			r = t->row[i];
			memmove(&t->row[i], &t->row[i + 1], (t->n - 1 - i) * sizeof(*t->row));
			t->row[t->n - 1] = r;
			return r;
		}
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->row = xreallocarray(t->row, t->cap, sizeof(*t->row));
	}
	r = xcalloc(1, sizeof(*r));
	r->source = xstrdup(source);
	r->domain = xstrdup(domain);
	r->split = xstrdup(split);
	return t->row[t->n++] = r;
}

static int by_key(const void *a, const void *b)
{
	const struct ppl_row *r = *(struct ppl_row *const *)a;

	return compare(r->source, r->domain, r->split, *(struct ppl_row *const *)b);
}

void ppl_table_sort(struct ppl_table *t)
{
	if (t->n > 0)
		qsort(t->row, t->n, sizeof(*t->row), by_key);
}

void ppl_table_release(struct ppl_table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->row[i]->source);
		free(t->row[i]->domain);
		free(t->row[i]->split);
		free(t->row[i]);
	}
	free(t->row);
	memset(t, 0, sizeof(*t));
}

/* -- scoring ------------------------------------------------------------------------------- */

enum { QUEUE = 32 }; /* windows scored in one call */

/* A window in the queue.  A document without tokens is one with n = 0. */
struct job {
	uint32_t *ids; /* (n_ids) context, then targets */
	size_t n_ids, n;
	struct ppl_row *row;
	uint64_t doc;
	int last; /* of its document */
	ppl_done_fn *fn;
	void *arg;
};

struct ppl {
	struct score *s;
	struct ppl_opts o;
	struct job job[QUEUE];
	size_t n_job;
	double *logp; /* (QUEUE, max_len) */
	double ll;    /* of the document that is being summed */
};

struct ppl *ppl_new(struct score *s, const struct ppl_opts *o)
{
	struct ppl *p;

	if (o->max_len == 0 || o->max_len + 1 > score_max_len(s)) {
		err_set("windows of %zu tokens: the model takes 1 to %zu", o->max_len,
		    score_max_len(s) - 1);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->s = s;
	p->o = *o;
	p->logp = xreallocarray(NULL, QUEUE * o->max_len, sizeof(*p->logp));
	return p;
}

static void drop_jobs(struct ppl *p)
{
	size_t i;

	for (i = 0; i < p->n_job; i++)
		free(p->job[i].ids);
	p->n_job = 0;
}

void ppl_free(struct ppl *p)
{
	if (p == NULL)
		return;
	drop_jobs(p);
	free(p->logp);
	free(p);
}

/* The last n of a window's log-probabilities are those of its targets. */
static int sum_up(struct ppl *p, const struct job *j, const double *logp)
{
	size_t t;

	for (t = j->n_ids - 1 - j->n; j->n > 0 && t < j->n_ids - 1; t++) {
		if (isnan(logp[t])) {
			err_set("document %llu: the model gives no number",
			    (unsigned long long)j->doc);
			return -1;
		}
		p->ll += logp[t];
	}
	if (!j->last)
		return 0;
	j->row->sum.ll += p->ll;
	if (j->fn != NULL && j->fn(j->arg, j->doc, p->ll) < 0)
		return -1;
	p->ll = 0;
	return 0;
}

int ppl_flush(struct ppl *p)
{
	struct score_seq q[QUEUE];
	size_t i, n = 0;
	int rc;

	for (i = 0; i < p->n_job; i++)
		if (p->job[i].n > 0)
			q[n++] = (struct score_seq){.ids = p->job[i].ids,
			    .n = p->job[i].n_ids,
			    .logp = p->logp + i * p->o.max_len};
	rc = n > 0 ? score_run(p->s, q, n) : 0;
	for (i = 0; rc == 0 && i < p->n_job; i++)
		rc = sum_up(p, &p->job[i], p->logp + i * p->o.max_len);
	drop_jobs(p);
	return rc;
}

static int queue(struct ppl *p, struct job j)
{
	p->job[p->n_job++] = j;
	return p->n_job == QUEUE ? ppl_flush(p) : 0;
}

int ppl_add(struct ppl *p, const uint32_t *ids, size_t n, struct ppl_row *row, uint64_t doc,
    ppl_done_fn *fn, void *arg)
{
	struct job j = {.row = row, .doc = doc, .last = 1, .fn = fn, .arg = arg};
	struct ppl_window w;
	size_t done;

	row->sum.tokens += n;
	if (n == 0)
		return queue(p, j);
	for (done = 0; ppl_window(n, p->o.max_len, p->o.disjoint, done, &w); done += w.n) {
		j.n_ids = w.ctx + w.n;
		j.n = w.n;
		j.last = done + w.n == n;
		j.ids = xreallocarray(NULL, j.n_ids, sizeof(*j.ids));
		if (done == 0) {
			j.ids[0] = p->o.prefix;
			memcpy(j.ids + 1, ids, w.n * sizeof(*ids));
		} else {
			memcpy(j.ids, ids + done - w.ctx, j.n_ids * sizeof(*ids));
		}
		if (queue(p, j) < 0)
			return -1;
	}
	return 0;
}
