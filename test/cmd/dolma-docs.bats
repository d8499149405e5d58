load ../lib/olmo

@test "dolma-docs: ids are paths below --base, text is copied to the byte" {
	mkdir -p in/b && printf 'one\n"two"\t\\\n' >in/b/x.txt && printf 'z' >in/a.txt
	dolma-docs --from text --source s --base in in >o.jsonl
	[ "$(jq -r .id o.jsonl | tr '\n' ' ')" = "s/a.txt s/b/x.txt " ]
	jq -j 'select(.id == "s/b/x.txt").text' o.jsonl | cmp - in/b/x.txt
	[ "$(jq -c 'keys_unsorted' o.jsonl | sort -u)" = \
		'["id","text","source","added","created","metadata"]' ]
}

@test "dolma-docs: lines: one document a line, empty ones counted" {
	printf 'a\n\nb' | dolma-docs --from lines --source s --stats st >o.jsonl
	[ "$(jq -r .id o.jsonl | tr '\n' ' ')" = "s/-:1 s/-:3 " ]
	[ "$(jq .lines_empty st)" = 1 ]
}

@test "dolma-docs: ill-formed UTF-8 becomes U+FFFD and is counted, a NUL stays" {
	printf 'a\377b\303(\340\240c\0d' >x
	dolma-docs --from text --source s --stats st x >o.jsonl
	[ "$(jq -c '.text | explode' o.jsonl)" = '[97,65533,98,65533,40,65533,99,0,100]' ]
	[ "$(jq .docs_repaired st)" = 1 ] && [ "$(jq .sequences_repaired st)" = 3 ]
}

@test "dolma-docs: source: the language by its suffix; compressed input by its magic" {
	echo 'int x;' | gzip >x.c
	dolma-docs --from source --source s x.c >o.jsonl
	[ "$(jq -r .text o.jsonl)" = 'int x;' ] && [ "$(jq -r .metadata.language o.jsonl)" = c ]
}

@test "dolma-docs: a kind that it does not read and a missing file are errors" {
	run dolma-docs --from warc --source s x
	[ "$status" = 2 ]
	run dolma-docs --from text --source s -o o.jsonl none
	[ "$status" = 3 ] && grep -q "none" <<<"$output" && [ ! -e o.jsonl ]
	printf 'long line\n' >x
	run dolma-docs --from lines --source s --max-bytes 3 x
	[ "$status" = 3 ] && grep -q 'x:1' <<<"$output"
}

@test "dolma-docs: seal, manifest and stats agree" {
	seq 100 >x
	dolma-docs --from lines --source s --seal -o o.jsonl.zst x
	tail=$(zstdcat o.jsonl.zst | tail -n 1)
	[ "$(jq .seal.docs <<<"$tail")" = 100 ]
	[ "$(zstdcat o.jsonl.zst | head -n 100 | xxhsum -H2 2>/dev/null | cut -c1-32 ||
		true)" = "$(jq -r .seal.xxh3 <<<"$tail")" ] || ! command -v xxhsum
	[ "$(jq .counts.docs_out o.jsonl.zst.manifest.json)" = 100 ]
	! grep -q "$TMP" o.jsonl.zst.manifest.json
}
