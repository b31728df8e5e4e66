"""``/explain``: the data plane's answer, with who, when and why of the database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dataplane.base.networks import Network
from dataplane.client import PacketExplanation, PacketQuestion
from dataplane.shared.explained import CoveringEntry, Finding, LimitState
from dataplane.shared.labels import STAGES
from dataplane.statelog import ListName
from tests.support.values.explained import PASSED
from tests.support.values.incidents import SYN_FLOOD, ended

from .conftest import Api

CLIENT, SERVER = "198.51.100.7", "203.0.113.10"


def dropped(stage: str, reason: str, **changes: Any) -> PacketExplanation:
    return replace(
        PASSED,
        verdict="dropped",
        reason=reason,
        reached=STAGES[: STAGES.index(stage) + 1],
        findings=(Finding(stage, reason, "enforce"),),
        **changes,
    )


def covering(name: ListName, *networks: str) -> tuple[CoveringEntry, ...]:
    return tuple(CoveringEntry(name, Network.parse(each), 12) for each in networks)


def explain(api: Api, query: str = "") -> Any:
    answer = api.get(f"/explain?address={CLIENT}{query}")
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_ban_is_told_with_who_when_and_why(api: Api) -> None:
    api.ban("198.51.100.0/24", reason="scanner")
    entries = covering("blacklist", "198.51.100.0/24")
    answer = dropped("lists", "blacklist", entries=entries, entries_found=1)
    api.plane.explains = lambda _question: answer
    body = explain(api, f"&to={SERVER}")
    assert (body["verdict"], body["reason"], body["stage"]) == ("dropped", "blacklist", "lists")
    assert body["text"] == "source is on the blacklist"
    [entry] = body["entries"]
    assert (entry["ip"], entry["hits"], entry["decides"]) == ("198.51.100.0/24", 12, True)
    [origin] = entry["origins"]
    assert (origin["origin"], origin["reason"]) == ("manual", "scanner")
    assert origin["created_by"] == "MANAGEMENT_API_KEY"
    outcomes = {each["stage"]: each["outcome"] for each in body["stages"]}
    assert (outcomes["sanity"], outcomes["lists"]) == ("passed", "dropped")
    assert outcomes["country"] == outcomes["forward"] == "not_reached"


def test_the_allow_of_a_short_prefix_decides_and_not_the_ban(api: Api) -> None:
    entries = (
        *covering("blacklist", CLIENT),
        *covering("allowlist", "198.51.0.0/16"),
    )
    answer = replace(PASSED, entries=entries, entries_found=2, is_allowed=True)
    api.plane.explains = lambda _question: answer
    body = explain(api, f"&to={SERVER}")
    assert [each["decides"] for each in body["entries"]] == [False, True]
    assert [each["origins"] for each in body["entries"]] == [[], []]


def test_the_data_plane_is_asked_about_the_packet(api: Api) -> None:
    body = explain(api, f"&to={SERVER}&port=53&protocol=udp")
    key = Network.parse
    assert api.plane.asked == [PacketQuestion(key(CLIENT).key, 17, 53, key(SERVER).key)]
    assert body["packet"] == {
        "source": CLIENT,
        "destination": SERVER,
        "protocol": "udp",
        "port": 53,
    }


@pytest.mark.parametrize(
    ("address", "protocol"), [("192.0.2.1", 1), ("::ffff:192.0.2.1", 1), ("2001:db8::1", 58)]
)
def test_icmp_is_that_of_the_family_and_a_mapped_address_is_ipv4(
    api: Api, address: str, protocol: int
) -> None:
    body = api.get(f"/explain?address={address}&protocol=icmp").json
    assert api.plane.asked[0].protocol == protocol
    assert body["packet"]["port"] is None
    assert body["packet"]["source"] == address.removeprefix("::ffff:")


def test_without_a_destination_profiles_that_differ_are_named(api: Api) -> None:
    api.plane.named = ["web", "mail", "dns"]
    closed = dropped("filter", "ports_tcp")
    api.plane.explains = lambda question: closed if question.profile == 2 else PASSED
    body = explain(api)
    assert (body["verdict"], body["profile"]) == ("forwarded", "default")
    assert body["other_profiles"] == [
        {"profile": "mail", "verdict": "dropped", "reason": "ports_tcp"}
    ]
    assert [question.profile for question in api.plane.asked] == [0, 1, 2, 3]


def test_attacks_on_the_destination_and_of_the_source_are_named(api: Api) -> None:
    other = replace(
        SYN_FLOOD, id="attack_00000000000000ff", network=Network.parse("192.0.2.1"), target="x"
    )
    api.plane.attacks = [SYN_FLOOD, other, ended(id="attack_00000000000000fe")]
    [of_target] = explain(api, f"&to={SERVER}")["attacks"]
    assert (of_target["id"], of_target["is_target"], of_target["is_source"]) == (
        SYN_FLOOD.id,
        True,
        False,
    )
    source = SYN_FLOOD.sources.top[0].address
    found = api.get(f"/explain?address={source}&to=192.0.2.99").json["attacks"]
    assert {each["id"] for each in found} == {SYN_FLOOD.id, other.id}
    assert [each["is_source"] for each in found] == [True, True]


def test_panic_and_overlays_of_the_profile_are_named(api: Api) -> None:
    api.plane.named = ["web"]
    api.plane.explains = lambda _question: replace(PASSED, profile=1)
    for name in ("web", "mail"):
        overlay = {"kind": "limit", "profile": name, "unit": "packets", "value": 500}
        api.call("POST", "/overlays", json={"overlay": overlay, "duration_seconds": 60})
    api.call("POST", "/panic", json={"reason": "shop is down"})
    found = explain(api, f"&to={SERVER}")["overlays"]
    assert {(each["kind"], each["reason"]) for each in found} == {
        ("limit", None),
        ("panic", "shop is down"),
    }
    assert len(found) == 2


def test_limits_say_how_full_their_buckets_are(api: Api) -> None:
    limit = LimitState(
        reason="rate_source_packets",
        mode="enforce",
        scope="source",
        unit="packets",
        icmp_only=False,
        prefix_length=32,
        rate=100,
        size=200,
        room=150,
        pays="now",
        is_known=True,
    )
    api.plane.explains = lambda _question: replace(PASSED, limits=(limit,), connections_max=5)
    body = explain(api, f"&to={SERVER}")
    [found] = body["limits"]
    assert (found["rate"], found["size"], found["room"], found["pays"]) == (100, 200, 150, "now")
    assert body["connections"] == {"proven": 3, "limit": 5}


@pytest.mark.parametrize(
    "query",
    [
        "address=198.51.100.0/24",
        "address=nobody",
        "address=198.51.100.7&to=2001:db8::1",
        "address=198.51.100.7&port=0",
        "address=198.51.100.7&protocol=gre",
        "address=198.51.100.7&protocol=icmp&port=80",
        "address=2001:db8::1&protocol=icmp&port=443",
        "to=198.51.100.7",
    ],
)
def test_what_is_no_packet_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/explain?{query}").status_code == 422
    assert api.plane.asked == []


def test_a_data_plane_that_is_away_is_said_so(api: Api) -> None:
    api.plane.away = True
    assert api.get(f"/explain?address={CLIENT}").status_code == 503
