/* ckpt: checkpoints of a run (olmo-run(5)).
 *
 *	RUN/step00001000/	a Hugging Face directory: config.json, generation_config.json,
 *				model.safetensors (fp32 master weights), tokenizer files
 *		trainer/	state.json, optimizer.safetensors (exp_avg.NAME, exp_avg_sq.NAME)
 *		trainer/temporary	empty file: saved because the run was stopped; the next
 *				checkpoint removes the directory
 *		trainer/ephemeral	empty file: saved for a restart only, likewise
 *	RUN/latest -> step00001000
 *
 *	ckpt_clean(run);				what a killed process left
 *	if (ckpt_latest(run, &step) > 0)
 *		ckpt_load(&k, run, step);		fills w, m, v and state
 *	ckpt_save(&k, run, CKPT_DUE);
 *
 * Index, names and retention: revs.h.
 *
 * A step directory is written beside its name (.step00001000.PID.tmp), made durable, and renamed:
 * it is whole or not there.  Removing one renames it away first.
 */
#ifndef OLMO_MODEL_CKPT_H
#define OLMO_MODEL_CKPT_H

#include <stddef.h>
#include <stdint.h>

#include "model/params.h"

struct spike;

struct ckpt_state {
	uint64_t step;
	uint64_t epoch;     /* from 0 */
	uint64_t instances; /* of this epoch that are behind us */
	uint64_t tokens;    /* seen in all */
	char data[33];      /* tokfile_list_hash of the token files, hexadecimal */
};

struct ckpt {
	const struct params *p;
	float *w, *m, *v;      /* v NULL: LionW has no second moment */
	float *avg;            /* (tensors) of optim_adapt, or NULL */
	struct spike *spike;   /* or NULL */
	const char *tokenizer; /* tokenizer.json to copy, or NULL */
	struct ckpt_state state;
};

/* Why it was saved: it is due; the run was stopped; save_interval_ephemeral. */
enum ckpt_kind { CKPT_DUE, CKPT_TEMPORARY, CKPT_EPHEMERAL };

struct ckpt_steps {
	uint64_t *v; /* ascending */
	size_t n;
};

/* 1 and the highest step, 0 when there is none, -1 on error. */
int ckpt_latest(const char *run, uint64_t *step);
int ckpt_load(struct ckpt *k, const char *run, uint64_t step);
/* Does nothing but clear the mark when the step is there already and is due now. */
int ckpt_save(const struct ckpt *k, const char *run, int kind);
/* Its kind by its mark. */
int ckpt_kind(const char *run, uint64_t step);
/* The checkpoints that are there; free s->v.  A run directory that is missing has none. */
int ckpt_steps(const char *run, struct ckpt_steps *s);
int ckpt_remove(const char *run, uint64_t step);
int ckpt_clean(const char *run);
/* Removes every checkpoint and `latest`. */
int ckpt_remove_all(const char *run);
/* "step00001000"; caller frees. */
char *ckpt_name(uint64_t step);
/* Calls fn for each file of each checkpoint (RUN/stepN/..), in a fixed order; -1 when fn is. */
int ckpt_files(const char *run, int (*fn)(void *arg, const char *path), void *arg);
/* … of one checkpoint */
int ckpt_step_files(
    const char *run, uint64_t step, int (*fn)(void *arg, const char *path), void *arg);

#endif
