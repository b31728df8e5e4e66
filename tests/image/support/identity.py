"""What a machine makes once and keeps: over power cuts, and over upgrades in place."""

from __future__ import annotations

from collections.abc import Collection

from tests.image.support.vms.vm import VM

AGENT = (
    "/var/lib/secbeat/agent/agent.key",
    "/var/lib/secbeat/agent/fleet.key",
    "/var/lib/secbeat/agent/webhooks.secret",
)
IDENTITY = (
    "/etc/machine-id",
    "/etc/secbeat/secbeat.toml",
    "/etc/secbeat/tls/tls.crt",
    "/etc/secbeat/tls/tls.key",
    "/etc/ssh/ssh_host_ed25519_key",
    *AGENT,
    "/var/lib/secbeat/keys/admin.key",
    "/var/lib/secbeat/node-id",
)


def identity(node: VM, without: Collection[str] = ()) -> dict[str, str]:
    """Digests of all that; ``without``: files that this machine does not have."""
    files = [path for path in IDENTITY if path not in without]
    lines = node.root(f"sha256sum {' '.join(files)}").splitlines()
    digests = {path: digest for digest, path in (line.split() for line in lines)}
    assert set(digests) == set(files)
    return digests
