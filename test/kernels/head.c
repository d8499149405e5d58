/* layers: kernels base */
/* head - output matrix, softmax and cross-entropy against fp64; gradients against central
 * differences */
#include "ref.h"

enum { ROWS = 9, C = 12 };

struct problem {
	size_t V, rows;
	double *x, *E;
	const int32_t *labels;
	const float *g, *gz;
};

static void row_loss(const struct problem *p, size_t r, double *loss, double *lse)
{
	double *s = calloc(p->V, sizeof *s);

	for (size_t v = 0; v < p->V; v++)
		for (size_t c = 0; c < C; c++)
			s[v] += p->x[r * C + c] * p->E[v * C + c];
	ref_loss(s, p->V, p->labels[r], loss, lse);
	free(s);
}

static double objective(void *arg)
{
	struct problem *p = arg;
	double sum = 0, loss, lse;

	for (size_t r = 0; r < p->rows; r++) {
		row_loss(p, r, &loss, &lse);
		sum +=
		    (p->labels[r] < 0 ? 0 : (double)p->g[r]) * loss + (double)p->gz[r] * lse * lse;
	}
	return sum;
}

static void check(struct kern *k, size_t V)
{
	float *x = noise(ROWS * C, 1), *E = noise(V * C, 1), g[ROWS], gz[ROWS], loss[ROWS],
	      lse[ROWS];
	float *dx = poison(ROWS * C), *dE = noise(V * C, 1), *dE0 = dup(dE, V * C), loss2[ROWS];
	int32_t labels[ROWS], best[ROWS];
	struct problem p = {V, ROWS, wide(x, ROWS * C), wide(E, V * C), labels, g, gz};
	struct kern_head h = {.rows = ROWS,
	    .C = C,
	    .V = V,
	    .x = x,
	    .E = E,
	    .labels = labels,
	    .g = g,
	    .gz = gz,
	    .loss = loss,
	    .lse = lse,
	    .best = best,
	    .dx = dx,
	    .dE = dE};

	for (int r = 0; r < ROWS; r++) {
		labels[r] = r % 4 == 3 ? KERN_IGNORE : (int32_t)(rnd() % V);
		g[r] = 0.1f + 0.1f * (float)r;
		gz[r] = r % 3 == 0 ? 0 : 0.05f;
	}
	k->op->head(k, &h);
	for (size_t r = 0; r < ROWS; r++) {
		double want, want_lse;
		row_loss(&p, r, &want, &want_lse);
		NEAR(loss[r], want, 1, 1e-6, "loss", r);
		NEAR(lse[r], want_lse, 1, 1e-6, "lse", r);
		for (size_t c = 0; c < C; c++)
			NEAR(dx[r * C + c], slope(objective, &p, &p.x[r * C + c]), 1, 2e-6, "dx",
			    r * C + c);
	}
	for (size_t s = 0; s < 30; s++) {
		size_t i = rnd() % (V * C);
		NEAR(dE[i], (double)dE0[i] + slope(objective, &p, &p.E[i]), 1, 2e-6, "dE", i);
	}
	h = (struct kern_head){
	    .rows = ROWS, .C = C, .V = V, .x = x, .E = E, .labels = labels, .loss = loss2};
	k->op->head(k, &h);
	assert_memory_equal(loss, loss2, sizeof loss);
	free(x), free(E), free(dx), free(dE), free(dE0), free(p.x), free(p.E);
}

static void heads(struct kern *k)
{
	check(k, 1);
	check(k, 19);
	check(k, 64);
	check(k, 301);
}

static void loss_and_gradients_equal_fp64(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){.rows = ROWS, .V = 301}, heads);
}

/* rows without a label and without a z term leave no trace, even if their logits overflow */
static void ignored(struct kern *k)
{
	enum { V = 20 };
	float *x = noise(3 * C, 1), *E = noise(V * C, 1), loss[3], lse[3], dx[3 * C],
	      *dE = calloc(V * C, sizeof *dE);
	int32_t labels[3] = {-1, 4, KERN_IGNORE};
	struct kern_head h = {.rows = 3,
	    .C = C,
	    .V = V,
	    .x = x,
	    .E = E,
	    .labels = labels,
	    .g1 = 1,
	    .loss = loss,
	    .lse = lse,
	    .dx = dx,
	    .dE = dE};
	float *alone = calloc(V * C, sizeof *alone);

	for (size_t c = 0; c < C; c++)
		x[c] *= 3e38f;
	k->op->head(k, &h);
	assert_true(loss[0] == 0 && loss[2] == 0 && loss[1] > 0 && lse[0] != 0);
	for (size_t c = 0; c < C; c++)
		assert_true(dx[c] == 0 && dx[2 * C + c] == 0 && dx[C + c] != 0);
	h = (struct kern_head){.rows = 1,
	    .C = C,
	    .V = V,
	    .x = x + C,
	    .E = E,
	    .labels = labels + 1,
	    .g1 = 1,
	    .loss = loss,
	    .dE = alone};
	k->op->head(k, &h);
	assert_memory_equal(dE, alone, V * C * sizeof *dE);
	free(x), free(E), free(dE), free(alone);
}

static void rows_without_label_have_no_gradient(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){.rows = 3, .V = 20}, ignored);
}

/* logp and best on logits = head's; ties give the lowest index; overflowing exponentials do not */
static void logps(struct kern *k)
{
	enum { R = 6, V = 53 };
	float *x = noise(R * C, 3), *E = noise(V * C, 3), *s = poison(R * (V + 2)), loss[R],
	      logp[R], lse[R], lse2[R];
	int32_t labels[R], best[R], best2[R];
	struct kern_head h = {.rows = R,
	    .C = C,
	    .V = V,
	    .x = x,
	    .E = E,
	    .labels = labels,
	    .loss = loss,
	    .lse = lse,
	    .best = best};

	for (int r = 0; r < R; r++)
		labels[r] = (int32_t)(rnd() % V);
	labels[2] = -7;
	k->op->head(k, &h);
	k->op->gemm(k, KERN_NT, R, V, C, x, C, E, C, NULL, s, V + 2);
	k->op->logp(k, logp, lse2, best2, s, V + 2, labels, R, V);
	for (int r = 0; r < R; r++) {
		int32_t top = 0;
		for (int32_t v = 1; v < V; v++)
			if (s[r * (V + 2) + v] > s[r * (V + 2) + top])
				top = v;
		assert_true(loss[r] == -logp[r] && lse[r] == lse2[r]);
		assert_int_equal(best[r], top);
		assert_int_equal(best2[r], top);
	}
	memcpy(s, (float[]){500, -400, 500, 3}, 4 * sizeof *s);
	labels[0] = 1;
	k->op->logp(k, logp, NULL, best, s, 4, labels, 1, 4);
	assert_true(best[0] == 0 && fabsf(logp[0] + 900.6931f) < 1e-3f);
	free(x), free(E), free(s);
}

static void log_probabilities_equal_the_losses(void **state)
{
	(void)state;
	each_kern(&(struct kern_shape){.rows = 6, .V = 53}, logps);
}

/* enough logits that head takes them in several chunks; loss of a row and dE are those of one
 * chunk */
static void chunks(struct kern *k)
{
	enum { R = 600, V = 40000, W = 2 };
	float *x = noise(R * W, 1), *E = noise(V * W, 1), *loss = poison(R), *dx = poison(R * W),
	      one, dx1[W];
	float *dE = calloc(V * W, sizeof *dE);
	int32_t *labels = malloc(R * sizeof *labels);
	struct kern_head h = {.rows = R,
	    .C = W,
	    .V = V,
	    .x = x,
	    .E = E,
	    .labels = labels,
	    .g1 = 1,
	    .loss = loss,
	    .dx = dx,
	    .dE = dE};
	double sum = 0;

	for (int r = 0; r < R; r++)
		labels[r] = (int32_t)(rnd() % V);
	k->op->head(k, &h);
	for (size_t r = 0; r < R; r += 599) {
		h = (struct kern_head){.rows = 1,
		    .C = W,
		    .V = V,
		    .x = x + r * W,
		    .E = E,
		    .labels = labels + r,
		    .g1 = 1,
		    .loss = &one,
		    .dx = dx1};
		k->op->head(k, &h);
		assert_true(one == loss[r]);
		assert_memory_equal(dx1, dx + r * W, sizeof dx1);
	}
	for (size_t i = 0; i < V * W; i += W)
		sum += (double)dE[i];
	NEAR(sum, 0, (double)R, 1e-6, "sum of dE over the rows of E",
	    0); /* softmax - onehot sums to 0 */
	free(x), free(E), free(loss), free(dx), free(dE), free(labels);
}

static void chunks_of_rows_do_not_show(void **state)
{
	struct pool *pool = pool_new(2);
	struct kern *k = kern_open("cpu", NULL, pool);
	struct kern_shape max = {.rows = 600, .V = 40000};

	(void)state;
	assert_true(kern_scratch(k, &max) < (size_t)600 * 40000 * 4);
	assert_int_equal(kern_reserve(k, &max), 0);
	chunks(k);
	kern_close(k);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(loss_and_gradients_equal_fp64),
	    cmocka_unit_test(rows_without_label_have_no_gradient),
	    cmocka_unit_test(log_probabilities_equal_the_losses),
	    cmocka_unit_test(chunks_of_rows_do_not_show),
	};

	return cmocka_run_group_tests_name("kernels head", tests, NULL, NULL);
}
