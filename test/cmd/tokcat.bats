#!/usr/bin/env bats
# tokcat: what it shows is what is there.
load ../lib/olmo

# mk NAME N SEED: N ids below 1000 in NAME.npy, a table of documents of 5 to 15 ids, NAME.tok
mk() {
	awk -v n="$2" -v s="$3" 'BEGIN { for (i = 0; i < n; i++) {
		s = (s * 1103515245 + 12345) % 2147483648; v = int(s / 65536) % 1000
		printf "%c%c", v % 256, int(v / 256) } }' >"$1.npy"
	awk -v n="$2" -v f="$1" 'BEGIN { for (i = 0; i < n; i = e) {
		e = i + 5 + (i * 7) % 11; if (e > n) e = n
		printf "%d,%d,%s-%d,%s.jsonl.gz,%d\r\n", i, e, f, ++k, f, k } }' |
		gzip -n >"$1.csv.gz"
	tokcat --to tok --vocab-size 1000 --eos-id 999 -o "$1.tok" "$1.npy"
}

local_setup() {
	mk a 1000 1
	mk b 77 2
}

@test "ids are not those of the raw file" {
	od -An -v -tu2 -w2 a.npy | tr -d ' ' >want
	tokcat --ids a.tok | cmp - want
	tokcat --ids a.npy | cmp - want
	[ "$(od -An -v -tu2 -w2 -j4096 -N2000 a.tok | tr -d ' ')" = "$(cat want)" ]
}

@test "npy and back loses something" {
	tokcat --to npy -o c.npy a.tok
	cmp c.npy a.npy
	zcat c.csv.gz >c.csv
	zcat a.csv.gz | cmp - c.csv
	tokcat --to tok --vocab-size 1000 --eos-id 999 -o c.tok c.npy
	cmp c.tok a.tok
	zcat c.tok.docs.csv.gz | cmp - c.csv
}

@test "numpy, llmc, nanogpt: the header is wrong or the ids differ" {
	tokcat --to numpy -o n.npy a.tok
	[ "$(head -c 6 n.npy | od -An -tx1)" = " 93 4e 55 4d 50 59" ]
	[ $((($(stat -c %s n.npy) - 2000) % 64)) = 0 ]
	tokcat --ids n.npy >ids
	tokcat --ids a.tok | cmp - ids
	tokcat --to llmc --dtype u32 -o l.bin a.tok
	[ "$(echo $(od -An -td4 -N12 l.bin))" = "20240801 7 1000" ]
	tail -c +1025 l.bin >l.npy
	tokcat --ids --dtype u32 l.npy | cmp - ids
	tokcat --to nanogpt a.tok | cmp - a.npy
}

@test "megatron, datatrove: the index is not that of the documents" {
	tokcat --to megatron -o m a.tok
	cmp m.bin a.npy
	n=$(tokcat --docs a.tok | wc -l)
	[ "$(stat -c %s m.idx)" = $((34 + 12 * n + 8 * (n + 1))) ]
	[ "$(echo $(od -An -tu8 -j18 -N16 m.idx))" = "$n $((n + 1))" ]
	od -An -v -td4 -w4 -j34 -N$((4 * n)) m.idx | tr -d ' ' >len
	tokcat --docs a.tok | awk '{ print $2 - $1 }' | cmp - len
	od -An -v -td8 -w8 -j$((34 + 4 * n)) -N$((8 * n)) m.idx | tr -d ' ' >ptr
	tokcat --docs a.tok | awk '{ print 2 * $1 }' | cmp - ptr
	tokcat --to datatrove -o d.ds a.tok
	cmp d.ds a.npy
	od -An -v -tu8 -w8 d.ds.index | tr -d ' ' >end
	tokcat --docs a.tok | cut -f2 | cmp - end
	[ "$(sed -n 2p d.ds.metadata)" = 1000 ]
	rm b.tok.docs.csv.gz
	run tokcat --to megatron -o n b.tok
	[ "$status" = 3 ]
	[ ! -e n.bin ]
	[ ! -e n.idx ]
}

@test "a slice is not the part it names" {
	tokcat --ids a.tok >ids
	tokcat --ids --tokens 10:13 a.tok | cmp - <(sed -n 11,13p ids)
	tokcat --ids --tokens 990: a.tok | cmp - <(tail -n 10 ids)
	tokcat --ids --tokens :3 a.tok | cmp - <(head -n 3 ids)
	[ "$(tokcat --ids --tokens 1000: a.tok)" = "" ]
	tokcat --docs --doc 2 a.tok >row
	[ "$(cut -f3-5 row)" = "$(printf 'a-3\ta.jsonl.gz\t3')" ]
	tokcat --ids --doc 2 a.tok | cmp - <(sed -n "$(($(cut -f1 row) + 1)),$(cut -f2 row)p" ids)
	# 1000 = 31 x 32 + 8: instance 31 is the first of b
	tokcat --ids --instance 31:32 a.tok b.tok | cmp - <(tokcat --ids --tokens :32 b.tok)
	for s in "--tokens 5:1001" "--tokens 1001:" "--doc 5000" "--instance 31:32" "--tokens 5:4" "--tokens 5"; do
		run tokcat --ids $s a.tok
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}

@test "info is not JSON, or says something else" {
	[ "$(tokcat --info a.tok b.tok | jq -c '[.dtype,.count,.vocab_size,.eos_id,.tokenizer]')" = \
		'["u16",1000,1000,999,null]
["u16",77,1000,999,null]' ]
	x=$(tokcat --info a.tok | jq -r .xxh3)
	[ "$x" = "$(tokcat --info a.npy | jq -r .xxh3)" ]
	[ ${#x} = 32 ]
}

@test "a stream is another file than the file, or cannot be read" {
	tokcat --to tok a.tok >s.tok
	[ "$(od -An -tx1 -j24 -N8 s.tok)" = " ff ff ff ff ff ff ff ff" ]
	cmp <(tail -c +4097 s.tok) <(tail -c +4097 a.tok)
	tokcat --verify s.tok
	tokcat --ids a.tok >ids
	tokcat --to tok - <s.tok | tokcat --ids | cmp - ids
	tokcat --to tok -o t.tok s.tok
	cmp t.tok a.tok
}

@test "damage is not status 1, or a missing file is" {
	head -c 5000 a.tok >cut.tok
	run tokcat --verify a.tok cut.tok b.tok
	[ "$status" = 1 ]
	[[ $output == *cut.tok@5000* ]]
	[ "${#lines[@]}" = 1 ]
	run tokcat --verify nowhere.tok
	[ "$status" = 3 ]
	run tokcat --ids cut.tok
	[ "$status" = 3 ]
	zcat a.tok.docs.csv.gz | sed '3s/^[0-9]*/9999/' | gzip -n >x
	mv x a.tok.docs.csv.gz
	run tokcat --verify a.tok
	[ "$status" = 1 ]
	[[ $output == *a.tok.docs.csv.gz:3:* ]]
}

@test "text is not what was tokenized" {
	printf 'the cat sat on the mat\nna\xc3\xafve caf\xc3\xa9 \xe2\x82\xac 5\nthe end\n' >t.txt
	jq -Rc '{id: "d\(input_line_number)", text: ., source: "t"}' t.txt >t.jsonl
	tokenize --train --vocab-size 270 --special '<|endoftext|>' -o tok.json t.jsonl
	tokenize -t tok.json -o t.tok t.jsonl
	[ "$(tokcat --text --skip-special --doc 1 -t tok.json t.tok)" = "$(sed -n 2p t.txt)" ]
	[ "$(tokcat --text -t tok.json t.tok | sed 's/<|endoftext|>/\n/g')" = "$(cat t.txt)" ]
	[ "$(tokcat --info t.tok | jq -r .tokenizer)" != null ]
	tokenize --train --vocab-size 265 --special '<|endoftext|>' -o other.json t.jsonl
	run tokcat --text -t other.json t.tok
	[ "$status" = 3 ]
	[[ $output == *t.tok@48:* ]]
}

@test "ids that do not fit are written" {
	printf '\1\0\1\0' >w.npy # one u32: 65537
	tokcat --to tok --dtype u32 -o w.tok w.npy
	run tokcat --to npy --dtype u16 -o v.npy w.tok
	[ "$status" = 3 ]
	[[ $output == *w.tok@4096:\ id\ 65537* ]]
	[ ! -e v.npy ]
	run tokcat --to tok --vocab-size 5 -o v.tok a.npy
	[ "$status" = 3 ]
	[ ! -e v.tok ]
	[ ! -e v.tok.docs.csv.gz ]
}

@test "modes and options that exclude each other are taken" {
	for o in "" "--ids --text" "--text" "--info --tokens 1:2" "--to what" "--ids --dtype u8" \
		"--ids --tokens 1:2 --doc 1" "--to megatron"; do
		run tokcat $o a.tok
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}
