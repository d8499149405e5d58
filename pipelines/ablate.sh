#!/bin/sh
# ablate.sh: a finished run again with one stage swapped, and the two compared; by `make ablate`.
#
# From the environment: BASE, OUT, STAGE and WITH, or RECIPE (pipelines/ablate.mk says what is done
# with them), and J, TRAIN_J, BIN for make.  OUT is prepared once: what comes before the stage is
# shared with BASE by hard links, times and all, so that make finds it done; nothing of BASE is ever
# written to, since programs replace files.  Then demo.mk makes the rest.
set -eu
recipes() {
	cat <<-'T'
	make ablate STAGE=stage WITH='command or VAR=value..' [BASE=DIR] [OUT=DIR]
	make ablate RECIPE=name [BASE=DIR] [OUT=DIR]

	  STAGE  documents langid quality decontam dedup mix: WITH is any command that reads
	         documents with the attributes of the stages before, and writes documents
	         tokenize shuffle train paloma: WITH is options of the pipeline, VAR=value or VAR+=value

	  RECIPE       swaps     in its place
	  no-langid    langid    every language, as it comes
	  no-quality   quality   no quality rules, no masks of personal data
	  no-decontam  decontam  no look at what the evaluation holds
	  no-dedup     dedup     no deduplication of documents and paragraphs
	  vocab        tokenize  a vocabulary of half the size (VOCAB=N: of that size)
	  layernorm    train     layer norm without weights
	  rmsnorm      train     RMS norm with weights
	  decay        train     the rate falls to zero over the last quarter of the steps (DECAY=N)
	  no-decay     train     no such fall
	T
}
fail() {
	echo "ablate: $*" >&2
	exit 2
}

root=$(cd "$(dirname "$0")/.." && pwd)
PATH=$(cd "${BIN:-$root/bin}" 2>/dev/null && pwd || echo "$root/bin"):$PATH
export PATH LC_ALL=C
if [ -z "${STAGE:-}${RECIPE:-}" ]; then
	recipes
	exit 0
fi
[ -z "${RECIPE:-}" ] || [ -z "${STAGE:-}${WITH:-}" ] || fail "RECIPE= goes without STAGE= and WITH="
[ "$BASE" != "$OUT" ] || fail "OUT and BASE are both $OUT"
[ -e "$BASE/report.txt" ] || fail "BASE=$BASE is no finished run: make demo OUT=$BASE first"
[ ! -e "$BASE/.opts/ablation" ] || fail "BASE=$BASE is itself an ablation: start from its own base"
[ -e "$BASE/.opts/vars.mk" ] || fail "BASE=$BASE does not say how it was made: make demo OUT=$BASE again"

steps() { # of the base
	sed -n '$s/^{"step":\([0-9]*\),.*/\1/p' "$BASE/run/log.jsonl"
}
case ${RECIPE:-} in
'') ;;
no-langid | no-quality | no-decontam | no-dedup) STAGE=${RECIPE#no-} WITH=cat ;;
vocab) STAGE=tokenize WITH=VOCAB=${VOCAB:-$(($(cat "$BASE/.opts/vocab") / 2))} ;;
layernorm) STAGE=train
	WITH='TRAIN_OPTS+=--model.layer_norm_type=default --model.layer_norm_with_affine=false' ;;
rmsnorm) STAGE=train
	WITH='TRAIN_OPTS+=--model.layer_norm_type=rms --model.layer_norm_with_affine=true --model.layer_norm_eps=1e-5' ;;
decay) STAGE=train WITH="TRAIN_OPTS+=--scheduler.t_decay=${DECAY:-$(($(steps) / 4))}" ;;
no-decay) STAGE=train WITH='TRAIN_OPTS+=--scheduler.t_decay=0' ;;
*) fail "no recipe $RECIPE: make ablate lists them" ;;
esac
[ -n "${WITH:-}" ] || fail "STAGE=$STAGE wants WITH="

# --- what comes before the stage ----------------------------------------------------------------
share() { # share NAME.. [to DIR]: BASE/NAME at the same place in OUT, or below OUT/DIR
	for name; do
		[ -e "$BASE/$name" ] || continue
		mkdir -p "$(dirname "$new/$below$name")"
		cp -al "$BASE/$name" "$new/$below$name" 2>/dev/null || {
			rm -rf "${new:?}/$below$name"
			cp -a "$BASE/$name" "$new/$below$name"
		}
	done
}
attributes() {
	case $STAGE in
	quality) share attributes/langid ;;
	decontam) share attributes/langid attributes/quality ;;
	dedup) share attributes/langid attributes/quality attributes/decontam ;;
	mix) share attributes keys ;;
	esac
}
below=
new=$OUT.new.tmp
case $STAGE in
documents | langid | quality | decontam | dedup | mix | tokenize | shuffle | train | paloma) ;;
*) fail "no stage $STAGE: make ablate lists them" ;;
esac

# VAR=value.. and VAR+=value..: a word that begins like one begins the next; the rest belongs to it.
# `override`: the demo's own files set some of them with := .
options() {
	printf '%s\n' "$WITH" | awk -v out="$1" '
	function flush() {
		if (var != "")
			print "override " var " " op " " value >>(out (op == "+=" ? "/more.mk" : "/base.mk"))
	}
	BEGIN { printf "" >(out "/more.mk") }
	{
		for (i = 1; i <= NF; i++)
			if (match($i, /^[A-Za-z_][A-Za-z0-9_]*[+]?=/)) {
				flush()
				var = substr($i, 1, RLENGTH - 1)
				op = sub(/[+]$/, "", var) ? "+=" : "="
				value = substr($i, RLENGTH + 1)
			} else if (var == "") {
				bad = 1
				exit
			} else
				value = value " " $i
	}
	END { if (bad || var == "") exit 1; flush() }'
}

what=$(printf 'stage\t%s\nwith\t%s\nrecipe\t%s\n' "$STAGE" "$(printf %s "$WITH" | tr '\t\n' '  ')" \
	"${RECIPE:-}")
if [ -e "$OUT/.opts/ablation" ]; then
	[ "$(sed -n 's/^stage\t//p' "$OUT/.opts/ablation")" = "$STAGE" ] ||
		fail "OUT=$OUT swaps another stage: remove it or name another"
elif [ -e "$OUT" ]; then
	fail "OUT=$OUT is there and no ablation: name another"
fi

rm -rf "$new"
mkdir -p "$new"
cp -a "$BASE/.opts" "$new/.opts"
mv "$new/.opts/vars.mk" "$new/.opts/base.mk"
case $STAGE in
tokenize | shuffle | train | paloma)
	options "$new/.opts" || fail "STAGE=$STAGE: WITH wants VAR=value or VAR+=value, not '$WITH'" ;;
*)
	echo "SWAP = $STAGE" >>"$new/.opts/base.mk"
	printf '%s\n' "$WITH" >"$new/.opts/with" ;;
esac
printf '%s\n' "$what" >"$new/.opts/ablation"

if [ -e "$OUT" ]; then # again, perhaps with another command
	for f in base.mk more.mk with ablation; do
		[ ! -e "$new/.opts/$f" ] || cmp -s "$new/.opts/$f" "$OUT/.opts/$f" ||
			mv "$new/.opts/$f" "$OUT/.opts/$f"
	done
	rm -rf "$new"
else
	for f in "$BASE"/raw*; do
		share "$(basename "$f")"
	done
	share models eval/data eval/tasks eval/prompts.jsonl eval/compress.tsv conf
	mkdir -p "$new/stats"
	case $STAGE in
	documents | langid | quality | decontam | dedup | mix)
		for f in "$BASE"/keys/*.held-*; do
			share "keys/$(basename "$f")"
		done
		below=base/
		share documents
		attributes
		below=
		for f in raw conf models eval; do # what their manifests name
			ln -s "../$f" "$new/base/$f"
		done ;;
	*)
		share documents attributes keys mix mix-rules.tsv mix-dropped.jsonl
		case $STAGE in
		shuffle | train | paloma)
			share tokenizer.json tokenizer.json.manifest.json tokens ;;
		esac
		[ "$STAGE" != shuffle ] || rm -f "$new"/tokens/mixture.*
		case $STAGE in train | paloma) share order ;; esac
		[ "$STAGE" != paloma ] || share run ;;
	esac
	mv "$new" "$OUT"
fi

# --- the rest, and the comparison ----------------------------------------------------------------
run() {
	env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL -u STAGE -u WITH -u RECIPE -u VOCAB -u DECAY \
		make -s -C "$root" -f pipelines/demo.mk "$@"
}
rm -f "$OUT/compare.tsv" "$OUT/compare.html"
cd "$(dirname "$OUT")"
run OUT="$(pwd)/$(basename "$OUT")" ${J:+J="$J"} ${TRAIN_J:+TRAIN_J="$TRAIN_J"} \
	${BIN:+BIN="$(cd "$root" && cd "$BIN" && pwd)"}
cd "$root"
same=1
for f in "$OUT"/tokenizer.json "$OUT"/tokens/*.tok "$OUT"/order/epoch1.order "$OUT"/run/log.jsonl; do
	cmp -s "$f" "$BASE/${f#"$OUT"/}" || same=
done
if [ -n "$same" ] && [ "$STAGE" != paloma ]; then
	echo "ablate: warning: stage $STAGE: what you gave changes nothing: the same tokens, the same losses" >&2
fi
olmo compare "$BASE" "$OUT" -o "$OUT/compare"
echo "ablate: done: $OUT/compare.html (as a table: $OUT/compare.tsv)"
