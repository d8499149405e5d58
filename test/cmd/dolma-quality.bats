#!/usr/bin/env bats
# dolma-quality: the taggers against Dolma's own output, and the program around them.
load ../lib/olmo

local_setup() { G=$ROOT/test/golden/text; }

tagger_list() { dolma-quality --list | cut -f1 | grep -vxE 'gopher|c4|pii' | paste -sd,; }

@test "every Dolma tagger gives Dolma's spans, scores and order" {
	dolma-quality -t "$(tagger_list)" "$G/documents.jsonl" >out
	# key NAME__NAME__type -> {NAME: {type: spans}}, order kept
	jq -c '{id, taggers: (reduce (.attributes | to_entries[]) as $e ({};
		($e.key | split("__")) as $k | .[$k[0]][$k[2:] | join("__")] = $e.value))}' out >got
	jq -c '{id, taggers: (.taggers | with_entries(select(.value != {})))}' "$G/dolma-1.2.1.jsonl" >want
	[ "$(wc -l <got)" = 54 ]
	cmp got want || { diff got want | head -n 4; false; }
}

@test "the golden file covers every Dolma tagger of --list" {
	[ "$(head -n 1 "$G/dolma-1.2.1.jsonl" | jq -r '.taggers | keys_unsorted | join(",")')" = "$(tagger_list)" ]
}

# score TAGGER TYPE: the spans of standard input's text
score() {
	jq -Rsc '{id: "x", text: .}' | dolma-quality -t "$1" |
		jq -c ".attributes[\"$1__$1__$2\"] // []"
}
is() { [ "$1" = "$2" ] || { echo "got $1, expected $2"; false; }; }

@test "gopher: repetition is counted by the words it covers, never above 1" {
	is "$(printf 'x x x x' | score gopher fraction_of_characters_in_most_common_2grams)" '[[0,7,1]]'
	is "$(printf 'This is a test.' | score gopher fraction_of_characters_in_most_common_2grams)" '[[0,15,0]]'
	is "$(printf 'a b c d e a b c d e f' | score gopher fraction_of_characters_in_duplicate_5grams)" '[[0,21,0.90909]]'
	is "$(printf 'word' | score gopher fraction_of_characters_in_duplicate_10grams)" '[[0,4,0]]'
	is "$(printf '' | score gopher fraction_of_characters_in_most_common_4grams)" '[[0,0,0]]'
}

@test "gopher: required words are distinct, in any case, with punctuation" {
	is "$(printf 'The the (the) and' | score gopher required_word_count)" '[[0,17,2]]'
	is "$(printf 'theme that, "Have' | score gopher required_word_count)" '[[0,17,2]]'
}

@test "gopher: lines are the lines that are not blank, without their margins" {
	is "$(printf '  - a\n\n\xe2\x80\xa2 b\nc\nd...\n' | score gopher fraction_of_lines_starting_with_bullet_point)" '[[0,18,0.5]]'
	is "$(printf 'a\xe2\x80\xa6 \n\nb...\nc' | score gopher fraction_of_lines_ending_with_ellipsis)" '[[0,11,0.66667]]'
	is "$(printf 'aa\n aa\nb\n\n' | score gopher fraction_of_duplicate_lines)" '[[0,10,0.33333]]'
	is "$(printf 'aa\n aa\nb\n\n' | score gopher fraction_of_characters_in_duplicate_lines)" '[[0,10,0.4]]'
	is "$(printf '# a... b\n' | score gopher symbol_to_word_ratio)" '[[0,9,0.33333]]'
}

@test "c4: spans are offsets in the text, blank lines are no lines" {
	is "$(printf '\xc4\xb0\xc4\xb0 x\ny\n\n' | score c4 lines_with_too_few_words)" '[[0,5,1],[5,7,1]]'
	is "$(printf 'a b c.\n\n' | score c4 lines_with_no_ending_punctuation)" '[]'
	is "$(printf 'a b c.\n\n' | score c4 line_count)" '[[0,8,1]]'
}

@test "c4: a sentence may end in other scripts and inside quotes, not with an ellipsis" {
	is "$(printf '(a b.)\n\xe2\x80\x9ca b.\xe2\x80\x9d\n\xe4\xbb\x8a\xe5\xa4\xa9\xe3\x80\x82\n"a"\n*a!*' |
		score c4 lines_with_no_ending_punctuation)" '[]'
	is "$(printf 'a...\nb\xe2\x80\xa6\nc:\n' | score c4 lines_with_no_ending_punctuation)" '[[0,5,1],[5,8,1],[8,11,1]]'
}

@test "c4: listed words count beside punctuation, not inside other words" {
	is "$(printf 'Bollocks, he said.' | score c4 has_naughty_word)" '[[0,18,1]]'
	is "$(printf 'xbollocksx bollocks1' | score c4 has_naughty_word)" '[]'
	is "$(printf 'bollocks' | score c4 has_naughty_word)" '[[0,8,1]]'
}

@test "c4: --naughty-words replaces the list" {
	printf 'Lamp\nblue sea\nq\n' >w
	printf '{"id":"1","text":"a lamp."}\n{"id":"2","text":"the blue sea"}\n{"id":"3","text":"bollocks q2"}\n{"id":"4","text":"(Q)"}\n' >d
	dolma-quality -t c4,c4_v1 --naughty-words w d >out
	is "$(jq -c '.attributes | [has("c4__c4__has_naughty_word"), has("c4_v1__c4_v1__has_naughty_word")]' out | paste -sd' ')" \
		'[true,false] [true,true] [false,false] [true,false]'
	run dolma-quality -t c4 --naughty-words none d
	[ "$status" = 3 ]
	: >w
	run dolma-quality -t c4 --naughty-words w d
	[ "$status" = 3 ]
}

@test "pii: masks nothing but the address, counts spans once" {
	printf 'a@b.org\n555-123-4567 at 10.0.0.1' >t
	is "$(score pii EMAIL_ADDRESS <t)" '[[0,7,1]]'
	is "$(score pii PHONE_NUMBER <t)" '[[8,20,1]]'
	is "$(score pii IP_ADDRESS <t)" '[[24,32,1]]'
	is "$(score pii doc_count <t)" '[[0,32,3]]'
	is "$(score pii doc_frac <t)" '[[0,32,0.84375]]'
	is "$(printf '' | score pii doc_frac)" '[[0,0,0]]'
}

@test "the same bytes for any -j, in the order of the input" {
	docs 400 >d
	cat "$G/documents.jsonl" d "$G/documents.jsonl" d d >in
	dolma-quality -t "$(tagger_list),gopher,c4,pii" -j1 in >a
	for j in 2 3 7; do
		dolma-quality -t "$(tagger_list),gopher,c4,pii" -j$j in >b
		cmp a b
	done
	cmp <(jq -r .id a) <(jq -r .id in)
}

@test "taggers do not depend on each other or on the document before" {
	dolma-quality -t gopher_v1,c4_v2,pii "$G/documents.jsonl" >together
	for t in gopher_v1 c4_v2 pii; do
		tac "$G/documents.jsonl" | dolma-quality -t $t | tac >alone
		cmp <(jq -c "[.id, (.attributes | with_entries(select(.key | startswith(\"${t}__\"))))]" together) \
			<(jq -c '[.id, .attributes]' alone)
	done
}

@test "attribute files: one row a document, keys begin with NAME" {
	mkdir -p s/documents
	cp "$G/documents.jsonl" s/documents/0.jsonl
	dolma-quality -t char_length_v1,uniseg_length_paragraphs_v1 --attributes q s/documents/0.jsonl
	[ "$(wc -l <s/attributes/q/0.jsonl)" = 54 ]
	is "$(sed -n 5p s/attributes/q/0.jsonl | jq -c .)" \
		'{"id":"word","attributes":{"q__char_length_v1__length":[[0,10,10]],"q__uniseg_length_paragraphs_v1__paragraph":[[0,10,1]],"q__uniseg_length_paragraphs_v1__negative_paragraph":[[0,10,-1]]},"source":"own"}'
	is "$(head -n 1 s/attributes/q/0.jsonl | jq -c .attributes)" '{"q__char_length_v1__length":[[0,0,0]]}'
	jq -e '.options.taggers == ["char_length_v1","uniseg_length_paragraphs_v1"]' s/attributes/q/0.jsonl.manifest.json
}

@test "attributes that a document has stay" {
	printf '{"id":"1","text":"x y","attributes":{"a":[[0,1,0.5]]},"z":1.50}\n' | dolma-quality -t doc_count_v1 >out
	is "$(cat out)" '{"id":"1","text":"x y","attributes":{"a":[[0,1,0.5]],"doc_count_v1__doc_count_v1__docs":[[0,3,1.0]]},"z":1.50}' ||
		is "$(jq -c . out)" '{"id":"1","text":"x y","attributes":{"a":[[0,1,0.5]],"doc_count_v1__doc_count_v1__docs":[[0,3,1]]},"z":1.5}'
}

@test "fastText classifier: every label, positive first, newlines as blanks" {
	for i in $(seq 40); do
		echo "__label__bad rotten awful $i stinking"
		echo "__label__non_bad fresh sweet $i clean"
	done >train
	fasttext supervised -input train -output m -thread 1 -dim 4 -epoch 20 -lr 0.5 -bucket 100 -wordNgrams 2 >/dev/null 2>&1
	printf '{"id":"1","text":"rotten awful"}\n{"id":"2","text":"fresh\\nsweet\\n"}\n{"id":"3","text":""}\n' >d
	dolma-quality -m ft:smell=m.bin d >out
	is "$(jq -r '.attributes | keys_unsorted | join(" ")' out | uniq)" 'smell__smell____label__bad smell__smell____label__non_bad'
	# the same probabilities as the command-line tool gives for the same lines
	is "$(jq -r '.attributes | [.[][0][2]] | max | . * 1000 | round' out | paste -sd' ')" \
		"$(printf 'rotten awful\nfresh sweet\n\n' | fasttext predict-prob m.bin - 1 | awk '{printf "%s%.0f", (NR > 1 ? " " : ""), $2 * 1000}')"
	dolma-quality -m ft-para:smell=m.bin d >out
	is "$(jq -c '[.attributes[]? | length] | unique' out | paste -sd' ')" '[1] [2] []'
}

@test "damaged models are refused: truncated anywhere, longer, or of another kind" {
	echo '__label__a x' >train
	fasttext supervised -input train -output m -thread 1 -dim 4 -epoch 1 -bucket 10 >/dev/null 2>&1
	fasttext skipgram -input train -output v -thread 1 -dim 4 -epoch 1 -bucket 10 -minCount 1 >/dev/null 2>&1
	echo '{"id":"1","text":"x"}' >d
	n=$(stat -c %s m.bin)
	for k in 0 1 4 8 30 60 75 90 100 130 $((n / 2)) $((n - 50)) $((n - 1)); do
		head -c "$k" m.bin >t.bin
		run timeout 10 dolma-quality -m ft:x=t.bin d
		[ "$status" = 3 ] && [[ $output == *t.bin@* ]] || { echo "cut at $k: $status $output"; false; }
	done
	{ cat m.bin; echo; } >t.bin
	run dolma-quality -m ft:x=t.bin d
	[ "$status" = 3 ]
	run dolma-quality -m ft:x=v.bin d
	[ "$status" = 3 ]
	[[ $output == *"not a classifier"* ]]
	run dolma-quality -m ft:x=none.bin d
	[ "$status" = 3 ]
}

@test "wrong command lines are status 2" {
	for a in "" "-t none" "-t gopher_v1,gopher_v1" "-t gopher_v1," "-m x" "-m ft:=m" "-m ft:a=" "-m ft:c4=m" "-m ft:1=m" \
		"-t c4 --attributes x"; do
		# shellcheck disable=SC2086
		run dolma-quality $a </dev/null
		[ "$status" = 2 ] || { echo "'$a': $status $output"; false; }
	done
}

@test "--list has four columns and names in order" {
	dolma-quality --list >l
	[ "$(awk -F'\t' 'NF != 4' l | wc -l)" = 0 ]
	LC_ALL=C sort -c l
	grep -q "^gopher_v2	doc	" l
}

@test "probes" {
	docs 3000 >d
	mkdir k
	zstd -q d && head -c 20000 d.zst >cut.zst
	probe_unknown_option dolma-quality
	probe_full dolma-quality -t gopher d
	probe_full_file out.jsonl dolma-quality -t gopher -o out.jsonl d
	probe_truncated out.jsonl cut.zst dolma-quality -t gopher -o out.jsonl cut.zst
	probe_head dolma-quality -t gopher d
	probe_kill "$TMP/k/out.jsonl" d dolma-quality -t gopher -o "$TMP/k/out.jsonl" || false
}
