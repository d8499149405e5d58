/* opt: command lines.  Every program has the common options (INTERFACE, olmo(7)) and a table of
 * its own; --help is made from the table, so that a test can compare it with the manual page.
 *
 *	static const struct opt own[] = {
 *		{"model", 'm', "FILE", "fastText model (.bin or .ftz)"},
 *		{"level", 'L' + OPT_LONG, "LIST", "doc, para or both [doc]"},	long only
 *		{"drop", 'd' + OPT_LONG, NULL, "drop marked documents"},	no argument
 *		{0}};
 *	static const struct prog prog = {"dolma-langid", "-m MODEL [OPTIONS] [FILE..]",
 *	    "add language scores to documents", own};
 *
 *	struct opts o;
 *	const char *arg;
 *	int k;
 *	opts_init(&o, &prog, argc, argv);
 *	while ((k = opts_next(&o, &arg)))
 *		switch (k) {
 *		case 'm': model = arg; break;
 *		}
 *	…o.files, o.n_files: the operands (with those of --files-from in front)…
 *	return opts_end(&o, status);		writes --stats
 *
 * opts_init: C locale, default SIGPIPE, stdout checked and flushed at exit (a full disk is status
 * 3 in every program).  Wrong options end the program with status 2 and one line.
 */
#ifndef OLMO_BASE_OPT_H
#define OLMO_BASE_OPT_H

#include <stddef.h>
#include <stdint.h>

#define OPT_LONG 256 /* keys above have no short letter */

struct opt {
	const char *name; /* long name without dashes */
	int key;          /* short letter, or something + OPT_LONG (unique in the table) */
	const char *arg;  /* name of the argument in --help, NULL: takes none */
	const char *help; /* one line */
};

struct prog {
	const char *name;
	const char *usage;   /* what follows the name; more lines with '\n' */
	const char *summary; /* one line: what it does */
	const struct opt *own;
	/* Accept options that are not in the table when they look like --a.b=value; they come as
	 * key OPT_DOTTED with arg "a.b=value" (configs of train). */
	int dotted;
};
#define OPT_DOTTED (2 * OPT_LONG)

struct opts {
	/* common options */
	const char *out;        /* -o, NULL when not given */
	const char *stats;      /* --stats FILE */
	const char *manifest;   /* --manifest FILE */
	const char *files_from; /* --files-from LIST (one path a line; - is stdin) */
	int quiet, verbose, force, dry_run, seal, require_seal, skip_bad;
	int threads;   /* -j: > 0; 0 on the line means all processors; default 1 */
	int progress;  /* 0 auto, 1 always, -1 never */
	uint64_t seed; /* --seed, default 0 */
	int has_seed;
	/* operands */
	char **files; /* NULL-terminated */
	size_t n_files;
	/* private */
	const struct prog *prog;
	int argc;
	char **argv;
};

void opts_init(struct opts *o, const struct prog *p, int argc, char **argv);
int opts_next(struct opts *o, const char **arg); /* key of an own option, 0 at the end */
/* Write --stats (base/stats.h) and return status, or EXIT_IO when that fails. */
int opts_end(struct opts *o, int status);

/* Conversions for option arguments: end the program with status 2 and the option's name. */
uint64_t opt_u64(const char *name, const char *arg, uint64_t min, uint64_t max);
uint64_t opt_size(const char *name, const char *arg);
double opt_f64(const char *name, const char *arg, double min, double max);

#endif
