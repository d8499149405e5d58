/* report: one HTML page about finished runs, from the files that they left; by `olmo report`.
 *
 *	if (report_command(&o) < 0) die_err();		o.files: run directories, o.out: the page
 *
 * The page needs nothing else: style and charts are in it, no script, no address.  It is read
 * without colour, narrow, and on paper.  What it shows, and from which files of a run directory OUT:
 *
 *	documents, bytes, tokens of sources	counts of the manifests below documents/, eval/data/, tokens/
 *	what each rule dropped, examples	mix-rules.tsv; mix-dropped.jsonl (dolma-mix --examples)
 *	loss and learning rate			run/log.jsonl
 *	bits per byte				eval/paloma/metrics.tsv; eval/compress.tsv (source,
 *						bytes, xz_bytes, zstd_bytes)
 *	tasks					eval/catwalk/metrics.json, for chance predictions.jsonl
 *						there; eval/catwalk-init/metrics.json: untrained
 *	samples					eval/samples.jsonl (prompt, completion)
 *	data card, versions, checksums		all manifests
 *	model card				run/config.json, run/manifest.json, the checkpoint
 *	time and energy of each stage		stats/STAGE.NAME.json (--stats), run/timing.jsonl
 *
 * Of several runs loss, learning rate and bits per byte come side by side first.  A section whose
 * files are absent is left out and named at the end.  A file that is there and cannot be read is an
 * error.  No host or absolute path goes in, and no time but those of the last section: the same
 * files give the same bytes.  raw/ and names that begin with a dot are not looked at.
 */
#ifndef OLMO_IO_REPORT_H
#define OLMO_IO_REPORT_H

struct opts;
int report_command(const struct opts *o); /* 0 or -1 */

#endif
