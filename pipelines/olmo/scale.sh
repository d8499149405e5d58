#!/bin/sh
# scale.sh CONF.yaml SCALE: a recipe's configuration, shrunk, on standard output.
#
# With s = SCALE (above 0, at most 1), numbers are rounded and never fall below the least value given;
# s = 1 is the recipe itself.
#
#	training tokens		s	= steps s^(1/2) x instances a step s^(1/3) x length s^(1/6)
#	parameters		about s^(1/2) to s^(3/5): width s^(1/5), layers s^(1/6)
#	max_duration		s^(1/2)			(2e12T counts as its steps)
#	global_train_batch_size	s^(1/3)
#	max_sequence_length	s^(1/6)			multiple of 64
#	n_layers		s^(1/6)			at least 2
#	n_heads			s^(1/5)			at least 2
#	d_model			s^(1/5)			multiple of 16 x n_heads
#	MLP			its ratio to d_model	multiple of 64
#	learning_rate		s^(-1/5)		as the width shrinks
#	t_warmup, clip warm-up	s^(1/2)			at least 10 steps
#	intervals (eval, save)	s^(1/2)			at least a tenth of the steps
#	vocabulary		s^(1/5)			of a tokenizer that is trained: embedding rows and
#							special ids then come from it
#	microbatch		as it is, at least 1536 tokens, at most the batch
#	precision		fp32: a scaled run's device is the CPU
#	data.paths		one mixture, of the proportions of sources.tsv
#
# Everything else is the recipe's: architecture, optimizer, schedule, decay, clipping, seed.
set -eu
export LC_ALL=C
[ $# = 2 ] || { echo "usage: scale.sh CONF.yaml SCALE" >&2; exit 2; }
awk -v s="$2" 'BEGIN { exit !(s ~ /^[0-9.]+([eE][-+]?[0-9]+)?$/ && s + 0 > 0 && s + 0 <= 1) }' || {
	echo "SCALE=$2: a number above 0 and at most 1, like 1e-6" >&2
	exit 2
}
if awk -v s="$2" 'BEGIN { exit s + 0 != 1 }'; then exec cat "$1"; fi
awk -v s="$2" '
	function most(a, b) { return a > b ? a : b }
	function least(a, b) { return a < b ? a : b }
	function near(x) { return int(x + 0.5) }
	function by(x, m) { return m * most(1, near(x / m)) }
	NR == FNR {
		if ($1 ~ /^[a-z_]+:$/ && NF > 1) {
			gsub(/_/, "", $2)
			v[substr($1, 1, length($1) - 1)] = $2 ~ /^[0-9]/ ? $2 + 0 : $2
			if ($2 ~ /T$/)
				v["tokens"] = $2 + 0
		}
		next
	}
	FNR == 1 {
		printf "# The recipe at a scale of %s: see scale.sh for how each number follows.\n", s
		root = sqrt(s)
		if (v["tokens"])
			v["max_duration"] = int(v["tokens"] / v["global_train_batch_size"] / v["max_sequence_length"])
		steps = near(v["max_duration"] * root)
		mlp = v["mlp_hidden_size"] ? v["mlp_hidden_size"] / v["d_model"] : v["mlp_ratio"]
		to["max_duration"] = most(10, steps)
		to["global_train_batch_size"] = batch = most(2, near(v["global_train_batch_size"] * s ^ (1 / 3)))
		to["max_sequence_length"] = seq = by(v["max_sequence_length"] * s ^ (1 / 6), 64)
		to["n_layers"] = most(2, near(v["n_layers"] * s ^ (1 / 6)))
		to["n_heads"] = heads = most(2, near(v["n_heads"] * s ^ .2))
		to["d_model"] = width = by(v["d_model"] * s ^ .2, 16 * heads)
		if (v["mlp_hidden_size"])
			to["mlp_hidden_size"] = by(mlp * width, 64)
		to["learning_rate"] = sprintf("%.3g", v["learning_rate"] * s ^ -.2)
		to["t_warmup"] = most(10, near(v["t_warmup"] * root))
		to["grad_clip_warmup_steps"] = most(10, near(v["grad_clip_warmup_steps"] * root))
		tenth = int((steps + 9) / 10)
		to["eval_interval"] = most(tenth, near(v["eval_interval"] * root))
		to["save_interval"] = most(tenth, near(v["save_interval"] * root))
		if (v["save_interval_unsharded"] > 0)
			to["save_interval_unsharded"] = most(tenth, near(v["save_interval_unsharded"] * root))
		micro = int((1535 + seq) / seq)
		to["device_train_microbatch_size"] = least(batch, most(micro, v["device_train_microbatch_size"]))
		to["device_eval_batch_size"] = least(batch, most(micro, v["device_eval_batch_size"]))
		to["precision"] = "fp32"
		printf "# vocabulary: %d\n", most(1024, near(v["vocab_size"] * s ^ .2))
		drop["vocab_size"] = drop["embedding_size"] = 1
		drop["eos_token_id"] = drop["pad_token_id"] = 1
	}
	/^[a-z]/ { section = $1 }
	$1 == "-" && $2 ~ /^tokens\// {
		if (!mixed++)
			print "  - tokens/mixture.tok"
		next
	}
	{
		key = substr($1, 1, length($1) - 1)
		if (key in drop)
			next
		if (key == "precision" && section == "fsdp:")
			print
		else if (key in to && $1 ~ /:$/ && $2 != "null") {
			sub(/: .*/, ": " to[key])
			print
		} else
			print
	}' "$1" "$1"
