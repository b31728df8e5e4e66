#!/bin/sh
# unpack.sh ARCHIVE: puts back what pack.sh has packed, with owners by name; folders that are there keep theirs. What lies
# beside a database is of the one that goes.
set -eu
tar --list --gzip --file="$1" | sed -n 's,^.*\.db$,/&,p' | while IFS= read -r database; do
    rm -f "$database" "$database-wal" "$database-shm"
done
tar --extract --gzip --file="$1" --directory=/ --same-permissions --no-overwrite-dir
