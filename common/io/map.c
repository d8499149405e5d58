#include "io/map.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int map_fd(struct map *m, int fd, const char *path)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0) {
		err_sys("cannot read '%s'", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set("cannot map '%s': not a regular file", path);
		return -1;
	}
	if ((uint64_t)st.st_size > SIZE_MAX) {
		err_set("cannot map '%s': %lld bytes are too many", path, (long long)st.st_size);
		return -1;
	}
	if (!st.st_size)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err_sys("cannot map '%s'", path);
		return -1;
	}
	m->p = p;
	m->len = (size_t)st.st_size;
	return 0;
}

int map_open(struct map *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	m->p = NULL;
	m->len = 0;
	if (fd < 0) {
		err_sys("cannot open '%s'", path);
		return -1;
	}
	rc = map_fd(m, fd, path);
	close(fd);
	return rc;
}

void map_close(struct map *m)
{
	if (m->p)
		munmap((void *)(uintptr_t)m->p, m->len);
	m->p = NULL;
	m->len = 0;
}

void map_sequential(const struct map *m)
{
	if (m->p)
		(void)posix_madvise((void *)(uintptr_t)m->p, m->len, POSIX_MADV_SEQUENTIAL);
}
