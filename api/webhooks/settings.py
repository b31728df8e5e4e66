"""Settings of webhooks: events, receivers, time limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ENDPOINTS_MAX = 16
RETRIES_MAX = 100


@dataclass(frozen=True)
class WebhookSettings:
    """Checked already: URLs have the form that `targets.Target` asks for."""

    endpoints: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    """Kinds of events that are delivered."""
    secret: str | None = field(default=None, repr=False)
    """The configured secret; None: the one in ``secret_file``, which is made if it does
    not exist."""
    secret_file: Path | None = None
    max_retries: int = 15
    """Waits after the first attempt."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts that may have private addresses, and may be used without TLS."""
    first_retry_s: float = 1.0
    last_retry_s: float = 3600.0
    timeout_s: float = 15.0
    """Time limit of one attempt, from the connection to the end of the answer's head."""
