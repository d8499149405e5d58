/* audit: walk manifests from a file, a run or a whole tree back to the raw files, and hash what they
 * speak of again (olmo-manifest(5)).
 *
 *	if (audit_run("demo-tiny", threads, stdout, &n) < 0) die_err();		n rows were written
 *
 * path: a directory: every manifest below it; a file: the manifest that names it as an output (or the
 * manifest itself).  Then, for every input of a manifest, the manifest that names that file as an
 * output, wherever it is: beside the file or in a directory above it.  Standard input is joined by its
 * hash with the standard output of a manifest below path or beside one that was reached.
 *
 * A row is "path <tab> expected <tab> got", in order of the paths, for each file whose hash is not the
 * one a manifest holds ("missing": it is not there), for each standard input that nothing wrote
 * ("MANIFEST:stdin", got "missing"), and for each standard output that nothing read ("MANIFEST:stdout",
 * got "unread").  Manifests are files NAME.manifest.json and manifest.json, and other .json files of
 * that form (--manifest names them freely).  A file that no manifest names as an output is raw: its
 * history begins there.  -1: a manifest that cannot be read, or none that speaks of path.
 */
#ifndef OLMO_IO_AUDIT_H
#define OLMO_IO_AUDIT_H

#include <stddef.h>
#include <stdio.h>

int audit_run(const char *path, int threads, FILE *out, size_t *n_rows);

#endif
