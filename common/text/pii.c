/* Personal information: Dolma's taggers/pii.py (1.2.1), and rules without its mistakes ("pii").
 *
 * What "pii" does otherwise stands in DEVIATIONS.md. */
#include "text/pii.h"

#include <string.h>

#include "base/utf8.h"
#include "text/pii_url.h"
#include "text/taggers.h"
#include "text/uchar.h"

enum { EMAIL, PHONE, IP, DOC_COUNT, DOC_FRAC };

static const char *const types[] = {
    "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "doc_count", "doc_frac", NULL};

typedef int match_fn(const char *s, size_t n, size_t pos, struct pii *m);

static match_fn *const dolma_rule[] = {dolma_email, dolma_phone, dolma_ip};
static match_fn *const pii_rule[] = {pii_email, pii_phone, pii_ip};

/* Bytes to code points, going forward. */
struct cursor {
	const char *s;
	size_t byte;
	uint64_t cp;
};

static uint64_t cp_at(struct cursor *c, size_t byte)
{
	c->cp += utf8_count(c->s + c->byte, byte - c->byte);
	c->byte = byte;
	return c->cp;
}

struct sum {
	uint64_t spans, chars;
};

/* Dolma's test of an email match: a '.' in the domain, and not only "(" before the '@'. */
static int is_email(const char *s, const struct pii *m)
{
	if (m->at == m->local + 1 && s[m->local] == '(')
		return 0;
	return memchr(s + m->at, '.', m->domain_end - m->at) != NULL;
}

static void find(struct tagrun *r, match_fn *fn, int type, const struct line *x, struct sum *sum)
{
	const char *s = r->seg->text + x->off;
	size_t n = (size_t)x->len + x->newline;
	struct cursor c = {s, 0, x->cp};
	struct pii m;

	for (size_t pos = 0; fn(s, n, pos, &m); pos = m.end) {
		uint64_t start, end;

		if (type == EMAIL && !is_email(s, &m))
			continue;
		start = cp_at(&c, m.start);
		end = cp_at(&c, m.end);
		tag(r, type, start, end, 1);
		sum->spans++;
		sum->chars += end - start;
	}
}

static int too_many_questions(const char *s, size_t n)
{
	const char *end = s + n;
	size_t k = 0;

	while (k <= 10000 && (s = memchr(s, '?', (size_t)(end - s))))
		k++, s++;
	return k > 10000;
}

/* Paragraph by paragraph.  doc_frac counts the span of doc_count, which is the whole text. */
static void run_fast(struct tagrun *r)
{
	const struct segment *g = r->seg;
	const struct lines *l = segment_lines(r->seg);
	struct sum sum = {0};

	if (!too_many_questions(g->text, g->len))
		for (size_t i = 0; i < l->n; i++)
			for (int k = EMAIL; k <= IP && line_is_paragraph(&l->v[i]); k++)
				find(r, dolma_rule[k], k, &l->v[i], &sum);
	tag_doc(r, DOC_COUNT, (double)sum.spans);
	tag_doc(r, DOC_FRAC, g->n_cp ? (double)(sum.chars + g->n_cp) / (double)g->n_cp : -1);
}
const struct tagger tagger_pii_regex_with_counts_fast_v2 = {
    "pii_regex_with_counts_fast_v2", "span,doc", types, "Dolma 1.2.1", run_fast};

static void run_pii(struct tagrun *r)
{
	const struct segment *g = r->seg;
	const struct line all = {
	    0, (uint32_t)g->len, 0, (uint32_t)g->n_cp, (uint32_t)g->n_cp, 0, 0};
	struct sum sum = {0};

	for (int k = EMAIL; k <= IP; k++) {
		tag_key(r, k);
		find(r, pii_rule[k], k, &all, &sum);
	}
	tag_doc(r, DOC_COUNT, (double)sum.spans);
	tag_doc(r, DOC_FRAC, g->n_cp ? (double)sum.chars / (double)g->n_cp : 0);
}
const struct tagger tagger_pii = {"pii", "span,doc", types, "this project", run_pii};

/* --- pii_regex_v2 ------------------------------------------------------------------------- */

enum { V2_DOC = DOC_COUNT };

static const char *const types_v2[] = {"EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "doc", NULL};

/* The first two pieces of the match (prefix included) between '@'s: as is_email, but another "local
 * part" and "domain" when the prefix has an '@'. */
static int is_email_v2(const char *s, const struct pii *m)
{
	const char *p = s + m->start, *end = s + m->end, *at = memchr(p, '@', (size_t)(end - p)),
		   *at2;
	size_t a, b;

	text_strip(p, (size_t)(at - p), &a, &b);
	if (b - a == 1 && p[a] == '(')
		return 0;
	at2 = memchr(at + 1, '@', (size_t)(end - at - 1));
	return memchr(at, '.', (size_t)((at2 ? at2 : end) - at)) != NULL;
}

/* "isbn", "doi" or "#" in the match or the 100 characters before and after it. */
static int is_reference(const char *s, size_t n, const struct pii *m)
{
	size_t a = m->start, b = m->end, len;
	int w;

	for (int k = 0; k < 100 && a; k++)
		uchar_before(s, a, &a);
	for (int k = 0; k < 100 && b < n; k++) {
		utf8_next(s + b, &w);
		b += (size_t)w;
	}
	s += a, len = b - a;
	return text_find(s, len, "isbn", 4) || text_find(s, len, "doi", 3) || memchr(s, '#', len);
}

static void run_v2(struct tagrun *r)
{
	const char *s = r->seg->text;
	size_t n = r->seg->len, words = segment_words(r->seg)->n;
	int url = -1;
	uint64_t count = 0;
	struct pii m;

	for (int k = EMAIL; k <= IP; k++) {
		struct cursor c = {s, 0, 0};

		for (size_t pos = 0; dolma_rule[k](s, n, pos, &m); pos = m.end) {
			uint64_t start;

			if (k == EMAIL ? !is_email_v2(s, &m) : is_reference(s, n, &m))
				continue;
			if (k == PHONE && url < 0)
				url = dolma_url(s, n);
			if (k == PHONE && url)
				continue;
			start = cp_at(&c, m.start);
			tag(r, k, start, cp_at(&c, m.end), 1);
			count++;
		}
	}
	tag_doc(r, V2_DOC, words ? (double)count / (double)words : -1);
}
const struct tagger tagger_pii_regex_v2 = {
    "pii_regex_v2", "span,doc", types_v2, "Dolma 1.2.1", run_v2};
