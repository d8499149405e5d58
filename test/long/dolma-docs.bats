#!/usr/bin/env bats
# The readers of dolma-docs on seeded mutations of small inputs: the program ends with 0 or 3, its output
# is JSON lines, whatever the input.  Run it on a build with SAN=asan to find more.
load ../lib/olmo

# mutate SEED N KIND SEED-FILE: N files KIND.i, cut, changed and spliced with words of the format
mutate() {
	perl -e '
		my ($seed, $n, $kind, $file, @words) = @ARGV;
		srand($seed);
		open my $f, "<:raw", $file or die; local $/; my $all = <$f>;
		s/\\n/\n/g for @words;
		for my $i (1 .. $n) {
			my $b = $all;
			for (1 .. 1 + int rand 30) {
				my ($r, $o) = (rand, int rand length($b) + 1);
				if ($r < 0.5) { substr($b, $o, 0) = $words[rand @words] x (rand() < 0.2 ? 40 : 1) }
				elsif ($r < 0.7) { substr($b, $o, 1 + int rand 40) = "" }
				else { substr($b, $o, 1) = chr int rand 256 if $o < length $b }
			}
			open my $g, ">:raw", "$kind.$i" . ($kind eq "dictd" ? ".index" : "") or die;
			print $g $b;
			if ($kind eq "dictd") {
				open my $h, ">", "$kind.$i.dict" or die;
				print $h "aboutapple\n  a fruita pear";
			}
		}' "$@"
}

# fuzz KIND SEED-FILE WORDS..
fuzz() {
	local kind=$1 file=$2 rc seed
	shift 2
	for seed in $(seq "${OLMO_FUZZ_ROUNDS:-20}"); do
		rm -f "$kind".*
		mutate "$seed" 100 "$kind" "$file" "$@"
		rc=0
		timeout 120 dolma-docs --from "$kind" --source s --skip-bad -q --huge "$kind".*[0-9x] \
			>o.jsonl 2>err || rc=$?
		[ "$rc" = 0 ] || [ "$rc" = 3 ] || {
			echo "seed $seed: status $rc"
			head -n 20 err
			return 1
		}
		iconv -f utf-8 -t utf-8 o.jsonl >/dev/null
		jq -es 'map(.id | type == "string") | all' o.jsonl >/dev/null
	done
}

@test "html: a mutated page ends the program wrongly" {
	printf '<html lang=en><title>A</title><nav>m</nav><h1>H</h1><p>One <b>two</b><br>f<ul><li>x<ul><li>y</ul></ul><table><tr><th>a<td>2<table><tr><td><pre>x\n y</pre></table></table><form><input>t</form>&eacute;' >seed
	fuzz html seed '<table>' '</table>' '<li>' '</ul>' '<pre>' '<td>' '<form>' '<main>' '<!--' '&#xd800;' '<div>'
}

@test "man: a mutated page ends the program wrongly" {
	cp "$ROOT/man/dolma-docs.1" seed
	fuzz man seed '\n.Bl -tag\n' '\n.El\n' '\n.It Xo\n' '\n.Xc\n' '\n.TS\n' '\nT{\n' '\n.TE\n' '\*(xx' \
		'\n.de A\n' '\n..\n' '\n.A \$1 "x"\n' '\{' '\}' '\n.if \n(.g ' "\\h'" '\[u' '\n.Bd -literal\n' \
		'\n.Fo a\n' '\n.ds x \*x\n' '\n.TP\n' '\n.Rs\n'
}

@test "dictd: a mutated index ends the program wrongly" {
	printf '00-database-info\tA\tF\napple\tF\tP\nApfel\tF\tP\nbirne\tU\tG\n' >seed
	fuzz dictd seed '\n' '////////' A
}

@test "mbox: a mutated mailbox ends the program wrongly" {
	printf 'From a@b\nSubject: =?utf-8?Q?J=C3?=\nMessage-ID: <x@y>\nContent-Type: multipart/mixed; boundary="zz"\n\n--zz\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n> q =E9\n--zz--\n\nFrom c@d\n\nbody\n' >seed
	fuzz mbox seed '\nFrom ' '--zz' '=?utf-8?B?' '?=' '\n\n' '=\n' 'charset=utf-16' 'base64'
}

@test "warc: a mutated archive ends the program wrongly" {
	for i in 1 2 3; do
		printf 'WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 90\r\n\r\n'
		printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<p>one\r\n0\r\n\r\n\r\n\r\n'
	done >seed
	fuzz warc seed 'WARC/1.0\n' 'Content-Length: 99999999999999999999\n' '\n\n' 'ffffffffffffffff\n' gzip
}

@test "mediawiki: a mutated dump ends the program wrongly" {
	{
		printf '<mediawiki>'
		for i in 1 2 3; do
			printf '<page><title>A</title><ns>0</ns><id>%s</id><revision><text>{{a|{{b}}}}\n== H ==\n* [[a|b]]\n{| class\n! h !! i\n|-\n| a || b\n|}\n&lt;ref&gt;x&lt;/ref&gt; &lt;pre&gt;y&lt;/pre&gt;</text></revision></page>' "$i"
		done
		printf '</mediawiki>'
	} >seed
	fuzz mediawiki seed '{{' '}}' '[[' ']]' '{|' '|}' "''" '&lt;ref&gt;' '&lt;pre&gt;' '\n==' '\n|-' '||' '&lt;!--' '[http://'
}
