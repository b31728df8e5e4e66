"""Routers that speak through the node over several hops, under a policy that refuses the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import Lab, assert_ledgers, run
from tests.support.network import neighbour
from tests.support.network.peers import background
from tests.support.values.countries_file import build
from tests.support.waiting import wait_for

ENDS = {
    "ipv4": ("198.18.0.1", "198.19.0.1"),
    "ipv6": ("2001:2::1:1", "2001:2::2:1"),
}
"""Client and origin of the lab."""
SCRIPT = (sys.executable, str(Path(neighbour.__file__)))
RULES: dict[str, dict[str, Any]] = {
    "geo_allow": {"rules": [{"type": "geo_allow", "countries": ["DE"]}]},
    "rate_limit": {"rules": [{"type": "rate_limit", "value": 1, "burst": 1}]},
    "ports": {"rules": [{"type": "ports", "protocol": "tcp", "allow": [443]}], "syn": "always"},
}
"""Each refuses the client, or all but a packet of it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One of its own: a node keeps a country database, once it has one."""
    made = Lab("e2e-neighbors")
    made.down()
    made.up(config="[connections]\nlearning_seconds = 0\n")
    path = made.instance.state_dir / "countries" / "countries.db"
    build(path, tmp_path_factory.mktemp("countries"), "FR")
    yield made
    made.down()


@pytest.fixture(autouse=True)
def afterwards(lab: Lab, key: str) -> Iterator[None]:
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


def is_refused(lab: Lab, origin: str) -> bool:
    """The client's other traffic: twice, as a limit lets one packet through."""
    host = f"[{origin}]" if ":" in origin else origin
    return all(lab.curl(f"http://{host}/", timeout_s=1).returncode != 0 for _ in range(2))


def session(lab: Lab, origin: str, patience_s: int = 50) -> str:
    """What a router behind the client's address hears from the one at the origin's."""
    return lab.in_client("timeout", str(patience_s), *SCRIPT, "far", "client", origin).stdout


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("family", ENDS)
def test_neighbours_that_the_policy_names_keep_their_sessions(
    lab: Lab, key: str, family: str, rule: str
):
    client, origin = ENDS[family]
    policy = {"name": "strict", **RULES[rule]}
    neighbors = [{"address": client, "protocols": ["bgp"]}]
    command = (*lab.enter("origin"), *SCRIPT, "far", "server", client)
    with background(*command) as server:

        def listens() -> bool:
            assert server.poll() is None, server.stdout and server.stdout.read()
            listening = run(*lab.enter("origin"), "ss", "--no-header", "-tln").stdout
            return f":{neighbour.FAR_PORT} " in listening

        wait_for(listens, "the origin listens")
        lab.change("PUT", "/policy", key, json=policy)
        wait_for(lambda: is_refused(lab, origin), "the policy refuses the client")
        assert session(lab, origin, patience_s=3) == "", "a router that nobody has named"

        lab.change("PUT", "/policy", key, json={**policy, "neighbors": neighbors})
        for _ in range(3):
            assert session(lab, origin) == neighbour.GREETING.decode()
        wait_for(lambda: is_refused(lab, origin), "its other traffic is judged as ever")
    stats = lab.quiet_stats()
    assert_ledgers(stats)
    assert all(port.neighbors["bgp"] > 0 for port in stats.ports.values())
