"""``secbeat status`` and ``stats``: health, what is forwarded and dropped, exit codes."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("health", "code"), [("healthy", 0), ("degraded", 3), ("unhealthy", 3), (None, 3)]
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_status_exits_with_the_health(
    health: str | None, code: int, flags: list[str], api: Any, secbeat: Any
) -> None:
    body = {"status": "running", "health": health, "reasons": [], "connections": {"active": None}}
    api.answers_with(200, body)
    done = secbeat("status", *flags)
    assert done.code == code
    if flags:
        assert done.json == body
    else:
        assert "connections.active\t-" in done.out.splitlines()


@pytest.mark.parametrize(
    ("reasons", "error", "line"),
    [
        (["dataplane_away"], "ports.outside.device: no port", "ports.outside.device: no port"),
        (["dataplane_away"], None, "the data plane is away; `journalctl -b -u secbeat-dataplane`"),
        (["link"], None, "a data port has no link; `secbeat stats` says which (ports.*.link_up)"),
        (["agent_away"], None, None),
    ],
)
def test_status_says_that_nothing_is_forwarded_and_why(
    reasons: list[str], error: str | None, line: str | None, api: Any, secbeat: Any
) -> None:
    body = {"status": "degraded", "health": "x", "reasons": reasons, "dataplane_error": error}
    api.answers_with(200, body)
    said = [each for each in secbeat("status").out.splitlines() if "NOT FORWARDING" in each]
    assert said == ([f"NOT FORWARDING\t{line}"] if line else [])


def test_stats_flattens_what_is_nested(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"packets_processed": 5, "dropped_by_reason": {"blacklist": 2}})
    done = secbeat("stats")
    assert done.out.splitlines()[1:] == ["packets_processed\t5", "dropped_by_reason.blacklist\t2"]


def test_status_says_first_that_a_policy_drops_nothing_and_what_goes_on(
    api: Any, secbeat: Any
) -> None:
    lax = [{"profile": f"p{n}", "mode": "monitor"} for n in range(12)]
    attack = {"id": "attack_1", "type": "syn_flood", "target": "198.51.100.80", "profile": "shop"}
    attack |= {"action": "challenged", "packets_per_second": 90_000, "bits_per_second": 46_080_000}
    rates = {f"{one}_packets_per_second": 5 for one in ("received", "forwarded", "consumed")}
    rates |= {"dropped_packets_per_second": 0, "received_bits_per_second": 2560}
    body = {
        "status": "running",
        "policy": {"name": "trial", "mode": "off", "revision": 3, "not_enforced": lax},
        "rates": rates,
        "attacks": {"active": 1, "suppressed": 0, "heaviest": [attack]},
        "syn_proxy": {
            "profiles": 2,
            "always": ["bank"],
            "on_count": 2,
            "on_for": [
                {"profile": "shop", "address": "198.51.100.80"},
                {"profile": "web", "address": None},
            ],
        },
        "panic": {"until": "2026-11-30T12:00:00.000Z", "by": "x", "reason": None},
        "health": "healthy",
        "reasons": [],
    }
    api.answers_with(200, body)
    lines = secbeat("status").out.splitlines()
    assert lines[1:9] == [
        "policy\ttrial: off (revision 3)",
        f"NOTHING IS DROPPED\tin {', '.join(f'p{n} (monitor)' for n in range(10))} and 2 more",
        "PANIC MODE\tuntil 2026-11-30T12:00:00.000Z: all profiles are in monitor",
        "packets per second\t5 received, 5 forwarded, 5 consumed, 0 dropped",
        "bits per second\t2560 received",
        "UNDER ATTACK\t198.51.100.80: syn_flood, 90000 packets per second, challenged, attack_1",
        "SYN proxy\ton for 198.51.100.80, profile web, profile bank (always)",
        "status\trunning",
    ]
    assert "attacks.active\t1" in lines
    assert secbeat("status", "--json").json == body
