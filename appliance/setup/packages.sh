#!/bin/sh
# Installs the Debian packages of a list beside it that are missing, without starting their daemons.
# Usage: packages.sh [LIST], default packages.txt
set -eu
. "$(dirname "$0")/common.sh"

LIST="$SETUP/${1:-packages.txt}"
POLICY=/usr/sbin/policy-rc.d

wanted() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$LIST"; }

missing() {
    wanted | while read -r package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        # pkg-config is provided by pkgconf on Debian 13: a command that is there is enough.
        [ "$status" = installed ] || { [ "$package" = pkg-config ] && command -v pkg-config >/dev/null; } ||
            printf '%s ' "$package"
    done
}

remove_policy() { as_root rm -f "$POLICY"; }

# invoke-rc.d asks this program before it starts a service: 101 means no.
forbid_daemons() {
    [ ! -e "$POLICY" ] || return 0
    trap remove_policy EXIT
    trap 'exit 130' INT HUP TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

[ -x /usr/bin/dpkg-query ] || fail "this is not Debian: install what $LIST lists yourself"
packages=$(missing)
[ -n "$packages" ] || exit 0
say "installing Debian packages: $packages"
forbid_daemons
apt update
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $packages
