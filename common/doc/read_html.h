/* read_html: a page that another reader has found (warc). */
#ifndef OLMO_DOC_READ_HTML_H
#define OLMO_DOC_READ_HTML_H

#include "doc/reader.h"

/* s becomes rec->text and metadata; rec->charset is what the transport said. */
void read_html_page(const struct reader_opt *opt, struct rec *rec, const char *s, size_t n);

#endif
