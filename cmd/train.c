/* train: OLMo's training loop, and probes of what a model computes. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/pool.h"
#include "io/conf.h"
#include "model/config.h"
#include "model/memplan.h"
#include "model/probe.h"
#include "model/revs.h"
#include "model/rundir.h"
#include "model/runlog.h"
#include "model/trainer.h"

enum {
	K_RESUME = OPT_LONG + 1,
	K_STOP_AT,
	K_LIST,
	K_INIT,
	K_MODE,
	K_DEVICE,
	K_PRECISION,
	K_REDUCE,
	K_PROBE,
	K_IDS,
	K_LABELS,
	K_DUMP,
	K_COMPARE,
	K_RTOL,
	K_ISA,
	K_SYNC,
	K_ENERGY,
	K_WORLD,
	K_ZERO
};

static const struct opt own[] = {
    {"config", 'c', "FILE", "what to train, YAML or JSON with OLMo's field names"},
    {"resume", K_RESUME, "RUN", "continue a run from its newest checkpoint"},
    {"stop-at", K_STOP_AT, "STEP", "stop there, with the state saved"},
    {"list", K_LIST, "RUN", "print the checkpoints of a run"},
    {"init-from", K_INIT, "DIR", "first weights: a Hugging Face directory"},
    {"mode", K_MODE, "NAME", "pretrain [pretrain]"}, {"device", K_DEVICE, "NAME", "cpu [cpu]"},
    {"precision", K_PRECISION, "NAME",
	"fp32, bf16, or fp64 for --probe [the config's, else fp32]"},
    {"reduce", K_REDUCE, "NAME", "sum of microbatches: canonical or fast [canonical]"},
    {"probe", K_PROBE, "DIR", "write what the model in DIR computes for --ids"},
    {"ids", K_IDS, "FILE", "one JSON array of ids a line, equal lengths"},
    {"labels", K_LABELS, "FILE", "targets of the same shape, -100 = none [the next id]"},
    {"dump", K_DUMP, "LIST", "logits,loss,grads,step1 [logits,loss]"},
    {"compare-logs", K_COMPARE, NULL, "compare two logs or runs: train --compare-logs A B"},
    {"energy", K_ENERGY, "SOURCE",
	"auto, none, rapl:DIR or trace:FILE: counters of energy [auto]"},
    {"isa", K_ISA, "NAME", "c, avx2, avx512; bf16 also avx512bf16, amx [the best]"},
    {"sync-save", K_SYNC, NULL, "write checkpoints between steps: less memory, more waiting"},
    {"rtol", K_RTOL, "X", "relative difference that --compare-logs accepts [0]"},
    {"world-size", K_WORLD, "N", "with -n: the memory of one of N ranks, from the config alone"},
    {"zero", K_ZERO, "STAGE", "with -n: what ranks share, 0 to 3 [the config's fsdp]"}, {0}};

static const struct prog prog = {"train",
    "-c CONF -o RUN [--KEY.SUB=VALUE]..\n--resume RUN [--stop-at STEP]\n"
    "-c CONF --init-from HFDIR -o RUN\n"
    "--probe HFDIR --ids FILE [--labels FILE] --dump LIST -o X.safetensors\n"
    "--compare-logs A B [--rtol X]\n"
    "--list RUN",
    "train a language model", own, 1};

struct args {
	const char *config, *resume, *init, *mode, *device, *precision, *probe, *ids, *labels,
	    *dump, *isa, *energy;
	const char *list;
	int fast, compare, sync;
	uint64_t stop_at;
	double rtol;
	uint64_t world;   /* 0 = not asked */
	int zero;         /* -1 = as the config says */
	const char **set; /* --KEY=VALUE without dashes */
	size_t n_set;
};

static volatile sig_atomic_t stop_asked;

/* The second signal ends the program at once. */
static void on_signal(int sig)
{
	stop_asked = 1;
	signal(sig, SIG_DFL);
}

static void catch_signals(void)
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sa.sa_flags = SA_RESTART;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
}

static int choose_reduce(const char *arg)
{
	if (strcmp(arg, "fast") != 0 && strcmp(arg, "canonical") != 0)
		die_usage("--reduce: '%s' is neither canonical nor fast", arg);
	return strcmp(arg, "fast") == 0;
}

static void take(struct args *a, int key, const char *arg)
{
	switch (key) {
	case 'c':
		a->config = arg;
		break;
	case K_RESUME:
		a->resume = arg;
		break;
	case K_STOP_AT:
		a->stop_at = opt_u64("--stop-at", arg, 1, UINT64_MAX);
		break;
	case K_INIT:
		a->init = arg;
		break;
	case K_MODE:
		a->mode = arg;
		break;
	case K_DEVICE:
		a->device = arg;
		break;
	case K_PRECISION:
		a->precision = arg;
		break;
	case K_REDUCE:
		a->fast = choose_reduce(arg);
		break;
	case K_PROBE:
		a->probe = arg;
		break;
	case K_IDS:
		a->ids = arg;
		break;
	case K_LABELS:
		a->labels = arg;
		break;
	case K_DUMP:
		a->dump = arg;
		break;
	case K_COMPARE:
		a->compare = 1;
		break;
	case K_ENERGY:
		a->energy = arg;
		break;
	case K_ISA:
		a->isa = arg;
		break;
	case K_LIST:
		a->list = arg;
		break;
	case K_SYNC:
		a->sync = 1;
		break;
	case K_RTOL:
		a->rtol = opt_f64("--rtol", arg, 0, 1e300);
		break;
	case K_WORLD:
		a->world = opt_u64("--world-size", arg, 1, UINT32_MAX);
		break;
	case K_ZERO:
		a->zero = (int)opt_u64("--zero", arg, 0, 3);
		break;
	case OPT_DOTTED:
		a->set = xreallocarray(a->set, a->n_set + 1, sizeof(*a->set));
		a->set[a->n_set++] = arg;
		break;
	}
}

static int precision_is(const struct args *a, const char *name)
{
	return a->precision != NULL && strcmp(a->precision, name) == 0;
}

/* What the interface names and this build does not have is refused, never replaced. */
static void check_names(const struct args *a)
{
	if (strcmp(a->device, "cpu") != 0)
		die_usage("--device %s: not available, only cpu", a->device);
	int fp64 = precision_is(a, "fp64");

	if (a->precision != NULL && !precision_is(a, "fp32") && !precision_is(a, "bf16") &&
	    !(fp64 && a->probe != NULL))
		die_usage("--precision %s: not available on device cpu, only fp32 and bf16%s",
		    a->precision, fp64 ? " (fp64 is for --probe)" : "");
	if (strcmp(a->mode, "pretrain") != 0)
		die_usage("--mode %s: not available, only pretrain", a->mode);
}

static void apply_overrides(json_t *j, const struct args *a, const struct opts *o)
{
	for (size_t i = 0; i < a->n_set; i++)
		if (conf_set(j, a->set[i]) < 0)
			die_usage("--%s: %s", a->set[i], err_msg());
	if (o->has_seed)
		json_object_set_new(j, "seed", json_integer((json_int_t)o->seed));
	if (a->init != NULL)
		json_object_set_new(j, "load_path", json_string(a->init));
}

/* ---- --compare-logs ---------------------------------------------------------------------- */

static int compare(const struct args *a, const struct opts *o)
{
	if (o->n_files != 2)
		die_usage("--compare-logs needs two logs or run directories");
	int rc = runlog_compare(o->files[0], o->files[1], a->rtol, stdout);
	if (rc < 0)
		die_err();
	return rc > 0 ? EXIT_NO : EXIT_DONE;
}

/* ---- --list ------------------------------------------------------------------------------ */

static int list(const struct args *a, const struct opts *o)
{
	json_t *j = rundir_config(a->list);

	if (o->n_files > 0)
		die_usage("--list takes one run directory");
	if (j == NULL || revs_print(a->list, stdout) < 0)
		die_err();
	json_decref(j);
	return EXIT_DONE;
}

/* ---- --probe ----------------------------------------------------------------------------- */

/* OLMo-1B's first step, unless --optimizer… and --scheduler… say otherwise. */
static json_t *probe_defaults(void)
{
	return json_pack("{s:{s:f},s:{s:s,s:i,s:f},s:f,s:i}", "optimizer", "learning_rate", 4e-4,
	    "scheduler", "name", "cosine_with_warmup", "t_warmup", 2000, "alpha_f", 0.1,
	    "max_grad_norm", 1.0, "max_duration", 739328);
}

static int probe(const struct args *a, const struct opts *o)
{
	struct probe p = {.dir = a->probe,
	    .ids = a->ids,
	    .labels = a->labels,
	    .out = o->out,
	    .threads = o->threads,
	    .device = a->device};
	json_t *j = a->config != NULL ? conf_load(a->config) : probe_defaults();
	struct config c;

	if (a->ids == NULL || o->out == NULL)
		die_usage("--probe needs --ids FILE and -o FILE");
	if (o->n_files > 0)
		die_usage("--probe takes no operands");
	if (probe_what(a->dump != NULL ? a->dump : "logits,loss", &p.what) < 0)
		die_usage("%s", err_msg());
	if (j == NULL)
		die_err();
	apply_overrides(j, a, o);
	if (config_read(&c, j, a->config != NULL ? a->config : "(command line)") < 0)
		die_usage("%s", err_msg());
	p.config = &c;
	p.fp64 = precision_is(a, "fp64");
	p.bf16 = precision_is(a, "bf16");
	if (probe_run(&p) < 0)
		die_err();
	config_release(&c);
	json_decref(j);
	return EXIT_DONE;
}

/* ---- training ---------------------------------------------------------------------------- */

static json_t *load_config(const struct args *a, const struct opts *o)
{
	json_t *j = a->resume != NULL ? rundir_config(a->resume) : conf_load(a->config);

	if (j == NULL)
		die_err();
	apply_overrides(j, a, o);
	return j;
}

/* Wrong keys and values are usage errors, files that do not fit are not. --precision goes into the
 * config when it says something else: a resumed run keeps it. */
static void check_config(json_t *j, const char *name, const struct args *a)
{
	struct config c;

	if (config_read(&c, j, name) < 0)
		die_usage("%s", err_msg());
	const char *products = config_products(&c);
	if (a->precision == NULL && products == NULL)
		die_usage("%s: precision %s is not available on device cpu; say --precision fp32 "
			  "or bf16",
		    name, c.precision);
	if (a->precision != NULL && (products == NULL || !precision_is(a, products)))
		json_object_set_new(j, "precision",
		    json_string(precision_is(a, "bf16") ? "amp_bf16" : a->precision));
	config_release(&c);
}

static void put_json(json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
}

static int print_plan(const struct trainer *t)
{
	put_json(trainer_plan(t));
	return EXIT_DONE;
}

/* The memory of one of many ranks; neither data nor a device need be there. */
static int rank_plan(const struct args *a, const json_t *config, const char *name)
{
	struct memplan m;
	struct config c;

	if (config_read(&c, config, name) < 0 || memplan_read(&m, config, name) < 0)
		die_usage("%s", err_msg());
	if (a->world > 0)
		m.world = a->world;
	if (a->zero >= 0)
		m.zero = a->zero;
	if (a->precision != NULL)
		m.bf16 = strcmp(a->precision, "fp32") != 0;
	json_t *j = memplan_json(&m, &c, name);
	if (j == NULL)
		die_usage("%s", err_msg());
	put_json(j);
	config_release(&c);
	return EXIT_DONE;
}

static int run(struct trainer *t)
{
	switch (trainer_run(t)) {
	case TRAINER_DONE:
		return EXIT_DONE;
	case TRAINER_STOPPED:
		note("stopped on request, state saved");
		return EXIT_AGAIN;
	case TRAINER_FAILED:
		break;
	}
	die_err();
}

static int train(const struct args *a, const struct opts *o)
{
	struct trainer_opts to = {.run = a->resume != NULL ? a->resume : o->out,
	    .resume = a->resume != NULL,
	    .force = o->force,
	    .threads = o->threads,
	    .device = a->device,
	    .fast_reduce = a->fast,
	    .sync_save = a->sync,
	    .isa = a->isa,
	    .energy = a->energy,
	    .stop_at = a->stop_at,
	    .console = o->quiet ? -1 : o->progress,
	    .manifest = o->manifest,
	    .stop = &stop_asked};
	const char *name = a->config != NULL ? a->config : a->resume;

	if (a->config == NULL && a->resume == NULL)
		die_usage("needs -c CONF, --resume RUN, --probe DIR or --compare-logs");
	if (a->config != NULL && a->resume != NULL)
		die_usage("-c and --resume exclude each other: a run keeps its config");
	if (a->resume != NULL && (o->out != NULL || a->init != NULL || o->force))
		die_usage("--resume takes neither -o, --init-from nor -f");
	if ((a->world > 0 || a->zero >= 0) && !o->dry_run)
		die_usage("--world-size and --zero need -n: they plan, one rank trains");
	if (to.run == NULL && !o->dry_run)
		die_usage("needs -o RUN");
	if (o->n_files > 0)
		die_usage("takes no operands: token files are named by data.paths");
	json_t *j = load_config(a, o);
	if (a->world > 0 || a->zero >= 0) {
		int done = rank_plan(a, j, name);
		json_decref(j);
		return done;
	}
	check_config(j, name, a);
	struct trainer *t = trainer_new(j, name, &to);
	if (t == NULL)
		die_err();
	if (!o->dry_run)
		catch_signals();
	int status = o->dry_run ? print_plan(t) : run(t);
	trainer_free(t);
	json_decref(j);
	return status;
}

int main(int argc, char **argv)
{
	struct args a = {.mode = "pretrain", .device = "cpu", .zero = -1};
	struct opts o;
	const char *arg;
	int key, status;

	opts_init(&o, &prog, argc, argv);
	while ((key = opts_next(&o, &arg)) != 0)
		take(&a, key, arg);
	check_names(&a);
	if (a.compare)
		status = compare(&a, &o);
	else if (a.list != NULL)
		status = list(&a, &o);
	else if (a.probe != NULL)
		status = probe(&a, &o);
	else
		status = train(&a, &o);
	free(a.set);
	return opts_end(&o, status);
}
