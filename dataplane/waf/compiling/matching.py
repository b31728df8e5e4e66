"""Finds the patterns that match bytes, outside the packet path.

The packet path scans in C (``tables/waf/``); this module is for tests, measurements and captures.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType

from dataplane.base.errors import NativeError
from dataplane.waf.compiling.engine import LIBRARY, Engine, Expression

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_ulonglong,
    ctypes.c_ulonglong,
    ctypes.c_uint,
    ctypes.c_void_p,
)


class Matcher:
    """Patterns, compiled together; a context manager. CompileError: the engine refuses one."""

    def __init__(self, patterns: Sequence[bytes], flags: int) -> None:
        self._stack = ExitStack()
        self._found: set[int] = set()
        self._callback = _Callback(self._on_match)
        self._scan = _declared()
        engine = Engine()
        expressions = [Expression(one, flags, i) for i, one in enumerate(patterns)]
        self._database = self._stack.enter_context(engine.database(expressions))
        self._scratch = self._stack.enter_context(engine.scratch(self._database))

    def __enter__(self) -> Matcher:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def hits(self, texts: Iterable[bytes]) -> set[int]:
        """Indices of the patterns that match one of the texts."""
        self._found = set()
        for text in texts:
            result = self._scan(
                self._database, text, len(text), 0, self._scratch, self._callback, None
            )
            if result != 0:
                raise NativeError(f"hs_scan of {len(text)} bytes", result)
        return self._found

    def _on_match(self, pattern: int, *_: object) -> int:
        self._found.add(pattern)
        return 0


def _declared() -> ctypes._NamedFuncPointer:
    scan = ctypes.CDLL(LIBRARY).hs_scan
    scan.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        _Callback,
        ctypes.c_void_p,
    ]
    scan.restype = ctypes.c_int
    return scan
