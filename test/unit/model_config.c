/* layers: model kernels tok doc io base */
/* config, arch: what is read from OLMo's configs and from config.json, what is refused and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/conf.h"
#include "model/arch.h"
#include "model/config.h"

static int read_text(struct config *c, const char *text)
{
	json_t *j = conf_parse(text, strlen(text), "c.yaml");

	if (j == NULL)
		fail_msg("%s", err_msg());
	int rc = config_read(c, j, "c.yaml");
	json_decref(j);
	return rc;
}

/* The official OLMo-1B config, shortened to the kinds of keys it has. */
static const char olmo_1b[] =
    "run_name: OLMo-1B\nseed: 6198\ndry_run: false\n"
    "wandb:\n  name: ${run_name}\n  project: olmo-small\n"
    "model:\n  d_model: 2048\n  n_heads: 16\n  n_layers: 16\n  mlp_ratio: 8\n  weight_tying: "
    "true\n"
    "  alibi: false\n  rope: true\n  flash_attention: false\n  attention_dropout: 0.0\n"
    "  attention_layer_norm: false\n  multi_query_attention: false\n  include_bias: false\n"
    "  block_type: sequential\n  layer_norm_type: default\n  layer_norm_with_affine: false\n"
    "  bias_for_layer_norm: false\n  attention_layer_norm_with_affine: false\n"
    "  activation_type: swiglu\n  residual_dropout: 0.0\n  embedding_dropout: 0.0\n"
    "  max_sequence_length: 2048\n  vocab_size: 50280\n  embedding_size: 50304\n"
    "  eos_token_id: 50279\n  pad_token_id: 1\n  init_device: meta\n  init_fn: mitchell\n"
    "compile: null\n"
    "optimizer:\n  name: adamw\n  learning_rate: 4.0e-4\n  weight_decay: 0.1\n"
    "  betas:\n  - 0.9\n  - 0.95\n  metrics_log_interval: 10\n"
    "scheduler:\n  name: cosine_with_warmup\n  t_warmup: 2000\n  alpha_f: 0.1\n"
    "tokenizer:\n  identifier: tokenizers/x.json\n  truncate_direction: right\n"
    "save_folder: x\nsave_overwrite: false\nsave_interval: 1000\nsave_num_checkpoints_to_keep: 9\n"
    "save_interval_unsharded: 10000\nsave_num_unsharded_checkpoints_to_keep: -1\nload_path: null\n"
    "max_duration: 739_328\nglobal_train_batch_size: 2048\ndevice_train_microbatch_size: 8\n"
    "precision: amp_bf16\nfsdp:\n  wrapping_strategy: null\n  precision: mixed\n"
    "max_grad_norm: 1.0\nmax_grad_norm_ratio: null\nspeed_monitor:\n  window_size: 20\n"
    "eval_interval: 1000\neval_subset_num_batches: -1\ndevice_eval_batch_size: 8\n"
    "evaluators:\n- label: v3\n  data:\n    num_workers: 0\n    drop_last: true\n    datasets:\n"
    "      b-validation: [b.npy]\n      a-validation: [a0.npy, a1.npy]\n"
    "data:\n  pad_direction: right\n  num_workers: 0\n  drop_last: true\n  pin_memory: true\n"
    "  prefetch_factor: 16\n  persistent_workers: true\n  timeout: 0\n  paths: [x.npy, y.npy]\n";

static void official_config_is_misread(void **state)
{
	struct config c;

	(void)state;
	if (read_text(&c, olmo_1b) < 0)
		fail_msg("%s", err_msg());
	assert_int_equal(c.arch.C, 2048);
	assert_int_equal(c.arch.H, 16);
	assert_int_equal(c.arch.HKV, 16);
	assert_int_equal(c.arch.D, 128);
	assert_int_equal(c.arch.L, 16);
	assert_int_equal(c.arch.F, 8192);
	assert_int_equal(c.arch.V, 50304);
	assert_int_equal(c.arch.T, 2048);
	assert_int_equal(c.arch.eos_id, 50279);
	assert_int_equal(c.arch.pad_id, 1);
	assert_true(c.arch.tied && c.arch.family == ARCH_OLMO);
	assert_int_equal(c.vocab_size, 50280);
	assert_int_equal(c.init.scheme, PARAMS_MITCHELL);
	assert_true(
	    c.sched.peak == 4e-4 && c.sched.warmup == 2000 && c.sched.kind == SCHEDULE_COSINE);
	assert_true(c.weight_decay == 0.1 && c.beta2 == 0.95 && c.eps == 1e-5);
	assert_int_equal(c.max_steps, 739328);
	assert_int_equal(c.batch, 2048);
	assert_int_equal(c.micro, 8);
	assert_int_equal(c.keep.interval, 1000);
	assert_int_equal(c.keep.n, 9);
	assert_int_equal(c.keep.unsharded, 10000);
	assert_int_equal(c.keep.n_unsharded, -1);
	assert_int_equal(c.metrics_interval, 10);
	assert_int_equal(c.n_path, 2);
	assert_string_equal(c.paths[1], "y.npy");
	assert_string_equal(c.precision, "amp_bf16");
	assert_int_equal(c.n_eval, 2);
	assert_string_equal(c.eval[0].label, "a-validation");
	assert_int_equal(c.eval[0].n_path, 2);
	assert_int_equal(c.loss, CONFIG_MEAN);
	config_release(&c);
}

/* Number of parameters of the released models (reference: 1,176,764,416 and 6,888,095,744). */
static void parameters_are_miscounted(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(read_text(&c, olmo_1b), 0);
	struct params *p = params_new(&c.arch);
	assert_int_equal(p->n_float, 1176764416);
	params_free(p);
	config_release(&c);
	assert_int_equal(read_text(&c, "model: {d_model: 4096, n_heads: 32, n_layers: 32, "
				       "mlp_hidden_size: 22016, weight_tying: false, vocab_size: "
				       "50280, embedding_size: 50304}"),
	    0);
	p = params_new(&c.arch);
	assert_int_equal(p->n_float, 6888095744);
	params_free(p);
	config_release(&c);
}

static void wrong_config_is_taken(void **state)
{
	static const char *const bad[][2] = {
	    {"max_grad_nrom: 1", "unknown key 'max_grad_nrom' (did you mean 'max_grad_norm'?)"},
	    {"optimizer: {lerning_rate: 1}", "did you mean 'optimizer.learning_rate'?"},
	    {"model: {alibi: true}", "model.alibi is only supported as false"},
	    {"model: {include_bias: true}", "model.include_bias"},
	    {"model: {attention_dropout: 0.1}",
		"model.attention_dropout is only supported as 0.0"},
	    {"model: {activation_type: gelu}", "activation_type"},
	    {"optimizer: {name: sgd}", "optimizer.name must be 'adamw' or 'lionw'"},
	    {"optimizer: {rolling_interval_length: 2}", "from 4 to 1000000"},
	    {"activation_checkpointing: half", "activation_checkpointing: 'half' is none of"},
	    {"data: {instance_filter: {repetition_max_count: 0}}", "repetition_max_count must be"},
	    {"data: {instance_filter: {max_count: 1}}", "unknown key"},
	    {"max_grad_norm_ratio: x", "max_grad_norm_ratio must be"},
	    {"model: {d_model: 30, n_heads: 4}", "multiple of model.n_heads"},
	    {"model: {mlp_hidden_size: 33}", "even"},
	    {"model: {d_model: -2}", "model.d_model must be a whole number"},
	    {"model: {d_model: x}", "model.d_model must be"},
	    {"model: {vocab_size: 10, embedding_size: 9}", "at least model.vocab_size"},
	    {"model: {layer_norm_type: rms, norm_after: true}", "model.layer_norm_type must be"},
	    {"model: {layer_norm_type: rms, norm_after: true, attention_layer_norm: true, "
	     "layer_norm_with_affine: false}",
		"model.attention_layer_norm_with_affine must be"},
	    {"model: {layer_norm_type: rms, bias_for_layer_norm: true}",
		"model.bias_for_layer_norm must be"},
	    {"scheduler: {name: cosine}", "scheduler.name: 'cosine' is none of"},
	    {"model: {init_fn: xavier}", "init_fn: 'xavier' is none of"},
	    {"optimizer: {betas: [0.9]}", "betas"},
	    {"optimizer: {betas: [0.9, 1.0]}", "betas"},
	    {"optimizer: {learning_rate: fast}", "learning_rate must be a number"},
	    {"max_duration: 1.5", "max_duration must be"},
	    {"max_duration: 0ep", "max_duration must be"},
	    {"max_duration: twelve", "max_duration must be"},
	    {"rules: v1", "rules must be"},
	    {"data: {paths: 3}", "data.paths must be a list"},
	    {"data: {paths: [a], label_mask_paths: [a, b]}", "as many files"},
	    {"data: {memmap_dtype: int8}", "memmap_dtype"},
	    {"save_num_checkpoints_to_keep: -2", "save_num_checkpoints_to_keep"},
	    {"model: 3", "'model' must hold keys"},
	    {"evaluators: [{type: lm}]", "evaluators must be"},
	    {"[1, 2]", "not a mapping"},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_text(&c, bad[i][0]) == 0)
			fail_msg("taken: %s", bad[i][0]);
		if (strstr(err_msg(), bad[i][1]) == NULL || strncmp(err_msg(), "c.yaml: ", 8) != 0)
			fail_msg("%s: expected '%s', got: %s", bad[i][0], bad[i][1], err_msg());
	}
}

static void durations_are_misread(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(read_text(&c, "max_duration: 2ep"), 0);
	assert_int_equal(c.max_epochs, 2);
	config_release(&c);
	assert_int_equal(read_text(&c, "max_duration: 2e12T"), 0);
	assert_true(c.max_tokens == 2e12 && c.max_steps == 0);
	config_release(&c);
	assert_int_equal(read_text(&c, "max_duration: '20'"), 0);
	assert_int_equal(c.max_steps, 20);
	config_release(&c);
}

static void family_is_misread(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(
	    read_text(&c, "model: {layer_norm_type: rms, norm_after: true, "
			  "attention_layer_norm: true, layer_norm_with_affine: true}"),
	    0);
	assert_int_equal(c.arch.family, ARCH_OLMO2);
	config_release(&c);
	assert_int_equal(
	    read_text(&c, "model: {layer_norm_type: rms, layer_norm_eps: 1.0e-6}"), 0);
	assert_int_equal(c.arch.family, ARCH_LLAMA);
	assert_true(c.arch.norm_eps == 1e-6 && !c.arch.plain);
	config_release(&c);
	assert_int_equal(
	    read_text(&c, "model: {layer_norm_type: rms, layer_norm_with_affine: false}"), 0);
	assert_true(c.arch.family == ARCH_LLAMA && c.arch.plain && c.arch.norm_eps == 1e-5);
	config_release(&c);
	assert_int_equal(
	    read_text(&c, "model: {layer_norm_type: rms, norm_after: true, "
			  "attention_layer_norm: true, layer_norm_with_affine: false, "
			  "attention_layer_norm_with_affine: false}"),
	    0);
	assert_true(c.arch.family == ARCH_OLMO2 && c.arch.plain);
	config_release(&c);
	assert_int_equal(read_text(&c, "model: {layer_norm_with_affine: true}"), 0);
	assert_true(c.arch.family == ARCH_OLMO && c.arch.affine && !c.arch.bias);
	config_release(&c);
	assert_int_equal(
	    read_text(&c, "model: {layer_norm_with_affine: true, bias_for_layer_norm: true}"), 0);
	assert_true(c.arch.affine && c.arch.bias && arch_is_native(&c.arch));
	config_release(&c);
	/* without weights there are no biases */
	assert_int_equal(read_text(&c, "model: {bias_for_layer_norm: true, clip_qkv: 8}"), 0);
	assert_true(!c.arch.affine && !c.arch.bias && !arch_is_native(&c.arch));
	config_release(&c);
	assert_int_equal(read_text(&c, "model: {layer_norm_type: rms, clip_qkv: 8}"), 0);
	assert_true(c.arch.clip_qkv == 8 && arch_is_native(&c.arch));
	config_release(&c);
}

/* What is written for a model that only OLMo's package has is read as the same model. */
static void hf_olmo_is_not_read_back(void **state)
{
	static const char *const models[] = {
	    "layer_norm_with_affine: true, bias_for_layer_norm: true, weight_tying: false",
	    "layer_norm_with_affine: true, clip_qkv: 2.5, n_kv_heads: 2, eos_token_id: 3",
	    "layer_norm_type: rms, clip_qkv: 8, rope_theta: 500000, layer_norm_eps: 1.0e-6",
	    "layer_norm_type: rms, clip_qkv: 8, layer_norm_with_affine: false",
	    "layer_norm_type: rms, clip_qkv: 8, norm_after: true, attention_layer_norm: true"};

	(void)state;
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		char *text = xasprintf("model: {d_model: 32, n_heads: 4, n_layers: 2, vocab_size: "
				       "64, mlp_hidden_size: 96, %s}",
		    models[i]);
		struct config c;
		struct arch a;
		assert_int_equal(read_text(&c, text), 0);
		json_t *j = arch_json(&c.arch);
		assert_non_null(j);
		assert_string_equal(
		    json_string_value(json_object_get(j, "model_type")), "hf_olmo");
		if (arch_from_json(&a, j, "config.json") < 0)
			fail_msg("%s: %s", models[i], err_msg());
		assert_memory_equal(&a, &c.arch, sizeof(a));
		json_decref(j);
		config_release(&c);
		free(text);
	}
}

/* ---- config.json ------------------------------------------------------------------------ */

static int arch_text(struct arch *a, const char *text)
{
	json_t *j = json_loads(text, 0, NULL);
	assert_non_null(j);
	int rc = arch_from_json(a, j, "config.json");
	json_decref(j);
	return rc;
}

#define SIZES                                                                                     \
	"\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"                   \
	"\"intermediate_size\":96,\"vocab_size\":100,\"max_position_embeddings\":32"

static void both_forms_are_not_read(void **state)
{
	struct arch a, b;

	(void)state;
	assert_int_equal(
	    arch_text(&a, "{\"model_type\":\"olmo\"," SIZES ",\"rope_theta\":5000.0,"
			  "\"rope_scaling\":null,\"torch_dtype\":\"float32\",\"eos_token_id\":3}"),
	    0);
	assert_int_equal(
	    arch_text(&b, "{\"model_type\":\"olmo\"," SIZES ",\"dtype\":\"float32\","
			  "\"rope_parameters\":{\"rope_theta\":5000.0,\"rope_type\":\"default\"},"
			  "\"eos_token_id\":3,\"pad_token_id\":null}"),
	    0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(
	    a.rope_theta == 5000 && a.HKV == 4 && a.D == 16 && a.eos_id == 3 && a.pad_id == -1);
	json_t *j = arch_json(&a);
	assert_int_equal(arch_from_json(&b, j, "again"), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	json_decref(j);
}

static void unsupported_model_is_taken(void **state)
{
	static const char *const bad[][2] = {
	    {"{\"model_type\":\"gpt2\"," SIZES "}", "model_type 'gpt2'"},
	    {"{\"model_type\":\"olmo\"}", "no 'hidden_size'"},
	    {"{\"model_type\":\"hf_olmo\"," SIZES "}", "no 'd_model'"},
	    {"{\"model_type\":\"hf_olmo\",\"d_model\":8}", "no 'vocab_size'"},
	    {"{\"model_type\":\"hf_olmo\",\"d_model\":8,\"n_heads\":2,\"vocab_size\":8,"
	     "\"include_bias\":true}",
		"include_bias"},
	    {"{" SIZES "}", "no 'model_type'"},
	    {"{\"model_type\":\"olmo\",\"attention_bias\":true," SIZES "}", "attention_bias"},
	    {"{\"model_type\":\"olmo\",\"hidden_act\":\"gelu\"," SIZES "}", "hidden_act 'gelu'"},
	    {"{\"model_type\":\"olmo\",\"attention_dropout\":0.1," SIZES "}", "attention_dropout"},
	    {"{\"model_type\":\"llama\",\"rope_scaling\":{\"rope_type\":\"llama3\"}," SIZES "}",
		"rope_type 'llama3'"},
	    {"{\"model_type\":\"olmo\",\"rope_scaling\":{\"type\":\"linear\"}," SIZES "}",
		"rope_type 'linear'"},
	    {"{\"model_type\":\"olmo\",\"num_key_value_heads\":3," SIZES "}", "cannot share"},
	    {"{\"model_type\":\"olmo\",\"head_dim\":7," SIZES "}", "even"},
	    {"{\"model_type\":\"olmo\",\"eos_token_id\":100," SIZES "}", "embedding rows"},
	    {"{\"model_type\":\"olmo\",\"tie_word_embeddings\":1," SIZES "}",
		"neither true nor false"},
	};
	struct arch a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (arch_text(&a, bad[i][0]) == 0)
			fail_msg("taken: %s", bad[i][0]);
		if (strstr(err_msg(), bad[i][1]) == NULL)
			fail_msg("%s: expected '%s', got: %s", bad[i][0], bad[i][1], err_msg());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(official_config_is_misread),
	    cmocka_unit_test(parameters_are_miscounted),
	    cmocka_unit_test(wrong_config_is_taken),
	    cmocka_unit_test(durations_are_misread),
	    cmocka_unit_test(family_is_misread),
	    cmocka_unit_test(hf_olmo_is_not_read_back),
	    cmocka_unit_test(both_forms_are_not_read),
	    cmocka_unit_test(unsupported_model_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
