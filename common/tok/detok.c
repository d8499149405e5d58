#include "tok/detok.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "doc/jscan.h"
#include "tok/tokfile.h"

/* -- lists --------------------------------------------------------------------------------- */

static int read_ids(const struct detok *d, const json_t *v, struct ids *ids)
{
	const json_t *item;
	size_t i;

	ids->n = 0;
	json_array_foreach(v, i, item)
	{
		if (!json_is_integer(item) || json_integer_value(item) < 0 ||
		    json_integer_value(item) >= d->t->n_id) {
			err_set("item %zu is no id of %s (0 to %u)", i, d->name, d->t->n_id - 1);
			return -1;
		}
		ids_push(ids, (uint32_t)json_integer_value(item));
	}
	return 0;
}

int detok_list(
    const struct detok *d, const char *line, size_t len, struct ids *ids, struct buf *out)
{
	struct buf text = {0};
	json_error_t e;
	json_t *v = json_loadb(line, len, 0, &e);
	int rc = -1;

	if (!json_is_array(v))
		err_set("not a JSON list of ids%s%s", v ? "" : ": ", v ? "" : e.text);
	else
		rc = read_ids(d, v, ids);
	json_decref(v);
	if (rc == 0)
		rc = tokenizer_decode(d->t, ids->p, ids->n, d->skip_special, &text);
	if (rc == 0) {
		jstr_put(out, text.p, text.len);
		buf_chr(out, '\n');
	}
	buf_release(&text);
	return rc;
}

/* -- files --------------------------------------------------------------------------------- */

enum { PART = 1 << 16 };

/* All ids of a token file as text; characters may straddle the parts it is read in. */
static int put_text(const struct detok *d, const struct tokfile *f, struct out *out)
{
	uint32_t *ids = xreallocarray(NULL, PART, sizeof(*ids));
	struct buf raw = {0}, text = {0};
	uint64_t at;
	int rc = 0;

	buf_need(&raw, 1);
	for (at = 0; rc == 0 && at < f->count; at += PART) {
		size_t n = f->count - at < PART ? (size_t)(f->count - at) : PART, used;

		tokfile_read(f, at, n, ids);
		rc = tokenizer_decode_raw(d->t, ids, n, d->skip_special, &raw);
		if (rc < 0) {
			err_prefix("%s: ids from %llu on", f->path, (unsigned long long)at);
			break;
		}
		text.len = 0;
		used = tokenizer_lossy(raw.p, raw.len, at + n == f->count, &text);
		rc = out_write(out, text.p, text.len);
		memmove(raw.p, raw.p + used, raw.len - used);
		raw.len -= used;
	}
	free(ids);
	buf_release(&raw);
	buf_release(&text);
	return rc;
}

int detok_file(const struct detok *d, const char *path, struct out *out, uint64_t *n)
{
	struct tokfile *f = tokfile_open(path);
	int rc = f != NULL ? tokfile_verify(f) : -1;

	if (rc == 0 && !d->any && !tokfile_made_by(f, tokenizer_identity(d->t))) {
		err_set("%s@48: made with another tokenizer than %s (-f decodes it all the same)",
		    path, d->name);
		rc = -1;
	}
	if (rc == 0)
		rc = put_text(d, f, out);
	if (rc == 0)
		*n += f->count;
	tokfile_close(f);
	return rc;
}
