#!/usr/bin/env bats
# Hundreds of checkpoints, and kill -9 before every call that changes a name: the index of a run is
# never ahead of what is there, and every run ends in the bytes of one that was left alone.
load ../lib/olmo
load ../lib/checkpoints

setup_file() {
	export BATS_TEST_TIMEOUT=3600
}

local_setup() {
	ids a.npy
	cat >c.yaml <<-END
		model: {d_model: 8, n_heads: 1, n_layers: 1, mlp_hidden_size: 16, vocab_size: 256,
		  embedding_size: 256, max_sequence_length: 16}
		optimizer: {learning_rate: 1.0e-2}
		scheduler: {name: constant}
		data: {paths: [a.npy]}
		global_train_batch_size: 2
		device_train_microbatch_size: 2
		no_pre_train_checkpoint: false
	END
}

@test "a run with 557 checkpoints: index, links, listing, audit, or the same run cut is another one" {
	train -q -c c.yaml -o run --max_duration=557 --save_interval=1
	in_step run
	[ "$(rows run | wc -l)" = 558 ]
	[ -z "$(olmo audit run)" ]
	train -q -c c.yaml -o cut -j 2 --max_duration=557 --save_interval=1 --stop-at 300
	train -q --resume cut --sync-save
	[ "$(run_hash cut)" = "$(run_hash run)" ]
	# one by one, by their names
	for rev in step0-tokens0B step77-tokens0B step557-tokens0B; do
		[ "$(jq -r .revision "run/revisions/$rev/trainer/state.json")" = $rev ]
	done
}

@test "of 600 checkpoints others stay than nine, and every fiftieth for ever" {
	train -q -c c.yaml -o run --max_duration=600 --save_interval=1 --save_num_checkpoints_to_keep=9 \
		--save_keep_interval=50
	in_step run
	[ "$(rows run | cut -f 1 | tr '\n' ' ')" = "$(seq -s ' ' 0 50 550) $(seq -s ' ' 592 600) " ]
	[ "$(grep -c 'removed$' run/checkpoints.tsv)" = $((601 - 21)) ]
}

# kill_everywhere OPTIONS..: one run for each call; killed there, looked at, and gone on with.
kill_everywhere() {
	${CC:-cc} -shared -fPIC -o killat.so "$ROOT/test/lib/killat.c" -ldl
	rm -rf whole
	train -q -c c.yaml -o whole "$@"
	want=$(run_hash whole)
	at=1 rc=1
	while [ $rc != 0 ]; do
		rm -rf run
		rc=0
		LD_PRELOAD=$PWD/killat.so KILLAT=$at train -q -c c.yaml -o run "$@" >/dev/null 2>&1 || rc=$?
		[ $rc = 137 ] || [ $rc = 0 ]
		not_ahead run || { echo "# call $at"; false; }
		if [ -e run/config.json ]; then train --list run >list; fi
		train -q -c c.yaml -o run "$@"
		in_step run
		[ "$(run_hash run)" = "$want" ]
		[ -z "$(find run -name '.*.tmp')" ]
		at=$((at + 1))
	done
	echo "# killed before each of $((at - 2)) calls ($*)" >&3
	[ $at -gt 100 ]
}

@test "kill -9 before any call leaves an index that is ahead, or another run in the end" {
	kill_everywhere --sync-save --max_duration=4 --save_interval=2 --save_num_checkpoints_to_keep=1 \
		--save_interval_ephemeral=1
	kill_everywhere --sync-save --max_duration=3 --save_interval=1 --save_num_checkpoints_to_keep=1 \
		--save_keep_interval=2
}

@test "kill -9 while a run is begun anew leaves a broken link, or the old run's checkpoints" {
	${CC:-cc} -shared -fPIC -o killat.so "$ROOT/test/lib/killat.c" -ldl
	train -q -c c.yaml -o whole --max_duration=2 --save_interval=1
	train -q -c c.yaml -o old --max_duration=4 --save_interval=1 --seed 7
	want=$(run_hash whole)
	at=1 rc=1
	while [ $rc != 0 ]; do
		rm -rf run
		cp -a old run
		rc=0
		LD_PRELOAD=$PWD/killat.so KILLAT=$at train -q -f -c c.yaml -o run --max_duration=2 \
			--save_interval=1 >/dev/null 2>&1 || rc=$?
		[ $rc = 137 ] || [ $rc = 0 ]
		not_ahead run || { echo "# call $at"; false; }
		train -q -f -c c.yaml -o run --max_duration=2 --save_interval=1
		in_step run
		[ "$(run_hash run)" = "$want" ]
		at=$((at + 1))
	done
	echo "# killed before each of $((at - 2)) calls" >&3
	[ $at -gt 60 ]
}
