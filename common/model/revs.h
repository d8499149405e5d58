/* revs: which checkpoints of a run stay, the index of them, and their names as revisions.
 *
 *	RUN/checkpoints.tsv			step, revision, tokens, directory, bytes, loss, state
 *	RUN/revisions/step1000-tokens4B -> ../step00001000
 *
 *	revs_rebuild(run);			at the start: from the directories that are there
 *	ckpt_save(&k, run, kind);
 *	revs_saved(run, step, kind, &keep);	index, link, and what has to go
 *	revs_print(run, stdout);		the index as it should be; writes nothing to the run
 *
 * At every moment, kill -9 included, a row that is not "removed" has its directory and its link,
 * and no link leads nowhere: a directory comes first, then its link, then its row; when it goes,
 * the row is changed first, then the link goes, then the directory.  What was cut off between
 * them the next revs_rebuild makes up for.
 *
 * The index holds no times: it is a function of config and data, however a run was cut.  So
 * checkpoints that exist only for a restart (temporary, ephemeral) leave no row when they go.
 */
#ifndef OLMO_MODEL_REVS_H
#define OLMO_MODEL_REVS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What is saved and what stays, in OLMo's terms; a checkpoint of ours serves as both of its kinds.
 * One stays when any of these holds: it is due by save_interval (or by nothing else: the last
 * step) and among the newest n of those; it is due by save_interval_unsharded and among the newest
 * n_unsharded of those; its step is a multiple of save_keep_interval.
 */
struct revs_keep {
	uint64_t interval;   /* save_interval; 0 = only at the end */
	int64_t n;           /* save_num_checkpoints_to_keep; -1 = all, 0 counts as 1 */
	uint64_t unsharded;  /* save_interval_unsharded; 0 = none */
	int64_t n_unsharded; /* save_num_unsharded_checkpoints_to_keep, likewise */
	uint64_t ephemeral;  /* save_interval_ephemeral: stays until the next one; 0 = none */
	uint64_t forever;    /* save_keep_interval; 0 = none */
};

struct revs_step {
	uint64_t step;
	int kind; /* enum ckpt_kind */
	int gone; /* revs_choose: it has to go */
};

/* "step1000-tokens4B", tokens rounded to the nearest 10^9; caller frees. */
char *revs_name(uint64_t step, uint64_t tokens);
/* Is a checkpoint that stays due, an ephemeral one, at this step? */
int revs_due(const struct revs_keep *k, uint64_t step);
int revs_due_ephemeral(const struct revs_keep *k, uint64_t step);
/* The first step > 0 at which one is due, UINT64_MAX: none. */
uint64_t revs_first(const struct revs_keep *k);
/* Marks what has to go after one of the kind was saved at `step`; s ascending by step. */
void revs_choose(
    struct revs_step *s, size_t n, uint64_t step, int kind, const struct revs_keep *k);

int revs_rebuild(const char *run);
int revs_saved(const char *run, uint64_t step, int kind, const struct revs_keep *k);
int revs_print(const char *run, FILE *f);
/* Removes index and links (before ckpt_remove_all). */
int revs_remove(const char *run);

#endif
