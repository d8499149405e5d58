load ../lib/olmo
load ../lib/golden-run

# The unit tests and the program tests of what reads strangers' files, built with a sanitizer. -O1 keeps
# the kernels' build short.
# OLMO_FUZZ_S: CPU seconds for each reader of the fuzzers (20 here).

setup_file() {
	export BATS_TEST_TIMEOUT=7200
}

build() { # build KIND TARGET..
	kind=$1
	shift
	make -s -C "$ROOT" SAN="$kind" CFLAGS='-O1 -g' B="$TMP/build" BIN="$TMP/bin" "$@" >log 2>&1 ||
		{ grep -E 'not ok|rror|WARNING|Failed' log | head -n 20; false; }
}

san() { # san KIND TEST..: build with SAN=KIND and run the unit tests, then the bats files
	build "$1" all check-unit
	shift
	for t; do
		OLMO_BIN=$TMP/bin bats "$ROOT/test/cmd/$t.bats" >log 2>&1 || { cat log; false; }
	done
}

@test "sanitize: address and undefined behaviour" {
	san asan dolma-docs dolma-quality dolma-dedup decontam dolma-mix tokcat tokenize shuffle olmo \
		train checkpoints compare generate catwalk paloma cloze
	objects=$(dirname "$(dirname "$(readlink "$TMP/bin/train")")")
	build asan "$objects/test/long/fuzz_model" "$objects/test/long/tok_fuzz"
	cd "$ROOT" # the corpus is found from there
	for f in fuzz_model tok_fuzz; do
		TMPDIR=$TMP OLMO_FUZZ_S=${OLMO_FUZZ_S:-20} "$objects/test/long/$f" >"$TMP/log" 2>&1 ||
			{ cat "$TMP/log"; false; }
		grep '^#' "$TMP/log" >&3 || true
	done
}

# The pool computes, one thread reads the next batch, one writes a checkpoint.
@test "sanitize: threads" {
	san tsan dolma-quality dolma-dedup decontam
	golden_config
	for how in '' '--precision bf16' '--activation_checkpointing=one_in_two --max_grad_norm_ratio=1.0' \
		'--data.generate_doc_lengths=true --model.eos_token_id=3 --optimizer.name=lionw'; do
		for j in 2 3; do
			rm -rf run
			# shellcheck disable=SC2086
			PATH=$TMP/bin:$PATH train -q -c c.yaml -o run -j $j --max_duration=30 --save_interval=3 \
				$how 2>err || { head -n 40 err; false; }
			[ ! -s err ]
			[ "$(ls -d run/step* | wc -l)" = 10 ]
		done
	done
}
