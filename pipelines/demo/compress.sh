#!/bin/sh
# compress.sh OUT SOURCE..: bytes of each source's held-out text, and what xz -9e and zstd -19 make of
# them, all documents of a source together: TSV for the report.
set -eu
cd "$1"
shift
export LC_ALL=C
printf 'source\tbytes\txz_bytes\tzstd_bytes\n'
for s; do
	text=eval/.$s.$$.tmp
	trap 'rm -f "$text"' EXIT INT TERM
	zcat eval/data/"$s"/val/*.jsonl.gz | jq -j .text >"$text"
	printf '%s\t%s\t%s\t%s\n' "$s" "$(wc -c <"$text")" "$(xz -9e -c "$text" | wc -c)" \
		"$(zstd -q -19 -c "$text" | wc -c)"
	rm -f "$text"
done
