#!/usr/bin/env bats
# make ablate: the tiny demo as base, stages swapped by jq, by awk, by recipes.
load ../lib/olmo

setup_file() {
	export BASE=$BATS_FILE_TMPDIR/base
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	make -s -C "$ROOT" -f pipelines/demo.mk BIN="${OLMO_BIN:-$ROOT/bin}" DEMO=tiny STEPS=24 OUT="$BASE" \
		>"$BATS_FILE_TMPDIR/log" 2>&1 || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
	state >"$BATS_FILE_TMPDIR/state"
}

# Bytes and times of every file of the base.
state() {
	(cd "$BASE" && find . -type f | LC_ALL=C sort | xargs sha256sum &&
		find . -type f -printf '%p %T@ %s\n' | LC_ALL=C sort)
}

# ablate OUT VAR=VALUE..: as the Makefile hands it on
ablate() {
	local out=$1
	shift
	env STAGE= WITH= RECIPE= BASE="$BASE" OUT="$TMP/$out" BIN="${OLMO_BIN:-$ROOT/bin}" "$@" \
		sh "$ROOT/pipelines/ablate.sh" >"$out.log" 2>&1
}

base_is_untouched() {
	state | cmp - "$BATS_FILE_TMPDIR/state"
}

value() { # value OUT WHAT KEY COLUMN
	awk -F'\t' -v w="$2" -v k="$3" -v c="$4" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) at = i }
		$2 == w && $3 == k { print $at }' "$1/compare.tsv"
}

@test "ablate: jq in the place of a stage: what it keeps is what is trained on" {
	ablate q STAGE=quality WITH='jq -c "select(.text | length > 300)"'
	[ -s q/compare.html ]
	for s in legal code manual notes; do
		for n in 0000 0001; do
			zstdcat "$BASE/documents/$s/$n.jsonl.zst" | jq -r 'select(.text | length > 300) | .id' >want
			zstdcat "q/documents/$s/$n.jsonl.zst" | jq -r .id >got
			cmp want got
		done
	done
	# the stage before is inside, the stage itself is gone, those behind ran
	zstdcat q/documents/code/0000.jsonl.zst | jq -e '.attributes | keys | all(startswith("langid"))' >/dev/null
	[ ! -e q/attributes/quality ]
	[ -s q/attributes/dup_doc/code/0000.jsonl.zst ]
	grep -q '^mix' q.log
	if grep -qE '^(raw|langid|documents) ' q.log; then false; fi
	# every number of documents of the comparison is that of the mix
	[ "$(value q documents all value)" = "$(zcat q/mix/*.gz | wc -l)" ]
	[ "$(value q documents all base)" = "$(zcat "$BASE"/mix/*.gz | wc -l)" ]
	[ -n "$(value q bpb all low)" ]
	olmo audit q
	base_is_untouched
	# the base's own options are repeated
	[ "$(value q steps last value)" = 24 ]
}

@test "ablate: awk in the place of a stage, dollars and quotes and all, through make" {
	make -s -C "$ROOT" ablate BASE="$BASE" OUT="$TMP/aw" STAGE=langid \
		WITH="awk '{ if (NR % 2 && length(\$0) > 10) print \$0 }'" >log 2>&1
	for s in legal code manual notes; do
		[ "$(zstdcat aw/documents/$s/0000.jsonl.zst | wc -l)" = \
			"$((($(zstdcat "$BASE/documents/$s/0000.jsonl.zst" | wc -l) + 1) / 2))" ]
	done
	grep -q 'length(\$0) &gt; 10' aw/compare.html
	base_is_untouched
}

@test "ablate: a command that adds an attribute is heard by the rules of the mix" {
	ablate d STAGE=dedup WITH='jq -c ".attributes.dup_doc = [[0, (.text | length), 1]]"' || true
	# every document is marked, every stream is empty
	[ "$(zcat d/mix/*.gz | wc -l)" = 0 ]
}

@test "ablate: without dedup more is left; again with another command it runs again" {
	ablate nd RECIPE=no-dedup
	[ "$(value nd documents all diff)" -gt 0 ]
	[ ! -e nd/attributes/dup_doc ]
	sum=$(sha256sum <nd/compare.tsv)
	ablate nd RECIPE=no-dedup
	[ "$(sha256sum <nd/compare.tsv)" = "$sum" ]
	if grep -qE '^(mix|train|dedup) ' nd.log; then false; fi
	ablate nd STAGE=dedup WITH='awk "NR < 4"'
	[ "$(value nd documents all value)" -lt "$(value nd documents all base)" ]
	base_is_untouched
}

@test "ablate: recipes of the training rerun the training alone" {
	for r in rmsnorm decay; do
		ablate $r RECIPE=$r
		if grep -qE '^(raw|documents|langid|quality|dedup|mix|tokenize|shuffle) ' $r.log; then false; fi
		[ "$(value $r tokens all diff)" = 0 ]
		if cmp -s "$BASE/run/log.jsonl" $r/run/log.jsonl; then false; fi
		olmo audit $r
	done
	jq -e '.model.layer_norm_type == "rms"' rmsnorm/run/config.json
	jq -s -e '.[23]."optim/learning_rate_group0" == 0' decay/run/log.jsonl
	grep -q 'scheduler.t_decay' decay/compare.html
	ablate same RECIPE=no-decay
	grep -q 'stage train: what you gave changes nothing' same.log
	base_is_untouched
}

@test "ablate: another vocabulary reruns from there, and the page says that losses are not comparable" {
	ablate v RECIPE=vocab
	[ "$(jq '.model.vocab | length' v/tokenizer.json)" -lt "$(jq '.model.vocab | length' "$BASE/tokenizer.json")" ]
	[ "$(value v documents all diff)" = 0 ]
	if grep -qE '^(raw|documents|langid|quality|dedup|mix) ' v.log; then false; fi
	grep -q 'different tokenizers' v/compare.html
	base_is_untouched
}

@test "ablate: what cannot be is one line that names stage, source and shard" {
	bad() { # bad PATTERN VAR=VALUE..
		local want=$1
		shift
		rm -rf e
		if ablate e "$@"; then false; fi
		cat e.log
		[ "$(grep -c '^ablate: ' e.log)" = 1 ]
		grep -q "$want" e.log
	}
	bad 'stage quality, legal/0000: the command ended with status 7: exit 7' STAGE=quality WITH='exit 7'
	bad 'stage quality, legal/0000: the command ended with status 1: false | cat' STAGE=quality WITH='false | cat'
	bad 'stage mix, legal/0000: the command left no documents' STAGE=mix WITH=true
	bad 'swap/legal/0000.jsonl.gz:1: ' STAGE=langid WITH='echo x'
	bad 'no stage dedupe' STAGE=dedupe WITH=cat
	bad 'wants VAR=value' STAGE=train WITH=cat
	bad 'no recipe fast' RECIPE=fast
	bad 'STAGE=mix wants WITH=' STAGE=mix
	bad 'is no finished run' BASE="$TMP" RECIPE=decay
	base_is_untouched
}
