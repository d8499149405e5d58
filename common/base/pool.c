#include "base/pool.h"

#include "base/err.h"
#include "base/os.h"
#include "base/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SPIN_S 50e-6

struct worker {
	struct pool *pool;
	int id;
	pthread_t thread;
};

/* A run: the caller fills fn, arg, n, sets next and active, then adds one to round.  Every worker
 * takes part in every round, so that none can be late with the old fn.
 *
 * Who sleeps says so first (sleepers, caller_sleeps) and looks at the condition again; who makes
 * the condition true looks for sleepers afterwards.  Both orders are sequentially consistent, so
 * one of the two sees the other. */
struct pool {
	int n_threads;
	struct worker *workers; /* n_threads - 1 of them */
	void (*fn)(void *arg, size_t i, int worker);
	void *arg;
	size_t n;
	atomic_size_t next;
	atomic_int active; /* workers still in this round */
	atomic_uint round;
	atomic_int sleepers, caller_sleeps, stop;
	pthread_mutex_t lock;
	pthread_cond_t start, done;
	pthread_t owner;
	double owner_cpu;
};

#if defined(__x86_64__) || defined(__i386__)
static inline void relax(void)
{
	__builtin_ia32_pause();
}
#else
static inline void relax(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}
#endif

static void claim(struct pool *p, int worker)
{
	size_t i;
	while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
		p->fn(p->arg, i, worker);
}

static unsigned wait_round(struct pool *p, unsigned seen)
{
	double until = os_wall() + SPIN_S;
	unsigned now;
	int i;
	do
		for (i = 0; i < 64; i++) {
			now = atomic_load(&p->round);
			if (now != seen)
				return now;
			relax();
		}
	while (os_wall() < until);
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	while ((now = atomic_load(&p->round)) == seen)
		pthread_cond_wait(&p->start, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	pthread_mutex_unlock(&p->lock);
	return now;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	unsigned seen = 0;
	for (;;) {
		seen = wait_round(p, seen);
		if (atomic_load(&p->stop))
			break;
		claim(p, w->id);
		if (atomic_fetch_sub(&p->active, 1) == 1 && atomic_load(&p->caller_sleeps)) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
	}
	stats_thread_cpu(os_thread_cpu());
	return NULL;
}

static void begin_round(struct pool *p)
{
	atomic_fetch_add(&p->round, 1);
	if (atomic_load(&p->sleepers)) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->start);
		pthread_mutex_unlock(&p->lock);
	}
}

static void wait_done(struct pool *p)
{
	double until = os_wall() + SPIN_S;
	int i;
	do
		for (i = 0; i < 64; i++) {
			if (!atomic_load(&p->active))
				return;
			relax();
		}
	while (os_wall() < until);
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->caller_sleeps, 1);
	while (atomic_load(&p->active))
		pthread_cond_wait(&p->done, &p->lock);
	atomic_store(&p->caller_sleeps, 0);
	pthread_mutex_unlock(&p->lock);
}

struct pool *pool_new(int n_threads)
{
	struct pool *p = xcalloc(1, sizeof *p);
	int i, rc;
	p->n_threads = n_threads;
	p->owner = pthread_self();
	p->owner_cpu = os_thread_cpu();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->start, NULL);
	pthread_cond_init(&p->done, NULL);
	p->workers = xcalloc((size_t)n_threads, sizeof *p->workers);
	for (i = 0; i < n_threads - 1; i++) {
		struct worker *w = &p->workers[i];
		w->pool = p;
		w->id = i + 1;
		rc = pthread_create(&w->thread, NULL, work, w);
		if (rc)
			die(EXIT_IO, "cannot start thread %d of %d: %s", i + 2, n_threads,
			    strerror(rc));
	}
	return p;
}

void pool_free(struct pool *p)
{
	int i;
	if (!p)
		return;
	if (pthread_equal(p->owner, pthread_self()))
		stats_thread_cpu(os_thread_cpu() - p->owner_cpu);
	atomic_store(&p->stop, 1);
	begin_round(p);
	for (i = 0; i < p->n_threads - 1; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->start);
	pthread_cond_destroy(&p->done);
	free(p->workers);
	free(p);
}

int pool_size(const struct pool *p)
{
	return p->n_threads;
}

void pool_run(struct pool *p, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg)
{
	size_t i;
	if (p->n_threads == 1 || n < 2) {
		for (i = 0; i < n; i++)
			fn(arg, i, 0);
		return;
	}
	p->fn = fn;
	p->arg = arg;
	p->n = n;
	atomic_store(&p->next, 0);
	atomic_store(&p->active, p->n_threads - 1);
	begin_round(p);
	claim(p, 0);
	wait_done(p);
}
