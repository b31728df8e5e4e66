#!/bin/sh
# environment.sh WHEELHOUSE TARGET STAMP: makes TARGET anew from the wheels, offline, every one checked by its hash.
# pip is run from the wheel that python3-venv brings, and stays outside. Everything is compiled here: nobody can write to TARGET afterwards, and
# the compiled files hold for as long as the sources do, whatever their times say.
set -eu
wheelhouse=$1 target=$2 stamp=$3

/usr/bin/python3 -m venv --clear --without-pip "$target"
"$target/bin/python" "$(echo /usr/share/python-wheels/pip-*.whl)/pip" install --quiet --no-input --no-cache-dir --no-compile \
    --disable-pip-version-check --root-user-action ignore --no-index --find-links "$wheelhouse" --no-deps \
    --require-hashes --requirement "$wheelhouse/requirements.txt"
"$target/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$target/lib"
: >"$stamp"
