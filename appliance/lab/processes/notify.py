"""The receiving end of sd_notify: one datagram socket per process.

A separate socket for each process identifies the sender, without credentials.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

MESSAGE_BYTES_MAX = 4096
MESSAGES_PER_TURN = 64


class NotifySocket:
    """A socket to pass as ``NOTIFY_SOCKET``; context-free, `close` removes the file."""

    def __init__(self, path: Path, user: str | None) -> None:
        self.path = path
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        path.unlink(missing_ok=True)
        self._socket.bind(str(path))
        path.chmod(0o600)
        if user is not None and os.geteuid() == 0:
            shutil.chown(path, user=user)

    def fileno(self) -> int:
        """The socket's file descriptor, for a selector."""
        return self._socket.fileno()

    def receive(self) -> list[dict[str, str]]:
        """The assignments of each message that has arrived; never waits."""
        messages = []
        for _ in range(MESSAGES_PER_TURN):
            try:
                data = self._socket.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                break
            lines = data.decode(errors="replace").splitlines()
            messages.append(dict(line.split("=", 1) for line in lines if "=" in line))
        return messages

    def close(self) -> None:
        """Close and remove the socket; may be called again."""
        self._socket.close()
        self.path.unlink(missing_ok=True)
