"""Sample packets of attacks: packets that were dropped, or would have been.

Workers write them into rings, one for each lcore, and overwrite old ones (``struct sb_capture``).
They are samples, not counts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataplane.base.networks import KEY_BITS, Network
from dataplane.native import abi

_WORD = 8
_LCORE_BYTES = ctypes.sizeof(abi.LcoreStats)
_CAPTURE_BYTES = ctypes.sizeof(abi.Capture)
_PAGES: int = abi.Stats.lcore.offset  # type: ignore[attr-defined]
_COUNT: int = abi.LcoreStats.capture_count.offset  # type: ignore[attr-defined]
_RING: int = abi.LcoreStats.capture.offset  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Capture:
    """One packet."""

    boot_ns: int
    """Time on the boot clock."""
    length: int
    """Size on the wire; larger than ``data`` if the packet was cut."""
    profile: int
    """Index of the profile."""
    reason: str
    mode: str
    """``enforce``: it was dropped; ``monitor``: it would have been."""
    port: str
    protected: Network | None
    """The address that the drop was about; None: not known."""
    data: bytes


Seen = dict[int, int]
"""For each lcore, how many packets it had written at the last reading."""


class CapturePages:
    """A mapping of ``sb_stats``, as bytes and as words. Reads only."""

    def __init__(self, view: memoryview, words: memoryview, lcores: Sequence[int]) -> None:
        self._bytes = view
        self._words = words
        self._lcores = lcores

    def since(self, seen: Mapping[int, int], limit: int) -> tuple[list[Capture], Seen]:
        """Packets written since then, the newest ``limit`` of each lcore; and the new state of
        reading."""
        found: list[Capture] = []
        now: Seen = {}
        for lcore in self._lcores:
            count = self._words[(self._page(lcore) + _COUNT) // _WORD]
            first = max(seen.get(lcore, 0), count - min(limit, abi.CAPTURES_MAX), 0)
            copies = (self._one(lcore, number) for number in range(first + 1, count + 1))
            found += [each for each in copies if each is not None]
            now[lcore] = count
        return found, now

    def _one(self, lcore: int, sequence: int) -> Capture | None:
        """One packet; None: it was overwritten, or is being written."""
        start = self._page(lcore) + _RING + (sequence - 1) % abi.CAPTURES_MAX * _CAPTURE_BYTES
        raw = abi.Capture.from_buffer_copy(bytes(self._bytes[start : start + _CAPTURE_BYTES]))
        if raw.sequence != sequence or self._words[start // _WORD] != sequence:
            return None
        try:
            reason, mode = abi.Reason(raw.reason).name.lower(), abi.Mode(raw.mode).name.lower()
            port = abi.Port(raw.port).name.lower()
        except ValueError:  # a member that no enum has
            return None
        address = bytes(raw.protected_address)
        return Capture(
            boot_ns=raw.boot_ns,
            length=raw.length,
            profile=raw.profile,
            reason=reason,
            mode=mode,
            port=port,
            protected=Network(address, KEY_BITS) if raw.protected_version else None,
            data=bytes(raw.bytes)[: min(raw.captured, abi.CAPTURE_BYTES)],
        )

    def _page(self, lcore: int) -> int:
        return _PAGES + lcore * _LCORE_BYTES
