"""The environment of child processes: this interpreter's path, and no secrets that they do not
need."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

_SECRETS = (
    *("MANAGEMENT_API_KEY", "ORCHESTRATOR_API_KEY", "ORCHESTRATOR_DATABASE_URL"),
    *("SYN_COOKIE_SECRET", "WEBHOOKS_SECRET", "FLEET_TOKEN", "CREDENTIALS_DIRECTORY"),
    *("NOTIFY_SOCKET",),
)


def child_environment(keep: Collection[str] = ()) -> dict[str, str]:
    """The environment for ``python -m`` of this program's own modules; ``keep``: variables that the
    child needs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for name in _SECRETS:
        if name not in keep:
            environment.pop(name, None)
    return environment
