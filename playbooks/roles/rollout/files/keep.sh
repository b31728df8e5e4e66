#!/bin/sh
# keep.sh ENVIRONMENT KEPT STATE: copies an environment, and the files whose paths are on standard
# input, to the folder KEPT. The environment's files are hard links: a release is never changed, only
# made again. Also lists the copies of databases below STATE, so that databases.sh knows later ones.
# The paths contain no newline.
set -eu
environment=$1 kept=$2 state=$3
new=$kept.new

rm -rf "$new"
mkdir -m 0700 "$new"
cp -al "$environment" "$new/environment"
cat >"$new/paths"
while IFS= read -r path || [ -n "$path" ]; do
    if [ -e "$path" ]; then printf '%s\n' "$path"; fi
done <"$new/paths" >"$new/present"
tar --create --file="$new/files.tar" --absolute-names --files-from="$new/present"
find "$state" -maxdepth 2 -type f -name '*.db.before-*' >"$new/copies"
rm -rf "$kept"
mv "$new" "$kept"
