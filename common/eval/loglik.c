#include "eval/loglik.h"

#include <math.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/progress.h"
#include "model/score.h"
#include "tok/encoder.h"

enum { BATCH = 32 };

static int bad_row(const struct request_set *s, const struct request *r)
{
	err_prefix("request at line %llu (task %s, document %lld, choice %d)",
	    (unsigned long long)r->line, s->task[r->task], (long long)r->doc, r->idx);
	return -1;
}

/* -- a model ------------------------------------------------------------------------------- */

/* Ids of one request: at ids + off, n of them, the last n_cont to be scored. */
struct job {
	const uint32_t *base;
	size_t off, n, n_cont;
	size_t row;
};

/* Longest first; equal requests side by side. */
static int by_length(const void *a, const void *b)
{
	const struct job *x = a, *y = b;
	int c;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	if (x->n_cont != y->n_cont)
		return x->n_cont > y->n_cont ? -1 : 1;
	c = memcmp(x->base + x->off, y->base + y->off, x->n * sizeof(*x->base));
	if (c != 0)
		return c;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int same(const struct job *x, const struct job *y)
{
	return x->n == y->n && x->n_cont == y->n_cont &&
	       memcmp(x->base + x->off, y->base + y->off, x->n * sizeof(*x->base)) == 0;
}

static int encode(
    const struct loglik_model *m, const struct request *r, struct ids *ids, struct job *j)
{
	size_t start = ids->n, n_ctx, n_cont, keep;
	const char *ctx = r->context;

	if (ctx == NULL || r->continuation == NULL) {
		err_set("no 'context' or no 'continuation'");
		return -1;
	}
	if (encoder_add(m->encoder, ctx, strlen(ctx), ids) < 0)
		return -1;
	if (ids->n == start)
		ids_push(ids, m->prefix);
	n_ctx = ids->n - start;
	if (encoder_add(m->encoder, r->continuation, strlen(r->continuation), ids) < 0)
		return -1;
	n_cont = ids->n - start - n_ctx;
	if (n_cont == 0 || n_cont > m->max_len) {
		err_set(
		    "a continuation of %zu tokens: 1 to %zu can be scored", n_cont, m->max_len);
		return -1;
	}
	keep = n_ctx + n_cont < m->max_len + 1 ? n_ctx + n_cont : m->max_len + 1;
	j->n = keep;
	j->off = ids->n - keep;
	j->n_cont = n_cont;
	return 0;
}

static int take(struct request_set *s, const struct job *j, const struct score_seq *q)
{
	struct request *r = &s->r[j->row];
	size_t t;

	r->ll = 0;
	r->greedy = 1;
	for (t = j->n - 1 - j->n_cont; t < j->n - 1; t++) {
		r->ll += q->logp[t];
		r->greedy &= q->greedy[t];
	}
	r->n_tokens = (uint32_t)j->n_cont;
	r->has_ll = 1;
	if (isfinite(r->ll))
		return 0;
	err_set("the model gives no finite number");
	return bad_row(s, r);
}

static void copy_score(struct request *to, const struct request *from)
{
	to->ll = from->ll;
	to->greedy = from->greedy;
	to->n_tokens = from->n_tokens;
	to->has_ll = 1;
}

/* Scores job[0..n), of which equal neighbours are scored once. */
static int run(
    const struct loglik_model *m, struct request_set *s, const struct job *job, size_t n)
{
	double *logp = xreallocarray(NULL, BATCH * (m->max_len + 1), sizeof(*logp));
	unsigned char *greedy = xmalloc(BATCH * (m->max_len + 1));
	const struct job *first[BATCH];
	struct score_seq q[BATCH];
	size_t i = 0, k, start;
	int rc = 0;

	while (rc == 0 && i < n) {
		start = i;
		for (k = 0; i < n; i++) {
			if (i > start && same(&job[i], &job[i - 1]))
				continue;
			if (k == BATCH)
				break;
			first[k] = &job[i];
			q[k] = (struct score_seq){.ids = job[i].base + job[i].off,
			    .n = job[i].n,
			    .logp = logp + k * (m->max_len + 1),
			    .greedy = greedy + k * (m->max_len + 1)};
			k++;
		}
		rc = score_run(m->score, q, k);
		while (rc == 0 && k-- > 0)
			rc = take(s, first[k], &q[k]);
		for (k = start + 1; rc == 0 && k < i; k++)
			if (same(&job[k], &job[k - 1]))
				copy_score(&s->r[job[k].row], &s->r[job[k - 1].row]);
		progress_add(i - start);
	}
	free(logp);
	free(greedy);
	return rc;
}

int loglik_score(const struct loglik_model *m, struct request_set *s)
{
	struct job *job = xcalloc(s->n + 1, sizeof(*job));
	struct ids ids = {0};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->n; i++) {
		job[i].row = i;
		rc = encode(m, &s->r[i], &ids, &job[i]);
		if (rc < 0)
			bad_row(s, &s->r[i]);
	}
	for (i = 0; i < s->n; i++)
		job[i].base = ids.p;
	if (rc == 0 && s->n > 0) {
		qsort(job, s->n, sizeof(*job), by_length);
		rc = run(m, s, job, s->n);
	}
	ids_release(&ids);
	free(job);
	return rc;
}

/* -- no model ------------------------------------------------------------------------------ */

static void mock(struct request *r, struct buf *b)
{
	unsigned char h[SHA256_DIGEST_LENGTH];
	uint32_t u;

	b->len = 0;
	buf_str(b, r->context);
	buf_chr(b, 0x1f);
	buf_str(b, r->continuation);
	SHA256((const unsigned char *)b->p, b->len, h);
	u = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	r->ll = -(u / 4294967296.0) * (double)strlen(r->continuation);
	r->has_ll = 1;
}

int loglik_mock(struct encoder *e, struct request_set *s)
{
	struct ids ids = {0};
	struct buf b = {0};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->n; i++) {
		struct request *r = &s->r[i];

		if (r->context == NULL || r->continuation == NULL) {
			err_set("no 'context' or no 'continuation'");
			rc = bad_row(s, r);
			break;
		}
		mock(r, &b);
		r->greedy = -1;
		ids.n = 0;
		if (e != NULL &&
		    encoder_add(e, r->continuation, strlen(r->continuation), &ids) < 0)
			rc = bad_row(s, r);
		r->n_tokens = (uint32_t)ids.n;
	}
	ids_release(&ids);
	buf_release(&b);
	return rc;
}

/* -- scores from elsewhere ------------------------------------------------------------------ */

struct key {
	const char *task;
	const struct request *r;
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = strcmp(x->task, y->task);

	if (c != 0)
		return c;
	if (x->r->doc != y->r->doc)
		return x->r->doc < y->r->doc ? -1 : 1;
	if (x->r->uncond != y->r->uncond)
		return x->r->uncond - y->r->uncond;
	return x->r->idx < y->r->idx ? -1 : x->r->idx > y->r->idx;
}

int loglik_join(struct request_set *s, const struct request_set *scores)
{
	struct key *k = xreallocarray(NULL, scores->n + 1, sizeof(*k)), *found, want;
	size_t i;
	int rc = 0;

	for (i = 0; i < scores->n; i++)
		k[i] = (struct key){scores->task[scores->r[i].task], &scores->r[i]};
	if (scores->n > 0)
		qsort(k, scores->n, sizeof(*k), by_key);
	for (i = 0; rc == 0 && i < s->n; i++) {
		want = (struct key){s->task[s->r[i].task], &s->r[i]};
		found = scores->n == 0 ? NULL : bsearch(&want, k, scores->n, sizeof(*k), by_key);
		if (found == NULL || !found->r->has_ll) {
			err_set("no log-likelihood is given for it");
			rc = bad_row(s, &s->r[i]);
			break;
		}
		copy_score(&s->r[i], found->r);
	}
	free(k);
	return rc;
}
