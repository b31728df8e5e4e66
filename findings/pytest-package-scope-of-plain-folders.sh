#!/usr/bin/env bash
# pytest 9.2.0: a fixture of scope "package" in a folder without __init__.py.
#
# A good guess: the fixture of a folder's conftest.py ends when the last test of the folder has run. Seen: in a folder that is no Python
# package it ends with the session, after the tests of all later folders; with an __init__.py it ends with the folder. pytest gives no
# warning. SecBeat's end-to-end tests had such fixtures: the nodes of two folders polled beside all later tests. They have scope "module".
#
# Runs without SecBeat, in a temporary folder, for a few seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0
mkdir -p "$folder/tree/first" "$folder/tree/second"
cd "$folder/tree"
printf '[pytest]\n' >pytest.ini
cat >first/conftest.py <<'END'
import pytest


@pytest.fixture(scope="package")
def node():
    yield
    print("node ends")
END
printf 'def test_first(node):\n    print("first")\n' >first/test_first.py
printf 'def test_second():\n    print("second")\n' >second/test_second.py

order() { "$folder/venv/bin/python" -m pytest -q -s -p no:cacheprovider first second | grep -oE 'first|second|node ends' | paste -sd ' '; }
plain=$(order)
touch first/__init__.py
package=$(order)
echo "plain folder: $plain"
echo "with __init__.py: $package"
[ "$plain" = "first second node ends" ] && [ "$package" = "first node ends second" ]
