#include "model/arch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "io/conf.h"
#include "model/config.h"

static const struct {
	const char *type, *class;
} families[] = {
    [ARCH_OLMO] = {"olmo", "OlmoForCausalLM"},
    [ARCH_OLMO2] = {"olmo2", "Olmo2ForCausalLM"},
    [ARCH_LLAMA] = {"llama", "LlamaForCausalLM"},
};

#define N_FAMILIES ((int)(sizeof(families) / sizeof(families[0])))

const char *arch_family_name(enum arch_family f)
{
	return families[f].type;
}

/* Reads a whole number; absent or null gives dflt, < 0 meaning that it must be there. */
static int get_size(const json_t *j, const char *name, const char *key, int64_t dflt, size_t *out)
{
	const json_t *v = json_object_get(j, key);

	if (v == NULL || json_is_null(v)) {
		if (dflt < 0)
			return err_set("%s: no '%s'", name, key), -1;
		*out = (size_t)dflt;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > INT32_MAX)
		return err_set("%s: '%s' is not a whole number from 1 to 2^31-1", name, key), -1;
	*out = (size_t)json_integer_value(v);
	return 0;
}

static int get_real(const json_t *j, const char *name, const char *key, double dflt, double *out)
{
	const json_t *v = json_object_get(j, key);

	*out = dflt;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_number(v) || !isfinite(json_number_value(v)) || json_number_value(v) < 0)
		return err_set("%s: '%s' is not a number from 0 up", name, key), -1;
	*out = json_number_value(v);
	return 0;
}

/* A token id; a list of ids (Llama 3's eos) gives its first. */
static int get_id(const json_t *j, const char *name, const char *key, int64_t *out)
{
	const json_t *v = json_object_get(j, key);

	*out = -1;
	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX)
		return err_set("%s: '%s' is not a token id", name, key), -1;
	*out = json_integer_value(v);
	return 0;
}

static int get_flag(const json_t *j, const char *name, const char *key, int dflt, int *out)
{
	const json_t *v = json_object_get(j, key);

	*out = dflt;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_boolean(v))
		return err_set("%s: '%s' is neither true nor false", name, key), -1;
	*out = json_is_true(v);
	return 0;
}

static int get_family(const json_t *j, const char *name, enum arch_family *f)
{
	const char *type = json_string_value(json_object_get(j, "model_type"));

	if (type == NULL)
		return err_set("%s: no 'model_type'", name), -1;
	for (int i = 0; i < N_FAMILIES; i++)
		if (strcmp(type, families[i].type) == 0)
			return *f = (enum arch_family)i, 0;
	return err_set("%s: model_type '%s' is none of olmo, olmo2, llama, hf_olmo", name, type),
	       -1;
}

/* rope_theta stands at the top (published form) or in rope_parameters (transformers 5). */
static int get_rope(const json_t *j, const char *name, double *theta)
{
	const json_t *p = json_object_get(j, "rope_parameters");
	const json_t *s = json_object_get(j, "rope_scaling");

	if (!json_is_object(p))
		p = j;
	if (json_is_object(s) && p == j)
		p = s;
	const char *type = json_string_value(json_object_get(p, "rope_type"));
	if (type == NULL)
		type = json_string_value(json_object_get(p, "type"));
	if (type != NULL && strcmp(type, "default") != 0)
		return err_set("%s: rope_type '%s' is not supported, only 'default'", name, type),
		       -1;
	if (p == s && type == NULL)
		return err_set("%s: rope_scaling is not supported", name), -1;
	const json_t *t = json_object_get(p, "rope_theta");
	return get_real(t != NULL ? p : j, name, "rope_theta", 10000.0, theta);
}

/* Things that would change the numbers and that are not there. */
static int refuse(const json_t *j, const char *name)
{
	static const char *const off[] = {
	    "attention_bias", "mlp_bias", "use_sliding_window", NULL};
	int yes;
	double rate;

	for (int i = 0; off[i] != NULL; i++) {
		if (get_flag(j, name, off[i], 0, &yes) < 0)
			return -1;
		if (yes)
			return err_set("%s: %s is not supported", name, off[i]), -1;
	}
	if (get_real(j, name, "attention_dropout", 0, &rate) < 0)
		return -1;
	if (rate != 0)
		return err_set("%s: attention_dropout is not supported", name), -1;
	const char *act = json_string_value(json_object_get(j, "hidden_act"));
	if (act != NULL && strcmp(act, "silu") != 0)
		return err_set("%s: hidden_act '%s' is not supported, only 'silu'", name, act), -1;
	return 0;
}

int arch_check(const struct arch *a, const char *name)
{
	if (a->C % 2 != 0 || a->D % 2 != 0)
		return err_set("%s: the head dimension %zu must be even (rotary positions)", name,
			   a->D),
		       -1;
	if (a->H % a->HKV != 0)
		return err_set(
			   "%s: %zu heads cannot share %zu key/value heads", name, a->H, a->HKV),
		       -1;
	if (!(a->rope_theta > 0))
		return err_set("%s: rope_theta must be above 0", name), -1;
	if (!(a->norm_eps > 0))
		return err_set("%s: the norm's eps must be above 0", name), -1;
	if (a->eos_id >= (int64_t)a->V || a->pad_id >= (int64_t)a->V || a->bos_id >= (int64_t)a->V)
		return err_set("%s: a special token id is not below the %zu embedding rows", name,
			   a->V),
		       -1;
	return 0;
}

/* The section model of an OLMo config. */
static int from_section(struct arch *a, json_t *model, const char *name)
{
	json_t *only = json_pack("{s:O}", "model", model);
	struct config c;
	int rc = config_read(&c, only, name);

	if (rc == 0) {
		*a = c.arch;
		config_release(&c);
		rc = arch_check(a, name);
	}
	json_decref(only);
	return rc;
}

/* hf_olmo: keys of ModelConfig between those of every config.json. */
static int from_hf_olmo(struct arch *a, const json_t *j, const char *name)
{
	json_t *model = json_object(), *v;
	const char *k;
	size_t size;

	if (get_size(j, name, "d_model", -1, &size) < 0 ||
	    get_size(j, name, "vocab_size", -1, &size) < 0) {
		json_decref(model);
		return -1;
	}
	json_object_foreach((json_t *)j, k, v) if (config_has_model_key(k))
	    json_object_set(model, k, v);
	int rc = from_section(a, model, name);
	json_decref(model);
	return rc;
}

/* The first of those repositories said olmo, too. */
static int is_hf_olmo(const json_t *j)
{
	const char *type = json_string_value(json_object_get(j, "model_type"));

	return type != NULL &&
	       (strcmp(type, "hf_olmo") == 0 ||
		   (strcmp(type, "olmo") == 0 && json_object_get(j, "d_model") != NULL));
}

int arch_is_native(const struct arch *a)
{
	return a->affine || (a->clip_qkv > 0 && a->family != ARCH_OLMO);
}

int arch_from_json(struct arch *a, const json_t *j, const char *name)
{
	int affine;

	memset(a, 0, sizeof(*a));
	if (!json_is_object(j))
		return err_set("%s: not a JSON object", name), -1;
	if (is_hf_olmo(j))
		return from_hf_olmo(a, j, name);
	if (get_family(j, name, &a->family) < 0 || refuse(j, name) < 0 ||
	    get_size(j, name, "hidden_size", -1, &a->C) < 0 ||
	    get_size(j, name, "num_hidden_layers", -1, &a->L) < 0 ||
	    get_size(j, name, "num_attention_heads", -1, &a->H) < 0 ||
	    get_size(j, name, "num_key_value_heads", (int64_t)a->H, &a->HKV) < 0 ||
	    get_size(j, name, "intermediate_size", -1, &a->F) < 0 ||
	    get_size(j, name, "vocab_size", -1, &a->V) < 0 ||
	    get_size(j, name, "max_position_embeddings", 2048, &a->T) < 0)
		return -1;
	if (json_object_get(j, "head_dim") == NULL && a->C % a->H != 0)
		return err_set(
			   "%s: hidden_size %zu is not a multiple of %zu heads", name, a->C, a->H),
		       -1;
	double eps = a->family == ARCH_OLMO ? 1e-5 : a->family == ARCH_OLMO2 ? 1e-5 : 1e-6;
	if (get_size(j, name, "head_dim", (int64_t)(a->C / a->H), &a->D) < 0 ||
	    get_flag(j, name, "tie_word_embeddings", 0, &a->tied) < 0 ||
	    get_flag(j, name, "layer_norm_with_affine", 1, &affine) < 0 ||
	    get_rope(j, name, &a->rope_theta) < 0 ||
	    get_real(j, name, "clip_qkv", 0, &a->clip_qkv) < 0 ||
	    get_real(j, name, "rms_norm_eps", eps, &a->norm_eps) < 0 ||
	    get_real(j, name, "initializer_range", 0.02, &a->init_std) < 0 ||
	    get_id(j, name, "eos_token_id", &a->eos_id) < 0 ||
	    get_id(j, name, "pad_token_id", &a->pad_id) < 0 ||
	    get_id(j, name, "bos_token_id", &a->bos_id) < 0)
		return -1;
	a->plain = !affine && a->family != ARCH_OLMO;
	return arch_check(a, name);
}

static int load_json(struct arch *a, const char *path)
{
	json_t *j = conf_json(path);
	int rc = j != NULL ? arch_from_json(a, j, path) : -1;

	json_decref(j);
	return rc;
}

/* A checkpoint of OLMo's own: the section model of its config.yaml. */
static int load_native(struct arch *a, const char *path)
{
	json_t *j = conf_load(path), *model = json_object_get(j, "model");
	int rc = -1;

	if (j == NULL)
		return -1;
	if (json_is_object(model))
		rc = from_section(a, model, path);
	else
		err_set("%s: no section 'model'", path);
	json_decref(j);
	return rc;
}

int arch_load(struct arch *a, const char *dir)
{
	char *json = xasprintf("%s/config.json", dir), *yaml = xasprintf("%s/config.yaml", dir);
	int native = access(json, F_OK) != 0 && access(yaml, F_OK) == 0;
	int rc = native ? load_native(a, yaml) : load_json(a, json);

	free(json);
	free(yaml);
	return rc;
}

static json_t *id_json(int64_t id)
{
	return id < 0 ? json_null() : json_integer(id);
}

/* Every key of ModelConfig that is not the default of both. */
static json_t *hf_olmo_json(const struct arch *a)
{
	int rms = a->family != ARCH_OLMO, after = a->family == ARCH_OLMO2;
	int affine = rms ? !a->plain : a->affine;

	return json_pack("{s:[s],s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:b,s:b,s:b,s:f,s:o,s:s,s:b,s:b,"
			 "s:b,s:f,s:b,s:b,s:b,s:I,s:I,s:I,s:b,s:f,s:f,s:f,s:f,s:o,s:o,s:b,s:s}",
	    "architectures", "OLMoForCausalLM", "model_type", "hf_olmo", "d_model",
	    (json_int_t)a->C, "n_layers", (json_int_t)a->L, "n_heads", (json_int_t)a->H,
	    "n_kv_heads", (json_int_t)a->HKV, "mlp_hidden_size", (json_int_t)(2 * a->F),
	    "activation_type", "swiglu", "block_type", "sequential", "alibi", 0, "rope", 1,
	    "rope_full_precision", 1, "rope_theta", a->rope_theta, "clip_qkv",
	    a->clip_qkv > 0 ? json_real(a->clip_qkv) : json_null(), "layer_norm_type",
	    rms ? "rms" : "default", "layer_norm_with_affine", affine, "bias_for_layer_norm",
	    a->bias, "attention_layer_norm", after, "layer_norm_eps", a->norm_eps,
	    "attention_layer_norm_with_affine", after && affine, "norm_after", after,
	    "include_bias", 0, "vocab_size", (json_int_t)a->V, "embedding_size", (json_int_t)a->V,
	    "max_sequence_length", (json_int_t)a->T, "weight_tying", a->tied, "attention_dropout",
	    0.0, "residual_dropout", 0.0, "embedding_dropout", 0.0, "init_std", a->init_std,
	    "eos_token_id", id_json(a->eos_id), "pad_token_id", id_json(a->pad_id), "use_cache", 1,
	    "torch_dtype", "float32");
}

json_t *arch_json(const struct arch *a)
{
	if (arch_is_native(a))
		return hf_olmo_json(a);
	json_t *j = json_object();

	json_object_set_new(j, "architectures", json_pack("[s]", families[a->family].class));
	json_object_set_new(j, "model_type", json_string(families[a->family].type));
	json_object_set_new(j, "vocab_size", json_integer((json_int_t)a->V));
	json_object_set_new(j, "hidden_size", json_integer((json_int_t)a->C));
	json_object_set_new(j, "intermediate_size", json_integer((json_int_t)a->F));
	json_object_set_new(j, "num_hidden_layers", json_integer((json_int_t)a->L));
	json_object_set_new(j, "num_attention_heads", json_integer((json_int_t)a->H));
	json_object_set_new(j, "num_key_value_heads", json_integer((json_int_t)a->HKV));
	if (a->D * a->H != a->C)
		json_object_set_new(j, "head_dim", json_integer((json_int_t)a->D));
	json_object_set_new(j, "hidden_act", json_string("silu"));
	json_object_set_new(j, "max_position_embeddings", json_integer((json_int_t)a->T));
	json_object_set_new(j, "initializer_range", json_real(a->init_std));
	json_object_set_new(j, "rope_theta", json_real(a->rope_theta));
	json_object_set_new(j, "rope_scaling", json_null());
	if (a->family == ARCH_OLMO)
		json_object_set_new(
		    j, "clip_qkv", a->clip_qkv > 0 ? json_real(a->clip_qkv) : json_null());
	else
		json_object_set_new(j, "rms_norm_eps", json_real(a->norm_eps));
	if (a->plain)
		json_object_set_new(j, "layer_norm_with_affine", json_false());
	json_object_set_new(j, "attention_bias", json_false());
	json_object_set_new(j, "attention_dropout", json_real(0.0));
	json_object_set_new(j, "tie_word_embeddings", json_boolean(a->tied));
	json_object_set_new(j, "pad_token_id", id_json(a->pad_id));
	json_object_set_new(j, "bos_token_id", id_json(a->bos_id));
	json_object_set_new(j, "eos_token_id", id_json(a->eos_id));
	json_object_set_new(j, "use_cache", json_true());
	json_object_set_new(j, "torch_dtype", json_string("float32"));
	return j;
}

json_t *arch_generation_json(const struct arch *a)
{
	json_t *j = json_object();

	json_object_set_new(j, "_from_model_config", json_true());
	json_object_set_new(j, "pad_token_id", id_json(a->pad_id));
	json_object_set_new(j, "bos_token_id", id_json(a->bos_id));
	json_object_set_new(j, "eos_token_id", id_json(a->eos_id));
	return j;
}
