#!/usr/bin/env bats
# generate: the most probable token each time, samples that can be repeated, and ends where told.
load ../lib/olmo

local_setup() {
	tiny_model 32 30
	printf '%s\n' '{"id":"a","prompt":"the of and"}' '{"id":7,"prompt":"they at be this"}' '{"prompt":""}' >p.jsonl
}

# the largest logit of the last position
argmax() {
	train --probe run/latest --ids "$1" --dump logits -o p.safetensors
	local n a b v
	n=$(($(od -An -tu8 -N8 p.safetensors)))
	read -r a b v < <(tail -c +9 p.safetensors | head -c $n | jq -r '.logits | "\(.data_offsets[0]) \(.data_offsets[1]) \(.shape[2])"')
	od -An -v -w4 -tf4 -j$((8 + n + b - 4 * v)) -N$((4 * v)) p.safetensors |
		awk 'NR == 1 || $1 > m { m = $1; k = NR - 1 } END { print k }'
}

@test "a greedy token is not the largest logit" {
	head -n 1 p.jsonl >one.jsonl
	generate -m run/latest --max-new 4 one.jsonl >out
	jq .prompt one.jsonl | tokenize -t tok.json --input strings --format ids >ids
	n=$(jq length ids)
	for _ in 1 2 3 4; do
		k=$(argmax ids)
		jq -c ". + [$k]" ids >ids2
		mv ids2 ids
	done
	jq -c ".[$n:]" ids >new
	tokenize -t tok.json --decode --input ids new | cmp - <(jq -c .completion out)
	[ "$(jq -c '[.id, .prompt, .num_tokens, .finish_reason]' out)" = '["a","the of and",4,"length"]' ]
}

@test "a completion depends on -j, or a sample cannot be repeated" {
	generate -m run/latest --max-new 40 -j1 p.jsonl >a
	generate -m run/latest --max-new 40 -j2 <p.jsonl | cmp - a
	[ "$(jq -c .id a | tr '\n' ' ')" = '"a" 7 "3" ' ]
	set -- -m run/latest --max-new 12 --temperature 1.5
	generate "$@" --seed 3 -j1 p.jsonl >s
	generate "$@" --seed 3 -j2 p.jsonl | cmp - s
	generate "$@" --seed 4 p.jsonl >t
	! cmp -s s t
	# a mass of one token, or hardly any heat: greedy
	generate -m run/latest --max-new 12 p.jsonl >g
	generate "$@" --top-p 0 p.jsonl | cmp - g
	generate -m run/latest --max-new 12 --temperature 1e-6 p.jsonl | cmp - g
}

@test "a completion depends on the prompts beside it" {
	# more than are continued together, of several lengths, some beyond the longest input
	seq 0 34 | jq -c '{id: ., prompt: ([range(. % 5 * 6 + 1)] | map("the of at") | join(" "))}' >many.jsonl
	generate -m run/latest --max-new 20 many.jsonl >a
	jq -c .id a | cmp - <(seq 0 34)
	jq -c '[.num_tokens, (.completion | length > 5)]' a | sort -u | grep -qx '\[20,true\]'
	for i in 1 4 34; do
		sed -n $((i + 1))p many.jsonl | generate -m run/latest --max-new 20 | cmp - <(sed -n $((i + 1))p a)
	done
	# ends at different times
	generate -m run/latest --max-new 20 --temperature 1 many.jsonl >a
	generate -m run/latest --max-new 20 --temperature 1 --stop e many.jsonl >b
	jq -sc 'map(.num_tokens) | unique | length > 1' b | grep -qx true
	jq -e -n --slurpfile a a --slurpfile b b '[range(35)] | all(. as $i |
		$a[$i].completion | startswith($b[$i].completion | rtrimstr("\ufffd")))'
}

@test "a stop text is passed, or its prompt line is not named" {
	generate -m run/latest --max-new 12 p.jsonl >g
	head -n 1 g | jq -j .completion >c
	s=$(head -c 6 c | tail -c 2)
	head -n 1 p.jsonl | generate -m run/latest --max-new 12 --stop zzz --stop "$s" >x
	jq -j .completion x >got
	[ "$(jq -r .finish_reason x)" = stop ]
	! grep -qF -- "$s" got
	head -c "$(wc -c <got)" c | cmp - got
	for bad in '{"text":"x"}' 'x' '{"prompt":3}'; do
		{ cat p.jsonl; echo "$bad"; } >bad.jsonl
		run generate -m run/latest --max-new 1 -o o.jsonl bad.jsonl
		[ "$status" = 3 ]
		[[ $output == *bad.jsonl:4:* ]]
		[ ! -e o.jsonl ]
	done
}

@test "wrong options are taken" {
	for o in "" "-m run/latest --top-p 0.5" "-m run/latest --temperature -1" "-m run/latest --max-new 0" \
		"-m mock:sha256" "-m run/latest --chat"; do
		run generate $o p.jsonl
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	run generate -m nowhere p.jsonl
	[ "$status" = 3 ]
}
