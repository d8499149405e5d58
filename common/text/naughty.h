/* naughty: is a word or phrase of a list in a text?
 *
 *	const struct naughty *w = naughty_builtin();	the list C4 and Dolma use; not to be freed
 *	struct naughty *w = naughty_load("words.txt");	one entry a line, UTF-8; NULL: err_msg
 *	naughty_token(w, low, n)	as Dolma: entries without a space must equal a word of
 *					str.split(), entries with a space may stand anywhere
 *	naughty_word(w, low, n)		as C4: an entry stands between characters that are not \w
 *
 * low is the text in lower case (text_lower); entries are lower-cased when loaded.
 */
#ifndef OLMO_TEXT_NAUGHTY_H
#define OLMO_TEXT_NAUGHTY_H

#include <stddef.h>

#include "io/in.h"

struct naughty;

extern const char *const naughty_list[]; /* the built-in entries, NULL-terminated */

const struct naughty *naughty_builtin(void);
/* h (may be NULL): hash of the file. */
struct naughty *naughty_load(const char *path, struct filehash *h);
void naughty_free(struct naughty *w);

int naughty_token(const struct naughty *w, const char *low, size_t n);
int naughty_word(const struct naughty *w, const char *low, size_t n);

#endif
