/* rundir: the directory of a run as a whole (olmo-run(5)).
 *
 *	RUN/config.json		the config, overrides applied; written first
 *	RUN/manifest.json	written last, when the planned end is reached
 *	(checkpoints: ckpt.h; their index: revs.h; log.jsonl and the rest: runlog.h)
 */
#ifndef OLMO_MODEL_RUNDIR_H
#define OLMO_MODEL_RUNDIR_H

#include <jansson.h>
#include <stdint.h>

struct setup;

/*
 * Makes or enters a run.  A directory with another config is refused unless resume (the config was
 * derived from the one there; rundir_accept puts it in place) or force (everything of the run is
 * removed).  resume without a run in it is an error.  Leftovers of killed processes are removed.
 */
int rundir_begin(const char *run, const json_t *config, int resume, int force);
/* The checkpoint fits the config: where it is another one, it replaces that of the run. */
int rundir_accept(const char *run, const json_t *config);
/* The config of a run: new reference, or NULL. */
json_t *rundir_config(const char *run);
int rundir_is_complete(const char *run);
/* Writes RUN/manifest.json, and a copy to `also` unless it is NULL. */
int rundir_complete(
    const char *run, const struct setup *s, uint64_t step, int fast_reduce, const char *also);

#endif
