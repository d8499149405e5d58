#include "tok/tokmask.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

char *tokmask_path(const char *tokpath)
{
	if (has_suffix(tokpath, ".npy"))
		return xasprintf("%.*s.mask.npy", (int)strlen(tokpath) - 4, tokpath);
	return xasprintf("%s.mask", tokpath);
}

int tokmask_open(struct map *m, const char *path, uint64_t count)
{
	if (access(path, F_OK) < 0)
		return 0;
	if (map_open(m, path) < 0)
		return -1;
	if (m->len == count)
		return 1;
	err_set("%s@0: %zu bytes for %" PRIu64 " ids (one byte each)", path, m->len, count);
	map_close(m);
	return -1;
}

int tokmask_verify(const char *path, uint64_t count)
{
	struct map m;
	size_t i;
	int rc = tokmask_open(&m, path, count);

	if (rc <= 0)
		return rc;
	for (i = 0; i < m.len && m.p[i] <= 1; i++)
		;
	rc = i == m.len ? 0 : -1;
	if (rc < 0)
		err_set("%s@%zu: byte %d, should be 0 or 1", path, i, m.p[i]);
	map_close(&m);
	return rc;
}
