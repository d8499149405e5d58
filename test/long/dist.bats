#!/usr/bin/env bats
# What make dist packs is enough to build, install, run and remove the programs elsewhere.
load ../lib/olmo

@test "the packed sources build, install, run and go without a trace" {
	(
		cd "$ROOT"
		if [ -e .git ] && command -v git >/dev/null; then
			git -c safe.directory='*' ls-files -z --cached --others --exclude-standard
		else
			find . -type f ! -path './build/*' ! -path './bin/*' ! -path './demo-*' \
				! -path './.git/*' ! -name '*.tar.gz' -print0
		fi | while IFS= read -rd '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
			(mkdir "$TMP/tree" && xargs -0 cp --parents -t "$TMP/tree")
	)
	# a make of its own, whatever make runs this
	unset MAKEFLAGS MAKELEVEL MFLAGS
	make -s -C tree dist DIST="$TMP/olmo.tar.gz"
	tar -xzf olmo.tar.gz
	cd olmo-*/
	make -s -j2 >/dev/null
	make -s install DESTDIR="$TMP/d" PREFIX=/opt/olmo
	PATH=$TMP/d/opt/olmo/bin:/usr/bin:/bin
	printf 'a line of text\nand another line\n' >"$TMP/a.txt"
	olmo tokenize --train --vocab-size 260 --input text -o "$TMP/t.json" "$TMP/a.txt"
	olmo tokenize -t "$TMP/t.json" --input lines --eos-id none -o "$TMP/a.tok" "$TMP/a.txt"
	tokcat --info "$TMP/a.tok" >"$TMP/info"
	[ -s "$TMP/info" ]
	make -s uninstall DESTDIR="$TMP/d" PREFIX=/opt/olmo
	[ ! -e "$TMP/d" ]
}
