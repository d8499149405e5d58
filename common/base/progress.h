/* progress: one line on stderr, only when it is a terminal (or --progress always), after 1 s, at
 * most 5 times a second, with rate and time left, erased at the end.  -v off a terminal prints a
 * line a minute.
 *
 *	progress_start("tokenize", "MB", 1e6, total_bytes_or_0, o.progress);
 *	progress_add(n);	thread-safe, cheap
 *	progress_end();
 */
#ifndef OLMO_BASE_PROGRESS_H
#define OLMO_BASE_PROGRESS_H

#include <stdint.h>

void progress_start(const char *label, const char *unit, double scale, uint64_t total, int mode);
void progress_add(uint64_t n);
void progress_end(void);
/* Take the line off the terminal before a message (err.h calls it); it comes back by itself. */
void progress_erase(void);

#endif
