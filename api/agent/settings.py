"""What the agent is started with: frozen, already validated by whoever composed it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AgentSettings:
    """Everything ``secbeat-agent`` needs; binds are ``address:port``."""

    socket: Path
    public: str = "127.0.0.1:9090"
    internal: str = "127.0.0.1:9191"
