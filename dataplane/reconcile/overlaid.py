"""The policy in force: the document, its overlays, and their ends.

It is between the reconciler, which reads the state log, and `ActivePolicy`, which workers read.
Ends are checked here, on the boot clock: an overlay ends in time without a new revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dataplane.base.clock import Clock
from dataplane.base.errors import SecBeatError
from dataplane.base.logs import Log
from dataplane.statelog import Overlay

_log = Log()


class PolicySink(Protocol):
    """The policy's destination (`dataplane.reconcile.active_policy.ActivePolicy`)."""

    def apply(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Put both in force. If it raises, nothing has changed."""
        ...


class Published(Protocol):
    """The published state (`dataplane.reconcile.published.StatsPublisher`)."""

    def overlays(self, count: int, panic_until_boot_ms: int) -> None:
        """The number of overlays in force; when panic mode ends, 0: there is none."""
        ...


@dataclass(frozen=True)
class _Laid:
    document: Mapping[str, Any]
    end_boot_ms: int


class Overlaid:
    """Not for several threads."""

    def __init__(self, profiles: PolicySink, publish: Published, clock: Clock) -> None:
        self._profiles = profiles
        self._publish = publish
        self._clock = clock
        self._document: Mapping[str, Any] | None = None
        self._laid: tuple[_Laid, ...] = ()

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy in force, None: the default. If it raises, nothing has changed."""
        self._put(document, self._laid)

    def lay_over(self, overlays: Sequence[Overlay]) -> None:
        """Put all overlays in force, in place of the former ones. If it raises, nothing has
        changed."""
        now_ms = self._clock.boot_ms()
        ends = [now_ms + each.deadline.remaining_ms(self._clock) for each in overlays]
        laid = (_Laid(each.document, end) for each, end in zip(overlays, ends, strict=True))
        self._put(self._document, tuple(laid))

    def turn(self) -> None:
        """Remove ended overlays; a failed change is tried again in the next turn."""
        now_ms = self._clock.boot_ms()
        if all(each.end_boot_ms > now_ms for each in self._laid):
            return
        try:
            self._put(self._document, self._laid)
        except SecBeatError as error:
            _log.warning("an overlay is over and could not be removed yet", error=str(error))

    def _put(self, document: Mapping[str, Any] | None, laid: tuple[_Laid, ...]) -> None:
        now_ms = self._clock.boot_ms()
        live = tuple(each for each in laid if each.end_boot_ms > now_ms)
        self._profiles.apply(document, [each.document for each in live])
        self._document, self._laid = document, live
        panic = (each.end_boot_ms for each in live if each.document.get("kind") == "panic")
        self._publish.overlays(len(live), max(panic, default=0))
