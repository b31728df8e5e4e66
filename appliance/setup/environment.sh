#!/bin/sh
# Makes .venv from the lock files with the system's Python; nothing to do when the stamp matches.
set -eu
. "$(dirname "$0")/common.sh"

PYTHON=/usr/bin/python3 # never another python3 that comes first in PATH
STAMP="$VENV/.secbeat-stamp"
# Certificates as Debian has them, like pip: a proxy's own authority may be among them.
export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 PYTHONNOUSERSITE=1

fingerprint() {
    {
        echo "$TREE"
        "$PYTHON" -V
        cat "$TREE/requirements.lock" "$TREE/pyproject.toml" "$SETUP/tools.lock" "$SETUP/generator.lock" "$0"
    } | sha256sum | cut -d' ' -f1
}

uv() { as_owner "$VENV/bin/python" -m uv "$@"; }

make_environment() {
    say "making .venv with $("$PYTHON" -V)"
    # One that was made elsewhere (a copied tree) or with another Python cannot be mended.
    as_owner "$PYTHON" -m venv --clear "$VENV"
    as_owner "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: -r "$SETUP/tools.lock"
}

usable() { [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m uv --version >/dev/null 2>&1; }

wanted=$(fingerprint)
if [ "$(cat "$STAMP" 2>/dev/null || true)" = "$wanted" ] && [ -x "$VENV/bin/secbeat" ]; then
    exit 0
fi
usable || make_environment
say "installing the locked Python packages"
uv pip sync -q --python "$VENV/bin/python" --require-hashes --compile-bytecode \
    "$TREE/requirements.lock" "$SETUP/tools.lock"
# A directory of its own: it wants versions of packages that the project has others of.
uv pip sync -q --python "$VENV/bin/python" --require-hashes --target "$VENV/generator" "$SETUP/generator.lock"
say "installing the project, editable"
uv pip install -q --python "$VENV/bin/python" --no-deps --no-build-isolation -e "$TREE"
as_owner sh -c 'echo "$1" >"$2"' - "$wanted" "$STAMP"
