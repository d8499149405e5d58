#!/usr/bin/env bats
# make install, uninstall and dist: what is installed works where it is and after it is moved, pages
# and completions speak of the programs as they are called then, and nothing is left behind.
load ../lib/olmo

# make as it is called in the tree, with the programs that are being tested (-o all: not built again).
tree_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$ROOT" -o all \
		BIN="${OLMO_BIN:-$ROOT/bin}" "$@"
}

# The shell lines of an installed page's examples.
examples() {
	mandoc -Tascii "$1" | col -bx | sed -n '/^EXAMPLES/,/^[A-DF-Z]/p' | sed -n 's/^ *\$ //p'
}

@test "installed programs run, hidden ones through olmo, and the tree can be moved" {
	tree_make install DESTDIR="$TMP/d" PREFIX=/usr
	for p in "$ROOT"/cmd/*.c; do
		p=$(basename "$p" .c)
		case $p in
		shuffle | tokenize | train) f=d/usr/libexec/olmo/$p ;;
		*) f=d/usr/bin/$p ;;
		esac
		[ -f $f ] && [ ! -L $f ] && [ "$(stat -c %a $f)" = 755 ] || { echo "no program $f"; false; }
	done
	[ "$(ls d/usr/libexec/olmo | xargs)" = "shuffle tokenize train" ]
	mv d/usr moved
	PATH=/usr/bin:/bin
	[ "$(moved/bin/olmo --exec-path)" = "$(realpath moved/libexec/olmo)" ]
	ln -s ../moved/bin/olmo d/link
	d/link tokenize --help | grep -q '^usage: tokenize '
	PATH="$TMP/moved/bin:$PATH"
	olmo train --version | grep -q '^train '
	olmo dolma-mix --version | grep -q '^dolma-mix '
	run command -v tokenize
	[ "$status" != 0 ]
}

@test "installed pages: mandoc is content, names and examples are those of the installed programs" {
	command -v mandoc >/dev/null || skip "no mandoc"
	tree_make install PREFIX="$TMP/p"
	mandoc -Tlint -W warning p/share/man/man*/*
	[ "$(find p/share/man -type f | wc -l)" = "$(ls "$ROOT"/man/*.[1-9] | wc -l)" ]
	for p in shuffle tokenize train; do
		mandoc -Tascii p/share/man/man1/olmo-$p.1 | col -bx >$p.txt
		head -n 1 $p.txt | grep -qi "^OLMO-$p(1)"
		grep -q "^ *olmo-$p - " $p.txt
		grep -q "^ *olmo $p -" $p.txt
	done
	# every page that is referred to is there
	awk '$1 == ".Xr" && $2 ~ /^(olmo|dolma|tok|train|shuffle|decontam|paloma)/ {
		print "p/share/man/man" $3 "/" $2 "." $3 }' p/share/man/man*/* | sort -u >refs
	[ "$(wc -l <refs)" -ge 14 ]
	xargs ls <refs >/dev/null
	# the examples run with nothing but the installed programs
	PATH="$TMP/p/bin:/usr/bin:/bin"
	for m in man1/olmo-tokenize.1 man1/olmo-shuffle.1 man7/olmo.7; do
		mkdir "$(basename $m)"
		examples p/share/man/$m | sed '/SHA256SUMS/,$d' >example.sh
		[ "$(grep -c olmo example.sh)" -ge 2 ]
		(cd "$(basename $m)" && bash -eo pipefail ../example.sh) >out 2>&1 || { cat out; false; }
	done
}

@test "completions know the options, those of the hidden programs too" {
	tree_make install PREFIX="$TMP/p"
	c=p/share/bash-completion/completions
	[ "$(ls $c | wc -l)" = "$(ls p/bin | wc -l)" ]
	for f in $c/*; do bash -n $f; done
	# complete WORD..: what bash offers for the last word
	complete_words() {
		bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
			f=$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/"); $f
			printf "%s\n" "${COMPREPLY[@]}"' - "$@"
	}
	complete_words $c/dolma-mix dolma-mix --str | sort | xargs >got
	[ "$(cat got)" = "--stream --strict" ]
	complete_words $c/olmo olmo t | sort | xargs >got
	[ "$(cat got)" = "tokcat tokenize train" ]
	complete_words $c/olmo olmo train --res | grep -qx -- --resume
	complete_words $c/olmo olmo tokenize --vocab | grep -qx -- --vocab-size
	complete_words $c/olmo olmo aud | grep -qx audit
	complete_words $c/olmo olmo audit --man | grep -qx -- --manifest
	complete_words $c/olmo olmo --exec | grep -qx -- --exec-path
	# every option of every --help is there
	for f in p/bin/*; do
		p=$(basename $f)
		$f --help | grep -oE '^(  -[A-Za-z0-9],|     ) --[a-z0-9-]+' | grep -oE -- '--.*' | sort >want
		complete_words $c/$p $p -- | grep -E '^--' | sort | diff want -
		grep -oE -- '--[a-z0-9-]+[}[]' p/share/zsh/site-functions/_$p | tr -d '[}' | sort -u >zsh
		[ -z "$(comm -23 want zsh)" ]
	done
	command -v zsh >/dev/null || { echo "# no zsh, its completions are not parsed" >&3; return 0; }
	for f in p/share/zsh/site-functions/*; do zsh -n $f; done
}

@test "uninstall leaves nothing of ours and all that was there before" {
	umask 077
	tree_make install DESTDIR="$TMP/new/d" PREFIX=/usr
	[ "$(stat -c %a new/d/usr/share/man)" = 755 ]
	tree_make uninstall DESTDIR="$TMP/new/d" PREFIX=/usr
	[ ! -e new ]
	mkdir -p old/usr/bin old/usr/share/man/man1
	echo theirs >old/usr/bin/theirs
	find old | sort >before
	tree_make install DESTDIR="$TMP/old" PREFIX=/usr
	# an older version had a program more; again over it
	cp old/usr/bin/olmo old/usr/bin/gone
	echo bin/gone >>old/usr/share/olmo/installed
	tree_make install DESTDIR="$TMP/old" PREFIX=/usr
	[ ! -e old/usr/bin/gone ]
	[ "$(cd old/usr && find . -type f | sed 's:^\./::' | sort)" = \
		"$(grep -v '/$' old/usr/share/olmo/installed | cat - <(echo bin/theirs) | sort)" ]
	tree_make uninstall DESTDIR="$TMP/old" PREFIX=/usr
	find old | sort | diff before -
	# a second time there is nothing to go by
	run tree_make uninstall DESTDIR="$TMP/old" PREFIX=/usr
	[ "$status" != 0 ]
	[[ $output == *"nothing installed there"* ]]
	# a list that was tampered with removes nothing outside
	mkdir -p old/usr/share/olmo
	echo ../../before >old/usr/share/olmo/installed
	run tree_make uninstall DESTDIR="$TMP/old" PREFIX=/usr
	[ "$status" != 0 ]
	[ -e before ]
}

@test "install that fails says so and can be removed" {
	mkdir -p d/usr
	: >d/usr/share
	run tree_make install DESTDIR="$TMP/d" PREFIX=/usr
	[ "$status" != 0 ]
	rm d/usr/share
	run tree_make install BIN="$TMP/nowhere" DESTDIR="$TMP/d2" PREFIX=/usr
	[ "$status" != 0 ]
	[[ $output == *"run make first"* ]]
	[ ! -e d2 ]
}

@test "README: the commands under Install run" {
	awk '/^<!-- install -->$/ { on = 1; next } on && /^```sh$/ { p = 1; next }
		p && /^```$/ { exit } p' "$ROOT/README.md" >install.sh
	[ -s install.sh ]
	make() { tree_make "$@"; }
	export HOME=$TMP/me PATH=/usr/bin:/bin
	mkdir me
	# shellcheck source=/dev/null
	. ./install.sh >out
	grep -q '^usage: tokenize ' out
	grep -qx "$TMP/me/.local/libexec/olmo" out
	[ -z "$(find me -mindepth 1)" ]
}

@test "make dist gives the same bytes at another time, from another copy and from its own tarball" {
	mkdir a
	(
		cd "$ROOT"
		if [ -e .git ] && command -v git >/dev/null; then
			git -c safe.directory='*' ls-files -z --cached --others --exclude-standard
		else
			find . -type f ! -path './build/*' ! -path './bin/*' ! -path './demo-*' \
				! -path './.git/*' ! -name '*.tar.gz' -print0
		fi | while IFS= read -rd '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
			xargs -0 cp --parents -t "$TMP/a"
	)
	cp -R a b
	find b -exec touch -d 2001-02-03 {} +
	chmod -R go-rwx b
	mkdir -p b/build/x b/demo-x
	echo left >b/build/x/y
	echo left >b/demo-x/y
	echo left >b/z.tmp
	v=olmo-$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	env -u MAKEFLAGS make -s -C a dist
	(umask 077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 env -u MAKEFLAGS make -s -C b dist)
	cmp a/$v.tar.gz b/$v.tar.gz
	tar -xzf a/$v.tar.gz
	[ "$(ls)" = "$(printf '%s\n' a b $v)" ]
	rm a/$v.tar.gz b/$v.tar.gz
	diff -r a $v
	env -u MAKEFLAGS make -s -C $v dist DIST="$TMP/again.tar.gz"
	env -u MAKEFLAGS make -s -C a dist DIST="$TMP/first.tar.gz"
	cmp first.tar.gz again.tar.gz
	env -u MAKEFLAGS make -C $v -n all >/dev/null
	# all of the tree that is tracked is in it
	[ -e "$v/Makefile" ] && [ -e "$v/test/cmd/install.bats" ] && [ -e "$v/.ci/run" ]
}

@test "the version of the Debian package is that of the programs" {
	v=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	head -n 1 "$ROOT/pipelines/debian/changelog" | grep -qF "olmo ($v-"
	head -n 20 "$ROOT/NEWS.md" | grep -qxF "## $v"
}
