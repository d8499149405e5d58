/* layers: io base */
/* out: outputs appear complete or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/pool.h"
#include "io/in.h"
#include "io/map.h"
#include "io/out.h"

static char dir[] = "/tmp/olmo-out-XXXXXX";
static char path[256];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int n_entries(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

static int empty_dir(void **state)
{
	char cmd[100];

	(void)state;
	snprintf(cmd, sizeof cmd, "rm -rf %s && mkdir %s", dir, dir);
	return system(cmd);
}

static void put(const char *name, const char *text)
{
	if (out_file(in_dir(name), text, strlen(text)) < 0)
		fail_msg("%s", err_msg());
}

static void assert_content(const char *name, const char *want)
{
	struct buf b = {0};

	assert_int_equal(in_slurp(in_dir(name), 1 << 20, &b, NULL), 0);
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void nothing_has_the_name_before_commit(void **state)
{
	struct out *f = out_open(in_dir("sub/dir/a.txt"), 0);
	struct filehash h, again;

	(void)state;
	assert_non_null(f);
	assert_int_equal(out_printf(f, "%s %d\n", "number", 12), 0);
	assert_int_equal(out_pos(f), 10);
	assert_int_equal(access(in_dir("sub/dir/a.txt"), F_OK), -1);
	assert_int_equal(out_commit(f, &h), 0);
	assert_content("sub/dir/a.txt", "number 12\n");
	assert_int_equal(in_hash_file(path, &again), 0);
	assert_int_equal(h.bytes, 10);
	assert_true(h128_eq(h.xxh3, again.xxh3));
	/* An existing file stays as it was until the new one is complete. */
	f = out_open(path, 0);
	assert_int_equal(out_write(f, "new", 3), 0);
	assert_content("sub/dir/a.txt", "number 12\n");
	out_abort(f);
	assert_content("sub/dir/a.txt", "number 12\n");
	f = out_open(path, 0);
	assert_int_equal(out_write(f, "new", 3), 0);
	assert_int_equal(out_commit(f, NULL), 0);
	assert_content("sub/dir/a.txt", "new");
}

static void long_lines_are_printed_whole(void **state)
{
	char *text = xmalloc(5001);
	struct out *f = out_open(in_dir("long"), 0);

	(void)state;
	memset(text, 'x', 5000);
	text[5000] = 0;
	assert_int_equal(out_printf(f, "%s", text), 0);
	assert_int_equal(out_commit(f, NULL), 0);
	assert_content("long", text);
	free(text);
}

static void one_output_is_opened_once(void **state)
{
	struct out *f = out_open(in_dir("a"), 0);

	(void)state;
	assert_null(out_open(path, 0));
	assert_non_null(strstr(err_msg(), "is being written"));
	out_abort(f);
	f = out_open(path, 0);
	assert_non_null(f);
	out_abort(f);
	assert_int_equal(n_entries(), 0);
}

static void a_new_file_does_not_replace(void **state)
{
	struct out *f = out_open(in_dir("a"), OUT_NEW);
	char other[300];

	(void)state;
	put("b", "old");
	assert_null(out_open(in_dir("b"), OUT_NEW));
	/* It may appear while we write. */
	snprintf(other, sizeof other, "%s/b", dir);
	assert_int_equal(link(other, in_dir("a")), 0);
	assert_int_equal(out_write(f, "new", 3), 0);
	assert_int_equal(out_commit(f, NULL), -1);
	assert_content("a", "old");
	assert_int_equal(n_entries(), 2);
}

/* --- processes that die ------------------------------------------------------------------------ */

enum death { BY_KILL, BY_TERM, BY_INT, BY_HUP, BY_EXIT, BY_DIE, BY_OTHER_THREAD };

static void *sleep_long(void *arg)
{
	sleep(60);
	return arg;
}

/* A child that opens and half writes an output and then dies; its wait status. */
static int child_dies(enum death how)
{
	pid_t pid = fork();
	pthread_t t;
	int status;

	if (pid == 0) {
		struct out *f;

		/* the test may run in the background, or under nohup */
		signal(SIGINT, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		out_signals();
		if (how == BY_OTHER_THREAD)
			pthread_create(&t, NULL, sleep_long, NULL);
		f = out_open(in_dir("x.gz"), 0);
		for (int i = 0; i < 100000; i++)
			out_write(f, &i, sizeof i);
		switch (how) {
		case BY_KILL:
			raise(SIGKILL);
			break;
		case BY_TERM:
			raise(SIGTERM);
			break;
		case BY_INT:
			raise(SIGINT);
			break;
		case BY_HUP:
			raise(SIGHUP);
			break;
		case BY_OTHER_THREAD:
			pthread_kill(t, SIGTERM);
			sleep(60);
			break;
		case BY_DIE:
			fclose(stderr);
			die(EXIT_IO, "x");
		default:
			exit(0);
		}
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_process_that_dies_leaves_no_file(void **state)
{
	static const int sigs[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, 0, 0, SIGTERM};

	(void)state;
	for (int how = BY_TERM; how <= BY_OTHER_THREAD; how++) {
		int status = child_dies((enum death)how);

		assert_int_equal(n_entries(), 0);
		if (sigs[how])
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == sigs[how]);
		else
			assert_true(WIFEXITED(status));
	}
}

static void the_next_run_removes_what_kill_left(void **state)
{
	struct out *f;

	(void)state;
	child_dies(BY_KILL);
	assert_int_equal(n_entries(), 1);
	assert_int_equal(access(in_dir("x.gz"), F_OK), -1);
	put("other", "x"); /* another name: not its business */
	assert_int_equal(n_entries(), 2);
	f = out_open(in_dir("x.gz"), 0);
	assert_int_equal(n_entries(), 2); /* the dead one's is gone, ours is there */
	out_abort(f);
	assert_int_equal(n_entries(), 1);
}

/* In containers nobody may ever wait for it. */
static void a_zombies_temporary_goes_too(void **state)
{
	siginfo_t info;
	int status;
	pid_t pid = fork();
	struct out *f;

	(void)state;
	if (pid == 0) {
		f = out_open(in_dir("a"), 0);
		raise(SIGKILL);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(n_entries(), 1);
	f = out_open(in_dir("a"), 0);
	assert_int_equal(n_entries(), 1);
	out_abort(f);
	assert_int_equal(n_entries(), 0);
	waitpid(pid, &status, 0);
}

static void temporaries_of_the_living_stay(void **state)
{
	int to_child[2], from_child[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(to_child) | pipe(from_child), 0);
	pid = fork();
	if (pid == 0) {
		struct out *f = out_open(in_dir("a"), 0);
		ssize_t n = write(from_child[1], &byte, 1);

		close(to_child[1]);
		n += read(to_child[0], &byte, 1);
		out_write(f, "child", 5);
		_exit(n < 1 || out_commit(f, NULL) < 0);
	}
	assert_int_equal(read(from_child[0], &byte, 1), 1);
	put("a", "parent");
	assert_int_equal(write(to_child[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_content("a", "child");
	assert_int_equal(n_entries(), 1);
	/* Names that only look alike. */
	put(".b.12x.tmp", "");
	put(".b.c.1.tmp", "");
	put("b", "");
	assert_int_equal(n_entries(), 4);
}

static void a_child_does_not_remove_its_parents_files(void **state)
{
	struct out *f = out_open(in_dir("a"), 0);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		exit(0);
	waitpid(pid, &status, 0);
	assert_int_equal(out_write(f, "x", 1), 0);
	assert_int_equal(out_commit(f, NULL), 0);
	assert_content("a", "x");
}

/* --- disks ------------------------------------------------------------------------------------- */

static void a_full_disk_is_an_error(void **state)
{
	struct out *f;
	char big[1 << 16] = {0};
	int rc = 0;

	(void)state;
	/* A device is written, not replaced. */
	f = out_open("/dev/full", 0);
	assert_non_null(f);
	for (int i = 0; i < 100 && rc == 0; i++)
		rc = out_write(f, big, sizeof big);
	assert_int_equal(rc, -1);
	assert_int_equal(out_commit(f, NULL), -1);
	f = out_open("/dev/full", 0);
	assert_int_equal(out_write(f, "x", 1), 0);
	assert_int_equal(out_commit(f, NULL), -1);
	assert_non_null(strstr(err_msg(), "No space left"));
	f = out_open("/dev/null", 0);
	assert_int_equal(out_write(f, "x", 1), 0);
	assert_int_equal(out_commit(f, NULL), 0);
	struct stat st;
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void a_file_that_cannot_grow_never_gets_its_name(void **state)
{
	static const char *const names[] = {"a", "a.gz", "a.zst"};
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	for (int k = 0; k < 3; k++)
		for (rlim_t limit = 0; limit < 4000; limit += 999) {
			struct out *f;
			uint32_t s = 1;
			int rc = 0;

			small.rlim_cur = limit;
			setrlimit(RLIMIT_FSIZE, &small);
			f = out_open(in_dir(names[k]), 0);
			for (int i = 0; i < 5000; i++) {
				s = s * 1664525 + 1013904223;
				rc |= out_write(f, &s, sizeof s);
			}
			rc |= out_commit(f, NULL);
			setrlimit(RLIMIT_FSIZE, &old);
			assert_int_equal(rc, -1);
			assert_int_equal(n_entries(), 0);
		}
}

static void errors_are_sticky(void **state)
{
	struct out *f = out_open("/dev/full", 0);
	char *big = xcalloc(1, 1 << 20);

	(void)state;
	assert_int_equal(out_write(f, big, 1 << 20), -1);
	assert_int_equal(out_write(f, big, 1), -1);
	assert_int_equal(out_write_packed(f, big, 1), -1);
	assert_int_equal(out_commit(f, NULL), -1);
	free(big);
}

static void wrong_names_are_refused(void **state)
{
	(void)state;
	assert_null(out_open(dir, 0));
	assert_non_null(strstr(err_msg(), "is a directory"));
	assert_null(out_open(in_dir("new/"), 0));
	put("file", "x");
	assert_null(out_open(in_dir("file/below"), 0));
	assert_int_equal(out_mkdirs(in_dir("file")), -1);
	assert_int_equal(out_mkdirs(in_dir("x/y//z/")), 0);
	assert_int_equal(out_mkdirs(path), 0);
	assert_int_equal(out_sync_dir(path), 0);
	assert_int_equal(out_sync_dir(in_dir("none")), -1);
}

static void a_link_stays_a_link(void **state)
{
	struct stat st;

	(void)state;
	put("real/a", "old");
	assert_int_equal(symlink("real/a", in_dir("a")), 0);
	put("a", "new");
	assert_int_equal(lstat(in_dir("a"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_content("real/a", "new");
	assert_int_equal(symlink("nowhere", in_dir("dangling")), 0);
	put("dangling", "text");
	assert_content("dangling", "text");
}

/* --- bytes ------------------------------------------------------------------------------------- */

static void patched_files_are_hashed_as_they_are(void **state)
{
	struct out *f = out_open(in_dir("a"), 0);
	struct filehash h, want;

	(void)state;
	assert_int_equal(out_write(f, "0123456789", 10), 0);
	assert_int_equal(out_patch(f, 2, "ab", 2), 0);
	assert_int_equal(out_write(f, "xyz", 3), 0);
	assert_int_equal(out_patch(f, 11, "YZ", 2), 0);
	assert_int_equal(out_patch(f, 12, "YZ", 2), -1);
	assert_int_equal(out_commit(f, &h), 0);
	assert_content("a", "01ab456789xYZ");
	assert_int_equal(in_hash_file(in_dir("a"), &want), 0);
	assert_int_equal(h.bytes, 13);
	assert_true(h128_eq(h.xxh3, want.xxh3));
	f = out_open(in_dir("a.zst"), 0);
	assert_int_equal(out_write(f, "0123456789", 10), 0);
	assert_int_equal(out_patch(f, 0, "x", 1), -1);
	out_abort(f);
}

/* Blocks in their turn and written in another, aligned and not, with bytes before and behind. */
static void blocks_land_elsewhere_or_have_another_hash(void **state)
{
	enum { N = 24 };
	static _Alignas(4096) unsigned char buf[(N + 1) * BLOCKHASH];
	struct blocksum sum[N];
	struct filehash h, want;
	uint64_t at[3];
	size_t head, i, skew;

	(void)state;
	for (skew = 0; skew < 2; skew++)
		for (head = 0; head <= 4096; head += 1024) {
			unsigned char *p = buf + 2 * skew;
			struct out *f = out_open(in_dir("a"), 0);

			for (i = 0; i < N * BLOCKHASH; i++)
				p[i] = (unsigned char)(i * 7 + i / 255 + head);
			blockhash_sums(sum, p, N);
			assert_int_equal(out_reserve(f, head == 0 ? 10 : 100000), 0);
			assert_int_equal(out_write(f, p, head), 0);
			for (i = 0; i < 3; i++)
				assert_int_equal(out_add_blocks(f, p + i * 8 * BLOCKHASH, 8,
						     sum + 8 * i, &at[i]),
				    0);
			for (i = 3; i-- > 0;)
				assert_int_equal(
				    out_put_blocks(f, p + i * 8 * BLOCKHASH, 8, at[i]), 0);
			assert_int_equal(out_write(f, "behind", 6), 0);
			assert_int_equal(out_pos(f), head + N * BLOCKHASH + 6);
			assert_int_equal(out_commit(f, &h), 0);
			assert_int_equal(in_hash_file(in_dir("a"), &want), 0);
			assert_int_equal(h.bytes, head + N * BLOCKHASH + 6);
			assert_int_equal(want.bytes, h.bytes);
			assert_true(h128_eq(h.xxh3, want.xxh3));
		}
}

static void no_data_is_still_a_compressed_file(void **state)
{
	(void)state;
	put("a.gz", "");
	put("a.zst", "");
	assert_content("a.gz", "");
	assert_content("a.zst", "");
}

static void packed_and_streamed_data_mix(void **state)
{
	static const char *const names[] = {"a", "a.gz", "a.zst"};
	struct buf b = {0};

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct out *f = out_open(in_dir(names[k]), 0);

		b.len = 0;
		out_pack(f, "two ", 4, &b);
		out_pack(f, "", 0, &b);
		assert_int_equal(out_write(f, "one ", 4), 0);
		assert_int_equal(out_write_packed(f, b.p, b.len), 0);
		assert_int_equal(out_write(f, "three", 5), 0);
		assert_int_equal(out_commit(f, NULL), 0);
		assert_content(names[k], "one two three");
	}
	buf_release(&b);
}

struct packing {
	struct out *f;
	const char *text;
	struct buf b[64];
};

static void pack_one(void *arg, size_t i, int worker)
{
	struct packing *p = arg;

	(void)worker;
	out_pack(p->f, p->text + 1000 * i, 1000, &p->b[i]);
}

static void packing_does_not_depend_on_threads(void **state)
{
	static const char *const names[] = {"a.gz", "a.zst"};
	char *text = xmalloc(64000);

	(void)state;
	for (int i = 0; i < 64000; i++)
		text[i] = (char)('a' + i % 1009 % 23);
	for (int k = 0; k < 2; k++) {
		struct packing p = {.f = out_open(in_dir(names[k]), 0), .text = text}, q = p;
		struct pool *pool = pool_new(4);

		for (size_t i = 0; i < 64; i++)
			pack_one(&p, i, 0);
		pool_run(pool, 64, pack_one, &q);
		pool_free(pool);
		for (int i = 0; i < 64; i++) {
			assert_int_equal(p.b[i].len, q.b[i].len);
			assert_memory_equal(p.b[i].p, q.b[i].p, p.b[i].len);
			buf_release(&p.b[i]);
			buf_release(&q.b[i]);
		}
		out_abort(p.f);
	}
	free(text);
}

static void maps_show_the_file(void **state)
{
	struct map m;

	(void)state;
	put("a", "hello");
	assert_int_equal(map_open(&m, in_dir("a")), 0);
	map_sequential(&m);
	assert_int_equal(m.len, 5);
	assert_memory_equal(m.p, "hello", 5);
	map_close(&m);
	put("b", "");
	assert_int_equal(map_open(&m, in_dir("b")), 0);
	assert_null(m.p);
	map_close(&m);
	assert_int_equal(map_open(&m, dir), -1);
	assert_int_equal(map_open(&m, in_dir("none")), -1);
	assert_int_equal(map_open(&m, "/dev/null"), -1);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return empty_dir(state) || rmdir(dir);
}

#define TEST(f) cmocka_unit_test_setup(f, empty_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_has_the_name_before_commit),
	    TEST(long_lines_are_printed_whole),
	    TEST(one_output_is_opened_once),
	    TEST(a_new_file_does_not_replace),
	    TEST(a_process_that_dies_leaves_no_file),
	    TEST(the_next_run_removes_what_kill_left),
	    TEST(a_zombies_temporary_goes_too),
	    TEST(temporaries_of_the_living_stay),
	    TEST(a_child_does_not_remove_its_parents_files),
	    TEST(a_full_disk_is_an_error),
	    TEST(a_file_that_cannot_grow_never_gets_its_name),
	    TEST(errors_are_sticky),
	    TEST(wrong_names_are_refused),
	    TEST(a_link_stays_a_link),
	    TEST(patched_files_are_hashed_as_they_are),
	    TEST(blocks_land_elsewhere_or_have_another_hash),
	    TEST(no_data_is_still_a_compressed_file),
	    TEST(packed_and_streamed_data_mix),
	    TEST(packing_does_not_depend_on_threads),
	    TEST(maps_show_the_file),
	};

	return cmocka_run_group_tests_name("io_out", tests, make_dir, remove_dir);
}
