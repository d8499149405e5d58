/* docrun: the driver of every document program.  It reads documents (files or stdin, in the order
 * given), hands them to the program in batches over threads, and writes in input order, so that
 * output does not depend on -j.
 *
 * Filter mode: documents out, with attributes inside the document, to -o or stdout.
 * Sidecar mode (--attributes NAME, files only): for each …/documents/REL an attribute file
 * …/attributes/NAME/REL, one row a document in the same order, same compression, with its
 * manifest; a path without /documents/ is a usage error (the first such piece from the right
 * counts; "documents/…" at the start of a relative path too).  Nothing is written as documents,
 * drop has no meaning.  Each attribute file appears whole, with its manifest, when its documents
 * are done; an error abandons the file it is in.
 * Reading mode (no_output): documents are only looked at (decontam --check, keys).  The manifest
 * is filled; the program adds its outputs and writes it.
 *
 * Seals are checked and removed on the way in (--require-seal), written with --seal. --skip-bad
 * counts bad lines (counter docs_bad), warns of the first 5 and goes on; not with --attributes,
 * where rows must stay aligned (usage error).  An empty line is a bad line.  Counters: docs_in,
 * docs_out, bytes_in, bytes_out (bytes of lines, before compression, seals included).  Manifests:
 * output F → F.manifest.json; --manifest F: F.  --dry-run prints "read\tPATH" and "write\tPATH".
 *
 * An error (bad line, damaged input, wrong seal, a callback) abandons the output; on stdout the
 * documents before it stand, none after it.  Usage errors end the program (status 2): attributes
 * of stdin or a path without /documents/, an output that is an input, one file named twice in
 * sidecar mode, two stdins.
 *
 *	struct docrun r = {.o = &o, .m = m, .ctx = &ctx, .work = work, .sidecar = name};
 *	if (docrun(&r) < 0) die_err();
 *
 * Memory: (2 threads + 2) batches of about 1 MiB of lines, or one line each when lines are longer,
 * plus their output, and with an order callback their decoded texts and attributes.  Without one a
 * worker takes each document through work, finish and emit before it parses the next.
 */
#ifndef OLMO_DOC_DOCRUN_H
#define OLMO_DOC_DOCRUN_H

#include "base/opt.h"
#include "doc/doc.h"
#include "io/manifest.h"

struct docrun {
	const struct opts *o;
	struct manifest
	    *m; /* options and model inputs are in; docrun adds inputs, outputs, counts */
	const char *sidecar; /* attribute set name, NULL: filter */
	int no_output;
	int replace; /* ill-formed UTF-8 of a line by U+FFFD, instead of refusing it */
	void *ctx;
	/* All optional; each returns 0 or -1 (err_set; docrun puts file:line in front).
	 * work: any thread, any order.  order: one at a time in document order.  finish: any thread,
	 * after order.  thread: this worker's state from thread_new. */
	int (*work)(void *ctx, void *thread, struct doc *d);
	int (*order)(void *ctx, struct doc *d);
	int (*finish)(void *ctx, void *thread, struct doc *d);
	/* Filter mode: append the document's line (with '\n'), or nothing; default doc_put. */
	int (*emit)(void *ctx, void *thread, struct doc *d, struct buf *out);
	void *(*thread_new)(void *ctx);
	void (*thread_free)(void *ctx, void *thread);
	/* In order, before the first document of a file. */
	int (*file_begin)(void *ctx, const char *path, size_t index);
	/* After the last document, before the output gets its name and the counters go into the
	 * manifest; every thread state is at rest. */
	int (*end)(void *ctx);
};

int docrun(struct docrun *r);

/* Row for a program's option table, and its key. */
#define DOCRUN_ATTRIBUTES (500 + OPT_LONG)
#define DOCRUN_OPTS                                                                               \
	{                                                                                         \
		"attributes", DOCRUN_ATTRIBUTES, "NAME",                                          \
		    "write attribute files beside the documents, set NAME"                        \
	}

/* …/documents/REL → …/attributes/NAME/REL (caller frees), or NULL with a message. */
char *docrun_sidecar_path(const char *path, const char *name);

#endif
