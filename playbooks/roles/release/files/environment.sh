#!/bin/sh
# environment.sh WHEELHOUSE TARGET STAMP: makes TARGET anew from the wheels, offline, every one checked by its hash.
# pip is run from the wheel that python3-venv brings, without the host's settings, and stays outside. Everything is
# compiled here: nobody can write to TARGET afterwards, and what is compiled holds whatever the sources' times say.
# Man pages and completion scripts lie in TARGET/share too, with links in /usr/share.
set -eu
wheelhouse=$1 target=$2 stamp=$3
pip=$(echo /usr/share/python-wheels/pip-*.whl)/pip

/usr/bin/python3 -m venv --clear --without-pip "$target"
"$target/bin/python" "$pip" --isolated --quiet --no-input --no-cache-dir --disable-pip-version-check install \
    --root-user-action ignore --no-compile --no-index --find-links "$wheelhouse" --no-deps --require-hashes \
    --requirement "$wheelhouse/requirements.txt"
"$target/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$target/lib"
"$target/bin/python" -I -m appliance.cli.reference "$target/share" --links /usr/share
install -D -m 0644 "$wheelhouse/countries.db" /usr/share/secbeat/countries.db
: >"$stamp"
