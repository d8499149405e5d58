#!/usr/bin/env bats
# Manual pages: mandoc has nothing to say, cross references lead somewhere, and the shell lines of
# EXAMPLES run.  A shell line begins with "$ " inside .Bd -literal ... .Ed, its continuation with "> ".
# They run in an empty directory; those of the page of a format among its good files (test/format).
load ../lib/olmo

local_setup() {
	command -v mandoc >/dev/null || skip "no mandoc"
}

# The shell lines of a page's EXAMPLES, as mandoc shows them.
examples() {
	mandoc -Tascii "$1" | col -bx | sed -n '/^EXAMPLES/,/^[A-DF-Z]/p' |
		sed -n 's/^ *\([$>]\) /\1/p' | awk '
			/^\$/ { if (n++) print cmd; cmd = substr($0, 2) }
			/^>/ { cmd = cmd "\n" substr($0, 2) }
			END { if (n) print cmd }'
}

@test "mandoc warns" {
	mandoc -Tlint -W warning "$ROOT"/man/*.[1-9]
}

@test "a page refers to a page of ours that does not exist" {
	bad=0
	for m in "$ROOT"/man/*.[1-9]; do
		awk '$1 ~ /^\.?Xr$/ { print $2 "." $3 }' "$m" | sort -u
	done | sort -u >refs
	while read -r ref; do
		case $ref in
		olmo-train.1 | olmo-shuffle.1 | olmo-tokenize.1) ref=${ref#olmo-} ;; # as installed
		esac
		case $ref in
		olmo* | dolma* | tok* | train.* | shuffle.* | decontam.* | paloma.* | catwalk.* | generate.* | wimbd.*)
			[ -e "$ROOT/man/$ref" ] || { echo "no man/$ref"; bad=1; }
			;;
		esac
	done <refs
	[ $bad = 0 ]
}

@test "a page lacks a section" {
	bad=0
	for m in "$ROOT"/man/*.[1-9]; do
		for s in NAME DESCRIPTION "SEE ALSO"; do
			grep -q "^\.Sh $s\$" "$m" || { echo "$(basename "$m"): no $s"; bad=1; }
		done
		case $m in
		*.1)
			for s in SYNOPSIS EXAMPLES "EXIT STATUS"; do
				grep -q "^\.Sh $s\$" "$m" || { echo "$(basename "$m"): no $s"; bad=1; }
			done
			;;
		esac
	done
	[ $bad = 0 ]
}

@test "a page's EXAMPLES do not run" {
	bad=0 n=0
	for m in "$ROOT"/man/*.[1-9]; do
		name=$(basename "$m")
		mkdir "$name.d"
		examples "$m" >"$name.sh"
		if ! command -v xxhsum >/dev/null && grep -q xxhsum "$name.sh"; then
			echo "# $name: no xxhsum, its lines are left out" >&3
			sed -i /xxhsum/d "$name.sh"
		fi
		[ -s "$name.sh" ] || continue
		n=$((n + 1))
		good=$ROOT/test/format/${name%.*}/good
		[ ! -d "$good" ] || cp -r "$good/." "$name.d"
		if ! (cd "$name.d" && timeout 100 bash -eo pipefail "../$name.sh") >out 2>&1; then
			echo "$name:"
			tail -n 5 out
			bad=1
		fi
	done
	[ $n -gt 5 ]
	[ $bad = 0 ]
}

@test "a page of a program has no example that runs it" {
	bad=0
	for m in "$ROOT"/man/*.1; do
		p=$(basename "$m" .1)
		examples "$m" | grep -qE "(^|[ (|])$p( |\$)" || { echo "man/$p.1"; bad=1; }
	done
	[ $bad = 0 ]
}

@test "the reader of examples sees nothing" {
	cat >x.1 <<'EOF'
.Dd November 24, 2026
.Dt X 1
.Os
.Sh NAME
.Nm x
.Nd y
.Sh DESCRIPTION
.Bd -literal
$ not an example
.Ed
.Sh EXAMPLES
Text:
.Bd -literal
$ printf 'a\en' | sed \(aqs/a/b/\(aq
> cat -
b
$ last
.Ed
.Sh SEE ALSO
.Bd -literal
$ nor this
.Ed
EOF
	examples x.1 >got
	printf '%s\n' "printf 'a\\n' | sed 's/a/b/'" 'cat -' last | diff - got
}
