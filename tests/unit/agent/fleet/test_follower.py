"""A node that enrols with an orchestrator and follows it, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from api.agent.fleet.following.follower import (
    BACKOFF_MAX_S,
    LEAVE_S,
    POLL_S,
    QUICK_RETRIES,
    Follower,
)
from api.agent.fleet.following.part import Applied
from api.agent.fleet.following.pursuit import Pursuit
from api.agent.fleet.following.state import StateFile
from api.agent.fleet.orchestrator.contact import Contact
from api.agent.fleet.orchestrator.key import NodeKey, digest
from api.agent.fleet.orchestrator.membership import Membership
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.settings import FleetSettings
from tests.support.fakes.fake_orchestrator import TOKEN, FakeOrchestrator, orchestrating
from tests.unit.agent.fleet.conftest import FakePart

UUID = "01234567-89ab-cdef-0123-456789abcdef"


class Side:
    """A node's side of a fleet, without threads."""

    def __init__(self, directory: Path, url: str, part: FakePart) -> None:
        self.now_s = 0.0
        token = directory / "token"
        if not token.exists():
            token.write_text(TOKEN + "\n")
        settings = FleetSettings(url, token, directory, UUID, labels={"site": "fra"})
        self.key = NodeKey(directory / "fleet.key")
        self.session = Session(url, None, self.key.text)
        state = StateFile(directory / "fleet.json")
        is_registered, kept = state.load()
        self.contact = Contact(is_registered=is_registered)
        self.pursuit = Pursuit([part], kept)
        self.membership = Membership(
            settings, "n1", self.session, self.key, lambda: {"address": "a:1", "version": "1"}
        )
        self.follower = Follower(
            "n1",
            self.session,
            self.membership,
            self.pursuit,
            self.contact,
            state,
            is_registered=is_registered,
            clock=lambda: self.now_s,
        )

    def turns(self, count: int) -> list[float]:
        return [self.follower.turn() for _ in range(count)]


Start = Callable[[str], Side]


@pytest.fixture
def start(tmp_path: Path, part: FakePart) -> Start:
    return lambda url: Side(tmp_path, url, part)


def test_node_enrols_and_follows(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    orchestrator.desired["lists"] = 7
    side = start(orchestrator.url)
    side.turns(3)
    (what, body), *_ = orchestrator.bodies
    assert what == "register"
    assert body["id"] == "n1"
    assert body["uuid"] == UUID
    assert body["labels"] == {"site": "fra"}
    assert body["key_sha256"] == side.key.sha256()
    assert part.calls == [("epoch-1", 7, None)]
    view = side.contact.view()
    assert view.is_registered
    assert view.reasons() == []


def test_only_the_hash_of_the_key_is_sent_to_enrol(
    orchestrator: FakeOrchestrator, start: Start
) -> None:
    side = start(orchestrator.url)
    side.turns(1)
    assert side.key.text() not in str(orchestrator.bodies)


def test_polls_share_a_connection_and_ask_conditionally(
    orchestrator: FakeOrchestrator, start: Start
) -> None:
    side = start(orchestrator.url)
    assert side.turns(6)[1:] == [POLL_S] * 5
    assert orchestrator.count("desired", 200) == 1
    assert orchestrator.count("desired", 304) == 4
    assert orchestrator.connections == 1


def test_change_is_applied_at_the_next_poll(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    orchestrator.desired["lists"] = 8
    side.turns(1)
    assert part.calls[-1] == ("epoch-1", 8, Applied("epoch-1", 0))


def test_restarted_agent_does_not_enrol_or_apply_again(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    orchestrator.desired["lists"] = 7
    start(orchestrator.url).turns(2)
    start(orchestrator.url).turns(2)
    assert orchestrator.count("register") == 1
    assert len(part.calls) == 1


def test_restarted_agent_is_registered_until_the_orchestrator_denies_it(
    orchestrator: FakeOrchestrator, start: Start
) -> None:
    start(orchestrator.url).turns(2)
    orchestrator.keys.clear()
    orchestrator.tokens.clear()
    side = start(orchestrator.url)
    assert side.contact.view().is_registered
    side.turns(1)
    assert not side.contact.view().is_registered


def test_orchestrator_that_is_away_is_asked_less_often(start: Start) -> None:
    with orchestrating() as fake:
        side = start(fake.url)
        side.turns(2)
        side.session.close()
    waits = side.turns(12)
    assert waits[: QUICK_RETRIES + 3] == [POLL_S] * QUICK_RETRIES + [2, 4, 8]
    assert waits[-1] == BACKOFF_MAX_S
    assert side.contact.view().errors == 12
    assert side.contact.view().reasons() == []


def test_back_off_ends_with_the_first_answer(orchestrator: FakeOrchestrator, start: Start) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    orchestrator.answers["desired"] = 503, {"detail": "database away"}
    assert side.turns(QUICK_RETRIES + 2)[-2:] == [2, 4]
    del orchestrator.answers["desired"]
    assert side.turns(1) == [POLL_S]
    orchestrator.answers["desired"] = 503, {}
    assert side.turns(1) == [POLL_S]


def test_what_was_not_foreseen_is_a_failure_like_others(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = start(orchestrator.url)
    side.turns(2)

    def fails() -> None:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(side.membership, "turn", fails)
        assert side.turns(QUICK_RETRIES + 2)[-3:] == [POLL_S, 2, 4]
    orchestrator.desired["lists"] = 8
    assert side.turns(1) == [POLL_S]
    assert part.calls[-1] == ("epoch-1", 8, Applied("epoch-1", 0))


def test_restored_orchestrator_that_does_not_know_the_node_gets_it_again(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    orchestrator.desired["lists"] = 7
    side = start(orchestrator.url)
    side.turns(2)
    orchestrator.keys.clear()
    orchestrator.epoch = "epoch-2"
    side.turns(3)
    assert orchestrator.count("register") == 2
    assert side.contact.view().reasons() == []
    assert part.calls[-1] == ("epoch-2", 7, Applied("epoch-1", 7))
    assert part.left == 0


@pytest.mark.parametrize("token", ["", "used-up"])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_database_that_is_back_knows_the_node_whose_token_is_gone(
    orchestrator: FakeOrchestrator,
    start: Start,
    part: FakePart,
    tmp_path: Path,
    token: str,
    is_restarted: bool,
) -> None:
    """A new orchestrator takes the place of a lost one before its backup is restored."""
    orchestrator.desired["lists"] = 7
    side = start(orchestrator.url)
    side.turns(2)
    (tmp_path / "token").write_text(token)
    keys = dict(orchestrator.keys)
    orchestrator.keys.clear()
    side.turns(5)
    assert not side.contact.view().is_registered
    if is_restarted:
        side = start(orchestrator.url)
        side.turns(5)
    orchestrator.keys.update(keys)
    orchestrator.epoch = "epoch-2"
    side.turns(2)
    assert side.contact.view().is_registered
    assert side.contact.view().reasons() == []
    assert part.calls[-1] == ("epoch-2", 7, Applied("epoch-1", 7))
    assert orchestrator.count("register", 201) == 1


@pytest.mark.parametrize("why", ["token", "other key"])
def test_refused_node_is_degraded_and_keeps_what_it_has(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart, why: str
) -> None:
    orchestrator.desired["lists"] = 7
    side = start(orchestrator.url)
    side.turns(2)
    if why == "token":
        orchestrator.keys.clear()
        orchestrator.tokens.clear()
    else:
        orchestrator.keys["n1"] = "0" * 64
    waits = side.turns(12)
    assert side.contact.view().reasons() == ["fleet_refused"]
    assert waits[-1] == BACKOFF_MAX_S
    assert part.left == 0
    assert side.pursuit.applied() == {"lists": Applied("epoch-1", 7)}


def test_refused_node_is_taken_back(orchestrator: FakeOrchestrator, start: Start) -> None:
    orchestrator.tokens.clear()
    side = start(orchestrator.url)
    side.turns(2)
    assert side.contact.view().reasons() == ["fleet_refused"]
    orchestrator.tokens.add(TOKEN)
    side.turns(2)
    assert side.contact.view().reasons() == []


def test_deleted_node_gives_up_what_is_the_fleets(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    orchestrator.keys.clear()
    orchestrator.answers["register"] = 410, {"detail": "deleted"}
    side.turns(4)
    assert part.left == 1
    assert side.contact.view().reasons() == ["fleet_refused"]
    assert side.pursuit.applied() == {}


def test_node_that_is_refused_for_an_hour_gives_up_what_is_the_fleets(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart
) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    orchestrator.keys.clear()
    orchestrator.tokens.clear()
    side.turns(3)
    side.now_s += LEAVE_S - 1
    side.turns(1)
    assert part.left == 0
    side.now_s += 1
    side.turns(2)
    assert part.left == 1


def test_orchestrator_that_is_away_for_a_day_takes_nothing_away(
    start: Start, part: FakePart
) -> None:
    with orchestrating() as fake:
        side = start(fake.url)
        side.turns(2)
        side.session.close()
    for _ in range(24):
        side.now_s += LEAVE_S
        side.turns(1)
    assert part.left == 0
    assert side.pursuit.applied() == {"lists": Applied("epoch-1", 0)}


def test_key_is_replaced(orchestrator: FakeOrchestrator, start: Start) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    before = side.key.text()
    side.membership.replace_key()
    side.turns(2)
    assert side.key.text() != before
    assert orchestrator.keys["n1"] == side.key.sha256()
    assert orchestrator.count("key") == 1
    assert side.contact.view().errors == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_crash_while_the_key_is_replaced(
    orchestrator: FakeOrchestrator, start: Start, is_told: bool
) -> None:
    side = start(orchestrator.url)
    side.turns(2)
    fresh = side.key.make_next()
    if is_told:  # and it was used: the old key has ended
        orchestrator.keys["n1"] = digest(fresh)
    again = start(orchestrator.url)
    again.turns(3)
    assert again.key.text() == fresh
    assert orchestrator.keys["n1"] == again.key.sha256()
    assert orchestrator.count("register") == 1


def test_missing_token_is_said(
    orchestrator: FakeOrchestrator, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("")
    side = start(orchestrator.url)
    assert side.turns(2) == [POLL_S, POLL_S]
    assert orchestrator.count("register") == 0
    assert orchestrator.count("desired") == orchestrator.count("desired", 401) == 2


def test_damaged_state_is_fetched_again(
    orchestrator: FakeOrchestrator, start: Start, part: FakePart, tmp_path: Path
) -> None:
    start(orchestrator.url).turns(2)
    (tmp_path / "fleet.json").write_text('{"version": 1, "parts": ')
    start(orchestrator.url).turns(2)
    assert part.calls[-1] == ("epoch-1", 0, None)
    assert orchestrator.count("register", 201) == 2
