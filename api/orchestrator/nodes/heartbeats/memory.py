"""What a worker remembers of the nodes whose heartbeats it takes, so that it need not read rows.

A row has a stamp, which every write replaces by another one, except that of figures. Figures are
taken because of what is remembered, and written only while the row still has the stamp that it had
then. So a node that another worker has changed meanwhile is found out within a second. What is
here is lost with the process: the next heartbeat of each node brings it again.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Any

from api.common.contract.schemas import utc_ms
from api.orchestrator.nodes.schemas import Heartbeat
from api.orchestrator.nodes.status import SILENT_MS, judge

NODES_MAX = 16_384
"""Remembered, about 0.4 KB each, and as many whose figures wait. A worker has fewer connections."""
_NO_SAYING = {"at", "load", "stats", "incidents"}


@dataclass(frozen=True)
class Judged:
    """What a heartbeat makes of a node, as `status.Known` wants it."""

    seen_ms: int
    health: str
    reasons: list[str]
    desired: str
    clock_off_ms: int
    duplicate_ms: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What changes with every heartbeat, and nobody has to be told of."""

    seen_ms: int
    load: float
    stats: dict[str, Any]
    clock_off_ms: int

    @classmethod
    def of(cls, sent: Heartbeat, now_ms: int) -> Figures:
        """Of a heartbeat that has come now."""
        return cls(now_ms, sent.load, sent.stats, utc_ms(sent.at) - now_ms)

    def columns(self) -> dict[str, Any]:
        """As a row has them."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Known:
    """A node's row, as it was with that stamp."""

    saying: bytes
    """See `saying_of`."""
    status: str | None
    desired: str
    duplicate_ms: int | None
    stamp: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A heartbeat whose figures are to be written, if the row still has the stamp."""

    sent: Heartbeat
    figures: Figures
    stamp: int


class Memory:
    """For all threads of one worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Known, int]] = {}
        """And when a heartbeat last came; those that are silent longest come first."""
        self._waiting: dict[str, Waiting] = {}

    def note(self, node: str, sent: Heartbeat, figures: Figures) -> bool:
        """Let figures wait to be written; False: the heartbeat says, or may say, more than that."""
        known = self._recall(node, figures.seen_ms)
        if known is None or sent.incidents or known.saying != saying_of(sent):
            return False
        judged = Judged(
            seen_ms=figures.seen_ms,
            health=sent.health,
            reasons=sent.reasons,
            desired=known.desired,
            clock_off_ms=figures.clock_off_ms,
            duplicate_ms=known.duplicate_ms,
        )
        if judge(judged, figures.seen_ms)[0] != known.status:
            return False
        with self._lock:
            if len(self._waiting) >= NODES_MAX:
                return False
            self._waiting[node] = Waiting(sent, figures, known.stamp)
            self._learn(node, known, figures.seen_ms)
        return True

    def learn(self, node: str, known: Known, now_ms: int) -> None:
        """A heartbeat has come, and the row has been read or written."""
        with self._lock:
            self._waiting.pop(node, None)
            self._learn(node, known, now_ms)

    def forget(self, node: str) -> None:
        """The row is another one."""
        with self._lock:
            self._known.pop(node, None)

    def take_waiting(self) -> dict[str, Waiting]:
        """All that wait, which then wait no more."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        return waiting

    def put_back(self, node: str, waiting: Waiting) -> None:
        """Let it wait again, unless a newer one does."""
        with self._lock:
            self._waiting.setdefault(node, waiting)

    def _recall(self, node: str, now_ms: int) -> Known | None:
        """None also after a silence: others may have said that the node is unreachable."""
        known, heard_ms = self._known.get(node, (None, 0))
        return known if now_ms - heard_ms < SILENT_MS else None

    def _learn(self, node: str, known: Known, now_ms: int) -> None:
        self._known.pop(node, None)
        self._known[node] = known, now_ms
        if len(self._known) > NODES_MAX:
            del self._known[next(iter(self._known))]


def saying_of(sent: Heartbeat) -> bytes:
    """Stands for everything in a heartbeat but figures and incidents."""
    return hashlib.sha256(sent.model_dump_json(exclude=_NO_SAYING).encode()).digest()
