/* ftfile: is a file a whole fastText classifier (.bin or .ftz, versions 11 and 12)?  Walks its structure
 * without loading it: every size must fit the file, and the file must end where the structure
 * does.  0, or -1 with "file@offset: what". */
#ifndef OLMO_TEXT_FTFILE_H
#define OLMO_TEXT_FTFILE_H

int ftfile_check(const char *path);

#endif
