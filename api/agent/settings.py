"""The agent's settings: frozen; the caller has validated them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from api.agent.fleet.settings import FleetSettings
from api.agent.recording.journal.keep import Keep
from api.webhooks.settings import WebhookSettings


@dataclass(frozen=True)
class AgentSettings:
    """Everything ``secbeat-agent`` needs; binds are ``address:port``."""

    socket: Path
    """The data plane's Unix socket."""
    events: Path
    """``events.db``; the directory is the agent's own."""
    control: Path
    """The agent's own Unix socket."""
    node_id: str
    """The node's name for receivers of webhooks."""
    public: tuple[str, ...] = ("127.0.0.1:9090", "[::1]:9090")
    internal: tuple[str, ...] = ("127.0.0.1:9191", "[::1]:9191")
    api: str = "127.0.0.1:9999"
    """Address of the management API, which the agent asks whether it is ready."""
    state_dir: Path = Path("/var/lib/secbeat")
    """Directory whose disk space is exported."""
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    keep: Keep = field(default_factory=Keep)
    fleet: FleetSettings | None = None
    """None: the node is in no fleet."""
