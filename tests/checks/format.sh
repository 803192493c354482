#!/bin/sh
# format.sh CLANG-FORMAT SOURCE-FOLDER: every C file is as clang-format writes it.
set -eu
cd "$2"
find cmd src include tests -name '*.[ch]' -exec "$1" --dry-run --Werror {} +
