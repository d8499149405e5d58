/* dolma-quality: run taggers over documents and write what they find as attributes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/stats.h"
#include "doc/docrun.h"
#include "text/ftrule.h"
#include "text/naughty.h"
#include "text/tagger.h"

enum { LIST = OPT_LONG, NAUGHTY, PREFIX };

static const struct opt own[] = {
    {"taggers", 't', "NAME[,NAME..]", "run these taggers, in this order; may be repeated"},
    {"model", 'm', "ft:NAME=MODEL",
	"run a fastText classifier as tagger NAME; ft-para: on each paragraph"},
    DOCRUN_OPTS,
    {"prefix", PREFIX, "NAME", "keys begin with NAME [--attributes, or the tagger's name]"},
    {"naughty-words", NAUGHTY, "FILE", "word list of the C4 taggers, one entry a line [built in]"},
    {"list", LIST, NULL, "list the taggers: name, level, keys and source, tab-separated"},
    {0},
};

static const struct prog prog = {
    "dolma-quality",
    "-t NAME[,NAME..] [-m ft:NAME=MODEL..] [OPTIONS] [FILE..]\n--list",
    "mark documents by quality rules",
    own,
};

struct model {
	char *name;
	const char *path;
	int paragraphs;
	struct ft *ft;
};

struct quality {
	const struct tagger **tagger;
	size_t n_taggers;
	struct model *model;
	size_t n_models;
	const char *sidecar; /* attribute set, NULL: filter */
	const char *prefix;  /* of keys, NULL: the tagger's name */
	struct naughty *naughty;
};

/* One thread's. */
struct worker {
	struct tagwork w;
	struct ftrun *ft; /* one for each model */
};

static int list(void)
{
	const struct tagger *t;

	for (size_t i = 0; (t = tagger_at(i)); i++) {
		printf("%s\t%s\t", t->name, t->level);
		for (size_t k = 0; t->types[k]; k++)
			printf("%s%s", k ? "," : "", t->types[k]);
		printf("\t%s\n", t->source);
	}
	return EXIT_DONE;
}

static int name_taken(const struct quality *q, const char *name)
{
	for (size_t i = 0; i < q->n_models; i++)
		if (!strcmp(q->model[i].name, name))
			return 1;
	for (size_t i = 0; i < q->n_taggers; i++)
		if (!strcmp(q->tagger[i]->name, name))
			return 1;
	return 0;
}

static void add_taggers(struct quality *q, const char *arg)
{
	while (1) {
		const char *comma = strchr(arg, ',');
		char *name = xstrndup(arg, comma ? (size_t)(comma - arg) : strlen(arg));
		const struct tagger *t = tagger_find(name);

		if (!t)
			die_usage("-t %s: no such tagger; dolma-quality --list names them", name);
		if (name_taken(q, name))
			die_usage("-t %s: given twice", name);
		q->tagger = xreallocarray(q->tagger, q->n_taggers + 1, sizeof(*q->tagger));
		q->tagger[q->n_taggers++] = t;
		free(name);
		if (!comma)
			return;
		arg = comma + 1;
	}
}

/* ft:NAME=MODEL or ft-para:NAME=MODEL */
static void add_model(struct quality *q, const char *arg)
{
	const char *colon = strchr(arg, ':'), *eq = colon ? strchr(colon, '=') : NULL;
	struct model m = {0};

	if (!eq || !eq[1] || (strncmp(arg, "ft:", 3) && strncmp(arg, "ft-para:", 8)))
		die_usage("-m %s: ft:NAME=MODEL or ft-para:NAME=MODEL is expected", arg);
	m.name = xstrndup(colon + 1, (size_t)(eq - colon - 1));
	m.path = eq + 1;
	m.paragraphs = arg[2] == '-';
	if (attrs_name_ok(m.name) < 0)
		die_usage("-m %s: %s", arg, err_msg());
	if (tagger_find(m.name))
		die_usage("-m %s: %s is the name of a tagger", arg, m.name);
	if (name_taken(q, m.name))
		die_usage("-m %s: the name is given twice", arg);
	q->model = xreallocarray(q->model, q->n_models + 1, sizeof(*q->model));
	q->model[q->n_models++] = m;
}

static void *worker_new(void *ctx)
{
	struct quality *q = ctx;
	struct worker *w = xcalloc(1, sizeof(*w));

	w->w.naughty = q->naughty;
	w->ft = xcalloc(q->n_models + 1, sizeof(*w->ft));
	for (size_t i = 0; i < q->n_models; i++)
		if (ftrun_init(&w->ft[i], q->model[i].ft) < 0)
			die_err();
	return w;
}

static void worker_free(void *ctx, void *thread)
{
	struct quality *q = ctx;
	struct worker *w = thread;

	for (size_t i = 0; i < q->n_models; i++)
		ftrun_release(&w->ft[i]);
	free(w->ft);
	tagwork_release(&w->w);
	free(w);
}

static int work(void *ctx, void *thread, struct doc *d)
{
	struct quality *q = ctx;
	struct worker *w = thread;

	if (tagwork_text(&w->w, d->text, d->text_len, d->n_cp) < 0)
		return -1;
	for (size_t i = 0; i < q->n_taggers; i++)
		tagger_run(q->tagger[i], &w->w, &d->attrs, q->prefix);
	for (size_t i = 0; i < q->n_models; i++) {
		const struct model *m = &q->model[i];

		if (ftrule_run(&w->ft[i], &w->w.seg, m->paragraphs, &d->attrs,
			q->prefix ? q->prefix : m->name, m->name) < 0)
			return -1;
	}
	return 0;
}

/* Load what the run needs, and put it into the manifest. */
static int open_inputs(struct quality *q, struct manifest *m, const char *words)
{
	struct filehash h;

	for (size_t i = 0; i < q->n_models; i++) {
		q->model[i].ft = ft_load(q->model[i].path);
		if (!q->model[i].ft ||
		    manifest_input_file(m, q->model[i].name, q->model[i].path) < 0)
			return -1;
	}
	if (!words)
		return 0;
	q->naughty = naughty_load(words, &h);
	if (!q->naughty)
		return -1;
	manifest_input(m, "naughty_words", words, &h);
	return 0;
}

static struct manifest *new_manifest(const struct quality *q)
{
	struct manifest *m = manifest_new("dolma-quality");
	json_t *names = json_array();

	for (size_t i = 0; i < q->n_taggers; i++)
		json_array_append_new(names, json_string(q->tagger[i]->name));
	for (size_t i = 0; i < q->n_models; i++)
		json_array_append_new(
		    names, json_sprintf("%s:%s", q->model[i].paragraphs ? "ft-para" : "ft",
			       q->model[i].name));
	manifest_opt_json(m, "taggers", names);
	return m;
}

int main(int argc, char **argv)
{
	struct quality q = {0};
	struct opts o;
	struct docrun r = {.o = &o,
	    .ctx = &q,
	    .work = work,
	    .thread_new = worker_new,
	    .thread_free = worker_free};
	const char *arg, *words = NULL;
	int k, listing = 0;

	opts_init(&o, &prog, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case 't':
			add_taggers(&q, arg);
			break;
		case 'm':
			add_model(&q, arg);
			break;
		case DOCRUN_ATTRIBUTES:
			q.sidecar = arg;
			break;
		case PREFIX:
			q.prefix = arg;
			break;
		case NAUGHTY:
			words = arg;
			break;
		case LIST:
			listing = 1;
			break;
		}
	if (listing)
		return opts_end(&o, list());
	if (!q.n_taggers && !q.n_models)
		die_usage("-t NAME or -m ft:NAME=MODEL is needed; --list shows the taggers");
	r.sidecar = q.sidecar;
	if (q.sidecar)
		q.prefix = q.sidecar;
	r.m = new_manifest(&q);
	if (open_inputs(&q, r.m, words) < 0 || docrun(&r) < 0)
		die_err();
	manifest_free(r.m);
	for (size_t i = 0; i < q.n_models; i++) {
		ft_free(q.model[i].ft);
		free(q.model[i].name);
	}
	naughty_free(q.naughty);
	free(q.model);
	free(q.tagger);
	return opts_end(&o, EXIT_DONE);
}
