#!/bin/sh
# pack.sh FOLDER ARCHIVE: packs the files of a tree for root, with fixed modes and times, so that
# unarchive finds only real differences. Follows links, because the units are in another folder.
# Prints a line "MODE SHA256 PATH" for each file, as input of compare.sh.
set -eu
cd "$1"
mkdir -p "$(dirname "$2")"

pack() { # TAR_OPERATION MODE FIND_EXPRESSION...
    operation=$1 mode=$2
    shift 2
    find -L . -type f "$@" -printf '%P\0' | LC_ALL=C sort -z |
        tar "$operation" --file="$archive" --null --files-from=- --dereference --mode="$mode" \
            --owner=root:0 --group=root:0 --mtime='2026-01-01 UTC'
    find -L . -type f "$@" -printf '%P\0' | LC_ALL=C sort -z | xargs -0 --no-run-if-empty sha256sum |
        sed "s,^\([0-9a-f]*\)  ,$mode \1 /,"
}

# The archive appears complete or not at all, because two plays may pack the same tree.
archive=$(mktemp "$2.XXXXXX")
trap 'rm -f "$archive"' EXIT
pack --create 0644 ! -path './etc/sudoers.d/*'
pack --append 0440 -path './etc/sudoers.d/*' # sudo requires this mode
mv "$archive" "$2"
