#!/bin/sh
# gen-tables.sh DIR: write tokchar_tab.c and nfc_tab.c of this folder anew from the text files in
# DIR.  Needed only when the Unicode versions change; the C files are in the repository.
#
#	classes-unicode16.txt  FIRST LAST CLASS   hexadecimal code points, both inclusive, and L
#	classes-unicode14.txt                     (\p{L}), N (\p{N}) or S (\s) of Oniguruma 6.5 (16.0)
#	                                          and 6.4 (14.0); what is absent is "other"
#	case-unicode16.txt     FIRST LAST K       U (\p{Lu}, \p{Lt}), l (\p{Ll}), W (\p{Lm}, \p{Lo}) or
#	case-unicode14.txt                        M (\p{M}) of the same two
#	word-unicode16.txt     FIRST LAST W       \w of Rust's regex crate (16.0)
#	nfc-unicode9.txt       ccc CP N           canonical combining class, where it is not 0
#	                       decomp CP CP ..    one step of canonical decomposition
#	                       comp A B C         primary composite: A + B -> C
#	                                          (Unicode 9.0; Hangul is not listed)
#
# The files hold facts of the Unicode Character Database.  The classes are made by running each code
# point through Hugging Face's programs (its ByteLevel pre-tokenizer, Split for case; an added token with single_word
# behind it), the decompositions by cutting UnicodeData.txt to DerivedAge <= 9.0.
set -eu
dir=$1
here=$(dirname "$0")

# Digits of a hexadecimal number; POSIX awk has no strtonum().
hex='function hex(s,   i, v) {
	v = 0
	for (i = 1; i <= length(s); i++)
		v = v * 16 + index("0123456789ABCDEF", toupper(substr(s, i, 1))) - 1
	return v
}'

# Two-stage table of property bytes (tokchar.h) for code points below 40000.
cat "$dir/classes-unicode16.txt" "$dir/word-unicode16.txt" | awk -v old="$dir/classes-unicode14.txt" \
	-v nfc="$dir/nfc-unicode9.txt" -v case16="$dir/case-unicode16.txt" \
	-v case14="$dir/case-unicode14.txt" "$hex"'
function decomposed(c) { # first code point of the full decomposition
	while (c in first)
		c = first[c]
	return c
}
BEGIN {
	top = hex("40000"); block = 128; n = 0
	while ((getline line < old) > 0) {
		split(line, f, " ")
		for (c = hex(f[1]); c <= hex(f[2]); c++)
			was[c] = f[3]
	}
	bits["U"] = 32; bits["l"] = 64; bits["W"] = bits["M"] = 96
	while ((getline line < case16) > 0) {
		split(line, f, " ")
		for (c = hex(f[1]); c <= hex(f[2]) && c < top; c++)
			letter[c] = f[3]
	}
	while ((getline line < case14) > 0) {
		split(line, f, " ")
		for (c = hex(f[1]); c <= hex(f[2]) && c < top; c++) {
			if (letter[c] != f[3]) {
				print "a case has changed between the versions" > "/dev/stderr"; exit 1
			}
			old_mark[c] = f[3] == "M"
		}
	}
	while ((getline line < nfc) > 0) {
		split(line, f, " ")
		if (f[1] == "ccc")
			unsafe[hex(f[2])] = ccc[hex(f[2])] = 1
		else if (f[1] == "decomp") {
			first[hex(f[2])] = hex(f[3])
			has[hex(f[2])] = 1
		} else if (f[1] == "comp") {
			second[hex(f[3])] = 1
			composite[hex(f[4])] = 1
		}
	}
	for (c = hex("1161"); c <= hex("1175"); c++)
		second[c] = 1 # vowel jamo
	for (c = hex("11A8"); c <= hex("11C2"); c++)
		second[c] = 1 # trailing jamo
	for (c in second)
		unsafe[c] = 1
	for (c in has) {
		d = decomposed(c)
		if (!(c in composite) || d in ccc || d in second)
			unsafe[c] = 1
	}
}
$3 == "W" { for (c = hex($1); c <= hex($2); c++) if (c < top) word[c] = 1; next }
{
	for (c = hex($1); c <= hex($2); c++) {
		if (c >= top) { print "class beyond 3FFFF" > "/dev/stderr"; exit 1 }
		class[c] = $3
	}
}
END {
	code["L"] = 1; code["N"] = 2; code["S"] = 3
	print "/* Made by gen-tables.sh; tokchar.h says what the bits mean. */"
	print "#include \"tok/tokchar.h\"\n"
	for (b = 0; b * block < top; b++) {
		s = ""
		for (i = 0; i < block; i++) {
			c = b * block + i
			v = (c in class) ? code[class[c]] : 0
			if ((c in class) && !(c in was)) v += 4
			if ((c in class) && (c in was) && class[c] != was[c]) {
				print "a class has changed between the versions" > "/dev/stderr"; exit 1
			}
			if ((c in letter) && letter[c] == "M" && !old_mark[c]) v += 4
			if (c in letter) v += bits[letter[c]]
			if (c in word) v += 8
			if (c in unsafe) v += 16
			s = s v (i % 32 == 31 ? ",\n\t" : ",")
		}
		sub(/,\n\t$/, "", s)
		if (!(s in seen)) { seen[s] = n++; body[seen[s]] = s }
		idx[b] = seen[s]
	}
	if (n > 65535) exit 1
	printf "const uint16_t tokchar_block[%d] = {\n\t", top / block
	for (b = 0; b * block < top; b++)
		printf "%d,%s", idx[b], b % 20 == 19 ? "\n\t" : ""
	print "\n};\n"
	printf "const uint8_t tokchar_prop[%d][%d] = {\n", n, block
	for (i = 0; i < n; i++)
		printf "\t{%s},\n", body[i]
	print "};"
}' >"$here/tokchar_tab.c"

# Sorted lists for the slow path of normalization.
{
	echo '/* Made by gen-tables.sh from Unicode 9.0 data; nfc.h. */'
	echo '#include "tok/nfc.h"'
	echo
	echo 'const struct nfc_ccc nfc_ccc[] = {'
	awk '$1 == "ccc" { printf "%6s %s\n", $2, $3 }' "$dir/nfc-unicode9.txt" | LC_ALL=C sort |
		awk "$hex"'
		function flush() { if (n) printf "\t{0x%x, %d, %d},\n", a, n, k }
		{ c = hex($1); if (n && c == a + n && $2 == k) { n++; next } flush(); a = c; n = 1; k = $2 }
		END { flush() }'
	echo '};'
	echo 'const size_t nfc_n_ccc = sizeof(nfc_ccc) / sizeof(nfc_ccc[0]);'
	echo
	echo 'const struct nfc_decomp nfc_decomp[] = {'
	awk '$1 == "decomp" { printf "%6s %s %s\n", $2, $3, (NF > 3 ? $4 : "0") }' "$dir/nfc-unicode9.txt" |
		LC_ALL=C sort | awk '{ printf "\t{0x%s, 0x%s, 0x%s},\n", $1, $2, $3 }'
	echo '};'
	echo 'const size_t nfc_n_decomp = sizeof(nfc_decomp) / sizeof(nfc_decomp[0]);'
	echo
	echo 'const struct nfc_comp nfc_comp[] = {'
	awk '$1 == "comp" { printf "%6s %6s %s\n", $2, $3, $4 }' "$dir/nfc-unicode9.txt" |
		LC_ALL=C sort | awk '{ printf "\t{0x%s, 0x%s, 0x%s},\n", $1, $2, $3 }'
	echo '};'
	echo 'const size_t nfc_n_comp = sizeof(nfc_comp) / sizeof(nfc_comp[0]);'
} >"$here/nfc_tab.c"
