/* added: finding added tokens in text, as Hugging Face's AddedVocabulary does.
 *
 *	struct added_set set = {0};
 *	added_put(&set, "<|endoftext|>", 13, id, 0);	any number of them
 *	added_build(&set);
 *
 *	struct added_iter it = {.set = &set, .s = s, .len = len};
 *	while (added_next(&it, &from, &to, &id))
 *		s[from, to) is text, then comes the token id
 *	s[from, to) is the text after the last one
 *
 * Matches are leftmost-longest and do not overlap.  Flags: ADDED_SINGLE, neither neighbour may be a
 * word character (the match is then dropped, but the search goes on behind it); ADDED_LSTRIP and
 * ADDED_RSTRIP, the token swallows the white space before it (not into the match before) or behind
 * it.  Text must be valid UTF-8.  Time: the text, times at most the longest token.
 */
#ifndef OLMO_TOK_ADDED_H
#define OLMO_TOK_ADDED_H

#include <stddef.h>
#include <stdint.h>

enum { ADDED_SINGLE = 1, ADDED_LSTRIP = 2, ADDED_RSTRIP = 4 };

enum { ADDED_PAIRS = 8 };

struct added_node {
	uint32_t child, sibling; /* 0: none */
	uint32_t token;          /* index + 1 of the one that ends here, 0: none */
	uint8_t byte;
};

struct added_token {
	uint32_t id;
	uint32_t len;
	unsigned flags;
};

/* A trie; node 0 is its root. */
struct added_set {
	struct added_node *node;
	size_t n_node, cap_node;
	struct added_token *token;
	size_t n_token;
	uint32_t root[256];  /* child of the root by byte, 0: none */
	uint64_t pair[1024]; /* bit b0 << 8 | b1: a token may begin with these two bytes */
	int word_space;      /* one of them has a letter or digit before a space */
	int first;           /* the one byte that all tokens begin with, or -1 */
	/* The same as a list, when no token has a flag and there are few pairs. */
	int simple, n_pairs;
	uint8_t pairs[ADDED_PAIRS][2];
};

/* 0, or -1 (no message) when the set has the same content already.  len >= 1. */
int added_put(struct added_set *set, const char *s, size_t len, uint32_t id, unsigned flags);
void added_build(struct added_set *set);
void added_release(struct added_set *set);
/* The longest token that s begins with, or NULL. */
const struct added_token *added_match(const struct added_set *set, const char *s, size_t len);

struct added_iter {
	const struct added_set *set;
	const char *s;
	size_t len;
	/* private */
	size_t search, start, space, space_end;
};
int added_next(struct added_iter *it, size_t *from, size_t *to, uint32_t *id);

#endif
