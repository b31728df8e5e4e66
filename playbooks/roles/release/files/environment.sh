#!/bin/sh
# environment.sh WHEELHOUSE TARGET STAMP: makes TARGET again from the wheels, offline, and checks
# the hash of each wheel. pip runs from the wheel of python3-venv, without the host's settings, and
# is not installed. All modules are compiled here, because nobody can write to TARGET later; the
# bytecode is valid whatever the times of the sources are. Man pages and completion scripts are in
# TARGET/share, with links in /usr/share.
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
