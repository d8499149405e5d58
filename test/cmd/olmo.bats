#!/usr/bin/env bats
# olmo: the dispatcher, and the audit.
load ../lib/olmo

# A little pipeline: two raw files, a pipe of two programs, marks beside documents, a mix.
pipeline() {
	mkdir -p out/raw out/documents/s out/mix
	cd out || return
	docs 30 >raw/a.jsonl
	docs 20 | sed 's/"id":"d/&x/' >raw/b.jsonl
	printf 'streams:\n- name: s\n' >conf.yaml
	printf 'streams:\n- name: m\n  documents: [documents/s/*.zst]\n  attributes: [dup]\n' >mix.yaml
	dolma-mix -c conf.yaml --seal --manifest documents/s/0.pipe.manifest.json raw/a.jsonl |
		dolma-mix -c conf.yaml --require-seal -o documents/s/0.jsonl.zst -
	dolma-mix -c conf.yaml -o documents/s/1.jsonl.zst raw/b.jsonl
	dolma-dedup --by document --name dup --attributes dup documents/s/*.zst
	dolma-mix -c mix.yaml -o mix
	cd ..
}

# flip FILE: one byte in the middle; again: as it was
flip() {
	local at byte
	at=$(($(stat -c %s "$1") / 2))
	byte=$(od -An -tu1 -j$at -N1 "$1" | tr -d ' ')
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek=$at conv=notrunc 2>/dev/null
}

@test "audit finds nothing wrong in a whole run, from every place in it" {
	pipeline
	for p in out out/mix out/mix/m-0000.jsonl.gz out/documents out/documents/s/0.jsonl.zst \
		out/mix/manifest.json out/documents/s/1.jsonl.zst.manifest.json; do
		run olmo audit $p
		[ "$status" = 0 ] && [ -z "$output" ] || { echo "$p: $status $output"; false; }
	done
	cd out/mix && olmo audit . && olmo audit -j2 ..
}

@test "audit names each file with a byte flipped, and with both hashes" {
	pipeline
	for f in raw/a.jsonl raw/b.jsonl conf.yaml mix.yaml documents/s/0.jsonl.zst documents/s/1.jsonl.zst \
		attributes/dup/s/0.jsonl.zst attributes/dup/s/1.jsonl.zst mix/m-0000.jsonl.gz; do
		flip out/$f
		run olmo audit out
		[ "$status" = 1 ]
		[ "$(cut -f1 <<<"$output" | sort -u)" = "out/$f" ] || { echo "$f: $output"; false; }
		cut -f2,3 <<<"$output" | grep -vE '^[0-9a-f]{32}	[0-9a-f]{32}$' && false
		# from the end of the chain as well
		run olmo audit out/mix
		[ "$status" = 1 ] && grep -q "^out/$f	" <<<"$output" || { echo "mix, $f: $output"; false; }
		flip out/$f
	done
	olmo audit out
}

@test "audit names a file that is gone" {
	pipeline
	for f in raw/b.jsonl attributes/dup/s/1.jsonl.zst mix/m-0000.jsonl.gz; do
		mv out/$f kept
		run olmo audit out
		[ "$status" = 1 ]
		[ "$(cut -f1,3 <<<"$output" | sort -u)" = "out/$f	missing" ]
		mv kept out/$f
	done
}

@test "audit names a wrong hash in the manifest of a pipe, at either end" {
	pipeline
	m=out/documents/s/0.pipe.manifest.json
	cp $m kept
	h=$(jq -r '.outputs[0].xxh3' $m)
	sed -i "s/$h/$(tr 0-9 1-90 <<<"$h")/" $m
	for p in out out/mix; do
		run olmo audit $p
		[ "$status" = 1 ]
		grep -q "^out/documents/s/0.jsonl.zst.manifest.json:stdin	$h	missing$" <<<"$output"
		grep -q "^out/documents/s/0.pipe.manifest.json:stdout	.*	unread$" <<<"$output"
	done
	cp kept $m
	olmo audit out
	# the other end
	sed -i "s/$h/$(tr 0-9 1-90 <<<"$h")/" out/documents/s/0.jsonl.zst.manifest.json
	run olmo audit out
	[ "$status" = 1 ]
	grep -q '0.jsonl.zst.manifest.json:stdin' <<<"$output"
}

@test "audit names a wrong hash in any manifest" {
	pipeline
	find out -name '*manifest.json' | while read -r m; do
		for h in $(jq -r '.inputs[], .outputs[] | .xxh3' "$m" | sort -u); do
			cp "$m" kept
			sed -i "s/$h/$(tr 0-9 1-90 <<<"$h")/" "$m"
			if olmo audit out >rows; then echo "$m: $h not seen"; exit 1; fi
			mv kept "$m"
		done
	done
}

@test "a run can be moved, and be reached through a link" {
	pipeline
	mv out elsewhere
	olmo audit elsewhere
	ln -s elsewhere link
	olmo audit link/mix
	olmo audit link
}

@test "audit of what no manifest knows, or of a damaged manifest, is an error" {
	pipeline
	run olmo audit out/raw
	[ "$status" = 3 ]
	grep -q 'no manifest below' <<<"$output"
	run olmo audit out/raw/a.jsonl
	[ "$status" = 3 ]
	grep -q 'raw file' <<<"$output"
	run olmo audit none
	[ "$status" = 3 ]
	head -c 100 out/mix/manifest.json >x && mv x out/mix/manifest.json
	run olmo audit out
	[ "$status" = 3 ]
	grep -q 'out/mix/manifest.json:' <<<"$output"
	run olmo audit
	[ "$status" = 2 ]
	run olmo audit a b
	[ "$status" = 2 ]
}

@test "olmo PROG is PROG: arguments, streams, exit status" {
	docs 5 >d.jsonl
	printf 'streams:\n- name: s\n' >c.yaml
	dolma-mix -c c.yaml - <d.jsonl >want
	olmo dolma-mix -c c.yaml - <d.jsonl >got
	cmp want got
	run olmo dolma-mix --no-such
	[ "$status" = 2 ]
	grep -q '^dolma-mix: ' <<<"$output"
	run olmo dolma-mix -c c.yaml --explain d1 d.jsonl
	[ "$status" = 1 ]
	run olmo ls
	[ "$status" = 2 ]
	run olmo
	[ "$status" = 2 ]
	# found beside itself, not on the PATH
	dir=$(dirname "$(realpath "$(command -v olmo)")")
	PATH=/nowhere "$dir/olmo" dolma-mix -V | grep -q '^dolma-mix'
	[ "$(olmo --exec-path)" = "$dir" ]
	# installed: too common names lie in libexec
	mkdir -p i/bin i/libexec/olmo
	cp "$dir/olmo" i/bin/
	cp "$dir/dolma-mix" i/bin/
	cp "$dir/shuffle" i/libexec/olmo/
	printf '#!/bin/sh\necho a stranger\n' >i/bin/shuffle
	cp i/bin/shuffle i/bin/train
	chmod +x i/bin/shuffle i/bin/train
	i/bin/olmo dolma-mix -V | grep -q '^dolma-mix'
	i/bin/olmo shuffle -V | grep -q '^shuffle'
	run i/bin/olmo train -V
	[ "$status" = 3 ]
	[[ $output != *stranger* ]]
	[ "$(i/bin/olmo --exec-path)" = "$PWD/i/libexec/olmo" ]
}
