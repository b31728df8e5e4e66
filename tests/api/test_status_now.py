"""What status says of policy, rates, attacked destinations and the SYN proxy."""

from __future__ import annotations

from dataclasses import replace

from dataplane.shared.incidents import Rates
from dataplane.shared.stats import Protected, SynProxyOn, TrafficRates
from tests.support.values.incidents import SYN_FLOOD

from .conftest import Api


def profile(name: str, last: int, **fields: object) -> dict[str, object]:
    return {"name": name, "targets": [f"198.51.100.{last}/32"], **fields}


def test_profiles_that_enforce_nothing_are_named(api: Api) -> None:
    profiles = [
        profile("shop", 1),
        profile("trial", 2, mode="monitor"),
        profile("x", 3, mode="off"),
    ]
    document = {"name": "mixed", "mode": "monitor", "profiles": profiles}
    assert api.call("PUT", "/policy", json=document).status_code == 200
    assert api.get("/status").json["policy"] == {
        "name": "mixed",
        "mode": "monitor",
        "revision": 1,
        "not_enforced": [
            {"profile": "default", "mode": "monitor"},
            {"profile": "trial", "mode": "monitor"},
            {"profile": "x", "mode": "off"},
        ],
    }


def test_rates_are_those_that_the_data_plane_publishes(api: Api) -> None:
    api.plane.rates = TrafficRates(5000, 2_560_000, 4000, 100, 900)
    assert api.get("/status").json["rates"] == {
        "received_packets_per_second": 5000,
        "received_bits_per_second": 2_560_000,
        "forwarded_packets_per_second": 4000,
        "consumed_packets_per_second": 100,
        "dropped_packets_per_second": 900,
    }
    api.plane.away = True
    body = api.get("/status").json
    assert (body["rates"], body["syn_proxy"], body["policy"]["name"]) == (None, None, "default")


def test_the_heaviest_attacks_come_first_and_ten_at_most(api: Api) -> None:
    paces = [n * 1000 for n in range(12)]
    api.plane.attacks = [
        replace(SYN_FLOOD, id=f"attack_{n:016x}", rates=Rates(pace, 8 * pace, 0))
        for n, pace in enumerate(paces)
    ]
    ended = replace(
        SYN_FLOOD, id="attack_ffffffffffffffff", state="ended", rates=Rates(10**9, 0, 0)
    )
    api.plane.attacks.append(ended)
    heaviest = api.get("/status").json["attacks"]["heaviest"]
    assert [one["packets_per_second"] for one in heaviest] == sorted(paces, reverse=True)[:10]
    assert heaviest[0] == {
        "id": "attack_000000000000000b",
        "type": "syn_flood",
        "target": "203.0.113.10",
        "profile": "web",
        "action": "challenged",
        "packets_per_second": 11_000,
        "bits_per_second": 88_000,
    }


def test_for_whom_the_syn_proxy_is_on_is_said(api: Api) -> None:
    api.plane.syn_proxy_profiles = 3
    shown = (Protected("shop", "198.51.100.1"), Protected("web", None))
    api.plane.syn_proxy_on = SynProxyOn(40, shown)
    profiles = [
        profile("bank", 1, syn="always"),
        profile("watched", 2, syn="always", mode="monitor"),
        profile("plain", 3),
    ]
    api.call("PUT", "/policy", json={"name": "p", "profiles": profiles})
    assert api.get("/status").json["syn_proxy"] == {
        "profiles": 3,
        "always": ["bank"],
        "on_count": 40,
        "on_for": [
            {"profile": "shop", "address": "198.51.100.1"},
            {"profile": "web", "address": None},
        ],
    }
