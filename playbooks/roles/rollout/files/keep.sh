#!/bin/sh
# keep.sh ENVIRONMENT KEPT: copies an environment, and the files whose paths are on standard input,
# to the folder KEPT. The environment's files are hard links: a release is never changed, only made
# again. The paths contain no newline.
set -eu
environment=$1 kept=$2
new=$kept.new

rm -rf "$new"
mkdir -m 0700 "$new"
cp -al "$environment" "$new/environment"
cat >"$new/paths"
while IFS= read -r path || [ -n "$path" ]; do
    if [ -e "$path" ]; then printf '%s\n' "$path"; fi
done <"$new/paths" >"$new/present"
tar --create --file="$new/files.tar" --absolute-names --files-from="$new/present"
rm -rf "$kept"
mv "$new" "$kept"
