"""The node's own secret for SYN cookies, if it shares none with other nodes.

It is kept beside the socket: it need not survive a reboot, as cookies are valid for two minutes,
but it must survive the process.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dataplane.base.errors import ConfigurationError
from dataplane.tables.syn_proxy_table import SECRET_BYTES_MIN

SECRET_BYTES = 32
FILE_NAME = "syn-cookie-secret"


def kept_secret(directory: Path) -> bytes:
    """Read the secret, or make one with mode 0600. Raises ConfigurationError."""
    path = directory / FILE_NAME
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be made: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        made = secrets.token_bytes(SECRET_BYTES)
        file.write(made)
    return made


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(SECRET_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from error
    if not SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES:
        # The process ended while it wrote the file. The secret was not used, or its cookies have
        # expired.
        path.unlink(missing_ok=True)
        return kept_secret(path.parent)
    return found
