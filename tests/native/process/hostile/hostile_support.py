"""What tests of hostile clients have in common."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

from dataplane.base.networks import Network
from dataplane.shared.transport.protocol import (
    MESSAGE_BYTES_MAX,
    Request,
    Want,
    encode_request,
    receive,
)

KEY = ("blacklist", Network.parse("192.0.2.1"))
F_SEAL_FUTURE_WRITE = 0x10


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Waits for the end; what comes before it does not matter."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(MESSAGE_BYTES_MAX):
            pass
    return True


def refusal_of(connection: socket.socket) -> str:
    answer = json.loads(connection.recv(MESSAGE_BYTES_MAX))
    assert answer["ok"] is False
    assert is_closed(connection)
    return str(answer["error"])


def take(connection: socket.socket, want: Want) -> list[int]:
    """The descriptors of a lease, raw."""
    connection.send(encode_request(Request(want, 5000)))
    _, fds = receive(connection)
    return fds
