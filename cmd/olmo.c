/* olmo: run a program of the suite, or audit what they wrote. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"
#include "io/audit.h"

enum { EXEC_PATH = OPT_LONG };

static const struct opt own[] = {
    {"exec-path", EXEC_PATH, NULL, "print the directory of the programs"}, {0}};

static const struct prog prog = {"olmo", "PROG [ARG..]\naudit [OPTIONS] PATH\n--exec-path",
    "run a program of the suite, or audit a run", own, 0};

/* Nothing else is run: a directory of programs holds strangers too. */
static const char *const programs[] = {"catwalk", "decontam", "dolma-dedup", "dolma-docs",
    "dolma-fetch", "dolma-langid", "dolma-mix", "dolma-quality", "generate", "judge", "paloma",
    "shuffle", "tokcat", "tokenize", "train", "wimbd", NULL};

/* --- where the programs are -------------------------------------------------------------------- */

/* The file that runs: argv[0], found as the shell finds it, links followed. NULL when not. */
static char *own_file(const char *argv0)
{
	const char *path = getenv("PATH"), *end;
	char *file, *real = NULL;

	if (strchr(argv0, '/'))
		return realpath(argv0, NULL);
	for (; path && !real; path = *end ? end + 1 : NULL) {
		end = path + strcspn(path, ":");
		file = xasprintf(
		    "%.*s/%s", (int)(end - path), *path == ':' || !*path ? "." : path, argv0);
		if (access(file, X_OK) == 0)
			real = realpath(file, NULL);
		free(file);
	}
	return real;
}

static char *own_directory(const char *argv0)
{
	char *file = own_file(argv0);

	if (!file)
		die(EXIT_IO, "cannot find the program's own file");
	*strrchr(file, '/') = 0;
	return file;
}

/* DIR/../libexec/olmo when installed, DIR in the build tree. */
static char *exec_path(const char *dir)
{
	char *libexec = xasprintf("%s/../libexec/olmo", dir), *real = realpath(libexec, NULL);

	free(libexec);
	return real ? real : xstrdup(dir);
}

static int is_program(const char *name)
{
	for (const char *const *p = programs; *p; p++)
		if (!strcmp(*p, name))
			return 1;
	return 0;
}

/* Does not come back. */
static void run_program(char **argv)
{
	char *dir = own_directory(argv[0]), *libexec = exec_path(dir), *file;

	argv++;
	if (!is_program(argv[0]))
		die_usage("no program '%s': olmo --help lists them", argv[0]);
	file = xasprintf("%s/%s", dir, argv[0]);
	execv(file, argv);
	if (errno == ENOENT) {
		free(file);
		file = xasprintf("%s/%s", libexec, argv[0]);
		execv(file, argv);
	}
	err_sys("cannot run '%s'", file);
	die_err();
}

/* --- audit ------------------------------------------------------------------------------------- */

static int audit(const struct opts *o)
{
	size_t rows;

	if (o->n_files != 2)
		die_usage("audit wants one PATH: a file, a run or a directory of data sets");
	if (audit_run(o->files[1], o->threads, stdout, &rows) < 0)
		die_err();
	if (rows)
		note("%zu rows differ", rows);
	return rows ? EXIT_NO : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct opts o;
	const char *arg;
	int key, status;

	progname = prog.name;
	if (argc > 1 && *argv[1] != '-' && strcmp(argv[1], "audit"))
		run_program(argv);
	opts_init(&o, &prog, argc, argv);
	while ((key = opts_next(&o, &arg)))
		if (key == EXEC_PATH) {
			puts(exec_path(own_directory(argv[0])));
			return EXIT_DONE;
		}
	if (!o.n_files || strcmp(o.files[0], "audit"))
		die_usage("give a program to run, or audit PATH");
	status = audit(&o);
	return opts_end(&o, status);
}
