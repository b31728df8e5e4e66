"""Changes that could not be applied: reported to clients and the log, and kept until they are
resolved.

The control loop writes them. A rejection is about one entry of a list, or about a whole change
(`abi.RejectedKind`). The node is degraded until the rejected thing is replaced, removed or over.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dataplane.base.clock import Clock
from dataplane.base.errors import NativeError, SecBeatError
from dataplane.base.logs import Log
from dataplane.native import abi
from dataplane.reconcile.records import EntryKey
from dataplane.statelog import (
    Change,
    Import,
    PutRule,
    RemoveRule,
    SetDrain,
    SetOverlays,
    SetPolicy,
    StateLogError,
)
from dataplane.waf.document import rule_id


@dataclass(frozen=True)
class RulePlace:
    """A rule of the WAF."""

    number: int


Place: TypeAlias = EntryKey | RulePlace | abi.RejectedKind
"""The rejected thing: an entry, a rule, or a whole change."""
_PLACES_MAX = 65_536
_log = Log()


@dataclass(frozen=True)
class Rejection:
    """The part of a revision that is not in force, and the reason."""

    revision: int
    place: Place
    error: int
    """An errno."""
    text: str = ""
    """Text for an operator; empty: that of the errno."""


class Published(Protocol):
    """The published rejections (`dataplane.reconcile.published.StatsPublisher`)."""

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        """Set or clear a reason of a degraded node."""
        ...

    def rejected(self, rejection: Rejection) -> None:
        """Publish a rejection."""
        ...


class Rejections:
    """The rejections that degrade the node."""

    def __init__(self, publish: Published, clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._end_ds: dict[Place, int] = {}
        self._look_over_ds = abi.DEADLINE_NEVER

    def refuse(self, place: Place, error: Exception, *revisions: int) -> None:
        """Reject a change after any error; the log has the error's origin."""
        text = _text(error)
        _log.error(
            "rejected",
            what=_name(place),
            revisions=revisions,
            error=text or repr(error),
            traceback="".join(traceback.format_exception(error)),
        )
        for revision in revisions:
            self.add(Rejection(revision, place, _errno(error), text))

    def add(self, rejection: Rejection, end_ds: int = abi.DEADLINE_NEVER) -> None:
        """Add a rejection; ``end_ds``: when the rejected thing would end anyway."""
        if len(self._end_ds) < _PLACES_MAX:
            self._end_ds[rejection.place] = end_ds
            self._look_over_ds = min(self._look_over_ds, end_ds)
        self._publish.degraded(abi.Degraded.REJECTED, on=True)
        self._publish.rejected(rejection)

    def accept(self, places: Iterable[Place]) -> None:
        """Remove a rejection: its thing was put successfully, removed, or is over."""
        if self._end_ds:
            for place in places:
                self._end_ds.pop(place, None)
            if not self._end_ds:
                self._publish.degraded(abi.Degraded.REJECTED, on=False)

    def clear(self) -> None:
        """Everything will be applied again."""
        self._end_ds.clear()
        self._publish.degraded(abi.Degraded.REJECTED, on=False)

    def forget_over(self) -> None:
        """Remove rejections of things that would be over by now; checks once a second."""
        now_ds = self._clock.boot_ms() // 100
        if now_ds < self._look_over_ds:
            return
        self.accept([place for place, end_ds in self._end_ds.items() if end_ds <= now_ds])
        next_ds = min(self._end_ds.values(), default=abi.DEADLINE_NEVER)
        self._look_over_ds = max(next_ds, now_ds + 10)


def place_of(change: Change) -> Place:
    """The rejected thing of a rejected change."""
    match change:
        case SetPolicy():
            return abi.RejectedKind.POLICY
        case SetOverlays() | SetDrain():  # the latter is never rejected
            return abi.RejectedKind.OVERLAYS
        case Import():
            return abi.RejectedKind.IMPORT
        case PutRule() | RemoveRule():
            return RulePlace(change.number)
        case _:
            return change.list, change.network


def _name(place: Place) -> str:
    if isinstance(place, abi.RejectedKind):
        return place.name.lower()
    if isinstance(place, RulePlace):
        return rule_id(place.number)
    return f"{place[0]} {place[1]}"


def _errno(error: Exception) -> int:
    match error:
        case NativeError():
            return error.errno
        case MemoryError():
            return errno.ENOMEM
        case StateLogError():
            return errno.EBADMSG
        case _:
            return errno.EINVAL


def _text(error: Exception) -> str:
    match error:
        case SecBeatError():
            return str(error)
        case MemoryError():
            return ""
        case _:
            return f"internal error, {type(error).__name__}: {error}"
