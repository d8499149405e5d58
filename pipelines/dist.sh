#!/bin/sh
# dist.sh NAME FILE: pack the source tree as NAME/... into FILE (.tar.gz).
#
# The files are those that git tracks; where there is no git (in an unpacked FILE), all but what
# .gitignore names.  Order, owner, mode and time do not depend on the machine: the time is that of
# the newest entry of pipelines/debian/changelog.  So packing an unpacked FILE gives FILE again.
set -eu
name=$1 file=$2
cd "$(dirname "$0")/.."

untracked() {
	git -c safe.directory='*' ls-files --others --exclude-standard
}

# NUL after each name.
files() {
	if [ -e .git ] && command -v git >/dev/null; then
		[ -z "$(untracked)" ] || echo "dist: left out, not tracked: $(untracked | tr '\n' ' ')" >&2
		git -c safe.directory='*' ls-files -z
	else
		set -- -path ./.git -prune -o
		while read -r p || [ -n "$p" ]; do
			case $p in
			'' | '#'*) ;;
			/*) set -- "$@" -path ".${p%/}" -prune -o ;;
			*) set -- "$@" -name "${p%/}" -prune -o ;;
			esac
		done <.gitignore
		find . "$@" \( -type f -o -type l \) -print0 | sed -z 's:^\./::'
	fi | LC_ALL=C sort -z
}

stamp=$(date -d "$(sed -n 's/^ -- .*>  //p' pipelines/debian/changelog | head -n 1)" +%s)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/olmo-dist.XXXXXX")
trap 'rm -rf "$tmp" "$file.tmp"' EXIT
trap 'exit 1' INT TERM HUP
files >"$tmp/list"
tar --create --file "$tmp/tar" --format=ustar --no-recursion --null --files-from="$tmp/list" \
	--transform "s,^,$name/,S" --owner=0 --group=0 --numeric-owner \
	--mode=u=rwX,go=rX --mtime="@$stamp"
gzip -9n <"$tmp/tar" >"$file.tmp"
mv "$file.tmp" "$file"
echo "dist: $file"
