"""Settings of the management API: frozen; the caller has validated them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KEY_VARIABLE = "MANAGEMENT_API_KEY"
"""The environment variable that may hold one more admin key."""


@dataclass(frozen=True)
class ApiSettings:
    """Everything ``secbeat-api`` needs."""

    database: Path
    """``node.db``; its directory also takes the backups made before a migration."""
    state_log: Path
    """Directory of the state log that the data plane reads."""
    socket: Path
    """The data plane's Unix socket."""
    keys: Path
    """Directory of ``admin.key``, which is made at first boot."""
    agent_key: Path
    """The agent's key, made at the same time, in a directory that the agent can read."""
    agent: Path
    """The agent's control socket."""
    countries: tuple[Path, ...]
    """Country databases; the data plane uses the first existing one."""
    events: Path
    """``events.db``: the agent writes it, the API reads it."""
    binds: tuple[str, ...] = ("127.0.0.1:9999", "[::1]:9999")
    unix_socket: Path | None = None
    """Unix socket on which a TLS terminator of this host forwards requests with the client's
    address."""
    mode: str = "auto"
    """The configured mode: tcp, syn, l7 or auto."""
    policy_file: Path | None = None
    """Policy file for an empty database only."""
    management_api_key: str | None = field(default=None, repr=False)
    """One more admin key, never stored."""
    threads: int = 8
    writes_per_minute: int = 6_000
    reads_per_minute: int = 12_000
    failures_per_minute: int = 20
    """Attempts with a wrong key or none, per source address."""
    addresses_max: int = 1_000_000
    """Capacity of the lists while the data plane does not publish it."""
    prefixes_max: int = 131_072
    """The same for prefixes, per family."""
