load ../lib/olmo
# The demo's packages come from a server that goes away in the middle, twice, and the fetching program is
# killed once: what is there in the end is what an undisturbed run brings.

setup_file() {
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || skip "no nginx"
	command -v dpkg-deb >/dev/null || skip "no dpkg-deb"
}

# Packages with the names of the small demo's, a page or so in each and some MB that compress badly.
packages() {
	local p d
	mkdir -p www
	for p in cppreference-doc-en-html:usr/share/cppreference/doc/html/en/a.html \
		anarchism:usr/share/doc/anarchism/html/a.html dict-foldoc:usr/share/dictd/foldoc.index \
		dict-jargon:usr/share/dictd/jargon.index dict-devil:usr/share/dictd/devil.index \
		manpages:usr/share/man/man1/a.1 manpages-dev:usr/share/man/man3/a.3 \
		libpython3.11-stdlib:usr/lib/python3.11/a.py libpython3.11-minimal:usr/lib/python3.11/b.py \
		git-doc:usr/share/doc/git-doc/a.html debian-policy:usr/share/doc/debian-policy/a.html \
		fortunes:usr/share/games/fortunes/a \
		$(for l in de fr es it pl nl da cs tr hu pt-br fi; do echo "manpages-$l:usr/share/man/$l/man1/a.1"; done); do
		d=build/${p%%:*}
		mkdir -p "$d/DEBIAN" "$d/$(dirname "${p#*:}")"
		printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a\n' \
			"${p%%:*}" >"$d/DEBIAN/control"
		printf '.TH A 1\n.SH NAME\n%s \\- a text of its own, of one line that is long enough\n' "$p" >"$d/${p#*:}"
		head -c 300000 /dev/urandom >"$d/noise"
		dpkg-deb -b "$d" "www/${p%%:*}_1_all.deb" >/dev/null
	done
	for d in foldoc jargon devil; do : >build/dict-$d/usr/share/dictd/$d.dict; done
}

serve() { # serve PORT: nginx on the folder www, slow enough to be cut
	cat >nginx.conf <<-EOF
		$([ "$(id -u)" != 0 ] || echo 'user root;')
		worker_processes 1;
		pid $TMP/pid;
		error_log $TMP/error;
		events { worker_connections 64; }
		http { access_log off; client_body_temp_path $TMP/t1; proxy_temp_path $TMP/t2;
			fastcgi_temp_path $TMP/t3; uwsgi_temp_path $TMP/t4; scgi_temp_path $TMP/t5;
			server { listen 127.0.0.1:$1; root $TMP/www; limit_rate 300k; } }
	EOF
	PATH=$PATH:/usr/sbin nginx -e "$TMP/error" -c "$TMP/nginx.conf" 3>&-
}
halt() {
	if [ -s pid ]; then kill -9 "$(cat pid)" $(pgrep -P "$(cat pid)") 2>/dev/null || true; fi
	rm -f pid
}
teardown() { halt; }

@test "demo: packages fetched over a network that is cut are those of an undisturbed run" {
	packages
	port=$((20000 + RANDOM % 20000))
	for f in www/*.deb; do
		echo "sha256:$(sha256sum "$f" | cut -d' ' -f1) http://127.0.0.1:$port/${f#www/} ${f#www/}"
	done >list
	export DEBS_LIST=$TMP/list no_proxy='*'
	raw() { sh "$ROOT/pipelines/demo/raw-debs.sh" small "$1" "$2"; }
	serve $port
	raw out1 debs1 >log 2>&1
	sh "$ROOT/pipelines/demo/raw-debs.sh" small out2 debs2 >log2 2>&1 &
	g=$!
	for k in 1 2; do
		sleep 1.5
		halt
		sleep 1
		serve $port
	done
	sleep 0.7
	pkill -9 -P $g dolma-fetch
	if wait $g; then false; fi
	[ ! -e out2/raw ]
	raw out2 debs2 >>log2 2>&1
	(cd debs1 && sha256sum *.deb manifest.json) >a
	(cd debs2 && sha256sum *.deb manifest.json) >b
	diff a b
	diff -r out1 out2
	[ "$(ls debs2/*.deb | wc -l)" = 24 ]
}
