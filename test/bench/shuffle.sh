#!/bin/sh
# Speed of shuffle:
#	test/bench/shuffle.sh [MB] [N]		[BIN=DIR NUMPY=PYTHON DIR=DIR THREADS=N]
# A copy of a token file of MB megabytes [1024] in OLMo's order, with memory for all of it, with an eighth of its size as
# memory, the same on one thread, and in two passes, on THREADS threads and on one; beside cp of the same file, which
# writes as many bytes once (cp and then sync: shuffle --copy syncs its output).  Then OLMo's order of N instances [1e8] beside numpy's.  Rounds
# A B C A B C.., medians; wall seconds for the files (they are mostly the kernel's), CPU seconds for the orders.
set -eu
mb=${1:-1024}
n=${2:-100000000}
bin=${BIN:-bin}
threads=${THREADS:-2}
dir=$(mktemp -d -p "${DIR:-.}")
trap 'rm -rf "$dir"' EXIT

# Seconds of a command: wall, user + sys.
timed() {
	{ LC_ALL=C bash -c 'TIMEFORMAT="%R %U %S"; time "$@" >"$0"' "$dir/out" "$@" 2>&1; } |
		awk 'END { printf "%.3f\t%.3f\n", $1, $2 + $3 }'
}

# The line in the middle, of a column of a file.
median() {
	cut -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "# $(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(date -u +%F)"
echo "# commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), shuffle -j$threads"

awk 'BEGIN { for (i = 0; i < 1048576; i++) printf "%c", (i * 7 + int(i / 256)) % 190 + 1 }' >"$dir/mb"
i=0
while [ $i -lt "$mb" ]; do
	cat "$dir/mb"
	i=$((i + 1))
done >"$dir/a.npy"
LC_ALL=C "$bin/tokcat" -f --to tok -o "$dir/a.tok" "$dir/a.npy"
rm "$dir/a.npy"
copy_cp() { timed cp "$dir/a.tok" "$dir/b.tok" >>"$dir/t.cp"; }
copy_sync() { timed sh -c 'cp "$1" "$2" && sync "$2"' sh "$dir/a.tok" "$dir/b.tok" >>"$dir/t.cp+sync"; }
copy_shuffle() {
	name=$1
	shift
	timed "$bin/shuffle" -f --copy --seq-len 2048 --seed 1 "$@" -o "$dir/b.tok" "$dir/a.tok" >>"$dir/t.$name"
}
all="cp cp+sync memory eighth eighth-j1 two-pass two-pass-j1"
for _ in 1 2 3 4 5; do
	for what in $all; do
		rm -f "$dir/b.tok"
		sync
		case $what in
		cp) copy_cp ;;
		cp+sync) copy_sync ;;
		memory) copy_shuffle $what -j "$threads" --memory "$((mb + 1))M" ;;
		eighth) copy_shuffle $what -j "$threads" --memory "$((mb / 8))M" ;;
		eighth-j1) copy_shuffle $what -j 1 --memory "$((mb / 8))M" ;;
		two-pass) copy_shuffle $what -j "$threads" --memory "$((mb / 8))M" --passes 2 ;;
		two-pass-j1) copy_shuffle $what -j 1 --memory "$((mb / 8))M" --passes 2 ;;
		esac
	done
done
echo "# copy	wall s	CPU s	MB/s	of cp	of cp+sync"
a=$(median "$dir/t.cp" 1)
b=$(median "$dir/t.cp+sync" 1)
for what in $all; do
	awk -v w="$what" -v t="$(median "$dir/t.$what" 1)" -v c="$(median "$dir/t.$what" 2)" -v mb="$mb" \
		-v a="$a" -v b="$b" 'BEGIN { printf "%s\t%.2f\t%.2f\t%d\t%.2f\t%.2f\n", w, t, c, mb / t, a / t, b / t }'
done
rm -f "$dir"/*.tok

[ -n "${NUMPY:-}" ] || exit 0
program='import sys, numpy as np
n = int(sys.argv[1])
a = np.arange(n, dtype=np.uint32)
np.random.Generator(np.random.PCG64(6198)).shuffle(a)
a.tofile(sys.argv[2])'
for _ in 1 2 3; do
	timed "$bin/shuffle" -f --order --raw --count "$n" --seed 6198 -o "$dir/o.npy" >>"$dir/t.olmo"
	timed "$NUMPY" -c "$program" "$n" "$dir/n.npy" >>"$dir/t.numpy"
done
cmp "$dir/o.npy" "$dir/n.npy"
echo "# order of $n	CPU s	ns an instance	times faster"
b=$(median "$dir/t.numpy" 2)
for what in olmo numpy; do
	awk -v w="$what" -v t="$(median "$dir/t.$what" 2)" -v n="$n" -v b="$b" \
		'BEGIN { printf "%s\t%.2f\t%.1f\t%.2f\n", w, t, 1e9 * t / n, b / t }'
done
