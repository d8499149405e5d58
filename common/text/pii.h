/* pii: the matchers behind the PII taggers, on bytes of valid UTF-8.
 *
 * The three dolma_… functions find what re.finditer finds for the expressions of Dolma 1.2.1
 *
 *	EMAIL  [.\s@,?!;:)(]*([^\s@]+@[^\s@,?!;:)(]+?)[.\s@,?!;:)(]?[\s\n\r]
 *	PHONE  \s+\(?(\d{3})\)?[-\. ]*(\d{3})[-. ]?(\d{4})
 *	IP     (?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|…|[01]?[0-9][0-9]?)
 *
 * with Python's \s and \d (Unicode), without backtracking: leftmost match at or after pos, 1 or 0.
 *
 *	for (pos = 0; dolma_email(s, n, pos, &m); pos = m.end) …
 */
#ifndef OLMO_TEXT_PII_H
#define OLMO_TEXT_PII_H

#include <stddef.h>

struct pii {
	size_t start, end;            /* the whole match */
	size_t local, at, domain_end; /* email: group 1 is [local, domain_end) with '@' at at */
};

int dolma_email(const char *s, size_t n, size_t pos, struct pii *m);
int dolma_phone(const char *s, size_t n, size_t pos, struct pii *m);
int dolma_ip(const char *s, size_t n, size_t pos, struct pii *m);

/* The corrected rules (tagger "pii"; DEVIATIONS.md): spans without what stands around. */
int pii_email(const char *s, size_t n, size_t pos, struct pii *m);
int pii_phone(const char *s, size_t n, size_t pos, struct pii *m);
int pii_ip(const char *s, size_t n, size_t pos, struct pii *m);

#endif
