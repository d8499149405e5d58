#!/bin/sh
# prompts.sh DIR: a prompt from each source of DIR/SOURCE/val/*.jsonl.gz, on standard output.
#
# It is the beginning of the source's first document of 200 characters or more: 80 characters, less
# what follows the last white space.  A row: {"id","prompt"}, the id being the document's.
set -eu
export LC_ALL=C
[ $# = 1 ] || { echo "usage: prompts.sh DIR" >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
for s in "$1"/*/val; do
	[ -d "$s" ] || { echo "prompts.sh: no $1/SOURCE/val" >&2; exit 3; }
	: >"$tmp/docs"
	for f in "$s"/*.jsonl.gz; do
		[ -e "$f" ] || { echo "prompts.sh: no $s/*.jsonl.gz" >&2; exit 3; }
		gzip -dc "$f" >>"$tmp/docs"
	done
	jq -nc 'first(inputs | select((.text | length) >= 200)) |
		{id, prompt: (.text[0:80] | sub("\\s+\\S*$"; ""))}' "$tmp/docs" >"$tmp/row"
	if [ -s "$tmp/row" ]; then cat "$tmp/row"; else echo "prompts.sh: no document of 200 characters in $s" >&2; fi
done
