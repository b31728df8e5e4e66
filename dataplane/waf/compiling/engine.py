"""The compiling half of Hyperscan, through ctypes: only the compile helper loads it.

Databases work on any CPU with SSE4.2 (``cpu_features`` 0) and with exactly the version of the
engine that made them. Patterns are bytes: no UTF8, no UCP (`dataplane.waf.compiling.expressions`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dataplane.base.errors import ConfigurationError, NativeError, SecBeatError

LIBRARY = "libhs.so.5"
FLAG_CASELESS = 1
FLAG_MULTILINE = 4
FLAG_SINGLEMATCH = 8
_MODE_BLOCK = 1
_PAGE = 4096
_NO_MEMORY = -2
_COMPILER_ERROR = -4


class CompileError(SecBeatError):
    """The engine refuses a pattern; ``index``: of the first one, -1: not known."""

    def __init__(self, text: str, index: int) -> None:
        super().__init__(text)
        self.index = index


@dataclass(frozen=True, slots=True)
class Expression:
    """One pattern to compile."""

    pattern: bytes
    flags: int
    id: int = 0


class _CompileErrorReport(ctypes.Structure):
    _fields_ = (("message", ctypes.c_char_p), ("expression", ctypes.c_int))


class _ExpressionInfo(ctypes.Structure):
    _fields_ = (
        ("min_width", ctypes.c_uint),
        ("max_width", ctypes.c_uint),
        ("unordered_matches", ctypes.c_char),
        ("matches_at_eod", ctypes.c_char),
        ("matches_only_at_eod", ctypes.c_char),
    )


class _Platform(ctypes.Structure):
    _fields_ = (
        ("tune", ctypes.c_uint),
        ("cpu_features", ctypes.c_ulonglong),
        ("reserved", ctypes.c_ulonglong * 2),
    )


class Engine:
    """The library; ConfigurationError: it is not installed, or the CPU has no SSE4.2."""

    def __init__(self) -> None:
        try:
            self._library = _declare(ctypes.CDLL(LIBRARY))
        except OSError as exc:
            raise ConfigurationError(f"{LIBRARY} can't be loaded: {exc}") from exc
        if self._library.hs_valid_platform() != 0:
            raise ConfigurationError("WAF rules need a CPU with SSE4.2")
        self.version: str = self._library.hs_version().decode()

    def width_min(self, expression: Expression) -> int:
        """Length of the shortest match in bytes; CompileError: invalid pattern. May
        take seconds."""
        info = ctypes.POINTER(_ExpressionInfo)()
        report = ctypes.POINTER(_CompileErrorReport)()
        result = self._library.hs_expression_info(
            expression.pattern, expression.flags, ctypes.byref(info), ctypes.byref(report)
        )
        self._check(result, report)
        width = int(info.contents.min_width)
        _free(info)
        return width

    @contextmanager
    def database(self, expressions: Sequence[Expression]) -> Iterator[int]:
        """Compile expressions into one database; yields its address, and frees it at the end.
        CompileError."""
        count = len(expressions)
        patterns = (ctypes.c_char_p * count)(*(one.pattern for one in expressions))
        flags = (ctypes.c_uint * count)(*(one.flags for one in expressions))
        ids = (ctypes.c_uint * count)(*(one.id for one in expressions))
        database = ctypes.c_void_p()
        report = ctypes.POINTER(_CompileErrorReport)()
        result = self._library.hs_compile_multi(
            *(patterns, flags, ids, count, _MODE_BLOCK),
            *(ctypes.byref(_Platform()), ctypes.byref(database), ctypes.byref(report)),
        )
        self._check(result, report)
        try:
            yield database.value or 0
        finally:
            self._library.hs_free_database(database)

    def give_back(self) -> None:
        """Return freed memory to the system: a gigabyte after 50,000 patterns.

        Otherwise the allocator keeps it (malloc_trim(3)), below the copies that `image` makes.
        """
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))

    def image(self, database: int) -> bytes:
        """The database in the form for any address that is aligned to a page."""
        serialized, size = ctypes.c_void_p(), ctypes.c_size_t()
        result = self._library.hs_serialize_database(
            database, ctypes.byref(serialized), ctypes.byref(size)
        )
        _require(result, "a database can't be serialized")
        try:
            return self._deserialized(serialized, size.value)
        finally:
            _free(serialized)

    @contextmanager
    def scratch(self, database: int) -> Iterator[int]:
        """Memory to scan with."""
        scratch = ctypes.c_void_p()
        _require(self._library.hs_alloc_scratch(database, ctypes.byref(scratch)), "no scratch")
        try:
            yield scratch.value or 0
        finally:
            self._library.hs_free_scratch(scratch)

    def scan(self, database: int, data: bytes, scratch: int) -> None:
        """Scan for all patterns and ignore the matches: for measurements."""
        _require(
            self._library.hs_scan(database, data, len(data), 0, scratch, None, None), "scan failed"
        )

    def _deserialized(self, serialized: ctypes.c_void_p, size: int) -> bytes:
        # The engine places its bytecode relative to the address: here one aligned to a page.
        needed = ctypes.c_size_t()
        result = self._library.hs_serialized_database_size(serialized, size, ctypes.byref(needed))
        _require(result, "a database has no size")
        room = ctypes.create_string_buffer(needed.value + _PAGE)
        start = -ctypes.addressof(room) % _PAGE
        place = ctypes.addressof(room) + start
        result = self._library.hs_deserialize_database_at(serialized, size, place)
        _require(result, "a database can't be read back")
        return ctypes.string_at(place, needed.value)

    def _check(self, result: int, report: ctypes._Pointer[_CompileErrorReport]) -> None:
        if result == 0:
            return
        if not report:
            raise NativeError(f"the engine failed: {result}", _NO_MEMORY)
        text = (report.contents.message or b"").decode(errors="replace")
        index = int(report.contents.expression)
        self._library.hs_free_compile_error(report)
        if result != _COMPILER_ERROR:
            raise NativeError(f"the engine failed: {result}, {text}", result)
        raise CompileError(text, index)


def _require(result: int, what: str) -> None:
    if result != 0:
        raise NativeError(f"{what}: the engine says {result}", result)


def _free(pointer: object) -> None:
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free.restype = None
    libc.free(ctypes.cast(pointer, ctypes.c_void_p))  # type: ignore[arg-type]


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, size, uint, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_char_p
    signatures: dict[str, list[object]] = {
        "hs_compile_multi": [*[pointer] * 3, uint, uint, *[pointer] * 3],
        "hs_expression_info": [text, uint, pointer, pointer],
        "hs_serialize_database": [pointer] * 3,
        "hs_serialized_database_size": [pointer, size, pointer],
        "hs_deserialize_database_at": [pointer, size, pointer],
        "hs_alloc_scratch": [pointer] * 2,
        "hs_scan": [pointer, text, uint, uint, *[pointer] * 3],
        "hs_free_database": [pointer],
        "hs_free_scratch": [pointer],
        "hs_free_compile_error": [pointer],
        "hs_valid_platform": [],
    }
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, ctypes.c_int
    library.hs_version.argtypes, library.hs_version.restype = [], text
    return library
