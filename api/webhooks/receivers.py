"""Receivers by name: their names, their tests, their state."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from api.common.contract.errors import NotFoundError
from api.common.contract.schemas import rfc3339
from api.webhooks.carrier import Sender
from api.webhooks.message import message, new_id
from api.webhooks.settings import ENDPOINTS_MAX, WebhookSettings
from api.webhooks.targets import Target
from dataplane.base.clock import Clock

DEAD_SHOWN_MAX = 1000
TEST = "test"
"""The event of a test on request; never recorded."""
TEST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Receivers:
    """All receivers."""

    targets: Mapping[str, Target]
    """Targets by a short, unique name that contains no secret."""
    sender: Sender
    clock: Clock
    said_by: str
    """``node_id`` of tests."""

    @classmethod
    def of(cls, settings: WebhookSettings, sender: Sender, clock: Clock, said_by: str) -> Receivers:
        """The configured receivers."""
        targets = [Target.parse(url, settings.allow_hosts) for url in settings.endpoints]
        named = {f"{number}:{target.host}": target for number, target in enumerate(targets, 1)}
        return cls(named, sender, clock, said_by)

    def chosen(self, name: str | None) -> dict[str, Target]:
        """The receiver with that name, or all. Raises NotFoundError."""
        if name is None:
            return dict(self.targets)
        if name not in self.targets:
            known = ", ".join(self.targets) or "none"
            raise NotFoundError(f"there is no endpoint {name!r}; there are: {known}")
        return {name: self.targets[name]}

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """Send a message to each receiver, or to one, at once; the results. Raises
        NotFoundError."""
        chosen = self.chosen(name)
        with ThreadPoolExecutor(ENDPOINTS_MAX, "webhook-test") as pool:
            return list(pool.map(self._test_one, chosen.items()))

    def _test_one(self, item: tuple[str, Target]) -> dict[str, Any]:
        name, target = item
        sent = message(
            event_id=new_id(),
            kind=TEST,
            at_ms=self.clock.utc_ms(),
            node_id=self.said_by,
            sequence=None,
            data={"message": "A test of SecBeat's webhooks; nothing has happened."},
        )
        outcome = self.sender(target, sent, TEST_TIMEOUT_S)
        return {
            "name": name,
            "url": target.shown,
            "webhook_id": sent.id,
            "delivered": outcome.is_delivered,
            "status": outcome.status,
            "error": outcome.error,
        }


@dataclass(frozen=True)
class Standing:
    """The state of one receiver; times are milliseconds since 1970."""

    pending: int = 0
    dead: int = 0
    failures: int = 0
    """Failed attempts since the last success."""
    next_ms: int | None = None
    """Time of the next attempt, if the last one failed."""
    last_success_ms: int | None = None
    last_error: str | None = None

    def body(self, name: str, target: Target) -> dict[str, Any]:
        """The state as an `EndpointBody`."""
        is_failing = self.failures > 0
        return {
            "name": name,
            "url": target.shown,
            "state": "failing" if is_failing else "delivering" if self.pending else "idle",
            "pending": self.pending,
            "dead": self.dead,
            "failures": self.failures,
            "next_attempt_at": shown_time(self.next_ms if is_failing else None),
            "last_success_at": shown_time(self.last_success_ms),
            "last_error": self.last_error,
        }


def shown_time(utc_ms: int | None) -> str | None:
    """The time as text; None if there is none."""
    return None if utc_ms is None else rfc3339(utc_ms)
