#include "model/schedule.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

static const char *const names[] = {
    [SCHEDULE_COSINE] = "cosine_with_warmup",
    [SCHEDULE_LINEAR] = "linear_with_warmup",
    [SCHEDULE_INV_SQRT] = "inverse_sqrt_with_warmup",
    [SCHEDULE_MAX] = "max_scheduler",
    [SCHEDULE_CONSTANT] = "constant",
    [SCHEDULE_CONSTANT_WARMUP] = "constant_with_warmup",
    [SCHEDULE_COSINE_LINEAR] = "cosine_linear_envelope",
};

#define N_KINDS ((int)(sizeof(names) / sizeof(names[0])))

int schedule_kind_of(const char *name, enum schedule_kind *kind)
{
	for (int i = 0; i < N_KINDS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum schedule_kind)i;
			return 0;
		}
	}
	return err_set("scheduler.name: '%s' is none of cosine_with_warmup, linear_with_warmup, "
		       "inverse_sqrt_with_warmup, max_scheduler, constant, constant_with_warmup, "
		       "cosine_linear_envelope",
		   name),
	       -1;
}

const char *schedule_kind_name(enum schedule_kind kind)
{
	return names[kind];
}

static double warm(const struct schedule *sc, double s)
{
	if (sc->v024 && sc->warmup_min_lr < 0)
		return sc->peak * (0.1 + 0.9 * fmin(s, sc->warmup) / sc->warmup);
	double lo = sc->warmup_min_lr >= 0 ? sc->warmup_min_lr : sc->peak * 0.10;

	return lo + (sc->peak - lo) * fmin(s, sc->warmup) / sc->warmup;
}

static double cosine(const struct schedule *sc, double s, double max)
{
	double eta_min = sc->peak * sc->alpha_f;

	if (s < sc->warmup)
		return warm(sc, s);
	if (s >= max)
		return eta_min;
	s -= sc->warmup;
	max -= sc->warmup;
	return eta_min + (sc->peak - eta_min) * (1 + cos(M_PI * s / max)) / 2;
}

static double linear(const struct schedule *sc, double s, double max)
{
	double eta_min = sc->peak * sc->alpha_f;

	if (s < sc->warmup)
		return warm(sc, s);
	if (s >= max)
		return eta_min;
	s -= sc->warmup;
	max -= sc->warmup;
	return sc->peak - (sc->peak - eta_min) * (s / max);
}

static double inv_sqrt(const struct schedule *sc, double s)
{
	if (s < sc->warmup)
		return warm(sc, s);
	return sc->peak * sqrt(sc->warmup / fmax(sc->warmup, s));
}

static double cosine_linear(const struct schedule *sc, double s, double max)
{
	double eta_min = sc->peak * sc->alpha_f;

	if (s < sc->warmup)
		return warm(sc, s);
	if (s >= max)
		return eta_min;
	s -= sc->warmup;
	max -= sc->warmup;
	double x = s / max;
	return eta_min + (1 - x) * ((sc->peak - eta_min) * (1 + cos(M_PI * x)) / 2);
}

static double undecayed(const struct schedule *sc, double s, double max)
{
	if (sc->t_max > 0)
		max = sc->t_max;
	switch (sc->kind) {
	case SCHEDULE_COSINE:
		return cosine(sc, s, max);
	case SCHEDULE_LINEAR:
		return linear(sc, s, max);
	case SCHEDULE_INV_SQRT:
		return inv_sqrt(sc, s);
	case SCHEDULE_MAX:
		return fmax(cosine(sc, s, max), inv_sqrt(sc, s));
	case SCHEDULE_CONSTANT_WARMUP:
		return s < sc->warmup ? warm(sc, s) : sc->peak;
	case SCHEDULE_COSINE_LINEAR:
		return cosine_linear(sc, s, max);
	case SCHEDULE_CONSTANT:
		break;
	}
	return sc->peak;
}

double schedule_lr(const struct schedule *sc, double s, double max)
{
	double from = max - sc->decay;

	if (sc->decay <= 0 || s <= from)
		return undecayed(sc, s, max);
	return s < max ? undecayed(sc, from, max) * ((max - s) / sc->decay) : 0;
}

double schedule_clip(const struct schedule *sc, double s)
{
	if (sc->max_grad_norm <= 0)
		return 0;
	if (sc->clip_steps > 0 && s <= sc->clip_steps)
		return sc->max_grad_norm * sc->clip_factor;
	return sc->max_grad_norm;
}

double schedule_clip_late(const struct schedule *sc, double s, double s_before)
{
	if (s_before <= 0 || s <= 0)
		return sc->max_grad_norm > 0 ? sc->max_grad_norm : 0;
	return schedule_clip(sc, s_before);
}
