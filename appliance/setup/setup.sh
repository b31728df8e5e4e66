#!/bin/sh
# Installs everything that `make run` and `make test` need, on a fresh Debian 12 or 13 with git and
# make. May be run again, and is then quick. Uses root for apt and the system users only.
set -eu
. "$(dirname "$0")/common.sh"

sh "$SETUP/packages.sh"
sh "$SETUP/packages-next.sh"
sh "$SETUP/users.sh"
sh "$SETUP/environment.sh"
sh "$SETUP/native.sh"
