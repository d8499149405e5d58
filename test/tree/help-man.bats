#!/usr/bin/env bats
# --help, made from the option table, and the manual page list the same options with the same letters
# and arguments; every program has a page and every page a program.
load ../lib/olmo

programs() {
	(cd "$ROOT/cmd" && ls *.c | sed 's/\.c$//')
}

# Options of a --help text on stdin, one a line: letter or '-', long name, argument or nothing.
of_help() {
	sed -n 's/^  \(-[A-Za-z0-9]\), --\([a-z0-9-]*\)\( [^ ][^ ]*\)\{0,1\}\( .*\)\{0,1\}$/\1 \2\3/p
		s/^      --\([a-z0-9-]*\)\( [^ ][^ ]*\)\{0,1\}\( .*\)\{0,1\}$/- \1\2/p' | sort
}

# The same of a page: lines ".It Fl m Ar FILE , Fl -model Ar FILE" and ".It Fl -level Ar LIST"; not
# ".It Fl Ns - Ns Ar KEY...", which stands for names that are not in the table.
of_page() {
	awk '$1 == ".It" && $2 == "Fl" && $3 !~ /^-?Ns$|^-$/ {
		letter = "-"; name = ""; arg = ""; want = 0
		for (i = 3; i <= NF; i++) {
			if (want) {
				arg = (want > 1 ? arg " " : "") $i
				want = ($(i + 1) == "," || $(i + 1) == "Fl") ? 0 : 2
			} else if ($i == "Ar") {
				want = 1
			} else if ($i ~ /^-./) {
				name = substr($i, 2); arg = ""
			} else if ($i != "," && $i != "Fl") {
				letter = "-" $i
			}
		}
		print letter, name (arg == "" ? "" : " " arg)
	}' "$1" | sort
}

@test "the readers of --help and of pages see nothing" {
	cat >page <<'EOF'
.It Fl m Ar FILE , Fl -model Ar FILE
text Fl -no
.It Fl -level Ar LIST
.It Fl -drop
.It Fl d , Fl -down
.It Ar FILE
.It Fl Ns - Ns Ar KEY Ns = Ns Ar VALUE
EOF
	of_page page >got
	printf '%s\n' '-m model FILE' '- level LIST' '- drop' '-d down' | sort | diff - got
	of_help >got <<'EOF'
usage: prog -m MODEL --x y
  -m, --model FILE            fastText model --not
      --level LIST            doc, para or both [doc]
      --drop                  drop marked documents
  -d, --down                  go down
      --a-very-long-option-name WHERE  what
EOF
	printf '%s\n' '-m model FILE' '- level LIST' '- drop' '-d down' \
		'- a-very-long-option-name WHERE' | sort | diff - got
}

@test "a program has no page, or a page no program" {
	for p in $(programs); do
		[ -s "$ROOT/man/$p.1" ] || echo "cmd/$p.c: no man/$p.1"
	done >missing
	for m in "$ROOT"/man/*.1; do
		p=$(basename "$m" .1)
		[ -s "$ROOT/cmd/$p.c" ] || echo "man/$p.1: no cmd/$p.c"
	done >>missing
	cat missing
	[ ! -s missing ]
}

@test "--help and the page of a program list other options" {
	bad=0
	for p in $(programs); do
		[ -s "$ROOT/man/$p.1" ] || continue
		"$p" --help | sed '/^common options:/,$d' | of_help >help
		of_page "$ROOT/man/$p.1" >page
		diff help page | sed -n "s/^</$p --help:/p; s/^>/man\/$p.1:/p" >differ
		[ ! -s differ ] || { cat differ; bad=1; }
	done
	[ $bad = 0 ]
}

@test "the common options are not the same in every --help and in olmo(7)" {
	of_page "$ROOT/man/olmo.7" >page
	[ "$(wc -l <page)" -ge 14 ]
	bad=0
	for p in $(programs); do
		"$p" --help | sed '1,/^common options:/d' | of_help | sed 's/ [A-Z].*//' >common
		"$p" --help | sed '/^common options:/,$d' | of_help | sed 's/ [A-Z].*//' >own
		# what a program redefines stands among its own, and not among the common ones
		sed 's/ [A-Za-z]*|.*//; s/ [A-Z].*//' page | sort >all
		comm -23 all common >gone
		while read -r letter name; do
			grep -qE "^($letter|-) $name$|^$letter " own || { echo "$p: no --$name"; bad=1; }
		done <gone
		comm -13 all common | sed "s/^/$p: not in olmo(7): /" >new
		[ ! -s new ] || { cat new; bad=1; }
	done
	[ $bad = 0 ]
}

@test "a page of a program does not refer to olmo(7) for the common options" {
	bad=0
	for p in $(programs); do
		[ -s "$ROOT/man/$p.1" ] || continue
		tr '\n' ' ' <"$ROOT/man/$p.1" |
			grep -qE 'Options common to all programs are described in +\.Xr olmo 7' ||
			{ echo "man/$p.1"; bad=1; }
	done
	[ $bad = 0 ]
}

@test "--help or --version has a status other than 0, or --version has another form" {
	v=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	for p in $(programs); do
		"$p" -h >short
		"$p" --help | cmp - short
		head -n 1 short | grep -q "^usage: $p "
		grep -q '^common options:$' short
		run "$p" --version
		[ "$status" = 0 ]
		[[ $output == "$p "*"$v"* ]]
		[ "$("$p" -V)" = "$output" ]
	done
}
