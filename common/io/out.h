/* out: output streams that appear complete or not at all.
 *
 * A file is written as .NAME.PID.tmp in the target's directory (made when missing), then fsync,
 * rename, fsync of the directory: out_commit().  Before that nothing has the final name.  SIGINT,
 * SIGTERM and SIGHUP remove the temporaries (out_signals() installs that; opts_init does not);
 * kill -9 leaves one, which the next out_open of the same NAME removes when its process is dead.
 * NULL or "-" is stdout, which is refused for binary data when it is a terminal.
 *
 * Suffix .gz or .zst compresses (gzip level 6, zstd level 3, with content checksum); the bytes
 * depend on the data and the sequence of calls only, never on threads.
 *
 *	struct out *f = out_open("x.jsonl.zst", 0);	NULL: err_msg
 *	out_write(f, p, n);				-1 on error; errors are sticky
 *	if (out_commit(f, &hash) < 0) die_err();	frees f in any case
 *
 * Parallel compression: out_pack() turns a piece into a complete gzip member / zstd frame (or a
 * copy, for plain files) in any thread; out_write_packed() appends it.
 */
#ifndef OLMO_IO_OUT_H
#define OLMO_IO_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/blockhash.h"
#include "io/in.h"

enum {
	OUT_BINARY = 1, /* refuse a terminal */
	OUT_HASH = 2,   /* out_commit needs the hash even for stdout (always kept for files) */
	OUT_NEW = 4,    /* refuse to replace an existing file */
	OUT_TABLE = 8   /* gzip level 4: three times as fast, and no larger for rows of numbers */
};

struct out;

struct out *out_open(const char *path, unsigned flags);
int out_write(struct out *f, const void *p, size_t n);
int out_printf(struct out *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_pack(const struct out *f, const void *p, size_t n, struct buf *dst); /* thread-safe */
int out_write_packed(struct out *f, const void *p, size_t n);
/*
 * For outputs of known parts, made by several threads.  out_add_blocks: n blocks of BLOCKHASH bytes
 * of an uncompressed output come next; their sums are known, and what was written before is whole
 * blocks.  *at is their place.  out_put_blocks writes them there, by any thread, before out_commit.
 * They go to the disk at once: past the page cache when p, the place and the bytes are
 * multiples of OUT_ALIGN, else their writing is begun.  A stream is written by out_add_blocks.
 */
enum { OUT_ALIGN = 4096 };
int out_add_blocks(
    struct out *f, const void *p, size_t n, const struct blocksum *sum, uint64_t *at);
int out_put_blocks(const struct out *f, const void *p, size_t n, uint64_t at);
/* About so many bytes will be written: takes the space, in one piece if possible. */
int out_reserve(struct out *f, uint64_t n);
uint64_t out_pos(const struct out *f); /* uncompressed bytes written so far */
int out_is_stdout(const struct out *f);
const char *out_name(const struct out *f);
/* Overwrite bytes already written (plain files only; the hash of the file is recomputed at commit
 * when this was used).  -1 for streams. */
int out_patch(struct out *f, uint64_t off, const void *p, size_t n);
/* Flush, fsync, rename; fills h (may be NULL) with size and hash as stored.  Frees f.  -1: the
 * temporary is gone and the old file, if any, is untouched. */
int out_commit(struct out *f, struct filehash *h);
void out_abort(struct out *f); /* remove the temporary, free f */

/* Remove the temporaries of this process on SIGINT, SIGTERM, SIGHUP, then die by that signal. */
void out_signals(void);
/* Remove the temporaries of every open output now (for programs that handle signals themselves). */
void out_abort_all(void);

/* mkdir -p of path, or of its parent. */
int out_mkdirs(const char *path);
int out_mkparent(const char *path);
/* Atomically write a small file. */
int out_file(const char *path, const void *p, size_t n);
/* Make directory data durable: fsync of the directory. */
int out_sync_dir(const char *dir);

#endif
