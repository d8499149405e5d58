/* The document table of a token file: csv as Python's csv module writes it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "io/in.h"
#include "tok/tokfile.h"

enum { N_FIELD = 5 };

struct tokfile_docs {
	struct in *in;
	char *path;
	struct buf text;    /* the fields of a row, unquoted, each with a NUL behind it */
	size_t at[N_FIELD]; /* where they begin */
	size_t len[N_FIELD];
	uint64_t row; /* counted from 1 */
	uint64_t end; /* of the row before */
};

/* The name that exists: X.tok.docs.csv.gz, X.tok.docs.csv, or Dolma's X.csv.gz for X.npy. */
static char *table_path(const char *tokpath)
{
	size_t n = strlen(tokpath);
	char *p = xasprintf("%s.docs.csv.gz", tokpath);

	if (access(p, F_OK) == 0)
		return p;
	free(p);
	p = xasprintf("%s.docs.csv", tokpath);
	if (access(p, F_OK) == 0)
		return p;
	free(p);
	if (n > 4 && strcmp(tokpath + n - 4, ".npy") == 0)
		return xasprintf("%.*s.csv.gz", (int)(n - 4), tokpath);
	return xasprintf("%s.docs.csv.gz", tokpath);
}

struct tokfile_docs *tokfile_docs_open(const char *tokpath)
{
	struct tokfile_docs *d = xcalloc(1, sizeof(*d));

	d->path = table_path(tokpath);
	d->in = in_open(d->path);
	if (d->in == NULL) {
		free(d->path);
		free(d);
		return NULL;
	}
	return d;
}

int tokfile_docs_exist(const char *tokpath)
{
	char *p = table_path(tokpath);
	int yes = access(p, F_OK) == 0;

	free(p);
	return yes;
}

static int bad(const struct tokfile_docs *d, const char *what)
{
	err_set("%s:%" PRIu64 ": %s", d->path, d->row, what);
	return -1;
}

/*
 * One field from p (NUL-terminated) into d->text; sets *rest behind it.  1 = done, 0 = the line
 * ends inside quotes: the field goes on in the next line; -1 = bad.
 */
static int quoted(struct tokfile_docs *d, const char *p, const char **rest)
{
	for (;;) {
		const char *q = p;

		while (*q != '"' && *q != '\0')
			q++;
		buf_add(&d->text, p, (size_t)(q - p));
		if (*q == '\0')
			return 0;
		if (q[1] != '"') {
			*rest = q + 1;
			return 1;
		}
		buf_chr(&d->text, '"');
		p = q + 2;
	}
}

static int next_line(struct tokfile_docs *d, const char **p)
{
	char *line;
	size_t len;
	int rc = in_line(d->in, &line, &len);

	if (rc <= 0)
		return rc;
	if (memchr(line, '\0', len) != NULL)
		return bad(d, "a NUL byte in the document table");
	*p = line;
	return 1;
}

static int quoted_field(struct tokfile_docs *d, const char **p)
{
	int rc;

	(*p)++;
	while ((rc = quoted(d, *p, p)) == 0) {
		buf_chr(&d->text, '\n');
		rc = next_line(d, p);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return bad(d, "the table ends inside quotes");
	}
	if (**p != ',' && **p != '\r' && **p != '\0')
		return bad(d, "text after a closing quote");
	return 0;
}

static int plain_field(struct tokfile_docs *d, const char **p)
{
	size_t n = strcspn(*p, ",\"\r");

	buf_add(&d->text, *p, n);
	*p += n;
	if (**p == '"')
		return bad(d, "a quote inside a field that does not begin with one");
	return 0;
}

/* Splits a row into fields; p is its first line. */
static int split(struct tokfile_docs *d, const char *p)
{
	int n;

	d->text.len = 0;
	for (n = 0;; n++) {
		if (n == N_FIELD)
			return bad(d, "more than 5 fields: start,end,id,source,line are expected");
		d->at[n] = d->text.len;
		if ((*p == '"' ? quoted_field(d, &p) : plain_field(d, &p)) < 0)
			return -1;
		d->len[n] = d->text.len - d->at[n];
		buf_chr(&d->text, '\0');
		if (*p != ',')
			break;
		p++;
	}
	if (n + 1 < N_FIELD)
		return bad(d, "fewer than 5 fields: start,end,id,source,line are expected");
	if (strcmp(p, "\r") != 0 && *p != '\0')
		return bad(d, "text after a carriage return");
	return 0;
}

static int number(struct tokfile_docs *d, int field, uint64_t *v)
{
	if (num_u64(d->text.p + d->at[field], 0, UINT64_MAX, v) == 0)
		return 0;
	err_prefix("%s:%" PRIu64 ": field %d", d->path, d->row, field + 1);
	return -1;
}

int tokfile_docs_next(struct tokfile_docs *d, struct tokfile_row *row)
{
	const char *p;
	int rc;

	d->row++;
	rc = next_line(d, &p);
	if (rc <= 0)
		return rc;
	if (split(d, p) < 0 || number(d, 0, &row->start) < 0 || number(d, 1, &row->end) < 0 ||
	    number(d, 4, &row->line) < 0)
		return -1;
	row->id = d->text.p + d->at[2];
	row->id_len = d->len[2];
	row->source = d->text.p + d->at[3];
	if (row->start < d->end || row->end < row->start) {
		err_set("%s:%" PRIu64 ": ids [%" PRIu64 ", %" PRIu64 ") do not follow the row "
			"before, which ends at %" PRIu64,
		    d->path, d->row, row->start, row->end, d->end);
		return -1;
	}
	d->end = row->end;
	return 1;
}

const char *tokfile_docs_path(const struct tokfile_docs *d)
{
	return d->path;
}

void tokfile_docs_close(struct tokfile_docs *d)
{
	if (d == NULL)
		return;
	in_close(d->in, NULL);
	buf_release(&d->text);
	free(d->path);
	free(d);
}
