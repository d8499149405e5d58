#include "tok/added.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "tok/tokchar.h"

static uint32_t new_node(struct added_set *set, uint8_t byte)
{
	if (set->n_node == set->cap_node) {
		set->cap_node = set->cap_node ? 2 * set->cap_node : 64;
		set->node = xreallocarray(set->node, set->cap_node, sizeof(*set->node));
	}
	set->node[set->n_node] = (struct added_node){.byte = byte};
	return (uint32_t)set->n_node++;
}

static uint32_t child_of(const struct added_set *set, uint32_t node, uint8_t byte)
{
	uint32_t c = set->node[node].child;

	while (c && set->node[c].byte != byte)
		c = set->node[c].sibling;
	return c;
}

int added_put(struct added_set *set, const char *s, size_t len, uint32_t id, unsigned flags)
{
	uint32_t at = 0, c;
	size_t i;

	if (!set->n_node)
		new_node(set, 0);
	for (i = 1; i < len; i++)
		set->word_space |= s[i] == ' ' && isalnum((unsigned char)s[i - 1]);
	for (i = 0; i < len; i++, at = c) {
		if ((c = child_of(set, at, (uint8_t)s[i])))
			continue;
		c = new_node(set, (uint8_t)s[i]);
		set->node[c].sibling = set->node[at].child;
		set->node[at].child = c;
	}
	if (set->node[at].token)
		return -1;
	set->token = xreallocarray(set->token, set->n_token + 1, sizeof(*set->token));
	set->token[set->n_token] = (struct added_token){id, (uint32_t)len, flags};
	set->node[at].token = (uint32_t)++set->n_token;
	return 0;
}

static void mark_pair(struct added_set *set, unsigned a, unsigned b)
{
	unsigned bit = a << 8 | b;

	set->pair[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void list_pairs(struct added_set *set)
{
	size_t i;
	unsigned bit;

	set->simple = 1;
	for (i = 0; i < set->n_token; i++)
		if (set->token[i].flags)
			set->simple = 0;
	for (bit = 0; bit < 65536; bit++) {
		if (!(set->pair[bit / 64] >> bit % 64 & 1))
			continue;
		if (set->n_pairs == ADDED_PAIRS) {
			set->simple = 0;
			return;
		}
		set->pairs[set->n_pairs][0] = (uint8_t)(bit >> 8);
		set->pairs[set->n_pairs++][1] = (uint8_t)bit;
	}
}

void added_build(struct added_set *set)
{
	uint32_t a, b;
	unsigned i, n_first = 0;

	set->first = -1;
	set->simple = 1;
	if (!set->n_node)
		return;
	for (a = set->node[0].child; a; a = set->node[a].sibling) {
		uint8_t byte = set->node[a].byte;

		set->root[byte] = a;
		set->first = byte;
		n_first++;
		for (b = set->node[a].child; b; b = set->node[b].sibling)
			mark_pair(set, byte, set->node[b].byte);
		for (i = 0; set->node[a].token && i < 256; i++)
			mark_pair(set, byte, i); /* a token of one byte: whatever follows */
	}
	if (n_first != 1)
		set->first = -1;
	list_pairs(set);
}

void added_release(struct added_set *set)
{
	free(set->node);
	free(set->token);
	memset(set, 0, sizeof(*set));
}

const struct added_token *added_match(const struct added_set *set, const char *s, size_t len)
{
	uint32_t at = set->root[(unsigned char)s[0]], token = 0;
	size_t i = 1;

	while (at) {
		if (set->node[at].token)
			token = set->node[at].token;
		if (i == len)
			break;
		at = child_of(set, at, (uint8_t)s[i++]);
	}
	return token ? &set->token[token - 1] : NULL;
}

/* The first token at or after *i, which becomes its place. */
static const struct added_token *search(
    const struct added_set *set, const char *s, size_t len, size_t *i)
{
	const unsigned char *u = (const unsigned char *)s;
	const struct added_token *t;
	const char *hit;
	size_t k;

	if (!set->n_token)
		return NULL;
	if (set->first >= 0) {
		for (k = *i; k < len && (hit = memchr(s + k, set->first, len - k)); k++) {
			k = (size_t)(hit - s);
			if ((t = added_match(set, s + k, len - k)))
				return *i = k, t;
		}
		return NULL;
	}
	for (k = *i; k + 1 < len; k++) {
		unsigned bit = (unsigned)u[k] << 8 | u[k + 1];

		if (set->pair[bit / 64] >> bit % 64 & 1 && (t = added_match(set, s + k, len - k)))
			return *i = k, t;
	}
	if (k < len && (t = added_match(set, s + k, len - k)))
		return *i = k, t;
	return NULL;
}

/* Place and length of the code point that ends before s + i, i > 0. */
static size_t before(const char *s, size_t i)
{
	while (((unsigned char)s[--i] & 0xc0) == 0x80)
		;
	return i;
}

static unsigned prop_before(const char *s, size_t i)
{
	int len;

	return i ? tokchar(utf8_next(s + before(s, i), &len)) : 0;
}

static unsigned prop_at(const char *s, size_t len, size_t i, size_t *end)
{
	int n;
	unsigned p;

	if (i >= len)
		return 0;
	p = tokchar(utf8_next(s + i, &n));
	*end = i + (size_t)n;
	return p;
}

static int is_space(unsigned prop)
{
	return (prop & TOKCHAR_CLASS) == TOKCHAR_S;
}

int added_next(struct added_iter *it, size_t *from, size_t *to, uint32_t *id)
{
	const struct added_token *t;
	size_t start, stop, end, i = it->search;

	while ((t = search(it->set, it->s, it->len, &i))) {
		start = i;
		stop = it->search = i += t->len;
		if (t->flags & ADDED_SINGLE &&
		    ((prop_before(it->s, start) & TOKCHAR_WORD) ||
			(prop_at(it->s, it->len, stop, &end) & TOKCHAR_WORD)))
			continue;
		if (t->flags & ADDED_LSTRIP) {
			while (start > it->start && is_space(prop_before(it->s, start)))
				start = before(it->s, start);
			if (start < it->start)
				start = it->start;
		}
		/* The search goes on behind the match itself, so that with ADDED_RSTRIP the next
		 * token may begin inside the swallowed space: there is no text between then.  Such
		 * a run of space is measured once. */
		if (t->flags & ADDED_RSTRIP) {
			if (stop < it->space || stop >= it->space_end) {
				it->space = it->space_end = stop;
				while (is_space(prop_at(it->s, it->len, it->space_end, &end)))
					it->space_end = end;
			}
			stop = it->space_end;
		}
		*from = it->start;
		*to = start > it->start ? start : it->start;
		*id = t->id;
		it->start = stop;
		return 1;
	}
	*from = it->start;
	*to = it->len;
	it->search = it->len;
	return 0;
}
