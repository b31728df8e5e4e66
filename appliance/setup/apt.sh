# Shared by the scripts that install Debian packages. Sourced after common.sh; the caller has set
# LIST.

POLICY=/usr/sbin/policy-rc.d

wanted() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$LIST"; }

missing() {
    wanted | while read -r package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        # On Debian 13, pkgconf provides pkg-config: the command suffices.
        [ "$status" = installed ] || { [ "$package" = pkg-config ] && command -v pkg-config >/dev/null; } ||
            printf '%s ' "$package"
    done
}

remove_policy() { as_root rm -f "$POLICY"; }

# invoke-rc.d runs this program before it starts a service; exit code 101 forbids it.
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

install() { apt install -y --no-install-recommends "$@"; }

[ -x /usr/bin/dpkg-query ] || fail "this is not Debian: install what $LIST lists yourself"
