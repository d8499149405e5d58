/* manifest: what a run read, did and wrote (olmo-manifest(5)).
 *
 *	struct manifest *m = manifest_new("tokenize");
 *	manifest_opt_int(m, "eos_id", 50279);		options that change the output
 *	manifest_input(m, "documents", path, &hash);	role, path ("-" for stdin)
 *	manifest_output(m, "tokens", path, &hash);
 *	manifest_count(m, "docs", n);
 *	manifest_counters(m);				all counters of base/stats.h
 *	manifest_write_for(m, "X.tok");			X.tok.manifest.json, or X/manifest.json for a directory
 *	manifest_write(m, "m.json");			the file named (--manifest)
 *	manifest_free(m);
 *
 * Paths are written relative to the manifest's own directory, so a data set can be moved as a
 * whole.  No time, host, thread count or absolute path goes in.  Keys are sorted; the same run
 * gives the same bytes.
 */
#ifndef OLMO_IO_MANIFEST_H
#define OLMO_IO_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

#include "io/in.h"

struct manifest;

struct manifest *manifest_new(const char *program);
void manifest_opt_str(struct manifest *m, const char *key, const char *v); /* NULL: null */
void manifest_opt_int(struct manifest *m, const char *key, int64_t v);
void manifest_opt_num(struct manifest *m, const char *key, double v);
void manifest_opt_bool(struct manifest *m, const char *key, int v);
void manifest_opt_json(struct manifest *m, const char *key, json_t *v); /* steals v */
void manifest_input(
    struct manifest *m, const char *role, const char *path, const struct filehash *h);
/* The same, hashing the file now; 0 or -1. */
int manifest_input_file(struct manifest *m, const char *role, const char *path);
void manifest_output(
    struct manifest *m, const char *role, const char *path, const struct filehash *h);
void manifest_count(struct manifest *m, const char *key, uint64_t v);
void manifest_counters(struct manifest *m);
int manifest_write(struct manifest *m, const char *path); /* atomically; 0 or -1 */
int manifest_write_for(struct manifest *m, const char *out);
struct manifest *manifest_clone(const struct manifest *m);
void manifest_free(struct manifest *m);

/* Path of the manifest of an output: F.manifest.json, D/manifest.json. Caller frees. */
char *manifest_path(const char *out);
/* Read, and check version and form (all that olmo-manifest(5) says a reader must refuse); new
 * reference or NULL. */
json_t *manifest_load(const char *path);
/* A data-set directory may be written when it is empty or new, when force is set, or when its
 * manifest (or the mark of a run that was killed, see manifest_begin) names the same program and
 * options as m; else -1 with a message that says so. */
int manifest_may_write(const struct manifest *m, const char *dir, int force);
/* Begin to write data set `dir`: manifest_may_write, make it, remove the manifest of an earlier run (it
 * says nothing about files that change now), and leave .manifest.begun.json, by which the same run
 * knows the directory again after it was killed.  manifest_write_for(m, dir) ends it: it removes
 * that mark.  0 or -1. */
int manifest_begin(const struct manifest *m, const char *dir, int force);
/* `from` seen from directory `base` ("../x"); both may be relative to the working directory. */
char *manifest_relpath(const char *base, const char *from);

#endif
