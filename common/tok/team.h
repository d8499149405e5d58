/* team: several threads at the ids of one long text.
 *
 *	struct team *m = team_new(t, threads);		t outlives it
 *	rc = team_add(m, e, text, len, &ids);		as encoder_add() with e
 *	team_free(m);
 *
 * The text is cut before a space that follows an ASCII letter or digit.  Nothing reaches over such a
 * place: no pretoken of the regexes known, no composition, and no added token of tokenizers for
 * which team_can() holds.  So the ids are those of encoder_add().  Any thread may call team_add();
 * one text at a time is shared out, and who comes while that is done works alone, as does every
 * text of less than 2 TEAM_PART.  Threads and their encoders are made when the first is needed.
 */
#ifndef OLMO_TOK_TEAM_H
#define OLMO_TOK_TEAM_H

#include <stddef.h>

#include "tok/encoder.h"

enum { TEAM_PART = 1 << 18 }; /* bytes, at least */

struct team;
struct team *team_new(const struct tokenizer *t, int threads);
void team_free(struct team *m); /* NULL is fine */
int team_add(struct team *m, struct encoder *e, const char *s, size_t len, struct ids *out);

/* Whether added tokens allow it: none has a flag, or a letter or digit before a space. */
int team_can(const struct tokenizer *t);
/* The first place to cut at or after from, or len. */
size_t team_cut(const char *s, size_t len, size_t from);

#endif
