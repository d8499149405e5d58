#!/usr/bin/env bats
# dolma-fetch against nginx (ranges, TLS, redirections, limited speed) and a server that misbehaves
# (test/lib/http.pl).  Both listen on 127.0.0.1 only and end with the file.
load ../lib/olmo

setup_file() {
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || skip "no nginx"
	local d=$BATS_FILE_TMPDIR port try
	PATH=$PATH:/usr/sbin
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	export no_proxy='*'
	mkdir "$d/www" "$d/odd"
	awk 'BEGIN { for (i = 0; i < 150000; i++) printf "line %d of a file\n", i }' >"$d/www/big"
	head -c 30000 "$d/www/big" >"$d/www/small"
	cp "$d/www/small" "$d/odd/f"
	for n in a b c d e f; do echo "file $n" >"$d/www/$n"; done
	certificates "$d"
	for try in 1 2 3 4 5 6 7 8; do
		port=$((20000 + RANDOM % 20000))
		config "$d" $port $((port + 1)) >"$d/nginx.conf"
		if nginx -e "$d/error" -c "$d/nginx.conf" 3>&- 2>"$d/start"; then break; fi
		[ $try != 8 ] || { cat "$d/start"; return 1; }
	done
	perl "$BATS_TEST_DIRNAME/../lib/http.pl" "$d/odd" >"$d/odd.port" 3>&- &
	echo $! >"$d/odd.pid"
	for try in $(seq 100); do
		if [ -s "$d/odd.port" ]; then break; fi
		sleep 0.05
	done
	export D=$d WEB=http://127.0.0.1:$port TLS=https://localhost:$((port + 1))
	ODD=http://127.0.0.1:$(cat "$d/odd.port")
	export ODD
}

teardown_file() {
	[ ! -s "$BATS_FILE_TMPDIR/odd.pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/odd.pid")"
	[ ! -s "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
}

certificates() {
	(
		cd "$1" || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
			-subj '/CN=our own' -days 2
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout srv.key -out srv.csr \
			-subj /CN=localhost
		echo subjectAltName=DNS:localhost >ext
		openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext \
			-out srv.pem
	) 2>/dev/null
}

config() {
	[ "$(id -u)" != 0 ] || echo 'user root;'
	cat <<-EOF
		worker_processes 1;
		pid $1/pid;
		error_log $1/error;
		events { worker_connections 64; }
		http {
			access_log $1/access;
			client_body_temp_path $1/t1; proxy_temp_path $1/t2; fastcgi_temp_path $1/t3;
			uwsgi_temp_path $1/t4; scgi_temp_path $1/t5;
			server {
				listen 127.0.0.1:$2;
				listen 127.0.0.1:$3 ssl;
				ssl_certificate $1/srv.pem;
				ssl_certificate_key $1/srv.key;
				root $1/www;
				location /slow/ { alias $1/www/; limit_rate 2m; }
				location /whole/ { alias $1/www/; max_ranges 0; }
				location /slowwhole/ { alias $1/www/; max_ranges 0; limit_rate 2m; }
				location /moved/ { rewrite ^/moved/(.*) /\$1 redirect; }
				location /loop { return 302 /loop; }
				location /tofile { return 302 file://$1/www/a; }
				location /down { return 302 http://127.0.0.1:$2/a; }
			}
		}
	EOF
}

# sum FILE, line of a list: row PATH-OF-WWW URL NAME
sum() { sha256sum "$1" | cut -d' ' -f1; }
row() { printf '%s %s %s\n' "$(sum "$1")" "$2" "$3"; }
fetch() { dolma-fetch --retry-wait 0.05 --stats st -o out "$@"; }
stat_is() { [ "$(jq -c "[$1]" st)" = "$2" ] || { cat st; false; }; }
# what no failed run leaves
nothing() { [ ! -e "out/$1" ] && [ ! -e out/manifest.json ]; }

@test "dolma-fetch: a list is fetched, checked, told by the manifest; a second run does nothing" {
	cat >list <<-EOF
		# a comment

		$(row "$D/www/a" "$WEB/a" a)
		sha512:$(sha512sum "$D/www/b" | cut -d' ' -f1) $WEB/b sub/dir/b
		md5:$(md5sum "$D/www/c" | cut -d' ' -f1) $WEB/c c
		$(md5sum "$D/www/d" | cut -d' ' -f1) $WEB/d d
		xxh3:$(xxhsum -q -H128 "$D/www/e" | cut -d' ' -f1 | tr a-f A-F) file://$D/www/e e
		- $WEB/moved/f name with blanks
	EOF
	fetch list
	for f in a c d e; do cmp "$D/www/$f" out/$f; done
	cmp "$D/www/b" out/sub/dir/b
	cmp "$D/www/f" "out/name with blanks"
	[ "$(ls -A out | tr '\n' ' ')" = 'a c d e manifest.json name with blanks sub ' ]
	[ "$(ls -A out/sub/dir)" = b ]
	stat_is '.files_fetched,.files_kept,.bytes,.retries,.resumed' '[6,0,42,0,0]'
	[ "$(jq -c '.outputs[1] | [.path, .bytes, .xxh3]' out/manifest.json)" = \
		"[\"sub/dir/b\",7,\"$(xxhsum -q -H128 "$D/www/b" | cut -d' ' -f1)\"]" ]
	[ "$(jq -r '.options.urls["sub/dir/b"]' out/manifest.json)" = "$WEB/b" ]
	[ "$(jq -c .counts out/manifest.json)" = '{"bytes":42,"files":6}' ]
	olmo audit out
	touch -d 2020-01-01 stamp out/manifest.json
	before=$(wc -l <"$D/access")
	fetch list
	stat_is '.files_fetched,.files_kept,.bytes' '[0,6,0]'
	[ "$(wc -l <"$D/access")" = "$before" ]
	[ ! out/manifest.json -nt stamp ]
	# the same bytes with threads, from another place
	mkdir x && cp out/manifest.json m1 && dolma-fetch -j 4 -o out2 list && cmp m1 out2/manifest.json
}

@test "dolma-fetch: a longer list keeps what is there; a changed URL without a hash is fetched again" {
	{ row "$D/www/a" "$WEB/a" a; echo "- $WEB/b b"; } >list
	fetch list
	{ row "$D/www/a" "$WEB/a" a; echo "- $WEB/c b"; row "$D/www/d" "$WEB/d" d; } >list
	fetch list
	stat_is '.files_fetched,.files_kept' '[2,1]'
	cmp "$D/www/c" out/b
	# damaged on disk
	echo x >>out/d
	fetch list 2>err
	grep -q 'out/d: wrong hash' err
	stat_is '.files_fetched,.files_kept' '[1,2]'
	cmp "$D/www/d" out/d
	# not our directory
	mkdir other && echo y >other/a
	run dolma-fetch -o other list
	[ "$status" = 3 ]
	[ "$(cat other/a)" = y ]
}

@test "dolma-fetch: a wrong hash: status 3, the file named, nothing under its name, the others fetched" {
	{ row "$D/www/a" "$WEB/b" b; row "$D/www/c" "$WEB/c" c; } >list
	run fetch -j 2 list
	[ "$status" = 3 ]
	grep -q "list:1: out/b: $WEB/b: wrong hash $(sum "$D/www/b"), expected" <<<"$output"
	nothing b
	cmp "$D/www/c" out/c
	[ "$(ls -A out | tr '\n' ' ')" = '.manifest.begun.json c ' ]
}

@test "dolma-fetch: 404 is not tried again, 500 is, then given up; 503 waits as it is told" {
	row "$D/www/a" "$WEB/none" a >list
	run fetch list
	[ "$status" = 3 ]
	grep -q "out/a: $WEB/none: the server answers 404" <<<"$output"
	stat_is .retries '[0]'
	row "$D/odd/f" "$ODD/down/f" f >list
	run fetch --retries 2 list
	[ "$status" = 3 ]
	grep -q 'given up after 3 tries: the server answers 500' <<<"$output"
	stat_is .retries '[2]'
	nothing f
	row "$D/odd/f" "$ODD/wait/f" f >list
	run fetch list
	[ "$status" = 3 ]
	grep -q 'asks to wait 1000 s' <<<"$output"
	row "$D/odd/f" "$ODD/busy/f" f >list
	SECONDS=0
	fetch list
	[ "$SECONDS" -ge 2 ]
	stat_is .retries '[2]'
	cmp "$D/odd/f" out/f
	# nobody listens
	echo '- http://127.0.0.1:1/x x' >list
	run fetch --retries 1 -f list
	[ "$status" = 3 ]
	stat_is .retries '[1]'
}

@test "dolma-fetch: a transfer that is cut or falls silent goes on where it was" {
	row "$D/odd/f" "$ODD/cut/f" f >list
	fetch list
	stat_is '.retries,.resumed,.bytes' '[1,1,30000]'
	cmp "$D/odd/f" out/f
	row "$D/odd/f" "$ODD/stall/f" f >list
	dolma-fetch --timeout 1 --low-speed 1M --retry-wait 0 --stats st -o out2 list
	stat_is '.retries,.resumed,.bytes' '[1,1,30000]'
	cmp "$D/odd/f" out2/f
	grep -qx 'stall/f 15000' "$D/odd/log"
	[ "$(grep -c 'does not go' "$D/odd/log")" = 0 ]
}

@test "dolma-fetch: a file that changes between two tries is fetched from its start" {
	tr a-z A-Z <"$D/odd/f" >want
	echo "- $ODD/new/f f" >list
	fetch list
	cmp want out/f
	stat_is '.retries,.resumed' '[1,0]'
	# the wrong range
	row "$D/odd/f" "$ODD/lie/f" g >list
	dolma-fetch --retry-wait 0 --stats st -o out2 list
	cmp "$D/odd/f" out2/g
	stat_is '.retries,.resumed' '[2,0]'
	# a damaged half without an ETag: the hash tells, once
	row "$D/odd/f" "$ODD/damage/f" h >list
	dolma-fetch --retry-wait 0 --stats st -o out3 list
	cmp "$D/odd/f" out3/h
	stat_is '.retries,.resumed' '[1,1]'
}

# killed URL: fetch the big file slowly, kill -9 in the middle
killed() {
	local pid try
	row "$D/www/big" "$1" big >list
	dolma-fetch -o out list 3>&- &
	pid=$!
	for try in $(seq 100); do
		[ "$(stat -c %s out/.big.part 2>/dev/null || echo 0)" -lt 300000 ] || break
		sleep 0.03
	done
	kill -9 $pid
	wait $pid || true
	nothing big
	[ "$(stat -c %s out/.big.part)" -ge 300000 ]
}

@test "dolma-fetch: kill -9 in the middle, then the rest with ranges, all of it without" {
	size=$(stat -c %s "$D/www/big")
	killed "$WEB/slow/big"
	got=$(stat -c %s out/.big.part)
	fetch list
	cmp "$D/www/big" out/big
	stat_is .resumed '[1]'
	[ "$(jq .bytes st)" -le $((size - got)) ]
	[ "$(ls -A out | tr '\n' ' ')" = 'big manifest.json ' ]
	rm -rf out
	killed "$WEB/slowwhole/big"
	fetch list
	cmp "$D/www/big" out/big
	stat_is .resumed,.bytes "[0,$size]"
	# killed after the last byte
	rm -rf out
	echo "- $ODD/ok/f f" >list
	fetch list
	mv out/f out/.f.part
	printf '%s\n"1"\n30000\n' "$ODD/ok/f" >out/.f.part.from
	fetch list
	stat_is .bytes '[0]'
	cmp "$D/odd/f" out/f
	# a part of another URL is not used
	rm out/f
	echo wrong >out/.f.part
	printf '%s\n"1"\n30000\n' "$ODD/ok/g" >out/.f.part.from
	fetch list
	cmp "$D/odd/f" out/f
}

@test "dolma-fetch: TLS: our own authority, an unknown one, a wrong host name" {
	row "$D/www/a" "$TLS/a" a >list
	fetch --cacert "$D/ca.pem" list
	cmp "$D/www/a" out/a
	run dolma-fetch -o out2 list
	[ "$status" = 3 ]
	grep -qi "out2/a: $TLS/a: .*certificate" <<<"$output"
	[ ! -e out2/a ]
	sed s/localhost/127.0.0.1/ list >host
	run dolma-fetch --cacert "$D/ca.pem" -o out3 host
	[ "$status" = 3 ]
	[ ! -e out3/a ]
	run dolma-fetch --cacert none.pem -o out4 list
	[ "$status" = 3 ]
	grep -q none.pem <<<"$output"
	# from https to http
	row "$D/www/a" "$TLS/down" a >list
	run dolma-fetch --cacert "$D/ca.pem" -o out5 list
	[ "$status" = 3 ]
	[ ! -e out5/a ]
}

@test "dolma-fetch: redirections without end or to a file" {
	for u in loop tofile; do
		echo "- $WEB/$u x" >list
		run dolma-fetch -o out list
		[ "$status" = 3 ]
		nothing x
		rm -rf out
	done
}

@test "dolma-fetch: lines that are refused, with their number, before anything is fetched" {
	ok="- $WEB/a a"
	while read -r bad; do
		printf '%s\n%s\n' "$ok" "$bad" >list
		run dolma-fetch -o out list
		[ "$status" = 3 ]
		grep -q 'list:2: ' <<<"$output" || { echo "$bad: $output"; false; }
		[ ! -e out ]
	done <<-EOF
		- $WEB/b ../b
		- $WEB/b /tmp/b
		- $WEB/b x/../b
		- $WEB/b x//b
		- $WEB/b .b
		- $WEB/b b/
		- $WEB/b manifest.json
		- $WEB/b a
		- $WEB/b a/b
		- $WEB/b
		- ftp://localhost/b b
		- http://me:secret@localhost/b b
		- nothing b
		sha256:12 $WEB/b b
		sha1:$(sha1sum "$D/www/a" | cut -d' ' -f1) $WEB/b b
		abc $WEB/b b
	EOF
	run dolma-fetch list
	[ "$status" = 2 ]
}

@test "dolma-fetch: --dry-run says what it would do" {
	{ echo "- $WEB/a a"; echo "- $WEB/b b"; } | fetch
	rm out/b
	{ echo "- $WEB/a a"; echo "- $WEB/b b"; } >list
	fetch -n list >got
	printf 'keep\t%s/a\ta\nfetch\t%s/b\tb\n' "$WEB" "$WEB" | diff - got
	[ ! -e out/b ]
}
