"""One customer's flood fills the table of connections, and another's are tracked all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab, assert_ledgers

ATTACKED = "198.19.0.2"
"""Another address of the origin, of which no port is open."""
ORIGINS = {"ipv4": "198.19.0.1", "ipv6": "[2001:2::2:1]"}
MAX = 1024
SHARE = 25
POLICY = {
    "name": "shares",
    "syn": "off",
    "rules": [{"type": "connection_state", "action": "enforce"}],
    "profiles": [
        {
            "name": "attacked",
            "targets": [ATTACKED],
            "syn": "off",
            "rules": [{"type": "connection_state", "action": "enforce"}],
        }
    ],
}
"""A share of a quarter for each of the two, as none is said."""


@pytest.fixture(scope="module")
def small() -> Iterator[Lab]:
    made = Lab("e2e-shares")
    made.down()
    made.up(config=f"[connections]\nmax = {MAX}\nlearning_seconds = 0\n")
    made.add_address("origin", f"{ATTACKED}/32")
    yield made
    made.down()


@pytest.mark.parametrize("kind", ["--udp", "--syn"])
def test_pages_come_through_while_another_profile_is_flooded(small: Lab, kind: str) -> None:
    key = small.make_key(f"shares{kind}")
    small.change("PUT", "/policy", key, json=POLICY)
    flood = ("hping3", "--quiet", kind, "--destport", "9", "--rand-source", "--interval", "u100")
    small.in_client(*flood, "--count", str(8 * MAX), ATTACKED, timeout_s=120)
    stats = small.stats()
    attacked = stats.connections.by_profile["attacked"]
    assert MAX // 2 < attacked <= MAX * (100 - SHARE) // 100
    assert small.api("GET", "/stats", key).json()["connections_by_profile"]["attacked"] > 0
    untracked = stats.connections.untracked
    for origin in ORIGINS.values():
        for _ in range(20):
            assert small.curl(f"http://{origin}/").returncode == 0
    stats = small.quiet_stats()
    assert_ledgers(stats)
    assert stats.connections.untracked == untracked
    assert stats.ports["outside"].dropped.get("out_of_state", 0) == 0
