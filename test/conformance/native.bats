#!/usr/bin/env bats
# First weights in the original's own files, model.pt and safetensors: the same as from Hugging Face's.
load ../lib/olmo

# same_bytes WHAT A B: cmp, with a row in the table
same_bytes() {
	paste <(od -An -v -tu1 -w1 "$2") <(od -An -v -tu1 -w1 "$3") | table_row olmo-native-tiny "$1" equal
	cmp "$2" "$3"
}

@test "a model in OLMo's own files computes something else than the same in Hugging Face's" {
	need_shared model-conformance/olmo-native-tiny/model.pt
	data=$OLMO_SHARED/data/model-conformance
	printf '[5,6,7,8,9,200,17]\n[1,2,3,250,4,4,4]\n' >ids
	train --probe "$data/olmo-sharded" --ids ids --dump logits,loss,grads,step1 -o want.safetensors
	train --probe "$data/olmo-native-tiny" --ids ids --dump logits,loss,grads,step1 -o got.safetensors
	same_bytes "probe, bytes, model.safetensors" want.safetensors got.safetensors
	mkdir pt
	cp "$data/olmo-native-tiny/config.yaml" "$data/olmo-native-tiny/model.pt" pt
	train --probe pt --ids ids --dump logits,loss,grads,step1 -o got.safetensors
	same_bytes "probe, bytes, model.pt" want.safetensors got.safetensors
	# and training begins with them, from the file alone too
	awk 'BEGIN { for (i = 0; i < 600; i++) printf "%c%c", 2 + i * i % 90, 1 }' | tr '\001' '\000' >a.npy
	for from in "$data/olmo-sharded" "$data/olmo-native-tiny" pt pt/model.pt; do
		train -o "run" -f --init-from "$from" -c <(cat <<-Y
			model: {d_model: 32, n_heads: 4, n_layers: 2, mlp_hidden_size: 176, vocab_size: 256, weight_tying: false,
			  max_sequence_length: 16, eos_token_id: 0, pad_token_id: 1}
			data: {paths: [a.npy]}
			max_duration: 2
			global_train_batch_size: 2
		Y
		)
		sha256sum <run/latest/model.safetensors >>sums
	done
	[ "$(sort -u sums | wc -l)" = 1 ]
}
