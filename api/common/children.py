"""The environment of child processes: this interpreter's path, and no secret."""

from __future__ import annotations

import os
import sys

_SECRETS = (
    *("MANAGEMENT_API_KEY", "ORCHESTRATOR_API_KEY", "ORCHESTRATOR_DATABASE_URL"),
    *("NOTIFY_SOCKET",),
)


def child_environment() -> dict[str, str]:
    """For ``python -m`` of this program's own modules."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for name in _SECRETS:
        environment.pop(name, None)
    return environment
