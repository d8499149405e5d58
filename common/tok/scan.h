/* scan: a piece of text to pretokens and added tokens in one pass, 64 bytes at a time.
 *
 *	struct scan c;
 *	scan_init(&c, &splitter, &added, s, len);
 *	while ((n = scan_next(&c)))
 *		item i < n is s[c.pos[i], c.pos[i + 1]): a pretoken, or, when it is the item of
 *		c.added[0 .. c.n_added), the added tokens of these entries, one after the other
 *
 * What pretok_split() and added_next() give one after the other, exactly, for the splitters
 * PRETOK_GPT2, _CL100K and _QWEN2, and added tokens without flags (scan_can).  Each block of 64 bytes becomes bit masks:
 * letters, digits, white space, spaces, apostrophes, bytes from 0x80 up, and the places where an
 * added token may begin.  Non-ASCII characters and these places are looked at one by one; where
 * pretokens begin then follows from the masks by shifts:
 *
 *	T	the class differs from that of the byte before (added tokens are a class, too)
 *	E	the last character of white space that text follows: \s+(?!\S)
 *	J	a space that text follows: it leads the run behind it, which then begins no pretoken
 *	starts = (T | E) & ~(J << 1), and behind the contractions 's 't 'm 'd 're 've 'll
 *
 * For the cl100k family the rules are others (scan.c, cl100k_starts): one character that is no line
 * end leads letters, line ends belong to what is before them, numbers are cut.
 *
 * Text must be valid UTF-8 and less than 2 GiB.  The masks are made by the best instruction set of
 * this CPU; all of them give the same.
 */
#ifndef OLMO_TOK_SCAN_H
#define OLMO_TOK_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "tok/added.h"
#include "tok/pretok.h"

/* Of 64 bytes, the first in bit 0; of ASCII characters, but that letter has the bytes of others, too,
 * that need no look at a table and end in the block (scan_two(), scan_three()), rest these but for
 * their first ones, and high the bytes from 0x80 up but for all of these. */
struct scan_mask {
	uint64_t letter, digit, white, space, line, quote, rest, high; /* line: \n and \r */
	uint64_t cand; /* an added token may begin; bit 63 without regard to the byte behind it */
};

struct scan_isa {
	const char *name;
	/* Masks of n blocks at p.  Candidates are bytes pair[k][0] before pair[k][1], k < n_pair. */
	void (*masks)(
	    const char *p, size_t n, const uint8_t (*pair)[2], int n_pair, struct scan_mask *m);
	/* First byte in [p, end) that leads a character that may be unsafe, or end. */
	const char *(*unsafe)(const char *p, const char *end);
	/* base + i for each bit i of starts, at p, ascending; the end of them.  All 64 places at p may
	 * be written. */
	uint32_t *(*places)(uint64_t starts, uint32_t base, uint32_t *p);
};

/* Bit i: among the characters with lead byte 0xc0 + i are some with TOKCHAR_UNSAFE
 * (tok/tokchar.h). */
#define SCAN_UNSAFE UINT64_C(0x0001840fbbc47000)
/* Of those that 0xe3 leads only eight are, and kana are many. */
static inline int scan_is_unsafe(const unsigned char *u)
{
	if (u[0] == 0xe3)
		return (u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xaf) ||
		       (u[1] == 0x82 && u[2] >= 0x99 && u[2] <= 0x9a);
	return u[0] >= 0xc0 && SCAN_UNSAFE >> (u[0] - 0xc0) & 1;
}

/* Letters of two bytes and of three that need no look at a table: U+00C0..017F but for two signs,
 * U+0400..047F, kana, and U+5000..8FFF. */
static inline int scan_two(unsigned char lead, unsigned char second)
{
	return lead == 0xc4 || lead == 0xc5 || lead == 0xd0 || lead == 0xd1 ||
	       (lead == 0xc3 && second != 0x97 && second != 0xb7);
}

static inline int scan_three(unsigned char lead, unsigned char second, unsigned char third)
{
	if (lead != 0xe3)
		return lead >= 0xe5 && lead <= 0xe8;
	return (second == 0x81 && third != 0x80) ||
	       (second == 0x82 && !(third >= 0x97 && third <= 0x9c) && third != 0xa0) ||
	       (second == 0x83 && third != 0xbb);
}

/* Masks of leads; two and three are of those that scan_two() and scan_three() are true of. */
static inline void scan_letters(struct scan_mask *m, uint64_t two, uint64_t three)
{
	two &= UINT64_MAX >> 1;
	three &= UINT64_MAX >> 2;
	m->rest = (two | three) << 1 | three << 2;
	m->letter |= two | three | m->rest;
	m->high &= ~(two | three | m->rest);
}

extern const struct scan_isa scan_plain, scan_avx2, scan_avx512;
/* NULL: the best; else this table (tests; not while threads run). */
extern const struct scan_isa *scan_isa_force;
const struct scan_isa *scan_isa(void);
/* The tables that this CPU can run, NULL behind the last. */
const struct scan_isa *const *scan_isa_all(void);

enum {
	SCAN_WINDOW = 64, /* blocks whose masks are made at once */
	SCAN_ITEMS = 128  /* items of one call, at least, but for the last one */
};

/* One block, non-ASCII characters and added tokens included. */
struct scan_plane {
	uint64_t l, n, s;    /* class, of all bytes of a character */
	uint64_t s1, s2, s3; /* first byte of white space of 1, 2, 3 bytes */
	uint64_t space, line, quote;
	uint64_t rest; /* bytes of a character but for its first */
	uint64_t x;    /* in an added token, or behind the text */
};

struct scan_added {
	uint32_t pos, item, id;
};

struct scan {
	/* the last call's */
	uint32_t pos[SCAN_ITEMS + 128 + 2];
	struct scan_added *added;
	size_t n_added, cap_added;
	/* private */
	const struct scan_isa *isa;
	const struct added_set *set;
	unsigned hide;
	const char *s;
	size_t len, block;        /* the next block to prepare */
	size_t n_pos, n_items;    /* positions; items handed out */
	size_t n_queue, n_placed; /* entries of added, and those whose item is known */
	size_t search;            /* end of the last added token */
	struct scan_plane cur, carry;
	size_t skip;            /* bytes of the block that belong to the character before it */
	struct scan_plane last; /* of the block before cur; bit 63 is used */
	uint64_t join, set_next, clear_next;
	/* what the last block says of this one, for cl100k */
	uint64_t ends,
	    lead; /* bit 0: its line ends are those of the token before; a lead ends there */
	unsigned digits; /* of the number that goes on, modulo 3 */
	int undecided;   /* the last start is none if white space goes on to a line end */
	enum pretok_kind kind;
	size_t window; /* first block of mask[] */
	struct scan_mask mask[SCAN_WINDOW];
	char tail[64];
};

/* Whether scan can do it: else use pretok_split and added_next. */
int scan_can(const struct pretok *p, const struct added_set *set);
/* c keeps its memory from use to use; the first time it is all zero. */
void scan_init(struct scan *c, const struct pretok *p, const struct added_set *set, const char *s,
    size_t len);
size_t scan_next(struct scan *c);
void scan_release(struct scan *c);

#endif
