#include "model/decode.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "kernels/kernels.h"
#include "model/net.h"

struct decode_seq {
	float *kv; /* (L, room, 2 HKV D): a position's keys, rotated, then its values */
	size_t room, n;
};

/* What a call adds: n_row ids to each of n_seq sequences. */
struct decode_call {
	struct decode_seq *const *seq;
	size_t n_seq, n_row;
};

static size_t kv_width(const struct net *net)
{
	return 2 * net->p->a.HKV * net->p->a.D;
}

size_t decode_seq_bytes(const struct net *net, size_t room)
{
	return net->p->a.L * room * kv_width(net) * sizeof(float);
}

struct decode_seq *decode_seq_new(struct net *net, size_t room)
{
	struct decode_seq *s = xcalloc(1, sizeof(*s));

	s->room = room;
	s->kv = net->k->op->alloc(net->k, decode_seq_bytes(net, room));
	if (s->kv == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void decode_seq_free(struct net *net, struct decode_seq *s)
{
	if (s == NULL)
		return;
	net->k->op->free(net->k, s->kv);
	free(s);
}

size_t decode_seq_len(const struct decode_seq *s)
{
	return s->n;
}

void decode_seq_rewind(struct decode_seq *s)
{
	s->n = 0;
}

/* Rows qkv (n, W) of one sequence: keys and values into its cache, attention over all of it. */
static void attend_seq(
    struct net *net, const struct decode_seq *s, size_t layer, float *qkv, float *att, size_t n)
{
	const struct arch *a = &net->p->a;
	size_t W = arch_qkv(a), HD = a->H * a->D, KV = kv_width(net);
	float *cache = s->kv + layer * s->room * KV;
	struct kern_attn at = {.B = 1,
	    .Tq = n,
	    .Tk = s->n + n,
	    .H = a->H,
	    .HKV = a->HKV,
	    .D = a->D,
	    .scale = (float)(1 / sqrt((double)a->D)),
	    .q = qkv,
	    .k = cache,
	    .v = cache + KV / 2,
	    .ldq = W,
	    .ldk = KV,
	    .ldv = KV};

	net->k->op->rope_fwd(net->k, qkv, W, net->rope, 1, n, a->H + a->HKV, a->D, s->n);
	for (size_t i = 0; i < n; i++)
		net->k->op->copy(net->k, cache + (s->n + i) * KV, qkv + i * W + HD, KV);
	net->k->op->attn_fwd(net->k, &at, att, HD, NULL);
}

static void attend(struct net *net, struct net_layer *y, size_t layer)
{
	const struct decode_call *c = net->attend_arg;
	const struct arch *a = &net->p->a;

	for (size_t i = 0; i < c->n_seq; i++)
		attend_seq(net, c->seq[i], layer, y->qkv + i * c->n_row * arch_qkv(a),
		    y->att + i * c->n_row * a->H * a->D, c->n_row);
}

static void extend(struct net *net, const float *w, struct decode_call *c, const uint32_t *ids)
{
	assert(!net->plan.train && c->n_seq * c->n_row <= net->plan.B * net->plan.T);
	for (size_t i = 0; i < c->n_seq; i++)
		assert(c->seq[i]->n + c->n_row <= c->seq[i]->room);
	net_extend(net, w, ids, c->n_seq * c->n_row, attend, c);
	for (size_t i = 0; i < c->n_seq; i++)
		c->seq[i]->n += c->n_row;
}

void decode_read(struct net *net, const float *w, struct decode_seq *s, const uint32_t *ids,
    size_t n, float *logits)
{
	struct decode_call c = {.seq = &s, .n_seq = 1, .n_row = n};

	extend(net, w, &c, ids);
	if (logits != NULL)
		net_logits(net, w, n - 1, 1, logits);
}

void decode_step(struct net *net, const float *w, struct decode_seq *const *s, const uint32_t *ids,
    size_t n, float *logits)
{
	struct decode_call c = {.seq = s, .n_seq = n, .n_row = 1};

	extend(net, w, &c, ids);
	net_logits(net, w, 0, n, logits);
}
