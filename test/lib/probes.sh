# probes.sh: the five things every program must do right when the world goes wrong (bash).
# Each prints what was wrong and returns 1, or returns 0.

probe_err() { sed 's/^/# stderr: /' "$1"; }

# probe_unknown_option PROG: status 2, one line on stderr, nothing on stdout
probe_unknown_option() {
	local rc=0 d
	d=$(mktemp -d)
	"$1" --no-such-option >"$d/out" 2>"$d/err" || rc=$?
	[ $rc = 2 ] && [ "$(wc -l <"$d/err")" = 1 ] && [ ! -s "$d/out" ] && grep -q "^$1: " "$d/err" || {
		echo "# $1 --no-such-option: status $rc, expected 2 and one line beginning '$1: '"
		probe_err "$d/err"
		rm -rf "$d"
		return 1
	}
	rm -rf "$d"
}

# probe_full CMD..: stdout is a full disk: status 3 and a message
probe_full() {
	local rc=0 e
	e=$(mktemp)
	"$@" >/dev/full 2>"$e" || rc=$?
	[ $rc = 3 ] && grep -q "^$1: " "$e" || {
		echo "# $*: on a full disk: status $rc, expected 3 and a message"
		probe_err "$e"
		rm -f "$e"
		return 1
	}
	rm -f "$e"
}

# probe_full_file OUT CMD..: a file cannot grow: status 3, a message, no OUT (file or directory)
probe_full_file() {
	local rc=0 e out=$1
	shift
	e=$(mktemp)
	(
		trap '' XFSZ
		ulimit -f 0
		exec "$@" >/dev/null 2> >(cat >"$e")
	) || rc=$?
	sleep 0.05
	[ $rc = 3 ] && [ ! -f "$out" ] && [ ! -e "$out/manifest.json" ] || {
		echo "# $*: out of space: status $rc, expected 3 and no $out"
		probe_err "$e"
		rm -f "$e"
		return 1
	}
	rm -f "$e"
}

# probe_truncated OUT FILE CMD..: FILE is damaged: status 3, FILE is named, no OUT
probe_truncated() {
	local rc=0 e out=$1 file=$2
	shift 2
	e=$(mktemp)
	rm -rf "$out"
	"$@" >/dev/null 2>"$e" || rc=$?
	[ $rc = 3 ] && grep -qF "$(basename "$file")" "$e" && [ ! -f "$out" ] &&
		[ ! -e "$out/manifest.json" ] || {
		echo "# $*: truncated input: status $rc, expected 3, a message naming $file, no output"
		probe_err "$e"
		rm -f "$e"
		return 1
	}
	rm -f "$e"
}

# probe_head CMD..: `CMD | head -n 1` ends without a word (killed by SIGPIPE, or done)
probe_head() {
	local e st
	e=$(mktemp)
	st=$(
		set +o pipefail
		{ "$@" 2>"$e"; echo $? >"$e.st"; } | head -n 1 >/dev/null
		cat "$e.st"
	)
	{ [ "$st" = 141 ] || [ "$st" = 0 ]; } && [ ! -s "$e" ] || {
		echo "# $* | head -n 1: status $st, expected 141 or 0 and silence"
		probe_err "$e"
		rm -f "$e" "$e.st"
		return 1
	}
	rm -f "$e" "$e.st"
}

# probe_kill OUT INPUT CMD..: CMD reads stdin; fed INPUT and left hanging, killed by TERM and by KILL:
# nothing under the final name OUT; after TERM no temporary either, and a run after KILL removes what
# that left
probe_kill() {
	local out=$1 input=$2 sig pid dir bad=0
	shift 2
	dir=$(dirname "$out")
	rm -f "$dir"/.*.tmp
	for sig in TERM KILL; do
		rm -rf "$out"
		mkfifo "$dir/feed"
		"$@" <"$dir/feed" >/dev/null 2>&1 &
		pid=$!
		exec 9>"$dir/feed"
		timeout 2 cat "$input" >&9 2>/dev/null || true
		sleep 0.2
		kill -$sig $pid 2>/dev/null || {
			echo "# $*: ended before its input did"
			bad=1
		}
		wait $pid 2>/dev/null
		exec 9>&-
		rm -f "$dir/feed"
		if [ -f "$out" ] || [ -n "$(ls -A "$out" 2>/dev/null)" ]; then
			echo "# $*: killed by $sig, but $out is there"
			bad=1
		fi
		if [ $sig = KILL ] && ! "$@" <"$input" >/dev/null 2>&1; then
			echo "# $*: does not run after a kill"
			bad=1
		fi
		if ls -A "$dir" | grep -q '^\..*\.tmp$'; then
			echo "# $*: after $sig a temporary is left: $(ls -A "$dir" | grep tmp)"
			bad=1
		fi
	done
	rm -rf "$out"
	return $bad
}
