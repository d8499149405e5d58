#include "base/stats.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/os.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct counter {
	char *name;
	uint64_t v;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counter *counters; /* in order of name */
static size_t n_counters, cap_counters;
static double *thread_s;
static size_t n_thread_s;
static double started = -1;
static int threads = 1;

void stats_start(void)
{
	started = os_wall();
}

double stats_age(void)
{
	return started < 0 ? 0 : os_wall() - started;
}

void stats_threads(int n)
{
	threads = n;
}

/* Where name is, or where it belongs. */
static size_t find(const char *name, int *there)
{
	size_t lo = 0, hi = n_counters;
	*there = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(counters[mid].name, name);
		if (!c) {
			*there = 1;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(size_t i, const char *name)
{
	if (n_counters == cap_counters) {
		cap_counters = cap_counters ? 2 * cap_counters : 32;
		counters = xreallocarray(counters, cap_counters, sizeof *counters);
	}
	memmove(counters + i + 1, counters + i, (n_counters - i) * sizeof *counters);
	counters[i].name = xstrdup(name);
	counters[i].v = 0;
	n_counters++;
}

void stats_add(const char *name, uint64_t n)
{
	int there;
	size_t i;
	pthread_mutex_lock(&lock);
	i = find(name, &there);
	if (!there)
		insert(i, name);
	counters[i].v += n;
	pthread_mutex_unlock(&lock);
}

uint64_t stats_get(const char *name)
{
	int there;
	size_t i;
	uint64_t v;
	pthread_mutex_lock(&lock);
	i = find(name, &there);
	v = there ? counters[i].v : 0;
	pthread_mutex_unlock(&lock);
	return v;
}

void stats_each(void (*fn)(void *arg, const char *name, uint64_t v), void *arg)
{
	size_t i;
	for (i = 0; i < n_counters; i++)
		fn(arg, counters[i].name, counters[i].v);
}

void stats_thread_cpu(double s)
{
	pthread_mutex_lock(&lock);
	thread_s = xreallocarray(thread_s, n_thread_s + 1, sizeof *thread_s);
	thread_s[n_thread_s++] = s;
	pthread_mutex_unlock(&lock);
}

/* Arguments are bytes: what is not UTF-8 becomes U+FFFD. */
static void add_string(struct buf *b, const char *s)
{
	size_t n = strlen(s), i = 0, bad;
	buf_chr(b, '"');
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\') {
			buf_chr(b, '\\');
			buf_chr(b, (char)c);
			i++;
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(b, "\\u%04x", c);
			i++;
		} else if (c >= 0x80 && !utf8_valid(s + i, n - i, &bad) && bad == 0) {
			buf_str(b, "\\ufffd");
			i += utf8_bad_len(s + i, n - i);
		} else {
			buf_chr(b, (char)c);
			i++;
			while (i < n && ((unsigned char)s[i] & 0xc0) == 0x80 && c >= 0x80)
				buf_chr(b, s[i++]);
		}
	}
	buf_chr(b, '"');
}

static void add_key(struct buf *b, const char *name)
{
	buf_str(b, ",\n ");
	add_string(b, name);
	buf_str(b, ": ");
}

static void add_f64(struct buf *b, const char *name, double v)
{
	add_key(b, name);
	buf_printf(b, "%.6f", v);
}

static void add_counter(void *arg, const char *name, uint64_t v)
{
	add_key(arg, name);
	buf_u64(arg, v);
}

static void render(struct buf *b, const char *program, int argc, char **argv, uint64_t seed)
{
	size_t i;
	int k;
	buf_str(b, "{\"program\": ");
	add_string(b, program);
	add_key(b, "version");
	add_string(b, OLMO_VERSION);
	add_key(b, "argv");
	for (k = 0; k < argc; k++) {
		buf_str(b, k ? ", " : "[");
		add_string(b, argv[k]);
	}
	buf_str(b, argc ? "]" : "[]");
	add_counter(b, "seed", seed);
	stats_each(add_counter, b);
	add_f64(b, "wall_s", stats_age());
	add_f64(b, "cpu_s", os_cpu());
	add_counter(b, "max_rss_bytes", os_max_rss());
	add_counter(b, "threads", (uint64_t)threads);
	add_key(b, "thread_cpu_s");
	buf_chr(b, '[');
	for (i = 0; i < n_thread_s; i++)
		buf_printf(b, i ? ", %.6f" : "%.6f", thread_s[i]);
	buf_str(b, "]}\n");
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int write_file(const char *path, int flags, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
	int bad;
	if (fd < 0)
		return -1;
	bad = write_all(fd, b->p, b->len) < 0;
	if (close(fd) < 0 || bad)
		return -1;
	return 0;
}

/* Devices and pipes are written to; anything else is replaced. */
static int put(const char *path, const struct buf *b)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0, rc;
	struct stat st;
	char *tmp;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_file(path, 0, b);
	tmp = xasprintf("%.*s.%s.%ld.tmp", dir, path, path + dir, (long)getpid());
	rc = write_file(tmp, O_CREAT | O_TRUNC, b);
	if (rc == 0)
		rc = rename(tmp, path);
	if (rc < 0) {
		int saved = errno;
		unlink(tmp);
		errno = saved;
	}
	free(tmp);
	return rc;
}

int stats_write(const char *path, const char *program, int argc, char **argv, uint64_t seed)
{
	struct buf b = {0};
	int rc;
	render(&b, program, argc, argv, seed);
	rc = put(path, &b);
	if (rc < 0)
		err_sys("cannot write '%s'", path);
	buf_release(&b);
	return rc;
}
