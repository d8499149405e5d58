/* Instances of several token files (olmo/data/memmap_dataset.py). */
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "tok/frame.h"
#include "tok/le.h"
#include "tok/tokfile.h"

static int unknown(struct h128 h)
{
	return h.lo == 0 && h.hi == 0;
}

/* Files of one list must speak the same language. */
static int agree(const struct tokfile *a, const struct tokfile *b)
{
	const char *what = NULL;

	if (a->meta.vocab_size != b->meta.vocab_size)
		what = "vocabulary size";
	else if (a->meta.eos_id != b->meta.eos_id)
		what = "EOS id";
	else if (!unknown(a->meta.tokenizer) && !unknown(b->meta.tokenizer) &&
		 !h128_eq(a->meta.tokenizer, b->meta.tokenizer))
		what = "tokenizer";
	if (what == NULL)
		return 0;
	err_set("%s@0: the header names another %s than '%s': they cannot be read together",
	    b->path, what, a->path);
	return -1;
}

static int add(struct tokfile_list *l, const char *path, const struct tokfile_list_spec *spec)
{
	struct tokfile *t = tokfile_open_any(path, spec->raw);
	size_t i;

	if (t == NULL)
		return -1;
	l->file[l->n_file++] = t;
	for (i = 0; i + 1 < l->n_file; i++)
		if (agree(l->file[i], t) < 0)
			return -1;
	l->n_inst += t->count / l->seq_len;
	l->n_tok += t->count;
	l->first[l->n_file] = l->n_inst;
	return 0;
}

struct tokfile_list *tokfile_list_open(
    const char *const *path, size_t n_path, const struct tokfile_list_spec *spec)
{
	struct tokfile_list *l;
	size_t i;

	if (spec->seq_len == 0) {
		err_set("an instance of 0 ids");
		return NULL;
	}
	l = xcalloc(1, sizeof(*l));
	l->seq_len = spec->seq_len;
	l->file = xcalloc(n_path + 1, sizeof(*l->file));
	l->first = xcalloc(n_path + 1, sizeof(*l->first));
	for (i = 0; i < n_path; i++)
		if (add(l, path[i], spec) < 0) {
			tokfile_list_close(l);
			return NULL;
		}
	return l;
}

void tokfile_list_find(const struct tokfile_list *l, uint64_t i, size_t *file, uint64_t *start)
{
	size_t lo = 0, hi = l->n_file; /* first[lo] <= i < first[hi] */

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->first[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	if (file != NULL)
		*file = lo;
	if (start != NULL)
		*start = (i - l->first[lo]) * l->seq_len;
}

void tokfile_list_read(const struct tokfile_list *l, uint64_t i, uint32_t *dst)
{
	uint64_t start;
	size_t file;

	tokfile_list_find(l, i, &file, &start);
	tokfile_read(l->file[file], start, l->seq_len, dst);
}

struct h128 tokfile_list_hash(const struct tokfile_list *l)
{
	struct hasher h;
	struct h128 sum;
	size_t i;

	hasher_init(&h);
	for (i = 0; i < l->n_file; i++) {
		const struct tokfile *t = l->file[i];
		unsigned char b[28];

		le_put64(b, t->count);
		le_put32(b + 8, t->meta.width);
		frame_put_hash(b + 12, tokfile_hash(t));
		hasher_add(&h, b, sizeof(b));
	}
	sum = hasher_128(&h);
	hasher_release(&h);
	return sum;
}

void tokfile_list_close(struct tokfile_list *l)
{
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n_file; i++)
		tokfile_close(l->file[i]);
	free(l->file);
	free(l->first);
	free(l);
}
