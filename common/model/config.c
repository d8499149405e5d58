#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/conf.h"

/* ---- what keys there are ----------------------------------------------------------------- */

/* USED: read below.  IDLE: no influence on the numbers here.  SECTION: everything below is idle.
 * Else: the only value (as compact JSON) that is supported; null and absence are fine too. */
#define USED    ""
#define IDLE    "*"
#define SECTION "**"

static const struct key {
	const char *path, *rule;
} keys[] = {
    {"run_name", IDLE},
    {"seed", USED},
    {"epoch", "0"},
    {"dry_run", "false"},
    {"model.d_model", USED},
    {"model.n_heads", USED},
    {"model.n_kv_heads", USED},
    {"model.clip_qkv", USED},
    {"model.n_layers", USED},
    {"model.mlp_ratio", USED},
    {"model.mlp_hidden_size", USED},
    {"model.activation_type", "\"swiglu\""},
    {"model.block_type", "\"sequential\""},
    {"model.block_group_size", IDLE},
    {"model.alibi", "false"},
    {"model.alibi_bias_max", IDLE},
    {"model.rope", "true"},
    {"model.rope_full_precision", "true"},
    {"model.rope_theta", USED},
    {"model.flash_attention", IDLE},
    {"model.attention_dropout", "0.0"},
    {"model.multi_query_attention", USED},
    {"model.attention_layer_norm", USED},
    {"model.residual_dropout", "0.0"},
    {"model.embedding_dropout", "0.0"},
    {"model.embedding_layer_norm", "false"},
    {"model.layer_norm_type", USED},
    {"model.layer_norm_with_affine", USED},
    {"model.layer_norm_eps", USED},
    {"model.attention_layer_norm_with_affine", USED},
    {"model.max_sequence_length", USED},
    {"model.include_bias", "false"},
    {"model.bias_for_layer_norm", USED},
    {"model.scale_logits", "false"},
    {"model.vocab_size", USED},
    {"model.embedding_size", USED},
    {"model.weight_tying", USED},
    {"model.eos_token_id", USED},
    {"model.pad_token_id", USED},
    {"model.init_device", IDLE},
    {"model.init_fn", USED},
    {"model.init_std", USED},
    {"model.init_cutoff_factor", USED},
    {"model.precision", IDLE},
    {"model.scale_emb_init", "false"},
    {"model.emb_init_std", "null"},
    {"model.norm_after", USED},
    {"optimizer.name", USED},
    {"optimizer.learning_rate", USED},
    {"optimizer.weight_decay", USED},
    {"optimizer.betas", USED},
    {"optimizer.eps", USED},
    {"optimizer.no_decay_norm_and_bias", "true"},
    {"optimizer.selective_updates", USED},
    {"optimizer.decay_norm_and_bias", USED},
    {"optimizer.decay_embeddings", USED},
    {"optimizer.metrics_log_interval", USED},
    {"optimizer.record_update_metrics", "false"},
    {"optimizer.sigma_factor", USED},
    {"optimizer.rolling_interval_length", USED},
    {"scheduler.name", USED},
    {"scheduler.units", USED},
    {"scheduler.t_warmup", USED},
    {"scheduler.t_max", USED},
    {"scheduler.t_decay", USED},
    {"scheduler.alpha_f", USED},
    {"scheduler.grad_clip_warmup_steps", USED},
    {"scheduler.grad_clip_warmup_factor", USED},
    {"scheduler.warmup_min_lr", USED},
    {"data.paths", USED},
    {"data.order", USED},
    {"data.memmap_dtype", USED},
    {"data.datasets", "null"},
    {"data.label_mask_paths", USED},
    {"data.pad_direction", "\"right\""},
    {"data.generate_attention_mask", USED},
    {"data.generate_doc_lengths", USED},
    {"data.num_workers", IDLE},
    {"data.drop_last", USED},
    {"data.pin_memory", IDLE},
    {"data.prefetch_factor", IDLE},
    {"data.persistent_workers", IDLE},
    {"data.timeout", IDLE},
    {"data.seed", USED},
    {"data.instance_filter.repetition_max_period", USED},
    {"data.instance_filter.repetition_min_period", USED},
    {"data.instance_filter.repetition_max_count", USED},
    {"data.custom_dataset", "null"},
    {"energy.pue", USED},
    {"energy.kg_co2_per_kwh", USED},
    {"restore_dataloader", "true"},
    {"fast_forward_batches", "null"},
    {"evaluators", SECTION},
    {"eval_interval", USED},
    {"eval_on_load", "false"},
    {"tokenizer.identifier", USED},
    {"tokenizer.truncate_direction", IDLE},
    {"save_folder", IDLE},
    {"remote_save_folder", "null"},
    {"canceled_check_interval", IDLE},
    {"save_interval", USED},
    {"save_interval_unsharded", USED},
    {"save_interval_ephemeral", USED},
    {"save_keep_interval", USED},
    {"save_num_checkpoints_to_keep", USED},
    {"save_num_unsharded_checkpoints_to_keep", USED},
    {"save_overwrite", IDLE},
    {"force_save_unsharded", IDLE},
    {"no_pre_train_checkpoint", USED},
    {"load_path", USED},
    {"load_path_sharded_checkpointer", "null"},
    {"try_load_latest_save", IDLE},
    {"reset_optimizer_state", "false"},
    {"reset_trainer_state", IDLE},
    {"sharded_checkpointer", IDLE},
    {"new_style_checkpoints", IDLE},
    {"max_duration", USED},
    {"global_train_batch_size", USED},
    {"device_train_batch_size", IDLE},
    {"device_train_microbatch_size", USED},
    {"device_eval_batch_size", USED},
    {"eval_subset_num_batches", USED},
    {"device_train_grad_accum", IDLE},
    {"max_grad_norm", USED},
    {"max_grad_norm_ratio", USED},
    {"precision", USED},
    {"wandb", SECTION},
    {"speed_monitor", SECTION},
    {"console_log_interval", USED},
    {"gen1_gc_interval", IDLE},
    {"compile", SECTION},
    {"distributed_strategy", IDLE},
    {"fsdp", SECTION},
    {"ddp", SECTION},
    {"single", SECTION},
    {"softmax_auxiliary_loss", USED},
    {"auxiliary_loss_multiplier", USED},
    {"rules", USED},
    {"time_limit", IDLE},
    {"extra_steps_after_cancel", IDLE},
    {"early_stopping_factor", "null"},
    {"save_data_indices", USED},
    {"python_profiling", IDLE},
    {"torch_profiling", IDLE},
    {"stop_at", USED},
    {"stop_after", "null"},
    {"activation_checkpointing", USED},
    {"fused_loss", IDLE},
    {"hf_datasets_cache_dir", IDLE},
    {"module_outputs_save_steps", "null"},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static const struct key *find_key(const char *path)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

int config_has_model_key(const char *key)
{
	char *path = xasprintf("model.%s", key);
	int has = find_key(path) != NULL;

	free(path);
	return has;
}

/* Is path a section that the table has keys in? */
static int is_section(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < N_KEYS; i++)
		if (strncmp(keys[i].path, path, n) == 0 && keys[i].path[n] == '.')
			return 1;
	return 0;
}

static int unknown(const char *path, const char *name)
{
	const char *names[N_KEYS + 1], *near;

	for (size_t i = 0; i < N_KEYS; i++)
		names[i] = keys[i].path;
	names[N_KEYS] = NULL;
	near = conf_nearest(path, names);
	if (near != NULL)
		err_set("%s: unknown key '%s' (did you mean '%s'?)", name, path, near);
	else
		err_set("%s: unknown key '%s'", name, path);
	return -1;
}

/* Numbers compare as numbers (0 is 0.0), everything else as JSON. */
static int same_value(const json_t *v, const char *want)
{
	json_t *w = json_loads(want, JSON_DECODE_ANY, NULL);
	int same = json_is_number(v) && json_is_number(w)
		       ? json_number_value(v) == json_number_value(w)
		       : json_equal(v, w);

	json_decref(w);
	return same;
}

static int has_one_value(const struct key *key)
{
	return key->rule[0] != '*' && key->rule[0] != 0;
}

static int check_keys(const json_t *j, const char *prefix, const char *name)
{
	const char *k;
	json_t *v;
	struct buf path = {0};
	int rc = 0;

	json_object_foreach((json_t *)j, k, v)
	{
		path.len = 0;
		buf_printf(&path, "%s%s%s", prefix, *prefix ? "." : "", k);
		const struct key *key = find_key(buf_cstr(&path));
		if (key == NULL && is_section(path.p)) {
			if (!json_is_object(v) && !json_is_null(v))
				rc = (err_set("%s: '%s' must hold keys", name, path.p), -1);
			else
				rc = json_is_object(v) ? check_keys(v, path.p, name) : 0;
		} else if (key == NULL) {
			rc = unknown(path.p, name);
		} else if (has_one_value(key) && !json_is_null(v) && !same_value(v, key->rule)) {
			rc = (err_set("%s: %s is only supported as %s", name, path.p, key->rule),
			    -1);
		}
		if (rc < 0)
			break;
	}
	buf_release(&path);
	return rc;
}

/* ---- reading values ---------------------------------------------------------------------- */

/* What is being read, for messages. */
struct reader {
	const json_t *j;
	const char *name;
	int bad; /* an error has been left: later reads do nothing */
};

static const json_t *look(const struct reader *r, const char *path)
{
	const json_t *v = conf_get(r->j, path);

	return r->bad || v == NULL || json_is_null(v) ? NULL : v;
}

static void wrong(struct reader *r, const char *path, const char *want)
{
	err_set("%s: %s must be %s", r->name, path, want);
	r->bad = 1;
}

static uint64_t whole(struct reader *r, const char *path, uint64_t dflt)
{
	const json_t *v = look(r, path);

	if (v == NULL)
		return dflt;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return wrong(r, path, "a whole number from 0 up"), dflt;
	return (uint64_t)json_integer_value(v);
}

/* A whole number >= 1 and small enough for products of sizes. */
static size_t size(struct reader *r, const char *path, size_t dflt)
{
	uint64_t v = whole(r, path, dflt);

	if (!r->bad && look(r, path) != NULL && (v < 1 || v > INT32_MAX))
		wrong(r, path, "a whole number from 1 to 2^31-1");
	return (size_t)v;
}

static int64_t id(struct reader *r, const char *path)
{
	return look(r, path) == NULL ? -1 : (int64_t)whole(r, path, 0);
}

static double real(struct reader *r, const char *path, double dflt)
{
	const json_t *v = look(r, path);

	if (v == NULL)
		return dflt;
	if (!json_is_number(v) || !isfinite(json_number_value(v)) || json_number_value(v) < 0)
		return wrong(r, path, "a number from 0 up"), dflt;
	return json_number_value(v);
}

static int flag(struct reader *r, const char *path, int dflt)
{
	const json_t *v = look(r, path);

	if (v == NULL)
		return dflt;
	if (!json_is_boolean(v))
		return wrong(r, path, "true or false"), dflt;
	return json_is_true(v);
}

static const char *text(struct reader *r, const char *path, const char *dflt)
{
	const json_t *v = look(r, path);

	if (v == NULL)
		return dflt;
	if (!json_is_string(v))
		return wrong(r, path, "a string"), dflt;
	return json_string_value(v);
}

static char *text_copy(struct reader *r, const char *path)
{
	const char *s = text(r, path, NULL);

	return s != NULL ? xstrdup(s) : NULL;
}

/* A list of strings, or one string. */
static size_t texts(struct reader *r, const json_t *v, const char *path, char ***out)
{
	size_t n = json_is_string(v) ? 1 : json_array_size(v);

	*out = NULL;
	if (v == NULL || json_is_null(v) || r->bad)
		return 0;
	if (!json_is_string(v) && !json_is_array(v))
		return wrong(r, path, "a list of file names"), 0;
	*out = xcalloc(n + 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_string(v) ? v : json_array_get(v, i);
		if (!json_is_string(e))
			return wrong(r, path, "a list of file names"), i;
		(*out)[i] = xstrdup(json_string_value(e));
	}
	return n;
}

/* ---- sections ---------------------------------------------------------------------------- */

/* olmo, or olmo2 when norm_after and attention_layer_norm are there, or llama when neither is. */
static void read_family(struct config *c, struct reader *r)
{
	const char *type = text(r, "model.layer_norm_type", "default");
	int rms = strcmp(type, "rms") == 0, after = flag(r, "model.norm_after", 0);
	int qk = flag(r, "model.attention_layer_norm", 0);
	int affine = flag(r, "model.layer_norm_with_affine", rms);
	int bias = affine && flag(r, "model.bias_for_layer_norm", 0);

	c->arch.family = ARCH_OLMO;
	if (rms && after == qk) {
		c->arch.family = after ? ARCH_OLMO2 : ARCH_LLAMA;
		c->arch.plain = !affine;
		if (qk && flag(r, "model.attention_layer_norm_with_affine", 1) != affine)
			wrong(r, "model.attention_layer_norm_with_affine",
			    "what layer_norm_with_affine is");
		if (bias)
			wrong(r, "model.bias_for_layer_norm", "false beside layer_norm_type rms");
	} else if (rms || after || qk) {
		wrong(r, "model.layer_norm_type",
		    "'default' (OLMo), or 'rms' with both norm_after and "
		    "attention_layer_norm (OLMo 2) or neither (Llama)");
	} else if (strcmp(type, "default") != 0 && strcmp(type, "low_precision") != 0 &&
		   strcmp(type, "amd_compatible") != 0) {
		wrong(r, "model.layer_norm_type", "'default' or 'rms'");
	} else {
		c->arch.affine = affine;
		c->arch.bias = bias;
	}
}

static void read_model(struct config *c, struct reader *r)
{
	struct arch *a = &c->arch;

	c->has_model = conf_get(r->j, "model.d_model") != NULL;
	read_family(c, r);
	a->C = size(r, "model.d_model", 768);
	a->H = size(r, "model.n_heads", 12);
	a->L = size(r, "model.n_layers", 12);
	a->HKV = size(r, "model.n_kv_heads", flag(r, "model.multi_query_attention", 0) ? 1 : a->H);
	a->T = size(r, "model.max_sequence_length", 2048);
	size_t mlp = size(r, "model.mlp_hidden_size", size(r, "model.mlp_ratio", 8) * a->C);
	c->vocab_size = size(r, "model.vocab_size", 0);
	a->V = size(r, "model.embedding_size", c->vocab_size);
	a->tied = flag(r, "model.weight_tying", 1);
	a->rope_theta = real(r, "model.rope_theta", 10000);
	a->clip_qkv = real(r, "model.clip_qkv", 0);
	a->norm_eps =
	    real(r, "model.layer_norm_eps", a->family == ARCH_OLMO || a->plain ? 1e-5 : 1e-6);
	a->init_std = real(r, "model.init_std", 0.02);
	a->eos_id = id(r, "model.eos_token_id");
	a->pad_id = id(r, "model.pad_token_id");
	a->bos_id = -1;
	a->F = mlp / 2;
	if (r->bad)
		return;
	if (mlp % 2 != 0)
		wrong(r, "model.mlp_hidden_size", "even: half of it is the gate");
	else if (a->C % a->H != 0)
		wrong(r, "model.d_model", "a multiple of model.n_heads");
	else if (c->vocab_size > 0 && a->V < c->vocab_size)
		wrong(r, "model.embedding_size", "at least model.vocab_size");
	a->D = a->C / a->H;
}

static void read_init(struct config *c, struct reader *r)
{
	const char *fn = text(r, "model.init_fn", "mitchell");

	c->init = (struct params_init){.std = c->arch.init_std,
	    .cutoff = real(r, "model.init_cutoff_factor", 0),
	    .seed = c->seed,
	    .depth_scaled = c->loss == CONFIG_MEAN};
	if (!r->bad && params_scheme_of(fn, &c->init.scheme) < 0) {
		err_prefix("%s", r->name);
		r->bad = 1;
	}
}

static void read_optimizer(struct config *c, struct reader *r)
{
	const json_t *b = look(r, "optimizer.betas");

	const char *name = text(r, "optimizer.name", "adamw");

	c->optimizer = strcmp(name, "lionw") == 0 ? OPTIM_LION : OPTIM_ADAMW;
	if (c->optimizer == OPTIM_ADAMW && strcmp(name, "adamw") != 0)
		wrong(r, "optimizer.name", "'adamw' or 'lionw'");
	c->sched.peak = real(r, "optimizer.learning_rate", 1e-4);
	c->weight_decay = real(r, "optimizer.weight_decay", 0.1);
	c->eps = real(r, "optimizer.eps", 1e-5);
	c->decay_embeddings = flag(r, "optimizer.decay_embeddings", 0);
	c->decay_norm = flag(r, "optimizer.decay_norm_and_bias", 0);
	c->selective = flag(r, "optimizer.selective_updates", 0);
	c->metrics_interval = whole(r, "optimizer.metrics_log_interval", 0);
	c->spike_sigma = real(r, "optimizer.sigma_factor", 0);
	c->spike_window = size(r, "optimizer.rolling_interval_length", 128);
	if (c->spike_window < 4 || c->spike_window > 1000000)
		wrong(r, "optimizer.rolling_interval_length", "from 4 to 1000000 steps");
	c->beta1 = 0.9;
	c->beta2 = 0.95;
	if (b == NULL)
		return;
	c->beta1 = json_number_value(json_array_get(b, 0));
	c->beta2 = json_number_value(json_array_get(b, 1));
	if (json_array_size(b) != 2 ||
	    !(c->beta1 >= 0 && c->beta1 < 1 && c->beta2 >= 0 && c->beta2 < 1))
		wrong(r, "optimizer.betas", "two numbers from 0 to below 1");
}

static void read_scheduler(struct config *c, struct reader *r)
{
	struct schedule *s = &c->sched;
	const char *units = text(r, "scheduler.units", "steps");

	if (!r->bad &&
	    schedule_kind_of(text(r, "scheduler.name", "cosine_with_warmup"), &s->kind) < 0) {
		err_prefix("%s", r->name);
		r->bad = 1;
	}
	s->in_tokens = strcmp(units, "tokens") == 0;
	if (!s->in_tokens && strcmp(units, "steps") != 0)
		wrong(r, "scheduler.units", "'steps' or 'tokens'");
	s->warmup = real(r, "scheduler.t_warmup", 100);
	s->t_max = real(r, "scheduler.t_max", 0);
	s->decay = real(r, "scheduler.t_decay", 0);
	if (s->decay < 0)
		wrong(r, "scheduler.t_decay", "0 (no decay) or more");
	s->alpha_f = real(r, "scheduler.alpha_f", 0.1);
	s->warmup_min_lr = real(r, "scheduler.warmup_min_lr", -1);
	s->v024 = c->loss == CONFIG_MEAN;
	s->clip_steps = real(r, "scheduler.grad_clip_warmup_steps", 0);
	s->clip_factor = real(r, "scheduler.grad_clip_warmup_factor", 0);
	if (s->clip_factor == 0)
		s->clip_steps = 0;
	s->max_grad_norm = real(r, "max_grad_norm", 0);
	c->clip_ratio = real(r, "max_grad_norm_ratio", 0);
}

static void read_data(struct config *c, struct reader *r)
{
	const char *dtype = text(r, "data.memmap_dtype", "uint16");

	c->n_path = texts(r, look(r, "data.paths"), "data.paths", &c->paths);
	c->n_mask =
	    texts(r, look(r, "data.label_mask_paths"), "data.label_mask_paths", &c->mask_paths);
	c->order = text_copy(r, "data.order");
	c->drop_last = flag(r, "data.drop_last", 1);
	c->pad_mask = flag(r, "data.generate_attention_mask", 0);
	c->doc_lengths = flag(r, "data.generate_doc_lengths", 0);
	if (look(r, "data.instance_filter") != NULL) {
		c->repeat_max_period = size(r, "data.instance_filter.repetition_max_period", 13);
		c->repeat_min_period = size(r, "data.instance_filter.repetition_min_period", 1);
		c->repeat_count = size(r, "data.instance_filter.repetition_max_count", 32);
	}
	c->data_seed = whole(r, "data.seed", c->seed);
	c->tokenizer = text_copy(r, "tokenizer.identifier");
	c->width = strcmp(dtype, "uint32") == 0 ? 4 : 2;
	if (c->width == 2 && strcmp(dtype, "uint16") != 0)
		wrong(r, "data.memmap_dtype", "'uint16' or 'uint32'");
	if (c->n_mask > 0 && c->n_mask != c->n_path)
		wrong(r, "data.label_mask_paths", "as many files as data.paths");
}

/* 20, "20", "2ep", "2e9T" */
static void read_duration(struct config *c, struct reader *r)
{
	const json_t *v = look(r, "max_duration");
	const char *s = json_string_value(v);
	size_t n = s != NULL ? strlen(s) : 0;
	static const char want[] =
	    "a number of steps, epochs (\"2ep\") or tokens (\"2e12T\"); 0 only of steps";

	c->max_steps = c->max_epochs = 0;
	c->max_tokens = 0;
	if (v == NULL) {
		c->max_steps = 10000;
	} else if (json_is_number(v)) {
		double d = json_number_value(v);
		if (d != floor(d) || d < 0 || d > 9e15)
			wrong(r, "max_duration", want);
		else
			c->max_steps = (uint64_t)d;
	} else if (n > 2 && strcmp(s + n - 2, "ep") == 0) {
		char *t = xstrndup(s, n - 2);
		if (num_u64(t, 1, UINT32_MAX, &c->max_epochs) < 0)
			wrong(r, "max_duration", want);
		free(t);
	} else if (n > 1 && s[n - 1] == 'T') {
		char *t = xstrndup(s, n - 1);
		if (num_f64(t, &c->max_tokens) < 0 || !(c->max_tokens > 0))
			wrong(r, "max_duration", want);
		free(t);
	} else if (s == NULL || num_u64(s, 0, INT64_MAX, &c->max_steps) < 0) {
		wrong(r, "max_duration", want);
	}
}

static int64_t keep_count(struct reader *r, const char *path)
{
	const json_t *v = look(r, path);

	if (v == NULL)
		return -1;
	if (!json_is_integer(v) || json_integer_value(v) < -1)
		return wrong(r, path, "-1 (all) or a number of checkpoints"), -1;
	return json_integer_value(v);
}

static int divides(uint64_t a, uint64_t b)
{
	return a > 0 && b % a == 0;
}

static void read_saving(struct revs_keep *k, struct reader *r)
{
	k->interval = whole(r, "save_interval", 0);
	k->n = keep_count(r, "save_num_checkpoints_to_keep");
	k->unsharded = whole(r, "save_interval_unsharded", 0);
	k->n_unsharded = keep_count(r, "save_num_unsharded_checkpoints_to_keep");
	k->ephemeral = whole(r, "save_interval_ephemeral", 0);
	k->forever = whole(r, "save_keep_interval", 0);
	if (k->forever > 0 && !divides(k->interval, k->forever) &&
	    !divides(k->unsharded, k->forever))
		wrong(r, "save_keep_interval",
		    "a multiple of save_interval or save_interval_unsharded");
}

static void read_loop(struct config *c, struct reader *r)
{
	read_duration(c, r);
	c->batch = size(r, "global_train_batch_size", 512);
	c->micro = size(r, "device_train_microbatch_size", 16);
	c->stop_at = whole(r, "stop_at", 0);
	read_saving(&c->keep, r);
	c->save_first = !flag(r, "no_pre_train_checkpoint", 1);
	if (!r->bad &&
	    net_recompute_of(text(r, "activation_checkpointing", "null"), &c->recompute) < 0) {
		err_prefix("%s", r->name);
		r->bad = 1;
	}
	c->save_indices = flag(r, "save_data_indices", 1);
	c->console_interval = whole(r, "console_log_interval", 1);
	c->eval_interval = whole(r, "eval_interval", 1000);
	c->pue = real(r, "energy.pue", 1.1);
	c->kg_co2 = real(r, "energy.kg_co2_per_kwh", 0.610);
	c->precision = text_copy(r, "precision");
	c->load_path = text_copy(r, "load_path");
	if (c->micro > c->batch)
		c->micro = c->batch;
}

static void read_loss(struct config *c, struct reader *r)
{
	const char *rule = text(r, "rules", "v0.2.4");

	c->loss = strcmp(rule, "head") == 0 ? CONFIG_TOKENS : CONFIG_MEAN;
	if (c->loss == CONFIG_MEAN && strcmp(rule, "v0.2.4") != 0)
		wrong(r, "rules", "'v0.2.4' or 'head'");
	if (flag(r, "softmax_auxiliary_loss", 0))
		c->z_coef = real(r, "auxiliary_loss_multiplier", 1e-4);
}

/* ---- evaluators -------------------------------------------------------------------------- */

static void add_eval(
    struct config *c, struct reader *r, const char *label, const json_t *paths, const json_t *ev)
{
	const json_t *b = json_object_get(ev, "device_eval_batch_size");
	const json_t *n = json_object_get(ev, "subset_num_batches");
	const json_t *all = look(r, "eval_subset_num_batches");

	c->eval = xreallocarray(c->eval, c->n_eval + 1, sizeof(*c->eval));
	struct config_eval *e = &c->eval[c->n_eval++];
	memset(e, 0, sizeof(*e));
	e->label = xstrdup(label);
	e->n_path = texts(r, paths, "evaluators: data.paths", &e->paths);
	e->batch = size(r, "device_eval_batch_size", c->micro);
	if (json_is_integer(b) && json_integer_value(b) > 0)
		e->batch = (size_t)json_integer_value(b);
	e->batches = json_is_integer(n)     ? json_integer_value(n)
		     : json_is_integer(all) ? json_integer_value(all)
					    : -1;
	if (!r->bad && e->n_path == 0)
		wrong(r, "evaluators: data", "paths, or datasets with paths");
}

static int by_text(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

/* data.datasets {label: [paths]}, labels in alphabetical order as OLMo takes them */
static void add_datasets(struct config *c, struct reader *r, const json_t *sets, const json_t *ev)
{
	size_t n = 0;
	const char **labels = xcalloc(json_object_size(sets) + 1, sizeof(*labels)), *k;
	json_t *v;

	json_object_foreach((json_t *)sets, k, v) labels[n++] = k;
	qsort(labels, n, sizeof(*labels), by_text);
	for (size_t i = 0; i < n; i++)
		add_eval(c, r, labels[i], json_object_get(sets, labels[i]), ev);
	free(labels);
}

static void read_evaluators(struct config *c, struct reader *r)
{
	const json_t *list = look(r, "evaluators");

	for (size_t i = 0; i < json_array_size(list) && !r->bad; i++) {
		const json_t *ev = json_array_get(list, i), *data = json_object_get(ev, "data");
		const char *type = json_string_value(json_object_get(ev, "type"));
		const char *label = json_string_value(json_object_get(ev, "label"));
		const json_t *sets = json_object_get(data, "datasets");
		if (label == NULL)
			wrong(r, "evaluators", "a list of {label, type, data}");
		else if (type != NULL && strcmp(type, "downstream") == 0)
			warn("%s: evaluator '%s' is left out: downstream tasks are run by catwalk "
			     "on a "
			     "checkpoint",
			    r->name, label);
		else if (type != NULL && strcmp(type, "lm") != 0)
			wrong(r, "evaluators: type", "'lm' or 'downstream'");
		else if (json_is_object(sets))
			add_datasets(c, r, sets, ev);
		else
			add_eval(c, r, label, json_object_get(data, "paths"), ev);
	}
}

/* ---- the whole --------------------------------------------------------------------------- */

int config_read(struct config *c, const json_t *j, const char *name)
{
	struct reader r = {.j = j, .name = name};

	memset(c, 0, sizeof(*c));
	if (!json_is_object(j))
		return err_set("%s: not a mapping of keys to values", name), -1;
	if (check_keys(j, "", name) < 0)
		return -1;
	c->seed = whole(&r, "seed", 6198);
	read_loss(c, &r);
	read_model(c, &r);
	read_init(c, &r);
	read_optimizer(c, &r);
	read_scheduler(c, &r);
	read_data(c, &r);
	read_loop(c, &r);
	read_evaluators(c, &r);
	if (r.bad) {
		config_release(c);
		return -1;
	}
	return 0;
}

static void free_texts(char **s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(s[i]);
	free(s);
}

const char *config_products(const struct config *c)
{
	if (c->precision == NULL || strcmp(c->precision, "fp32") == 0)
		return "fp32";
	if (strcmp(c->precision, "amp_bf16") == 0 || strcmp(c->precision, "bf16") == 0)
		return "bf16";
	return NULL;
}

void config_release(struct config *c)
{
	free_texts(c->paths, c->n_path);
	free_texts(c->mask_paths, c->n_mask);
	for (size_t i = 0; i < c->n_eval; i++) {
		free(c->eval[i].label);
		free_texts(c->eval[i].paths, c->eval[i].n_path);
	}
	free(c->eval);
	free(c->order);
	free(c->tokenizer);
	free(c->load_path);
	free(c->precision);
	memset(c, 0, sizeof(*c));
}

json_t *config_portable(const json_t *j)
{
	static const char *const places[] = {"run_name", "save_folder", "load_path", "evaluators",
	    "tokenizer", "wandb", "remote_save_folder", "time_limit", "console_log_interval",
	    "energy"};
	json_t *p = json_deep_copy(j), *data = json_object_get(p, "data");
	const char *order = json_string_value(json_object_get(data, "order"));

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		json_object_del(p, places[i]);
	json_object_del(data, "paths");
	json_object_del(data, "label_mask_paths");
	if (order != NULL && strcmp(order, "olmo") != 0 && strcmp(order, "feistel") != 0 &&
	    strcmp(order, "sequential") != 0)
		json_object_set_new(data, "order", json_string("file"));
	return p;
}
