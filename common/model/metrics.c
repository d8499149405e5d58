#include "model/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "io/energy.h"
#include "kernels/kernels.h"
#include "model/ckpt.h"
#include "model/runlog.h"

void metrics_reset(struct metrics *m)
{
	struct buf keep = m->tensors;

	memset(m, 0, sizeof(*m));
	m->tensors = keep;
	m->tensors.len = 0;
	m->cpu_began = os_cpu();
}

void metrics_release(struct metrics *m)
{
	buf_release(&m->tensors);
}

/* ---- tensors ----------------------------------------------------------------------------- */

static void put(struct buf *b, const char *what, const char *name, const char *stat, double v)
{
	buf_printf(b, ",\"optim/%s/%s.%s\":", what, name, stat);
	buf_f64(b, v, 1);
}

static void put_tensor(
    struct buf *b, const char *what, const struct params_native *t, struct kern *k, const float *x)
{
	struct kern_minmax mm = k->op->minmax(k, x, t->n);

	put(b, what, t->name, "min", (double)mm.absmin);
	put(b, what, t->name, "max", (double)mm.absmax);
	put(b, what, t->name, "avg", k->op->sum(k, x, t->n) / (double)t->n);
	put(b, what, t->name, "norm", sqrt(k->op->sumsq(k, x, t->n)));
}

/* The moments do not exist before the first update: no minimum and no mean, and 0 for the rest. */
static void put_moment(struct buf *b, const char *what, const struct params_native *t,
    struct kern *k, const float *x, uint64_t step)
{
	if (step > 1) {
		put_tensor(b, what, t, k, x);
		return;
	}
	put(b, what, t->name, "max", 0);
	put(b, what, t->name, "norm", 0);
}

static void put_average(struct buf *b, const struct params_native *t, float v)
{
	buf_printf(b, ",\"optim/grad_norm_exp_avg/%s\":", t->name);
	buf_f64(b, (double)v, 1);
}

/* exp_avg_sq NULL: LionW, of whose state the original logs nothing. */
void metrics_tensors(struct metrics *m, const struct params *p, struct kern *k, const float *w,
    const float *exp_avg, const float *exp_avg_sq, const float *g, const float *norm_avg,
    uint64_t step)
{
	struct params_native t;

	for (size_t i = 0; i < p->n; i++) {
		if (!params_native(p, i, &t))
			continue;
		put_tensor(&m->tensors, "grad", &t, k, g + t.off);
		put_tensor(&m->tensors, "param", &t, k, w + t.off);
		if (norm_avg != NULL && norm_avg[i] >= 0)
			put_average(&m->tensors, &t, norm_avg[i]);
		if (exp_avg_sq == NULL)
			continue;
		put_moment(&m->tensors, "exp_avg", &t, k, exp_avg + t.off, step);
		put_moment(&m->tensors, "exp_avg_sq", &t, k, exp_avg_sq + t.off, step);
	}
}

/* ---- a step ------------------------------------------------------------------------------ */

int metrics_log(const struct metrics *m, struct runlog *l, const struct params *p,
    const struct config *c, const struct ckpt_state *at, double wall_s)
{
	double tokens = (double)(c->batch * c->arch.T);

	runlog_begin(l, at->step);
	runlog_num(l, "train/CrossEntropyLoss", m->ce);
	runlog_num(l, "train/Perplexity", exp(m->ce));
	if (c->z_coef > 0)
		runlog_num(l, "train/ZLoss", m->z);
	if (c->n_mask > 0)
		runlog_count(l, "train/labels", m->labels);
	if (c->repeat_count > 0)
		runlog_count(l, "train/masked_instances_local_rank", m->masked);
	runlog_num(l, "optim/total_grad_norm", m->grad_norm);
	runlog_num(l, "optim/clipping_rate", m->clip_rate);
	if (c->spike_sigma > 0)
		runlog_count(l, "optim/step_skipped", (uint64_t)m->skipped);
	runlog_num(l, "optim/learning_rate_group0", m->lr);
	runlog_num(l, "optim/learning_rate_group1", m->lr);
	runlog_count(l, "throughput/total_tokens", at->tokens);
	buf_add(&l->line, m->tensors.p, m->tensors.len);
	if (runlog_end(l) < 0)
		return -1;
	runlog_begin(l, at->step);
	runlog_num(l, "wall_s", wall_s);
	runlog_num(l, "cpu_s", os_cpu() - m->cpu_began);
	runlog_num(l, "throughput/device/tokens_per_second", wall_s > 0 ? tokens / wall_s : 0);
	runlog_num(l, "throughput/device/batches_per_second", wall_s > 0 ? 1 / wall_s : 0);
	runlog_num(
	    l, "gflop_per_second", wall_s > 0 ? metrics_flop(p) * tokens / wall_s * 1e-9 : 0);
	if (m->start_s >= 0)
		runlog_num(l, "start_s", m->start_s);
	if (m->joules >= 0) {
		runlog_num(l, "energy_joules", m->joules);
		runlog_num(l, "co2_grams", energy_co2_grams(m->joules, c->pue, c->kg_co2));
	}
	return runlog_end_timing(l);
}

double metrics_flop(const struct params *p)
{
	const struct arch *a = &p->a;
	double weights = (double)a->V * (double)a->C;
	double keys = ((double)a->T + 1) / 2;

	for (size_t i = 0; i < p->n; i++)
		if (param_is_linear(&p->t[i]) && p->t[i].kind != PARAM_HEAD)
			weights += (double)p->t[i].n;
	return 3 * (2 * weights + 4 * keys * (double)(a->L * a->H * a->D));
}

/* "1d 02:03:04" */
static void put_time(struct buf *b, double s)
{
	uint64_t t = (uint64_t)(s + 0.5);

	if (t >= 86400)
		buf_printf(b, "%" PRIu64 "d ", t / 86400);
	buf_printf(b, "%02u:%02u:%02u", (unsigned)(t / 3600 % 24), (unsigned)(t / 60 % 60),
	    (unsigned)(t % 60));
}

void metrics_show(const struct metrics *m, const struct params *p, const struct config *c,
    const struct ckpt_state *at, const struct metrics_show *s)
{
	double tokens = (double)(c->batch * c->arch.T);
	double rate = s->wall_s > 0 ? tokens / s->wall_s : 0, flops = rate * metrics_flop(p);
	struct buf b = {0};

	buf_printf(&b,
	    "step %" PRIu64 "/%" PRIu64
	    "  loss %.4f  lr %.3g  grad norm %.3g  %.0f tok/s  %.3g GFLOP/s",
	    at->step, s->last, m->ce, m->lr, m->grad_norm, rate, flops * 1e-9);
	if (s->peak > 0)
		buf_printf(&b, "  %.0f %% of peak", 100 * flops / s->peak);
	if (m->joules >= 0 && s->wall_s > 0)
		buf_printf(&b, "  %.3g W", m->joules / s->wall_s);
	if (s->left_s >= 0) {
		buf_str(&b, "  left ");
		put_time(&b, s->left_s);
	}
	fprintf(stderr, "%s\n", buf_cstr(&b));
	buf_release(&b);
}
