#include "model/saver.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kernels/kernels.h"
#include "model/ckpt.h"
#include "model/revs.h"
#include "model/spike.h"

struct saver {
	const struct params *p;
	struct kern *k;
	size_t n;        /* arrays */
	float *array[3]; /* copies of w, m, v */
	float *avg;
	struct spike spike;
	/* what is being written */
	struct ckpt c;
	char *run;
	int kind;
	struct revs_keep keep;
	pthread_t thread;
	int running; /* the thread has been started and not joined */
	pthread_mutex_t lock;
	int failed; /* under lock: .. and why */
	char *why;
};

struct saver *saver_new(const struct params *p, struct kern *k, size_t n_arrays)
{
	struct saver *s = xcalloc(1, sizeof(*s));

	s->p = p;
	s->k = k;
	pthread_mutex_init(&s->lock, NULL);
	for (; s->n < n_arrays; s->n++) {
		s->array[s->n] = k->op->alloc(k, p->n_float * sizeof(float));
		if (s->array[s->n] == NULL) {
			saver_free(s);
			return NULL;
		}
	}
	return s;
}

/* The message that is there, and what stays. */
static void explain(const struct ckpt *c, const char *run, uint64_t last)
{
	char *why = xstrdup(err_msg());

	if (last != UINT64_MAX && last != c->state.step)
		err_set("%s: the checkpoint of step %" PRIu64
			" was not written; that of step %" PRIu64 " is whole: %s",
		    run, c->state.step, last, why);
	else
		err_set("%s: the checkpoint of step %" PRIu64
			" was not written, and there is none before it: %s",
		    run, c->state.step, why);
	free(why);
}

static int write_now(const struct ckpt *c, const char *run, int kind, const struct revs_keep *keep)
{
	uint64_t step;
	int found = ckpt_latest(run, &step);

	if (found < 0)
		return -1;
	if (ckpt_save(c, run, kind) < 0) {
		explain(c, run, found > 0 ? step : UINT64_MAX);
		return -1;
	}
	return revs_saved(run, c->state.step, kind, keep);
}

static void *work(void *arg)
{
	struct saver *s = arg;

	if (write_now(&s->c, s->run, s->kind, &s->keep) == 0)
		return NULL;
	pthread_mutex_lock(&s->lock);
	s->failed = 1;
	s->why = xstrdup(err_msg());
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int saver_failed(struct saver *s)
{
	pthread_mutex_lock(&s->lock);
	int failed = s->failed;
	pthread_mutex_unlock(&s->lock);
	return failed;
}

int saver_wait(struct saver *s)
{
	if (s->running)
		pthread_join(s->thread, NULL);
	s->running = 0;
	if (!s->failed)
		return 0;
	return err_set("%s", s->why), -1;
}

static void copy_state(struct saver *s, const struct ckpt *c)
{
	const float *from[3] = {c->w, c->m, c->v};
	size_t bytes = s->p->n_float * sizeof(float);

	s->c = *c;
	for (size_t i = 0; i < s->n; i++)
		s->k->op->get(s->k, s->array[i], from[i], bytes);
	s->c.w = s->array[0];
	s->c.m = s->array[1];
	s->c.v = c->v != NULL ? s->array[2] : NULL;
	if (c->avg != NULL) {
		s->avg = xreallocarray(s->avg, s->p->n, sizeof(*s->avg));
		memcpy(s->avg, c->avg, s->p->n * sizeof(*s->avg));
		s->c.avg = s->avg;
	}
	if (c->spike != NULL) {
		spike_release(&s->spike);
		spike_copy(&s->spike, c->spike);
		s->c.spike = &s->spike;
	}
}

/* Signals stay with the thread that trains. */
static int start(struct saver *s)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&s->thread, NULL, work, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_set("cannot start a thread to write checkpoints: %s", strerror(rc)), -1;
	s->running = 1;
	return 0;
}

int saver_save(
    struct saver *s, const struct ckpt *c, const char *run, int kind, const struct revs_keep *keep)
{
	if (saver_wait(s) < 0)
		return -1;
	if (kind == CKPT_TEMPORARY || s->n == 0)
		return write_now(c, run, kind, keep);
	copy_state(s, c);
	free(s->run);
	s->run = xstrdup(run);
	s->kind = kind;
	s->keep = *keep;
	return start(s);
}

void saver_free(struct saver *s)
{
	if (s == NULL)
		return;
	if (s->running)
		pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->n; i++)
		s->k->op->free(s->k, s->array[i]);
	spike_release(&s->spike);
	pthread_mutex_destroy(&s->lock);
	free(s->avg);
	free(s->run);
	free(s->why);
	free(s);
}
