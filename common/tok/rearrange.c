#include "tok/rearrange.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "tok/le.h"

enum { PIECE = 16384 };

/* -- units --------------------------------------------------------------------------------- */

static int load_tables(struct units *u, const char *const *path)
{
	size_t i;

	for (i = 0; i < u->list->n_file; i++)
		if (!u->documents && !tokfile_docs_exist(path[i]))
			return 0;
	u->table = xcalloc(u->list->n_file + 1, sizeof(*u->table));
	for (i = 0; i < u->list->n_file; i++)
		if (doctable_load(&u->table[i], path[i], u->list->file[i]->count) < 0)
			return -1;
	return 0;
}

int units_open(
    struct units *u, const char *const *path, size_t n_path, const struct units_spec *spec)
{
	struct tokfile_list_spec ls = {
	    .seq_len = spec->documents ? 1 : spec->seq_len, .raw = spec->raw};
	size_t i;

	memset(u, 0, sizeof(*u));
	u->documents = spec->documents;
	u->list = tokfile_list_open(path, n_path, &ls);
	if (u->list == NULL)
		return -1;
	if (load_tables(u, path) < 0) {
		units_release(u);
		return -1;
	}
	u->first = xcalloc(n_path + 1, sizeof(*u->first));
	for (i = 0; i < n_path; i++)
		u->first[i + 1] =
		    u->documents ? u->first[i] + u->table[i].n : u->list->first[i + 1];
	u->n = u->first[n_path];
	return 0;
}

void units_release(struct units *u)
{
	size_t i;

	for (i = 0; u->table != NULL && i < u->list->n_file; i++)
		doctable_release(&u->table[i]);
	free(u->table);
	free(u->first);
	tokfile_list_close(u->list);
	memset(u, 0, sizeof(*u));
}

struct unit units_at(const struct units *u, uint64_t i)
{
	size_t lo = 0, hi = u->list->n_file; /* first[lo] <= i < first[hi] */
	const struct doctable_row *r;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->first[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	i -= u->first[lo];
	if (!u->documents)
		return (struct unit){lo, i * u->list->seq_len, u->list->seq_len};
	r = &u->table[lo].row[i];
	return (struct unit){lo, r->start, r->end - r->start};
}

struct tokfile_meta units_meta(const struct units *u)
{
	struct tokfile_meta m = u->list->file[0]->meta;
	size_t i;

	m.width = tokfile_width(m.vocab_size);
	for (i = 1; i < u->list->n_file && m.tokenizer.lo == 0 && m.tokenizer.hi == 0; i++)
		m.tokenizer = u->list->file[i]->meta.tokenizer;
	return m;
}

/* -- writing ------------------------------------------------------------------------------- */

static int put_ids(const struct units *u, struct unit k, struct tokfile_writer *w)
{
	uint32_t ids[PIECE / 4];

	while (k.len > 0) {
		size_t n = k.len < PIECE / 4 ? (size_t)k.len : PIECE / 4;

		tokfile_read(u->list->file[k.file], k.start, n, ids);
		if (tokfile_put(w, ids, n) < 0)
			return -1;
		k.start += n;
		k.len -= n;
	}
	return 0;
}

static int put_row(
    const struct doctable *d, size_t row, uint64_t start, uint64_t end, struct tokfile_writer *w)
{
	return tokfile_doc(w, start, end, doctable_id(d, row), d->row[row].id_len,
	    doctable_source(d, row), d->row[row].line);
}

int units_put_rows(const struct units *u, struct unit k, uint64_t base, struct tokfile_writer *w)
{
	const struct doctable *d = &u->table[k.file];
	uint64_t end = k.start + k.len;
	size_t row;

	for (row = doctable_find(d, k.start); row < d->n && d->row[row].start < end; row++) {
		uint64_t a = d->row[row].start, b = d->row[row].end;

		if (a == b)
			continue; /* an empty document is nowhere */
		a = a < k.start ? k.start : a;
		b = b > end ? end : b;
		if (put_row(d, row, base + (a - k.start), base + (b - k.start), w) < 0)
			return -1;
	}
	return 0;
}

static int put_unit(const struct units *u, struct unit k, struct tokfile_writer *w)
{
	uint64_t base = tokfile_written(w);

	if (put_ids(u, k, w) < 0)
		return -1;
	return u->table == NULL ? 0 : units_put_rows(u, k, base, w);
}

/* -- mixing -------------------------------------------------------------------------------- */

struct cursor {
	struct order_feistel f;
	uint64_t next; /* entry of the pass */
};

static void begin_pass(struct cursor *c, struct rearrange_source *s, uint64_t seed, size_t index)
{
	order_feistel_init(&c->f, s->units.n, rng_at(seed, index, s->pass));
	c->next = 0;
	s->pass++;
}

static int check_sources(const struct rearrange_source *src, size_t n_src)
{
	size_t s;

	for (s = 0; s < n_src; s++) {
		const struct units *u = &src[s].units;
		uint64_t i, n_tok = 0;

		for (i = 0; i < u->n && n_tok == 0; i++)
			n_tok += units_at(u, i).len;
		if (n_tok == 0) {
			err_set("%s: no documents with ids in them", u->list->file[0]->path);
			return -1;
		}
	}
	return 0;
}

/* The source that lags furthest behind its share. */
static size_t most_behind(
    const struct rearrange_source *src, size_t n_src, double total_weight, uint64_t written)
{
	size_t s, best = 0;
	double most = -1e300;

	for (s = 0; s < n_src; s++) {
		double lag =
		    src[s].weight / total_weight * ((double)written + 1) - (double)src[s].n_tok;

		if (lag > most) {
			most = lag;
			best = s;
		}
	}
	return best;
}

int rearrange_mix(struct rearrange_source *src, size_t n_src, uint64_t n_tok, uint64_t seed,
    struct tokfile_writer *w)
{
	struct cursor *c;
	double total = 0;
	uint64_t written = 0;
	size_t s;
	int rc = 0;

	if (check_sources(src, n_src) < 0)
		return -1;
	c = xcalloc(n_src, sizeof(*c));
	for (s = 0; s < n_src; s++) {
		src[s].n_tok = src[s].pass = 0;
		total += src[s].weight;
		begin_pass(&c[s], &src[s], seed, s);
	}
	while (rc == 0 && written < n_tok) {
		struct unit k;

		s = most_behind(src, n_src, total, written);
		if (c[s].next == src[s].units.n)
			begin_pass(&c[s], &src[s], seed, s);
		k = units_at(&src[s].units, order_feistel_at(&c[s].f, c[s].next++));
		if (k.len > n_tok - written)
			k.len = n_tok - written;
		rc = put_unit(&src[s].units, k, w);
		src[s].n_tok += k.len;
		written += k.len;
	}
	free(c);
	return rc;
}

/* -- comparing ----------------------------------------------------------------------------- */

static struct h128 unit_hash(const struct units *u, struct unit k)
{
	const struct tokfile *t = u->list->file[k.file];
	unsigned char block[4 * 1024];
	struct hasher h;
	struct h128 sum;
	uint64_t i;
	size_t n = 0;

	hasher_init(&h);
	for (i = 0; i < k.len; i++) {
		le_put32(block + n, tokfile_at(t, k.start + i));
		n += 4;
		if (n == sizeof(block)) {
			hasher_add(&h, block, n);
			n = 0;
		}
	}
	hasher_add(&h, block, n);
	sum = hasher_128(&h);
	hasher_release(&h);
	return sum;
}

struct unit_sum units_sum(const struct units *u)
{
	struct unit_sum s = {.n = u->n};
	uint64_t i;

	for (i = 0; i < u->n; i++) {
		struct unit k = units_at(u, i);
		struct h128 h = unit_hash(u, k);

		s.n_tok += k.len;
		s.sum.lo += h.lo;
		s.sum.hi += h.hi + (s.sum.lo < h.lo);
	}
	return s;
}

struct mark {
	struct h128 h;
	uint64_t unit;
};

static int by_hash(const void *pa, const void *pb)
{
	const struct mark *a = pa, *b = pb;

	if (a->h.hi != b->h.hi)
		return a->h.hi < b->h.hi ? -1 : 1;
	if (a->h.lo != b->h.lo)
		return a->h.lo < b->h.lo ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static struct mark *sorted_marks(const struct units *u)
{
	struct mark *m = xreallocarray(NULL, u->n ? u->n : 1, sizeof(*m));
	uint64_t i;

	for (i = 0; i < u->n; i++) {
		m[i].h = unit_hash(u, units_at(u, i));
		m[i].unit = i;
	}
	qsort(m, u->n, sizeof(*m), by_hash);
	return m;
}

void units_missing(const struct units *a, const struct units *b, uint64_t *which)
{
	struct mark *ma = sorted_marks(a), *mb = sorted_marks(b);
	uint64_t i = 0, j = 0;

	*which = a->n;
	while (i < a->n) {
		int same = j < b->n && h128_eq(ma[i].h, mb[j].h);

		if (same) {
			i++;
			j++;
		} else if (j < b->n && (mb[j].h.hi < ma[i].h.hi || (mb[j].h.hi == ma[i].h.hi &&
								       mb[j].h.lo < ma[i].h.lo))) {
			j++;
		} else {
			if (ma[i].unit < *which)
				*which = ma[i].unit;
			i++;
		}
	}
	free(ma);
	free(mb);
}
