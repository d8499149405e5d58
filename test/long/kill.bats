load ../lib/olmo

# kill -9 at random moments, again and again: the demo always ends in the same bytes.
@test "kill: the demo, killed 25 times in each of three runs, ends in the bytes of an uncut one" {
	demo() { make -s -C "$ROOT" -f pipelines/demo.mk DEMO=tiny BIN="${OLMO_BIN:-$ROOT/bin}" OUT="$1" -j2; }
	hashes() {
		(cd "$1" && find . -type f ! -path './.opts/*' ! -path './stats/*' ! -name report.html ! -name 'timing*' | sort | xargs sha256sum)
	}
	demo "$TMP/whole" >log 2>&1
	hashes whole >a
	for run in 1 2 3; do
		for k in $(seq 25); do
			setsid bash -c 'make -s -C "$1" -f pipelines/demo.mk DEMO=tiny BIN="$2" OUT="$3" -j2' _ \
				"$ROOT" "${OLMO_BIN:-$ROOT/bin}" "$TMP/k$run" >/dev/null 2>&1 &
			g=$!
			sleep "$((RANDOM % 4)).$((RANDOM % 10))"
			kill -9 $(ps -e -o pid=,pgid= | awk -v g=$g '$2 == g { print $1 }') 2>/dev/null || true
			wait $g 2>/dev/null || true
		done
		demo "$TMP/k$run" >log 2>&1
		hashes "k$run" >b
		diff a b
	done
}
