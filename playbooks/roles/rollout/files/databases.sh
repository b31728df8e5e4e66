#!/bin/sh
# databases.sh STATE KEPT: puts databases below STATE back to the schema of the previous release. A
# release that migrates a database first makes a copy beside it, NAME.before-NUMBER.SCHEMA. The first
# copy that keep.sh has not listed is the state before the migration; later ones are of migrations
# that were interrupted. The migrated database stays as NAME.rolled-back. API and agent are stopped
# afterwards, unless this fails. May be run again.
set -eu
state=$1 kept=$2
stopped='secbeat-agent.service secbeat-api.service'

trap '[ $? -eq 0 ] || systemctl start $stopped' EXIT
systemctl stop $stopped

find "$state" -maxdepth 2 -type f -name '*.db.before-*' ! -name '*.tmp' | sort --version-sort >"$kept/copies.now"
{ grep --fixed-strings --line-regexp --invert-match --file="$kept/copies" "$kept/copies.now" || :; } >"$kept/copies.new"
restored=
while IFS= read -r copy; do
    database=${copy%.before-*}
    if [ "$database" = "$restored" ]; then
        rm -f "$copy"
        continue
    fi
    rm -f "$database.rolled-back" "$database.rolled-back-wal"
    if [ -e "$database" ]; then ln "$database" "$database.rolled-back"; fi
    if [ -e "$database-wal" ]; then mv "$database-wal" "$database.rolled-back-wal"; fi
    rm -f "$database-shm"
    sync "$copy"
    mv "$copy" "$database"
    printf '%s\n' "$database"
    restored=$database
done <"$kept/copies.new"
