#include "tok/tokfile.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/out.h"
#include "tok/frame.h"
#include "tok/le.h"

_Static_assert(FRAME_HEAD == TOKFILE_HEADER && FRAME_TAIL == TOKFILE_TRAILER, "frame sizes");
_Static_assert(FRAME_UNKNOWN == TOKFILE_NONE, "unknown count");

static const struct frame kind = {.what = "a token file",
    .item = "ids",
    .page = "olmo-tokens(5)",
    .magic = "\x89OLMOTOK",
    .end = "\x89OLMOEND",
    .major = TOKFILE_MAJOR,
    .minor = TOKFILE_MINOR};

/* header offsets, olmo-tokens(5) */
enum { H_WIDTH = 16, H_FLAGS = 20, H_COUNT = 24, H_VOCAB = 32, H_EOS = 40, H_TOKENIZER = 48 };
enum { H_ZERO = 64, H_ZERO_END = FRAME_HEAD - 8 };

#define VOCAB_MAX ((uint64_t)1 << 32)

uint32_t tokfile_width(uint64_t vocab_size)
{
	return vocab_size > 65536 ? 4 : 2;
}

/* -- writing ------------------------------------------------------------------------------- */

struct tokfile_writer {
	struct out *out, *docs;
	char *docs_path;
	struct tokfile_meta meta;
	struct blockhash hash;
	struct buf bytes;           /* ids on their way out */
	struct buf row;             /* a row of the document table */
	uint64_t count, head_count; /* ids so far; what the header says */
	uint64_t doc_end;           /* of the last row */
	uint64_t n_doc;
};

enum { FLUSH_AT = 1 << 16 };

static void header(unsigned char h[FRAME_HEAD], const struct tokfile_meta *m, uint64_t count)
{
	frame_head(&kind, h);
	le_put32(h + H_WIDTH, m->width);
	le_put64(h + H_COUNT, count);
	le_put64(h + H_VOCAB, m->vocab_size);
	le_put64(h + H_EOS, m->eos_id);
	frame_put_hash(h + H_TOKENIZER, m->tokenizer);
	frame_head_seal(h);
}

static int check_meta(const char *name, const struct tokfile_meta *m)
{
	if (m->width != 2 && m->width != 4) {
		err_set(
		    "%s@%d: %" PRIu32 " bytes an id, should be 2 or 4", name, H_WIDTH, m->width);
		return -1;
	}
	if (m->vocab_size == 0 || m->vocab_size > (m->width == 2 ? 65536 : VOCAB_MAX)) {
		err_set("%s@%d: a vocabulary of %" PRIu64 " does not fit ids of %" PRIu32 " bytes",
		    name, H_VOCAB, m->vocab_size, m->width);
		return -1;
	}
	if (m->eos_id != TOKFILE_NONE && m->eos_id >= m->vocab_size) {
		err_set("%s@%d: EOS id %" PRIu64 " is not below the vocabulary size %" PRIu64,
		    name, H_EOS, m->eos_id, m->vocab_size);
		return -1;
	}
	return 0;
}

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static int writer_open(struct tokfile_writer *w, const char *path, int flags)
{
	unsigned char h[FRAME_HEAD];

	w->out = out_open(path, OUT_BINARY | OUT_HASH);
	if (w->out == NULL)
		return -1;
	if ((flags & TOKFILE_DOCS) && !out_is_stdout(w->out)) {
		w->docs_path = xasprintf("%s.docs.csv.gz", path);
		w->docs = out_open(w->docs_path, OUT_TABLE);
		if (w->docs == NULL)
			return -1;
	}
	if (out_is_stdout(w->out))
		w->head_count = TOKFILE_NONE;
	header(h, &w->meta, w->head_count);
	if (out_write(w->out, h, sizeof(h)) < 0)
		return -1;
	return w->head_count == TOKFILE_NONE
		   ? 0
		   : out_reserve(w->out, FRAME_HEAD + w->head_count * w->meta.width + FRAME_TAIL);
}

struct tokfile_writer *tokfile_create(const char *path, const struct tokfile_meta *meta, int flags)
{
	return tokfile_create_n(path, meta, flags, TOKFILE_NONE);
}

struct tokfile_writer *tokfile_create_n(
    const char *path, const struct tokfile_meta *meta, int flags, uint64_t count)
{
	const char *name = path == NULL || strcmp(path, "-") == 0 ? "(stdout)" : path;
	struct tokfile_writer *w;

	if (check_meta(name, meta) < 0)
		return NULL;
	if (has_suffix(name, ".gz") || has_suffix(name, ".zst")) {
		err_set("%s: token files are read in place and not compressed: leave the suffix "
			"out, or write to a pipe",
		    name);
		return NULL;
	}
	w = xcalloc(1, sizeof(*w));
	w->meta = *meta;
	w->head_count = count;
	blockhash_init(&w->hash);
	if (writer_open(w, path, flags) < 0) {
		tokfile_abort(w);
		return NULL;
	}
	return w;
}

static int flush(struct tokfile_writer *w)
{
	int rc = 0;

	if (w->bytes.len > 0) {
		blockhash_add(&w->hash, w->bytes.p, w->bytes.len);
		rc = out_write(w->out, w->bytes.p, w->bytes.len);
		w->bytes.len = 0;
	}
	return rc;
}

enum { CHECK = 64 };

/* CHECK ids as two bytes each, when all are below limit; the loops have no branch, so that they
 * become vector code. */
static int put16(unsigned char *p, const uint32_t *ids, uint64_t limit)
{
	uint32_t last = limit < UINT32_MAX ? (uint32_t)limit - 1 : UINT32_MAX;
	uint16_t v[CHECK];
	unsigned above = 0;
	int i;

	for (i = 0; i < CHECK; i++) {
		above |= ids[i] > last;
		v[i] = htole16((uint16_t)ids[i]);
	}
	memcpy(p, v, sizeof(v));
	return !above;
}

/* Appends ids[0, n) to the buffer; returns how many were in range. */
static size_t encode(struct tokfile_writer *w, const uint32_t *ids, size_t n)
{
	unsigned char *p;
	size_t i = 0;

	buf_need(&w->bytes, n * w->meta.width);
	p = (unsigned char *)w->bytes.p + w->bytes.len;
	while (
	    w->meta.width == 2 && n - i >= CHECK && put16(p + 2 * i, ids + i, w->meta.vocab_size))
		i += CHECK;
	for (; i < n && ids[i] < w->meta.vocab_size; i++) {
		if (w->meta.width == 2)
			le_put16(p + 2 * i, ids[i]);
		else
			le_put32(p + 4 * i, ids[i]);
	}
	w->bytes.len += i * w->meta.width;
	return i;
}

/* The id that should come next is too large. */
static int too_large(const struct tokfile_writer *w, uint32_t id)
{
	err_set("%s@%" PRIu64 ": id %" PRIu32 " is not below the vocabulary size %" PRIu64,
	    out_name(w->out), FRAME_HEAD + w->count * w->meta.width, id, w->meta.vocab_size);
	return -1;
}

int tokfile_put(struct tokfile_writer *w, const uint32_t *ids, size_t n)
{
	while (n > 0) {
		size_t k = n < FLUSH_AT / 4 ? n : FLUSH_AT / 4;
		size_t done = encode(w, ids, k);

		w->count += done;
		if (done < k)
			return too_large(w, ids[done]);
		if (w->bytes.len >= FLUSH_AT && flush(w) < 0)
			return -1;
		ids += k;
		n -= k;
	}
	return 0;
}

/* Whether one of CHECK ids of two bytes is above max; the loop has no branch, so that it becomes
 * vector code. */
static int above16(const unsigned char *p, uint32_t max)
{
	unsigned above = 0;
	int i;

	for (i = 0; i < CHECK; i++)
		above |= (unsigned)((uint16_t)(p[2 * i] | p[2 * i + 1] << 8) > max);
	return (int)above;
}

static uint32_t stored(const unsigned char *p, size_t i, uint32_t width)
{
	return width == 2 ? le_get16(p + 2 * i) : le_get32(p + 4 * i);
}

size_t tokfile_stored_above(const struct tokfile_meta *m, const void *ids, size_t n)
{
	const unsigned char *p = ids;
	size_t i = 0;

	if (m->width == 2 && m->vocab_size == 65536)
		return n;
	while (m->width == 2 && n - i >= CHECK && !above16(p + 2 * i, (uint32_t)m->vocab_size - 1))
		i += CHECK;
	while (i < n && stored(p, i, m->width) < m->vocab_size)
		i++;
	return i;
}

int tokfile_add_blocks(
    struct tokfile_writer *w, const void *ids, size_t n, const struct blocksum *sum, uint64_t *at)
{
	if (flush(w) < 0)
		return -1;
	blockhash_add_blocks(&w->hash, ids, n, sum);
	w->count += n * BLOCKHASH / w->meta.width;
	return out_add_blocks(w->out, ids, n, sum, at);
}

int tokfile_put_blocks(const struct tokfile_writer *w, const void *ids, size_t n, uint64_t at)
{
	return out_put_blocks(w->out, ids, n, at);
}

int tokfile_put_stored(struct tokfile_writer *w, const void *ids, size_t n)
{
	const unsigned char *p = ids;

	if (flush(w) < 0)
		return -1;
	while (n > 0) {
		size_t k = n < FLUSH_AT ? n : FLUSH_AT,
		       done = tokfile_stored_above(&w->meta, p, k);

		w->count += done;
		if (done < k)
			return too_large(w, stored(p, done, w->meta.width));
		blockhash_add(&w->hash, p, k * w->meta.width);
		if (out_write(w->out, p, k * w->meta.width) < 0)
			return -1;
		p += k * w->meta.width;
		n -= k;
	}
	return 0;
}

uint64_t tokfile_written(const struct tokfile_writer *w)
{
	return w->count;
}

/* Python's csv, QUOTE_MINIMAL: quotes where a comma, a quote, CR or LF stands, quotes doubled. */
static void csv_field(struct buf *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] == ',' || s[i] == '"' || s[i] == '\r' || s[i] == '\n')
			break;
	if (i == n) {
		buf_add(b, s, n);
		return;
	}
	buf_chr(b, '"');
	for (i = 0; i < n; i++) {
		if (s[i] == '"')
			buf_chr(b, '"');
		buf_chr(b, s[i]);
	}
	buf_chr(b, '"');
}

void tokfile_row_put(struct buf *b, uint64_t start_id, uint64_t end, const char *id, size_t id_len,
    const char *source, uint64_t line)
{
	buf_u64(b, start_id);
	buf_chr(b, ',');
	buf_u64(b, end);
	buf_chr(b, ',');
	csv_field(b, id, id_len);
	buf_chr(b, ',');
	csv_field(b, source, strlen(source));
	buf_chr(b, ',');
	buf_u64(b, line);
	buf_add(b, "\r\n", 2);
}

int tokfile_doc(struct tokfile_writer *w, uint64_t start, uint64_t end, const char *id,
    size_t id_len, const char *source, uint64_t line)
{
	struct buf *b = &w->row;

	if (w->docs == NULL)
		return 0;
	if (start < w->doc_end || end < start || end > w->count) {
		err_set("%s: row %" PRIu64 ": ids [%" PRIu64 ", %" PRIu64
			") do not follow %" PRIu64 " or were not written (%" PRIu64 " were)",
		    w->docs_path, w->n_doc + 1, start, end, w->doc_end, w->count);
		return -1;
	}
	b->len = 0;
	tokfile_row_put(b, start, end, id, id_len, source, line);
	w->doc_end = end;
	w->n_doc++;
	return out_write(w->docs, b->p, b->len);
}

static void writer_free(struct tokfile_writer *w)
{
	buf_release(&w->bytes);
	buf_release(&w->row);
	free(w->docs_path);
	free(w);
}

void tokfile_abort(struct tokfile_writer *w)
{
	if (w == NULL)
		return;
	if (w->out != NULL)
		out_abort(w->out);
	if (w->docs != NULL)
		out_abort(w->docs);
	writer_free(w);
}

/* Trailer; and the count into the header, where there is a file to go back in. */
static int finish(struct tokfile_writer *w, struct h128 hash)
{
	unsigned char h[FRAME_HEAD], t[FRAME_TAIL];

	frame_tail(&kind, t, w->count, hash);
	if (out_write(w->out, t, sizeof(t)) < 0)
		return -1;
	if (out_is_stdout(w->out) || w->head_count == w->count)
		return 0;
	header(h, &w->meta, w->count);
	return out_patch(w->out, 0, h, sizeof(h));
}

int tokfile_commit(struct tokfile_writer *w, struct tokfile_sum *sum)
{
	struct tokfile_sum s = {0};
	int rc;

	if (flush(w) < 0) {
		tokfile_abort(w);
		return -1;
	}
	s.count = w->count;
	s.n_doc = w->n_doc;
	s.xxh3 = blockhash_128(&w->hash);
	if (finish(w, s.xxh3) < 0) {
		tokfile_abort(w);
		return -1;
	}
	/* The table first: whoever sees the token file finds its table. */
	if (w->docs != NULL) {
		struct out *docs = w->docs;

		w->docs = NULL;
		if (out_commit(docs, &s.docs) < 0) {
			tokfile_abort(w);
			return -1;
		}
	}
	rc = out_commit(w->out, &s.file);
	writer_free(w);
	if (rc == 0 && sum != NULL)
		*sum = s;
	return rc;
}

/* -- reading ------------------------------------------------------------------------------- */

static int is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static int copy_all(int from, int to, const char *name, size_t *len)
{
	char *block = xmalloc(1 << 16);
	ssize_t n = 0, k, done;

	*len = 0;
	while ((n = read(from, block, 1 << 16)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys("cannot read '%s'", name);
			break;
		}
		for (done = 0; done < n; done += k) {
			k = write(to, block + done, (size_t)(n - done));
			if (k < 0 && errno == EINTR)
				k = 0;
			if (k < 0) {
				err_sys("cannot write a temporary copy of '%s'", name);
				free(block);
				return -1;
			}
		}
		*len += (size_t)n;
	}
	free(block);
	return n < 0 ? -1 : 0;
}

/* An open temporary file that has no name any more, or -1. */
static int temp_file(void)
{
	const char *dir = getenv("TMPDIR");
	char *path = xasprintf("%s/olmo.XXXXXX", dir != NULL && dir[0] ? dir : "/tmp");
	int fd = mkstemp(path);

	if (fd < 0)
		err_sys("cannot make a temporary file '%s'", path);
	else
		unlink(path);
	free(path);
	return fd;
}

/* Copies what comes from fd to a nameless file and maps that. */
static int map_stream(struct map *m, int fd, const char *name)
{
	int tmp = temp_file();
	void *p = NULL;
	size_t len = 0;
	int rc;

	if (tmp < 0)
		return -1;
	rc = copy_all(fd, tmp, name, &len);
	if (rc == 0 && len > 0) {
		p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, tmp, 0);
		if (p == MAP_FAILED) {
			err_sys("cannot map '%s'", name);
			rc = -1;
		}
	}
	close(tmp);
	if (rc == 0) {
		m->p = p;
		m->len = len;
	}
	return rc;
}

static int map_fifo(struct map *m, const char *path)
{
	int fd = open(path, O_RDONLY), rc;

	if (fd < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	rc = map_stream(m, fd, path);
	close(fd);
	return rc;
}

static int map_any(struct map *m, const char *path)
{
	struct stat st;

	m->p = NULL;
	m->len = 0;
	if (is_stdin(path))
		return map_stream(m, STDIN_FILENO, "(stdin)");
	if (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return map_fifo(m, path);
	return map_open(m, path);
}

static struct tokfile *start(const char *path)
{
	struct tokfile *t = xcalloc(1, sizeof(*t));

	t->path = xstrdup(is_stdin(path) ? "(stdin)" : path);
	if (map_any(&t->map, path) < 0) {
		free((char *)t->path);
		free(t);
		return NULL;
	}
	return t;
}

/* Fills t from its mapping; everything but the ids themselves is checked. */
static int parse(struct tokfile *t)
{
	const unsigned char *p = t->map.p;
	uint64_t head_count;
	unsigned minor;

	if (frame_head_check(&kind, t->path, p, t->map.len, &minor) < 0)
		return -1;
	t->minor = (uint16_t)minor;
	t->meta.width = le_get32(p + H_WIDTH);
	t->meta.vocab_size = le_get64(p + H_VOCAB);
	t->meta.eos_id = le_get64(p + H_EOS);
	t->meta.tokenizer = frame_get_hash(p + H_TOKENIZER);
	head_count = le_get64(p + H_COUNT);
	t->count_in_head = head_count != TOKFILE_NONE;
	if (check_meta(t->path, &t->meta) < 0 ||
	    frame_zero(&kind, t->path, p, H_FLAGS, H_COUNT, minor) < 0 ||
	    frame_zero(&kind, t->path, p, H_ZERO, H_ZERO_END, minor) < 0)
		return -1;
	t->ids = p + FRAME_HEAD;
	t->ids_off = FRAME_HEAD;
	return frame_tail_check(
	    &kind, t->path, p, t->map.len, head_count, t->meta.width, minor, &t->count, &t->xxh3);
}

static const char *after(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p == NULL ? NULL : p + strlen(key) + strspn(p + strlen(key), " ");
}

/* numpy/lib/format.py */
int tokfile_numpy_head(
    const char *name, const unsigned char *p, size_t len, uint32_t *width, size_t *offset)
{
	const char *descr, *shape, *order;
	size_t start = 10, n;
	char text[1024], *end;

	if (len < 12 || memcmp(p, "\x93NUMPY", 6) != 0)
		return 0;
	if (p[6] == 1) {
		n = le_get16(p + 8);
	} else {
		n = le_get32(p + 8);
		start = 12;
	}
	if (n >= sizeof(text) || start + n > len) {
		err_set("%s@8: a numpy header of %zu bytes", name, n);
		return -1;
	}
	memcpy(text, p + start, n);
	text[n] = '\0';
	descr = after(text, "'descr':");
	order = after(text, "'fortran_order':");
	shape = after(text, "'shape':");
	if (descr == NULL || shape == NULL || order == NULL || strncmp(order, "False", 5) != 0 ||
	    (strncmp(descr, "'<u2'", 5) != 0 && strncmp(descr, "'<u4'", 5) != 0) ||
	    *shape != '(') {
		err_set("%s@%zu: not an array of little-endian u2 or u4 in C order", name, start);
		return -1;
	}
	*width = (uint32_t)(descr[3] - '0');
	*offset = start + n;
	n = strtoull(shape + 1, &end, 10);
	if (strncmp(end, ",)", 2) != 0) {
		err_set("%s@%zu: not an array of one dimension", name, start);
		return -1;
	}
	if (n > len / *width || *offset + n * *width != len) {
		err_set("%s@%zu: the header says %zu values, the file is of another size", name,
		    len, n);
		return -1;
	}
	return 1;
}

static int parse_raw(struct tokfile *t, const struct tokfile_meta *meta)
{
	uint32_t width = meta->width;
	size_t head = 0;

	if (check_meta(t->path, meta) < 0)
		return -1;
	if (t->map.len == 0) {
		err_set("%s@0: empty file, no ids in it", t->path);
		return -1;
	}
	if (tokfile_numpy_head(t->path, t->map.p, t->map.len, &width, &head) < 0)
		return -1;
	if (width != meta->width) {
		err_set("%s@8: the numpy header says u%" PRIu32 ", not u%" PRIu32, t->path,
		    8 * width, 8 * meta->width);
		return -1;
	}
	if ((t->map.len - head) % width != 0) {
		err_set("%s@%zu: truncated: %zu bytes are no multiple of %" PRIu32
			", the bytes of an id",
		    t->path, t->map.len, t->map.len, width);
		return -1;
	}
	t->raw = 1;
	t->meta = *meta;
	t->ids = t->map.p + head;
	t->ids_off = head;
	t->count = (t->map.len - head) / width;
	return 0;
}

struct tokfile *tokfile_open_any(const char *path, const struct tokfile_meta *raw)
{
	struct tokfile *t = start(path);
	int rc;

	if (t == NULL)
		return NULL;
	if (raw != NULL && has_suffix(path, ".npy") && !frame_is(&kind, t->map.p, t->map.len))
		rc = parse_raw(t, raw);
	else
		rc = parse(t);
	if (rc < 0) {
		tokfile_close(t);
		return NULL;
	}
	return t;
}

struct tokfile *tokfile_open(const char *path)
{
	return tokfile_open_any(path, NULL);
}

struct tokfile *tokfile_open_raw(const char *path, const struct tokfile_meta *meta)
{
	struct tokfile *t = start(path);

	if (t != NULL && parse_raw(t, meta) < 0) {
		tokfile_close(t);
		return NULL;
	}
	return t;
}

/* The ids that fn found must lie in the file, and nothing behind them. */
static int set_layout(struct tokfile *t, const struct tokfile_layout *l)
{
	uint64_t have;

	if (check_meta(t->path, &l->meta) < 0)
		return -1;
	have = l->off > t->map.len ? 0 : (t->map.len - l->off) / l->meta.width;
	if (l->count > have) {
		err_set("%s@%zu: truncated: %" PRIu64 " ids of %" PRIu64, t->path, t->map.len,
		    have, l->count);
		return -1;
	}
	if (l->off + l->count * l->meta.width != t->map.len) {
		err_set("%s@%" PRIu64 ": something behind the last of %" PRIu64 " ids", t->path,
		    l->off + l->count * l->meta.width, l->count);
		return -1;
	}
	t->raw = 1;
	t->meta = l->meta;
	t->ids = t->map.p + l->off;
	t->ids_off = l->off;
	t->count = l->count;
	return 0;
}

struct tokfile *tokfile_open_as(
    const char *path, const struct tokfile_meta *meta, tokfile_layout_fn *fn, void *arg)
{
	struct tokfile_layout l = {.meta = *meta};
	struct tokfile *t = start(path);

	if (t != NULL &&
	    (fn(arg, t->path, t->map.p, t->map.len, &l) < 0 || set_layout(t, &l) < 0)) {
		tokfile_close(t);
		return NULL;
	}
	return t;
}

void tokfile_read(const struct tokfile *t, uint64_t start_id, size_t n, uint32_t *dst)
{
	const unsigned char *p = (const unsigned char *)t->ids + start_id * t->meta.width;
	size_t i;

	if (t->meta.width == 2)
		for (i = 0; i < n; i++)
			dst[i] = le_get16(p + 2 * i);
	else
		for (i = 0; i < n; i++)
			dst[i] = le_get32(p + 4 * i);
}

struct h128 tokfile_hash(const struct tokfile *t)
{
	if (!t->raw)
		return t->xxh3;
	return hash128(t->ids, t->count * t->meta.width);
}

int tokfile_made_by(const struct tokfile *t, struct h128 tokenizer)
{
	struct h128 unknown = {0, 0};

	return h128_eq(t->meta.tokenizer, unknown) || h128_eq(t->meta.tokenizer, tokenizer);
}

struct filehash tokfile_file_hash(const struct tokfile *t)
{
	return (struct filehash){.bytes = t->map.len, .xxh3 = hash128(t->map.p, t->map.len)};
}

int tokfile_ids_hash_to(const struct tokfile *t, struct h128 h)
{
	char got[33], want[33];

	if (t->raw || h128_eq(h, t->xxh3))
		return 0;
	h128_hex(h, got);
	h128_hex(t->xxh3, want);
	err_set("%s@%" PRIu64 ": the ids hash to %s, the trailer says %s: the file is damaged",
	    t->path, t->ids_off, got, want);
	return -1;
}

int tokfile_verify(const struct tokfile *t)
{
	uint64_t i;

	map_sequential(&t->map);
	if (!t->raw && tokfile_ids_hash_to(t, hash128(t->ids, t->count * t->meta.width)) < 0)
		return -1;
	for (i = 0; i < t->count; i++)
		if (tokfile_at(t, i) >= t->meta.vocab_size) {
			err_set("%s@%" PRIu64 ": id %" PRIu32
				" is not below the vocabulary size %" PRIu64,
			    t->path, t->ids_off + i * t->meta.width, tokfile_at(t, i),
			    t->meta.vocab_size);
			return -1;
		}
	return 0;
}

void tokfile_close(struct tokfile *t)
{
	if (t == NULL)
		return;
	map_close(&t->map);
	free((char *)t->path);
	free(t);
}
