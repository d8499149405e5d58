/* seal: an end mark for JSON lines.  {"seal":{"docs":N,"xxh3":"<32 hex>"}} is the last line of a
 * sealed stream: N lines before it (since the stream's start or the last seal), and the XXH3-128 of
 * their bytes including newlines.  Every reader checks and removes such lines; concatenated sealed
 * streams are fine.  --require-seal makes lines after the last seal, or no seal at all, an error. */
#ifndef OLMO_IO_SEAL_H
#define OLMO_IO_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "io/in.h"

struct seal {
	struct hasher h;
	uint64_t docs;
	uint64_t seals; /* seen so far */
};
void seal_init(struct seal *s);
void seal_add(struct seal *s, const char *lines, size_t len, uint64_t n_lines);
void seal_line(struct seal *s, struct buf *b); /* append the mark with '\n', and start anew */
/* 1 when the line (without '\n') is a seal mark. Cheap. */
int seal_is(const char *line, size_t len);
/* Check a mark against what was added since the last one; 0, or -1 with name:line. Starts anew. */
int seal_check(struct seal *s, const char *line, size_t len, const char *name, uint64_t lineno);
/* in_line() for sealed streams: the next line that is no mark, added to s; marks are checked and passed
 * over.  1, 0 at the end (then seal_end), -1. */
int seal_next(struct seal *s, struct in *in, char **line, size_t *len);
/* At the end of a file: 0, or -1 when required and unsealed lines remain (or no seal was seen). */
int seal_end(const struct seal *s, int required, const char *name);
void seal_release(struct seal *s);

#endif
