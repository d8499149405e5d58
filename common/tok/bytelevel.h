/* bytelevel: the alphabet in which byte-level tokenizers write bytes as characters.
 *
 * Bytes 21-7E, A1-AC and AE-FF stand for the code points of the same number; the other 68 (00-20,
 * 7F-A0, AD) for U+0100 up, in byte order: 00 is U+0100, 0A U+010A, 20 U+0120.  (OpenAI GPT-2,
 * bytes_to_unicode.)  Only tokenizer.json is written so.
 */
#ifndef OLMO_TOK_BYTELEVEL_H
#define OLMO_TOK_BYTELEVEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The code point of a byte. */
uint32_t bytelevel_char(unsigned byte);
/* Append the characters of n bytes. */
void bytelevel_put(struct buf *b, const void *p, size_t n);
/* Append the bytes that valid UTF-8 text stands for; -1, and nothing appended, when it holds a
 * character outside the alphabet (no message). */
int bytelevel_get(struct buf *b, const char *s, size_t n);

#endif
