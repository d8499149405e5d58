#!/usr/bin/env bats
load ../lib/olmo

# 300 documents in 3 files whose texts, urls and paragraphs repeat within and across files.
local_setup() {
	mkdir -p documents
	for f in 0 1 2; do
		awk -v f=$f 'BEGIN {
			s = 7 + f
			for (i = 0; i < 100; i++) {
				t = ""
				for (k = 0; k < 1 + i % 5; k++) {
					s = (s * 1103515245 + 12345) % 2147483648
					t = t "paragraph number " int(s / 65536) % 60 " of the collection h\\u00e9\\n"
				}
				printf "{\"id\":\"%d.%d\",\"text\":\"%s\",\"source\":\"s\",\"metadata\":{\"url\":\"u%d\"}}\n", \
				    f, i, t, int(s / 1024) % 80
			}
		}' >documents/$f.jsonl
	done
}

marked() { jq -c --arg n "$1" 'select((.attributes[$n] // []) != []) | .id' "$2"; }

# The slow way: ids whose key (a jq expression) stood on an earlier line.
slow_copies() {
	cat documents/?.jsonl | jq -c "{id, k: ($1)}" |
		jq -nc 'reduce inputs as $d ({seen: {}, out: []};
			if .seen[$d.k] then .out += [$d.id] else .seen[$d.k] = true end) | .out[]'
}

@test "dolma-dedup: copies of documents are not those found the slow way" {
	dolma-dedup --by url documents/?.jsonl >o
	marked dedup_url o >got
	slow_copies .metadata.url | diff - got && [ "$(wc -l <got)" -gt 100 ]
	dolma-dedup --by document --name d documents/?.jsonl >o
	marked d o >got
	slow_copies .text | diff - got && [ -s got ]
	dolma-dedup --by document:id --name d documents/?.jsonl >o
	marked d o >got
	[ ! -s got ]
}

@test "dolma-dedup: cutting the marked paragraphs leaves other text than each first copy" {
	dolma-dedup --by paragraph --name p documents/?.jsonl >o
	jq -j '.text as $t | [range($t | length)] - [.attributes.p[] | range(.[0]; .[1])] |
		map($t[.:. + 1]) | add // ""' o >got
	cat documents/?.jsonl | jq -j .text | awk '!seen[$0]++' | cmp - got
}

@test "dolma-dedup: the result depends on -j or on the store" {
	for by in url document paragraph ngram:3,1,0.5; do
		dolma-dedup --by $by --name a -j1 documents/?.jsonl >1
		dolma-dedup --by $by --name a -j3 documents/?.jsonl | cmp - 1
		dolma-dedup --by $by --name a --key-bits 64 documents/?.jsonl | cmp - 1
		dolma-dedup --by $by --name a --store bloom --expect 20000 --fpr 1e-12 -j2 \
			documents/?.jsonl | cmp - 1
	done
}

@test "dolma-dedup: keys per shard, merged, mark other copies than one process" {
	for by in document paragraph ngram:3,2,0.3; do
		rm -rf attributes one
		dolma-dedup --by $by --name a --attributes one documents/?.jsonl
		mv attributes/one one
		dolma-dedup --by $by --keys-out k01 documents/0.jsonl documents/1.jsonl
		dolma-dedup --by $by --keys-out k2 -j2 ./documents//2.jsonl
		dolma-dedup --merge -o all k01 k2
		for f in 2 0 1; do
			dolma-dedup --by $by --keys all --name a --attributes many -j2 documents/$f.jsonl
		done
		for f in 0 1 2; do cmp one/$f.jsonl attributes/many/$f.jsonl; done
		[ "$(jq .counts.keys_distinct all.manifest.json)" -gt 50 ]
		[ "$(jq -r '.inputs | length' all.manifest.json)" = 2 ]
		[ "$(jq -r '.outputs[0].xxh3' k2.manifest.json)" = "$(jq -r '.inputs[1].xxh3' all.manifest.json)" ]
	done
	# the order of the arguments of --merge is the order of documents
	dolma-dedup --merge -o all k2 k01
	dolma-dedup --by ngram:3,2,0.3 --keys all --name a documents/0.jsonl >last
	dolma-dedup --by ngram:3,2,0.3 --name a documents/0.jsonl >first
	run cmp -s first last
	[ "$status" = 1 ]
}

@test "dolma-dedup: keys of other documents or other rules are used" {
	dolma-dedup --by document --keys-out k documents/0.jsonl
	run dolma-dedup --by document --keys k documents/1.jsonl
	[ "$status" = 3 ]
	grep -q "documents/1.jsonl" <<<"$output"
	run dolma-dedup --by document --min-words 2 --keys k documents/0.jsonl
	[ "$status" = 3 ]
	grep -q "min-words" <<<"$output"
	run dolma-dedup --by paragraph --read-only --keys k documents/0.jsonl
	[ "$status" = 3 ]
	sed -i '5s/number/numbr/' documents/0.jsonl
	run dolma-dedup --by document --keys k -o x documents/0.jsonl
	[ "$status" = 3 ]
	grep -q 'documents/0.jsonl:5' <<<"$output"
	[ ! -e x ]
	head -c $(($(wc -c <k) - 1)) k >cut
	run dolma-dedup --by document --keys cut documents/0.jsonl
	[ "$status" = 3 ]
	grep -q cut <<<"$output"
	run dolma-dedup --merge -o x k k
	[ "$status" = 3 ]
	[ ! -e x ]
}

@test "dolma-dedup: --read-only does not mark exactly what is in the key file" {
	dolma-dedup --by paragraph --keys-out k documents/0.jsonl
	dolma-dedup --by paragraph --keys k --read-only --name p documents/1.jsonl >o
	jq -r '.text as $t | .attributes.p[] | $t[.[0]:.[1] - 1]' o | sort -u >got
	comm -12 <(jq -r .text documents/0.jsonl | sort -u) <(jq -r .text documents/1.jsonl | sort -u) |
		grep . | diff - got && [ -s got ]
	dolma-dedup --by paragraph --store bloom --expect 1000 --fpr 1e-12 --keys-out b documents/0.jsonl
	dolma-dedup --by paragraph --keys b --read-only --name p documents/1.jsonl | cmp - o
	run dolma-dedup --by paragraph --keys b documents/0.jsonl
	[ "$status" = 2 ]
	grep -q read-only <<<"$output"
	dolma-dedup --by paragraph --store bloom --expect 1000 --fpr 1e-12 --keys-out b2 documents/2.jsonl
	dolma-dedup --merge -o b3 b b2
	dolma-dedup --by paragraph --keys b3 --read-only --name p documents/2.jsonl >o
	[ "$(jq '.attributes.p | length' o | awk '{ n += $1 } END { print n + 0 }')" = "$(jq -r .text documents/2.jsonl | grep -c .)" ]
}

@test "dolma-dedup: a full Bloom filter is silent" {
	run dolma-dedup --by paragraph --store bloom --expect 10 --stats s -o x documents/0.jsonl
	[ "$status" = 0 ]
	grep -q 'made for 10 keys' <<<"$output"
	[ "$(jq .bloom_over_capacity s)" = 1 ]
	[ "$(jq .bloom_capacity s)" = 10 ]
	run dolma-dedup --by paragraph --store bloom --expect 1000 --stats s -o x documents/0.jsonl
	[ -z "$output" ]
	[ "$(jq .bloom_over_capacity s)" = 0 ]
	[ "$(jq .bloom_hashes s)" = 20 ]
	[ "$(jq .bloom_bits s)" -le 29000 ]
	run dolma-dedup --by paragraph --store bloom documents/0.jsonl
	[ "$status" = 2 ]
}

@test "dolma-dedup: a document without the key passes, or --missing skip stops" {
	printf '%s\n' '{"id":"a","text":"t"}' '{"id":"b","text":"t","metadata":{"url":3}}' \
		'{"id":"c","text":"t","metadata":{"url":null}}' '{"id":"d","text":"t","metadata":{"url":"u"}}' \
		'{"id":"e","text":"t","metadata":{"url":"\u0075"}}' >m.jsonl
	run dolma-dedup --by url -o x m.jsonl
	[ "$status" = 3 ]
	grep -q "m.jsonl:1: .*metadata.url" <<<"$output"
	[ ! -e x ]
	sed -n 2,5p m.jsonl >n.jsonl
	run dolma-dedup --by url n.jsonl
	[ "$status" = 3 ]
	grep -q "n.jsonl:1: " <<<"$output"
	dolma-dedup --by url --missing skip --stats s m.jsonl >o
	[ "$(marked dedup_url o)" = '"e"' ]
	[ "$(jq .docs_without_key s)" = 3 ]
}

@test "dolma-dedup: counts are not those of the spans" {
	dolma-dedup --by paragraph --name p --stats s --manifest m documents/?.jsonl >o
	[ "$(jq .spans s)" = "$(jq '.attributes.p | length' o | awk '{ n += $1 } END { print n + 0 }')" ]
	[ "$(jq .counts.docs_marked m)" = "$(marked p o | wc -l)" ]
	[ "$(jq .chars_marked s)" = "$(jq '.attributes.p[] | .[1] - .[0]' o | awk '{ n += $1 } END { print n + 0 }')" ]
	[ "$(jq .docs_in s)" = 300 ]
	[ "$(jq .docs_out s)" = 300 ]
}

@test "dolma-dedup: wrong command lines are accepted" {
	for line in "" "--by nothing" "--by ngram:0" "--by document --keys k --keys-out k" \
		"--by document --read-only" "--merge k" "--merge -o x" "--by document --name 9a" \
		"--by paragraph --separator=" "--by document --fpr 0.9" "--by document --key-bits 96" \
		"--by document --keys-out k -o x" "--by paragraph --dolma-compat --min-words 3"; do
		run dolma-dedup $line documents/0.jsonl
		[ "$line" != "--merge -o x" ] || run dolma-dedup $line
		[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ] || { echo "$line: $status $output"; false; }
	done
}

@test "dolma-dedup: -n does something, or does not say what" {
	dolma-dedup -n --by document --store bloom --expect 1000000 -o x documents/0.jsonl >o
	grep -q '^memory.359' o && grep -q '^write.x$' o && [ ! -e x ]
	dolma-dedup -n --by document --keys-out k documents/0.jsonl | grep -q '^write.k$'
	dolma-dedup -n --merge -o a k1 k2 | grep -q '^write.a$'
	[ ! -e k ]
	[ ! -e a ]
}

@test "dolma-dedup: no room for key files, or killed: a part of them is left" {
	probe_full_file o/k dolma-dedup --by paragraph --keys-out o/k documents/0.jsonl
	dolma-dedup --by paragraph --keys-out k documents/0.jsonl
	probe_full_file o/all dolma-dedup --merge -o o/all k
	gzip -c documents/0.jsonl | head -c 800 >cut.jsonl.gz
	probe_truncated o/k cut.jsonl.gz dolma-dedup --by paragraph --keys-out o/k cut.jsonl.gz
	mkdir -p o
	run probe_kill "$TMP/o/k" documents/0.jsonl dolma-dedup --by paragraph --keys-out o/k
	[ "$status" = 0 ] || { echo "$output"; false; }
}
