#!/usr/bin/env bats
# The most memory that training takes is what train -n says, within 15 %.
load ../lib/olmo
load ../lib/golden-run

# within OPTIONS..: three steps, a checkpoint after the second
within() {
	train -n "$@" >plan.json
	rm -rf run
	train -q -o run --stats stats.json "$@"
	jq -rn --slurpfile p plan.json --slurpfile s stats.json --arg how "$*" \
		'[$p[0].bytes.total, $s[0].max_rss_bytes] | "# \(.[0] / 1e6) MB planned, \(.[1] / 1e6) taken: \($how)"' >&3
	jq -en --slurpfile p plan.json --slurpfile s stats.json \
		'$s[0].max_rss_bytes / $p[0].bytes.total | . > 0.85 and . < 1.15'
}

@test "training takes another amount of memory than -n says" {
	golden_config
	cat >s.yaml <<-END
		model: {n_layers: 8, d_model: 256, n_heads: 8, mlp_hidden_size: 2048, vocab_size: 8192,
		  embedding_size: 8192, max_sequence_length: 512, weight_tying: false}
		data: {paths: [s.npy]}
		global_train_batch_size: 8
		device_train_microbatch_size: 8
	END
	for _ in 1 2 3 4 5 6 7 8; do cat a.npy a.npy; done >s.npy
	for c in c.yaml s.yaml; do
		for how in '' --activation_checkpointing=whole_layer '--precision bf16' --sync-save \
			'--optimizer.name=lionw --reduce fast'; do
			# shellcheck disable=SC2086
			within -c $c -j 2 --max_duration=3 --save_interval=2 $how
		done
	done
}
