#!/bin/sh
# pack.sh WHEELHOUSE ARCHIVE: packs a wheelhouse completely or not at all, and removes archives of
# earlier releases beside ARCHIVE. Several plays may run it at once: the name of an archive contains
# the digest of its release.
set -eu
wheelhouse=$1 archive=$2
folder=$(dirname "$archive")

mkdir -p "$folder"
find "$folder" -maxdepth 1 -name 'wheelhouse*.tar*' -mmin +1440 -delete
unfinished=$(mktemp "$archive.XXXXXX")
trap 'rm -f "$unfinished"' EXIT
tar --create --file="$unfinished" --directory="$wheelhouse" --transform='s,^\.,secbeat-wheelhouse,' .
chmod 0644 "$unfinished"
mv "$unfinished" "$archive"
