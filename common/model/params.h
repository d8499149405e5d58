/* params: the table of a model's tensors and their initial values.
 *
 * All weights are one array of floats, and so is everything that has their shape (gradients,
 * Adam's moments).  The table gives each tensor's name (Hugging Face's), shape and offset.  The
 * order in memory is embedding, layer 0 .. L-1, final norm, head; inside a layer q, k, v stand
 * together as one (W, C) matrix, and up, gate as one (2F, C) matrix, so that each is one product.
 *
 *	struct params *p = params_new(&arch);
 *	float *w = calloc(p->n_float, sizeof(float));
 *	params_load(p, w, "OLMo-1B-hf");		or params_init(p, w, &init, pool)
 *	for (i = 0; i < p->n; i++)
 *		use(p->t[i].name, w + p->t[i].off, p->t[i].n);
 */
#ifndef OLMO_MODEL_PARAMS_H
#define OLMO_MODEL_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "io/in.h"
#include "model/arch.h"

struct pool;

enum param_kind {
	PARAM_EMBED,
	PARAM_Q,
	PARAM_K,
	PARAM_V,
	PARAM_O,
	PARAM_UP,
	PARAM_GATE,
	PARAM_DOWN,
	PARAM_NORM,
	PARAM_BIAS, /* of a norm */
	PARAM_HEAD
};

struct param {
	char *name; /* model.layers.0.self_attn.q_proj.weight */
	enum param_kind kind;
	size_t layer;  /* of the kinds Q .. DOWN, the norms and biases inside a layer */
	size_t off, n; /* in floats */
	int dims;
	size_t shape[2];
};

/* Offsets of one layer, in floats.  Norms that a family lacks are PARAMS_NONE. */
#define PARAMS_NONE SIZE_MAX
struct params_layer {
	size_t qkv, o, ug, down;
	size_t norm1, norm2; /* (C) before (olmo, llama) or after (olmo2) attention and MLP */
	size_t bias1, bias2; /* (C) of the same: olmo */
	size_t qnorm, knorm; /* (H D), (HKV D): olmo2 */
};

struct params {
	struct arch a;
	struct param *t;
	size_t n;          /* tensors */
	struct param *one; /* plain: norm weights of Hugging Face's file, all 1, off PARAMS_NONE */
	size_t n_one;
	size_t n_float;
	size_t embed, head; /* head == embed when tied */
	size_t norm_f;      /* final norm's weight or PARAMS_NONE */
	size_t bias_f;      /* .. and bias */
	struct params_layer *layer;
};

struct params *params_new(const struct arch *a);
void params_free(struct params *p);
const struct param *params_find(const struct params *p, const char *name);
/* Is it a Linear's weight (decays under OLMo's grouping)? */
int param_is_linear(const struct param *t);

/* Weights of a Hugging Face directory, or of a safetensors file under Hugging Face's or OLMo's own
 * names (transformer.blocks.0.att_proj.weight: q, k and v in one; "model." may stand before).  Every tensor must be there,
 * and no other may but norm weights of 1 where norms have none (plain), and the optimizer state
 * of such a file (exp_avg.NAME, exp_avg_sq.NAME). */
int params_load(const struct params *p, float *w, const char *path);

/* A tensor as the original stores it: a range of ours. */
struct params_native {
	char name[96];
	size_t off, n;
	int dims;
	size_t shape[2];
};
/* The one that begins with tensor i, under OLMo's name; 0 when i stands inside another. */
int params_native(const struct params *p, size_t i, struct params_native *t);
/* Tensors prefix + name of a safetensors file of ours (optimizer state). */
int params_load_prefixed(const struct params *p, float *const *w, const char *const *prefix,
    size_t n_prefix, const char *file);
/* Writes the arrays w[i] under prefix[i] ("" for a model) as fp32, tensors in order of name; into
 * a model also the norm weights of 1 that Hugging Face's code wants where norms have none.  A model
 * of hf_olmo (arch_is_native) gets OLMo's names. */
int params_save(const struct params *p, const float *const *w, const char *const *prefix,
    size_t n_prefix, const char *file, struct filehash *h);

/*
 * Initial weights: OLMo's schemes (model/initialization.py and model.py).
 *	mitchell       1/sqrt(d); attn_out 1/sqrt(2 d (l+1)); ff_out 1/sqrt(2 F (l+1)); cut at 3
 *	normal         std; cut at cutoff when > 0; depth_scaled: ff_out / sqrt(2 L) (v0.2.4)
 *	fan_in         1/sqrt(fan in)
 *	kaiming_normal sqrt(2 / fan in)
 *	full_megatron  std; attn_out, ff_out std/sqrt(2 L); head 1/sqrt(d); cut at cutoff or 3
 * Norm weights are 1, their biases 0.  Element i of a tensor is a function of (seed, tensor name, i) alone:
 * u = rng_unit(seed, hash64(name), i), x = sigma * Phi^-1(p + u (1 - 2 p)), p = Phi(-cut),
 * in double, so that neither threads nor ranks nor the machine show.
 */
enum params_scheme {
	PARAMS_MITCHELL,
	PARAMS_NORMAL,
	PARAMS_FAN_IN,
	PARAMS_KAIMING,
	PARAMS_MEGATRON
};
struct params_init {
	enum params_scheme scheme;
	double std, cutoff; /* cutoff 0: none (full_megatron: 3) */
	int depth_scaled;
	uint64_t seed;
};
int params_scheme_of(const char *name, enum params_scheme *s);
void params_init(
    const struct params *p, float *w, const struct params_init *in, struct pool *pool);
/* Standard deviation before truncation, and the truncation (0: none). */
double params_sigma(
    const struct params *p, const struct param *t, const struct params_init *in, double *cut);
/* Phi^-1, the normal quantile, 0 < u < 1; the same bits everywhere (Wichura 1988, AS 241). */
double params_quantile(double u);

#endif
