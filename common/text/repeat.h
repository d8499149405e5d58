/* repeat: what re.finditer finds for (.+?)(\s?\1){3,}, the expression of Dolma's repetition taggers:
 * a unit without a newline, four times or more, with or without a white space character between.
 *
 *	struct repeats r = {0};
 *	repeats_find(&r, s, n);			bytes of valid UTF-8
 *	r.v[0 .. r.n-1]
 *	repeats_release(&r);
 *
 * The regex engine tries every length at every place.  Here a place gets the shortest unit that
 * matches there: for each length L, only every L-th place is compared with the place L and L + 1 further
 * (a unit of length L holds exactly one of them), which gives the range of starts at once.  Ordinary text of
 * n characters whose longest line has m costs n log m comparisons.
 */
#ifndef OLMO_TEXT_REPEAT_H
#define OLMO_TEXT_REPEAT_H

#include <stddef.h>
#include <stdint.h>

struct repeat {
	uint32_t start, end, unit; /* code points: the match, the length of the unit */
	uint32_t count; /* how often the unit occurs in the match, as str.count counts */
};

struct repeats {
	struct repeat *v;
	size_t n, cap;
	uint32_t *cp;   /* the text */
	uint32_t *unit; /* shortest unit that matches at each place, 0 = none */
	uint32_t *next; /* the next place without one (union-find) */
	size_t len, cap_len;
};

void repeats_find(struct repeats *r, const char *s, size_t n);
void repeats_release(struct repeats *r);

#endif
