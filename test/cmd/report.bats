#!/usr/bin/env bats
# olmo plot and olmo report: charts of logs, a page about runs.
load ../lib/olmo

# log FILE N: N steps; the loss falls, with one spike
log() {
	awk -v n="$2" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"step\":%d,\"train/CrossEntropyLoss\":%.4f,\"optim/learning_rate_group0\":%.6f}\n",
		    i, i == 7 ? 90.5 : 8 - 4 * i / n, 0.001 * i / n }' >"$1"
}

# A little run: documents, a mix with a rule, tokens are not made.
little_run() {
	mkdir -p "$1/raw" "$1/documents/web" "$1/run" "$1/eval/paloma"
	cd "$1" || return
	docs 30 >raw/web.jsonl
	printf 'streams:\n- name: s\n' >conf.yaml
	printf 'streams:\n- name: web\n  documents: [documents/web/*.zst]\n  attributes: [dup]\n' >mix.yaml
	printf '  filter: {exclude: ["$.attributes[?(@.dup[0])]"]}\n  output: {path: mix}\n' >>mix.yaml
	cat raw/web.jsonl raw/web.jsonl | dolma-mix -c conf.yaml -o documents/web/0.jsonl.zst -
	dolma-dedup --by document --name dup --attributes dup documents/web/*.zst
	dolma-mix -c mix.yaml --rules mix-rules.tsv -o mix
	log run/log.jsonl 20
	printf '{"run_name":"little <run>","model":{"d_model":8}}' >run/config.json
	printf 'source\tdomain\tdocs\tbytes\tbpb\nweb\tweb\t3\t1000\t2.5\nlaw\tlaw\t1\t500\t1.5\n' \
		>eval/paloma/metrics.tsv
	cd ..
}

@test "plot: valid XML, the same bytes again, a line and a legend for each log" {
	log a.jsonl 50
	log 'b<&".jsonl' 3000
	mkdir run && log run/log.jsonl 5
	olmo plot train/CrossEntropyLoss a.jsonl 'b<&".jsonl' run -o x.svg
	olmo plot train/CrossEntropyLoss a.jsonl 'b<&".jsonl' run -o y.svg
	cmp x.svg y.svg
	grep -q 'b&lt;&amp;&quot;.jsonl</text>' x.svg
	[ "$(grep -c 'stroke-width="1.8"' x.svg)" = 6 ]
	[ "$(grep -o 'stroke-dasharray="[^"]*"' x.svg | sort -u | wc -l)" = 2 ]
	if command -v xmllint >/dev/null; then xmllint --noout x.svg; fi
	# the spike of one step among 3000 is the top of the curve: its axis goes to 100
	grep -q '>100</text>' x.svg
}

@test "plot: points are where the axes say" {
	printf '{"step":%d,"v":%d}\n' 0 0 5 10 10 0 >v.jsonl
	olmo plot v v.jsonl -o v.svg
	# left, top middle, right of the frame
	frame=$(sed -n 's/.*<rect x="\([0-9]*\)" y="\([0-9]*\)" width="\([0-9]*\)" height="\([0-9]*\)".*/\1 \2 \3 \4/p' v.svg)
	read -r x y w h <<<"$frame"
	path=$(printf 'M%d.00 %d.00L%d.00 %d.00L%d.00 %d.00' "$x" $((y + h)) $((x + w / 2)) "$y" $((x + w)) $((y + h)))
	grep -qF "\"$path\"" v.svg || { echo "$frame: $path"; cat v.svg; false; }
	printf '{"step":%d,"v":1}\n' 1 10 100 >l.jsonl
	olmo plot --log-x v l.jsonl -o l.svg
	grep -qF "L$((x + w / 2)).00 " l.svg
}

@test "plot: a key that is not there names those that are; nothing is written" {
	log a.jsonl 5
	run olmo plot loss a.jsonl -o x.svg
	[ "$status" = 3 ] && grep -q "'loss'.* optim/learning_rate_group0 step train/CrossEntropyLoss" <<<"$output"
	[ ! -e x.svg ]
	printf '{"step":1,"v":1}\n{"step":2,"v"' >cut.jsonl
	run olmo plot v cut.jsonl -o x.svg
	[ "$status" = 3 ] && grep -q 'cut.jsonl:2: ' <<<"$output"
	[ ! -e x.svg ]
	run olmo plot v
	[ "$status" = 2 ]
	run olmo report --log-x .
	[ "$status" = 2 ]
}

@test "report: counts, rules, curves and bits of a run; what is absent is named" {
	little_run r
	olmo report r -o r.html
	grep -q '<h1>Report: little &lt;run&gt;</h1>' r.html
	# 60 documents, half of them twice
	grep -q '<td>web</td>.*<td class="n">60</td>' r.html
	grep -q '<h3>web</h3>' r.html
	grep -q '<tr><td><code>exclude\[0\].*<td class="n">30</td><td class="n">50.0 %</td>' r.html
	[ "$(grep -c '<svg' r.html)" = 3 ]
	grep -q '<td>mean</td>.*<td class="n">2.000</td>' r.html
	grep -q 'model.d_model</code></td><td><code>8<' r.html
	grep -q 'Left out.*mix-dropped.jsonl.*eval/catwalk/metrics.json.*eval/samples.jsonl.*stats/STAGE.NAME.json' r.html
	grep -q 'xz -9e' r.html && false
	printf 'source\tbytes\txz_bytes\tzstd_bytes\nlaw\t500\t100\t125\nweb\t1000\t400\t500\n' >r/eval/compress.tsv
	olmo report r -o r.html
	grep -q '<td>web</td>.*>2.500</td><td class="n">3.200</td><td class="n">4.000</td>' r.html
	grep -q '<td>mean</td>.*>2.000</td><td class="n">2.400</td><td class="n">3.000</td>' r.html
	mkdir r/eval/catwalk
	printf '{"tasks":[{"task_name":"t","num_instances":2,"primary_metric":"acc_raw","metrics":{%s}}]}' \
		'"acc_raw":0.5,"acc_raw_stderr":0.1,"bpb":1.5' >r/eval/catwalk/metrics.json
	printf '{"task_name":"%s","model_output":[%s]}\n' t 1,2 t 1,2,3,4 u 1 >r/eval/catwalk/predictions.jsonl
	olmo report r -o r.html
	grep -q '<td>t</td><td class="n">2</td><td>acc_raw (primary)</td><td class="n">0.5000</td><td class="n">0.1000</td><td class="n">0.3750</td>' r.html
	grep -q '<td>bpb</td><td class="n">1.5000</td><td class="n">–</td><td class="n">–</td>' r.html
	mkdir r/eval/catwalk-init
	sed 's/0\.5,/0.25,/' r/eval/catwalk/metrics.json >r/eval/catwalk-init/metrics.json
	olmo report r -o r.html
	grep -q '>0.5000</td><td class="n">0.1000</td><td class="n">0.2500</td><td class="n">0.3750</td>' r.html
	grep -q '0.250 untrained</text>' r.html
	grep -q 'Left out.*catwalk-init' r.html && false
	# every output of a manifest with its hash, seen from the run
	h=$(jq -r '.outputs[] | select(.path | endswith("gz")) | .xxh3' r/mix/manifest.json)
	grep -q "<code>mix/web-0000.jsonl.gz</code>.*<code>$h</code>" r.html
	grep -q "<code>mix-rules.tsv</code>" r.html
	# what passes through a pipe counts where it ends
	mkdir -p r/eval/data/web/val
	dolma-mix -c r/conf.yaml --seal --manifest r/eval/data/web/val/0.split.manifest.json r/raw/web.jsonl |
		head -n 12 | dolma-mix -c r/conf.yaml -o r/eval/data/web/val/0.jsonl.gz -
	olmo report r -o r.html
	grep -q '<td>web</td><td class="n">–</td><td class="n">–</td><td class="n">12</td>' r.html
	grep -q 'Programs: dolma-dedup [0-9.]*; dolma-mix [0-9.]*\.<' r.html
}

@test "report: examples under their stream and rule, with the value the rule saw" {
	little_run r
	cd r && dolma-mix -f -c mix.yaml --rules mix-rules.tsv --examples mix-dropped.jsonl -o mix && cd ..
	olmo report r -o r.html
	grep -q '<summary>5 of those dropped by <code>exclude\[0\]' r.html
	id=$(jq -r .id r/mix-dropped.jsonl | head -n 1)
	grep -qF "<p><code>$id</code>, " r.html
	grep -q 'characters, <code>{&quot;dup&quot;: ' r.html
}

@test "report: stages sum their runs; energy when it was read; speed; parameters of the checkpoint" {
	little_run r
	mkdir r/stats r/run/step1
	printf '{"program":"x","wall_s":%s,"cpu_s":%s,"max_rss_bytes":%s}' 1.5 1 3000000 >r/stats/mix.a-0.json
	printf '{"program":"x","wall_s":%s,"cpu_s":%s,"max_rss_bytes":%s}' 2 0.25 2000000 >r/stats/mix.b.c.json
	printf '{"wall_s":4,"cpu_s":8,"max_rss_bytes":1000000,"energy_joules":7200,"co2_grams":0.5}' >r/stats/train.run.json
	printf '{"step":%d,"wall_s":%s,"throughput/device/tokens_per_second":%d}\n' 1 0.5 100 2 0.25 300 3 1 200 >r/run/timing.jsonl
	cells() { printf '<td class="n">%s</td>' "$@"; }
	olmo report r -o r.html
	grep -qF "<td>mix</td>$(cells 2 3.50 1.25 3.0 – –)" r.html
	grep -qF "<td>train</td>$(cells 1 4.00 8.00 1.0 2.000 0.50)" r.html
	grep -qF "<td>all</td>$(cells 3 7.50 9.25 3.0 2.000 0.50)" r.html
	grep -q 'Median 200 tokens a second; all 3 steps 1.8 s' r.html
	# a checkpoint of an embedding of 6 x 4 and a matrix of 4 x 4
	h='{"model.embed_tokens.weight":{"dtype":"F32","shape":[6,4],"data_offsets":[0,96]},"w":{"dtype":"F32","shape":[4,4],"data_offsets":[96,160]}}'
	{ printf "\\x$(printf %x ${#h})\\0\\0\\0\\0\\0\\0\\0%s" "$h"; head -c 160 /dev/zero; } >r/run/step1/model.safetensors
	jq '.program = "train" | .inputs = [] | .counts = {steps: 1, tokens: 1234567} |
		.outputs = [.outputs[0] | .path = "step1/model.safetensors"]' r/mix/manifest.json >r/run/manifest.json
	olmo report r -o r.html
	grep -qF "<td>parameters</td>$(cells 40)" r.html
	grep -qF "<td>parameters without the embedding</td>$(cells 16)" r.html
	grep -qF "<td>tokens seen</td>$(cells 1,234,567)" r.html
	printf 12345 >r/run/step1/model.safetensors
	run olmo report r -o bad.html
	[ "$status" = 3 ] && grep -q 'step1/model.safetensors' <<<"$output"
}

@test "report: the same bytes for a run that was moved, no outside address, hostile text is text" {
	little_run r
	printf '%s\n' '{"rule":"web: x","id":"</pre><img src=x>","text":"<script>alert(1)</script>\u202e\u0001"}' \
		>r/mix-dropped.jsonl
	for i in 1 2 3 4 5 6 7; do
		printf '{"rule":"web: y","id":"y%d","text":"%0400d"}\n' $i $i
	done >>r/mix-dropped.jsonl
	printf '%s\n' '{"prompt":"<b>","completion":"&amp;\u0000"}' >r/eval/samples.jsonl
	olmo report r -o one.html
	cp -a r moved
	olmo report moved -o two.html
	cmp one.html two.html
	grep -qiE '<script|<img|<link|https?://' <(sed 's|http://www.w3.org/2000/svg||' one.html) && false
	grep -qF '&lt;script&gt;alert(1)&lt;/script&gt;' one.html
	grep -qF '&lt;b&gt;</b>&amp;amp;' one.html
	[ "$(grep -c '<code>y[0-9]</code>' one.html)" = 5 ]
	LC_ALL=C grep -qP '\x01|\x00|\xe2\x80\xae' one.html && false
	# 300 characters of each
	grep -qE '<pre>0{300}…</pre>' one.html
}

@test "report: several runs, damaged files, no run" {
	little_run r
	cp -a r s
	olmo report r s -o rs.html
	grep -q 'Runs side by side' rs.html
	grep -q '<tr><td>law</td><td class="n">1.500</td><td class="n">1.500</td></tr>' rs.html
	# one run without a source has no mean to compare
	sed -i /law/d s/eval/paloma/metrics.tsv
	olmo report r s -o rs2.html
	grep -q '<tr><td>law</td><td class="n">1.500</td><td class="n">–</td></tr>' rs2.html
	grep -q '<tr class="sum"><td>mean</td><td class="n">2.000</td><td class="n">–</td></tr>' rs2.html
	[ "$(grep -c '<h1>Report: [rs]</h1>' rs.html)" = 2 ]
	printf '{"rule":' >s/mix-dropped.jsonl
	run olmo report s -o bad.html
	[ "$status" = 3 ] && grep -q 's/mix-dropped.jsonl:1: ' <<<"$output"
	rm s/mix-dropped.jsonl
	printf 'web\tweb\n' >>s/eval/paloma/metrics.tsv
	run olmo report s -o bad.html
	[ "$status" = 3 ] && grep -q 'metrics.tsv:3: ' <<<"$output"
	mkdir empty
	run olmo report empty -o bad.html
	[ "$status" = 3 ]
	run olmo report nowhere -o bad.html
	[ "$status" = 3 ] && [ ! -e bad.html ]
}
