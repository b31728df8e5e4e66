"""Sends bytes to a server behind the node, over the kernel's TCP, and receives the answer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tests.support.instances.lab import Lab
from tests.support.network.namespaces import inside

_CONNECT_S = 30.0
PATIENT_S = 30.0
"""Longer than the pauses of a busy machine within an answer."""
BRIEF_S = 0.6
"""Timeout for servers that should not answer, or whose answer does not matter."""
_TOGETHER = 48
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
_INCIDENT = re.compile(rb"^X-Request-Id: ([0-9a-f]{16})\r$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """All bytes received, and how the connection ended: ``open`` if it did not end in time."""

    data: bytes
    ending: Literal["closed", "reset", "open"]

    @property
    def statuses(self) -> list[int]:
        """The status codes of all responses, in order."""
        return [int(status) for status in _STATUS_LINE.findall(self.data)]

    @property
    def incident(self) -> str | None:
        """The incident number on the node's block page, if that was the last response."""
        last = self.data.rpartition(b"HTTP/1.1 403 Forbidden\r\n")
        found = _INCIDENT.search(last[2]) if last[1] else None
        return found[1].decode() if found else None

    @property
    def is_refused(self) -> bool:
        """Whether the node has refused the request: with its page, or with a reset if no page was
        possible."""
        return self.ending == "reset" or self.incident is not None


@dataclass(frozen=True)
class Sending:
    """The pieces to send to a port; each piece has its own write."""

    port: int
    pieces: Sequence[bytes]
    until: bytes | None = None
    """The end of the answer, so that nothing waits for more bytes."""


@contextmanager
def connected(lab: Lab, host: str, port: int) -> Iterator[socket.socket]:
    """A connection of the client for several requests."""
    with inside(lab.instance.namespaces.client):
        connection = socket.create_connection((host, port), timeout=_CONNECT_S)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def send(
    lab: Lab, host: str, sending: Sending, quiet_s: float = PATIENT_S, source: str | None = None
) -> Answer:
    """Send as the client; read until the end, or until nothing was received for ``quiet_s``
    seconds.

    If the server leaves the connection open, `Sending.until` tells where the answer ends.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with inside(lab.instance.namespaces.client):
        connection = socket.socket(family, socket.SOCK_STREAM)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_CONNECT_S)
        if source is not None:
            connection.bind((source, 0))
        connection.connect((host, sending.port))
        connection.settimeout(_CONNECT_S + PATIENT_S)  # for a whole piece, on any bad line
        try:
            for piece in sending.pieces:
                connection.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass  # data received before can still be read
        return receive(connection, quiet_s, sending.until)


def receive(connection: socket.socket, quiet_s: float, until: bytes | None = None) -> Answer:
    """Read until the end, until ``until`` was received, or until nothing was received
    for so long."""
    data = bytearray()
    connection.settimeout(quiet_s)
    while until is None or not data.endswith(until):
        try:
            chunk = connection.recv(65_536)
        except TimeoutError:
            break
        except (ConnectionResetError, BrokenPipeError):
            return Answer(bytes(data), "reset")
        if not chunk:
            return Answer(bytes(data), "closed")
        data += chunk
    return Answer(bytes(data), "open")


def send_all(
    lab: Lab, host: str, sendings: Iterable[Sending], quiet_s: float = PATIENT_S
) -> list[Answer]:
    """Send each on its own connection, some at a time; returns the answers in the same order."""
    with ThreadPoolExecutor(_TOGETHER) as pool:
        return list(pool.map(lambda sending: send(lab, host, sending, quiet_s), sendings))


def dropped(lab: Lab) -> dict[str, int]:
    """Packets that the node has dropped, by reason, on both ports together."""
    found: dict[str, int] = {}
    for port in lab.quiet_stats().ports.values():
        for reason, count in port.dropped.items():
            found[reason] = found.get(reason, 0) + count
    return found
