/* wordbreak: word boundaries of UAX #29 (Unicode 15.0, rules WB3 to WB999).
 *
 *	size_t pos = 0, end;
 *	while ((end = wordbreak_next(s, n, pos)) > pos) {
 *		…the piece [pos, end): a word, a space, a punctuation mark…
 *		pos = end;
 *	}
 *
 * s is valid UTF-8 and must begin at a boundary (the start of the text, or of a piece whose
 * surroundings do not matter, such as a paragraph).  The rules look at most two characters and the
 * marks between them to either side,.
 */
#ifndef OLMO_TEXT_WORDBREAK_H
#define OLMO_TEXT_WORDBREAK_H

#include <stddef.h>
#include <stdint.h>

/* End of the piece that starts at pos; n when pos is n. */
size_t wordbreak_next(const char *s, size_t n, size_t pos);
/* The same with the Word_Break values that Unicode 16.0 changed (16 code points). */
size_t wordbreak16_next(const char *s, size_t n, size_t pos);

#endif
