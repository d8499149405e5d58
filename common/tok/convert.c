#include "tok/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/out.h"
#include "tok/le.h"
#include "tok/tokmask.h"

static const char *const form_name[] = {[CONVERT_TOK] = "tok",
    [CONVERT_NPY] = "npy",
    [CONVERT_NUMPY] = "numpy",
    [CONVERT_MEGATRON] = "megatron",
    [CONVERT_LLMC] = "llmc",
    [CONVERT_NANOGPT] = "nanogpt",
    [CONVERT_DATATROVE] = "datatrove"};

enum { N_FORM = sizeof(form_name) / sizeof(form_name[0]), PIECE = 16384 };

int convert_parse(const char *name)
{
	int i;

	for (i = 0; i < N_FORM; i++)
		if (strcmp(name, form_name[i]) == 0)
			return i;
	err_set("unknown form '%s': tok, npy, numpy, megatron, llmc, nanogpt or datatrove", name);
	return -1;
}

const char *convert_name(enum convert_form form)
{
	return form_name[form];
}

int convert_has_mask(enum convert_form form)
{
	return form == CONVERT_TOK || form == CONVERT_NPY || form == CONVERT_DATATROVE;
}

void convert_release(struct convert *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		free(c->file[i].path);
	c->n = 0;
}

static int has_table(const struct convert *c)
{
	if (c->out == NULL || strcmp(c->out, "-") == 0)
		return 0;
	return c->end != NULL || (c->tokpath != NULL && tokfile_docs_exist(c->tokpath));
}

/* Commits an output and remembers it for the manifest. */
static int done(struct convert *c, struct out *f, const char *role)
{
	struct convert_file *k = &c->file[c->n];

	k->path = xstrdup(out_is_stdout(f) ? "-" : out_name(f));
	k->role = role;
	c->n++;
	return out_commit(f, &k->hash);
}

/* -- pieces -------------------------------------------------------------------------------- */

/* Ids [from, from + n) as c->meta.width bytes each; an id that does not fit is refused. */
static int encode(const struct convert *c, uint64_t from, size_t n, unsigned char *dst)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t id = tokfile_at(c->t, from + i);

		if (c->meta.width == 4) {
			le_put32(dst + 4 * i, id);
			continue;
		}
		if (id > 0xffff) {
			err_set("%s@%" PRIu64 ": id %" PRIu32 " does not fit 16 bits", c->t->path,
			    c->t->ids_off + (from + i) * c->t->meta.width, id);
			return -1;
		}
		le_put16(dst + 2 * i, id);
	}
	return 0;
}

static int put_ids(const struct convert *c, struct out *f)
{
	unsigned char *block = xmalloc(PIECE * 4);
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && at < c->t->count) {
		uint64_t left = c->t->count - at;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		rc = encode(c, at, n, block);
		if (rc == 0)
			rc = out_write(f, block, n * c->meta.width);
		at += n;
	}
	free(block);
	return rc;
}

/* A file of a head and the ids. */
static int ids_file(
    struct convert *c, const char *path, const char *role, const void *head, size_t head_len)
{
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);

	if (f == NULL)
		return -1;
	if (out_write(f, head, head_len) < 0 || put_ids(c, f) < 0) {
		out_abort(f);
		return -1;
	}
	return done(c, f, role);
}

typedef int row_fn(void *arg, const struct tokfile_row *r);

/* Documents of which only the ends are known are numbered, from 0 as ids, from 1 as lines. */
static int each_end(struct convert *c, row_fn *fn, void *arg)
{
	char id[24];
	uint64_t k;

	for (k = 0; k < c->n_end; k++) {
		struct tokfile_row r = {.start = k == 0 ? 0 : c->end[k - 1],
		    .end = c->end[k],
		    .id = id,
		    .source = c->index,
		    .line = k + 1};

		r.id_len = (size_t)snprintf(id, sizeof(id), "%" PRIu64, k);
		c->n_doc = k + 1;
		if (fn(arg, &r) < 0)
			return -1;
	}
	return 0;
}

/* Calls fn for every row of the document table. */
static int each_row(struct convert *c, row_fn *fn, void *arg)
{
	struct tokfile_docs *d;
	struct tokfile_row r;
	int rc;

	c->n_doc = 0;
	if (c->end != NULL)
		return each_end(c, fn, arg);
	d = tokfile_docs_open(c->tokpath);
	if (d == NULL)
		return -1;
	while ((rc = tokfile_docs_next(d, &r)) > 0) {
		c->n_doc++;
		if (r.end > c->t->count) {
			err_set("%s:%" PRIu64 ": ids up to %" PRIu64 ", but '%s' has %" PRIu64,
			    tokfile_docs_path(d), c->n_doc, r.end, c->t->path, c->t->count);
			rc = -1;
			break;
		}
		if (fn(arg, &r) < 0) {
			rc = -1;
			break;
		}
	}
	tokfile_docs_close(d);
	return rc;
}

/* -- token files, OLMo's and numpy's ------------------------------------------------------- */

static int row_to_writer(void *arg, const struct tokfile_row *r)
{
	return tokfile_doc(arg, r->start, r->end, r->id, r->id_len, r->source, r->line);
}

static int copy_ids(const struct tokfile *t, struct tokfile_writer *w)
{
	uint32_t *ids = xreallocarray(NULL, PIECE, sizeof(*ids));
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && at < t->count) {
		uint64_t left = t->count - at;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		tokfile_read(t, at, n, ids);
		rc = tokfile_put(w, ids, n);
		at += n;
	}
	free(ids);
	return rc;
}

static int to_tok(struct convert *c)
{
	int table = has_table(c);
	struct tokfile_writer *w = tokfile_create(c->out, &c->meta, table ? TOKFILE_DOCS : 0);
	struct tokfile_sum sum;

	if (w == NULL)
		return -1;
	if (copy_ids(c->t, w) < 0 || (table && each_row(c, row_to_writer, w) < 0)) {
		tokfile_abort(w);
		return -1;
	}
	if (tokfile_commit(w, &sum) < 0)
		return -1;
	c->file[c->n++] =
	    (struct convert_file){xstrdup(c->out == NULL ? "-" : c->out), "tokens", sum.file};
	if (sum.docs.bytes > 0)
		c->file[c->n++] =
		    (struct convert_file){xasprintf("%s.docs.csv.gz", c->out), "docs", sum.docs};
	return 0;
}

static int is_npy(const char *s)
{
	size_t n = strlen(s);

	return n > 4 && strcmp(s + n - 4, ".npy") == 0;
}

static int row_to_out(void *arg, const struct tokfile_row *r)
{
	struct buf b = {0};
	int rc;

	tokfile_row_put(&b, r->start, r->end, r->id, r->id_len, r->source, r->line);
	rc = out_write(arg, b.p, b.len);
	buf_release(&b);
	return rc;
}

/* Dolma's table of X.npy is X.csv.gz. */
static int npy_table(struct convert *c)
{
	char *path = is_npy(c->out) ? xasprintf("%.*s.csv.gz", (int)strlen(c->out) - 4, c->out)
				    : xasprintf("%s.csv.gz", c->out);
	struct out *f = out_open(path, OUT_HASH);

	free(path);
	if (f == NULL)
		return -1;
	if (each_row(c, row_to_out, f) < 0) {
		out_abort(f);
		return -1;
	}
	return done(c, f, "docs");
}

static int to_npy(struct convert *c)
{
	if (ids_file(c, c->out, "tokens", NULL, 0) < 0)
		return -1;
	return has_table(c) ? npy_table(c) : 0;
}

/* numpy/lib/format.py: magic, version, length, a Python dict padded to a multiple of 64. */
static int to_numpy(struct convert *c)
{
	unsigned char head[192];
	int n;

	memset(head, ' ', sizeof(head));
	memcpy(head, "\x93NUMPY\x01\x00", 8);
	n = snprintf((char *)head + 10, sizeof(head) - 10,
	    "{'descr': '<u%d', 'fortran_order': False, 'shape': (%" PRIu64 ",), }",
	    (int)c->meta.width, c->t->count);
	head[10 + n] = ' ';
	n = (10 + n + 1 + 63) / 64 * 64;
	head[n - 1] = '\n';
	le_put16(head + 8, (uint32_t)n - 10);
	return ids_file(c, c->out, "tokens", head, (size_t)n);
}

/* -- llm.c, nanoGPT ------------------------------------------------------------------------ */

static int to_llmc(struct convert *c)
{
	unsigned char head[1024] = {0};

	if (c->t->count > INT32_MAX) {
		err_set("%s: %" PRIu64 " ids, an llm.c file holds at most %d", c->t->path,
		    c->t->count, INT32_MAX);
		return -1;
	}
	le_put32(head, c->meta.width == 2 ? 20240520 : 20240801);
	le_put32(head + 4, c->meta.width == 2 ? 1 : 7);
	le_put32(head + 8, (uint32_t)c->t->count);
	return ids_file(c, c->out, "tokens", head, sizeof(head));
}

static int to_nanogpt(struct convert *c)
{
	if (c->meta.width != 2) {
		err_set("%s@16: nanoGPT's files hold 16-bit ids: say --dtype u16 if they fit",
		    c->t->path);
		return -1;
	}
	return ids_file(c, c->out, "tokens", NULL, 0);
}

/* -- Megatron-LM --------------------------------------------------------------------------- */

/* The index in the making: lengths, then pointers, then document numbers. */
struct megatron {
	struct convert *c;
	struct buf len, ptr, doc;
	uint64_t at; /* end of the row before: rows must lie end to end */
};

static void add64(struct buf *b, uint64_t v)
{
	unsigned char x[8];

	le_put64(x, v);
	buf_add(b, x, 8);
}

static int megatron_row(void *arg, const struct tokfile_row *r)
{
	struct megatron *m = arg;
	unsigned char x[4];

	if (r->end - r->start > INT32_MAX) {
		err_set("%s: document %" PRIu64 " has %" PRIu64 " ids, Megatron's index holds at "
			"most %d",
		    m->c->t->path, m->c->n_doc, r->end - r->start, INT32_MAX);
		return -1;
	}
	le_put32(x, (uint32_t)(r->end - r->start));
	buf_add(&m->len, x, 4);
	add64(&m->ptr, r->start * m->c->meta.width);
	add64(&m->doc, m->c->n_doc);
	return 0;
}

static int megatron_index(struct convert *c, struct megatron *m, const char *path)
{
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);
	unsigned char head[34] = "MMIDIDX";

	if (f == NULL)
		return -1;
	le_put64(head + 9, 1);
	head[17] = c->meta.width == 2 ? 8 : 4; /* uint16, int32 */
	le_put64(head + 18, c->n_doc);
	le_put64(head + 26, c->n_doc + 1);
	if (out_write(f, head, sizeof(head)) < 0 || out_write(f, m->len.p, m->len.len) < 0 ||
	    out_write(f, m->ptr.p, m->ptr.len) < 0 || out_write(f, m->doc.p, m->doc.len) < 0) {
		out_abort(f);
		return -1;
	}
	return done(c, f, "index");
}

static int need_table(const struct convert *c)
{
	if (has_table(c))
		return 0;
	err_set("%s: no document table '%s.docs.csv.gz' beside it, this form needs one",
	    c->t->path, c->t->path);
	return -1;
}

/* megatron/core/datasets/indexed_dataset.py */
static int to_megatron(struct convert *c)
{
	struct megatron m = {.c = c};
	char *bin = xasprintf("%s.bin", c->out), *idx = xasprintf("%s.idx", c->out);
	int rc = -1;

	add64(&m.doc, 0);
	if (need_table(c) == 0 && each_row(c, megatron_row, &m) == 0 &&
	    ids_file(c, bin, "tokens", NULL, 0) == 0)
		rc = megatron_index(c, &m, idx);
	buf_release(&m.len);
	buf_release(&m.ptr);
	buf_release(&m.doc);
	free(bin);
	free(idx);
	return rc;
}

/* -- datatrove ----------------------------------------------------------------------------- */

/* Its index has ends only: a document begins where the one before ended. */
struct datatrove {
	struct convert *c;
	struct buf end;
	uint64_t at;
};

static int datatrove_row(void *arg, const struct tokfile_row *r)
{
	struct datatrove *d = arg;

	if (r->start != d->at) {
		err_set("%s: ids %" PRIu64 " to %" PRIu64 " belong to no document, which "
			"datatrove's index cannot say",
		    d->c->t->path, d->at, r->start);
		return -1;
	}
	d->at = r->end;
	add64(&d->end, r->end);
	return 0;
}

/* humanize.metric(n, unit="T"), 4.17: three digits and an SI prefix; 999,950 is 1.00 M. */
static void metric(struct buf *b, uint64_t n)
{
	static const char prefix[] = "kMGTPE";
	double v = (double)n;
	int exponent = n > 0 ? (int)floor(log10(v)) : 0;
	char digits[32];

	snprintf(digits, sizeof(digits), "%.*f", 2 - exponent % 3, v / pow(10, exponent / 3 * 3));
	if (strtod(digits, NULL) >= pow(10, exponent % 3 + 1)) /* rounding made one more digit */
		exponent++;
	buf_printf(b, "%.*f ", 2 - exponent % 3, v / pow(10, exponent / 3 * 3));
	if (exponent >= 3)
		buf_chr(b, prefix[exponent / 3 - 1]);
	buf_chr(b, 'T');
}

static int side_file(struct convert *c, const char *suffix, const char *role, const struct buf *b)
{
	char *path = xasprintf("%s.%s", c->out, suffix);
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);

	free(path);
	if (f == NULL)
		return -1;
	if (out_write(f, b->p, b->len) < 0) {
		out_abort(f);
		return -1;
	}
	return done(c, f, role);
}

/* datatrove/pipeline/tokens/tokenizer.py */
static int to_datatrove(struct convert *c)
{
	struct datatrove d = {.c = c};
	struct buf text = {0};
	int rc = -1;

	if (need_table(c) == 0 && each_row(c, datatrove_row, &d) == 0) {
		int width = (int)c->meta.width;

		if (c->name == NULL) /* datatrove, too, says the width twice then */
			buf_printf(&text, "Unknown Tokenizer|%d", width);
		else
			buf_str(&text, c->name);
		buf_printf(&text, "|%d\n%" PRIu64 "\n", width, c->t->count);
		metric(&text, c->t->count);
		if (ids_file(c, c->out, "tokens", NULL, 0) == 0 &&
		    side_file(c, "index", "index", &d.end) == 0)
			rc = side_file(c, "metadata", "metadata", &text);
	}
	buf_release(&d.end);
	buf_release(&text);
	return rc;
}

/* The label mask, as it is. */
static int mask_file(struct convert *c, enum convert_form form)
{
	char *path =
	    form == CONVERT_DATATROVE ? xasprintf("%s.loss", c->out) : tokmask_path(c->out);
	struct out *f = out_open(path, OUT_BINARY | OUT_HASH);
	struct map m = {0};
	int rc = -1;

	free(path);
	if (f == NULL)
		return -1;
	if (tokmask_verify(c->mask, c->t->count) == 0 &&
	    tokmask_open(&m, c->mask, c->t->count) > 0)
		rc = out_write(f, m.p, m.len);
	map_close(&m);
	if (rc == 0)
		return done(c, f, "label_mask");
	out_abort(f);
	return -1;
}

int convert_write(struct convert *c, enum convert_form form)
{
	static int (*const to[])(struct convert *) = {[CONVERT_TOK] = to_tok,
	    [CONVERT_NPY] = to_npy,
	    [CONVERT_NUMPY] = to_numpy,
	    [CONVERT_MEGATRON] = to_megatron,
	    [CONVERT_LLMC] = to_llmc,
	    [CONVERT_NANOGPT] = to_nanogpt,
	    [CONVERT_DATATROVE] = to_datatrove};

	if (c->mask != NULL && convert_has_mask(form) && mask_file(c, form) < 0)
		return -1;
	return to[form](c);
}
