#include "io/out.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"
#include "base/os.h"

enum {
	OUT_BUF = 256 << 10,
	ZSTD_LEVEL = 3,
	GZIP_LEVEL = 6,
	GZIP_TABLE = 4,
	GZIP_WINDOW = 15 + 16
};

enum packing { PACK_NONE, PACK_GZIP, PACK_ZSTD };

struct out {
	char *
	    path; /* final name; NULL: a stream (stdout, a device, a FIFO) that is written directly */
	char *tmp;
	char *name; /* for messages */
	int fd;
	unsigned flags;
	int failed;
	int patched;
	enum packing packing;
	int inside;    /* the stream compressor has an unfinished member or frame */
	uint64_t pos;  /* bytes given by the caller */
	uint64_t size; /* stored bytes */
	struct blockhash hash;
	int fd_direct;      /* the same file, past the page cache; -1: none */
	uint64_t reserved;  /* bytes the file was made for */
	struct buf pending; /* stored bytes not yet written */
	z_stream gz;
	ZSTD_CCtx *zstd;
	struct out *next; /* list of files that have a temporary */
};

/* --- the temporaries of this process ---------------------------------------------------------
 *
 * A signal handler walks this list, so it is guarded by a flag that the handler may spin on: whoever
 * holds it has the signals blocked, hence runs in another thread and will let go. */

static struct out *temps;
static pid_t temps_pid; /* a forked child must not remove its parent's files */
static atomic_flag temps_busy = ATOMIC_FLAG_INIT;

static void cleanup_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGPIPE);
}

static void temps_hold(sigset_t *old)
{
	sigset_t set;

	cleanup_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, old);
	while (atomic_flag_test_and_set(&temps_busy))
		;
}

static void temps_let(const sigset_t *old)
{
	atomic_flag_clear(&temps_busy);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static void temps_unlink(void)
{
	if (temps_pid == getpid())
		for (struct out *f = temps; f; f = f->next)
			unlink(f->tmp);
}

void out_abort_all(void)
{
	sigset_t old;

	temps_hold(&old);
	temps_unlink();
	temps_let(&old);
}

static void on_signal(int sig)
{
	/* The flag stays set: no other thread makes a new temporary while the process dies. */
	while (atomic_flag_test_and_set(&temps_busy))
		;
	temps_unlink();
	signal(sig, SIG_DFL);
	raise(sig);
}

void out_signals(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	struct sigaction sa = {.sa_handler = on_signal}, old;

	cleanup_signals(&sa.sa_mask);
	for (size_t i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
}

/* 0, or -1 when this process is writing that file already. */
static int temps_add(struct out *f)
{
	static int exit_hook;
	sigset_t old;
	int rc = 0;

	temps_hold(&old);
	if (temps_pid != getpid()) {
		temps = NULL;
		temps_pid = getpid();
	}
	for (struct out *g = temps; g; g = g->next)
		if (!strcmp(g->tmp, f->tmp))
			rc = -1;
	if (rc == 0) {
		f->next = temps;
		temps = f;
	}
	if (!exit_hook) {
		exit_hook = 1;
		atexit(out_abort_all);
	}
	temps_let(&old);
	if (rc < 0)
		err_set("'%s' is being written already", f->path);
	return rc;
}

static void temps_remove(struct out *f)
{
	sigset_t old;

	temps_hold(&old);
	for (struct out **p = &temps; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	temps_let(&old);
}

/* --- names ------------------------------------------------------------------------------------ */

static size_t dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static char *dir_of(const char *path)
{
	size_t n = dir_len(path);

	return n ? xstrndup(path, n) : xstrdup(".");
}

/* The process that wrote .NAME.PID.tmp, 0 when the name has another form. */
static pid_t temp_owner(const char *file, const char *name)
{
	size_t n = strlen(name);
	long pid;
	char *end;

	if (file[0] != '.' || strncmp(file + 1, name, n) || file[n + 1] != '.' ||
	    file[n + 2] < '1' || file[n + 2] > '9')
		return 0;
	pid = strtol(file + n + 2, &end, 10);
	return !strcmp(end, ".tmp") && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* A writer holds a lock on its temporary, so a process of another machine or container that the
 * number does not show is seen too. */
static void remove_if_dead(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlink(path);
	close(fd);
}

static void remove_dead(const char *path)
{
	char *dir = dir_of(path);
	const char *name = path + dir_len(path);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		pid_t pid = temp_owner(e->d_name, name);

		if (pid && (pid == getpid() || !os_pid_alive(pid))) {
			char *p = xasprintf("%s/%s", dir, e->d_name);

			remove_if_dead(p);
			free(p);
		}
	}
	if (d)
		closedir(d);
	free(dir);
}

int out_mkdirs(const char *path)
{
	char *p = xstrdup(path);
	size_t n = strlen(p);
	struct stat st;
	int rc = 0;

	for (size_t i = 1; i <= n && rc == 0; i++) {
		if (p[i] != '/' && p[i])
			continue;
		p[i] = 0;
		if (mkdir(p, 0777) < 0 && errno != EEXIST && stat(p, &st) < 0) {
			err_sys("cannot make directory '%s'", p);
			rc = -1;
		}
		if (i < n)
			p[i] = '/';
	}
	if (rc == 0 && n && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))) {
		err_set("cannot make directory '%s': a file has that name", path);
		rc = -1;
	}
	free(p);
	return rc;
}

int out_mkparent(const char *path)
{
	char *dir = dir_of(path);
	int rc = out_mkdirs(dir);

	free(dir);
	return rc;
}

int out_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	/* Some file systems cannot sync a directory; that is no failure of ours. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)) {
		err_sys("cannot sync directory '%s'", dir);
		rc = -1;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

static int open_temp(struct out *f)
{
	const char *name = f->path + dir_len(f->path);

	if (!*name) {
		err_set("cannot write '%s': it names a directory", f->path);
		return -1;
	}
	if (out_mkparent(f->path) < 0)
		return -1;
	remove_dead(f->path);
	f->tmp =
	    xasprintf("%.*s.%s.%ld.tmp", (int)dir_len(f->path), f->path, name, (long)getpid());
	if (temps_add(f) < 0) {
		free(f->tmp);
		f->tmp = NULL;
		return -1;
	}
	f->fd = open(f->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (f->fd < 0) {
		err_sys("cannot create '%s'", f->tmp);
		return -1;
	}
	(void)flock(f->fd, LOCK_EX | LOCK_NB);
	return 0;
}

static int open_file(struct out *f, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		/* Write where the link points: the link stays. */
		f->path = realpath(path, NULL);
		if (!f->path || stat(f->path, &st) < 0)
			memset(&st, 0, sizeof st);
	} else if (errno = 0, stat(path, &st) < 0) {
		memset(&st, 0, sizeof st);
	}
	if (!f->path)
		f->path = xstrdup(path);
	if (S_ISDIR(st.st_mode)) {
		err_set("cannot write '%s': it is a directory", path);
		return -1;
	}
	if (st.st_mode && !S_ISREG(st.st_mode)) {
		/* A device or a FIFO is written as a stream; it must not be replaced. */
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
		if (f->fd < 0)
			err_sys("cannot open '%s'", path);
		free(f->path);
		f->path = NULL;
		return f->fd < 0 ? -1 : 0;
	}
	if (st.st_mode && f->flags & OUT_NEW) {
		err_set("'%s' exists", path);
		return -1;
	}
	return open_temp(f);
}

struct out *out_open(const char *path, unsigned flags)
{
	struct out *f = xcalloc(1, sizeof *f);
	int is_std = !path || !strcmp(path, "-"), rc = 0;

	f->flags = flags;
	f->name = xstrdup(is_std ? "(stdout)" : path);
	f->fd = f->fd_direct = -1;
	blockhash_init(&f->hash);
	if (is_std) {
		f->fd = STDOUT_FILENO;
		if (flags & OUT_BINARY && isatty(f->fd)) {
			err_set(
			    "will not write binary data to a terminal: use -o FILE or redirect");
			rc = -1;
		}
	} else {
		f->packing = has_suffix(path, ".gz")    ? PACK_GZIP
			     : has_suffix(path, ".zst") ? PACK_ZSTD
							: PACK_NONE;
		rc = open_file(f, path);
	}
	if (rc < 0) {
		out_abort(f);
		return NULL;
	}
	return f;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_fail(struct out *f)
{
	err_sys("cannot write '%s'", f->name);
	f->failed = 1;
	return -1;
}

static int again(const struct out *f)
{
	err_set("cannot write '%s': an earlier write failed", f->name);
	return -1;
}

/* To their place in a file, or to the end of a stream.  Some file systems say only now that they
 * cannot write past the page cache. */
static int put(const struct out *f, int fd, const char *p, size_t n, uint64_t at)
{
	ssize_t got;

	while (n) {
		got = f->path ? pwrite(fd, p, n, (off_t)at) : write(fd, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EINVAL && fd == f->fd_direct) {
			fd = f->fd;
			continue;
		}
		if (got < 0) {
			err_sys("cannot write '%s'", f->name);
			return -1;
		}
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return 0;
}

static int write_all(struct out *f, const char *p, size_t n)
{
	blockhash_add(&f->hash, p, n);
	f->size += n;
	if (put(f, f->fd, p, n, f->size - n) == 0)
		return 0;
	f->failed = 1;
	return -1;
}

static int flush(struct out *f)
{
	int rc = write_all(f, f->pending.p, f->pending.len);

	f->pending.len = 0;
	return rc;
}

/* Stored bytes, buffered when small. */
static int store(struct out *f, const char *p, size_t n)
{
	if (f->pending.len + n > OUT_BUF && flush(f) < 0)
		return -1;
	if (n > OUT_BUF)
		return write_all(f, p, n);
	buf_add(&f->pending, p, n);
	return 0;
}

/* Room for one turn of a compressor behind the pending bytes. */
static int make_room(struct out *f)
{
	if (f->pending.len >= OUT_BUF && flush(f) < 0)
		return -1;
	buf_need(&f->pending, OUT_BUF / 4);
	return 0;
}

static void no_memory(const char *what)
{
	die(EXIT_IO, "out of memory: %s", what);
}

/* The header of a gzip member: no time, no name, no system. */
static void gz_begin(const struct out *f, z_stream *z)
{
	static gz_header head = {.os = 255};
	int level = f->flags & OUT_TABLE ? GZIP_TABLE : GZIP_LEVEL;

	if (deflateInit2(z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflateSetHeader(z, &head) != Z_OK)
		no_memory("deflate");
}

static int gz_write(struct out *f, const char *p, size_t n, int end)
{
	size_t part, room;
	int rc;

	if (!f->inside) {
		memset(&f->gz, 0, sizeof f->gz);
		gz_begin(f, &f->gz);
		f->inside = 1;
	}
	do {
		part = n < (1u << 30) ? n : 1u << 30;
		f->gz.next_in = (unsigned char *)p;
		f->gz.avail_in = (uInt)part;
		do {
			if (make_room(f) < 0)
				return -1;
			room = f->pending.cap - f->pending.len;
			f->gz.next_out = (unsigned char *)f->pending.p + f->pending.len;
			f->gz.avail_out = (uInt)room;
			rc = deflate(&f->gz, end && part == n ? Z_FINISH : Z_NO_FLUSH);
			f->pending.len += room - f->gz.avail_out;
		} while (f->gz.avail_in || f->gz.avail_out == 0 ||
			 (end && part == n && rc != Z_STREAM_END));
		p += part;
		n -= part;
	} while (n);
	if (end) {
		deflateEnd(&f->gz);
		f->inside = 0;
	}
	return 0;
}

static void zstd_setup(ZSTD_CCtx *z)
{
	if (!z || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)))
		no_memory("zstd");
}

static int zstd_write(struct out *f, const char *p, size_t n, int end)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;

	if (!f->zstd) {
		f->zstd = ZSTD_createCCtx();
		zstd_setup(f->zstd);
	}
	f->inside = !end;
	do {
		ZSTD_outBuffer out;

		if (make_room(f) < 0)
			return -1;
		out.dst = f->pending.p + f->pending.len;
		out.size = f->pending.cap - f->pending.len;
		out.pos = 0;
		left =
		    ZSTD_compressStream2(f->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left)) {
			err_set("cannot write '%s': zstd: %s", f->name, ZSTD_getErrorName(left));
			f->failed = 1;
			return -1;
		}
		f->pending.len += out.pos;
	} while (in.pos < in.size || (end && left));
	return 0;
}

int out_write(struct out *f, const void *p, size_t n)
{
	if (f->failed)
		return again(f);
	if (!n)
		return 0;
	f->pos += n;
	switch (f->packing) {
	case PACK_GZIP:
		return gz_write(f, p, n, 0);
	case PACK_ZSTD:
		return zstd_write(f, p, n, 0);
	default:
		return store(f, p, n);
	}
}

int out_add_blocks(
    struct out *f, const void *p, size_t n, const struct blocksum *sum, uint64_t *at)
{
	size_t len = n * BLOCKHASH;

	if (f->failed)
		return again(f);
	assert(f->packing == PACK_NONE);
	if (flush(f) < 0)
		return -1;
	*at = f->size;
	blockhash_add_blocks(&f->hash, p, n, sum);
	f->pos += len;
	f->size += len;
	if (f->path && f->fd_direct < 0)
		f->fd_direct = os_open_direct(f->tmp);
	return f->path ? 0 : put(f, f->fd, p, len, 0);
}

int out_put_blocks(const struct out *f, const void *p, size_t n, uint64_t at)
{
	size_t len = n * BLOCKHASH;

	if (!f->path || n == 0)
		return 0;
	if (f->fd_direct >= 0 && ((uintptr_t)p | len | at) % OUT_ALIGN == 0)
		return put(f, f->fd_direct, p, len, at);
	if (put(f, f->fd, p, len, at) < 0)
		return -1;
	os_write_behind(f->fd, at, len);
	return 0;
}

int out_reserve(struct out *f, uint64_t n)
{
	if (!f->path || f->packing != PACK_NONE)
		return 0;
	f->reserved = n;
	return os_reserve(f->fd, n) < 0 ? write_fail(f) : 0;
}

int out_printf(struct out *f, const char *fmt, ...)
{
	char small[512], *p = small;
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof small) {
		p = xmalloc((size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	rc = n < 0 ? write_fail(f) : out_write(f, p, (size_t)n);
	if (p != small)
		free(p);
	return rc;
}

/* End the stream compressor's member or frame, so that what follows stands alone. */
static int end_member(struct out *f)
{
	if (!f->inside)
		return 0;
	return f->packing == PACK_GZIP ? gz_write(f, NULL, 0, 1) : zstd_write(f, NULL, 0, 1);
}

/* --- packing in threads ------------------------------------------------------------------------ */

static pthread_once_t pack_once = PTHREAD_ONCE_INIT;
static pthread_key_t pack_key;

static void pack_free(void *z)
{
	ZSTD_freeCCtx(z);
}

static void pack_init(void)
{
	if (pthread_key_create(&pack_key, pack_free))
		no_memory("thread key");
}

static ZSTD_CCtx *pack_context(void)
{
	ZSTD_CCtx *z;

	pthread_once(&pack_once, pack_init);
	z = pthread_getspecific(pack_key);
	if (!z) {
		z = ZSTD_createCCtx();
		zstd_setup(z);
		pthread_setspecific(pack_key, z);
	}
	return z;
}

static void pack_zstd(const void *p, size_t n, struct buf *dst)
{
	size_t bound = ZSTD_compressBound(n), got;

	buf_need(dst, bound);
	got = ZSTD_compress2(pack_context(), dst->p + dst->len, bound, p, n);
	if (ZSTD_isError(got))
		die(EXIT_IO, "zstd: %s", ZSTD_getErrorName(got));
	dst->len += got;
}

/* One member for each GiB, for zlib counts in 32 bits. */
static void pack_gzip(const struct out *f, const unsigned char *p, size_t n, struct buf *dst)
{
	do {
		size_t part = n < (1u << 30) ? n : 1u << 30, bound;
		z_stream z = {0};

		gz_begin(f, &z);
		bound = deflateBound(&z, part);
		buf_need(dst, bound);
		z.next_in = (unsigned char *)p;
		z.avail_in = (uInt)part;
		z.next_out = (unsigned char *)dst->p + dst->len;
		z.avail_out = (uInt)bound;
		if (deflate(&z, Z_FINISH) != Z_STREAM_END)
			die(EXIT_IO, "deflate: output larger than its bound");
		dst->len += bound - z.avail_out;
		deflateEnd(&z);
		p += part;
		n -= part;
	} while (n);
}

void out_pack(const struct out *f, const void *p, size_t n, struct buf *dst)
{
	if (!n)
		return;
	switch (f->packing) {
	case PACK_GZIP:
		pack_gzip(f, p, n, dst);
		break;
	case PACK_ZSTD:
		pack_zstd(p, n, dst);
		break;
	default:
		buf_add(dst, p, n);
	}
}

int out_write_packed(struct out *f, const void *p, size_t n)
{
	if (f->failed)
		return again(f);
	if (f->packing == PACK_NONE)
		f->pos += n;
	if (end_member(f) < 0)
		return -1;
	return store(f, p, n);
}

uint64_t out_pos(const struct out *f)
{
	return f->pos;
}

int out_is_stdout(const struct out *f)
{
	return f->fd == STDOUT_FILENO;
}

const char *out_name(const struct out *f)
{
	return f->name;
}

int out_patch(struct out *f, uint64_t off, const void *p, size_t n)
{
	ssize_t got;

	if (f->failed)
		return again(f);
	if (!f->path || f->packing != PACK_NONE || off > f->pos || n > f->pos - off) {
		err_set("cannot change bytes of '%s' that were written", f->name);
		return -1;
	}
	if (flush(f) < 0)
		return -1;
	f->patched = 1;
	for (size_t done = 0; done < n; done += (size_t)got) {
		got = pwrite(f->fd, (const char *)p + done, n - done, (off_t)(off + done));
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got < 0)
			return write_fail(f);
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void release(struct out *f)
{
	if (f->inside && f->packing == PACK_GZIP)
		deflateEnd(&f->gz);
	ZSTD_freeCCtx(f->zstd);
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	if (f->fd_direct >= 0)
		close(f->fd_direct);
	buf_release(&f->pending);
	free(f->path);
	free(f->tmp);
	free(f->name);
	free(f);
}

void out_abort(struct out *f)
{
	if (!f)
		return;
	if (f->tmp) {
		if (f->fd >= 0)
			unlink(f->tmp);
		temps_remove(f);
	}
	release(f);
}

/* The hash of what stands in the file after out_patch. */
static int rehash(struct out *f)
{
	char *p = xmalloc(OUT_BUF);
	off_t at = 0;
	ssize_t got;

	blockhash_init(&f->hash);
	while ((got = pread(f->fd, p, OUT_BUF, at)) > 0) {
		blockhash_add(&f->hash, p, (size_t)got);
		at += got;
	}
	if (got < 0)
		err_sys("cannot read back '%s'", f->tmp);
	free(p);
	return (int)got;
}

static int sync_file(struct out *f)
{
	/* EINVAL: a file system that has nothing to sync. */
	if (fsync(f->fd) < 0 && errno != EINVAL && errno != ENOTSUP) {
		err_sys("cannot sync '%s'", f->name);
		return -1;
	}
	return 0;
}

/* The file was made for another size. */
static int give_back(struct out *f)
{
	if (f->reserved == 0 || f->reserved == f->size || ftruncate(f->fd, (off_t)f->size) == 0)
		return 0;
	err_sys("cannot set the size of '%s'", f->name);
	return -1;
}

static int publish(struct out *f)
{
	char *dir;
	int rc;

	if (f->flags & OUT_NEW) {
		rc = link(f->tmp, f->path); /* fails when the name exists */
		if (rc == 0)
			unlink(f->tmp);
	} else {
		rc = rename(f->tmp, f->path);
	}
	if (rc < 0) {
		err_sys("cannot rename '%s' to '%s'", f->tmp, f->path);
		return -1;
	}
	temps_remove(f);
	free(f->tmp);
	f->tmp = NULL;
	dir = dir_of(f->path);
	rc = out_sync_dir(dir);
	free(dir);
	return rc;
}

/* Everything into the file. */
static int finish(struct out *f)
{
	if (f->failed)
		return again(f);
	if (end_member(f) < 0)
		return -1;
	/* No data: still a file of its kind, not an empty one. */
	if (f->packing != PACK_NONE && !f->size && !f->pending.len &&
	    (f->packing == PACK_GZIP ? gz_write(f, NULL, 0, 1) : zstd_write(f, NULL, 0, 1)) < 0)
		return -1;
	return flush(f);
}

int out_commit(struct out *f, struct filehash *h)
{
	int rc = finish(f);

	if (rc == 0 && f->patched)
		rc = rehash(f);
	if (rc == 0 && f->path)
		rc = give_back(f);
	if (rc == 0 && f->path)
		rc = sync_file(f);
	if (rc == 0 && h) {
		h->bytes = f->size;
		h->xxh3 = blockhash_128(&f->hash);
	}
	if (rc == 0 && f->path)
		rc = publish(f);
	if (rc == 0 && f->fd > STDERR_FILENO) {
		rc = close(f->fd);
		f->fd = -1;
		if (rc < 0)
			err_sys("cannot close '%s'", f->name);
	}
	out_abort(f);
	return rc;
}

int out_file(const char *path, const void *p, size_t n)
{
	struct out *f = out_open(path, 0);

	if (!f)
		return -1;
	if (out_write(f, p, n) < 0) {
		out_abort(f);
		return -1;
	}
	return out_commit(f, NULL);
}
