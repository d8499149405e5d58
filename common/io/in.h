/* in: input streams, decompressed by their first bytes (gzip: 1f 8b, zstd: 28 b5 2f fd; else plain),
 * whatever their name.  Concatenated gzip members and zstd frames are one stream.  Truncated or
 * damaged input is an error that names the file and the offset in the file as stored; nothing that
 * was read before it may end up under a final name.  So are bytes after the last member or frame that
 * begin no other, zstd frames that need more than 128 MiB to decode, and a file called .gz or .zst
 * that has neither the magic nor text.
 *
 *	struct in *f = in_open("a.jsonl.zst");		NULL: err_msg
 *	while ((rc = in_line(f, &line, &len)) > 0) …	borrowed until the next call
 *	if (rc < 0) …
 *	in_close(f, &hash);
 *
 * "-" is stdin.  A directory is an error.  Memory: one input buffer and the longest line.
 */
#ifndef OLMO_IO_IN_H
#define OLMO_IO_IN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/hash.h"

/* Size and XXH3-128 of a file's bytes as stored. */
struct filehash {
	uint64_t bytes;
	struct h128 xxh3;
};

struct in;

struct in *in_open(const char *path);
/* Bytes after decompression, 0 at the end, -1 on error. */
ssize_t in_read(struct in *f, void *p, size_t n);
/* Next line without its '\n' (a last line without one counts); 1, 0 at the end, -1.  A NUL follows
 * the line in memory. Lines longer than 2 GiB are refused with file:line. */
int in_line(struct in *f, char **line, size_t *len);
/* Append whole lines, with their '\n', to b until it has gained at least want bytes or the input
 * ends; the cut depends on the stream's bytes only.  *n_lines of them, starting at line *first
 * (1-based).  1, 0 when nothing is left, -1.  A last line without '\n' gets one.  b->len is the
 * end of the last line; at least 64 readable zero bytes follow it. */
int in_lines(struct in *f, size_t want, struct buf *b, uint64_t *first, uint64_t *n_lines);
uint64_t in_lineno(const struct in *f);  /* lines returned so far */
uint64_t in_stored(const struct in *f);  /* stored bytes consumed so far (for progress) */
const char *in_name(const struct in *f); /* path, or "(stdin)" */
/* Bytes that a plain file had when it was opened: what room to make; 0 when that is not known. */
uint64_t in_size(const struct in *f);
/* h (may be NULL): size and hash of the stored bytes read; the whole file when read to its end. */
void in_close(struct in *f, struct filehash *h);

/* Hash a file without decompressing it; 0 or -1. */
int in_hash_file(const char *path, struct filehash *h);
/* The whole decompressed file, NUL-terminated; 0 or -1.  Refuses more than max bytes. */
int in_slurp(const char *path, size_t max, struct buf *b, struct filehash *h);

#endif
