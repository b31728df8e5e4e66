"""Which attacks go on."""

from __future__ import annotations

from api.agent.recording.attacks.incidents import Sight
from api.agent.recording.attacks.live import LiveTable
from dataplane.shared.incidents import Incident
from tests.support.values.incidents import SYN_FLOOD, ended


def look(live: LiveTable, *found: Incident, is_whole: bool = True) -> set[str] | None:
    live.see(Sight("boot:1", found, is_whole))
    return None if live.active is None else set(live.active)


def test_nothing_is_known_before_the_whole_table_was_seen() -> None:
    live = LiveTable()
    assert look(live, SYN_FLOOD, is_whole=False) is None
    assert look(live) == set()


def test_changes_between_whole_looks_count() -> None:
    live = LiveTable()
    look(live)
    assert look(live, SYN_FLOOD, is_whole=False) == {SYN_FLOOD.id}
    assert look(live, is_whole=False) == {SYN_FLOOD.id}
    assert look(live, ended(), is_whole=False) == set()


def test_what_one_look_missed_goes_on_and_what_two_missed_is_over() -> None:
    live = LiveTable()
    look(live, SYN_FLOOD)
    assert look(live) == {SYN_FLOOD.id}
    assert look(live) == set()
