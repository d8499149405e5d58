#!/bin/sh
# report.sh OUT: the tiny demo's report: what each rule removed, the funnel, the loss, bits per byte.
set -eu
cd "$1"
shift
export LC_ALL=C

docs_of() { # docs_of FILE..: documents and bytes of text in JSON lines
	for f; do
		case $f in
		*.zst) zstdcat -q "$f" ;;
		*.gz) zcat "$f" ;;
		*) cat "$f" ;;
		esac
	done | awk 'length { n++; b += length } END { printf "%d docs %d bytes", n, b }'
}

echo "olmo.c demo"
echo
echo "1. Funnel (JSON lines)"
for s; do
	printf '   %-7s documents %-26s mix %-26s held out %s\n' "$s" \
		"$(docs_of documents/"$s"/*.jsonl.zst)" "$(docs_of mix/"$s"-*.jsonl.gz)" \
		"$(docs_of eval/data/"$s"/val/*.jsonl.gz)"
done
echo
echo "2. Rules of the mix (mix-rules.tsv)"
sed 's/^/   /' mix-rules.tsv
echo
echo "3. Tokens"
for f in tokens/*.tok; do
	printf '   %-24s ' "$f"
	tokcat --info "$f" | tr -d '\n' | tr -s ' '
	echo
done
echo
echo "4. Training (run/log.jsonl)"
jq -r 'select(has("train/CrossEntropyLoss")) |
	[.step, ."train/CrossEntropyLoss", ."optim/learning_rate_group0", ."optim/total_grad_norm"] |
	@tsv' run/log.jsonl |
	awk -F'\t' 'NR == 1 || $1 % 20 == 0 {
		printf "   step %4d  loss %.4f  lr %.3g  grad norm %.3f\n", $1, $2, $3, $4 }'
echo
echo "5. Held-out text (eval/paloma/metrics.tsv)"
sed 's/^/   /' eval/paloma/metrics.tsv
