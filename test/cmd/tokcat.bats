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
	# humanize 4.17.0
	for pair in '1:1.00 T' '99:99.0 T' '9995:9.99 kT' '9996:10.0 kT' '99950:100 kT' '999500:1.00 MT'; do
		truncate -s $((2 * ${pair%:*})) h.ds
		le 8 "${pair%:*}" >h.ds.index
		tokcat --to datatrove --from datatrove -o i.ds h.ds
		[ "$(tail -n 1 i.ds.metadata)" = "${pair#*:}" ]
	done
	rm b.tok.docs.csv.gz
	run tokcat --to megatron -o n b.tok
	[ "$status" = 3 ]
	[ ! -e n.bin ]
	[ ! -e n.idx ]
}

# le N V..: little-endian integers of N bytes
le() {
	local n=$1 v k
	shift
	for v; do
		for ((k = 0; k < n; k++)); do printf "\\x$(printf %02x $(((v >> (8 * k)) & 255)))"; done
	done
}

@test "what was written in another form does not come back" {
	set -- --to tok --vocab-size 1000 --eos-id 999
	for w in u16 u32; do
		for f in npy numpy megatron llmc datatrove; do
			x=x-$f-$w
			d=
			if [ $f = npy ]; then # nothing in the file says its width
				x=$x.npy
				d="--dtype $w"
			fi
			tokcat --to $f --dtype $w -o $x a.tok
			tokcat "$@" --from $f $d -o y.tok $x
			cmp y.tok a.tok
			case $f in
			npy) cmp <(tokcat --docs y.tok) <(tokcat --docs a.tok) ;;
			megatron | datatrove)
				cmp <(tokcat --docs y.tok | cut -f1,2) <(tokcat --docs a.tok | cut -f1,2)
				[ "$(tokcat --docs --doc 3 y.tok | cut -f3,5)" = "$(printf '3\t4')" ]
				rm y.tok.docs.csv.gz
				;;
			esac
		done
	done
	tokcat --to nanogpt -o n.bin a.tok
	tokcat "$@" --from nanogpt -o y.tok n.bin
	cmp y.tok a.tok
	# from one form to another
	tokcat --to datatrove --from megatron -o z.ds x-megatron-u16.idx
	cmp z.ds a.npy
	cmp z.ds.index x-datatrove-u16.index
	[ "$(tokcat --info --from llmc x-llmc-u32 | jq -c '[.dtype,.count]')" = '["u32",1000]' ]
}

# Files laid out by hand as their own programs document it, not by this one.
@test "files of other programs are misread" {
	# megatron/core/datasets/indexed_dataset.py: two documents, of one and two sequences
	{ printf 'MMIDIDX\0\0'; le 8 1; le 1 8; le 8 3 3; le 4 2 1 3; le 8 0 4 6; le 8 0 1 3; } >g.idx
	le 2 5 6 7 8 9 65535 >g.bin
	tokcat --to tok --from megatron -o g.tok g
	[ "$(tokcat --ids g.tok | tr '\n' ' ')" = "5 6 7 8 9 65535 " ]
	[ "$(tokcat --docs g.tok)" = "$(printf '0\t2\t0\tg.idx\t1\n2\t6\t1\tg.idx\t2')" ]
	# llm.c's dev/data/data_common.py
	{ le 4 20240520 1 3; head -c 1012 /dev/zero; le 2 1 2 3; } >l.bin
	[ "$(tokcat --ids --from llmc l.bin | tr '\n' ' ')" = "1 2 3 " ]
	{ le 4 20240801 7 2; head -c 1012 /dev/zero; le 4 1 128000; } >m.bin
	[ "$(tokcat --ids --from llmc m.bin | tr '\n' ' ')" = "1 128000 " ]
	# datatrove/pipeline/tokens/tokenizer.py
	le 2 4 5 6 >d.ds
	le 8 1 1 3 >d.ds.index
	printf 'gpt2|2\n3\n3.00 T' >d.ds.metadata
	printf '\1\1\0' >d.ds.loss
	tokcat --to tok --from datatrove -o d.tok d.ds
	cmp d.ds.loss d.tok.mask
	[ "$(tokcat --docs d.tok | cut -f1,2 | tr '\t\n' ': ')" = "0:1 1:1 1:3 " ]
	# numpy/lib/format.py, versions 1.0 and 2.0
	printf "\x93NUMPY\1\0v\0%-117s\n" "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }" >n.npy
	le 4 70000 7 >>n.npy
	[ "$(tokcat --ids --from numpy n.npy | tr '\n' ' ')" = "70000 7 " ]
	printf "\x93NUMPY\2\0t\0\0\0%-115s\n" "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }" >n.npy
	le 2 7 8 >>n.npy
	[ "$(tokcat --ids --from numpy n.npy | tr '\n' ' ')" = "7 8 " ]
}

# bad MESSAGE FORM FILE
bad() {
	run tokcat --to tok --vocab-size 1000 --from "$2" -o bad.tok "$3"
	[ "$status" = 3 ] || { echo "$3 is taken"; return 1; }
	[[ $output == *"$1"* ]] || { echo "$output"; return 1; }
	[ ! -e bad.tok ]
}

# poke FILE OFFSET BYTES..: a copy x.EXT with other bytes
poke() {
	cp "$1" "x.${1##*.}"
	le 1 "${@:3}" | dd of="x.${1##*.}" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

@test "foreign or damaged headers are believed" {
	tokcat --to megatron -o m a.tok
	cp m.bin x.bin
	poke m.idx 0 0; bad x.idx@0: megatron x
	poke m.idx 9 2; bad x.idx@9: megatron x
	poke m.idx 17 5; bad x.idx@17: megatron x
	poke m.idx 18 200; bad "x.idx@" megatron x
	poke m.idx 25 255; bad truncated megatron x
	poke m.idx 34 200; bad "sequence 1 begins" megatron x
	poke m.idx "$(($(stat -c %s m.idx) - 8))" 1; bad "begins with sequence" megatron x
	head -c -1 m.idx >x.idx; bad truncated megatron x
	{ cat m.idx; printf x; } >x.idx; bad longer megatron x
	cp m.idx x.idx
	head -c -2 m.bin >x.bin; bad x.bin@1998: megatron x
	{ cat m.bin; printf xx; } >x.bin; bad x.bin@2000: megatron x
	tokcat --to llmc -o l.bin a.tok
	poke l.bin 0 0; bad "x.bin@0:" llmc x.bin
	poke l.bin 0 138; bad evaluation llmc x.bin
	poke l.bin 4 2; bad "x.bin@4:" llmc x.bin
	poke l.bin 8 233; bad truncated llmc x.bin
	poke l.bin 8 231; bad behind llmc x.bin
	head -c 1000 l.bin >x.bin; bad x.bin@1000 llmc x.bin
	tokcat --to datatrove -o d.ds a.tok
	cp d.ds x.ds; cp d.ds.metadata x.ds.metadata
	head -c -1 d.ds.index >x.ds.index; bad x.ds.index@ datatrove x.ds
	head -c -8 d.ds.index >x.ds.index; bad x.ds.index@ datatrove x.ds
	{ le 8 9999; tail -c +9 d.ds.index; } >x.ds.index; bad "document 1 ends" datatrove x.ds
	cp d.ds.index x.ds.index
	printf 'gpt2\n1000\n' >x.ds.metadata; bad x.ds.metadata:1: datatrove x.ds
	printf 'gpt2|2\nmany\n' >x.ds.metadata; bad x.ds.metadata:2: datatrove x.ds
	printf 'gpt2|2\n1001\n' >x.ds.metadata; bad x.ds@2000 datatrove x.ds
	printf 'gpt2|4\n500\n' >x.ds.metadata; bad "has 500 ids" datatrove x.ds
	tokcat --to numpy -o n.npy a.tok
	bad "header of numpy" npy n.npy
	bad "header of llmc" nanogpt l.bin
	bad "header of megatron" nanogpt m.idx
	bad "header of a token file" nanogpt a.tok
	bad "not a .npy" numpy a.npy
	bad "not a token file" tok a.npy
	{ cat n.npy; printf xx; } >x.npy; bad "another size" numpy x.npy
	run tokcat --info --from llmc --dtype u32 l.bin
	[ "$status" = 3 ]
	[[ $output == *"says u16, not u32"* ]]
	tokcat --verify --from megatron m
	run tokcat --verify --from megatron nowhere
	[ "$status" = 3 ]
	run tokcat --verify --from megatron --vocab-size 900 m
	[ "$status" = 1 ]
	run tokcat --docs --from megatron m
	[ "$status" = 2 ]
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
	for how in --text --ids --info --docs "--ids --instance 0:5" "--to npy -o o.npy"; do
		run tokcat $how -t other.json t.tok
		[ "$status" = 3 ]
		[[ $output == *t.tok@48:* ]]
		[ ! -e o.npy ]
	done
	run tokcat --verify -t other.json t.tok
	[ "$status" = 1 ]
	[[ $output == *t.tok@48:* ]]
	tokcat -f --ids -t other.json t.tok >/dev/null
	tokcat --verify -t tok.json t.tok
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

# Files that the other programs made themselves (test/ref/formats/make.py says which versions).
same_files() {
	local f
	for f in "${@:3}"; do cmp "$1$f" "$2$f"; done
}

theirs() {
	F=$ROOT/test/ref/formats
	T=$ROOT/test/ref/tokenizer/cl100k.json
	TROVE=$F/trove_00000_unshuffled.ds
	cp "$F/docs.jsonl" .
	tokenize -q -t "$T" -o o.tok docs.jsonl
}

@test "what is written is not what the other programs write" {
	theirs
	tokcat --to datatrove --tokenizer-name cl100k.json -o t.ds o.tok
	same_files t.ds "$TROVE" '' .index .metadata
	tokcat --to megatron -o m o.tok
	same_files m "$F/megatron16" .bin .idx
	tokcat --to megatron --dtype u32 -o m o.tok
	same_files m "$F/megatron32" .bin .idx
	for w in 16 32; do
		tokcat --to llmc --dtype u$w -o l.bin o.tok
		cmp l.bin "$F/llmc$w.bin"
		tokcat --to numpy --dtype u$w -o n.npy o.tok
		cmp n.npy "$F/numpy$w.npy"
	done
	tokcat --to nanogpt -o g.bin o.tok
	cmp g.bin "$F/nanogpt.bin"
	# Dolma writes documents in an order of its own
	zcat "$F/dolma.csv.gz" | tr -d '\r' | sed 's/.*,//' | while read -r k; do sed -n "${k}p" docs.jsonl; done >sorted
	tokenize -q -t "$T" --format npy -o d.npy sorted
	cmp d.npy "$F/dolma.npy"
	cmp <(zcat d.csv.gz | sed 's/,[^,]*,[^,]*$//') <(zcat "$F/dolma.csv.gz" | sed 's/,[^,]*,[^,]*$//')
}

@test "what the other programs write is misread" {
	theirs
	set -- --to tok -t "$T" --eos-id 0
	ends=$(tokcat --docs o.tok | cut -f 1,2)
	for f in "datatrove $TROVE" "megatron $F/megatron16" "megatron $F/megatron32" "megatron $F/megatron-sentences" \
		"llmc $F/llmc16.bin" "llmc $F/llmc32.bin" "numpy $F/numpy16.npy" "numpy $F/numpy32.npy" "nanogpt $F/nanogpt.bin"; do
		rm -f y.tok*
		tokcat "$@" --from "${f% *}" -o y.tok --dtype "$(case $f in *32*) echo u32 ;; *) echo u16 ;; esac)" "${f#* }"
		tokcat --verify y.tok
		cmp <(tokcat --ids y.tok) <(tokcat --ids o.tok)
		case $f in
		*16* | nano* | data*) cmp y.tok o.tok ;;
		esac
		case $f in
		mega* | data*) [ "$(tokcat --docs y.tok | cut -f 1,2)" = "$ends" ] ;;
		esac
	done
	# and the way back
	loss=$F/loss_00000_unshuffled.ds
	tokcat "$@" --from datatrove -o l.tok "$loss"
	tokcat --to datatrove --tokenizer-name cl100k.json -o l.ds l.tok
	same_files l.ds "$loss" '' .index .metadata .loss
	[ "$(tr -d '\1' <"$loss.loss" | wc -c)" -gt 5 ]
	tokcat "$@" -o d.tok "$F/dolma.npy"
	tokcat --to npy -o d.npy d.tok
	cmp d.npy "$F/dolma.npy"
	cmp <(zcat d.csv.gz) <(zcat "$F/dolma.csv.gz")
	tokcat --to datatrove --from megatron -o z.ds "$F/megatron16"
	same_files z.ds "$TROVE" '' .index
}
