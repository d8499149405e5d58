#!/bin/sh
# cloze.sh DIR [N]: N (400) multiple-choice questions from held-out text, on standard output.
#
# DIR/SOURCE/val/*.jsonl.gz are documents.  How does the text go on?  The rule:
#   - A boundary is one space between two characters that are no white space.
#   - A document is cut into windows, one behind the other: a context that ends at the first boundary
#     250 to 320 bytes on, its space, and a continuation that ends at the first boundary 50 to 70
#     bytes on (bytes of the text as a JSON string).  Without such a boundary the next window begins
#     at the next boundary.
#   - A window asks when at least half of its continuation's bytes are letters, and it has at
#     least five words, all different (words are what spaces part; no two spaces stand together).
#     Of equal continuations the first in order of hash asks.
#   - The wrong choices are three other orders of the continuation's words, drawn by the hash of the
#     window's id (DOCUMENT@BYTE).  All four have the same words, so the same length and tokens:
#     neither length nor rare words tell, and who knows nothing of the language gets a quarter.
#   - Sources take turns, in order of their names, each with its windows in order of hash; one that
#     has no more is passed over.  The k-th question of a source has its answer at place k mod 4.
#
# A row: {"id","source","context","choices":[4],"answer":K}, for catwalk -t jsonl:NAME.  The same
# documents give the same bytes.  When the text ends before N questions, this is noted.
set -eu
export LC_ALL=C
[ $# -ge 1 ] || { echo "usage: cloze.sh DIR [N]" >&2; exit 2; }
dir=$1 n=${2:-400}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

# Step by step, not in a pipe: a damaged file must stop it.
for s in "$dir"/*/val; do
	[ -d "$s" ] || { echo "cloze.sh: no $dir/SOURCE/val" >&2; exit 3; }
	name=${s%/val} name=${name##*/}
	printf '%s\n' "$name" >>"$tmp/names"
	for f in "$s"/*.jsonl.gz; do
		[ -e "$f" ] || { echo "cloze.sh: no $s/*.jsonl.gz" >&2; exit 3; }
		gzip -dc "$f" >"$tmp/docs"
		# texts stay JSON strings, without their quotes: a cut at a space breaks no escape
		jq -r --arg s "$name" 'select(.text) | [$s, (.id | tojson), (.text | tojson | .[1:-1])] | join("\t")' \
			"$tmp/docs" >>"$tmp/texts"
	done
done
[ -s "$tmp/texts" ] || { echo "cloze.sh: no documents in $dir" >&2; exit 3; }

awk -F '\t' '
	BEGIN { for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i }
	function hash(s,   h, i) {
		h = 5381
		for (i = 1; i <= length(s); i++)
			h = (h * 33 + ord[substr(s, i, 1)]) % 2147483647
		for (i = 0; i < 4; i++) # the last characters reach all digits
			h = (h * 48271) % 2147483647
		return h
	}
	# The first boundary among bytes from .. to of the text, 0: none.
	function boundary(from, to,   i, b) {
		for (i = from; i <= to; i++)
			if (substr(text, i, 1) == " " && substr(text, i + 1, 1) !~ /^[ \\]?$/ &&
			    substr(text, i - 1, 1) != " " && substr(text, i - 2, 2) !~ /^\\[ntr]$/)
				return i
		return 0
	}
	# Half letters, five words and all different, no two spaces together
	function may_ask(s,   t, w, i, n, seen) {
		if (s ~ /  /)
			return 0
		t = s
		gsub(/[ -@\[-`{-~]/, "", t)
		if (2 * length(t) < length(s))
			return 0
		split("", seen)
		n = split(s, w, / /)
		for (i = 1; i <= n; i++)
			if (seen[w[i]]++)
				return 0
		return n >= 5
	}
	{
		text = $3
		for (at = 1; at + 300 < length(text); at = next_at) {
			mid = boundary(at + 250, at + 320)
			end = mid ? boundary(mid + 51, mid + 71) : 0
			next_at = end ? end + 1 : boundary(at + 1, length(text)) + 1
			if (next_at <= at)
				break
			cont = substr(text, mid + 1, end - mid - 1)
			if (!end || !may_ask(cont))
				continue
			id = substr($2, 2, length($2) - 2) "@" at - 1
			printf "%s\t%010d\t%d\t%s\t%s\t%s\n", $1, hash(id), NR, id,
			    substr(text, at, mid - at), cont
		}
	}' "$tmp/texts" >"$tmp/windows"
sort -t "$(printf '\t')" -k 2,2n -k 4,4 "$tmp/windows" >"$tmp/sorted"

awk -F '\t' -v n="$n" '
	function below(n) {
		state = (state * 48271) % 2147483647
		return int(state / 2147483647 * n)
	}
	# The words in an order that is none of those in c[0..k)
	function another(k,   i, j, t, s) {
		do {
			for (i = words; i > 1; i--) {
				j = 1 + below(i)
				t = w[i]
				w[i] = w[j]
				w[j] = t
			}
			s = w[1]
			for (i = 2; i <= words; i++)
				s = s " " w[i]
			for (i = 0; i < k && c[i] != s; i++)
				;
		} while (i < k)
		return s
	}
	function ask(q,   i, k, at) {
		state = 1 + hash[q] % 2147483646
		words = split(cont[q], w, / /)
		c[0] = cont[q]
		for (k = 1; k < 4; k++)
			c[k] = another(k)
		at = (used[source[q]] - 1) % 4
		t = c[at]
		c[at] = c[0]
		c[0] = t
		printf "{\"id\":\"%s\",\"source\":\"%s\",\"context\":\"%s\",\"choices\":[",
		    id[q], source[q], ctx[q]
		for (k = 0; k < 4; k++)
			printf "%s\"%s\"", k ? "," : "", c[k]
		printf "],\"answer\":%d}\n", at
	}
	seen[$6]++ { next }
	{
		source[NR] = $1
		hash[NR] = $2
		id[NR] = $4
		ctx[NR] = $5
		cont[NR] = $6
		win[$1, ++have[$1]] = NR
	}
	END {
		while ((getline line <names) > 0)
			name[++sources] = line
		for (more = 1; more && given < n;) {
			more = 0
			for (i = 1; i <= sources && given < n; i++)
				if (used[name[i]] < have[name[i]]) {
					ask(win[name[i], ++used[name[i]]])
					given++
					more = 1
				}
		}
		if (given < n)
			printf "cloze.sh: %d questions, not %d: the text ends\n", given, n >"/dev/stderr"
	}' names="$tmp/names" "$tmp/sorted" >"$tmp/rows"
[ -s "$tmp/rows" ] || { echo "cloze.sh: no question in $dir" >&2; exit 3; }
cat "$tmp/rows"
