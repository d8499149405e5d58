# What checkpoints.tsv says of a run against what is there.

# rows RUN: those of the index that are not "removed"
rows() { awk -F '\t' 'NR > 1 && $7 != "removed"' "$1/checkpoints.tsv"; }

# not_ahead RUN: every such row has its directory and its link, and no link leads nowhere.  Holds at
# every moment.
not_ahead() {
	[ -z "$(find "$1" -xtype l)" ]
	if [ -e "$1/checkpoints.tsv" ]; then
		rows "$1" | awk -F '\t' -v run="$1" '{ print run "/revisions/" $2 "/trainer/state.json" }' |
			xargs -r ls >/dev/null
		links "$1" | cat - <(rows "$1" | awk -F '\t' '{ print $2 "\t../" $4 }') | sort | uniq -d |
			wc -l | cmp - <(rows "$1" | wc -l)
	fi
}

links() { find "$1/revisions" -type l -printf '%f\t%l\n'; }

# in_step RUN: .. and no directory or link has no row, and the row is right.  Holds when no process has
# been killed.
in_step() {
	not_ahead "$1"
	links "$1" | sort | cmp - <(rows "$1" | awk -F '\t' '{ print $2 "\t../" $4 }' | sort)
	jq -r '"\(.step)\t\(.revision)\t\(.tokens)"' "$1"/step*/trainer/state.json | cmp - <(rows "$1" | cut -f 1-3)
	(cd "$1" && find step* -type f -printf '%H\t%s\n') |
		awk '{ n[$1] += $2 } END { for (d in n) print d "\t" n[d] }' | sort |
		cmp - <(rows "$1" | cut -f 4,5)
	awk -F '\t' 'NR == FNR { loss[$1] = $2; next } FNR > 1 && $6 != ($1 ? loss[$1] : "-") { print; exit 1 }' \
		<(sed -n 's/^{"step":\([0-9]*\),.*"train.CrossEntropyLoss":\([^,]*\),.*/\1\t\2/p' "$1/log.jsonl") \
		"$1/checkpoints.tsv"
	train --list "$1" | cmp - "$1/checkpoints.tsv"
}

# ids FILE: 3000 ids below 60, as raw u16
ids() {
	awk 'BEGIN { s = 7; for (i = 0; i < 3000; i++) { s = (s * 1103515245 + 12345) % 2147483648
		printf "%c%c", 1 + int(s / 65536) % 60, 1 } }' | tr '\001' '\000' | tr '\074' '\073' >"$1"
}

# run_hash RUN: one hash of a run's names, links and bytes, its times left out
run_hash() {
	(cd "$1" && readlink latest revisions/* && find . ! -name 'timing.jsonl' | sort &&
		find . -type f ! -name timing.jsonl | sort | xargs sha256sum) | sha256sum
}
