/* dolma-langid: add the language scores of a fastText model to documents. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "doc/docrun.h"
#include "text/ftrule.h"

enum { LEVEL = OPT_LONG, FIRST, PREFIX };

static const struct opt own[] = {
    {"model", 'm', "FILE", "fastText language model (.bin or .ftz)"},
    {"level", LEVEL, "LIST", "score documents (doc), paragraphs (para) or both (doc,para) [doc]"},
    {"taggers", 't', "NAME[,NAME..]", "run these of Dolma's rules instead of --level's"},
    {"prefix", PREFIX, "NAME", "keys begin with NAME [--attributes, or the rule's name]"},
    {"first-bytes", FIRST, "SIZE",
	"look at the first SIZE bytes only; keys get the suffix _firstSIZE [all]"},
    DOCRUN_OPTS,
    {0},
};

static const struct prog prog = {
    "dolma-langid",
    "-m MODEL [OPTIONS] [FILE..]",
    "add language scores to documents",
    own,
};

struct rule {
	const struct langrule *rule;
	char *tagger; /* the name in keys */
};

struct langid {
	struct rule *rule;
	size_t n;
	struct ft *model;
	size_t first_bytes;
	const char *sidecar; /* attribute set, NULL: filter */
	const char *prefix;  /* of keys, NULL: the tagger's name */
};

struct worker {
	struct ftrun ft;
	struct segment seg;
};

static void add_rule(struct langid *c, const char *name)
{
	const struct langrule *l = langrule_find(name);

	for (size_t i = 0; i < c->n; i++)
		if (c->rule[i].rule == l)
			die_usage("%s: given twice", name);
	c->rule = xreallocarray(c->rule, c->n + 1, sizeof(*c->rule));
	c->rule[c->n++] = (struct rule){l, NULL};
}

/* Calls f for each name between commas; unknown ones are a usage error. */
static void each_name(struct langid *c, const char *list,
    int (*f)(struct langid *c, const char *name), const char *what)
{
	char *copy = xstrdup(list), *name = copy, *comma;

	do {
		comma = strchr(name, ',');
		if (comma)
			*comma = 0;
		if (!f(c, name))
			die_usage(what, name);
		name = comma + 1;
	} while (comma);
	free(copy);
}

static int one_level(struct langid *c, const char *name)
{
	if (!strcmp(name, "doc")) {
		add_rule(c, "ft_lang_id_en_doc_v2");
		add_rule(c, "ft_lang_id_1e2");
		return 1;
	}
	if (!strcmp(name, "para")) {
		add_rule(c, "ft_lang_id_en_paragraph_with_doc_score_v2");
		return 1;
	}
	return 0;
}

static int one_rule(struct langid *c, const char *name)
{
	if (!langrule_find(name))
		return 0;
	add_rule(c, name);
	return 1;
}

/* A shortened text gives other numbers than Dolma's, so it has another name. */
static void name_rules(struct langid *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->rule[i].tagger = c->first_bytes ? xasprintf("%s_first%zu",
							 c->rule[i].rule->name, c->first_bytes)
						   : xstrdup(c->rule[i].rule->name);
}

static void *worker_new(void *ctx)
{
	struct langid *c = ctx;
	struct worker *w = xcalloc(1, sizeof(*w));

	if (ftrun_init(&w->ft, c->model) < 0)
		die_err();
	w->ft.first_bytes = c->first_bytes;
	return w;
}

static void worker_free(void *ctx, void *thread)
{
	struct worker *w = thread;

	(void)ctx;
	ftrun_release(&w->ft);
	segment_release(&w->seg);
	free(w);
}

static int work(void *ctx, void *thread, struct doc *d)
{
	struct langid *c = ctx;
	struct worker *w = thread;

	if (segment_text(&w->seg, d->text, d->text_len, d->n_cp) < 0)
		return -1;
	ftrun_next(&w->ft);
	for (size_t i = 0; i < c->n; i++)
		if (langrule_run(c->rule[i].rule, &w->ft, &w->seg, &d->attrs,
			c->prefix ? c->prefix : c->rule[i].tagger, c->rule[i].tagger) < 0)
			return -1;
	return 0;
}

static struct ft *open_model(const char *path)
{
	struct ft *m = ft_load(path);
	size_t k;

	if (!m)
		return NULL;
	k = strlen(ft_prefix(m));
	for (size_t i = 0; i < ft_labels(m); i++) {
		const char *s = ft_label(m, (int32_t)i);

		if (!strcmp(s, "en") || (!strncmp(s, ft_prefix(m), k) && !strcmp(s + k, "en")))
			return m;
	}
	warn("model '%s' has no label %sen: every score of English will be 0", path, ft_prefix(m));
	return m;
}

static struct manifest *new_manifest(const struct langid *c)
{
	struct manifest *m = manifest_new("dolma-langid");
	json_t *names = json_array();

	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(names, json_string(c->rule[i].rule->name));
	manifest_opt_json(m, "taggers", names);
	manifest_opt_int(m, "first_bytes", (int64_t)c->first_bytes);
	return m;
}

int main(int argc, char **argv)
{
	struct langid c = {0};
	struct opts o;
	struct docrun r = {.o = &o,
	    .ctx = &c,
	    .work = work,
	    .thread_new = worker_new,
	    .thread_free = worker_free};
	const char *arg, *model = NULL, *level = NULL, *rules = NULL;
	int k;

	opts_init(&o, &prog, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case 'm':
			model = arg;
			break;
		case 't':
			rules = arg;
			break;
		case LEVEL:
			level = arg;
			break;
		case PREFIX:
			c.prefix = arg;
			break;
		case FIRST:
			c.first_bytes = opt_size("first-bytes", arg);
			break;
		case DOCRUN_ATTRIBUTES:
			c.sidecar = arg;
			break;
		}
	if (!model)
		die_usage("-m MODEL is needed: a fastText language model such as lid.176.ftz");
	if (rules && level)
		die_usage("--level and -t exclude each other");
	if (rules)
		each_name(&c, rules, one_rule, "-t %s: no such rule; see dolma-langid(1)");
	else
		each_name(
		    &c, level ? level : "doc", one_level, "--level %s: doc or para is expected");
	name_rules(&c);
	r.sidecar = c.sidecar;
	if (c.sidecar)
		c.prefix = c.sidecar;
	r.m = new_manifest(&c);
	c.model = open_model(model);
	if (!c.model || manifest_input_file(r.m, "model", model) < 0 || docrun(&r) < 0)
		die_err();
	manifest_free(r.m);
	ft_free(c.model);
	for (size_t i = 0; i < c.n; i++)
		free(c.rule[i].tagger);
	free(c.rule);
	return opts_end(&o, EXIT_DONE);
}
