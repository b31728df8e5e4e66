"""Explains what the packet path would do with a packet, without side effects.

Called by the control loop, the only thread that swaps policy and countries and writes the lists.
The stages run on a separate lcore structure, with statistics that are not published; they only read
the tables of the workers (`explain.h`).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Sequence

from dataplane.native import abi
from dataplane.native.native_table import check
from dataplane.shared.explained import PacketQuestion, to_native


class Explaining:
    """One per process; ``node`` and ``lcores`` are those of the workers and must outlive it."""

    def __init__(self, library: ctypes.CDLL, node: abi.Node, lcores: Sequence[abi.Lcore]) -> None:
        self._library = _declare(library)
        # Mapped, so that only the profiles in questions use memory.
        memory = mmap.mmap(-1, ctypes.sizeof(abi.LcoreStats))
        self._stats = abi.LcoreStats.from_buffer(memory)
        self._scratch = abi.Lcore(node=ctypes.addressof(node), stats=ctypes.addressof(self._stats))
        addresses = [ctypes.addressof(lcore) for lcore in lcores]
        self._lcores = (ctypes.c_uint64 * len(addresses))(*addresses)

    def now(self, boot_ds: int) -> abi.Time:
        """The present time, in the units of the workers."""
        return abi.Time(tsc=self._library.sb_explain_tsc(), boot_ds=boot_ds)

    def explain(self, question: PacketQuestion, time: abi.Time) -> abi.PacketExplained | None:
        """The answer; None: there is no policy yet. NativeError: the question is not valid."""
        out = abi.PacketExplained()
        asked = to_native(question, 0, 0)
        result = self._library.sb_explain_packet(
            ctypes.addressof(self._scratch),
            ctypes.addressof(self._lcores),
            ctypes.addressof(asked),
            ctypes.addressof(time),
            ctypes.addressof(out),
        )
        if result == -errno.EAGAIN:
            return None
        check(result, "explaining a packet")
        return out


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer = ctypes.c_void_p
    library.sb_explain_packet.argtypes = [pointer] * 5
    library.sb_explain_packet.restype = ctypes.c_int
    library.sb_explain_tsc.argtypes = []
    library.sb_explain_tsc.restype = ctypes.c_uint64
    return library
