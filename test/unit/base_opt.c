/* layers: base */
#include "base/err.h"
#include "base/opt.h"
#include "base/os.h"
#include "base/stats.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct opt own[] = {{"model", 'm', "FILE", "a model"},
    {"level", 'L' + OPT_LONG, "LIST", "levels"}, {"drop", 'd' + OPT_LONG, NULL, "drop them"}, {0}};
static const struct prog plain = {"prog", "-m FILE [FILE..]\n--list", "does things", own, 0};
static const struct prog dotted = {"prog", "[FILE..]", "does things", own, 1};

/* What one run of a program left. */
struct ran {
	int status;
	char out[8192], err[4096];
};

static void slurp(FILE *f, char *buf, size_t size)
{
	size_t n;
	rewind(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = 0;
	fclose(f);
}

/* Prints what the options came to. */
static int child(const struct prog *p, int argc, char **argv)
{
	struct opts o;
	const char *arg;
	size_t i;
	int k;
	opts_init(&o, p, argc, argv);
	while ((k = opts_next(&o, &arg))) {
		if (k == OPT_DOTTED)
			printf("dotted=%s ", arg);
		else if (k == 'd' + OPT_LONG)
			printf("drop ");
		else
			printf("%s=%s ", k == 'm' ? "model" : "level", arg);
	}
	printf("out=%s j=%d seed=%llu%s f=%d n=%d q=%d v=%d p=%d", o.out ? o.out : "-", o.threads,
	    (unsigned long long)o.seed, o.has_seed ? "!" : "", o.force, o.dry_run, o.quiet,
	    o.verbose, o.progress);
	for (i = 0; i < o.n_files; i++)
		printf(" [%s]", o.files[i]);
	assert_null(o.files[o.n_files]);
	printf("\n");
	stats_add("docs_in", 3);
	stats_add("docs_in", 4);
	stats_add("bytes_in", 9);
	return opts_end(&o, EXIT_NO);
}

#define MAX_ARGS 16

static void run(struct ran *r, const struct prog *p, const char *out_path, const char *const *args)
{
	char name[] = "prog", *argv[MAX_ARGS + 2] = {name};
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 1, st;
	pid_t pid;
	while (*args)
		argv[argc++] = (char *)*args++;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int fd = out_path ? open(out_path, O_WRONLY) : fileno(out);
		dup2(fd, 1);
		dup2(fileno(err), 2);
		exit(child(p, argc, argv));
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	r->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	slurp(out, r->out, sizeof r->out);
	slurp(err, r->err, sizeof r->err);
}

#define RUN(r, p, ...) run(r, p, NULL, (const char *const[]){__VA_ARGS__, NULL})

static int lines(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void check_usage(const struct ran *r, const char *part)
{
	assert_int_equal(r->status, EXIT_USAGE);
	assert_int_equal(lines(r->err), 1);
	assert_string_equal(r->out, "");
	assert_memory_equal(r->err, "prog: ", 6);
	if (!strstr(r->err, part))
		fail_msg("'%s' is not in: %s", part, r->err);
}

static void options_and_operands_may_be_mixed(void **st)
{
	struct ran r;
	(void)st;
	RUN(&r, &plain, "a", "-m", "M", "--level=x", "b", "-j3", "--drop", "--seed", "5", "-fn",
	    "-o", "O", "--progress", "never", "--", "-c");
	assert_string_equal(r.err, "");
	assert_string_equal(r.out, "model=M level=x drop out=O j=3 seed=5! f=1 n=1 q=0 v=0 p=-1 "
				   "[a] [b] [-c]\n");
	assert_int_equal(r.status, EXIT_NO);
}

static void defaults_are_as_the_header_says(void **st)
{
	struct ran r;
	(void)st;
	RUN(&r, &plain, "-");
	assert_string_equal(r.out, "out=- j=1 seed=0 f=0 n=0 q=0 v=0 p=0 [-]\n");
	RUN(&r, &plain, "-j0");
	assert_null(strstr(r.out, "j=0"));
}

static void wrong_command_lines_give_one_line_and_status_2(void **st)
{
	struct ran r;
	(void)st;
	RUN(&r, &plain, "--nope");
	check_usage(&r, "'--nope'");
	RUN(&r, &plain, "-Z");
	check_usage(&r, "'-Z'");
	RUN(&r, &plain, "-fZ");
	check_usage(&r, "'-Z'");
	RUN(&r, &plain, "-m");
	check_usage(&r, "'--model' needs an argument");
	RUN(&r, &plain, "--level");
	check_usage(&r, "'--level' needs an argument");
	RUN(&r, &plain, "--drop=1");
	check_usage(&r, "'--drop' takes no argument");
	RUN(&r, &plain, "-j", "x");
	check_usage(&r, "--threads: 'x'");
	RUN(&r, &plain, "-j", "-1");
	check_usage(&r, "--threads: '-1'");
	RUN(&r, &plain, "--seed", "1x");
	check_usage(&r, "--seed: '1x'");
	RUN(&r, &plain, "--seed", "18446744073709551616");
	check_usage(&r, "--seed");
	RUN(&r, &plain, "--progress", "often");
	check_usage(&r, "'often'");
	RUN(&r, &plain, "--optimizer.lr=3");
	check_usage(&r, "'--optimizer.lr=3'");
}

static void dotted_options_come_as_configuration_keys(void **st)
{
	struct ran r;
	(void)st;
	RUN(&r, &dotted, "--a.b=1", "x", "--max_steps=2", "--level=y", "--", "--c.d=3");
	assert_string_equal(r.out, "level=y dotted=a.b=1 dotted=max_steps=2 out=- j=1 seed=0 f=0 "
				   "n=0 q=0 v=0 p=0 [x] [--c.d=3]\n");
	RUN(&r, &dotted, "--nope");
	check_usage(&r, "'--nope'");
}

static void help_lists_own_options_then_common_ones(void **st)
{
	struct ran r;
	const char *a, *b;
	(void)st;
	RUN(&r, &plain, "--help");
	assert_int_equal(r.status, 0);
	assert_memory_equal(
	    r.out, "usage: prog -m FILE [FILE..]\n       prog --list\ndoes things\n\n", 59);
	a = strstr(r.out, "\n  -m, --model FILE  ");
	b = strstr(r.out, "\ncommon options:\n  -h, --help ");
	assert_non_null(a);
	assert_non_null(b);
	assert_true(a < b);
	assert_non_null(strstr(r.out, "\n      --level LIST  "));
	assert_non_null(strstr(r.out, "\n      --files-from LIST  "));
	RUN(&r, &plain, "-V");
	assert_string_equal(r.out, "prog " OLMO_VERSION "\n");
	assert_int_equal(r.status, 0);
}

static void a_full_disk_is_not_silent(void **st)
{
	struct ran r;
	const char *const args[] = {"--help", NULL}, *const none[] = {NULL};
	(void)st;
	run(&r, &plain, "/dev/full", args);
	assert_int_equal(r.status, EXIT_IO);
	assert_string_equal(
	    r.err, "prog: cannot write to standard output: No space left on device\n");
	run(&r, &plain, "/dev/full", none);
	assert_int_equal(r.status, EXIT_IO);
	assert_int_equal(lines(r.err), 1);
}

static char *temp_file(const char *content)
{
	char *path = xstrdup("/tmp/olmo-opt.XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	return path;
}

static void names_come_from_a_list_and_stand_in_front(void **st)
{
	struct ran r;
	char *list = temp_file("one\n\ntwo words\nlast"), *empty = temp_file("\n\n");
	(void)st;
	RUN(&r, &plain, "z", "--files-from", list);
	assert_non_null(strstr(r.out, " [one] [two words] [last] [z]\n"));
	RUN(&r, &plain, "--files-from", empty);
	assert_int_equal(r.status, EXIT_IO);
	assert_non_null(strstr(r.err, "names no files"));
	RUN(&r, &plain, "--files-from", "/nonexistent/list");
	assert_int_equal(r.status, EXIT_IO);
	assert_non_null(strstr(r.err, "/nonexistent/list"));
	unlink(list);
	unlink(empty);
	free(list);
	free(empty);
}

static void stats_are_one_object_with_counters_in_order(void **st)
{
	struct ran r;
	char *path = temp_file("old"), text[4096];
	(void)st;
	RUN(&r, &plain, "--stats", path, "--seed", "8", "-j2", "a\"b\\c\x01\xff\xc3\xa9");
	assert_int_equal(r.status, EXIT_NO);
	slurp(fopen(path, "r"), text, sizeof text);
	assert_memory_equal(text, "{\"program\": \"prog\",\n \"version\": \"", 33);
	assert_non_null(
	    strstr(text, "\"-j2\", \"a\\\"b\\\\c\\u0001\\ufffd\xc3\xa9\"],\n \"seed\": 8,"
			 "\n \"bytes_in\": 9,\n \"docs_in\": 7,\n \"wall_s\": "));
	assert_non_null(strstr(text, "\"threads\": 2,\n \"thread_cpu_s\": []}\n"));
	unlink(path);
	free(path);
	RUN(&r, &plain, "--stats", "/nonexistent/s.json");
	assert_int_equal(r.status, EXIT_IO);
	assert_non_null(strstr(r.err, "/nonexistent/s.json"));
}

/* The next file opened must not become descriptor 1. */
static void a_closed_stdout_is_an_error_not_a_file(void **st)
{
	struct ran r;
	char *path = temp_file("");
	FILE *err = tmpfile();
	int status;
	pid_t pid;
	(void)st;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char name[] = "prog", *argv[] = {name, NULL};
		dup2(fileno(err), 2);
		close(0);
		close(1);
		exit(child(&plain, 1, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_IO);
	slurp(err, r.err, sizeof r.err);
	assert_non_null(strstr(r.err, "cannot write to standard output"));
	unlink(path);
	free(path);
}

static void the_system_answers(void **st)
{
	double a = os_wall(), c = os_cpu();
	volatile double x = 0;
	int i;
	(void)st;
	for (i = 0; i < 1000000; i++)
		x += i;
	assert_true(os_wall() > a);
	assert_true(os_cpu() > c && os_thread_cpu() > 0);
	assert_true(os_max_rss() > 100000);
	assert_true(os_pid_alive(getpid()));
	assert_false(os_pid_alive(0));
	assert_true(os_cpus() >= 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(options_and_operands_may_be_mixed),
	    cmocka_unit_test(defaults_are_as_the_header_says),
	    cmocka_unit_test(wrong_command_lines_give_one_line_and_status_2),
	    cmocka_unit_test(dotted_options_come_as_configuration_keys),
	    cmocka_unit_test(help_lists_own_options_then_common_ones),
	    cmocka_unit_test(a_full_disk_is_not_silent),
	    cmocka_unit_test(names_come_from_a_list_and_stand_in_front),
	    cmocka_unit_test(stats_are_one_object_with_counters_in_order),
	    cmocka_unit_test(a_closed_stdout_is_an_error_not_a_file),
	    cmocka_unit_test(the_system_answers),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
