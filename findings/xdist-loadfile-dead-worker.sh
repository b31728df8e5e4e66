#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0, `--dist=loadfile`: a test that ends its process is run again, nine times.
#
# A good guess: a test during which its process died is one failure, and the rest of its file goes to another
# process; so it is with `--dist=load`. Seen with two processes: `loadfile` gives the file back with that test in
# it, until 4 restarts for each process are used up. One death is reported as nine failures, and where a test takes
# long the run takes nine times as long. SecBeat therefore passes --max-worker-restart=0 (tests/run.py).
#
# Runs without SecBeat, in a temporary folder, for some seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 pytest-xdist==3.8.0
cat >"$folder/test_file.py" <<'END'
import os


def test_before():
    pass


def test_ends_its_process():
    os._exit(1)


def test_after():
    pass
END
cd "$folder"
runs() {
    venv/bin/python -m pytest -q -p no:cacheprovider -n 2 "$@" test_file.py |
        grep -c "^FAILED test_file.py::test_ends_its_process" || true
}
load=$(runs --dist=load)
loadfile=$(runs --dist=loadfile)
bounded=$(runs --dist=loadfile --max-worker-restart=0)
echo "failures of the one test: load $load, loadfile $loadfile, loadfile without restarts $bounded"
[ "$load $loadfile $bounded" = "1 9 1" ]
