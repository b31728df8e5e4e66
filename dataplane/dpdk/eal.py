"""librte_eal: start and end of DPDK in this process, and its error numbers."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Sequence
from typing import Self

from dataplane.base.errors import NativeError


class Eal:
    """DPDK's environment: one per process, ever (a second start after the end fails).

    ``arguments`` are EAL's command line without the program's name. Before ``close`` every worker
    must have returned and every port be closed: a clean-up beside a running worker hangs.
    """

    def __init__(self, library: ctypes.CDLL, arguments: Sequence[str]) -> None:
        self._library = _declare(library)
        words = [b"secbeat-dataplane", *(argument.encode() for argument in arguments)]
        # EAL permutes argv and keeps pointers into it.
        self._words = words
        self._argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        if _with_signals_blocked(self._library, len(words), self._argv) < 0:
            raise last_error(
                library, f"DPDK does not start with `{' '.join(arguments)}`; it says why above"
            )
        self._open = True

    @property
    def tsc_hz(self) -> int:
        """Frequency of the time-stamp counter in cycles per second."""
        return int(self._library.rte_get_tsc_hz())

    def close(self) -> None:
        """Release the resources of EAL; may be called again."""
        if self._open:
            self._open = False
            self._library.rte_eal_cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def error_of(library: ctypes.CDLL, what: str, code: int) -> NativeError:
    """The error for a DPDK function that returned ``-errno`` (either sign)."""
    errno = abs(code)
    text = _declare(library).rte_strerror(errno).decode(errors="replace")
    return NativeError(f"{what}: {text} ({errno})", errno)


def last_error(library: ctypes.CDLL, what: str) -> NativeError:
    """The error for a DPDK function that set this thread's ``rte_errno``."""
    return error_of(library, what, _declare(library).sb_dpdk_errno())


def _with_signals_blocked(
    library: ctypes.CDLL, count: int, argv: ctypes.Array[ctypes.c_char_p]
) -> int:
    """Start EAL with signals blocked: the threads that it makes inherit the signal mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return int(library.rte_eal_init(count, argv))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rte_eal_init.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.rte_eal_init.restype = ctypes.c_int
    library.rte_eal_cleanup.argtypes = []
    library.rte_eal_cleanup.restype = ctypes.c_int
    library.rte_get_tsc_hz.argtypes = []
    library.rte_get_tsc_hz.restype = ctypes.c_uint64
    library.rte_strerror.argtypes = [ctypes.c_int]
    library.rte_strerror.restype = ctypes.c_char_p
    library.sb_dpdk_errno.argtypes = []
    library.sb_dpdk_errno.restype = ctypes.c_int
    return library
