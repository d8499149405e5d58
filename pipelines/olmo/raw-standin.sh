#!/bin/sh
# raw-standin.sh tiny|small ROOT OUT DEBS: OUT/raw with a demo's raw text in place of each source.
#
#	source		tiny				small
#	common-crawl	licences, package notes, and	manual pages (some in other languages)
#			every second piece of manuals
#	stack		C				Python
#	reddit		every 8th piece of manuals	fortunes
#	pes2o		every 8th piece of manuals	manuals in HTML
#	gutenberg	every 8th piece of manuals	a book in HTML
#	wikipedia	every 8th piece of manuals	a reference of C++ in HTML
#
# For tiny, prose gets a paragraph a line, as the text of pages has, and manuals are cut into pieces of
# 3000 bytes and more.
#
# OUT/raw appears whole or not at all.
set -eu
export LC_ALL=C
text=$1 root=$2 out=$3 debs=$4
src=$out/.standin.$$.tmp
rm -rf "$out"/.standin.*.tmp
mkdir -p "$src"
trap 'rm -rf "$src"' EXIT
trap 'exit 1' INT TERM

# as SOURCE NAME: the files of the demo's source NAME are SOURCE's, in its two lists
as() {
	for i in 0000 0001; do
		cat "$src/raw/$2.$i.list"
	done | sort | while read -r f; do
		mkdir -p "$(dirname "$src/new/$1/${f#raw/}")"
		mv "$src/$f" "$src/new/$1/${f#raw/}"
	done
}
case $text in
tiny)
	sh "$root/pipelines/demo/raw-tiny.sh" "$root" "$src"
	mkdir -p "$src/text"
	for f in "$src"/raw/manual/* "$src"/raw/legal/* "$src"/raw/notes/*; do
		case $f in
		*.[1-9]) dolma-docs -q --from man --source x "$f" | jq -r .text ;;
		*) cat "$f" ;;
		esac | awk '/^[ \t]*$/ { if (t != "") print t; t = ""; next }
			{ gsub(/^[ \t]+|[ \t]+$/, ""); t = t == "" ? $0 : t " " $0 }
			END { if (t != "") print t }' >"$src/text/${f##*/}"
		case $f in
		*/manual/*) echo "$src/text/${f##*/}" >>"$src/manuals" ;;
		*) mkdir -p "$src/new/common-crawl" && mv "$src/text/${f##*/}" "$src/new/common-crawl" ;;
		esac
	done
	mkdir -p "$src/new/reddit" "$src/new/pes2o" "$src/new/gutenberg" "$src/new/wikipedia"
	# shellcheck disable=SC2046 # no blanks in these names
	awk -v dir="$src/new" 'BEGIN {
			split("common-crawl reddit common-crawl pes2o common-crawl gutenberg common-crawl wikipedia", to)
			at = 1
		}
		FNR == 1 || bytes > 3000 {
			close(out)
			name = FILENAME
			sub(/.*\//, "", name)
			out = sprintf("%s/%s/%s.%d", dir, to[1 + at++ % 8], name, FNR)
			bytes = 0
		}
		{ print >out; bytes += length + 1 }' $(cat "$src/manuals")
	as stack code
	;;
small)
	sh "$root/pipelines/demo/raw-debs.sh" small "$src" "$debs"
	as common-crawl man
	as stack code
	as reddit quote
	as pes2o docs
	as gutenberg book
	as wikipedia wiki
	;;
*)
	echo "raw-standin.sh: DEMO=$text: tiny or small" >&2
	exit 2
	;;
esac
cp "$src/raw/lid.txt" "$src/new/lid.txt"
for s in "$src"/new/*/; do
	s=$(basename "$s")
	(cd "$src/new" && find "$s" -type f | sort) |
		awk -v a="$src/new/$s.0000.list" -v b="$src/new/$s.0001.list" '
			BEGIN { printf "" >a; printf "" >b } { print "raw/" $0 >(NR % 2 ? a : b) }'
done
rm -rf "$out/raw"
mv "$src/new" "$out/raw"
