#!/usr/bin/env bats
# dolma-mix against outputs of Dolma's mixer (reference data, README there): same documents, same text,
# same fields; metadata.provenance is left out of the comparison.
load ../lib/olmo

C=dolma-conformance

# Documents in one form: sorted keys, without provenance, and without metadata when nothing is left.
plain() {
	jq -S -c 'del(.metadata.provenance) | if .metadata == {} then del(.metadata) else . end'
}

same() {
	plain <"$1" >want
	plain <"$2" >got
	[ -s want ]
	cmp want got
}

@test "which rows each of 22 JSONPath expressions keeps" {
	need_shared $C/vectors/jsonpath_truth.json
	t=$OLMO_SHARED/data/$C/vectors/jsonpath_truth.json
	jq -c '.rows[] | .text = ""' "$t" >rows.jsonl
	n=$(jq '.table | length' "$t")
	[ "$n" = 22 ]
	for i in $(seq 0 $((n - 1))); do
		jq "{streams: [{name: \"s\", filter: {include: [.table[$i].expr]}}]}" "$t" >c.json
		rc=0
		got=$(dolma-mix -q -c c.json rows.jsonl 2>err | jq -r .id | tr '\n' ' ') || rc=$?
		if [ "$(jq ".table[$i].rc" "$t")" != 0 ]; then
			run dolma-mix -q -c c.json rows.jsonl
			[ "$status" = 3 ]
			continue
		fi
		want=$(jq -r ".rows as \$r | .table[$i].kept | to_entries[] | select(.value == 1) | \$r[.key].id" "$t" |
			tr '\n' ' ')
		[ "$got" = "$want" ] || { jq ".table[$i].expr" "$t"; echo "want $want got $got"; false; }
	done
}

@test "span replacement: the corner cases" {
	need_shared $C/vectors/mix_spans.json
	t=$OLMO_SHARED/data/$C/vectors/mix_spans.json
	n=$(jq '.cases | length' "$t")
	for i in $(seq 0 $((n - 1))); do
		jq -c ".cases[$i] | {id: \"1\", text, attributes: {p: .spans}}" "$t" >d.jsonl
		jq ".cases[$i] | {streams: [{name: \"s\", span_replacement: [{span: \"\$.attributes.p\",
			min_score: .min, max_score: .max, replacement: .repl}]}]}" "$t" >c.json
		want=$(jq -r ".cases[$i].out" "$t")
		[ "$(dolma-mix -q -c c.json --dolma-compat d.jsonl | jq -r .text)" = "$want" ]
		# without the option too, but for what is wrong there
		jq -e ".cases[$i].why // \"\" | test(\"BUG\")" "$t" >/dev/null ||
			[ "$(dolma-mix -q -c c.json d.jsonl | jq -r .text)" = "$want" ]
	done
}

@test "four mixes of 60 documents, by -j1 and -j2" {
	need_shared $C/wheel-60/mix
	d=$OLMO_SHARED/data/$C/wheel-60
	mkdir src && ln -s "$d/documents" "$d/attributes" src/
	for m in gopher mask keep jq; do
		dolma-mix -q -c "$d/mix-$m.json" -o "$m" -j2
		zcat "$d/mix/$m/"*.gz >a
		zcat "$m/$m-0000.jsonl.gz" >b
		same a b || { echo "$m differs"; false; }
		dolma-mix -q -c "$d/mix-$m.json" -o "$m.1" -j1
		cmp "$m/$m-0000.jsonl.gz" "$m.1/$m-0000.jsonl.gz"
	done
}

@test "the filter form gives the same, from attributes inside the documents" {
	need_shared $C/wheel-60/mix
	d=$OLMO_SHARED/data/$C/wheel-60
	mkdir src && ln -s "$d/documents" "$d/attributes" src/
	printf '{"streams":[{"name":"all","documents":["src/documents/*.jsonl.gz"],"attributes":["gopher_v2","pii_regex_with_counts_fast_v2","dedupe_para_skip_empty"]}]}' >all.json
	dolma-mix -q -c all.json -o all
	dolma-mix -q -c "$d/mix-gopher.json" - < <(zcat all/*.gz) >b
	zcat "$d/mix/gopher/"*.gz >a
	same a b
}

@test "Dolma's own fixtures" {
	need_shared $C/dolma/config
	d=$OLMO_SHARED/data/$C/dolma
	mkdir tests && ln -s "$d/data" tests/data
	for c in mixer.json:mixer email-spans.json:email-spans email-spans-jq.yaml:email-spans-jq \
		filter-by-spans.json:filter-by-spans paragraph-spans.json:remove-paragraphs; do
		f=${c%:*} e=${c#*:}
		dolma-mix -q -c "$d/config/$f" -o "o/$e"
		zcat "$d/data/expected/$e.json.gz" >a
		zcat "o/$e/"*.gz >b
		same a b || { echo "$e differs"; false; }
	done
}
