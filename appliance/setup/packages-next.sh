#!/bin/sh
# Installs the missing packages of packages-next.txt. On Debian 12, a separate apt with its own
# sources, lists and cache fetches them from Debian 13. It is removed with this script, and the
# system's apt does not see that release. It uses the mirror of the system's apt, and checks
# signatures as usual.
set -eu
. "$(dirname "$0")/common.sh"

LIST="$SETUP/packages-next.txt"
. "$SETUP/apt.sh"
NEXT=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

has_candidate() { LC_ALL=C apt-cache policy "$1" | grep -q 'Candidate: [^(]'; }

all_known() {
    for package in $packages; do
        has_candidate "$package" || return 1
    done
}

# The first archive of a Debian release in the system's sources, whatever their format.
mirror() {
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(CODENAME) $(COMPONENT) $(REPO_URI)' \
        'Created-By: Packages' | sed -n "s|^Debian Debian $1 main ||p" | head -n 1
}

remove_private() { as_root rm -rf "$PRIVATE"; }

make_private() {
    PRIVATE=$(as_root mktemp -d)
    trap remove_private EXIT
    trap 'exit 130' INT HUP TERM
    as_root chmod 755 "$PRIVATE" # the system's apt reads the packages as another user
    as_root mkdir -p "$PRIVATE/lists/partial" "$PRIVATE/cache/archives/partial"
    as_root touch "$PRIVATE/status"
    echo "deb [signed-by=$KEYRING] $1 $NEXT main" | as_root tee "$PRIVATE/sources.list" >/dev/null
}

private_apt() {
    as_root env --chdir="$PRIVATE" apt-get -q -o Dir::State::lists="$PRIVATE/lists" \
        -o Dir::State::status="$PRIVATE/status" -o Dir::Cache="$PRIVATE/cache" \
        -o Dir::Etc::SourceList="$PRIVATE/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o APT::Sandbox::User=root "$@" </dev/null
}

packages=$(missing)
[ -n "$packages" ] || exit 0
apt update
if all_known; then
    say "installing Debian packages: $packages"
    # shellcheck disable=SC2086 # a list of words, here and below
    install $packages
    exit 0
fi
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
[ "$release" = bookworm ] || fail "Debian '$release' has not all of: $packages(tested: bookworm and $NEXT)"
uri=$(mirror "$release")
[ -n "$uri" ] || fail "apt has no archive of Debian $release among its sources: add one"
say "installing packages of Debian $NEXT: $packages"
install debian-archive-keyring # older ones lack the keys of $NEXT
make_private "$uri"
private_apt update
private_apt download $packages
install "$PRIVATE"/*.deb
