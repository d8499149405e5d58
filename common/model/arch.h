/* arch: the shape of a model, and Hugging Face's config.json.
 *
 *	struct arch a;
 *	if (arch_load(&a, "OLMo-1B-hf") < 0) ...	reads DIR/config.json
 *	json_t *j = arch_json(&a);			the same file, to write
 *
 * Families: olmo (layer norm without weights, before attention and MLP), olmo2 (RMS norm with
 * weights after attention and MLP, and on the whole of q and k) and llama (RMS norm with weights
 * before).  The RMS norms may go without weights (plain; OLMo's layer_norm_with_affine: false): to
 * Hugging Face such a model is one whose norm weights are 1, and config.json has OLMo's key beside
 * the others.  The layer norms may have weights, and biases (affine, bias).  All have rotary
 * positions, a gated SiLU MLP and no biases in products; what a config asks beyond that (biases,
 * dropout, other activations, rope scaling) is refused by name.
 *
 * What Hugging Face's classes cannot compute (layer norms with weights, clip_qkv beside RMS norms) is
 * read and written as OLMo's own package does: model_type hf_olmo, the keys of ModelConfig, OLMo's
 * names of tensors behind "model.".
 *
 * Both forms of config.json are read: rope_theta / torch_dtype (as published) and
 * rope_parameters / dtype (transformers 5).  The published form is written.
 */
#ifndef OLMO_MODEL_ARCH_H
#define OLMO_MODEL_ARCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum arch_family { ARCH_OLMO, ARCH_OLMO2, ARCH_LLAMA };

struct arch {
	enum arch_family family;
	size_t C;      /* hidden size, d_model */
	size_t L;      /* layers */
	size_t H, HKV; /* query heads, key/value heads */
	size_t D;      /* head dimension */
	size_t F;      /* MLP width after the gate (half of OLMo's mlp_hidden_size) */
	size_t V;      /* rows of the embedding, columns of the logits */
	size_t T;      /* longest sequence */
	int tied;      /* logits use the embedding */
	int plain;     /* olmo2, llama: norms without weights */
	int affine;    /* olmo: norms with weights .. */
	int bias;      /* .. and biases */
	double rope_theta;
	double clip_qkv; /* 0 = none */
	double norm_eps;
	double init_std;                /* initializer_range, only passed on */
	int64_t eos_id, pad_id, bos_id; /* -1 = none */
};

/* DIR/config.json; where there is none, the section model of DIR/config.yaml (OLMo's own) */
int arch_load(struct arch *a, const char *dir);
int arch_from_json(struct arch *a, const json_t *j, const char *name);
json_t *arch_json(const struct arch *a);            /* new reference */
json_t *arch_generation_json(const struct arch *a); /* generation_config.json */
/* Ranges and divisibility; a message that names what does not fit. */
int arch_check(const struct arch *a, const char *name);
/* Is it a model that only OLMo's own package computes (hf_olmo)? */
int arch_is_native(const struct arch *a);
/* Width of a row [q | k | v]. */
static inline size_t arch_qkv(const struct arch *a)
{
	return (a->H + 2 * a->HKV) * a->D;
}
const char *arch_family_name(enum arch_family f); /* "olmo", "olmo2", "llama" */

#endif
