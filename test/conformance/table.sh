#!/bin/sh
# table.sh FILE: the rows that the conformance tests have left there (table.h), as one table.
set -eu
[ -s "$1" ] || exit 0
tab=$(printf '\t')
{
	printf 'oracle\tquantity\tn\tmax diff\trelative\ttolerance\tshare\n'
	sort -t "$tab" -k 1,1 -k 2,2 "$1"
} | awk -F '\t' '
	{ for (i = 1; i <= NF; i++) { c[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) } }
	END { for (r = 1; r <= NR; r++) {
		for (i = 1; i <= 7; i++)
			printf i < 3 ? "%-" w[i] "s  " : i < 7 ? "%" w[i] "s  " : "%" w[i] "s\n", c[r, i]
	} }'
