#!/bin/sh
# raw-data.sh DATA OUT SOURCE..: OUT/raw from raw Dolma documents, DATA/documents/SOURCE/*.gz.
#
# Nothing is copied: OUT/raw/SOURCE/NNNN.jsonl.gz are links to the files in order of their names, and
# OUT/raw/SOURCE.NNNN.list names one.  OUT/raw appears whole or not at all.
set -eu
export LC_ALL=C
data=$1 out=$2
shift 2
tmp=$out/.raw.$$.tmp
rm -rf "$out"/.raw.*.tmp
mkdir -p "$tmp"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
for s; do
	n=0
	mkdir -p "$tmp/$s"
	for f in "$data/documents/$s"/*.gz; do
		[ -e "$f" ] || { echo "raw-data.sh: no $data/documents/$s/*.gz" >&2; exit 3; }
		i=$(printf %04d $n)
		ln -s "$f" "$tmp/$s/$i.jsonl.gz"
		echo "raw/$s/$i.jsonl.gz" >"$tmp/$s.$i.list"
		n=$((n + 1))
	done
done
echo "no labelled lines: the language model is given" >"$tmp/lid.txt"
rm -rf "$out/raw"
mv "$tmp" "$out/raw"
