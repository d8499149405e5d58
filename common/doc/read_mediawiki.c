/* read_mediawiki: an XML dump of pages (pages-articles), parsed as it streams. */
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "doc/reader.h"
#include "doc/wikitext.h"

enum { BLOCK = 64 << 10, DEEP = 64 };

struct page {
	struct buf title, id, ns, time, text, model;
	int redirect, too_long;
	uint64_t line;
};

struct dump {
	xmlParserCtxtPtr ctxt;
	xmlSAXHandler sax;
	char *b;
	uint64_t max;
	struct page *q; /* finished pages, and at the end the one being read */
	size_t n_q, at, cap;
	struct buf *into; /* where characters go */
	int depth, in_page, in_revision, revision_depth, page_depth;
	int eof;
	char ns_key[8];
	struct buf file, category, ns_name;
	char error[256];
	int error_line;
};

static struct page *cur(struct dump *d)
{
	return &d->q[d->n_q];
}

static int is(const xmlChar *name, const char *s)
{
	return !strcmp((const char *)name, s);
}

static void page_begin(struct dump *d)
{
	struct page *p;

	if (d->n_q + 1 >= d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 16;

		d->q = xreallocarray(d->q, cap, sizeof(*d->q));
		memset(d->q + d->cap, 0, (cap - d->cap) * sizeof(*d->q));
		d->cap = cap;
	}
	p = cur(d);
	p->title.len = p->id.len = p->ns.len = p->time.len = p->text.len = p->model.len = 0;
	p->redirect = p->too_long = 0;
	p->line = d->ctxt->input ? (uint64_t)d->ctxt->input->line : 0;
	d->in_page = 1;
	d->page_depth = d->depth;
}

static void namespace_key(struct dump *d, int n, const xmlChar **atts)
{
	d->ns_key[0] = 0;
	for (int i = 0; i < n; i++)
		if (is(atts[5 * i], "key") && atts[5 * i + 4] - atts[5 * i + 3] < 8) {
			size_t k = (size_t)(atts[5 * i + 4] - atts[5 * i + 3]);

			memcpy(d->ns_key, atts[5 * i + 3], k);
			d->ns_key[k] = 0;
		}
	d->ns_name.len = 0;
	d->into = &d->ns_name;
}

static void start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int n_ns, const xmlChar **ns, int n_atts, int n_def, const xmlChar **atts)
{
	struct dump *d = ctx;

	(void)prefix, (void)uri, (void)n_ns, (void)ns, (void)n_def;
	d->depth++;
	d->into = NULL;
	if (!d->in_page) {
		if (is(name, "page"))
			page_begin(d);
		else if (is(name, "namespace"))
			namespace_key(d, n_atts, atts);
		return;
	}
	if (d->depth == d->page_depth + 1) {
		if (is(name, "title"))
			d->into = &cur(d)->title;
		else if (is(name, "ns"))
			d->into = &cur(d)->ns;
		else if (is(name, "id"))
			d->into = &cur(d)->id;
		else if (is(name, "redirect"))
			cur(d)->redirect = 1;
		else if (is(name, "revision"))
			d->in_revision = 1;
	} else if (d->in_revision && d->depth == d->page_depth + 2) {
		/* Of several revisions the last one stands. */
		if (is(name, "timestamp"))
			d->into = &cur(d)->time;
		else if (is(name, "model"))
			d->into = &cur(d)->model;
		else if (is(name, "text"))
			d->into = &cur(d)->text;
		if (d->into)
			d->into->len = 0;
	}
}

static void end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct dump *d = ctx;

	(void)prefix, (void)uri;
	d->into = NULL;
	if (!d->in_page && is(name, "namespace")) {
		struct buf *to = !strcmp(d->ns_key, "6")    ? &d->file
				 : !strcmp(d->ns_key, "14") ? &d->category
							    : NULL;

		if (to) {
			to->len = 0;
			buf_add(to, d->ns_name.p, d->ns_name.len);
		}
	} else if (d->in_page && d->depth == d->page_depth) {
		d->in_page = 0;
		d->n_q++;
	} else if (d->in_page && d->depth == d->page_depth + 1) {
		d->in_revision = 0;
	}
	d->depth--;
}

static void characters(void *ctx, const xmlChar *s, int n)
{
	struct dump *d = ctx;

	if (!d->into)
		return;
	if (d->into->len + (size_t)n > d->max) {
		if (d->in_page)
			cur(d)->too_long = 1;
		return;
	}
	buf_add(d->into, s, (size_t)n);
}

static void error(void *ctx, xmlErrorPtr e)
{
	struct dump *d = ctx;

	if (e->level < XML_ERR_ERROR || d->error[0])
		return;
	snprintf(d->error, sizeof(d->error), "%.*s",
	    e->message ? (int)strcspn(e->message, "\n") : 0, e->message ? e->message : "");
	if (d->eof)
		snprintf(d->error, sizeof(d->error), "the file ends before the document does");
	d->error_line = e->line;
}

static int wiki_open(struct reader *r)
{
	struct dump *d = r->state = xcalloc(1, sizeof(*d));

	d->b = xmalloc(BLOCK);
	d->max = r->opt->max_bytes;
	d->sax.initialized = XML_SAX2_MAGIC;
	d->sax.startElementNs = start;
	d->sax.endElementNs = end;
	d->sax.characters = d->sax.ignorableWhitespace = d->sax.cdataBlock = characters;
	d->sax.serror = error;
	d->ctxt = xmlCreatePushParserCtxt(&d->sax, d, NULL, 0, NULL);
	if (!d->ctxt) {
		err_set("%s: libxml2 has no memory", r->path);
		return -1;
	}
	xmlCtxtUseOptions(d->ctxt, XML_PARSE_NONET | (r->opt->huge ? XML_PARSE_HUGE : 0));
	return 0;
}

static void page_release(struct page *p)
{
	buf_release(&p->title);
	buf_release(&p->id);
	buf_release(&p->ns);
	buf_release(&p->time);
	buf_release(&p->text);
	buf_release(&p->model);
}

static void wiki_close(struct reader *r, int whole, reader_file_fn *fn, void *arg)
{
	struct dump *d = r->state;

	(void)whole, (void)fn, (void)arg;
	if (!d)
		return;
	for (size_t i = 0; i < d->cap; i++)
		page_release(&d->q[i]);
	xmlFreeParserCtxt(d->ctxt);
	buf_release(&d->file);
	buf_release(&d->category);
	buf_release(&d->ns_name);
	free(d->q);
	free(d->b);
	free(d);
}

static int equal(const struct buf *b, const char *s)
{
	return b->len == strlen(s) && !memcmp(b->p, s, b->len);
}

/* raw: names of the namespaces of files and categories, and the wikitext, with NULs between. */
static void hand_out(struct reader *r, struct page *p, struct rec *rec)
{
	struct dump *d = r->state;

	rec_where(rec, r->path, ':', p->line);
	rec_id(rec, "#", p->id.p ? p->id.p : "", p->id.len);
	if (p->too_long)
		rec_bad(
		    rec, "page '%.*s' is longer than --max-bytes", (int)p->title.len, p->title.p);
	else if (!p->id.len)
		rec_bad(rec, "page without an id");
	else if (p->ns.len && !equal(&p->ns, "0"))
		rec_skip(rec, "other_namespace");
	else if (p->redirect)
		rec_skip(rec, "redirect");
	else if (p->model.len && !equal(&p->model, "wikitext"))
		rec_skip(rec, "not_wikitext");
	rec_meta(rec, "title", p->title.p ? p->title.p : "", p->title.len);
	buf_add(&rec->created, p->time.p, p->time.len);
	buf_add(&rec->raw, d->file.p, d->file.len);
	buf_chr(&rec->raw, 0);
	buf_add(&rec->raw, d->category.p, d->category.len);
	buf_chr(&rec->raw, 0);
	buf_add(&rec->raw, p->text.p, p->text.len);
}

/* Parse the next block; 0, or -1: cannot read. */
static int feed(struct reader *r)
{
	struct dump *d = r->state;
	ssize_t got;

	/* The page being read, if any, moves to the front. */
	if (d->at && d->at == d->n_q) {
		struct page t = d->q[0];

		d->q[0] = d->q[d->n_q];
		d->q[d->n_q] = t;
		if (d->into >= &d->q[d->n_q].title && d->into <= &d->q[d->n_q].model)
			d->into = (struct buf *)((char *)&d->q[0] +
						 ((char *)d->into - (char *)&d->q[d->n_q]));
		d->n_q = d->at = 0;
	}
	got = in_read(r->in, d->b, BLOCK);
	if (got < 0)
		return -1;
	d->eof = !got; /* error() looks at it */
	xmlParseChunk(d->ctxt, d->b, (int)got, !got);
	return 0;
}

static int wiki_next(struct reader *r, struct rec *rec)
{
	struct dump *d = r->state;

	while (d->at == d->n_q && !d->eof && !d->error[0])
		if (feed(r) < 0)
			return -1;
	if (d->at < d->n_q) {
		hand_out(r, &d->q[d->at++], rec);
		return 1;
	}
	r->done = 1;
	if (!d->error[0])
		return 0;
	rec_where(rec, r->path, ':', (uint64_t)d->error_line);
	rec_bad(rec, "not well-formed XML: %s", d->error);
	/* What follows cannot be read, but is part of the file. */
	while (!d->eof) {
		ssize_t got = in_read(r->in, d->b, BLOCK);

		if (got < 0)
			return -1;
		d->eof = !got;
	}
	return 1;
}

static void wiki_convert(const struct reader_opt *opt, struct rec *rec)
{
	const char *file = rec->raw.p, *category = file + strlen(file) + 1;
	const char *text = category + strlen(category) + 1;

	wikitext(text, (size_t)(rec->raw.p + rec->raw.len - text), opt->wiki_tables, file,
	    category, &rec->text);
	if (!rec->text.len)
		rec_skip(rec, "no_text");
}

static int wiki_wants(const char *name)
{
	return reader_suffix(name, ".xml");
}

const struct reader_kind read_mediawiki = {
    "mediawiki", wiki_open, wiki_next, wiki_convert, wiki_close, wiki_wants, 0};
