/* dolma-docs: raw text becomes documents (olmo-documents(5)).
 *
 * One file is one document (text, source), or one line is one (lines).  Ids are SOURCE/PATH, with the
 * path relative to --base, and :LINE for lines.  Ill-formed UTF-8 becomes U+FFFD and is counted. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/jscan.h"
#include "io/in.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/seal.h"

enum { FROM = OPT_LONG, SOURCE, BASE, ADDED, LICENSE, MAX_BYTES };

static const struct opt own[] = {
    {"from", FROM, "KIND", "what the input is: text, lines or source"},
    {"source", SOURCE, "NAME", "name of the source, written into every document"},
    {"base", BASE, "DIR", "ids are paths relative to DIR [.]"},
    {"added", ADDED, "DATE", "value of the field added [empty]"},
    {"license", LICENSE, "NAME", "value of metadata.license [none]"},
    {"max-bytes", MAX_BYTES, "SIZE", "refuse a larger file or line [1G]"},
    {0},
};

static const struct prog prog = {
    "dolma-docs",
    "--from text|lines|source --source NAME [OPTIONS] [FILE|DIR..]",
    "make documents of raw text",
    own,
};

struct docs {
	const char *source, *base, *added, *license;
	int lines, code;
	uint64_t max_bytes;
	struct out *out;
	struct manifest *m;
	struct seal seal;
	int sealing;
	struct buf row, text;
};

/* Append s with each ill-formed sequence replaced by U+FFFD; returns how many there were. */
static uint64_t repair(struct buf *b, const char *s, size_t n)
{
	uint64_t bad = 0;
	size_t at;

	while (n && !utf8_valid(s, n, &at)) {
		size_t skip = utf8_bad_len(s + at, n - at);

		buf_add(b, s, at);
		buf_str(b, "\xef\xbf\xbd");
		s += at + skip, n -= at + skip;
		bad++;
	}
	buf_add(b, s, n);
	return bad;
}

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

/* The language of a source file by its suffix, or NULL. */
static const char *language(const char *path)
{
	static const char *const by_suffix[][2] = {{".c", "c"}, {".h", "c"}, {".cpp", "c++"},
	    {".cc", "c++"}, {".hpp", "c++"}, {".py", "python"}, {".go", "go"}, {".java", "java"},
	    {".js", "javascript"}, {".ts", "typescript"}, {".pl", "perl"}, {".pm", "perl"},
	    {".rs", "rust"}, {".sh", "shell"}, {".rb", "ruby"}, {".hs", "haskell"}, {".ml", "ocaml"},
	    {".mk", "make"}, {".awk", "awk"}};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(by_suffix) / sizeof(*by_suffix); i++)
		if (!strcmp(dot, by_suffix[i][0]))
			return by_suffix[i][1];
	return NULL;
}

static void put_field(struct buf *b, const char *name, const char *v)
{
	buf_printf(b, ",\"%s\":", name);
	jstr_put(b, v, strlen(v));
}

/* One document: id from path (and line, when not 0), text as it stands. */
static int put_doc(struct docs *d, const char *path, uint64_t line, const char *s, size_t n)
{
	struct buf *b = &d->row;
	struct buf id = {0};
	const char *lang = d->code ? language(path) : NULL;
	uint64_t bad;

	d->text.len = 0;
	bad = repair(&d->text, s, n);
	if (bad) {
		stats_add("docs_repaired", 1);
		stats_add("sequences_repaired", bad);
	}
	buf_printf(&id, "%s/", d->source);
	repair(&id, id_path(d, path), strlen(id_path(d, path)));
	if (line)
		buf_printf(&id, ":%llu", (unsigned long long)line);
	b->len = 0;
	buf_str(b, "{\"id\":");
	jstr_put(b, id.p, id.len);
	buf_str(b, ",\"text\":");
	jstr_put(b, d->text.p, d->text.len);
	put_field(b, "source", d->source);
	put_field(b, "added", d->added);
	put_field(b, "created", "");
	buf_printf(b, ",\"metadata\":{\"bytes\":%zu", d->text.len);
	if (lang)
		put_field(b, "language", lang);
	if (d->license)
		put_field(b, "license", d->license);
	buf_str(b, "}}\n");
	buf_release(&id);
	if (d->sealing)
		seal_add(&d->seal, b->p, b->len, 1);
	stats_add("docs_out", 1);
	stats_add("bytes_text", d->text.len);
	return out_write(d->out, b->p, b->len);
}

static int whole_file(struct docs *d, const char *path)
{
	struct buf b = {0};
	struct filehash h;
	int rc = in_slurp(path, d->max_bytes, &b, &h);

	if (!rc) {
		manifest_input(d->m, "raw", path, &h);
		stats_add("bytes_in", h.bytes);
		rc = put_doc(d, path, 0, b.p ? b.p : "", b.len);
	}
	buf_release(&b);
	return rc;
}

static int each_line(struct docs *d, const char *path)
{
	struct in *in = in_open(path);
	struct filehash h;
	char *line;
	size_t len;
	int rc;

	if (!in)
		return -1;
	while ((rc = in_line(in, &line, &len)) > 0) {
		if (len > d->max_bytes) {
			err_set("%s:%llu: line of %zu bytes is longer than --max-bytes", in_name(in),
			    (unsigned long long)in_lineno(in), len);
			rc = -1;
			break;
		}
		if (!len)
			stats_add("lines_empty", 1);
		else if (put_doc(d, path, in_lineno(in), line, len) < 0) {
			rc = -1;
			break;
		}
	}
	in_close(in, &h);
	if (rc == 0) {
		manifest_input(d->m, "raw", path, &h);
		stats_add("bytes_in", h.bytes);
	}
	return rc;
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
		if (e->d_name[0] != '.') {
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

/* A file, or every file below a directory in order of path. */
static int visit(struct docs *d, const char *path)
{
	struct stat st;
	char **names;
	size_t n;
	int rc = 0;

	if (strcmp(path, "-") && stat(path, &st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	if (!strcmp(path, "-") || !S_ISDIR(st.st_mode))
		return d->lines ? each_line(d, path) : whole_file(d, path);
	if (list_dir(path, &names, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char *p = xasprintf("%s/%s", path, names[i]);

		if (!rc)
			rc = visit(d, p);
		free(p);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int finish(struct docs *d, const struct opts *o)
{
	struct filehash h;
	const char *out = o->out && strcmp(o->out, "-") ? o->out : NULL;

	if (d->sealing) {
		d->row.len = 0;
		seal_line(&d->seal, &d->row);
		if (out_write(d->out, d->row.p, d->row.len) < 0)
			return -1;
	}
	if (out_commit(d->out, &h) < 0)
		return -1;
	d->out = NULL;
	manifest_output(d->m, "documents", out ? out : "-", &h);
	manifest_counters(d->m);
	if (out && manifest_write_for(d->m, out) < 0)
		return -1;
	return o->manifest ? manifest_write(d->m, o->manifest) : 0;
}

int main(int argc, char **argv)
{
	struct docs d = {.base = ".", .added = "", .max_bytes = 1u << 30};
	struct opts o;
	const char *arg, *from = NULL;
	int k, rc = 0;

	opts_init(&o, &prog, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case FROM: from = arg; break;
		case SOURCE: d.source = arg; break;
		case BASE: d.base = arg; break;
		case ADDED: d.added = arg; break;
		case LICENSE: d.license = arg; break;
		case MAX_BYTES: d.max_bytes = opt_size("max-bytes", arg); break;
		}
	if (!from || !d.source)
		die_usage("--from KIND and --source NAME are needed");
	if (strcmp(from, "text") && strcmp(from, "lines") && strcmp(from, "source"))
		die_usage("--from %s: this version reads text, lines and source", from);
	d.lines = !strcmp(from, "lines");
	d.code = !strcmp(from, "source");
	if (o.dry_run) {
		for (size_t i = 0; i < o.n_files; i++)
			printf("%s\n", o.files[i]);
		return opts_end(&o, EXIT_DONE);
	}
	out_signals();
	d.m = manifest_new("dolma-docs");
	manifest_opt_str(d.m, "from", from);
	manifest_opt_str(d.m, "source", d.source);
	manifest_opt_str(d.m, "added", d.added);
	manifest_opt_str(d.m, "license", d.license);
	d.sealing = o.seal;
	seal_init(&d.seal);
	d.out = out_open(o.out, OUT_HASH);
	if (!d.out)
		die_err();
	if (!o.n_files)
		rc = visit(&d, "-");
	for (size_t i = 0; i < o.n_files && !rc; i++)
		rc = visit(&d, o.files[i]);
	if (!rc)
		rc = finish(&d, &o);
	if (d.out)
		out_abort(d.out);
	if (rc)
		die_err();
	seal_release(&d.seal);
	buf_release(&d.row);
	buf_release(&d.text);
	manifest_free(d.m);
	return opts_end(&o, EXIT_DONE);
}
