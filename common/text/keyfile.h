/* keyfile: where each key of some documents occurs first, on disk (olmo-keys(5)): deduplication over
 * shards.  A shard's keys are written by one process; keyfile_merge makes one file of many, in which
 * the position of a key is the first of all shards in the order of the arguments; then any process
 * can tell for its own shard which keys are copies.
 *
 *	struct keywriter *w = keywriter_new(rule);
 *	f = keywriter_file(w, path);			documents file, in order
 *	keywriter_add(w, key, pos);			first occurrences only are kept
 *	keywriter_write(w, "shard.keys", &hash);	frees w
 *
 *	keyfile_merge("all.keys", paths, n, &hash);
 *
 *	struct keyfile *k = keyfile_open("all.keys");
 *	keyfile_rule(k), keyfile_find_file(k, path), keyfile_find(k, key, &pos)
 *	keyfile_close(k);
 *
 * Memory: a writer keeps 32 bytes for each different key and a keyset; a merge maps its inputs; a
 * reader maps the file and keeps a byte a key.  A file is checked whole when opened (size, order,
 * checksum).
 */
#ifndef OLMO_TEXT_KEYFILE_H
#define OLMO_TEXT_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "io/in.h"

/* A key's place: documents file by its number, line from 1, which key of that document. */
struct keypos {
	uint64_t line;
	uint32_t file, ord;
};

static inline int keypos_eq(struct keypos a, struct keypos b)
{
	return a.line == b.line && a.file == b.file && a.ord == b.ord;
}

struct keywriter;
struct keywriter *keywriter_new(const char *rule);
uint32_t keywriter_file(struct keywriter *w, const char *path);
/* Positions must rise.  1: new, 0: the key has an earlier position. */
int keywriter_add(struct keywriter *w, struct h128 key, struct keypos pos);
uint64_t keywriter_len(const struct keywriter *w);
int keywriter_write(struct keywriter *w, const char *path, struct filehash *h); /* 0 or -1 */
void keywriter_free(struct keywriter *w);

struct keyfile;
struct keyfile *keyfile_open(const char *path); /* NULL: err_msg */
const char *keyfile_rule(const struct keyfile *k);
uint64_t keyfile_len(const struct keyfile *k);
size_t keyfile_n_files(const struct keyfile *k);
const char *keyfile_file(const struct keyfile *k, size_t i);
/* Number of the documents file with this path ("./" and "//" do not matter), or -1 with a message. */
int64_t keyfile_find_file(const struct keyfile *k, const char *path);
/* 1 and its first position, or 0. */
int keyfile_find(const struct keyfile *k, struct h128 key, struct keypos *pos);
void keyfile_close(struct keyfile *k);

/* Inputs must have the same rule and no documents file in common.  *n_keys: keys written. */
int keyfile_merge(
    const char *out, char *const *paths, size_t n, struct filehash *h, uint64_t *n_keys);
/* "keys", "bloom" or NULL (message): what kind of file this is by its magic. */
const char *keyfile_kind(const char *path);

#endif
