"""Detection as a duty of the control loop: collect, judge, publish, every tenth of a second."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dataplane.base.clock import Clock
from dataplane.base.logs import Log
from dataplane.detection.baseline import METRICS, BaselinePeriods
from dataplane.detection.incident_table import IncidentTable
from dataplane.detection.judge import Follower, Judge
from dataplane.detection.pause import Pause
from dataplane.detection.recent import Answers, Links
from dataplane.detection.thresholds import ProfileThresholds, Thresholds
from dataplane.detection.traffic import Ranked, Window
from dataplane.native import abi
from dataplane.native.abi import Metric, TrafficKind

CAPTURES_PER_TICK = 50
"""Packets per profile, lcore and tick; an lcore keeps 1,024, so a reader at each tick gets all."""
_log = Log()
_TOP_TICKS = 10
_BITS = 8


class Collector(Follower, Protocol):
    """The part of the collector that detection uses."""

    def set_floors(
        self, profile: int, floors: Mapping[TrafficKind, int], bytes_floor: int = 0
    ) -> None:
        """Report targets of a profile that reach one of these counts in a second; 0 or missing:
        never."""

    def collect(self, boot_ms: int) -> Window:
        """Counts since the last call, and of the last second."""
        ...

    def capture(self, profile: int, packets: int) -> None:
        """Let each lcore keep up to so many packets that a profile drops or would drop; 0: none."""

    def node_top(self) -> tuple[Sequence[Ranked], Sequence[Ranked]]:
        """The heaviest sources and destinations of the node."""
        ...


class Detection:
    """``profiles``: those in force, by index; a new mapping object for each policy.

    ``pages``: the workers' statistics. ``on_failed`` is called with True when an error has stopped
    detection, and with False when it runs again.
    """

    def __init__(
        self,
        collector: Collector,
        table: IncidentTable,
        pages: Sequence[abi.LcoreStats],
        profiles: Callable[[], Mapping[int, ProfileThresholds]],
        clock: Clock,
        on_failed: Callable[[bool], None] = lambda _has_failed: None,
    ) -> None:
        self._collector = collector
        self._table = table
        self._counts = table.counts
        self._judge = Judge(collector, table.publish)
        self._baseline = BaselinePeriods(table.baseline)
        self._links, self._answers = Links(pages), Answers(pages)
        self._profiles = profiles
        self._in_force: Mapping[int, ProfileThresholds] = {}
        self._clock = clock
        self._on_failed = on_failed
        self._captured: set[int] = set()
        self._is_closed = False
        self._pause = Pause()

    def turn(self) -> None:
        """Judge the traffic since the last turn; does nothing once it is closed.

        Forwarding does not depend on it: no error here ends the data plane. After an error
        detection pauses, then begins again.
        """
        boot_ms = self._clock.boot_ms()
        if self._is_closed or self._pause.lasts(boot_ms):
            return
        try:
            if self._pause.is_on:
                self._begin_anew(boot_ms)
            self._judge_now()
        except Exception as error:  # any error
            self._counts.failures += 1
            pause_ms = self._pause.begin(boot_ms)
            where = traceback.format_tb(error.__traceback__)[-1].strip()
            _log.error("detection has failed", error=repr(error), where=where, pause_ms=pause_ms)
            self._on_failed(True)
            return
        if self._pause.ends():
            _log.info("detection runs again", failures=self._counts.failures)
            self._on_failed(False)

    def close(self) -> None:
        """End all incidents: the data plane ends."""
        self._is_closed = True
        self._judge.end_all(self._clock.boot_ms())

    def _begin_anew(self, boot_ms: int) -> None:
        """Start with new objects, without state that may have caused the error; active attacks are
        detected again."""
        self._judge = self._judge.successor(boot_ms)
        self._baseline = BaselinePeriods(self._table.baseline)
        self._in_force = {}

    def _judge_now(self) -> None:
        boot_ms = self._clock.boot_ms()
        profiles = self._profiles()
        if profiles is not self._in_force:
            self._use(profiles, boot_ms)
        window = self._collector.collect(boot_ms)
        self._judge.judge(window, self._links.read(), self._answers.read())
        self._counts.suppressed = self._judge.suppressed
        self._capture()
        self._baseline.add(window, self._in_force, self._judge.active)
        if self._counts.ticks % _TOP_TICKS == 0:
            every = self._collector.sampling.packets_every
            self._table.publish_top(*self._collector.node_top(), every)
        self._counts.ticks += 1

    def _capture(self) -> None:
        """Capture dropped packets of profiles with active incidents only."""
        attacked = {incident.place.profile for incident in self._judge.active}
        for profile in attacked:
            self._collector.capture(profile, CAPTURES_PER_TICK)
        for profile in self._captured - attacked:
            self._collector.capture(profile, 0)
        self._captured = attacked

    def _use(self, profiles: Mapping[int, ProfileThresholds], boot_ms: int) -> None:
        for index in self._in_force.keys() - profiles.keys():
            self._collector.set_floors(index, {})
        for index, profile in profiles.items():
            if self._in_force.get(index) != profile:
                self._collector.set_floors(index, *_floors(profile.thresholds))
        self._in_force = profiles
        self._judge.use(profiles, boot_ms)


def _floors(thresholds: Thresholds) -> tuple[dict[TrafficKind, int], int]:
    """Floors by kind: packets and the like, and bytes."""
    floors = {kind: thresholds.of(metric) for kind, metric in METRICS.items()}
    return floors, thresholds.of(Metric.BITS) // _BITS
