#!/bin/sh
# restore.sh ENVIRONMENT KEPT: restores what keep.sh has copied, and removes files that did not
# exist then. May be run again.
set -eu
environment=$1 kept=$2

while IFS= read -r path || [ -n "$path" ]; do
    if ! grep --fixed-strings --line-regexp --quiet -e "$path" "$kept/present"; then rm -f "$path"; fi
done <"$kept/paths"
tar --extract --file="$kept/files.tar" --absolute-names

rm -rf "$environment.restored" "$environment.failed"
cp -al "$kept/environment" "$environment.restored"
if [ -e "$environment" ]; then mv "$environment" "$environment.failed"; fi
mv "$environment.restored" "$environment"
rm -rf "$environment.failed"
