load ../lib/olmo

# OLMo's recipe at a millionth on the tiny demo's text, cut and uncut, of Dolma's own files too.
recipe() { # recipe MODEL OUT [VAR=VALUE..]
	make -s -C "$ROOT" -f pipelines/olmo.mk BIN="${OLMO_BIN:-$ROOT/bin}" MODEL="$1" OUT="$TMP/$2" "${@:3}"
}
hashes() {
	(cd "$1" && find . -type f ! -path './.opts/*' ! -path './stats/*' ! -name report.html ! -name 'timing*' | sort | xargs sha256sum)
}
last_loss() { jq -s '[.[]."train/CrossEntropyLoss" | values] | last' "$1/run/log.jsonl"; }

@test "recipe: olmo-1b at 1e-6 does not learn, keeps no proportions, or cannot be audited" {
	recipe olmo-1b a SCALE=1e-6
	olmo audit a
	[ "$(jq .step a/run/latest/trainer/state.json)" = 739 ]
	awk -v l="$(last_loss a)" 'BEGIN { exit !(l < 4) }'
	# evaluation in the loop: ten times, six sets
	[ "$(grep -c '"eval/v3-small-dolma_wiki-validation/CrossEntropyLoss"' a/run/log.jsonl)" = 10 ]
	# the mixture has Table 2's proportions, to a document
	zcat a/tokens/mixture.tok.docs.csv.gz | awk -F, '
		{ n = split($4, p, "/"); sub(/-[0-9]+\.jsonl.*$/, "", p[n]); t[p[n]] += $2 - $1; all += $2 - $1 }
		END {
			for (s in t) printf "%s %.4f\n", s, t[s] / all
			exit !((t["common-crawl"] / all - 0.8171) ^ 2 < 1e-4 && (t["stack"] / all - 0.1282) ^ 2 < 1e-4)
		}'
	recipe olmo-1b a SCALE=1e-6 >log
	[ "$(wc -l <log)" = 1 ]
}

@test "recipe: killed again and again it ends in other bytes than uncut" {
	recipe olmo-7b whole SCALE=1e-8
	for k in $(seq 12); do
		setsid bash -c 'make -s -C "$1" -f pipelines/olmo.mk MODEL=olmo-7b SCALE=1e-8 BIN="$2" OUT="$3"' _ \
			"$ROOT" "${OLMO_BIN:-$ROOT/bin}" "$TMP/cut" >/dev/null 2>&1 &
		g=$!
		sleep "$((RANDOM % 4)).$((RANDOM % 10))"
		kill -9 $(ps -e -o pid=,pgid= | awk -v g=$g '$2 == g { print $1 }') 2>/dev/null || true
		wait $g 2>/dev/null || true
	done
	recipe olmo-7b cut SCALE=1e-8
	hashes whole >x
	hashes cut >y
	diff x y
}

@test "recipe: Dolma's files are not read as such" {
	recipe olmo-1b src SCALE=1e-8
	for s in src/documents/*/; do
		s=$(basename "$s")
		mkdir -p data/documents/"$s"
		for f in src/documents/"$s"/*.zst; do
			zstdcat "$f" | gzip >data/documents/"$s"/part-"$(basename "$f" .jsonl.zst)".json.gz
		done
	done
	rm data/documents/pes2o/part-0001.json.gz # sources need not have as many files as others
	recipe olmo-1b d SCALE=1e-8 HELDOUT=0.5 DATA="$TMP/data" LANGID_MODEL="$TMP/src/models/lid.bin"
	olmo audit d
	[ "$(zcat d/mix/stack-*.gz d/eval/data/stack/val/*.gz | wc -l)" -gt 50 ]
}
