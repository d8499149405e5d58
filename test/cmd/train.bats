#!/usr/bin/env bats
# train: the same bytes however a run is cut, bad input, probes of a model, comparison of logs.
# Numbers are checked in test/unit/model_*.c.
load ../lib/olmo
load ../lib/golden-run

local_setup() {
	golden_config
}

# One hash of everything but the times.
run_hash() {
	(cd "$1" && readlink latest && find . -type f ! -name timing.jsonl | sort | xargs sha256sum) |
		sha256sum
}

@test "a run that was cut differs from one that was not" {
	train -c c.yaml -o whole
	[ "$(ls -d whole/step*)" = "$(printf 'whole/step%08d\n' 6 12 18 20)" ]
	[ "$(wc -l <whole/data-indices/rank0.tsv)" = 20 ]
	[ "$(jq -r .step whole/log.jsonl | sort -nu | wc -l)" = 20 ]
	want=$(run_hash whole)
	train -c c.yaml -o two -j 2
	[ "$(run_hash two)" = "$want" ]
	train -c c.yaml -o half --stop-at 10
	[ -e half/step00000010/trainer/temporary ]
	[ ! -e half/manifest.json ]
	train --resume half -j 3
	[ "$(run_hash half)" = "$want" ]
	# cut at every third step, resumed by the same command
	for s in 1 4 7 10 13 16 19; do train -c c.yaml -o many --stop-at $s; done
	train -c c.yaml -o many
	[ "$(run_hash many)" = "$want" ]
	# nothing is left to do
	train -c c.yaml -o many
	[ "$(run_hash many)" = "$want" ]
	train --compare-logs whole many >out
	[ "$(cut -f4 out | sort -u | tr '\n' ' ')" = "- first_step_beyond " ]
}

@test "a run of no steps saves other weights than those a run begins with" {
	train -c c.yaml -o none --max_duration=0
	[ "$(readlink none/latest)" = step00000000 ]
	[ -e none/manifest.json ]
	[ ! -s none/log.jsonl ]
	train --resume none --max_duration=20
	train -c c.yaml -o whole
	cmp none/latest/model.safetensors whole/latest/model.safetensors
	cmp none/log.jsonl whole/log.jsonl
	for d in -1 1T 0ep; do
		run train -c c.yaml -o bad --max_duration=$d
		[ "$status" != 0 ]
	done
}

# A change here changes every run: say so in NEWS.md.
@test "five steps in fp32 end in other bytes than the golden ones, for an isa, a number of threads or a restart" {
	[ "$(sha256sum <a.npy | cut -c-16)" = 31b7db297d0f5ab0 ]
	golden_bits >rows
	cat rows
	[ "$(cut -f 1 rows | sort -u | wc -l)" -ge 1 ]
	grep -q '^c	3	-	' rows
	grep -q '^c	.*	2,4	' rows
	[ "$(cut -f 4- rows | sort -u)" = "$(printf '%s\t%s\t%s' 1453d71fc207ed5f896e5ceba256e3e7 \
		9184164d47ef0ba803afc68df1d9205f 371f167ba10ff6fa13dd73e12c22ca8e)" ]
	fails 3 "unknown instruction set 'sse'" train -c c.yaml -o x --isa sse
}

@test "the line of a step, energy or CO2 is not shown or logged" {
	seq 10 2.5 40 >trace
	train -c c.yaml -o run --stop-at 3 --progress always --energy trace:trace 2>err \
		--energy.kg_co2_per_kwh=0.5
	cat err
	[ "$(grep -cE '^step [123]/20  loss [0-9.]+  lr [0-9.e-]+  grad norm [0-9.e-]+  [0-9]+ tok/s  [0-9.e+-]+ GFLOP/s  [0-9]+ % of peak  [0-9.e+]+ W  left 00:00:[0-9][0-9]$' err)" = 3 ]
	[ "$(jq .energy_joules run/timing.jsonl | sort -u)" = 2.5 ]
	jq -e '.co2_grams - 2.5 / 3.6e6 * 1.1 * 500 | . * . < 1e-20' run/timing.jsonl
	train -c c.yaml -o run2 --stop-at 3 --energy none
	[ "$(jq 'has("energy_joules") or has("co2_grams")' run2/timing.jsonl | sort -u)" = false ]
	cmp run/log.jsonl run2/log.jsonl
	fails 3 "'sun' is none of auto" train -c c.yaml -o x --energy sun
}

@test "checkpoints written by a thread are others, or their copy is not in the plan" {
	train -c c.yaml -o thread --save_interval=1
	train -c c.yaml -o sync --save_interval=1 --sync-save
	[ "$(run_hash thread)" = "$(run_hash sync)" ]
	n=$(train -c c.yaml -n | jq .parameters)
	[ "$(train -c c.yaml -n | jq .bytes.checkpoint_copy)" = $((12 * n)) ]
	[ "$(train -c c.yaml -n --optimizer.name=lionw | jq .bytes.checkpoint_copy)" = $((8 * n)) ]
	[ "$(train -c c.yaml -n --sync-save | jq .bytes.checkpoint_copy)" = 0 ]
	[ "$(train -c c.yaml -n --save_interval=null | jq .bytes.checkpoint_copy)" = 0 ]
}

@test "a full disk damages the checkpoint before, or the message does not name it" {
	train -c c.yaml -o run --stop-at 6
	cp -r run/step00000006 kept
	for how in '' --sync-save; do
		(
			trap '' XFSZ
			ulimit -f 120
			fails 3 "the checkpoint of step 12 was not written; that of step 6 is whole" \
				train --resume run $how
			grep -q 'optimizer.safetensors.*File too large' err
		)
		diff -r kept run/step00000006
		[ "$(readlink run/latest)" = step00000006 ]
		[ -z "$(find run -name '.*.tmp')" ]
	done
	train --resume run
	train -c c.yaml -o whole
	[ "$(run_hash run)" = "$(run_hash whole)" ]
}

@test "a bf16 run differs by threads or by being cut, or is an fp32 run" {
	train -c c.yaml -o whole --precision bf16
	[ "$(jq -r .precision whole/config.json)" = amp_bf16 ]
	[ "$(jq -r .options.precision whole/manifest.json)" = bf16 ]
	want=$(run_hash whole)
	train -c c.yaml -o half --precision bf16 --stop-at 7 -j 2
	train --resume half -j 3
	[ "$(run_hash half)" = "$want" ]
	for isa in c avx2 avx512 avx512bf16 amx; do
		rc=0
		train -c c.yaml -o $isa --precision bf16 --isa $isa 2>err || rc=$?
		if [ $rc = 3 ] && grep -q "this machine has no $isa for bf16" err; then continue; fi
		[ $rc = 0 ]
		[ "$(run_hash $isa)" = "$want" ]
	done
	sed '$a precision: amp_bf16' c.yaml >amp.yaml
	train -c amp.yaml -o named
	cmp named/log.jsonl whole/log.jsonl
	[ "$(train -c amp.yaml -n | jq -r .precision)" = bf16 ]
	[ "$(train -c amp.yaml -n --precision fp32 | jq -r .precision)" = fp32 ]
	train -c c.yaml -o fp32
	# not the same numbers, but near them
	run train --compare-logs whole fp32
	[ "$status" = 1 ]
	echo "$output" | awk '$1 == "train/CrossEntropyLoss" { d = $3; n++ }
		END { print d; exit !(n == 1 && d > 0 && d < 0.02) }'
}

@test "kill -9 at any moment changes the result" {
	train -c c.yaml -o whole --max_duration=60 --model.d_model=64 -j 2
	want=$(run_hash whole)
	for i in $(seq 15); do
		train -c c.yaml -o killed --max_duration=60 --model.d_model=64 -j 2 &
		pid=$!
		sleep 0.0$((RANDOM % 9 + 1))
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		[ ! -e killed/manifest.json ] || break
	done
	train -c c.yaml -o killed --max_duration=60 --model.d_model=64
	[ "$(run_hash killed)" = "$want" ]
	[ -z "$(find killed -name '.*.tmp')" ]
}

@test "SIGTERM does not end in status 75 with the state saved" {
	train -c c.yaml -o whole --max_duration=400 --save_interval=150
	train -c c.yaml -o run --max_duration=400 --save_interval=150 &
	pid=$!
	while [ ! -s run/log.jsonl ]; do sleep 0.01; done
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	[ $rc = 75 ]
	[ "$(jq .step run/latest/trainer/state.json)" = "$(tail -n 1 run/log.jsonl | jq .step)" ]
	train --resume run
	[ "$(run_hash run)" = "$(run_hash whole)" ]
}

@test "--reduce fast or another microbatch gives another loss beyond rounding" {
	train -c c.yaml -o a
	train -c c.yaml -o b --reduce fast
	train -c c.yaml -o c --device_train_microbatch_size=3
	for x in b c; do
		train --compare-logs a $x --rtol 1e-5 >out || true
		grep 'train/\|total_grad_norm' out
		[ "$(grep 'train/\|total_grad_norm' out | cut -f4 | sort -u)" = - ]
	done
}

@test "training does not learn" {
	train -c c.yaml -o run --max_duration=150 --save_interval=null
	first=$(head -n 1 run/log.jsonl | jq '."train/CrossEntropyLoss"')
	last=$(tail -n 2 run/log.jsonl | head -n 1 | jq '."train/CrossEntropyLoss"')
	echo "# $first $last"
	awk "BEGIN { exit !($first > 4.0 && $first < 5.2 && $last < 0.7 * $first) }"
}

@test "LionW, clipping by ratio, skipped steps, filtered instances or documents are not resumed" {
	# four instances that repeat themselves
	{ head -c 4200 a.npy; for i in $(seq 800); do printf '\007\0\011\0'; done; } >b.npy
	set -- -c c.yaml --data.paths=[b.npy] --optimizer.name=lionw --max_grad_norm_ratio=0.9 \
		--optimizer.learning_rate=1e-3 --optimizer.sigma_factor=1 \
		--optimizer.rolling_interval_length=6 --data.instance_filter.repetition_max_count=4 \
		--data.generate_doc_lengths=true --model.eos_token_id=5
	train "$@" -o whole -j 2 2>warnings
	want=$(run_hash whole)
	train "$@" -o cut --stop-at 7 2>/dev/null
	train "$@" -o cut --stop-at 13 2>/dev/null
	train --resume cut -j 3 2>/dev/null
	[ "$(run_hash cut)" = "$want" ]
	n=$(jq -s '[.[]."optim/step_skipped" // 0] | add' whole/log.jsonl)
	[ "$n" -gt 0 ]
	[ "$(grep -c 'is skipped: loss' warnings)" = "$n" ]
	[ "$(jq .spikes.skipped whole/latest/trainer/state.json)" = "$n" ]
	[ "$(jq -s '[.[]."train/masked_instances_local_rank" // 0] | add' whole/log.jsonl)" -ge 20 ]
	[ "$(jq '.grad_norm_exp_avg | length' whole/latest/trainer/state.json)" = 10 ]
	n=$(od -An -tu8 -N8 whole/latest/trainer/optimizer.safetensors)
	tail -c +9 whole/latest/trainer/optimizer.safetensors | head -c $n | jq -r 'keys[]' >names
	[ "$(grep -c exp_avg_sq names)" = 0 ]
	# each of them matters
	for x in max_grad_norm_ratio=null optimizer.sigma_factor=null data.instance_filter=null \
		data.generate_doc_lengths=false optimizer.name=adamw; do
		train "$@" -o other-$x --$x 2>/dev/null
		rc=0
		cmp -s other-$x/latest/model.safetensors whole/latest/model.safetensors || rc=$?
		[ $rc = 1 ]
	done
	fails 3 "needs model.eos_token_id" train -c c.yaml -o x --data.generate_doc_lengths=true
}

@test "activation_checkpointing changes the result, or saves no memory" {
	train -c c.yaml -o keep --max_duration=5 --model.n_layers=4
	train -c c.yaml --model.n_layers=4 -n | jq .bytes.activations >most
	for r in whole_layer one_in_two three_in_four fine_grained; do
		train -c c.yaml -o $r --max_duration=5 --model.n_layers=4 --activation_checkpointing=$r
		cmp keep/log.jsonl $r/log.jsonl
		cmp keep/latest/model.safetensors $r/latest/model.safetensors
		train -c c.yaml --model.n_layers=4 --activation_checkpointing=$r -n | jq .bytes.activations >less
		[ "$(cat less)" -lt "$(cat most)" ]
	done
	fails 2 "'most' is none of whole_layer" train -c c.yaml -o x --activation_checkpointing=most
}

@test "a model with RMS norms without weights is not resumed, or computes otherwise than with weights of 1" {
	set -- -c c.yaml --max_duration=4 --model.layer_norm_type=rms --model.layer_norm_with_affine=false
	train "$@" -o whole
	train "$@" -o half --stop-at 2
	train --resume half
	[ "$(run_hash half)" = "$(run_hash whole)" ]
	d=$(cd whole/latest && pwd -P)
	[ "$(jq -c '[.model_type, .layer_norm_with_affine]' "$d/config.json")" = '["llama",false]' ]
	# transformers passes over the key, and finds weights
	mkdir ones
	cp "$d/model.safetensors" ones
	jq 'del(.layer_norm_with_affine)' "$d/config.json" >ones/config.json
	printf '[5,6,7,8,9,20,17]\n' >ids
	train --probe "$d" --ids ids --dump logits,loss -o plain.safetensors
	train --probe ones --ids ids --dump logits,loss -o ones.safetensors
	cmp plain.safetensors ones.safetensors
	# the last number of the file is one of model.norm.weight
	cp "$d/config.json" ones
	printf '\0\0\0\100' | dd of=ones/model.safetensors bs=1 conv=notrunc \
		seek=$(($(wc -c <ones/model.safetensors) - 4)) 2>/dev/null
	fails 3 "ones/model.safetensors: tensor 'model.norm.weight' is not all 1" train --probe ones --ids ids --dump loss -o x.safetensors
}

@test "norms with weights and biases, or clip_qkv beside RMS norms, are not resumed or read back" {
	for how in '--model.layer_norm_with_affine=true --model.bias_for_layer_norm=true' \
		'--model.layer_norm_type=rms --model.clip_qkv=0.5 --model.norm_after=true --model.attention_layer_norm=true'; do
		rm -rf whole half
		# shellcheck disable=SC2086
		set -- -c c.yaml --max_duration=4 $how
		train "$@" -o whole
		train "$@" -o half --stop-at 2 --isa c
		train --resume half -j 2
		[ "$(run_hash half)" = "$(run_hash whole)" ]
		[ "$(jq -r .model_type whole/latest/config.json)" = hf_olmo ]
		[ "$(jq '.bytes | del(.total) as $b | .total == ([$b[]] | add)' <(train "$@" -n))" = true ]
		printf '[5,6,7,8,9,20,17]\n' >ids
		train --probe whole/latest --ids ids --dump logits,loss,grads -o a.safetensors
		strings a.safetensors | head -n 1 | grep -q 'grad.model.norm.weight'
		train --probe whole/latest --ids ids --dump logits,loss,grads --precision fp64 -o b.safetensors
		train "$@" --init-from whole/latest -o next --max_duration=0 -f
		cmp next/latest/model.safetensors whole/latest/model.safetensors
	done
}

@test "no_pre_train_checkpoint: false leaves no checkpoint of the first weights" {
	train -c c.yaml -o run --no_pre_train_checkpoint=false
	[ "$(ls -d run/step*)" = "$(printf 'run/step%08d\n' 0 6 12 18 20)" ]
	train -c c.yaml -o again --init-from run/step00000000
	cmp run/latest/model.safetensors again/latest/model.safetensors
	# a run that was killed right after it goes on
	mkdir cut
	cp run/config.json cut
	cp -r run/step00000000 cut
	train --resume cut
	[ "$(run_hash cut)" = "$(run_hash run)" ]
}

@test "retention keeps other checkpoints than the newest" {
	train -c c.yaml -o run --save_num_checkpoints_to_keep=2
	[ "$(ls -d run/step*)" = "$(printf 'run/step%08d\n' 18 20)" ]
	[ "$(readlink run/latest)" = step00000020 ]
	# a longer run goes on from there
	train --resume run --max_duration=26
	[ "$(readlink run/latest)" = step00000026 ]
	[ "$(jq .counts.steps run/manifest.json)" = 26 ]
}

@test "a manifest does not list what is there, or names an absolute path" {
	train -c c.yaml -o run
	jq -r '.outputs[] | "\(.path) \(.bytes)"' run/manifest.json | while read -r p n; do
		[ "$(stat -c %s run/"$p")" = "$n" ]
	done
	(cd run && find . -type f ! -name timing.jsonl ! -name manifest.json | sed 's/..//' | sort) >there
	jq -r '.outputs[].path' run/manifest.json | sort | cmp - there
	[ "$(jq -r '.inputs[0].path' run/manifest.json)" = ../a.npy ]
	! grep -q "$TMP" run/manifest.json
}

@test "-n allocates, writes, or prints no JSON" {
	train -c c.yaml -n >plan
	[ "$(jq .parameters plan)" = $((64 * 32 * 2 + 2 * (4 * 32 * 32 + 3 * 32 * 48))) ]
	[ "$(jq '.bytes | del(.total) as $b | .total == ([$b[]] | add)' plan)" = true ]
	[ "$(jq .steps_an_epoch plan)" = $((3000 / 24 / 6)) ]
	[ ! -e run ]
}

@test "the order of instances is not that of shuffle" {
	train -c c.yaml -o run --max_duration=30
	shuffle --order --raw --count 125 --seq-len 24 --seed 1 --epoch 0 -o e0.npy
	shuffle --order --raw --count 125 --seq-len 24 --seed 1 --epoch 1 -o e1.npy
	{
		od -An -v -tu4 -w4 e0.npy | head -n 120
		od -An -v -tu4 -w4 e1.npy | head -n 60
	} | tr -d ' ' >want
	cut -f2- run/data-indices/rank0.tsv | tr '\t' '\n' | cmp - want
	train -c c.yaml -o run2 --data.order=e0.npy
	train --compare-logs run run2 2>/dev/null | grep CrossEntropy
	[ "$(cut -f2- run2/data-indices/rank0.tsv | tr '\t' '\n')" = "$(head -n 120 want)" ]
}

# fails STATUS WORDS COMMAND..: one line on stderr that holds the words
fails() {
	local rc=0 status=$1 words=$2
	shift 2
	"$@" >out 2>err || rc=$?
	echo "# $*: $rc $(cat err)"
	[ $rc = "$status" ]
	[ "$(wc -l <err)" = 1 ]
	grep -qF -- "$words" err
}

@test "wrong input is taken, or the message does not say what is wrong" {
	fails 2 "did you mean 'optimizer.learning_rate'" train -c c.yaml -o r --optimizer.lerning_rate=1
	fails 2 "max_grad_norm" train -c c.yaml -o r --max_grad_nrom=1
	fails 2 "multiple of model.n_heads" train -c c.yaml -o r --model.n_heads=3
	fails 2 "--precision amp_bf16" train -c c.yaml -o r --precision=amp_bf16
	cp c.yaml fp16.yaml
	echo 'precision: amp_fp16' >>fp16.yaml
	fails 2 "precision amp_fp16" train -c fp16.yaml -o r
	fails 2 "cuda" train -c c.yaml -o r --device cuda
	fails 2 "sft" train -c c.yaml -o r --mode sft
	fails 2 "needs -o" train -c c.yaml
	fails 3 "no-such.yaml" train -c no-such.yaml -o r
	fails 3 "no-such.npy" train -c c.yaml -o r --data.paths=[no-such.npy]
	fails 3 "none/config.json" train --resume none
	fails 3 "fewer than one batch" train -c c.yaml -o r --global_train_batch_size=1000
	printf 'x' | cat a.npy - >odd.npy
	fails 3 "odd.npy" train -c c.yaml -o r --data.paths=[odd.npy]
	# an id beyond the embedding: named with its place
	{ head -c 100 a.npy; printf '\100\0'; tail -c +103 a.npy; } >big.npy
	fails 3 "big.npy@100: id 64" train -c c.yaml -o r --data.paths=[big.npy]
	[ ! -e r/manifest.json ]
	rm -rf r
	fails 3 "tok.json" train -c c.yaml -o r --tokenizer.identifier=tok.json
	fails 3 "fewer than one batch" train -c c.yaml -o r --model.max_sequence_length=600
	[ ! -e r ]
}

# N: as W bytes, the lowest first
le() {
	local n=$1 i
	for ((i = 0; i < $2; i++)); do
		printf "\\$(printf %03o $((n & 255)))"
		n=$((n >> 8))
	done
}

# HEADER [DATA]: a safetensors file
st() {
	le ${#1} 8
	printf '%s%s' "$1" "${2-}"
}

# NAME FILE: a zip of one file, stored; gzip's trailer is checksum and length
zip_of() {
	local n
	gzip -nc "$2" | tail -c 8 >sum
	for n in 1 2; do
		if [ $n = 1 ]; then printf 'PK\3\4'; else printf 'PK\1\2\0\0'; fi
		printf '\0\0\0\0\0\0\0\0\0\0'
		cat sum && tail -c 4 sum
		le ${#1} 4
		[ $n = 1 ] || head -c 14 /dev/zero
		printf '%s' "$1"
		[ $n = 2 ] || cat "$2"
	done
	printf 'PK\5\6\0\0\0\0\1\0\1\0'
	le $((46 + ${#1})) 4
	le $((30 + ${#1} + $(wc -c <"$2"))) 4
	printf '\0\0'
}

@test "a bad model file is taken, or the line does not name the file and what is wrong in it" {
	bad() { # FILE WORDS
		fails 3 "train: $1" train -c c.yaml -o r -f --init-from "$1"
		grep -qF -- "$2" err
	}
	two='{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets"'
	: >empty.safetensors
	bad empty.safetensors "@0: 0 bytes are no safetensors file"
	{ le 1099511627776 8; printf '{}'; } >bomb.safetensors
	bad bomb.safetensors "@0: header length 1099511627776"
	{ le 100 8; printf '{"a"'; } >cut.safetensors
	bad cut.safetensors "@8: the header of 100 bytes is truncated"
	st '{"a":' >json.safetensors
	bad json.safetensors "@13: header: "
	st "$two:[4,8]}}" 12345678 >overlap.safetensors
	bad overlap.safetensors "@119: tensor 'b': it overlaps"
	st "$two:[8,12]}}" 12345678 >beyond.safetensors
	bad beyond.safetensors "@124: tensor 'b': it ends after the end"
	st "$two:[12,16]}}" 1234567890123456 >hole.safetensors
	bad hole.safetensors "@125: tensor 'b': bytes before it"
	st "$two:[8,10]}}" 1234567890 >shape.safetensors
	bad shape.safetensors "@124: tensor 'b': its data_offsets do not fit"
	st '{"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}' 1234 >dtype.safetensors
	bad dtype.safetensors "@8: tensor 'a': its dtype"
	st "$two:[8,12]}}" 123456789012 >other.safetensors
	bad other.safetensors "model.embed_tokens.weight"
	# a whole one of another shape, and the same cut short
	train -c c.yaml -o small --max_duration=0 --model.d_model=16
	cp small/latest/model.safetensors small.safetensors
	bad small.safetensors "it has shape (64,16), the model needs (64,32)"
	head -c 2000 small.safetensors >short.safetensors
	bad short.safetensors "ends after the end of the file (truncated?)"
	# a pickle that wants to be run, one of no tensors, a zip that is none
	printf '\200\2cposix\nsystem\nX\4\0\0\0echo\205R.' >pkl
	zip_of m/data.pkl pkl >run.pt
	bad run.pt "asks for posix.system"
	printf '\200\2}X\1\0\0\0aK\1s.' >pkl
	zip_of m/data.pkl pkl >none.pt
	bad none.pt "'a' in it is no tensor"
	head -c 60 run.pt >cut.pt
	bad cut.pt "@60: the end of the zip is missing"
	# directories: no config, a config of something else, sizes that do not divide
	mkdir dir
	cp small.safetensors dir/model.safetensors
	fails 3 "dir/config.json" train -c c.yaml -o r -f --init-from dir
	for edit in 'del(.hidden_size) no.*hidden_size' '.model_type="gpt2" gpt2' '.num_attention_heads=3 multiple' \
		'.num_attention_heads=16 even' '.num_key_value_heads=3 share' '.eos_token_id=99 embedding.rows' \
		'.attention_bias=true attention_bias' '.hidden_act="gelu" gelu' '.vocab_size=0 vocab_size'; do
		jq "${edit% *}" small/latest/config.json >dir/config.json
		fails 3 "train: dir/config.json: " train -c c.yaml -o r -f --init-from dir
		grep -q "${edit##* }" err
	done
	[ ! -e r/manifest.json ]
}

@test "another config continues a run" {
	train -c c.yaml -o run --stop-at 6
	fails 3 "another config" train -c c.yaml -o run --seed 2
	train -c c.yaml -o run --seed 2 -f
	train -c c.yaml -o other --seed 2
	[ "$(run_hash run)" = "$(run_hash other)" ]
	# another shape: refused, and the run stays what it was
	train -c c.yaml -o run5 --stop-at 6
	fails 3 "describes another model" train --resume run5 --model.n_layers=3
	fails 3 "describes another model" train --resume run5 --model.weight_tying=true
	fails 3 "the config ends at 5" train --resume run5 --max_duration=5
	train --resume run5
	train -c c.yaml -o run6
	[ "$(run_hash run5)" = "$(run_hash run6)" ]
	# other data than the checkpoint's
	train -c c.yaml -o run3 --stop-at 6
	head -c 5000 a.npy >b.npy
	fails 3 "other token files" train --resume run3 --data.paths=[b.npy]
	# a damaged checkpoint
	train -c c.yaml -o run4 --stop-at 6
	head -c 3000 run4/latest/model.safetensors >x && mv x run4/latest/model.safetensors
	fails 3 "model.safetensors@" train --resume run4
}

@test "weights that blow up do not stop the run by name" {
	train -c c.yaml -o run --stop-at 1
	fails 3 "is not finite" train -c c.yaml -o r2 --optimizer.learning_rate=1.0e30
	grep -q 'step [0-9]*: ' err
}

@test "token files of another tokenizer or EOS are taken" {
	docs 30 >d.jsonl
	for v in 300 310; do
		tokenize --train --vocab-size $v --special '<|endoftext|>' -o t$v.json d.jsonl
		tokenize -t t$v.json -o t$v.tok d.jsonl
	done
	set -- --data.paths=[t300.tok] --model.vocab_size=null --model.embedding_size=null
	fails 3 "another tokenizer than t310.json" train -c c.yaml -o r "$@" \
		--tokenizer.identifier=t310.json
	fails 3 "embedding rows" train -c c.yaml -o r --data.paths=[t300.tok]
	fails 3 "eos_token_id" train -c c.yaml -o r "$@" --tokenizer.identifier=t300.json \
		--model.eos_token_id=5
	train -c c.yaml -o r "$@" --evaluators=[] --tokenizer.identifier=t300.json
	[ "$(jq .vocab_size r/latest/config.json)" = 384 ]
	cmp t300.json r/latest/tokenizer.json
	[ "$(jq -r .eos_token r/latest/tokenizer_config.json)" = '<|endoftext|>' ]
	[ "$(jq .eos_token_id r/latest/config.json)" = "$(tokcat --info t300.tok | jq .eos_id)" ]
	# a config without a tokenizer takes the first weights'
	train -c c.yaml -o r5 "$@" --evaluators=[] --init-from r/latest --model.embedding_size=384
	cmp t300.json r5/latest/tokenizer.json
}

@test "a probe is wrong or takes wrong ids" {
	train -c c.yaml -o run --stop-at 6
	printf '[1,2,3,4,5]\n[9,8,7,6,5]\n' >ids
	printf '[2,3,4,5,-100]\n[8,7,6,5,-100]\n' >labels
	train --probe run/latest --ids ids --dump logits,loss,grads,step1 -o a.safetensors
	train --probe run/latest --ids ids --labels labels --dump step1,grads,loss,logits -j 2 \
		-o b.safetensors
	cmp a.safetensors b.safetensors
	n=$(od -An -tu8 -N8 a.safetensors)
	tail -c +9 a.safetensors | head -c $n | jq -r 'to_entries[] | "\(.key) \(.value.shape)"' >names
	grep -qx 'logits \[2,5,64\]' names
	grep -qx 'mean_loss \[1\]' names
	[ "$(grep -c '^grad.model.layers' names)" = 14 ]
	[ "$(grep -c '^step1.lm_head' names)" = 1 ]
	# doubles: the same names and shapes, the same numbers to seven digits
	train --probe run/latest --ids ids --dump logits,loss,grads,step1 --precision fp64 -o c.safetensors
	m=$(od -An -tu8 -N8 c.safetensors)
	tail -c +9 c.safetensors | head -c $m | jq -r 'to_entries[] | "\(.key) \(.value.shape)"' |
		cmp - names
	od -An -v -tf4 -w4 -j $((8 + n)) -N $((4 * 640)) a.safetensors >a.txt
	od -An -v -tf8 -w8 -j $((8 + m)) -N $((8 * 640)) c.safetensors >c.txt
	paste a.txt c.txt | awk '{ d = $1 - $2; if (d * d > 1e-10) exit 1; n++ } END { exit n != 640 }'
	printf '[1,2]\n[3]\n' >ragged
	fails 3 "ragged:2: 1 numbers, the first line has 2" train --probe run/latest --ids ragged -o x
	printf '[1,64]\n' >big
	fails 3 "big:1: 64 at 1" train --probe run/latest --ids big -o x
	printf '[1,2]\n[1,' >cut
	fails 3 "cut:2" train --probe run/latest --ids cut -o x
	printf '[1,2]\n' >two
	fails 3 "labels: 2 x 5 labels for 1 x 2 ids" train --probe run/latest --ids two \
		--labels labels -o x
	fails 2 "none of logits" train --probe run/latest --ids ids --dump everything -o x
	fails 2 "fp16" train --probe run/latest --ids ids --precision fp16 -o x
	fails 2 "fp64 is for --probe" train -c c.yaml -o x --precision fp64
	[ ! -e x ]
}

@test "--init-from loses or changes weights" {
	train -c c.yaml -o run --stop-at 6
	train -c c.yaml -o again --init-from run/latest --max_duration=1 --optimizer.learning_rate=0 \
		--optimizer.weight_decay=0
	cmp run/step00000006/model.safetensors again/step00000001/model.safetensors
	fails 3 "model.n_layers gives 3" train -c c.yaml -o x --init-from run/latest --model.n_layers=3
}

@test "--compare-logs overlooks a difference" {
	printf '{"step":1,"a":1.0,"b":2}\n{"step":2,"a":1.0,"b":4}\n' >x
	printf '{"step":1,"a":1.0,"b":2}\n{"step":2,"a":1.001,"b":4}\n{"step":3,"a":0}\n' >y
	rc=0
	train --compare-logs x y >out || rc=$?
	[ $rc = 1 ]
	[ "$(sed -n 2p out)" = "$(printf 'a\t2\t0.000999\t2')" ]
	[ "$(sed -n 3p out)" = "$(printf 'b\t2\t0\t-')" ]
	train --compare-logs x y --rtol 1e-3 >out
	printf '{"step":1,"a":1.0}\n' >z
	rc=0
	train --compare-logs x z >out || rc=$?
	[ $rc = 1 ]
	grep -q "$(printf '^b\t1\tinf\t1$')" out
	printf '{"step":9,"a":1.0}\n' >z
	fails 3 "no step in common" train --compare-logs x z
}
