"""Requests and responses through the parser of the HTTP stage, whole and in pieces."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from dataplane.native.abi import Reason

FASTPATH = Path(__file__).parents[4] / "dataplane" / "fastpath"
HEADERS_MAX, TRAILERS_MAX = 100, 16
FAULTS = tuple(
    line.partition("(")[2].partition(")")[0]
    for line in (FASTPATH / "stages" / "http" / "framing" / "faults.def").read_text().splitlines()
    if line.startswith("SB_HTTP_FAULT(")
)
"""Their names, by bit."""
_NUMBERS = (
    *("progress", "fed", "faults", "content_length", "head_size", "framing", "content"),
    *("version_minor", "keep_alive", "is_upgrade", "is_websocket", "is_head", "is_connect"),
    *("expects_continue", "has_content_encoding", "header_count", "trailer_count"),
    "head_reported",
)
_SPANS = ("method", "target", "path", "query", "host", "boundary")


class Progress(IntEnum):
    """As ``enum sb_http_progress``."""

    HEAD, BODY, COMPLETE, BROKEN = range(4)


class Framing(IntEnum):
    """As ``enum sb_http_framing``."""

    NO_BODY, LENGTH, CHUNKED = range(3)


class Content(IntEnum):
    """As ``enum sb_http_content``."""

    NONE, URLENCODED, JSON, MULTIPART, OTHER = range(5)


class Outcome(ctypes.Structure):
    """As ``struct outcome`` of ``message_driver.c``."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in _NUMBERS),
        *((name, ctypes.c_uint64 * 2) for name in _SPANS),
        ("header", ctypes.c_uint64 * 4 * HEADERS_MAX),
        ("trailer", ctypes.c_uint64 * 4 * TRAILERS_MAX),
    ]


@dataclass(frozen=True)
class Parsed:
    """What is known of a message; spans as the bytes that they name."""

    progress: Progress
    fed: int
    faults: frozenset[str]
    framing: Framing = Framing.NO_BODY
    content_length: int = 0
    head_size: int = 0
    content: Content = Content.NONE
    version_minor: int = 0
    flags: frozenset[str] = frozenset()
    method: bytes = b""
    target: bytes = b""
    path: bytes = b""
    query: bytes = b""
    host: bytes = b""
    boundary: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()


_FLAGS = _NUMBERS[_NUMBERS.index("keep_alive") : _NUMBERS.index("header_count")]


def parsed(outcome: Outcome, data: bytes) -> Parsed:
    """What an outcome says about a message."""

    def text(span: Sequence[int]) -> bytes:
        return data[span[0] : span[0] + span[1]]

    def pairs(rows: Iterable[Sequence[int]]) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((text(row[:2]), text(row[2:])) for row in rows)

    faults = frozenset(name for bit, name in enumerate(FAULTS) if outcome.faults >> bit & 1)
    return Parsed(
        Progress(outcome.progress),
        outcome.fed,
        faults,
        Framing(outcome.framing),
        outcome.content_length,
        outcome.head_size,
        Content(outcome.content),
        outcome.version_minor,
        frozenset(name for name in _FLAGS if getattr(outcome, name)),
        **{name: text(getattr(outcome, name)) for name in _SPANS},
        headers=pairs(outcome.header[: outcome.header_count]),
        trailers=pairs(outcome.trailer[: outcome.trailer_count]),
    )


class Driver:
    """The functions of ``message_driver.c``, linked with the library under test."""

    def __init__(self, library: ctypes.CDLL, folder: Path) -> None:
        output = folder / "message_driver.so"
        source = Path(__file__).with_name("message_driver.c")
        includes = (f"-I{FASTPATH}", f"-I{FASTPATH / 'include'}")
        options = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *includes)
        linked = (str(source), library._name)
        command = ["gcc", *options, "-o", str(output), *linked]
        subprocess.run(command, check=True, timeout=180)
        self.native = ctypes.CDLL(str(output))
        _declare(self.native)

    def parse(self, data: bytes, cuts: Sequence[int] = ()) -> Parsed:
        """A message and what follows it, fed up to each of the cuts, then whole."""
        outcome = Outcome()
        array = (ctypes.c_uint64 * len(cuts))(*cuts)
        self.native.parse_in_pieces(data, len(data), array, len(cuts), ctypes.byref(outcome))
        return parsed(outcome, data)

    def head_reported(self, data: bytes) -> int:
        """How much was parsed when the end of the head was told; 0: it was told with the end."""
        outcome = Outcome()
        self.native.parse_in_pieces(data, len(data), None, 0, ctypes.byref(outcome))
        return int(outcome.head_reported)

    def response(
        self, data: bytes, step: int = 1 << 20, *, to_head: bool = False
    ) -> tuple[Progress, int, int, frozenset[str]]:
        """Progress, bytes used, status, and what is true of the response."""
        out = (ctypes.c_uint64 * 8)()
        self.native.response_in_pieces(data, len(data), step, to_head, out)
        names = ("keep_alive", "is_upgraded", "until_close", "is_chunked")
        told = frozenset(name for name, value in zip(names, out[3:7], strict=True) if value)
        return Progress(out[0]), out[1], out[2], told

    def response_skipping(self, head: bytes, rest: bytes) -> tuple[int, Progress, int]:
        """How much may be passed over behind ``head``; then, behind that, of ``rest``.

        Progress, and bytes used.
        """
        out = (ctypes.c_uint64 * 3)()
        self.native.response_skipping(head, len(head), rest, len(rest), out)
        return out[0], Progress(out[1]), out[2]


class Message:
    """One message that a test feeds by hand; a context manager."""

    def __init__(self, driver: Driver) -> None:
        self._native = driver.native
        self._message: int = self._native.message_new()
        self.outcome = Outcome()

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *_: object) -> None:
        self._native.message_free(self._message)

    def feed(self, data: bytes) -> Progress:
        """The message from its first byte."""
        return self._fed(self._native.message_feed, data)

    def feed_body(self, data: bytes) -> Progress:
        """The bytes that come next."""
        return self._fed(self._native.message_feed_body, data)

    def set_after_close(self) -> None:
        """The request before it was the last one."""
        self._native.message_is_after_close(self._message)

    @property
    def skippable(self) -> int:
        """See ``sb_http_skippable``."""
        return int(self._native.message_skippable(self._message))

    def skip(self, count: int) -> None:
        """See ``sb_http_skip``."""
        self._native.message_skip(self._message, count)

    def content(self, data: bytes, capacity: int) -> bytes:
        """See ``sb_http_content``."""
        out = ctypes.create_string_buffer(capacity)
        size = self._native.message_content(self._message, data, len(data), out, capacity)
        return out.raw[:size]

    def _fed(self, function: ctypes._FuncPointer, data: bytes) -> Progress:
        return Progress(function(self._message, data, len(data), ctypes.byref(self.outcome)))


def reason_of(fault: str) -> Reason:
    """The reason of a fault, by its name."""
    return Reason[f"HTTP_{fault}"]


def _declare(native: ctypes.CDLL) -> None:
    address, size, count = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
    native.message_new.restype = address
    native.message_new.argtypes = []
    native.message_free.restype = None
    native.message_free.argtypes = [address]
    for function in (native.message_feed, native.message_feed_body):
        function.restype = count
        function.argtypes = [address, ctypes.c_char_p, size, address]
    native.message_is_after_close.restype = None
    native.message_is_after_close.argtypes = [address]
    native.message_skippable.restype = size
    native.message_skippable.argtypes = [address]
    native.message_skip.restype = None
    native.message_skip.argtypes = [address, size]
    native.message_content.restype = count
    native.message_content.argtypes = [address, ctypes.c_char_p, size, address, count]
    native.parse_in_pieces.restype = None
    native.parse_in_pieces.argtypes = [ctypes.c_char_p, size, address, count, address]
    native.response_skipping.restype = None
    native.response_skipping.argtypes = [ctypes.c_char_p, size, ctypes.c_char_p, size, address]
    native.response_in_pieces.restype = None
    native.response_in_pieces.argtypes = [ctypes.c_char_p, size, size, ctypes.c_int, address]
