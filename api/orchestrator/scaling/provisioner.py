"""The client of the provisioner: one connection for each request, over its Unix socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from api.common.contract.errors import UnavailableError
from api.orchestrator.scaling.protocol import (
    ANSWER_BYTES_MAX,
    LINE_BYTES_MAX,
    Verb,
    decode,
    encode,
)
from dataplane.base.errors import SecBeatError
from dataplane.base.process.connecting import connect_waiting

TURN_S = 1.0
"""Interval at which the caller's function is called during a wait."""
_CONNECT_S = 5.0
_CHUNK_BYTES = 1 << 14
_RETRY_AFTER_S = 5

Hear = Callable[[str | None], None]
"""Called with each line of progress, and with None at least every `TURN_S`; raises to abort."""


class ProvisionerError(SecBeatError):
    """The provider failed, or sent an invalid answer."""


class Provisioner(Protocol):
    """Creates and destroys nodes."""

    def ask(
        self, verb: Verb, details: dict[str, Any], timeout_s: float, hear: Hear
    ) -> dict[str, Any]:
        """The provider's result.

        Raises:
            ProvisionerError: it failed, or did not answer in time.
            UnavailableError: the provisioner does not run.
        """
        ...


def ignore(_progress: str | None) -> None:
    """Ignore the progress: for callers that need only the result."""


class SocketProvisioner:
    """``secbeat-provisioner``. To abort a request, the client closes the connection."""

    def __init__(self, path: Path, provider: str) -> None:
        self._path = path
        self._provider = provider

    def ask(
        self, verb: Verb, details: dict[str, Any], timeout_s: float, hear: Hear
    ) -> dict[str, Any]:
        """See `Provisioner`."""
        end = time.monotonic() + timeout_s
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            self._send(connection, {"verb": verb, "provider": self._provider, **details})
            for line in self._lines(connection, end, hear):
                kind, said = _decoded(line)
                if kind == "result":
                    result: dict[str, Any] = said
                    return result
                if kind == "error":
                    raise ProvisionerError(said)
                hear(said)
        raise ProvisionerError(f"the provisioner ended without an answer to {verb!r}")

    def _send(self, connection: socket.socket, question: dict[str, Any]) -> None:
        try:
            connection.settimeout(_CONNECT_S)
            connect_waiting(connection, self._path, time.monotonic() + _CONNECT_S)
            connection.sendall(encode(question))
        except OSError as exc:
            message = f"the provisioner does not answer on {self._path}: {exc.strerror or exc}"
            raise UnavailableError(message, retry_after_s=_RETRY_AFTER_S) from exc

    def _lines(self, connection: socket.socket, end: float, hear: Hear) -> Iterator[bytes]:
        rest, size = b"", 0
        while data := self._receive(connection, end, hear):
            size += len(data)
            *lines, rest = (rest + data).split(b"\n")
            if size > ANSWER_BYTES_MAX or len(rest) > LINE_BYTES_MAX:
                raise ProvisionerError(f"the provisioner says more than {ANSWER_BYTES_MAX} bytes")
            yield from lines

    def _receive(self, connection: socket.socket, end: float, hear: Hear) -> bytes:
        while True:
            hear(None)
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise ProvisionerError("the provisioner did not answer in time")
            connection.settimeout(min(TURN_S, left_s))
            try:
                return connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                continue
            except OSError as exc:
                raise ProvisionerError(f"the provisioner has gone: {exc}") from exc


def _decoded(line: bytes) -> tuple[str, Any]:
    try:
        return decode(line)
    except ValueError as exc:
        raise ProvisionerError(f"the provisioner says {exc}") from exc
