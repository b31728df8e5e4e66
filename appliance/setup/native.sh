#!/bin/sh
# Builds libsecbeat and compiles the Python sources, so that a lab under sudo writes nothing here.
set -eu
. "$(dirname "$0")/common.sh"

pkg-config --exists libdpdk libllhttp || fail "a pkg-config file is missing, of DPDK or llhttp: run 'make setup'"
[ -e /usr/include/hs/hs_runtime.h ] || fail "Hyperscan's headers are missing: run 'make setup'"
as_owner make --no-print-directory -s -C "$TREE/dataplane/fastpath"
as_owner "$VENV/bin/python" -m compileall -q \
    "$TREE/dataplane" "$TREE/api" "$TREE/appliance"
