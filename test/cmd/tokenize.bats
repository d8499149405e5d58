#!/usr/bin/env bats
# tokenize: ids, files and trained vocabularies.  Goldens: test/ref/tokenizer/make.py.
load ../lib/olmo
bats_require_minimum_version 1.5.0

local_setup() {
	REF=$ROOT/test/ref/tokenizer
	OLMO=$REF/flags.json # has <|endoftext|> = 0
}

# What is learnt, in one form.
vocab_merges() {
	jq -cS '[.model.vocab, [.model.merges[] | if type == "string" then split(" ") else . end]]' "$1"
}

ids() { tokenize -t "$OLMO" --input strings "$@"; }

@test "ids differ from Hugging Face: added tokens with all flags, NFC, GPT-2 regex" {
	tokenize -t "$REF/flags.json" --input strings "$REF/cases.jsonl" >got
	cmp got "$REF/flags.ids.jsonl"
}

@test "ids differ from Hugging Face: cl100k regex, ignore_merges" {
	tokenize -t "$REF/cl100k.json" --input strings "$REF/cases.jsonl" >got
	cmp got "$REF/cl100k.ids.jsonl"
}

@test "ids differ from Hugging Face: Qwen 2 regex" {
	tokenize -t "$REF/qwen2.json" --input strings "$REF/cases.jsonl" >got
	cmp got "$REF/qwen2.ids.jsonl"
}

@test "ids differ from Hugging Face: the regex of o200k" {
	tokenize -t "$REF/o200k.json" --input strings "$REF/o200k.cases.jsonl" >got
	cmp got "$REF/o200k.ids.jsonl"
	[ "$(tokenize --train --split o200k --normalizer none --vocab-size 420 --input text -o - "$REF/corpus.txt" \
		--special '<|endoftext|>' | jq -r '.pre_tokenizer.pretokenizers[0].pattern.Regex')" = \
		"$(jq -r '.pre_tokenizer.pretokenizers[0].pattern.Regex' "$REF/o200k.json")" ]
}

@test "ids depend on the number of threads" {
	for i in 1 2 3 4 5 6 7 8 9 10; do cat "$REF/cases.jsonl" "$REF/cases.jsonl"; done >many
	ids -j1 many >one
	ids -j3 many >three
	cmp one three
	[ "$(wc -l <one)" = 14000 ]
}

@test "decoded text differs from Hugging Face" {
	tokenize -t "$OLMO" --decode --skip-special --input ids "$REF/flags.ids.jsonl" >got
	jq -c . got >a
	jq -c . "$REF/flags.text.jsonl" >b
	cmp a b
}

@test "merges differ from BpeTrainer: alphabet of the text" {
	tokenize --train --vocab-size 500 --alphabet seen --normalizer none --input text -o t.json \
		"$REF/corpus.txt" 2>err || cat err
	cmp <(vocab_merges t.json) <(vocab_merges "$REF/train-seen.json")
}

@test "merges differ from BpeTrainer: special tokens that merges make, too" {
	tokenize --train --vocab-size 420 --min-frequency 2 --input text -o t.json --special '<|endoftext|>' \
		--special the --special aa --special Ġ "$REF/corpus.txt"
	cmp <(vocab_merges t.json) <(vocab_merges "$REF/train-reuse.json")
}

@test "merges differ from BpeTrainer: cl100k regex, min-frequency" {
	tokenize --train --vocab-size 450 --min-frequency 4 --split cl100k --normalizer none --input text \
		-o t.json "$REF/corpus.txt"
	cmp <(vocab_merges t.json) <(vocab_merges "$REF/train-cl100k.json")
}

@test "a trained tokenizer depends on the number of threads, or on where documents are cut into files" {
	docs 3000 >a.jsonl
	head -n 1000 a.jsonl | gzip >1.jsonl.gz
	tail -n +1001 a.jsonl | zstd -q >2.jsonl.zst
	tokenize --train --vocab-size 300 -j1 -o 1.json a.jsonl
	tokenize --train --vocab-size 300 -j2 -o 2.json 1.jsonl.gz 2.jsonl.zst
	tokenize --train --vocab-size 300 -j2 -o - <a.jsonl >3.json
	cmp 1.json 2.json
	cmp 1.json 3.json
	grep -q '"1.json"' 1.json.manifest.json
}

@test "added tokens of a trained tokenizer are not usable" {
	docs 200 >a.jsonl
	tokenize --train --vocab-size 300 --special '<|endoftext|>' --special '<|padding|>' \
		--added '|||EMAIL_ADDRESS|||' --added '|||PHONE_NUMBER|||' --added '|||IP_ADDRESS|||' -o t.json \
		a.jsonl
	echo '"a|||EMAIL_ADDRESS|||b|||PHONE_NUMBER|||<|padding|>|||IP_ADDRESS|||<|endoftext|>"' >s
	tokenize -t t.json --input strings s >got
	[ "$(jq -c '[.[1], .[3:]]' got)" = '[2,[3,1,4,0]]' ]
	tokenize -t t.json --decode --skip-special --input ids got >back
	[ "$(cat back)" = '"a|||EMAIL_ADDRESS|||b|||PHONE_NUMBER||||||IP_ADDRESS|||"' ]
	[ "$(jq '[.added_tokens[].special] == [true,true,false,false,false]' t.json)" = true ]
}

@test "added tokens are counted in training although --cut-added is given" {
	for i in 1 2 3; do echo "zq|||IP_ADDRESS|||zq"; done >a.txt
	tokenize -q --train --input text --vocab-size 400 --added '|||IP_ADDRESS|||' -o 1.json a.txt
	tokenize -q --train --input text --vocab-size 400 --added '|||IP_ADDRESS|||' --cut-added -o 2.json a.txt
	[ "$(jq -c '.model.merges' 2.json)" = '["z q"]' ]
	[ "$(jq '.model.merges | length' 1.json)" -gt 5 ]
}

@test "a vocabulary that is too small for its alphabet is written" {
	echo abc >a.txt
	run -3 tokenize --train --input text --vocab-size 256 --special '<S>' -o t.json a.txt
	[[ $output == *'need 257'* ]]
	[ ! -e t.json ]
}

@test "documents are not treated as by Dolma: stripped, empty ones skipped, one end mark" {
	cat >a.jsonl <<'EOF'
{"id":"one","text":"\u001c \n cat\u2003\n","source":"s"}
{"id":"empty","text":" \t\u3000\u001f","source":"s"}
{"id":"with, comma","text":"cat<|endoftext|>","source":"s"}
{"id":"inside","text":"cat<|endoftext|>cat","source":"s"}
EOF
	tokenize -t "$OLMO" --stats st -o x.tok a.jsonl
	cat=$(echo '"cat"' | ids | tr -d '[]')
	n=$(echo "$cat" | tr ',' '\n' | wc -l)
	tokenize -t "$OLMO" --format ids a.jsonl >got
	printf '[%s,0]\n[%s,0]\n[%s,0,%s,0]\n' "$cat" "$cat" "$cat" "$cat" | cmp - got
	printf '0,%d,one,a.jsonl,1\r\n%d,%d,"with, comma",a.jsonl,3\r\n%d,%d,inside,a.jsonl,4\r\n' \
		$((n + 1)) $((n + 1)) $((2 * n + 2)) $((2 * n + 2)) $((4 * n + 4)) >table
	zcat x.tok.docs.csv.gz | cmp - table
	[ "$(jq -c '[.docs_in,.docs_empty,.docs_out,.tokens_out]' st)" = "[4,1,3,$((4 * n + 4))]" ]
	od -An -v -tu2 -w2 -j4096 -N$((2 * (4 * n + 4))) x.tok | tr -d ' ' >raw
	tr -d '[]' <got | tr ',' '\n' | cmp - raw
}

@test "token files depend on the number of threads" {
	docs 3000 >a.jsonl
	tokenize -t "$OLMO" -j1 -o 1/x.tok a.jsonl
	tokenize -t "$OLMO" -j2 -o 2/x.tok a.jsonl
	tokenize -t "$OLMO" <a.jsonl >pipe.tok
	cmp 1/x.tok 2/x.tok
	cmp 1/x.tok.docs.csv.gz 2/x.tok.docs.csv.gz
	cmp 1/x.tok.manifest.json 2/x.tok.manifest.json
	cmp <(tail -c +4097 1/x.tok) <(tail -c +4097 pipe.tok)
}

@test "OLMo's headerless form does not hold the same ids and table" {
	docs 100 >a.jsonl
	tokenize -t "$OLMO" -o x.tok a.jsonl
	tokenize -t "$OLMO" --format npy -o x.npy a.jsonl
	n=$(stat -c %s x.npy)
	cmp <(tail -c +4097 x.tok | head -c "$n") x.npy
	[ $((4096 + n + 64)) = "$(stat -c %s x.tok)" ]
	cmp <(zcat x.csv.gz) <(zcat x.tok.docs.csv.gz)
	[ "$(tokenize -t "$OLMO" --format count a.jsonl | tail -n 1)" = "100	$((n / 2))" ]
}

@test "a token file does not decode to its documents" {
	printf '{"id":"%s","text":"%s","source":"s"}\n' 1 'Żółć über 한국' 2 'plain' >a.jsonl
	tokenize -t "$OLMO" -o x.tok a.jsonl
	tokenize -t "$OLMO" --decode x.tok >got
	printf 'Żółć über 한국<|endoftext|>plain<|endoftext|>' | cmp - got
	tokenize -t "$OLMO" --decode --skip-special <x.tok >got
	printf 'Żółć über 한국plain' | cmp - got
}

@test "a token file of another tokenizer is decoded without -f" {
	printf '{"id":"1","text":"cat","source":"s"}\n' >a.jsonl
	tokenize -t "$OLMO" -o x.tok a.jsonl
	run -3 tokenize -t "$REF/qwen2.json" --decode x.tok
	[[ $output == *'another tokenizer'* ]]
	tokenize -f -t "$REF/qwen2.json" --decode x.tok
}

@test "the tokenizer's identity is not the hash of what the manual says" {
	command -v xxhsum >/dev/null || skip "no xxhsum"
	perl -MJSON::PP -MUnicode::Normalize -e 1 || skip "no JSON::PP"
	for t in flags o200k train-reuse; do
		echo '"a"' | tokenize -q -t "$REF/$t.json" --eos-id none --input strings --manifest m.json -o - >/dev/null
		perl "$ROOT/test/ref/identity.pl" "$REF/$t.json" | xxhsum -H128 | cut -c 1-32 >want
		[ "$(jq -r .options.tokenizer m.json)" = "$(cat want)" ]
	done
}

@test "the tokenizer's identity changes with the form of its file, or not with its content" {
	printf '{"id":"1","text":"cat","source":"s"}\n' >a.jsonl
	jq -S . "$OLMO" >same.json
	jq '.model.merges |= map(if type == "array" then join(" ") else . end)' "$OLMO" >strings.json
	jq '(.added_tokens[] | select(.content == "foo")).rstrip = true' "$OLMO" >flag.json
	jq '.normalizer = null' "$OLMO" >nfc.json
	jq '.model.merges |= .[:-1]' "$OLMO" >merge.json
	for f in "$OLMO" same.json strings.json flag.json nfc.json merge.json; do
		tokenize -t "$f" --manifest m.json a.jsonl >/dev/null
		jq -r .options.tokenizer m.json
	done >hashes
	[ "$(sed -n 1,3p hashes | uniq | wc -l)" = 1 ]
	[ "$(sort -u hashes | wc -l)" = 4 ]
}

@test "long runs take quadratic time" {
	# The limit is generous; a quadratic merge would take minutes.
	for c in a = ' ' $'\u0301' 漢 'ab'; do
		head -c 1000000 /dev/zero | tr '\0' x | sed "s/x/$c/g" | head -c 1000000 >long
		timeout 20 tokenize -t "$OLMO" --input text --invalid replace --format count long >/dev/null
	done
}

@test "ill-formed UTF-8 passes, or its place is not named" {
	printf 'good\nbad \xff\xe2\x82 here\n' >a.txt
	run -3 tokenize -t "$OLMO" --input lines --format ids a.txt
	[[ $output == *'a.txt:2: invalid UTF-8 at byte 4'* ]]
	tokenize -t "$OLMO" --input lines --format ids --invalid replace --stats st a.txt | sed -n 2p >got
	echo '"bad \ufffd\ufffd here<|endoftext|>"' | ids >want
	cmp got want
	[ "$(jq .texts_repaired st)" = 1 ]
	tokenize -q -t "$OLMO" --input lines --format count --skip-bad --stats st a.txt
	[ "$(jq -c '[.texts_in,.texts_bad,.docs_out]' st)" = '[2,1,1]' ]
}

@test "ill-formed UTF-8 in documents is not replaced" {
	printf '{"id":"1","text":"a"}\n{"id":"2","text":"b \xff\xe2\x82 c"}\n' >a.jsonl
	run -3 tokenize -t "$OLMO" --format ids a.jsonl
	[[ $output == *'a.jsonl:2: '*UTF-8* ]]
	tokenize -t "$OLMO" --format ids --invalid replace --stats st a.jsonl | sed -n 2p >got
	echo '"b \ufffd\ufffd c<|endoftext|>"' | ids >want
	cmp got want
	[ "$(jq .texts_repaired st)" = 1 ]
}

@test "text and lines are not taken as they are" {
	printf '  two\n\n lines \r\nno end' >a.txt
	tokenize -t "$OLMO" --input lines --format ids --eos-id none a.txt >got
	printf '%s\n' '"  two"' '" lines \r"' '"no end"' | ids >want
	cmp got want
	tokenize -t "$OLMO" --input text --format ids --eos-id none a.txt >got
	echo '"  two\n\n lines \r\nno end"' | ids >want
	cmp got want
}

@test "bad ids are decoded" {
	for line in '[1,99999]' '[-1]' '[1.5]' '["1"]' '{"a":1}' '[1' ''; do
		printf '[1]\n%s\n' "$line" >i
		run -3 tokenize -t "$OLMO" --decode --input ids i
		[[ $output == *"i:2: "* ]]
	done
}

@test "bad strings are taken" {
	for line in 1 '["a"]' '"a' '"\ud800"' ''; do
		printf '"ok"\n%s\n' "$line" >i
		run -3 ids i
		[[ $output == *"i:2: "* ]]
	done
}

@test "an unsupported tokenizer is not refused by name" {
	while IFS='	' read -r filter word; do
		jq "$filter" "$OLMO" >bad.json
		run -3 tokenize -t bad.json --input strings /dev/null
		[[ $output == *"bad.json"*"$word"* ]] || { echo "$filter: $output"; false; }
	done <<'EOF'
.model.type = "WordPiece"	model WordPiece
.model.dropout = 0.1	dropout
.model.continuing_subword_prefix = "##"	continuing_subword_prefix
.model.end_of_word_suffix = "</w>"	end_of_word_suffix
.normalizer = {"type":"NFKC"}	normalizer NFKC
.normalizer = {"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}	Lowercase
.pre_tokenizer = {"type":"Whitespace"}	Whitespace
.pre_tokenizer.add_prefix_space = true	add_prefix_space
.pre_tokenizer = {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"x+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}	x+
.decoder = {"type":"WordPiece"}	decoder WordPiece
.truncation = {"max_length":10}	truncation
.padding = {"strategy":"BatchLongest"}	padding
.model.unk_token = "a" | del(.model.vocab["A"]) | .model.merges = []	unk_token
.model.vocab.zzz = 0	id 0 twice
.model.vocab.zzz = -1	zzz
.model.merges[0] = "a b c"	merges[0]
.model.merges[1] = ["a", "zzzz"]	merges[1]
del(.model.vocab)	model.vocab
EOF
	echo '{"broken' >bad.json
	run -3 tokenize -t bad.json --input strings /dev/null
	[[ $output == *bad.json* ]]
	run -3 tokenize -t none.json --input strings /dev/null
	[[ $output == *none.json* ]]
}

@test "wrong command lines do not end with status 2" {
	while IFS= read -r line; do
		eval "set -- $line"
		run -2 tokenize "$@" </dev/null
	done <<'EOF'

-t "$OLMO" --input nothing
-t "$OLMO" --format nothing
-t "$OLMO" --eos-id 99999
-t "$OLMO" --eos-id x
-t "$OLMO" --profile D
-t "$OLMO" --decode --input docs
-t "$OLMO" --input ids
-t "$OLMO" --skip-special
-t "$OLMO" --vocab-size 300
-t "$OLMO" --train --vocab-size 300
--train
--train --vocab-size 0
--train --vocab-size 300 --input lines
--train --vocab-size 300 --special ''
--train --vocab-size 300 --special a --added a
--train --vocab-size 300 --alphabet x
EOF
	docs 1 >a.jsonl
	cp a.jsonl copy
	run -2 tokenize -t "$OLMO" -o a.jsonl a.jsonl
	cmp a.jsonl copy
	sed 's/<|endoftext|>/<|end|>/g' "$OLMO" >noeos.json
	run -2 tokenize -t noeos.json a.jsonl
	[[ $output == *--eos-id* ]]
}

@test "older Hugging Face releases: characters that were not assigned then" {
	# U+11F04 KAWI LETTER A (Unicode 15) is a letter for C only, so that it ends the run of letters.
	printf '"a\xf0\x91\xbc\x84b"\n' >s
	tokenize -t "$REF/qwen2.json" --input strings s >c
	tokenize -t "$REF/qwen2.json" --input strings --profile B s >b
	jq '.model.merges = ["a ð"] | .model.vocab["að"] = (.model.vocab | length)
	    | .added_tokens = []' "$REF/qwen2.json" >merge.json
	tokenize -t merge.json --input strings s >c
	tokenize -t merge.json --input strings --profile B s >b
	[ "$(jq length c)" = 5 ]
	[ "$(jq length b)" = 6 ]
}

@test "the five probes" {
	mkdir 1 2
	docs 20000 >big.jsonl
	probe_unknown_option tokenize || false
	probe_full tokenize -t "$OLMO" --format ids big.jsonl || false
	probe_full_file o.tok tokenize -t "$OLMO" -o o.tok big.jsonl || false
	probe_head tokenize -t "$OLMO" --format ids big.jsonl || false
	gzip -c big.jsonl | head -c 20000 >cut.gz
	probe_truncated o.tok cut.gz tokenize -t "$OLMO" -o o.tok cut.gz || false
	probe_truncated o.json cut.gz tokenize --train --vocab-size 300 -o o.json cut.gz || false
	probe_kill "$TMP/1/o.tok" big.jsonl tokenize -t "$OLMO" -o "$TMP/1/o.tok" || false
	probe_kill "$TMP/2/o.json" big.jsonl tokenize --train --vocab-size 300 -o "$TMP/2/o.json" || false
}

@test "conversations differ from OLMo's prepare_tulu_data.py" {
	tokenize -t "$OLMO" --input chat --seq-len 96 --pad-id 5 --format npy -o x.npy --stats st \
		"$REF/chat.jsonl"
	cmp x.npy "$REF/chat.npy"
	cmp x.mask.npy "$REF/chat.mask.npy"
	[ "$(jq -c '[.docs_unlabelled, .docs_cut, .labels_out]' st)" = '[3,16,599]' ]
	tokenize -t "$OLMO" --input chat --seq-len 96 --pad-id 5 -j2 -o x.tok "$REF/chat.jsonl"
	cmp x.tok.mask "$REF/chat.mask.npy"
	tail -c +4097 x.tok | head -c 5184 | cmp - "$REF/chat.npy"
	tokcat --docs x.tok | head -n 2 | cut -f 1-3 | paste -sd ' ' >docs
	[ "$(cat docs)" = $'0\t96\tc0 96\t192\tc1' ]
	[ "$(jq -c '[.outputs[].role] | sort' x.tok.manifest.json)" = '["label_mask","table","tokens"]' ]
	tokcat --verify x.tok
}

@test "a prompt has labels, or its completion has none" {
	echo '{"prompt":"the cat","completion":"and so"}' >a.jsonl
	echo '{"prompt":"the cat\n","completion":"and so"}' >>a.jsonl
	tokenize -t "$OLMO" --input chat -o x.tok a.jsonl
	printf '%s\n' '"the cat"' '"the cat and so"' '"the cat\n"' '"the cat\nand so"' | ids | tr -d '[]' >want
	{ read -r p1; read -r t1; read -r p2; read -r t2; } <want
	printf '0,%s,0,0,%s,0\n' "$t1" "$t2" | tr ',' '\n' >all
	tokcat --ids x.tok | cmp - all
	count() { tr ',' '\n' <<<"$1" | wc -l; }
	for pair in "$p1|$t1" "$p2|$t2"; do
		p=$(count "${pair%|*}") t=$(count "${pair#*|}")
		for i in $(seq $((t + 2))); do echo $((i > p + 1)); done
	done >mask
	od -An -v -w1 -tu1 x.tok.mask | tr -d ' ' | cmp - mask
}

@test "labels are not where the spans are" {
	cat >a.jsonl <<'J'
{"id":"a","text":"  tha\u0301 cat and","source":"s","attributes":{"w":[[8,11,0],[3,6,1.0],[5,8,1]]}}
{"id":"b","text":"the cat","source":"s","attributes":{"w":[[4,7,1]]}}
{"id":"c","text":"the cat","source":"s"}
J
	tokenize -t "$OLMO" --label-spans w --stats st -o x.tok a.jsonl
	printf '%s\n' '"t"' '"ha\u0301 c"' '"at and"' '"the "' '"cat"' '"the cat"' | ids | tr -d '[]' >parts
	{ read -r a; read -r b; read -r c; read -r d; read -r e; read -r f; } <parts
	ones() { tr ',' '\n' <<<"$2" | sed "s/.*/$1/"; }
	{ ones 0 "$a"; ones 1 "$b"; ones 0 "$c"; echo 0; ones 0 "$d"; ones 1 "$e"; echo 1; ones 0 "$f"; echo 0; } >mask
	od -An -v -w1 -tu1 x.tok.mask | tr -d ' ' | cmp - mask
	[ "$(tokcat --ids x.tok | paste -sd ,)" = "$a,$b,$c,0,$d,$e,0,$f,0" ]
	[ "$(jq .labels_out st)" = "$(grep -c 1 mask)" ]
	echo '{"id":"b","text":"the cat","source":"s","attributes":{"w":[[4,8,1]]}}' >b.jsonl
	run -3 tokenize -t "$OLMO" --label-spans w -o y.tok b.jsonl
	[[ $output == *'b.jsonl:1: '*'attribute w'*'4 to 8 of 7'* ]]
	[ ! -e y.tok ]
	[ ! -e y.tok.mask ]
}

@test "bad conversations are encoded, or are not named" {
	bad() {
		echo "$1" >bad.jsonl
		run -3 tokenize -t "$OLMO" --input chat -o x.tok bad.jsonl
		[[ $output == *"bad.jsonl:1: "$2* ]] || { echo "$output"; return 1; }
	}
	bad '{"messages":[]}' 'no messages'
	bad '{"text":"a"}' 'neither'
	bad '{"messages":[{"role":"user","content":"a"},{"role":"bot","content":"a"}]}' "messages[[]1]*bot"
	bad '{"messages":[{"role":"user"}]}' 'messages[[]0]*content'
	bad '{"prompt":"a"}' '*completion'
	bad '["a"]' ''
	[ ! -e x.tok.mask ]
	run -2 tokenize -t "$OLMO" --input chat "$REF/chat.jsonl"
	run -2 tokenize -t "$OLMO" --input chat --seq-len 96 -o x.tok "$REF/chat.jsonl"
	[[ $output == *'--pad-id'* ]]
	run -2 tokenize -t "$OLMO" --input chat --eos-id none -o x.tok "$REF/chat.jsonl"
}

@test "a label mask is lost on the way to training" {
	tokenize -t "$OLMO" --input chat --seq-len 96 --pad-id 5 -o x.tok "$REF/chat.jsonl"
	shuffle --copy --seq-len 96 --seed 3 -o y.tok x.tok
	shuffle --order --algo numpy --seq-len 96 --seed 3 -o o x.tok
	tokcat --ids o >order
	while read -r k; do tail -c +$((96 * k + 1)) x.tok.mask | head -c 96; done <order | cmp - y.tok.mask
	if cmp -s x.tok.mask y.tok.mask; then false; fi
	shuffle --copy --unit document --seed 3 -o z.tok x.tok
	cmp y.tok.mask z.tok.mask
	tokcat --to datatrove -o d.ds y.tok
	cmp d.ds.loss y.tok.mask
	tokcat --from datatrove --to npy -o e.npy d.ds
	cmp e.mask.npy y.tok.mask
	tokcat --to tok --vocab-size 430 -o f.tok e.npy
	cmp f.tok.mask y.tok.mask
	tokcat --to nanogpt -o g.bin y.tok 2>err
	grep -q 'left behind' err
	printf '\2' | dd of=y.tok.mask conv=notrunc bs=1 seek=7 status=none
	run -1 tokcat --verify y.tok
	[[ $output == *'y.tok.mask@7:'* ]]
	head -c 90 x.tok.mask >y.tok.mask
	run -1 tokcat --verify y.tok
	run -3 shuffle --copy --seq-len 96 -o h.tok y.tok
	[[ $output == *'y.tok.mask@0: 90 bytes for 2592 ids'* ]]
	rm y.tok.mask
	run -3 shuffle --copy --seq-len 96 -o h.tok x.tok y.tok
	[[ $output == *'only one of'* ]]
	[ ! -e h.tok ]
}

@test "training does not read the mask that tokenize writes" {
	tokenize -t "$OLMO" --input chat --seq-len 96 --pad-id 5 -o x.tok "$REF/chat.jsonl"
	cat >c.yaml <<'Y'
model: {d_model: 8, n_heads: 1, n_layers: 1, mlp_hidden_size: 32, max_sequence_length: 96, vocab_size: 432,
  weight_tying: true, init_fn: mitchell, rope: true, include_bias: false, eos_token_id: 0, pad_token_id: 5,
  layer_norm_type: default, attention_dropout: 0.0, residual_dropout: 0.0, embedding_dropout: 0.0}
optimizer: {name: adamw, learning_rate: 1e-2}
scheduler: {name: constant}
data: {paths: [x.tok], label_mask_paths: [x.tok.mask], generate_attention_mask: true}
max_duration: 2
global_train_batch_size: 4
device_train_microbatch_size: 4
Y
	train -c c.yaml -o run1 2>err || cat err
	jq -e 'select(."train/CrossEntropyLoss")' run1/log.jsonl >/dev/null
	head -c 2592 /dev/zero | tr '\0' '\1' >all.mask
	train -c c.yaml -o run2 --data.label_mask_paths=[all.mask] 2>err || cat err
	a=$(jq -s '[.[]."train/CrossEntropyLoss" // empty][0]' run1/log.jsonl)
	b=$(jq -s '[.[]."train/CrossEntropyLoss" // empty][0]' run2/log.jsonl)
	[ -n "$a" ]
	[ "$a" != "$b" ]
}
