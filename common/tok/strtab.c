#include "tok/strtab.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

static struct strtab_entry *slot(const struct strtab *t, const char *s, size_t len, uint64_t hash)
{
	size_t i = (size_t)hash & t->mask;

	for (; t->e[i].off; i = (i + 1) & t->mask)
		if (t->e[i].hash == hash && t->e[i].len == len &&
		    !memcmp(t->arena.p + t->e[i].off - 1, s, len))
			break;
	return &t->e[i];
}

static void grow(struct strtab *t)
{
	struct strtab_entry *old = t->e;
	size_t n = t->mask + 1, i, k;

	t->mask = old ? 2 * n - 1 : 255;
	t->e = xtable((t->mask + 1) * sizeof(*t->e));
	for (i = 0; old && i < n; i++) {
		if (!old[i].off)
			continue;
		for (k = (size_t)old[i].hash & t->mask; t->e[k].off; k = (k + 1) & t->mask)
			;
		t->e[k] = old[i];
	}
	free(old);
}

int strtab_add(struct strtab *t, const char *s, size_t len, uint32_t id)
{
	uint64_t hash = hash64(s, len);
	struct strtab_entry *e;

	if (!t->e || 2 * (t->n + 1) > t->mask)
		grow(t);
	e = slot(t, s, len, hash);
	if (e->off)
		return -1;
	*e = (struct strtab_entry){hash, t->arena.len + 1, (uint32_t)len, id};
	buf_add(&t->arena, s, len);
	t->n++;
	return 0;
}

void strtab_put(struct strtab *t, const char *s, size_t len, uint32_t id)
{
	int rc = strtab_add(t, s, len, id);

	assert(!rc);
	(void)rc;
}

uint32_t strtab_get(const struct strtab *t, const char *s, size_t len)
{
	const struct strtab_entry *e;

	if (!t->e)
		return STRTAB_NONE;
	e = slot(t, s, len, hash64(s, len));
	return e->off ? e->id : STRTAB_NONE;
}

void strtab_release(struct strtab *t)
{
	free(t->e);
	buf_release(&t->arena);
	memset(t, 0, sizeof(*t));
}
