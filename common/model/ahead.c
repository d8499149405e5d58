#include "model/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/loader.h"

enum { IDLE, ASKED, READY, FAILED, STOP };

struct ahead {
	const struct loader *l;
	size_t n, T;
	int64_t eos;
	struct batch b;
	uint64_t entry;
	int state; /* under mutex */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

int batch_read(
    struct batch *b, const struct loader *l, uint64_t entry, size_t n, size_t T, int64_t eos)
{
	b->masked = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t *ids = b->ids + i * T;
		int rc = loader_read(l, entry + i, ids, b->labels + i * T, &b->instance[i]);

		if (rc < 0)
			return -1;
		b->masked += rc > 0;
		if (b->first)
			loader_documents(ids, T, eos, b->first + i * T);
	}
	return 0;
}

static void *run(void *arg)
{
	struct ahead *a = arg;

	pthread_mutex_lock(&a->mutex);
	for (;;) {
		int rc;

		while (a->state != ASKED && a->state != STOP)
			pthread_cond_wait(&a->changed, &a->mutex);
		if (a->state == STOP)
			break;
		pthread_mutex_unlock(&a->mutex);
		rc = batch_read(&a->b, a->l, a->entry, a->n, a->T, a->eos);
		pthread_mutex_lock(&a->mutex);
		if (a->state == ASKED)
			a->state = rc < 0 ? FAILED : READY;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

static void release(struct ahead *a)
{
	free(a->b.ids);
	free(a->b.first);
	free(a->b.labels);
	free(a->b.instance);
	free(a);
}

struct ahead *ahead_start(const struct loader *l, size_t batch, size_t T, int64_t eos)
{
	struct ahead *a = xcalloc(1, sizeof(*a));

	*a = (struct ahead){.l = l, .n = batch, .T = T, .eos = eos};
	a->b.ids = xreallocarray(NULL, batch * T, sizeof(*a->b.ids));
	a->b.labels = xreallocarray(NULL, batch * T, sizeof(*a->b.labels));
	a->b.instance = xreallocarray(NULL, batch, sizeof(*a->b.instance));
	if (eos >= 0)
		a->b.first = xreallocarray(NULL, batch * T, sizeof(*a->b.first));
	pthread_mutex_init(&a->mutex, NULL);
	pthread_cond_init(&a->changed, NULL);
	if (pthread_create(&a->thread, NULL, run, a) != 0) {
		release(a);
		return NULL; /* batches are then read when they are needed */
	}
	return a;
}

void ahead_ask(struct ahead *a, uint64_t entry)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	a->entry = entry;
	a->state = ASKED;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->mutex);
}

/* Wait for what was asked for; the mutex is held. */
static void settle(struct ahead *a)
{
	while (a->state == ASKED)
		pthread_cond_wait(&a->changed, &a->mutex);
}

int ahead_take(struct ahead *a, uint64_t entry, struct batch *b)
{
	size_t n;
	int ready;

	if (a == NULL)
		return 0;
	n = a->n * a->T;
	pthread_mutex_lock(&a->mutex);
	settle(a);
	ready = a->state == READY && a->entry == entry;
	a->state = IDLE;
	pthread_mutex_unlock(&a->mutex);
	if (!ready)
		return 0;
	memcpy(b->ids, a->b.ids, n * sizeof(*b->ids));
	memcpy(b->labels, a->b.labels, n * sizeof(*b->labels));
	memcpy(b->instance, a->b.instance, a->n * sizeof(*b->instance));
	if (b->first)
		memcpy(b->first, a->b.first, n * sizeof(*b->first));
	b->masked = a->b.masked;
	return 1;
}

void ahead_drop(struct ahead *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	settle(a);
	a->state = IDLE;
	pthread_mutex_unlock(&a->mutex);
}

void ahead_stop(struct ahead *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	settle(a);
	a->state = STOP;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->mutex);
	release(a);
}
