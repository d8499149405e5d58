#!/usr/bin/env bats
# Each header can be included alone, and opens with a comment that says what it is for.
load ../lib/olmo

headers() {
	(cd "$ROOT" && find common kernels -name '*.h' | sort)
}

@test "a header does not compile when it is the only one included" {
	bad=0
	for h in $(headers); do
		isa=
		case $h in
		*avx512*) isa="-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma" ;;
		*avx2*) isa="-mavx2 -mfma -mbmi2" ;;
		esac
		# shellcheck disable=SC2086
		printf '#include "%s"\n#include "%s"\n' "${h#common/}" "${h#common/}" |
			"${CC:-gcc}" -std=c11 -fsyntax-only -Wall -Wextra -Werror -I"$ROOT/common" \
				-I"$ROOT" -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE $isa -x c - ||
			bad=1
	done
	[ $bad = 0 ]
}

@test "a header does not begin with a comment that says what it is for" {
	bad=0
	for h in $(headers); do
		awk 'NR == 1 && !/^\/\*/ { exit 1 }
			{ n += length }
			/\*\// { exit }
			END { exit n < 30 }' "$ROOT/$h" || { echo "$h"; bad=1; }
	done
	[ $bad = 0 ]
}

@test "two modules of the library have one name" {
	[ -z "$(headers | sed 's|.*/||' | sort | uniq -d)" ]
}
