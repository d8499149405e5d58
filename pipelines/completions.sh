#!/bin/sh
# completions.sh bash|zsh BIN NAME [SUB..]: the completion of program NAME, made from BIN/NAME --help.
# With SUB the program is a dispatcher: its first word is completed, and the options of each SUB.
set -eu
shell=$1 bin=$2 name=$3
shift 3

# options PROG: tab-separated letter or -, long name, argument or -, what it does
options() {
	"$bin/$1" --help | sed -n \
		-e 's/^  -\([A-Za-z0-9]\), --\([a-z0-9-]*\) \([^ ]\{1,\}\) \{1,\}\(.*\)/\1\t\2\t\3\t\4/p;t' \
		-e 's/^  -\([A-Za-z0-9]\), --\([a-z0-9-]*\)  \{1,\}\(.*\)/\1\t\2\t-\t\3/p;t' \
		-e 's/^      --\([a-z0-9-]*\) \([^ ]\{1,\}\) \{1,\}\(.*\)/-\t\1\t\2\t\3/p;t' \
		-e 's/^      --\([a-z0-9-]*\)  \{1,\}\(.*\)/-\t\1\t-\t\2/p'
}

# What a dispatcher does itself, by its usage lines.
own_words() {
	"$bin/$name" --help | sed -n "s/^ *\(usage: \)\{0,1\}$name \([a-z]\{1,\}\) .*/\2/p"
}

# Its first words: the programs beside it, and those.
words() {
	for c in cmd/*.c; do
		p=$(basename "$c" .c)
		[ "$p" = "$name" ] || echo "$p"
	done
	own_words
}

ident() {
	echo "_$1" | tr -c 'A-Za-z0-9_\n' _
}

# --- bash: the words that begin with -, else files ------------------------------------------------

bash_words() {
	options "$1" | awk -F '\t' '{ if ($1 != "-") printf "-%s ", $1; printf "--%s ", $2 }'
}

bash_one() {
	cat <<F
$(ident "$1")() {
	case \${COMP_WORDS[COMP_CWORD]} in
	-*) mapfile -t COMPREPLY < <(compgen -W '$(bash_words "$1" | sed 's/ $//')' \\
		-- "\${COMP_WORDS[COMP_CWORD]}") ;;
	*) COMPREPLY=() ;;
	esac
}
F
}

bash_dispatcher() {
	cat <<F
$(ident "$name-first")() {
	if ((COMP_CWORD == 1)) && [[ \${COMP_WORDS[1]} != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '$(words | tr '\n' ' ' | sed 's/ $//')' -- "\${COMP_WORDS[1]}")
		return
	fi
	case \${COMP_WORDS[1]} in
$(for s in "$@"; do printf '\t%s) %s ;;\n' "$s" "$(ident "$name-$s")"; done)
	-*$(own_words | sed 's/^/ | /' | tr -d '\n')) $(ident "$name") ;;
	*)
		declare -F _comp_load >/dev/null && _comp_load "\${COMP_WORDS[1]}"
		declare -F _completion_loader >/dev/null && _completion_loader "\${COMP_WORDS[1]}"
		declare -F "_\${COMP_WORDS[1]//-/_}" >/dev/null && "_\${COMP_WORDS[1]//-/_}"
		;;
	esac
}
complete -o default -F $(ident "$name-first") $name
F
}

in_bash() {
	echo "# bash completion of $name, made from its --help"
	bash_one "$name"
	if [ $# = 0 ]; then
		echo "complete -o default -F $(ident "$name") $name"
		return
	fi
	for s in "$@"; do
		bash_one "$s" | sed "1s/^$(ident "$s")/$(ident "$name-$s")/"
	done
	bash_dispatcher "$@"
}

# --- zsh: options with what they do ---------------------------------------------------------------

# zsh_one PROG: a call of _arguments.  The argument of an option is a file where its name says so.
zsh_one() {
	printf '\t_arguments -s -S \\\n'
	options "$1" | awk -F '\t' '{
		what = $4; arg = ""
		gsub(/\\/, "\\\\", what); gsub(/\[/, "\\[", what); gsub(/\]/, "\\]", what)
		gsub(/:/, "\\:", what); gsub(/\047/, "\047\\\047\047", what)
		if ($3 != "-") {
			kind = $3 ~ /FILE|DIR|OUT|LIST|PATH|CONF|RUN|json|^F$/ ? "_files" : " "
			gsub(/:/, "\\:", $3); gsub(/\[|\]/, "\\\\&", $3)
			arg = ":" $3 ":" kind
		}
		if ($1 == "-")
			printf "\t\t\047*--%s[%s]%s\047 \\\n", $2, what, arg
		else
			printf "\t\t\047*\047{-%s,--%s}\047[%s]%s\047 \\\n", $1, $2, what, arg
	}'
	printf "\t\t'*:file:_files'\n"
}

zsh_dispatcher() {
	cat <<F
$(ident "$name-first")() {
	if ((CURRENT == 2)) && [[ \$words[2] != -* ]]; then
		compadd -- $(words | tr '\n' ' ')
		return
	fi
	local sub=\$words[2]
	case \$sub in
	-*$(own_words | sed 's/^/ | /' | tr -d '\n')) $(ident "$name")_own; return ;;
	esac
	shift words
	((CURRENT--))
	case \$sub in
$(for s in "$@"; do printf '\t%s) %s ;;\n' "$s" "$(ident "$name-$s")"; done)
	*) ((\$+functions[_\$sub])) && _\$sub ;;
	esac
}
$(ident "$name-first") "\$@"
F
}

in_zsh() {
	echo "#compdef $name"
	echo "# zsh completion of $name, made from its --help"
	if [ $# = 0 ]; then
		zsh_one "$name"
		return
	fi
	printf '%s() {\n' "$(ident "$name")_own"
	zsh_one "$name"
	echo '}'
	for s in "$@"; do
		printf '%s() {\n' "$(ident "$name-$s")"
		zsh_one "$s"
		echo '}'
	done
	zsh_dispatcher "$@"
}

# shellcheck disable=SC2086,SC2048 # the SUBs may come as one word
set -- $*
case $shell in
bash) in_bash "$@" ;;
zsh) in_zsh "$@" ;;
esac
