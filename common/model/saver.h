/* saver: checkpoints written by a thread while training goes on.
 *
 *	struct saver *s = saver_new(params, n_arrays);	n: arrays of fp32 copied (3, LionW 2); 0: none,
 *							every checkpoint is written at once
 *	saver_save(s, &ckpt, run, kind, &keep);	waits for the one before, copies, starts
 *	if (saver_failed(s)) …				once a step: has the writing failed?
 *	saver_wait(s);					the end: 0, or -1 with the message
 *	saver_free(s);
 *
 * What is written is a copy (ckpt.h says how), so the state may change as soon as saver_save
 * returns.  A temporary checkpoint is written before saver_save returns.  When writing fails (a
 * full disk), nothing of the new checkpoint has its name, the one before stays whole, and the
 * message says which that is.
 */
#ifndef OLMO_MODEL_SAVER_H
#define OLMO_MODEL_SAVER_H

#include <stddef.h>
#include <stdint.h>

struct ckpt;
struct kern;
struct params;
struct revs_keep;
struct saver;

struct saver *saver_new(
    const struct params *p, struct kern *k, size_t n_arrays); /* NULL: memory */
int saver_save(struct saver *s, const struct ckpt *c, const char *run, int kind,
    const struct revs_keep *keep);
int saver_failed(struct saver *s);
int saver_wait(struct saver *s);
void saver_free(struct saver *s); /* waits */

#endif
