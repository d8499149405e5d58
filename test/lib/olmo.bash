# olmo.bash: what the program tests share.  A bats file begins with: load ../lib/olmo
#
#   $TMP        a fresh directory for each test, removed afterwards
#   $ROOT       the source tree;  the programs are on PATH;  $OLMO_TEST/… are built test programs
#   xxh FILE    XXH3-128 of a file, as manifests print it
#   probe_…     the five probes (probes.sh)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=${OLMO_BIN:-$ROOT/bin}:$PATH
OLMO_TEST=${OLMO_TEST:-$(echo "$ROOT"/build/*/test | cut -d' ' -f1)}
export PATH ROOT OLMO_TEST LC_ALL=C

# shellcheck source=/dev/null
. "$ROOT/test/lib/probes.sh"

setup() {
	TMP=$(mktemp -d "${TMPDIR:-/tmp}/olmo-test.XXXXXX")
	export TMP
	cd "$TMP" || return
	if declare -F local_setup >/dev/null; then local_setup; fi
}

teardown() {
	if declare -F local_teardown >/dev/null; then local_teardown; fi
	cd / && rm -rf "$TMP"
}

# A tokenizer (tok.json) and a model of one layer (run/latest).  tiny_model T STEPS
tiny_model() {
	docs 40 >docs.jsonl
	tokenize --train --vocab-size 300 --special '<|endoftext|>' -o tok.json docs.jsonl
	tokenize -t tok.json -o docs.tok docs.jsonl
	cat >train.yaml <<-Y
		model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 64, max_sequence_length: $1,
		  weight_tying: true, init_fn: mitchell, rope: true, include_bias: false,
		  layer_norm_type: default, attention_dropout: 0.0, residual_dropout: 0.0, embedding_dropout: 0.0}
		tokenizer: {identifier: tok.json}
		optimizer: {name: adamw, learning_rate: 1e-2}
		scheduler: {name: constant}
		data: {paths: [docs.tok]}
		max_duration: $2
		global_train_batch_size: 4
		device_train_microbatch_size: 4
	Y
	train -c train.yaml -o run >/dev/null 2>&1
}

# Conformance tests: skip aloud when the outputs of the original tools are not here.
need_shared() {
	[ -n "${OLMO_SHARED:-}" ] && [ -e "$OLMO_SHARED/data/$1" ] || skip "no data/$1"
}

# A row of the table that `make conformance` ends with (test/conformance/table.h).
# table_row ORACLE WHAT equal|ABS+REL: from stdin, a line for each value compared: ours, theirs
table_row() {
	awk -F '\t' -v OFS='\t' -v oracle="$1" -v what="$2" -v tol="$3" '{ n++
		d = $1 - $2; if (d < 0) d = -d
		w = $2 < 0 ? -$2 : $2
		if (d > diff) diff = d
		if (w > 0 && d / w > rel) rel = d / w
		split(tol, t, "+"); allowed = t[1] + t[2] * w
		if (d > 0) share = allowed > 0 ? (d / allowed > share ? d / allowed : share) : "inf"
	} END { printf "%s\t%s\t%d\t%.2e\t%.2e\t%s\t%.3f\n", oracle, what, n, diff, rel, tol, share }' \
		>>"${OLMO_TABLE:-/dev/null}"
}

# Four sorts of text, as documents.  docs N: N lines, the same every time.
docs() {
	awk -v n="$1" 'BEGIN {
		split("the of and to in is that it was for on are as with his they at be this have", w)
		s = 42
		for (i = 1; i <= n; i++) {
			t = ""
			for (k = 0; k < 60 + i % 40; k++) {
				s = (s * 1103515245 + 12345) % 2147483648
				t = t w[1 + int(s / 65536) % 20] ((k % 13 == 12) ? ".\\n" : " ")
			}
			printf "{\"id\":\"d%d\",\"text\":\"%sEnd %d.\",\"source\":\"test\"," \
			    "\"added\":\"2024-01-01\",\"created\":\"2024-01-01\"," \
			    "\"metadata\":{\"url\":\"http://example.org/%d\",\"n\":%d}}\n", i, t, i % 7, i % 50, i
		}
	}'
}
