#!/usr/bin/perl
# http.pl DIR: a web server that misbehaves on purpose.  Prints its port; serves DIR/NAME as
# /HOW/NAME, each connection in a process of its own.  It keeps DIR/log: one line a request, "HOW/NAME first".
#	ok      as it is, with ranges and an ETag
#	cut     the first request ends after half of the bytes
#	stall   the first request falls silent after half of the bytes, until the client goes
#	busy    the first two requests are answered 503, Retry-After: 1
#	wait    429, Retry-After: 1000
#	down    500
#	new     as cut, and the file has another ETag afterwards (its bytes are turned to capitals)
#	lie     as cut, then 206 that begins at the wrong byte, then as it is
#	damage  as cut, but the half is damaged; no ETag
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

my $dir = shift;
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64, ReuseAddr => 1)
    or die "http.pl: $!";
$| = 1;
print $s->sockport, "\n";
close STDOUT;
$SIG{CHLD} = 'IGNORE';
my %hits;

sub note {
	open my $log, '>>', "$dir/log" or die;
	print $log "$_[0]\n";
	close $log;
}

sub answer {
	my ($c, $how, $name, $from, $if, $hit) = @_;
	my $say = sub { print $c "HTTP/1.1 $_[0]\r\nConnection: close\r\n$_[1]\r\n$_[2]" };
	return $say->('503 Busy', "Retry-After: 1\r\nContent-Length: 0\r\n", '') if $how eq 'busy' && $hit <= 2;
	return $say->('429 Later', "Retry-After: 1000\r\nContent-Length: 0\r\n", '') if $how eq 'wait';
	return $say->('500 Down', "Content-Length: 4\r\n", 'down') if $how eq 'down';
	open my $f, '<:raw', "$dir/$name" or return $say->('404 None', "Content-Length: 0\r\n", '');
	local $/;
	my $data = <$f>;
	my $tag = '"1"';
	($data, $tag) = (uc $data, '"2"') if $how eq 'new' && $hit > 1;
	my $n = length $data;
	my $head = $how eq 'damage' ? '' : "ETag: $tag\r\n";
	if ($hit == 1 && $how =~ /cut|stall|new|lie|damage/) {
		my $half = substr $data, 0, $n / 2;
		$half =~ tr/a-z/b-za/ if $how eq 'damage';
		$say->('200 OK', "${head}Content-Length: $n\r\n", $half);
		$c->flush;
		note("stall: the client does not go") if $how eq 'stall' && !IO::Select->new($c)->can_read(6);
		return;
	}
	if (defined $from && (!defined $if || $if eq $tag)) {
		return $say->('416 Range', "Content-Range: bytes */$n\r\nContent-Length: 0\r\n", '') if $from >= $n;
		$from++ if $how eq 'lie' && $hit == 2;
		my $rest = substr $data, $from;
		return $say->('206 Part', $head . "Content-Range: bytes $from-" . ($n - 1) .
		    "/$n\r\nContent-Length: " . length($rest) . "\r\n", $rest);
	}
	$say->('200 OK', "${head}Content-Length: $n\r\n", $data);
}

while (1) {
	my $c = $s->accept or next;
	my ($how, $name, $from, $if) = ('', '');
	my $line = <$c> // '';
	($how, $name) = ($1, $2) if $line =~ m{^GET /(\w+)/(\S+) };
	while (defined($line = <$c>) && $line =~ /\S/) {
		$from = $1 if $line =~ /^Range: bytes=(\d+)-/i;
		$if = $1 if $line =~ /^If-Range: (.*?)\r/i;
	}
	my $hit = ++$hits{"$how/$name"};
	note("$how/$name " . ($from // "-"));
	my $pid = fork;
	if (!$pid) {
		close $s;
		answer($c, $how, $name, $from, $if, $hit);
		close $c;
		exit 0;
	}
	close $c;
}
