#!/bin/sh
# Installs the missing Debian packages of a list in this folder, without starting their daemons.
# Usage: packages.sh [LIST], default packages.txt
set -eu
. "$(dirname "$0")/common.sh"

LIST="$SETUP/${1:-packages.txt}"
. "$SETUP/apt.sh"

packages=$(missing)
[ -n "$packages" ] || exit 0
say "installing Debian packages: $packages"
forbid_daemons
apt update
# shellcheck disable=SC2086 # a list of words
install $packages
