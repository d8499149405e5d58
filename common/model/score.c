#include "model/score.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kernels/kernels.h"
#include "model/hf.h"
#include "model/net.h"

struct score {
	struct hf m;
	struct net *net;
	size_t max_len;
	uint32_t *ids;   /* (max_len) a padded batch */
	int32_t *labels; /* (max_len) */
};

struct score *score_open(const char *dir, const struct score_opts *opts)
{
	struct score *s = xcalloc(1, sizeof(*s));

	if (hf_open(&s->m, dir, opts->threads, "cpu") < 0) {
		free(s);
		return NULL;
	}
	s->max_len = opts->max_len > 0 ? opts->max_len : s->m.p->a.T;
	s->net = net_new(s->m.p, s->m.k, &(struct net_plan){.B = 1, .T = s->max_len});
	if (s->net == NULL) {
		score_close(s);
		return NULL;
	}
	s->ids = xcalloc(s->max_len, sizeof(*s->ids));
	s->labels = xcalloc(s->max_len, sizeof(*s->labels));
	return s;
}

size_t score_vocab(const struct score *s)
{
	return s->m.p->a.V;
}

size_t score_max_len(const struct score *s)
{
	return s->max_len;
}

uint64_t score_n_params(const struct score *s)
{
	return s->m.p->n_float;
}

static int check(const struct score *s, const struct score_seq *q, size_t at)
{
	if (q->n < 1 || q->n > s->max_len)
		return err_set("sequence %zu has %zu ids, 1 to %zu fit", at, q->n, s->max_len), -1;
	for (size_t t = 0; t < q->n; t++)
		if (q->ids[t] >= s->m.p->a.V)
			return err_set(
				   "sequence %zu: id %u at %zu, the model has %zu embedding rows",
				   at, (unsigned)q->ids[t], t, s->m.p->a.V),
			       -1;
	return 0;
}

/* How many of q[0..n) fit together when each is padded to the longest. */
static size_t group(const struct score *s, const struct score_seq *q, size_t n, size_t *T)
{
	size_t B = 0;

	for (*T = 0; B < n; B++) {
		size_t longest = q[B].n > *T ? q[B].n : *T;
		if (B > 0 && (B + 1) * longest > s->max_len)
			break;
		*T = longest;
	}
	return B;
}

/* Padding stands after the tokens, where causal attention keeps it from them. */
static void run_group(struct score *s, struct score_seq *q, size_t B, size_t T)
{
	memset(s->ids, 0, B * T * sizeof(*s->ids));
	for (size_t b = 0; b < B; b++) {
		memcpy(s->ids + b * T, q[b].ids, q[b].n * sizeof(*s->ids));
		for (size_t t = 0; t < T; t++)
			s->labels[b * T + t] =
			    t + 1 < q[b].n ? (int32_t)q[b].ids[t + 1] : KERN_IGNORE;
	}
	net_forward(s->net, s->m.w, s->ids, B, T);
	net_head(s->net, s->m.w, s->labels, NULL);
	for (size_t b = 0; b < B; b++) {
		for (size_t t = 0; t + 1 < q[b].n; t++) {
			size_t r = b * T + t;
			q[b].logp[t] = -(double)s->net->loss[r];
			if (q[b].greedy != NULL)
				q[b].greedy[t] = s->net->best[r] == s->labels[r];
		}
	}
}

int score_run(struct score *s, struct score_seq *q, size_t n)
{
	size_t T;

	for (size_t i = 0; i < n; i++)
		if (check(s, &q[i], i) < 0)
			return -1;
	for (size_t i = 0, B; i < n; i += B) {
		B = group(s, q + i, n - i, &T);
		run_group(s, q + i, B, T);
	}
	return s->m.k->op->sync(s->m.k);
}

void score_close(struct score *s)
{
	if (s == NULL)
		return;
	net_free(s->net);
	hf_close(&s->m);
	free(s->ids);
	free(s->labels);
	free(s);
}
