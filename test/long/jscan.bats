#!/usr/bin/env bats
# jscan against jansson on more lines and other seeds than make check takes.
load ../lib/olmo

@test "jscan and jansson disagree on a generated line" {
	for seed in 11 12 13 14 15; do
		OLMO_FUZZ_SEED=$seed OLMO_FUZZ_LINES=1000000 "$OLMO_TEST/unit/doc_jscan"
	done
}
