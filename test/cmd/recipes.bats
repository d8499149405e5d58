load ../lib/olmo

# The plans of OLMo-1B and OLMo-7B: tables that add up and agree with what is published.

plan() { # plan MODEL [VAR=VALUE..]
	make -s -C "$ROOT" BIN="${OLMO_BIN:-$ROOT/bin}" "olmo-$1" PLAN=tsv "${@:2}"
}

@test "recipes: the hours of all rows are the total, for both models" {
	for m in 1b 7b; do
		plan $m >"$TMP/$m"
		awk -F'\t' 'NR == 1 || /^#/ || $1 == "memory" { next }
			$1 == "total" { core = $6; gpu = $7; next }
			{ c += $6; g += $7; n++ }
			END { d = c / core - 1; e = g / gpu - 1
				exit !(n > 40 && core > 0 && gpu > 0 && d * d < 1e-5 && e * e < 1e-5) }' \
			"$TMP/$m"
	done
}

@test "recipes: every source ends with the bytes and tokens of Table 2" {
	plan 7b >"$TMP/p"
	while read -r s gb tok; do
		awk -F'\t' -v s="$s" -v gb="$gb" -v tok="$tok" \
			'$1 == "tokenize" && $2 == s { n++; a = $3 / (gb * 1e9) - 1; b = $4 / (tok * 2e9) - 1 }
			END { exit !(n == 1 && a * a < 1e-12 && b * b < 1e-12) }' "$TMP/p"
	done <<-'END'
		web 9812 2180
		code 1043 342
		social 339 80
		papers 268 57
		books 20.4 5.2
		wiki 16.2 3.7
	END
	grep -q '2668 billion tokens' "$TMP/p"
}

@test "recipes: parameters, tokens and memory of ZeRO stages are the published ones" {
	plan 1b GPUS=64 >"$TMP/1b"
	plan 7b >"$TMP/7b"
	grep -q ' 1176764416 parameters' "$TMP/1b"
	grep -q ' 6888095744 parameters' "$TMP/7b"
	# GB of weights, gradients and optimizer state
	gb() {
		awk -F"\t" -v z="$2" '$1 == "memory" && $2 == z {
			printf "%.1f", ($3 + $4 + $5) / 1e9 }' "$TMP/$1"
	}
	[ "$(gb 7b 0) $(gb 7b 1) $(gb 7b 2) $(gb 7b 3)" = "124.0 51.7 27.6 15.5" ]
	[ "$(gb 1b 0) $(gb 1b 1) $(gb 1b 2) $(gb 1b 3)" = "21.2 7.3 2.6 0.3" ]
}

@test "recipes: without PLAN it says what is missing and stops; OUT keeps the plan" {
	run make -s -C "$ROOT" BIN="${OLMO_BIN:-$ROOT/bin}" olmo-1b
	[ "$status" -ne 0 ]
	[[ "$output" == *"PLAN=1"*"Dolma"* ]]
	plan 1b OUT="$TMP/o" >"$TMP/p"
	cmp "$TMP/p" "$TMP/o/plan.tsv"
}
