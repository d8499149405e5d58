/* tokenizer: byte-level BPE tokenizers in Hugging Face's tokenizer.json.
 *
 *	struct tokenizer *t = tokenizer_load("tokenizer.json", TOKENIZER_C);	NULL: err_msg
 *	struct encoder *e = encoder_new(t);		tok/encoder.h: text to ids
 *	tokenizer_decode(t, ids, n, 0, &text);		ids to text
 *	tokenizer_free(t);
 *
 * The ids are those of Hugging Face's Tokenizer.encode(text, add_special_tokens=False).ids, what a
 * post_processor would add left out.  Understood:
 *	model		BPE; ignore_merges; merges as "a b" or ["a","b"]; unk_token and byte_fallback
 *			where they cannot matter (every byte that UTF-8 text can hold is a token)
 *	normalizer	null, NFC (Unicode 9.0, tok/nfc.h), a Sequence of these
 *	pre_tokenizer	ByteLevel; a Sequence of a Split whose regex tok/pretok.h knows and a ByteLevel
 *			with use_regex false; ByteLevel with use_regex false alone
 *	added_tokens	all flags (tok/added.h)
 * What is not in this list and could change ids is refused by name.
 *
 * Profiles are the behaviours of Hugging Face's releases:
 *	TOKENIZER_A	<= 0.13: classes of Unicode 14.0; non-special added tokens that the vocabulary
 *			holds already are not matched
 *	TOKENIZER_B	0.14 to 0.21.1 (the ones Dolma pins): classes of Unicode 14.0
 *	TOKENIZER_C	>= 0.21.2: classes of Unicode 16.0
 *
 * A struct tokenizer is read-only after loading and may be shared by threads.
 */
#ifndef OLMO_TOK_TOKENIZER_H
#define OLMO_TOK_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "tok/added.h"
#include "tok/bpe.h"
#include "tok/pretok.h"
#include "tok/strtab.h"
#include "tok/wordcache.h"

enum tokenizer_profile { TOKENIZER_A, TOKENIZER_B, TOKENIZER_C };

#define TOKENIZER_MAX_ID BPE_MAX_ID /* larger ids are refused */

/* One id: the bytes it stands for in text. */
struct tokenizer_token {
	uint32_t off, len; /* in tokenizer.bytes */
	uint8_t used;      /* the id exists */
	uint8_t special;   /* an added token with "special": true */
	uint8_t model; /* in the model's vocabulary (with ignore_merges it may be emitted whole) */
};

struct tokenizer {
	char *path;
	uint32_t n_id;                 /* highest id + 1: the vocabulary size */
	struct tokenizer_token *token; /* (n_id) */
	struct buf bytes;
	struct strtab vocab; /* ids by token string, and by added content */
	struct bpe bpe;
	int nfc, ignore_merges, can_decode;
	struct pretok pretok;
	struct wordcache words;           /* the short tokens that are encoded as themselves */
	struct added_set raw, normalized; /* matched before, and after, normalization */
	struct h128 identity;
};

struct tokenizer *tokenizer_load(const char *path, enum tokenizer_profile profile);
void tokenizer_free(struct tokenizer *t); /* NULL is fine */
/* "A", "B", "C" (or lower case): 0, or -1 without a message. */
int tokenizer_profile_by_name(const char *name, enum tokenizer_profile *p);

/* XXH3-128 of what decides ids, however the JSON is written: little-endian u32 throughout,
 *	"olmo tokenizer 1\n"
 *	n_id; for each id: length of its bytes (all ones: the id does not exist), the bytes
 *	number of merges; for each, by rank: left id, right id, merged id
 *	number of added tokens; for each, by id: id, flags (1 single_word, 2 lstrip, 4 rstrip,
 *		8 normalized, 16 special), length of the content, the content
 *	flags: 1 NFC, 2 ignore_merges
 *	length of the splitter's name (pretok_name), the name
 * The profile is not part of it. */
static inline struct h128 tokenizer_identity(const struct tokenizer *t)
{
	return t->identity;
}

/* The id of an added token's content, or of a vocabulary entry as tokenizer.json writes it; 0, or
 * -1 when there is none (no message). */
int tokenizer_find(const struct tokenizer *t, const char *content, uint32_t *id);

/* The id of the vocabulary entry that is exactly these bytes (for ignore_merges); 0, or -1. */
int tokenizer_whole(
    const struct tokenizer *t, const char *s, size_t len, struct buf *tmp, uint32_t *id);

/* Append the text of ids.  Bytes that are no valid UTF-8 in the whole become U+FFFD, one for each
 * maximal ill-formed part, as Hugging Face's decode does.  skip_special leaves special tokens out.
 * -1 when an id does not exist (names it and its index), or the file has no decoder. */
int tokenizer_decode(
    const struct tokenizer *t, const uint32_t *ids, size_t n, int skip_special, struct buf *out);
/* The same without the last step, for text that comes in parts: raw bytes. */
int tokenizer_decode_raw(
    const struct tokenizer *t, const uint32_t *ids, size_t n, int skip_special, struct buf *out);
/* Append s with ill-formed parts replaced by U+FFFD.  Unless final, an incomplete character at the
 * end is left; the number of bytes consumed is returned. */
size_t tokenizer_lossy(const char *s, size_t n, int final, struct buf *out);

#endif
