/* dedup: what is compared when documents are deduplicated, and which spans the answers give.
 *
 *	struct dedup_rule r;
 *	dedup_rule_init(&r);
 *	dedup_rule_by(&r, "paragraph");			-1 with a message
 *	…other fields…
 *	dedup_split(&r, &scratch, d, &dd);		any thread: keys of a document, in its order
 *	for (i = 0; i < dd.n_keys; i++)
 *		dd.dup[i] = !keyset_add(&set, dd.key[i]);	in document order
 *	dedup_mark(&r, &dd, &d->attrs, "name", &n);	any thread: the spans
 *
 * Documents: one key, the string at `field`; a copy has the span [0, length of the text, 1].
 * Paragraphs: the pieces between separators; the span of a piece includes the separator behind it, in
 * code points; the empty piece behind a last separator is no paragraph.
 * N-grams: as Dolma's deduper (paragraphs.by_ngram): tokens are the pieces of UAX #29 that are not
 * white space; n-gram i is taken when none but number 0 was taken before or the last one taken is
 * stride behind; the score is the part of those taken that occurred before, in float; fewer than two
 * taken: the paragraph as a whole, unless skip_short.
 *
 * compat gives what Dolma 1.2.1 gives where it differs: spans that forget the newline of a last
 * paragraph in ASCII text, count one character for any separator and may be empty; a document span
 * as long as the key in bytes; min_length of documents in bytes; no attribute on first copies.
 */
#ifndef OLMO_TEXT_DEDUP_H
#define OLMO_TEXT_DEDUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "doc/doc.h"

enum dedup_by { DEDUP_DOCUMENT, DEDUP_PARAGRAPH, DEDUP_NGRAM };

struct dedup_rule {
	enum dedup_by by;
	char *field; /* dotted path; "text" is the text */
	char *sep;   /* between paragraphs */
	size_t sep_len, sep_cp;
	uint64_t min_length; /* shorter ones are skipped: code points */
	uint64_t min_words;  /* UAX #29 words */
	uint64_t ngram, stride;
	float threshold;
	int skip_empty;   /* nothing but white space */
	int skip_short;   /* paragraphs of fewer than two n-grams */
	int skip_missing; /* documents without the field (else an error) */
	int compat;
};

void dedup_rule_init(struct dedup_rule *r);
/* "url", "document", "document:FIELD", "paragraph", "ngram", "ngram:N,STRIDE,THRESHOLD" (the last may
 * be left out). */
int dedup_rule_by(struct dedup_rule *r, const char *arg);
/* With \n \t \r \\ for those characters; not empty. */
int dedup_rule_separator(struct dedup_rule *r, const char *arg);
/* The rule in one line, for key files: what decides the keys.  The part before " | " decides what a
 * key is, the rest which pieces have one.  The caller frees. */
char *dedup_rule_text(const struct dedup_rule *r);
/* 1 when the texts agree; what_only: before " | ". */
int dedup_rule_same(const char *a, const char *b, int what_only);
void dedup_rule_release(struct dedup_rule *r);

/* A document or paragraph, and its keys. */
struct dedup_unit {
	uint64_t start, end; /* code points */
	size_t first, n;     /* keys */
	int whole;           /* the last key alone decides: it is the whole piece */
};

struct dedup_doc {
	struct dedup_unit *unit;
	size_t n_units;
	struct h128 *key;
	unsigned char *dup; /* the caller's answers, zero at first */
	size_t n_keys;
	int absent;  /* compat: no attribute when no span comes of it */
	int missing; /* it has no key field */
};

/* Memory of one thread. */
struct dedup_scratch {
	struct dedup_unit *unit;
	size_t n_units, cap_units;
	struct h128 *key;
	size_t n_keys, cap_keys;
	uint64_t *token; /* hash of each token of a paragraph */
	uint32_t *at;    /* where it starts and ends (2 each) */
	size_t n_tokens, cap_tokens;
	struct buf text;
};

/* dd lives in document memory.  -1 with a message. */
int dedup_split(
    const struct dedup_rule *r, struct dedup_scratch *s, struct doc *d, struct dedup_doc *dd);
void dedup_scratch_release(struct dedup_scratch *s);
/* Number of spans set; *chars += code points in them. */
size_t dedup_mark(const struct dedup_rule *r, const struct dedup_doc *dd, struct attrs *a,
    const char *name, uint64_t *chars);

/* Number of UAX #29 words (pieces that are not white space) in n bytes, at most max. */
size_t dedup_words(const char *s, size_t n, size_t max);
/* Nothing but Unicode white space. */
int dedup_blank(const char *s, size_t n);
/* The pieces of a text between separators, one after the other; start with {0}.  1, or 0 after the
 * last, which may be empty. */
struct dedup_piece {
	size_t start, end, next; /* bytes; next: behind the separator */
	int last;                /* no separator follows */
};
int dedup_piece_next(
    const char *text, size_t n, const char *sep, size_t sep_len, struct dedup_piece *p);

#endif
