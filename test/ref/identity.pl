#!/usr/bin/perl
# identity.pl TOK.json: the canonical content of a tokenizer, as tokenize(1) defines it.
use strict;
use warnings;
use JSON::PP;
use Encode;
use Unicode::Normalize;

binmode STDOUT;
local $/;
open my $f, '<', $ARGV[0] or die "$ARGV[0]: $!";
my $t = decode_json(<$f>);
my $m = $t->{model};
my (%byte, $other);
$other = 0;
for my $b (0 .. 255) {
	my $plain = ($b >= 0x21 && $b <= 0x7e) || ($b >= 0xa1 && $b <= 0xac) || $b >= 0xae;
	$byte{$plain ? chr $b : chr(0x100 + $other++)} = chr $b;
}
sub bytes { # of a name
	my @c = split //, $_[0];
	return join '', (grep { !exists $byte{$_} } @c) ? encode('UTF-8', $_[0]) : map { $byte{$_} } @c;
}
my (@token, %id);
while (my ($s, $k) = each %{$m->{vocab}}) {
	$id{$s} = $k;
	$token[$k] = bytes($s);
}
my @added;
for my $a (@{$t->{added_tokens}}) {
	my $k = $id{$a->{content}} // $a->{id};
	my $normalized = exists $a->{normalized} ? $a->{normalized} : !$a->{special};
	$token[$k] = bytes($normalized && $t->{normalizer} ? NFC($a->{content}) : $a->{content});
	push @added, [$k, ($a->{single_word} ? 1 : 0) | ($a->{lstrip} ? 2 : 0) | ($a->{rstrip} ? 4 : 0) |
		($normalized ? 8 : 0) | ($a->{special} ? 16 : 0), encode('UTF-8', $a->{content})];
}
print "olmo tokenizer 1\n", pack 'V', scalar @token;
print defined $_ ? pack 'V/a*', $_ : pack 'V', 0xffffffff for @token;
print pack 'V', scalar @{$m->{merges}};
for (@{$m->{merges}}) {
	my ($l, $r) = ref $_ ? @$_ : split / /;
	print pack 'V3', $id{$l}, $id{$r}, $id{$l . $r};
}
print pack 'V', scalar @added;
print pack 'V V V/a*', @$_ for sort { $a->[0] <=> $b->[0] } @added;
my $regex = $t->{pre_tokenizer}{type} eq 'ByteLevel' ? undef : $t->{pre_tokenizer}{pretokenizers}[0]{pattern}{Regex};
my $name = !defined $regex ? 'gpt2' : $regex =~ /Lu/ ? 'o200k' : $regex =~ /\{1,3\}/ ? 'cl100k' : 'qwen2';
print pack 'V', ($t->{normalizer} ? 1 : 0) | ($m->{ignore_merges} ? 2 : 0);
print pack 'V/a*', $name;
