#!/bin/bash
# probes.t: every program through the five probes of test/lib/probes.sh.  Prints TAP, and at the end
# the table program x probe.  A program in cmd/ without a row here fails.
cd "$(dirname "$0")/../.." || exit
ROOT=$PWD
PATH=${OLMO_BIN:-$ROOT/bin}:$PATH
export LC_ALL=C
. test/lib/probes.sh
. test/lib/olmo.bash
TMP=$(mktemp -d "${TMPDIR:-/tmp}/olmo-probes.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
cd "$TMP" || exit

n=0 failed=0 table=
# probe PROG PROBE COMMAND..: one TAP line
probe() {
	local prog=$1 what=$2 text
	shift 2
	n=$((n + 1))
	if text=$("$@" 2>&1); then
		echo "ok $n - $prog: $what"
		table+="$prog	$what	ok"$'\n'
	else
		echo "not ok $n - $prog: $what"
		echo "$text" | head -n 12
		table+="$prog	$what	FAILED"$'\n'
		failed=1
	fi
}
# absent PROG PROBE WHY: a probe that cannot apply
absent() {
	table+="$1	$2	-	$3"$'\n'
}

# filter PROG ARGS..: a program that reads JSON lines and writes to stdout or -o
filter() {
	local p=$1
	shift
	probe "$p" "unknown option" probe_unknown_option "$p"
	probe "$p" "full disk" probe_full "$p" "$@" big.jsonl
	probe "$p" "no space for -o" probe_full_file o/x.jsonl "$p" "$@" -o o/x.jsonl big.jsonl
	probe "$p" "truncated input" probe_truncated o/x.jsonl cut.jsonl.gz "$p" "$@" -o o/x.jsonl \
		cut.jsonl.gz
	probe "$p" "truncated zstd" probe_truncated o/x.jsonl cut.jsonl.zst "$p" "$@" -o o/x.jsonl \
		cut.jsonl.zst
	probe "$p" "| head -1" probe_head "$p" "$@" big.jsonl
	probe "$p" "kill" probe_kill "$TMP/o/x.jsonl" big.jsonl "$p" "$@" -o o/x.jsonl
}

# --- inputs -------------------------------------------------------------------------------------
mkdir o
docs 4000 >big.jsonl
gzip -kc big.jsonl | head -c 100000 >cut.jsonl.gz
zstd -qc big.jsonl | head -c 50000 >cut.jsonl.zst
head -n 50 big.jsonl >small.jsonl
for l in en de fr; do
	for i in $(seq 40); do echo "__label__$l $l word$i of $l text the$l und$i"; done
done >lid.txt
fasttext supervised -input lid.txt -output lid -dim 8 -epoch 5 -thread 1 -bucket 1000 -minn 2 \
	-maxn 3 -minCount 1 -verbose 0 >/dev/null 2>&1
printf 'streams:\n- name: s\n  output: {min_text_length: 1}\n' >mix.yaml
tokenize --train --vocab-size 300 --special '<|endoftext|>' -o tok.json small.jsonl || exit
tokenize -t tok.json -o small.tok small.jsonl || exit
yes 'some line of text to be read' | head -n 60000 >big.txt

# --- programs -----------------------------------------------------------------------------------
# docs: lines
probe dolma-docs "unknown option" probe_unknown_option dolma-docs
set -- --from lines --source s
probe dolma-docs "full disk" probe_full dolma-docs "$@" big.txt
probe dolma-docs "no space for -o" probe_full_file o/x.jsonl dolma-docs "$@" -o o/x.jsonl big.txt
gzip -kc big.txt | head -c 3000 >cut.txt.gz
probe dolma-docs "truncated input" probe_truncated o/x.jsonl cut.txt.gz dolma-docs "$@" \
	-o o/x.jsonl cut.txt.gz
probe dolma-docs "| head -1" probe_head dolma-docs "$@" big.txt
probe dolma-docs "kill" probe_kill "$TMP/o/x.jsonl" big.txt dolma-docs "$@" -o o/x.jsonl

# fetch: reads a list, writes a directory; -n prints
for i in $(seq 3000); do echo "- file://$TMP/small.jsonl f$i"; done >big.list
head -n 2 big.list >small.list
gzip -kc big.list | head -c 3000 >cut.list.gz
probe dolma-fetch "unknown option" probe_unknown_option dolma-fetch
probe dolma-fetch "full disk" probe_full dolma-fetch -n -o o/none big.list
probe dolma-fetch "no space for -o" probe_full_file o/files dolma-fetch -o o/files small.list
probe dolma-fetch "truncated input" probe_truncated o/files cut.list.gz dolma-fetch -o o/files \
	cut.list.gz
probe dolma-fetch "| head -1" probe_head dolma-fetch -n -o o/none big.list
probe dolma-fetch "kill" probe_kill "$TMP/o/files" small.list dolma-fetch -o o/files -

filter dolma-langid -m lid.bin
filter dolma-quality -t gopher,c4,pii
filter dolma-dedup --by paragraph --name dup
filter decontam -e small.jsonl --mark --name c
filter dolma-mix -c mix.yaml

probe tokenize "unknown option" probe_unknown_option tokenize
set -- -t tok.json
probe tokenize "full disk" probe_full tokenize "$@" big.jsonl
probe tokenize "no space for -o" probe_full_file o/x.tok tokenize "$@" -o o/x.tok big.jsonl
probe tokenize "truncated input" probe_truncated o/x.tok cut.jsonl.gz tokenize "$@" -o o/x.tok \
	cut.jsonl.gz
probe tokenize "truncated zstd" probe_truncated o/x.tok cut.jsonl.zst tokenize "$@" -o o/x.tok \
	cut.jsonl.zst
probe tokenize "| head -1" probe_head tokenize "$@" --input lines --format ids big.txt
probe tokenize "kill" probe_kill "$TMP/o/x.tok" big.jsonl tokenize "$@" -o o/x.tok

head -c $(($(wc -c <small.tok) - 70)) small.tok >cut.tok
probe tokcat "unknown option" probe_unknown_option tokcat
probe tokcat "full disk" probe_full tokcat --ids small.tok
probe tokcat "no space for -o" probe_full_file o/x.npy tokcat --to npy -o o/x.npy small.tok
probe tokcat "truncated input" probe_truncated o/x.npy cut.tok tokcat --to npy -o o/x.npy cut.tok
probe tokcat "| head -1" probe_head tokcat --ids small.tok
probe tokcat "kill" probe_kill "$TMP/o/x.npy" small.tok tokcat --to npy -o o/x.npy -

set -- --order --seq-len 16 --seed 1 --epoch 0
probe shuffle "unknown option" probe_unknown_option shuffle
probe shuffle "full disk" probe_full shuffle "$@" --count 100000 -o -
probe shuffle "no space for -o" probe_full_file o/x.order shuffle "$@" --count 100000 -o o/x.order
probe shuffle "truncated input" probe_truncated o/x.order cut.tok shuffle "$@" -o o/x.order cut.tok
probe shuffle "| head -1" probe_head shuffle "$@" --count 1000000 -o -
probe shuffle "kill" probe_kill "$TMP/o/x.tok" small.tok shuffle --copy --unit instance \
	--seq-len 16 -o o/x.tok -

cat >t.yaml <<E
model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 64, max_sequence_length: 16,
  weight_tying: true, init_fn: mitchell, rope: true, include_bias: false, layer_norm_type: default,
  attention_dropout: 0.0, residual_dropout: 0.0, embedding_dropout: 0.0}
tokenizer: {identifier: tok.json}
optimizer: {name: adamw, learning_rate: 1e-3}
scheduler: {name: constant}
data: {paths: [TOK], order: olmo}
max_duration: 4
global_train_batch_size: 4
device_train_microbatch_size: 2
E
sed s/TOK/small.tok/ t.yaml >train.yaml
sed s/TOK/cut.tok/ t.yaml >cut.yaml
probe train "unknown option" probe_unknown_option train
train -c train.yaml -o model >/dev/null 2>&1
echo '[[1,2,3,4]]' >ids.json
probe train "full disk" probe_full train -c train.yaml -n
probe train "no space for -o" probe_full_file o/run train -c train.yaml -o o/run
probe train "truncated input" probe_truncated o/run cut.tok train -c cut.yaml -o o/run
absent train "| head -1" "writes nothing on stdout but -n"
# train saves and ends with 75 when asked to stop; its kill test is test/cmd/train.bats

probe paloma "unknown option" probe_unknown_option paloma
probe paloma "full disk" probe_full paloma --windows -t tok.json small.jsonl
probe paloma "no space for -o" probe_full_file o/p paloma -m model/latest -o o/p small.jsonl
probe paloma "truncated input" probe_truncated o/p cut.jsonl.gz paloma -m model/latest -o o/p \
	cut.jsonl.gz
probe paloma "| head -1" probe_head paloma --windows -t tok.json big.jsonl
probe paloma "kill" probe_kill "$TMP/o/p" small.jsonl paloma -m model/latest -o o/p -

docs 4000 | awk -v q='"' '{ print "{" q "prompt" q ":" q "line " NR q "}" }' >prompts.jsonl
jq -c '{task_name: "t", doc_id: .metadata.n, idx: input_line_number, label: 0,
	request: {context: "c", continuation: " x"}}' big.jsonl >rq.jsonl
gzip -kc rq.jsonl | head -c 10000 >cutrq.jsonl.gz
gzip -kc prompts.jsonl | head -c 4000 >cutp.jsonl.gz
head -n 5 prompts.jsonl >fewp.jsonl
jq -c '{goal: .text, sol1: "a", sol2: "b", label: 0}' big.jsonl >piqa.validation.jsonl
set -- -m mock:sha256 --requests
probe catwalk "unknown option" probe_unknown_option catwalk
probe catwalk "full disk" probe_full catwalk -q "$@" rq.jsonl
probe catwalk "no space for -o" probe_full_file o/c catwalk -q "$@" rq.jsonl -o o/c
probe catwalk "truncated input" probe_truncated o/c cutrq.jsonl.gz catwalk -q "$@" cutrq.jsonl.gz -o o/c
probe catwalk "| head -1" probe_head catwalk -t piqa --data . --dump-requests
probe catwalk "kill" probe_kill "$TMP/o/c" rq.jsonl catwalk -q "$@" - -o o/c

set -- -m model/latest --max-new 1
probe generate "unknown option" probe_unknown_option generate
probe generate "full disk" probe_full generate "$@" fewp.jsonl
probe generate "no space for -o" probe_full_file o/g.jsonl generate "$@" -o o/g.jsonl fewp.jsonl
probe generate "truncated input" probe_truncated o/g.jsonl cutp.jsonl.gz generate "$@" -o o/g.jsonl \
	cutp.jsonl.gz
probe generate "| head -1" probe_head generate "$@" prompts.jsonl
probe generate "kill" probe_kill "$TMP/o/g.jsonl" fewp.jsonl generate "$@" -o o/g.jsonl

probe olmo "unknown option" probe_unknown_option olmo
head -c 100 small.tok.manifest.json >o/small.tok.manifest.json
probe olmo "full disk" probe_full olmo --exec-path
probe olmo "truncated input" probe_truncated o/none o/small.tok.manifest.json olmo audit o
absent olmo "| head -1" "audit prints a few lines"

for f in "$ROOT"/cmd/*.c; do
	p=$(basename "$f" .c)
	n=$((n + 1))
	if grep -q "^$p	" <<<"$table"; then echo "ok $n - $p: has probes"; else
		echo "not ok $n - $p: has probes"
		failed=1
	fi
done
echo "1..$n"
printf '%s' "$table" | sort | awk -F'\t' '{ v[$1] = v[$1] sprintf("  %s: %s;", $2, $3) }
	END { for (p in v) print "# " p v[p] }' | sort
exit $failed
