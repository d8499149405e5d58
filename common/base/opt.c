#include "base/opt.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "base/os.h"
#include "base/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 4096

enum {
	KEY_SEED = 3 * OPT_LONG,
	KEY_STATS,
	KEY_MANIFEST,
	KEY_PROGRESS,
	KEY_SEAL,
	KEY_REQUIRE_SEAL,
	KEY_SKIP_BAD,
	KEY_FILES_FROM
};

static const struct opt common[] = {{"help", 'h', NULL, "print this help and stop"},
    {"version", 'V', NULL, "print name and version and stop"},
    {"output", 'o', "OUT", "write to OUT instead of standard output"},
    {"threads", 'j', "N", "worker threads, 0 = all processors [1]"},
    {"force", 'f', NULL, "replace outputs that others made"},
    {"dry-run", 'n', NULL, "say what would be done and stop"}, {"quiet", 'q', NULL, "no warnings"},
    {"verbose", 'v', NULL, "say more"}, {"seed", KEY_SEED, "N", "seed of everything random [0]"},
    {"stats", KEY_STATS, "FILE", "write the counters of the run as JSON"},
    {"manifest", KEY_MANIFEST, "FILE", "write the manifest to FILE"},
    {"progress", KEY_PROGRESS, "WHEN", "auto, always or never [auto]"},
    {"seal", KEY_SEAL, NULL, "end the output with a seal line"},
    {"require-seal", KEY_REQUIRE_SEAL, NULL, "an input without a seal line is an error"},
    {"skip-bad", KEY_SKIP_BAD, NULL, "count and skip bad records instead of stopping"},
    {"files-from", KEY_FILES_FROM, "LIST", "read input names from LIST, one a line"}, {0}};

struct names {
	char **p;
	size_t n, cap;
};

struct impl {
	struct option *longs;
	char *shorts;
	char **dotted; /* --a.b=value, taken out of argv */
	size_t n_dotted, at_dotted;
	int argc; /* the rest of argv, for getopt */
	char **argv;
	int ended; /* getopt is done: asked again it would go on behind "--" */
	struct names files;
};

/* Of the process: names and tables stay for its life. */
static struct impl *the_impl;

/* ---- the process ---------------------------------------------------------------------- */

static void close_stdout(void)
{
	int bad = fflush(stdout) != 0 || ferror(stdout);
	if (!bad)
		bad = close(1) < 0 && errno != EBADF;
	if (!bad)
		return;
	if (errno == EPIPE)
		raise(SIGPIPE);
	fprintf(stderr, "%s: cannot write to standard output: %s\n", progname, strerror(errno));
	_exit(EXIT_IO);
}

/* A descriptor 0, 1 or 2 that the caller closed must not become one of our files: put in its place
 * one on which the wrong operation fails. */
static void hold_standard_fds(void)
{
	int fd;
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			if (open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
				_exit(EXIT_IO);
}

static void default_sigpipe(void)
{
	sigset_t set;
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- the table ------------------------------------------------------------------------ */

static size_t table_len(const struct opt *t)
{
	size_t n = 0;
	while (t && t[n].name)
		n++;
	return n;
}

/* A program's option replaces a common one of the same name or letter. */
static int replaced(const struct opt *own, const struct opt *c)
{
	for (; own && own->name; own++)
		if (!strcmp(own->name, c->name) || own->key == c->key)
			return 1;
	return 0;
}

static void add_option(struct impl *m, size_t *n, struct buf *letters, const struct opt *t)
{
	struct option *l = &m->longs[(*n)++];
	l->name = t->name;
	l->has_arg = t->arg ? required_argument : no_argument;
	l->val = t->key;
	if (t->key < OPT_LONG) {
		buf_chr(letters, (char)t->key);
		if (t->arg)
			buf_chr(letters, ':');
	}
}

static void make_tables(struct impl *m, const struct opt *own)
{
	size_t i, n = 0, n_own = table_len(own);
	struct buf letters = {0};
	m->longs = xcalloc(n_own + table_len(common) + 1, sizeof *m->longs);
	buf_chr(&letters, ':'); /* a missing argument gives ':' instead of '?' */
	for (i = 0; i < n_own; i++)
		add_option(m, &n, &letters, &own[i]);
	for (i = 0; common[i].name; i++)
		if (!replaced(own, &common[i]))
			add_option(m, &n, &letters, &common[i]);
	m->shorts = buf_cstr(&letters);
}

static int is_option(const struct impl *m, const char *name, size_t len)
{
	const struct option *l;
	for (l = m->longs; l->name; l++)
		if (strlen(l->name) == len && !memcmp(l->name, name, len))
			return 1;
	return 0;
}

/* --name=value before "--" where name is no option: a configuration key. */
static void take_dotted(struct impl *m, int argc, char **argv)
{
	int i, ended = 0;
	m->dotted = xcalloc((size_t)argc + 1, sizeof *m->dotted);
	for (i = 0; i < argc; i++) {
		const char *a = argv[i], *eq = strchr(a, '=');
		ended |= i > 0 && !strcmp(a, "--");
		if (i > 0 && !ended && !strncmp(a, "--", 2) && eq && eq > a + 2 &&
		    !is_option(m, a + 2, (size_t)(eq - a - 2)))
			m->dotted[m->n_dotted++] = argv[i] + 2;
		else
			m->argv[m->argc++] = argv[i];
	}
}

void opts_init(struct opts *o, const struct prog *p, int argc, char **argv)
{
	struct impl *m = xcalloc(1, sizeof *m);
	hold_standard_fds();
	default_sigpipe();
	setlocale(LC_ALL, "C");
	progname = p->name;
	stats_start();
	if (atexit(close_stdout) != 0)
		die(EXIT_IO, "cannot register an exit handler");
	memset(o, 0, sizeof *o);
	o->prog = p;
	o->argc = argc;
	o->argv = argv;
	o->threads = 1;
	the_impl = m;
	make_tables(m, p->own);
	m->argv = xcalloc((size_t)argc + 1, sizeof *m->argv);
	if (p->dotted) {
		take_dotted(m, argc, argv);
	} else {
		memcpy(m->argv, argv, (size_t)argc * sizeof *argv);
		m->argc = argc;
	}
	optind = 1;
	opterr = 0;
}

/* ---- help ----------------------------------------------------------------------------- */

static void help_line(const struct opt *t)
{
	char left[128];
	char letter[8] = "    ";
	if (t->key < OPT_LONG)
		snprintf(letter, sizeof letter, "-%c, ", t->key);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, t->name, t->arg ? " " : "",
	    t->arg ? t->arg : "");
	printf("  %-26s  %s\n", left, t->help);
}

static _Noreturn void help(const struct prog *p)
{
	const char *line = p->usage, *end;
	const struct opt *t;
	const char *lead = "usage:";
	for (; line; line = end ? end + 1 : NULL, lead = "      ") {
		end = strchr(line, '\n');
		printf("%s %s %.*s\n", lead, p->name, end ? (int)(end - line) : (int)strlen(line),
		    line);
	}
	printf("%s\n\n", p->summary);
	for (t = p->own; t && t->name; t++)
		help_line(t);
	if (p->own && p->own->name)
		putchar('\n');
	printf("common options:\n");
	for (t = common; t->name; t++)
		if (!replaced(p->own, t))
			help_line(t);
	exit(EXIT_DONE);
}

/* ---- parsing -------------------------------------------------------------------------- */

static int parse_progress(const char *s)
{
	if (!strcmp(s, "auto"))
		return 0;
	if (!strcmp(s, "always"))
		return 1;
	if (!strcmp(s, "never"))
		return -1;
	die_usage("--progress '%s' is not auto, always or never", s);
}

static int parse_threads(const char *s)
{
	int n = (int)opt_u64("threads", s, 0, MAX_THREADS);
	return n ? n : os_cpus();
}

/* 1 when k is a common option. */
static int take_common(struct opts *o, int k)
{
	switch (k) {
	case 'h':
		help(o->prog);
	case 'V':
		printf("%s %s\n", o->prog->name, OLMO_VERSION);
		exit(EXIT_DONE);
	case 'o':
		o->out = optarg;
		break;
	case 'j':
		o->threads = parse_threads(optarg);
		break;
	case 'f':
		o->force = 1;
		break;
	case 'n':
		o->dry_run = 1;
		break;
	case 'q':
		o->quiet = 1;
		o->verbose = 0;
		verbosity = 0;
		break;
	case 'v':
		o->verbose = 1;
		o->quiet = 0;
		verbosity = 2;
		break;
	case KEY_SEED:
		o->seed = opt_u64("seed", optarg, 0, UINT64_MAX);
		o->has_seed = 1;
		break;
	case KEY_STATS:
		o->stats = optarg;
		break;
	case KEY_MANIFEST:
		o->manifest = optarg;
		break;
	case KEY_PROGRESS:
		o->progress = parse_progress(optarg);
		break;
	case KEY_SEAL:
		o->seal = 1;
		break;
	case KEY_REQUIRE_SEAL:
		o->require_seal = 1;
		break;
	case KEY_SKIP_BAD:
		o->skip_bad = 1;
		break;
	case KEY_FILES_FROM:
		o->files_from = optarg;
		break;
	default:
		return 0;
	}
	return 1;
}

static int is_own(const struct opt *t, int k)
{
	for (; t && t->name; t++)
		if (t->key == k)
			return 1;
	return 0;
}

static const char *long_name(const struct impl *m, int key)
{
	const struct option *l;
	for (l = m->longs; l->name; l++)
		if (l->val == key)
			return l->name;
	return "?";
}

/* getopt's '?' and ':'. */
static _Noreturn void bad_option(const struct impl *m, int k)
{
	const char *word = optind > 0 && optind <= m->argc ? m->argv[optind - 1] : "";
	if (k == ':')
		die_usage("option '--%s' needs an argument; see --help", long_name(m, optopt));
	if (optopt && !strncmp(word, "--", 2) && strchr(word, '='))
		die_usage("option '--%s' takes no argument; see --help", long_name(m, optopt));
	if (optopt)
		die_usage("unknown option '-%c'; see --help", optopt);
	die_usage("unknown or ambiguous option '%s'; see --help", word);
}

static void names_add(struct names *l, char *s)
{
	if (l->n + 1 >= l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->p = xreallocarray(l->p, l->cap, sizeof *l->p);
	}
	l->p[l->n++] = s;
	l->p[l->n] = NULL;
}

static void names_read(struct names *l, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	if (!f) {
		err_sys("cannot open '%s'", path);
		die_err();
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = 0;
		if (strlen(line) != (size_t)n)
			die(EXIT_IO, "%s: a name holds a zero byte", path);
		if (n)
			names_add(l, xstrdup(line));
	}
	if (ferror(f)) {
		err_sys("cannot read '%s'", path);
		die_err();
	}
	free(line);
	if (f != stdin)
		fclose(f);
}

static void take_operands(struct opts *o)
{
	struct impl *m = the_impl;
	struct names *l = &m->files;
	int i;
	if (o->files_from)
		names_read(l, o->files_from);
	for (i = optind; i < m->argc; i++)
		names_add(l, m->argv[i]);
	/* No names would mean standard input, which a list never means. */
	if (o->files_from && !l->n)
		die(EXIT_IO, "%s: the list names no files", o->files_from);
	o->n_files = l->n;
	if (!l->p)
		l->p = xcalloc(1, sizeof *l->p);
	o->files = l->p;
}

int opts_next(struct opts *o, const char **arg)
{
	struct impl *m = the_impl;
	int k;
	while (!m->ended) {
		k = getopt_long(m->argc, m->argv, m->shorts, m->longs, NULL);
		if (k == -1) {
			m->ended = 1;
			break;
		}
		if ((k == '?' && !is_own(o->prog->own, '?')) || k == ':')
			bad_option(m, k);
		*arg = optarg;
		if (is_own(o->prog->own, k))
			return k;
		take_common(o, k);
	}
	if (m->at_dotted < m->n_dotted) {
		*arg = m->dotted[m->at_dotted++];
		return OPT_DOTTED;
	}
	take_operands(o);
	stats_threads(o->threads);
	return 0;
}

int opts_end(struct opts *o, int status)
{
	if (!o->stats)
		return status;
	if (stats_write(o->stats, o->prog->name, o->argc, o->argv, o->seed) == 0)
		return status;
	fprintf(stderr, "%s: %s\n", progname, err_msg());
	return EXIT_IO;
}

/* ---- conversions ---------------------------------------------------------------------- */

uint64_t opt_u64(const char *name, const char *arg, uint64_t min, uint64_t max)
{
	uint64_t v;
	if (num_u64(arg, min, max, &v) < 0)
		die_usage("--%s: %s", name, err_msg());
	return v;
}

uint64_t opt_size(const char *name, const char *arg)
{
	uint64_t v;
	if (num_size(arg, &v) < 0)
		die_usage("--%s: %s", name, err_msg());
	return v;
}

double opt_f64(const char *name, const char *arg, double min, double max)
{
	double v;
	if (num_f64(arg, &v) < 0)
		die_usage("--%s: %s", name, err_msg());
	if (v < min || v > max)
		die_usage("--%s: '%s' is not from %g to %g", name, arg, min, max);
	return v;
}
