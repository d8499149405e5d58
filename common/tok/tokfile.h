/*
 * tokfile: token files (olmo-tokens(5)), their document tables, and lists of them.
 *
 * A token file is a 4096-byte header, the ids as little-endian u16 or u32, and a 64-byte trailer
 * with the count and the XXH3-128 of the ids.  The same bytes go through a pipe; there the header
 * says "count unknown" and the trailer knows it.  Beside X.tok lies X.tok.docs.csv.gz, Dolma's
 * table: start,end,id,source file,line (no header row).
 *
 * Writing
 *	struct tokfile_meta m = {.width = tokfile_width(vocab), .vocab_size = vocab,
 *	    .eos_id = eos, .tokenizer = identity};
 *	struct tokfile_writer *w = tokfile_create("X.tok", &m, TOKFILE_DOCS);
 *	for (each document) {
 *		start = tokfile_written(w);
 *		tokfile_put(w, ids, n_ids);		// as often as you like
 *		tokfile_doc(w, start, tokfile_written(w), id, strlen(id), source, line);
 *	}
 *	tokfile_commit(w, &sum);	// or tokfile_abort(w): nothing is left under the name
 *
 * Reading
 *	struct tokfile *t = tokfile_open("X.tok");	// "-": standard input
 *	for (i = 0; i < t->count; i++)
 *		use(tokfile_at(t, i));
 *	tokfile_close(t);
 *
 * Training: instances of seq_len ids from several files, the tail of each file left out
 *	struct tokfile_list *l = tokfile_list_open(paths, n, &spec);
 *	tokfile_list_read(l, instance, ids);		// l->seq_len ids
 *	tokfile_list_close(l);
 *
 * Every function that returns int gives 0, or -1 with a message in err_msg() that names
 * FILE@OFFSET (bytes from the beginning of the file); pointers are NULL in that case.  Counts and
 * offsets are 64 bits throughout: files of more than 2^32 ids are ordinary.
 * A reader is read-only after opening and may be used by many threads; a writer by one.
 */
#ifndef OLMO_TOK_TOKFILE_H
#define OLMO_TOK_TOKFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/blockhash.h"
#include "base/hash.h"
#include "io/in.h"
#include "io/map.h"

#define TOKFILE_NONE    UINT64_MAX /* no EOS id; count unknown */
#define TOKFILE_HEADER  4096
#define TOKFILE_TRAILER 64
#define TOKFILE_MAJOR   1
#define TOKFILE_MINOR   0

/* what the header says about the ids */
struct tokfile_meta {
	uint32_t width;        /* bytes an id: 2 or 4 */
	uint64_t vocab_size;   /* every id is < vocab_size; 1 .. 2^32 */
	uint64_t eos_id;       /* < vocab_size, or TOKFILE_NONE */
	struct h128 tokenizer; /* tokenizer identity; all zero = unknown */
};

/* what was written */
struct tokfile_sum {
	uint64_t count;       /* ids */
	struct h128 xxh3;     /* of the ids as stored: the trailer's */
	struct filehash file; /* the token file as a whole, for the manifest */
	struct filehash docs; /* the document table; bytes = 0 when there is none */
	uint64_t n_doc;       /* its rows */
};

/* Dolma's rule: the smallest unsigned type that holds vocab_size - 1, here 2 or 4 bytes. */
uint32_t tokfile_width(uint64_t vocab_size);

/* -- writing ------------------------------------------------------------------------------- */

struct tokfile_writer;

enum { TOKFILE_DOCS = 1 }; /* also write PATH.docs.csv.gz (not with standard output) */

/*
 * path "-" or NULL: standard output, refused when it is a terminal.  Otherwise the file appears
 * under its name at commit, complete, with the count in its header.
 */
struct tokfile_writer *tokfile_create(
    const char *path, const struct tokfile_meta *meta, int flags);

/* The same for a file whose count is known before: its header need not be written twice, which
 * spares reading the file again for its hash.  Another count at commit is not wrong. */
struct tokfile_writer *tokfile_create_n(
    const char *path, const struct tokfile_meta *meta, int flags, uint64_t count);

/* Appends n ids.  An id that is not < vocab_size is refused. */
int tokfile_put(struct tokfile_writer *w, const uint32_t *ids, size_t n);

/* The same for n ids as the file stores them: little-endian, meta.width bytes each. */
int tokfile_put_stored(struct tokfile_writer *w, const void *ids, size_t n);

/* The first of n stored ids that is not below the vocabulary size, or n. */
size_t tokfile_stored_above(const struct tokfile_meta *m, const void *ids, size_t n);

/* n blocks (blockhash.h) of stored ids with their sums, all below the vocabulary size; what was
 * appended before must be whole blocks.  Their bytes are written by tokfile_put_blocks(), by any
 * thread, to *at (out.h: out_add_blocks()). */
int tokfile_add_blocks(
    struct tokfile_writer *w, const void *ids, size_t n, const struct blocksum *sum, uint64_t *at);
int tokfile_put_blocks(const struct tokfile_writer *w, const void *ids, size_t n, uint64_t at);

/* Ids appended so far. */
uint64_t tokfile_written(const struct tokfile_writer *w);

/*
 * Appends a row to the document table: ids [start, end) came from line `line` (counted from 1) of
 * the file `source` and belong to document id.  Rows ascend and do not overlap; end must have
 * been written.  Nothing happens without TOKFILE_DOCS.
 */
int tokfile_doc(struct tokfile_writer *w, uint64_t start, uint64_t end, const char *id,
    size_t id_len, const char *source, uint64_t line);

/* Appends a row as the table has it, with its CR LF: for writers of tables of their own. */
struct buf;
void tokfile_row_put(struct buf *b, uint64_t start, uint64_t end, const char *id, size_t id_len,
    const char *source, uint64_t line);

/* Completes both files and frees w, also when it fails.  sum may be NULL. */
int tokfile_commit(struct tokfile_writer *w, struct tokfile_sum *sum);

/* Leaves nothing behind and frees w (NULL is fine). */
void tokfile_abort(struct tokfile_writer *w);

/* -- reading ------------------------------------------------------------------------------- */

/* Open token file.  The fields are read-only. */
struct tokfile {
	const char *path; /* as given; "-" for standard input */
	const void *ids;  /* count * meta.width bytes, little-endian, 2-byte aligned */
	uint64_t count;   /* ids */
	uint64_t ids_off; /* their offset in the file: 4096, or 0 in a raw file */
	int raw;          /* headerless: xxh3 is not known, meta is the caller's */
	int count_in_head; /* the header knows the count (a file), or not (it went through a pipe) */
	uint16_t minor;    /* format version 1.minor */
	struct tokfile_meta meta;
	struct h128 xxh3; /* from the trailer */
	struct map map;
};

/*
 * Opens a token file and checks header, trailer and size against each other (olmo-tokens(5)
 * lists what is refused); the ids are mapped, not read.  A pipe is first copied to an unlinked
 * temporary file (TMPDIR), so nothing of a truncated one is ever delivered.
 */
struct tokfile *tokfile_open(const char *path);

/*
 * The same for OLMo's headerless token files (named .npy, though they have no numpy header):
 * width, vocab_size and eos_id come from the caller.  Empty files and half ids are refused.  A true
 * .npy file is read too; its header must name the same width.
 */
struct tokfile *tokfile_open_raw(const char *path, const struct tokfile_meta *meta);

/* tokfile_open_raw() when raw is given, the name ends in .npy and the file does not begin with the
 * magic; otherwise tokfile_open(). */
struct tokfile *tokfile_open_any(const char *path, const struct tokfile_meta *raw);

/*
 * A headerless file or one of another program: fn finds the ids in its bytes, off and count set to
 * 0 and meta to the caller's before; the file must end with them.  name: for messages.
 */
struct tokfile_layout {
	struct tokfile_meta meta;
	uint64_t off, count; /* first byte, ids */
};
typedef int tokfile_layout_fn(
    void *arg, const char *name, const unsigned char *p, size_t len, struct tokfile_layout *l);
struct tokfile *tokfile_open_as(
    const char *path, const struct tokfile_meta *meta, tokfile_layout_fn *fn, void *arg);

/* A true .npy file: 1 with the width and offset of its values, 0 when it is none, -1 when it is
 * not one of ids. */
int tokfile_numpy_head(
    const char *name, const unsigned char *p, size_t len, uint32_t *width, size_t *offset);

/* Id i < count. */
static inline uint32_t tokfile_at(const struct tokfile *t, uint64_t i)
{
	const unsigned char *p = (const unsigned char *)t->ids + i * t->meta.width;
	uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8;

	if (t->meta.width == 4)
		v |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return v;
}

/* Widens ids [start, start + n) into dst; the range must lie inside the file. */
void tokfile_read(const struct tokfile *t, uint64_t start, size_t n, uint32_t *dst);

/*
 * Reads every id: -1 with a message when the hash differs or an id is not < vocab_size (names the
 * offset of the first such id).  For a raw file only the ids can be checked.
 */
int tokfile_verify(const struct tokfile *t);

/* XXH3-128 of the stored ids: the trailer's for a token file, computed for a raw one. */
struct h128 tokfile_hash(const struct tokfile *t);
/* Whether the file may hold ids of that tokenizer: it is its own, or the file does not say. */
int tokfile_made_by(const struct tokfile *t, struct h128 tokenizer);
/* 0, or -1 + message: the trailer has another hash of the ids than h. A raw file has none. */
int tokfile_ids_hash_to(const struct tokfile *t, struct h128 h);

/* Size and hash of the whole file as it was read, for the manifest; of a pipe too. */
struct filehash tokfile_file_hash(const struct tokfile *t);

void tokfile_close(struct tokfile *t); /* NULL is fine */

/* -- the document table -------------------------------------------------------------------- */

struct tokfile_docs;

/* A row; the strings live until the next call. */
struct tokfile_row {
	uint64_t start, end; /* ids [start, end) */
	const char *id;      /* NUL-terminated; id_len bytes */
	size_t id_len;
	const char *source;
	uint64_t line; /* from 1 */
};

/* Opens TOKPATH.docs.csv.gz (or .csv, or for a raw X.npy Dolma's X.csv.gz). */
struct tokfile_docs *tokfile_docs_open(const char *tokpath);

/* Is there a table beside the token file? */
int tokfile_docs_exist(const char *tokpath);

/* 1 = a row, 0 = the end, -1 = bad (quoting, numbers, rows out of order; names FILE:ROW). */
int tokfile_docs_next(struct tokfile_docs *d, struct tokfile_row *row);

/* The table's own file name. */
const char *tokfile_docs_path(const struct tokfile_docs *d);

void tokfile_docs_close(struct tokfile_docs *d);

/* -- lists of files: instances ------------------------------------------------------------- */

/* How a list is read. */
struct tokfile_list_spec {
	uint64_t seq_len;               /* ids an instance, >= 1 */
	const struct tokfile_meta *raw; /* lets headerless files in, with this width; or NULL */
};

/*
 * Instances of OLMo's MemMapDataset (olmo/data/memmap_dataset.py): file f holds
 * count_f / seq_len of them, the rest of each file is left out, and the instance index runs on
 * through the files in the order given.  Files of one list must agree in vocabulary size, EOS id
 * and tokenizer (unknown agrees with all).
 */
struct tokfile_list {
	struct tokfile **file;
	size_t n_file;
	uint64_t seq_len;
	uint64_t *first; /* (n_file + 1): index of file f's first instance */
	uint64_t n_inst; /* = first[n_file] */
	uint64_t n_tok;  /* ids of all files, tails included */
};

struct tokfile_list *tokfile_list_open(
    const char *const *path, size_t n_path, const struct tokfile_list_spec *spec);

/* Where instance i < n_inst lies: file index and first id.  Either pointer may be NULL. */
void tokfile_list_find(const struct tokfile_list *l, uint64_t i, size_t *file, uint64_t *start);

/* Copies instance i < n_inst to dst, seq_len ids. */
void tokfile_list_read(const struct tokfile_list *l, uint64_t i, uint32_t *dst);

/*
 * What an order file remembers of a list: XXH3-128 over, for each file in order, its count (u64
 * little-endian), width (u32 little-endian), and the XXH3-128 of its ids (16 bytes,
 * in the order in which its hexadecimal form is printed).  Names and places do not
 * matter, contents and their order do.  Reads raw files whole.
 */
struct h128 tokfile_list_hash(const struct tokfile_list *l);

void tokfile_list_close(struct tokfile_list *l);

#endif
