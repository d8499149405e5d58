#!/usr/bin/env bats
# dolma-langid, with a small model trained here: one thread gives the same model everywhere.
load ../lib/olmo

is() { [ "$1" = "$2" ] || { echo "got $1, expected $2"; false; }; }

local_setup() {
	local en="the of and to in is that it was for on are as with his they" fr="le la de et un une est que pour dans les des sur au ce il"
	local a=($en) b=($fr) i
	for i in $(seq 60); do
		echo "__label__en ${a[i % 16]} ${a[i * 3 % 16]} ${a[i * 7 % 16]} ${a[i * 5 % 16]}"
		echo "__label__fr ${b[i % 16]} ${b[i * 3 % 16]} ${b[i * 7 % 16]} ${b[i * 5 % 16]}"
		echo "__label__de der die ${i} und das ${i} nicht mit"
	done >train
	fasttext supervised -input train -output lid -thread 1 -dim 8 -epoch 30 -lr 0.5 -minn 2 -maxn 3 -bucket 2000 >/dev/null 2>&1
	cat >d <<'EOF'
{"id":"en","text":"The dog is with\nTHEY that was","source":"s"}
{"id":"fr","text":"une est dans\n","source":"s"}
{"id":"mix","text":"the of and to\n\n \nle la de et\n","source":"s"}
{"id":"blank","text":" \n","source":"s"}
{"id":"empty","text":"","source":"s"}
{"id":"caps","text":"\u0130S THAT \u03a3","source":"s"}
EOF
}

K=ft_lang_id_en_doc_v2__ft_lang_id_en_doc_v2__
P=ft_lang_id_en_paragraph_with_doc_score_v2__ft_lang_id_en_paragraph_with_doc_score_v2__

@test "probabilities are those of the fasttext program for the lower-cased line" {
	dolma-langid -m lid.bin d | jq -r ".attributes.${K}en[0][2] | . * 10000 | round" >got
	printf '%s\n' "the dog is with they that was" "une est dans" "the of and to    le la de et" "" "" $'i\xcc\x87s that \xcf\x83' |
		fasttext predict-prob lid.bin - 3 | awk '{
			for (i = 1; i < NF; i += 2) if ($i == "__label__en") printf "%.0f\n", $(i + 1) * 10000 }' >want
	diff got want
}

@test "en and not_en add up, and languages above 0.01 come likeliest first" {
	dolma-langid -m lid.bin d >out
	jq -es "length == 6 and all(.[].attributes; .${K}en[0][2] + .${K}not_en[0][2] | . > 0.99998 and . < 1.00002)" out
	jq -es 'all(.[]; [.attributes | to_entries[] | select(.key | startswith("ft_lang_id_1e2__")) | .value[0][2]] |
		. == (sort | reverse) and .[-1] >= 0.01)' out
	is "$(jq -c "[.id, .attributes.${K}en[0][:2]]" out | sed -n 3p)" '["mix",[0,29]]'
}

@test "paragraphs: a span for each line that is not blank, and their mean by length" {
	dolma-langid -m lid.bin --level para d >out
	is "$(jq -c "[.attributes.${P}en[]?[:2]]" out | paste -sd' ')" \
		'[[0,16],[16,29]] [[0,13]] [[0,14],[17,29]] [] [] [[0,9]]'
	jq -es ".[2].attributes |
		(.${P}en[0][2] * 14 + .${P}en[1][2] * 12) / 29 - .${P}doc_en[0][2] | fabs < 0.00002" out
	jq -es ".[2].attributes.${P}en | .[0][2] > 0.5 and .[1][2] < 0.5" out
	is "$(jq -c "[.attributes.${P}doc_en[0][2], .attributes.${P}doc_not_en[0][2]]" out | sed -n 4,5p | paste -sd' ')" '[0,1] [0,0]'
	is "$(jq -c '.attributes | keys_unsorted | map(split("__")[2])' out | head -n 1)" '["en","not_en","doc_en","doc_not_en"]'
}

@test "levels can be combined, rules can be named" {
	dolma-langid -m lid.bin --level doc,para d | jq -r '.attributes | keys_unsorted[] | split("__")[0]' | sort -u >got
	printf '%s\n' ft_lang_id_1e2 ft_lang_id_en_doc_v2 ft_lang_id_en_paragraph_with_doc_score_v2 | diff got -
	is "$(dolma-langid -m lid.bin -t ft_lang_id_en_only_v2 d | jq -r '.attributes | keys | join(" ")' | sort -u)" \
		'ft_lang_id_en_only_v2__ft_lang_id_en_only_v2__en'
}

@test "--first-bytes looks at whole characters, and names itself in the keys" {
	printf '{"id":"1","text":"the of \u00e9 le la de et un une est que pour"}\n' >x
	printf '{"id":"1","text":"the of "}\n' >y
	dolma-langid -m lid.bin -t ft_lang_id_doc_v1 --first-bytes 8 x | jq -c '[.attributes[][0][2]]' >a
	dolma-langid -m lid.bin -t ft_lang_id_doc_v1 y | jq -c '[.attributes[][0][2]]' >b
	cmp a b
	is "$(dolma-langid -m lid.bin --first-bytes 1K x | jq -r '.attributes | keys_unsorted[0]')" \
		'ft_lang_id_en_doc_v2_first1024__ft_lang_id_en_doc_v2_first1024__en'
}

@test "the same bytes for any -j" {
	for i in $(seq 300); do cat d; done >in
	dolma-langid -m lid.bin --level doc,para -j1 in >a
	dolma-langid -m lid.bin --level doc,para -j3 in >b
	cmp a b
}

@test "attribute files: keys begin with NAME" {
	mkdir -p s/documents
	gzip -c d >s/documents/0.jsonl.gz
	dolma-langid -m lid.bin --attributes langid s/documents/0.jsonl.gz
	is "$(gzip -dc s/attributes/langid/0.jsonl.gz | jq -r '.attributes | keys_unsorted[0]' | uniq)" langid__ft_lang_id_en_doc_v2__en
	is "$(gzip -dc s/attributes/langid/0.jsonl.gz | jq -c .id | paste -sd' ')" '"en" "fr" "mix" "blank" "empty" "caps"'
}

@test "a model without English warns, a model that is none is refused" {
	sed 's/__label__en/__label__xx/' train >t2
	fasttext supervised -input t2 -output m2 -thread 1 -dim 2 -epoch 1 -bucket 10 >/dev/null 2>&1
	run dolma-langid -m m2.bin d
	[ "$status" = 0 ]
	[[ $output == *"has no label __label__en"* ]]
	head -c 1000 lid.bin >cut.bin
	for m in cut.bin d none.bin .; do
		run timeout 10 dolma-langid -m $m d
		[ "$status" = 3 ] && [[ $output == *"$m"* ]] || { echo "$m: $status $output"; false; }
	done
}

@test "wrong command lines are status 2" {
	for a in "" "--level doc" "-m lid.bin --level word" "-m lid.bin --level doc,doc" "-m lid.bin --level doc -t ft_lang_id_1e2" \
		"-m lid.bin -t none" "-m lid.bin --first-bytes x"; do
		# shellcheck disable=SC2086
		run dolma-langid $a d
		[ "$status" = 2 ] || { echo "'$a': $status $output"; false; }
	done
}

@test "probes" {
	docs 2000 >big
	mkdir k
	zstd -q big && head -c 20000 big.zst >cut.zst
	probe_unknown_option dolma-langid
	probe_full dolma-langid -m lid.bin big
	probe_full_file out.jsonl dolma-langid -m lid.bin -o out.jsonl big
	probe_truncated out.jsonl cut.zst dolma-langid -m lid.bin -o out.jsonl cut.zst
	probe_head dolma-langid -m lid.bin big
	probe_kill "$TMP/k/out.jsonl" big dolma-langid -m "$TMP/lid.bin" -o "$TMP/k/out.jsonl" || false
}
