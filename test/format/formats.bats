#!/usr/bin/env bats
# The example files of olmo-tokens(5) and olmo-order(5): test/ref/mkformat.c makes them from the
# pages alone; good ones are read, bad ones are refused at the right place.
load ../lib/olmo

F=$ROOT/test/format

@test "the example files are not what mkformat makes" {
	"$OLMO_TEST/ref/mkformat" "$TMP"
	for k in olmo-tokens olmo-order; do
		diff -r "$TMP/$k" "$F/$k"
	done
}

@test "a good file is refused" {
	tokcat --verify "$F"/olmo-tokens/good/*.tok "$F"/olmo-order/good/*.order
	for f in "$F"/olmo-tokens/good/*.tok; do
		tokcat --verify "$f"
		tokcat --ids "$f" >ids
		tokcat --ids - <"$f" | cmp - ids
		[ "$(tokcat --info "$f" | jq .count)" = "$(wc -l <ids)" ]
	done
	for f in "$F"/olmo-order/good/*.order; do
		tokcat --ids "$f" >ids
		[ "$(tokcat --info "$f" | jq .count)" = "$(wc -l <ids)" ]
	done
}

@test "a bad file is taken, or the message does not name file and offset" {
	for k in olmo-tokens olmo-order; do
		while read -r f at; do
			rc=0
			tokcat --verify "$F/$k/bad/$f" >out 2>err || rc=$?
			echo "# $f: $rc $(cat err)"
			[ $rc = 1 ]
			[ ! -s out ]
			grep -qF "/$f$at:" err
			[ "$(wc -l <err)" = 1 ]
		done <"$F/$k/bad/expect.tsv"
		[ "$(wc -l <"$F/$k/bad/expect.tsv")" = "$(ls "$F/$k/bad" | grep -c '\.tok$\|\.order$')" ]
	done
}

@test "a bad file is read as if it were good" {
	while read -r f at; do
		case $f in
		flipped.tok | id.tok | docs-*) continue ;; # only --verify looks that far
		esac
		rc=0
		tokcat --ids "$F/olmo-tokens/bad/$f" >out 2>err || rc=$?
		[ $rc = 3 ]
		[ ! -s out ]
		grep -qF "/$f$at:" err
	done <"$F/olmo-tokens/bad/expect.tsv"
	while read -r f at; do
		case $f in
		magic.order | empty.order) continue ;; # taken for a token file, and refused as that
		esac
		rc=0
		tokcat --ids "$F/olmo-order/bad/$f" >out 2>err || rc=$?
		[ $rc = 3 ]
		[ ! -s out ]
		grep -qF "/$f$at:" err
	done <"$F/olmo-order/bad/expect.tsv"
}

@test "a prefix of a token file, or one with a flipped bit, is whole to --verify" {
	f=$F/olmo-tokens/good
	for n in 0 1 7 8 100 4095 4096 4097 4105 4106 4107 4159 4160 4169; do
		head -c $n "$f/u16.tok" >p.tok
		run tokcat --verify p.tok
		[ "$status" = 1 ]
		head -c $n "$f/stream.tok" >p.tok
		run tokcat --verify p.tok
		[ "$status" = 1 ]
	done
	for n in 0 8 9 12 16 24 32 40 48 63 64 4087 4088 4095 4096 4105 4106 4113 4120 4129 4130 4153 4154 4161 4162 4169; do
		head -c $n "$f/u16.tok" >p.tok
		byte=$(od -An -tu1 -j$n -N1 "$f/u16.tok")
		# shellcheck disable=SC2059
		printf "\\$(printf %o $((byte ^ 64)))" >>p.tok
		tail -c +$((n + 2)) "$f/u16.tok" >>p.tok
		[ "$(stat -c %s p.tok)" = 4170 ]
		run tokcat --verify p.tok
		[ "$status" = 1 ]
		[[ $output == *p.tok@* ]]
	done
}

# The text of a page as a reader sees it.
page() {
	mandoc -Tascii "$ROOT/man/$1.5" | col -bx
}

reader() {
	page olmo-tokens | sed -n '/#!\/bin\/sh/,/^ *}.$/p' | sed 's/^       //' >tokids
	[ "$(wc -l <tokids)" -le 60 ]
	[ "$(wc -l <tokids)" -gt 20 ]
}

@test "the reader in olmo-tokens(5) is longer than 60 lines or reads other ids" {
	command -v mandoc >/dev/null || skip "no mandoc"
	reader
	for f in "$F"/olmo-tokens/good/*.tok; do
		sh tokids "$f" >ids
		tokcat --ids "$f" | cmp - ids
	done
}

@test "the reader in olmo-tokens(5) takes a bad file" {
	command -v mandoc >/dev/null || skip "no mandoc"
	reader
	while read -r f at; do
		case $f in
		*checksum* | flipped* | docs-*) continue ;; # it computes no hashes
		count-huge.tok) at=@4170 ;;
		esac
		rc=0
		sh tokids "$F/olmo-tokens/bad/$f" >out 2>err || rc=$?
		[ $rc = 1 ]
		[ ! -s out ]
		grep -qF "/$f$at: " err
	done <"$F/olmo-tokens/bad/expect.tsv"
}

@test "the hex dump in a page is not that of the file" {
	command -v mandoc >/dev/null || skip "no mandoc"
	page olmo-tokens | sed -n 's/^  *\(00[0-9][0-9]* [0-9a-f][0-9a-f] .*\)/\1/p' >dump
	[ "$(wc -l <dump)" = 11 ]
	od -Ad -tx1 "$F/olmo-tokens/good/u16.tok" | grep ' ' | cmp - dump
	page olmo-order | sed -n 's/^  *\(00[0-9][0-9]* [0-9a-f][0-9a-f] .*\)/\1/p' >dump
	[ "$(wc -l <dump)" = 16 ]
	od -Ad -tx1 "$F/olmo-order/good/numpy.order" | grep ' ' | cmp - dump
	page olmo-order | grep -q '^ *4 14 6 15 3 2 13 0 10 11 9 7 8 1 12 5$'
	[ "$(echo $(od -An -w64 -tu4 -j4096 -N64 "$F/olmo-order/good/numpy.order"))" = \
		"4 14 6 15 3 2 13 0 10 11 9 7 8 1 12 5" ]
}

@test "od does not show the ids, or xxhsum does not give the trailer's hash" {
	f=$F/olmo-tokens/good/u16.tok
	[ "$(echo $(od -An -tu2 -j4096 -N10 "$f"))" = "$(echo $(tokcat --ids "$f"))" ]
	command -v xxhsum >/dev/null || skip "no xxhsum"
	[ "$(tail -c +4097 "$f" | head -c 10 | xxhsum -H128 | cut -c1-32)" = \
		"$(tokcat --info "$f" | jq -r .xxh3)" ]
}
