#include "tok/foreign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/map.h"
#include "tok/le.h"

#define LLMC_U16  20240520 /* llm.c: dev/data/data_common.py */
#define LLMC_U32  20240801
#define LLMC_EVAL 20240522

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

/* -- widths -------------------------------------------------------------------------------- */

/* The file says that ids have `width` bytes and are below `most`. */
static int settle(
    const char *name, size_t off, struct tokfile_meta *m, uint32_t width, uint64_t most)
{
	if (m->width != 0 && m->width != width) {
		err_set("%s@%zu: the file says u%" PRIu32 ", not u%" PRIu32, name, off, 8 * width,
		    8 * m->width);
		return -1;
	}
	m->width = width;
	if (m->vocab_size == 0)
		m->vocab_size = most;
	return 0;
}

static uint64_t all_of(uint32_t width)
{
	return width == 2 ? 65536 : (uint64_t)1 << 32;
}

/* -- forms of one file --------------------------------------------------------------------- */

/* The header of a form that has one, in a file that is said to have none. */
static const char *header_of(const unsigned char *p, size_t len)
{
	uint32_t magic = len >= 4 ? le_get32(p) : 0;

	if (len >= 8 && memcmp(p, "\x89OLMOTOK", 8) == 0)
		return "a token file (no --from)";
	if (len >= 6 && memcmp(p, "\x93NUMPY", 6) == 0)
		return "numpy";
	if (len >= 7 && memcmp(p, "MMIDIDX", 7) == 0)
		return "megatron's index";
	if (len >= 1024 && (magic == LLMC_U16 || magic == LLMC_U32 || magic == LLMC_EVAL))
		return "llmc";
	return NULL;
}

static int bare(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	const char *other = header_of(p, len);
	uint32_t width = l->meta.width == 0 ? 2 : l->meta.width;

	(void)arg;
	if (other != NULL) {
		err_set("%s@0: not ids alone: this is the header of %s", name, other);
		return -1;
	}
	if (len == 0 || len % width != 0) {
		err_set("%s@%zu: truncated: %zu bytes are no ids of %" PRIu32 " bytes", name, len,
		    len, width);
		return -1;
	}
	l->count = len / width;
	return settle(name, 0, &l->meta, width, all_of(width));
}

static int nanogpt(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	if (l->meta.width == 4) {
		err_set("%s@0: nanoGPT's files hold 16-bit ids", name);
		return -1;
	}
	return bare(arg, name, p, len, l);
}

static int numpy(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	uint32_t width = 0;
	size_t off = 0;
	int rc = tokfile_numpy_head(name, p, len, &width, &off);

	(void)arg;
	if (rc == 0)
		err_set("%s@0: not a .npy file: no \\x93NUMPY at its beginning", name);
	if (rc <= 0)
		return -1;
	l->off = off;
	l->count = (len - off) / width;
	return settle(name, 8, &l->meta, width, all_of(width));
}

static int llmc(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	uint32_t magic, version, width;

	(void)arg;
	if (len < 1024) {
		err_set("%s@%zu: truncated inside llm.c's header of 1024 bytes", name, len);
		return -1;
	}
	magic = le_get32(p);
	version = le_get32(p + 4);
	if (magic != LLMC_U16 && magic != LLMC_U32) {
		err_set("%s@0: %" PRIu32 "%s", name, magic,
		    magic == LLMC_EVAL ? " is llm.c's form of evaluation data, not of tokens"
				       : " is not llm.c's magic, 20240520 or 20240801");
		return -1;
	}
	width = magic == LLMC_U16 ? 2 : 4;
	if (version != (width == 2 ? 1 : 7)) {
		err_set(
		    "%s@4: version %" PRIu32 ", should be %d", name, version, width == 2 ? 1 : 7);
		return -1;
	}
	l->off = 1024;
	l->count = le_get32(p + 8);
	return settle(name, 0, &l->meta, width, all_of(width));
}

/* -- Megatron-LM --------------------------------------------------------------------------- */

struct megatron {
	const char *name; /* of the index */
	const unsigned char *p;
	size_t len;
	uint64_t n_seq, n_doc; /* n_doc: entries of the last table, documents + 1 */
	uint32_t width;
};

static int megatron_head(struct megatron *m)
{
	uint64_t size;

	if (m->len < 34 || memcmp(m->p, "MMIDIDX\0", 9) != 0) {
		err_set("%s@0: not an index of Megatron-LM: no MMIDIDX at its beginning", m->name);
		return -1;
	}
	if (le_get64(m->p + 9) != 1) {
		err_set("%s@9: version %" PRIu64 ", should be 1", m->name, le_get64(m->p + 9));
		return -1;
	}
	if (m->p[17] != 4 && m->p[17] != 8) {
		err_set(
		    "%s@17: ids of type %d, should be 4 (int32) or 8 (uint16)", m->name, m->p[17]);
		return -1;
	}
	m->width = m->p[17] == 8 ? 2 : 4;
	m->n_seq = le_get64(m->p + 18);
	m->n_doc = le_get64(m->p + 26);
	size = m->len - 34;
	if (m->n_seq > size / 12 || m->n_doc == 0 || m->n_doc > (size - 12 * m->n_seq) / 8) {
		err_set("%s@%zu: truncated: %" PRIu64 " sequences and %" PRIu64
			" document numbers do not fit",
		    m->name, m->len, m->n_seq, m->n_doc);
		return -1;
	}
	size -= 12 * m->n_seq + 8 * m->n_doc;
	if (size == 0)
		return 0;
	err_set(size == m->n_seq ? "%s@%" PRIu64 ": modes of sequences: a multimodal data set"
				 : "%s@%" PRIu64 ": longer than its header says",
	    m->name, m->len - size);
	return -1;
}

/* Sequences must lie end to end, as the builder of Megatron-LM writes them. */
static int megatron_sequences(const struct megatron *m, uint64_t *end)
{
	const unsigned char *len = m->p + 34, *ptr = len + 4 * m->n_seq;
	uint64_t s, at = 0;

	for (s = 0; s < m->n_seq; s++) {
		if (le_get64(ptr + 8 * s) != at * m->width) {
			err_set("%s@%" PRIu64 ": sequence %" PRIu64 " begins at byte %" PRIu64
				", the one before ends at %" PRIu64,
			    m->name, 34 + 4 * m->n_seq + 8 * s, s, le_get64(ptr + 8 * s),
			    at * m->width);
			return -1;
		}
		if (le_get32(len + 4 * s) > INT32_MAX) {
			err_set("%s@%" PRIu64 ": sequence %" PRIu64 " has a negative length",
			    m->name, 34 + 4 * s, s);
			return -1;
		}
		at += le_get32(len + 4 * s);
		end[s] = at;
	}
	return 0;
}

static int megatron_documents(const struct megatron *m, const uint64_t *end, struct foreign *f)
{
	const unsigned char *doc = m->p + 34 + 12 * m->n_seq;
	uint64_t d, before = 0, seq;

	f->n_doc = m->n_doc - 1;
	f->end = xreallocarray(NULL, f->n_doc + 1, sizeof(*f->end));
	for (d = 0; d < m->n_doc; d++) {
		seq = le_get64(doc + 8 * d);
		if (seq < before || seq > m->n_seq || (d == 0 && seq != 0) ||
		    (d == f->n_doc && seq != m->n_seq)) {
			err_set("%s@%" PRIu64 ": document %" PRIu64
				" begins with sequence %" PRIu64 " of %" PRIu64,
			    m->name, 34 + 12 * m->n_seq + 8 * d, d, seq, m->n_seq);
			return -1;
		}
		before = seq;
		if (d > 0)
			f->end[d - 1] = seq == 0 ? 0 : end[seq - 1];
	}
	return 0;
}

struct megatron_ids {
	uint32_t width;
	uint64_t count;
	const char *index;
};

static int megatron_layout(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	struct megatron_ids *m = arg;

	(void)p;
	(void)name;
	(void)len;
	l->count = m->count;
	return settle(m->index, 17, &l->meta, m->width, m->width == 2 ? 65536 : (uint64_t)1 << 31);
}

static int megatron_read(struct foreign *f, struct megatron *m, struct megatron_ids *ids)
{
	uint64_t *end;
	int rc = megatron_head(m);

	if (rc < 0)
		return -1;
	end = xreallocarray(NULL, m->n_seq + 1, sizeof(*end));
	rc = megatron_sequences(m, end);
	if (rc == 0)
		rc = megatron_documents(m, end, f);
	*ids = (struct megatron_ids){m->width, m->n_seq == 0 ? 0 : end[m->n_seq - 1], m->name};
	free(end);
	return rc;
}

static int megatron(struct foreign *f, const char *path, const struct tokfile_meta *meta)
{
	int n = (int)strlen(path);
	struct megatron m = {0};
	struct megatron_ids ids;
	struct map map = {0};
	char *bin;
	int rc;

	if (has_suffix(path, ".bin") || has_suffix(path, ".idx"))
		n -= 4;
	f->index = xasprintf("%.*s.idx", n, path);
	if (map_open(&map, f->index) < 0)
		return -1;
	m = (struct megatron){.name = f->index, .p = map.p, .len = map.len};
	rc = megatron_read(f, &m, &ids);
	map_close(&map);
	if (rc < 0)
		return -1;
	bin = xasprintf("%.*s.bin", n, path);
	f->t = tokfile_open_as(bin, meta, megatron_layout, &ids);
	free(bin);
	return f->t == NULL ? -1 : 0;
}

/* -- datatrove ----------------------------------------------------------------------------- */

struct datatrove {
	char *name;     /* of the metadata, NULL: there are none */
	uint32_t width; /* 0: not said */
	uint64_t count;
};

/* "tokenizer|width", then the number of ids. */
static int datatrove_lines(struct datatrove *d, struct buf *b)
{
	char *line = b->p, *bar = NULL, *p;
	uint64_t width = 0;

	for (p = line; *p != '\0' && *p != '\n'; p++)
		if (*p == '|')
			bar = p;
	if (*p == '\n') {
		*p++ = '\0';
		p[strcspn(p, "\r\n")] = '\0';
	}
	if (bar == NULL || num_u64(bar + 1, 2, 4, &width) < 0 || width == 3) {
		err_set("%s:1: no 'tokenizer|2' or 'tokenizer|4'", d->name);
		return -1;
	}
	d->width = (uint32_t)width;
	if (num_u64(p, 0, UINT64_MAX, &d->count) == 0)
		return 0;
	err_set("%s:2: '%s' is no number of ids", d->name, p);
	return -1;
}

static int datatrove_metadata(struct datatrove *d, const char *path)
{
	struct buf b = {0};
	int rc = -1;

	d->name = xasprintf("%s.metadata", path);
	if (access(d->name, F_OK) < 0) {
		free(d->name);
		d->name = NULL;
		return 0;
	}
	if (in_slurp(d->name, 1 << 16, &b, NULL) == 0)
		rc = datatrove_lines(d, &b);
	buf_release(&b);
	return rc;
}

static int datatrove_layout(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l)
{
	struct datatrove *d = arg;

	if (d->name == NULL)
		return bare(NULL, name, p, len, l);
	l->count = d->count;
	return settle(d->name, 0, &l->meta, d->width, all_of(d->width));
}

static int datatrove_ends(struct foreign *f)
{
	struct map map;
	uint64_t k, before = 0;

	if (map_open(&map, f->index) < 0)
		return -1;
	f->n_doc = map.len / 8;
	f->end = xreallocarray(NULL, f->n_doc + 1, sizeof(*f->end));
	for (k = 0; k < f->n_doc; before = f->end[k++]) {
		f->end[k] = le_get64(map.p + 8 * k);
		if (f->end[k] < before)
			break;
	}
	if (k < f->n_doc)
		err_set("%s@%" PRIu64 ": document %" PRIu64 " ends at %" PRIu64
			", before it begins",
		    f->index, 8 * k, k, f->end[k]);
	else if (map.len % 8 != 0 || before != f->t->count)
		err_set("%s@%zu: the last document ends at %" PRIu64 ", '%s' has %" PRIu64 " ids",
		    f->index, map.len, before, f->t->path, f->t->count);
	else
		k++;
	map_close(&map);
	return k > f->n_doc ? 0 : -1;
}

static int datatrove(struct foreign *f, const char *path, const struct tokfile_meta *meta)
{
	struct datatrove d = {0};

	if (datatrove_metadata(&d, path) == 0)
		f->t = tokfile_open_as(path, meta, datatrove_layout, &d);
	free(d.name);
	if (f->t == NULL)
		return -1;
	f->index = xasprintf("%s.index", path);
	return datatrove_ends(f);
}

/* -- opening ------------------------------------------------------------------------------- */

static int open_form(
    struct foreign *f, enum convert_form form, const char *path, const struct tokfile_meta *meta)
{
	tokfile_layout_fn *layout = form == CONVERT_NUMPY     ? numpy
				    : form == CONVERT_LLMC    ? llmc
				    : form == CONVERT_NANOGPT ? nanogpt
							      : bare;

	if (form == CONVERT_MEGATRON)
		return megatron(f, path, meta);
	if (form == CONVERT_DATATROVE)
		return datatrove(f, path, meta);
	f->t =
	    form == CONVERT_TOK ? tokfile_open(path) : tokfile_open_as(path, meta, layout, NULL);
	return f->t == NULL ? -1 : 0;
}

int foreign_open(
    struct foreign *f, enum convert_form form, const char *path, const struct tokfile_meta *meta)
{
	memset(f, 0, sizeof(*f));
	if (open_form(f, form, path, meta) == 0)
		return 0;
	foreign_close(f);
	return -1;
}

struct tokfile *foreign_take(struct foreign *f)
{
	struct tokfile *t = f->t;

	f->t = NULL;
	foreign_close(f);
	return t;
}

void foreign_close(struct foreign *f)
{
	tokfile_close(f->t);
	free(f->index);
	free(f->end);
	memset(f, 0, sizeof(*f));
}
