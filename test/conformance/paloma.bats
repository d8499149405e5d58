#!/usr/bin/env bats
# paloma against transformers and the lm-evaluation-harness (reference data, README there).
load ../lib/olmo

local_setup() {
	S=${OLMO_SHARED:-}/data
	mkdir m
	cp "$S"/model-conformance/olmo-eval-tiny/* m/ 2>/dev/null || true
	cp "$S/tokenizers/allenai_gpt-neox-olmo-dolma-v1_5.json" m/tokenizer.json 2>/dev/null || true
}

# close A B [ORACLE WHAT]: |a - b| <= 1e-4 + 2e-6 |b|, line by line
close() {
	[ $# -lt 4 ] || paste "$1" "$2" | table_row "$3" "$4" 1e-4+2e-6
	paste "$1" "$2" | awk '{ d = $1 - $2; if (d < 0) d = -d; b = $2 < 0 ? -$2 : $2
		if (NF != 2 || d > 1e-4 + 2e-6 * b) { print "line " NR ": " $0; bad = 1 } } END { exit bad }'
}

@test "windows.json: tokens, bytes, characters, words or log-likelihoods differ" {
	need_shared model-conformance/perplexity/windows.json
	w=$S/model-conformance/perplexity/windows.json
	for f in $(jq -r 'keys[]' "$w"); do
		for n in 2048 256; do
			paloma -m m --max-len $n --documents d.tsv "$S/text_fixtures/$f" >m.tsv
			jq -r ".[\"$f\"][\"$n\"].documents[] | \"\(.tokens)\t\(.bytes)\t\(.chars)\t\(.words)\"" "$w" >want
			sed 1d d.tsv | cut -f5-8 | cmp - want
			jq -r ".[\"$f\"][\"$n\"].documents[].loglikelihood" "$w" >want
			sed 1d d.tsv | cut -f9 >got
			close got want perplexity "log-likelihood of documents, $n, ${f:0:16}"
			jq -r ".[\"$f\"][\"$n\"].total.loglikelihood" "$w" >want
			sed 1d m.tsv | cut -f9 >got
			close got want perplexity "log-likelihood, $n, ${f:0:16}"
		done
	done
}

@test "rolling.json: the harness' loglikelihood_rolling differs" {
	need_shared model-conformance/lm-eval/rolling.json
	w=$S/model-conformance/lm-eval/rolling.json
	for f in $(jq -r 'keys[]' "$w"); do
		for n in 2048 256; do
			paloma -m m --max-len $n -o o -f --documents d.tsv "$S/text_fixtures/$f" >m.tsv
			jq -r ".[\"$f\"][\"$n\"].document_loglikelihood[]" "$w" >want
			sed 1d d.tsv | cut -f9 >got
			close got want lm-eval "log-likelihood of documents, $n, ${f:0:16}"
			jq -r ".[\"$f\"][\"$n\"].results | .bits_per_byte, .byte_perplexity" "$w" >want
			jq -r '.total | .bits_per_byte, .ppl_byte' o/metrics.json >got
			close got want lm-eval "bits per byte, perplexity, $n, ${f:0:16}"
		done
	done
}

@test "paloma_windows.tsv: windows or counts differ" {
	need_shared eval-conformance/golden/paloma_windows.tsv
	for n in 2048 256; do
		paloma --windows -t m/tokenizer.json --max-len $n "$S"/eval-conformance/paloma/*.jsonl.gz >got
		awk -F'\t' -v n=$n 'NR > 1 && $6 == n { print $1 "\t" $7 }' \
			"$S/eval-conformance/golden/paloma_windows.tsv" | cmp - got
	done
}
