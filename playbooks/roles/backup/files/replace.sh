#!/bin/sh
# replace.sh ARCHIVE SHA256: checks ARCHIVE.new, then puts it and its checksum in the place of
# ARCHIVE and ARCHIVE.sha256. If the sum is wrong, the previous files stay.
set -eu
archive=$1 sum=$2
name=$(basename "$archive")

cd "$(dirname "$archive")"
umask 077
chmod 0600 "$name.new"
printf '%s  %s\n' "$sum" "$name.new" | sha256sum --check --strict
printf '%s  %s\n' "$sum" "$name" >"$name.sha256.new"
sync "$name.new" "$name.sha256.new"
mv "$name.new" "$name"
mv "$name.sha256.new" "$name.sha256"
