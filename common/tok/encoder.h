/* encoder: text to token ids, one a thread.
 *
 *	struct encoder *e = encoder_new(t);		t outlives it
 *	struct ids ids = {0};
 *	ids.n = 0;
 *	if (encoder_add(e, text, len, &ids) < 0) …	appends the ids of one text
 *	ids_release(&ids);
 *	encoder_free(e);
 *
 * The steps are Hugging Face's: added tokens with normalized = false are cut out of the text; each
 * piece between them is normalized; the other added tokens are cut out of that; each piece between
 * is split into pretokens; each pretoken is merged by itself.  A cache from pretoken to ids
 * (bounded, private) makes the last step one look-up for nearly all of them; it never changes ids.
 *
 * Memory: 6 MiB, up to 64 with many different pretokens, and for the longest pretoken 20 bytes a
 * byte.  Time is O(n log n) in the longest pretoken and linear in the rest.
 */
#ifndef OLMO_TOK_ENCODER_H
#define OLMO_TOK_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "tok/tokenizer.h"

struct ids {
	uint32_t *p;
	size_t n, cap;
};
void ids_grow(struct ids *v, size_t extra); /* room for extra more */
void ids_release(struct ids *v);
static inline void ids_push(struct ids *v, uint32_t id)
{
	if (v->n == v->cap)
		ids_grow(v, 1);
	v->p[v->n++] = id;
}

struct encoder;
struct encoder *encoder_new(const struct tokenizer *t);
void encoder_free(struct encoder *e); /* NULL is fine */

/* Step by step, without caches and masks: slower, and the same ids (tests compare). */
void encoder_plain(struct encoder *e, int on);

/* Append the ids of a text.  -1 when it is not valid UTF-8 ("invalid UTF-8 at byte N") or longer
 * than 2 GiB, or than 1.3 GiB and not in NFC; then nothing is appended. */
int encoder_add(struct encoder *e, const char *s, size_t len, struct ids *out);

/* Visit the pretokens of a text instead, after normalization, with added tokens left out: what
 * training counts.  Errors as above. */
int encoder_split(struct encoder *e, const char *s, size_t len,
    void (*fn)(void *arg, const char *p, size_t n), void *arg);

/* The length of text from its start and end with the characters that Python's str.strip() removes
 * left out (29 of them: White_Space and U+001C..U+001F); *start is where it begins. */
size_t encoder_strip(const char *s, size_t len, size_t *start);

#endif
