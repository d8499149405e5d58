#!/usr/bin/perl
# gen-uchar.pl [DIR] > uchar_tab.c: the tables of uchar.h from the Unicode Character Database in
# DIR (default /usr/share/unicode, Debian package unicode-data 15.0.0).  Needed only when the
# Unicode version changes; uchar_tab.c is in the repository.
use strict;
use warnings;

my $dir = shift // '/usr/share/unicode';
my $top = 0x110000;
my $block = 128;
my @prop = (0) x $top;

# Bits above the five of the Word_Break class, in the order of the enum in uchar.h.
my %bit = (SPACE => 1 << 5, ALPHA => 1 << 6, ALNUM => 1 << 7, WORD => 1 << 8, PUNCT => 1 << 9,
	PICT => 1 << 10, CASED => 1 << 11, IGNORABLE => 1 << 12, DIGIT => 1 << 13, LOWER => 1 << 14,
	STERM => 1 << 15);
my @wb = qw(Other CR LF Newline Extend ZWJ Regional_Indicator Format Katakana Hebrew_Letter ALetter
	Single_Quote Double_Quote MidNumLet MidLetter MidNum Numeric ExtendNumLet WSegSpace);
my %wb = map { $wb[$_] => $_ } 0 .. $#wb;

# Calls $f->(first, last, value) for each line of a file of properties.
sub each_range {
	my ($file, $f) = @_;
	open my $in, '<:utf8', "$dir/$file" or die "$dir/$file: $!\n";
	while (<$in>) {
		s/#.*//;
		my ($range, $value) = /^\s*(\S+)\s*;\s*(\S+)/ or next;
		my ($lo, $hi) = $range =~ /^([0-9A-F]+)(?:\.\.([0-9A-F]+))?$/ or die "$file: $_";
		$f->(hex $lo, hex($hi // $lo), $value);
	}
	close $in;
}

sub set {
	my ($bits, $lo, $hi) = @_;
	$prop[$_] |= $bits for $lo .. $hi;
}

my (%alphabetic, @lower);
my %by_name = (White_Space => $bit{SPACE}, Join_Control => $bit{WORD}, Cased => $bit{CASED},
	Case_Ignorable => $bit{IGNORABLE}, Extended_Pictographic => $bit{PICT},
	Sentence_Terminal => $bit{STERM});
for my $file ('PropList.txt', 'DerivedCoreProperties.txt', 'emoji/emoji-data.txt') {
	each_range($file, sub {
		my ($lo, $hi, $name) = @_;
		set($by_name{$name}, $lo, $hi) if $by_name{$name};
		if ($name eq 'Alphabetic') {
			set($bit{WORD}, $lo, $hi);
			@alphabetic{$lo .. $hi} = ();
		}
	});
}
set($bit{SPACE}, 0x1c, 0x1f); # bidirectional types B, S and WS, which Python counts as space

each_range('auxiliary/WordBreakProperty.txt', sub {
	my ($lo, $hi, $name) = @_;
	set($wb{$name} // die("Word_Break $name\n"), $lo, $hi);
});

my $first;
open my $in, '<', "$dir/UnicodeData.txt" or die "$dir/UnicodeData.txt: $!\n";
while (<$in>) {
	chomp;
	my @f = split /;/, $_, -1;
	my $cp = hex $f[0];
	if ($f[1] =~ /First>$/) {
		$first = $cp;
		next;
	}
	my $lo = $f[1] =~ /Last>$/ ? $first : $cp;
	my $bits = 0;
	$bits |= $bit{ALPHA} | $bit{ALNUM} if $f[2] =~ /^L/;
	$bits |= $bit{ALNUM} if $f[8] ne '';
	$bits |= $bit{DIGIT} if $f[2] eq 'Nd';
	$bits |= $bit{WORD} if $f[2] =~ /^(M.|Nd|Pc)$/;
	set($bits, $lo, $cp);
	if ($f[2] =~ /^[PS]/) {
		for ($lo .. $cp) {
			$prop[$_] |= $bit{PUNCT} unless exists $alphabetic{$_};
		}
	}
	if ($f[13] ne '') {
		push @lower, [$cp, hex $f[13]];
		$prop[$cp] |= $bit{LOWER};
	}
}
close $in;

print "/* Made by gen-uchar.pl from Unicode 15.0.0; uchar.h says what the bits mean. */\n";
print "#include \"text/uchar.h\"\n\n";
my (%seen, @index, @blocks);
for (my $b = 0; $b * $block < $top; $b++) {
	my $row = join ',', @prop[$b * $block .. ($b + 1) * $block - 1];
	if (!exists $seen{$row}) {
		$seen{$row} = @blocks;
		push @blocks, $row;
	}
	push @index, $seen{$row};
}
sub rows {
	my $s = "";
	while (my @l = splice @_, 0, 16) {
		$s .= "\t" . join(', ', @l) . ",\n";
	}
	return $s;
}
printf "const uint16_t uchar_block[%d] = {\n%s};\n\n", scalar @index, rows(@index);
printf "const uint16_t uchar_prop[%d][UCHAR_BLOCK] = {\n", scalar @blocks;
print "    {\n", rows(split /,/, $_), "    },\n" for @blocks;
print "};\n\n";
@lower = sort { $a->[0] <=> $b->[0] } @lower;
printf "const struct uchar_pair uchar_lower_pair[%d] = {\n", scalar @lower;
while (my @l = splice @lower, 0, 6) {
	print "\t", join(' ', map { sprintf '{0x%x, 0x%x},', @$_ } @l), "\n";
}
print "};\nconst size_t uchar_lower_pairs = sizeof(uchar_lower_pair) / sizeof(*uchar_lower_pair);\n";
