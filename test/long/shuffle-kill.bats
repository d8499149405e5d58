#!/usr/bin/env bats
# shuffle --copy, killed -9 at moments all over its passes: nothing half-done, nothing left behind.
load ../lib/olmo

# kills PASSES BYTES
kills() {
	awk 'BEGIN { for (i = 0; i < 1048576; i++) printf "%c", (i * 7 + int(i / 256)) % 190 + 1 }' |
		LC_ALL=C tr -d '\302\303' >mb
	for _ in $(seq $(($2 / 1000000 + 1))); do cat mb; done | head -c "$2" >a.npy
	tokcat --to tok -o a.tok a.npy
	args=(--copy --seq-len 64 --seed 1 --memory 1M --passes "$1" a.tok)
	mkdir o t
	shuffle "${args[@]}" -o o/whole.tok
	half=0
	for k in $(seq 40); do
		shuffle -f "${args[@]}" -o t/x.tok 2>/dev/null &
		sleep "0.$(printf %02d $((k * 2 % 40)))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || half=$((half + 1))
		if [ -e t/x.tok ]; then
			cmp t/x.tok o/whole.tok
			rm t/x.tok
		fi
		# a named temporary of the output may be there, and no other
		[ "$(find t -type f ! -name '.x.tok.*.tmp' ! -name 'x.tok.manifest.json' \
			! -name '.x.tok.manifest.json.*.tmp' | wc -l)" = 0 ]
		[ "$(find t -name '.x.tok.*[0-9].tmp' ! -name '*manifest*' | wc -l)" -le 1 ]
	done
	[ "$half" -ge 5 ] # or nothing was tested
	shuffle -f "${args[@]}" -j 2 -o t/x.tok
	cmp t/x.tok o/whole.tok
	[ "$(cd t && find . -type f | sort | tr '\n' ' ')" = "./x.tok ./x.tok.manifest.json " ]
}

@test "a copy in two passes killed 40 times leaves files behind or ends in other bytes" {
	kills 2 32000000
}

@test "a copy in one pass killed 40 times leaves files behind or ends in other bytes" {
	kills 1 160000000
}
