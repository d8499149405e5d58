#include "tok/toksink.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "io/out.h"
#include "tok/le.h"
#include "tok/tokmask.h"

struct toksink {
	enum toksink_form form;
	char *path; /* "-": stdout */
	uint64_t tokens, docs;
	struct tokfile_writer *tok; /* TOKSINK_TOK */
	struct out *out;            /* the others */
	struct out *table;          /* TOKSINK_NPY: may be NULL */
	char *table_path;
	struct out *mask; /* may be NULL */
	char *mask_path;
	uint32_t width;
	struct buf row;
};

static const char *const names[] = {"tok", "npy", "ids", "count"};

int toksink_by_name(const char *name, enum toksink_form *form)
{
	int i;

	for (i = 0; i < 4; i++)
		if (!strcmp(names[i], name))
			return *form = (enum toksink_form)i, 0;
	return -1;
}

void toksink_format(struct buf *b, const uint32_t *ids, size_t n)
{
	size_t i;

	buf_need(b, 11 * n + 3);
	b->p[b->len++] = '[';
	for (i = 0; i < n; i++) {
		char digits[10];
		uint32_t v = ids[i];
		int k = 0;

		if (i)
			b->p[b->len++] = ',';
		do
			digits[k++] = (char)('0' + v % 10);
		while (v /= 10);
		while (k)
			b->p[b->len++] = digits[--k];
	}
	b->p[b->len++] = ']';
	b->p[b->len++] = '\n';
}

/* X.npy → X.csv.gz, as Dolma names it. */
static char *npy_table(const char *path)
{
	size_t n = strlen(path);

	if (n > 4 && !strcmp(path + n - 4, ".npy"))
		n -= 4;
	return xasprintf("%.*s.csv.gz", (int)n, path);
}

static int open_mask(struct toksink *s)
{
	if (!strcmp(s->path, "-") || s->form > TOKSINK_NPY)
		return 0;
	s->mask_path = tokmask_path(s->path);
	s->mask = out_open(s->mask_path, OUT_BINARY | OUT_HASH);
	return s->mask ? 0 : -1;
}

static int open_files(struct toksink *s, const struct tokfile_meta *meta)
{
	if (s->form == TOKSINK_TOK) {
		s->tok = tokfile_create(s->path, meta, TOKFILE_DOCS);
		return s->tok ? 0 : -1;
	}
	s->out = out_open(s->path, OUT_HASH | (s->form == TOKSINK_NPY ? OUT_BINARY : 0));
	if (!s->out)
		return -1;
	if (s->form == TOKSINK_NPY && !out_is_stdout(s->out)) {
		s->table_path = npy_table(s->path);
		s->table = out_open(s->table_path, 0);
		if (!s->table)
			return -1;
	}
	return 0;
}

struct toksink *toksink_open(
    const char *path, enum toksink_form form, const struct tokfile_meta *meta, int mask)
{
	struct toksink *s = xcalloc(1, sizeof(*s));

	s->form = form;
	s->path = xstrdup(path ? path : "-");
	s->width = meta->width;
	if (open_files(s, meta) < 0 || (mask && open_mask(s) < 0)) {
		toksink_abort(s);
		return NULL;
	}
	return s;
}

static int put_raw(struct toksink *s, const uint32_t *ids, size_t n)
{
	unsigned char *p;
	size_t i;

	s->row.len = 0;
	buf_need(&s->row, n * s->width);
	p = (unsigned char *)s->row.p;
	for (i = 0; i < n; i++) {
		if (s->width == 2)
			le_put16(p + 2 * i, ids[i]);
		else
			le_put32(p + 4 * i, ids[i]);
	}
	return out_write(s->out, p, n * s->width);
}

static int put_npy(struct toksink *s, const struct toksink_text *t)
{
	if (put_raw(s, t->ids, t->n) < 0)
		return -1;
	if (!s->table)
		return 0;
	s->row.len = 0;
	tokfile_row_put(
	    &s->row, s->tokens, s->tokens + t->n, t->id, t->id_len, t->source, t->line);
	return out_write(s->table, s->row.p, s->row.len);
}

int toksink_put(struct toksink *s, const struct toksink_text *t)
{
	int rc = 0;

	if (s->form == TOKSINK_TOK) {
		rc = tokfile_put(s->tok, t->ids, t->n);
		if (!rc)
			rc = tokfile_doc(s->tok, s->tokens, s->tokens + t->n, t->id, t->id_len,
			    t->source, t->line);
	} else if (s->form == TOKSINK_NPY) {
		rc = put_npy(s, t);
	} else if (s->form == TOKSINK_IDS) {
		rc = out_write(s->out, t->shown, t->shown_len);
	}
	if (!rc && s->mask)
		rc = out_write(s->mask, t->mask, t->n);
	s->tokens += t->n;
	s->docs++;
	return rc;
}

uint64_t toksink_tokens(const struct toksink *s)
{
	return s->tokens;
}

uint64_t toksink_docs(const struct toksink *s)
{
	return s->docs;
}

static void sink_free(struct toksink *s)
{
	free(s->path);
	free(s->table_path);
	free(s->mask_path);
	buf_release(&s->row);
	free(s);
}

static int commit_tok(struct toksink *s, struct manifest *m)
{
	struct tokfile_sum sum;
	struct tokfile_writer *w = s->tok;

	s->tok = NULL;
	if (tokfile_commit(w, &sum) < 0)
		return -1;
	if (!m)
		return 0;
	manifest_output(m, "tokens", s->path, &sum.file);
	if (sum.docs.bytes) {
		s->table_path = xasprintf("%s.docs.csv.gz", s->path);
		manifest_output(m, "table", s->table_path, &sum.docs);
	}
	return 0;
}

/* The table first, so that ids never stand alone. */
static int commit_out(struct toksink *s, struct manifest *m)
{
	struct filehash h;
	struct out *f;

	if (s->form == TOKSINK_COUNT)
		out_printf(s->out, "docs\ttokens\n%llu\t%llu\n", (unsigned long long)s->docs,
		    (unsigned long long)s->tokens);
	if ((f = s->table)) {
		s->table = NULL;
		if (out_commit(f, &h) < 0)
			return -1;
		if (m)
			manifest_output(m, "table", s->table_path, &h);
	}
	f = s->out;
	s->out = NULL;
	if (out_commit(f, &h) < 0)
		return -1;
	if (m)
		manifest_output(m, "tokens", s->path, &h);
	return 0;
}

static int commit_mask(struct toksink *s, struct manifest *m)
{
	struct filehash h;
	struct out *f = s->mask;

	s->mask = NULL;
	if (!f)
		return 0;
	if (out_commit(f, &h) < 0)
		return -1;
	if (m)
		manifest_output(m, "label_mask", s->mask_path, &h);
	return 0;
}

int toksink_commit(struct toksink *s, struct manifest *m)
{
	int rc = commit_mask(s, m);

	if (!rc)
		rc = s->form == TOKSINK_TOK ? commit_tok(s, m) : commit_out(s, m);

	if (rc < 0)
		toksink_abort(s);
	else
		sink_free(s);
	return rc;
}

void toksink_abort(struct toksink *s)
{
	char *message;

	if (!s)
		return;
	message = xstrdup(err_msg());
	tokfile_abort(s->tok);
	if (s->table)
		out_abort(s->table);
	if (s->mask)
		out_abort(s->mask);
	if (s->out && out_is_stdout(s->out) && s->form == TOKSINK_IDS)
		out_commit(s->out, NULL); /* what came before the error */
	else if (s->out)
		out_abort(s->out);
	sink_free(s);
	err_set("%s", message);
	free(message);
}
