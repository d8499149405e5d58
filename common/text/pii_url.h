/* pii_url: does the expression URL of Dolma's taggers/pii.py (1.2.1) occur in a text?
 *
 *	(?i)\b((?:https?://|www\d{0,3}[.]|[a-z0-9.\-]+[.][a-z]{2,4}/)(?:[^\s()<>]+|PAREN)+
 *	(?:PAREN|[^\s`!()\[\]{};:'".,<>?«»“”‘’]))      PAREN = \(([^\s()<>]+|(\([^\s()<>]+\)))*\)
 *
 * It was written in a plain Python string, so that \b is the character backspace (U+0008) and a text
 * without one has no URL.
 */
#ifndef OLMO_TEXT_PII_URL_H
#define OLMO_TEXT_PII_URL_H

#include <stddef.h>

int dolma_url(const char *s, size_t n);

#endif
