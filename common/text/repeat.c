#include "text/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "text/taggers.h"
#include "text/uchar.h"

/* --- one place ------------------------------------------------------------------------------ */

static int is_space(const struct repeats *r, size_t i)
{
	return i < r->len && (uchar(r->cp[i]) & UC_SPACE);
}

/* The unit at s stands at i too. */
static int stands(const struct repeats *r, size_t s, size_t unit, size_t i)
{
	return unit <= r->len && i <= r->len - unit &&
	       !memcmp(r->cp + s, r->cp + i, unit * sizeof(*r->cp));
}

/* End of `need` repetitions from i on, 0 when there are not as many: white space before the unit is
 * taken first, as a backtracking engine does.  Both ways can lead on only when the unit is one white
 * space character; the depth is at most three. */
static size_t follow(const struct repeats *r, size_t s, size_t unit, size_t i, int need)
{
	size_t end = 0;

	if (!need)
		return i;
	if (is_space(r, i) && stands(r, s, unit, i + 1))
		end = follow(r, s, unit, i + 1 + unit, need - 1);
	if (!end && stands(r, s, unit, i))
		end = follow(r, s, unit, i + unit, need - 1);
	return end;
}

/* End of the match at s: three repetitions, then as many as there are. */
static size_t match_end(const struct repeats *r, size_t s, size_t unit)
{
	size_t i = follow(r, s, unit, s + unit, 3);

	for (;;)
		if (is_space(r, i) && stands(r, s, unit, i + 1))
			i += 1 + unit;
		else if (stands(r, s, unit, i))
			i += unit;
		else
			return i;
}

/* --- all places ----------------------------------------------------------------------------- */

/* First place at or after i that has no unit yet. */
static size_t unset(struct repeats *r, size_t i)
{
	size_t root = i;

	while (r->next[root] != root)
		root = r->next[root];
	while (r->next[i] != root) {
		size_t up = r->next[i];

		r->next[i] = (uint32_t)root;
		i = up;
	}
	return root;
}

static void set(struct repeats *r, size_t i, size_t unit)
{
	r->unit[i] = (uint32_t)unit;
	r->next[i] = (uint32_t)(i + 1);
}

/* Places from which [i, i + unit) holds p and equals what stands d further: [*lo, *hi), perhaps
 * empty. */
static void equal_range(
    const struct repeats *r, size_t p, size_t d, size_t unit, size_t floor, size_t *lo, size_t *hi)
{
	const uint32_t *c = r->cp;
	size_t back = 0, forth = 0;

	while (forth < unit && p + d + forth < r->len && c[p + forth] == c[p + d + forth])
		forth++;
	*lo = *hi = p;
	if (!forth)
		return;
	while (back < unit - 1 && p - back > floor && c[p - back - 1] == c[p + d - back - 1])
		back++;
	*lo = p - back;
	if (back + forth >= unit)
		*hi = p + forth - unit + 1; /* the last start whose unit ends at p + forth */
	if (*hi > p + 1)
		*hi = p + 1;
}

/* Units of this length that lie on one line, [from, end). */
static void units_of_line(struct repeats *r, size_t from, size_t end, size_t unit)
{
	for (size_t p = from + unit - 1; p < end; p += unit) {
		size_t first = unset(r, p - unit + 1);

		if (first > p)
			continue; /* every start whose unit holds p has a shorter one */
		for (size_t d = unit; d <= unit + 1; d++) {
			size_t lo, hi;

			equal_range(r, p, d, unit, from, &lo, &hi);
			for (size_t s = unset(r, lo > first ? lo : first); s < hi;
			     s = unset(r, s + 1))
				if (s + unit <= end && follow(r, s, unit, s + unit, 3))
					set(r, s, unit);
		}
	}
}

static void shortest_units(struct repeats *r)
{
	size_t from, end;

	for (from = 0; from < r->len; from = end + 1) {
		for (end = from; end < r->len && r->cp[end] != '\n';)
			end++;
		/* four of them must fit into the text from here on */
		for (size_t unit = 1; unit <= end - from && unit <= (r->len - from) / 4; unit++)
			units_of_line(r, from, end, unit);
	}
}

/* str.count of the unit in the match. */
static uint32_t count(const struct repeats *r, const struct repeat *m)
{
	uint32_t n = 0;

	for (size_t i = m->start; i + m->unit <= m->end;)
		if (stands(r, m->start, m->unit, i))
			n++, i += m->unit;
		else
			i++;
	return n;
}

static void decode(struct repeats *r, const char *s, size_t n)
{
	int len;

	if (n + 2 > r->cap_len) {
		r->cap_len = n + n / 2 + 2;
		r->cp = xreallocarray(r->cp, r->cap_len, sizeof(*r->cp));
		r->unit = xreallocarray(r->unit, r->cap_len, sizeof(*r->unit));
		r->next = xreallocarray(r->next, r->cap_len, sizeof(*r->next));
	}
	r->len = 0;
	for (size_t i = 0; i < n; i += (size_t)len)
		r->cp[r->len++] = utf8_next(s + i, &len);
	for (size_t i = 0; i <= r->len; i++)
		r->unit[i] = 0, r->next[i] = (uint32_t)i;
}

void repeats_find(struct repeats *r, const char *s, size_t n)
{
	decode(r, s, n);
	shortest_units(r);
	r->n = 0;
	for (size_t i = 0; i < r->len;) {
		struct repeat m = {.start = (uint32_t)i, .unit = r->unit[i]};

		if (!m.unit) {
			i++;
			continue;
		}
		m.end = (uint32_t)match_end(r, i, m.unit);
		m.count = count(r, &m);
		if (r->n == r->cap) {
			r->cap = r->cap ? 2 * r->cap : 16;
			r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
		}
		r->v[r->n++] = m;
		i = m.end;
	}
}

void repeats_release(struct repeats *r)
{
	free(r->v);
	free(r->cp);
	free(r->unit);
	free(r->next);
	*r = (struct repeats){0};
}

/* --- the taggers: Dolma's taggers/repetitions (1.2.1) --------------------------------------- */

enum { SPAN, MAX_SCORE, MAX_LENGTH, FRAC };

static const char *const types[] = {"repetition", "doc_max_score_repetition",
    "doc_max_length_repetition", "doc_frac_repetition", NULL};

struct total {
	uint32_t count, length;
	uint64_t chars;
};

static void add(struct tagrun *r, const char *s, size_t n, uint64_t offset, struct total *t)
{
	struct repeats *found = &r->w->repeats;

	repeats_find(found, s, n);
	for (size_t i = 0; i < found->n; i++) {
		const struct repeat *m = &found->v[i];
		uint32_t len = m->end - m->start;

		tag(r, SPAN, offset + m->start, offset + m->end, m->count);
		t->count = m->count > t->count ? m->count : t->count;
		t->length = len > t->length ? len : t->length;
		t->chars += len;
	}
}

static void put_totals(struct tagrun *r, const struct total *t)
{
	tag_doc(r, MAX_SCORE, t->count);
	tag_doc(r, MAX_LENGTH, t->length);
	tag_doc(r, FRAC, t->chars ? (double)t->chars / (double)r->seg->n_cp : 0);
}

static void run_text(struct tagrun *r)
{
	struct total t = {0};

	add(r, r->seg->text, r->seg->len, 0, &t);
	put_totals(r, &t);
}
const struct tagger tagger_repetitions_v1 = {
    "repetitions_v1", "span,doc", types, "Dolma 1.2.1", run_text};

static void run_paragraphs(struct tagrun *r)
{
	const struct lines *l = segment_lines(r->seg);
	struct total t = {0};

	for (size_t i = 0; i < l->n; i++)
		add(r, r->seg->text + l->v[i].off, (size_t)l->v[i].len + l->v[i].newline,
		    l->v[i].cp, &t);
	put_totals(r, &t);
}
const struct tagger tagger_paragraph_repetitions_v1 = {
    "paragraph_repetitions_v1", "span,doc", types, "Dolma 1.2.1", run_paragraphs};
