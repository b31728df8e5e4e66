"""What could not be applied: told to clients and to the log, remembered until it is made good.

Written by the control loop. A rejection is about one entry of a list or about something as a whole
(`abi.RejectedKind`); the node is degraded as long as one is neither replaced, removed nor over.
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
"""What was rejected: an entry, a rule, or something as a whole."""
_PLACES_MAX = 65_536
_log = Log()


@dataclass(frozen=True)
class Rejection:
    """What of a revision is not in force, and why."""

    revision: int
    place: Place
    error: int
    """An errno."""
    text: str = ""
    """For an operator; empty: what the errno says."""


class Published(Protocol):
    """Where rejections are told (`dataplane.reconcile.published.StatsPublisher`)."""

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        """Sets or clears a reason to be degraded."""
        ...

    def rejected(self, rejection: Rejection) -> None:
        """Something could not be applied."""
        ...


class Rejections:
    """Those that still degrade the node."""

    def __init__(self, publish: Published, clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._end_ds: dict[Place, int] = {}
        self._look_over_ds = abi.DEADLINE_NEVER

    def refuse(self, place: Place, error: Exception, *revisions: int) -> None:
        """Whatever a change raised: it is rejected, and the log says where it came from."""
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
        """Tell it; ``end_ds``: when what was rejected would be over anyway."""
        if len(self._end_ds) < _PLACES_MAX:
            self._end_ds[rejection.place] = end_ds
            self._look_over_ds = min(self._look_over_ds, end_ds)
        self._publish.degraded(abi.Degraded.REJECTED, on=True)
        self._publish.rejected(rejection)

    def accept(self, places: Iterable[Place]) -> None:
        """What was rejected is no more, once it is put well, removed, or over."""
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
        """What was rejected and would be over by now is missed by nobody; looks once a second."""
        now_ds = self._clock.boot_ms() // 100
        if now_ds < self._look_over_ds:
            return
        self.accept([place for place, end_ds in self._end_ds.items() if end_ds <= now_ds])
        next_ds = min(self._end_ds.values(), default=abi.DEADLINE_NEVER)
        self._look_over_ds = max(next_ds, now_ds + 10)


def place_of(change: Change) -> Place:
    """What is rejected when a change is."""
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
