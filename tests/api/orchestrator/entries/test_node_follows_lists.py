"""A node has the fleet's entries on its lists, beside its own."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from api.agent.fleet.following import shrinking
from api.agent.fleet.following.part import Applied
from api.agent.fleet.lists import meanwhile
from api.agent.fleet.parts import lists
from api.agent.node_api import RequestError
from api.orchestrator import changes
from api.orchestrator.app import orchestrator_of
from api.orchestrator.following import log
from api.storage.tables import meta

from .conftest import FollowingNode, RelayedSession


def test_a_new_node_gets_both_lists_and_keeps_its_own_entries(following: FollowingNode) -> None:
    following.api.ban("192.0.2.1")
    following.ban("192.0.2.1", "192.0.2.2", "2001:db8::/32")
    following.ban("198.51.100.0/24", name="allowlist")
    said = following.lists.poll()
    assert said is not None
    assert said.state == "applied"
    fleet = {"192.0.2.1", "192.0.2.2", "2001:db8::/32"}
    assert following.held() == {"manual": {"192.0.2.1"}, "fleet": fleet}
    assert following.held("allowlist") == {"fleet": {"198.51.100.0/24"}}


def test_a_change_reaches_a_node_that_follows_and_costs_it_what_has_changed(
    following: FollowingNode,
) -> None:
    following.ban("192.0.2.1", "192.0.2.2")
    following.lists.poll()
    following.api.ban("192.0.2.1")
    following.unban("192.0.2.1")
    following.ban("192.0.2.3", reason="new", duration_seconds=60)
    following.lists.poll()
    assert following.held() == {"manual": {"192.0.2.1"}, "fleet": {"192.0.2.2", "192.0.2.3"}}
    entry = following.api.get("/blacklist/192.0.2.3").json
    assert (entry["reason"], entry["duration_seconds"]) == ("new", 60)
    assert following.lists.poll() is None


def test_an_entry_ends_on_the_node_when_it_ends_in_the_fleet(following: FollowingNode) -> None:
    following.ban("192.0.2.1", duration_seconds=60)
    following.clock.pass_ms(20_500)
    following.lists.poll()
    assert following.api.get("/blacklist/192.0.2.1").json["duration_seconds"] == 40
    following.clock.pass_ms(40_000)
    assert following.held() == {}


def test_a_ban_of_the_fleet_acts_once_the_node_s_own_allowlist_lets_it(
    following: FollowingNode,
) -> None:
    following.api.post("/allowlist", {"ip": "192.0.2.0/24"})
    following.ban("192.0.2.7")
    following.ban(*(f"198.51.100.{n}" for n in range(3)))
    said = following.lists.poll()
    assert said is not None
    assert said.state == "applied"
    assert "192.0.2.7" in following.held()["fleet"]
    assert following.api.ban("192.0.2.7").status_code == 409


def test_the_fleet_s_allowlist_refuses_a_ban_on_the_node(following: FollowingNode) -> None:
    following.ban("192.0.2.0/24", name="allowlist")
    following.lists.poll()
    answer = following.api.ban("192.0.2.7")
    assert answer.status_code == 409
    assert answer.json["errors"][0]["limit"] == "allowlist entry 192.0.2.0/24"


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("after", range(4))
def test_a_lost_answer_is_made_good_by_the_next_poll(
    following: FollowingNode, after: int, *, is_done: bool
) -> None:
    following.ban("192.0.2.1", "192.0.2.2")
    following.lists.poll()
    following.unban("192.0.2.1")
    following.ban("192.0.2.3")
    following.losses.lose(after, is_done=is_done)
    with pytest.raises(RequestError):
        following.lists.poll()
    following.lists.poll()
    assert following.held() == {"fleet": {"192.0.2.2", "192.0.2.3"}}


def test_an_agent_that_died_before_it_noted_the_change_does_it_again(
    following: FollowingNode,
) -> None:
    following.ban("192.0.2.1", "192.0.2.2")
    following.lists.poll()
    noted = following.lists.before
    following.unban("192.0.2.2")
    following.ban("192.0.2.3")
    following.lists.poll()
    following.lists.before = noted
    following.lists.part = following.make()
    following.lists.poll()
    assert following.held() == {"fleet": {"192.0.2.1", "192.0.2.3"}}


def many(count: int, start: int = 0) -> list[str]:
    return [f"10.0.{n // 256}.{n % 256}" for n in range(start, start + count)]


def test_a_node_that_was_away_for_longer_than_the_log_gets_a_snapshot(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ITEMS_MAX", 2)
    monkeypatch.setattr(lists, "PAGE_ENTRIES", 3)
    following.ban(*many(5))
    following.lists.poll()
    following.ban(*many(5, 100))
    for ip in many(5)[1:4]:
        following.unban(ip)
    following.lists.poll()
    assert following.held() == {"fleet": {*many(1), *many(1, 4), *many(5, 100)}}


def test_what_changes_while_a_snapshot_is_on_its_way_does_not_wait_for_it(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ban before the pages that are to come, and the end of one that was on a page."""
    monkeypatch.setattr(meanwhile, "ASK_S", 0.0)
    monkeypatch.setattr(lists, "PAGE_ENTRIES", 3)
    following.ban(*many(9))
    get, held = RelayedSession.get, list[dict[str, set[str]]]()

    def get_and_change(session: RelayedSession, path: str) -> dict[str, Any]:
        found = get(session, path)
        if "cursor=" in path:
            held.append(following.held())
            if len(held) == 1:
                following.ban("9.0.0.1")
                following.unban("10.0.0.1")
        return found

    monkeypatch.setattr(RelayedSession, "get", get_and_change)
    following.lists.poll()
    assert held == [{}, {"fleet": {"9.0.0.1"}}]
    wanted = {"fleet": {"9.0.0.1", *many(1), *many(7, 2)}}
    assert following.held() == wanted
    following.lists.poll()
    assert following.held() == wanted


def test_a_long_list_is_imported_and_what_is_right_is_left_alone(
    following: FollowingNode,
) -> None:
    following.api.plane.addresses_max = 5000
    for start in range(0, 3000, 1000):
        following.ban(*many(1000, start), reason="why")
    following.lists.poll()
    assert following.api.get("/blacklist?origin=fleet&limit=1").json["total"] == 3000
    revision = following.api.get("/blacklist/10.0.0.7").json["revision"]
    following.lists.before = None
    following.lists.poll()
    assert following.api.get("/blacklist/10.0.0.7").json["revision"] == revision


def new_epoch(following: FollowingNode) -> None:
    """The orchestrator's database has become another, with a change that no node knows."""
    database = orchestrator_of(following.admin.application).database
    with database.write() as connection:
        values = {"value": str(uuid4())}
        connection.execute(update(meta).where(meta.c.name == "database_id").values(values))
        changes.bump(connection)


def epoch_of(following: FollowingNode) -> str:
    database = orchestrator_of(following.admin.application).database
    with database.read() as connection:
        return changes.epoch(connection)


def test_another_epoch_brings_a_snapshot(following: FollowingNode) -> None:
    following.ban("192.0.2.1")
    following.lists.poll()
    new_epoch(following)
    following.ban("192.0.2.2")
    said = following.lists.poll()
    assert said is not None
    assert (said.state, said.epoch) == ("applied", epoch_of(following))
    assert following.held() == {"fleet": {"192.0.2.1", "192.0.2.2"}}


def test_a_snapshot_that_takes_much_away_waits_until_a_person_confirms_it(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrinking, "ENTRIES_MAX", 3)
    following.ban(*many(10))
    following.lists.poll()
    for ip in many(4):
        following.unban(ip)
    new_epoch(following)
    following.ban("192.0.2.1")
    following.unban("192.0.2.1")
    before = following.lists.before
    said = following.lists.poll()
    assert said is not None
    assert before is not None
    assert (said.state, said.epoch, said.number) == ("pending", before.epoch, before.number)
    assert said.message is not None
    assert "/api/v1/fleet/lists/confirm" in said.message
    assert following.held() == {"fleet": {*many(10)}}
    assert following.admin.post("/api/v1/fleet/lists/confirm").status_code == 200
    following.lists.poll()
    assert following.held() == {"fleet": {*many(6, 4)}}


def test_removals_that_people_make_one_by_one_need_no_confirmation(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrinking, "ENTRIES_MAX", 3)
    following.ban(*many(10))
    following.lists.poll()
    for ip in many(9):
        following.unban(ip)
    following.lists.poll()
    assert following.held() == {"fleet": {*many(1, 9)}}


def test_a_node_whose_lists_are_full_says_so_and_tries_again_with_the_next_change(
    following: FollowingNode,
) -> None:
    following.lists.poll()
    following.api.plane.addresses_max = 2
    following.ban(*many(3))
    said = following.lists.poll()
    assert said is not None
    assert said.state == "rejected"
    assert said.message is not None
    assert "2 addresses" in said.message
    following.unban("10.0.0.0")
    said = following.lists.poll()
    assert said is not None
    assert said.state == "applied"
    assert following.held() == {"fleet": {*many(2, 1)}}


def test_a_node_that_has_lost_its_database_is_told_everything_again(
    following: FollowingNode,
) -> None:
    following.ban("192.0.2.1")
    applied = following.lists.poll()
    assert isinstance(applied, Applied)
    assert following.lists.part.check(applied) == applied
    file = following.directory / "fleet-lists.json"
    file.write_text(json.dumps({"database_id": str(uuid4())}))
    assert following.lists.part.check(applied) is None


def test_a_node_that_leaves_keeps_its_own_entries_alone(following: FollowingNode) -> None:
    following.api.ban("192.0.2.9")
    following.ban("192.0.2.1")
    following.ban("198.51.100.0/24", name="allowlist")
    following.lists.poll()
    for _ in range(2):
        following.lists.part.leave()
        assert following.held() == {"manual": {"192.0.2.9"}}
        assert following.held("allowlist") == {}


def test_what_packets_do_not_meet_yet_is_pending_and_not_brought_again(
    following: FollowingNode,
) -> None:
    following.api.ban("198.51.100.1")  # the data plane knows the database
    following.api.plane.slow = True
    following.ban("192.0.2.1")
    said = following.lists.poll()
    assert said is not None
    assert (said.state, said.message) == ("pending", "the data plane does not have it yet")
    committed = following.api.get("/status").json["revision"]["committed"]
    again = following.lists.poll()
    assert again is not None
    assert again.state == "pending"
    following.api.plane.slow = False
    following.api.plane.announce(committed)
    last = following.lists.poll()
    assert last is not None
    assert (last.state, last.number) == ("applied", said.number)
    assert following.api.get("/status").json["revision"]["committed"] == committed


def test_a_ban_that_comes_while_another_is_pending_is_brought(following: FollowingNode) -> None:
    following.api.ban("198.51.100.1")  # the data plane knows the database
    following.api.plane.slow = True
    following.ban("192.0.2.1")
    following.lists.poll()
    following.ban("192.0.2.2")
    following.api.plane.slow = False
    said = following.lists.poll()
    assert said is not None
    assert said.state == "applied"
    assert following.held()["fleet"] == {"192.0.2.1", "192.0.2.2"}
