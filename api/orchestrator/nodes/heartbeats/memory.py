"""A worker's cache of nodes, so that heartbeats need not read their rows.

Every write of a row replaces its stamp, except a write of figures alone. Figures are accepted on
the basis of the cached row, and written only while the row has the cached stamp. So a change by
another worker is detected within a second. The cache is lost with the process; the next heartbeat
of each node fills it again.
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
"""Cached nodes, about 0.4 KB each, and at most as many waiting figures. A worker has fewer
connections."""
_NO_SAYING = {"at", "load", "stats", "incidents"}


@dataclass(frozen=True)
class Judged:
    """The values of a heartbeat that `status.Known` needs."""

    seen_ms: int
    health: str
    reasons: list[str]
    desired: str
    clock_off_ms: int
    duplicate_ms: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The values that change with every heartbeat, without an event or a change of status."""

    seen_ms: int
    load: float
    stats: dict[str, Any]
    clock_off_ms: int

    @classmethod
    def of(cls, sent: Heartbeat, now_ms: int) -> Figures:
        """The figures of a heartbeat that has arrived now."""
        return cls(now_ms, sent.load, sent.stats, utc_ms(sent.at) - now_ms)

    def columns(self) -> dict[str, Any]:
        """The values of the row's columns."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Known:
    """A node's row at that stamp."""

    saying: bytes
    """See `saying_of`."""
    status: str | None
    desired: str
    duplicate_ms: int | None
    stamp: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A heartbeat whose figures are to be written if the row still has the stamp."""

    sent: Heartbeat
    figures: Figures
    stamp: int


class Memory:
    """The cache; safe for all threads of one worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Known, int]] = {}
        """Nodes with the time of their last heartbeat, the oldest first."""
        self._waiting: dict[str, Waiting] = {}

    def note(self, node: str, sent: Heartbeat, figures: Figures) -> bool:
        """Queue the figures; False: the heartbeat may change more than the figures."""
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
        """Store the row that was read or written for a heartbeat."""
        with self._lock:
            self._waiting.pop(node, None)
            self._learn(node, known, now_ms)

    def forget(self, node: str) -> None:
        """Remove a node whose row has changed."""
        with self._lock:
            self._known.pop(node, None)

    def take_waiting(self) -> dict[str, Waiting]:
        """Take all waiting figures."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        return waiting

    def put_back(self, node: str, waiting: Waiting) -> None:
        """Queue figures again, unless newer ones wait."""
        with self._lock:
            self._waiting.setdefault(node, waiting)

    def _recall(self, node: str, now_ms: int) -> Known | None:
        """The cached row; None also after a silence: another worker may have marked the node
        unreachable."""
        known, heard_ms = self._known.get(node, (None, 0))
        return known if now_ms - heard_ms < SILENT_MS else None

    def _learn(self, node: str, known: Known, now_ms: int) -> None:
        self._known.pop(node, None)
        self._known[node] = known, now_ms
        if len(self._known) > NODES_MAX:
            del self._known[next(iter(self._known))]


def saying_of(sent: Heartbeat) -> bytes:
    """A digest of all of a heartbeat except figures and incidents."""
    return hashlib.sha256(sent.model_dump_json(exclude=_NO_SAYING).encode()).digest()
