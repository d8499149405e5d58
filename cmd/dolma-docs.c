/* dolma-docs: raw input of many kinds becomes documents (olmo-documents(5)).
 *
 * The files are listed first; then batches of records go through a pipeline: read (one thread, in
 * order), make text and rows (any thread), write (in order).  Ids are SOURCE/PATH, with the path
 * relative to --base, and what tells the records of one file apart. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/pipe.h"
#include "base/stats.h"
#include "doc/charset.h"
#include "doc/htmltext.h"
#include "doc/jscan.h"
#include "doc/reader.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"

enum { FROM = OPT_LONG, SOURCE, BASE, ADDED, LICENSE, MAX_BYTES, SEPARATOR, HUGE_PAGES, TABLES };
enum { BATCH_RECS = 64, BATCH_BYTES = 256 << 10, BAD_SHOWN = 5 };

static const struct opt own[] = {
    {"from", FROM, "KIND",
	"what the input is: text, lines, html, man, dictd, source, mbox, warc or mediawiki"},
    {"source", SOURCE, "NAME", "name of the source, written into every document"},
    {"base", BASE, "DIR", "ids are paths relative to DIR [.]"},
    {"added", ADDED, "DATE", "value of the field added [empty]"},
    {"license", LICENSE, "NAME", "value of metadata.license [none]"},
    {"max-bytes", MAX_BYTES, "SIZE", "refuse a larger file, line or record [1G]"},
    {"separator", SEPARATOR, "LINE", "text: a line equal to LINE ends a document [none]"},
    {"huge", HUGE_PAGES, NULL, "html, warc, mediawiki: lift libxml2's limits on nesting and size"},
    {"wiki-tables", TABLES, NULL, "mediawiki: keep the text of tables' cells"},
    {0},
};

static const struct prog prog = {
    "dolma-docs",
    "--from KIND --source NAME [OPTIONS] [FILE|DIR..]",
    "make documents of raw text",
    own,
};

struct docs {
	const char *source, *base, *added, *license;
	int skip_bad;
	const struct reader_kind *kind;
	struct reader_opt opt;
	/* input files, in order */
	char **files;
	size_t n_files, at;
	struct reader *r;
	/* output */
	struct out *out;
	struct manifest *m;
	struct seal seal;
	int sealing;
	uint64_t bad;
};

struct batch {
	size_t n;
	struct rec rec[BATCH_RECS];
	struct buf row[BATCH_RECS];
	const char *path[BATCH_RECS];
};

/* --- rows ---------------------------------------------------------------------------------------- */

/* The path as ids show it: without --base, without a leading "./". */
static const char *id_path(const struct docs *d, const char *path)
{
	size_t n = strlen(d->base);

	if (n && !strncmp(path, d->base, n) && path[n] == '/')
		path += n + 1;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return path;
}

static void put_field(struct buf *b, const char *name, const char *v, size_t n)
{
	buf_printf(b, ",\"%s\":", name);
	jstr_put(b, v, n);
}

/* The document's line. */
static void put_row(const struct docs *d, const char *path, const struct rec *rec, struct buf *b)
{
	struct buf id = {0};

	path = id_path(d, path);
	buf_printf(&id, "%s/", d->source);
	charset_repair(path, strlen(path), &id);
	buf_add(&id, rec->id.p, rec->id.len);
	buf_str(b, "{\"id\":");
	jstr_put(b, id.p, id.len);
	put_field(b, "text", rec->text.p ? rec->text.p : "", rec->text.len);
	put_field(b, "source", d->source, strlen(d->source));
	put_field(b, "added", d->added, strlen(d->added));
	put_field(b, "created", rec->created.p ? rec->created.p : "", rec->created.len);
	buf_printf(b, ",\"metadata\":{\"bytes\":%zu", rec->text.len);
	buf_add(b, rec->meta.p, rec->meta.len);
	if (d->license)
		put_field(b, "license", d->license, strlen(d->license));
	buf_str(b, "}}\n");
	buf_release(&id);
}

/* --- the pipeline -------------------------------------------------------------------------------- */

static void file_done(void *arg, const char *path, const struct filehash *h)
{
	struct docs *d = arg;

	manifest_input(d->m, "raw", path, h);
	stats_add("bytes_in", h->bytes);
}

/* One record into the batch: 1, 0 when there are no more, -1. */
static int read_one(struct docs *d, struct batch *b)
{
	while (d->r || d->at < d->n_files) {
		int rc;

		if (!d->r && !(d->r = reader_open(d->kind, d->files[d->at], &d->opt)))
			return -1;
		rc = reader_next(d->r, &b->rec[b->n]);
		if (rc > 0) {
			b->path[b->n++] = d->files[d->at];
			return 1;
		}
		reader_close(d->r, rc == 0, file_done, d);
		d->r = NULL;
		d->at++;
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int read_batch(void *ctx, void *item, int worker)
{
	struct docs *d = ctx;
	struct batch *b = item;
	size_t bytes = 0;
	int rc = 1;

	(void)worker;
	b->n = 0;
	while (b->n < BATCH_RECS && bytes < BATCH_BYTES && (rc = read_one(d, b)) > 0)
		bytes += b->rec[b->n - 1].raw.len;
	return rc < 0 ? -1 : b->n > 0;
}

static int convert_batch(void *ctx, void *item, int worker)
{
	const struct docs *d = ctx;
	struct batch *b = item;

	(void)worker;
	for (size_t i = 0; i < b->n; i++) {
		b->row[i].len = 0;
		reader_convert(d->kind, &d->opt, &b->rec[i]);
		if (b->rec[i].state == REC_DOC)
			put_row(d, b->path[i], &b->rec[i], &b->row[i]);
	}
	return 0;
}

static void left_out(const struct rec *rec)
{
	char name[64];

	snprintf(name, sizeof(name), "skipped_%s", rec->reason);
	stats_add(name, 1);
	note("%.*s: left out: %s", (int)rec->where.len, rec->where.p ? rec->where.p : "",
	    rec->reason);
}

/* A malformed record: the end, or one of those that --skip-bad counts. */
static int malformed(struct docs *d, const struct rec *rec)
{
	if (!d->skip_bad) {
		err_set("%s", rec->message.p);
		return -1;
	}
	stats_add("docs_bad", 1);
	if (d->bad++ < BAD_SHOWN)
		warn("%s: left out", rec->message.p);
	return 0;
}

static int write_batch(void *ctx, void *item, int worker)
{
	struct docs *d = ctx;
	struct batch *b = item;
	uint64_t n = 0, text = 0;

	(void)worker;
	for (size_t i = 0; i < b->n; i++) {
		const struct rec *rec = &b->rec[i];

		if (rec->state == REC_SKIP)
			left_out(rec);
		else if (rec->state == REC_BAD && malformed(d, rec) < 0)
			return -1;
		if (rec->state != REC_DOC)
			continue;
		n++;
		text += rec->text.len;
		if (rec->repaired) {
			stats_add("docs_repaired", 1);
			stats_add("sequences_repaired", rec->repaired);
		}
		if (rec->unknown)
			stats_add(rec->unknown_what, rec->unknown);
		if (d->sealing)
			seal_add(&d->seal, b->row[i].p, b->row[i].len, 1);
		if (out_write(d->out, b->row[i].p, b->row[i].len) < 0)
			return -1;
	}
	stats_add("docs_out", n);
	stats_add("bytes_text", text);
	return 0;
}

static int run(struct docs *d, int threads)
{
	static const struct pipe_stage st[] = {
	    {"read", read_batch, 1}, {"convert", convert_batch, 0}, {"write", write_batch, 1}};
	size_t n = 2 * (size_t)threads + 2;
	struct batch *batches = xcalloc(n, sizeof(*batches));
	void **items = xcalloc(n, sizeof(*items));
	int rc;

	for (size_t i = 0; i < n; i++)
		items[i] = &batches[i];
	rc = pipe_run(threads, st, 3, items, n, d);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < BATCH_RECS; k++) {
			rec_release(&batches[i].rec[k]);
			buf_release(&batches[i].row[k]);
		}
	free(items);
	free(batches);
	reader_close(d->r, 0, NULL, NULL);
	return rc;
}

/* --- which files --------------------------------------------------------------------------------- */

static void add_file(struct docs *d, const char *path)
{
	size_t k = d->n_files;

	if (!(k & (k - 1)))
		d->files = xreallocarray(d->files, k ? 2 * k : 1, sizeof(*d->files));
	d->files[d->n_files++] = xstrdup(path);
}

static void pass_over(const char *path, const char *reason)
{
	char name[64];

	snprintf(name, sizeof(name), "files_passed_%s", reason);
	stats_add(name, 1);
	note("%s: passed over: %s", path, reason);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of a directory in order of name. */
static int list_dir(const char *path, char ***names, size_t *n)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char **v = NULL;
	size_t k = 0;

	if (!dir) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			if (!(k & (k - 1)))
				v = xreallocarray(v, k ? 2 * k : 1, sizeof(*v));
			v[k++] = xstrdup(e->d_name);
		}
	closedir(dir);
	if (k)
		qsort(v, k, sizeof(*v), by_name);
	*names = v, *n = k;
	return 0;
}

static int visit_dir(struct docs *d, const char *path);

/* One entry of a directory. */
static int visit_entry(struct docs *d, const char *path, const char *name)
{
	struct stat st;
	int link, wanted;

	if (name[0] == '.')
		return pass_over(path, "hidden"), 0;
	if (lstat(path, &st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	link = S_ISLNK(st.st_mode);
	if (link && stat(path, &st) < 0)
		return pass_over(path, "dangling_link"), 0;
	if (S_ISDIR(st.st_mode))
		return link ? (pass_over(path, "directory_link"), 0) : visit_dir(d, path);
	if (!S_ISREG(st.st_mode))
		return pass_over(path, "not_a_file"), 0;
	wanted = d->kind->wants(name);
	if (!wanted)
		pass_over(path, "other_kind");
	else if (wanted == 1 && link && d->kind->skip_links)
		pass_over(path, "link");
	else if (wanted == 1)
		add_file(d, path);
	return 0;
}

static int visit_dir(struct docs *d, const char *path)
{
	char **names;
	size_t n;
	int rc = 0;

	if (list_dir(path, &names, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char *p = xasprintf("%s/%s", path, names[i]);

		if (!rc)
			rc = visit_entry(d, p, names[i]);
		free(p);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* An operand: a file of any name, or every file below a directory in order of path. */
static int visit(struct docs *d, const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return add_file(d, path), 0;
	if (stat(path, &st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return visit_dir(d, path);
	return add_file(d, path), 0;
}

/* --- the program --------------------------------------------------------------------------------- */

static int finish(struct docs *d, const struct opts *o)
{
	struct filehash h;
	struct buf b = {0};
	const char *out = o->out && strcmp(o->out, "-") ? o->out : NULL;
	int rc = 0;

	if (d->bad)
		warn("%llu malformed records were left out", (unsigned long long)d->bad);
	if (d->sealing) {
		seal_line(&d->seal, &b);
		rc = out_write(d->out, b.p, b.len);
		buf_release(&b);
	}
	if (rc < 0)
		return -1;
	rc = out_commit(d->out, &h);
	d->out = NULL;
	if (rc < 0)
		return -1;
	manifest_output(d->m, "documents", out ? out : "-", &h);
	manifest_counters(d->m);
	if (out && manifest_write_for(d->m, out) < 0)
		return -1;
	return o->manifest ? manifest_write(d->m, o->manifest) : 0;
}

static void note_options(const struct docs *d, const struct opts *o)
{
	manifest_opt_str(d->m, "from", d->kind->name);
	manifest_opt_str(d->m, "source", d->source);
	manifest_opt_str(d->m, "added", d->added);
	manifest_opt_str(d->m, "license", d->license);
	manifest_opt_bool(d->m, "huge", d->opt.huge);
	manifest_opt_bool(d->m, "wiki_tables", d->opt.wiki_tables);
	manifest_opt_bool(d->m, "skip_bad", o->skip_bad);
}

int main(int argc, char **argv)
{
	struct docs d = {.base = ".", .added = "", .opt.max_bytes = 1u << 30};
	struct opts o;
	const char *arg, *from = NULL;
	int k, rc = 0;

	opts_init(&o, &prog, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case FROM:
			from = arg;
			break;
		case SOURCE:
			d.source = arg;
			break;
		case BASE:
			d.base = arg;
			break;
		case ADDED:
			d.added = arg;
			break;
		case LICENSE:
			d.license = arg;
			break;
		case MAX_BYTES:
			d.opt.max_bytes = opt_size("max-bytes", arg);
			break;
		case SEPARATOR:
			d.opt.separator = arg;
			break;
		case HUGE_PAGES:
			d.opt.huge = 1;
			break;
		case TABLES:
			d.opt.wiki_tables = 1;
			break;
		}
	if (!from || !d.source)
		die_usage("--from KIND and --source NAME are needed");
	d.kind = reader_kind(from);
	if (!d.kind)
		die_usage("--from %s: it reads %s", from, reader_kinds());
	if (d.opt.separator && d.kind != &read_text)
		die_usage("--separator goes with --from text");
	d.skip_bad = o.skip_bad;
	if (!o.n_files)
		add_file(&d, "-");
	for (size_t i = 0; i < o.n_files; i++)
		if (visit(&d, o.files[i]) < 0)
			die_err();
	if (o.dry_run) {
		for (size_t i = 0; i < d.n_files; i++)
			printf("%s\n", d.files[i]);
		return opts_end(&o, EXIT_DONE);
	}
	out_signals();
	htmltext_init();
	d.m = manifest_new("dolma-docs");
	note_options(&d, &o);
	d.sealing = o.seal;
	seal_init(&d.seal);
	d.out = out_open(o.out, OUT_HASH);
	if (!d.out)
		die_err();
	rc = run(&d, o.threads);
	if (!rc)
		rc = finish(&d, &o);
	if (d.out)
		out_abort(d.out);
	if (rc)
		die_err();
	seal_release(&d.seal);
	manifest_free(d.m);
	for (size_t i = 0; i < d.n_files; i++)
		free(d.files[i]);
	free(d.files);
	return opts_end(&o, EXIT_DONE);
}
