#!/bin/sh
# compare.sh: reads lines "MODE SHA256 PATH" from standard input, and prints the paths of files that
# do not exist, do not belong to root, or have another mode or content. The paths contain no blank.
set -eu
wanted=$(cat)
list() { printf '%s\n' "$wanted" | awk "{ print $1 }"; }
{
    { list '$3, $1, "0:0"'; list '$3' | xargs stat --format='%n %04a %u:%g' 2>/dev/null || :; } | sort | uniq -u
    { list '$3, $2'; list '$3' | xargs sha256sum 2>/dev/null | awk '{ print $2, $1 }'; } | sort | uniq -u
} | awk '{ print $1 }' | sort -u
