/* layers: doc io base */
/* docrun through files: a toy program runs in a child process on corpora of several batches. */
#include "base/err.h"
#include "base/rng.h"
#include "base/stats.h"
#include "base/utf8.h"
#include "doc/docrun.h"
#include "io/in.h"
#include "io/out.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* --- the toy program -------------------------------------------------------------------------- */

enum {
	KEY_ORDER = 'o' + OPT_LONG,
	KEY_READ,
	KEY_FAIL_WORK,
	KEY_FAIL_ORDER,
	KEY_FAIL_FINISH,
	KEY_IDS
};

static const struct opt own[] = {DOCRUN_OPTS, {"order", KEY_ORDER, NULL, "number the documents"},
    {"read", KEY_READ, NULL, "write nothing"}, {"ids", KEY_IDS, NULL, "write ids only"},
    {"fail-work", KEY_FAIL_WORK, "ID", "fail there"},
    {"fail-order", KEY_FAIL_ORDER, "ID", "fail there"},
    {"fail-finish", KEY_FAIL_FINISH, "ID", "fail there"}, {0}};
static const struct prog toy = {"toy", "[FILE..]", "marks the letter e", own, 0};

struct toy {
	const char *fail_work, *fail_order, *fail_finish;
	uint64_t n, begun;
};

struct note {
	uint64_t number;
};

static int is_id(struct doc *d, const char *id)
{
	if (!id || strcmp(doc_id(d, NULL), id))
		return 0;
	err_set("told to fail");
	return 1;
}

static int work(void *ctx, void *thread, struct doc *d)
{
	struct toy *t = ctx;
	size_t key = attrs_key3(&d->attrs, "toy", "e", "at"), i, cp = 0;
	int len;
	++*(uint64_t *)thread;
	for (i = 0; i < d->text_len; i += (size_t)len, cp++)
		if (utf8_next(d->text + i, &len) == 'e' && cp % 7 == 0)
			attrs_span(&d->attrs, key, cp, cp + 1, (double)cp / 3);
	attrs_span(&d->attrs, attrs_key(&d->attrs, "toy__len"), 0, d->n_cp, (double)d->n_cp);
	d->user = doc_alloc(d, sizeof(struct note));
	if (d->n_cp % 11 == 0)
		d->drop = 1;
	return is_id(d, t->fail_work) ? -1 : 0;
}

static int order(void *ctx, struct doc *d)
{
	struct toy *t = ctx;
	struct note *n = d->user;
	n->number = t->n++;
	return is_id(d, t->fail_order) ? -1 : 0;
}

static int finish(void *ctx, void *thread, struct doc *d)
{
	struct toy *t = ctx;
	struct note *n = d->user;
	(void)thread;
	attrs_span(&d->attrs, attrs_key(&d->attrs, "number"), 0, d->n_cp, (double)n->number);
	return is_id(d, t->fail_finish) ? -1 : 0;
}

static int emit_id(void *ctx, void *thread, struct doc *d, struct buf *out)
{
	(void)ctx;
	(void)thread;
	buf_str(out, doc_id(d, NULL));
	buf_chr(out, '\n');
	return 0;
}

static void *thread_new(void *ctx)
{
	(void)ctx;
	return xcalloc(1, sizeof(uint64_t));
}

static void thread_free(void *ctx, void *thread)
{
	(void)ctx;
	free(thread);
}

static int file_begin(void *ctx, const char *path, size_t index)
{
	struct toy *t = ctx;
	(void)path;
	if (index != t->begun++) {
		err_set("files out of order");
		return -1;
	}
	return 0;
}

static int toy_main(int argc, char **argv)
{
	struct toy t = {0};
	struct opts o;
	struct docrun r = {.o = &o,
	    .ctx = &t,
	    .work = work,
	    .thread_new = thread_new,
	    .thread_free = thread_free,
	    .file_begin = file_begin};
	const char *arg;
	int k, rc;
	opts_init(&o, &toy, argc, argv);
	while ((k = opts_next(&o, &arg)))
		switch (k) {
		case DOCRUN_ATTRIBUTES:
			r.sidecar = arg;
			break;
		case KEY_ORDER:
			r.order = order;
			r.finish = finish;
			break;
		case KEY_READ:
			r.no_output = 1;
			break;
		case KEY_IDS:
			r.emit = emit_id;
			break;
		case KEY_FAIL_WORK:
			t.fail_work = arg;
			break;
		case KEY_FAIL_ORDER:
			t.fail_order = arg;
			break;
		case KEY_FAIL_FINISH:
			t.fail_finish = arg;
			break;
		}
	r.m = manifest_new("toy");
	manifest_opt_int(r.m, "letter", 'e');
	rc = docrun(&r);
	manifest_free(r.m);
	if (rc < 0)
		die_err();
	return opts_end(&o, EXIT_DONE);
}

/* --- running it ------------------------------------------------------------------------------- */

static char dir[] = "/tmp/olmo-docrun-XXXXXX";
static char err_text[4096];

/* Split a line of arguments at blanks. */
static int split(char *line, char **argv)
{
	int n = 0;
	char *p, *save;
	for (p = strtok_r(line, " ", &save); p; p = strtok_r(NULL, " ", &save))
		argv[n++] = p;
	argv[n] = NULL;
	return n;
}

static void redirect(int fd, const char *path, int flags)
{
	int f = open(path, flags, 0666);
	if (f < 0 || dup2(f, fd) < 0)
		_exit(99);
	close(f);
}

/* Start "toy ARGS" with stdin from `in`, stdout to ./stdout, stderr to ./stderr. */
static pid_t start(const char *in, const char *args)
{
	char line[1024], *argv[64];
	pid_t pid;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	snprintf(line, sizeof line, "toy %s", args);
	redirect(0, in, O_RDONLY);
	redirect(1, "stdout", O_WRONLY | O_CREAT | O_TRUNC);
	redirect(2, "stderr", O_WRONLY | O_CREAT | O_TRUNC);
	{
		int argc = split(line, argv);
		exit(toy_main(argc, argv));
	}
}

static int wait_for(pid_t pid)
{
	int st;
	FILE *f;
	size_t n;
	assert_int_equal(waitpid(pid, &st, 0), pid);
	f = fopen("stderr", "r");
	assert_non_null(f);
	n = fread(err_text, 1, sizeof err_text - 1, f);
	err_text[n] = 0;
	fclose(f);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static int run_in(const char *in, const char *fmt, ...)
{
	char args[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	return wait_for(start(in, args));
}

#define run(...) run_in("/dev/null", __VA_ARGS__)

static void ok(int status)
{
	if (status)
		fail_msg("status %d: %s", status, err_text);
}

/* --- files ------------------------------------------------------------------------------------ */

static void read_file(const char *path, struct buf *b)
{
	b->len = 0;
	if (in_slurp(path, (size_t)1 << 30, b, NULL) < 0)
		fail_msg("%s", err_msg());
	buf_cstr(b);
}

/* The bytes as stored. */
static void read_raw(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	char tmp[65536];
	size_t n;
	if (!f)
		fail_msg("no %s", path);
	b->len = 0;
	while ((n = fread(tmp, 1, sizeof tmp, f)))
		buf_add(b, tmp, n);
	fclose(f);
	buf_cstr(b);
}

static void write_file(const char *path, const void *p, size_t n)
{
	struct out *f = out_open(path, 0);
	assert_non_null(f);
	assert_int_equal(out_write(f, p, n), 0);
	assert_int_equal(out_commit(f, NULL), 0);
}

static void write_raw(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

static void same_files(const char *a, const char *b)
{
	struct buf x = {0}, y = {0};
	read_raw(a, &x);
	read_raw(b, &y);
	if (x.len != y.len || memcmp(x.p, y.p, x.len))
		fail_msg("%s (%zu bytes) and %s (%zu bytes) differ", a, x.len, b, y.len);
	buf_release(&x);
	buf_release(&y);
}

static void clean(void)
{
	assert_int_equal(system("find . -mindepth 1 -delete"), 0);
}

/* Documents of many sizes: about `bytes` of lines. */
static void corpus(struct buf *b, size_t bytes, unsigned seed)
{
	static const char *const words[] = {"the", "e", "caf\xc3\xa9", "\\n",
	    "\xe6\xb1\x89\xe5\xad\x97", "\\u00e9tude", "\\\"quoted\\\"", "seldom",
	    "\xf0\x9f\x98\x80", "else"};
	struct mt19937 g;
	uint64_t i, k, n;
	mt19937_seed(&g, seed);
	for (i = 0; b->len < bytes; i++) {
		buf_printf(b, "{\"id\":\"d%llu\", \"text\":\"", (unsigned long long)i);
		n = mt19937_below(&g, mt19937_below(&g, 50) ? 200 : 20000);
		for (k = 0; k < n; k++) {
			buf_str(b, words[mt19937_below(&g, 10)]);
			buf_chr(b, ' ');
		}
		buf_str(b, "\",\"source\":\"s\", \"extra\" : [1.50, {\"k\":null}]");
		if (i % 3 == 0)
			buf_str(b, ",\"attributes\":{\"old\":[[0,1,1]],\"toy__len\":[]}");
		buf_str(b, i % 5 ? "}\n" : " } \n");
	}
}

static int setup(void **state)
{
	(void)state;
	clean();
	return 0;
}

static size_t count_temps(const char *path)
{
	char cmd[256];
	int n = 0;
	FILE *f;
	snprintf(cmd, sizeof cmd, "find %s -name '.*.tmp' | wc -l", path);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return (size_t)n;
}

/* --- tests ------------------------------------------------------------------------------------ */

static const char *const suffix[] = {"", ".gz", ".zst"};

static void test_same_bytes_for_any_j(void **state)
{
	struct buf b = {0};
	char ref[64], got[64], in[64], plain[64];
	int i, o, j, mode;
	(void)state;
	corpus(&b, 2600000, 1);
	for (i = 0; i < 3; i++) {
		snprintf(in, sizeof in, "in.jsonl%s", suffix[i]);
		write_file(in, b.p, b.len);
	}
	for (mode = 0; mode < 2; mode++) {
		const char *opt = mode ? "--order" : "";
		snprintf(plain, sizeof plain, "ref%d", mode);
		ok(run("%s -o %s in.jsonl", opt, plain));
		for (o = 0; o < 3; o++) {
			struct buf x = {0}, y = {0};
			snprintf(ref, sizeof ref, "ref%d%s", mode, suffix[o]);
			ok(run("%s -o %s in.jsonl", opt, ref));
			read_file(plain, &x);
			read_file(ref, &y);
			assert_int_equal(x.len, y.len);
			assert_memory_equal(x.p, y.p, x.len);
			for (i = 0; i < 3; i++) {
				if (o == 1 && i != 1)
					continue; /* gzip is slow */
				for (j = 1 + (i == 0); j <= 3; j++) {
					snprintf(got, sizeof got, "got%s", suffix[o]);
					snprintf(in, sizeof in, "in.jsonl%s", suffix[i]);
					ok(run("%s -j%d -o %s %s", opt, j, got, in));
					same_files(ref, got);
				}
			}
			buf_release(&x);
			buf_release(&y);
		}
	}
	ok(run_in("in.jsonl.gz", "-j2"));
	same_files("ref0", "stdout");
	buf_release(&b);
}

/* What the toy ought to give for a document, made with jansson. */
static json_t *expected(json_t *doc)
{
	const char *s = json_string_value(json_object_get(doc, "text"));
	size_t n = json_string_length(json_object_get(doc, "text")), i, cp = 0;
	json_t *at = json_array(), *a = json_object();
	int len;
	for (i = 0; i < n; i += (size_t)len, cp++)
		if (utf8_next(s + i, &len) == 'e' && cp % 7 == 0) {
			char score[40];
			snprintf(score, sizeof score, "%.5f", (double)cp / 3);
			json_array_append_new(at, json_pack("[I,I,f]", (json_int_t)cp,
						      (json_int_t)cp + 1, strtod(score, NULL)));
		}
	json_object_set_new(a, "toy__e__at", at);
	json_object_set_new(a, "toy__len", json_pack("[[i,I,f]]", 0, (json_int_t)cp, (double)cp));
	return a;
}

/* Rows of a JSON lines file. */
static json_t *load_rows(const char *path)
{
	struct buf b = {0};
	json_t *rows = json_array();
	char *p, *nl;
	read_file(path, &b);
	for (p = b.p; (nl = strchr(p, '\n')); p = nl + 1) {
		json_t *x = json_loadb(p, (size_t)(nl - p), 0, NULL);
		assert_non_null(x);
		json_array_append_new(rows, x);
	}
	assert_int_equal(*p, 0);
	buf_release(&b);
	return rows;
}

static void test_filter_and_sidecar_give_the_same(void **state)
{
	struct buf b = {0};
	json_t *in, *filter, *side, *doc;
	size_t i, kept = 0;
	(void)state;
	corpus(&b, 1300000, 2);
	write_file("documents/s/a.jsonl.gz", b.p, b.len);
	ok(run("-o out.jsonl documents/s/a.jsonl.gz"));
	ok(run("-j2 --attributes toy documents/s/a.jsonl.gz"));
	in = load_rows("documents/s/a.jsonl.gz");
	filter = load_rows("out.jsonl");
	side = load_rows("attributes/toy/s/a.jsonl.gz");
	assert_int_equal(json_array_size(side), json_array_size(in));
	json_array_foreach(in, i, doc)
	{
		json_t *want = expected(doc), *row = json_array_get(side, i), *old, *merged;
		assert_true(json_equal(json_object_get(row, "attributes"), want));
		assert_true(json_equal(json_object_get(row, "id"), json_object_get(doc, "id")));
		assert_true(
		    json_equal(json_object_get(row, "source"), json_object_get(doc, "source")));
		assert_int_equal(json_object_size(row), 3);
		if (json_integer_value(
			json_array_get(json_array_get(json_object_get(want, "toy__len"), 0), 1)) %
			11 ==
		    0) {
			json_decref(want);
			continue; /* the filter drops it */
		}
		/* the document is as it was, its attributes are the old ones with the new */
		old = json_object_get(doc, "attributes");
		merged = old ? json_copy(old) : json_object();
		json_object_update(merged, want);
		json_object_set_new(doc, "attributes", merged);
		assert_true(json_equal(json_array_get(filter, kept), doc));
		kept++;
		json_decref(want);
	}
	assert_int_equal(kept, json_array_size(filter));
	assert_true(kept > 300 && kept < json_array_size(in));
	json_decref(in);
	json_decref(filter);
	json_decref(side);
	buf_release(&b);
}

static void test_order_is_document_order(void **state)
{
	struct buf b = {0};
	json_t *rows, *row;
	size_t i;
	(void)state;
	corpus(&b, 2600000, 3);
	write_file("documents/a.jsonl", b.p, b.len);
	write_file("documents/b.jsonl", b.p, b.len / 3);
	/* the cut goes through a line, so only whole lines of it */
	while (b.len && b.p[b.len / 3 - 1] != '\n')
		b.len--;
	write_file("documents/b.jsonl", b.p, b.len / 3);
	ok(run("-j3 --order --attributes n documents/a.jsonl documents/b.jsonl"));
	rows = load_rows("attributes/n/a.jsonl");
	json_t *more = load_rows("attributes/n/b.jsonl");
	json_array_extend(rows, more);
	json_decref(more);
	json_array_foreach(rows, i, row)
	{
		json_t *n = json_object_get(json_object_get(row, "attributes"), "number");
		assert_true(
		    json_number_value(json_array_get(json_array_get(n, 0), 2)) == (double)i);
	}
	assert_true(i > 1000);
	json_decref(rows);
	buf_release(&b);
}

static void test_seal_round_trip(void **state)
{
	struct buf b = {0}, s = {0};
	char *last;
	(void)state;
	corpus(&b, 2200000, 4);
	write_file("in", b.p, b.len);
	ok(run("--order --ids --seal -o a.jsonl in"));
	ok(run("-o plain in"));
	ok(run("--seal -o sealed in"));
	ok(run("-j2 --require-seal -o back sealed"));
	ok(run("-o again plain"));
	same_files("back", "again");
	read_raw("sealed", &s);
	assert_non_null(strstr(s.p, "\n{\"seal\":{\"docs\":"));

	/* two sealed streams are one */
	write_raw("two", s.p, s.len);
	{
		FILE *f = fopen("two", "ab");
		assert_int_equal(fwrite(s.p, 1, s.len, f), s.len);
		fclose(f);
	}
	ok(run("--require-seal -j2 -o both two"));

	/* a byte changed, a line lost, the end lost */
	last = strstr(s.p, "café");
	last[0] ^= 1;
	write_raw("bad", s.p, s.len);
	assert_int_equal(run("-o x bad"), 3);
	assert_non_null(strstr(err_text, "bad:"));
	assert_false(exists("x"));
	last[0] ^= 1;
	last = strchr(s.p, '\n') + 1;
	write_raw("bad", last, s.len - (size_t)(last - s.p));
	assert_int_equal(run("-j2 -o x bad"), 3);
	last = strstr(s.p, "\n{\"seal\":") + 1;
	write_raw("bad", s.p, (size_t)(last - s.p));
	assert_int_equal(run("-j2 --require-seal -o x bad"), 3);
	assert_false(exists("x"));
	ok(run("-o x bad"));
	/* lines after the last seal */
	{
		FILE *f = fopen("two", "ab");
		fputs("{\"id\":\"z\",\"text\":\"\"}\n", f);
		fclose(f);
	}
	assert_int_equal(run("--require-seal -o y two"), 3);
	assert_false(exists("y"));
	ok(run("-o y two"));
	/* an empty sealed stream is not a missing one */
	ok(run("--seal -o empty"));
	ok(run("--require-seal -o y empty"));
	assert_int_equal(run("--require-seal -o y"), 3);
	buf_release(&b);
	buf_release(&s);
}

/* A wrong seal in the middle of a batch: what came before it stands on stdout, nothing after it. */
static void test_wrong_seal_on_stdout(void **state)
{
	struct buf b = {0}, s = {0};
	char *hash;
	int j;
	(void)state;
	corpus(&b, 20000, 12);
	write_file("in", b.p, b.len);
	ok(run("-o first in"));
	ok(run("--seal -o sealed in"));
	read_raw("sealed", &s);
	hash = strstr(s.p, "\"xxh3\":\"") + 8;
	*hash = *hash == '0' ? '1' : '0';
	buf_str(&s, "{\"id\":\"after\",\"text\":\"a\"}\n");
	write_raw("in", s.p, s.len);
	for (j = 1; j < 4; j++) {
		assert_int_equal(run("-j%d in", j), 3);
		same_files("stdout", "first");
		assert_int_equal(run("-j%d --order in", j), 3);
		read_raw("stdout", &b);
		assert_true(b.len > s.len / 2);
		assert_null(strstr(b.p, "after"));
	}
	buf_release(&b);
	buf_release(&s);
}

/* Batches large enough to be packed alone and small ones, which are gathered, in one output. */
static void test_small_and_large_batches(void **state)
{
	struct buf b = {0}, whole = {0}, got = {0};
	char args[512] = "", name[32];
	int i, o, j;
	(void)state;
	for (i = 0; i < 12; i++) {
		b.len = 0;
		corpus(&b, i % 4 == 1 ? 1500000 : 3000, 20 + (unsigned)i);
		snprintf(name, sizeof name, " in%d", i);
		strcat(args, name);
		write_file(name + 1, b.p, b.len);
	}
	ok(run("--seal -o whole%s", args));
	read_raw("whole", &whole);
	for (o = 1; o < 3; o++)
		for (j = 1; j < 3; j++) {
			snprintf(name, sizeof name, "o%d%s", j, suffix[o]);
			ok(run("--seal -j%d -o %s%s", j, name, args));
			read_file(name, &got);
			assert_int_equal(got.len, whole.len);
			assert_memory_equal(got.p, whole.p, whole.len);
			if (j == 2) {
				char one[32];
				snprintf(one, sizeof one, "o1%s", suffix[o]);
				same_files(one, name);
			}
		}
	buf_release(&b);
	buf_release(&whole);
	buf_release(&got);
}

static void test_sidecar_seals(void **state)
{
	struct buf b = {0}, s = {0};
	(void)state;
	corpus(&b, 300000, 5);
	write_file("documents/a.jsonl.zst", b.p, b.len);
	ok(run("--seal --attributes x documents/a.jsonl.zst"));
	read_file("attributes/x/a.jsonl.zst", &s);
	assert_non_null(strstr(s.p, "\n{\"seal\":{\"docs\":"));
	buf_release(&b);
	buf_release(&s);
}

static void test_truncated_input(void **state)
{
	struct buf b = {0}, raw = {0};
	char name[64];
	int i, j;
	(void)state;
	corpus(&b, 2600000, 6);
	for (i = 1; i < 3; i++) {
		snprintf(name, sizeof name, "documents/t.jsonl%s", suffix[i]);
		write_file(name, b.p, b.len);
		read_raw(name, &raw);
		write_raw(name, raw.p, raw.len * 2 / 3);
		for (j = 1; j < 4; j++) {
			assert_int_equal(run("-j%d -o out.jsonl %s", j, name), 3);
			assert_non_null(strstr(err_text, name));
			assert_false(exists("out.jsonl"));
			assert_false(exists("out.jsonl.manifest.json"));
			assert_int_equal(run("-j%d --attributes x %s", j, name), 3);
			snprintf(name, sizeof name, "attributes/x/t.jsonl%s", suffix[i]);
			assert_false(exists(name));
			snprintf(name, sizeof name, "documents/t.jsonl%s", suffix[i]);
			assert_int_equal(count_temps("."), 0);
		}
	}
	buf_release(&b);
	buf_release(&raw);
}

/* stdout must hold the documents before the one that failed, all of them and no more. */
static void stdout_is_prefix(const char *whole, const char *first_missing_id)
{
	struct buf w = {0}, s = {0};
	char start_of[64];
	read_raw(whole, &w);
	read_raw("stdout", &s);
	assert_true(s.len < w.len);
	assert_memory_equal(w.p, s.p, s.len);
	snprintf(start_of, sizeof start_of, "{\"id\":\"%s\"", first_missing_id);
	assert_memory_equal(w.p + s.len, start_of, strlen(start_of));
	buf_release(&w);
	buf_release(&s);
}

static void test_error_in_a_document(void **state)
{
	/* the documents named are not of those that the toy drops */
	static const char *const fail[] = {"work", "finish", "order"};
	struct buf b = {0};
	json_t *rows;
	char id[64];
	int j, k;
	(void)state;
	corpus(&b, 2600000, 7);
	write_file("in", b.p, b.len);
	for (k = 0; k < 3; k++) {
		ok(run("--order -o whole in"));
		rows = load_rows("whole");
		snprintf(id, sizeof id, "%s",
		    json_string_value(json_object_get(
			json_array_get(rows, json_array_size(rows) * 3 / 4), "id")));
		json_decref(rows);
		for (j = 1; j < 4; j++) {
			assert_int_equal(run("--order -j%d --fail-%s %s in", j, fail[k], id), 3);
			assert_non_null(strstr(err_text, "told to fail"));
			assert_non_null(strstr(err_text, "toy: in:"));
			stdout_is_prefix("whole", id);
			assert_int_equal(
			    run("--order -j%d --fail-%s %s -o out in", j, fail[k], id), 3);
			assert_false(exists("out"));
		}
	}
	/* the same without an order callback */
	ok(run("-o whole in"));
	assert_int_equal(run("-j2 --fail-work %s in", id), 3);
	stdout_is_prefix("whole", id);
	assert_int_equal(count_temps("."), 0);
	buf_release(&b);
}

static void test_bad_line_at_the_end(void **state)
{
	struct buf b = {0};
	uint64_t n = 0;
	size_t i;
	char want[64];
	int j;
	(void)state;
	corpus(&b, 2600000, 8);
	for (i = 0; i < b.len; i++)
		n += b.p[i] == '\n';
	write_file("in", b.p, b.len);
	ok(run("-o whole in"));
	buf_str(&b, "{\"id\":\"last\",\"text\":\"no end");
	write_file("in", b.p, b.len);
	for (j = 1; j < 4; j++) {
		assert_int_equal(run("-j%d -o out in", j), 3);
		snprintf(want, sizeof want, "toy: in:%llu: offset ", (unsigned long long)n + 1);
		assert_non_null(strstr(err_text, want));
		assert_false(exists("out"));
		assert_int_equal(run("-j%d in", j), 3);
		same_files("whole", "stdout");
		ok(run("-j%d --skip-bad -o out in", j));
		same_files("whole", "out");
		assert_non_null(strstr(err_text, "in:"));
		assert_int_equal(unlink("out"), 0);
	}
	buf_release(&b);
}

static void test_what_is_a_bad_document(void **state)
{
	static const char *const bad[] = {"", " ", "[]", "{\"text\":\"x\"}", "{\"id\":\"x\"}",
	    "{\"id\":1,\"text\":\"x\"}", "{\"id\":\"x\",\"text\":null}",
	    "{\"id\":\"a\",\"text\":\"\xff\"}", "{\"id\":\"a\",\"text\":\"x\",\"attributes\":[]}",
	    "{\"id\":\"a\",\"text\":\"x\"}}", "{\"id\":\"a\",\"text\":\"\\ud800\"}",
	    "{\"seal\": 1}"};
	static const char *const good[] = {"{\"id\":\"\",\"text\":\"\"}",
	    "{\"id\":\"a\",\"text\":\"\\u0000\"}",
	    "{\"id\":\"a\",\"text\":\"x\",\"attributes\":null}\r",
	    "{\"\\u0069d\":\"a\",\"text\":\"x\",\"n\":123456789012345678901234567890}"};
	struct buf b = {0};
	size_t i;
	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		b.len = 0;
		buf_printf(&b,
		    "{\"id\":\"1\",\"text\":\"a\"}\n%s\n{\"id\":\"2\",\"text\":\"a\"}\n", bad[i]);
		write_file("in", b.p, b.len);
		if (run("-o out in") != 3 || exists("out") || !strstr(err_text, "toy: in:2: "))
			fail_msg("line '%s' is not refused: %s", bad[i], err_text);
		ok(run("--skip-bad --ids -o out in"));
		read_raw("out", &b);
		assert_string_equal(b.p, "1\n2\n");
		unlink("out");
	}
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		b.len = 0;
		buf_printf(&b, "%s\n", good[i]);
		write_file("in", b.p, b.len);
		ok(run("-o out in"));
	}
	buf_release(&b);
}

static void test_skip_bad_counts(void **state)
{
	struct buf b = {0};
	json_t *s;
	int i;
	(void)state;
	for (i = 0; i < 9; i++)
		buf_printf(&b, "{\"id\":\"%d\",\"text\":\"abc\"}\nbad %d\n", i, i);
	write_file("in", b.p, b.len);
	ok(run("-j2 --skip-bad --stats s.json -o out in"));
	s = json_load_file("s.json", 0, NULL);
	assert_non_null(s);
	assert_int_equal(json_integer_value(json_object_get(s, "docs_bad")), 9);
	assert_int_equal(json_integer_value(json_object_get(s, "docs_in")), 9);
	assert_int_equal(json_integer_value(json_object_get(s, "docs_out")), 9);
	assert_int_equal(json_integer_value(json_object_get(s, "bytes_in")), b.len);
	json_decref(s);
	assert_non_null(strstr(err_text, "in:2: "));
	assert_non_null(strstr(err_text, "in:10: "));
	assert_null(strstr(err_text, "in:12: "));
	buf_release(&b);
}

static void test_usage_errors(void **state)
{
	static const char line[] = "{\"id\":\"1\",\"text\":\"a\"}\n";
	struct buf b = {0};
	(void)state;
	write_file("documents/a", line, sizeof line - 1);
	write_file("in", line, sizeof line - 1);
	assert_int_equal(symlink("a", "documents/b"), 0);
	assert_int_equal(run("--attributes x"), 2);
	assert_int_equal(run("--attributes x -"), 2);
	assert_int_equal(run("--attributes x in"), 2);
	assert_non_null(strstr(err_text, "/documents/"));
	assert_int_equal(run("--attributes x documents/a documents/a"), 2);
	assert_int_equal(run("--attributes x documents/a ./documents/a"), 2);
	assert_int_equal(run("--attributes x documents/a documents/b"), 2);
	assert_int_equal(run("--attributes 9x documents/a"), 2);
	assert_int_equal(run("--attributes a/b documents/a"), 2);
	assert_int_equal(run("--attributes x --skip-bad documents/a"), 2);
	assert_int_equal(run("--attributes x -o y documents/a"), 2);
	assert_int_equal(run("-o in in"), 2);
	assert_int_equal(run("-o documents/b documents/a in"), 2);
	assert_int_equal(run("--manifest in in"), 2);
	assert_int_equal(run("-o x --manifest x in"), 2);
	assert_int_equal(run("-o x - -"), 2);
	assert_false(exists("attributes"));
	assert_false(exists("x"));
	read_raw("in", &b);
	assert_string_equal(b.p, line);
	/* no usage errors */
	assert_int_equal(run("-o x nothing"), 3);
	assert_int_equal(run("-o x documents"), 3);
	assert_false(exists("x"));
	ok(run("-o x in in"));
	buf_release(&b);
}

static void test_dry_run(void **state)
{
	static const char line[] = "{\"id\":\"1\",\"text\":\"a\"}\n";
	struct buf b = {0};
	(void)state;
	write_file("documents/a.gz", line, sizeof line - 1);
	ok(run("-n --attributes x --manifest m.json documents/a.gz"));
	read_raw("stdout", &b);
	assert_string_equal(
	    b.p, "read\tdocuments/a.gz\nwrite\tattributes/x/a.gz\nwrite\tm.json\n");
	ok(run("-n -o y documents/a.gz"));
	read_raw("stdout", &b);
	assert_string_equal(b.p, "read\tdocuments/a.gz\nwrite\ty\n");
	assert_false(exists("attributes"));
	assert_false(exists("y"));
	assert_int_equal(run("-n -o y nothing"), 3);
	buf_release(&b);
}

static void path_is(const char *path, const char *want)
{
	char *s = docrun_sidecar_path(path, "N");
	if (!want)
		assert_null(s);
	else
		assert_string_equal(s, want);
	free(s);
}

static void test_sidecar_paths(void **state)
{
	(void)state;
	path_is("s/v/documents/x/a.gz", "s/v/attributes/N/x/a.gz");
	path_is("documents/a", "attributes/N/a");
	path_is("/documents/a", "/attributes/N/a");
	path_is("./documents/a", "./attributes/N/a");
	path_is("documents/b/documents/a", "documents/b/attributes/N/a");
	path_is("documents/documents/a", "documents/attributes/N/a");
	path_is("mydocuments/a", NULL);
	path_is("documents", NULL);
	path_is("x/documents/", NULL);
	path_is("a", NULL);
}

/* The output's entry in a manifest says what is on disk. */
static void check_output(const char *manifest, const char *path, const char *want_path)
{
	json_t *m = json_load_file(manifest, 0, NULL), *o;
	struct filehash h;
	char hex[33];
	assert_non_null(m);
	o = json_array_get(json_object_get(m, "outputs"), 0);
	assert_int_equal(in_hash_file(path, &h), 0);
	h128_hex(h.xxh3, hex);
	assert_string_equal(json_string_value(json_object_get(o, "path")), want_path);
	assert_string_equal(json_string_value(json_object_get(o, "xxh3")), hex);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes")), h.bytes);
	json_decref(m);
}

static void test_manifests(void **state)
{
	struct buf b = {0}, m = {0};
	int j;
	(void)state;
	corpus(&b, 1200000, 9);
	write_file("documents/a.jsonl.gz", b.p, b.len);
	write_file("documents/q/b.jsonl", b.p, 0);
	ok(run("--attributes x --manifest all.json documents/a.jsonl.gz documents/q/b.jsonl"));
	check_output(
	    "attributes/x/a.jsonl.gz.manifest.json", "attributes/x/a.jsonl.gz", "a.jsonl.gz");
	check_output("attributes/x/q/b.jsonl.manifest.json", "attributes/x/q/b.jsonl", "b.jsonl");
	check_output("all.json", "attributes/x/a.jsonl.gz", "attributes/x/a.jsonl.gz");
	read_raw("attributes/x/a.jsonl.gz.manifest.json", &m);
	assert_non_null(strstr(m.p, "\"../../documents/a.jsonl.gz\""));
	assert_non_null(strstr(m.p, "\"letter\""));
	assert_null(strstr(m.p, "b.jsonl"));
	assert_null(strstr(m.p, dir));
	for (j = 1; j < 3; j++) {
		char name[32];
		snprintf(name, sizeof name, "m%d.json", j);
		ok(run("-j%d -o out.jsonl --manifest %s documents/a.jsonl.gz", j, name));
		check_output(name, "out.jsonl", "out.jsonl");
		check_output("out.jsonl.manifest.json", "out.jsonl", "out.jsonl");
	}
	same_files("m1.json", "m2.json");
	/* in a pipe: the hash of stdin and of stdout */
	ok(run_in("documents/a.jsonl.gz", "--manifest p.json"));
	check_output("p.json", "stdout", "-");
	/* a device has no manifest beside it */
	ok(run("-o /dev/null documents/a.jsonl.gz"));
	assert_false(exists("/dev/null.manifest.json"));
	buf_release(&b);
	buf_release(&m);
}

static void test_reading_mode(void **state)
{
	struct buf b = {0};
	(void)state;
	corpus(&b, 1200000, 10);
	write_file("in", b.p, b.len);
	ok(run("-j2 --read --order in"));
	read_raw("stdout", &b);
	assert_int_equal(b.len, 0);
	assert_int_equal(run("--read in nothing"), 3);
	buf_release(&b);
}

static void test_empty_and_stdin(void **state)
{
	struct buf b = {0};
	(void)state;
	ok(run("-o empty.jsonl"));
	read_raw("empty.jsonl", &b);
	assert_int_equal(b.len, 0);
	ok(run("-o empty.gz"));
	ok(run("-o empty2.jsonl empty.gz"));
	read_raw("empty2.jsonl", &b);
	assert_int_equal(b.len, 0);
	/* no newline at the end; one is written */
	write_raw("in", "{\"id\":\"1\",\"text\":\"a\"}", 21);
	ok(run_in("in", "--ids -"));
	read_raw("stdout", &b);
	assert_string_equal(b.p, "1\n");
	write_raw("in", "x\n", 2);
	assert_int_equal(run_in("in", ""), 3);
	assert_non_null(strstr(err_text, "(stdin):1: "));
	buf_release(&b);
}

/* A line longer than a batch, between short ones. */
static void test_long_line(void **state)
{
	struct buf b = {0};
	size_t i, n = 5 << 20;
	(void)state;
	buf_str(&b, "{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":\"2\",\"text\":\"");
	for (i = 0; i < n; i++)
		buf_chr(&b, (char)('a' + i % 26));
	buf_str(&b, "\"}\n{\"id\":\"3\",\"text\":\"b\"}\n");
	write_file("in.zst", b.p, b.len);
	ok(run("--order -o a in.zst"));
	ok(run("-j3 --order -o b in.zst"));
	same_files("a", "b");
	ok(run("--ids in.zst"));
	read_raw("stdout", &b);
	assert_string_equal(b.p, "1\n2\n3\n");
	buf_release(&b);
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* Feed a child through a FIFO until a temporary is there, then kill it. */
static void test_killed_in_between(void **state)
{
	static const int sigs[] = {SIGTERM, SIGKILL};
	struct buf b = {0};
	size_t k;
	(void)state;
	corpus(&b, 1500000, 11);
	for (k = 0; k < 2; k++) {
		pid_t pid;
		int fd, st, i;
		assert_int_equal(mkfifo("fifo", 0600), 0);
		pid = start("fifo", "-j2 -o out.jsonl");
		fd = open("fifo", O_WRONLY);
		assert_true(fd >= 0);
		assert_true(write(fd, b.p, b.len) == (ssize_t)b.len);
		for (i = 0; i < 500 && !count_temps("."); i++)
			pause_ms(10);
		assert_int_equal(count_temps("."), 1);
		kill(pid, sigs[k]);
		st = wait_for(pid);
		close(fd);
		unlink("fifo");
		assert_int_equal(st, 128 + sigs[k]);
		assert_false(exists("out.jsonl"));
		assert_int_equal(count_temps("."), sigs[k] == SIGKILL);
	}
	/* the next run removes what the kill left */
	write_file("in", b.p, 0);
	ok(run("-o out.jsonl in"));
	assert_int_equal(count_temps("."), 0);
	buf_release(&b);
}

static int group_setup(void **state)
{
	(void)state;
	progname = "doc_run";
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	clean();
	return chdir("/") < 0 ? -1 : rmdir(dir);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_same_bytes_for_any_j),
	    T(test_filter_and_sidecar_give_the_same), T(test_order_is_document_order),
	    T(test_seal_round_trip), T(test_wrong_seal_on_stdout), T(test_small_and_large_batches),
	    T(test_sidecar_seals), T(test_truncated_input), T(test_error_in_a_document),
	    T(test_bad_line_at_the_end), T(test_what_is_a_bad_document), T(test_skip_bad_counts),
	    T(test_usage_errors), T(test_dry_run), T(test_sidecar_paths), T(test_manifests),
	    T(test_reading_mode), T(test_empty_and_stdin), T(test_long_line),
	    T(test_killed_in_between)};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
