#!/usr/bin/env bats
load ../lib/olmo

LONG="the quick brown fox jumps over the lazy dog and runs away from it"

local_setup() {
	mkdir documents
	cat >eval.jsonl <<EOF
{"id":"q1","text":"short\n$LONG\nanother short one"}
{"id":7,"text":"$LONG twice"}
{"text":"* * * * * * * * * * * * * *"}
EOF
	cat >documents/t.jsonl <<EOF
{"id":"clean","text":"nothing to see here\nshort\nanother short one\n* * * * * * * * * * * * * *"}
{"id":"line","text":"h\u00e9\n$LONG\nend"}
{"id":"inside","text":"he said: $LONG twice, tab\there"}
{"id":"case","text":"THE quick, brown fox; jumps over the lazy dog AND runs away from it!"}
EOF
}

ids() { jq -r .id "$@" | tr '\n' ' '; }

@test "decontam: --mark does not give the line as it stands, --drop not the other documents" {
	decontam -e eval.jsonl --mark documents/t.jsonl >o
	[ "$(jq -c '.attributes.contaminated' o | tr '\n' ' ')" = '[] [[3,69,1]] [] [] ' ]
	jq -j 'select(.id == "line") | .text[3:69]' o | cmp - <(echo "$LONG")
	decontam -e eval.jsonl --drop --stats s documents/t.jsonl >o
	grep -v '"line"' documents/t.jsonl | cmp - o
	[ "$(jq .docs_dropped s)" = 1 ]
	[ "$(jq .docs_out s)" = 3 ]
	[ "$(jq .evals_hit s)" = 1 ]
}

@test "decontam: --check answers wrong" {
	run decontam -e eval.jsonl --check documents/t.jsonl
	[ "$status" = 1 ]
	grep -q '1 of 4' <<<"$output"
	grep -v '"line"' documents/t.jsonl >clean.jsonl
	run decontam -e eval.jsonl --check clean.jsonl
	[ "$status" = 0 ]
	[ -z "$output" ]
	run decontam -e eval.jsonl --method ngram --check -q --report - clean.jsonl
	[ "$status" = 1 ]
	[ "${#lines[@]}" -ge 3 ]
}

@test "decontam: the length that counts is not --min-words" {
	decontam -e eval.jsonl --min-words 14 --mark documents/t.jsonl >o
	[ "$(jq -c 'select(.attributes.contaminated != []) | .id' o)" = '"line"' ]
	run decontam -e eval.jsonl --min-words 16 --mark documents/t.jsonl
	[ "$status" = 3 ]
	grep -q 'long enough' <<<"$output"
	decontam -e eval.jsonl --min-words 1 --mark documents/t.jsonl >o
	[ "$(jq -c '.attributes.contaminated' o | head -n 2 | tr '\n' ' ')" = \
		'[[20,26,1],[26,44,1]] [[3,69,1]] ' ]
}

@test "decontam: --normalize hides or finds other lines" {
	decontam -e eval.jsonl --normalize words --drop documents/t.jsonl >o
	[ "$(ids o)" = "clean inside " ]
	sed -i 's/quick brown/quick  brown/; s/\\nend/ \\r\\nend/' documents/t.jsonl
	decontam -e eval.jsonl --drop documents/t.jsonl >o
	[ "$(ids o)" = "clean line inside case " ]
	decontam -e eval.jsonl --normalize space --drop documents/t.jsonl >o
	[ "$(ids o)" = "clean inside case " ]
}

@test "decontam: n-grams: spans, scores and the table do not agree with the text" {
	decontam -e eval.jsonl --method ngram --report r.tsv --mark documents/t.jsonl >o 2>/dev/null
	[ "$(jq -r '.text as $t | .attributes.contaminated[] | $t[.[0]:.[1]]' o)" = "$LONG
$LONG twice
THE quick, brown fox; jumps over the lazy dog AND runs away from it" ]
	# q1 has 18 words, 6 n-grams of 13: 2 are in each of these; 7 has 3
	[ "$(awk -F'\t' 'NR > 1 {print $1, $3, $7}' r.tsv | sort | tr '\n' ',')" = \
		"7 case 0.66667,7 inside 1.0,7 line 0.66667,q1 case 0.33333,q1 inside 0.33333,q1 line 0.33333," ] ||
		{ awk -F'\t' 'NR > 1 {print $1, $3, $7}' r.tsv | sort; false; }
	[ "$(head -n 1 r.tsv)" = "eval	eval_at	doc	doc_at	start	end	score	text" ]
	[ "$(awk -F'\t' '$1 == 7 && $3 == "inside" {print $2, $4, $5, $6}' r.tsv)" = \
		"eval.jsonl:2 documents/t.jsonl:3 9 80" ]
	decontam -e eval.jsonl --method ngram --threshold 0.7 --drop documents/t.jsonl >o 2>/dev/null
	[ "$(ids o)" = "clean line case " ]
}

@test "decontam: whole documents, other fields, several evaluation files" {
	jq -c '{id, q: .text}' documents/t.jsonl | tail -n 1 >e2.jsonl
	run decontam -e e2.jsonl --check documents/t.jsonl
	[ "$status" = 3 ]
	grep -q 'e2.jsonl:1: ' <<<"$output"
	decontam -e e2.jsonl --field question,q --method document --drop documents/t.jsonl >o
	[ "$(ids o)" = "clean line inside " ]
	jq -c 'select(.id == "inside")' documents/t.jsonl | gzip >e3.jsonl
	decontam -e e3.jsonl -e eval.jsonl --drop documents/t.jsonl >o
	[ "$(ids o)" = "clean case " ]
	: >none
	run decontam -e none --check documents/t.jsonl
	[ "$status" = 3 ]
}

@test "decontam: the result depends on -j" {
	docs 3000 >documents/big.jsonl
	sed -n '100,140p;2000p' documents/big.jsonl >e.jsonl
	for m in paragraph document ngram; do
		for j in 1 3; do
			decontam -e e.jsonl --method $m --mark --attributes a$j --report r$j -j $j \
				documents/big.jsonl documents/t.jsonl
		done
		cmp r1 r3 && [ "$(wc -l <r1)" -ge 42 ]
		diff -r attributes/a1 attributes/a3
		rm -r attributes
	done
}

@test "decontam: the manifest does not name what was compared" {
	decontam -e eval.jsonl --drop -o o.jsonl documents/t.jsonl
	[ "$(jq -c '[.inputs[] | [.role, .path]]' o.jsonl.manifest.json)" = \
		'[["evaluation","eval.jsonl"],["documents","documents/t.jsonl"]]' ]
	[ "$(jq .counts.docs_contaminated o.jsonl.manifest.json)" = 1 ]
}

@test "decontam: wrong command lines are accepted" {
	for line in "--mark" "-e eval.jsonl" "-e eval.jsonl --mark --drop" "-e eval.jsonl --drop --attributes a" \
		"-e eval.jsonl --check -o x" "-e eval.jsonl --mark --report -" "-e eval.jsonl --mark --method x" \
		"-e eval.jsonl --mark --threshold 2" "-e eval.jsonl --mark --field a,,b" "-e eval.jsonl --mark --name a.b/c"; do
		run decontam $line documents/t.jsonl
		[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ] || { echo "$line: $status $output"; false; }
	done
}

@test "decontam: a damaged evaluation file, or no room for the table, passes" {
	docs 2000 | gzip | head -c 3000 >e.jsonl.gz
	probe_truncated o/x.jsonl e.jsonl.gz decontam -e e.jsonl.gz --mark -o o/x.jsonl documents/t.jsonl
	echo '{"id":"x","text":' >bad.jsonl
	run decontam -e bad.jsonl --mark documents/t.jsonl
	[ "$status" = 3 ]
	grep -q 'bad.jsonl:1: ' <<<"$output"
	probe_full_file o/r.tsv decontam -e eval.jsonl --check --report o/r.tsv documents/t.jsonl
	probe_truncated o/r.tsv e.jsonl.gz decontam -e eval.jsonl --check --report o/r.tsv e.jsonl.gz
}
