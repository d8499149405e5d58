#!/usr/bin/env bats
# A layer of common/ includes only layers to its left:
#	base <- io <- doc <- {text | tok} <- model <- eval
# kernels/ includes base only, and model may include kernels.
load ../lib/olmo

# misplaced ROOT: print "file: include" for each include that the order forbids.
misplaced() {
	(
		cd "$1" || exit
		find common kernels -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' | sort |
			xargs awk '
			BEGIN {
				may["base"] = "base"
				may["io"] = "io base"
				may["doc"] = "doc io base"
				may["text"] = "text doc io base"
				may["tok"] = "tok doc io base"
				may["kernels"] = "kernels base"
				may["model"] = "model kernels text tok doc io base"
				may["eval"] = "eval model kernels text tok doc io base"
			}
			/^[ \t]*#[ \t]*include[ \t]*"/ {
				split(FILENAME, dir, "/")
				layer = dir[1] == "common" ? dir[2] : dir[1]
				name = $0
				sub(/^[^"]*"/, "", name)
				sub(/".*/, "", name)
				split(name, to, "/")
				if (name !~ "/" || index(" " may[layer] " ", " " to[1] " ") == 0)
					print FILENAME ": " name
			}'
	)
}

@test "a layer includes one to its right, or a header without its layer's name" {
	run misplaced "$ROOT"
	echo "$output"
	[ -z "$output" ]
}

@test "the check of the include order sees nothing" {
	mkdir -p common/base common/io common/text common/tok common/eval kernels/cpu
	echo '#include "io/in.h"' >common/base/a.c
	echo '  # include "buf.h"' >common/io/b.c
	echo '#include "tok/bpe.h"' >common/text/c.h
	echo '#include "text/words.h"' >common/tok/d.cpp
	printf '#include "model/a.h"\n#include "text/x.h"\n#include <x.h>\n' >common/eval/e.c
	printf '#include "io/in.h"\n#include "base/buf.h"\n' >kernels/cpu/f.c
	[ "$(misplaced . | wc -l)" = 5 ]
	[ "$(misplaced . | grep -c 'eval/e.c')" = 0 ]
}

@test "a program includes a header of another program, or a test directory" {
	run grep -nE '#include "(cmd|test)/' -r "$ROOT/cmd" "$ROOT/common" "$ROOT/kernels"
	echo "$output"
	[ "$status" = 1 ]
}

@test "the Makefile gives a program layers in another order" {
	order=" eval model kernels text tok doc io base "
	make -s -C "$ROOT" -pn 2>/dev/null | sed -n 's/^LAYERS_\([a-z-]*\) := //p' >lists
	[ "$(wc -l <lists)" -ge 10 ]
	while read -r layers; do
		rest=$order
		for l in $layers; do
			[[ $rest == *" $l "* ]] || { echo "$layers: $l"; false; }
			rest=" ${rest#* "$l" }"
		done
	done < <(sed 's/\$(DOCP)/text doc io base/; s/\$(TOKP)/tok doc io base/
		s/\$(ALLP)/eval model kernels tok doc io base/' lists)
}
