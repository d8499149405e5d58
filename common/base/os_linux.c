#define _GNU_SOURCE /* sched_getaffinity, madvise advice */

#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double clock_s(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t) < 0)
		return 0;
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double os_wall(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

double os_cpu(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double os_thread_cpu(void)
{
	return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t os_max_rss(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)u.ru_maxrss * 1024;
}

uint64_t os_rss(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size, resident = 0;

	if (f) {
		if (fscanf(f, "%lu %lu", &size, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A process that has died and that nobody has waited for (in containers that may be for ever). */
static int is_zombie(pid_t pid)
{
	char path[64], text[512], *end;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof text - 1, f);
		fclose(f);
	}
	text[n] = 0;
	end = strrchr(text, ')'); /* the name before it may hold anything */
	return end && end[1] == ' ' && (end[2] == 'Z' || end[2] == 'X');
}

int os_pid_alive(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) && !is_zombie(pid);
}

int os_cpus(void)
{
	cpu_set_t set;
	long n;
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (int)n : 1;
}

/* The whole pages of [p, p + n), or those that it touches. */
static void advise(const void *p, size_t n, int touched, int advice)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)p, to = from + n;

	from = (touched ? from : from + page - 1) / page * page;
	to = (touched ? to + page - 1 : to) / page * page;
	if (from < to)
		madvise((void *)from, to - from, advice);
}

/* The advice may be refused: pages stay small then, results are the same. */
void os_huge_pages(void *p, size_t n)
{
	advise(p, n, 0, MADV_HUGEPAGE);
}

#ifndef MADV_POPULATE_READ /* Linux 5.14; older ones refuse it, and the pages come when touched */
#define MADV_POPULATE_READ 22
#endif

void os_fault_in(const void *p, size_t n)
{
	advise(p, n, 1, MADV_POPULATE_READ);
}

void os_forget(const void *p, size_t n)
{
	advise(p, n, 1, MADV_DONTNEED);
}

int os_open_direct(const char *path)
{
	return open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
}

void os_write_behind(int fd, uint64_t off, uint64_t len)
{
	(void)sync_file_range(fd, (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

int os_reserve(int fd, uint64_t n)
{
	return fallocate(fd, 0, 0, (off_t)n) < 0 && errno == ENOSPC ? -1 : 0;
}

/* The number behind `key` in a small file; with key "" the number it begins with. */
static int read_number(const char *path, const char *key, uint64_t *v)
{
	char text[4096], *p = text, *end;
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return -1;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	if (*key)
		p = strstr(text, key);
	if (!p)
		return -1;
	p += strlen(key);
	*v = strtoull(p, &end, 10);
	return end == p ? -1 : 0;
}

/* What the limit of this process's cgroup leaves (version 2, and version 1 where it is mounted as usual);
 * the page cache of the group counts as taken, so this is less than the truth. */
static uint64_t cgroup_left(void)
{
	static const char *const file[][2] = {
	    {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
	    {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
		"/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
	uint64_t max, used, left = UINT64_MAX;
	size_t i;

	for (i = 0; i < sizeof file / sizeof *file; i++)
		if (read_number(file[i][0], "", &max) == 0 &&
		    read_number(file[i][1], "", &used) == 0 &&
		    max - (used < max ? used : max) < left)
			left = max - (used < max ? used : max);
	return left;
}

uint64_t os_free_memory(void)
{
	uint64_t kib = 0, left = cgroup_left();

	if (read_number("/proc/meminfo", "MemAvailable:", &kib) < 0)
		return 0;
	return kib * 1024 < left ? kib * 1024 : left;
}

/* Not every file system knows O_TMPFILE: there a name lives for a moment. */
int os_tmpfile(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(path, sizeof path, "%s/.olmo.XXXXXX", dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkstemp(path);
	if (fd >= 0)
		unlink(path);
	return fd;
}

void os_punch(int fd, uint64_t off, uint64_t len)
{
	(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
}
