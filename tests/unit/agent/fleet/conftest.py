"""A part of a fleet's wishes, and an orchestrator to follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from api.agent.fleet.following.part import Applied, Desired
from api.agent.node_api import RequestError
from tests.support.fakes.fake_orchestrator import FakeOrchestrator, orchestrating


@dataclass
class FakePart:
    """Does what it is told, and remembers what it was asked."""

    name: str = "lists"
    answers: list[Applied | Exception] = field(default_factory=list)
    """To the next calls of `apply`; afterwards it succeeds."""
    found: Applied | str | None = "same"
    """What `check` finds."""
    calls: list[tuple[str, int, Applied | None]] = field(default_factory=list)
    checks: int = 0
    left: int = 0

    def wanted(self, desired: Desired) -> int | None:
        number: int | None = desired.numbers.get(self.name)
        return number

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        self.calls.append((epoch, number, before))
        if not self.answers:
            return Applied(epoch, number)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def check(self, applied: Applied) -> Applied | None:
        self.checks += 1
        return applied if isinstance(self.found, str) else self.found

    def leave(self) -> None:
        self.left += 1


@pytest.fixture
def part() -> FakePart:
    return FakePart()


@pytest.fixture
def orchestrator() -> Iterator[FakeOrchestrator]:
    with orchestrating() as fake:
        yield fake


def away() -> RequestError:
    return RequestError(0, "GET lists: it is away")
