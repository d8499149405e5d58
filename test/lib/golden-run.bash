# A small run whose bytes are known: of every machine, instruction set, number of threads and restart.

# golden_config: c.yaml and a.npy, 3000 ids below 61 as raw u16
golden_config() {
	awk 'BEGIN { s = 7; for (i = 0; i < 3000; i++) { s = (s * 1103515245 + 12345) % 2147483648
		v = (int(s / 65536) % 7 == 0) ? int(s / 1024) % 61 : (v * 5 + 3) % 61
		printf "%c%c", v + (v == 0), 0 } }' | tr '\001' '\002' >a.npy
	cat >c.yaml <<-END
		seed: 1
		model: {d_model: 32, n_heads: 2, n_layers: 2, mlp_hidden_size: 96, vocab_size: 61,
		  embedding_size: 64, weight_tying: false, max_sequence_length: 24}
		optimizer: {learning_rate: 1.0e-2, metrics_log_interval: 4}
		scheduler: {name: linear_with_warmup, t_warmup: 3}
		data: {paths: [a.npy]}
		max_duration: 20
		save_interval: 6
		global_train_batch_size: 6
		device_train_microbatch_size: 2
		max_grad_norm: 1.0
		softmax_auxiliary_loss: true
		evaluators: [{label: v, type: lm, data: {paths: [a.npy]}}]
		eval_interval: 10
		eval_subset_num_batches: 2
	END
}

# golden_bits: its first five steps; a row for each run: isa, threads, steps it was cut at, and the
# hashes of weights, optimizer state and log
golden_bits() {
	local isa j
	for isa in c avx2 avx512; do
		for j in 1 2 3; do
			golden_part $isa $j $isa$j 5 || continue 2
			golden_row $isa $j - $isa$j
		done
		golden_part $isa 1 ${isa}cut 2
		golden_part $isa 3 ${isa}cut 4
		golden_part $isa 2 ${isa}cut 5
		golden_row $isa 1,3,2 2,4 ${isa}cut
	done
}

# golden_part ISA THREADS RUN STEP: on to STEP; 1 where the machine has no such isa
golden_part() {
	local rc=0
	train -q -c c.yaml -o "$3" --isa "$1" -j "$2" --stop-at "$4" --evaluators=[] 2>golden.err || rc=$?
	if [ $rc = 3 ] && grep -q "this machine has no $1" golden.err; then return 1; fi
	if [ $rc != 0 ]; then cat golden.err >&2; exit 1; fi
}

golden_row() {
	printf '%s\t%s\t%s' "$1" "$2" "$3"
	for f in latest/model.safetensors latest/trainer/optimizer.safetensors log.jsonl; do
		printf '\t%s' "$(sha256sum <"$4/$f" | cut -c-32)"
	done
	echo
}
