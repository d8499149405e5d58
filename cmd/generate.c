/* generate: continue prompts with a language model. */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/stats.h"
#include "doc/jscan.h"
#include "io/conf.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"
#include "kernels/kernels.h"
#include "model/hf.h"
#include "model/net.h"
#include "tok/encoder.h"
#include "tok/tokenizer.h"

enum { MAX_NEW = OPT_LONG, TEMPERATURE, TOP_P, STOP, TOKENIZER };

static const struct opt own[] = {
    {"model", 'm', "HFDIR", "Hugging Face model directory"},
    {"tokenizer", TOKENIZER, "FILE", "tokenizer.json [HFDIR/tokenizer.json]"},
    {"max-new", MAX_NEW, "N", "tokens of a completion at most [64]"},
    {"temperature", TEMPERATURE, "X", "0: the most probable token; else sample [0]"},
    {"top-p", TOP_P, "X", "sample among the most probable tokens of mass X [1]"},
    {"stop", STOP, "S", "end a completion before the text S; may be given more than once"},
    {0},
};

static const struct prog prog = {
    "generate",
    "-m HFDIR [--max-new N] [--temperature X] [--top-p X] [--stop S].. [PROMPTS.jsonl..]",
    "continue prompts with a language model",
    own,
};

struct generate {
	struct opts o;
	const char *model, *tokenizer_path;
	const char **stop;
	size_t n_stop, max_new;
	double temperature, top_p; /* negative: not given */

	struct hf hf;
	struct net *net;
	size_t max_len, n_vocab;
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	uint64_t eos; /* UINT64_MAX: none */
	struct manifest *m;
	struct out *out;

	struct ids ids; /* prompt and completion */
	float *logits;  /* (n_vocab) */
	struct choice *choice;
	struct buf prompt, text, line;
	uint64_t n_prompt;
};

/* -- one token ----------------------------------------------------------------------------- */

struct choice {
	double p;
	uint32_t id;
};

/* The most probable first; of equal ones the lower id. */
static int by_p(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->p != y->p)
		return x->p > y->p ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static uint32_t largest(const struct generate *g)
{
	size_t i, best = 0;

	for (i = 1; i < g->n_vocab; i++)
		if (g->logits[i] > g->logits[best])
			best = i;
	return (uint32_t)best;
}

/* u in (0,1) picks by cumulative probability, among the first tokens that reach top_p. */
static uint32_t sample(struct generate *g, double u)
{
	double top = g->logits[largest(g)], sum = 0, mass = 0;
	size_t i, n;

	for (i = 0; i < g->n_vocab; i++) {
		g->choice[i].id = (uint32_t)i;
		g->choice[i].p = exp((g->logits[i] - top) / g->temperature);
		sum += g->choice[i].p;
	}
	qsort(g->choice, g->n_vocab, sizeof(*g->choice), by_p);
	for (n = 0; n < g->n_vocab && (n == 0 || mass < g->top_p * sum); n++)
		mass += g->choice[n].p;
	u *= mass;
	for (i = 0; i + 1 < n; i++) {
		u -= g->choice[i].p;
		if (u <= 0)
			break;
	}
	return g->choice[i].id;
}

static int is_token(const struct generate *g, size_t id)
{
	return id < g->tokenizer->n_id && g->tokenizer->token[id].used;
}

/* The next id; logits of the last position of what the model can see. */
static int next_token(struct generate *g, uint64_t step, uint32_t *id)
{
	size_t n = g->ids.n < g->max_len ? g->ids.n : g->max_len, i;

	net_forward(g->net, g->hf.w, g->ids.p + g->ids.n - n, 1, n);
	net_logits(g->net, g->hf.w, n - 1, 1, g->logits);
	if (g->hf.k->op->sync(g->hf.k) < 0)
		return -1;
	for (i = 0; i < g->n_vocab; i++) {
		if (!isfinite(g->logits[i])) {
			err_set("the model gives no finite number");
			return -1;
		}
		if (!is_token(g, i)) /* rows that only pad the embedding */
			g->logits[i] = -INFINITY;
	}
	*id = g->temperature > 0 ? sample(g, rng_unit(g->o.seed, g->n_prompt, step)) : largest(g);
	return 0;
}

/* -- one prompt ---------------------------------------------------------------------------- */

/* Cuts the text before the first stop; 1 when there is one. */
static int stops(const struct generate *g, struct buf *text)
{
	const char *at, *first = NULL;
	size_t i;

	for (i = 0; i < g->n_stop; i++) {
		at = strstr(buf_cstr(text), g->stop[i]);
		if (at != NULL && (first == NULL || at < first))
			first = at;
	}
	if (first == NULL)
		return 0;
	text->len = (size_t)(first - text->p);
	return 1;
}

/* The completion in g->text; why it ended, or NULL on error. */
static const char *complete(struct generate *g, size_t *n_new)
{
	size_t n_prompt = g->ids.n;
	uint32_t id;

	for (*n_new = 0; *n_new < g->max_new; ++*n_new) {
		if (next_token(g, *n_new, &id) < 0)
			return NULL;
		if (id == g->eos)
			return "eos";
		ids_push(&g->ids, id);
		g->text.len = 0;
		if (tokenizer_decode_raw(
			g->tokenizer, g->ids.p + n_prompt, g->ids.n - n_prompt, 1, &g->text) < 0)
			return NULL;
		if (stops(g, &g->text)) {
			++*n_new;
			return "stop";
		}
	}
	return "length";
}

static int parse(struct generate *g, struct jscan *j, const char *line, size_t len)
{
	struct jspan v;

	g->prompt.len = g->ids.n = g->text.len = 0;
	if (jscan_line(j, line, len) < 0)
		return -1;
	if (!jspan_member(j->object, "prompt", &v) || jscan_str(v, &g->prompt) < 0) {
		err_set("no string 'prompt'");
		return -1;
	}
	buf_cstr(&g->prompt);
	if (encoder_add(g->encoder, g->prompt.p, g->prompt.len, &g->ids) < 0)
		return -1;
	if (g->ids.n == 0) {
		if (g->eos >= g->n_vocab) {
			err_set(
			    "an empty prompt, and the model has no eos_token_id to begin with");
			return -1;
		}
		ids_push(&g->ids, (uint32_t)g->eos);
	}
	for (size_t i = 0; i < g->ids.n; i++)
		if (g->ids.p[i] >= g->n_vocab) {
			err_set("id %u of the prompt, the model has %zu embedding rows",
			    g->ids.p[i], g->n_vocab);
			return -1;
		}
	return 0;
}

static int one_prompt(struct generate *g, struct in *in, const char *line, size_t len)
{
	struct jscan j;
	struct buf text = {0};
	const char *why;
	size_t n;
	int rc;

	if (parse(g, &j, line, len) < 0)
		goto bad;
	why = complete(g, &n);
	if (why == NULL)
		goto bad;
	if (g->text.len > 0)
		(void)tokenizer_lossy(g->text.p, g->text.len, 1, &text);
	g->line.len = 0;
	buf_str(&g->line, "{\"id\": ");
	if (j.f[J_ID].p != NULL)
		buf_add(&g->line, j.f[J_ID].p, j.f[J_ID].len);
	else
		buf_printf(&g->line, "\"%" PRIu64 "\"", in_lineno(in));
	buf_str(&g->line, ", \"prompt\": ");
	jstr_put(&g->line, g->prompt.p, g->prompt.len);
	buf_str(&g->line, ", \"completion\": ");
	jstr_put(&g->line, buf_cstr(&text), text.len);
	buf_printf(&g->line, ", \"num_tokens\": %zu, \"finish_reason\": \"%s\"}\n", n, why);
	rc = out_write(g->out, g->line.p, g->line.len);
	buf_release(&text);
	stats_add("prompts", 1);
	stats_add("tokens", n);
	g->n_prompt++;
	progress_add(1);
	return rc;
bad:
	err_prefix("%s:%" PRIu64, in_name(in), in_lineno(in));
	return -1;
}

static int read_lines(struct generate *g, struct in *in, struct seal *seal)
{
	char *line;
	size_t len;
	int rc;

	while ((rc = seal_next(seal, in, &line, &len)) > 0)
		if (one_prompt(g, in, line, len) < 0)
			return -1;
	return rc < 0 ? -1 : seal_end(seal, g->o.require_seal, in_name(in));
}

static int read_file(struct generate *g, const char *path)
{
	struct in *in = in_open(path);
	struct filehash h;
	struct seal seal;
	int rc;

	if (in == NULL)
		return -1;
	seal_init(&seal);
	rc = read_lines(g, in, &seal);
	seal_release(&seal);
	in_close(in, &h);
	if (rc == 0)
		manifest_input(g->m, "prompts", path, &h);
	return rc;
}

/* -- the model ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The weights' files become inputs of the manifest. */
static void note_weights(struct generate *g)
{
	DIR *d = opendir(g->model);
	struct dirent *e;
	char **path = NULL;
	size_t i, n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".safetensors") != NULL) {
			path = xreallocarray(path, n + 1, sizeof(*path));
			path[n++] = xasprintf("%s/%s", g->model, e->d_name);
		}
	if (d != NULL)
		closedir(d);
	if (n > 0)
		qsort(path, n, sizeof(*path), by_name);
	for (i = 0; i < n; i++) {
		if (manifest_input_file(g->m, "model", path[i]) < 0)
			die_err();
		free(path[i]);
	}
	free(path);
}

static void load_tokenizer(struct generate *g)
{
	char *path = g->tokenizer_path ? xstrdup(g->tokenizer_path)
				       : xasprintf("%s/tokenizer.json", g->model);

	g->tokenizer = tokenizer_load(path, TOKENIZER_C);
	if (g->tokenizer == NULL || manifest_input_file(g->m, "tokenizer", path) < 0)
		die_err();
	if (!g->tokenizer->can_decode)
		die(EXIT_IO, "%s: no decoder that gives text back", path);
	g->encoder = encoder_new(g->tokenizer);
	free(path);
}

static void load_model(struct generate *g)
{
	char *path = xasprintf("%s/config.json", g->model);
	json_t *conf = conf_json(path), *eos;

	if (conf == NULL || manifest_input_file(g->m, "model", path) < 0)
		die_err();
	eos = conf_get(conf, "eos_token_id");
	if (json_is_array(eos))
		eos = json_array_get(eos, 0);
	g->eos = json_is_integer(eos) ? (uint64_t)json_integer_value(eos) : UINT64_MAX;
	json_decref(conf);
	free(path);
	load_tokenizer(g);
	if (hf_open(&g->hf, g->model, g->o.threads, "cpu") < 0)
		die_err();
	if (g->o.out != NULL || g->o.manifest != NULL)
		note_weights(g);
	g->max_len = g->hf.p->a.T;
	g->n_vocab = g->hf.p->a.V;
	g->net = net_new(g->hf.p, g->hf.k, &(struct net_plan){.B = 1, .T = g->max_len});
	if (g->net == NULL)
		die_err();
	g->logits = xreallocarray(NULL, g->n_vocab, sizeof(*g->logits));
	g->choice = xreallocarray(NULL, g->n_vocab, sizeof(*g->choice));
}

/* -- main ---------------------------------------------------------------------------------- */

static void take_option(struct generate *g, int key, const char *arg)
{
	switch (key) {
	case 'm':
		g->model = arg;
		break;
	case TOKENIZER:
		g->tokenizer_path = arg;
		break;
	case MAX_NEW:
		g->max_new = (size_t)opt_u64("max-new", arg, 1, 1 << 20);
		break;
	case TEMPERATURE:
		g->temperature = opt_f64("temperature", arg, 0, 1000);
		break;
	case TOP_P:
		g->top_p = opt_f64("top-p", arg, 0, 1);
		break;
	case STOP:
		if (arg[0] == '\0')
			die_usage("--stop needs a text that is not empty");
		g->stop = xreallocarray(g->stop, g->n_stop + 1, sizeof(*g->stop));
		g->stop[g->n_stop++] = arg;
		break;
	}
}

static void check_options(struct generate *g)
{
	if (g->model == NULL)
		die_usage("-m HFDIR is needed");
	if (strncmp(g->model, "openai:", 7) == 0 || strncmp(g->model, "mock:", 5) == 0)
		die_usage("-m %s: this version runs model directories only", g->model);
	if (g->top_p >= 0 && g->temperature == 0)
		die_usage("--top-p samples: it needs --temperature above 0");
	if (g->top_p < 0)
		g->top_p = 1;
}

static void note_options(struct generate *g)
{
	json_t *stop = json_array();
	size_t i;

	for (i = 0; i < g->n_stop; i++)
		json_array_append_new(stop, json_string(g->stop[i]));
	manifest_opt_json(g->m, "stop", stop);
	manifest_opt_int(g->m, "max_new", (int64_t)g->max_new);
	manifest_opt_num(g->m, "temperature", g->temperature);
	manifest_opt_num(g->m, "top_p", g->top_p);
	manifest_opt_int(g->m, "seed", (int64_t)g->o.seed);
}

static int run(struct generate *g)
{
	size_t i;

	if (g->o.n_files == 0)
		return read_file(g, "-");
	for (i = 0; i < g->o.n_files; i++)
		if (read_file(g, g->o.files[i]) < 0)
			return -1;
	return 0;
}

static void finish(struct generate *g)
{
	struct filehash h;

	if (out_commit(g->out, &h) < 0)
		die_err();
	manifest_output(g->m, "completions", g->o.out ? g->o.out : "-", &h);
	manifest_counters(g->m);
	if (g->o.out != NULL && strcmp(g->o.out, "-") != 0 &&
	    manifest_write_for(g->m, g->o.out) < 0)
		die_err();
	if (g->o.manifest != NULL && manifest_write(g->m, g->o.manifest) < 0)
		die_err();
}

static void release(struct generate *g)
{
	net_free(g->net);
	hf_close(&g->hf);
	encoder_free(g->encoder);
	tokenizer_free(g->tokenizer);
	ids_release(&g->ids);
	buf_release(&g->prompt);
	buf_release(&g->text);
	buf_release(&g->line);
	free(g->logits);
	free(g->choice);
	free(g->stop);
	manifest_free(g->m);
}

int main(int argc, char **argv)
{
	struct generate g = {.max_new = 64, .top_p = -1};
	const char *arg;
	int key, rc;

	opts_init(&g.o, &prog, argc, argv);
	while ((key = opts_next(&g.o, &arg)))
		take_option(&g, key, arg);
	check_options(&g);
	out_signals();
	g.m = manifest_new("generate");
	note_options(&g);
	load_model(&g);
	g.out = out_open(g.o.out, g.o.manifest != NULL ? OUT_HASH : 0);
	if (g.out == NULL)
		die_err();
	progress_start("generate", "prompts", 1, 0, g.o.progress);
	rc = run(&g);
	progress_end();
	if (rc < 0) {
		out_abort(g.out);
		die_err();
	}
	finish(&g);
	release(&g);
	return opts_end(&g.o, EXIT_DONE);
}
