#!/usr/bin/env bats
# olmo compare: two runs beside each other, on files small enough to check by hand.
load ../lib/olmo

# run DIR LOSS BITS..: a log, two sources of held-out text, a task.  BITS: of web's documents, 10
# bytes each; the one document of law has 8 bits in 4 bytes.
run() {
	local d=$1 loss=$2 ll=0 i=0 b
	shift 2
	mkdir -p "$d/run" "$d/eval/paloma" "$d/eval/catwalk" "$d/.opts" "$d/tokens"
	for s in 1 2 3 4; do
		echo "{\"step\":$s,\"train/CrossEntropyLoss\":$((loss + 4 - s)),\"throughput/total_tokens\":$((s * 64))}"
	done >"$d/run/log.jsonl"
	printf 'id\tsource\tdomain\tsplit\ttokens\tbytes\tchars\twords\tsum_ll\n' >"$d/eval/documents.tsv"
	for b; do
		i=$((i + 1))
		awk -v i=$i -v b="$b" 'BEGIN {
			printf "w%d\tweb\tweb\tval\t3\t10\t10\t2\t%.17g\n", i, -b * log(2) }'
	done >>"$d/eval/documents.tsv"
	awk 'BEGIN { printf "l1\tlaw\tlaw\tval\t3\t4\t4\t2\t%.17g\n", -8 * log(2) }' >>"$d/eval/documents.tsv"
	awk -F'\t' 'BEGIN { print "source\tbytes\tsum_ll" } NR > 1 { print $2 "\t" $6 "\t" $9 }' \
		"$d/eval/documents.tsv" >"$d/eval/paloma/metrics.tsv"
	for i in 1 2 3 4; do
		echo "{\"task_name\":\"piqa\",\"doc_id\":$i,\"metrics\":{\"acc_raw\":$((i * $# / 4 % 2)),\"predicted_raw\":0}}"
	done >"$d/eval/catwalk/predictions.jsonl"
}

local_setup() {
	run base 5 10 20 30 40
	run new 3 5 15 25 35
	printf 'stage\tquality\nwith\tjq "<&>"\nrecipe\t\n' >new/.opts/ablation
	printf 'a' >base/.opts/langid
	printf 'b' >new/.opts/langid
}

row() { # row WHAT KEY: from base to n
	awk -F'\t' -v w="$1" -v k="$2" '$2 == w && $3 == k {
		for (i = 4; i <= NF; i++) printf "%s%s", $i == "" ? "-" : sprintf("%.6g", $i), i < NF ? " " : "\n" }' x.tsv
}

@test "compare: each number, its difference, and an interval over the same documents" {
	olmo compare base new -o x
	[ "$(head -n 1 x.tsv)" = "$(printf 'run\twhat\tkey\tbase\tvalue\tdiff\tlow\thigh\tp\tn')" ]
	[ "$(row loss 'last step')" = '5 3 -2 - - - -' ]
	# every document of web is 5 bits better: 0.5 a byte, in every sample
	[ "$(row bpb web)" = '2.5 2 -0.5 -0.5 -0.5 0 4' ]
	# one document: no interval, also for the mean that holds it
	[ "$(row bpb law)" = '2 2 0 - - - -' ]
	[ "$(row bpb 'mean of sources')" = '2.25 2 -0.25 - - - -' ]
	[ "$(row bpb all | cut -d' ' -f1-3,7)" = '2.45455 2 -0.454545 5' ]
	[ "$(row task 'piqa acc_raw')" = '0.5 0.5 0 0 0 1 4' ]
	if grep -q predicted x.tsv; then false; fi
}

@test "compare: an interval that holds zero is not called a difference" {
	run other 5 15 15 35 35
	olmo compare base other -o x
	row bpb web
	row bpb web | awk '{ exit !($3 == 0 && $4 < 0 && $5 > 0 && $6 == 1) }'
	grep -q 'not&nbsp;told&nbsp;apart' x.html
}

@test "compare: the page says first what differs, needs nothing else, and is the same again" {
	olmo compare base new -o x
	olmo compare base new -o y
	cmp x.html y.html
	cmp x.tsv y.tsv
	grep -q 'Stage <b>quality</b> was swapped. In its place: <code>jq &quot;&lt;&amp;&gt;&quot;</code>' x.html
	grep -q '<td><code>langid</code></td><td><code>a</code></td><td><code>b</code></td>' x.html
	[ "$(grep -c '<svg' x.html)" = 3 ]
	if grep -qE '<script|src=|href=|url\([^#]' x.html; then false; fi
	if command -v xmllint >/dev/null; then
		sed 's/<!DOCTYPE html>//; s/<meta[^>]*>//g; s/&nbsp;/ /g' x.html | xmllint --noout -
	fi
}

@test "compare: several runs are beside the same base" {
	run other 5 15 15 35 35
	olmo compare base new other -o x
	[ "$(cut -f1 x.tsv | sort -u | tr '\n' ' ')" = 'new other run ' ]
	[ "$(grep -c '<h3>other</h3>' x.html)" -ge 3 ]
}

@test "compare: what is wrong is named" {
	mkdir empty
	rc=0; olmo compare base empty -o x 2>err || rc=$?
	[ "$rc" = 3 ]
	grep -q 'empty: nothing to compare' err
	echo 'w9	web' >>new/eval/documents.tsv
	rc=0; olmo compare base new -o x 2>err || rc=$?
	[ "$rc" = 3 ]
	grep -q 'new/eval/documents.tsv:7: 2 fields, the first line has 9' err
	[ ! -e x.tsv ]
	rc=0; olmo compare base new 2>err || rc=$?
	[ "$rc" = 2 ]
}
