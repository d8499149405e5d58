#!/usr/bin/env bats
# train under kill -9, at random moments, again and again: a run always ends in the bytes of one that
# was left alone, loses no more than the steps since its last checkpoint, and never a checkpoint.
# OLMO_KILLS: how many (200).
load ../lib/olmo

setup_file() {
	export BATS_TEST_TIMEOUT=7200
}

run_hash() {
	(cd "$1" && readlink latest && find . -type f ! -name timing.jsonl | sort | xargs sha256sum) |
		sha256sum
}

# The newest checkpoint that has its name, 0: none yet.
newest() {
	ls "$1" 2>/dev/null | sed -n 's/^step0*\([0-9][0-9]*\)$/\1/p' | sort -n | tail -n 1 | grep . || echo 0
}

@test "train, killed at random moments until 200 kills have hit, ends in other bytes or loses a checkpoint" {
	awk 'BEGIN { for (i = 0; i < 4000; i++) printf "%c%c", 1 + (i * i + 7 * i) % 60, 1 }' |
		tr '\001' '\000' >a.npy
	cat >c.yaml <<-END
		seed: 1
		model: {d_model: 32, n_heads: 2, n_layers: 2, mlp_hidden_size: 96, vocab_size: 256,
		  embedding_size: 256, max_sequence_length: 24}
		optimizer: {learning_rate: 1.0e-2, sigma_factor: 3, rolling_interval_length: 8}
		scheduler: {name: linear_with_warmup, t_warmup: 3}
		data: {paths: [a.npy]}
		max_duration: 150
		save_interval: 7
		save_num_checkpoints_to_keep: 3
		global_train_batch_size: 6
		device_train_microbatch_size: 2
		max_grad_norm_ratio: 1.2
	END
	train -q -c c.yaml -o whole
	want=$(run_hash whole)
	want_kills=${OLMO_KILLS:-200}
	kills=0 runs=0 steps=0 resumed=0
	while [ $kills -lt "$want_kills" ]; do
		rm -rf run
		before=0 tries=0
		while :; do
			train -q -c c.yaml -o run -j $((1 + RANDOM % 2)) 2>err &
			pid=$!
			# up to a quarter of a second
			sleep "$(awk "BEGIN { print ($RANDOM % (250 + 20 * $tries)) / 1000 }")"
			hit=0
			kill -9 $pid 2>/dev/null && hit=1
			rc=0
			wait $pid 2>/dev/null || rc=$?
			if [ $rc = 0 ]; then break; fi
			cat err
			[ $rc = 137 ]
			[ $hit = 1 ]
			kills=$((kills + 1)) tries=$((tries + 1))
			after=$(newest run)
			[ "$after" -ge "$before" ]
			resumed=$((resumed + (after > 0)))
			before=$after
			# where `latest` points is whole
			if [ -e run/latest ]; then
				[ "$(jq .step run/latest/trainer/state.json)" -le "$after" ]
			fi
			[ $kills -lt $((want_kills + 50)) ]
		done
		runs=$((runs + 1))
		[ "$(run_hash run)" = "$want" ]
		[ -z "$(find run -name '.*.tmp')" ]
	done
	echo "# $kills kills hit, $resumed of them after a checkpoint; $runs runs ended in the bytes of an uncut one" >&3
	[ $kills -ge "$want_kills" ]
	[ $runs -ge 1 ]
}
