#!/bin/sh
# manual.sh ENVOI SOURCE-FOLDER: mandoc has nothing to say against the manuals;
# each "envoi send" of its EXAMPLES and of README.md is accepted with --dry-run;
# each exit status of the program is in its table.
set -eu
envoi=$(realpath "$1")
root=$2
page=$root/cmd/envoi.1
failed=0
skipped=0

if command -v mandoc >/dev/null; then
	mandoc -Tlint -Wwarning "$page" "$root/cmd/sendmail.8" || failed=1
else
	echo "no mandoc: not linted"
	skipped=77
fi

# The commands behind "$ ", lines that end in a backslash joined.
examples() {
	sed -n '/^.Sh EXAMPLES/,/^.Sh DIAG/p' "$page" | sed 's/\\e$/\\/; s/\\(aq/'"'"'/g' | cat - "$root/README.md" |
		sed -n '/^ *\$ .*envoi send /{:more
			/\\$/{N;b more
			}
			s/\\\n//g; s/^ *\$ //; s/^.*| *//; s/^envoi send //p;}'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/examples" "$work"
cp "$root/examples/letter.eml" "$work"
cp "$root/examples/week.mbox" "$work/old.mbox"
cd "$work"
examples >list
[ "$(wc -l <list)" -ge 4 ] || {
	echo "hardly any examples were found"
	failed=1
}
while read -r line; do
	if ! eval "'$envoi' send --dry-run $line" <letter.eml >output 2>&1; then
		echo "this example fails: envoi send $line"
		cat output
		failed=1
	fi
done <list

sed -n '/^.Sh EXIT STATUS/,/^.Sh EXAMPLES/p' "$page" >table
sed -n 's/^	ENVOI_STATUS_[A-Z]* = \([0-9]*\),.*/\1/p' "$root/include/envoi/error.h" >statuses
while read -r status; do
	grep -q "^.It $status\$" table || {
		echo "exit status $status is not in the manual"
		failed=1
	}
done <statuses
[ "$failed" = 0 ] || exit 1
exit $skipped
