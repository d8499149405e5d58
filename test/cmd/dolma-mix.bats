#!/usr/bin/env bats
# dolma-mix: the filter, Dolma's layout, and what it must refuse.
load ../lib/olmo

# Two files of documents, two sets of attributes.  The words count comes from the text.
corpus() {
	mkdir -p documents/s attributes/len/s attributes/dup/s
	docs 60 >all.jsonl
	head -n 40 all.jsonl >documents/s/0.jsonl
	tail -n 20 all.jsonl >documents/s/1.jsonl
	for f in 0 1; do
		jq -c '{id, attributes: {n: [[0, (.text | length), (.text | split(" ") | length)]],
			the: [.text | match("the"; "g") | [.offset, .offset + 3, 1]]}}' \
			documents/s/$f.jsonl >attributes/len/s/$f.jsonl
		jq -c '{id, attributes: {dup: (if (.metadata.n % 7) == 0 then [[0, 1, 1]] else [] end)}}' \
			documents/s/$f.jsonl >attributes/dup/s/$f.jsonl
	done
	cat >mix.yaml <<'END'
streams:
- name: out
  documents: [documents/s/*.jsonl]
  attributes: [len, dup]
  filter:
    include: ["$.attributes[?(@.n[0][2] > 0)]"]
    exclude:
    - "$.attributes[?(@.n[0][2] < 75)]"
    - "$.attributes[?(@.dup[0])]"
  span_replacement:
  - {span: $.attributes.the, min_score: 0.5, replacement: "<{}>"}
  output: {path: mix, min_text_length: 100, discard_fields: [attributes, added]}
END
}

# What the configuration above means, by jq.
expected() {
	for f in 0 1; do
		jq -c --slurpfile a attributes/len/s/$f.jsonl --arg f $f.jsonl '
			input_line_number as $l | $a[$l - 1].attributes.n[0][2] as $n |
			select($n >= 75 and (.metadata.n % 7) != 0) | .text |= gsub("the"; "<the>") |
			del(.added) | .metadata.provenance = "\($f):\($l)"' documents/s/$f.jsonl
	done
}

@test "layout: documents, text, fields and provenance are what the configuration says" {
	corpus
	dolma-mix -c mix.yaml -o mix
	[ "$(ls mix)" = "$(printf 'manifest.json\nout-0000.jsonl.gz')" ]
	zcat mix/out-0000.jsonl.gz | jq -S . >got
	expected | jq -S . >want
	[ -s want ]
	diff want got
}

@test "layout: the same bytes for any -j, and after being killed" {
	corpus
	for i in $(seq 300); do sed "s/\"id\":\"/&$i-/" documents/s/0.jsonl; done >documents/s/2.jsonl
	for s in len dup; do
		for i in $(seq 300); do sed "s/\"id\":\"/&$i-/" attributes/$s/s/0.jsonl; done \
			>attributes/$s/s/2.jsonl
	done
	dolma-mix -c mix.yaml -o one -j1
	dolma-mix -c mix.yaml -o two -j2
	cmp one/out-0000.jsonl.gz two/out-0000.jsonl.gz
	cmp one/manifest.json two/manifest.json
	for t in 0.005 0.02 0.05; do
		timeout -s KILL $t dolma-mix -c mix.yaml -o killed || true
		[ ! -e killed/manifest.json ] || break
	done
	dolma-mix -c mix.yaml -o killed
	cmp one/out-0000.jsonl.gz killed/out-0000.jsonl.gz
	ls -A killed
	[ "$(ls -A killed)" = "$(ls -A one)" ]
}

@test "filter: attributes inside the documents give the same documents and text" {
	corpus
	dolma-mix -c mix.yaml -o mix
	for f in 0 1; do
		jq -c --slurpfile a attributes/len/s/$f.jsonl --slurpfile d attributes/dup/s/$f.jsonl '
			input_line_number as $l |
			.attributes = $a[$l - 1].attributes + $d[$l - 1].attributes' documents/s/$f.jsonl
	done >inside.jsonl
	dolma-mix -c mix.yaml -j2 - <inside.jsonl | jq -S 'del(.metadata.provenance)' >got
	zcat mix/*.gz | jq -S 'del(.metadata.provenance)' >want
	diff want got
	dolma-mix -c mix.yaml inside.jsonl | jq -r .metadata.provenance | head -n 1 | grep -q '^inside.jsonl:[0-9]*$'
}

@test "shards follow the sizes of the inputs; shuffle: false mirrors them" {
	corpus
	size=$(stat -c %s documents/s/0.jsonl)
	sed "s/min_text_length/max_size_in_bytes: $size, &/" mix.yaml >small.yaml
	dolma-mix -c small.yaml -o mix
	[ "$(ls mix)" = "$(printf 'manifest.json\nout-0000.jsonl.gz\nout-0001.jsonl.gz')" ]
	dolma-mix -c mix.yaml -o one
	[ "$(zcat mix/*.gz | sha256sum)" = "$(zcat one/*.gz | sha256sum)" ]
	# a run with fewer shards leaves none of the old ones
	dolma-mix -f -c mix.yaml -o mix
	[ "$(ls mix)" = "$(printf 'manifest.json\nout-0000.jsonl.gz')" ]
	echo 'shuffle: false' | cat mix.yaml - >mirror.yaml
	dolma-mix -c mirror.yaml -o mirror
	[ "$(cd mirror && find documents -type f | sort)" = "$(printf 'documents/s/0.jsonl\ndocuments/s/1.jsonl')" ]
	[ "$(cat mirror/documents/s/*.jsonl | sha256sum)" = "$(zcat one/*.gz | sha256sum)" ]
}

@test "fail closed: missing file, missing row, row too many, another id, cut input" {
	corpus
	refused() {
		run dolma-mix -c mix.yaml -o mix
		[ "$status" = 3 ] && [ ! -e mix/manifest.json ] && [ ! -e mix/out-0000.jsonl.gz ] ||
			{ echo "$1: status $status"; ls -A mix; return 1; }
		grep -q "$2" <<<"$output" || { echo "$1: $output"; return 1; }
		rm -rf mix
	}
	a=attributes/dup/s/1.jsonl
	cp $a keep
	rm $a
	refused "no file" "$a"
	head -n 19 keep >$a
	refused "row missing" "$a: no row for documents/s/1.jsonl:20"
	{ cat keep; tail -n 1 keep; } >$a
	refused "row too many" "$a:21: more rows"
	sed '5s/"id":"[^"]*"/"id":"other"/' keep >$a
	refused "other id" "documents/s/1.jsonl:5: $a: the row is of document"
	sed '5s/"attributes":.*/"x":1}/' keep >$a
	refused "no attributes" "documents/s/1.jsonl:5: $a: .*attributes"
	sed '5s/^{/[/' keep >$a
	refused "bad row" "documents/s/1.jsonl:5: $a"
	head -c 700 keep >$a
	refused "cut row" "$a"
	cp keep $a
	sed -i '3s/"text"/"tex"/' documents/s/1.jsonl
	refused "no text" "documents/s/1.jsonl:3"
	sed -i '3s/"tex"/"text"/' documents/s/1.jsonl
	dolma-mix -c mix.yaml -o mix
	gzip -k documents/s/1.jsonl && head -c 500 documents/s/1.jsonl.gz >cut && rm documents/s/1.jsonl
	mv cut documents/s/1.jsonl.gz
	cp $a $a.gz.plain && gzip -c $a >$a.gz
	sed -i 's/\*.jsonl/1.jsonl.gz/' mix.yaml
	rm -rf mix
	refused "cut documents" "documents/s/1.jsonl.gz"
}

@test "seals in documents and attributes are checked" {
	corpus
	sed -i 's/discard_fields.*/discard_fields: []}/' mix.yaml
	run dolma-mix -c mix.yaml --require-seal -o mix
	[ "$status" = 3 ]
	rm -r mix
	dolma-mix -c mix.yaml -o hashes
	printf 'streams:\n- name: s\n' >all.yaml
	for f in documents/s/0 documents/s/1; do
		dolma-mix -c all.yaml --seal $f.jsonl >x && mv x $f.jsonl
	done
	for f in attributes/*/s/*.jsonl; do
		n=$(wc -l <"$f")
		jq -c --arg f "../$f" --argjson n "$n" '.inputs[] | select(.path == $f) |
			{seal: {docs: $n, xxh3}}' hashes/manifest.json >>"$f"
	done
	dolma-mix -c mix.yaml --require-seal --seal -o mix
	zcat mix/out-0000.jsonl.gz | tail -n 1 | grep -q '^{"seal":'
	dolma-mix -c all.yaml --require-seal mix/out-0000.jsonl.gz >/dev/null
	sed -i '2s/]]/]] /' attributes/dup/s/1.jsonl
	rm -r mix
	run dolma-mix -c mix.yaml -o mix
	[ "$status" = 3 ]
	grep -q 'attributes/dup/s/1.jsonl:21' <<<"$output"
	[ ! -e mix/out-0000.jsonl.gz ]
}

@test "--rules counts documents, characters and what only one rule removes" {
	corpus
	dolma-mix -c mix.yaml --rules rules.tsv -o mix
	head -n 1 rules.tsv | grep -qx 'rule	docs	chars	only_this_rule'
	short=$(jq -s 'map(select(.attributes.n[0][2] < 75)) | length' attributes/len/s/*.jsonl)
	dup=$(jq -s 'map(select(.attributes.dup != [])) | length' attributes/dup/s/*.jsonl)
	awk -F'\t' -v s="$short" -v d="$dup" '
		/exclude\[0\]/ { ok += $2 == s; a = $4 } /exclude\[1\]/ { ok += $2 == d; b = $4 }
		END { exit !(ok == 2 && s - a == d - b && s - a > 0) }' rules.tsv
	in=$(wc -l <all.jsonl) out=$(jq .counts.docs_out mix/manifest.json)
	[ "$(jq '[.counts | to_entries[] | select(.key | startswith("dropped:")) | .value] | add' \
		mix/manifest.json)" = $((in - out)) ]
	# asking every rule about every document changes nothing
	dolma-mix -c mix.yaml -o plain
	cmp mix/out-0000.jsonl.gz plain/out-0000.jsonl.gz
}

# Ids of stdin, one a line, in order of their XXH3-64, then their own.
by_hash() {
	while read -r id; do
		printf '%s\t%s\n' "$(printf %s "$id" | xxhsum -H3 | sed 's/.*XXH3_\([0-9a-f]*\).*/\1/')" "$id"
	done | sort | cut -f2
}

@test "--examples: the five of smallest hash for each rule, at both points of dropping" {
	corpus
	sed -i 's/min_text_length: 100/min_text_length: 430/; s/discard_fields: [^}]*//' mix.yaml
	dolma-mix -c mix.yaml --rules rules.tsv --examples ex.jsonl -j 3 -o mix
	# the same for one thread, and in the filter form for another order of documents
	dolma-mix -c mix.yaml --examples ex1.jsonl -j 1 -o mix1
	cmp ex.jsonl ex1.jsonl
	printf 'streams:\n- {name: join, documents: [documents/s/*.jsonl], attributes: [len, dup]}\n' >join.yaml
	dolma-mix -c join.yaml -o join
	zcat join/join-0000.jsonl.gz | tac >joined.jsonl
	dolma-mix -c mix.yaml --examples ex2.jsonl -j 2 --manifest m.json joined.jsonl >kept.jsonl
	cmp ex.jsonl ex2.jsonl
	jq -e '.outputs | map(select(.role == "examples" and .path == "ex2.jsonl")) | length == 1' m.json
	jq -e '.outputs | map(select(.path == "../rules.tsv" or .path == "../ex.jsonl")) | length == 2' \
		mix/manifest.json
	# which ones: exclude[1] by its condition, min_text_length by what nothing else explains
	jq -r 'select(.attributes.dup != []) | .id' attributes/dup/s/*.jsonl | by_hash | head -n 5 >want
	jq -r 'select(.rule | startswith("out: exclude[1] ")) | .id' ex.jsonl >got
	diff want got
	cat all.jsonl | jq -r 'select((.metadata.n % 7) != 0) | .id' | sort >open
	jq -r 'select(.attributes.n[0][2] >= 75) | .id' attributes/len/s/*.jsonl | sort | join - open |
		sort | comm -23 - <(jq -r .id kept.jsonl | sort) | by_hash | head -n 5 >want
	[ "$(wc -l <want)" = 5 ]
	jq -r 'select(.rule == "out: min_text_length") | .id' ex.jsonl >got
	diff want got
	# as many as there are, up to five; nothing of rules that drop nothing
	awk -F'\t' '/exclude|min_text|: include\t/ && $2 { print $1 "\t" ($2 < 5 ? $2 : 5) }' rules.tsv | sort >want
	jq -r .rule ex.jsonl | sort | uniq -c | sed -E 's/ *([0-9]+) (.*)/\2\t\1/' | sort >got
	diff want got
	# the line: first 300 characters, what the rule looked at
	jq -e -s 'map(select(.rule | startswith("out: exclude[0]")) |
		(.text | length) <= 300 and .value.n[0][2] < 75 and .value.n[0][1] == .chars) | all' ex.jsonl
	jq -e -s 'map(select(.rule == "out: min_text_length") | .text | test("<the>")) | any' ex.jsonl
}

@test "--examples: not of the sample, nor without a drop; nothing when the run fails" {
	docs 50 >d.jsonl
	printf 'streams:\n- {name: a, sample: {rate: 0.25}}\n' >c.yaml
	dolma-mix -c c.yaml --examples e.jsonl -o o.jsonl d.jsonl
	[ -e e.jsonl ]
	[ ! -s e.jsonl ]
	echo '{"id":3}' >>d.jsonl
	rm e.jsonl
	run dolma-mix -c c.yaml --examples e.jsonl -o p.jsonl d.jsonl
	[ "$status" = 3 ]
	[ ! -e e.jsonl ]
	run dolma-mix -c c.yaml --examples e.jsonl --explain d1 d.jsonl
	[ "$status" = 2 ]
	sed -i '$d' d.jsonl
	printf 'streams:\n- {name: a, output: {min_text_length: 9999}}\n' >c.yaml
	probe_full_file e.jsonl dolma-mix -c c.yaml --examples e.jsonl -o p.jsonl d.jsonl
	dolma-mix -c c.yaml --examples e.jsonl -o p.jsonl d.jsonl
	[ "$(wc -l <e.jsonl)" = 5 ]
}

@test "layout: attributes inside documents and of sidecar sets come out inside, the last set's count" {
	corpus
	jq -c '. + {attributes: {own: [[0, 1, 9]], n: [[0, 1, 7]]}}' documents/s/0.jsonl >x && mv x documents/s/0.jsonl
	printf 'streams:\n- {name: j, documents: [documents/s/*.jsonl], attributes: [len, dup]}\n' >j.yaml
	dolma-mix -c j.yaml -o j
	zcat j/j-0000.jsonl.gz | jq -S -c .attributes >got
	for f in 0 1; do
		paste attributes/len/s/$f.jsonl attributes/dup/s/$f.jsonl | jq -c -s --arg f $f \
			'range(0; length; 2) as $i | (if $f == "0" then {own: [[0, 1, 9]]} else {} end) +
			.[$i].attributes + .[$i + 1].attributes'
	done | jq -S -c . >want
	diff want got
	# what came out goes through the filter as the layout would have it
	zcat j/j-0000.jsonl.gz | dolma-mix -c mix.yaml - | jq -c 'del(.metadata)' >filtered
	dolma-mix -c mix.yaml -o mix
	zcat mix/out-0000.jsonl.gz | jq -c 'del(.metadata)' | cmp - filtered
	# and taggers may write rows beside documents that hold attributes
	mkdir -p k/documents && zcat j/j-0000.jsonl.gz >k/documents/0.jsonl
	dolma-dedup --by document --name again --attributes again k/documents/0.jsonl
	printf 'streams:\n- {name: k, documents: [k/documents/*.jsonl], attributes: [again]}\n' >k.yaml
	dolma-mix -c k.yaml -o k/mix
	zcat k/mix/*.gz | jq -e -s 'length == 60 and all(.attributes | has("n") and has("dup") and has("again"))'
}

@test "--explain names the rules; status 1 for a document that is kept" {
	corpus
	dolma-mix -c mix.yaml -o mix
	kept=$(zcat mix/*.gz | jq -r .id | head -n 1)
	run dolma-mix -c mix.yaml --explain "$kept"
	[ "$status" = 1 ]
	[ -z "$output" ]
	run dolma-mix -c mix.yaml --explain d7
	[ "$status" = 0 ]
	grep -q 'documents/s/0.jsonl:7	exclude\[1\] \$.attributes\[?(@.dup\[0\])\]' <<<"$output"
	run dolma-mix -c mix.yaml --explain nobody
	[ "$status" = 3 ]
	run dolma-mix -c mix.yaml --explain d1 documents/s/0.jsonl
	[ "$status" = 0 ]
	grep -q 'include' <<<"$output"
}

@test "an attribute that no document has: warning, or an error without output" {
	corpus
	sed -i 's/@.dup\[0\]/@.dpu[0]/' mix.yaml
	run dolma-mix -c mix.yaml -o mix
	[ "$status" = 0 ]
	grep -q "exclude\[1\] names the attribute 'dpu', which none of 60 documents has" <<<"$output"
	run dolma-mix -c mix.yaml --strict -o strict
	[ "$status" = 3 ]
	[ ! -e strict/manifest.json ]
	[ ! -e strict/out-0000.jsonl.gz ]
	run dolma-mix -c mix.yaml --strict -o f.jsonl all.jsonl
	[ "$status" = 3 ]
	[ ! -e f.jsonl ]
}

@test "spans: the cases of the manual page" {
	# text, spans, replacement, ours, Dolma's (dolma 1.2.1)
	n=0
	while IFS='|' read -r text spans with ours theirs; do
		echo "{\"id\":\"1\",\"text\":\"$text\",\"attributes\":{\"p\":$spans}}" >d.jsonl
		printf 'streams:\n- name: s\n  span_replacement:\n  - {span: $.attributes.p, min_score: 0.5, replacement: "%s"}\n' "$with" >c.yaml
		[ "$(dolma-mix -q -c c.yaml d.jsonl | jq -r .text)" = "$ours" ]
		[ "$(dolma-mix -q -c c.yaml --dolma-compat d.jsonl | jq -r .text)" = "$theirs" ]
		n=$((n + 1))
	done <<'END'
hello world|[[0,5,1]]|<{}>|<hello> world|<hello> world
0123456789|[[0,5,1],[3,8,1],[2,4,1]]|X|X56789|X56789
0123456789|[[2,8,1],[2,4,1]]|X|01X89|01X89
0123456789|[[4,6,1],[0,2,1],[2,4,1]]|X|XXX6789|XXX6789
0123456789|[[0,2,0.4],[4,6,0.5]]|{}{}|012345456789|012345456789
0123456789|[[2,2,1]]|X|01X23456789|01X3456789X
0123456789|[[2,2,1],[5,6,1]]|X|01X234X6789|01X3456789X
0123|[[2,9,1]]|X|01X|01X
0123|[[7,9,1]]|X|0123|0123X
aé𝔘b|[[1,3,1]]|[{}]|a[é𝔘]b|a[é𝔘]b
ab|[]|X|ab|ab
END
	[ $n = 11 ]
}

@test "a replacement may come from the document; of both scores the lower counts in" {
	echo '{"id":"1","text":"0123456789","source":"src","attributes":{"p":[[0,1,0.5],[2,3,0.9],[4,5,1]]}}' >d.jsonl
	printf 'streams:\n- name: s\n  span_replacement:\n  - {span: .attributes.p, min_score: 0.5, max_score: 1, syntax: jq, replacement: "$.source"}\n' >c.yaml
	[ "$(dolma-mix -c c.yaml d.jsonl | jq -r .text)" = src1src3456789 ]
	sed -i 's/\.source/.none/' c.yaml
	run dolma-mix -c c.yaml -o o.jsonl d.jsonl
	[ "$status" = 3 ]
	[ ! -e o.jsonl ]
	grep -q 'd.jsonl:1: span_replacement\[0\]' <<<"$output"
}

@test "a sample and its complement share nothing and lose nothing" {
	docs 2000 >d.jsonl
	printf 'streams:\n- {name: a, sample: {rate: 0.25, seed: 7}}\n- {name: b, sample: {rate: 0.25, seed: 7, complement: true}}\n- {name: c, sample: {rate: 0.25, seed: 8}}\n' >c.yaml
	for s in a b c; do dolma-mix -c c.yaml --stream $s d.jsonl | jq -r .id >$s; done
	sort a b | cmp - <(jq -r .id d.jsonl | sort)
	[ "$(wc -l <a)" -gt 400 ]
	[ "$(wc -l <a)" -lt 600 ]
	if cmp -s a c; then false; fi
	# the id decides, not the place
	tac d.jsonl | dolma-mix -c c.yaml --stream a - | jq -r .id | sort | cmp - <(sort a)
}

@test "unknown fields pass byte for byte, in their order" {
	printf '%s\n' '{"x": [1.0, 1e2,"\u00e9"] ,"id":"1","metadata":{"z":1.50,"provenance":"old"},"text":"t","y":-0.0}' >d.jsonl
	printf 'streams:\n- name: s\n' >c.yaml
	[ "$(dolma-mix -c c.yaml d.jsonl)" = '{"x":[1.0, 1e2,"\u00e9"],"id":"1","metadata":{"z":1.50,"provenance":"d.jsonl:1"},"text":"t","y":-0.0}' ]
}

@test "configurations: what is refused, with file and line" {
	refuse() {
		printf "$1" >c.yaml
		run dolma-mix -c c.yaml </dev/null
		[ "$status" = 3 ] && grep -qF -- "$2" <<<"$output" || { echo "$1 -> $status $output"; return 1; }
	}
	refuse 'streams:\n- name: s\n  filtre: {}\n' "c.yaml:3: streams.0.filtre: unknown key 'filtre' (did you mean 'filter'?)"
	refuse 'steams: []\n' "did you mean 'streams'"
	refuse 'streams: []\n' 'a list of streams'
	refuse 'streams:\n- {name: s}\n- {name: s}\n' 'two streams'
	refuse 'streams:\n- name: s\n  filter: {include: [], exclude: []}\n' 'c.yaml:3:'
	refuse 'streams:\n- name: s\n  filter:\n    exclude:\n    - "$.a"\n    - "$.attributes[?(@.p[-1] > 0)]"\n' 'c.yaml:6: streams.0.filter.exclude.1: $.attributes[?(@.p[-1] > 0)]: at offset 21'
	refuse 'streams:\n- name: s\n  filter: {include: ["$.a[?(@.b ~= 3)]"]}\n' "'~='"
	refuse 'streams:\n- name: s\n  filter: {syntax: jq, include: [".a | test(1)"]}\n' "function 'test' with 1 arguments"
	refuse 'streams:\n- name: s\n  filter: {syntax: xpath, include: ["a"]}\n' "'xpath'"
	refuse 'streams:\n- name: s\n  span_replacement: [{span: $.a}]\n' "'min_score' or 'max_score'"
	refuse 'streams:\n- name: s\n  output: {discard_fields: [text]}\n' "its 'text'"
	refuse 'streams:\n- name: s\n  output: {min_text_length: -1}\n' 'whole number'
	refuse 'streams:\n- name: s\n  sample: {rate: 1.5}\n' "'rate'"
	refuse 'streams:\n- name: s\n  documents: [s3://bucket/x]\n' 'no URLs'
	refuse 'streams:\n- name: s\n  documents: ["${oc.env:HOME}/documents/x"]\n' 'references'
	printf 'streams:\n- name: s\n- name: t\n' >c.yaml
	sed -i 's/- name: t/- {name: t}/' c.yaml
	run dolma-mix -c c.yaml </dev/null
	[ "$status" = 2 ]
	run dolma-mix -c c.yaml --stream u </dev/null
	[ "$status" = 2 ]
	run dolma-mix
	[ "$status" = 2 ]
	corpus
	sed -i 's:s/\*:none/*:' mix.yaml
	run dolma-mix -c mix.yaml -o mix
	[ "$status" = 3 ]
	grep -q "no file matches 'documents/none/" <<<"$output"
}

@test "a directory of another run is not overwritten" {
	corpus
	dolma-mix -c mix.yaml -o mix
	dolma-mix -c mix.yaml -o mix
	sed -i 's/< 75/< 76/' mix.yaml
	run dolma-mix -c mix.yaml -o mix
	[ "$status" = 3 ]
	dolma-mix -f -c mix.yaml -o mix
	mkdir foreign && touch foreign/x
	run dolma-mix -c mix.yaml -o foreign
	[ "$status" = 3 ]
}

@test "-n shows what would be read and written" {
	corpus
	dolma-mix -n -c mix.yaml -o mix >plan
	grep -qx 'read	attributes/dup/s/1.jsonl' plan
	grep -qx 'write	mix/out-0000.jsonl.gz' plan
	[ ! -e mix ]
}
