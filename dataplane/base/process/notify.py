"""Reports the process's state to the service manager, over ``$NOTIFY_SOCKET`` (sd_notify(3)).

Without that variable every call does nothing, so a process runs the same in a lab or a shell. Never
blocks, and never raises if the manager does not listen.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

FORWARDING, NO_LINK = "forwarding", "no link: "
"""Statuses of the data plane: healthy, or the beginning of one that names ports."""


class Notifier:
    """The connection of one process to its service manager; the environment has its address."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        """``environment``: usually os.environ; ``pid``: the process's own."""
        self._socket = _connect(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval_s = _half_of_watchdog(environment, pid)
        """Interval for ``watchdog``: half of the manager's limit; None: not requested."""

    def ready(self) -> None:
        """Report that the start is complete."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the status line of `systemctl status`."""
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        """Report that the process works; without these reports the manager kills it."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the process is ending."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket; may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, message: str) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send(message.encode())


def status_of(without_link: Sequence[str]) -> str:
    """The data plane's status, from the names of the data ports without a link."""
    return f"{NO_LINK}{', '.join(without_link)}" if without_link else FORWARDING


def _connect(address: str) -> socket.socket | None:
    if not address:
        return None
    # "@" stands for the NUL of an abstract address.
    path = "\0" + address[1:] if address.startswith("@") else address
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    connection.setblocking(False)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def _half_of_watchdog(environment: Mapping[str, str], pid: int) -> float | None:
    text = environment.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or int(text) == 0:
        return None
    # The variables are inherited: they may be addressed to the parent (sd_watchdog_enabled(3)).
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(text) / 2_000_000
