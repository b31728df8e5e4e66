"""Attacks as an operator sees them: in the API, and in webhooks whose signature was verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.instances.lab import Lab
from tests.support.servers.documented_receiver import DocumentedReceiver
from tests.support.waiting import wait_for

Attack = dict[str, Any]
_TICKS_OF_A_WINDOW = 15
"""Ticks of a second, with a margin."""


@dataclass(frozen=True)
class Watcher:
    """A lab with a receiver of webhooks."""

    lab: Lab
    key: str
    receiver: DocumentedReceiver

    def attacks(self, state: str | None = None) -> list[Attack]:
        """The attacks, at most 100, the newest first."""
        only = {} if state is None else {"state": state}
        answer = self.lab.api("GET", "/attacks", self.key, params={"limit": 100, **only})
        assert answer.ok, answer.text
        found: list[Attack] = answer.json()["attacks"]
        return found

    def attack(self, public_id: str) -> Attack:
        """An attack that must exist."""
        answer = self.lab.api("GET", f"/attacks/{public_id}", self.key)
        assert answer.ok, answer.text
        found: Attack = answer.json()
        return found

    def ids(self) -> set[str]:
        """The ids of all attacks so far."""
        return {each["id"] for each in self.attacks()}

    def since(self, before: set[str]) -> list[Attack]:
        """The attacks that are not in ``before``, the newest first."""
        return [each for each in self.attacks() if each["id"] not in before]

    def wait_for_active(self, besides: set[str]) -> Attack:
        """The first active attack that is not in ``besides``."""

        def found() -> list[Attack]:
            return [each for each in self.attacks("active") if each["id"] not in besides]

        return wait_for(found, "an attack is listed", every_s=0.1)[0]

    def wait_for_one(self, besides: set[str], holds: Callable[[Attack], bool], what: str) -> Attack:
        """Wait until an attack that is not in ``besides`` fulfils the condition; returns it."""

        def found() -> list[Attack]:
            return list(filter(holds, self.since(besides)))

        try:
            return wait_for(found, what, every_s=0.2)[0]
        except AssertionError as failed:
            failed.add_note(str(self.since(besides)))
            raise

    def wait_for_state(self, public_id: str, holds: Callable[[Attack], bool], what: str) -> Attack:
        """Wait until an attack fulfils the condition; returns it."""

        def found() -> Attack | None:
            attack = self.attack(public_id)
            return attack if holds(attack) else None

        try:
            return wait_for(found, what, every_s=0.2)
        except AssertionError as failed:
            failed.add_note(str(self.attack(public_id)))
            raise

    def wait_for_end(self, public_id: str) -> Attack:
        """Wait until an attack has ended, in the API and by webhook."""
        over = self.wait_for_state(public_id, lambda found: found["state"] == "ended", "it is over")
        wait_for(lambda: self.told("attack_ended", public_id), "attack_ended is received")
        return over

    def wait_until_quiet(self) -> None:
        """Wait until no attack is active."""
        wait_for(lambda: not self.attacks("active"), "all attacks are over", every_s=0.2)

    def wait_for_a_window(self) -> None:
        """Wait until everything that has arrived so far was evaluated."""

        def ticks() -> int:
            return self.lab.stats().detection.ticks

        until = ticks() + _TICKS_OF_A_WINDOW
        wait_for(lambda: ticks() >= until, "a second is judged", every_s=0.1)

    def told(self, kind: str, public_id: str) -> list[Attack]:
        """The data of all webhooks of a kind about an attack."""
        events = self.receiver.events(kind)
        return [data for data in events if data["attack_id"] == public_id]
