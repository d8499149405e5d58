#!/bin/sh
# deb.sh VERSION DIR [OPTION..]: the Debian source package and what it builds, in DIR.
# OPTIONs go to dpkg-buildpackage: -b builds no source package, -S nothing else.
set -eu
version=$1 dir=$2
shift 2
cd "$(dirname "$0")/.."
packaged=$(sed -n '1s/^olmo (\(.*\)-[^-]*) .*/\1/p' pipelines/debian/changelog)
[ "$packaged" = "$version" ] || {
	echo "deb: pipelines/debian/changelog begins with version '$packaged', the Makefile has $version" >&2
	exit 3
}
rm -rf "$dir"
mkdir -p "$dir"
sh pipelines/dist.sh "olmo-$version" "$dir/olmo_$version.orig.tar.gz"
cd "$dir"
tar -xzf "olmo_$version.orig.tar.gz"
cp -R "olmo-$version/pipelines/debian" "olmo-$version/debian"
# What the build needs stands in packages.txt alone; the compiler and make are always there.
needs=$(sed -n 's/^build: //p' "olmo-$version/packages.txt" | tr ' ' '\n' |
	grep -vxE 'gcc|g\+\+|make|libc6-dev|gzip' | sort | paste -sd, | sed 's/,/,\n /g')
awk -v needs="$needs" '{ sub(/@build@/, needs) } 1' "olmo-$version/pipelines/debian/control" \
	>"olmo-$version/debian/control"
cd "olmo-$version"
# The make that runs this has its own B, BIN and flags.
env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -us -uc "$@" >../build.log 2>&1 || {
	tail -n 20 ../build.log >&2
	echo "deb: failed, see $dir/build.log" >&2
	exit 3
}
cd ..
rm -rf "olmo-$version"
echo "deb: $dir: $(echo ./*.deb ./*.dsc | tr -d '\n' | sed 's:\./::g')"
