#!/bin/sh
# Speed of tokenize by source, beside other tokenizers:
#	test/bench/tokenize.sh TOK.json DOCS.jsonl..	[BIN=DIR BENCH=FILE RIVALS=PYTHON THREADS=N]
# BENCH is the built test/bench/tokenize_docs; RIVALS a Python that has some of gigatoken, fastokens and
# tokenizers.  Prints a report: MB/s of CPU time of one thread, in the first pass and warm (with THREADS
# over 1: on so many, by the clock); documents with other ids than ours; then the whole way from
# .jsonl.zst to a token file.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 TOK.json DOCS.jsonl.." >&2; exit 2; }
tok=$1
shift
bin=${BIN:-bin}
bench=${BENCH:-}
[ -n "$bench" ] || for b in build/*/test/bench/tokenize_docs; do
	bench=$b # any will do: the programs are those of one tree
done
crew=
[ "${THREADS:-1}" = 1 ] || crew="--threads $THREADS"
export THREADS="${THREADS:-1}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# CPU seconds of a command, to stdout; its output goes to a file.
cpu() {
	{ LC_ALL=C bash -c 'TIMEFORMAT="%U %S"; time "$@" >"$0"' "$dir/out" "$@" 2>&1; } |
		awk 'END { printf "%.3f\n", $1 + $2 }'
}

echo "# $(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(date -u +%F)"
echo "# commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown); $(basename "$tok")"
echo "# system	input	first	warm	other ids"
# Input by input, so that all meet the machine as it is at the time.
for f; do
	# shellcheck disable=SC2086 # words
	"$bench" $crew "$tok" "$f" | awk -F'\t' 'NR > 1 { print "olmo.c\t" $1 "\t" $3 "\t" $4 "\t" }'
	[ -n "${RIVALS:-}" ] || continue
	"$bin/tokenize" -q -t "$tok" --eos-id none --format ids "$f" >"$dir/ids"
	"$RIVALS" test/bench/tokenize_rivals.py "$tok" "$dir/ids" "$f"
done | tee "$dir/rows"
for f; do last=$f; done
awk -F'\t' '
	/^#/ { next }
	$1 == "olmo.c" { first[$2] = $3; warm[$2] = $4; next }
	!n++ { print "# times as fast as" }
	{ printf "# %s\t%s\tfirst %.2f\twarm %.2f\n", $1, $2, first[$2] / $3, warm[$2] / $4 }
' "$dir/rows"

# From .jsonl.zst to a token file: CPU seconds, and of its two parts alone.
zstd -q -3 "$last" -o "$dir/docs.jsonl.zst"
cp "$last" "$dir/docs.jsonl"
d=$(cpu zstd -q -dc "$dir/docs.jsonl.zst")
t=$(cpu "$bin/tokenize" -q -j1 -t "$tok" --format count "$dir/docs.jsonl")
w=$(cpu "$bin/tokenize" -q -j1 -f -t "$tok" -o "$dir/docs.tok" "$dir/docs.jsonl.zst")
echo "$d $t $w" | awk '{ slow = $1 > $2 ? $1 : $2
	printf "# .jsonl.zst to .tok: %s s; decompression %s s, counting from .jsonl %s s: %.2f of the slower\n",
		$3, $1, $2, slow / $3 }'
