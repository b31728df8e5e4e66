"""The policy in force: the document, what is laid over it, and when that ends.

Between the reconciler, which says what the state log has, and `ActivePolicy`, which workers read.
Ends are judged here, on the boot clock: an overlay is gone in time though nobody writes a revision.
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
    """Where policies go (`dataplane.reconcile.active_policy.ActivePolicy`)."""

    def apply(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Bring both in force. Whatever it raises: nothing has changed."""
        ...


class Published(Protocol):
    """Where it is told (`dataplane.reconcile.published.StatsPublisher`)."""

    def overlays(self, count: int, panic_until_boot_ms: int) -> None:
        """How many overlays are in force; when the panic mode among them ends, 0: there is none."""
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
        """Bring a policy in force, None: the default. Whatever it raises: nothing has changed."""
        self._put(document, self._laid)

    def lay_over(self, overlays: Sequence[Overlay]) -> None:
        """Bring all overlays in force, in place of those before. Likewise."""
        now_ms = self._clock.boot_ms()
        ends = [now_ms + each.deadline.remaining_ms(self._clock) for each in overlays]
        laid = (_Laid(each.document, end) for each, end in zip(overlays, ends, strict=True))
        self._put(self._document, tuple(laid))

    def turn(self) -> None:
        """End what is over; what can't be changed yet is tried again in the next turn."""
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
