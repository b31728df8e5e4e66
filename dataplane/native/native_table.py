"""The base of native tables: an address, one owner, and a close.

The thread that writes a table creates and closes it. Before a close, all readers (workers) must
have stopped using the address.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, ClassVar, Self

from dataplane.base.errors import NativeError


class NativeTable:
    """A context manager; ``close()`` may be called again, and a use after it is a ValueError."""

    KIND: ClassVar[str]
    """``sb_<kind>_create`` and ``_destroy`` of libsecbeat."""

    def __init__(self, library: ctypes.CDLL, what: str, *arguments: object) -> None:
        """Create it; ``what`` is its name in a NativeError."""
        self._address = 0
        self._library = library
        out = ctypes.c_void_p()
        check(self._function("create")(*arguments, ctypes.byref(out)), what)
        self._address = out.value or 0

    def _function(self, verb: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._library, f"sb_{self.KIND}_{verb}")
        return found

    @property
    def address(self) -> int:
        """Address of the native object; ValueError after close."""
        if not self._address:
            raise ValueError(f"{self.KIND}: used after close()")
        return self._address

    def close(self) -> None:
        """Free it; no worker may use it any more."""
        if self._address:
            self._function("destroy")(self._address)
            self._address = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A table that could not be created has no address yet.
        if getattr(self, "_address", 0):
            self.close()


def check(result: int, what: str) -> None:
    """Raise NativeError for an errno that is negative."""
    if result < 0:
        raise NativeError(f"{what}: {os.strerror(-result)}", -result)


def declare(library: ctypes.CDLL, kind: str, *signatures: tuple[Any, ...]) -> ctypes.CDLL:
    """Declare the types of functions ``sb_<kind>_<verb>``: verb, result, arguments."""
    for verb, result, *arguments in signatures:
        function = getattr(library, f"sb_{kind}_{verb}")
        function.restype, function.argtypes = result, arguments
    return library
