/* setup: everything a run needs before memory is allocated: the config made whole from tokenizer,
 * token files and first weights, and checked against them.
 *
 *	struct setup s;
 *	if (setup_open(&s, config_json, "conf.yaml") < 0) …
 *	setup_close(&s);
 *
 * Filled in where the config is silent: the architecture (from load_path), the embedding rows (the
 * tokenizer's ids, rounded up to a multiple of 128), eos_token_id (from the token files).
 * Refused: token files made with another tokenizer than tokenizer.identifier, ids beyond the
 * embedding, an EOS id that differs from the files', fewer instances than one batch.
 */
#ifndef OLMO_MODEL_SETUP_H
#define OLMO_MODEL_SETUP_H

#include <jansson.h>
#include <stdint.h>

#include "model/config.h"
#include "model/loader.h"

struct setup_eval {
	const char *label;
	struct loader *data;
	uint64_t n_inst; /* instances to score */
};

struct setup {
	json_t *json; /* the config as given, overrides applied */
	struct config c;
	char *tokenizer; /* path of tokenizer.json, or NULL */
	struct loader *data;
	char data_hash[33];   /* of the token files */
	uint64_t epoch_steps; /* steps in an epoch */
	uint64_t last;        /* the planned end, in steps */
	double schedule_end;  /* M of schedule_lr: steps or tokens */
	struct setup_eval *eval;
	size_t n_eval;
};

int setup_open(struct setup *s, const json_t *config, const char *name);
void setup_close(struct setup *s);

#endif
