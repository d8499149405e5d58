#!/usr/bin/env bats
# catwalk: the right choice counts, under the right rule, and only complete documents do.
load ../lib/olmo

# row TASK DOC IDX LABEL LL CONT
row() {
	printf '{"task_name":"%s","doc_id":%d,"idx":%d,"label":%s,"request":{"context":"c%d","continuation":"%s"},"loglikelihood":%s,"num_tokens":%d}\n' \
		"$1" "$2" "$3" "$4" "$2" "$6" "$5" "$(awk '{ print NF }' <<<"$6")"
}

# A tokenizer and a model of one layer after four steps of training.
model() {
	tiny_model 64 4
}

@test "a rule picks another choice than its formula" {
	{
		row t 0 0 1 -4 " ab"      # raw 1, char: -4/3 < -3/2 -> 0
		row t 0 1 1 -3 " c"
		row t 1 0 0 -2 " x"       # a tie: the first
		row t 1 1 0 -2 " y"
		row t 2 0 1 -6 " é é"     # bytes 6, characters 4, tokens 2
		row t 2 1 1 -5 " abcd"
		for d in 0 1 2; do for i in 0 1; do
			c=(' ab' ' c' ' x' ' y' ' é é' ' abcd')
			row t $((1000000 + d)) $i 0 "$((-3 - i - d))" "${c[$((2 * d + i))]}"
		done; done
	} >ll.jsonl
	catwalk --loglikelihoods ll.jsonl -o o >table
	jq -c '[.doc_id, .label, .metrics.predicted_acc_raw, .metrics.predicted_acc_per_token, .metrics.predicted_acc_per_char,
		.metrics.predicted_acc_per_byte, .metrics.predicted_len_norm, .metrics.predicted_acc_uncond]' o/predictions.jsonl >got
	# per_byte of document 2: -6/5 and -5/4; per_char -6/4 and -5/5; uncond: -4+3, -3+4 / -2+4, -2+5 / -6+5, -5+6
	cmp got - <<-E
		[0,1,1,1,0,0,0,1]
		[1,0,0,0,0,0,0,1]
		[2,1,1,0,1,0,1,1]
	E
	jq -e '.tasks[0] | .num_instances == 3 and .num_incomplete == 0 and .metrics.acc_raw == 1 and
		(.metrics.acc_uncond * 3 | round) == 2 and .metrics.f1 == 1 and
		((.metrics.ce_loss - (3 / 1 + 2 / 1 + 5 / 4) / 3) | fabs) < 1e-12 and
		((.metrics.bpb - (3 + 2 + 5 / 4) / 3 / 0.6931471805599453) | fabs) < 1e-12' o/metrics.json
	[ "$(sed 1d table | cut -f1-4)" = "$(printf 't\t3\tacc_raw\t1.0')" ]
}

@test "an incomplete document counts, a double row passes, a row that is none is read" {
	{ row t 0 0 1 -4 " a"; row t 0 1 1 -3 " b"; row t 1 0 1 -1 " a"; } >ll.jsonl
	catwalk --loglikelihoods ll.jsonl -o o >table 2>err
	grep -q '1 of 2 documents' err
	jq -e '.tasks[0] | .num_incomplete == 1 and .metrics.acc_raw == 1' o/metrics.json
	{ cat ll.jsonl; row t 1 0 1 -1 " a"; } >two.jsonl
	run catwalk --loglikelihoods two.jsonl -o p
	[ "$status" = 3 ]
	[[ $output == *"lines 3 and 4"* ]]
	[ ! -e p/manifest.json ]
	for bad in '{"task":"t","doc_id":0}' '{"doc_id":0,"idx":0}' 'x' \
		'{"task":"t","doc_id":0,"idx":-1}' '{"task":"t","doc_id":0,"idx":0,"request_type":"generate_until"}'; do
		{ cat ll.jsonl; echo "$bad"; } >bad.jsonl
		run catwalk --loglikelihoods bad.jsonl -o p
		[ "$status" = 3 ]
		[[ $output == *bad.jsonl:4:* ]]
	done
	jq -c 'del(.loglikelihood)' ll.jsonl >none.jsonl
	run catwalk --loglikelihoods none.jsonl
	[ "$status" = 3 ]
}

@test "the mock is not SHA-256 of context, 1f, continuation" {
	row t 0 0 0 0 " an answer" | jq -c 'del(.loglikelihood)' >r.jsonl
	u=$(printf 'c0\x1f an answer' | sha256sum | head -c 8)
	catwalk -m mock:sha256 --requests r.jsonl -o o >/dev/null
	want=$(awk -v u=$((16#$u)) 'BEGIN { printf "%.9f", -u / 4294967296 * 10 }')
	[ "$(jq '.model_output[0].sum_logits' o/predictions.jsonl | awk '{ printf "%.9f", $1 }')" = "$want" ]
}

@test "a model's log-likelihood is not that of the tokens, or depends on -j or neighbours" {
	model
	for d in 0 1 2 3 4; do for i in 0 1; do
		jq -c --argjson d $d --argjson i $i -n --slurpfile t <(sed -n $((d + 1))p docs.jsonl) \
			'{task_name: "t", doc_id: $d, idx: $i, label: 0, native_id: null,
			  request: {context: ($t[0].text[0:(20 + 60 * $d)]), continuation: (" the " + ["end", "of it"][$i])}}'
	done; done >r.jsonl
	catwalk -m run/latest --requests r.jsonl -o o1 -j1 >t1
	catwalk -m run/latest --requests r.jsonl -o o2 -j2 >t2
	cmp t1 t2
	diff -r o1 o2
	sed -n 7p r.jsonl >one.jsonl
	catwalk -q -m run/latest --requests one.jsonl -o o3 >/dev/null
	[ "$(jq .model_output[0].sum_logits o3/predictions.jsonl)" = \
		"$(jq 'select(.doc_id == 3).model_output[0].sum_logits' o1/predictions.jsonl)" ]
	# against train --probe: ids of both, each encoded by itself
	sed -n 1p r.jsonl | jq '.request.context' >c
	sed -n 1p r.jsonl | jq '.request.continuation' >k
	tokenize -t tok.json --input strings --format ids c >ci
	tokenize -t tok.json --input strings --format ids k >ki
	jq -c -s '.[0] + .[1]' ci ki >ids
	jq -c -s '(.[0] + .[1]) as $w | (.[0] | length) as $n |
		[$w | keys[] | if . >= $n - 1 and . + 1 < ($w | length) then $w[. + 1] else -100 end]' ci ki >lab
	train --probe run/latest --ids ids --labels lab --dump loss -o p.safetensors
	n=$(($(od -An -tu8 -N8 p.safetensors)))
	read -r a b < <(tail -c +9 p.safetensors | head -c $n | jq -r '.loss.data_offsets | "\(.[0]) \(.[1])"')
	want=$(od -An -v -tf4 -j$((8 + n + a)) -N$((b - a)) p.safetensors |
		awk '{ for (i = 1; i <= NF; i++) s += $i } END { print -s }')
	got=$(jq 'select(.doc_id == 0).model_output[0].sum_logits' o1/predictions.jsonl)
	awk "BEGIN { d = $got - $want; exit !(d < 1e-3 && d > -1e-3 && $got < -1) }"
}

@test "rows of a task, the sample or a missing data set are wrong" {
	seq 0 49 | jq -c '{goal: "do \(.)", sol1: "a\(.)", sol2: "b\(.)", label: (. % 2)}' >piqa.validation.jsonl
	catwalk -t piqa --data . --dump-requests >r.jsonl
	[ "$(wc -l <r.jsonl)" = 200 ]
	[ "$(jq -c 'select(.doc_id == 3) | [.request.context, .request.continuation, .idx, .label]' r.jsonl)" = \
		"$(printf '["Question: do 3\\nAnswer:"," a3",0,1]\n["Question: do 3\\nAnswer:"," b3",1,1]')" ]
	[ "$(jq -r 'select(.doc_id == 1000003).request.context' r.jsonl | uniq)" = Answer: ]
	# python3 -c 'import random; print(*random.Random(1234).sample(range(50), 5))' (3.12); of 100 rows
	# CPython draws until a number is new
	catwalk -t piqa --data . --limit 5 --regime inloop --dump-requests | jq .doc_id | uniq >a
	[ "$(paste -sd' ' a)" = "49 28 7 0 5" ]
	mkdir two
	cat piqa.validation.jsonl piqa.validation.jsonl >two/piqa.validation.jsonl
	[ "$(catwalk -t piqa --data two --limit 5 --regime inloop --dump-requests | jq .doc_id | uniq | paste -sd' ')" = "99 56 14 0 11" ]
	catwalk -t piqa --data . --limit 5 --subsample-seed none --regime inloop --dump-requests | jq .doc_id | uniq |
		cmp - <(seq 0 4)
	catwalk -m mock:sha256 -t piqa --data . --limit 5 -o o >/dev/null
	jq .doc_id o/predictions.jsonl | cmp - a
	catwalk -m mock:sha256 --requests r.jsonl --limit 5 -o p >/dev/null
	cmp o/predictions.jsonl p/predictions.jsonl
	run catwalk -t rte --data . --dump-requests
	[ "$status" = 3 ]
	[[ $output == *rte.validation* ]]
	echo '{"goal":"x"}' >>piqa.validation.jsonl
	run catwalk -t piqa --data . --dump-requests
	[ "$status" = 3 ]
	[[ $output == *piqa.validation.jsonl:51:* ]]
}

@test "a data set of one's own is asked otherwise than it says, or a wrong row of it passes" {
	printf '%s\n' '{"id":"a","context":"The sky\n is","choices":["blue","a stone","é"],"answer":1,"more":[1]}' \
		'{"context":"","choices":["x","y"],"answer":null}' >own.test.jsonl
	catwalk -t jsonl:own --data . --split test --regime inloop --dump-requests >r.jsonl
	jq -c '[.request.context, .request.continuation, .idx, .label, .task_name, .doc_id, .native_id]' r.jsonl | cmp - <<-'E'
		["The sky\n is"," blue",0,1,"jsonl:own",0,"a"]
		["The sky\n is"," a stone",1,1,"jsonl:own",0,"a"]
		["The sky\n is"," é",2,1,"jsonl:own",0,"a"]
		[""," x",0,null,"jsonl:own",1,null]
		[""," y",1,null,"jsonl:own",1,null]
	E
	# scores, error and chance: 3 and 2 choices, one of two right by characters, both by the sum
	printf '%s\n' '{"context":"c","choices":["a","abcdefghi","b"],"answer":1}' '{"context":"c","choices":["abc","d"],"answer":1}' >own.validation.jsonl
	catwalk -t jsonl:own --data . --regime inloop --dump-requests | jq -c --argjson l '[-4,-3,-9,-2,-1]' '.loglikelihood = $l[input_line_number - 1]' >ll.jsonl
	catwalk -t jsonl:own --data . --regime inloop --loglikelihoods ll.jsonl -o o >table
	jq -e '.tasks[0] | .primary_metric == "acc_per_char" and .primary_score == 0.5 and .metrics.acc_raw == 1 and
		.primary_stderr == 0.5 and .metrics.acc_raw_stderr == 0 and ((.chance - 5 / 12) | fabs) < 1e-12' o/metrics.json
	[ "$(sed 1d table | cut -f1-5)" = "$(printf 'jsonl:own\t2\tacc_per_char\t0.5\t0.5')" ]
	for bad in '{"context":"c","choices":["a","b"]}' '{"context":"c","choices":["a","b"],"answer":2}' \
		'{"context":"c","choices":["a","b"],"answer":"0"}' '{"context":"c","choices":["a",""],"answer":0}' \
		'{"context":"c","choices":["a",1],"answer":0}' '{"context":"c","choices":["a"],"answer":0}' \
		'{"choices":["a","b"],"answer":0}' '{"context":"c","answer":0}' 'x'; do
		{ cat own.test.jsonl; echo "$bad"; } >bad.validation.jsonl
		run catwalk -t jsonl:bad --data . --dump-requests
		[ "$status" = 3 ]
		[[ $output == *bad.validation.jsonl:3:* ]]
		[ "${#lines[@]}" = 1 ]
	done
	run catwalk -t jsonl: --data . --dump-requests
	[ "$status" = 2 ]
	run catwalk -t jsonl:none --data . --dump-requests
	[ "$status" = 3 ]
	[[ $output == *none.validation.jsonl* ]]
}

@test "compare does not pair, or is not repeatable" {
	for i in $(seq 0 39); do row t $i 0 0 -1 " a"; row t $i 1 0 $((i < 20 ? -2 : 0)) " b"; done >a.jsonl
	for i in $(seq 0 39); do row t $i 0 0 -1 " a"; row t $i 1 0 $((i < 35 ? -2 : 0)) " b"; done >b.jsonl
	catwalk --loglikelihoods a.jsonl -o a >/dev/null
	catwalk --loglikelihoods b.jsonl -o b >/dev/null
	catwalk --compare a b >x
	catwalk --compare a b | cmp - x
	grep '	acc_raw	' x | awk -F'\t' '{ exit !($4 == 40 && $5 == 0.5 && $6 == 0.875 && $7 == 0.375 &&
		$8 > 0.2 && $8 < 0.3 && $9 > 0.45 && $9 < 0.55 && $10 < 0.01) }'
	catwalk --compare a a | grep '	acc_raw	' | cut -f7-10 | grep -qx '0.0	0.0	0.0	1.0'
}

@test "wrong options are taken" {
	row t 0 0 0 -1 " a" >r.jsonl
	for o in "" "-m mock:md5 --requests r.jsonl" "-m openai:http://x --requests r.jsonl" "--requests r.jsonl" \
		"-t mmlu_stem --data . -m mock:sha256" "-t piqa -m mock:sha256" "--regime olmes" "--shots 5" \
		"--compare r" "-m mock:sha256 --loglikelihoods r.jsonl" "-m mock:sha256 --requests r.jsonl -t piqa --data ." \
		"--requests r.jsonl --dump-requests" "-m mock:sha256 r.jsonl"; do
		run catwalk $o
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}
