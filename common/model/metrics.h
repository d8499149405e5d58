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
 * timing.jsonl: wall_s, cpu_s (of all threads), throughput/device/tokens_per_second,
 * throughput/device/batches_per_second, gflop_per_second, and where the machine counts energy:
 * energy_joules, co2_grams of the step.
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
	double clip_rate; /* share of tensors that were clipped */
	int skipped;      /* the step was not made (spike.h) */
	size_t masked;    /* instances that the filter took out */
	double cpu_began;
	double start_s;     /* from the program's start to its first step, < 0: a later step */
	size_t labels;      /* predicted tokens */
	double joules;      /* of the step, < 0: not known */
	struct buf tensors; /* ,"key":value .. of metrics_tensors */
};

/* When a step begins. */
void metrics_reset(struct metrics *m);
void metrics_release(struct metrics *m);
void metrics_tensors(struct metrics *m, const struct params *p, struct kern *k, const float *w,
    const float *exp_avg, const float *exp_avg_sq, const float *g, const float *norm_avg,
    uint64_t step);
int metrics_log(const struct metrics *m, struct runlog *l, const struct params *p,
    const struct config *c, const struct ckpt_state *at, double wall_s);
/*
 * Floating-point operations of training on a token: three times those of the forward pass, which are
 * 2 for each weight of the products (the output matrix too) and 4 C for each key that a query sees,
 * (T + 1) / 2 of them on average.  What is computed again for lack of memory does not count.
 */
double metrics_flop(const struct params *p);

/* What the console line knows beside the step. */
struct metrics_show {
	uint64_t last; /* the planned end */
	double wall_s; /* of the step */
	double peak;   /* operations a second, 0: not measured */
	double left_s; /* to the planned end, < 0: not known */
};
/* One line on stderr: step, loss, lr, gradient norm, tokens a second, GFLOP/s, share of the peak,
 * time that is left. */
void metrics_show(const struct metrics *m, const struct params *p, const struct config *c,
    const struct ckpt_state *at, const struct metrics_show *s);

#endif
