#include "io/audit.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "io/in.h"
#include "io/manifest.h"

enum { MANIFEST_MAX = 64 << 20 };

/* A manifest that is to be walked. */
struct page {
	char *path; /* of the manifest, for messages and rows */
	char *dir;  /* "." when path has no '/' */
	json_t *v;
};

/* Something a manifest says: this file has this hash. */
struct claim {
	char *path; /* as rows show it */
	char *real; /* NULL: the file is not there */
	const char *want;
};

struct file {
	const char *real;
	char got[33]; /* "" when it cannot be read */
};

struct audit {
	struct page *page;
	size_t n, cap;
	json_t *known;      /* real path of a manifest → true: walked or waiting */
	json_t *beside;     /* directories that were looked through for pipes */
	json_t *written;    /* hash of a standard output → path of its manifest */
	struct page *spare; /* manifests that only lie beside others: for joining pipes */
	size_t n_spare;
	struct claim *claim;
	size_t n_claims, cap_claims;
	struct file *file;
	size_t n_files;
	char **row;
	size_t n_rows, cap_rows;
};

static const char *text(const json_t *file, const char *key)
{
	return json_string_value(json_object_get(file, key));
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

/* A name that only manifests have: one that is damaged is an error. */
static int is_manifest_name(const char *path)
{
	return ends_with(path, "/manifest.json") || ends_with(path, ".manifest.json") ||
	       !strcmp(path, "manifest.json");
}

/* --manifest gives them other names too: any .json file that says it is one. */
static int is_manifest(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct buf b = {0};
	json_t *v;
	int yes;

	if (name[0] == '.' || !ends_with(name, ".json"))
		return 0;
	if (is_manifest_name(path))
		return 1;
	yes = in_slurp(path, MANIFEST_MAX, &b, NULL) == 0 && strstr(b.p, "\"manifest\"");
	buf_release(&b);
	v = yes ? manifest_load(path) : NULL;
	yes = v != NULL;
	json_decref(v);
	return yes;
}

/* --- finding manifests ------------------------------------------------------------------------- */

static int page_load(struct page *p, const char *path)
{
	p->v = manifest_load(path);
	if (!p->v)
		return -1;
	p->path = xstrdup(path);
	p->dir = directory_of(path);
	return 0;
}

static void page_free(struct page *p)
{
	json_decref(p->v);
	free(p->path);
	free(p->dir);
}

/* Put a manifest on the list unless it is there; 0, -1. */
static int add_page(struct audit *a, const char *path)
{
	char *real = realpath(path, NULL);
	int known = real && json_object_get(a->known, real);

	if (real)
		json_object_set_new(a->known, real, json_true());
	free(real);
	if (known)
		return 0;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 64;
		a->page = xreallocarray(a->page, a->cap, sizeof *a->page);
	}
	if (page_load(&a->page[a->n], path) < 0)
		return -1;
	a->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory in order of their bytes; NULL-terminated. NULL with a message. */
static char **list_directory(const char *dir)
{
	DIR *d = opendir(dir);
	char **list = xcalloc(1, sizeof *list);
	struct dirent *e;
	size_t n = 0;

	if (!d) {
		err_sys("cannot read directory '%s'", dir);
		free(list);
		return NULL;
	}
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		list = xreallocarray(list, n + 2, sizeof *list);
		list[n++] = xstrdup(e->d_name);
		list[n] = NULL;
	}
	closedir(d);
	qsort(list, n, sizeof *list, by_name);
	return list;
}

static void free_list(char **list)
{
	for (char **p = list; *p; p++)
		free(*p);
	free(list);
}

/* Every manifest below a directory; links to directories are not followed. */
static int scan(struct audit *a, const char *dir)
{
	char **names = list_directory(dir);
	size_t n = strlen(dir);
	int rc = 0;

	if (!names)
		return -1;
	for (char **p = names; *p && rc == 0; p++) {
		char *path = xasprintf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", *p);
		struct stat st;

		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			rc = scan(a, path);
		else if (is_manifest(path))
			rc = add_page(a, path);
		free(path);
	}
	free_list(names);
	return rc;
}

static char *file_path(const struct page *p, const json_t *file)
{
	return xasprintf("%s/%s", p->dir, text(file, "path"));
}

static int is_pipe(const json_t *file)
{
	return !strcmp(text(file, "path"), "-");
}

/* Does this manifest name the file (a real path) as an output? */
static int names_output(const struct page *p, const char *real)
{
	json_t *f;
	size_t i;
	int yes = 0;

	json_array_foreach(json_object_get(p->v, "outputs"), i, f)
	{
		char *path = file_path(p, f), *at = realpath(path, NULL);

		yes |= at && !is_pipe(f) && !strcmp(at, real);
		free(at);
		free(path);
	}
	return yes;
}

/* Walk the manifest at path if it names the file. 1, 0, -1. */
static int try_page(struct audit *a, const char *path, const char *real)
{
	struct page p;
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return 0;
	if (page_load(&p, path) < 0)
		return -1;
	rc = names_output(&p, real);
	if (rc > 0 && add_page(a, path) < 0)
		rc = -1;
	page_free(&p);
	return rc;
}

/* The manifest that names a file (a real path) as an output: beside it, or in a directory above. */
static int find_maker(struct audit *a, const char *file, const char *real)
{
	char *path = xasprintf("%s.manifest.json", real), *slash, *up;
	int rc = try_page(a, path, real);

	(void)file;
	free(path);
	up = xstrdup(real);
	while (rc == 0 && (slash = strrchr(up, '/'))) {
		*slash = 0;
		path = xasprintf("%s/manifest.json", up);
		rc = try_page(a, path, real);
		free(path);
	}
	free(up);
	return rc;
}

/* Manifests that lie beside one that was reached may have written its standard input. */
static int look_beside(struct audit *a, const char *dir)
{
	char **names;

	if (json_object_get(a->beside, dir))
		return 0;
	json_object_set_new(a->beside, dir, json_true());
	names = list_directory(dir);
	if (!names)
		return -1;
	for (char **p = names; *p; p++) {
		char *path = xasprintf("%s/%s", dir, *p);

		if (!is_manifest(path)) {
			free(path);
			continue;
		}
		a->spare = xreallocarray(a->spare, a->n_spare + 1, sizeof *a->spare);
		/* One that cannot be read matters only when it is reached. */
		if (page_load(&a->spare[a->n_spare], path) == 0)
			a->n_spare++;
		free(path);
	}
	free_list(names);
	return 0;
}

/* Who read the standard output of page i may lie beside it. */
static int look_beside_writer(struct audit *a, size_t i)
{
	json_t *f;
	size_t k;
	int rc = 0;

	json_array_foreach(json_object_get(a->page[i].v, "outputs"), k, f)
	{
		if (is_pipe(f) && rc == 0)
			rc = look_beside(a, a->page[i].dir);
	}
	return rc;
}

/* Follow the inputs of every manifest, those found on the way too. */
static int walk(struct audit *a)
{
	for (size_t i = 0; i < a->n; i++) {
		json_t *inputs = json_object_get(a->page[i].v, "inputs"), *f;
		size_t k;

		if (look_beside_writer(a, i) < 0)
			return -1;

		json_array_foreach(inputs, k, f)
		{
			char *path, *real;
			int rc = 0;

			if (is_pipe(f)) {
				rc = look_beside(a, a->page[i].dir);
			} else {
				path = file_path(&a->page[i], f);
				real = realpath(path, NULL);
				if (real)
					rc = find_maker(a, path, real);
				free(real);
				free(path);
			}
			if (rc < 0)
				return -1;
		}
	}
	return 0;
}

/* --- pipes ------------------------------------------------------------------------------------- */

static void add_row(struct audit *a, char *row)
{
	if (a->n_rows == a->cap_rows) {
		a->cap_rows = a->cap_rows ? 2 * a->cap_rows : 16;
		a->row = xreallocarray(a->row, a->cap_rows, sizeof *a->row);
	}
	a->row[a->n_rows++] = row;
}

/* A path as the user would write it. */
static char *shown(const char *path)
{
	return manifest_relpath(".", path);
}

static void pipe_row(
    struct audit *a, const char *manifest, const char *end, const char *want, const char *got)
{
	char *path = shown(manifest);

	add_row(a, xasprintf("%s:%s\t%s\t%s", path, end, want, got));
	free(path);
}

static void note_written(struct audit *a, const struct page *p)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(p->v, "outputs"), i, f)
	{
		if (is_pipe(f))
			json_object_set_new(a->written, text(f, "xxh3"), json_string(p->path));
	}
}

/* A spare manifest that wrote what was read belongs to the walk. */
static int reach_writer(struct audit *a, const char *manifest)
{
	return add_page(a, manifest);
}

/* Join every standard input with a standard output; those that come in newly are walked too. */
static int join_pipes(struct audit *a)
{
	size_t seen = 0, n;

	do {
		n = a->n;
		if (walk(a) < 0)
			return -1;
		for (size_t i = 0; i < a->n; i++)
			note_written(a, &a->page[i]);
		for (size_t i = 0; i < a->n_spare; i++)
			note_written(a, &a->spare[i]);
		for (; seen < a->n; seen++) {
			json_t *f;
			size_t k;

			json_array_foreach(json_object_get(a->page[seen].v, "inputs"), k, f)
			{
				const char *by =
				    is_pipe(f) ? text(a->written, text(f, "xxh3")) : NULL;

				if (by && reach_writer(a, by) < 0)
					return -1;
			}
		}
	} while (a->n > n);
	return 0;
}

static void note_read(json_t *read, const struct page *p)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(p->v, "inputs"), i, f)
	{
		if (is_pipe(f))
			json_object_set_new(read, text(f, "xxh3"), json_true());
	}
}

/* Standard output that nothing read. */
static void check_read(struct audit *a, const json_t *read, const struct page *p)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(p->v, "outputs"), i, f)
	{
		if (is_pipe(f) && !json_object_get(read, text(f, "xxh3")))
			pipe_row(a, p->path, "stdout", text(f, "xxh3"), "unread");
	}
}

/* Rows for pipes that do not join.  Of manifests that only lie beside others the outputs matter when
 * a standard input is without its writer. */
static void check_pipes(struct audit *a)
{
	json_t *read = json_object(), *f;
	size_t k, before = a->n_rows;

	for (size_t i = 0; i < a->n; i++) {
		note_read(read, &a->page[i]);
		json_array_foreach(json_object_get(a->page[i].v, "inputs"), k, f)
		{
			if (is_pipe(f) && !json_object_get(a->written, text(f, "xxh3")))
				pipe_row(a, a->page[i].path, "stdin", text(f, "xxh3"), "missing");
		}
	}
	for (size_t i = 0; i < a->n_spare; i++)
		note_read(read, &a->spare[i]);
	if (a->n_rows > before)
		for (size_t i = 0; i < a->n_spare; i++)
			check_read(a, read, &a->spare[i]);
	for (size_t i = 0; i < a->n; i++)
		check_read(a, read, &a->page[i]);
	json_decref(read);
}

/* --- files ------------------------------------------------------------------------------------- */

static void add_claims(struct audit *a, const struct page *p, const char *key)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(p->v, key), i, f)
	{
		struct claim *c;
		char *path;

		if (is_pipe(f))
			continue;
		if (a->n_claims == a->cap_claims) {
			a->cap_claims = a->cap_claims ? 2 * a->cap_claims : 256;
			a->claim = xreallocarray(a->claim, a->cap_claims, sizeof *a->claim);
		}
		c = &a->claim[a->n_claims++];
		path = file_path(p, f);
		c->path = shown(path);
		c->real = realpath(path, NULL);
		c->want = text(f, "xxh3");
		free(path);
	}
}

static int by_real(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (!x->real || !y->real)
		return (x->real != NULL) - (y->real != NULL);
	return strcmp(x->real, y->real);
}

static void hash_one(void *arg, size_t i, int worker)
{
	struct file *f = &((struct file *)arg)[i];
	struct filehash h;

	(void)worker;
	if (in_hash_file(f->real, &h) == 0)
		h128_hex(h.xxh3, f->got);
}

/* Each file once, over threads. */
static void hash_files(struct audit *a, int threads)
{
	struct pool *pool = pool_new(threads);

	qsort(a->claim, a->n_claims, sizeof *a->claim, by_real);
	a->file = xcalloc(a->n_claims + 1, sizeof *a->file);
	for (size_t i = 0; i < a->n_claims; i++)
		if (a->claim[i].real &&
		    (!a->n_files || strcmp(a->file[a->n_files - 1].real, a->claim[i].real)))
			a->file[a->n_files++].real = a->claim[i].real;
	pool_run(pool, a->n_files, hash_one, a->file);
	pool_free(pool);
}

/* Claims and files are in one order. */
static void check_files(struct audit *a)
{
	size_t k = 0;

	for (size_t i = 0; i < a->n_claims; i++) {
		const struct claim *c = &a->claim[i];
		const char *got = "missing";

		if (c->real) {
			while (strcmp(a->file[k].real, c->real))
				k++;
			got = *a->file[k].got ? a->file[k].got : "unreadable";
		}
		if (strcasecmp(got, c->want))
			add_row(a, xasprintf("%s\t%s\t%s", c->path, c->want, got));
	}
}

/* --- the whole --------------------------------------------------------------------------------- */

/* The manifests to begin with. */
static int begin(struct audit *a, const char *path)
{
	struct stat st;
	char *real;
	int rc;

	if (stat(path, &st) < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		if (scan(a, path) < 0)
			return -1;
		if (!a->n)
			err_set("no manifest below '%s'", path);
		return a->n ? 0 : -1;
	}
	if (is_manifest(path))
		return add_page(a, path);
	real = realpath(path, NULL);
	rc = real ? find_maker(a, path, real) : -1;
	free(real);
	if (rc == 0)
		err_set("no manifest names '%s' as an output: it is a raw file", path);
	return rc > 0 ? 0 : -1;
}

static void print_rows(struct audit *a, FILE *out, size_t *n)
{
	*n = 0;
	if (a->n_rows)
		qsort(a->row, a->n_rows, sizeof *a->row, by_name);
	for (size_t i = 0; i < a->n_rows; i++)
		if (!i || strcmp(a->row[i - 1], a->row[i])) {
			fprintf(out, "%s\n", a->row[i]);
			++*n;
		}
}

static void release(struct audit *a)
{
	for (size_t i = 0; i < a->n; i++)
		page_free(&a->page[i]);
	for (size_t i = 0; i < a->n_spare; i++)
		page_free(&a->spare[i]);
	for (size_t i = 0; i < a->n_claims; i++) {
		free(a->claim[i].path);
		free(a->claim[i].real);
	}
	for (size_t i = 0; i < a->n_rows; i++)
		free(a->row[i]);
	free(a->page);
	free(a->spare);
	free(a->claim);
	free(a->file);
	free(a->row);
	json_decref(a->known);
	json_decref(a->beside);
	json_decref(a->written);
}

int audit_run(const char *path, int threads, FILE *out, size_t *n_rows)
{
	struct audit a = {
	    .known = json_object(), .beside = json_object(), .written = json_object()};
	int rc = begin(&a, path);

	*n_rows = 0;
	if (rc == 0)
		rc = join_pipes(&a);
	if (rc == 0) {
		check_pipes(&a);
		for (size_t i = 0; i < a.n; i++) {
			add_claims(&a, &a.page[i], "inputs");
			add_claims(&a, &a.page[i], "outputs");
		}
		hash_files(&a, threads);
		check_files(&a);
		print_rows(&a, out, n_rows);
	}
	release(&a);
	return rc;
}
