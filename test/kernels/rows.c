/* layers: kernels base */
/* rows - norms, rotary positions, gated unit, embedding, vectors, sums and AdamW against fp64;
 * backward passes against central differences of the fp64 forward passes */
#include "ref.h"

#include "kernels/cpu/cpu.h"

static const size_t widths[] = {1, 7, 16, 33, 48, 200};

/* ---- norms ---- */

struct norm_case {
	enum kern_norm_kind kind;
	size_t C;
	double *x, *w, *b, *dy; /* one row */
};

static double norm_objective(void *arg)
{
	struct norm_case *n = arg;
	double *y = malloc(n->C * sizeof *y), sum = 0;

	ref_norm(n->kind, y, n->x, n->w, n->b, n->C, 1e-5);
	for (size_t c = 0; c < n->C; c++)
		sum += y[c] * n->dy[c];
	free(y);
	return sum;
}

static void check_norm(
    struct kern *k, enum kern_norm_kind kind, size_t C, int with_w, int with_b, int with_dx0)
{
	enum { ROWS = 5 };
	size_t ldx = C + 3, ldy = C + 1;
	float *x = noise(ROWS * ldx, 2), *y = poison(ROWS * ldy), *stat = poison(2 * ROWS);
	float *w = with_w ? noise(C, 1) : NULL, *b = with_b ? noise(C, 1) : NULL;
	float *dy = noise(ROWS * ldy, 1), *dx0 = with_dx0 ? noise(ROWS * ldx, 1) : NULL,
	      *dx = poison(ROWS * ldx);
	float *dw = noise(C, 1), *db = noise(C, 1), *dw0 = dup(dw, C), *db0 = dup(db, C);
	double *w64 = w ? wide(w, C) : NULL, *b64 = b ? wide(b, C) : NULL,
	       *want = malloc(C * sizeof *want);
	double *sum_w = calloc(C, sizeof *sum_w), *sum_b = calloc(C, sizeof *sum_b);

	k->op->norm_fwd(k, kind, y, ldy, stat, x, ldx, w, b, ROWS, C, 1e-5f);
	k->op->norm_bwd(k, kind, dx, ldx, dx0, with_w ? dw : NULL, with_b ? db : NULL, dy, ldy, x,
	    ldx, stat, w, ROWS, C);
	if (!with_dx0) { /* the gradient in place of dy */
		float *same = dup(dy, ROWS * ldy), *dw2 = dup(dw0, C), *db2 = dup(db0, C);
		k->op->norm_bwd(k, kind, same, ldy, NULL, with_w ? dw2 : NULL, with_b ? db2 : NULL,
		    same, ldy, x, ldx, stat, w, ROWS, C);
		for (size_t r = 0; r < ROWS; r++)
			assert_memory_equal(same + r * ldy, dx + r * ldx, C * sizeof *dx);
		assert_memory_equal(dw2, dw, C * sizeof *dw);
		assert_memory_equal(db2, db, C * sizeof *db);
		free(same), free(dw2), free(db2);
	}
	for (size_t r = 0; r < ROWS; r++) {
		double *row = wide(x + r * ldx, C), *dy64 = wide(dy + r * ldy, C);
		struct norm_case n = {kind, C, row, w64, b64, dy64};
		ref_norm(kind, want, row, w64, b64, C, 1e-5);
		assert_true(isnan(y[r * ldy + C]) && isnan(dx[r * ldx + C]));
		for (size_t c = 0; c < C; c++) {
			double d = slope(norm_objective, &n, &row[c]),
			       more = dx0 ? (double)dx0[r * ldx + c] : 0;
			NEAR(y[r * ldy + c], want[c], 1, 2e-6, "y", r * C + c);
			/* a row of one element is all cancellation */
			NEAR(dx[r * ldx + c], d + more, C == 1 ? 100 : 3, 1e-5, "dx", r * C + c);
			if (w)
				sum_w[c] += slope(norm_objective, &n, &w64[c]);
			sum_b[c] += dy64[c];
		}
		free(row);
		free(dy64);
	}
	for (size_t c = 0; c < C; c++) {
		NEAR(dw[c], (double)dw0[c] + (w ? sum_w[c] : 0), 5, 2e-6, "dw", c);
		NEAR(db[c], (double)db0[c] + (b ? sum_b[c] : 0), 5, 1e-6, "db", c);
	}
	free(x), free(y), free(stat), free(w), free(b), free(dy), free(dx0), free(dx), free(dw),
	    free(db), free(dw0);
	free(db0), free(w64), free(b64), free(want), free(sum_w), free(sum_b);
}

static void norms(struct kern *k)
{
	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		check_norm(k, KERN_LAYERNORM, widths[i], 0, 0, i % 2);
		check_norm(k, KERN_LAYERNORM, widths[i], 1, 1, 0);
		check_norm(k, KERN_RMSNORM, widths[i], 1, 0, 1);
		check_norm(k, KERN_RMSNORM, widths[i], 0, 0, 0);
	}
}

static void norms_and_gradients_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, norms);
}

/* ---- rotary positions ---- */

static void rope_one(struct kern *k, size_t D, double theta)
{
	enum { B = 2, T = 5, HEADS = 3, POS0 = 3 };
	size_t ld = (HEADS + 2) * D + 1, n = B * T * ld, half = D / 2;
	float *cs = poison((T + POS0) * D), *x = noise(n, 1), *y = dup(x, n);

	k->op->rope_table(k, cs, T + POS0, D, theta);
	k->op->rope_fwd(k, y, ld, cs, B, T, HEADS, D, POS0);
	for (size_t i = 0; i < n; i++) {
		size_t row = i / ld, h = i % ld / D, j = i % ld % D, pair = j % half, base = i - j;
		double a, c, s;
		if (h >= HEADS) {
			assert_true(x[i] == y[i]);
			continue;
		}
		a = (double)(row % T + POS0) / pow(theta, (double)(2 * pair) / (double)D);
		c = cos(a), s = sin(a);
		NEAR(y[i],
		    j < half ? x[base + pair] * c - x[base + pair + half] * s
			     : x[base + pair + half] * c + x[base + pair] * s,
		    1, 1e-6, "rope", i);
	}
	k->op->rope_bwd(
	    k, y, ld, cs, B, T, HEADS, D, POS0); /* a rotation: its transpose is its inverse */
	for (size_t i = 0; i < n; i++)
		NEAR(y[i], (double)x[i], 1, 1e-6, "rope back", i);
	free(cs), free(x), free(y);
}

static void ropes(struct kern *k)
{
	rope_one(k, 2, 10000);
	rope_one(k, 18, 10000);
	rope_one(k, 32, 500000);
	rope_one(k, 64, 10000);
}

static void rotary_positions_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, ropes);
}

/* ---- gated unit ---- */

struct unit_case {
	double up, gate;
};

static double unit(void *arg)
{
	struct unit_case *u = arg;

	return ref_silu(u->gate) * u->up;
}

static void swiglu_one(struct kern *k, size_t F)
{
	enum { ROWS = 4 };
	float *h = noise(ROWS * 2 * F, 8), *act = poison(ROWS * F), *dact = noise(ROWS * F, 1);
	float *dh = poison(ROWS * 2 * F), *again = poison(ROWS * F);

	k->op->swiglu_fwd(k, act, h, ROWS, F);
	k->op->swiglu_bwd(k, dh, again, dact, h, ROWS, F);
	assert_memory_equal(act, again, ROWS * F * sizeof *act);
	for (size_t i = 0; i < ROWS * F; i++) {
		size_t at = i / F * 2 * F + i % F;
		struct unit_case u = {(double)h[at], (double)h[at + F]};
		double d = (double)dact[i];
		NEAR(act[i], unit(&u), 1, 2e-6, "act", i);
		NEAR(dh[at], d * slope(unit, &u, &u.up), 1, 3e-6, "dup", i);
		NEAR(dh[at + F], d * slope(unit, &u, &u.gate), 1, 5e-6, "dgate", i);
	}
	k->op->swiglu_bwd(k, h, NULL, dact, h, ROWS, F);
	assert_memory_equal(h, dh, ROWS * 2 * F * sizeof *h);
	free(h), free(act), free(dact), free(dh), free(again);
}

static void swiglus(struct kern *k)
{
	float h[6] = {3, 3, 3, -200, 200, -0.0f}, act[3];

	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
		swiglu_one(k, widths[i]);
	k->op->swiglu_fwd(k, act, h, 1, 3);
	assert_true(act[0] == 0 && act[1] == 600 && act[2] == 0);
	h[3] = NAN;
	k->op->swiglu_fwd(k, act, h, 1, 3);
	assert_true(isnan(act[0]) && act[1] == 600);
}

static void gated_units_and_gradients_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, swiglus);
}

/* ---- embedding ---- */

static void embeds(struct kern *k)
{
	enum { V = 11, C = 75, ROWS = 40 };
	float *E = noise(V * C, 1), *y = poison(ROWS * C), *dy = noise(ROWS * C, 1),
	      *dE = noise(V * C, 1);
	float *want = dup(dE, V * C);
	uint32_t ids[ROWS];

	for (size_t r = 0; r < ROWS; r++)
		ids[r] = (uint32_t)(rnd() % V);
	k->op->embed_fwd(k, y, ids, E, ROWS, C);
	k->op->embed_bwd(k, dE, ids, dy, ROWS, C);
	for (size_t r = 0; r < ROWS; r++) {
		assert_memory_equal(y + r * C, E + ids[r] * C, C * sizeof *y);
		for (size_t c = 0; c < C; c++)
			want[ids[r] * C + c] += dy[r * C + c];
	}
	assert_memory_equal(dE, want, V * C * sizeof *dE);
	free(E), free(y), free(dy), free(dE), free(want);
}

static void embedding_gathers_and_adds_in_row_order(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, embeds);
}

/* ---- vectors ---- */

static void vector_n(struct kern *k, size_t n)
{
	float *a = noise(n, 1), *b = noise(n, 1), *y = poison(n), *z = poison(n);
	uint8_t *mask = malloc((n + 7) / 8 + !n);

	k->op->add(k, y, a, b, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == a[i] + b[i]);
	k->op->scale(k, y, a, 0.3f, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == 0.3f * a[i]);
	k->op->axpy(k, y, -0.7f, b, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == fmaf(-0.7f, b[i], 0.3f * a[i]));
	k->op->clamp_fwd(k, y, mask, a, 0.5f, n);
	k->op->clamp_bwd(k, z, b, mask, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(y[i] == fminf(fmaxf(a[i], -0.5f), 0.5f));
		assert_true(z[i] == (fabsf(a[i]) <= 0.5f ? b[i] : 0));
	}
	k->op->clamp_fwd(k, a, NULL, a, 0.5f, n);
	assert_memory_equal(a, y, n * sizeof *a);
	k->op->copy(k, z, a, n);
	assert_memory_equal(a, z, n * sizeof *a);
	k->op->fill(k, z, 4.5f, n);
	for (size_t i = 0; i < n; i++)
		assert_true(z[i] == 4.5f);
	free(a), free(b), free(y), free(z), free(mask);
}

static void clamp_border(struct kern *k)
{
	float x[5] = {8, -8, 8.000001f, NAN, -INFINITY}, y[5], dy[5] = {1, 2, 3, 4, 5}, dx[5];
	uint8_t mask[1];

	k->op->clamp_fwd(k, y, mask, x, 8, 5);
	k->op->clamp_bwd(k, dx, dy, mask, 5);
	assert_true(y[0] == 8 && y[1] == -8 && y[2] == 8 && isnan(y[3]) && y[4] == -8);
	assert_true(dx[0] == 1 && dx[1] == 2 && dx[2] == 0 && dx[3] == 0 && dx[4] == 0);
}

static void vectors(struct kern *k)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 31, 100, 16384, 40009};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		vector_n(k, sizes[i]);
	clamp_border(k);
}

static void vector_operations_are_exact(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, vectors);
}

static void sums(struct kern *k)
{
	static const size_t sizes[] = {0, 1, 15, 17, 4096, 4099, 70001};

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t n = sizes[s];
		float *x = noise(n, 3);
		double sum = 0, sq = 0, size = 0, min = INFINITY, max = 0;
		struct kern_minmax m;
		for (size_t i = 0; i < n; i++) {
			sum += (double)x[i];
			size += fabs((double)x[i]);
			sq += (double)x[i] * (double)x[i];
			min = fmin(min, fabs((double)x[i]));
			max = fmax(max, fabs((double)x[i]));
		}
		NEAR(k->op->sum(k, x, n), sum, size, 1e-13, "sum", n);
		NEAR(k->op->sumsq(k, x, n), sq, 0, 1e-13, "sumsq", n);
		m = k->op->minmax(k, x, n);
		assert_true(m.absmin == (n ? (float)min : 0) && m.absmax == (float)max &&
			    m.nonfinite == n);
		if (n > 20) {
			x[n - 1] = INFINITY;
			m = k->op->minmax(k, x, n);
			assert_true(m.nonfinite == n - 1 && m.absmax == INFINITY);
			x[13] = NAN;
			assert_true(k->op->minmax(k, x, n).nonfinite == 13);
			assert_true(isnan(k->op->sumsq(k, x, n)));
		}
		free(x);
	}
}

static void sums_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, sums);
}

/* ---- AdamW: against the formula in fp64, several steps ---- */

static void adamws(struct kern *k)
{
	enum { N = 1003, STEPS = 5 };
	struct kern_adamw o = {
	    .lr = 3e-2, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .wd = 0.1, .gscale = 0.5};
	float *w = noise(N, 1), *m = calloc(N, sizeof *m), *v = calloc(N, sizeof *v);
	double *w64 = wide(w, N), *m64 = calloc(N, sizeof *m64), *v64 = calloc(N, sizeof *v64);

	for (o.step = 1; o.step <= STEPS; o.step++) {
		float *g = noise(N, 1);
		double c1 = 1 - pow(o.beta1, (double)o.step),
		       c2 = 1 - pow(o.beta2, (double)o.step);
		k->op->adamw(k, &o, w, m, v, g, N);
		for (size_t i = 0; i < N; i++) {
			double gi = (double)g[i] * o.gscale;
			m64[i] = o.beta1 * m64[i] + (1 - o.beta1) * gi;
			v64[i] = o.beta2 * v64[i] + (1 - o.beta2) * gi * gi;
			w64[i] *= 1 - o.lr * o.wd;
			w64[i] -= o.lr * (m64[i] / c1) / (sqrt(v64[i] / c2) + o.eps);
			NEAR(m[i], m64[i], 1, 1e-6, "m", i);
			NEAR(v[i], v64[i], 1, 1e-6, "v", i);
			NEAR(w[i], w64[i], 1, 2e-6, "w", i);
		}
		free(g);
	}
	free(w), free(m), free(v), free(w64), free(m64), free(v64);
}

/* Where the gradient is 0 nothing changes, elsewhere all is as without. */
static void selective_n(struct kern *k, size_t n)
{
	float *g = noise(n, 1), *w[3], *m[3], *v[3];
	struct kern_adamw a = {.lr = 3e-2,
	    .beta1 = 0.9,
	    .beta2 = 0.95,
	    .eps = 1e-5,
	    .wd = 0.1,
	    .gscale = 0.5,
	    .step = 3};
	struct kern_lion l = {.lr = 3e-2, .beta1 = 0.9, .beta2 = 0.99, .wd = 0.1, .gscale = 0.5};

	w[0] = noise(n, 1), m[0] = noise(n, 1), v[0] = noise(n, 1);
	for (size_t i = 0; i < n; i++)
		v[0][i] *= v[0][i], g[i] = i % 3 == 2 ? (i & 1 ? -0.0f : 0) : g[i];
	for (int lion = 0; lion < 2; lion++) {
		for (int s = 1; s < 3; s++) {
			w[s] = dup(w[0], n), m[s] = dup(m[0], n), v[s] = dup(v[0], n);
			a.selective = l.selective = s == 2;
			if (lion)
				k->op->lion(k, &l, w[s], m[s], g, n);
			else
				k->op->adamw(k, &a, w[s], m[s], v[s], g, n);
		}
		for (size_t i = 0; i < n; i++) {
			int as = i % 3 == 2 ? 0 : 1;
			assert_true(
			    w[2][i] == w[as][i] && m[2][i] == m[as][i] && v[2][i] == v[as][i]);
			assert_true(w[1][i] != w[0][i]);
		}
		for (int s = 1; s < 3; s++)
			free(w[s]), free(m[s]), free(v[s]);
	}
	free(g), free(w[0]), free(m[0]), free(v[0]);
}

static void selectives(struct kern *k)
{
	selective_n(k, 1);
	selective_n(k, 1003);
}

static void selective_updates_touch_what_has_no_gradient(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, selectives);
}

static void adamw_follows_its_formula(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, adamws);
}

/* ---- Lion: the same; signs of zero, of tiny and of huge numbers ---- */

static void lions(struct kern *k)
{
	enum { N = 1003, STEPS = 5 };
	struct kern_lion o = {.lr = 3e-2, .beta1 = 0.9, .beta2 = 0.99, .wd = 0.1, .gscale = 0.5};
	float *w = noise(N, 1), *m = calloc(N, sizeof *m);
	double *w64 = wide(w, N), *m64 = calloc(N, sizeof *m64);

	for (int s = 0; s < STEPS; s++) {
		float *g = noise(N, 1);
		g[0] = 0, g[1] = 1e-38f, g[2] = -1e-38f, g[3] = 3e38f;
		k->op->lion(k, &o, w, m, g, N);
		for (size_t i = 0; i < N; i++) {
			double gi = (double)g[i] * o.gscale;
			double u = o.beta1 * m64[i] + (1 - o.beta1) * gi;
			/* where the sum nearly cancels, rounding decides the sign */
			double near = fabs(u) < 1e-7 * fabs(gi) ? 2 * o.lr : 0;
			w64[i] *= 1 - o.lr * o.wd;
			w64[i] -= o.lr * ((u > 0) - (u < 0));
			m64[i] = o.beta2 * m64[i] + (1 - o.beta2) * gi;
			NEAR(m[i], m64[i], 1, 1e-6, "m", i);
			NEAR(w[i], w64[i], 1, 1e-6 + near, "w", i);
			w64[i] = (double)w[i];
		}
		free(g);
	}
	free(w), free(m), free(w64), free(m64);
}

static void lion_follows_its_formula(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, lions);
}

/* A core makes no 20 Tflop/s, and none takes a second for a million. */
static void peaks(struct kern *k)
{
	double p = k->op->peak(k, 0.002);

	assert_true(p > 1e6 && p < 2e13);
}

static void peak_is_no_speed(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){0}, peaks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(norms_and_gradients_equal_fp64),
	    cmocka_unit_test(rotary_positions_equal_fp64),
	    cmocka_unit_test(gated_units_and_gradients_equal_fp64),
	    cmocka_unit_test(embedding_gathers_and_adds_in_row_order),
	    cmocka_unit_test(vector_operations_are_exact),
	    cmocka_unit_test(sums_equal_fp64),
	    cmocka_unit_test(adamw_follows_its_formula),
	    cmocka_unit_test(lion_follows_its_formula),
	    cmocka_unit_test(selective_updates_touch_what_has_no_gradient),
	    cmocka_unit_test(peak_is_no_speed),
	};

	return cmocka_run_group_tests_name("kernels rows", tests, NULL, NULL);
}
