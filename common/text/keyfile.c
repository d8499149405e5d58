#include "text/keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/map.h"
#include "io/out.h"
#include "text/keybytes.h"
#include "text/keyset.h"

/* Header: magic, version (4), files (4), length of the rule (4), reserved (4), length of the whole
 * header (8); the rule; for each file a length (4) and the path; zeros up to a multiple of 64.
 * Records: hash high, hash low, line (8 each), file, ord (4 each), in order of hash.
 * Trailer: number of records (8), XXH3-128 of all before the hash (16), magic. */
static const char magic[8] = "OLMOKEYS", end_magic[8] = "KEYSEND\n";

enum { HEAD = 32, RECORD = 32, TRAILER = 32, PIECE = 1 << 20 };

struct record {
	struct h128 key;
	struct keypos pos;
};

/* ---- output shared by writer and merge ---------------------------------------------------- */

struct sink {
	struct out *f;
	struct hasher sum;
	struct buf b;
	uint64_t n;
};

static int sink_flush(struct sink *s)
{
	int rc = out_write(s->f, s->b.p, s->b.len);
	hasher_add(&s->sum, s->b.p, s->b.len);
	s->b.len = 0;
	return rc;
}

static int sink_open(struct sink *s, const char *path, const struct buf *header)
{
	memset(s, 0, sizeof *s);
	s->f = out_open(path, OUT_BINARY);
	if (!s->f)
		return -1;
	hasher_init(&s->sum);
	buf_add(&s->b, header->p, header->len);
	return 0;
}

static int sink_put(struct sink *s, const struct record *r)
{
	keybytes_put_hash(&s->b, r->key);
	keybytes_put64(&s->b, r->pos.line);
	keybytes_put32(&s->b, r->pos.file);
	keybytes_put32(&s->b, r->pos.ord);
	s->n++;
	return s->b.len < PIECE ? 0 : sink_flush(s);
}

static int sink_close(struct sink *s, int rc, struct filehash *h)
{
	keybytes_put64(&s->b, s->n);
	if (rc == 0)
		rc = sink_flush(s);
	keybytes_put_hash(&s->b, hasher_128(&s->sum));
	buf_add(&s->b, end_magic, 8);
	if (rc == 0)
		rc = sink_flush(s);
	hasher_release(&s->sum);
	buf_release(&s->b);
	if (rc < 0)
		out_abort(s->f);
	else
		rc = out_commit(s->f, h);
	return rc;
}

static void put_header(struct buf *b, const char *rule, char *const *files, size_t n)
{
	size_t i, len = HEAD + strlen(rule);
	for (i = 0; i < n; i++)
		len += 4 + strlen(files[i]);
	buf_add(b, magic, 8);
	keybytes_put32(b, KEYBYTES_VERSION);
	keybytes_put32(b, (uint32_t)n);
	keybytes_put32(b, (uint32_t)strlen(rule));
	keybytes_put32(b, 0);
	keybytes_put64(b, (len + 63) / 64 * 64);
	buf_str(b, rule);
	for (i = 0; i < n; i++) {
		keybytes_put32(b, (uint32_t)strlen(files[i]));
		buf_str(b, files[i]);
	}
	keybytes_pad(b, 64);
}

/* ---- writer --------------------------------------------------------------------------- */

struct keywriter {
	char *rule;
	char **file;
	size_t n_files;
	struct keyset seen;
	struct record *rec;
	size_t n, cap;
};

struct keywriter *keywriter_new(const char *rule)
{
	struct keywriter *w = xcalloc(1, sizeof *w);
	w->rule = xstrdup(rule);
	keyset_init(&w->seen, 128, 0, 0);
	return w;
}

void keywriter_free(struct keywriter *w)
{
	size_t i;
	if (!w)
		return;
	for (i = 0; i < w->n_files; i++)
		free(w->file[i]);
	free(w->file);
	free(w->rule);
	free(w->rec);
	keyset_release(&w->seen);
	free(w);
}

/* Without "./" pieces and doubled slashes. */
static char *plain_path(const char *path)
{
	char *s = xstrdup(path), *to = s;
	const char *p = path;
	while (*p) {
		int at_piece = p == path || p[-1] == '/';
		if (at_piece && p[0] == '.' && p[1] == '/')
			p += 2;
		else if (p > path && p[0] == '/' && p[-1] == '/')
			p++;
		else
			*to++ = *p++;
	}
	*to = 0;
	return s;
}

uint32_t keywriter_file(struct keywriter *w, const char *path)
{
	if (w->n_files == UINT32_MAX)
		die(EXIT_IO, "too many files");
	w->file = xreallocarray(w->file, w->n_files + 1, sizeof *w->file);
	w->file[w->n_files] = plain_path(path);
	return (uint32_t)w->n_files++;
}

int keywriter_add(struct keywriter *w, struct h128 key, struct keypos pos)
{
	if (!keyset_add(&w->seen, key))
		return 0;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 4096;
		w->rec = xreallocarray(w->rec, w->cap, sizeof *w->rec);
	}
	w->rec[w->n++] = (struct record){key, pos};
	return 1;
}

uint64_t keywriter_len(const struct keywriter *w)
{
	return w->n;
}

static int key_cmp(struct h128 a, struct h128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

static int by_key(const void *a, const void *b)
{
	return key_cmp(((const struct record *)a)->key, ((const struct record *)b)->key);
}

#define SORT_BITS 16

/* Hashes spread evenly: one pass by the top bits, then small sorts. */
static void sort_records(struct record **rec, size_t n)
{
	size_t *at = xcalloc(((size_t)1 << SORT_BITS) + 1, sizeof *at), i, from = 0;
	struct record *sorted = xreallocarray(NULL, n, sizeof *sorted);
	for (i = 0; i < n; i++)
		at[((*rec)[i].key.hi >> (64 - SORT_BITS)) + 1]++;
	for (i = 1; i <= (size_t)1 << SORT_BITS; i++)
		at[i] += at[i - 1];
	for (i = 0; i < n; i++)
		sorted[at[(*rec)[i].key.hi >> (64 - SORT_BITS)]++] = (*rec)[i];
	/* Now at[b] is the end of bucket b. */
	for (i = 0; i < (size_t)1 << SORT_BITS; i++) {
		if (at[i] - from > 1)
			qsort(sorted + from, at[i] - from, sizeof *sorted, by_key);
		from = at[i];
	}
	free(*rec);
	free(at);
	*rec = sorted;
}

int keywriter_write(struct keywriter *w, const char *path, struct filehash *h)
{
	struct buf header = {0};
	struct sink s;
	size_t i;
	int rc;
	sort_records(&w->rec, w->n);
	put_header(&header, w->rule, w->file, w->n_files);
	rc = sink_open(&s, path, &header);
	buf_release(&header);
	if (rc == 0) {
		for (i = 0; i < w->n && rc == 0; i++)
			rc = sink_put(&s, &w->rec[i]);
		rc = sink_close(&s, rc, h);
	}
	keywriter_free(w);
	return rc;
}

/* ---- reader --------------------------------------------------------------------------- */

struct keyfile {
	char *path;
	struct map m;
	char *rule;
	char **file;
	size_t n_files;
	const unsigned char *rec;
	size_t n;
	size_t *fence; /* records whose hash has b as its top bits: fence[b] .. fence[b + 1] */
	int fence_bits;
};

static struct h128 key_at(const struct keyfile *k, size_t i)
{
	return keybytes_get_hash(k->rec + i * RECORD);
}

static struct keypos pos_at(const struct keyfile *k, size_t i)
{
	const unsigned char *p = k->rec + i * RECORD;
	return (struct keypos){
	    keybytes_get64(p + 16), keybytes_get32(p + 24), keybytes_get32(p + 28)};
}

static int bad(const struct keyfile *k, const char *why)
{
	err_set("%s: not a whole key file: %s", k->path, why);
	return -1;
}

static int read_names(struct keyfile *k, size_t n_files, size_t rule_len, size_t end)
{
	size_t at = HEAD, i;
	if (rule_len > end - at || n_files > end / 4)
		return bad(k, "the header makes no sense");
	k->rule = xstrndup((const char *)k->m.p + at, rule_len);
	at += rule_len;
	k->file = xcalloc(n_files, sizeof *k->file);
	for (i = 0; i < n_files; i++, k->n_files++) {
		size_t len = end - at < 4 ? SIZE_MAX : keybytes_get32(k->m.p + at);
		if (len > end - at - 4)
			return bad(k, "the header makes no sense");
		k->file[i] = xstrndup((const char *)k->m.p + at + 4, len);
		at += 4 + len;
	}
	return 0;
}

static int check_order(struct keyfile *k)
{
	size_t i;
	for (i = 0; i < k->n; i++) {
		if (i && key_cmp(key_at(k, i - 1), key_at(k, i)) >= 0)
			return bad(k, "its records are out of order");
		if (pos_at(k, i).file >= k->n_files)
			return bad(k, "a record names a file that is not listed");
	}
	return 0;
}

static int parse(struct keyfile *k)
{
	const unsigned char *p = k->m.p, *end = p + k->m.len;
	uint64_t head, n;
	if (k->m.len < HEAD + TRAILER || memcmp(p, magic, 8))
		return bad(k, "no such magic");
	if (keybytes_check_version(k->path, keybytes_get32(p + 8)) < 0)
		return -1;
	head = keybytes_get64(p + 24);
	if (memcmp(end - 8, end_magic, 8) || head < HEAD || head > k->m.len - TRAILER)
		return bad(k, "truncated");
	n = keybytes_get64(end - TRAILER);
	if ((k->m.len - TRAILER - head) % RECORD || (k->m.len - TRAILER - head) / RECORD != n)
		return bad(k, "the size is not what the trailer says");
	if (!h128_eq(keybytes_get_hash(end - 24), hash128(p, k->m.len - 24)))
		return bad(k, "the checksum differs");
	k->rec = p + head;
	k->n = (size_t)n;
	if (read_names(k, keybytes_get32(p + 12), keybytes_get32(p + 16), (size_t)head) < 0)
		return -1;
	return check_order(k);
}

/* About 8 records between two fences. */
static void make_fences(struct keyfile *k)
{
	size_t b, i = 0, n_fences;
	while (k->fence_bits < 40 && (k->n >> k->fence_bits) > 8)
		k->fence_bits++;
	n_fences = (size_t)1 << k->fence_bits;
	k->fence = xcalloc(n_fences + 1, sizeof *k->fence);
	for (b = 0; b < n_fences; b++) {
		while (i < k->n && k->fence_bits && key_at(k, i).hi >> (64 - k->fence_bits) < b)
			i++;
		k->fence[b] = i;
	}
	k->fence[n_fences] = k->n;
}

struct keyfile *keyfile_open(const char *path)
{
	struct keyfile *k = xcalloc(1, sizeof *k);
	k->path = xstrdup(path);
	if (map_open(&k->m, path) < 0) {
		free(k->path);
		free(k);
		return NULL;
	}
	map_sequential(&k->m);
	if (parse(k) < 0) {
		keyfile_close(k);
		return NULL;
	}
	make_fences(k);
	return k;
}

void keyfile_close(struct keyfile *k)
{
	size_t i;
	if (!k)
		return;
	map_close(&k->m);
	for (i = 0; i < k->n_files; i++)
		free(k->file[i]);
	free(k->file);
	free(k->rule);
	free(k->fence);
	free(k->path);
	free(k);
}

const char *keyfile_rule(const struct keyfile *k)
{
	return k->rule;
}

uint64_t keyfile_len(const struct keyfile *k)
{
	return k->n;
}

size_t keyfile_n_files(const struct keyfile *k)
{
	return k->n_files;
}

const char *keyfile_file(const struct keyfile *k, size_t i)
{
	return k->file[i];
}

int64_t keyfile_find_file(const struct keyfile *k, const char *path)
{
	char *plain = plain_path(path);
	int64_t found = -1;
	size_t i;
	for (i = 0; i < k->n_files; i++)
		if (!strcmp(k->file[i], plain))
			found = (int64_t)i;
	free(plain);
	if (found < 0)
		err_set("%s: holds no keys of '%s' (paths must be as they were for --keys-out)",
		    k->path, path);
	return found;
}

int keyfile_find(const struct keyfile *k, struct h128 key, struct keypos *pos)
{
	size_t b = k->fence_bits ? (size_t)(key.hi >> (64 - k->fence_bits)) : 0;
	size_t lo = k->fence[b], hi = k->fence[b + 1];
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = key_cmp(key_at(k, mid), key);
		if (c == 0) {
			*pos = pos_at(k, mid);
			return 1;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

const char *keyfile_kind(const char *path)
{
	char head[8];
	size_t n;
	FILE *f = fopen(path, "rb");
	if (!f) {
		err_sys("cannot open '%s'", path);
		return NULL;
	}
	n = fread(head, 1, sizeof head, f);
	fclose(f);
	if (n == 8 && !memcmp(head, magic, 8))
		return "keys";
	if (n == 8 && !memcmp(head, "OLMOBLOM", 8))
		return "bloom";
	err_set("%s: neither a key file nor a Bloom filter file", path);
	return NULL;
}

/* ---- merge ---------------------------------------------------------------------------- */

/* Inputs in a heap by their next record: lower key first, of equal ones the earlier input. */
struct merge {
	struct keyfile **in;
	size_t *at;     /* next record of each input */
	uint32_t *base; /* number of each input's first documents file */
	struct h128 *next;
	size_t *heap, n_heap;
};

static int comes_first(const struct merge *m, size_t a, size_t b)
{
	int c = key_cmp(m->next[a], m->next[b]);
	return c ? c < 0 : a < b;
}

static void sift(struct merge *m, size_t i)
{
	for (;;) {
		size_t kid = 2 * i + 1, t = m->heap[i];
		if (kid >= m->n_heap)
			return;
		if (kid + 1 < m->n_heap && comes_first(m, m->heap[kid + 1], m->heap[kid]))
			kid++;
		if (comes_first(m, t, m->heap[kid]))
			return;
		m->heap[i] = m->heap[kid];
		m->heap[kid] = t;
		i = kid;
	}
}

static void heap_make(struct merge *m, size_t n)
{
	size_t i;
	for (i = 0; i < n; i++)
		if (m->in[i]->n) {
			m->next[i] = key_at(m->in[i], 0);
			m->heap[m->n_heap++] = i;
		}
	for (i = m->n_heap; i-- > 0;)
		sift(m, i);
}

static int merge_records(struct merge *m, struct sink *s)
{
	struct h128 last = {0, 0};
	int rc = 0;
	while (m->n_heap && rc == 0) {
		size_t i = m->heap[0];
		struct record r = {m->next[i], pos_at(m->in[i], m->at[i])};
		if (!s->n || !h128_eq(r.key, last)) {
			r.pos.file += m->base[i];
			rc = sink_put(s, &r);
			last = r.key;
		}
		if (++m->at[i] == m->in[i]->n)
			m->heap[0] = m->heap[--m->n_heap];
		else
			m->next[i] = key_at(m->in[i], m->at[i]);
		sift(m, 0);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The same documents twice would make all of them copies of themselves. */
static int check_distinct(char *const *files, size_t n)
{
	char **sorted = xreallocarray(NULL, n, sizeof *sorted);
	size_t i;
	int rc = 0;
	memcpy(sorted, files, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_name);
	for (i = 1; i < n && rc == 0; i++)
		if (!strcmp(sorted[i - 1], sorted[i])) {
			err_set("the keys of '%s' are there twice", sorted[i]);
			rc = -1;
		}
	free(sorted);
	return rc;
}

static int open_inputs(
    struct merge *m, char *const *paths, size_t n, char ***files, size_t *n_files)
{
	size_t i, k;
	for (i = 0; i < n; i++) {
		m->in[i] = keyfile_open(paths[i]);
		if (!m->in[i])
			return -1;
		if (strcmp(m->in[i]->rule, m->in[0]->rule)) {
			err_set("%s: its keys are '%s', those of %s are '%s'", paths[i],
			    m->in[i]->rule, paths[0], m->in[0]->rule);
			return -1;
		}
		m->base[i] = (uint32_t)*n_files;
		*files = xreallocarray(*files, *n_files + m->in[i]->n_files, sizeof **files);
		for (k = 0; k < m->in[i]->n_files; k++)
			(*files)[(*n_files)++] = m->in[i]->file[k];
	}
	if (*n_files > UINT32_MAX) {
		err_set("too many files");
		return -1;
	}
	return check_distinct(*files, *n_files);
}

int keyfile_merge(
    const char *out, char *const *paths, size_t n, struct filehash *h, uint64_t *n_keys)
{
	struct merge m = {0};
	struct buf header = {0};
	struct sink s;
	char **files = NULL;
	size_t n_files = 0, i;
	int rc;
	m.in = xcalloc(n, sizeof *m.in);
	m.at = xcalloc(n, sizeof *m.at);
	m.base = xcalloc(n, sizeof *m.base);
	m.next = xcalloc(n, sizeof *m.next);
	m.heap = xcalloc(n, sizeof *m.heap);
	rc = open_inputs(&m, paths, n, &files, &n_files);
	if (rc == 0) {
		put_header(&header, m.in[0]->rule, files, n_files);
		rc = sink_open(&s, out, &header);
	}
	if (rc == 0) {
		heap_make(&m, n);
		rc = merge_records(&m, &s);
		*n_keys = s.n;
		rc = sink_close(&s, rc, h);
	}
	for (i = 0; i < n; i++)
		keyfile_close(m.in[i]);
	buf_release(&header);
	free(files);
	free(m.in);
	free(m.at);
	free(m.base);
	free(m.next);
	free(m.heap);
	return rc;
}
