/* safetensors: files of named tensors, as Hugging Face writes them.
 *
 * A file is: u64 little-endian n; n bytes of JSON {"NAME":{"dtype","shape","data_offsets":[a,b]},
 * "__metadata__":{...}}; the data, in which tensor NAME is bytes [a, b).
 *
 * Reading is strict: the tensors must cover the data exactly, without overlap and without holes;
 * sizes must fit shapes; the JSON may not name a tensor twice.  Errors name FILE@OFFSET.
 *
 *	struct safetensors *s = safetensors_open(DIR);	a file, or a directory with model.safetensors,
 *							model.safetensors.index.json and its shards,
 *							or model.pt
 *	const struct safetensor *t = safetensors_find(s, "model.embed_tokens.weight");
 *	safetensors_f32(t, dst);			widens bf16 and fp16, exact; F64 rounds
 *	safetensors_close(s);
 *
 *	struct safetensors_writer *w = safetensors_create("x.safetensors");
 *	safetensors_declare(w, "a", SAFETENSORS_F32, 2, shape);	all of them, then
 *	safetensors_put(w, data, bytes);			in the order declared, any pieces
 *	safetensors_commit(w, &hash);				frees w in any case
 *
 * Also read: files that torch.save wrote (torchpt.h), and OLMo's own safetensors, whose keys are
 * base64 of a pickled tuple (olmo/safetensors_util.py): tensors have plain names here, values that
 * are pickles themselves are left out.  Names that older OLMo code wrote are read as those of
 * today: _fsdp_wrapped_module. is passed over, block_groups.G.B. is block B behind G whole groups.
 *
 * The file is mapped; memory is the header's.  The writer pads the header with spaces to 64 bytes,
 * so that tensors are aligned, and shows the file under its name only when it is complete.
 */
#ifndef OLMO_MODEL_SAFETENSORS_H
#define OLMO_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "io/in.h"

#define SAFETENSORS_DIMS 8

enum safetensors_type {
	SAFETENSORS_F64,
	SAFETENSORS_F32,
	SAFETENSORS_F16,
	SAFETENSORS_BF16,
	SAFETENSORS_I64,
	SAFETENSORS_I32,
	SAFETENSORS_I16,
	SAFETENSORS_I8,
	SAFETENSORS_U64,
	SAFETENSORS_U32,
	SAFETENSORS_U16,
	SAFETENSORS_U8,
	SAFETENSORS_BOOL
};

struct safetensor {
	const char *name;
	enum safetensors_type type;
	int dims;
	size_t shape[SAFETENSORS_DIMS];
	size_t n;         /* elements */
	const void *data; /* little-endian, any alignment */
	size_t bytes;
	const char *file; /* where it is, for messages */
	uint64_t offset;  /* of data in the file */
};

struct safetensors;

struct safetensors *safetensors_open(const char *path);
/* The files that were read, in the order in which they were met. */
size_t safetensors_files(const struct safetensors *s);
const char *safetensors_file(const struct safetensors *s, size_t i);
size_t safetensors_count(const struct safetensors *s);
/* In order of name. */
const struct safetensor *safetensors_at(const struct safetensors *s, size_t i);
const struct safetensor *safetensors_find(const struct safetensors *s, const char *name);
/* The same, and an error when it is missing or has another shape. dims 0: any shape. */
const struct safetensor *safetensors_need(
    const struct safetensors *s, const char *name, int dims, const size_t *shape);
/* Elements [first, first + n) as floats: F64, F32, F16, BF16 only. 0 or -1. */
int safetensors_f32(const struct safetensor *t, size_t first, size_t n, float *dst);
/* Whole numbers of any integer type as int64. 0 or -1. */
int safetensors_i64(const struct safetensor *t, size_t first, size_t n, int64_t *dst);
void safetensors_close(struct safetensors *s);

size_t safetensors_width(enum safetensors_type t); /* bytes an element */
const char *safetensors_type_name(enum safetensors_type t);

struct safetensors_writer;

struct safetensors_writer *safetensors_create(const char *path);
/* All declarations come before the first put. 0 or -1 (a name given twice). */
int safetensors_declare(struct safetensors_writer *w, const char *name, enum safetensors_type t,
    int dims, const size_t *shape);
int safetensors_put(struct safetensors_writer *w, const void *p, size_t bytes);
int safetensors_commit(struct safetensors_writer *w, struct filehash *h);
void safetensors_abort(struct safetensors_writer *w);

#endif
