#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/conf.h"
#include "text/mix.h"

/* --- checked access to the configuration ------------------------------------------------------- */

struct reader {
	const char *file;
	json_t *lines;
	struct mix_conf *c;
};

static const char *const top_keys[] = {
    "streams", "processes", "work_dir", "shuffle", "dryrun", NULL};
static const char *const stream_keys[] = {"name", "documents", "attributes", "filter",
    "span_replacement", "output", "compression", "sample", NULL};
static const char *const filter_keys[] = {"include", "exclude", "syntax", NULL};
static const char *const span_keys[] = {
    "span", "min_score", "max_score", "replacement", "syntax", NULL};
static const char *const output_keys[] = {
    "path", "max_size_in_bytes", "min_text_length", "discard_fields", NULL};
static const char *const compression_keys[] = {"input", "output", NULL};
static const char *const sample_keys[] = {"rate", "seed", "complement", NULL};
static const char *const work_keys[] = {"input", "output", NULL};

/* -1 with file:line of the key at `path`. */
static int wrong(const struct reader *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int wrong(const struct reader *r, const char *path, const char *fmt, ...)
{
	int line = conf_line(r->lines, path);
	char what[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (line)
		err_set("%s:%d: %s: %s", r->file, line, path, what);
	else
		err_set("%s: %s: %s", r->file, path, what);
	return -1;
}

static int is_one_of(const char *key, const char *const *names)
{
	while (*names && strcmp(*names, key))
		names++;
	return *names != NULL;
}

/* Every key of an object must be known. */
static int check_keys(
    const struct reader *r, const json_t *object, const char *path, const char *const *names)
{
	const char *key;
	json_t *v;

	if (!json_is_object(object))
		return wrong(r, path, "an object with keys is expected");
	json_object_foreach((json_t *)object, key, v)
	{
		const char *near = conf_nearest(key, names);
		char *at;
		int rc;

		if (is_one_of(key, names))
			continue;
		at = xasprintf("%s%s%s", path, *path ? "." : "", key);
		rc = near ? wrong(r, at, "unknown key '%s' (did you mean '%s'?)", key, near)
			  : wrong(r, at, "unknown key '%s'", key);
		free(at);
		return rc;
	}
	return 0;
}

/* object.key, NULL when absent or null; *at: its path (caller frees). */
static json_t *member(const json_t *object, const char *path, const char *key, char **at)
{
	json_t *v = json_object_get(object, key);

	*at = xasprintf("%s%s%s", path, *path ? "." : "", key);
	return json_is_null(v) ? NULL : v;
}

/* Strings must be free of NUL (jansson allows them) and of OmegaConf's references. */
static int check_string(const struct reader *r, const json_t *v, const char *at)
{
	if (!json_is_string(v))
		return wrong(r, at, "a string is expected");
	if (strlen(json_string_value(v)) != json_string_length(v))
		return wrong(r, at, "a string without NUL is expected");
	if (strstr(json_string_value(v), "${"))
		return wrong(r, at, "references like ${…} are not resolved: write the value");
	return 0;
}

static int get_string(
    const struct reader *r, const json_t *object, const char *path, const char *key, char **out)
{
	char *at;
	json_t *v = member(object, path, key, &at);
	int rc = v ? check_string(r, v, at) : 0;

	if (v && rc == 0)
		*out = xstrdup(json_string_value(v));
	free(at);
	return rc;
}

static int get_strings(const struct reader *r, const json_t *object, const char *path,
    const char *key, char ***out, size_t *n)
{
	char *at, *item_at;
	json_t *v = member(object, path, key, &at), *item;
	size_t i;
	int rc = 0;

	*out = xcalloc((v ? json_array_size(v) : 0) + 1, sizeof **out);
	if (v && !json_is_array(v))
		rc = wrong(r, at, "a list of strings is expected");
	json_array_foreach(v, i, item)
	{
		item_at = xasprintf("%s.%zu", at, i);
		if (rc == 0)
			rc = check_string(r, item, item_at);
		if (rc == 0)
			(*out)[(*n)++] = xstrdup(json_string_value(item));
		free(item_at);
	}
	free(at);
	return rc;
}

static int get_number(const struct reader *r, const json_t *object, const char *path,
    const char *key, double *out, int *has)
{
	char *at;
	json_t *v = member(object, path, key, &at);
	int rc = v && !json_is_number(v) ? wrong(r, at, "a number is expected") : 0;

	*has = v != NULL;
	if (v && rc == 0)
		*out = json_number_value(v);
	free(at);
	return rc;
}

static int get_whole(
    const struct reader *r, const json_t *object, const char *path, const char *key, uint64_t *out)
{
	char *at;
	json_t *v = member(object, path, key, &at);
	int rc = v && (!json_is_integer(v) || json_integer_value(v) < 0)
		     ? wrong(r, at, "a whole number is expected")
		     : 0;

	if (v && rc == 0)
		*out = (uint64_t)json_integer_value(v);
	free(at);
	return rc;
}

static int get_bool(
    const struct reader *r, const json_t *object, const char *path, const char *key, int *out)
{
	char *at;
	json_t *v = member(object, path, key, &at);
	int rc = v && !json_is_boolean(v) ? wrong(r, at, "true or false is expected") : 0;

	if (v && rc == 0)
		*out = json_is_true(v);
	free(at);
	return rc;
}

/* --- expressions ------------------------------------------------------------------------------- */

static int get_syntax(
    const struct reader *r, const json_t *object, const char *path, enum select_syntax *syntax)
{
	char *s = NULL, *at;
	int rc = get_string(r, object, path, "syntax", &s);

	*syntax = s && !strcmp(s, "jq") ? SELECT_JQ : SELECT_JSONPATH;
	if (rc == 0 && s && strcmp(s, "jq") && strcmp(s, "jsonpath")) {
		at = xasprintf("%s.syntax", path);
		rc = wrong(r, at, "'%s' is neither 'jsonpath' nor 'jq'", s);
		free(at);
	}
	free(s);
	return rc;
}

static int add_rule(const struct reader *r, struct mix_stream *s, const char *at,
    enum select_syntax syntax, const char *text, struct mix_rule *rule)
{
	rule->text = xstrdup(text);
	rule->expr = select_add(s->set, text, syntax);
	return rule->expr < 0 ? wrong(r, at, "%s: %s", text, err_msg()) : 0;
}

static int read_rules(const struct reader *r, struct mix_stream *s, const json_t *filter,
    const char *path, const char *key, enum select_syntax syntax, struct mix_rule **rules,
    size_t *n)
{
	char **text = NULL, *at;
	size_t n_text = 0;
	int rc = get_strings(r, filter, path, key, &text, &n_text);

	*rules = xcalloc(n_text + 1, sizeof **rules);
	for (size_t i = 0; i < n_text; i++) {
		at = xasprintf("%s.%s.%zu", path, key, i);
		if (rc == 0) {
			(*rules)[i].label = xasprintf("%s[%zu]", key, i);
			rc = add_rule(r, s, at, syntax, text[i], &(*rules)[i]);
			*n = i + 1;
		}
		free(at);
		free(text[i]);
	}
	free(text);
	return rc;
}

static int read_filter(
    const struct reader *r, struct mix_stream *s, const json_t *stream, const char *path)
{
	enum select_syntax syntax;
	char *at;
	json_t *f = member(stream, path, "filter", &at);
	int rc = 0;

	if (f && (check_keys(r, f, at, filter_keys) < 0 || get_syntax(r, f, at, &syntax) < 0 ||
		     read_rules(r, s, f, at, "include", syntax, &s->include, &s->n_include) < 0 ||
		     read_rules(r, s, f, at, "exclude", syntax, &s->exclude, &s->n_exclude) < 0))
		rc = -1;
	if (f && rc == 0 && !s->n_include && !s->n_exclude)
		rc = wrong(r, at, "neither 'include' nor 'exclude' holds an expression");
	free(at);
	return rc;
}

/* "$EXPR" takes the replacement from the document. */
static int read_replacement(
    const struct reader *r, struct mix_stream *s, struct mix_span *p, const char *at)
{
	p->value = -1;
	if (!p->replacement)
		p->replacement = xstrdup("");
	if (*p->replacement != '$')
		return 0;
	p->value = select_add(s->set, p->replacement + 1, SELECT_JQ);
	return p->value < 0 ? wrong(r, at, "%s: %s", p->replacement, err_msg()) : 0;
}

static int read_span(const struct reader *r, struct mix_stream *s, const json_t *v, const char *at,
    struct mix_span *p)
{
	enum select_syntax syntax;
	char *text = NULL;
	int has_min, has_max, rc;

	p->min_score = -HUGE_VAL;
	p->max_score = HUGE_VAL;
	if (check_keys(r, v, at, span_keys) < 0 || get_syntax(r, v, at, &syntax) < 0 ||
	    get_string(r, v, at, "span", &text) < 0)
		rc = -1;
	else if (!text)
		rc = wrong(r, at, "'span' is missing");
	else
		rc = add_rule(r, s, at, syntax, text, &p->rule);
	free(text);
	if (rc < 0 || get_number(r, v, at, "min_score", &p->min_score, &has_min) < 0 ||
	    get_number(r, v, at, "max_score", &p->max_score, &has_max) < 0 ||
	    get_string(r, v, at, "replacement", &p->replacement) < 0 ||
	    read_replacement(r, s, p, at) < 0)
		return -1;
	return has_min || has_max ? 0 : wrong(r, at, "'min_score' or 'max_score' is missing");
}

static int read_spans(
    const struct reader *r, struct mix_stream *s, const json_t *stream, const char *path)
{
	char *at, *item_at;
	json_t *v = member(stream, path, "span_replacement", &at), *item;
	size_t i;
	int rc = 0;

	if (v && !json_is_array(v))
		rc = wrong(r, at, "a list is expected");
	s->span = xcalloc((v ? json_array_size(v) : 0) + 1, sizeof *s->span);
	json_array_foreach(v, i, item)
	{
		if (rc < 0)
			break;
		item_at = xasprintf("%s.%zu", at, i);
		s->span[i].rule.label = xasprintf("span_replacement[%zu]", i);
		s->n_span = i + 1;
		rc = read_span(r, s, item, item_at, &s->span[i]);
		free(item_at);
	}
	free(at);
	return rc;
}

/* --- the rest of a stream ---------------------------------------------------------------------- */

static int read_output(
    const struct reader *r, struct mix_stream *s, const json_t *stream, const char *path)
{
	char *at;
	json_t *v = member(stream, path, "output", &at);
	int rc = 0;

	s->max_size = (uint64_t)2 << 30;
	if (v &&
	    (check_keys(r, v, at, output_keys) < 0 || get_string(r, v, at, "path", &s->path) < 0 ||
		get_whole(r, v, at, "max_size_in_bytes", &s->max_size) < 0 ||
		get_whole(r, v, at, "min_text_length", &s->min_text_length) < 0 ||
		get_strings(r, v, at, "discard_fields", &s->discard, &s->n_discard) < 0))
		rc = -1;
	for (size_t i = 0; rc == 0 && i < s->n_discard; i++)
		if (!strcmp(s->discard[i], "id") || !strcmp(s->discard[i], "text"))
			rc = wrong(
			    r, at, "discard_fields: a document needs its '%s'", s->discard[i]);
	free(at);
	return rc;
}

static int read_compression(
    const struct reader *r, struct mix_stream *s, const json_t *stream, const char *path)
{
	static const char *const kinds[] = {"", "gz", "zst"};
	char *at, *input = NULL, *output = NULL;
	json_t *v = member(stream, path, "compression", &at);
	int rc = 0;

	if (v && (check_keys(r, v, at, compression_keys) < 0 ||
		     get_string(r, v, at, "input", &input) < 0 ||
		     get_string(r, v, at, "output", &output) < 0))
		rc = -1;
	for (int i = 0; rc == 0 && output && i < 3; i++)
		if (!strcmp(output, kinds[i]))
			s->suffix = xasprintf("%s%s", i ? "." : "", kinds[i]);
	if (rc == 0 && !output)
		s->suffix = xstrdup(".gz");
	if (rc == 0 && !s->suffix)
		rc = wrong(r, at, "output '%s' is none of '', 'gz', 'zst'", output);
	free(input);
	free(output);
	free(at);
	return rc;
}

static int read_sample(
    const struct reader *r, struct mix_stream *s, const json_t *stream, const char *path)
{
	char *at;
	json_t *v = member(stream, path, "sample", &at);
	int rc = 0, has_rate = 0;

	s->has_sample = v != NULL;
	if (v && (check_keys(r, v, at, sample_keys) < 0 ||
		     get_number(r, v, at, "rate", &s->rate, &has_rate) < 0 ||
		     get_whole(r, v, at, "seed", &s->seed) < 0 ||
		     get_bool(r, v, at, "complement", &s->complement) < 0))
		rc = -1;
	else if (v && (!has_rate || !(s->rate >= 0 && s->rate <= 1)))
		rc = wrong(r, at, "'rate' must be a number from 0 to 1");
	free(at);
	return rc;
}

static int check_patterns(const struct reader *r, char **patterns, const char *path)
{
	for (; *patterns; patterns++)
		if (strstr(*patterns, "://"))
			return wrong(r, path, "'%s': only files are read, no URLs", *patterns);
	return 0;
}

static int read_stream(const struct reader *r, struct mix_stream *s, json_t *v, size_t i)
{
	char *path = xasprintf("streams.%zu", i);
	int rc = -1;

	s->set = select_set_new();
	s->conf = json_incref(v);
	if (check_keys(r, v, path, stream_keys) == 0 &&
	    get_string(r, v, path, "name", &s->name) == 0 &&
	    get_strings(r, v, path, "documents", &s->documents, &s->n_documents) == 0 &&
	    check_patterns(r, s->documents, path) == 0 &&
	    get_strings(r, v, path, "attributes", &s->attributes, &s->n_attributes) == 0 &&
	    read_filter(r, s, v, path) == 0 && read_spans(r, s, v, path) == 0 &&
	    read_output(r, s, v, path) == 0 && read_compression(r, s, v, path) == 0 &&
	    read_sample(r, s, v, path) == 0)
		rc = 0;
	if (rc == 0 && (!s->name || !*s->name || strchr(s->name, '/')))
		rc = wrong(r, path, "a stream needs a 'name' without '/'");
	free(path);
	return rc;
}

static int read_top(struct reader *r, json_t *v)
{
	struct mix_conf *c = r->c;
	json_t *streams = json_object_get(v, "streams"), *work = json_object_get(v, "work_dir"),
	       *s;
	uint64_t processes;
	size_t i;

	if (check_keys(r, v, "", top_keys) < 0)
		return -1;
	if ((work && check_keys(r, work, "work_dir", work_keys) < 0) ||
	    get_whole(r, v, "", "processes", &processes) < 0 ||
	    get_bool(r, v, "", "shuffle", &c->shuffle) < 0 ||
	    get_bool(r, v, "", "dryrun", &c->dryrun) < 0)
		return -1;
	if (json_object_get(v, "processes"))
		json_array_append_new(c->unused, json_string("processes"));
	if (work)
		json_array_append_new(c->unused, json_string("work_dir"));
	if (!json_is_array(streams) || !json_array_size(streams))
		return wrong(r, "streams", "a list of streams is expected");
	c->stream = xcalloc(json_array_size(streams), sizeof *c->stream);
	json_array_foreach(streams, i, s)
	{
		c->n = i + 1;
		if (read_stream(r, &c->stream[i], s, i) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(c->stream[k].name, c->stream[i].name))
				return wrong(r, "streams", "two streams have the name '%s'",
				    c->stream[i].name);
	}
	return 0;
}

struct mix_conf *mix_conf_load(const char *path)
{
	struct mix_conf *c = xcalloc(1, sizeof *c);
	struct reader r = {.file = path, .c = c};
	json_t *v = conf_load_lines(path, &r.lines);
	int rc = -1;

	c->shuffle = 1;
	c->unused = json_array();
	if (v)
		rc = read_top(&r, v);
	json_decref(v);
	json_decref(r.lines);
	if (rc == 0)
		return c;
	mix_conf_free(c);
	return NULL;
}

static void free_strings(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static void free_rules(struct mix_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rules[i].label);
		free(rules[i].text);
	}
	free(rules);
}

static void free_stream(struct mix_stream *s)
{
	for (size_t i = 0; i < s->n_span; i++) {
		free(s->span[i].rule.label);
		free(s->span[i].rule.text);
		free(s->span[i].replacement);
	}
	free(s->span);
	free_rules(s->include, s->n_include);
	free_rules(s->exclude, s->n_exclude);
	free_strings(s->documents);
	free_strings(s->attributes);
	free_strings(s->discard);
	select_set_free(s->set);
	json_decref(s->conf);
	free(s->name);
	free(s->path);
	free(s->suffix);
}

void mix_conf_free(struct mix_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free_stream(&c->stream[i]);
	free(c->stream);
	json_decref(c->unused);
	free(c);
}

struct mix_stream *mix_stream_find(struct mix_conf *c, const char *name)
{
	for (size_t i = 0; name && i < c->n; i++)
		if (!strcmp(c->stream[i].name, name))
			return &c->stream[i];
	if (!name && c->n == 1)
		return &c->stream[0];
	if (name)
		err_set("no stream has the name '%s'", name);
	else
		err_set("the configuration has %zu streams: pick one with --stream", c->n);
	return NULL;
}
