#!/usr/bin/env bats
# shuffle: orders are OLMo's, copies keep what was there, traces find it again.
load ../lib/olmo

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
	mk b 777 2
	mk c 100 3
	set -- a.tok b.tok c.tok
	cat >conf.yaml <<-Y
		seed: 6198
		model: {max_sequence_length: 32}
		data: {paths: [a.tok, b.tok, c.tok]}
		global_train_batch_size: 4
		max_duration: 3ep
	Y
}

# numpy 1.24.2: a = np.arange(n, dtype=np.uint32); np.random.Generator(np.random.PCG64(seed)).shuffle(a);
# sha256 of a.tobytes()
@test "the order differs from numpy's" {
	while read -r seed n sum; do
		shuffle --order --count "$n" --seed "$seed" --raw -o o.npy
		[ "$(sha256sum <o.npy | cut -d' ' -f1)" = "$sum" ]
	done <<-E
		0 2 01acecb507abfe1a354aa8064f4af5d3f1acd019e37db3c11c97523b71c76e9d
		0 10 4955438a08f34afdbdd2fe9cc209ca5e80d2e1dfedf3c21b85288b86a03bf18b
		6198 16 c1c546ce2ed5b9821bdbc1ffcc47ea3a590383f204401f6c7398ac1e41ad9218
		3920 1000 479ab4833676b081eab924533b0270031195987ac363b85bf98ea7f6c9b71953
		6198 100000 078a1b0cbed7a6e2ab1a2baaf335a1d5b96fd1b1137e10d4e8ac087f0c33e9c1
		18446744073709551615 70001 89b8ff1f4d8108a5caf513fb1bb36a093b0661cc57b4d8fb85838f802bc872fb
	E
	# the epoch is added to the seed
	shuffle --order --count 100 --seed 6198 --epoch 1 --raw -o a.npy
	shuffle --order --count 100 --seed 6199 --raw -o b.npy
	cmp a.npy b.npy
}

@test "the world size does not cut or lengthen as OLMo does" {
	shuffle --order --count 10 --seed 1 --raw -o all.npy
	shuffle --order --count 10 --seed 1 --world-size 4 --raw -o cut.npy
	cmp cut.npy <(head -c 32 all.npy)
	shuffle --order --count 10 --seed 1 --world-size 4 --no-drop-last --raw -o long.npy
	cmp long.npy <(cat all.npy <(head -c 8 all.npy))
	shuffle --order --count 3 --seed 1 --world-size 8 --no-drop-last --raw -o few.npy
	[ "$(stat -c %s few.npy)" = 32 ]
	cmp <(head -c 12 few.npy) <(tail -c +13 few.npy | head -c 12)
}

@test "an order file is not its raw order with a header, or forgets what it is of" {
	for algo in numpy feistel sequential; do
		shuffle --order --seq-len 32 --seed 7 --epoch 2 --algo $algo -o x.order a.tok b.tok c.tok
		shuffle --order --seq-len 32 --seed 7 --epoch 2 --algo $algo --raw -o x.npy a.tok b.tok c.tok
		cmp <(tail -c +4097 x.order | head -c -64) x.npy
		tokcat --verify x.order
		[ "$(tokcat --ids x.order | sort -n | uniq | wc -l)" = 58 ]
		[ "$(tokcat --info x.order | jq -c '[.order,.instances,.seq_len,.seed,.epoch,.drop_last]')" = \
			"[\"$algo\",58,32,7,2,true]" ]
	done
	shuffle --order --seq-len 32 --seed 7 -o - a.tok b.tok c.tok >y.order
	shuffle --order --seq-len 32 --seed 7 -o z.order a.tok b.tok c.tok
	cmp y.order z.order
	shuffle --order --seq-len 32 -n a.tok b.tok c.tok | jq -e '.instances == 58 and .entries == 58'
}

@test "a copy loses or invents instances, or does not follow the order" {
	shuffle --order --seq-len 32 --seed 5 -o s.order a.tok b.tok c.tok
	shuffle --copy --order-file s.order -o s.tok a.tok b.tok c.tok
	shuffle --copy --seq-len 32 --seed 5 -o t.tok a.tok b.tok c.tok
	cmp s.tok t.tok
	cmp s.tok.docs.csv.gz t.tok.docs.csv.gz
	tokcat --verify s.tok
	shuffle --verify s.tok a.tok b.tok c.tok
	k=0
	for i in $(tokcat --ids s.order | head -n 5); do
		cmp <(tokcat --ids --instance $i:32 a.tok b.tok c.tok) <(tokcat --ids --instance $k:32 s.tok)
		k=$((k + 1))
	done
	run shuffle --copy --order-file s.order -o u.tok a.tok c.tok b.tok
	[ "$status" = 3 ]
	[ ! -e u.tok ]
}

@test "memory or threads change a copy, or a file of theirs stays" {
	mk big 40000 4
	for how in "--seq-len 32" "--seq-len 3000" "--unit document" "--seq-len 7 --algo feistel"; do
		shuffle --copy $how --seed 5 -o s.tok a.tok big.tok c.tok
		shuffle --verify s.tok a.tok big.tok c.tok
		for m in "40K -j 1" "40K -j 3" "70K -j 2" "40K -j 1 --passes 2" "40K -j 3 --passes 2" "70K -j 2 --passes 2"; do
			shuffle --copy $how --seed 5 --memory $m -o t.tok a.tok big.tok c.tok
			cmp s.tok t.tok
			cmp s.tok.docs.csv.gz t.tok.docs.csv.gz
		done
	done
	[ "$(jq -c .inputs s.tok.manifest.json)" = "$(jq -c .inputs t.tok.manifest.json)" ]
	[ "$(jq -r '.inputs[1].xxh3' t.tok.manifest.json)" = "$(xxhsum -q -H128 big.tok | cut -d' ' -f1)" ]
	# an order that repeats instances
	shuffle --order --seq-len 32 --world-size 3000 --no-drop-last -o r.order big.tok
	shuffle --copy --order-file r.order -o s.tok big.tok
	shuffle --copy --order-file r.order --memory 64K --passes 2 -o t.tok big.tok
	cmp s.tok t.tok
	k=$(($(tokcat --ids r.order | wc -l) - 2))
	cmp <(tokcat --ids --instance $k:32 t.tok) \
		<(tokcat --ids --instance "$(tokcat --ids r.order | sed -n $((k + 1))p)":32 big.tok)
	run ls -A .
	[[ $output != *.tmp* ]]
	[[ $output != *.olmo* ]]
	run shuffle --copy --seq-len 32 --memory 8K --passes 2 -o u.tok big.tok
	[ "$status" = 3 ]
	[[ $output == *"would do"* ]]
	[ ! -e u.tok ]
	printf x | dd of=big.tok bs=1 seek=50000 conv=notrunc 2>/dev/null
	run shuffle --copy --seq-len 32 --memory 40K --passes 2 -o u.tok a.tok big.tok
	[ "$status" = 3 ]
	[[ $output == *big.tok@4096:* ]]
	[ ! -e u.tok ]
}

@test "standard input is no file, or the manifest forgets it" {
	shuffle --copy --seq-len 32 --seed 5 -o s.tok a.tok
	shuffle --copy --seq-len 32 --seed 5 --manifest m.json -o - - <a.tok >t.tok
	cmp <(tokcat --ids s.tok) <(tokcat --ids t.tok)
	[ "$(jq -r '.inputs[0].xxh3' m.json)" = "$(jq -r '.inputs[0].xxh3' s.tok.manifest.json)" ]
	jq -e '.inputs[0].path == "-" and .outputs[0].path == "-"' m.json
	shuffle --order --seq-len 32 -o a.order a.tok
	cmp a.order <(shuffle --order --seq-len 32 -o - - <a.tok)
}

@test "a run of train is not traced" {
	cat >train.yaml <<-Y
		model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 64, max_sequence_length: 32,
		  vocab_size: 1000, embedding_size: 1024, eos_token_id: 999, weight_tying: true,
		  init_fn: mitchell, rope: true, include_bias: false, layer_norm_type: default,
		  attention_dropout: 0.0, residual_dropout: 0.0, embedding_dropout: 0.0}
		seed: 6198
		optimizer: {name: adamw, learning_rate: 1e-2}
		scheduler: {name: constant}
		data: {paths: [a.tok, b.tok, c.tok]}
		max_duration: 16
		global_train_batch_size: 4
		device_train_microbatch_size: 4
	Y
	train -c train.yaml -o run >/dev/null
	for s in 1 9 16; do # 14 steps an epoch
		shuffle --which $s --run run >by-run
		shuffle --which $s --run train.yaml | cmp - by-run
		[ "$(cut -f3 by-run | uniq | tr '\n' '\t')" = "$(awk -v s=$s '$1 == s' run/data-indices/rank0.tsv | cut -f2- | tr '\n' '\t')" ]
	done
	id=$(cut -f4 by-run | head -n 1)
	shuffle --when "$id" --run run >when
	shuffle --when "$id" --run train.yaml | cmp - when
	grep -q "^16	" when
}

@test "the table of a copy names other documents than its ids are of" {
	shuffle --copy --seq-len 32 --seed 5 -o s.tok a.tok b.tok c.tok
	tokcat --docs s.tok >rows
	[ "$(awk '{ n += $2 - $1 } END { print n }' rows)" = 1856 ]
	n=0
	while read -r start end id source _; do
		tokcat --docs "${source%.jsonl.gz}.tok" | awk -v id="$id" '$3 == id' >row
		read -r from to _ <row
		tokcat --ids --tokens "$start:$end" s.tok | tr '\n' ' ' >part
		tokcat --ids --tokens "$from:$to" "${source%.jsonl.gz}.tok" | tr '\n' ' ' >whole
		grep -qF "$(cat part)" whole
		n=$((n + 1))
		[ $n -lt 25 ] || break
	done <rows
}

@test "documents are torn apart" {
	shuffle --copy --unit document --seed 5 -o d.tok a.tok b.tok c.tok
	shuffle --verify d.tok a.tok b.tok c.tok
	[ "$(tokcat --docs d.tok | cut -f3 | sort)" = "$(for f in a b c; do tokcat --docs $f.tok; done | cut -f3 | sort)" ]
	[ "$(tokcat --docs d.tok | cut -f3)" != "$(for f in a b c; do tokcat --docs $f.tok; done | cut -f3)" ]
	tokcat --docs --doc 40 d.tok >row
	f=$(cut -f4 row)
	k=$(cut -f5 row)
	cmp <(tokcat --ids --doc 40 d.tok) <(tokcat --ids --doc $((k - 1)) "${f%.jsonl.gz}.tok")
}

@test "verify takes what is no rearrangement" {
	shuffle --copy --seq-len 32 --seed 5 -o s.tok a.tok b.tok c.tok
	run shuffle --verify s.tok a.tok b.tok
	[ "$status" = 1 ]
	[[ $output == *s.tok@* ]]
	run shuffle --verify s.tok a.tok b.tok c.tok c.tok
	[ "$status" = 1 ]
	[[ $output == *missing* ]]
	# two instances exchanged for one twice: same number, other multiset
	shuffle --copy --seq-len 32 --algo sequential -o q.tok a.tok
	tokcat --to npy -o q.npy q.tok
	{ head -c 64 q.npy; head -c 64 q.npy; tail -c +129 q.npy; } >r.npy
	run shuffle --verify --seq-len 32 r.npy a.tok
	[ "$status" = 1 ]
	[[ $output == *"instance 1 "* ]]
	rm s.tok.manifest.json
	run shuffle --verify s.tok a.tok b.tok c.tok
	[ "$status" = 2 ]
	shuffle --verify --seq-len 32 s.tok a.tok b.tok c.tok
}

@test "a mixture has other proportions or another length" {
	shuffle --mix --tokens 5000 --seed 3 -o m.tok 3:a.tok 1:b.tok 0.5:c.tok
	tokcat --verify m.tok
	[ "$(tokcat --info m.tok | jq .count)" = 5000 ]
	tokcat --docs m.tok | awk '{ n[$4] += $2 - $1 } END {
		if (n["a.jsonl.gz"] < 3318 || n["a.jsonl.gz"] > 3348 || n["b.jsonl.gz"] < 1096 ||
		    n["b.jsonl.gz"] > 1126) exit 1 }'
	# proportions hold in every part
	tokcat --docs m.tok | awk '$2 < 1000 { n[$4] += $2 - $1 } END {
		if (n["a.jsonl.gz"] < 640 || n["a.jsonl.gz"] > 680) exit 1 }'
	# no document comes twice before all have come once
	[ "$(tokcat --docs m.tok | awk '$4 == "b.jsonl.gz"' | cut -f3 | head -n 75 | sort -u | wc -l)" = 75 ]
	shuffle --mix --tokens 5000 --seed 3 -o n.tok 3:a.tok 1:b.tok 0.5:c.tok
	cmp m.tok n.tok
	shuffle --mix --tokens 5000 --seed 4 -o n.tok 3:a.tok 1:b.tok 0.5:c.tok
	run cmp m.tok n.tok
	[ "$status" = 1 ]
	for w in 0:a.tok -1:a.tok x:a.tok a.tok; do
		run shuffle --mix --tokens 10 -o n.tok -- $w
		[ "$status" = 2 ]
	done
}

@test "which and when disagree, or with the order" {
	shuffle --order --seq-len 32 --seed 6198 -o e0.order a.tok b.tok c.tok
	shuffle --which 2 --run conf.yaml >w
	[ "$(cut -f3 w | uniq | tr '\n' ' ')" = "$(tokcat --ids e0.order | sed -n 5,8p | tr '\n' ' ')" ]
	[ "$(cut -f1,2 w | sort -u)" = "$(printf '2\t0')" ]
	IFS=$'\t' read -r step rank inst id where <w
	shuffle --when "$id" --run conf.yaml >x
	grep -q "^2	0	$inst	$id	$where$" x
	# 14 steps an epoch: step 16 is the second of epoch 1
	shuffle --order --seq-len 32 --seed 6198 --epoch 1 -o e1.order a.tok b.tok c.tok
	[ "$(shuffle --which 16 --run conf.yaml | cut -f3 | uniq | tr '\n' ' ')" = \
		"$(tokcat --ids e1.order | sed -n 5,8p | tr '\n' ' ')" ]
	[ "$(shuffle --which 2:1 --world-size 2 --run conf.yaml | cut -f3 | uniq | tr '\n' ' ')" = \
		"$(tokcat --ids e0.order | sed -n '6p;8p' | tr '\n' ' ')" ]
	run shuffle --when nobody --run conf.yaml
	[ "$status" = 3 ]
}

# numpy 2.4.6: a = np.arange(4195304, dtype=np.uint32); np.random.Generator(np.random.PCG64(6198 + epoch)).shuffle(a);
# sha256 of a[k * B : (k + 1) * B], one a line, k = (step - 1) % (4195304 // B)
@test "steps at OLMo's sizes, of files with more than 2^32 ids, are others than numpy's" {
	truncate -s $((2 * (4294967296 + 2048 * 500 + 7))) x.npy || skip "no sparse files of 8 GB"
	ln x.npy y.npy
	run_of() {
		printf '%s\n' 'seed: 6198' 'model: {max_sequence_length: 2048}' 'data: {paths: [x.npy, y.npy]}' \
			"global_train_batch_size: $1" 'max_duration: 1ep' >big.yaml
	}
	while read -r batch step sum; do
		run_of "$batch"
		[ "$(shuffle --which "$step" --run big.yaml | cut -f3 | sha256sum | cut -d' ' -f1)" = "$sum" ]
	done <<-E
		2160 556 4c7a6ec36c1ddde331a3ad4f50b4e638278ef0fe0ba345151559a96331293432
		2160 1943 e6d3e07483d8447150e94c973e355d7edb6d492d0bb0404d01b1848a51670938
		2048 2049 0bd009564eea9b5271e3ede57b02f2510b666afdf89d74e9c99c387a7e8e9b63
	E
	run_of 2160
	printf '4294967291,4294967299,doc-d,g,1\r\n' | gzip -n >y.csv.gz
	# instances 2097151 and 2097152 of y, behind the 2097652 of x
	[ "$(shuffle --when doc-d --run big.yaml | cut -f1-4)" = \
		"$(printf '1199\t0\t4194804\tdoc-d\n1230\t0\t4194803\tdoc-d')" ]
	[ "$(tokcat --ids --tokens 4294967298:4294967300 y.npy | tr '\n' ' ')" = "0 0 " ]
	[ "$(tokcat --ids --doc 0 y.npy | wc -l)" = 8 ]
}

@test "the indices that a run wrote are not believed" {
	mkdir -p run/data-indices
	sed 's/^max_duration.*/max_duration: 2/' conf.yaml >run/config.yaml
	printf '1\t3\t57\n2\t0\t31\n' >run/data-indices/rank0.tsv
	printf '1\t4\t5\n2\t6\t7\n' | gzip >run/data-indices/rank1.tsv.gz
	[ "$(shuffle --which 1 --run run | cut -f2,3 | uniq | tr '\t\n' ': ')" = "0:3 0:57 1:4 1:5 " ]
	[ "$(shuffle --which 2:1 --run run | cut -f2,3 | uniq | tr '\t\n' ': ')" = "1:6 1:7 " ]
	shuffle --when a-1 --run run >w
	[ "$(cut -f1-4 w)" = "$(printf '2\t0\t0\ta-1')" ]
	run shuffle --when a-60 --run run
	[ "$status" = 1 ]
	run shuffle --which 3 --run run
	[ "$status" = 3 ]
	printf '1\t3\tx\n' >run/data-indices/rank0.tsv
	run shuffle --which 1 --run run
	[ "$status" = 3 ]
	[[ $output == *rank0.tsv:1:* ]]
}

@test "modes and options that exclude each other are taken" {
	for o in "" "--order" "--order --copy" "--order --count 5 --seq-len 2 a.tok" "--copy a.tok" \
		"--mix 1:a.tok" "--verify a.tok" "--which 1" "--which 0 --run conf.yaml" \
		"--order --count 5 --algo torch" "--copy --unit word a.tok"; do
		run shuffle $o
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	run shuffle --order --count 4294967295 --seed 1 -o x.order
	[ "$status" = 3 ]
	[[ $output == *feistel* ]]
}

@test "the text of a step is read with another tokenizer" {
	docs 20 >d.jsonl
	tokenize --train --vocab-size 300 --special '<|endoftext|>' -o tok.json d.jsonl
	tokenize -q --train --vocab-size 310 --special '<|endoftext|>' -o other.json d.jsonl
	tokenize -t tok.json -o d.tok d.jsonl
	cat >c.yaml <<-Y
		model: {d_model: 16, n_heads: 2, n_layers: 1, mlp_hidden_size: 64, max_sequence_length: 32,
		  weight_tying: true, init_fn: mitchell, rope: true, include_bias: false, layer_norm_type: default}
		tokenizer: {identifier: tok.json}
		optimizer: {name: adamw, learning_rate: 1e-2}
		scheduler: {name: constant}
		data: {paths: [d.tok]}
		max_duration: 4
		global_train_batch_size: 2
		device_train_microbatch_size: 2
	Y
	shuffle --which 1 --run c.yaml --text | cut -f 6 | grep -q the
	run shuffle --which 1 --run c.yaml --text -t other.json
	[ "$status" = 3 ]
	[[ $output == *d.tok@48:* ]]
	shuffle -f --which 1 --run c.yaml --text -t other.json >/dev/null
}
