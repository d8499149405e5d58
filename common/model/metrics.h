/* metrics: the numbers of a step under OLMo's names.
 *
 * log.jsonl: train/CrossEntropyLoss, train/Perplexity, train/ZLoss (with z-loss), train/labels
 * (with label masks), train/masked_instances_local_rank (with instance_filter),
 * optim/total_grad_norm (before clipping), optim/clipping_rate (share of tensors clipped),
 * optim/step_skipped (with sigma_factor),
 * optim/learning_rate_group0 and _group1, throughput/total_tokens, and every metrics_log_interval
 * steps, per tensor under OLMo's names (transformer.blocks.0.att_proj.weight: q, k and v in one),
 * optim/{grad,param,exp_avg,exp_avg_sq}/NAME.{min,max,avg,norm} before the update: min and max of
 * |x|, the signed mean and the L2 norm.
 * timing.jsonl: throughput/device/tokens_per_second, throughput/device/batches_per_second, wall_s.
 */
#ifndef OLMO_MODEL_METRICS_H
#define OLMO_MODEL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/config.h"
#include "model/params.h"

struct ckpt_state;
struct kern;
struct runlog;

struct metrics {
	double ce, z; /* sums over the step's microbatches */
	double grad_norm, lr;
	double clip_rate;   /* share of tensors that were clipped */
	int skipped;        /* the step was not made (spike.h) */
	size_t masked;      /* instances that the filter took out */
	size_t labels;      /* predicted tokens */
	struct buf tensors; /* ,"key":value .. of metrics_tensors */
};

void metrics_reset(struct metrics *m);
void metrics_release(struct metrics *m);
void metrics_tensors(struct metrics *m, const struct params *p, struct kern *k, const float *w,
    const float *exp_avg, const float *exp_avg_sq, const float *g, const float *norm_avg,
    uint64_t step);
int metrics_log(const struct metrics *m, struct runlog *l, const struct config *c,
    const struct ckpt_state *at, double wall_s);
/* One line on stderr: step, loss, lr, gradient norm, tokens a second. */
void metrics_show(const struct metrics *m, const struct config *c, const struct ckpt_state *at,
    uint64_t last, double wall_s);

#endif
