# plan.awk: what a recipe would read, write and take.  Nothing is run.
#
#	awk -v model=1b -v gpus=N -v format=text|tsv -f plan.awk \
#	    speeds.tsv sources.tsv stages.tsv MODEL.yaml
#
# Bytes are decimal.  A source's last bytes are those of Table 2; what its stages read is these
# divided by the shares that the stages leave.
BEGIN {
	FS = "\t"
	OFS = "\t"
	print_row("stage", "source", "bytes_in", "bytes_out", "memory_bytes", "core_hours",
	    "gpu_hours", "command")
}
FNR == 1 { file++; sub(/^.*\//, "", FILENAME) }
/^#/ || /^$/ { next }
file == 1 { speed[$1] = $2; from[$1] = $2 " " $3 ": " $4; order[++n_speed] = $1 }
file == 2 { name[++n] = $1; gb[n] = $2; docs += $3; tokens += $4; btok[n] = $4 }
file == 3 { who[++s] = $1; stage[s] = $2; key[s] = $3; keep[s] = $4; filter[s] = $5; cmd[s] = $6 }
file == 4 {
	split($0, kv, /: */)
	gsub(/ /, "", kv[1])
	conf[kv[1]] = kv[2]
}

# Bytes of a Bloom filter of n keys with false positives at a rate of 1e-6.
function bloom(n) { return n * log(1e6) / (log(2) ^ 2) / 8 }
function num(x) { return x == 0 ? "0" : x >= 1000 ? sprintf("%.0f", x) : sprintf("%.4g", x) }
function print_row(a, b, c, d, e, f, g, h) {
	if (format == "tsv")
		print a, b, c, d, e, f, g, h
	else
		printf "%-15s %-7s %15s %15s %13s %10s %9s  %s\n", a, b, c, d, e, f, g, h
}
function row(a, b, in_, out, mem, core, gpu, command) {
	core_sum += core
	gpu_sum += gpu
	print_row(a, b, num(in_), num(out), num(mem), num(core), num(gpu), command)
}
function applies(i, j) { return who[i] == "*" || index("," who[i] ",", "," name[j] ",") }
function source_rows(j,   i, bytes, out, f) {
	bytes = gb[j] * 1e9
	for (i = 1; i <= s; i++)
		if (applies(i, j) && keep[i] != "tok")
			bytes /= keep[i]
	for (i = 1; i <= s; i++) {
		if (!applies(i, j))
			continue
		if (!(key[i] in speed)) {
			print "plan: speeds.tsv has no " key[i] >"/dev/stderr"
			failed = 1
			exit 1
		}
		out = keep[i] == "tok" ? btok[j] * 2e9 : bytes * keep[i]
		f = filter[i] > 0 ? " --store bloom --expect " sprintf("%.0f", filter[i]) " --fpr 1e-6" : ""
		row(stage[i], name[j], bytes, out, bloom(filter[i]),
		    bytes / (speed[key[i]] * 1e6) / 3600, 0, cmd[i] f)
		bytes = out
	}
	token_bytes += bytes
}
# Weights as bf16, gradients fp32, master weights and moments fp32; stage 0: nothing is shared out,
# 1: optimizer state, 2: gradients too, 3: weights too.
function memory_rows(   d, L, F, V, T, P, B, z, w, g, o, act, logits) {
	d = conf["d_model"]; L = conf["n_layers"]; F = conf["mlp_hidden_size"] / 2
	V = conf["embedding_size"]; T = conf["max_sequence_length"]
	B = conf["device_train_microbatch_size"]
	P = V * d * (conf["weight_tying"] == "true" ? 1 : 2) + L * (4 * d * d + 3 * d * F)
	act = B * T * L * (12 * d + 4 * F)
	logits = B * T * V * 4
	print_row("memory", "zero", "weights", "gradients", "optimizer", "activations", "logits",
	    "total bytes of one of " gpus " GPUs, " P " parameters")
	for (z = 0; z <= 3; z++) {
		w = 2 * P / (z >= 3 ? gpus : 1)
		g = 4 * P / (z >= 2 ? gpus : 1)
		o = 12 * P / (z >= 1 ? gpus : 1)
		print_row("memory", z, num(w), num(g), num(o), num(act), num(logits),
		    num(w + g + o + act + logits))
	}
}
END {
	if (failed)
		exit 1
	for (j = 1; j <= n; j++)
		source_rows(j)
	T = conf["max_sequence_length"]
	n_tok = conf["max_duration"]
	n_tok = n_tok ~ /T$/ ? n_tok + 0 : n_tok * conf["global_train_batch_size"] * T
	print_row("shuffle", "all", num(token_bytes), num(token_bytes / 2 / T * 4), "-", "-", "-",
	    "shuffle --order tokens/*.tok --seq-len " T " --seed " conf["seed"] " (not measured)")
	row("train", "all", n_tok * 2, 0, 0, 0, n_tok / speed["train-" model] / 3600,
	    "train -c " model ".yaml -o run (on GPUs: not built, train runs on the CPU only)")
	print_row("evaluate", "all", "-", "-", "-", "-", "-",
	    "every " conf["save_interval"] " steps in the loop: not built; " \
	    "paloma, catwalk -t core8: not measured")
	print_row("sft", "all", "-", "-", "-", "-", "-", "not built")
	print_row("dpo", "all", "-", "-", "-", "-", "-", "not built")
	print_row("total", "all", "-", "-", "-", num(core_sum), num(gpu_sum),
	    num(docs) " million documents, " num(tokens) " billion tokens of Table 2")
	memory_rows()
	for (i = 1; i <= n_speed; i++)
		print "# " order[i] ": " from[order[i]]
}
