#include "text/keyset.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define MIN_SLOTS 1024

static void make_slots(struct keyset *s, size_t cap)
{
	if (cap > SIZE_MAX / 8 / (size_t)s->words)
		die(EXIT_IO, "out of memory: a set of %zu keys", cap);
	s->slot = xcalloc(cap * (size_t)s->words, sizeof *s->slot);
	s->cap = cap;
}

static size_t slots_for(uint64_t expect)
{
	size_t cap = MIN_SLOTS;
	while (cap / 5 * 4 < expect && cap < SIZE_MAX / 64)
		cap *= 2;
	return cap;
}

uint64_t keyset_plan(int bits, int with_value, uint64_t expect)
{
	return (uint64_t)slots_for(expect) * (uint64_t)(bits / 64 + (with_value != 0)) * 8;
}

void keyset_init(struct keyset *s, int bits, int with_value, uint64_t expect)
{
	memset(s, 0, sizeof *s);
	s->key_words = bits / 64;
	s->words = s->key_words + (with_value != 0);
	make_slots(s, slots_for(expect));
}

/* Keys are hashes: their bits are as good as random. */
static inline size_t home(const struct keyset *s, struct h128 key)
{
	return (size_t)(key.lo >> 7) & (s->cap - 1);
}

static inline struct h128 cut(const struct keyset *s, struct h128 key)
{
	if (s->key_words == 1)
		key.hi = 0;
	return key;
}

static inline int is_zero(struct h128 key)
{
	return !(key.lo | key.hi);
}

/* The slot that holds key, or the empty one where it belongs. */
static uint64_t *find(const struct keyset *s, struct h128 key)
{
	size_t i = home(s, key);
	for (;; i = (i + 1) & (s->cap - 1)) {
		uint64_t *p = s->slot + i * (size_t)s->words;
		uint64_t hi = s->key_words == 2 ? p[1] : 0;
		if ((p[0] == key.lo && hi == key.hi) || !(p[0] | hi))
			return p;
	}
}

static inline int is_free(const struct keyset *s, const uint64_t *p)
{
	return !(p[0] | (s->key_words == 2 ? p[1] : 0));
}

static void grow(struct keyset *s)
{
	uint64_t *old = s->slot, *p, *end = old + s->cap * (size_t)s->words;
	make_slots(s, 2 * s->cap);
	for (p = old; p < end; p += s->words) {
		struct h128 key = {p[0], s->key_words == 2 ? p[1] : 0};
		if (!is_zero(key))
			memcpy(find(s, key), p, (size_t)s->words * sizeof *p);
	}
	free(old);
}

static uint64_t *put(struct keyset *s, struct h128 key, int *is_new)
{
	uint64_t *p;
	if (s->n >= s->cap / 5 * 4)
		grow(s);
	p = find(s, key);
	*is_new = is_free(s, p);
	if (*is_new) {
		p[0] = key.lo;
		if (s->key_words == 2)
			p[1] = key.hi;
		s->n++;
	}
	return p + s->key_words;
}

static int add_zero(struct keyset *s)
{
	int is_new = !s->has_zero;
	s->has_zero = 1;
	return is_new;
}

int keyset_add(struct keyset *s, struct h128 key)
{
	int is_new;
	key = cut(s, key);
	if (is_zero(key))
		return add_zero(s);
	put(s, key, &is_new);
	return is_new;
}

uint64_t *keyset_put(struct keyset *s, struct h128 key, int *is_new)
{
	key = cut(s, key);
	if (is_zero(key)) {
		*is_new = add_zero(s);
		return &s->zero_value;
	}
	return put(s, key, is_new);
}

const uint64_t *keyset_get(const struct keyset *s, struct h128 key)
{
	const uint64_t *p;
	key = cut(s, key);
	if (is_zero(key))
		return s->has_zero ? &s->zero_value : NULL;
	p = find(s, key);
	return is_free(s, p) ? NULL : p + s->key_words;
}

int keyset_has(const struct keyset *s, struct h128 key)
{
	key = cut(s, key);
	if (is_zero(key))
		return s->has_zero;
	return !is_free(s, find(s, key));
}

void keyset_prefetch(const struct keyset *s, struct h128 key)
{
	__builtin_prefetch(s->slot + home(s, key) * (size_t)s->words, 1);
}

uint64_t keyset_len(const struct keyset *s)
{
	return s->n + (uint64_t)s->has_zero;
}

uint64_t keyset_bytes(const struct keyset *s)
{
	return (uint64_t)s->cap * (uint64_t)s->words * sizeof *s->slot;
}

void keyset_release(struct keyset *s)
{
	free(s->slot);
	memset(s, 0, sizeof *s);
}
