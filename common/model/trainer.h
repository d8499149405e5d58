/* trainer: the training loop.
 *
 *	struct trainer_opts o = {.run = "run", .threads = 2, .device = "cpu"};
 *	struct trainer *t = trainer_new(config_json, "conf.yaml", &o);
 *	trainer_plan(t)			memory plan as JSON, before anything of it is allocated:
 *					"program" is what is resident by then
 *	switch (trainer_run(t)) {
 *	case TRAINER_DONE: …		the planned end, or o.stop_at
 *	case TRAINER_STOPPED: …		*o.stop became true; state saved: exit 75
 *	case TRAINER_FAILED: …		err_msg()
 *	}
 *	trainer_free(t);
 *
 * One step, in OLMo's order:
 *	zero gradients; for each microbatch: forward, loss, backward
 *	clip with the limit of the step before (schedule.h), then set lr, then AdamW
 *
 * Sum over microbatches: the gradient of each is computed from zero; with canonical reduction they
 * are added in a fixed binary tree over their index in the batch (0,1 then 2,3 then their sums ..;
 * what is left over joins from the right), so that ranks which hold whole subtrees get the same
 * bits.  It needs floor(log2 n) + 1 gradient arrays; `fast` needs one and adds in order.
 *
 * A run directory is resumed when its config is the same; the results are the same bytes as those
 * of an uninterrupted run (all files but timing.jsonl).
 */
#ifndef OLMO_MODEL_TRAINER_H
#define OLMO_MODEL_TRAINER_H

#include <jansson.h>
#include <signal.h>
#include <stdint.h>

enum trainer_end { TRAINER_DONE, TRAINER_STOPPED, TRAINER_FAILED };

struct trainer_opts {
	const char *run; /* directory */
	int resume;      /* it must hold a run */
	int force;       /* begin anew whatever is there */
	int threads;
	const char *device;
	int fast_reduce;
	int sync_save;        /* checkpoints are written between steps, without a copy */
	const char *energy;   /* spec of energy.h; NULL: auto */
	const char *isa;      /* NULL: the best there is */
	uint64_t stop_at;     /* 0: the planned end */
	int console;          /* a line a step on stderr: -1 never, 0 on a terminal, 1 always */
	const char *manifest; /* a second place for the manifest, or NULL */
	volatile sig_atomic_t *stop; /* set by a signal handler; NULL: none */
};

struct trainer;

/* config: as conf_load gives it, overrides applied; name: for messages. */
struct trainer *trainer_new(const json_t *config, const char *name, const struct trainer_opts *o);
json_t *trainer_plan(const struct trainer *t);
enum trainer_end trainer_run(struct trainer *t);
void trainer_free(struct trainer *t);

#endif
