load ../lib/olmo

@test "dolma-docs: ids are paths below --base, text is copied to the byte" {
	mkdir -p in/b && printf 'one\n"two"\t\\\n' >in/b/x.txt && printf 'z' >in/a.txt
	dolma-docs --from text --source s --base in in >o.jsonl
	[ "$(jq -r .id o.jsonl | tr '\n' ' ')" = "s/a.txt s/b/x.txt " ]
	jq -j 'select(.id == "s/b/x.txt").text' o.jsonl | cmp - in/b/x.txt
	[ "$(jq -c 'keys_unsorted' o.jsonl | sort -u)" = \
		'["id","text","source","added","created","metadata"]' ]
}

@test "dolma-docs: lines: one document a line, empty ones counted" {
	printf 'a\n\nb' | dolma-docs --from lines --source s --stats st >o.jsonl
	[ "$(jq -r .id o.jsonl | tr '\n' ' ')" = "s/-:1 s/-:3 " ]
	[ "$(jq .skipped_empty st)" = 1 ]
}

@test "dolma-docs: text: --separator ends a document, blank ones are counted" {
	printf 'one\ntwo\n%%\n%%\n \n%%\n%% x\n100%%\n%%\nlast' >f
	dolma-docs --from text --separator % --source s --stats st f >o.jsonl
	[ "$(jq -c '[.id, .text]' o.jsonl | tr -d '\n')" = \
		'["s/f:1","one\ntwo\n"]["s/f:7","% x\n100%\n"]["s/f:10","last\n"]' ]
	[ "$(jq .skipped_empty st)" = 2 ]
	run dolma-docs --from text --separator % --source s --max-bytes 5 f
	[ "$status" = 3 ]
	grep -q 'f:1' <<<"$output"
	run dolma-docs --from lines --separator % --source s f
	[ "$status" = 2 ]
}

@test "dolma-docs: ill-formed UTF-8 becomes U+FFFD and is counted, a NUL stays" {
	printf 'a\377b\303(\340\240c\0d' >x
	dolma-docs --from text --source s --stats st x >o.jsonl
	[ "$(jq -c '.text | explode' o.jsonl)" = '[97,65533,98,65533,40,65533,99,0,100]' ]
	[ "$(jq .docs_repaired st)" = 1 ]
	[ "$(jq .sequences_repaired st)" = 3 ]
}

@test "dolma-docs: source: the language by its suffix; compressed input by its magic" {
	echo 'int x;' | gzip >x.c
	dolma-docs --from source --source s x.c >o.jsonl
	[ "$(jq -r .text o.jsonl)" = 'int x;' ]
	[ "$(jq -r .metadata.language o.jsonl)" = c ]
}

@test "dolma-docs: a kind that it does not read and a missing file are errors" {
	run dolma-docs --from pdf --source s x
	[ "$status" = 2 ]
	run dolma-docs --from text --source s -o o.jsonl none
	[ "$status" = 3 ]
	grep -q "none" <<<"$output"
	[ ! -e o.jsonl ]
	printf 'long line\n' >x
	run dolma-docs --from lines --source s --max-bytes 3 x
	[ "$status" = 3 ]
	grep -q 'x:1' <<<"$output"
}

@test "dolma-docs: seal, manifest and stats agree" {
	seq 100 >x
	dolma-docs --from lines --source s --seal -o o.jsonl.zst x
	tail=$(zstdcat o.jsonl.zst | tail -n 1)
	[ "$(jq .seal.docs <<<"$tail")" = 100 ]
	[ "$(zstdcat o.jsonl.zst | head -n 100 | xxhsum -H2 2>/dev/null | cut -c1-32 ||
		true)" = "$(jq -r .seal.xxh3 <<<"$tail")" ] || ! command -v xxhsum
	[ "$(jq .counts.docs_out o.jsonl.zst.manifest.json)" = 100 ]
	! grep -q "$TMP" o.jsonl.zst.manifest.json
}

text() { jq -r .text "$@"; }

@test "dolma-docs: a directory: what is passed over is counted" {
	mkdir -p d/sub && echo '<p>a' >d/a.html && echo x >d/a.css && echo x >d/.hid && ln -s none d/x
	echo '<p>b' >d/sub/b.htm
	dolma-docs --from html --source s --base d --stats st d >o.jsonl
	[ "$(jq -r .id o.jsonl | tr '\n' ' ')" = "s/a.html s/sub/b.htm " ]
	[ "$(jq -c '[.files_passed_hidden, .files_passed_other_kind, .files_passed_dangling_link]' st)" = \
		'[1,1,1]' ]
}

@test "dolma-docs: --skip-bad counts malformed records, without it the place is named" {
	printf 'ok\nmuch too long\nfine\n' >x
	dolma-docs --from lines --source s --max-bytes 5 --skip-bad --stats st x >o.jsonl 2>err
	[ "$(wc -l <o.jsonl)" = 2 ]
	[ "$(jq .docs_bad st)" = 1 ]
	grep -q 'x:2' err
}

@test "dolma-docs: the same bytes for any -j" {
	mkdir d
	for i in $(seq 200); do printf '<title>T %s</title><p>text %s' "$i" "$i" >"d/$i.html"; done
	dolma-docs --from html --source s --seal d >one
	dolma-docs --from html --source s --seal -j 3 d >three
	cmp one three
}

@test "dolma-docs: source: the language by name, #! and suffix" {
	printf '#!/usr/bin/env -S python3.11 -u\n' >tool
	printf 'all:\n' >Makefile
	printf '#!/bin/sh\n' >run.pl
	printf 'x\n' >README
	dolma-docs --from source --source s tool Makefile run.pl README >o.jsonl
	[ "$(jq -r '.metadata.language // "-"' o.jsonl | tr '\n' ' ')" = "python make perl - " ]
}

# --- html

@test "dolma-docs: html: blocks, lists, tables and pre; no furniture" {
	cat >p.html <<-'EOF'
		<!DOCTYPE html><html lang=en><head><title> A &amp;
		 B</title><style>x{}</style></head><body><nav>menu</nav><div class="a sidebar b">side</div>
		<h1>Head</h1><p>One <b>two</b>
		three&nbsp;&eacute;<br>four<script>bad()</script></p>
		<ul><li>x<ul><li>y</ul><li><p>z</p></ul>
		<table><tr><th>a<th>b<tr><td>1 <td> 2</table>
		<pre>
		int x;
		    y();
		</pre>tail<form><input><button>go</button></form><p hidden>no<footer>foot</footer>
	EOF
	dolma-docs --from html --source s p.html >o.jsonl
	text o.jsonl >got
	printf '%s\n' Head '' 'One two three é' four '' '- x' '  - y' '- z' '' $'a\tb' $'1\t2' '' 'int x;' \
		'    y();' '' tail | diff - got
	[ "$(jq -r '.metadata | .title + "|" + .html_lang' o.jsonl)" = 'A & B|en' ]
}

@test "dolma-docs: html: the charset by mark, by meta, by its bytes" {
	printf '\377\376<\0p\0>\0\351\0' >bom.html
	printf '<meta charset=koi8-r><p>\301' >meta.html
	printf '<p>\351\200' >guess.html
	printf '<meta charset=nonsense><p>\303\251 \377' >bad.html
	dolma-docs --from html --source s --stats st bom.html meta.html guess.html bad.html >o.jsonl
	[ "$(text o.jsonl | tr '\n' '|')" = 'é|а|é€|Ã© ÿ|' ]
}

@test "dolma-docs: html: a page without text is counted, deep nesting is an error until --huge" {
	echo '<script>1</script>' >none.html
	awk 'BEGIN { for (i = 0; i < 5000; i++) printf "<div>"; print "deep" }' >deep.html
	dolma-docs --from html --source s --stats st none.html >o.jsonl
	[ ! -s o.jsonl ]
	[ "$(jq .skipped_no_text st)" = 1 ]
	run dolma-docs --from html --source s -o o2 deep.html
	[ "$status" = 3 ]
	grep -q 'deep.html@0.*--huge' <<<"$output"
	[ ! -e o2 ]
	[ "$(dolma-docs --from html --source s --huge deep.html | text)" = deep ]
}

# --- man

@test "dolma-docs: man(7): sections, fonts, tags, strings, macros, conditionals, tables" {
	cat >x.1 <<-'EOF'
		.\" comment
		.TH PROG 1 2020-01-01
		.ds Nx the \\*(Ny
		.ds Ny string
		.de Vb
		.nf
		\\$1
		..
		.SH NAME
		prog \- do \fIit\fP
		.SH "THE OPTIONS"
		.TP
		.BR \-a ", " \-b
		takes \*(Nx
		and joins.
		.IP \(bu 2
		point
		.if t NOT
		.ie n yes\(em\[u00E9]
		.el no
		.if 1>2 \{\
		.B never
		.\}
		.Vb "a  b"
		  c
		.fi
		.TS
		tab(|);
		l l.
		x|T{
		long
		T}
		.TE
	EOF
	gzip x.1
	dolma-docs --from man --source s x.1.gz >o.jsonl
	text o.jsonl >got
	printf '%s\n' NAME 'prog - do it' '' 'THE OPTIONS' '' '-a, -b' '    takes the string and joins.' '' \
		'• point yes—é' '    a  b' '      c' '' $'    x\tlong' | diff - got
	[ "$(jq -r '.metadata | .title + .section + .date' o.jsonl)" = PROG12020-01-01 ]
}

@test "dolma-docs: mdoc(7): not the words that the formatter shows" {
	local n=0 page
	for page in "$ROOT"/man/*.1; do
		dolma-docs --from man --source s "$page" | text | tr -s ' \t\n' '\n' |
			grep '[[:alnum:]]' | sort >got
		mandoc -T utf8 "$page" | col -bx | sed '1d;$d' | tr -s ' \n' '\n' |
			grep '[[:alnum:]]' | sort >want
		# mandoc breaks some words at hyphens
		diff got want | grep -c '^[<>]' >differ || true
		[ "$(($(cat differ) * 25))" -le "$(wc -l <want)" ] || {
			echo "$page: $(cat differ) of $(wc -l <want)"
			return 1
		}
		n=$((n + 1))
	done
	[ "$n" -ge 5 ]
}

@test "dolma-docs: man: a page that is a .so line is counted; macros without end are an error" {
	echo '.so man1/other.1' >so.1
	printf '.de A\n.A\n..\n.A\n' >loop.1
	dolma-docs --from man --source s --stats st so.1 >o.jsonl
	[ ! -s o.jsonl ]
	[ "$(jq .skipped_redirect st)" = 1 ]
	run dolma-docs --from man --source s loop.1
	[ "$status" = 3 ]
	grep -q 'loop.1:4' <<<"$output"
}

# --- dictd

@test "dolma-docs: dictd: a definition is a document, with all its headwords" {
	printf 'aboutapple\n  a fruita pear' | gzip >d.dict.dz
	printf '00-database-info\tA\tF\napple\tF\tP\nApfel\tF\tP\nbirne\tU\tG\n' >d.index
	dolma-docs --from dictd --source s --stats st d.index >o.jsonl
	[ "$(jq -c '[.id, .text, .metadata.headword, .metadata.aliases]' o.jsonl | tr '\n' ' ')" = \
		'["s/d.index:2","apple\n  a fruit","apple",["Apfel"]] ["s/d.index:4","birne\na pear","birne",null] ' ]
	[ "$(jq .skipped_about_database st)" = 1 ]
	printf 'apple\tF\tZZZ\n' >d.index
	run dolma-docs --from dictd --source s d.index
	[ "$status" = 3 ]
	grep -q 'd.index:1: definition' <<<"$output"
	printf 'apple F\n' >d.index
	run dolma-docs --from dictd --source s d.index
	[ "$status" = 3 ]
	grep -q 'd.index:1' <<<"$output"
	head -c 20 d.dict.dz >cut && mv cut d.dict.dz
	run dolma-docs --from dictd --source s -o o2 d.index
	[ "$status" = 3 ]
	grep -q 'd.dict.dz' <<<"$output"
	[ ! -e o2 ]
}

# --- mbox

@test "dolma-docs: mbox: parts, transfer encodings, charsets, ids" {
	cat >m <<-'EOF'
		From a@b Mon
		From: =?utf-8?Q?J=C3=B6rg?= <a@b>
		Subject: Hi
		 =?iso-8859-1?B?5PY=?= =?iso-8859-1?Q?=fc_x?=
		Date: Tue, 3 Mar 2020 10:00:00 +0100
		Message-ID: <x@y>
		Content-Type: multipart/mixed; boundary="zz"

		pre
		--zz
		Content-Type: text/html

		<p>no
		--zz
		Content-Type: text/plain; charset=iso-8859-1
		Content-Transfer-Encoding: quoted-printable

		> quoted =E9
		long li=
		ne
		>From me
		--zz--

		From c@d Tue
		Message-ID: <x@y>
		Content-Transfer-Encoding: base64

		Ym9k
		eQ==

		From c@d Tue
		Content-Type: image/png

		x
	EOF
	dolma-docs --from mbox --source s --stats st m >o.jsonl
	[ "$(jq -c '[.id, .text, .created, .metadata.subject, .metadata.from]' o.jsonl | tr '\n' ' ')" = \
		'["s/m#x@y","> quoted é\nlong line\nFrom me","2020-03-03T09:00:00Z","Hi äöü x","Jörg <a@b>"] ["s/m#x@y:24","body","",null,null] ' ]
	[ "$(jq .skipped_no_plain_text st)" = 1 ]
	echo 'no mail' >n
	run dolma-docs --from mbox --source s n
	[ "$status" = 3 ]
	grep -q 'n:1' <<<"$output"
}

# --- warc

# warc TYPE ID BODY-FILE: one record
warc() {
	printf 'WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%s>\r\n' "$1" "$2"
	printf 'WARC-Target-URI: http://example.org/%s\r\nWARC-Date: 2020-01-01T00:00:00Z\r\n' "$2"
	printf 'Content-Length: %s\r\n\r\n' "$(wc -c <"$3")"
	cat "$3"
	printf '\r\n\r\n'
}
responses() {
	printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>caf\351' >r1
	printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n' >r2
	printf '6\r\n<p>one\r\n4;x\r\n two\r\n0\r\n\r\n' >>r2
	{
		printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n'
		printf '<p>zipped' | gzip
	} >r3
	printf 'HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>no' >r4
	printf 'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nx' >r5
	printf 'GET / HTTP/1.1\r\n\r\n' >q
}

@test "dolma-docs: warc: responses that are HTML; the others are counted" {
	responses
	for r in r1 r2 r3 r4 r5; do warc response $r $r && warc request q-$r q; done >a.warc
	for r in r1 r2 r3 r4 r5; do warc response $r $r | gzip && warc request q-$r q | gzip; done >b.warc.gz
	zstd -q a.warc
	for f in a.warc b.warc.gz a.warc.zst; do
		dolma-docs --from warc --source s --stats st $f >o.jsonl
		[ "$(jq -c '[.text, .metadata.url, .created]' o.jsonl | cut -d, -f1,2 | tr '\n' ' ')" = \
			'["café","http://example.org/r1" ["one two","http://example.org/r2" ["zipped","http://example.org/r3" ' ]
		[ "$(jq -r .id o.jsonl | head -n 1)" = "s/$f#r1" ]
		[ "$(jq -c '[.skipped_http_status, .skipped_not_html, .skipped_warc_request]' st)" = '[1,1,5]' ]
	done
}

@test "dolma-docs: warc: cut and damaged archives name the offset" {
	responses
	warc response r1 r1 >a.warc
	n=$(wc -c <a.warc)
	warc response r2 r2 >>a.warc
	head -c $((n + 200)) a.warc >cut.warc
	run dolma-docs --from warc --source s -o o cut.warc
	[ "$status" = 3 ]
	grep -q "cut.warc@$n: the file ends" <<<"$output"
	[ ! -e o ]
	{
		cat a.warc
		echo garbage
		warc response r3 r3
	} >bad.warc
	run dolma-docs --from warc --source s bad.warc
	[ "$status" = 3 ]
	grep -q 'bad.warc@.*not a WARC record' <<<"$output"
	dolma-docs --from warc --source s --skip-bad --stats st bad.warc >o.jsonl
	[ "$(text o.jsonl | tr '\n' '|')" = 'café|one two|zipped|' ]
	[ "$(jq .docs_bad st)" = 1 ]
	gzip -c a.warc | head -c 100 >cut.warc.gz
	run dolma-docs --from warc --source s --skip-bad -o o cut.warc.gz
	[ "$status" = 3 ]
	[ ! -e o ]
}

# --- mediawiki

wiki() {
	printf '<mediawiki><siteinfo><namespaces><namespace key="6">Datei</namespace>'
	printf '<namespace key="14">Kategorie</namespace></namespaces></siteinfo>'
	printf '<page><title>A &amp; B</title><ns>0</ns><id>12</id><revision><id>9</id>'
	printf '<timestamp>2020-01-02T03:04:05Z</timestamp><text>'
	cat
	printf '</text></revision></page><page><title>R</title><ns>0</ns><id>13</id><redirect title="A"/>'
	printf '<revision><text>x</text></revision></page><page><title>T:R</title><ns>1</ns><id>14</id>'
	printf '<revision><text>t</text></revision></page></mediawiki>'
}
markup() {
	cat <<-'EOF'
		{{Infobox|a={{b|c}}
		|d=e}}
		'''A''' is ''b''&lt;ref name=x&gt;gone {{cite}}&lt;/ref&gt; of [[C (d)|C]] and [[E]]s.&lt;!-- c --&gt;&lt;ref name="y"/&gt; x&amp;nbsp;y &amp;mdash; z
		[[Datei:X.jpg|thumb|cap [[link]] more]]Next [http://x.org site][[fr:Foo]].

		== History ==
		* one [[a|b]]
		** two
		# three
		{| class="w"
		if h1 !! h2; then false; fi
		|-
		| style="x" | a || b {{t}}
		|}
		After &lt;nowiki&gt;[[x]] ''y''&lt;/nowiki&gt;&lt;br/&gt;line
		&lt;syntaxhighlight lang="c"&gt;
		int x;
		  y();
		&lt;/syntaxhighlight&gt;
		{{open [[open end __NOTOC__
		[[Kategorie:Foo]]
	EOF
}

@test "dolma-docs: mediawiki: markup becomes text, redirects and other namespaces are counted" {
	markup | wiki >w.xml
	dolma-docs --from mediawiki --source s --stats st w.xml >o.jsonl
	text o.jsonl >got
	printf '%s\n' 'A is b of C and Es. x y — z Next site.' '' History '' '- one b' '  - two' '- three' \
		"After [[x]] ''y''" line '' 'int x;' '  y();' '' '{{open [[open end' | diff - got
	[ "$(jq -r '.id + .created + .metadata.title' o.jsonl)" = 's/w.xml#122020-01-02T03:04:05ZA & B' ]
	[ "$(jq -c '[.docs_out, .skipped_redirect, .skipped_other_namespace]' st)" = '[1,1,1]' ]
	dolma-docs --from mediawiki --source s --wiki-tables w.xml | text | grep -qx $'a\tb'
}

@test "dolma-docs: mediawiki: a dump that is cut or damaged names the line" {
	markup | wiki >w.xml
	head -c 900 w.xml >cut.xml
	run dolma-docs --from mediawiki --source s -o o cut.xml
	[ "$status" = 3 ]
	grep -q 'cut.xml:[0-9]*: not well-formed.*ends before' <<<"$output"
	[ ! -e o ]
	sed 's:</siteinfo>::' w.xml >bad.xml
	run dolma-docs --from mediawiki --source s bad.xml
	[ "$status" = 3 ]
	grep -q 'bad.xml:[0-9]' <<<"$output"
}
