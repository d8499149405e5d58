load ../lib/olmo

# The tiny demo, from raw text to a report, as `make demo` runs it (packages are there already).
# One run is made and kept for all tests of this file.
RUN=${BATS_FILE_TMPDIR:-/tmp}/demo

demo() { # demo OUT [VAR=VALUE..]
	make -s -C "$ROOT" -f pipelines/demo.mk DEMO=tiny BIN="${OLMO_BIN:-$ROOT/bin}" OUT="$1" "${@:2}"
}

# Everything that a run's result consists of: not the log of times.
hashes() {
	(cd "$1" && find . -type f ! -path './.opts/*' ! -path './stats/*' ! -name report.html ! -name 'timing*' | LC_ALL=C sort | xargs sha256sum)
}

setup_file() {
	export RUN=$BATS_FILE_TMPDIR/demo
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	demo "$RUN" -j2 >"$BATS_FILE_TMPDIR/log" 2>&1 || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
}

@test "demo: a progress line a stage, a report, a model that has learnt" {
	for s in raw documents langid quality dedup decontam mix tokenize shuffle train paloma report; do
		grep -q "^$s" "$BATS_FILE_TMPDIR/log"
	done
	[ -s "$RUN/report.txt" ]
	first=$(head -n 1 "$RUN/run/log.jsonl" | jq '."train/CrossEntropyLoss"')
	last=$(tail -n 1 "$RUN/run/log.jsonl" | jq '."train/CrossEntropyLoss"')
	awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a - 2) }'
	# bits per byte: well below the 8 of noise (the notes hold languages that were filtered out)
	awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
		{ n++; if ($c["bpb"] < 0.3 || $1 != "notes" && $c["bpb"] > 5) bad = 1 }
		END { exit bad || n < 4 }' \
		"$RUN/eval/paloma/metrics.tsv"
}

@test "demo: every filter takes some documents and leaves some" {
	cd "$RUN"
	for s in legal code manual notes; do
		before=$(zstdcat documents/$s/*.jsonl.zst | wc -l)
		after=$(zcat mix/$s-*.gz | wc -l)
		echo "$s: $before -> $after"
		[ "$after" -gt 0 ]
		[ "$after" -le "$before" ]
	done
	# languages: most foreign notes go
	[ "$(zcat mix/notes-*.gz | wc -l)" -lt "$(($(zstdcat documents/notes/*.zst | wc -l) / 2))" ]
}

@test "demo: the vocabulary holds the placeholders of masked data" {
	for t in EMAIL_ADDRESS PHONE_NUMBER IP_ADDRESS; do
		jq -e --arg t "|||$t|||" '.added_tokens[] | select(.content == $t)' \
			"$RUN/tokenizer.json" >/dev/null
	done
}

@test "demo: a second run has nothing to do" {
	cp -a "$RUN" again
	find again -type f -exec stat -c '%n %Y %s' {} + | sort >before
	demo "$TMP/again" >log
	find again -type f -exec stat -c '%n %Y %s' {} + | sort >after
	cmp before after
	[ "$(wc -l <log)" = 1 ]
}

@test "demo: one job gives the bytes of two" {
	demo "$TMP/j1" J=1 >log 2>&1
	hashes j1 >a
	hashes "$RUN" >b
	diff a b
}

@test "demo: an option of a stage reruns that stage and what follows" {
	cp -a "$RUN" opt
	demo "$TMP/opt" STEPS=6 >log 2>&1
	grep -q '^train' log && grep -q '^paloma' log
	if grep -q '^tokenize\|^mix\|^quality\|^raw\|^shuffle' log; then false; fi
	demo "$TMP/opt" STEPS=6 DECONTAM_OPTS='--method paragraph --min-words 20' >log 2>&1
	grep -q '^decontam' log && grep -q '^mix' log && grep -q '^train' log
	! grep -q '^quality\|^langid\|^raw' log
}

@test "demo: killed at random moments, then run again: the same final hashes" {
	pids() { ps -e -o pid=,pgid= | awk -v g="$1" '$2 == g { print $1 }'; }
	for wait in 0.4 1.1 0.7 2.3 3.1 1.7; do
		setsid bash -c 'make -s -C "$1" -f pipelines/demo.mk DEMO=tiny BIN="$2" OUT="$3" -j2' _ \
			"$ROOT" "${OLMO_BIN:-$ROOT/bin}" "$TMP/k" >/dev/null 2>&1 &
		g=$!
		sleep $wait
		kill -9 $(pids $g) 2>/dev/null || true
		wait $g 2>/dev/null || true
	done
	demo "$TMP/k" -j2 >log 2>&1
	hashes k >a
	hashes "$RUN" >b
	diff a b
}

@test "demo: audit finds nothing wrong in a whole run" {
	run olmo audit "$RUN"
	echo "$output"
	[ "$status" = 0 ]
}

@test "demo: audit names each file with one byte flipped, in every data set" {
	cp -a "$RUN" flip
	for f in raw/legal/* documents/code/0000.jsonl.zst attributes/langid/notes/0001.jsonl.zst \
		attributes/quality/legal/0000.jsonl.zst attributes/dup_doc/code/0001.jsonl.zst \
		attributes/decontam/manual/0000.jsonl.zst mix/code-0000.jsonl.gz tokenizer.json \
		tokens/legal-0000.tok order/epoch1.order eval/data/legal/val/0000.jsonl.gz \
		run/latest/model.safetensors eval/paloma/metrics.tsv models/lid.bin keys/doc.all; do
		f=$(cd flip && ls -d $f* | head -n 1)
		real=$(cd flip && realpath --relative-to=. "$f")
		size=$(stat -c %s "flip/$real")
		at=$((size / 2))
		byte=$(od -An -tu1 -j$at -N1 "flip/$real" | tr -d ' ')
		printf "\\x$(printf %x $((byte ^ 1)))" | dd of="flip/$real" bs=1 seek=$at conv=notrunc 2>/dev/null
		run olmo audit flip
		[ "$status" = 1 ] && grep -qF "$(basename "$real")" <<<"$output" ||
			{ echo "not named: $real ($status) $output"; false; }
		printf "\\x$(printf %x $byte)" | dd of="flip/$real" bs=1 seek=$at conv=notrunc 2>/dev/null
	done
	run olmo audit flip
	[ "$status" = 0 ]
}

@test "demo: audit names a pipe whose recorded hash differs" {
	cp -a "$RUN" pipe
	m=pipe/documents/legal/0000.docs.manifest.json
	h=$(jq -r '.outputs[0].xxh3' $m)
	sed -i "s/$h/$(tr 0-9 1-90 <<<"$h")/" $m
	run olmo audit pipe
	[ "$status" = 1 ]
	grep -q 'legal/0000' <<<"$output"
}

@test "demo: the audit of olmo(7) with sha256sum, jq, zstdcat, od and awk alone" {
	audit() {
		(cd "$1" && awk '/^.Sh AUDITING/ { on = 1 } /^.Sh SEE/ { on = 0 } on && /^\$ /' "$ROOT/man/olmo.7" |
			sed 's/^\$ //; s/\\e/\\/g' | bash -o pipefail 2>&1)
	}
	run audit "$RUN"
	echo "$output"
	[ "$output" = "$(printf 'ok %s\n' files sizes joins mix tokens)" ]
	# and it sees damage: a byte in a file, a count, a hash in a manifest
	cp -a "$RUN" bad
	printf x >>bad/mix/code-0000.jsonl.gz
	run audit bad
	grep -q 'code-0000.jsonl.gz: FAILED' <<<"$output"
	grep -q 'size differs: .*code-0000' <<<"$output"
	cp "$RUN/mix/code-0000.jsonl.gz" bad/mix/
	m=bad/documents/code/0000.docs.manifest.json
	h=$(jq -r '.outputs[0].xxh3' $m)
	sed -i "s/$h/$(tr 0-9 1-90 <<<"$h")/" $m
	run audit bad
	grep -q 'no such pipe' <<<"$output"
}
