"""The recording thread: reads the data plane ten times a second, and writes what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from api.agent.recording.attacks.captures import CaptureKeeper
from api.agent.recording.attacks.incidents import IncidentKeeper, Sight
from api.agent.recording.attacks.live import LiveTable
from api.agent.recording.baseline import BaselineKeeper
from api.agent.recording.condition import ConditionWatch
from api.agent.recording.feed import Feed
from api.agent.recording.journal.event import Event
from api.agent.recording.journal.journal import Journal
from api.agent.recording.journal.retention import Retention
from api.agent.response.responder import Responder
from api.common.disk import StorageError
from dataplane.base.clock import Clock
from dataplane.shared.stats import NodeStats

TURN_S = 0.1
HEALTH_S = 1.0

log = structlog.get_logger("agent.recorder")


class Recorder:
    """The thread, from `start` to `close`."""

    def __init__(
        self,
        *,
        journal: Journal,
        feed: Feed,
        keeper: IncidentKeeper,
        captures: CaptureKeeper,
        responder: Responder,
        baseline: BaselineKeeper,
        retention: Retention,
        incidents: Callable[[], Sight | None],
        stats: Callable[[], NodeStats | None],
        others: Callable[[], Sequence[str]],
        clock: Clock,
    ) -> None:
        """
        Args:
            journal: the destination of all records.
            feed: the events to be recorded beside incidents.
            keeper: records incidents.
            captures: records packets of incidents.
            responder: gets the active incidents, also while nothing can be recorded.
            baseline: records the usual rates of profiles.
            retention: removes old rows.
            incidents: reads the data plane's table; None: it is away.
            stats: reads its statistics; None: it is away.
            others: returns reasons of a degraded node that do not come from the data plane.
            clock: gives the times of records.
        """
        self._journal = journal
        self._feed = feed
        self._keeper = keeper
        self._responder = responder
        self._captures = captures
        self._live = LiveTable()
        self._baseline = baseline
        self._retention = retention
        self._incidents = incidents
        self._stats = stats
        self._others = others
        self._clock = clock
        self._condition = ConditionWatch(journal, time.monotonic())
        self._health_due_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._failed = ""
        self.turned_s = time.monotonic()
        """End of the last turn, on the monotonic clock."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after one more turn, so that drained messages are recorded; idempotent."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(timeout=5)

    def turn(self) -> None:
        """Run all steps once; a failed write is repeated at a later turn."""
        sight = self._incidents()
        if sight is not None:
            self._live.see(sight)
        if self._live.active is not None:
            self._responder.see(self._live.active)
        self._journal.turn()
        if not self._journal.is_open:
            return
        try:
            if sight is not None:
                self._keeper.turn(sight, self._clock.utc_ms())
                self._captures.turn(sight.captured, self._live.active or {})
            self._record_events()
            self._baseline.turn(time.monotonic(), self._clock.utc_ms())
            self._retention.turn(time.monotonic(), self._clock.utc_ms())
        except StorageError:
            return  # the journal has logged the error and recovers in its own turn

    def _run(self) -> None:
        while True:
            ending = self._stop.wait(TURN_S)
            try:
                self.turn()
                self._failed = ""
            except Exception as error:
                self._say(error)
            self.turned_s = time.monotonic()
            if ending:
                return

    def _record_events(self) -> None:
        health = self._look_at_health()
        found = self._feed.ready()
        try:
            self._journal.record([], [*found, *([health] if health else [])])
        except StorageError:
            self._feed.give_back(found)
            raise
        except Exception:
            self._feed.lost += len(found)  # do not repeat such an event for ever
            raise
        if health:
            self._condition.told()

    def _look_at_health(self) -> Event | None:
        now_s = time.monotonic()
        if now_s < self._health_due_s:
            return None
        self._health_due_s = now_s + HEALTH_S
        return self._condition.look(self._stats(), self._others(), now_s, self._clock.utc_ms())

    def _say(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self._failed:
            self._failed = text
            log.exception("recording failed")
