#!/usr/bin/env bats
# catwalk against OLMo's own evaluation, transformers and goldens of prompts and metrics
# (reference data, README there).
load ../lib/olmo

local_setup() {
	S=${OLMO_SHARED:-}/data
	mkdir m
	cp "$S"/model-conformance/olmo-eval-tiny/* m/ 2>/dev/null || true
	cp "$S/tokenizers/allenai_gpt-neox-olmo-dolma-v1_5.json" m/tokenizer.json 2>/dev/null || true
}

# close A B [ORACLE WHAT]: |a - b| <= 1e-4 + 2e-6 |b|, line by line
close() {
	[ $# -lt 4 ] || paste "$1" "$2" | table_row "$3" "$4" 1e-4+2e-6
	paste "$1" "$2" | awk '{ d = $1 - $2; if (d < 0) d = -d; b = $2 < 0 ? -$2 : $2
		if (NF != 2 || d > 1e-4 + 2e-6 * b) { print "line " NR ": " $0; bad = 1 } } END { exit bad }'
}

@test "loglikelihoods.jsonl: log-likelihoods, greedy or lengths differ" {
	need_shared model-conformance/requests/loglikelihoods.jsonl
	w=$S/model-conformance/requests/loglikelihoods.jsonl
	for f in $(jq -r .file "$w" | uniq); do
		zcat "$S/oe_eval_tasks/$f/requests.jsonl.gz" | head -n 50 >r.jsonl
		catwalk -q -m m --requests r.jsonl -o o -f >/dev/null
		jq -c "select(.file == \"$f\")" "$w" >want
		jq -r '.model_output[].sum_logits' o/predictions.jsonl >got
		jq .loglikelihood want >ll
		close got ll requests "log-likelihood, ${f%%/*}"
		jq -r '.model_output[] | "\(.num_tokens) \(.is_greedy)"' o/predictions.jsonl |
			cmp - <(jq -r '"\(.continuation_ids | length) \(.is_greedy)"' want)
		jq -r '.model_output[] | .sum_logits / (.num_chars - 1)' o/predictions.jsonl >got
		jq .len_norm want >norm
		close got norm requests "len_norm, ${f%%/*}"
	done
}

@test "inloop_0shot: rows differ" {
	need_shared inloop_0shot/piqa.jsonl.gz
	for t in piqa winogrande openbook_qa boolq sciq arc_easy arc_challenge copa rte \
		commitment_bank mrpc sst2 commonsense_qa social_iqa; do
		d=$S/hf_jsonl
		catwalk -t $t --data "$d" --regime inloop --dump-requests |
			jq -c '[.doc_id, .idx, .label, .request.context, .request.continuation]' >got
		zcat "$S/inloop_0shot/$t.jsonl.gz" |
			jq -c '[.doc_id, .idx, .label, .context, .continuation]' | cmp - got
	done
}

# digest FILE: SHA-256 over context 1f continuation 1e of the conditional rows
digest() {
	jq -j 'select(.doc_id < 1000000) | .request.context, "\u001f", .request.continuation, "\u001e"' "$1" |
		sha256sum | cut -d' ' -f1
}

@test "request_digests.tsv: prompts or the subsample differ" {
	need_shared eval-conformance/golden/request_digests.tsv
	mkdir d
	cp "$S"/eval-conformance/datasets/* d/
	mv d/boolq_google.validation.jsonl.gz d/g.gz
	n=0
	while IFS=$'\t' read -r regime label file _ _ sum gold; do
		case $label in *ppl* | mmlu* | hendrycks*) continue ;; esac
		l=
		case $regime in
		catwalk) ;;
		catwalk-limit1000) l="--limit 1000" ;;
		inloop) ;;
		*) continue ;;
		esac
		[ "$label" != boolq ] || [ "$regime" != inloop ] || cp d/g.gz d/boolq.validation.jsonl.gz
		catwalk -t "$label" --data d --regime "${regime%-*}" $l --dump-requests >r.jsonl
		[ "$(digest r.jsonl)" = "$sum" ] || { echo "$regime $label"; false; }
		[ "$(jq -r 'select(.doc_id < 1000000 and .idx == 0).label' r.jsonl | paste -sd, | tr -d '\n' |
			sha256sum | cut -d' ' -f1)" = "$gold" ] || { echo "$regime $label: gold"; false; }
		n=$((n + 1))
	done < <(sed 1d "$S/eval-conformance/golden/request_digests.tsv")
	[ $n -ge 40 ]
}

@test "mock_metrics.tsv: metrics differ" {
	need_shared eval-conformance/golden/mock_metrics.tsv
	mkdir d
	cp "$S"/eval-conformance/datasets/* d/
	mv d/boolq_google.validation.jsonl.gz d/g.gz
	n=0
	while IFS=$'\t' read -r regime label docs raw token char uncond len ce bpb f1; do
		case $label in *ppl* | mmlu* | hendrycks* | natural*) continue ;; esac
		l=
		case $regime in
		catwalk) ;;
		catwalk-limit1000) l="--limit 1000" ;;
		inloop) ;;
		*) continue ;;
		esac
		[ "$label" != boolq ] || [ "$regime" != inloop ] || cp d/g.gz d/boolq.validation.jsonl.gz
		catwalk -m mock:sha256 --tokenizer m/tokenizer.json -t "$label" --data d \
			--regime "${regime%-*}" $l -o o -f >/dev/null
		jq -r '.tasks[0] | .num_instances, .metrics.acc_raw, .metrics.acc_per_token,
			.metrics.acc_per_char, .metrics.acc_uncond, .metrics.len_norm, .metrics.ce_loss,
			.metrics.bpb, .metrics.f1' o/metrics.json >got
		printf '%s\n' "$docs" "${raw:--}" "${token:--}" "${char:--}" "${uncond:--}" "${len:--}" \
			"${ce:--}" "${bpb:--}" "${f1:--}" >want
		paste got want | awk '$2 != "-" && ($1 - $2 > 1e-9 || $2 - $1 > 1e-9) {
			print NR ": " $0; bad = 1 } END { exit bad }' || { echo "$regime $label"; false; }
		n=$((n + 1))
	done < <(sed 1d "$S/eval-conformance/golden/mock_metrics.tsv" | tr '\t' '\001' | sed 's/\x01\x01/\x01-\x01/g; s/\x01\x01/\x01-\x01/g' | tr '\001' '\t')
	[ $n -ge 35 ]
}

@test "inloop/metrics.json: values differ" {
	need_shared model-conformance/inloop/metrics.json
	for t in openbook_qa copa commitment_bank; do
		catwalk -m m -t $t --data "$S/hf_jsonl" --regime inloop -j 0 -o o -f >/dev/null
		m=$(jq -r ".$t.metric" "$S/model-conformance/inloop/metrics.json")
		[ "$m" != acc ] || m=acc_raw
		jq ".tasks[0].metrics.$m" o/metrics.json >got
		jq ".$t.value" "$S/model-conformance/inloop/metrics.json" >want
		close got want inloop "$t, $m"
	done
}
