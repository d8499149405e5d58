/* Layout (little-endian, packed): magic i32, version i32; 12 × i32 and one f64 of arguments;
 * dictionary: entries i32, words i32, labels i32, tokens i64, pruned i64, then per entry its name with
 * a NUL, count i64, type u8, then pruned × (i32, i32); quantised u8, input matrix, output quantised u8,
 * output matrix.  Dense matrix: rows i64, columns i64, f32 each.  Quantised: norms u8, rows i64,
 * columns i64, code bytes i32, codes, quantiser; with norms also rows bytes and a quantiser of
 * dimension 1.  Quantiser: dimension, parts, width, last width i32, 256 × dimension f32. */
#include "text/ftfile.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "io/map.h"

#define MAGIC 793712314

struct walk {
	const char *path;
	const unsigned char *p;
	uint64_t at, len;
	int bad;
	int64_t dim, bucket, words, labels, pruned; /* what the file says of itself */
};

static void fail(struct walk *w, const char *what)
{
	if (!w->bad)
		err_set("%s@%llu: %s", w->path, (unsigned long long)w->at, what);
	w->bad = 1;
}

/* Skip n bytes; the first as a pointer, NULL when they are not all there. */
static const unsigned char *take(struct walk *w, uint64_t n)
{
	const unsigned char *p = w->p + w->at;

	if (w->bad || w->len - w->at < n) {
		fail(w, "fastText model is truncated");
		return NULL;
	}
	w->at += n;
	return p;
}

static int64_t integer(struct walk *w, size_t n)
{
	const unsigned char *p = take(w, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return n == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

/* a × b × c bytes of a size that the file states. */
static void take_product(struct walk *w, int64_t a, int64_t b, int64_t c)
{
	if (a < 0 || b < 0 ||
	    (a && b && (uint64_t)a > UINT64_MAX / 16 / (uint64_t)b / (uint64_t)c))
		fail(w, "impossible size in fastText model");
	else
		take(w, (uint64_t)a * (uint64_t)b * (uint64_t)c);
}

static void arguments(struct walk *w)
{
	int64_t v[12];

	for (int i = 0; i < 12; i++)
		v[i] = integer(w, 4);
	take(w, 8);
	if (w->bad)
		return;
	if (v[7] != 3)
		fail(w, "fastText model holds word vectors, not a classifier");
	else if (v[0] <= 0 || v[8] < 0 || v[6] < 1 || v[6] > 4)
		fail(w, "bad arguments in fastText model");
	w->dim = v[0], w->bucket = v[8];
}

static void dictionary(struct walk *w)
{
	int64_t entries = integer(w, 4), count;
	double sum = 0;

	w->words = integer(w, 4);
	w->labels = integer(w, 4);
	take(w, 8);
	w->pruned = integer(w, 8);
	if (w->bad)
		return;
	if (w->words < 0 || w->labels <= 0 || entries != w->words + w->labels) {
		fail(w, "bad dictionary in fastText model");
		return;
	}
	for (int64_t i = 0; i < entries && !w->bad; i++) {
		const unsigned char *nul = memchr(w->p + w->at, 0, w->len - w->at), *type;

		if (!nul) {
			fail(w, "fastText model is truncated");
			return;
		}
		take(w, (uint64_t)(nul - (w->p + w->at)) + 1);
		count = integer(w, 8);
		/* The library builds its tree of labels below 1e15, and never ends above. */
		if (count < 0 || (sum += (double)count) > 1e14)
			fail(w, "impossible count in fastText model");
		type = take(w, 1);
		/* Words come first; the library takes their number on trust. */
		if (type && *type != (i >= w->words))
			fail(w, "bad dictionary entry in fastText model");
	}
	/* Kept n-grams: number in the buckets, row behind the words. */
	for (int64_t i = 0; i < w->pruned && !w->bad; i++) {
		int64_t bucket = integer(w, 4), row = integer(w, 4);

		if (!w->bad && (bucket < 0 || row < 0 || row >= w->pruned))
			fail(w, "bad n-gram in fastText model");
	}
}

static int64_t quantiser(struct walk *w)
{
	int64_t dim = integer(w, 4), parts = integer(w, 4), width = integer(w, 4),
		last = integer(w, 4);

	if (!w->bad && (dim <= 0 || parts <= 0 || width <= 0 || last <= 0 ||
			   (parts - 1) * width + last != dim))
		fail(w, "bad quantiser in fastText model");
	take_product(w, dim, 256, 4);
	return parts;
}

/* At least min_rows rows. */
static void matrix(struct walk *w, int quantised, int64_t min_rows)
{
	int64_t norms = quantised ? integer(w, 1) : 0, rows, columns, codes;

	rows = integer(w, 8);
	columns = integer(w, 8);
	if (w->bad || rows < min_rows || (uint64_t)rows > w->len || columns != w->dim) {
		fail(w, "bad matrix in fastText model");
		return;
	}
	if (!quantised) {
		take_product(w, rows, columns, 4);
		return;
	}
	codes = integer(w, 4);
	take_product(w, codes, 1, 1);
	if (quantiser(w) * rows != codes)
		fail(w, "bad quantised matrix in fastText model");
	if (norms) {
		take_product(w, rows, 1, 1);
		quantiser(w);
	}
}

static void walk(struct walk *w)
{
	int64_t magic = integer(w, 4), version, quantised;

	if (magic != MAGIC) {
		w->bad = 0, w->at = 0;
		fail(w, "not a fastText model (.bin or .ftz)");
		return;
	}
	version = integer(w, 4);
	if (version != 11 && version != 12) {
		fail(w, "fastText model of another version than 11 or 12");
		return;
	}
	arguments(w);
	dictionary(w);
	if (w->bad)
		return;
	quantised = integer(w, 1);
	matrix(w, quantised != 0, w->words + (w->pruned >= 0 ? w->pruned : w->bucket));
	quantised = integer(w, 1) && quantised;
	matrix(w, (int)quantised, w->labels);
	if (!w->bad && w->at != w->len)
		fail(w, "bytes after the end of the fastText model");
}

int ftfile_check(const char *path)
{
	struct map m;
	struct walk w = {.path = path};

	if (map_open(&m, path) < 0)
		return -1;
	w.p = m.p ? m.p : (const unsigned char *)"";
	w.len = m.len;
	walk(&w);
	map_close(&m);
	return w.bad ? -1 : 0;
}
