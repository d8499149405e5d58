/* decontam: find evaluation text in training documents; mark it, drop the documents, or only say
 * whether there is any. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/docrun.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"
#include "text/contam.h"

enum {
	METHOD = OPT_LONG,
	NAME,
	MARK,
	DROP,
	CHECK,
	REPORT,
	MIN_WORDS,
	NGRAM,
	THRESHOLD,
	NORMALIZE,
	FIELD
};

static const struct opt own[] = {
    {"evaluation", 'e', "EVAL", "evaluation documents; may be given many times"},
    {"field", FIELD, "LIST", "fields of evaluation documents that are compared [text]"},
    {"method", METHOD, "WHAT", "paragraph, document or ngram [paragraph]"},
    {"name", NAME, "ATTR", "name of the attribute [contaminated]"}, DOCRUN_OPTS,
    {"mark", MARK, NULL, "add a span for each place found"},
    {"drop", DROP, NULL, "leave out documents that hold evaluation text"},
    {"check", CHECK, NULL, "write nothing; status 1 when there is evaluation text"},
    {"report", REPORT, "F", "write the places found as a table; - is standard output"},
    {"min-words", MIN_WORDS, "N", "shorter paragraphs or documents do not count [13]"},
    {"ngram", NGRAM, "N", "words in an n-gram [13]"},
    {"threshold", THRESHOLD, "X", "ngram: least part of an evaluation text [0]"},
    {"normalize", NORMALIZE, "HOW", "none, space or words [none; ngram: words]"}, {0}};

static const struct prog prog = {"decontam", "-e EVAL.. --mark|--drop|--check [OPTIONS] [FILE..]",
    "find evaluation text in documents", own};

struct decontam {
	struct opts o;
	struct contam_rule rule;
	int has_normalize;
	char **evals;
	size_t n_evals;
	const char *name, *sidecar, *report, *fields;
	int mark, drop, check;
	struct contam set;
	struct out *table;
};

/* What was found in one document. */
struct found {
	size_t n_hits, n_spans;
	char *rows; /* of the table */
	size_t rows_len;
};

/* ---- options -------------------------------------------------------------------------- */

static int choice(const char *option, const char *arg, const char *const *names)
{
	int i;
	for (i = 0; i < 3; i++)
		if (!strcmp(arg, names[i]))
			return i;
	die_usage("--%s: '%s' is not %s, %s or %s", option, arg, names[0], names[1], names[2]);
}

static void take_option(struct decontam *c, int k, const char *arg)
{
	static const char *const methods[] = {"paragraph", "document", "ngram"};
	static const char *const ways[] = {"none", "space", "words"};
	switch (k) {
	case 'e':
		c->evals = xreallocarray(c->evals, c->n_evals + 1, sizeof *c->evals);
		c->evals[c->n_evals++] = xstrdup(arg);
		break;
	case FIELD:
		if (!*arg || *arg == ',' || strstr(arg, ",,") || arg[strlen(arg) - 1] == ',')
			die_usage("--field: '%s' is not names with commas between", arg);
		c->fields = arg;
		break;
	case METHOD:
		c->rule.method = (enum contam_method)choice("method", arg, methods);
		break;
	case NAME:
		c->name = arg;
		break;
	case DOCRUN_ATTRIBUTES:
		c->sidecar = arg;
		break;
	case MARK:
		c->mark = 1;
		break;
	case DROP:
		c->drop = 1;
		break;
	case CHECK:
		c->check = 1;
		break;
	case REPORT:
		c->report = arg;
		break;
	case MIN_WORDS:
		c->rule.min_words = opt_u64("min-words", arg, 1, 1000000);
		break;
	case NGRAM:
		c->rule.ngram = opt_u64("ngram", arg, 1, 1000);
		break;
	case THRESHOLD:
		c->rule.threshold = opt_f64("threshold", arg, 0, 1);
		break;
	case NORMALIZE:
		c->rule.normalize = (enum contam_normalize)choice("normalize", arg, ways);
		c->has_normalize = 1;
		break;
	}
}

static void check_modes(const struct decontam *c)
{
	int to_stdout = c->report && !strcmp(c->report, "-");
	if (!c->n_evals)
		die_usage("-e EVAL is needed");
	if (c->mark + c->drop + c->check != 1)
		die_usage("one of --mark, --drop and --check is needed");
	if (!c->mark && c->sidecar)
		die_usage("--attributes goes with --mark only");
	if (c->check && c->o.out)
		die_usage("--check writes no documents: --output has no meaning");
	if (to_stdout && !c->check && !c->sidecar && (!c->o.out || !strcmp(c->o.out, "-")))
		die_usage("documents and --report both go to standard output");
}

static void parse(struct decontam *c, int argc, char **argv)
{
	const char *arg;
	int k;
	c->name = "contaminated";
	c->fields = "text";
	c->rule.min_words = c->rule.ngram = 13;
	opts_init(&c->o, &prog, argc, argv);
	while ((k = opts_next(&c->o, &arg)))
		take_option(c, k, arg);
	check_modes(c);
	if (!c->has_normalize && c->rule.method == CONTAM_NGRAM)
		c->rule.normalize = CONTAM_WORDS;
	if (attrs_name_ok(c->name) < 0)
		die_usage("--name: %s", err_msg());
}

/* ---- evaluation text ------------------------------------------------------------------ */

/* The id as it stands, a number too; without one, the place. */
static void eval_id(const struct jscan *j, const char *where, struct buf *id)
{
	struct jspan v = j->f[J_ID];
	id->len = 0;
	if (jspan_type(v) == JT_STRING)
		jscan_str(v, id);
	else if (jspan_type(v) == JT_NUMBER)
		buf_add(id, v.p, v.len);
	else
		buf_str(id, where);
	buf_cstr(id);
}

/* The strings among the fields, a line each. */
static int eval_text(const struct decontam *c, const struct jscan *j, struct buf *text)
{
	const char *name = c->fields;
	struct buf one = {0};
	int found = 0;
	text->len = 0;
	while (*name) {
		size_t len = strcspn(name, ",");
		struct jspan v;
		one.len = 0;
		buf_add(&one, name, len);
		if (jspan_member(j->object, buf_cstr(&one), &v) && jspan_type(v) == JT_STRING) {
			if (found++)
				buf_chr(text, '\n');
			jscan_str(v, text);
		}
		name += len + (name[len] == ',');
	}
	buf_release(&one);
	if (!found)
		err_set("no string \"%s\"; --field names other fields", c->fields);
	return found ? 0 : -1;
}

static int add_eval(struct decontam *c, const char *where, const char *line, size_t len,
    struct buf *text, struct buf *id)
{
	struct jscan j;
	if (jscan_line(&j, line, len) < 0 || eval_text(c, &j, text) < 0)
		return -1;
	eval_id(&j, where, id);
	return contam_add(&c->set, id->p, where, buf_cstr(text), text->len);
}

static int read_lines(struct decontam *c, struct in *f, struct seal *seal)
{
	struct buf text = {0}, id = {0};
	char *line, *where;
	size_t len;
	int rc = 0, got;
	while (rc == 0 && (got = in_line(f, &line, &len)) != 0) {
		if (got < 0) {
			rc = -1;
			break;
		}
		if (seal_is(line, len)) {
			rc = seal_check(seal, line, len, in_name(f), in_lineno(f));
			continue;
		}
		line[len] = '\n';
		seal_add(seal, line, len + 1, 1);
		line[len] = 0;
		where = xasprintf("%s:%" PRIu64, in_name(f), in_lineno(f));
		rc = add_eval(c, where, line, len, &text, &id);
		if (rc < 0)
			err_prefix("%s", where);
		free(where);
	}
	buf_release(&text);
	buf_release(&id);
	return rc;
}

static int read_eval(struct decontam *c, const char *path, struct manifest *m)
{
	struct filehash h;
	struct seal seal;
	struct in *f = in_open(path);
	int rc;
	if (!f)
		return -1;
	seal_init(&seal);
	rc = read_lines(c, f, &seal);
	if (rc == 0)
		rc = seal_end(&seal, c->o.require_seal, in_name(f));
	seal_release(&seal);
	in_close(f, &h);
	if (rc == 0)
		manifest_input(m, "evaluation", path, &h);
	return rc;
}

static int read_evals(struct decontam *c, struct manifest *m)
{
	size_t i;
	contam_init(&c->set, &c->rule);
	for (i = 0; i < c->n_evals; i++)
		if (read_eval(c, c->evals[i], m) < 0)
			return -1;
	stats_add("evals", c->set.n_evals);
	stats_add("evals_too_short", c->set.n_short);
	stats_add("eval_keys", keyset_len(&c->set.set));
	if (contam_add_done(&c->set) < 0)
		return -1;
	if (c->set.n_short * 2 > c->set.n_evals)
		warn("%" PRIu64 " of %zu evaluation texts are too short to be compared",
		    c->set.n_short, c->set.n_evals);
	else if (c->set.n_short)
		note("%" PRIu64 " of %zu evaluation texts are too short to be compared",
		    c->set.n_short, c->set.n_evals);
	return 0;
}

/* ---- documents ------------------------------------------------------------------------ */

/* Tabs, line ends and backslashes as \t, \n, \r, \\. */
static void put_field(struct buf *b, const char *s, size_t n)
{
	static const char from[] = "\t\n\r\\", to[] = "tnr\\";
	size_t i;
	for (i = 0; i < n; i++) {
		const char *e = s[i] ? strchr(from, s[i]) : NULL;
		if (e) {
			buf_chr(b, '\\');
			buf_chr(b, to[e - from]);
		} else {
			buf_chr(b, s[i]);
		}
	}
}

/* Byte offsets that only rise, as code points. */
struct counter {
	size_t at;
	uint64_t cp;
};

static uint64_t cp_at(struct counter *k, const char *text, size_t at)
{
	if (at < k->at)
		*k = (struct counter){0, 0};
	k->cp += utf8_count(text + k->at, at - k->at);
	k->at = at;
	return k->cp;
}

#define EXCERPT 80

static void put_row(struct decontam *c, struct buf *b, struct doc *d, const struct contam_hit *h,
    uint64_t start, uint64_t end)
{
	const struct contam_eval *e = &c->set.eval[h->eval];
	const char *text = d->text + h->start;
	size_t len, n = utf8_offset(text, h->end - h->start, EXCERPT);
	const char *id = doc_id(d, &len);
	put_field(b, e->id, strlen(e->id));
	buf_chr(b, '\t');
	put_field(b, e->where, strlen(e->where));
	buf_chr(b, '\t');
	put_field(b, id, len);
	buf_chr(b, '\t');
	put_field(b, d->file, strlen(d->file));
	buf_printf(b, ":%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", d->lineno, start, end);
	buf_f64(b, jnum_round5(h->score), 1);
	buf_chr(b, '\t');
	put_field(b, text, n);
	buf_chr(b, '\n');
}

static void put_rows(
    struct decontam *c, struct doc *d, struct found *f, const struct contam_hit *hit)
{
	struct buf b = {0};
	struct counter k = {0};
	size_t i;
	for (i = 0; i < f->n_hits; i++) {
		uint64_t start = cp_at(&k, d->text, hit[i].start);
		struct counter to = k;
		put_row(c, &b, d, &hit[i], start, cp_at(&to, d->text, hit[i].end));
	}
	f->rows = doc_alloc(d, b.len);
	f->rows_len = b.len;
	memcpy(f->rows, b.p, b.len);
	buf_release(&b);
}

/* One span for hits that overlap, with the highest of their scores. */
static void add_spans(
    struct decontam *c, struct doc *d, struct found *f, const struct contam_hit *hit)
{
	size_t key = c->mark ? attrs_key(&d->attrs, c->name) : 0, i = 0;
	struct counter k = {0};
	while (i < f->n_hits) {
		struct contam_hit h = hit[i];
		uint64_t start, end;
		for (i++; i < f->n_hits && hit[i].start < h.end; i++) {
			h.end = hit[i].end > h.end ? hit[i].end : h.end;
			h.score = hit[i].score > h.score ? hit[i].score : h.score;
		}
		start = cp_at(&k, d->text, h.start);
		end = cp_at(&k, d->text, h.end);
		if (c->mark)
			attrs_span(&d->attrs, key, start, end, h.score);
		f->n_spans++;
	}
}

static void count(struct decontam *c, const struct found *f, const struct contam_hit *hit)
{
	size_t i;
	for (i = 0; i < f->n_hits; i++)
		if (!atomic_exchange(&c->set.eval[hit[i].eval].hit, 1))
			stats_add("evals_hit", 1);
	if (!f->n_hits)
		return;
	stats_add("docs_contaminated", 1);
	stats_add("spans", f->n_spans);
	if (c->drop)
		stats_add("docs_dropped", 1);
}

static int work(void *ctx, void *thread, struct doc *d)
{
	struct decontam *c = ctx;
	const struct contam_hit *hit;
	struct found *f = doc_alloc(d, sizeof *f);
	memset(f, 0, sizeof *f);
	d->user = f;
	if (contam_find(&c->set, thread, d->text, d->text_len, &hit, &f->n_hits) < 0)
		return -1;
	add_spans(c, d, f, hit);
	if (c->table && f->n_hits)
		put_rows(c, d, f, hit);
	count(c, f, hit);
	d->drop = c->drop && f->n_hits > 0;
	return 0;
}

static int write_rows(void *ctx, struct doc *d)
{
	struct decontam *c = ctx;
	struct found *f = d->user;
	return f->rows_len ? out_write(c->table, f->rows, f->rows_len) : 0;
}

static void *thread_new(void *ctx)
{
	(void)ctx;
	return xcalloc(1, sizeof(struct contam_scratch));
}

static void thread_free(void *ctx, void *thread)
{
	(void)ctx;
	contam_scratch_release(thread);
	free(thread);
}

/* ---- the run -------------------------------------------------------------------------- */

static struct manifest *new_manifest(const struct decontam *c)
{
	static const char *const methods[] = {"paragraph", "document", "ngram"};
	static const char *const ways[] = {"none", "space", "words"};
	struct manifest *m = manifest_new("decontam");
	manifest_opt_str(m, "field", c->fields);
	manifest_opt_str(m, "method", methods[c->rule.method]);
	manifest_opt_str(m, "normalize", ways[c->rule.normalize]);
	manifest_opt_str(m, "mode", c->mark ? "mark" : c->drop ? "drop" : "check");
	if (c->mark)
		manifest_opt_str(m, "name", c->name);
	if (c->rule.method == CONTAM_NGRAM) {
		manifest_opt_int(m, "ngram", (int64_t)c->rule.ngram);
		manifest_opt_num(m, "threshold", c->rule.threshold);
	} else {
		manifest_opt_int(m, "min_words", (int64_t)c->rule.min_words);
	}
	return m;
}

static int open_table(struct decontam *c)
{
	static const char head[] = "eval\teval_at\tdoc\tdoc_at\tstart\tend\tscore\ttext\n";
	c->table = out_open(c->report, 0);
	out_signals();
	return c->table ? out_write(c->table, head, sizeof head - 1) : -1;
}

static int close_table(struct decontam *c, int rc)
{
	struct out *table = c->table;
	char *message;
	if (!table)
		return rc;
	if (rc == 0 || out_is_stdout(table)) {
		message = xstrdup(err_msg());
		if (out_commit(table, NULL) < 0)
			rc = -1;
		else
			err_set("%s", message);
		free(message);
		return rc;
	}
	message = xstrdup(err_msg());
	out_abort(table);
	err_set("%s", message);
	free(message);
	return rc;
}

static int run(struct decontam *c)
{
	struct docrun r = {.o = &c->o,
	    .sidecar = c->sidecar,
	    .no_output = c->check,
	    .ctx = c,
	    .work = work,
	    .thread_new = thread_new,
	    .thread_free = thread_free};
	int rc;
	r.m = new_manifest(c);
	rc = c->o.dry_run ? 0 : read_evals(c, r.m);
	if (rc == 0 && c->report && !c->o.dry_run) {
		rc = open_table(c);
		r.order = write_rows;
	}
	if (rc == 0)
		rc = docrun(&r);
	rc = close_table(c, rc);
	if (rc == 0 && c->check && c->o.manifest && !c->o.dry_run)
		rc = manifest_write(r.m, c->o.manifest);
	manifest_free(r.m);
	return rc;
}

int main(int argc, char **argv)
{
	static struct decontam c;
	uint64_t n;
	size_t i;
	parse(&c, argc, argv);
	if (run(&c) < 0)
		die_err();
	n = stats_get("docs_contaminated");
	if (n && c.check)
		warn("%" PRIu64 " of %" PRIu64 " documents hold evaluation text", n,
		    stats_get("docs_in"));
	else
		note("%" PRIu64 " of %" PRIu64 " documents hold evaluation text", n,
		    stats_get("docs_in"));
	contam_release(&c.set);
	for (i = 0; i < c.n_evals; i++)
		free(c.evals[i]);
	free(c.evals);
	return opts_end(&c.o, c.check && n ? EXIT_NO : EXIT_DONE);
}
