#!/bin/sh
# ablate-swap.sh OUT STAGE SOURCE SHARD [SET..]: a command in the place of a stage, on one shard.
#
# base/documents/SOURCE/SHARD.jsonl.zst with the attribute SETs inside | the command of .opts/with |
# swap/SOURCE/SHARD.jsonl.gz, kept as it came | documents/SOURCE/SHARD.jsonl.zst.  The command runs in bash with pipefail, in the
# current directory, and is told STAGE, SOURCE and SHARD by its environment.
set -eu
out=$1 stage=$2 source=$3 shard=$4
shift 4
work=$out/swap.tmp/$source-$shard
rm -rf "$work"
mkdir -p "$work" "$out/documents/$source" "$out/swap/$source" "$out/stats"
trap 'rm -rf "$work"; rmdir "$out/swap.tmp" 2>/dev/null || :' EXIT
trap 'exit 3' HUP INT TERM
work=$(cd "$work" && pwd)

fail() {
	echo "ablate: stage $stage, $source/$shard: $*" >&2
	exit 3
}

sets=$(echo "$*" | sed 's/ /, /g')
cat >"$work/join.yaml" <<-Y
	streams: [{name: join, documents: [documents/$source/$shard.jsonl.zst], attributes: [$sets],
	  output: {path: joined, max_size_in_bytes: 1000000000000000}}]
Y
(cd "$out/base" && dolma-mix -q -c "$work/join.yaml" -o "$work/joined")
for f in "$work"/joined/join-*; do
	[ ! -e "$f" ] || gzip -dc "$f"
done >"$work/in.jsonl"

rc=0
STAGE=$stage SOURCE=$source SHARD=$shard bash -o pipefail -c "$(cat "$out/.opts/with")" \
	<"$work/in.jsonl" >"$work/out.jsonl" || rc=$?
[ "$rc" = 0 ] || fail "the command ended with status $rc: $(head -c 300 "$out/.opts/with")"
[ -s "$work/out.jsonl" ] || [ ! -s "$work/in.jsonl" ] || fail "the command left no documents"

swapped=swap/$source/$shard.jsonl.gz
gzip -1 -n <"$work/out.jsonl" >"$work/out.jsonl.gz"
mv "$work/out.jsonl.gz" "$out/$swapped"
(cd "$out" && dolma-mix -q -c conf/swap.yaml --stats "stats/swap.$source-$shard.json" \
	-o "documents/$source/$shard.jsonl.zst" "$swapped") 2>"$work/err" ||
	fail "what the command wrote is no stream of documents: $(head -n 1 "$work/err")"
cat "$work/err" >&2
