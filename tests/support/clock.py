"""A clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

DAY_MS = 86_400_000


@dataclass
class FakeClock:
    """A `dataplane.base.clock.Clock`. `pass_ms` moves the time since boot and UTC, `step_ms` only
    UTC."""

    boot: UUID = field(default_factory=uuid4)
    now_boot_ms: int = 1_000_000
    now_utc_ms: int = 1_790_000_000_000

    def boot_id(self) -> UUID:
        return self.boot

    def boot_ms(self) -> int:
        return self.now_boot_ms

    def utc_ms(self) -> int:
        return self.now_utc_ms

    def pass_ms(self, ms: int) -> None:
        """Let time pass."""
        self.now_boot_ms += ms
        self.now_utc_ms += ms

    def step_ms(self, ms: int) -> None:
        """Set the wall clock forward or back."""
        self.now_utc_ms += ms

    def reboot(self, off_ms: int = 0, up_ms: int = 0) -> None:
        """Reboot: the machine was off for `off_ms` and has been up again for `up_ms`."""
        self.boot = uuid4()
        self.now_boot_ms = up_ms
        self.now_utc_ms += off_ms + up_ms
