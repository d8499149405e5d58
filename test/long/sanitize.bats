load ../lib/olmo

# The unit tests and the program tests of what reads strangers' files, built with a sanitizer. -O1 keeps
# the kernels' build short.
san() { # san KIND TEST..: build with SAN=KIND and run the unit tests, then the bats files
	make -s -C "$ROOT" SAN="$1" CFLAGS='-O1 -g' B="$TMP/build" BIN="$TMP/bin" all check-unit >log 2>&1 ||
		{ grep -E 'not ok|ERROR|WARNING|runtime error|Failed' log | head -n 20; false; }
	shift
	for t; do
		OLMO_BIN=$TMP/bin bats "$ROOT/test/cmd/$t.bats" >log 2>&1 || { cat log; false; }
	done
}

@test "sanitize: address and undefined behaviour" {
	san asan dolma-docs dolma-quality dolma-dedup decontam dolma-mix tokcat shuffle olmo
}

@test "sanitize: threads" {
	san tsan dolma-quality dolma-dedup decontam
}
