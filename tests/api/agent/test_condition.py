"""When a change of the node's health is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.agent.recording.condition import START_S, ConditionWatch
from api.agent.recording.journal.event import Event
from api.agent.recording.journal.journal import Journal
from api.common.health import STEADY_S


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db")
    found.turn()
    yield found
    found.close()


class Watched:
    """A watch and its time; what it tells is recorded."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.now_s = 0.0
        self.watch = ConditionWatch(journal, self.now_s)

    def look(self, *others: str, after_s: float = STEADY_S) -> dict[str, Any] | None:
        """Look twice at a node without a data plane."""
        self._look(others)
        self.now_s += after_s
        event = self._look(others)
        if event is None:
            return None
        self.journal.record([], [event])
        self.watch.told()
        return dict(event.data)

    def _look(self, others: tuple[str, ...]) -> Event | None:
        return self.watch.look(None, others, self.now_s, 1)


def test_the_first_condition_is_told_once_there_was_time_to_start(journal: Journal) -> None:
    watched = Watched(journal)
    assert watched.look(after_s=START_S - 0.1) is None
    assert watched.look(after_s=0.2) == {
        "status": "unhealthy",
        "previous": None,
        "reasons": ["dataplane_away"],
    }
    assert watched.look(after_s=100) is None


def test_a_change_is_told_when_it_has_held(journal: Journal) -> None:
    watched = Watched(journal)
    watched.look(after_s=START_S)
    assert watched.look("storage", after_s=STEADY_S / 2) is None
    assert watched.look(after_s=STEADY_S) is None  # as before
    told = watched.look("storage")
    assert told is not None
    assert (told["previous"], told["reasons"]) == ("unhealthy", ["dataplane_away", "storage"])


def test_another_agent_knows_what_was_told_last(journal: Journal) -> None:
    Watched(journal).look(after_s=START_S)
    again = Watched(journal)
    assert again.look(after_s=START_S) is None
    told = again.look("api_away")
    assert told is not None
    assert told["previous"] == "unhealthy"
