#!/usr/bin/env bats
# paloma: each token scored once, in the right window, under the right source.
load ../lib/olmo

# A tokenizer and a model of one layer after four steps of training.
local_setup() {
	tiny_model 64 4
}

# The sum of a float tensor in a safetensors file.
tensor_sum() {
	local n a b
	n=$(($(od -An -tu8 -N8 "$1")))
	read -r a b < <(tail -c +9 "$1" | head -c $n | jq -r ".$2.data_offsets | \"\(.[0]) \(.[1])\"")
	od -An -v -tf4 -j$((8 + n + a)) -N$((b - a)) "$1" | awk '{ for (i = 1; i <= NF; i++) s += $i } END { printf "%.6f\n", s }'
}

@test "the sum is not that of the model's own losses" {
	eos=$(jq .eos_token_id run/latest/config.json)
	jq -s '[.[0:4][].text] | join(" ")' docs.jsonl >text
	jq -c '{id: "one", text: .}' text >one.jsonl
	tokenize -t tok.json --input strings --format ids text >ids
	n=$(jq length ids)
	[ "$n" -gt 130 ]
	[ $((n % 64)) != 0 ]
	# windows of 64: the EOS id and t0..t63, then t63..t127, the last one filled to the left
	paloma --windows -t tok.json --max-len 64 one.jsonl | cut -f2 | tr ';' '\n' >windows
	[ "$(wc -l <windows)" = $((n / 64 + 1)) ]
	sum=0
	while IFS=: read -r start k ctx; do
		jq -c "([$eos] + .)[$start + 1 - $ctx : $start + $k + 1]" ids >win
		jq -c ". as \$w | [range(length)] |
			map(if . >= $ctx - 1 and . < ($ctx + $k - 1) then \$w[. + 1] else -100 end)" win >lab
		train --probe run/latest --ids win --labels lab --dump loss -o p.safetensors
		sum=$(awk "BEGIN { printf \"%.6f\", $sum - $(tensor_sum p.safetensors loss) }")
	done <windows
	paloma -m run/latest --max-len 64 --documents d.tsv one.jsonl >m.tsv
	ll=$(sed 1d d.tsv | cut -f9)
	awk "BEGIN { exit !($ll - $sum < 1e-3 && $sum - $ll < 1e-3 && $ll < -100) }"
	[ "$(sed 1d d.tsv | cut -f5)" = "$n" ]
	awk -F'\t' 'NR == 2 { b = -$9 / log(2) / $6; p = exp(-$9 / $5)
		exit !(b - $10 < 1e-9 && $10 - b < 1e-9 && (p - $11) / p < 1e-9 && ($11 - p) / p < 1e-9) }' m.tsv
}

@test "results depend on -j, on the batch, or on the order of files" {
	mkdir -p d/s1/val d/s1/test d/s2/val
	sed -n 1,10p docs.jsonl >d/s1/val/a.jsonl
	sed -n 11,20p docs.jsonl | gzip >d/s1/val/b.jsonl.gz
	sed -n 21,25p docs.jsonl >d/s1/test/a.jsonl
	sed -n 26,30p docs.jsonl | jq -c 'del(.source) | .subdomain = "sub\(.metadata.n % 2)"' | zstd -q >d/s2/val/a.jsonl.zst
	paloma -m run/latest -j1 -o o1 d >t1
	paloma -m run/latest -j2 -o o2 d >t2
	cmp t1 o1/metrics.tsv
	diff -r o1 o2
	[ "$(cut -f1-4 o1/metrics.tsv)" = "$(printf 'source\tdomain\tsplit\tdocs\ns2\tsub0\tval\t%d\ns2\tsub1\tval\t%d\ntest\ttest\ttest\t5\ntest\ttest\tval\t20' \
		"$(sed -n 26,30p docs.jsonl | jq -c 'select(.metadata.n % 2 == 0)' | wc -l)" \
		"$(sed -n 26,30p docs.jsonl | jq -c 'select(.metadata.n % 2 == 1)' | wc -l)")" ]
	paloma -m run/latest --split test d | sed 1d | cmp - <(grep '	test	5	' t1)
	# one document alone or among others: the same number
	paloma -m run/latest --documents all.tsv docs.jsonl >/dev/null
	sed -n 7p docs.jsonl | paloma -m run/latest --documents one.tsv >/dev/null
	[ "$(sed -n 8p all.tsv | cut -f9)" = "$(sed -n 2p one.tsv | cut -f9)" ]
}

@test "the manifest or the JSON does not say what the numbers depend on" {
	paloma -m run/latest --max-len 32 --disjoint -o o docs.jsonl >/dev/null
	jq -e '.max_len == 32 and .windows == "disjoint" and .decontaminated == "unknown" and .total.docs == 40' o/metrics.json
	[ "$(jq -r .tokenizer o/metrics.json)" = "$(tokcat --info docs.tok | jq -r .tokenizer)" ]
	jq -e '[.inputs[].role] | index("model") and index("tokenizer") and index("documents")' o/manifest.json
	jq -e '[.inputs[] | select(.role == "model") | .path] | any(test("run/step[0-9]+/model.safetensors$"))' o/manifest.json
	[ "$(jq -r '.outputs[] | select(.path == "metrics.tsv").xxh3' o/manifest.json | head -c 32 | wc -c)" = 32 ]
	# the mean over domains and the sum over bytes
	awk -F'\t' 'NR > 1 { l += $9; b += $6 } END { printf "%.9f\n", -l / b / log(2) }' o/metrics.tsv >x
	[ "$(jq '.total.bits_per_byte' o/metrics.json | awk '{ printf "%.9f\n", $1 }')" = "$(cat x)" ]
}

@test "an empty document, a bad line or a broken seal passes unseen" {
	echo '{"id":"e","text":"","source":"s"}' >e.jsonl
	paloma -m run/latest e.jsonl >m.tsv
	[ "$(sed 1d m.tsv)" = "$(printf 's\ts\t-\t1\t0\t0\t0\t1\t0.0\tnan\tnan')" ] ||
		[ "$(sed 1d m.tsv | cut -f1-8)" = "$(printf 's\ts\t-\t1\t0\t0\t0\t1')" ]
	{ head -n 3 docs.jsonl; echo '{"id":"x"}'; tail -n 2 docs.jsonl; } >bad.jsonl
	run paloma -m run/latest -o o bad.jsonl
	[ "$status" = 3 ]
	[[ $output == *bad.jsonl:4:* ]]
	[ ! -e o/manifest.json ]
	paloma -m run/latest -q --skip-bad --stats st.json bad.jsonl | grep -q '	5	'
	[ "$(jq .docs_bad st.json)" = 1 ]
	dolma-docs --from lines --source s --seal <train.yaml >s.jsonl
	paloma -m run/latest --require-seal s.jsonl >m.tsv
	grep -v '"text":"max_duration' s.jsonl >t.jsonl
	run paloma -m run/latest t.jsonl
	[ "$status" = 3 ]
	[[ $output == *t.jsonl* ]]
}

@test "wrong options or models are taken" {
	for o in "" "--windows" "--windows -t tok.json -m run/latest" "-m run/latest --split all" \
		"-m openai:http://localhost" "-m run/latest --max-len 0"; do
		run paloma $o docs.jsonl
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	run paloma -m nowhere docs.jsonl
	[ "$status" = 3 ]
	mkdir empty
	run paloma -m run/latest empty
	[ "$status" = 2 ]
}
