#!/bin/bash
# options.sh ENVOI SOURCE-FOLDER: the options of each command are the same in
# --help, in its part of the manual and in the completions of the three shells,
# and so are the commands. An option is a line "LETTER --name VALUE": the letter
# "-" where it has none, VALUE "+" where it takes one, else ".".
set -u
envoi=$1
root=$2
export LC_ALL=C
failed=0 checked=0

# same WHAT EXPECTED FOUND
same() {
	checked=$((checked + 1))
	if [[ -z $2 || $2 != "$3" ]]; then
		echo "$1 is not what --help says (< --help, > $1):"
		diff <(echo "$2") <(echo "$3") | grep '^[<>]'
		failed=1
	fi
}

# -- what --help says ----------------------------------------------------------

help_options() {
	"$envoi" "$1" --help | sed -n 's/^  \(..\)[, ] --\([a-z0-9-]*\)\( [^ ]\)\?.*/\1 --\2 \3/p' |
		awk '{ letter = $1 ~ /^--/ ? "-" : $1
			name = letter == "-" ? $1 : $2
			print letter, name, $NF == name ? "." : "+" }' | sort
}

help_commands() {
	"$envoi" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort
}

# -- the manual: .It Fl lines of a subsection ----------------------------------

# man_options TITLE
man_options() {
	awk -v title="$1" '
		/^\.S[hs]/ { inside = $0 == ".Ss " title }
		inside && /^\.It Fl/ {
			letter = name = "-"; value = "."
			for (i = 2; i <= NF; i++) {
				if ($i == "Fl") {
					i++
					if ($i ~ /^-/) name = "-" $i; else letter = "-" $i
				} else if ($i == "Ar" || $i == "Oo") {
					value = "+"
				}
			}
			print letter, name, value
		}' "$root/cmd/envoi.1"
}

man_commands() {
	awk '/^\.S[hs]/ { inside = $0 == ".Sh DESCRIPTION" }
		inside && /^\.It Cm/ { print $3 }' "$root/cmd/envoi.1" | sort
}

# -- bash: its function is asked -----------------------------------------------

# shellcheck source=/dev/null
source "$root/completions/envoi.bash"
# shellcheck disable=SC2317 # called by the completion, which has no readline here
compopt() { :; }

# complete_line LINE: what is offered at its end
complete_line() {
	COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
	_envoi
	printf '%s\n' "${COMPREPLY[@]}"
}

# An option that takes a value is one behind which no options are offered.
bash_options() {
	local word letter=-
	for word in $(complete_line "envoi $1 -"); do
		if [[ $word == -? ]]; then
			letter=$word
			[[ -z $(complete_line "envoi $1 $word -") ]] && letter+=" "
			continue
		fi
		if [[ -z $(complete_line "envoi $1 $word -") ]]; then
			[[ $letter == - || $letter == *" " ]] || echo "$letter: takes no value, $word does"
			echo "${letter% } $word +"
		else
			echo "$letter $word ."
		fi
		letter=-
	done | sort
}

# -- zsh and fish: one option a line -------------------------------------------

zsh_options() {
	local list
	for list; do
		sed -n "/^	local -a $list=(/,/^	)/p" "$root/completions/_envoi"
	done | sed -n "s/^		'/'/p" | awk '{
		sub(/^\047(\([^)]*\)|\*)\047/, "")   # what it excludes, repeatable
		sub(/\[.*/, "")
		gsub(/[\047{}*]/, "")
		letter = name = "-"; value = "."
		n = split($0, words, ",")
		for (i = 1; i <= n; i++) {
			if (words[i] ~ /[=+]$/) value = "+"
			sub(/[=+]$/, "", words[i])
			if (words[i] ~ /^--/) name = words[i]; else letter = words[i]
		}
		print letter, name, value
	}' | sort
}

zsh_commands() {
	sed -n "/^	local -a commands=(/,/^	)/s/^		'\([a-z]*\):.*/\1/p" \
		"$root/completions/_envoi" | sort
}

fish_options() {
	awk -v command="$1" '
		match($0, /^complete -c envoi -n \047__envoi_command [a-z ]*\047/) {
			condition = substr($0, 1, RLENGTH) " "
			gsub(/\047/, " ", condition)
			if (index(condition, " " command " ") == 0) next
			letter = name = "-"; value = "."
			n = split(substr($0, RLENGTH + 1), words, " ")
			for (i = 1; i < n; i++) {
				if (words[i] == "-s") letter = "-" words[i + 1]
				if (words[i] == "-l") name = "--" words[i + 1]
				if (words[i] == "-x" || words[i] == "-r") value = "+"
				if (words[i] == "-d") break
			}
			if (letter name != "--") print letter, name, value
		}' "$root/completions/envoi.fish" | sort
}

fish_commands() {
	sed -n 's/^complete -c envoi -n __envoi_no_command -a \([a-z]*\) .*/\1/p' \
		"$root/completions/envoi.fish" | sort
}

# ------------------------------------------------------------------------------

shared='Options of send and probe'
for command in send queue probe sink; do
	expected=$(help_options $command)
	case $command in
	send) zsh=(send connection) ;;
	probe) zsh=(connection) ;;
	*) zsh=("$command") ;;
	esac
	same "envoi.1, $command" "$expected" "$({
		man_options "envoi $command"
		[[ $command == sink || $command == queue ]] || man_options "$shared"
	} | sort)"
	same "envoi.bash, $command" "$expected" "$(bash_options $command)"
	same "_envoi, $command" "$expected" "$(zsh_options "${zsh[@]}")"
	same "envoi.fish, $command" "$expected" "$(fish_options $command)"
done

expected=$(help_commands)
same "envoi.1, commands" "$expected" "$(man_commands)"
same "envoi.bash, commands" "$expected" "$(complete_line 'envoi ' | grep -v '^-' | sort)"
same "_envoi, commands" "$expected" "$(zsh_commands)"
same "envoi.fish, commands" "$expected" "$(fish_commands)"

echo "$checked lists compared"
exit $failed
