#!/usr/bin/env bats
# The tree speaks of itself only: no paths or hosts of the machine it was written on, and nothing in a
# manifest that another machine or another day would change.
load ../lib/olmo

# Files of the tree: what git tracks or would track, else all but what make writes.
tree() {
	(
		cd "$ROOT" || exit
		if [ -d .git ] && command -v git >/dev/null; then
			git -c safe.directory='*' ls-files --cached --others --exclude-standard
		else
			find . -type f ! -path './build/*' ! -path './bin/*' ! -path './.git/*' | sed 's:^./::'
		fi | sort -u
	)
}

# found PATTERN [FILE-PATTERN]: lines of the tree's text files that match, this file left out.
found() {
	(
		cd "$ROOT" || exit
		tree | grep -E "${2:-.}" | grep -v '^test/tree/words\.bats$' | tr '\n' '\0' |
			xargs -0 grep -nIE -e "$1" -- /dev/null
	)
}

none() {
	run found "$@"
	echo "$output" | head -n 20
	[ "$status" != 0 ]
	[ -z "$output" ]
}

@test "the search finds nothing in a tree that holds something" {
	[ "$(tree | wc -l)" -gt 50 ]
	[ -n "$(found 'include "base/err.h"' '\.c$')" ]
	[ -n "$(found 'olmo' '\.7$')" ]
}

@test "a path of the machine on which the tree was written" {
	none '(^|[^A-Za-z0-9_.-])/(work|home|root|Users|mnt|workspace)(/|$|[^A-Za-z0-9_-])'
	none "/tmp/[a-z]*/(build|bin|venv)|$(printf '%s' "$ROOT" | sed 's/[].[*^$]/\\&/g')/"
}

@test "the name of a package registry or of a mirror of one" {
	none '(pypi|npmjs|pythonhosted|crates|rubygems|golang)\.(org|io|com)|proxy\.golang|index-url|artifactory|nexus\.'
}

@test "white space at the end of a line of code, or spaces where tabs belong" {
	none '[ 	]+$' '\.(c|h|cpp|sh|bats|bash)$|Makefile|\.mk$|\.[157]$'
	none '^        ' '^(cmd|common|kernels)/.*\.(c|h|cpp)$'
}

@test "an #ifdef in the body of a function" {
	(
		cd "$ROOT" || exit
		tree | grep -E '^(cmd|common|kernels)/.*\.(c|cpp)$' | tr '\n' '\0' | xargs -0 awk '
			FNR == 1 { inside = 0 }
			/^\{/ { inside = 1 }
			/^\}/ { inside = 0 }
			inside && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ { print FILENAME ":" FNR ": " $0 }'
	) >ifdefs
	cat ifdefs
	[ ! -s ifdefs ]
}

@test "a manifest holds an absolute path, a time, a host or a number of threads" {
	docs 20 >docs.jsonl
	mkdir -p sub/documents
	cp docs.jsonl sub/documents/a.jsonl
	dolma-quality -t char_length_v1 -o "$TMP/abs.jsonl" "$TMP/docs.jsonl"
	dolma-quality -t char_length_v1 -j2 -o rel.jsonl docs.jsonl
	dolma-quality -t char_length_v1 --attributes n --manifest all.json "$TMP/sub/documents/a.jsonl"
	dolma-docs --from lines --source s -o lines.jsonl docs.jsonl
	find . -name '*manifest.json' -o -name all.json >list
	[ "$(wc -l <list)" -ge 5 ]
	while read -r m; do
		jq -e '[.. | strings | select(startswith("/") or test("^[0-9]{4}-[0-9]{2}-[0-9]{2}"))] == []' "$m"
		jq -e '[paths | map(tostring) | join(".") | select(test("host|time|date|thread|wall|cpu|pid|user"))]
			== []' "$m"
		if grep -qF "$TMP" "$m"; then false; fi
		if grep -qF "$(hostname)" "$m"; then false; fi
	done <list
	# the place and the number of threads do not show
	jq 'del(.outputs[].path)' abs.jsonl.manifest.json >a
	jq 'del(.outputs[].path)' rel.jsonl.manifest.json >b
	cmp a b
}
