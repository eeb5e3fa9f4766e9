#!/usr/bin/env bash
# lay-out.sh PROGRAM FOLDER: lays the program and what belongs to it out in FOLDER, as below a prefix such as /usr/local.
# The program must be one that runs here.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: $0 PROGRAM FOLDER" >&2
    exit 2
fi
program=$1 folder=$2
here=$(dirname "${BASH_SOURCE[0]}")/..

mkdir -p "$folder/bin" "$folder/share/man/man1" "$folder/share/doc/mlc-weights" \
    "$folder/share/bash-completion/completions" "$folder/share/zsh/site-functions" \
    "$folder/share/fish/vendor_completions.d"
cp "$program" "$folder/bin/"
cp "$here"/README.md "$here"/LICENSE-* "$folder/share/doc/mlc-weights/"

"$program" completions bash > "$folder/share/bash-completion/completions/mlc-weights"
"$program" completions zsh > "$folder/share/zsh/site-functions/_mlc-weights"
"$program" completions fish > "$folder/share/fish/vendor_completions.d/mlc-weights.fish"

"$program" man > "$folder/share/man/man1/mlc-weights.1"
# The commands stand in the help, two columns to the right.
"$program" --help | sed -n '/^Commands:$/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -v '^help$' | while read -r command; do
    "$program" man "$command" > "$folder/share/man/man1/mlc-weights-$command.1"
done
"$program" man store-push > "$folder/share/man/man1/mlc-weights-store-push.1"
