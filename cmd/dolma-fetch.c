/* dolma-fetch: the files of a list, from the net into a directory, each with its hash checked.
 *
 * The list is read and checked as a whole first.  Files that are there are hashed; the others are
 * fetched by -j threads, and the manifest comes last.  A file that fails does not keep the others
 * from being fetched. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "io/fetch.h"
#include "io/manifest.h"
#include "io/out.h"

enum { RETRIES = OPT_LONG, WAIT, MAX_WAIT, TIMEOUT, LOW_SPEED, CACERT };

static const struct opt own[] = {
    {"retries", RETRIES, "N", "further tries of a file [5]"},
    {"retry-wait", WAIT, "SECONDS", "before the first of them; then doubled [1]"},
    {"max-wait", MAX_WAIT, "SECONDS", "longest Retry-After that is waited for [300]"},
    {"timeout", TIMEOUT, "SECONDS", "to connect, and for a transfer that is too slow [30]"},
    {"low-speed", LOW_SPEED, "SIZE", "bytes a second below which it is too slow [1K]"},
    {"cacert", CACERT, "FILE", "trust the authorities in FILE (PEM) instead of the system's"},
    {0},
};

static const struct prog prog = {
    "dolma-fetch",
    "-o DIR [OPTIONS] [LIST]",
    "fetch files by URL and check their hashes",
    own,
};

enum state { MISSING, KEPT, FETCHED, FAILED };

struct entry {
	struct fetch_item item;
	char *url, *name, *path, *hex;
	uint64_t line;
	enum state state;
	char *message; /* why it failed, or what is wrong with the file that is there */
};

struct run {
	const char *list, *dir;
	int force;
	struct filehash list_hash;
	struct entry *v;
	size_t n;
	json_t *old; /* manifest of an earlier run, NULL */
	struct manifest *m;
	struct fetch_opt opt;
	struct fetch **worker;
};

/* --- the list ------------------------------------------------------------------------------------ */

/* A name stays below DIR and apart from our own files: no empty piece, none that begins with a dot,
 * no control characters, not the manifest. */
static const char *bad_name(const char *s)
{
	size_t bad;

	if (*s == '/')
		return "is absolute";
	if (!utf8_valid(s, strlen(s), &bad))
		return "is not UTF-8";
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			return "has control characters";
		if ((p == s || p[-1] == '/') && (*p == '.' || *p == '/'))
			return "has a piece that is empty or begins with a dot";
	}
	if (s[strlen(s) - 1] == '/')
		return "ends with a slash";
	for (const char *p = s; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n > 200)
			return "has a piece of more than 200 bytes";
		p += n;
	}
	return strcmp(s, "manifest.json") ? NULL : "is that of the manifest";
}

static int add_entry(struct run *r, char *hash, char *url, char *name)
{
	struct entry *e;
	const char *bad = bad_name(name);
	size_t k = r->n;

	if (!(k & (k - 1)))
		r->v = xreallocarray(r->v, k ? 2 * k : 1, sizeof(*r->v));
	e = &r->v[k];
	*e = (struct entry){0};
	if (bad) {
		err_set("name '%s' %s", name, bad);
		return -1;
	}
	if (fetch_url_check(url) < 0 || fetch_digest_parse(hash, &e->item.digest, &e->hex) < 0)
		return -1;
	e->url = xstrdup(url);
	e->name = xstrdup(name);
	e->path = xasprintf("%s/%s", r->dir, name);
	r->n++;
	return 0;
}

/* HASH URL NAME; blanks in a name are part of it. */
static int parse_line(struct run *r, char *line)
{
	char *word[3];

	for (int i = 0; i < 3; i++) {
		line += strspn(line, " \t");
		word[i] = line;
		if (!*line) {
			err_set("a line is: HASH|- URL NAME");
			return -1;
		}
		if (i == 2)
			break;
		line += strcspn(line, " \t");
		if (*line)
			*line++ = 0;
	}
	for (size_t n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--)
		line[n - 1] = 0;
	return add_entry(r, word[0], word[1], word[2]);
}

/* Ordered so that a name and the names below it are neighbours: the slash is the least byte. */
static int by_name(const void *pa, const void *pb)
{
	const struct entry *const *a = pa, *const *b = pb;
	const unsigned char *x = (const unsigned char *)(*a)->name;
	const unsigned char *y = (const unsigned char *)(*b)->name;

	while (*x && *x == *y)
		x++, y++;
	if (*x == *y)
		return (*a)->line < (*b)->line ? -1 : 1;
	return (*x == '/' ? 1 : *x) - (*y == '/' ? 1 : *y);
}

/* The same name twice, or a name that another one needs as a directory. */
static int check_names(const struct run *r)
{
	const struct entry **v = xreallocarray(NULL, r->n + 1, sizeof(*v));
	int rc = 0;

	for (size_t i = 0; i < r->n; i++)
		v[i] = &r->v[i];
	qsort(v, r->n, sizeof(*v), by_name);
	for (size_t i = 1; i < r->n && !rc; i++) {
		size_t k = strlen(v[i - 1]->name);

		if (strncmp(v[i - 1]->name, v[i]->name, k) ||
		    (v[i]->name[k] && v[i]->name[k] != '/'))
			continue;
		err_set("%s:%llu: name '%s' clashes with that of line %llu", r->list,
		    (unsigned long long)v[i]->line, v[i]->name,
		    (unsigned long long)v[i - 1]->line);
		rc = -1;
	}
	free(v);
	return rc;
}

static int read_list(struct run *r)
{
	struct in *f = in_open(r->list);
	char *line;
	size_t len;
	int rc = 0;

	if (!f)
		return -1;
	while (rc == 0 && (rc = in_line(f, &line, &len)) > 0) {
		const char *p = line + strspn(line, " \t\r");

		rc = 0;
		if (!*p && strlen(line) == len)
			continue;
		if (*p == '#')
			continue;
		if (strlen(line) != len) {
			err_set("a NUL");
			rc = -1;
		} else {
			rc = parse_line(r, line);
		}
		if (rc == 0)
			r->v[r->n - 1].line = in_lineno(f);
		else
			err_prefix("%s:%llu", in_name(f), (unsigned long long)in_lineno(f));
	}
	in_close(f, &r->list_hash);
	if (rc == 0)
		rc = check_names(r);
	for (size_t i = 0; i < r->n; i++) {
		struct entry *e = &r->v[i];

		e->item.url = e->url;
		e->item.path = e->path;
		e->item.hex = e->hex;
		e->item.stream = e->line;
	}
	return rc;
}

/* --- what an earlier run left -------------------------------------------------------------------- */

/* Its manifest, or its mark when it was killed, if it was this program. */
static json_t *old_manifest(const char *dir)
{
	static const char *const names[] = {"manifest.json", ".manifest.begun.json"};
	json_t *v = NULL;

	for (size_t i = 0; !v && i < 2; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);
		const char *who;

		v = json_load_file(path, 0, NULL);
		free(path);
		who = json_string_value(json_object_get(v, "program"));
		if (v && (!who || strcmp(who, "dolma-fetch"))) {
			json_decref(v);
			return NULL;
		}
	}
	return v;
}

static const char *old_url(const struct run *r, const char *name)
{
	return json_string_value(
	    json_object_get(json_object_get(json_object_get(r->old, "options"), "urls"), name));
}

/* Is the file there, and right?  One without a hash is right when it came from the same URL. */
static void look(void *arg, size_t i, int worker)
{
	struct run *r = arg;
	struct entry *e = &r->v[i];
	const char *url = old_url(r, e->name);
	struct stat st;
	int right;

	(void)worker;
	if (stat(e->path, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR) {
			err_sys("cannot read '%s'", e->path);
			e->state = FAILED;
			e->message = xstrdup(err_msg());
		}
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		e->state = FAILED;
		e->message = xasprintf("'%s' is there and no file", e->path);
		return;
	}
	right = fetch_check(e->path, e->item.digest, e->hex, &e->item.h);
	if (right > 0 && e->item.digest == DIGEST_NONE &&
	    (r->force || !url || strcmp(url, e->url))) {
		right = 0;
		err_set("it has no hash and may be another");
	}
	e->state = right > 0 ? KEPT : right < 0 ? FAILED : MISSING;
	if (right <= 0)
		e->message = xstrdup(err_msg());
}

static size_t count(const struct run *r, enum state s)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].state == s;
	return n;
}

/* Does the manifest that is there say what ours would say? */
static int up_to_date(const struct run *r)
{
	const json_t *out = json_object_get(r->old, "outputs"), *in, *f;
	const json_t *urls = json_object_get(json_object_get(r->old, "options"), "urls");
	struct h128 h;
	size_t i;

	if (!json_is_array(out) || json_array_size(out) != r->n || json_object_size(urls) != r->n)
		return 0;
	for (i = 0; i < r->n; i++) {
		const struct entry *e = &r->v[i];
		const char *url = old_url(r, e->name), *hex, *path;

		f = json_array_get(out, i);
		path = json_string_value(json_object_get(f, "path"));
		hex = json_string_value(json_object_get(f, "xxh3"));
		if (e->state != KEPT || !url || strcmp(url, e->url) || !path || !hex ||
		    strcmp(path, e->name) || h128_parse(hex, strlen(hex), &h) < 0 ||
		    !h128_eq(h, e->item.h.xxh3))
			return 0;
	}
	in = json_object_get(r->old, "inputs");
	if (!strcmp(r->list, "-"))
		return json_array_size(in) == 0;
	f = json_array_get(in, 0);
	in = json_object_get(f, "xxh3");
	return json_is_string(in) &&
	       !h128_parse(json_string_value(in), json_string_length(in), &h) &&
	       h128_eq(h, r->list_hash.xxh3);
}

/* --- fetching ------------------------------------------------------------------------------------ */

static void get(void *arg, size_t i, int worker)
{
	struct run *r = arg;
	struct entry *e = &r->v[i];

	if (e->state != MISSING)
		return;
	if (!r->worker[worker])
		r->worker[worker] = fetch_new(&r->opt);
	if (fetch_get(r->worker[worker], &e->item) == 0) {
		e->state = FETCHED;
		return;
	}
	e->state = FAILED;
	free(e->message);
	e->message = xstrdup(err_msg());
}

/* Take the directory; a file that is not the one of the list goes, so that nothing wrong has a final
 * name even when the right one cannot be had. */
static int begin(struct run *r)
{
	int ours = r->old || r->force;

	if (manifest_may_write(r->m, r->dir, ours) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		struct entry *e = &r->v[i];

		if (e->state != MISSING || !e->message)
			continue;
		warn("%s: %s: it is fetched anew", e->path, e->message);
		if (unlink(e->path) < 0) {
			err_sys("cannot remove '%s'", e->path);
			return -1;
		}
	}
	return manifest_begin(r->m, r->dir, 1);
}

static int report(const struct run *r)
{
	size_t bad = count(r, FAILED);

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].state == FAILED)
			fprintf(stderr, "%s: %s:%llu: %s\n", progname, r->list,
			    (unsigned long long)r->v[i].line, r->v[i].message);
	if (!bad)
		return 0;
	err_set("%zu of %zu files failed; run it again to go on", bad, r->n);
	return -1;
}

/* No counter of tries: the manifest does not depend on the weather. */
static int finish(struct run *r, const struct opts *o)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct entry *e = &r->v[i];

		manifest_output(r->m, "raw", e->path, &e->item.h);
		bytes += e->item.h.bytes;
	}
	if (strcmp(r->list, "-"))
		manifest_input(r->m, "list", r->list, &r->list_hash);
	manifest_count(r->m, "files", r->n);
	manifest_count(r->m, "bytes", bytes);
	if (!(r->old && count(r, KEPT) == r->n && up_to_date(r)) &&
	    manifest_write_for(r->m, r->dir) < 0)
		return -1;
	return o->manifest ? manifest_write(r->m, o->manifest) : 0;
}

static int run(struct run *r, const struct opts *o)
{
	struct pool *pool = pool_new(o->threads);
	int rc = 0, done;

	pool_run(pool, r->n, look, r);
	done = count(r, KEPT) == r->n && r->old && up_to_date(r);
	if (o->dry_run) {
		for (size_t i = 0; i < r->n; i++)
			printf("%s\t%s\t%s\n", r->v[i].state == KEPT ? "keep" : "fetch",
			    r->v[i].url, r->v[i].name);
	} else if (!done) {
		rc = begin(r);
		if (rc == 0) {
			r->worker = xcalloc((size_t)o->threads, sizeof(*r->worker));
			progress_start("dolma-fetch", "MB", 1e6, 0, o->progress);
			pool_run(pool, r->n, get, r);
			progress_end();
			for (int i = 0; i < o->threads; i++)
				fetch_free(r->worker[i]);
			free(r->worker);
		}
	}
	pool_free(pool);
	return rc;
}

/* --- the program --------------------------------------------------------------------------------- */

static void set_urls(struct run *r)
{
	json_t *urls = json_object();

	for (size_t i = 0; i < r->n; i++)
		json_object_set_new(urls, r->v[i].name, json_string(r->v[i].url));
	manifest_opt_json(r->m, "urls", urls);
}

static void release(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].url);
		free(r->v[i].name);
		free(r->v[i].path);
		free(r->v[i].hex);
		free(r->v[i].message);
	}
	free(r->v);
	json_decref(r->old);
	manifest_free(r->m);
}

int main(int argc, char **argv)
{
	struct run r = {.list = "-",
	    .opt = {
		.retries = 5, .wait_s = 1, .max_wait_s = 300, .timeout_s = 30, .low_speed = 1024}};
	struct opts o;
	const char *arg;
	uint64_t size;
	int k, rc;

	opts_init(&o, &prog, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case RETRIES:
			r.opt.retries = opt_u64("retries", arg, 0, 1000000);
			break;
		case WAIT:
			r.opt.wait_s = opt_f64("retry-wait", arg, 0, 3600);
			break;
		case MAX_WAIT:
			r.opt.max_wait_s = opt_f64("max-wait", arg, 0, 1e6);
			break;
		case TIMEOUT:
			r.opt.timeout_s = (long)opt_u64("timeout", arg, 1, 86400);
			break;
		case LOW_SPEED:
			size = opt_size("low-speed", arg);
			r.opt.low_speed = size < 1u << 30 ? (long)size : 1l << 30;
			break;
		case CACERT:
			r.opt.cacert = arg;
			break;
		}
	if (!o.out || !strcmp(o.out, "-"))
		die_usage("-o DIR is needed");
	if (o.n_files > 1)
		die_usage("give one LIST");
	if (o.n_files)
		r.list = o.files[0];
	r.dir = o.out;
	r.force = o.force;
	r.opt.seed = o.seed;
	if (r.opt.cacert && access(r.opt.cacert, R_OK) < 0) {
		err_sys("cannot read '%s'", r.opt.cacert);
		die_err();
	}
	if (fetch_global() < 0 || read_list(&r) < 0)
		die_err();
	out_signals();
	r.m = manifest_new("dolma-fetch");
	set_urls(&r);
	r.old = old_manifest(r.dir);
	rc = run(&r, &o);
	stats_add("files_fetched", count(&r, FETCHED));
	stats_add("files_kept", count(&r, KEPT));
	stats_add("files_failed", count(&r, FAILED));
	stats_add("bytes", 0);
	stats_add("retries", 0);
	stats_add("resumed", 0);
	if (rc == 0)
		rc = report(&r);
	if (rc == 0 && !o.dry_run)
		rc = finish(&r, &o);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", progname, err_msg());
	release(&r);
	return opts_end(&o, rc < 0 ? EXIT_IO : EXIT_DONE);
}
