"""The messages of data plane and clients on the control socket, and the meaning of commands.

One SOCK_SEQPACKET connection is one lease. The client sends one request, the data plane answers
once and sends descriptors with it, and the end of the connection ends the lease. Both messages are
JSON objects of at most 4 KiB. After that only a control client may send, and only `WAKE`. ::

    {"abi": "<layout hash>", "want": "control", "wait_ms": 1000}
    {"ok": true}                                      with descriptors
    {"ok": false, "error": "busy", "message": "..."}  without
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from dataplane.base.errors import SecBeatError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.shared.explained import PacketQuestion

MESSAGE_BYTES_MAX = 4096
WAIT_MS_MAX = 5000
WAKE = b"wake"
"""The message of a control client that has put commands into its ring: the ring is not polled that
often."""
DESCRIPTORS_MAX = 1 + 2 * (abi.LCORES_MAX + 1)


class Want(StrEnum):
    """The kinds of leases."""

    OBSERVE = "observe"
    """The statistics pages."""
    CONTROL = "control"
    """In addition the command ring and its replies; one client at a time."""
    EVENTS = "events"
    """In addition the event rings; one client at a time."""


class Refusal(StrEnum):
    """The reason for which a client gets no lease."""

    ABI = "abi"
    BUSY = "busy"
    PERMISSION = "permission"
    PROTOCOL = "protocol"


class ProtocolError(SecBeatError):
    """The other side has sent an invalid message."""


@dataclass(frozen=True)
class Request:
    """A client's first message."""

    want: Want
    wait_ms: int
    """Maximum time to wait for another client's lease, 0 to 5000."""
    abi_hash: str = abi.ABI_HASH


@dataclass(frozen=True)
class Doorbell:
    """The state log has grown to this revision."""

    revision: int


@dataclass(frozen=True)
class Explain:
    """A question about one exact entry."""

    network: Network
    kind: abi.ListKind


@dataclass(frozen=True)
class Explanation:
    """The tables' answer about one exact entry."""

    hits: int
    found: bool


Command: TypeAlias = Doorbell | Explain | PacketQuestion
OnCommand: TypeAlias = Callable[[Command], Explanation | abi.PacketExplained | None]
"""Executes a command; returns the answer to an `Explain`, and to a `PacketQuestion` if possible."""


def encode_request(request: Request) -> bytes:
    """Encode the client's message."""
    return json.dumps(
        {"abi": request.abi_hash, "want": request.want, "wait_ms": request.wait_ms}
    ).encode()


def decode_request(message: bytes) -> Request:
    """Decode it; raises ProtocolError for a message that no SecBeat client sends."""
    value = _decode(message)
    wait_ms, abi_hash = value.get("wait_ms"), value.get("abi")
    if type(wait_ms) is not int or not 0 <= wait_ms <= WAIT_MS_MAX:
        raise ProtocolError(f"wait_ms is no number from 0 to {WAIT_MS_MAX}")
    if not isinstance(abi_hash, str) or value.get("want") not in list(Want):
        raise ProtocolError("the request names no layout or nothing known")
    return Request(Want(value["want"]), wait_ms, abi_hash)


def encode_refusal(refusal: Refusal, message: str) -> bytes:
    """The answer without descriptors."""
    return json.dumps({"ok": False, "error": refusal, "message": message}).encode()


GRANT = b'{"ok": true}'


def decode_answer(message: bytes) -> tuple[Refusal, str] | None:
    """None: granted; otherwise the reason of the refusal."""
    value = _decode(message)
    if value.get("ok") is True:
        return None
    error = value.get("error")
    if error not in list(Refusal):
        raise ProtocolError("the data plane's answer is neither a grant nor a refusal")
    return Refusal(error), str(value.get("message"))


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """One message and its descriptors (close-on-exec; the caller closes them); b"" at the end."""
    message, fds, flags, _ = socket.recv_fds(
        connection, MESSAGE_BYTES_MAX, DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
    )
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(fds)
        raise ProtocolError(f"a message above {MESSAGE_BYTES_MAX} bytes or with too much beside it")
    return message, fds


def send(connection: socket.socket, message: bytes, fds: Sequence[int] = ()) -> None:
    """Send one message and its descriptors."""
    if fds:
        socket.send_fds(connection, [message], list(fds), socket.MSG_NOSIGNAL)
    else:
        connection.send(message, socket.MSG_NOSIGNAL)


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors; errors are ignored."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


def _decode(message: bytes) -> dict[str, Any]:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("a message is not JSON") from exc
    if not isinstance(value, dict):
        raise ProtocolError("a message is not an object")
    return value
