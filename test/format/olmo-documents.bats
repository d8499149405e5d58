#!/usr/bin/env bats
# The example files of olmo-documents(5), through a program that reads documents: good ones come out
# with the same ids and texts, bad ones are refused at the right place.  In bad/expect.tsv stand:
# file, what follows the file's name in the message, an option, a part of the message.
load ../lib/olmo

F=$ROOT/test/format/olmo-documents
Q="dolma-quality -t char_length_v1"

# stored FILE: its bytes, decompressed by the tool that knows them
stored() {
	case $1 in
	*.zst) zstd -dcq "$1" ;;
	*.gz | *gzip*) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

@test "a good file is refused, or a document comes out changed" {
	n=0
	for f in "$F"/good/*.jsonl*; do
		for j in 1 2; do
			rm -f o.jsonl
			$Q -j$j -o o.jsonl "$f"
			stored "$f" | jq -c 'select(has("seal") | not) | [.id, .text, .source, (.text | length)]' >want
			jq -c '[.id, .text, .source, .attributes["char_length_v1__char_length_v1__length"][0][1]]' \
				o.jsonl >got
			diff want got
		done
		n=$((n + 1))
	done
	[ $n -ge 15 ]
}

@test "a bad file is taken, leaves an output, or the message does not say where and why" {
	while IFS='	' read -r f at opt why; do
		[ "$opt" != - ] || opt=
		[ "$why" != - ] || why=
		for j in 1 3; do
			rc=0
			$Q -j$j $opt -o o.jsonl "$F/bad/$f" >out 2>err || rc=$?
			echo "# $f: status $rc: $(cat err)"
			[ $rc = 3 ]
			[ ! -e o.jsonl ]
			[ ! -s out ]
			[ ! -e o.jsonl.manifest.json ]
			[ "$(wc -l <err)" = 1 ]
			grep -qF "bad/$f$at" err
			grep -qF -- "$why" err
			[ -z "$(find . -name '.*.tmp')" ]
			rc=0
			$Q -j$j $opt <"$F/bad/$f" >out 2>err || rc=$?
			[ $rc = 3 ]
			grep -qF "(stdin)$at" err
		done
	done <"$F/bad/expect.tsv"
	[ "$(wc -l <"$F/bad/expect.tsv")" = "$(ls "$F/bad" | grep -c jsonl)" ]
}

@test "attribute files differ from the example" {
	cp -r "$F/good/pair/documents" .
	$Q --attributes lengths documents/plain.jsonl
	jq -cS . "$F/good/pair/attributes/lengths/plain.jsonl" >want
	jq -cS . attributes/lengths/plain.jsonl | diff want -
}

@test "the page's examples show other output than they have" {
	command -v mandoc >/dev/null || skip "no mandoc"
	mandoc -Tascii "$ROOT/man/olmo-documents.5" | col -bx | sed -n '/^EXAMPLES/,/^SEE ALSO/p' |
		grep -E '^     [[{$0-9]' | sed 's/^     //' >shown
	grep -q '^\$ dolma-quality' shown
	while read -r line; do
		printf '%s\n' "$line"
		case $line in '$ '*) bash -eo pipefail -c "${line#$ }" ;; esac
	done < <(grep '^\$' shown) >real
	diff shown real
}
