/* layers: model kernels tok doc io base */
/*
 * net, optim, score: small models whose weights are a formula, against PyTorch.
 *
 * Golden numbers (test/golden/model/net.py): torch 1.13.0 (CPU, float64; rotary tables fp32),
 * from the papers' formulas (the plain, affine and clip models: torch 2.15.0): logits[2][7][0..3], the sum of
 * |logits|, loss (mean over labels), z-loss
 * 0.01 * mean(lse^2) over all positions, the L2 norm of the gradient of their sum, the loss after
 * one AdamW step (lr 0.01, betas 0.9 0.95, eps 1e-5, decay 0.1 on matrices but the embedding,
 * clipped to 1), and the gradient norm of each tensor in the order of the table.
 * Weight i of tensor k: splitmix64 as in weight() below, times 0.25, plus 1 for norm weights (not for biases).
 * ids[b][t] = (7tt + 3t + 11b) mod V; labels are the next ids, none at [1][4].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <math.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/pool.h"
#include "io/out.h"
#include "kernels/kernels.h"
#include "model/decode.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/ref64.h"
#include "model/score.h"

enum { B = 3, T = 11, L = 2 };

static const struct golden {
	const char *name;
	enum arch_family family;
	size_t C, H, HKV, F, V;
	int tied;
	double theta, clip, eps;
	double logits[4], logits_abs, loss, z, norm, loss2, tensor[26];
	int plain, affine, bias;
} goldens[] = {
    {"untied", ARCH_OLMO, 24, 3, 3, 20, 40, 0, 10000.0, 0, 1e-05,
	{0.7703606006, 0.3038447932, -0.09340280175, -0.5559482103}, 694.6346459, 3.776849602,
	0.1591170461, 2.506065758, 2.960549014,
	{1.024616241, 0.2192358053, 0.2053287583, 1.016247376, 0.955588028, 0.4386427544,
	    0.4223804629, 0.4590026714, 0.06200475062, 0.06658479761, 0.6344863179, 0.8155439193,
	    0.2717914629, 0.2463008552, 0.2861594699, 1.149136491}},
    {"tied", ARCH_OLMO, 24, 3, 3, 20, 40, 1, 10000.0, 0, 1e-05,
	{-0.06846440468, -0.343495705, 0.0480301242, 0.01876098602}, 710.9436798, 3.698760664,
	0.1601315331, 2.760154923, 3.010354539,
	{1.639521183, 0.2200987039, 0.1982326568, 1.114778682, 1.154925481, 0.3653398687,
	    0.5168492542, 0.4407724686, 0.08075244428, 0.08663116875, 0.752612322, 0.8778596603,
	    0.3550401113, 0.3248476405, 0.2975675875}},
    {"gqa_clip", ARCH_OLMO, 32, 4, 2, 24, 40, 0, 500000.0, 0.4, 1e-05,
	{0.102944219, -0.4217772542, -0.6997502433, -1.258058122}, 879.7723254, 3.835609521,
	0.1591996912, 5.311456845, 2.953442242,
	{3.402215898, 0.1789397381, 0.1570690384, 2.548069664, 1.512034077, 1.298289829,
	    1.045210086, 1.073743047, 0.0474100664, 0.04016825193, 0.7836642597, 0.6353993766,
	    0.6932822397, 0.6164251421, 0.6371669518, 1.25763059}},
    {"olmo2", ARCH_OLMO2, 32, 4, 2, 24, 40, 0, 10000.0, 0, 1e-06,
	{-0.8139787942, 1.385455459, -0.987007562, 0.6819721494}, 880.4639965, 3.977994493,
	0.1645924698, 5.92630772, 3.050606711,
	{3.486849868, 1.708150198, 1.692187718, 2.134126333, 1.918158671, 0.2647703585,
	    0.2236573325, 0.3166612994, 1.115137626, 1.115626199, 1.203783677, 0.1391691851,
	    0.5270100156, 0.421935388, 1.007951357, 0.9907241299, 0.04873399867, 0.04936122275,
	    0.1031775863, 0.6067952685, 0.5739008754, 0.4953593649, 0.07135576464, 0.1625406912,
	    1.152258003}},
    {"llama", ARCH_LLAMA, 32, 4, 2, 24, 40, 0, 10000.0, 0, 1e-06,
	{0.5694277713, 0.2531341894, 0.3521759568, 0.1654423728}, 833.013945, 3.773168336,
	0.160067853, 3.288859658, 2.770842296,
	{1.38161702, 0.18208402, 0.4840226521, 0.5790775911, 1.19827831, 1.352611726, 0.1505570658,
	    0.7723803574, 0.5387888014, 0.6394392454, 0.1250841669, 0.3052926336, 0.2622749309,
	    0.8103717882, 1.004116641, 0.1020513889, 0.5503582628, 0.3956567481, 0.3090848123,
	    0.1648472461, 1.134007621}},
    {"olmo2_plain", ARCH_OLMO2, 32, 4, 2, 24, 40, 1, 10000.0, 0, 1e-05,
	{0.2281256105, 0.8084007138, 0.9864650051, -0.2933695144}, 882.0151956, 3.925604673,
	0.1596295229, 5.195559213, 2.928988329,
	{3.177756752, 1.182990879, 1.061471749, 2.263930688, 1.943521083, 1.057527964, 1.033451713,
	    0.9942098167, 0.3203229747, 0.3097256741, 0.7516740129, 0.8011044249, 0.5526571494,
	    0.5573554494, 0.5202081924},
	1},
    {"llama_plain", ARCH_LLAMA, 32, 4, 2, 24, 40, 0, 10000.0, 0, 1e-05,
	{0.5992797267, -0.7782047731, -0.9704389434, 0.4830479489}, 858.90234, 4.136670725,
	0.1572358325, 3.637228748, 3.098319762,
	{1.62912387, 0.5086573456, 0.4799180344, 1.381410584, 1.533482156, 0.6959535434,
	    0.8498647537, 0.723957591, 0.2716703005, 0.207735929, 0.7875050346, 1.02316091,
	    0.3610943168, 0.4346164602, 0.4183485041, 1.348131513},
	1},
    {"affine", ARCH_OLMO, 24, 3, 3, 20, 40, 1, 10000.0, 0, 1e-05,
	{1.193976855, -0.6607208968, -0.9985720334, -0.4639604741}, 737.3333732, 4.083223602,
	0.1573700312, 2.653076345, 3.169860424,
	{1.566718746, 0.1069871252, 0.211667739, 0.2468915151, 0.9089853173, 1.029986219,
	    0.108632245, 0.4041549104, 0.3982271167, 0.4286588283, 0.1482865633, 0.0867882156,
	    0.08349159143, 0.839318047, 0.9843492026, 0.05641807121, 0.2328885921, 0.3730887041,
	    0.3368705085, 0.2059445669},
	0, 1, 0},
    {"affine_bias", ARCH_OLMO, 32, 4, 2, 24, 40, 0, 10000.0, 0.6, 1e-05,
	{0.3992397655, 1.072000765, 1.268950714, 0.08982973393}, 890.8247035, 4.089089915,
	0.1635140499, 4.218768835, 3.013969995,
	{2.178507691, 0.3464023203, 0.3965033716, 0.2705694226, 0.2940187428, 2.142341283,
	    1.254046452, 0.1472485813, 0.166858313, 1.03311934, 1.063348936, 0.8277855804,
	    0.1191430751, 0.1258016872, 0.07587526248, 0.0785040474, 0.8786653561, 0.7325552501,
	    0.08860750869, 0.1237245756, 0.5829761689, 0.4826020364, 0.4735699364, 0.2228158033,
	    0.2457596629, 1.113248904},
	0, 1, 1},
    {"olmo2_clip", ARCH_OLMO2, 32, 4, 2, 24, 40, 0, 10000.0, 0.7, 1e-06,
	{-0.928176465, 1.648735054, -1.261025049, 0.8917226153}, 866.0685686, 3.977989778,
	0.1633203798, 6.763730986, 3.072140471,
	{3.854642264, 2.09881675, 2.102875096, 2.391871705, 2.247577368, 0.3190319312,
	    0.2807709073, 0.3589555799, 1.366001501, 1.402232983, 1.322256678, 0.1928869556,
	    0.5029238408, 0.6202387375, 1.29497534, 0.869619204, 0.04490517764, 0.04549598104,
	    0.09658217899, 0.6006028477, 0.5774360311, 0.4982611803, 0.07084695775, 0.1736211641,
	    1.140590307}},
    {"llama_clip", ARCH_LLAMA, 32, 4, 2, 24, 40, 1, 10000.0, 0.4, 1e-06,
	{-0.447783903, -0.5150433413, 1.004617507, -0.3294869074}, 895.8838852, 3.877003478,
	0.1657946549, 5.187706929, 2.90943515,
	{3.105568909, 0.3067771474, 0.3055982481, 0.2430984263, 2.359303485, 1.913846244,
	    0.4161870993, 1.59423642, 1.229781478, 1.098027438, 0.08603850525, 0.05416176289,
	    0.05069087545, 0.909879354, 0.6929660586, 0.1412893039, 0.5752665377, 0.6050114038,
	    0.5375912526, 0.1796427275}},
};

#define N_GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

static float weight(size_t k, size_t i)
{
	uint64_t z = (k + 1) * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	z ^= z >> 31;
	return (float)((double)(z >> 40) / 8388608.0 - 1.0);
}

struct world {
	struct pool *pool;
	struct kern *k;
	struct params *p;
	struct net *n;
	float *w, *g;
	uint32_t ids[B * T];
	int32_t labels[B * T];
	size_t n_label;
};

static void fill(struct world *x)
{
	for (size_t t = 0; t < x->p->n; t++) {
		const struct param *q = &x->p->t[t];
		for (size_t i = 0; i < q->n; i++)
			x->w[q->off + i] =
			    (q->kind == PARAM_NORM ? 1.0f : 0.0f) + 0.25f * weight(t, i);
	}
	for (size_t b = 0; b < B; b++)
		for (size_t t = 0; t < T; t++)
			x->ids[b * T + t] = (uint32_t)((7 * t * t + 3 * t + 11 * b) % x->p->a.V);
	x->n_label = 0;
	for (size_t i = 0; i < B * T; i++) {
		int none = i % T == T - 1 || i == T + 4;
		x->labels[i] = none ? KERN_IGNORE : (int32_t)x->ids[i + 1];
		x->n_label += !none;
	}
}

static void world_open_as(
    struct world *x, const struct golden *o, int threads, int train, enum net_recompute r)
{
	struct arch a = {.family = o->family,
	    .C = o->C,
	    .L = L,
	    .H = o->H,
	    .HKV = o->HKV,
	    .D = o->C / o->H,
	    .F = o->F,
	    .V = o->V,
	    .T = 64,
	    .tied = o->tied,
	    .plain = o->plain,
	    .affine = o->affine,
	    .bias = o->bias,
	    .rope_theta = o->theta,
	    .clip_qkv = o->clip,
	    .norm_eps = o->eps,
	    .eos_id = -1,
	    .pad_id = -1,
	    .bos_id = -1};
	struct net_plan plan = {.B = B, .T = T, .train = train, .recompute = r};

	memset(x, 0, sizeof(*x));
	x->pool = pool_new(threads);
	x->k = kern_open("cpu", NULL, x->pool);
	assert_non_null(x->k);
	x->p = params_new(&a);
	x->w = x->k->op->alloc(x->k, x->p->n_float * sizeof(float));
	x->g = x->k->op->alloc(x->k, x->p->n_float * sizeof(float));
	x->n = net_new(x->p, x->k, &plan);
	assert_non_null(x->n);
	fill(x);
}

static void world_open(struct world *x, const struct golden *o, int threads, int train)
{
	world_open_as(x, o, threads, train, NET_KEEP);
}

static void world_close(struct world *x)
{
	net_free(x->n);
	x->k->op->free(x->k, x->w);
	x->k->op->free(x->k, x->g);
	params_free(x->p);
	kern_close(x->k);
	pool_free(x->pool);
}

/* Loss and, with g, gradient of mean loss + 0.01 * mean lse^2. */
static void pass(struct world *x, const float *w, float *g, double *loss, double *z)
{
	for (size_t i = 0; i < B * T; i++) {
		x->n->g[i] = (float)(1.0 / (double)x->n_label);
		x->n->gz[i] = (float)(0.01 / (B * T));
	}
	net_forward(x->n, w, x->ids, B, T);
	net_head(x->n, w, x->labels, g);
	*loss = *z = 0;
	for (size_t i = 0; i < B * T; i++) {
		*loss += (double)x->n->loss[i] / (double)x->n_label;
		*z += 0.01 / (B * T) * (double)x->n->lse[i] * (double)x->n->lse[i];
	}
	if (g != NULL)
		net_backward(x->n, w, g);
}

static void close_to(const char *what, const char *model, double got, double want, double tol)
{
	if (!(fabs(got - want) <= tol * (1 + fabs(want))))
		fail_msg("%s, %s: got %.9g, expected %.9g", model, what, got, want);
}

static void check_logits(struct world *x, const struct golden *o)
{
	float *lg = calloc(B * T * o->V, sizeof(*lg));
	double sum = 0;

	net_logits(x->n, x->w, 0, B * T, lg);
	for (size_t i = 0; i < B * T * o->V; i++)
		sum += fabs((double)lg[i]);
	for (size_t i = 0; i < 4; i++)
		close_to(
		    "logits", o->name, (double)lg[(2 * T + 7) * o->V + i], o->logits[i], 2e-6);
	close_to("sum of |logits|", o->name, sum, o->logits_abs, 1e-6);
	free(lg);
}

static void check_step(struct world *x, const struct golden *o)
{
	struct optim s = {.lr = 0.01,
	    .beta1 = 0.9,
	    .beta2 = 0.95,
	    .eps = 1e-5,
	    .weight_decay = 0.1,
	    .gscale = optim_clip(1, o->norm),
	    .step = 1};
	size_t bytes = x->p->n_float * sizeof(float);
	float *m = x->k->op->alloc(x->k, bytes), *v = x->k->op->alloc(x->k, bytes);
	double loss, z;

	optim_step(x->p, x->k, &s, x->w, m, v, x->g);
	pass(x, x->w, NULL, &loss, &z);
	close_to("loss after a step", o->name, loss, o->loss2, 1e-5);
	x->k->op->free(x->k, m);
	x->k->op->free(x->k, v);
}

static void check_golden(const struct golden *o)
{
	struct world x;
	const struct param *bad;
	double loss, z;

	world_open(&x, o, 2, 1);
	pass(&x, x.w, x.g, &loss, &z);
	close_to("loss", o->name, loss, o->loss, 1e-6);
	close_to("z-loss", o->name, z, o->z, 1e-6);
	check_logits(&x, o);
	close_to("gradient norm", o->name, optim_norm(x.p, x.k, x.g, &bad), o->norm, 2e-6);
	assert_null(bad);
	for (size_t i = 0; i < x.p->n; i++) {
		const struct param *t = &x.p->t[i];
		close_to(t->name, o->name, sqrt(x.k->op->sumsq(x.k, x.g + t->off, t->n)),
		    o->tensor[i], 4e-6);
	}
	check_step(&x, o);
	world_close(&x);
}

static void wrong_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++)
		check_golden(&goldens[i]);
}

/* ref64 with the same tables: what is left is the golden numbers' rounding and float32 cosines. */
static void double_precision_is_wrong(void **state)
{
	struct world x;

	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		const struct golden *o = &goldens[i];
		double sum = 0, loss, z;
		world_open(&x, o, 1, 1);
		struct ref64 *r = ref64_new(x.p, x.w, x.n->rope, B, T);
		ref64_forward(r, x.ids);
		ref64_loss(r, x.labels);
		close_to("fp64 loss", o->name, r->mean, o->loss, 2e-8);
		for (size_t k = 0; k < B * T * o->V; k++)
			sum += fabs(r->logits[k]);
		close_to("fp64 sum of |logits|", o->name, sum, o->logits_abs, 2e-8);
		for (size_t k = 0; k < 4; k++)
			close_to("fp64 logits", o->name, r->logits[(2 * T + 7) * o->V + k],
			    o->logits[k], 2e-7);
		/* the kernels' gradient of the loss alone, element by element */
		ref64_backward(r, x.labels);
		pass(&x, x.w, NULL, &loss, &z);
		for (size_t k = 0; k < B * T; k++)
			x.n->gz[k] = 0;
		net_head(x.n, x.w, x.labels, x.g);
		net_backward(x.n, x.w, x.g);
		for (size_t k = 0; k < x.p->n_float; k++)
			close_to("gradient", o->name, (double)x.g[k], r->g[k], 2e-6);
		ref64_free(r);
		world_close(&x);
	}
}

/* fp64: d(mean loss)/dw[i] by central differences, at a few places of each tensor, against the
 * backward pass.  With rotary positions, shared key/value heads, clipping, norms of all sorts,
 * gated units, tied and untied heads in the goldens, that is each operation of a model. */
static double loss64(struct ref64 *r, const struct world *x)
{
	ref64_forward(r, x->ids);
	ref64_loss(r, x->labels);
	return r->mean;
}

static void check_slopes(struct ref64 *r, const struct world *x, const char *name, size_t t)
{
	const struct param *q = &x->p->t[t];
	const double h = 1e-5;

	for (size_t k = 0; k < 4; k++) {
		size_t i = q->off + (k * k * 7 + 3 * k + t) % q->n;
		double w = r->w[i], up, down;
		r->w[i] = w + h;
		up = loss64(r, x);
		r->w[i] = w - h;
		down = loss64(r, x);
		r->w[i] = w;
		double want = (up - down) / (2 * h);
		if (!(fabs(r->g[i] - want) <= 2e-9 + 1e-7 * fabs(want)))
			fail_msg("%s, %s[%zu]: gradient %.12g, slope %.12g", name, q->name,
			    i - q->off, r->g[i], want);
	}
}

static void double_precision_gradient_is_no_slope(void **state)
{
	struct world x;

	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		world_open(&x, &goldens[i], 1, 1);
		struct ref64 *r = ref64_new(x.p, x.w, x.n->rope, B, T);
		loss64(r, &x);
		ref64_backward(r, x.labels);
		for (size_t t = 0; t < x.p->n; t++)
			check_slopes(r, &x, goldens[i].name, t);
		ref64_free(r);
		world_close(&x);
	}
}

/* Gradients and losses of 1 and 3 threads, and of a second pass, are the same bits. */
static void threads_or_leftovers_show(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		struct world a, b;
		double loss[3], z;
		world_open(&a, &goldens[i], 1, 1);
		world_open(&b, &goldens[i], 3, 1);
		pass(&a, a.w, a.g, &loss[0], &z);
		pass(&b, b.w, b.g, &loss[1], &z);
		memset(b.g, 0, b.p->n_float * sizeof(float));
		pass(&b, b.w, b.g, &loss[2], &z);
		assert_memory_equal(a.g, b.g, a.p->n_float * sizeof(float));
		assert_true(loss[0] == loss[1] && loss[1] == loss[2]);
		world_close(&a);
		world_close(&b);
	}
}

/* One layer's buffers for all layers give the bits of a training pass. */
static void forward_only_differs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		struct world a, b;
		double loss[2], z[2];
		world_open(&a, &goldens[i], 1, 1);
		world_open(&b, &goldens[i], 1, 0);
		pass(&a, a.w, NULL, &loss[0], &z[0]);
		pass(&b, b.w, NULL, &loss[1], &z[1]);
		assert_true(loss[0] == loss[1] && z[0] == z[1]);
		world_close(&a);
		world_close(&b);
	}
}

/* Token by token, from caches, beside other sequences and in pieces: the bits of the whole. */
static void decoding_differs_from_the_whole(void **state)
{
	enum { V = 40 };
	static float want[B * T * V], got[B * V];

	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		struct world a, b;
		struct decode_seq *s[B];
		uint32_t ids[B];
		assert_int_equal(goldens[i].V, V);
		world_open(&a, &goldens[i], 1, 0);
		world_open(&b, &goldens[i], 3, 0);
		net_forward(a.n, a.w, a.ids, B, T);
		net_logits(a.n, a.w, 0, B * T, want);
		for (size_t q = 0; q < B; q++) {
			s[q] = decode_seq_new(b.n, T);
			decode_read(b.n, b.w, s[q], b.ids + q * T, q + 1, NULL);
			decode_read(b.n, b.w, s[q], b.ids + q * T + q + 1, 2, got);
			assert_memory_equal(got, want + (q * T + q + 2) * V, V * sizeof(float));
		}
		for (size_t t = 3; t + B <= T; t++) { /* sequence q is q ids ahead */
			for (size_t q = 0; q < B; q++)
				ids[q] = b.ids[q * T + t + q];
			decode_step(b.n, b.w, s, ids, B, got);
			for (size_t q = 0; q < B; q++)
				assert_memory_equal(
				    got + q * V, want + (q * T + t + q) * V, V * sizeof(float));
		}
		decode_seq_rewind(s[0]);
		assert_int_equal(decode_seq_len(s[0]), 0);
		decode_read(b.n, b.w, s[0], b.ids + T, T, got);
		assert_memory_equal(got, want + (2 * T - 1) * V, V * sizeof(float));
		/* and the net serves whole sequences as before */
		net_forward(b.n, b.w, b.ids, B, T);
		net_logits(b.n, b.w, 0, 1, got);
		assert_memory_equal(got, want, V * sizeof(float));
		for (size_t q = 0; q < B; q++)
			decode_seq_free(b.n, s[q]);
		world_close(&a);
		world_close(&b);
	}
}

/* Computing activations again changes no bit and takes less memory. */
static void recomputing_shows(void **state)
{
	static const char *const names[] = {"whole_layer", "one_in_two", "one_in_three",
	    "one_in_four", "one_in_eight", "two_in_three", "three_in_four", "fine_grained"};
	enum net_recompute r;

	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		struct world a, b;
		double loss[2], z[2];
		world_open(&a, &goldens[i], 1, 1);
		pass(&a, a.w, a.g, &loss[0], &z[0]);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			assert_int_equal(net_recompute_of(names[k], &r), 0);
			world_open_as(&b, &goldens[i], 2, 1, r);
			pass(&b, b.w, b.g, &loss[1], &z[1]);
			assert_true(loss[0] == loss[1] && z[0] == z[1]);
			assert_memory_equal(a.g, b.g, a.p->n_float * sizeof(float));
			/* with two layers the other schemes share nothing, or have one alone */
			if (r == NET_WHOLE_LAYER || r == NET_FINE_GRAINED)
				assert_true(b.n->bytes < a.n->bytes);
			assert_true(b.n->bytes <= a.n->bytes);
			world_close(&b);
		}
		world_close(&a);
	}
	assert_int_equal(net_recompute_of("half", &r), -1);
}

/* Attention inside documents: losses and gradients are those of the documents alone, but for the
 * rounding of rotary angles. */
static void documents_are_not_apart(void **state)
{
	enum { CUT = 4 };
	struct world a, b;
	uint32_t first[B * T];
	double loss, z, want = 0;

	(void)state;
	world_open(&a, &goldens[0], 1, 1);
	world_open(&b, &goldens[0], 1, 1);
	for (size_t i = 0; i < B * T; i++)
		first[i] = i % T < CUT ? 0 : CUT;
	a.n->first = first;
	pass(&a, a.w, a.g, &loss, &z);
	for (size_t d = 0; d < 2; d++) { /* the documents of all instances, as a batch */
		size_t from = d ? CUT : 0, n = d ? T - CUT : CUT;
		uint32_t ids[B * T];
		int32_t labels[B * T];
		for (size_t i = 0; i < B * n; i++) {
			ids[i] = b.ids[i / n * T + from + i % n];
			labels[i] = b.labels[i / n * T + from + i % n];
			b.n->g[i] = (float)(1.0 / (double)b.n_label);
			b.n->gz[i] = (float)(0.01 / (B * T));
		}
		net_forward(b.n, b.w, ids, B, n);
		net_head(b.n, b.w, labels, b.g);
		for (size_t i = 0; i < B * n; i++)
			want += (double)b.n->loss[i] / (double)b.n_label;
		net_backward(b.n, b.w, b.g);
	}
	close_to("loss", "documents", loss, want, 1e-6);
	for (size_t i = 0; i < a.p->n_float; i++)
		close_to("gradient", "documents", (double)a.g[i], (double)b.g[i], 2e-6);
	world_close(&a);
	world_close(&b);
}

static void bad_activation_is_not_named(void **state)
{
	struct world x;
	size_t layer;
	double loss, z;

	(void)state;
	world_open_as(&x, &goldens[0], 1, 1, NET_ONE_IN_TWO);
	pass(&x, x.w, NULL, &loss, &z);
	assert_null(net_first_bad(x.n, &layer));
	x.w[params_find(x.p, "model.layers.1.mlp.gate_proj.weight")->off] = NAN;
	pass(&x, x.w, NULL, &loss, &z);
	assert_string_equal(net_first_bad(x.n, &layer), "MLP up and gate");
	assert_int_equal(layer, 1);
	assert_string_equal(
	    optim_first_bad(x.p, x.k, x.w)->name, "model.layers.1.mlp.gate_proj.weight");
	world_close(&x);
}

/* ---- score --------------------------------------------------------------------------------- */

static char dir[] = "/tmp/olmo-net-XXXXXX";

static void write_model(const struct world *x)
{
	char path[64];
	const float *w[1] = {x->w};
	static const char *const none[1] = {""};
	json_t *j = arch_json(&x->p->a);

	snprintf(path, sizeof(path), "%s/config.json", dir);
	assert_int_equal(json_dump_file(j, path, 0), 0);
	json_decref(j);
	snprintf(path, sizeof(path), "%s/model.safetensors", dir);
	assert_int_equal(params_save(x->p, w, none, 1, path, NULL), 0);
}

/* Whatever else is in the call, and however it is cut, a sequence has the same scores. */
static void scores_depend_on_company(void **state)
{
	struct world x;
	double loss, z, alone[T], both[2][T];
	unsigned char greedy[T];

	(void)state;
	for (size_t i = 0; i < N_GOLDENS; i++) {
		world_open(&x, &goldens[i], 2, 1);
		pass(&x, x.w, NULL, &loss, &z);
		write_model(&x);
		struct score *s = score_open(dir, &(struct score_opts){.threads = 2});
		assert_non_null(s);
		assert_int_equal(score_max_len(s), 64);
		assert_int_equal(score_vocab(s), goldens[i].V);
		assert_int_equal(score_n_params(s), x.p->n_float);
		struct score_seq one = {.ids = x.ids, .n = T, .logp = alone, .greedy = greedy};
		assert_int_equal(score_run(s, &one, 1), 0);
		struct score_seq two[2] = {{.ids = x.ids, .n = 5, .logp = both[0]},
		    {.ids = x.ids, .n = T, .logp = both[1]}};
		assert_int_equal(score_run(s, two, 2), 0);
		for (size_t t = 0; t + 1 < T; t++) {
			assert_true(alone[t] == -(double)x.n->loss[t]);
			assert_true(alone[t] == both[1][t]);
			assert_true(t >= 4 || alone[t] == both[0][t]);
			assert_int_equal(greedy[t], x.n->best[t] == (int32_t)x.ids[t + 1]);
		}
		score_close(s);
		world_close(&x);
	}
}

static void score_takes_bad_ids(void **state)
{
	struct world x;
	uint32_t ids[70] = {0};
	double logp[70];
	struct score_seq q = {.ids = ids, .n = 65, .logp = logp};

	(void)state;
	world_open(&x, &goldens[0], 1, 1);
	write_model(&x);
	struct score *s = score_open(dir, &(struct score_opts){.threads = 1});
	assert_int_equal(score_run(s, &q, 1), -1);
	assert_non_null(strstr(err_msg(), "65 ids"));
	q.n = 3;
	ids[1] = 40;
	assert_int_equal(score_run(s, &q, 1), -1);
	assert_non_null(strstr(err_msg(), "id 40 at 1"));
	score_close(s);
	world_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wrong_numbers),
	    cmocka_unit_test(double_precision_is_wrong),
	    cmocka_unit_test(double_precision_gradient_is_no_slope),
	    cmocka_unit_test(threads_or_leftovers_show),
	    cmocka_unit_test(forward_only_differs),
	    cmocka_unit_test(decoding_differs_from_the_whole),
	    cmocka_unit_test(recomputing_shows),
	    cmocka_unit_test(documents_are_not_apart),
	    cmocka_unit_test(bad_activation_is_not_named),
	    cmocka_unit_test(scores_depend_on_company),
	    cmocka_unit_test(score_takes_bad_ids),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char path[64];
	static const char *const files[] = {"config.json", "model.safetensors"};
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return failed;
}
