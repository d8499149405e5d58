#!/usr/bin/env bats
# dolma-quality and dolma-langid against what Dolma's own taggers made of 141 documents.
load ../lib/olmo

local_setup() {
	need_shared dolma-conformance
	C=$OLMO_SHARED/data/dolma-conformance
}

# documents of a set, and its rows for a tagger (empty: it has none)
docs_of() {
	case $1 in
	edge) echo "$C/edge/documents/edge.jsonl" ;;
	provided) echo "$C/dolma/data/provided/documents/000.json.gz" ;;
	multi91) echo "$C/dolma/data/multiple_files/cc_en_head-0091.jsonl.gz" ;;
	wheel) echo "$C/wheel-60/documents/documents.jsonl.gz" ;;
	esac
}
rows_of() {
	local f=$C/tagger-oracle/$1/attributes/$2/$1.jsonl
	[ "$1" != wheel ] || f=$C/wheel-60/attributes/$2/documents.jsonl.gz
	[ ! -e "$f" ] || zcat -f "$f"
}

# compare TAGGER CMD..: rows equal as parsed JSON, keys in order; prints the number of documents
compare() {
	local t=$1 s n=0
	shift
	for s in edge provided multi91 wheel; do
		rows_of $s "$t" | jq -c 'select(.error | not) | [.id, .attributes]' >want
		[ -s want ] || continue
		"$@" "$(docs_of $s)" | jq -c '[.id, .attributes // {}]' >got
		cmp got want || { echo "$t on $s:"; diff got want | cut -c1-300 | head -n 4; return 1; }
		n=$((n + $(wc -l <want)))
	done
	[ $n -ge 60 ] || { echo "$t: only $n documents"; return 1; }
	echo "# $t: $n documents equal" >&3
}

@test "taggers equal Dolma's" {
	for t in $(dolma-quality --list | cut -f1 | grep -vxE 'gopher|c4|pii|generated'); do
		compare "$t" dolma-quality -t "$t"
	done
}

@test "language rules with lid.176.ftz equal Dolma's" {
	for t in ft_lang_id_1e2 ft_lang_id_doc_v1 ft_lang_id_en_doc_v2 ft_lang_id_en_only_v2 \
		ft_lang_id_en_paragraph_v2 ft_lang_id_en_paragraph_with_doc_score_v2; do
		compare $t dolma-langid -m "$OLMO_SHARED/data/models/lid.176.ftz" -t $t
	done
}

@test "the three likeliest languages equal fastText's" {
	for s in edge provided multi91; do
		dolma-langid -m "$OLMO_SHARED/data/models/lid.176.ftz" -t ft_lang_id_doc_v1 "$(docs_of $s)" |
			jq -c '[.id, [.attributes | to_entries[:3][] | [(.key | split("__")[2]), .value[0][2]]]]' >got
		jq -c '[.id, .k3]' "$C/tagger-oracle/$s/attributes/lid176ftz_k3/$s.jsonl" >want
		[ -s want ]
		# those rows leave out blank texts
		paste got want | awk -F'\t' '$2 !~ /,\[\]\]$/ && $1 != $2 { print; bad = 1 } END { exit bad }'
	done
}
