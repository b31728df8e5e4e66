"""The Unix socket on which a TLS terminator of this host forwards requests.

Gunicorn creates it, owned by the API's user with mode 0660. The group is set to that of its
directory, so that only the terminator, which is in that group, can connect.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dataplane.base.errors import ConfigurationError


def check(key: str, path: Path | None) -> None:
    """ConfigurationError: the socket of the setting ``key`` can't be created."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise ConfigurationError(f"{key}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{key}: {path.parent} can't be written by this user")
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise ConfigurationError(f"{key}: {path} is there and is no socket")


def open_to_group(key: str, path: Path | None) -> None:
    """Give the socket to its directory's group; ConfigurationError: not permitted."""
    if path is None:
        return
    group = path.parent.stat().st_gid
    try:
        if path.stat().st_gid != group:
            os.chown(path, -1, group)
    except OSError as exc:
        raise ConfigurationError(
            f"{key}: {path} can't be given to group {group}, that of its directory: "
            "this user must be in it (in a unit: SupplementaryGroups=)"
        ) from exc
