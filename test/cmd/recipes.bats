#!/usr/bin/env bats
# The paper's recipes: what they would take, how they shrink.  Running them shrunk is test/long/recipes.bats.
load ../lib/olmo

recipe() { # recipe MODEL [VAR=VALUE..]
	make -s -C "$ROOT" -f pipelines/olmo.mk BIN="${OLMO_BIN:-$ROOT/bin}" OUT="$TMP/out" MODEL="$@"
}

# rank MODEL WORLD ZERO: bytes of weights, gradients and optimizer state of one rank
rank() {
	train -n -c "$ROOT/pipelines/olmo/$1.yaml" --world-size "$2" --zero "$3" |
		jq '.bytes | .weights + .gradients + .optimizer_state'
}

@test "plan: the totals are not the sums, a row lacks a field or names no speed" {
	for m in olmo-1b olmo-7b; do
		recipe $m PLAN=tsv >plan
		[ "$(head -n 1 plan)" = "$(printf 'stage\tsource\tcommand\tin_bytes\tout_bytes\tmemory_bytes\tcore_hours\tgpu_hours\tbasis\tstate')" ]
		awk -F'\t' '
			FILENAME ~ /speeds/ { if ($1 !~ /^#/) known[$1] = 1; next }
			NF != 10 { print "fields: " $0; bad = 1 }
			FNR == 1 { next }
			$1 == "total" {
				for (c = 4; c <= 8; c++)
					if (c != 6 && !(sum[c] > 0 && (sum[c] - $c) ^ 2 <= (1e-5 * sum[c] + 0.5) ^ 2)) {
						print "column " c ": " sum[c] " is not " $c
						bad = 1
					}
				totals++
				next
			}
			{
				for (c = 4; c <= 8; c++)
					sum[c] += $c
				n = $9 == "-" ? 0 : split($9, b, " ")
				for (i = 1; i <= n; i++)
					if (!(b[i] in known)) { print "no speed " b[i]; bad = 1 }
			}
			END { exit bad || totals != 1 }' "$ROOT/pipelines/olmo/speeds.tsv" plan
		for s in documents langid quality dedup-keys dedup-mark decontam mix tokenize shuffle train \
			eval-in-loop paloma core8 sft dpo eval-chat; do
			grep -q "^$s	" plan
		done
	done
}

@test "plan: other bytes or tokens than those of the paper's Table 2" {
	recipe olmo-7b PLAN=tsv >plan
	# what is tokenized, in GB of text, and comes out, in billions of tokens of two bytes
	awk -F'\t' '$1 == "tokenize" { print $2, $4 / 1e9, $5 / 2e9 }' plan >got
	cat >want <<-T
		common-crawl 9812 2180
		stack 1043 342
		reddit 339 80
		pes2o 268 57
		gutenberg 20.4 5.2
		wikipedia 16.2 3.7
	T
	diff want got
	recipe olmo-7b PLAN=1 >text
	grep -qE '^  total +11498\.6 +4366\.1 +2667\.9$' text
	grep -qE '^  common-crawl +Common Crawl +web pages +9812 +3734 +2180$' text
	grep -q '^Training: 476837 steps, 1999999336448 tokens of 2667900000000 = 0.75 passes' text
	recipe olmo-1b PLAN=1 | grep -q '^Training: 739328 steps, 3100966387712 tokens .*7.866e+09 FLOP a token'
	[ ! -e out ]
	recipe olmo-7b PLAN=tsv KEEP=1 >again
	cmp plan again
	cmp plan out/plan.tsv
}

# A unit: bf16 weights 2, fp32 gradients 4, fp32 weights and two moments 12 bytes a parameter.
@test "-n --world-size: other bytes than those of the ZeRO tables of 1.177 and 6.888 billion parameters" {
	while read -r model world zero gb; do
		got=$(rank "$model" "$world" "$zero")
		awk -v a="$got" -v b="$gb" 'BEGIN { exit !(a > b * 1e9 * 0.99 && a < b * 1e9 * 1.01) }' ||
			{ echo "$model N=$world Z$zero: $got, not $gb GB"; false; }
	done <<-T
		olmo-1b 1 0 21.18
		olmo-1b 8 1 8.83
		olmo-1b 8 2 4.71
		olmo-1b 8 3 2.65
		olmo-1b 64 1 7.28
		olmo-1b 64 2 2.65
		olmo-1b 64 3 0.331
		olmo-7b 1 0 124.0
		olmo-7b 8 1 51.7
		olmo-7b 8 2 27.6
		olmo-7b 8 3 15.5
		olmo-7b 64 1 42.6
		olmo-7b 64 2 15.5
		olmo-7b 64 3 1.94
	T
	# activations: 56 KB a token and layer (1B), 92 KB (7B), and little more
	for m in olmo-1b:16:56 olmo-7b:32:92; do
		IFS=: read -r name layers kb <<<"$m"
		train -n -c "$ROOT/pipelines/olmo/$name.yaml" --world-size 8 >plan
		jq -e --argjson w $((layers * kb * 1024)) '.bytes.activations / (.microbatch * 2048) / $w | . > 0.99 and . < 1.04' plan
		jq -e '.bytes.total == (.bytes | del(.total) | add)' plan
		[ "$(jq .zero plan)" = 3 ]
	done
	train -n -c "$ROOT/pipelines/olmo/olmo-7b.yaml" --zero 0 --activation_checkpointing=whole_layer >less
	jq -e '.bytes.activations < 4096 * 4096 * 2 * 36 + 4096 * 92 * 1100' less
	[ "$(train -n -c "$ROOT/pipelines/olmo/olmo-7b.yaml" --world-size 8 --fsdp.sharding_strategy=SHARD_GRAD_OP | jq .zero)" = 2 ]
	run train -n -c "$ROOT/pipelines/olmo/olmo-7b.yaml" --world-size 216
	[ "$status" = 2 ]
	[[ $output == *"2048 is no multiple of 216 ranks"* ]]
	run train -c "$ROOT/pipelines/olmo/olmo-7b.yaml" --zero 1 -o run
	[ "$status" = 2 ]
}

@test "scale: at 1 it changes the recipe, below 1 something else than its rules say" {
	scale() { sh "$ROOT/pipelines/olmo/scale.sh" "$ROOT/pipelines/olmo/$1.yaml" "$2"; }
	for m in olmo-1b olmo-7b; do
		scale $m 1 | cmp - "$ROOT/pipelines/olmo/$m.yaml"
		# it is a configuration, with rows for the vocabulary that it names
		scale $m 1e-6 >s.yaml
		train -n -c s.yaml --zero 0 --model.embedding_size=3200 >plan
		# tokens: a millionth, to 2 %
		tokens=$(($(sed -n 's/^max_duration: //p' s.yaml) * $(jq .tokens_a_step plan)))
		of=$([ $m = olmo-1b ] && echo 3100966387712 || echo 2000000000000)
		awk -v a=$tokens -v b=$of 'BEGIN { r = a / b * 1e6; exit !(r > 0.85 && r < 1.02) }'
		jq -e '.precision == "fp32" and .parameters < 5e6' plan
		# the same keys, but those that the tokenizer decides
		diff <(sed -n 's/^ *\([a-z_]*\):.*/\1/p' "$ROOT/pipelines/olmo/$m.yaml" |
			grep -vE '^(vocab_size|embedding_size|eos_token_id|pad_token_id)$') \
			<(sed -n 's/^ *\([a-z_]*\):.*/\1/p' s.yaml)
	done
	for bad in 0 1.5 x -1; do
		run scale olmo-1b "$bad"
		[ "$status" = 2 ]
	done
}

@test "recipe: without data, a scale or a plan it does not end with one line that says what it needs" {
	run recipe olmo-1b
	[ "$status" != 0 ]
	[ "$(grep -c 'DATA=DIR' <<<"$output")" = 1 ]
	run recipe olmo-7b DATA="$TMP"
	[ "$status" != 0 ]
	[[ $output == *"LANGID_MODEL=lid.176.bin"*"$TMP/documents/wikipedia/*.gz"* ]]
	[ ! -e out ]
}
