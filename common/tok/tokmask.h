/* tokmask: the label mask beside a token file: a byte for each id, 1 = to be predicted, 0 = not.
 * OLMo's data.label_mask_paths names such files.
 *
 *	struct map m;
 *	char *path = tokmask_path("X.tok");
 *	rc = tokmask_open(&m, path, t->count);	1, 0: there is none, -1
 *	if (rc > 0) … m.p[i] … map_close(&m);
 */
#ifndef OLMO_TOK_TOKMASK_H
#define OLMO_TOK_TOKMASK_H

#include <stdint.h>

#include "io/map.h"

/* X.mask.npy for X.npy, X.mask for all else; caller frees. */
char *tokmask_path(const char *tokpath);
/* -1 with a message when it cannot be read or has another number of bytes than ids. */
int tokmask_open(struct map *m, const char *path, uint64_t count);
/* The same and every byte is 0 or 1; 0 or -1, 0 also when there is none. */
int tokmask_verify(const char *path, uint64_t count);

#endif
