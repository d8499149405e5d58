#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/wide.h"
#include "model/params.h"

static const char *const schemes[] = {
    [PARAMS_MITCHELL] = "mitchell",
    [PARAMS_NORMAL] = "normal",
    [PARAMS_FAN_IN] = "fan_in",
    [PARAMS_KAIMING] = "kaiming_normal",
    [PARAMS_MEGATRON] = "full_megatron",
};

int params_scheme_of(const char *name, enum params_scheme *s)
{
	for (int i = 0; i < (int)(sizeof(schemes) / sizeof(schemes[0])); i++)
		if (strcmp(name, schemes[i]) == 0)
			return *s = (enum params_scheme)i, 0;
	return err_set("model.init_fn: '%s' is none of mitchell, normal, fan_in, kaiming_normal, "
		       "full_megatron",
		   name),
	       -1;
}

/* Polynomial c[0] + c[1] x + .. + c[n-1] x^(n-1). */
static double poly(const double *c, int n, double x)
{
	double y = c[n - 1];

	for (int i = n - 2; i >= 0; i--)
		y = y * x + c[i];
	return y;
}

/* Natural logarithm by 2 atanh((m-1)/(m+1)): plain arithmetic, so that every C library agrees. */
static double log_plain(double x)
{
	int e;
	double m = frexp(x, &e);

	if (m < 0.70710678118654752440) {
		m *= 2;
		e--;
	}
	static const double odd[13] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13,
	    1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25};
	double s = (m - 1) / (m + 1);
	return 2 * s * poly(odd, 13, s * s) + e * 0.69314718055994530942;
}

/* The quantile is q a(r) / b(r) in the middle, |q| <= MIDDLE. */
#define MIDDLE        0.425
#define MIDDLE_SQUARE 0.180625
static const double mid_a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
    1.9715909503065514427e3, 1.3731693765509461125e4, 4.5921953931549871457e4,
    6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3};
static const double mid_b[8] = {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
    5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
    2.8729085735721942674e4, 5.2264952788528545610e3};

double params_quantile(double u)
{
	static const double c[8] = {1.42343711074968357734e0, 4.63033784615654529590e0,
	    5.76949722146069140550e0, 3.64784832476320460504e0, 1.27045825245236838258e0,
	    2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
	static const double d[8] = {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
	    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
	    5.47593808499534494600e-4, 1.05075007164441684324e-9};
	static const double e[8] = {6.65790464350110377720e0, 5.46378491116411436990e0,
	    1.78482653991729133580e0, 2.96560571828504891230e-1, 2.65321895265761230930e-2,
	    1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
	static const double f[8] = {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
	    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
	    1.42151175831644588870e-7, 2.04426310338993978564e-15};
	double q = u - 0.5, r, x;

	if (fabs(q) <= MIDDLE) {
		r = MIDDLE_SQUARE - q * q;
		return q * poly(mid_a, 8, r) / poly(mid_b, 8, r);
	}
	r = sqrt(-log_plain(q < 0 ? u : 1 - u));
	if (r <= 5)
		x = poly(c, 8, r - 1.6) / poly(d, 8, r - 1.6);
	else
		x = poly(e, 8, r - 5) / poly(f, 8, r - 5);
	return q < 0 ? -x : x;
}

enum { LANES = RNG_LANES };

/* y[j] = poly(c, 8, x[j]) */
static inline __attribute__((always_inline)) void poly_lanes(
    double y[LANES], const double *c, const double x[LANES])
{
	for (int j = 0; j < LANES; j++)
		y[j] = c[7];
	for (int i = 6; i >= 0; i--)
		for (int j = 0; j < LANES; j++)
			y[j] = y[j] * x[j] + c[i];
}

/* The quantiles of LANES numbers as if all were in the middle, where most are: the operations of
 * params_quantile on each, so its bits. */
WIDE static void quantiles_middle(double x[LANES], const double u[LANES])
{
	double q[LANES], r[LANES], top[LANES], bottom[LANES];

	for (int j = 0; j < LANES; j++) {
		q[j] = u[j] - 0.5;
		r[j] = MIDDLE_SQUARE - q[j] * q[j];
	}
	poly_lanes(top, mid_a, r);
	poly_lanes(bottom, mid_b, r);
	for (int j = 0; j < LANES; j++)
		x[j] = q[j] * top[j] / bottom[j];
}

static void quantiles(double x[LANES], const double u[LANES])
{
	quantiles_middle(x, u);
	for (int j = 0; j < LANES; j++)
		if (fabs(u[j] - 0.5) > MIDDLE)
			x[j] = params_quantile(u[j]);
}

static double sigma_mitchell(const struct arch *a, const struct param *t)
{
	double depth = 2.0 * (double)(t->layer + 1);

	if (t->kind == PARAM_O)
		return 1 / sqrt((double)a->C) / sqrt(depth);
	if (t->kind == PARAM_DOWN)
		return 1 / sqrt((double)a->F) / sqrt(depth);
	return 1 / sqrt((double)a->C);
}

double params_sigma(
    const struct params *p, const struct param *t, const struct params_init *in, double *cut)
{
	const struct arch *a = &p->a;
	double fan_in = (double)t->shape[1], whole = 2.0 * (double)a->L;

	*cut = 0;
	switch (in->scheme) {
	case PARAMS_MITCHELL:
		*cut = 3;
		return sigma_mitchell(a, t);
	case PARAMS_NORMAL:
		*cut = in->cutoff;
		return in->depth_scaled && t->kind == PARAM_DOWN ? in->std / sqrt(whole) : in->std;
	case PARAMS_FAN_IN:
		return 1 / sqrt(fan_in);
	case PARAMS_KAIMING:
		return sqrt(2 / fan_in);
	case PARAMS_MEGATRON:
		break;
	}
	*cut = in->cutoff > 0 ? in->cutoff : 3;
	if (t->kind == PARAM_O || t->kind == PARAM_DOWN)
		return in->std / sqrt(whole);
	return t->kind == PARAM_HEAD ? 1 / sqrt((double)a->C) : in->std;
}

struct fill {
	float *w;
	size_t n;
	double sigma, cut;
	uint64_t seed, stream;
};

#define FILL_CHUNK 65536

static void fill_chunk(void *arg, size_t i, int worker)
{
	const struct fill *f = arg;
	size_t from = i * FILL_CHUNK, to = from + FILL_CHUNK < f->n ? from + FILL_CHUNK : f->n;
	double p = f->cut > 0 ? 0.5 * erfc(f->cut * 0.70710678118654752440) : 0;

	(void)worker;
	for (size_t k = from; k < to; k += LANES) {
		double u[LANES], x[LANES];
		rng_units(u, f->seed, f->stream, k);
		for (size_t j = 0; j < LANES; j++)
			u[j] = p + u[j] * (1 - 2 * p);
		quantiles(x, u);
		for (size_t j = 0; j < LANES && k + j < to; j++) {
			double y = x[j];
			if (f->cut > 0)
				y = fmax(-f->cut, fmin(f->cut, y));
			f->w[k + j] = (float)(f->sigma * y);
		}
	}
}

void params_init(const struct params *p, float *w, const struct params_init *in, struct pool *pool)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct param *t = &p->t[i];
		struct fill f = {.w = w + t->off,
		    .n = t->n,
		    .seed = in->seed,
		    .stream = hash64(t->name, strlen(t->name))};
		if (t->kind == PARAM_NORM || t->kind == PARAM_BIAS) {
			for (size_t k = 0; k < t->n; k++)
				f.w[k] = t->kind == PARAM_NORM ? 1.0f : 0.0f;
			continue;
		}
		f.sigma = params_sigma(p, t, in, &f.cut);
		pool_run(pool, (t->n + FILL_CHUNK - 1) / FILL_CHUNK, fill_chunk, &f);
	}
}
