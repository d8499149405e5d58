/* mime: headers and encodings of mail (RFC 5322, 2045, 2047) and, for the headers, of WARC and HTTP. */
#ifndef OLMO_DOC_MIME_H
#define OLMO_DOC_MIME_H

#include "base/buf.h"

/* Where the body begins: behind the first empty line (n when there is none). */
size_t mime_body(const char *s, size_t n);
/* Value of the first header `name` in [s, s+n), unfolded, without blanks around; 1, 0 when absent.
 * out is cleared first. */
int mime_header(const char *s, size_t n, const char *name, struct buf *out);
/* A parameter of a header's value (charset, boundary); 1, 0 when absent. */
int mime_param(const char *value, size_t n, const char *name, struct buf *out);
/* Append the value with =?charset?Q?…?= decoded; valid UTF-8. */
void mime_words(const char *s, size_t n, struct buf *out);
void mime_base64(const char *s, size_t n, struct buf *out); /* append; other bytes are ignored */
void mime_qp(const char *s, size_t n, struct buf *out);     /* append */
/* A date of mail as YYYY-MM-DDThh:mm:ssZ, "" when it cannot be read. */
void mime_date(const char *s, char out[32]);

#endif
