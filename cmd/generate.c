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
#include "model/decode.h"
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

	struct slot *slot; /* (n_slot) prompts at work together */
	size_t n_slot, n_used;
	float *logits; /* (n_slot, n_vocab) */
	struct choice *choice;
	struct buf line;
	uint64_t n_prompt;
};

/* A prompt on its way to a completion. */
struct slot {
	struct buf prompt, id; /* id: a JSON value */
	struct ids ids;        /* prompt and completion */
	size_t n_start;        /* ids of the prompt */
	uint64_t number, lineno;
	struct decode_seq *seq;
	struct buf text; /* of the completion */
	size_t n_new;
	const char *why; /* it ended; NULL: it goes on */
};

/* Caches of the prompts at work take so many bytes at most, or one prompt's. */
static const size_t cache_max = (size_t)1 << 30;
enum { SLOTS = 32 };

/* -- one token ----------------------------------------------------------------------------- */

struct choice {
	double p;
	uint32_t id;
};

/* The more probable first; of equal ones the lower id. */
static int before(const struct choice *x, const struct choice *y)
{
	return x->p > y->p || (x->p == y->p && x->id < y->id);
}

/* A heap c[0..n) whose first is before all others, when it is one but for c[i]. */
static void sift(struct choice *c, size_t n, size_t i)
{
	struct choice x = c[i];
	size_t k;

	for (; (k = 2 * i + 1) < n; i = k) {
		if (k + 1 < n && before(&c[k + 1], &c[k]))
			k++;
		if (!before(&c[k], &x))
			break;
		c[i] = c[k];
	}
	c[i] = x;
}

/* Takes the first out of the heap c[0..n) and leaves it at c[n - 1]. */
static struct choice *pop(struct choice *c, size_t n)
{
	struct choice x = c[0];

	c[0] = c[n - 1];
	c[n - 1] = x;
	sift(c, n - 1, 0);
	return &c[n - 1];
}

static uint32_t largest(const struct generate *g, const float *logits)
{
	size_t i, best = 0;

	for (i = 1; i < g->n_vocab; i++)
		if (logits[i] > logits[best])
			best = i;
	return (uint32_t)best;
}

/* The heap of what has a probability; the sum of these. */
static double weigh(struct generate *g, const float *logits, size_t *n)
{
	double top = logits[largest(g, logits)], sum = 0, p;
	size_t i;

	*n = 0;
	for (i = 0; i < g->n_vocab; i++) {
		p = exp((logits[i] - top) / g->temperature);
		if (p > 0)
			g->choice[(*n)++] = (struct choice){p, (uint32_t)i};
		sum += p;
	}
	for (i = *n / 2; i-- > 0;)
		sift(g->choice, *n, i);
	return sum;
}

/* u in (0,1) picks by cumulative probability, among the first tokens that reach top_p. */
static uint32_t sample(struct generate *g, const float *logits, double u)
{
	size_t n, left;
	double sum = weigh(g, logits, &n), mass = 0;
	const struct choice *c = g->choice;

	if (g->top_p < 1) {
		for (left = n; left > 0 && (left == n || mass < g->top_p * sum); left--)
			mass += pop(g->choice, left)->p;
		for (u *= mass; n > left; n--) {
			c = &g->choice[n - 1];
			u -= c->p;
			if (u <= 0)
				break;
		}
		return c->id;
	}
	for (u *= sum; n > 0 && u > 0; n--) {
		c = pop(g->choice, n);
		u -= c->p;
	}
	return c->id;
}

static int is_token(const struct generate *g, size_t id)
{
	return id < g->tokenizer->n_id && g->tokenizer->token[id].used;
}

/* The next id of a slot, from its logits. */
static int choose(struct generate *g, const struct slot *q, float *logits, uint32_t *id)
{
	size_t i;

	for (i = 0; i < g->n_vocab; i++) {
		if (!isfinite(logits[i])) {
			err_set("the model gives no finite number");
			return -1;
		}
		if (!is_token(g, i)) /* rows that only pad the embedding */
			logits[i] = -INFINITY;
	}
	*id = g->temperature > 0 ? sample(g, logits, rng_unit(g->o.seed, q->number, q->n_new))
				 : largest(g, logits);
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

static int decode_text(struct generate *g, struct slot *q)
{
	q->text.len = 0;
	return tokenizer_decode_raw(
	    g->tokenizer, q->ids.p + q->n_start, q->ids.n - q->n_start, 1, &q->text);
}

/* One more id; sets why it is the last. */
static int grow(struct generate *g, struct slot *q, float *logits)
{
	uint32_t id;

	if (choose(g, q, logits, &id) < 0)
		return -1;
	if (id == g->eos) {
		q->why = "eos";
	} else {
		ids_push(&q->ids, id);
		q->n_new++;
		if (g->n_stop > 0 && decode_text(g, q) < 0)
			return -1;
		if (g->n_stop > 0 && stops(g, &q->text)) {
			q->why = "stop";
			return 0;
		}
		if (q->n_new == g->max_new)
			q->why = "length";
	}
	return q->why != NULL ? decode_text(g, q) : 0;
}

/* Reads what the model can see of a text: its beginning, or all again when it has slid. */
static void reread(struct generate *g, struct slot *q, float *logits)
{
	size_t n = q->ids.n < g->max_len ? q->ids.n : g->max_len;

	decode_seq_rewind(q->seq);
	decode_read(g->net, g->hf.w, q->seq, q->ids.p + q->ids.n - n, n, logits);
}

static int goes_on(const struct generate *g, const struct slot *q)
{
	return q->ids.n <= g->max_len && decode_seq_len(q->seq) + 1 == q->ids.n;
}

static int bad_slot(const struct in *in, const struct slot *q)
{
	err_prefix("%s:%" PRIu64, in_name(in), q->lineno);
	return -1;
}

/* One id for each slot that goes on; how many there were, -1 on error. */
static int round_of(struct generate *g, const struct in *in)
{
	struct decode_seq *seq[SLOTS];
	struct slot *step[SLOTS], *q;
	uint32_t id[SLOTS];
	size_t i, n = 0;
	int busy = 0;

	for (i = 0; i < g->n_used; i++) {
		q = &g->slot[i];
		busy += q->why == NULL;
		if (q->why != NULL)
			continue;
		if (goes_on(g, q)) {
			seq[n] = q->seq;
			id[n] = q->ids.p[q->ids.n - 1];
			step[n++] = q;
			continue;
		}
		reread(g, q, g->logits);
		if (g->hf.k->op->sync(g->hf.k) < 0 || grow(g, q, g->logits) < 0)
			return bad_slot(in, q);
	}
	if (n > 0)
		decode_step(g->net, g->hf.w, seq, id, n, g->logits);
	if (g->hf.k->op->sync(g->hf.k) < 0)
		return -1;
	for (i = 0; i < n; i++)
		if (grow(g, step[i], g->logits + i * g->n_vocab) < 0)
			return bad_slot(in, step[i]);
	return busy;
}

static int put(struct generate *g, const struct slot *q)
{
	struct buf text = {0};
	int rc;

	if (q->text.len > 0)
		(void)tokenizer_lossy(q->text.p, q->text.len, 1, &text);
	g->line.len = 0;
	buf_str(&g->line, "{\"id\": ");
	buf_add(&g->line, q->id.p, q->id.len);
	buf_str(&g->line, ", \"prompt\": ");
	jstr_put(&g->line, q->prompt.p, q->prompt.len);
	buf_str(&g->line, ", \"completion\": ");
	jstr_put(&g->line, buf_cstr(&text), text.len);
	buf_printf(
	    &g->line, ", \"num_tokens\": %zu, \"finish_reason\": \"%s\"}\n", q->n_new, q->why);
	rc = out_write(g->out, g->line.p, g->line.len);
	buf_release(&text);
	stats_add("prompts", 1);
	stats_add("tokens", q->n_new);
	progress_add(1);
	return rc;
}

/* Completes and writes the prompts that wait. */
static int flush(struct generate *g, const struct in *in)
{
	size_t i;
	int rc;

	while ((rc = round_of(g, in)) > 0)
		;
	for (i = 0; rc == 0 && i < g->n_used; i++)
		rc = put(g, &g->slot[i]);
	for (i = 0; i < g->n_used; i++) {
		decode_seq_free(g->net, g->slot[i].seq);
		g->slot[i].seq = NULL;
	}
	g->n_used = 0;
	return rc;
}

/* -- prompts -------------------------------------------------------------------------------- */

static int encode(struct generate *g, struct slot *q)
{
	q->ids.n = 0;
	if (encoder_add(g->encoder, q->prompt.p, q->prompt.len, &q->ids) < 0)
		return -1;
	if (q->ids.n == 0) {
		if (g->eos >= g->n_vocab) {
			err_set(
			    "an empty prompt, and the model has no eos_token_id to begin with");
			return -1;
		}
		ids_push(&q->ids, (uint32_t)g->eos);
	}
	for (size_t i = 0; i < q->ids.n; i++)
		if (q->ids.p[i] >= g->n_vocab) {
			err_set("id %u of the prompt, the model has %zu embedding rows",
			    q->ids.p[i], g->n_vocab);
			return -1;
		}
	return 0;
}

static int parse(struct generate *g, struct slot *q, const char *line, size_t len)
{
	struct jscan j;
	struct jspan v;

	q->prompt.len = q->id.len = q->text.len = q->n_new = 0;
	q->why = NULL;
	if (jscan_line(&j, line, len) < 0)
		return -1;
	if (!jspan_member(j.object, "prompt", &v) || jscan_str(v, &q->prompt) < 0) {
		err_set("no string 'prompt'");
		return -1;
	}
	buf_cstr(&q->prompt);
	if (j.f[J_ID].p != NULL)
		buf_add(&q->id, j.f[J_ID].p, j.f[J_ID].len);
	else
		buf_printf(&q->id, "\"%" PRIu64 "\"", q->lineno);
	return encode(g, q);
}

static size_t room(const struct generate *g, const struct slot *q)
{
	return q->ids.n + g->max_new < g->max_len ? q->ids.n + g->max_new : g->max_len;
}

/* The prompt of a line takes the next slot; those that wait are flushed when there is no space. */
static int one_prompt(struct generate *g, struct in *in, const char *line, size_t len)
{
	struct slot *q = &g->slot[g->n_used];
	size_t i, bytes;

	q->lineno = in_lineno(in);
	if (parse(g, q, line, len) < 0)
		return bad_slot(in, q);
	q->n_start = q->ids.n;
	q->number = g->n_prompt++;
	for (bytes = 0, i = 0; i <= g->n_used; i++)
		bytes += decode_seq_bytes(g->net, room(g, &g->slot[i]));
	if (bytes > cache_max && g->n_used > 0) {
		struct slot full = *q;

		i = g->n_used;
		if (flush(g, in) < 0)
			return -1;
		g->slot[i] = g->slot[0];
		g->slot[0] = full;
		q = &g->slot[0];
	}
	q->seq = decode_seq_new(g->net, room(g, q));
	if (q->seq == NULL)
		return bad_slot(in, q);
	return ++g->n_used == g->n_slot ? flush(g, in) : 0;
}

static int read_lines(struct generate *g, struct in *in, struct seal *seal)
{
	char *line;
	size_t len;
	int rc;

	while ((rc = seal_next(seal, in, &line, &len)) > 0)
		if (one_prompt(g, in, line, len) < 0)
			return -1;
	if (rc < 0 || seal_end(seal, g->o.require_seal, in_name(in)) < 0)
		return -1;
	return flush(g, in);
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
	g->n_slot = g->max_len < SLOTS ? g->max_len : SLOTS;
	g->slot = xcalloc(g->n_slot, sizeof(*g->slot));
	g->logits = xreallocarray(NULL, g->n_slot * g->n_vocab, sizeof(*g->logits));
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
	size_t i;

	for (i = 0; i < g->n_slot; i++) {
		buf_release(&g->slot[i].prompt);
		buf_release(&g->slot[i].id);
		buf_release(&g->slot[i].text);
		ids_release(&g->slot[i].ids);
	}
	free(g->slot);
	net_free(g->net);
	hf_close(&g->hf);
	encoder_free(g->encoder);
	tokenizer_free(g->tokenizer);
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
