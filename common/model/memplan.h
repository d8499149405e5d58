/* memplan: the memory of one of W ranks while it trains, by class of tensor, from the config alone.
 *
 *	struct memplan m;
 *	if (memplan_read(&m, config_json, "olmo-7b.yaml") < 0) …	then override world, zero
 *	json_t *j = memplan_json(&m, &config, "olmo-7b.yaml");
 *
 * P parameters and W ranks.  A rank holds, in bytes a parameter (ZeRO stages of arXiv 1910.02054;
 * a stage divides its classes by W):
 *
 *	                   bf16           fp32      divided by W in stage
 *	weights            2              4         3
 *	gradients          4              4         2, 3
 *	optimizer state    12             8         1, 2, 3
 *
 * (bf16: the optimizer state is fp32 master weights and Adam's two moments; gradients are one fp32
 * array, which is --reduce fast.)  Besides:
 *
 *	buckets       stage 2: fp32 gradients of two units on their way; stage 3: weights of two, too.
 *	              A unit is a block, or the embedding if that is larger.
 *	activations   what the backward pass reads, as the original's units hold it with the outputs of
 *	              norms and SwiGLU computed again: a token and layer 2 C + (H + 2 HKV) D + H D + 2 F
 *	              numbers; activation_checkpointing whole_layer and one_in_N keep C of such a layer,
 *	              and one layer at a time is whole.
 *	working       buffers of one layer: 4 C + (H + 2 HKV) D + F numbers a token
 *	logits        V numbers a token
 *
 * A token is one of a microbatch.  This is what the method needs; what a device takes beyond it
 * (its runtime, workspaces, fragmentation) is not in it.
 */
#ifndef OLMO_MODEL_MEMPLAN_H
#define OLMO_MODEL_MEMPLAN_H

#include <jansson.h>
#include <stdint.h>

#include "model/config.h"

struct memplan {
	uint64_t world; /* ranks, >= 1 */
	int zero;       /* 0 to 3 */
	int bf16;       /* else fp32 */
	size_t whole_of,
	    whole; /* of whole_of layers one after the other, whole are computed again */
};

/* One rank; the stage from fsdp.sharding_strategy (FULL_SHARD 3, as an fsdp section means without
 * it; SHARD_GRAD_OP 2, NO_SHARD 0), precision and activation_checkpointing. */
int memplan_read(struct memplan *m, const json_t *config, const char *name);
/* New reference, or NULL: no embedding rows in the config, a batch that W does not divide. */
json_t *memplan_json(const struct memplan *m, const struct config *c, const char *name);

#endif
