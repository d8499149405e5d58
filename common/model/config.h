/* config: what to train and how, in OLMo's names.
 *
 *	json_t *j = conf_load("olmo-1b.yaml");		overrides: conf_set(j, "a.b=c")
 *	struct config c;
 *	if (config_read(&c, j, "olmo-1b.yaml") < 0) …
 *	config_release(&c);
 *
 * Every key that OLMo's TrainConfig has is known.  Keys that only say how the original runs
 * (wandb, fsdp, compile, workers …) are accepted without effect; keys that would change the
 * numbers in a way that is not implemented must have the value that leaves them as they are,
 * else the message names them.  Any other key is an error that names the nearest known one.
 *
 * Keys of ours: data.order (olmo, feistel, sequential or an order file; default olmo),
 * optimizer.sigma_factor and rolling_interval_length (spike.h), energy.pue and
 * energy.kg_co2_per_kwh (energy.h), rules (see below).  Absent model keys mean OLMo's released architecture, not the GPT-2
 * defaults of the original's ModelConfig.
 */
#ifndef OLMO_MODEL_CONFIG_H
#define OLMO_MODEL_CONFIG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "model/arch.h"
#include "model/net.h"
#include "model/optim.h"
#include "model/params.h"
#include "model/revs.h"
#include "model/schedule.h"

/*
 * Whose rules: of the code that made the released models, or of the last version (key rules).
 * How the losses of a batch become one number:
 *	CONFIG_MEAN   "v0.2.4": mean over the predicted tokens of a microbatch, mean over
 *	              microbatches (the released models)
 *	CONFIG_TOKENS "head": sum over the batch / (instances x length), all positions counted
 * z-loss follows: over all positions (v0.2.4), or over the predicted ones (head).  init_fn normal
 * divides ff_out by sqrt(2 L) under v0.2.4 only.
 */
enum config_loss { CONFIG_MEAN, CONFIG_TOKENS };

struct config_eval {
	char *label; /* name of the dataset: eval/LABEL/CrossEntropyLoss */
	char **paths;
	size_t n_path;
	size_t batch;    /* instances a batch */
	int64_t batches; /* subset_num_batches, -1 = all */
};

struct config {
	int has_model;     /* the config has a section model */
	struct arch arch;  /* V = 0: take it from the tokenizer */
	size_t vocab_size; /* ids that may occur, 0 = unknown */
	struct params_init init;
	struct schedule sched;
	enum optim_kind optimizer;
	double beta1, beta2, eps, weight_decay;
	int decay_embeddings, decay_norm, selective;
	double clip_ratio;   /* max_grad_norm_ratio, 0 = none; wins over max_grad_norm */
	double spike_sigma;  /* optimizer.sigma_factor, 0 = no step is skipped */
	size_t spike_window; /* optimizer.rolling_interval_length */
	enum net_recompute recompute;
	enum config_loss loss;
	double z_coef; /* 0 = no z-loss */
	uint64_t seed, data_seed;

	char **paths, **mask_paths;
	size_t n_path, n_mask;
	char *order;    /* NULL = olmo */
	unsigned width; /* bytes an id in raw files */
	int drop_last;
	int pad_mask;    /* data.generate_attention_mask */
	int doc_lengths; /* data.generate_doc_lengths: attention inside documents */
	/* data.instance_filter, of periodic.h; repeat_count 0 = none */
	size_t repeat_min_period, repeat_max_period, repeat_count;
	char *tokenizer; /* tokenizer.identifier or NULL */
	char *load_path; /* Hugging Face directory with the first weights, or NULL */

	uint64_t max_steps, max_epochs; /* one is > 0 ... */
	double max_tokens;              /* ... of the three */
	uint64_t stop_at;               /* 0 = none */
	size_t batch, micro;            /* instances */
	struct revs_keep keep;          /* save_interval, save_num_checkpoints_to_keep .. */
	int save_first;                 /* a checkpoint of step 0 */
	int save_indices;
	uint64_t console_interval;
	uint64_t metrics_interval; /* per-tensor metrics, 0 = none */
	uint64_t eval_interval;
	struct config_eval *eval;
	size_t n_eval;
	double pue, kg_co2; /* of energy.h: energy.pue, energy.kg_co2_per_kwh */
	char *precision;    /* as written, or NULL */
};

int config_read(struct config *c, const json_t *j, const char *name);
void config_release(struct config *c);
/* Is model.KEY a key of OLMo's ModelConfig? */
int config_has_model_key(const char *key);
/* How the products are computed, "fp32" or "bf16" (kernels.h): the key precision, fp32 when it is
 * not there; NULL for one that is not known. */
const char *config_products(const struct config *c);
/* A copy of j without what only says where things are (for manifests): new reference. */
json_t *config_portable(const json_t *j);

#endif
