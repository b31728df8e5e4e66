"""Clocks as arguments, and deadlines that survive clock steps and reboots.

A deadline has three parts: the boot in which it was made, its time on the boot clock, and its time
in UTC. Within that boot, only the boot clock counts, so a step of the wall clock has no effect.
After a reboot UTC counts, but the remaining time never exceeds the original duration.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import UUID

MS_PER_DS, DS_PER_S = 100, 10
"""The packet path's unit of time: tenths of a second."""


class Clock(Protocol):
    """The source of time; tests have their own."""

    def boot_id(self) -> UUID:
        """Identity of this boot of the kernel."""
        ...

    def boot_ms(self) -> int:
        """Milliseconds since boot, suspend included (CLOCK_BOOTTIME)."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 in UTC; may step."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def boot_id(self) -> UUID:
        """See `Clock`; proc(5), ``/proc/sys/kernel/random/boot_id``."""
        return _kernel_boot_id()

    def boot_ms(self) -> int:
        """See `Clock`."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def utc_ms(self) -> int:
        """See `Clock`."""
        return time.time_ns() // 1_000_000


class Deadline(NamedTuple):
    """The end of something. Where a deadline is optional, None means no end."""

    boot_id: UUID
    boot_ms: int
    utc_ms: int
    duration_s: int

    @classmethod
    def after(cls, clock: Clock, duration_s: int) -> Deadline:
        """The deadline after so many seconds."""
        ms = duration_s * 1000
        return cls(clock.boot_id(), clock.boot_ms() + ms, clock.utc_ms() + ms, duration_s)

    def remaining_ms(self, clock: Clock) -> int:
        """Milliseconds left; 0 when it is over.

        After a reboot at most what UTC leaves, and at most the duration minus the time since that
        boot: all of that time has passed since the deadline was set, whatever the wall clock says.
        """
        if self.boot_id == clock.boot_id():
            return max(0, self.boot_ms - clock.boot_ms())
        by_utc = self.utc_ms - clock.utc_ms()
        return max(0, min(by_utc, self.duration_s * 1000 - clock.boot_ms()))


def latest_end(ends: Sequence[Deadline | None]) -> Deadline | None:
    """The latest of the ends of a network's entries (at least one); None: one has no end.

    Each part is the maximum of its kind. So the result is the latest after a reboot too, when UTC
    and duration decide (`Deadline.remaining_ms`).
    """
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return None
    boot_id, *_ = known[0]
    return Deadline(boot_id, *(max(part) for part in list(zip(*known, strict=True))[1:]))


@cache
def _kernel_boot_id() -> UUID:
    return UUID(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
