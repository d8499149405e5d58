/*
 * Learning-rate and clipping schedules, as OLMo has them (olmo/optim.py).
 *
 * s is the number of the optimizer step about to be made, from 1.  All warm-ups begin at
 * warmup_min_lr, which by default is a tenth of the peak:
 *
 *	lr(s) = lr0 + (peak - lr0) * min(s, w) / w                       s < w
 *	lr(s) = peak * (0.1 + 0.9 * min(s, w) / w)                       the same in v0.2.4
 *
 *	cosine_with_warmup        a + (peak - a)(1 + cos(pi (s-w)/(M-w)))/2   w <= s < M, then a
 *	linear_with_warmup        peak - (peak - a)(s-w)/(M-w)                w <= s < M, then a
 *	inverse_sqrt_with_warmup  peak * sqrt(w / max(w, s))
 *	max_scheduler             the larger of cosine and inverse_sqrt
 *	constant                  peak, no warm-up
 *	constant_with_warmup      peak after the warm-up
 *	cosine_linear_envelope    a + (1-x) * (peak - a)(1 + cos(pi x))/2, x = (s-w)/(M-w)
 *
 * with a = alpha_f * peak and M = t_max, or else the planned number of steps N.  With decay > 0 the last
 * decay steps of N fall on a line to zero instead, as the paper's runs end (arXiv 2402.00838, section 4
 * and figure 1; OLMo itself restarts with another config for that, so it has no such key):
 *
 *	lr(s) = lr(N - decay) * (N - s) / decay                          N - decay < s < N, then 0
 *
 * Everything is
 * double; the order of operations is OLMo's, so the values are equal to the last bit.
 * With units = tokens, s, w and M count tokens seen.
 */
#ifndef OLMO_MODEL_SCHEDULE_H
#define OLMO_MODEL_SCHEDULE_H

#include <stdint.h>

enum schedule_kind {
	SCHEDULE_COSINE,
	SCHEDULE_LINEAR,
	SCHEDULE_INV_SQRT,
	SCHEDULE_MAX,
	SCHEDULE_CONSTANT,
	SCHEDULE_CONSTANT_WARMUP,
	SCHEDULE_COSINE_LINEAR
};

struct schedule {
	enum schedule_kind kind;
	int in_tokens; /* units: tokens */
	double peak;   /* optimizer.learning_rate */
	double alpha_f;
	double warmup; /* t_warmup */
	double t_max;  /* 0 = the planned steps */
	double decay;  /* t_decay: steps or tokens of the fall to zero at the end, 0 = none */
	double warmup_min_lr; /* < 0 = a tenth of peak */
	int v024;             /* without warmup_min_lr, warm up with v0.2.4's operations */
	double clip_steps;    /* grad_clip_warmup_steps, 0 = none */
	double clip_factor;   /* grad_clip_warmup_factor */
	double max_grad_norm; /* <= 0 = no clipping */
};

/* OLMo's name, e.g. "cosine_with_warmup"; -1 (and err) if there is none like it. */
int schedule_kind_of(const char *name, enum schedule_kind *kind);
const char *schedule_kind_name(enum schedule_kind kind);

/* s: step or tokens seen; max: planned steps or tokens. */
double schedule_lr(const struct schedule *sc, double s, double max);

/*
 * The limit of the gradient norm that belongs to step s: max_grad_norm, times clip_factor while
 * s <= clip_steps; 0 = no limit.  OLMo clips before it sets the new limit, so that step s runs
 * with the limit of step s - 1 and step 1 with the plain one: schedule_clip_late().
 */
double schedule_clip(const struct schedule *sc, double s);
double schedule_clip_late(const struct schedule *sc, double s, double s_before);

#endif
