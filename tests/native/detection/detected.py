"""A harness whose traffic is counted, collected and judged, and what clients then read."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from dataplane.detection.collector import KEY_BYTES, Collector
from dataplane.detection.duty import Detection
from dataplane.detection.incident_table import IncidentTable
from dataplane.detection.judge import TICK_MS
from dataplane.detection.thresholds import ProfileThresholds, Thresholds
from dataplane.native import abi
from dataplane.policy.reflectors import REFLECTORS
from dataplane.shared.incidents import Incident, Top
from dataplane.shared.pages.statsview import StatsView
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable
from tests.native.connections.connections_support import tracking
from tests.native.harness import Frame, Harness
from tests.support.clock import FakeClock

LOW = Thresholds(
    **dict.fromkeys(("syns", "acks", "rsts", "udp", "amplification", "icmp", "fragments"), 100),
    **dict.fromkeys(("malformed", "connections"), 100),
)
"""So that a test need not send millions."""


class Detected:
    """One lcore and its detection; `profiles` may be replaced by others."""

    def __init__(self, harness: Harness, collector: Collector, thresholds: Thresholds) -> None:
        self.harness = harness
        self.collector = collector
        self.clock = FakeClock(now_boot_ms=harness.time.boot_ds * 100)
        self.memory = mmap.mmap(-1, ctypes.sizeof(abi.Stats))
        header = abi.Stats.from_buffer(self.memory).header
        header.magic = abi.STATS_MAGIC
        header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        self.profiles: Mapping[int, ProfileThresholds] = {0: ProfileThresholds("web", thresholds)}
        table = IncidentTable(header.detection, self.clock, lambda _key: 0)
        self.detection = Detection(
            collector, table, [harness.stats], lambda: self.profiles, self.clock
        )
        self.view = StatsView(self.memory, self.clock)

    def tick(self, frames: Iterable[Frame | bytes] = ()) -> None:
        """A tenth of a second in which these come in."""
        self.clock.pass_ms(TICK_MS)
        self.harness.time.boot_ds = self.clock.boot_ms() // 100
        left = list(frames)
        for start in range(0, len(left), abi.BURST_MAX):
            self.harness.run(left[start : start + abi.BURST_MAX])
        self.detection.turn()

    def quiet(self, seconds: float) -> None:
        """Nothing comes in."""
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.tick()

    @property
    def incidents(self) -> list[Incident]:
        """As clients read them."""
        return self.view.incidents()

    @property
    def top(self) -> Top:
        """The same of the heaviest."""
        return self.view.top()


@contextmanager
def detecting(
    library: ctypes.CDLL, harness: Harness, thresholds: Thresholds = LOW
) -> Iterator[Detected]:
    """Count, track connections, collect and judge."""
    key = bytes(range(TRAFFIC_KEY_BYTES))
    with (
        tracking(harness, mode=abi.Mode.MONITOR),
        TrafficTable(library, 1024, key, sorted(REFLECTORS)) as table,
    ):
        harness.lcore.traffic = table.address
        lcores = [ctypes.addressof(harness.lcore)]
        with Collector(library, lcores, [table], bytes(range(KEY_BYTES))) as collector:
            detected = Detected(harness, collector, thresholds)
            yield detected
            detected.view.close()
        harness.lcore.traffic = 0
