#!/usr/bin/env bats
# The checkpoints of a run: their index, their names as revisions, which of them stay.  What is due and
# what stays is also in test/unit/model_revs.c; 500 of them, and kill -9 at every step of the way, in
# test/long/checkpoints.bats.
load ../lib/olmo
load ../lib/checkpoints

local_setup() {
	ids a.npy
	cat >c.yaml <<-END
		model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 64, vocab_size: 256,
		  embedding_size: 256, max_sequence_length: 24}
		optimizer: {learning_rate: 1.0e-2}
		scheduler: {name: constant}
		data: {paths: [a.npy]}
		max_duration: 13
		save_interval: 1
		global_train_batch_size: 6
		device_train_microbatch_size: 6
		no_pre_train_checkpoint: false
	END
}

# states RUN: step and first letter of the state
states() { awk 'NR > 1 { printf "%s%s ", $1, substr($7, 1, 1) }' "$1/checkpoints.tsv"; }

@test "the index or a link is not what is there, by whatever way the run went" {
	train -c c.yaml -o whole
	[ "$(states whole)" = "$(seq -s ' ' -f %gk 0 13) " ]
	in_step whole
	[ -z "$(olmo audit whole)" ]
	[ "$(jq -r '.outputs[] | select(.path == "checkpoints.tsv") | .role' whole/manifest.json)" = checkpoints ]
	for s in 2 7; do train -c c.yaml -o cut -j 2 --stop-at $s; done
	# what a killed process can leave: no index, no links, a broken one
	rm -r cut/checkpoints.tsv cut/revisions/step[3-5]* cut/step00000005
	ln -s ../step00000009 cut/revisions/step9-tokens9B
	echo mine >cut/revisions/notes
	train --resume cut
	[ "$(cat cut/revisions/notes)" = mine ]
	rm cut/revisions/notes
	in_step cut
	[ "$(grep -c . cut/checkpoints.tsv)" = 14 ]
	# a damaged index is said to be one, and made again
	printf '7\tstep7\n' >>whole/checkpoints.tsv
	train -c c.yaml -o whole 2>err
	grep -q 'whole/checkpoints.tsv:16: not a row of the index' err
	train -c c.yaml -o two
	[ "$(run_hash whole)" = "$(run_hash two)" ]
	train -c c.yaml -f -o two --max_duration=2
	in_step two
	[ "$(states two)" = "0k 1k 2k " ]
}

@test "other checkpoints stay than the configuration says, or a restart leaves a trace" {
	keep="--save_interval=2 --save_num_checkpoints_to_keep=2 --save_interval_ephemeral=1 --save_keep_interval=4"
	train -c c.yaml -o run $keep
	[ "$(states run)" = "0k 2r 4k 6r 8k 10r 12k 13k " ]
	in_step run
	# stopped after 7, an ephemeral one; the config of the run goes on
	train -c c.yaml -o cut $keep --stop-at 7
	[ "$(states cut)" = "0k 2r 4k 6k 7e " ]
	[ -e cut/step00000007/trainer/ephemeral ]
	in_step cut
	train --resume cut
	[ "$(run_hash cut)" = "$(run_hash run)" ]
	train -c c.yaml -o stop $keep --save_interval_ephemeral=null --stop-at 5
	[ "$(states stop)" = "0k 2k 4k 5t " ]
	in_step stop
	train --resume stop --save_interval_ephemeral=1
	cmp stop/checkpoints.tsv run/checkpoints.tsv
	# OLMo's two intervals
	train -c c.yaml -o both --save_interval=2 --save_num_checkpoints_to_keep=1 --save_interval_unsharded=5 \
		--save_num_unsharded_checkpoints_to_keep=-1
	[ "$(states both)" = "0k 2r 4r 5k 6r 8r 10k 12r 13k " ]
	rc=0
	train -c c.yaml -o bad --save_interval=2 --save_keep_interval=3 2>err || rc=$?
	[ $rc = 2 ]
	grep -q 'save_keep_interval must be a multiple of save_interval' err
	rc=0
	train --list c.yaml 2>err || rc=$?
	[ $rc = 3 ]
	[ ! -e bad ]
}

@test "a model is another one under its name as a revision" {
	tiny_model 32 3
	docs 12 >d.jsonl
	name=$(train --list run | awk 'END { print $2 }')
	[ "$name" = step3-tokens0B ]
	paloma -m "run/revisions/$name" -o a d.jsonl
	paloma -m run/latest -o b d.jsonl
	cmp a/metrics.tsv b/metrics.tsv
	[ -z "$(olmo audit a)" ]
}
