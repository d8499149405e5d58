/* charset: bytes in some encoding become valid UTF-8; what cannot be decoded becomes U+FFFD and is
 * counted.  Names are taken as the WHATWG Encoding standard takes them where it matters (iso-8859-1
 * and ascii mean windows-1252, gb2312 means gb18030, …), else as iconv(3) does. */
#ifndef OLMO_DOC_CHARSET_H
#define OLMO_DOC_CHARSET_H

#include "base/buf.h"

/* Append s with each ill-formed UTF-8 sequence replaced by U+FFFD; returns how many there were. */
uint64_t charset_repair(const char *s, size_t n, struct buf *out);
/* Append s, which is in `name`, to out; *bad gains the number of replacements.  0, or -1 when the
 * name is unknown (nothing appended). */
int charset_decode(const char *name, const char *s, size_t n, struct buf *out, uint64_t *bad);
/* The encoding that s says or shows: by byte order mark (*skip = its length), else `outer` when
 * known (may be "" or NULL), else by <meta> of HTML or a coding tag in the first KiB, else UTF-8
 * when valid, else windows-1252.  Written to name. */
void charset_sniff(const char *outer, const char *s, size_t n, char name[64], size_t *skip);
int charset_known(const char *name);

#endif
