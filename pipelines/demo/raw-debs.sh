#!/bin/sh
# raw-debs.sh small|full OUT DEBS: gather raw text out of Debian packages.
#
#	wiki   cppreference-doc-en-html: an encyclopaedia of C and C++, HTML
#	book   anarchism: An Anarchist FAQ, HTML
#	dict   dict-foldoc, dict-jargon, dict-devil: dictionaries in dictd's form
#	man    manpages, manpages-dev, and about one page in twenty of other languages
#	code   the standard library of Python
#	docs   git-doc, debian-policy: manuals, HTML
#	quote  fortunes: short texts, a line of % after each
#
# full adds to dict dict-gcide and dict-wn, to man freebsd-manpages, to code golang-*-src.
#
# The packages are fetched into DEBS (kept: a later run needs no network) with the URLs and hashes that
# apt knows, and unpacked, not installed.  lid.txt is labelled lines for a language model: pages of
# twelve languages that are not among the documents, and English ones.  OUT/raw appears whole or not
# at all.
set -eu
size=$1 out=$2 debs=$3
export LC_ALL=C
tmp=$out/.raw.$$.tmp
rm -rf "$out"/.raw.*.tmp
mkdir -p "$tmp" "$debs"
trap 'rm -rf "$tmp"' EXIT INT TERM

langs="de fr es it pl nl da cs tr hu pt-br fi"
# The name of the first package that matches, or the second argument without apt.
known() {
	name=$(apt-cache pkgnames 2>/dev/null | grep -Ex "$1" | sort -t. -k2,2n | head -n 1)
	echo "${name:-$2}"
}
python=$(known 'libpython3\.[0-9]+-stdlib' libpython3.11-stdlib)
packages="cppreference-doc-en-html anarchism dict-foldoc dict-jargon dict-devil manpages manpages-dev
	$python $(echo "$python" | sed 's/stdlib/minimal/')
	git-doc debian-policy fortunes $(for l in $langs; do echo "manpages-$l"; done)"

if [ "$size" = full ]; then
	go=$(known 'golang-1\.[0-9]+-src' golang-1.19-src)
	packages="$packages dict-gcide dict-wn freebsd-manpages $go"
fi

# What is there is taken as it is; the rest is fetched with the hashes of the package lists, or with those
# of the file DEBS_LIST (lines HASH URL NAME, the names those of packages: NAME_VERSION_ARCH.deb).
lacking() {
	for p in $packages; do
		ls "$debs/$p"_*.deb >/dev/null 2>&1 || echo "$p"
	done
}
# A line for a package: sha256:HASH URL NAME, from apt's 'URL' NAME SIZE SHA256:HASH
locate() {
	if [ -n "${DEBS_LIST:-}" ]; then
		awk -v p="$1_" 'index($3, p) == 1' "$DEBS_LIST"
	else
		(cd "$debs" && apt-get download -q --print-uris "$1" 2>/dev/null) |
			sed -n "s/^'\([^']*\)' \([^ ]*\) [0-9]* SHA256:\([0-9a-f]*\)\$/sha256:\3 \1 \2/p"
	fi
}
# The list is kept beside the packages until it has failed: apt may know newer ones tomorrow.
if [ -n "$(lacking)" ]; then
	list=$debs/list
	for p in $packages; do
		grep -qs " ${p}_[^ ]*\$" "$list" || rm -f "$list"
	done
	if [ ! -e "$list" ]; then
		# A machine without package lists gets them, when that needs no password.
		if [ -z "$(locate fortunes)$(locate manpages)" ] && [ -z "${DEBS_LIST:-}" ]; then
			if [ "$(id -u)" = 0 ]; then as=; else as='sudo -n'; fi
			$as apt-get update -q >/dev/null 2>&1 || true
		fi
		for p in $packages; do
			line=$(locate "$p" | head -n 1)
			[ -n "$line" ] || {
				echo "demo: nothing known of the package $p: run apt-get update, or put ${p}_*.deb into $debs" >&2
				exit 3
			}
			echo "$line"
		done >"$list.tmp"
		mv "$list.tmp" "$list"
	fi
	dolma-fetch -j 4 -f -o "$debs" "$list" || { rm -f "$list"; exit 3; }
fi

u=$tmp/.unpacked
for p in $packages; do
	for deb in "$debs/$p"_*.deb; do :; done # the last, when there are several
	mkdir -p "$u/$p"
	dpkg-deb -x "$deb" "$u/$p"
done

# take SOURCE NAME DIR PATTERN: move the files of DIR that match to raw/SOURCE/NAME/
take() {
	(cd "$3" && find . -type f -name "$4" | sed 's:^\./::' | sort) | while read -r f; do
		mkdir -p "$tmp/$1/$2/$(dirname "$f")"
		mv "$3/$f" "$tmp/$1/$2/$f"
	done
}
take wiki cppreference "$u/cppreference-doc-en-html/usr/share/cppreference/doc/html/en" '*.html'
take book anarchism "$u/anarchism/usr/share/doc/anarchism/html" '*.html'
for d in foldoc jargon devil; do
	take dict "$d" "$u/dict-$d/usr/share/dictd" '*'
done
take man linux "$u/manpages/usr/share/man" '*.[1-9]*'
take man linux "$u/manpages-dev/usr/share/man" '*.[1-9]*'
for p in "$u"/libpython*; do
	take code python "$p/usr/lib" '*.py'
done
if [ "$size" = full ]; then
	take dict gcide "$u/dict-gcide/usr/share/dictd" '*'
	take dict wn "$u/dict-wn/usr/share/dictd" '*'
	take man freebsd "$u/freebsd-manpages/usr/share" '*.[1-9]*'
	take code go "$u/$go/usr" '*.go'
fi
take docs git "$u/git-doc/usr/share/doc/git-doc" '*.html'
take docs policy "$u/debian-policy/usr/share/doc/debian-policy" '*.html'
take quote fortunes "$u/fortunes/usr/share/games/fortunes" '*[!t]'
rm -rf "$tmp"/quote/fortunes/*.dat

# Pages of other languages: in each, every 40th is a document, the others train the language model.
mkdir -p "$tmp/lid"
for l in $langs; do
	(cd "$u/manpages-$l/usr/share/man" && find . -type f -name '*.[1-9]*' | sed 's:^\./::' | sort) |
		awk -v l="$l" -v dir="$tmp" '{ print NR % 40 == 7 ? "man/other" : "lid/" l, $0 }' |
		while read -r to f; do
			mkdir -p "$tmp/$to/$(dirname "$f")"
			mv "$u/manpages-$l/usr/share/man/$f" "$tmp/$to/$f"
		done
done
rm -rf "$u"
# label LANG FILE..: lines of at least 40 characters of readable text
label() {
	label=$1
	shift
	dolma-docs -q --from "$@" --source lid | jq -r .text |
		awk -v l="$label" 'length > 40 && n++ < 4000 { gsub(/ +/, " "); print "__label__" l, $0 }'
}
for l in $langs; do
	label "$l" man "$tmp/lid/$l"
done >"$tmp/lid.other"
{
	label en man "$tmp/man/linux"
	label en html "$tmp/docs"
	label en html "$tmp/book"
	label en html "$tmp/wiki"
} >"$tmp/lid.en"
# Languages take turns, so that the last lines seen are of no one language.
awk '{ print NR % 3989, $0 }' "$tmp/lid.other" "$tmp/lid.en" | sort -n -k1,1 -s |
	cut -d' ' -f2- >"$tmp/lid.txt"
rm -rf "$tmp/lid" "$tmp/lid.en" "$tmp/lid.other"

for s in wiki book dict man code docs quote; do # an index names the dictionary beside it
	(cd "$tmp" && find "$s" -type f ! -name '*.dict.dz' | sort) |
		awk -v a="$tmp/$s.0000.list" -v b="$tmp/$s.0001.list" '
			BEGIN { printf "" >a; printf "" >b } { print "raw/" $0 >(NR % 2 ? a : b) }'
done
rm -rf "$out/raw"
mv "$tmp" "$out/raw"
