#include "io/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stats.h"
#include "io/conf.h"
#include "io/out.h"

enum { MAJOR = 1, MINOR = 0 };
#define BEGUN ".manifest.begun.json"

/* Paths of inputs and outputs stay as the program knows them until they are written. */
struct manifest {
	char *program;
	json_t *options, *inputs, *outputs, *counts;
};

struct manifest *manifest_new(const char *program)
{
	struct manifest *m = xcalloc(1, sizeof *m);

	m->program = xstrdup(program);
	m->options = json_object();
	m->inputs = json_array();
	m->outputs = json_array();
	m->counts = json_object();
	return m;
}

struct manifest *manifest_clone(const struct manifest *m)
{
	struct manifest *c = xcalloc(1, sizeof *c);

	c->program = xstrdup(m->program);
	c->options = json_deep_copy(m->options);
	c->inputs = json_deep_copy(m->inputs);
	c->outputs = json_deep_copy(m->outputs);
	c->counts = json_deep_copy(m->counts);
	return c;
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	json_decref(m->options);
	json_decref(m->inputs);
	json_decref(m->outputs);
	json_decref(m->counts);
	free(m->program);
	free(m);
}

static void set(json_t *object, const char *key, json_t *v)
{
	if (!v || json_object_set_new(object, key, v) < 0)
		die(EXIT_IO, "manifest: '%s' is no UTF-8 or no finite number", key);
}

/* Names of files may hold any bytes, JSON may not: what is no UTF-8 becomes U+FFFD. Such a file
 * cannot be audited, but a run on it is no error. */
static json_t *text(const char *s)
{
	json_t *v = json_string(s);
	struct buf b = {0};

	if (v)
		return v;
	for (; *s; s++)
		if ((unsigned char)*s < 0x80)
			buf_chr(&b, *s);
		else
			buf_str(&b, "\xef\xbf\xbd");
	v = json_string(buf_cstr(&b));
	buf_release(&b);
	return v;
}

void manifest_opt_str(struct manifest *m, const char *key, const char *v)
{
	set(m->options, key, v ? text(v) : json_null());
}

void manifest_opt_int(struct manifest *m, const char *key, int64_t v)
{
	set(m->options, key, json_integer(v));
}

void manifest_opt_num(struct manifest *m, const char *key, double v)
{
	set(m->options, key, json_real(v));
}

void manifest_opt_bool(struct manifest *m, const char *key, int v)
{
	set(m->options, key, json_boolean(v));
}

void manifest_opt_json(struct manifest *m, const char *key, json_t *v)
{
	set(m->options, key, v);
}

static void add_file(json_t *list, const char *role, const char *path, const struct filehash *h)
{
	json_t *f = json_object();
	char hex[33];

	h128_hex(h->xxh3, hex);
	set(f, "role", text(role));
	set(f, "path", text(path));
	set(f, "bytes", json_integer((json_int_t)h->bytes));
	set(f, "xxh3", json_string(hex));
	json_array_append_new(list, f);
}

void manifest_input(
    struct manifest *m, const char *role, const char *path, const struct filehash *h)
{
	add_file(m->inputs, role, path, h);
}

int manifest_input_file(struct manifest *m, const char *role, const char *path)
{
	struct filehash h;

	if (in_hash_file(path, &h) < 0)
		return -1;
	manifest_input(m, role, path, &h);
	return 0;
}

void manifest_output(
    struct manifest *m, const char *role, const char *path, const struct filehash *h)
{
	add_file(m->outputs, role, path, h);
}

void manifest_count(struct manifest *m, const char *key, uint64_t v)
{
	set(m->counts, key, json_integer((json_int_t)v));
}

static void count_one(void *m, const char *name, uint64_t v)
{
	manifest_count(m, name, v);
}

void manifest_counters(struct manifest *m)
{
	stats_each(count_one, m);
}

/* --- paths ------------------------------------------------------------------------------------- */

/* Without "." and "..", by the letters alone; absolute. */
static char *normal(const char *path)
{
	char *cwd = *path == '/' ? NULL : getcwd(NULL, 0), *all, *piece, *save = NULL;
	struct buf b = {0};

	all = xasprintf("%s/%s", cwd ? cwd : "", path);
	for (piece = strtok_r(all, "/", &save); piece; piece = strtok_r(NULL, "/", &save)) {
		if (!strcmp(piece, "."))
			continue;
		if (!strcmp(piece, "..")) {
			while (b.len && b.p[--b.len] != '/')
				;
			continue;
		}
		buf_chr(&b, '/');
		buf_str(&b, piece);
	}
	free(cwd);
	free(all);
	return buf_cstr(&b);
}

/* The same with the links of its directories followed; the last piece keeps its name. */
static char *physical(const char *path)
{
	char *p = normal(path), *slash = strrchr(p, '/'), *dir, *whole = NULL;

	if (!slash)
		return p;
	*slash = 0;
	dir = realpath(slash == p ? "/" : p, NULL);
	if (dir)
		whole = xasprintf("%s/%s", strcmp(dir, "/") ? dir : "", slash + 1);
	*slash = '/';
	free(dir);
	if (!whole)
		return p;
	free(p);
	return whole;
}

/* Way from one absolute directory to one absolute path. */
static char *way(const char *base, const char *to)
{
	struct buf b = {0};
	size_t same = 0;

	for (size_t i = 0;; i++) {
		int base_end = base[i] == '/' || !base[i], to_end = to[i] == '/' || !to[i];

		if (base_end && to_end)
			same = i;
		if (base[i] != to[i] || !base[i])
			break;
	}
	for (const char *p = base + same; *p; p++)
		if (*p == '/' && p[1])
			buf_str(&b, "../");
	to += same + (to[same] == '/');
	buf_str(&b, to);
	if (!*to) {
		/* An ancestor of base, or base itself. */
		if (b.len)
			b.len--;
		else
			buf_chr(&b, '.');
	}
	return buf_cstr(&b);
}

/* Does `rel`, seen from base, lead to the file? Yes also when there is none to compare. */
static int leads_to(const char *base, const char *rel, const char *file)
{
	char *p = xasprintf("%s/%s", base, rel);
	struct stat a, b;
	int yes = stat(file, &b) < 0 ||
		  (stat(p, &a) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);

	free(p);
	return yes;
}

/* By the letters when that works, so that a data set with links inside can be moved; else by the
 * directories' true places ("a/.." is not always "." where a is a link). */
char *manifest_relpath(const char *base, const char *from)
{
	char *b = normal(base), *f = normal(from), *rel = way(b, f), *true_b;

	if (!leads_to(base, rel, from)) {
		true_b = realpath(base, NULL);
		free(rel);
		free(f);
		f = physical(from);
		rel = way(true_b ? true_b : b, f);
		free(true_b);
	}
	free(b);
	free(f);
	return rel;
}

static int is_dir(const char *path)
{
	struct stat st;
	size_t n = strlen(path);

	return (n && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static char *in_dir(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	return xasprintf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

char *manifest_path(const char *out)
{
	return is_dir(out) ? in_dir(out, "manifest.json") : xasprintf("%s.manifest.json", out);
}

/* --- writing ----------------------------------------------------------------------------------- */

static json_t *files_from(const json_t *list, const char *dir)
{
	json_t *out = json_array(), *file;
	size_t i;

	json_array_foreach((json_t *)list, i, file)
	{
		const char *path = json_string_value(json_object_get(file, "path"));
		json_t *copy = json_copy(file);

		if (strcmp(path, "-")) {
			char *rel = manifest_relpath(dir, path);

			set(copy, "path", text(rel));
			free(rel);
		}
		json_array_append_new(out, copy);
	}
	return out;
}

static json_t *head_of(const struct manifest *m)
{
	json_t *v = json_object(), *version = json_object();

	set(version, "major", json_integer(MAJOR));
	set(version, "minor", json_integer(MINOR));
	set(v, "manifest", version);
	set(v, "program", json_string(m->program));
	set(v, "version", json_string(OLMO_VERSION));
	set(v, "options", json_deep_copy(m->options));
	return v;
}

static int write_json(const char *path, const json_t *v)
{
	char *s = json_dumps(v, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_REAL_PRECISION(17));
	char *line;
	int rc;

	if (!s)
		die(EXIT_IO, "out of memory: manifest");
	line = xasprintf("%s\n", s);
	free(s);
	rc = out_file(path, line, strlen(line));
	free(line);
	return rc;
}

int manifest_write(struct manifest *m, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	json_t *v;
	int rc;

	if (out_mkdirs(dir) < 0) {
		free(dir);
		return -1;
	}
	v = head_of(m);
	set(v, "inputs", files_from(m->inputs, dir));
	set(v, "outputs", files_from(m->outputs, dir));
	set(v, "counts", json_deep_copy(m->counts));
	rc = write_json(path, v);
	json_decref(v);
	free(dir);
	return rc;
}

int manifest_write_for(struct manifest *m, const char *out)
{
	char *path = manifest_path(out), *begun;
	int rc = manifest_write(m, path);

	if (rc == 0 && is_dir(out)) {
		begun = in_dir(out, BEGUN);
		unlink(begun);
		free(begun);
	}
	free(path);
	return rc;
}

/* --- reading ----------------------------------------------------------------------------------- */

static int wrong(const char *path, const char *what)
{
	err_set("%s: not a manifest: %s", path, what);
	return -1;
}

static int check_version(const char *path, const json_t *v)
{
	const json_t *version = json_object_get(v, "manifest");
	const json_t *major = json_object_get(version, "major");
	const json_t *minor = json_object_get(version, "minor");

	if (!json_is_integer(major) || !json_is_integer(minor) || json_integer_value(major) < 1 ||
	    json_integer_value(minor) < 0)
		return wrong(path, "no version under 'manifest'");
	if (json_integer_value(major) > MAJOR) {
		err_set("%s: manifest version %lld.%lld is newer than this program's %d.%d", path,
		    (long long)json_integer_value(major), (long long)json_integer_value(minor),
		    MAJOR, MINOR);
		return -1;
	}
	return 0;
}

static int check_file(const char *path, const json_t *f)
{
	const json_t *role = json_object_get(f, "role"), *name = json_object_get(f, "path");
	const json_t *bytes = json_object_get(f, "bytes"), *hash = json_object_get(f, "xxh3");
	struct h128 h;

	if (!json_is_string(role) || !json_is_string(name) || !json_string_length(name))
		return wrong(path, "a file without 'role' or 'path'");
	if (json_string_value(name)[0] == '/')
		return wrong(path, "an absolute path");
	if (strlen(json_string_value(name)) != json_string_length(name))
		return wrong(path, "a path with a NUL");
	if (!json_is_integer(bytes) || json_integer_value(bytes) < 0)
		return wrong(path, "a file without 'bytes'");
	if (!json_is_string(hash) ||
	    h128_parse(json_string_value(hash), json_string_length(hash), &h) < 0)
		return wrong(path, "a file whose 'xxh3' is not 32 hexadecimal digits");
	return 0;
}

static int check_files(const char *path, const json_t *list, const char *name)
{
	size_t i;
	json_t *f;

	if (!json_is_array(list)) {
		err_set("%s: not a manifest: '%s' is not a list", path, name);
		return -1;
	}
	json_array_foreach((json_t *)list, i, f) if (check_file(path, f) < 0) return -1;
	return 0;
}

static int check_counts(const char *path, const json_t *counts)
{
	const char *key;
	json_t *v;

	if (!json_is_object(counts))
		return wrong(path, "'counts' is not an object");
	json_object_foreach((json_t *)counts, key,
	    v) if (!json_is_integer(v) || json_integer_value(v) < 0) return wrong(path,
	    "a count that is not a whole number");
	return 0;
}

static int check_head(const char *path, const json_t *v)
{
	if (!json_is_object(v))
		return wrong(path, "no object");
	if (check_version(path, v) < 0)
		return -1;
	if (!json_is_string(json_object_get(v, "program")) ||
	    !json_is_string(json_object_get(v, "version")))
		return wrong(path, "'program' and 'version' must be strings");
	if (!json_is_object(json_object_get(v, "options")))
		return wrong(path, "'options' is not an object");
	return 0;
}

static json_t *load(const char *path, int whole)
{
	json_t *v = conf_json(path);

	if (!v)
		return NULL;
	if (check_head(path, v) == 0 &&
	    (!whole || (check_files(path, json_object_get(v, "inputs"), "inputs") == 0 &&
			   check_files(path, json_object_get(v, "outputs"), "outputs") == 0 &&
			   check_counts(path, json_object_get(v, "counts")) == 0)))
		return v;
	json_decref(v);
	return NULL;
}

json_t *manifest_load(const char *path)
{
	return load(path, 1);
}

/* --- data-set directories ---------------------------------------------------------------------- */

/* 1 when nothing is in the directory but temporaries, or there is none; 0; -1. */
static int is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int empty = 1;

	if (!d && errno == ENOENT)
		return 1;
	if (!d) {
		err_sys("cannot read directory '%s'", dir);
		return -1;
	}
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);
		int temp = e->d_name[0] == '.' && n > 4 && !strcmp(e->d_name + n - 4, ".tmp");

		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && !temp)
			empty = 0;
	}
	closedir(d);
	return empty;
}

/* 1 when the file is there and names the same run, 0 when another, -1 when it is not there or no
 * manifest. */
static int same_run(const struct manifest *m, const char *path, int whole)
{
	json_t *v = load(path, whole);
	int same;

	if (!v)
		return -1;
	same = !strcmp(json_string_value(json_object_get(v, "program")), m->program) &&
	       json_equal(json_object_get(v, "options"), m->options);
	json_decref(v);
	return same;
}

int manifest_may_write(const struct manifest *m, const char *dir, int force)
{
	char *whole = in_dir(dir, "manifest.json"), *begun = in_dir(dir, BEGUN);
	int rc = 0, same;

	if (!force)
		rc = is_empty(dir);
	if (!force && rc == 0) {
		same = same_run(m, whole, 1);
		if (same < 0)
			same = same_run(m, begun, 0);
		if (same < 0)
			err_set(
			    "'%s' is not empty and has no manifest: give another directory, or -f",
			    dir);
		else if (!same)
			err_set("'%s' was written by another program or with other options: give "
				"another directory, or -f",
			    dir);
		rc = same > 0 ? 0 : -1;
	}
	free(whole);
	free(begun);
	return rc < 0 ? -1 : 0;
}

int manifest_begin(const struct manifest *m, const char *dir, int force)
{
	char *whole, *begun;
	json_t *v;
	int rc;

	if (manifest_may_write(m, dir, force) < 0 || out_mkdirs(dir) < 0)
		return -1;
	whole = in_dir(dir, "manifest.json");
	begun = in_dir(dir, BEGUN);
	v = head_of(m);
	rc = write_json(begun, v);
	if (rc == 0 && unlink(whole) < 0 && errno != ENOENT) {
		err_sys("cannot remove '%s'", whole);
		rc = -1;
	}
	json_decref(v);
	free(whole);
	free(begun);
	return rc;
}
