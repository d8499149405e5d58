#include "tok/encoderun.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "doc/docrun.h"
#include "tok/encoder.h"
#include "tok/labels.h"
#include "tok/team.h"
#include "tok/textrun.h"

struct run {
	const struct encoderun *r;
	struct team *team;
	uint64_t n_empty, n_repaired, n_unlabelled, n_cut; /* texts */
	uint64_t n_label;                                  /* ids */
};

/* One thread's. */
struct worker {
	const struct encoderun *r;
	struct team *team;
	struct encoder *e;
	struct ids ids;
	struct buf buf;
	struct labels labels;
	uint64_t n_repaired;
};

/* What became of a text, in the memory of its batch; many ids in memory of their own. */
struct result {
	uint32_t *ids, *own;
	size_t n;
	char *shown;
	size_t shown_len;
	const char *mask; /* (n), or NULL */
	size_t n_label;
	const char *id; /* its own name, or NULL */
	size_t id_len;
	int empty, cut, unlabelled;
};

/* --- workers ----------------------------------------------------------------------------------- */

static void *worker_new(void *ctx)
{
	const struct run *c = ctx;
	struct worker *w = xcalloc(1, sizeof(*w));

	w->r = c->r;
	w->team = c->team;
	w->e = encoder_new(c->r->t);
	w->labels = (struct labels){.e = w->e, .team = c->team, .eos = c->r->eos};
	return w;
}

/* Called by one thread, when all work is done. */
static void worker_free(void *ctx, void *thread)
{
	struct worker *w = thread;

	((struct run *)ctx)->n_repaired += w->n_repaired;
	labels_release(&w->labels);
	encoder_free(w->e);
	ids_release(&w->ids);
	buf_release(&w->buf);
	free(w);
}

static void *keep(struct docarena *mem, const void *p, size_t n)
{
	void *q = docarena_alloc(mem, n ? n : 1);

	if (n)
		memcpy(q, p, n);
	return q;
}

/* --- one text ---------------------------------------------------------------------------------- */

enum { MANY = 1 << 18 }; /* ids that are handed on instead of copied */

/* Hands the ids over to the result. */
static void take_ids(struct worker *w, struct ids *ids, struct docarena *mem, struct result *r)
{
	r->n = ids->n;
	if (r->n > MANY) {
		r->ids = r->own = ids->p;
		*ids = (struct ids){0};
	} else {
		r->ids = keep(mem, ids->p, r->n * sizeof(*r->ids));
	}
	if (w->r->form == TOKSINK_IDS) {
		w->buf.len = 0;
		toksink_format(&w->buf, r->ids, r->n);
		r->shown = keep(mem, w->buf.p, w->buf.len);
		r->shown_len = w->buf.len;
	}
}

static void take_labels(struct worker *w, struct docarena *mem, struct result *r)
{
	struct labels *l = &w->labels;

	r->mask = keep(mem, l->mask.p, l->mask.len);
	r->n_label = labels_count(l);
	r->cut = l->cut;
	take_ids(w, &l->ids, mem, r);
}

/* Ids of a text, with its end mark. */
static int encode(
    struct worker *w, const char *s, size_t len, struct docarena *mem, struct result *r)
{
	uint64_t eos = w->r->eos;

	w->ids.n = 0;
	if (team_add(w->team, w->e, s, len, &w->ids) < 0)
		return -1;
	if (eos != TOKFILE_NONE && !(w->ids.n && w->ids.p[w->ids.n - 1] == eos))
		ids_push(&w->ids, (uint32_t)eos);
	take_ids(w, &w->ids, mem, r);
	return 0;
}

static struct result *new_result(struct docarena *mem)
{
	static const struct result none;

	return keep(mem, &none, sizeof(none));
}

static int put_result(struct run *c, const struct result *r, const char *id, size_t id_len,
    const char *source, uint64_t line)
{
	struct toksink_text t = {.ids = r->ids,
	    .n = r->n,
	    .id = r->id ? r->id : id,
	    .id_len = r->id ? r->id_len : id_len,
	    .source = source,
	    .line = line,
	    .shown = r->shown,
	    .shown_len = r->shown_len,
	    .mask = r->mask};
	int rc;

	if (r->empty) {
		c->n_empty++;
		return 0;
	}
	c->n_cut += (uint64_t)r->cut;
	c->n_unlabelled += (uint64_t)r->unlabelled;
	rc = r->unlabelled ? 0 : toksink_put(c->r->sink, &t);
	if (!r->unlabelled)
		c->n_label += r->n_label;
	free(r->own);
	return rc;
}

static int encode_spans(struct worker *w, struct doc *d, struct result *r)
{
	struct jspan v = {0}, attributes = d->j.f[J_ATTRIBUTES];

	if (attributes.p && jspan_type(attributes) == JT_OBJECT)
		(void)jspan_member(attributes, w->r->spans, &v);
	if (labels_spans(&w->labels, d->text, d->text_len, v) < 0) {
		err_prefix("attribute %s", w->r->spans);
		return -1;
	}
	take_labels(w, d->mem, r);
	return 0;
}

/* Documents are stripped as by Python's str.strip(), and empty ones left out: Dolma's rule. */
static int work_doc(void *ctx, void *thread, struct doc *d)
{
	struct worker *w = thread;
	struct result *r = new_result(d->mem);
	size_t start, len = encoder_strip(d->text, d->text_len, &start);

	(void)ctx;
	w->n_repaired += (uint64_t)d->repaired;
	d->user = r;
	r->empty = !len;
	if (!len)
		return 0;
	if (w->r->spans)
		return encode_spans(w, d, r);
	return encode(w, d->text + start, len, d->mem, r);
}

static int order_doc(void *ctx, struct doc *d)
{
	size_t len;
	const char *id = doc_id(d, &len);

	return put_result(ctx, d->user, id, len, d->file, d->lineno);
}

static int work_string(struct worker *w, struct textrun_text *t, struct result *r)
{
	json_error_t e;
	json_t *v = json_loadb(t->p, t->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	int rc = -1;

	if (!v)
		err_set("not JSON: %s", e.text);
	else if (!json_is_string(v))
		err_set("not a JSON string");
	else
		rc = encode(w, json_string_value(v), json_string_length(v), t->mem, r);
	json_decref(v);
	return rc;
}

/* The conversation's own name. */
static void keep_id(struct worker *w, const struct textrun_text *t, struct result *r)
{
	struct jspan v;
	struct jscan j;

	if (jscan_line(&j, t->p, t->len) < 0)
		return;
	v = j.f[J_ID];
	w->buf.len = 0;
	if (!v.p || jspan_type(v) != JT_STRING || jscan_str(v, &w->buf) < 0)
		return;
	r->id = keep(t->mem, w->buf.p, w->buf.len);
	r->id_len = w->buf.len;
}

static int work_chat(struct worker *w, struct textrun_text *t, struct result *r)
{
	if (labels_chat(&w->labels, t->p, t->len) < 0)
		return -1;
	if (w->r->seq_len)
		labels_row(&w->labels, w->r->seq_len, w->r->pad);
	keep_id(w, t, r);
	take_labels(w, t->mem, r);
	r->unlabelled = !r->n_label;
	return 0;
}

static int work_text(void *ctx, void *thread, struct textrun_text *t)
{
	struct worker *w = thread;
	struct result *r = new_result(t->mem);

	(void)ctx;
	t->user = r;
	if (w->r->input == ENCODERUN_STRINGS)
		return work_string(w, t, r);
	if (w->r->input == ENCODERUN_CHAT)
		return work_chat(w, t, r);
	r->empty = !t->len;
	if (r->empty)
		return 0;
	if (w->r->replace)
		w->n_repaired += (uint64_t)textrun_repair(t, &w->buf);
	return encode(w, t->p, t->len, t->mem, r);
}

static int order_text(void *ctx, struct textrun_text *t)
{
	struct run *c = ctx;
	struct buf id = {0};
	int rc;

	buf_str(&id, t->file);
	if (c->r->input != ENCODERUN_TEXT)
		buf_printf(&id, ":%llu", (unsigned long long)t->lineno);
	rc = put_result(c, t->user, id.p, id.len, t->file, t->lineno);
	buf_release(&id);
	return rc;
}

/* --- all of them ------------------------------------------------------------------------------- */

static int run_docs(struct run *c)
{
	struct docrun d = {.o = c->r->o,
	    .m = c->r->m,
	    .no_output = 1,
	    .replace = c->r->replace,
	    .ctx = c,
	    .work = work_doc,
	    .order = order_doc,
	    .thread_new = worker_new,
	    .thread_free = worker_free};

	return docrun(&d);
}

static int run_texts(struct run *c)
{
	struct textrun t = {.o = c->r->o,
	    .m = c->r->m,
	    .unit = c->r->input == ENCODERUN_TEXT ? TEXTRUN_FILE : TEXTRUN_LINE,
	    .ctx = c,
	    .work = work_text,
	    .order = order_text,
	    .thread_new = worker_new,
	    .thread_free = worker_free};

	return textrun(&t);
}

static void count(const struct run *c)
{
	const struct encoderun *r = c->r;

	stats_add("docs_empty", c->n_empty);
	stats_add("docs_out", toksink_docs(r->sink));
	stats_add("tokens_out", toksink_tokens(r->sink));
	if (r->replace)
		stats_add("texts_repaired", c->n_repaired);
	if (r->spans || r->input == ENCODERUN_CHAT)
		stats_add("labels_out", c->n_label);
	if (r->input == ENCODERUN_CHAT) {
		stats_add("docs_unlabelled", c->n_unlabelled);
		stats_add("docs_cut", c->n_cut);
	}
}

int encoderun(const struct encoderun *r)
{
	struct run c = {.r = r, .team = team_new(r->t, r->o->threads)};
	int rc = r->input == ENCODERUN_DOCS ? run_docs(&c) : run_texts(&c);

	if (!rc)
		count(&c);
	team_free(c.team);
	return rc;
}
