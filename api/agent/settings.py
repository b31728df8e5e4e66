"""What the agent is started with: frozen, already validated by whoever composed it."""

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
    """``events.db``; beside it lies what the agent alone may write."""
    control: Path
    """The agent's own Unix socket."""
    node_id: str
    """What receivers of webhooks know the node by."""
    public: tuple[str, ...] = ("127.0.0.1:9090", "[::1]:9090")
    internal: tuple[str, ...] = ("127.0.0.1:9191", "[::1]:9191")
    api: str = "127.0.0.1:9999"
    """Where the management API listens; it is asked whether it is ready."""
    state_dir: Path = Path("/var/lib/secbeat")
    """On whose disk the room is shown."""
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    keep: Keep = field(default_factory=Keep)
    fleet: FleetSettings | None = None
    """None: the node is in no fleet."""
