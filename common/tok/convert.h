/* convert: token files in the forms of other programs.
 *
 *	struct convert c = {.t = tokfile, .tokpath = "X.tok", .meta = tokfile->meta, .out = "Y"};
 *	if (convert_write(&c, CONVERT_MEGATRON) < 0) die_err();
 *	for (i = 0; i < c.n; i++) …c.file[i].path, .role, .hash…
 *	convert_release(&c);
 *
 *	tok		OUT, OUT.docs.csv.gz	olmo-tokens(5)
 *	npy		OUT, OUT less .npy + .csv.gz	OLMo's and Dolma's: the ids alone; Dolma's table
 *	numpy		OUT			a true .npy, version 1.0
 *	megatron	OUT.bin, OUT.idx	Megatron-LM's indexed data set, a sequence a document
 *	llmc		OUT			llm.c and modded-nanogpt: 256 i32 of header, then the ids
 *	nanogpt		OUT			nanoGPT's train.bin: u16 ids alone
 *	datatrove	OUT, OUT.index, OUT.metadata	ids; u64 ends of documents; text
 *
 * foreign.h reads them.  tok and npy carry the document table over when there is one; megatron and datatrove need it.
 * tok, npy and datatrove (as OUT.loss) carry a label mask over (tok/tokmask.h).
 * Ids that do not fit are refused (FILE@OFFSET); every file appears complete or not at all.
 */
#ifndef OLMO_TOK_CONVERT_H
#define OLMO_TOK_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "io/in.h"
#include "tok/tokfile.h"

enum convert_form {
	CONVERT_TOK,
	CONVERT_NPY,
	CONVERT_NUMPY,
	CONVERT_MEGATRON,
	CONVERT_LLMC,
	CONVERT_NANOGPT,
	CONVERT_DATATROVE
};

struct convert_file {
	char *path;
	const char *role;
	struct filehash hash;
};

struct convert {
	/* in */
	const struct tokfile *t;
	const char *tokpath;      /* where its table is looked for; NULL: it has none (a pipe) */
	struct tokfile_meta meta; /* of the output: width; for tok the rest as well */
	const char *out;
	const uint64_t *end; /* (n_end) documents without a table: their ends; NULL: the table's */
	uint64_t n_end;
	const char *index; /* with end: their source; line and id are the number of the document */
	const char *mask;  /* the label mask, or NULL */
	const char *name;  /* the tokenizer's, for datatrove's metadata; NULL: unknown */
	/* out */
	struct convert_file file[4];
	size_t n;
	uint64_t n_doc;
};

/* -1 with a message that lists the names. */
int convert_parse(const char *name);
/* Whether the form has a place for a label mask. */
int convert_has_mask(enum convert_form form);
const char *convert_name(enum convert_form form);
int convert_write(struct convert *c, enum convert_form form);
void convert_release(struct convert *c);

#endif
