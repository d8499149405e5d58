/* reader: raw input of many kinds becomes the parts of documents, for dolma-docs(1).
 *
 * A kind splits an input into records (next: cheap, one thread, in order) and makes readable text of
 * a record (convert: the work; any thread).
 *
 *	const struct reader_kind *k = reader_kind("html");	NULL: no such kind
 *	struct reader *r = reader_open(k, path, &opt);		NULL: err_msg
 *	while ((rc = reader_next(r, &rec)) > 0)
 *		reader_convert(k, &opt, &rec), …rec.state…	rec keeps its buffers from call to call
 *	rc = reader_close(r, rc, files, fn_arg);		…
 *
 * A record is a document, or is left out for a reason (counted, named at -v), or is malformed: then
 * rec.message names file:line or file@offset, and the program stops or, with --skip-bad, counts it.
 * Offsets are those of the decompressed bytes.  next returns -1 for what cannot be read at all (I/O,
 * damaged compression).
 */
#ifndef OLMO_DOC_READER_H
#define OLMO_DOC_READER_H

#include "base/buf.h"
#include "io/in.h"

enum rec_state { REC_DOC, REC_SKIP, REC_BAD };

struct rec {
	enum rec_state state;
	const char *reason;       /* REC_SKIP: a word for the counter skipped_REASON; static */
	struct buf message;       /* REC_BAD: what is wrong and where */
	struct buf where;         /* file:line or file@offset, for messages */
	struct buf raw;           /* what was read */
	struct buf id;            /* what follows the path in the id: "", ":12", "#page" */
	struct buf created;       /* "" when unknown */
	struct buf meta;          /* members of metadata: ,"key":value… */
	struct buf charset;       /* what the transport said; "" when nothing */
	struct buf text;          /* valid UTF-8, made by convert */
	uint64_t repaired;        /* ill-formed sequences that became U+FFFD */
	uint64_t unknown;         /* macros or charsets that the reader does not know */
	const char *unknown_what; /* the counter for them */
};

struct reader_opt {
	uint64_t max_bytes;    /* of one record */
	const char *separator; /* text: a line equal to it ends a document; NULL: a file is one */
	int huge;              /* lift the limits of libxml2 */
	int wiki_tables;       /* keep the text of wiki tables */
};

struct reader {
	const struct reader_kind *kind;
	const struct reader_opt *opt;
	const char *path; /* borrowed */
	struct in *in;    /* the stream; readers that open others close them in close */
	int done;
	void *state; /* of the kind */
};

/* A file that was read to its end. */
typedef void reader_file_fn(void *arg, const char *path, const struct filehash *h);

struct reader_kind {
	const char *name;
	/* State of a file whose stream is open; 0 or -1.  NULL: none. */
	int (*open)(struct reader *r);
	int (*next)(struct reader *r, struct rec *rec); /* 1, 0, -1 */
	void (*convert)(const struct reader_opt *opt, struct rec *rec);
	/* Free the state; when whole, report files other than the stream. */
	void (*close)(struct reader *r, int whole, reader_file_fn *fn, void *arg);
	/* In a directory: 1 read the file, 0 it is of another kind, 2 a companion of one that is. */
	int (*wants)(const char *name);
	int skip_links; /* in a directory, symbolic links are second names of the same page */
};

const struct reader_kind *reader_kind(const char *name);
const char *reader_kinds(void); /* "text, lines, …" for messages */
struct reader *reader_open(
    const struct reader_kind *k, const char *path, const struct reader_opt *opt);
int reader_next(struct reader *r, struct rec *rec);
void reader_convert(const struct reader_kind *k, const struct reader_opt *opt, struct rec *rec);
/* whole: the input was read to its end; fn is told of every file. */
void reader_close(struct reader *r, int whole, reader_file_fn *fn, void *arg);
void rec_release(struct rec *rec);

/* --- for the readers --------------------------------------------------------------------------- */

void rec_skip(struct rec *rec, const char *reason);
void rec_bad(struct rec *rec, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append a member to metadata; the value becomes valid UTF-8. */
void rec_meta(struct rec *rec, const char *key, const char *s, size_t n);
void rec_meta_u64(struct rec *rec, const char *key, uint64_t v);
/* Set id to prefix and s, without control characters and blanks, at most 512 bytes. */
void rec_id(struct rec *rec, const char *prefix, const char *s, size_t n);
void rec_where(struct rec *rec, const char *path, char mark, uint64_t at);
/* The rest of the stream into rec->raw: 1, or -1; a larger one is read to its end and is bad. */
int reader_slurp(struct reader *r, struct rec *rec);
/* s ends in suffix, or in suffix with .gz or .zst behind it. */
int reader_suffix(const char *s, const char *suffix);

extern const struct reader_kind read_text, read_lines, read_source, read_html, read_man,
    read_dictd, read_mbox, read_warc, read_mediawiki;

#endif
