/* layers: base */
#include "base/err.h"
#include "base/pipe.h"
#include "base/os.h"
#include "base/pool.h"
#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N       300
#define WORKERS 8

struct item {
	int n;
	uint64_t value;
	int worker;
};

struct ctx {
	int next;     /* read by the serial source */
	int n_middle; /* items the serial middle stage saw */
	int out[N];   /* in the order of the last stage */
	int n_out;
	int fail_at[4]; /* item each stage fails at, -1 none */
	uint64_t seed;
	atomic_int in_use[WORKERS];
	atomic_int wrong;
};

/* Up to 200 us, other for each (stage, item), so that items overtake each other. */
static void dawdle(const struct ctx *c, int stage, int n)
{
	uint64_t r = rng_at(c->seed, (uint64_t)stage, (uint64_t)n);
	struct timespec t = {0, (long)(r % 200000)};
	if (r % 3 == 0)
		nanosleep(&t, NULL);
}

static int failed(const struct ctx *c, int stage, int n)
{
	if (c->fail_at[stage] != n)
		return 0;
	err_set("stage %d failed at %d", stage, n);
	return -1;
}

static int read_item(void *arg, void *item, int worker)
{
	struct ctx *c = arg;
	struct item *it = item;
	(void)worker;
	if (c->next == N)
		return 0;
	it->n = c->next++;
	dawdle(c, 0, it->n);
	return failed(c, 0, it->n) < 0 ? -1 : 1;
}

static int work(void *arg, void *item, int worker)
{
	struct ctx *c = arg;
	struct item *it = item;
	if (atomic_fetch_add(&c->in_use[worker], 1))
		atomic_store(&c->wrong, 1); /* a worker number is used by two at once */
	dawdle(c, 1, it->n);
	it->value = rng_at(1, 1, (uint64_t)it->n);
	atomic_fetch_sub(&c->in_use[worker], 1);
	return failed(c, 1, it->n);
}

static int middle(void *arg, void *item, int worker)
{
	struct ctx *c = arg;
	struct item *it = item;
	(void)worker;
	if (it->n != c->n_middle)
		atomic_store(&c->wrong, 2);
	c->n_middle++;
	dawdle(c, 2, it->n);
	return failed(c, 2, it->n);
}

static int write_item(void *arg, void *item, int worker)
{
	struct ctx *c = arg;
	struct item *it = item;
	(void)worker;
	if (it->value != rng_at(1, 1, (uint64_t)it->n))
		atomic_store(&c->wrong, 3);
	dawdle(c, 3, it->n);
	if (failed(c, 3, it->n) < 0)
		return -1;
	c->out[c->n_out++] = it->n;
	return 0;
}

static int run(struct ctx *c, int threads, size_t n_items, uint64_t seed)
{
	static const struct pipe_stage st[] = {{"read", read_item, 1}, {"work", work, 0},
	    {"middle", middle, 1}, {"write", write_item, 1}};
	struct item items[32];
	void *p[32];
	size_t i;
	c->seed = seed;
	for (i = 0; i < n_items; i++)
		p[i] = &items[i];
	return pipe_run(threads, st, 4, p, n_items, c);
}

static const int threads_tried[] = {1, 2, 3, 8};

static struct ctx fresh(void)
{
	struct ctx c = {.fail_at = {-1, -1, -1, -1}};
	return c;
}

static void check_prefix(const struct ctx *c, int n)
{
	int i;
	assert_int_equal(atomic_load(&c->wrong), 0);
	assert_int_equal(c->n_out, n);
	for (i = 0; i < n; i++)
		assert_int_equal(c->out[i], i);
}

static void output_keeps_the_order_of_the_source(void **st)
{
	size_t k;
	(void)st;
	for (k = 0; k < 4; k++) {
		int t = threads_tried[k];
		struct ctx c = fresh();
		assert_int_equal(run(&c, t, (size_t)(2 * t + 2), k), 0);
		check_prefix(&c, N);
	}
}

static void one_item_in_flight_is_enough(void **st)
{
	struct ctx c = fresh();
	(void)st;
	assert_int_equal(run(&c, 3, 1, 5), 0);
	check_prefix(&c, N);
}

static void check_failure(const int fail_at[4], int n_out, const char *message)
{
	size_t k;
	for (k = 0; k < 12; k++) {
		int t = threads_tried[k % 4];
		struct ctx c = fresh();
		memcpy(c.fail_at, fail_at, sizeof c.fail_at);
		assert_int_equal(run(&c, t, (size_t)(2 * t + 2), k), -1);
		assert_string_equal(err_msg(), message);
		check_prefix(&c, n_out);
	}
}

static void the_first_item_to_fail_is_reported_and_all_before_it_written(void **st)
{
	static const int source[4] = {40, -1, -1, -1}, worker[4] = {-1, 40, -1, -1};
	static const int writer[4] = {-1, -1, -1, 40}, first[4] = {-1, 0, -1, -1};
	(void)st;
	check_failure(source, 40, "stage 0 failed at 40");
	check_failure(worker, 40, "stage 1 failed at 40");
	check_failure(writer, 40, "stage 3 failed at 40");
	check_failure(first, 0, "stage 1 failed at 0");
}

static void of_several_failures_the_earliest_item_counts(void **st)
{
	static const int a[4] = {45, 44, 43, 42}, b[4] = {42, 43, 44, 45};
	static const int c[4] = {41, 42, 40, 44};
	(void)st;
	check_failure(a, 42, "stage 3 failed at 42");
	check_failure(b, 42, "stage 0 failed at 42");
	check_failure(c, 40, "stage 2 failed at 40");
}

static int empty_source(void *arg, void *item, int worker)
{
	(void)arg;
	(void)item;
	(void)worker;
	return 0;
}

static void an_empty_source_ends_at_once(void **st)
{
	static const struct pipe_stage stages[] = {{"read", empty_source, 1}, {"work", work, 0}};
	struct item it;
	void *p = &it;
	(void)st;
	assert_int_equal(pipe_run(1, stages, 2, &p, 1, NULL), 0);
	assert_int_equal(pipe_run(4, stages, 2, &p, 1, NULL), 0);
}

/* ---- pool ---- */

struct sum {
	size_t n;
	unsigned char *seen;
	uint64_t per_worker[WORKERS];
};

static void add(void *arg, size_t i, int worker)
{
	struct sum *s = arg;
	s->seen[i]++;
	s->per_worker[worker] += i;
}

static void every_task_runs_once(void **st)
{
	static const size_t sizes[] = {0, 1, 2, 3, 7, 1000};
	size_t k, round, i;
	int w;
	(void)st;
	for (k = 0; k < 4; k++) {
		struct pool *p = pool_new(threads_tried[k]);
		assert_int_equal(pool_size(p), threads_tried[k]);
		for (round = 0; round < 600; round++) {
			struct sum s = {.n = sizes[round % 6]};
			uint64_t total = 0;
			struct timespec nap = {0, 100000};
			s.seen = xcalloc(s.n, 1);
			pool_run(p, s.n, add, &s);
			for (i = 0; i < s.n; i++)
				assert_int_equal(s.seen[i], 1);
			for (w = 0; w < WORKERS; w++)
				total += s.per_worker[w];
			assert_true(total == (s.n ? (uint64_t)s.n * (s.n - 1) / 2 : 0));
			free(s.seen);
			if (round % 50 == 0)
				nanosleep(&nap, NULL); /* lets the workers fall asleep */
		}
		pool_free(p);
	}
	assert_true(os_cpus() >= 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(output_keeps_the_order_of_the_source),
	    cmocka_unit_test(one_item_in_flight_is_enough),
	    cmocka_unit_test(the_first_item_to_fail_is_reported_and_all_before_it_written),
	    cmocka_unit_test(of_several_failures_the_earliest_item_counts),
	    cmocka_unit_test(an_empty_source_ends_at_once),
	    cmocka_unit_test(every_task_runs_once),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
