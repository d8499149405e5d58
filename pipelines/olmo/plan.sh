#!/bin/sh
# plan.sh DIR MODEL tsv|1: what a recipe would take, on standard output.  Nothing is run but train -n.
#
# DIR holds sources.tsv (what is trained on), keep.tsv (what the rules leave), speeds.tsv (what the hours
# are reckoned with) and MODEL.yaml.  Environment: GPU=a100|h100 and GPUS (their number, 64).
#
# tsv: stage, source, command, in_bytes, out_bytes, memory_bytes (of one process, or of one GPU),
# core_hours, gpu_hours, basis (rows of speeds.tsv), state (built, or what is not built yet); "-" is
# nothing.  Bytes of documents are those of their text, others are those of files.  The memory of dedup-mark
# is the key file, mapped: pages of it may be anywhere.  The last row, total, has the sums.  Each tagger
# sees all raw documents: rules act in the mix.
set -eu
export LC_ALL=C
dir=$1 model=$2 form=$3
gpu=${GPU:-a100} world=${GPUS:-64}
conf=$dir/$model.yaml
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

train -n -c "$conf" --world-size "$world" >"$tmp/memory.json"
grep -q "^train-$model-$gpu	" "$dir/speeds.tsv" || {
	echo "plan.sh: no speed of GPU=$gpu for $model in $dir/speeds.tsv" >&2
	exit 2
}
# is WORD among the values that train's --OPTION names?
has() { train --help | grep -qE -e "^ +--$1 .*[ ,]$2[ ,\\[]" && echo built || echo "--$1 $2 is not built yet"; }
program() { if command -v "$1" >/dev/null; then echo built; else echo "$1 is not built yet"; fi; }
{
	echo "parameters $(jq .parameters "$tmp/memory.json")"
	echo "total $(jq .bytes.total "$tmp/memory.json")"
	echo "zero $(jq .zero "$tmp/memory.json")"
	for k in d_model n_layers max_sequence_length max_duration global_train_batch_size save_interval \
		save_num_checkpoints_to_keep eval_interval; do
		sed -n "s/^ *$k: */$k /p" "$conf" | tr -d _ | sed "s/^[a-z]*/$k/"
	done
} >"$tmp/values"
{
	printf 'cuda\t%s\n' "$(has device cuda)"
	printf 'sft\t%s\n' "$(has mode sft)"
	printf 'dpo\t%s\n' "$(has mode dpo)"
	printf 'judge\t%s\n' "$(program judge)"
	sed -n 's/^QUALITY_\([^ ]*\) *?= */taggers-\1	/p' "$dir/recipe.mk"
} >"$tmp/states"

grep -hv '^#' "$tmp/values" >"$tmp/v"
awk -F'\t' -v OFS='\t' -v gpu="$gpu" -v model="$model" -v values="$tmp/v" -v states="$tmp/states" \
	-v speeds="$dir/speeds.tsv" -v keeps="$dir/keep.tsv" '
	function load(   line, f) {
		while ((getline line <values) > 0) {
			split(line, f, " ")
			v[f[1]] = f[2]
		}
		while ((getline line <states) > 0) {
			split(line, f, "\t")
			state[f[1]] = f[2]
		}
		while ((getline line <speeds) > 0) {
			if (line ~ /^(#|what\t)/)
				continue
			split(line, f, "\t")
			speed[f[1]] = f[2] + 0
			ratio[f[1]] = f[4] + 0
			rss[f[1]] = f[5] + 0
		}
		while ((getline line <keeps) > 0) {
			if (line ~ /^(#|source\t)/)
				continue
			split(line, f, "\t")
			text_kept[f[1]] = f[3] * (f[1] in text_kept ? text_kept[f[1]] : 1)
			if (f[4] == "documents")
				docs_kept[f[1]] = f[3] * (f[1] in docs_kept ? docs_kept[f[1]] : 1)
		}
	}
	function number(x) { return x == "-" ? x : sprintf(x < 1e6 ? "%.7g" : "%.0f", x) }
	function row(stage, source, command, inb, outb, mem, core, gpuh, basis, st) {
		print stage, source, command, number(inb), number(outb), number(mem), number(core), number(gpuh),
			basis, st
		if (inb != "-") total_in += inb
		if (outb != "-") total_out += outb
		if (core != "-") total_core += core
		if (gpuh != "-") total_gpu += gpuh
	}
	function hours(bytes, what) { return bytes / (speed[what] * 1e6) / 3600 }
	# A stage over all raw text of a source.
	function stage(name, source, command, what, outb,   b) {
		b = raw[source]
		row(name, source, command, b, outb == "" ? b * ratio[what] : outb, rss[what], hours(b, what), "-",
			what, "built")
	}
	function dedup(kind, source, n,   by) {
		by = kind == "doc" ? "document" : kind == "para" ? "paragraph --skip-empty" : "url --missing skip"
		keys[kind] += n
		row("dedup-keys", source, "dolma-dedup --by " by " --keys-out keys/" kind "." source ".NNNN.keys documents/" \
			source "/NNNN.jsonl.zst", raw[source], 32 * n, rss["keys-" kind] + 72 * n * speed["shard"] / raw[source],
			hours(raw[source], "keys-" kind), "-", "keys-" kind " shard", "built")
	}
	function mark(kind, source,   by) {
		by = kind == "doc" ? "document" : kind == "para" ? "paragraph --skip-empty" : "url --missing skip"
		row("dedup-mark", source, "dolma-dedup --by " by " --keys keys/" kind ".all --attributes dup_" kind \
			" documents/" source "/NNNN.jsonl.zst", raw[source], raw[source] * ratio["mark-" kind],
			rss["mark-" kind] + 32 * keys[kind], hours(raw[source], "mark-" kind), "-", "mark-" kind, "built")
	}
	function merge(kind) {
		row("dedup-merge", "all", "dolma-dedup --merge -o keys/" kind ".all keys/" kind ".*.keys", 32 * keys[kind],
			32 * keys[kind], rss["merge"], hours(32 * keys[kind], "merge"), "-", "merge", "built")
	}
	function gpu_row(name, command, tokens, flops, inb, outb, basis, st) {
		row(name, "all", command, inb, outb, v["total"], "-", tokens * flops / speed["train-" model "-" gpu] / 3600,
			"train-" model "-" gpu basis, st)
	}
	BEGIN {
		load()
		print "stage", "source", "command", "in_bytes", "out_bytes", "memory_bytes", "core_hours", "gpu_hours",
			"basis", "state"
	}
	/^#/ || $1 == "source" { next }
	{
		s[++n] = $1
		bytes[$1] = $4 * 1e9
		tokens[$1] = $6 * 1e9
		raw[$1] = bytes[$1] / ($1 in text_kept ? text_kept[$1] : 1)
		docs[$1] = $5 * 1e6 / ($1 in docs_kept ? docs_kept[$1] : 1)
	}
	END {
		for (i = 1; i <= n; i++)
			stage("documents", s[i], "dolma-mix -c conf/split." s[i] ".yaml --stream train -o documents/" s[i] \
				"/NNNN.jsonl.zst raw/" s[i] "/NNNN.jsonl.gz", "read")
		for (i = 1; i <= n; i++)
			stage("held-out", s[i], "dolma-mix -c conf/split." s[i] ".yaml --stream heldout | dolma-langid | " \
				"dolma-quality | dolma-mix -o eval/data/" s[i] "/val/NNNN.jsonl.gz", "read",
				speed["heldout"] * bytes[s[i]] / tokens[s[i]])
		for (i = 1; i <= n; i++)
			stage("langid", s[i], "dolma-langid -m lid.176.bin --attributes langid documents/" s[i] \
				"/NNNN.jsonl.zst", "langid")
		for (i = 1; i <= n; i++)
			stage("quality", s[i], "dolma-quality -t " state["taggers-" s[i]] " --attributes quality documents/" s[i] \
				"/NNNN.jsonl.zst", "quality-" s[i])
		for (i = 1; i <= n; i++)
			stage("decontam", s[i], "decontam -e eval/data/*/val/*.gz --mark --attributes decontam documents/" \
				s[i] "/NNNN.jsonl.zst", "decontam")
		dedup("url", "common-crawl", docs["common-crawl"])
		merge("url")
		mark("url", "common-crawl")
		for (i = 1; i <= n; i++)
			dedup("doc", s[i], docs[s[i]])
		merge("doc")
		for (i = 1; i <= n; i++)
			mark("doc", s[i])
		dedup("para", "common-crawl", raw["common-crawl"] / speed["paragraph"])
		dedup("para", "reddit", raw["reddit"] / speed["paragraph"])
		merge("para")
		mark("para", "common-crawl")
		mark("para", "reddit")
		for (i = 1; i <= n; i++)
			stage("mix", s[i], "dolma-mix -c mix.yaml -o mix", "mix", bytes[s[i]])
		for (i = 1; i <= n; i++) {
			row("tokenize", s[i], "tokenize -t tokenizer.json -o tokens/" s[i] "-0000.tok mix/" s[i] "-*.jsonl.gz",
				bytes[s[i]], 2 * tokens[s[i]], rss["tokenize"], hours(bytes[s[i]], "tokenize"), "-", "tokenize", "built")
			data += tokens[s[i]]
		}
		seq = v["max_sequence_length"]
		step = v["global_train_batch_size"] * seq
		steps = v["max_duration"] ~ /T$/ ? int(v["max_duration"] / step) : v["max_duration"]
		inst = int(data / seq)
		row("shuffle", "all", "shuffle --order tokens/*.tok --seq-len " seq " --seed 6198 --epoch 0 -o order/epoch1.order",
			2 * data, 4 * inst, 4 * inst, inst / (speed["order"] * 1e6) / 3600, "-", "order", "built")
		fwd = 2 * v["parameters"] + 4 * v["n_layers"] * v["d_model"] * seq
		kept = int(steps / v["save_interval"])
		if (v["save_num_checkpoints_to_keep"] > 0 && v["save_num_checkpoints_to_keep"] < kept)
			kept = v["save_num_checkpoints_to_keep"]
		gpu_row("train", "train -c " model ".yaml -o run", steps * step, 3 * fwd, 2 * steps * step,
			12 * v["parameters"] * kept, "", state["cuda"])
		gpu_row("eval-in-loop", "(train, every " v["eval_interval"] " steps)",
			int(steps / v["eval_interval"]) * n * speed["heldout"], fwd, "-", "-", " heldout", state["cuda"])
		gpu_row("paloma", "paloma -m run/latest --split test -o eval/paloma PALOMA", speed["paloma-tokens"], fwd,
			"-", "-", " paloma-tokens", state["cuda"])
		gpu_row("core8", "catwalk -m run/latest -t core8 --data TASKS --limit 1000 -o eval/core8",
			speed["core8-tokens"], fwd, "-", "-", " core8-tokens", state["cuda"])
		gpu_row("sft", "train -c sft.yaml --init-from run/latest --mode sft -o sft", speed["sft-tokens"], 3 * fwd,
			"-", 12 * v["parameters"], " sft-tokens", state["sft"])
		gpu_row("dpo", "train -c dpo.yaml --init-from sft/latest --mode dpo -o dpo", speed["dpo-tokens"], 4 * fwd,
			"-", 12 * v["parameters"], " dpo-tokens", state["dpo"])
		row("eval-chat", "all", "generate -m dpo/latest --chat | judge --template F", "-", "-", "-", "-", "-", "-",
			state["judge"])
		print "total", "all", "-", number(total_in), number(total_out), "-", number(total_core), number(total_gpu), "-", "-"
		printf "%.0f %.0f %.0f %d %.4g\n", data, steps * step, steps, inst, 3 * fwd >"'"$tmp"'/facts"
	}' "$dir/sources.tsv" >"$tmp/plan"
if [ "$form" = tsv ]; then
	cat "$tmp/plan"
	exit
fi
read -r data trained steps inst flop <"$tmp/facts"
echo "$model: the plan; nothing is run"
echo
echo "Data ($dir/sources.tsv: Table 2 of the paper)"
awk -F'\t' '/^#/ { next }
	$1 == "source" { printf "  %-14s %-18s %-14s %12s %12s %12s\n", $1, "", "", "GB of text", "M documents", "B tokens"; next }
	{ printf "  %-14s %-18s %-14s %12s %12s %12s\n", $1, $2, $3, $4, $5, $6; a += $4; b += $5; c += $6 }
	END { printf "  %-14s %-18s %-14s %12.1f %12.1f %12.1f\n", "total", "", "", a, b, c }' "$dir/sources.tsv"
echo
awk -F'\t' '
	function size(x,   i, u) {
		if (x == "-") return x
		split("B kB MB GB TB PB", u, " ")
		for (i = 1; x >= 999.5 && i < 6; i++) x /= 1000
		return sprintf(x < 10 && i > 1 ? "%.2f %s" : "%.0f %s", x, u[i])
	}
	function hour(x) { return x == "-" ? x : sprintf(x < 10 ? "%.3g" : "%.0f", x) }
	NR == 1 { printf "%-13s %-13s %9s %9s %9s %11s %10s  %s\n", "stage", "source", "in", "out", "memory", "core hours", "GPU hours", "command"; next }
	{ printf "%-13s %-13s %9s %9s %9s %11s %10s  %s%s\n", $1, $2, size($4), size($5), size($6), hour($7), hour($8),
		$3 == "-" ? "" : $3, $10 ~ /not built/ ? "  [" $10 "]" : "" }' "$tmp/plan"
echo
echo "The memory of dedup-mark is the key file, mapped."
echo
echo "Training: $steps steps, $trained tokens of $data = $(awk -v a="$trained" -v b="$data" 'BEGIN {
	printf "%.2f", a / b }') passes over $inst instances; $flop FLOP a token (6 P + 12 L d T)"
echo "Memory of one of $world GPUs (train -n --world-size $world, ZeRO $(jq .zero "$tmp/memory.json")), bytes:"
jq -r '.bytes | to_entries[] | "  \(.key)\t\(.value)"' "$tmp/memory.json" | expand -t 24
echo
echo "Speeds ($dir/speeds.tsv) and what rules leave of raw text ($dir/keep.tsv)"
awk -F'\t' -v gpu="$gpu" -v model="$model" '
	/^#/ || $1 == "what" || $1 == "source" { next }
	/^train-/ && $1 != "train-" model "-" gpu { next }
	FILENAME ~ /speeds/ { printf "  %-22s %-8s %-7s %s\n", $1, $2, $3, $6; next }
	{ printf "  %-12s %-9s %-8s %-7s %s\n", $1, $2, $3, "", $5 }' "$dir/speeds.tsv" "$dir/keep.tsv"
