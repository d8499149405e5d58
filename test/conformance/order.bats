#!/usr/bin/env bats
# The order against numpy and OLMo's own trainer (reference data, README there).
load ../lib/olmo

@test "numpy-pcg64-shuffle.json: an order differs from numpy's" {
	need_shared tokenizer-conformance/numpy-pcg64-shuffle.json
	n=0
	while read -r seed count sum first; do
		# --seed takes 64 bits
		[ ${#seed} -le 19 ] || continue
		shuffle --order --count "$count" --seed "$seed" --raw -o o.npy
		[ "$(sha256sum <o.npy | cut -d' ' -f1)" = "$sum" ]
		shuffle --order --count "$count" --seed "$seed" -o o.order
		[ "$(tokcat --ids o.order | head -n 12 | tr '\n' ' ')" = "$first " ]
		n=$((n + 1))
	done < <(jq -r '.cases[] | "\(.seed) \(.n) \(.sha256_u32le) \(.first | map(tostring) | join(" "))"' \
		"$OLMO_SHARED/data/tokenizer-conformance/numpy-pcg64-shuffle.json")
	[ $n -ge 70 ]
}

@test "olmo_golden.json: an order differs from numpy's" {
	need_shared golden/olmo_golden.json
	n=0
	while read -r seed count sum; do
		[ "$(shuffle --order --count "$count" --seed "$seed" --raw -o - | sha256sum | cut -d' ' -f1)" = "$sum" ]
		n=$((n + 1))
	done < <(jq -r '.order | to_entries[] | select(.key | test("^[0-9]+$")) | .key as $s | .value | to_entries[] |
		select(.key | startswith("shuffle_arange_")) |
		"\($s) \(.key | ltrimstr("shuffle_arange_")) \(.value.sha256_u32le)"' \
		"$OLMO_SHARED/data/golden/olmo_golden.json")
	[ $n -ge 24 ]
}

@test "olmo-trainer-20: global_indices.npy differs" {
	need_shared model-conformance/olmo-trainer-20/linear/global_indices.npy
	d=$OLMO_SHARED/data/model-conformance/olmo-trainer-20
	for run in linear tied-cosine-zloss label-mask; do
		shuffle --order --seq-len 64 --seed 6198 --epoch 0 --raw -o gi.npy $d/data/part-000.npy $d/data/part-001.npy
		od -An -v -tu4 -w4 gi.npy >got
		od -An -v -tu4 -w4 $d/$run/global_indices.npy >want
		same_numbers "olmo-trainer-20/$run" global_indices.npy got want
		cmp gi.npy $d/$run/global_indices.npy
	done
}

# same_numbers ORACLE WHAT GOT WANT: cmp, with a row in the table
same_numbers() {
	paste <(tr -s '\t\n ' '\n' <"$3") <(tr -s '\t\n ' '\n' <"$4") | table_row "$1" "$2" equal
	cmp "$3" "$4"
}

# steps ORDER..: entries as lines of data-indices, four a step, of one rank
steps() {
	for o in "$@"; do
		tokcat --ids "$o" | awk '{ line = line "\t" $1 } NR % 4 == 0 { print line; line = "" }'
	done | awk '{ print NR $0 }'
}

@test "olmo-trainer-20: three epochs come in another order" {
	need_shared model-conformance/olmo-trainer-20/three-epochs/data-indices.tsv
	d=$OLMO_SHARED/data/model-conformance/olmo-trainer-20
	for e in 0 1 2; do
		shuffle --order --seq-len 64 --seed 6198 --epoch $e -o $e.order $d/data/part-00?.npy
	done
	steps 0.order 1.order 2.order >got
	same_numbers olmo-trainer-20/three-epochs "order of shuffle" got $d/three-epochs/data-indices.tsv
}

@test "olmo-trainer-20: two ranks share the batches otherwise" {
	need_shared model-conformance/olmo-trainer-20/v0.2.4-two-ranks/data-indices-rank1.tsv
	d=$OLMO_SHARED/data/model-conformance/olmo-trainer-20
	cd "$d" # the config names its files from here
	cat >"$TMP/c.yaml" <<-E
		seed: 6198
		model: {max_sequence_length: 64}
		data: {paths: [data/part-000.npy, data/part-001.npy]}
		global_train_batch_size: 8
		max_duration: 10
	E
	for r in 0 1; do
		for s in 1 2 10; do
			shuffle --which $s:$r --world-size 2 --run "$TMP/c.yaml" | cut -f3 | tr '\n' '\t'
			echo
		done >"$TMP/got$r"
		sed -n '1p;2p;10p' v0.2.4-two-ranks/data-indices-rank$r.tsv | cut -f2- | sed 's/$/\t/' \
			>"$TMP/want$r"
		same_numbers olmo-trainer-20/v0.2.4-two-ranks "order of rank $r" "$TMP/got$r" "$TMP/want$r"
	done
}

@test "olmo-trainer-20: a step of one rank is not what two ranks see in turn" {
	need_shared model-conformance/olmo-trainer-20/v0.2.4-two-ranks/data-indices-rank1.tsv
	d=$OLMO_SHARED/data/model-conformance/olmo-trainer-20
	paste "$d"/v0.2.4-two-ranks/data-indices-rank[01].tsv |
		awk '{ line = $1; for (i = 2; i <= 5; i++) line = line "\t" $i "\t" $(i + 5); print line }' >want
	[ "$(wc -l <want)" = 10 ]
	shuffle --order --seq-len 64 --seed 6198 --epoch 0 --world-size 2 -o two.order "$d"/data/part-00?.npy
	# 87 instances, cut to a multiple of two
	[ "$(tokcat --ids two.order | wc -l)" = 86 ]
	tokcat --ids two.order | head -n 80 | awk '{ line = line "\t" $1 }
		NR % 8 == 0 { print NR / 8 line; line = "" }' >got
	same_numbers olmo-trainer-20/v0.2.4-two-ranks "order of both, --world-size" got want
	# and train draws it itself
	cat >c.yaml <<-E
		seed: 6198
		model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 16, vocab_size: 256,
		  max_sequence_length: 64}
		data: {paths: [$d/data/part-000.npy, $d/data/part-001.npy]}
		global_train_batch_size: 8
		max_duration: 10
	E
	train -q -c c.yaml -o run
	cmp run/data-indices/rank0.tsv want
}
