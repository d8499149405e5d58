/* net: forward and backward pass of a decoder over the kernel table.
 *
 *	struct net_plan plan = {.B = 2, .T = 64, .train = 1};
 *	struct net *n = net_new(params, kern, &plan);		all memory, once
 *	net_forward(n, w, ids, B, T);				n->x_final: (B*T, C), normed
 *	n->g[r], n->gz[r] = …					weight of each row's loss terms
 *	net_head(n, w, labels, grad);				n->loss[r], n->lse[r]
 *	net_backward(n, w, grad);				accumulates into grad
 *	net_free(n);
 *
 * The pass (h is the normed input, x the residual stream), olmo and llama (norms are layer norm and
 * RMS norm, with weights and biases where the model has them):
 *	h = norm(x);  q,k,v = clip(Wqkv h);  rope(q, k);  x += Wo attention(q, k, v)
 *	h = norm(x);  u,g = Wug h;           x += Wdown (silu(g) * u)
 *	logits = E norm(x)
 * and olmo2, clipped before the norms of q and k:
 *	x += norm(Wo attention(norm(q), norm(k), v));  x += norm(Wdown ..).
 *
 * Stored for the backward pass: the residual stream before attention and before the MLP, q k v,
 * the attention's output and lse, u g.  Normed inputs and silu(g) * u are computed again; logits
 * are never stored.  Without train one layer's buffers serve all layers.
 *
 * Sums over the rows of a call are one chain in row order (kernels.h), so results do not depend
 * on the number of threads.
 */
#ifndef OLMO_MODEL_NET_H
#define OLMO_MODEL_NET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "model/params.h"

struct kern;

/* activation_checkpointing: which blocks keep only their input for the backward pass and compute
 * the rest again, the same bits (block 0, n, 2n .. or the others).  fine_grained: all keep the
 * results of products and compute attention again. */
enum net_recompute {
	NET_KEEP,
	NET_WHOLE_LAYER,
	NET_ONE_IN_TWO,
	NET_ONE_IN_THREE,
	NET_ONE_IN_FOUR,
	NET_ONE_IN_EIGHT,
	NET_TWO_IN_THREE,
	NET_THREE_IN_FOUR,
	NET_FINE_GRAINED
};
/* OLMo's name, e.g. "one_in_two"; -1 (and err) if there is none like it. */
int net_recompute_of(const char *name, enum net_recompute *r);

struct net_plan {
	size_t B, T; /* largest batch (instances) and length of a call */
	int train;   /* keep what net_backward needs */
	enum net_recompute recompute;
};

struct net_layer {
	float *x;             /* (rows, C) residual stream before attention */
	float *xm;            /* (rows, C) before the MLP */
	float *qkv;           /* (rows, W) after clip, norm and rotation */
	uint8_t *mask;        /* (rows * W bits) clip_qkv: not clipped; olmo2: of v alone */
	float *att;           /* (rows, H D) */
	float *lse;           /* (B, H, T) of attention */
	float *ug;            /* (rows, 2F) */
	float *stat1, *stat2; /* (rows, 2) of the norms */
	/* olmo2: inputs of the norms after */
	float *qk;        /* (rows, (H + HKV) D) */
	uint8_t *qk_mask; /* (bits of the same) clip_qkv */
	float *ao, *fo;   /* (rows, C) */
	float *statq, *statk;
};

struct net {
	const struct params *p;
	struct kern *k;
	struct net_plan plan;
	size_t B, T, rows;   /* of the last net_forward */
	const uint32_t *ids; /* of the last net_forward, borrowed */
	const float *w;      /* likewise */
	/* in: (B, T) where the document of each token begins in its sequence, or NULL: attention
	 * sees all that is before; borrowed from net_forward to net_backward */
	const uint32_t *first;
	struct net_layer *layer;
	float *x_last;  /* (rows, C) after the last layer */
	float *x_final; /* (rows, C) x_last normed */
	float *stat_final;
	float *loss, *lse; /* (rows) out of net_head */
	int32_t *best;     /* (rows) out of net_head: largest logit */
	float *g, *gz;     /* (rows) in: weights of loss and of lse^2 */
	/* scratch of a layer */
	float *h;           /* (rows, C) */
	float *act;         /* (rows, F) */
	float *dx, *dh;     /* (rows, C) */
	float *dqkv, *datt; /* (rows, W), (rows, H D) */
	float *rope;        /* (T, D) */
	/* of net_extend: rotation and attention over caches, in place of those over the batch */
	void (*attend)(struct net *n, struct net_layer *y, size_t layer);
	void *attend_arg;
	void *mem; /* what all of the above point into */
	size_t bytes;
};

struct net *net_new(const struct params *p, struct kern *k, const struct net_plan *plan);
void net_free(struct net *n);
/* Bytes net_new takes, and the kernels' scratch; adds keys to j unless it is NULL. */
size_t net_bytes(
    const struct params *p, const struct kern *k, const struct net_plan *plan, json_t *j);

/* ids (B, T), each below the embedding rows (the caller has checked). */
void net_forward(struct net *n, const float *w, const uint32_t *ids, size_t B, size_t T);
/* The same for ids (rows) of several sequences: `attend` fills y->att from y->qkv, each
 * (rows, ..), rotation included.  rows is at most B*T of the plan, made without train. */
void net_extend(struct net *n, const float *w, const uint32_t *ids, size_t rows,
    void (*attend)(struct net *, struct net_layer *, size_t), void *arg);
/* labels (B*T), negative = none; grad NULL: losses only. */
void net_head(struct net *n, const float *w, const int32_t *labels, float *grad);
void net_backward(struct net *n, const float *w, float *grad);
/* Rows [first, first + rows) of the logits, (rows, V). */
void net_logits(struct net *n, const float *w, size_t first, size_t rows, float *logits);

/* The first stored activation that is not finite ("layer 3: attention output"), or NULL: all are.
 * Needs a train plan. The string is static. */
const char *net_first_bad(struct net *n, size_t *layer);

#endif
