/* olmo: run a program of the suite, audit what they wrote, show it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"
#include "io/audit.h"
#include "io/compare.h"
#include "io/out.h"
#include "io/report.h"
#include "io/svgplot.h"

enum { EXEC_PATH = OPT_LONG, LOG_X };

static const struct opt own[] = {
    {"exec-path", EXEC_PATH, NULL, "print the directory of the programs"},
    {"log-x", LOG_X, NULL, "plot: a logarithmic axis of steps"}, {0}};

static const struct prog prog = {"olmo",
    "PROG [ARG..]\naudit [OPTIONS] PATH\n"
    "plot [--log-x] KEY LOG.. -o F.svg\nreport RUN.. -o F.html\n"
    "compare BASE RUN.. -o PREFIX\n--exec-path",
    "run a program of the suite, audit, plot, report and compare runs", own, 0};

/* Nothing else is run: a directory of programs holds strangers too. */
static const char *const programs[] = {"catwalk", "decontam", "dolma-dedup", "dolma-docs",
    "dolma-fetch", "dolma-langid", "dolma-mix", "dolma-quality", "generate", "judge", "paloma",
    "shuffle", "tokcat", "tokenize", "train", "wimbd", NULL};

/* Installed out of the PATH (pipelines/install.sh): beside olmo, a stranger may have the name. */
static const char *const hidden[] = {"shuffle", "tokenize", "train", NULL};

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

static int among(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

static void print_exec_path(const char *argv0)
{
	char *home = own_directory(argv0), *dir = exec_path(home);

	puts(dir);
	free(dir);
	free(home);
}

/* Does not come back. */
static void run_program(char **argv)
{
	char *home = own_directory(argv[0]), *dir, *file;

	argv++;
	if (!among(programs, argv[0]))
		die_usage("no program '%s': olmo(1) lists them", argv[0]);
	dir = among(hidden, argv[0]) ? exec_path(home) : xstrdup(home);
	file = xasprintf("%s/%s", dir, argv[0]);
	execv(file, argv);
	err_sys("cannot run '%s'", file);
	free(home);
	free(dir);
	free(file);
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

/* --- plot, report ------------------------------------------------------------------------------ */

static int plot(const struct opts *o, int log_x)
{
	if (o->n_files < 2)
		die_usage("plot wants a KEY and at least one LOG");
	if (svgplot_command(o, log_x) < 0)
		die_err();
	return EXIT_DONE;
}

static int report(const struct opts *o)
{
	if (!o->n_files)
		die_usage("report wants at least one run directory");
	if (report_command(o) < 0)
		die_err();
	return EXIT_DONE;
}

static int compare(const struct opts *o)
{
	if (o->n_files < 2 || !o->out || !strcmp(o->out, "-"))
		die_usage("compare wants a BASE, at least one RUN, and -o PREFIX");
	if (compare_command(o) < 0)
		die_err();
	return EXIT_DONE;
}

static int own_command(const char *name)
{
	static const char *const own_commands[] = {"audit", "compare", "plot", "report", NULL};

	return among(own_commands, name);
}

int main(int argc, char **argv)
{
	struct opts o;
	const char *arg, *command;
	int key, status, log_x = 0;

	progname = prog.name;
	if (argc > 1 && *argv[1] != '-' && !own_command(argv[1]))
		run_program(argv);
	opts_init(&o, &prog, argc, argv);
	while ((key = opts_next(&o, &arg)))
		if (key == EXEC_PATH) {
			print_exec_path(argv[0]);
			return EXIT_DONE;
		} else
			log_x = 1;
	if (!o.n_files || !own_command(o.files[0]))
		die_usage("give a program to run, audit PATH, plot KEY LOG.., report RUN.. or "
			  "compare BASE RUN..");
	command = o.files[0];
	if (log_x && strcmp(command, "plot"))
		die_usage("--log-x is an option of plot");
	out_signals();
	if (!strcmp(command, "audit"))
		status = audit(&o);
	else {
		o.files++;
		o.n_files--;
		status = !strcmp(command, "plot")      ? plot(&o, log_x)
			 : !strcmp(command, "compare") ? compare(&o)
						       : report(&o);
	}
	return opts_end(&o, status);
}
