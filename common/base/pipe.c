#include "base/pipe.h"

#include "base/err.h"
#include "base/os.h"
#include "base/stats.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An item on its way.  stage is the one it waits for or is in; 0 = free. */
struct slot {
	void *item;
	uint64_t seq; /* number from the source */
	int stage;
	int busy;
};

/* Everything is under one lock: an item is a batch, so the lock is taken a few times in thousands
 * of records.  first_bad is the lowest item known to have failed; items after it only pass, items
 * before it still run and may lower it, so at the end it is the lowest that fails at all. */
struct run {
	const struct pipe_stage *stages;
	int n_stages;
	void *ctx;
	struct slot *slots;
	size_t n_slots, in_flight;
	uint64_t *expect; /* (n_stages) next item of each serial stage */
	uint64_t n_read;
	int reading; /* somebody is in the source */
	int ended;   /* the source has no more */
	uint64_t first_bad;
	char *message;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int waiting;
};

static void fail(struct run *r, uint64_t seq, const char *message)
{
	if (seq >= r->first_bad)
		return;
	free(r->message);
	r->message = xstrdup(message);
	r->first_bad = seq;
}

/* The item to take on: the one furthest along, of those the oldest, so that batches leave soon. */
static struct slot *runnable(struct run *r)
{
	struct slot *best = NULL, *s;
	for (s = r->slots; s < r->slots + r->n_slots; s++) {
		if (!s->stage || s->busy)
			continue;
		if (r->stages[s->stage].serial && r->expect[s->stage] != s->seq)
			continue;
		if (!best || s->stage > best->stage ||
		    (s->stage == best->stage && s->seq < best->seq))
			best = s;
	}
	return best;
}

static struct slot *free_slot(struct run *r)
{
	size_t i;
	if (r->reading || r->ended || r->first_bad != UINT64_MAX)
		return NULL;
	for (i = 0; i < r->n_slots; i++)
		if (!r->slots[i].stage && !r->slots[i].busy)
			return &r->slots[i];
	return NULL;
}

/* Called with the lock held, which is let go during the call. */
static void read_item(struct run *r, struct slot *s, int worker)
{
	int rc;
	s->busy = 1;
	s->seq = r->n_read;
	r->reading = 1;
	pthread_mutex_unlock(&r->lock);
	rc = r->stages[0].fn(r->ctx, s->item, worker);
	pthread_mutex_lock(&r->lock);
	r->reading = 0;
	s->busy = 0;
	if (rc <= 0)
		r->ended = 1;
	if (rc < 0)
		fail(r, s->seq, err_msg());
	if (rc > 0) {
		r->n_read++;
		if (r->n_stages > 1) {
			s->stage = 1;
			r->in_flight++;
		}
	}
}

static void run_stage(struct run *r, struct slot *s, int worker)
{
	const struct pipe_stage *st = &r->stages[s->stage];
	int rc;
	s->busy = 1;
	if (s->seq < r->first_bad) {
		pthread_mutex_unlock(&r->lock);
		rc = st->fn(r->ctx, s->item, worker);
		pthread_mutex_lock(&r->lock);
		if (rc < 0)
			fail(r, s->seq, err_msg());
	}
	s->busy = 0;
	if (st->serial)
		r->expect[s->stage]++;
	if (++s->stage == r->n_stages) {
		s->stage = 0;
		r->in_flight--;
	}
}

static int finished(const struct run *r)
{
	return !r->reading && !r->in_flight && (r->ended || r->first_bad != UINT64_MAX);
}

static void work(struct run *r, int worker)
{
	struct slot *s;
	double cpu = os_thread_cpu();
	pthread_mutex_lock(&r->lock);
	while (!finished(r)) {
		if ((s = runnable(r))) {
			run_stage(r, s, worker);
		} else if ((s = free_slot(r))) {
			read_item(r, s, worker);
		} else {
			r->waiting++;
			pthread_cond_wait(&r->changed, &r->lock);
			r->waiting--;
			continue;
		}
		if (r->waiting)
			pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	stats_thread_cpu(os_thread_cpu() - cpu);
}

struct helper {
	struct run *run;
	int id;
	pthread_t thread;
};

static void *help(void *arg)
{
	struct helper *h = arg;
	work(h->run, h->id);
	return NULL;
}

/* Start the other threads; when one cannot be made nothing is read. */
static int start(struct run *r, struct helper *h, int n)
{
	int i;
	for (i = 0; i < n; i++) {
		int rc;
		h[i].run = r;
		h[i].id = i + 1;
		rc = pthread_create(&h[i].thread, NULL, help, &h[i]);
		if (rc) {
			err_set("cannot start thread %d of %d: %s", i + 2, n + 1, strerror(rc));
			pthread_mutex_lock(&r->lock);
			fail(r, 0, err_msg());
			pthread_mutex_unlock(&r->lock);
			break;
		}
	}
	return i;
}

static void run_threads(struct run *r, int threads)
{
	struct helper *h = xcalloc((size_t)threads, sizeof *h);
	int i, n = start(r, h, threads - 1);
	work(r, 0);
	for (i = 0; i < n; i++)
		pthread_join(h[i].thread, NULL);
	free(h);
}

int pipe_run(int threads, const struct pipe_stage *stages, int n_stages, void **items,
    size_t n_items, void *ctx)
{
	struct run r = {.stages = stages, .n_stages = n_stages, .ctx = ctx, .n_slots = n_items};
	size_t i;
	r.slots = xcalloc(n_items, sizeof *r.slots);
	r.expect = xcalloc((size_t)n_stages, sizeof *r.expect);
	r.first_bad = UINT64_MAX;
	for (i = 0; i < n_items; i++)
		r.slots[i].item = items[i];
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	run_threads(&r, threads < 1 ? 1 : threads);
	pthread_cond_destroy(&r.changed);
	pthread_mutex_destroy(&r.lock);
	if (r.message)
		err_set("%s", r.message);
	free(r.message);
	free(r.slots);
	free(r.expect);
	return r.first_bad == UINT64_MAX ? 0 : -1;
}
