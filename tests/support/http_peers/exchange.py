"""Bytes to a server behind the node, over the kernel's TCP, and what comes back."""

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
"""Longer than a busy machine is silent in the midst of an answer."""
BRIEF_S = 0.6
"""For what is expected to stay silent, or where it does not matter what is said."""
_TOGETHER = 48
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
_INCIDENT = re.compile(rb"^X-Request-Id: ([0-9a-f]{16})\r$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """All that has come, and how it ended: ``open`` if nothing more came for a while."""

    data: bytes
    ending: Literal["closed", "reset", "open"]

    @property
    def statuses(self) -> list[int]:
        """Of every response, in order."""
        return [int(status) for status in _STATUS_LINE.findall(self.data)]

    @property
    def incident(self) -> str | None:
        """The id of the page that the node blocks with, if that was the last to come."""
        last = self.data.rpartition(b"HTTP/1.1 403 Forbidden\r\n")
        found = _INCIDENT.search(last[2]) if last[1] else None
        return found[1].decode() if found else None

    @property
    def is_refused(self) -> bool:
        """By the node: with its page, or because a page could not be sent any more."""
        return self.ending == "reset" or self.incident is not None


@dataclass(frozen=True)
class Sending:
    """What to send to which port, in pieces with a write of its own for each."""

    port: int
    pieces: Sequence[bytes]
    until: bytes | None = None
    """What ends the answer, so that nobody need wait for more."""


@contextmanager
def connected(lab: Lab, host: str, port: int) -> Iterator[socket.socket]:
    """A connection of the client's, for several requests."""
    with inside(lab.instance.namespaces.client):
        connection = socket.create_connection((host, port), timeout=_CONNECT_S)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def send(
    lab: Lab, host: str, sending: Sending, quiet_s: float = PATIENT_S, source: str | None = None
) -> Answer:
    """As the client; read until the end, or until nothing has come for so long.

    Whoever wants an answer that leaves the connection open says in `Sending.until` how it ends.
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
        connection.settimeout(_CONNECT_S + PATIENT_S)  # of all of a piece, on however bad a line
        try:
            for piece in sending.pieces:
                connection.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass  # what was said before can still be read
        return receive(connection, quiet_s, sending.until)


def receive(connection: socket.socket, quiet_s: float, until: bytes | None = None) -> Answer:
    """Read until the end, until that has come, or until nothing has come for so long."""
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
    """Each on a connection of its own, some at a time; the answers in the same order."""
    with ThreadPoolExecutor(_TOGETHER) as pool:
        return list(pool.map(lambda sending: send(lab, host, sending, quiet_s), sendings))


def dropped(lab: Lab) -> dict[str, int]:
    """Packets that the node has dropped, by reason; both ports."""
    found: dict[str, int] = {}
    for port in lab.quiet_stats().ports.values():
        for reason, count in port.dropped.items():
            found[reason] = found.get(reason, 0) + count
    return found
