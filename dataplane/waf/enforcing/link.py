"""The data plane's connection to its compile helper: never blocks, and reconnects by itself."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import Any

from dataplane.waf.exchange.wire import Decoder, WireError, encode

_RETRY_S = 0.2
_RECEIVE_BYTES = 1 << 16


class HelperLink:
    """One connection. Unanswered requests are lost with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._decoder = Decoder()
        self._unsent = bytearray()
        self._retry_at = 0.0
        self.losses = 0
        """Number of times that the connection was lost."""

    @property
    def is_up(self) -> bool:
        """Whether a helper is connected."""
        return self._socket is not None

    def send(self, message: dict[str, Any]) -> bool:
        """Send a request; False: no helper is connected. WireError: it is too long."""
        if self._socket is None:
            return False
        self._unsent += encode(message)
        self._flush()
        return self._socket is not None

    def turn(self) -> list[dict[str, Any]]:
        """Received answers."""
        if self._socket is None:
            self._connect()
            return []
        self._flush()
        answers = []
        try:
            while self._socket is not None:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    self._lose()
                    break
                self._decoder.feed(data)
        except BlockingIOError:
            pass
        except OSError:
            self._lose()
        try:
            while (message := self._decoder.next()) is not None:
                answers.append(message)
        except WireError:
            self._lose()
        return answers

    def close(self) -> None:
        """Close the connection; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        now = time.monotonic()
        if now < self._retry_at:
            return
        self._retry_at = now + _RETRY_S
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            return
        self._decoder, self._unsent = Decoder(), bytearray()
        self._socket = connection

    def _flush(self) -> None:
        try:
            with contextlib.suppress(BlockingIOError):
                while self._unsent and self._socket is not None:
                    del self._unsent[: self._socket.send(self._unsent)]
        except OSError:
            self._lose()

    def _lose(self) -> None:
        self.close()
        self.losses += 1
