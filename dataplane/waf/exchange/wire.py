"""The protocol on the compile helper's socket: frames of JSON, each with its length before it.

A request is one frame, its answer another, in order. Both ends limit the size: a longer frame, or
one that is not a JSON object, ends the connection.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from dataplane.base.errors import SecBeatError

SOCKET_NAME = "rules.sock"
"""Name of the socket, beside the data plane's control socket."""
FRAME_BYTES_MAX = 4 << 20
GROUP_MAX = 1000
"""Candidates of one request."""
GROUP_BYTES_MAX = 512 << 10
"""Bytes of their patterns together; as JSON at most six times as much."""
_LENGTH = struct.Struct("!I")


class WireError(SecBeatError):
    """The other end has violated the protocol."""


def encode(message: dict[str, Any]) -> bytes:
    """A frame; WireError: it would be too long."""
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) > FRAME_BYTES_MAX:
        raise WireError(f"a frame of {len(text)} bytes, the limit is {FRAME_BYTES_MAX}")
    return _LENGTH.pack(len(text)) + text


class Decoder:
    """Joins received bytes, in pieces of any size, to frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._data += data

    def next(self) -> dict[str, Any] | None:
        """The next message; None: it is incomplete; WireError: the stream is invalid."""
        if len(self._data) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._data)
        if size > FRAME_BYTES_MAX:
            raise WireError(f"a frame of {size} bytes, the limit is {FRAME_BYTES_MAX}")
        end = _LENGTH.size + size
        if len(self._data) < end:
            return None
        text = bytes(self._data[_LENGTH.size : end])
        del self._data[:end]
        return _parse(text)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise WireError("a frame that is not JSON") from exc
    if not isinstance(message, dict):
        raise WireError("a frame that is no object")
    return message
