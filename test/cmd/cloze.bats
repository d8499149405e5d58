#!/usr/bin/env bats
# The demo's questions and prompts from held-out text.
load ../lib/olmo

# Words of letters that seldom come again, with quotes, newlines and bytes beyond ASCII between them.
# texts PREFIX N
texts() {
	awk -v p="$1" -v n="$2" 'BEGIN {
		split(" , |.\\n|  | \\\" |\\n\\t|é |: ", gap, "|")
		s = 7
		for (i = 1; i <= n; i++) {
			t = ""
			for (k = 0; k < 400; k++) {
				s = (s * 48271) % 2147483647
				w = ""
				for (v = s; v > 300; v = int(v / 26))
					w = w substr("abcdefghijklmnopqrstuvwxyz", 1 + v % 26, 1)
				t = t w (s % 9 ? " " : gap[1 + int(s / 9) % 7])
			}
			printf "{\"id\":\"%s%d\",\"text\":\"%s\"}\n", p, i, t
		}
	}'
}

local_setup() {
	cloze=$ROOT/pipelines/demo/cloze.sh
	mkdir -p d/a/val d/b/val
	texts x 12 | gzip >d/a/val/0000.jsonl.gz
	texts y 15 | tac | gzip >d/b/val/0000.jsonl.gz
	texts 'z"' 0 | gzip >d/b/val/0001.jsonl.gz
}

@test "cloze: a question is not the text's own, or length, words or place tell the answer" {
	sh "$cloze" d 60 >q
	[ "$(wc -l <q)" = 60 ]
	sh "$cloze" d 60 | cmp - q
	[ "$(jq -r .source q | sort | uniq -c | awk '{ print $1, $2 }' | paste -sd,)" = "30 a,30 b" ]
	[ "$(jq .answer q | sort | uniq -c | awk '{ print $1 }' | sort -u | wc -l)" -le 2 ]
	gzip -dc d/*/val/*.gz | jq -c '{key: .id, value: .text}' | jq -s from_entries >texts
	# context, a space, the right choice stand in the document named; the others do not, of the same words
	jq -e -s --slurpfile t texts 'all(.[]; . as $q | $t[0][.id | split("@")[0]] as $text |
		(.choices | length == 4 and (unique | length) == 4) and
		(.choices | map(split(" ") | sort) | unique | length) == 1 and
		([range(4) | select(. as $i | $text | contains($q.context + " " + $q.choices[$i]))] == [$q.answer]) and
		(.choices[0] | tojson | utf8bytelength | . >= 52 and . <= 72) and
		(.context | tojson | utf8bytelength | . >= 252 and . <= 322))' q
	cp q heldout.validation.jsonl
	[ "$(catwalk -t jsonl:heldout --data . --regime inloop --dump-requests | wc -l)" = 240 ]
}

@test "cloze, prompts: damaged or absent text passes" {
	sh "$cloze" d 100000 >q 2>err
	grep -q "$(wc -l <q) questions, not 100000" err
	sh "$ROOT/pipelines/demo/prompts.sh" d >p
	gzip -dc d/a/val/*.gz | head -n 1 | jq -e --slurpfile p p '.text[0:80] as $t | .id == $p[0].id and
		($t | startswith($p[0].prompt)) and ($p[0].prompt | test("\\s$") | not) and ($p[0].prompt | length > 60)'
	[ "$(wc -l <p)" = 2 ]
	head -c 900 d/b/val/0000.jsonl.gz >x
	mv x d/b/val/0000.jsonl.gz
	for s in cloze prompts; do
		run sh "$ROOT/pipelines/demo/$s.sh" d
		[ "$status" != 0 ]
		run sh "$ROOT/pipelines/demo/$s.sh" nowhere
		[ "$status" = 3 ]
	done
}
