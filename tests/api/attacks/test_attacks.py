"""``/attacks``: what the agent has recorded, and what the data plane says now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.common.attacks import attack_document
from api.common.contract.schemas import rfc3339
from api.management.attacks.schemas import AttackBody
from dataplane.base.networks import Network
from dataplane.shared.incidents import Incident, Ranked, Top
from tests.api.conftest import Api
from tests.support.values.incidents import SYN_FLOOD, ended
from tests.support.values.recorded import Recorded


def attack(number: int, **changes: Any) -> Incident:
    """One that began `number` seconds after the first."""
    began = SYN_FLOOD.started_at + number * 1000
    return replace(
        SYN_FLOOD,
        **{"id": f"attack_{number:016x}", "started_at": began, "number": number} | changes,
    )


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [each["id"] for each in answer.json["attacks"]]


def test_an_attack_is_there_as_soon_as_the_data_plane_says_so(api: Api) -> None:
    api.plane.attacks = [SYN_FLOOD]
    page = api.get("/attacks").json
    assert page["attacks"] == [attack_document(SYN_FLOOD)]
    assert (page["total"], page["next_cursor"]) == (1, None)
    assert "can't be read: it is not there" in page["warnings"][0]
    assert api.get(f"/attacks/{SYN_FLOOD.id}").json == attack_document(SYN_FLOOD)


def test_the_documented_model_is_what_an_attack_looks_like() -> None:
    for each in (SYN_FLOOD, ended()):
        document = attack_document(each)
        assert AttackBody.model_validate(document).model_dump() == document


def test_past_attacks_come_from_the_history(api: Api, recorded: Recorded) -> None:
    document = recorded.attack(ended())
    page = api.get("/attacks").json
    assert page == {"attacks": [document], "total": 1, "next_cursor": None, "warnings": []}
    assert api.get(f"/attacks/{SYN_FLOOD.id}").json == document


def test_the_data_plane_knows_better_than_what_is_recorded(api: Api, recorded: Recorded) -> None:
    recorded.attack(SYN_FLOOD)
    api.plane.attacks = [ended()]
    assert [each["state"] for each in api.get("/attacks").json["attacks"]] == ["ended"]
    assert ids(api.get("/attacks?state=active")) == []
    assert ids(api.get("/attacks?state=ended")) == [SYN_FLOOD.id]
    assert api.get("/attacks?state=ended").json["total"] == 1


def test_what_was_done_about_an_attack_is_the_agents_to_say(api: Api, recorded: Recorded) -> None:
    until = rfc3339(SYN_FLOOD.started_at + 60_000)
    recorded.attack(SYN_FLOOD, state="in_force", until=until, entries=5)
    api.plane.attacks = [ended()]
    for body in (api.get("/attacks").json["attacks"][0], api.get(f"/attacks/{SYN_FLOOD.id}").json):
        assert body["state"] == "ended"
        assert body["response"]["state"] == "in_force"
        assert (body["response"]["until"], body["response"]["entries"]) == (until, 5)


def test_pages_go_on_where_the_last_one_ended_over_both_sources(
    api: Api, recorded: Recorded
) -> None:
    for number in (1, 3, 5):
        recorded.attack(attack(number))
    recorded.attack(attack(6))
    api.plane.attacks = [attack(2), attack(4), attack(6)]
    found, cursor = [], ""
    for _ in range(4):
        page = api.get(f"/attacks?limit=2{cursor}")
        assert page.json["total"] == 6
        found.append(ids(page))
        if page.json["next_cursor"] is None:
            break
        cursor = f"&cursor={page.json['next_cursor']}"
    numbers = [[int(each[7:], 16) for each in page] for page in found]
    assert numbers == [[6, 5], [4, 3], [2, 1]]


def test_attacks_that_began_in_one_millisecond_are_neither_lost_nor_shown_twice(
    api: Api, recorded: Recorded
) -> None:
    same = SYN_FLOOD.started_at
    for number in (1, 2):
        recorded.attack(attack(number, started_at=same))
    api.plane.attacks = [attack(3, started_at=same)]
    first = api.get("/attacks?limit=1")
    second = api.get(f"/attacks?limit=1&cursor={first.json['next_cursor']}")
    third = api.get(f"/attacks?limit=1&cursor={second.json['next_cursor']}")
    assert len({*ids(first), *ids(second), *ids(third)}) == 3
    assert third.json["next_cursor"] is None


CARPET = attack(
    1,
    type="udp_flood",
    target_kind="prefix",
    target="203.0.113.0/24",
    network=Network.parse("203.0.113.0/24"),
    profile="mail",
)
OVER = ended(attack(2, target="2001:db8::5", type="http_flood"))


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "recorded"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=active", [1]),
        ("state=ended", [2]),
        ("type=http_flood", [2]),
        ("type=ack_flood", []),
        ("profile=mail", [1]),
        ("target=203.0.113.0/24", [1]),
        ("target=203.0.113.7", [1]),
        ("target=203.0.112.7", []),
        ("target=2001:db8::5", [2]),
        ("target=2001:DB8:0::5", [2]),
        (f"since={rfc3339(OVER.ended_at or 0)}", [2, 1]),
        (f"since={rfc3339((OVER.ended_at or 0) + 1)}", [1]),
        ("state=ended&type=udp_flood", []),
    ],
)
def test_filters_mean_the_same_for_both_sources(
    api: Api, recorded: Recorded, is_live: bool, query: str, expected: list[int]
) -> None:
    if is_live:
        api.plane.attacks = [CARPET, OVER]
    else:
        recorded.attack(CARPET)
        recorded.attack(OVER)
    page = api.get(f"/attacks?{query}")
    assert [int(each[7:], 16) for each in ids(page)] == expected
    assert page.json["total"] == len(expected)


@pytest.mark.parametrize(
    "query",
    ["type=tsunami", "since=yesterday", "cursor=7", "state=over", "limit=0", "unknown=1"],
)
def test_a_query_that_means_nothing_is_422(api: Api, query: str) -> None:
    answer = api.get(f"/attacks?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


def test_without_a_data_plane_the_history_is_shown_and_says_so(
    api: Api, recorded: Recorded
) -> None:
    recorded.attack(SYN_FLOOD)
    api.plane.away = True
    page = api.get("/attacks").json
    assert [each["id"] for each in page["attacks"]] == [SYN_FLOOD.id]
    assert "the data plane is away" in page["warnings"][0]


def test_an_attack_that_nobody_knows_is_404_and_503_while_the_agent_might(
    api: Api, recorded: Recorded
) -> None:
    assert api.get(f"/attacks/{SYN_FLOOD.id}").status_code == 404
    recorded.close()
    recorded.path.unlink()
    answer = api.get(f"/attacks/{SYN_FLOOD.id}")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_a_history_that_is_no_database_is_a_warning(api: Api) -> None:
    api.settings.events.parent.mkdir(exist_ok=True)
    api.settings.events.write_bytes(b"no database" * 1000)
    api.plane.attacks = [SYN_FLOOD]
    page = api.get("/attacks").json
    assert len(page["attacks"]) == 1
    assert "file is not a database" in page["warnings"][0]


def test_a_history_whose_agent_has_ended_can_be_read(api: Api, recorded: Recorded) -> None:
    recorded.attack(ended())
    recorded.close()
    assert ids(api.get("/attacks")) == [SYN_FLOOD.id]


def test_the_heaviest_are_shown_with_their_error(api: Api) -> None:
    api.plane.heaviest = Top(
        boot_ms=api.clock.boot_ms() - 400,
        packets_every=8,
        sources=(Ranked("192.0.2.1", "DE", 800, 16),),
        targets=(Ranked("203.0.113.10", "ZZ", 900, 0),),
    )
    assert api.get("/top").json == {
        "at": rfc3339(api.clock.utc_ms() - 400),
        "packets_every": 8,
        "sources": [{"address": "192.0.2.1", "country": "DE", "packets": 800, "error": 16}],
        "targets": [{"address": "203.0.113.10", "country": "ZZ", "packets": 900, "error": 0}],
    }


def test_the_heaviest_are_not_known_yet_or_not_while_the_data_plane_is_away(api: Api) -> None:
    assert api.get("/top").json["at"] is None
    api.plane.away = True
    assert api.get("/top").status_code == 503
