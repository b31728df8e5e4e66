"""A detection that is fed by the tick, and what it publishes, as clients read it."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping
from typing import Any

from dataplane.countries.codes import index_of
from dataplane.detection.duty import Detection
from dataplane.detection.incident_table import IncidentTable
from dataplane.detection.thresholds import DEFAULT, ProfileThresholds, Thresholds
from dataplane.native import abi
from dataplane.shared.incidents import Incident
from dataplane.shared.pages.statsview import StatsView
from tests.support.clock import FakeClock
from tests.support.values.traffic import TICK_MS, TICKS_PER_S, FakeCollector, Row

WEB = "203.0.113.10"


class Watched:
    """One profile, ``web``, unless ``profiles`` says others."""

    def __init__(self, thresholds: Thresholds = DEFAULT) -> None:
        self.memory = mmap.mmap(-1, ctypes.sizeof(abi.Stats))
        stats = abi.Stats.from_buffer(self.memory)
        stats.header.magic = abi.STATS_MAGIC
        stats.header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        self.page = stats.lcore[0]
        self.clock = FakeClock()
        self.collector = FakeCollector()
        self.profiles = {0: ProfileThresholds("web", thresholds)}
        table = IncidentTable(stats.header.detection, self.clock, lambda _key: index_of("DE"))
        self.failures: list[bool] = []
        self.detection = Detection(
            *(self.collector, table, [self.page], lambda: self.profiles, self.clock), self.fail
        )
        self.view = StatsView(self.memory, self.clock)

    def tick(self, rows: Mapping[str, Row]) -> None:
        """A tenth of a second."""
        self.clock.pass_ms(TICK_MS)
        self.collector.put(rows)
        self.detection.turn()

    def fail(self, has_failed: bool) -> None:
        self.failures.append(has_failed)

    def run(
        self, seconds: float, rows: Mapping[str, Row] | Callable[[int], Mapping[str, Row]]
    ) -> None:
        """So long, with the same in each tick, or with what a function says of its number."""
        for number in range(round(seconds * TICKS_PER_S)):
            self.tick(rows(number) if callable(rows) else rows)

    @property
    def incidents(self) -> list[Incident]:
        """As a client reads them."""
        return self.view.incidents()

    def types(self, **wanted: Any) -> list[tuple[str, str]]:
        """Type and target of those that have such fields."""
        return [
            (each.type, each.target)
            for each in self.incidents
            if all(getattr(each, name) == value for name, value in wanted.items())
        ]
