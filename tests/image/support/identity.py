"""What a machine makes once and keeps: over power cuts, and over upgrades in place."""

from __future__ import annotations

from tests.image.support.vm import VM

IDENTITY = (
    "/etc/machine-id",
    "/etc/secbeat/secbeat.toml",
    "/etc/secbeat/tls/tls.crt",
    "/etc/secbeat/tls/tls.key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/var/lib/secbeat/agent/agent.key",
    "/var/lib/secbeat/agent/fleet.key",
    "/var/lib/secbeat/agent/webhooks.secret",
    "/var/lib/secbeat/keys/admin.key",
    "/var/lib/secbeat/node-id",
)


def identity(node: VM) -> dict[str, str]:
    """Digests of all that."""
    lines = node.root(f"sha256sum {' '.join(IDENTITY)}").splitlines()
    digests = {path: digest for digest, path in (line.split() for line in lines)}
    assert set(digests) == set(IDENTITY)
    return digests
