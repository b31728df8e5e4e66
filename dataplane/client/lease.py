"""A client's side of the control socket: requests a lease, and maps the memory that it gets."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import DataplaneAwayError, LeaseBusyError
from dataplane.base.process.connecting import connect_waiting
from dataplane.native import abi
from dataplane.shared.transport.protocol import (
    WAIT_MS_MAX,
    WAKE,
    ProtocolError,
    Refusal,
    Request,
    Want,
    close_all,
    decode_answer,
    encode_request,
    receive,
    send,
)
from dataplane.shared.transport.shm import Memory

_ANSWER_SLACK_S = 1.0
_STATS_BYTES = ctypes.sizeof(abi.Stats)
_PRODUCER_BYTES = ctypes.sizeof(abi.RingProducer)
_CONSUMER_BYTES = ctypes.sizeof(abi.RingConsumer)


@dataclass(frozen=True)
class Lease:
    """A connection, and the memory that was sent over it: first the statistics, then rings."""

    connection: socket.socket
    memories: tuple[Memory, ...]

    def alive(self) -> bool:
        """Whether the data plane still holds the other end."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def wake(self) -> None:
        """Notify the data plane that commands wait; never blocks, never raises.

        A full queue has enough such notifications. If the data plane is gone, `alive` reports it.
        """
        with contextlib.suppress(OSError):
            send(self.connection, WAKE)

    def close(self) -> None:
        """Release the lease; idempotent. No object may refer to the memory any more."""
        self.connection.close()
        for memory in self.memories:
            memory.close()


def connect(path: Path, want: Want, timeout_s: float) -> Lease:
    """Request a lease from the data plane that listens on this path.

    Raises DataplaneAwayError and LeaseBusyError; see `dataplane.client`.
    """
    connection, fds = _ask(path, want, timeout_s)
    try:
        return Lease(connection, _attach(fds, want))
    except BaseException:
        connection.close()
        raise


def _ask(path: Path, want: Want, timeout_s: float) -> tuple[socket.socket, list[int]]:
    """The connection, and the descriptors that came with the grant."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        end = time.monotonic() + timeout_s
        connection.settimeout(timeout_s + _ANSWER_SLACK_S)
        connect_waiting(connection, path, end)
        wait_ms = min(WAIT_MS_MAX, max(0, int((end - time.monotonic()) * 1000)))
        message, fds = _exchange(connection, encode_request(Request(want, wait_ms)))
        _require_grant(message, fds)
        connection.setblocking(False)
    except BaseException as exc:
        connection.close()
        if isinstance(exc, (OSError, ProtocolError)):
            raise DataplaneAwayError(f"no data plane answers on {path}: {exc}") from exc
        raise
    return connection, fds


def _exchange(connection: socket.socket, request: bytes) -> tuple[bytes, list[int]]:
    """Send the request and receive the answer; the server may have closed the connection before."""
    with contextlib.suppress(BrokenPipeError):
        send(connection, request)
    try:
        return receive(connection)
    except ConnectionResetError:  # reported once: the request was not read; then the answer
        return receive(connection)


def _require_grant(message: bytes, fds: list[int]) -> None:
    try:
        refusal = decode_answer(message)
    except ProtocolError:
        close_all(fds)
        raise
    if refusal is None:
        return
    close_all(fds)
    kind, text = refusal
    if kind is Refusal.BUSY:
        raise LeaseBusyError(f"data plane: {text}")
    raise DataplaneAwayError(f"the data plane refuses this client ({kind}): {text}")


def _attach(fds: list[int], want: Want) -> tuple[Memory, ...]:
    """Map the received memory, each part with the access that it needs."""
    parts = _parts(want, len(fds))
    if len(fds) != len(parts):
        close_all(fds)
        raise DataplaneAwayError(f"the data plane sent {len(fds)} descriptors for {want}")
    memories: list[Memory] = []
    try:
        for fd, (size, writable) in zip(fds, parts, strict=True):
            memories.append(Memory.attach(fd, size, writable=writable))
    except BaseException:
        close_all(fds[len(memories) + 1 :])
        for memory in memories:
            memory.close()
        raise
    return tuple(memories)


def _parts(want: Want, count: int) -> list[tuple[int, bool]]:
    """The sizes of the parts, and which of them the client writes."""
    parts = [(_STATS_BYTES, False)]
    if want is Want.CONTROL:
        parts += [(_PRODUCER_BYTES, True), (_CONSUMER_BYTES, False)]
        parts += [(_PRODUCER_BYTES, False), (_CONSUMER_BYTES, True)]
    elif want is Want.EVENTS:
        parts += [(_PRODUCER_BYTES, False), (_CONSUMER_BYTES, True)] * ((count - 1) // 2)
    return parts
