/* decode: a model that goes on from what it has read, one token of many sequences at a time.
 *
 *	struct net *net = net_new(p, k, &(struct net_plan){.B = 1, .T = max_len});
 *	struct decode_seq *s = decode_seq_new(net, 100);		room for 100 ids
 *	decode_read(net, w, s, ids, n, logits)			its beginning; logits (V) after it
 *	decode_step(net, w, seqs, ids, n, logits)		one id each of n sequences; (n, V)
 *	decode_seq_free(net, s);
 *
 * A sequence keeps the keys (rotated) and values of every layer, so that a step computes one row.
 * The logits are the bits of net_forward over the whole sequence, whatever other sequences are in
 * the step and however many threads there are: rows do not see each other, and attention goes over
 * the keys in the same blocks.
 *
 * ids are below the embedding rows, n and a sequence's length at most the plan's T (the caller has
 * checked).  The net must not have been made with train.
 */
#ifndef OLMO_MODEL_DECODE_H
#define OLMO_MODEL_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct net;
struct decode_seq;

/* NULL with a message: no memory. */
struct decode_seq *decode_seq_new(struct net *net, size_t room);
void decode_seq_free(struct net *net, struct decode_seq *s);
size_t decode_seq_bytes(const struct net *net, size_t room);
size_t decode_seq_len(const struct decode_seq *s);
void decode_seq_rewind(struct decode_seq *s); /* nothing read */

/* n ids more, n >= 1, of one sequence; logits after the last of them, unless NULL. */
void decode_read(struct net *net, const float *w, struct decode_seq *s, const uint32_t *ids,
    size_t n, float *logits);
/* ids[i] more of s[i], all different. */
void decode_step(struct net *net, const float *w, struct decode_seq *const *s, const uint32_t *ids,
    size_t n, float *logits);

#endif
