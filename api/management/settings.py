"""What the management API is started with: frozen, already validated by whoever composed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KEY_VARIABLE = "MANAGEMENT_API_KEY"
"""The variable of the environment that may hold one more admin key."""


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
    """Directory for ``admin.key``, made at first boot."""
    agent_key: Path
    """The agent's key, made with it: in a directory that the agent can read."""
    agent: Path
    """The agent's control socket."""
    countries: tuple[Path, ...]
    """Country databases, of which the data plane uses the first that is there."""
    events: Path
    """``events.db``: the agent writes it, the API reads it."""
    binds: tuple[str, ...] = ("127.0.0.1:9999", "[::1]:9999")
    unix_socket: Path | None = None
    """Where a TLS terminator of this host hands requests over and says who its clients are."""
    mode: str = "auto"
    """The configured mode: tcp, syn, l7 or auto."""
    policy_file: Path | None = None
    """Seeds an empty database, nothing else."""
    management_api_key: str | None = field(default=None, repr=False)
    """One more admin key, never stored."""
    threads: int = 8
    writes_per_minute: int = 6_000
    reads_per_minute: int = 12_000
    failures_per_minute: int = 20
    """Attempts with a wrong key or none, per source address."""
    addresses_max: int = 1_000_000
    """Capacity of the lists while no data plane publishes its own."""
    prefixes_max: int = 131_072
    """The same for prefixes, per family."""
