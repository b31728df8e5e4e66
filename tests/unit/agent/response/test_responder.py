"""Responses to attacks, on an API that is not there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from api.agent.node_api import RequestError
from api.agent.response.measures import SURE_MS
from api.agent.response.responder import STRAYS_S, Responder
from dataplane.shared.incidents import Incident, Ranked, WantedResponse
from tests.support.clock import FakeClock
from tests.support.values.incidents import SYN_FLOOD, ended

SOURCES = (Ranked("192.0.2.1", "DE", 9_000, 7), Ranked("192.0.2.2", "DE", 8_000, 7))
WEAK = Ranked("192.0.2.3", "DE", 500, 7)


@dataclass
class FakeApi:
    """Remembers what was asked of it; refuses bans of what is allowed."""

    away: bool = False
    allowed: frozenset[str] = frozenset()
    bans: dict[str, dict[str, Any]] = field(default_factory=dict)
    overlays: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        self.asked.append(f"{method} {path}")
        if self.away:
            raise RequestError(0, "connection refused")
        match method, path.partition("?")[0]:
            case "POST", "blacklist":
                if body["ip"] in self.allowed:
                    raise RequestError(409, "allowlisted")
                self.bans[body["ip"]] = body
            case "POST", "blacklist/remove":
                assert body["origin"] == "incident"
                self.bans = {
                    ip: each for ip, each in self.bans.items() if each["reason"] != body["reason"]
                }
            case "POST", "overlays":
                found = f"o{len(self.asked)}"
                self.overlays[found] = {**body, "id": found}
                return self.overlays[found]
            case "DELETE", _:
                if self.overlays.pop(path.removeprefix("overlays/"), None) is None:
                    raise RequestError(404, "there is none")
            case "GET", "blacklist":
                return {"blacklist": list(self.bans.values()), "next_cursor": None}
            case "GET", "overlays":
                return {"overlays": list(self.overlays.values())}
        return {}


def attack(kind: str = "blacklist", mode: str = "enforce", **changes: Any) -> Incident:
    """One of real sources, seen for long enough."""
    return replace(
        SYN_FLOOD,
        sources=replace(SYN_FLOOD.sources, top=(*SOURCES, WEAK), is_spoofed=False),
        updated_at=SYN_FLOOD.detected_at + SURE_MS,
        response=WantedResponse(kind, mode, 600, 10, 500),
        **changes,
    )


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def responder(api: FakeApi, clock: FakeClock) -> Responder:
    return Responder(api, clock)


def see(responder: Responder, *found: Incident, turns: int = 1) -> None:
    responder.see({each.id: each for each in found if each.is_active})
    for _ in range(turns):
        responder.turn()


def test_the_heavy_sources_are_banned_once_for_a_time(api: FakeApi, responder: Responder) -> None:
    see(responder, attack(), turns=3)
    assert api.bans.keys() == {"192.0.2.1", "192.0.2.2"}
    assert api.bans["192.0.2.1"] == {
        "ip": "192.0.2.1",
        "reason": SYN_FLOOD.id,
        "origin": "incident",
        "duration_seconds": 600,
    }
    assert api.asked.count("POST blacklist") == 2
    told = responder.response(SYN_FLOOD.id)
    assert told is not None
    assert (told["state"], told["entries"]) == ("active", 2)
    assert told["until"]


def test_the_end_of_the_attack_undoes_them(api: FakeApi, responder: Responder) -> None:
    see(responder, attack())
    api.bans["198.51.100.1"] = {"ip": "198.51.100.1", "reason": "attack_other"}
    see(responder, ended(attack()), turns=3)
    assert api.bans.keys() == {"198.51.100.1"}
    assert api.asked.count("POST blacklist/remove") == 1
    told = responder.response(SYN_FLOOD.id)
    assert told == {"state": "ended", "until": None, "entries": 2}


def test_no_more_sources_are_banned_than_the_policy_says(
    api: FakeApi, responder: Responder
) -> None:
    wanted = attack()
    see(responder, replace(wanted, response=replace(wanted.response, entries_max=1)), turns=3)
    assert api.bans.keys() == {"192.0.2.1"}


def test_a_spoofed_source_is_never_banned(api: FakeApi, responder: Responder) -> None:
    forged = attack()
    forged = replace(forged, sources=replace(forged.sources, is_spoofed=True))
    see(responder, forged)
    assert api.bans == {}
    assert responder.response(forged.id) == {"state": "spoofed", "until": None, "entries": 0}


def test_bans_end_when_their_sources_turn_out_to_be_forged(
    api: FakeApi, responder: Responder
) -> None:
    found = attack()
    see(responder, found)
    see(responder, replace(found, sources=replace(found.sources, is_spoofed=True)))
    assert api.bans == {}


def test_nobody_is_banned_before_forged_sources_can_be_known(
    api: FakeApi, responder: Responder
) -> None:
    see(responder, replace(attack(), updated_at=SYN_FLOOD.detected_at + SURE_MS - 1))
    assert api.bans == {}


def test_what_the_allowlist_protects_is_asked_for_once(api: FakeApi, responder: Responder) -> None:
    api.allowed = frozenset({"192.0.2.1"})
    see(responder, attack(), turns=3)
    assert api.bans.keys() == {"192.0.2.2"}
    assert api.asked.count("POST blacklist") == 2
    assert not responder.is_failing


@pytest.mark.parametrize(
    ("kind", "overlay"),
    [
        ("syn_proxy", {"kind": "syn_proxy", "profile": "web"}),
        ("limit", {"kind": "limit", "profile": "web", "unit": "packets", "value": 500}),
    ],
)
def test_an_overlay_is_laid_once_and_taken_back(
    api: FakeApi, responder: Responder, kind: str, overlay: dict[str, Any]
) -> None:
    see(responder, attack(kind), turns=3)
    (laid,) = api.overlays.values()
    assert laid["overlay"] == overlay
    assert (laid["incident"], laid["origin"]) == (SYN_FLOOD.id, "incident")
    assert laid["duration_seconds"] == 600
    see(responder, ended(attack(kind)))
    assert api.overlays == {}
    assert not responder.is_failing


def test_an_overlay_that_ended_by_itself_is_no_failure(api: FakeApi, responder: Responder) -> None:
    see(responder, attack("limit"))
    api.overlays.clear()
    see(responder, ended(attack("limit")))
    assert not responder.is_failing


def test_a_response_is_renewed_while_the_attack_goes_on(
    api: FakeApi, responder: Responder, clock: FakeClock
) -> None:
    see(responder, attack())
    clock.pass_ms(451_000)
    see(responder, attack(), turns=2)
    assert api.asked.count("POST blacklist") == 4


def test_monitor_says_what_would_be_done_and_does_nothing(
    api: FakeApi, responder: Responder
) -> None:
    see(responder, attack(mode="monitor"))
    assert api.bans == {}
    assert responder.response(SYN_FLOOD.id) == {"state": "monitored", "until": None, "entries": 0}


def test_while_the_api_is_away_the_node_is_degraded_until_it_is_done(
    api: FakeApi, responder: Responder
) -> None:
    api.away = True
    see(responder, attack())
    assert responder.is_failing
    told = responder.response(SYN_FLOOD.id)
    assert told is not None
    assert told["state"] == "failed"
    api.away = False
    see(responder, attack())
    assert not responder.is_failing
    assert len(api.bans) == 2


def test_an_api_that_is_away_is_nothing_to_say_while_no_response_is_wanted(
    api: FakeApi, responder: Responder
) -> None:
    api.away = True
    see(responder)
    assert not responder.is_failing


def test_what_an_earlier_process_has_left_is_taken_back(
    api: FakeApi, responder: Responder, clock: FakeClock
) -> None:
    gone = "attack_00000000000000ff"
    for ip, reason in (("192.0.2.9", gone), ("192.0.2.8", SYN_FLOOD.id)):
        api.bans[ip] = {"ip": ip, "reason": reason, "origin": "incident"}
    api.overlays["o1"] = {"id": "o1", "incident": gone, "origin": "incident"}
    api.overlays["o2"] = {"id": "o2", "incident": None, "origin": "manual"}
    responder.turn()  # nothing is known of the data plane yet
    assert len(api.bans) == 2
    see(responder, attack())
    assert "192.0.2.9" not in api.bans
    assert "192.0.2.8" in api.bans
    assert api.overlays.keys() == {"o2"}
    clock.pass_ms(round(STRAYS_S * 1000) - 1)
    asked = len(api.asked)
    see(responder, attack())
    assert len(api.asked) == asked
