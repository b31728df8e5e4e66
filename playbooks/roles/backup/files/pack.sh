#!/bin/sh
# pack.sh ARCHIVE: packs the paths on standard input, as far as they are there; prints the SHA-256 of the archive. Databases
# (*.db) are copied by SQLite as their owner, while others write to them; what lies beside one is left out.
set -eu
umask 077
work=$(mktemp -d /var/tmp/secbeat-backup.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 0711 "$work"
mkdir "$work/tree"

while IFS= read -r path || [ -n "$path" ]; do
    if [ -e "$path" ]; then printf '%s\n' "${path#/}"; fi
done >"$work/paths"

tar --create --directory=/ --exclude='*.db*' --files-from="$work/paths" | tar --extract --directory="$work/tree"
(cd / && xargs -d '\n' -I{} find {} -type f -name '*.db' <"$work/paths") >"$work/databases"
while IFS= read -r database; do
    owner=$(stat --format=%u "/$database") group=$(stat --format=%g "/$database")
    mkdir -p "$work/tree/${database%/*}"
    install -d -o "$owner" -g "$group" -m 0700 "$work/copy"
    if [ "$owner" = "$(id -u)" ]; then as=; else as="setpriv --reuid=$owner --regid=$group --clear-groups"; fi
    $as python3 -c 'import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", (sys.argv[2],))' "/$database" "$work/copy/database"
    chmod --reference="/$database" "$work/copy/database"
    mv "$work/copy/database" "$work/tree/$database"
    rm -rf "$work/copy"
done <"$work/databases"

# Folders that hold nothing but a database have the owner and mode of the host's.
find "$work/tree" -mindepth 1 -type d -printf '%P\n' | while IFS= read -r folder; do
    chmod --reference="/$folder" "$work/tree/$folder"
    chown --reference="/$folder" "$work/tree/$folder"
done
find "$work/tree" -mindepth 1 -printf '%P\0' |
    tar --create --gzip --file="$work/archive" --directory="$work/tree" --null --no-recursion --files-from=-
chown "${SUDO_UID:-$(id -u)}:${SUDO_GID:-$(id -g)}" "$work/archive"
mv "$work/archive" "$1"
sha256sum "$1" | cut -d ' ' -f 1
