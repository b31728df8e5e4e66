#!/bin/sh
# Makes the two system users: the security boundary of a node is between them.
set -eu
. "$(dirname "$0")/common.sh"

for user in secbeat secbeat-dp; do
    getent passwd "$user" >/dev/null && continue
    say "making system user $user"
    as_root useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$user"
done
