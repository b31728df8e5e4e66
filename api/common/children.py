"""The environment of child processes: this interpreter's path, and no secret."""

from __future__ import annotations

import os
import sys


def child_environment() -> dict[str, str]:
    """For ``python -m`` of this program's own modules."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for name in ("MANAGEMENT_API_KEY", "NOTIFY_SOCKET"):
        environment.pop(name, None)
    return environment
