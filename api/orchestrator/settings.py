"""Settings of the orchestrator: frozen; the caller has validated them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.threats.incidents import Retention
from api.webhooks.settings import WebhookSettings

KEY_VARIABLE = "ORCHESTRATOR_API_KEY"
"""The environment variable that may hold one more admin key."""


@dataclass(frozen=True)
class OrchestratorSettings:
    """Everything ``secbeat-orchestrator`` needs; binds are ``address:port``."""

    database: str = field(repr=False)
    """SQLAlchemy's URL: ``sqlite:////var/lib/secbeat/orchestrator/fleet.db``, or PostgreSQL's."""
    keys: Path
    """Directory for ``admin.key`` and ``enrol.key``, made at first boot."""
    binds: tuple[str, ...] = ("127.0.0.1:3030", "[::1]:3030")
    unix_socket: Path | None = None
    """Unix socket on which a TLS terminator of this host forwards requests with the client's
    address."""
    metrics: tuple[str, ...] = ("127.0.0.1:9091", "[::1]:9091")
    workers: int = 1
    """Worker processes; more than one need PostgreSQL."""
    threads: int = 8
    """Threads of each worker."""
    orchestrator_api_key: str | None = field(default=None, repr=False)
    """One more admin key, never stored."""
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    retention: Retention = field(default_factory=Retention)
    """Retention of attacks that nodes have reported."""
    writes_per_minute: int = 6_000
    reads_per_minute: int = 12_000
    failures_per_minute: int = 20
    """Attempts with a wrong key or none, per source address."""
