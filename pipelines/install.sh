#!/bin/sh
# install.sh install|uninstall: copy the built programs and what belongs to them to a place where
# they are found, or remove it again.  Environment: PREFIX, DESTDIR, BIN, ZSHDIR.
#
#	bin/                the programs, but those whose names are too common for a PATH:
#	libexec/olmo/       train, shuffle, tokenize, run as `olmo train`; olmo finds them beside its
#	                    own directory, so that an installed tree can be moved
#	share/man/          pages; train(1) is olmo-train(1), and shows `olmo train` in its examples
#	share/bash-completion/completions/, share/zsh/site-functions/ (ZSHDIR)
#	share/doc/olmo/     README.md and so on
#	share/olmo/         pipelines/, and `installed`, the list of all this
#
# The list has a line for each file, and one with a / at the end for each directory that was not
# there before.  uninstall goes by the list alone; install over an older one removes what the new
# one does not have.
set -eu
cd "$(dirname "$0")/.."

hidden='shuffle tokenize train'
root=${DESTDIR:-}${PREFIX:-/usr/local}
bin=${BIN:-bin}
zsh=${ZSHDIR:-share/zsh/site-functions}
list=share/olmo/installed
case $root in
/*) ;;
*) root=$PWD/$root ;;
esac

fail() {
	echo "install: $*" >&2
	exit 3
}

# has WORD WORD..: is the first among the others?
has() {
	case " $2 " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# --- files ----------------------------------------------------------------------------------------

# PREFIX and its parents: "/" is PREFIX, "//" its parent, and so on.
prefix() {
	dir=$root line=/
	while [ ! -d "$dir" ]; do
		echo $line >>"$tmp/new"
		dir=$(dirname "$dir") line=$line/
	done
	mkdir -p -- "$root"
}

# directory DIR: make it below PREFIX, and note it and its parents where they are new.
directory() {
	[ ! -d "$root/$1" ] || return 0
	case $1 in
	*/*) directory "${1%/*}" ;;
	esac
	mkdir -p -- "$root/$1"
	chmod 755 "$root/$1"
	echo "$1/" >>"$tmp/new"
}

# put MODE FILE PATH: a real file, links followed
put() {
	directory "${3%/*}"
	install -m "$1" "$2" "$root/$3" || fail "cannot write $root/$3"
	echo "$3" >>"$tmp/new"
}

# remove_listed LIST: files first, then the directories made, deepest first, where empty.
remove_listed() {
	grep -v '/$' "$1" | while IFS= read -r f; do
		case /$f/ in
		*/../* | //*) fail "$1: '$f' is not a path below PREFIX" ;;
		esac
		rm -f -- "$root/$f"
	done
	grep '[^/]/$' "$1" | LC_ALL=C sort -r | while IFS= read -r d; do
		case /$d in
		*/../* | //*) fail "$1: '$d' is not a path below PREFIX" ;;
		esac
		remove_directory "$root/$d"
	done
	dir=$root
	grep '^/*$' "$1" | while read -r _; do
		remove_directory "$dir"
		dir=$(dirname "$dir")
	done
}

remove_directory() {
	rmdir -- "$1" 2>/dev/null || [ ! -d "$1" ] || echo "uninstall: kept, not empty: $1" >&2
}

# --- pages ----------------------------------------------------------------------------------------

# page FILE [NAME]: the page as installed.  NAME is that of a hidden program: its page is called
# olmo-NAME, its synopsis and text say `olmo NAME`.  References and example lines in all pages follow.
page() {
	awk -v hidden="$hidden" -v name="${2:-}" '
	BEGIN { n = split(hidden, h, " "); gsub(/ /, "|", hidden) }
	/^\.Sh / { flush() }
	/^\.Sh SEE ALSO/ { print; sorting = 1; next }
	name && $1 == ".Dt" { $2 = "OLMO-" $2 }
	name && $1 == ".Nm" && $2 == name { print ".Nm olmo-" name; next }
	name && $1 == ".Nm" { sub(/^\.Nm/, ".Nm \"olmo " name "\"") }
	/^\.?Xr |^\.[A-Z].* Xr / {
		for (i = 1; i <= n; i++)
			gsub("Xr " h[i] " 1", "Xr olmo-" h[i] " 1")
	}
	/^[$>] / {
		# a command: after the prompt, a pipe, a list or a word of the shell
		before = "([$>|;&({]|do|then|else|if|!|while|time) *"
		out = ""; rest = $0
		while (match(rest, before "(" hidden ")( |$)")) {
			word = substr(rest, RSTART, RLENGTH)
			match(word, "(" hidden ")( |$)")
			at = index(rest, word)
			out = out substr(rest, 1, at - 1) substr(word, 1, RSTART - 1) "olmo " \
				substr(word, RSTART)
			rest = substr(rest, at + length(word))
		}
		$0 = out rest
	}
	sorting && /^\.Xr / { ref[n_ref++] = $3 " " $2; tail = $4; next }
	{ flush(); print }
	END { flush() }

	# the references of SEE ALSO, sorted again by section and name
	function flush(   i, k, t, part) {
		sorting = 0
		for (i = 1; i < n_ref; i++)
			for (k = i; k > 0 && ref[k - 1] > ref[k]; k--) {
				t = ref[k]; ref[k] = ref[k - 1]; ref[k - 1] = t
			}
		for (i = 0; i < n_ref; i++) {
			split(ref[i], part, " ")
			print ".Xr " part[2] " " part[1] (i < n_ref - 1 ? " ," : tail == "" ? "" : " " tail)
		}
		n_ref = 0
	}' "$1"
}

# --- install, uninstall ---------------------------------------------------------------------------

# Before anything is written.
check_programs() {
	for c in cmd/*.c; do
		p=$(basename "$c" .c)
		[ -x "$bin/$p" ] || fail "no $bin/$p: run make first"
	done
}

programs() {
	for c in cmd/*.c; do
		p=$(basename "$c" .c)
		if has "$p" "$hidden"; then
			put 755 "$bin/$p" "libexec/olmo/$p"
		else
			put 755 "$bin/$p" "bin/$p"
		fi
	done
}

pages() {
	for m in man/*.[1-9]; do
		name=$(basename "$m")
		as=$name own=
		if has "$name" "$(echo "$hidden" | sed 's/[a-z]*/&.1/g')"; then
			as=olmo-$name own=${name%.1}
		fi
		page "$m" "$own" >"$tmp/page"
		put 644 "$tmp/page" "share/man/man${name##*.}/$as"
	done
}

completions() {
	for c in cmd/*.c; do
		p=$(basename "$c" .c)
		! has "$p" "$hidden" || continue
		for shell in bash zsh; do
			# olmo completes the options of the hidden programs too
			more=
			[ "$p" != olmo ] || more=$hidden
			sh pipelines/completions.sh $shell "$bin" "$p" "$more" >"$tmp/complete"
			case $shell in
			bash) put 644 "$tmp/complete" "share/bash-completion/completions/$p" ;;
			zsh) put 644 "$tmp/complete" "$zsh/_$p" ;;
			esac
		done
	done
}

texts() {
	for f in README.md NEWS.md DEVIATIONS.md LICENSE NOTICE; do
		put 644 $f share/doc/olmo/$f
	done
	find pipelines -path pipelines/debian -prune -o -type f ! -name 'install.*' ! -name targets.mk \
		! -name dist.sh ! -name deb.sh ! -name deps.sh ! -name completions.sh ! -name '*.tmp' -print |
		LC_ALL=C sort >"$tmp/pipelines"
	while read -r f; do
		put 644 "$f" "share/olmo/$f"
	done <"$tmp/pipelines"
}

# What was written is in the list even when install fails half-way, so that uninstall removes it.
save_list() {
	cat "$root/$list" 2>/dev/null >>"$tmp/new" || :
	LC_ALL=C sort -u -o "$tmp/new" "$tmp/new"
	mkdir -p "$root/${list%/*}"
	install -m 644 "$tmp/new" "$root/$list"
}

do_install() {
	check_programs
	: >"$tmp/new"
	prefix
	directory ${list%/*}
	echo $list >>"$tmp/new"
	trap 'save_list; rm -rf "$tmp"' EXIT
	programs
	pages
	completions
	texts
	if [ -f "$root/$list" ]; then
		# directories stay ours; files that are gone from the programs go
		grep '/$' "$root/$list" >>"$tmp/new" || :
		grep -v '/$' "$root/$list" | LC_ALL=C sort -u >"$tmp/old"
		LC_ALL=C sort -u "$tmp/new" | LC_ALL=C comm -13 - "$tmp/old" >"$tmp/gone"
		remove_listed "$tmp/gone"
	fi
	LC_ALL=C sort -u -o "$tmp/new" "$tmp/new"
	install -m 644 "$tmp/new" "$root/$list"
	trap 'rm -rf "$tmp"' EXIT
	echo "install: $(grep -vc '/$' "$tmp/new") files in $root"
}

do_uninstall() {
	[ -f "$root/$list" ] || fail "no $root/$list: nothing installed there"
	cp "$root/$list" "$tmp/list"
	remove_listed "$tmp/list"
	echo "uninstall: $(grep -vc '/$' "$tmp/list") files removed from $root"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/olmo-install.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
umask 022
case ${1:-} in
install) do_install ;;
uninstall) do_uninstall ;;
*) fail "install.sh install|uninstall" ;;
esac
