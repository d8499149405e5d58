load ../lib/olmo

# Print the shell block behind <!-- NAME --> in README.md.
block() {
	awk -v mark="<!-- $1 -->" '$0 == mark { on = 1; next } on && /^```sh$/ { p = 1; next }
		p && /^```$/ { exit } p' "$ROOT/README.md"
}

local_setup() {
	ln -s "$ROOT/cmd" "$ROOT/common" "$ROOT/kernels" .
}

@test "README: every command of the tour and of the training example runs" {
	block tour >tour.sh
	block train >train.sh
	[ -s tour.sh ]
	[ -s train.sh ]
	bash -eu tour.sh >out.txt
	bash -euo pipefail train.sh >>out.txt 2>err.txt
	[ -s run/latest/model.safetensors ]
	[ -s eval/metrics.tsv ]
}

@test "README: the tour gives the same bytes with -j1 and -j2, with both threads at work" {
	block tour >tour.sh
	for j in 1 2; do
		mkdir j$j
		ln -s "$ROOT/cmd" "$ROOT/common" "$ROOT/kernels" j$j/
		(cd j$j && sed "s/-j2/-j$j/g" ../tour.sh | bash -eu >out.txt)
	done
	for f in docs.jsonl.zst mix.jsonl.zst tokenizer.json code.tok code.tok.docs.csv.gz epoch1.order; do
		cmp j1/$f j2/$f
	done
	dolma-quality -t gopher -j2 --stats st.json j2/docs.jsonl.zst >/dev/null
	[ "$(jq '[.thread_cpu_s[] | select(. > 0)] | length' st.json)" -ge 2 ]
}

@test "README: every make target that it names exists" {
	for t in $(grep -o 'make [a-z-]*' "$ROOT/README.md" "$ROOT/CONTRIBUTING.md" | sed 's/.*make //' |
		sort -u); do
		[ -n "$t" ] || continue
		case $t in a | and | is | the) continue ;; esac
		make -C "$ROOT" -n "$t" >/dev/null 2>&1 || { echo "no target $t"; false; }
	done
}
