/* strtab: strings to ids.
 *
 *	struct strtab t = {0};
 *	strtab_put(&t, s, len, id);		copies s, which must not be there yet
 *	strtab_add(&t, s, len, id);		the same, or -1 when it is there
 *	id = strtab_get(&t, s, len);		STRTAB_NONE when it is not there
 *	strtab_release(&t);
 */
#ifndef OLMO_TOK_STRTAB_H
#define OLMO_TOK_STRTAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define STRTAB_NONE UINT32_MAX

struct strtab_entry {
	uint64_t hash;
	size_t off; /* in arena, plus 1; 0: free */
	uint32_t len, id;
};

struct strtab {
	struct strtab_entry *e;
	size_t n, mask; /* strings; slots - 1 */
	struct buf arena;
};

void strtab_put(struct strtab *t, const char *s, size_t len, uint32_t id);
int strtab_add(struct strtab *t, const char *s, size_t len, uint32_t id);
uint32_t strtab_get(const struct strtab *t, const char *s, size_t len);
void strtab_release(struct strtab *t);

#endif
