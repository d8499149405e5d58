/* layers: model kernels tok doc io base */
/*
 * revs: names of revisions, what is due and what stays; runlog_find.  The names are those of the
 * revisions of allenai/OLMo-7B (2160 instances of 2048 tokens a step) and allenai/OLMo-1B (2048).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "model/ckpt.h"
#include "model/revs.h"
#include "model/runlog.h"

static void names_are_not_those_of_olmo(void **state)
{
	static const struct {
		uint64_t step, instances;
		const char *name;
	} t[] = {{0, 2160, "step0-tokens0B"}, {1000, 2160, "step1000-tokens4B"},
	    {5000, 2160, "step5000-tokens22B"}, {20000, 2160, "step20000-tokens88B"},
	    {25000, 2160, "step25000-tokens111B"}, {357000, 2160, "step357000-tokens1579B"},
	    {547000, 2160, "step547000-tokens2420B"}, {549000, 2160, "step549000-tokens2429B"},
	    {551000, 2160, "step551000-tokens2437B"}, {552000, 2160, "step552000-tokens2442B"},
	    {556000, 2160, "step556000-tokens2460B"}, {557000, 2160, "step557000-tokens2464B"},
	    {20000, 2048, "step20000-tokens84B"}, {52000, 2048, "step52000-tokens218B"},
	    {117850, 2048, "step117850-tokens494B"}, {330000, 2048, "step330000-tokens1384B"},
	    {601000, 2048, "step601000-tokens2521B"}, {738000, 2048, "step738000-tokens3095B"}};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *s = revs_name(t[i].step, t[i].step * t[i].instances * 2048);
		assert_string_equal(s, t[i].name);
		free(s);
	}
}

/* The steps that are left, one after the other, after each save from 0 to the end. */
static void run(const struct revs_keep *k, uint64_t end, char *left, size_t size)
{
	struct revs_step s[64];
	size_t n = 0, to, at = 0;

	for (uint64_t step = 0; step <= end; step++) {
		int due = revs_due(k, step) || step == end;
		if (!due && !revs_due_ephemeral(k, step))
			continue;
		s[n++] = (struct revs_step){step, due ? CKPT_DUE : CKPT_EPHEMERAL, 0};
		revs_choose(s, n, step, s[n - 1].kind, k);
		to = 0;
		for (size_t i = 0; i < n; i++)
			if (!s[i].gone)
				s[to++] = s[i];
		n = to;
		assert_int_equal(s[n - 1].step, step);
	}
	left[0] = 0;
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(left + at, size - at, "%d%s ", (int)s[i].step,
		    s[i].kind == CKPT_DUE ? "" : "e");
}

static void other_checkpoints_stay(void **state)
{
	static const struct {
		struct revs_keep k;
		uint64_t end;
		const char *left;
	} t[] = {
	    /* nothing but the end */
	    {{.n = -1, .n_unsharded = -1}, 7, "7 "},
	    {{.interval = 3, .n = -1, .n_unsharded = -1}, 10, "0 3 6 9 10 "},
	    {{.interval = 3, .n = 2, .n_unsharded = -1}, 10, "9 10 "},
	    {{.interval = 3, .n = 0, .n_unsharded = -1}, 10, "10 "},
	    /* the shape of OLMo-1B's run: the newest of one kind, all of the other */
	    {{.interval = 2, .n = 3, .unsharded = 10, .n_unsharded = -1}, 25, "0 10 20 22 24 25 "},
	    {{.interval = 2, .n = -1, .unsharded = 5, .n_unsharded = 1}, 9, "0 2 4 5 6 8 9 "},
	    {{.interval = 2, .n = 1, .unsharded = 5, .n_unsharded = 2}, 17, "10 15 17 "},
	    {{.unsharded = 5, .n = -1, .n_unsharded = 2}, 15, "10 15 "},
	    /* for ever */
	    {{.interval = 2, .n = 2, .n_unsharded = -1, .forever = 8}, 21, "0 8 16 20 21 "},
	    /* ephemeral ones go when the next one, of any kind, is there */
	    {{.interval = 6, .n = -1, .n_unsharded = -1, .ephemeral = 2}, 12, "0 6 12 "},
	    {{.interval = 6, .n = 1, .n_unsharded = -1, .ephemeral = 2}, 17, "17 "},
	};
	char left[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		run(&t[i].k, t[i].end, left, sizeof(left));
		assert_string_equal(left, t[i].left);
	}
}

static void a_save_for_a_restart_removes_what_stays(void **state)
{
	struct revs_keep k = {.interval = 2, .n = 1, .n_unsharded = -1, .ephemeral = 1};
	struct revs_step s[] = {{2, CKPT_DUE, 0}, {3, CKPT_TEMPORARY, 0}, {4, CKPT_DUE, 0},
	    {5, CKPT_EPHEMERAL, 0}, {6, CKPT_TEMPORARY, 0}};

	(void)state;
	revs_choose(s, 5, 6, CKPT_TEMPORARY, &k);
	for (size_t i = 0; i < 5; i++)
		assert_false(s[i].gone);
	s[4].kind = CKPT_EPHEMERAL;
	revs_choose(s, 5, 6, CKPT_EPHEMERAL, &k);
	assert_false(s[0].gone || s[2].gone || s[4].gone);
	assert_true(s[1].gone && s[3].gone);
}

static void the_first_save_is_at_another_step(void **state)
{
	struct revs_keep k = {.interval = 6, .unsharded = 4, .ephemeral = 5};

	(void)state;
	assert_true(revs_first(&k) == 4);
	assert_true(revs_due(&k, 12) && revs_due(&k, 8) && !revs_due(&k, 5));
	assert_true(revs_due_ephemeral(&k, 5) && !revs_due_ephemeral(&k, 20));
	k = (struct revs_keep){0};
	assert_true(revs_first(&k) == UINT64_MAX);
	assert_false(revs_due(&k, 0) || revs_due_ephemeral(&k, 0));
}

/* Long lines and short ones, steps left out, lines of an evaluation, an end that is being written. */
static void a_step_is_not_found_in_the_log(void **state)
{
	char dir[] = "/tmp/olmo-revs.XXXXXX", path[64];
	double v;
	size_t found = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log.jsonl", dir);
	assert_int_equal(runlog_find(dir, 1, "x", &v), 0);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (int s = 1; s <= 3000; s++) {
		if (s % 7 == 0)
			continue;
		fprintf(f, "{\"step\":%d,\"x\":%d.5,\"pad\":\"%*s\"}\n", s, s,
		    s % 100 == 0 ? 90000 : 20, "");
		if (s % 50 == 0)
			fprintf(f, "{\"step\":%d,\"y\":%d.25}\n", s, s);
	}
	fprintf(f, "{\"step\":3001,\"x\":1");
	assert_int_equal(fclose(f), 0);
	for (int s = 0; s <= 3001; s++) {
		int want = s > 0 && s <= 3000 && s % 7 != 0;
		assert_int_equal(runlog_find(dir, (uint64_t)s, "x", &v), want);
		if (want)
			assert_true(v == s + 0.5);
		found += want;
	}
	assert_int_equal(runlog_find(dir, 150, "y", &v), 1);
	assert_true(v == 150.25);
	assert_true(found > 2500);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_not_those_of_olmo),
	    cmocka_unit_test(other_checkpoints_stay),
	    cmocka_unit_test(a_save_for_a_restart_removes_what_stays),
	    cmocka_unit_test(the_first_save_is_at_another_step),
	    cmocka_unit_test(a_step_is_not_found_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
