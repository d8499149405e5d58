#!/bin/sh
# raw.sh SRC OUT: gather the tiny demo's raw text: what every Debian has, and this source tree.
#
#   legal    licences and copyright files          code    this tree's C and the C library's headers
#   manual   this tree's pages, POD                notes   package notes in many languages
#
# Each source is a folder of plain files, cut by number and size so that the demo stays small, and two
# lists (one a shard).  lid.txt is labelled text for a little language model: half of the notes
# (by name), and English prose.  OUT/raw appears whole or not at all.
set -eu
src=$1 out=$2
tmp=$out/.raw.$$.tmp
rm -rf "$out"/.raw.*.tmp
mkdir -p "$tmp"
trap 'rm -rf "$tmp"' EXIT INT TERM

# take SOURCE MAXFILES MAXKB FILE..: copy files of 0.2 to 64 KB under flat names
take() {
	dir=$tmp/$1 n=0 kb=0 maxn=$2 maxkb=$3
	shift 3
	mkdir -p "$dir"
	for f; do
		[ -f "$f" ] || continue
		size=$(wc -c <"$f")
		if [ "$size" -lt 200 ] || [ "$size" -gt 65536 ]; then continue; fi
		n=$((n + 1)) kb=$((kb + size / 1024 + 1))
		if [ $n -gt "$maxn" ] || [ $kb -gt "$maxkb" ]; then break; fi
		name=$(printf '%s' "${f#"$src"/}" | sed 's:^/::' | tr '/: ' '___')
		cp "$f" "$dir/$name"
	done
}

export LC_ALL=C
take legal 400 1400 /usr/share/common-licenses/* /usr/share/doc/*/copyright
# shellcheck disable=SC2046 # no blanks in these names
take code 400 1800 $(find "$src/cmd" "$src/common" "$src/kernels" -name '*.[ch]' ! -name '*_tab.c' |
	sort) /usr/include/*.h /usr/include/linux/*.h
# shellcheck disable=SC2046
take manual 300 1400 "$src"/*.md "$src"/man/*.[157] \
	$(find /usr/share/perl /usr/share/perl5 -name '*.pod' 2>/dev/null | sort)

# Package notes: one file a note and language.  Half of the notes, by the hash of their name, train the
# language model; the others are documents, most of which it should take out.
mkdir -p "$tmp/notes"
cat /var/lib/dpkg/info/*.templates 2>/dev/null | awk -v dir="$tmp/notes" -v lid="$tmp/lid.notes" '
	function flush(   i, f) {
		if (length(text) > 150) {
			if (hash(note) % 2) {
				gsub(/\n/, " ", text)
				print "__label__" lang, text >lid
			} else {
				f = dir "/" note "." lang
				gsub(/[^A-Za-z0-9._-]/, "_", note)
				f = dir "/" note "." lang ".txt"
				printf "%s", text >f
				close(f)
			}
		}
		text = ""
	}
	function hash(s,   i, h) {
		h = 7
		for (i = 1; i <= length(s); i++)
			h = (h * 31 + index("abcdefghijklmnopqrstuvwxyz-/0123456789", substr(s, i, 1))) % 65521
		return h
	}
	/^Template: / { flush(); note = $2; next }
	/^Description(-[a-zA-Z_.8-]*)?: / {
		flush()
		lang = "en"
		if (match($0, /^Description-[a-z][a-z]/))
			lang = substr($0, 13, 2)
		sub(/^[^:]*: /, "")
		text = $0 "\n"
		next
	}
	/^ / && text != "" { sub(/^ /, ""); text = text ($0 == "." ? "" : $0) "\n"; next }
	{ flush() }
	END { flush() }'
# English prose for the model: lines of copyright files and pages.
cat "$tmp"/legal/* "$tmp"/manual/* | tr -cd '\11\12\40-\176' | awk 'length > 60 && n++ < 3000 {
	print "__label__en " $0 }' >"$tmp/lid.en"
cat "$tmp/lid.notes" "$tmp/lid.en" >"$tmp/lid.txt" 2>/dev/null
rm -f "$tmp/lid.notes" "$tmp/lid.en"

for s in legal code manual notes; do
	(cd "$tmp" && find "$s" -type f | sort) | awk -v a="$tmp/$s.0000.list" -v b="$tmp/$s.0001.list" '
		BEGIN { printf "" >a; printf "" >b } { print "raw/" $0 >(NR % 2 ? a : b) }'
done
rm -rf "$out/raw"
mv "$tmp" "$out/raw"
