/* nfc: Unicode Normalization Form C with the data of Unicode 9.0.
 *
 *	if (nfc_check(s, n) < n)	not plainly normal
 *		nfc_put(&b, s, n);	append NFC(s)
 *
 * 9.0 on purpose: the normalizer of every Hugging Face tokenizers release is built from that
 * version, so a mark that is younger has combining class 0 and composes with nothing, and token ids
 * follow from that.  Algorithm: canonical decomposition, canonical ordering (stable), composition
 * with blocking (UAX #15, The Unicode Standard 3.11); Hangul by arithmetic.  Text must be valid
 * UTF-8.  Time is linear in the text, whatever it holds; memory grows with the longest stretch
 * between two characters that are certainly starters and normal.
 */
#ifndef OLMO_TOK_NFC_H
#define OLMO_TOK_NFC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Offset of the first code point that may change under NFC or with what stands before it; n when
 * there is none: then s is its own NFC. */
size_t nfc_check(const char *s, size_t n);
void nfc_put(struct buf *out, const char *s, size_t n);

/* The data (nfc_tab.c, by gen-tables.sh), each list ascending. */
struct nfc_ccc { /* code points first .. first + n - 1 have combining class ccc */
	uint32_t first;
	uint16_t n;
	uint8_t ccc;
};
struct nfc_decomp { /* cp decomposes to a, b; b is 0 for a single one */
	uint32_t cp, a, b;
};
struct nfc_comp { /* a + b compose to cp */
	uint32_t a, b, cp;
};
extern const struct nfc_ccc nfc_ccc[];
extern const struct nfc_decomp nfc_decomp[];
extern const struct nfc_comp nfc_comp[];
extern const size_t nfc_n_ccc, nfc_n_decomp, nfc_n_comp;

#endif
