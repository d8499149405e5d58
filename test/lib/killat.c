/*
 * killat: a shared object that ends its process by SIGKILL just before the N-th call that changes
 * names in a file system, or makes changes durable.
 *
 *	LD_PRELOAD=killat.so KILLAT=N prog ..		N: from 1
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void step(void)
{
	static atomic_long calls;
	const char *at = getenv("KILLAT");

	if (at != NULL && atomic_fetch_add(&calls, 1) + 1 == atol(at))
		kill(getpid(), SIGKILL);
}

#define REAL(name) __extension__((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
	step();
	return REAL(rename)(from, to);
}

int unlink(const char *path)
{
	step();
	return REAL(unlink)(path);
}

int rmdir(const char *path)
{
	step();
	return REAL(rmdir)(path);
}

int symlink(const char *target, const char *path)
{
	step();
	return REAL(symlink)(target, path);
}

int mkdir(const char *path, mode_t mode)
{
	step();
	return REAL(mkdir)(path, mode);
}

int fsync(int fd)
{
	step();
	return REAL(fsync)(fd);
}
