#!/bin/sh
# deps.sh GROUP..: install the Debian packages of the groups in packages.txt that are missing.
# As root or with sudo that asks nothing; otherwise print the line to run and exit 3.
set -eu
cd "$(dirname "$0")/.."
missing=
for group in "$@"; do
	list=$(sed -n "s/^$group: //p" packages.txt)
	for p in $list; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] ||
			missing="$missing $p"
	done
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then
	as=
elif sudo -n true 2>/dev/null; then
	as=sudo
else
	echo "deps: not installed:$missing" >&2
	echo "deps: run: sudo apt-get install --no-install-recommends$missing" >&2
	exit 3
fi
command -v apt-get >/dev/null || {
	echo "deps: no apt-get here; install with your package manager:$missing" >&2
	exit 3
}
echo "deps: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# A server among them is for tests, which start their own: do not let its package start one.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$as rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as tee $policy >/dev/null
	$as chmod +x $policy
fi
# shellcheck disable=SC2086 # words are wanted
$as apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
	$as apt-get update -q >/dev/null
	$as apt-get install -y -q --no-install-recommends $missing >/dev/null
}
