# Shared by the setup scripts: paths, and how to become root or the owner of the tree. Sourced; the
# caller has set -eu.

TREE=$(cd "$(dirname "$0")/../.." && pwd)
SETUP="$TREE/appliance/setup"
VENV="$TREE/.venv"
OWNER=$(stat -c %U "$TREE")
PATH="$PATH:/usr/sbin:/sbin" # missing after su without a login shell
export PATH

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# Only for apt and the system users.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "'$1' needs root: run as root, or install sudo and let $(id -un) use it"
    fi
}

# All files in the tree belong to the owner of the tree, also under sudo.
as_owner() {
    if [ "$(id -u)" -eq 0 ] && [ "$OWNER" != root ]; then
        runuser -u "$OWNER" -- env HOME="$(getent passwd "$OWNER" | cut -d: -f6)" "$@"
    else
        "$@"
    fi
}
