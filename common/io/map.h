/* map: a file in memory, read-only. */
#ifndef OLMO_IO_MAP_H
#define OLMO_IO_MAP_H

#include <stddef.h>

struct map {
	const unsigned char *p; /* NULL for an empty file */
	size_t len;
};
int map_open(struct map *m, const char *path); /* 0 or -1; regular files only */
void map_close(struct map *m);
void map_sequential(const struct map *m); /* advice to the kernel */

#endif
