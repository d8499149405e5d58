#include "tok/doctable.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tok/tokfile.h"

static size_t keep(struct buf *text, const char *s, size_t n)
{
	size_t at = text->len;

	buf_add(text, s, n);
	buf_chr(text, '\0');
	return at;
}

static void append(struct doctable *d, const struct tokfile_row *r)
{
	struct doctable_row *k;

	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 64;
		d->row = xreallocarray(d->row, d->cap, sizeof(*d->row));
	}
	k = &d->row[d->n];
	k->start = r->start;
	k->end = r->end;
	k->line = r->line;
	k->id = keep(&d->text, r->id, r->id_len);
	k->id_len = r->id_len;
	if (d->n > 0 && strcmp(doctable_source(d, d->n - 1), r->source) == 0)
		k->source = d->row[d->n - 1].source;
	else
		k->source = keep(&d->text, r->source, strlen(r->source));
	d->n++;
}

int doctable_load(struct doctable *d, const char *tokpath, uint64_t count)
{
	struct tokfile_docs *t = tokfile_docs_open(tokpath);
	struct tokfile_row r;
	int rc;

	memset(d, 0, sizeof(*d));
	if (t == NULL)
		return -1;
	while ((rc = tokfile_docs_next(t, &r)) > 0) {
		if (r.end > count) {
			err_set("%s:%zu: ids up to %" PRIu64 ", but '%s' has %" PRIu64,
			    tokfile_docs_path(t), d->n + 1, r.end, tokpath, count);
			rc = -1;
			break;
		}
		append(d, &r);
	}
	tokfile_docs_close(t);
	if (rc < 0)
		doctable_release(d);
	return rc;
}

void doctable_release(struct doctable *d)
{
	free(d->row);
	buf_release(&d->text);
	memset(d, 0, sizeof(*d));
}

size_t doctable_find(const struct doctable *d, uint64_t i)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (d->row[mid].end > i)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}
