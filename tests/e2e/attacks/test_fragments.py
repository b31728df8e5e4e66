"""Fragments of IPv4 as hping3 makes them: on af_xdp, as af_packet shows them put together."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab
from tests.support.instances.stories import ATTACKER, HONEST, ORIGIN, hping3
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
AF_XDP = 44
CONFIG = """
[connections]
learning_seconds = 0
[ports.outside]
device = "net_af_xdp0,iface=outside"
[ports.inside]
device = "net_af_xdp1,iface=inside"
"""
RULE = {"type": "detection", "fragments": 400, "quiet_seconds": 3}
FLOOD = hping3("--udp", "--destport", "9999", "--data", "1000", "--frag", "--mtu", "256")


@pytest.fixture
def fast() -> Iterator[Lab]:
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError:
        pytest.skip("this kernel has no AF_XDP sockets")
    made = Lab("e2e-stories-xdp")
    made.down()
    made.up(config=CONFIG)
    made.change("PUT", "/policy", json={"name": "fragments", "rules": [RULE]})
    yield made
    made.down()


def test_a_fragment_flood_is_named_and_over_when_it_is(fast: Lab):
    def attacks(state: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = fast.api("GET", f"/attacks?state={state}").json()[
            "attacks"
        ]
        return found

    fast.add_address("client", f"{HONEST}/15")
    with FLOOD(fast):
        (attack,) = wait_for(lambda: attacks("active"), "the flood is listed")
        assert (attack["type"], attack["target"]) == ("fragment_flood", ORIGIN)
        assert fast.curl(f"http://{ORIGIN}/", HONEST, timeout_s=50).returncode == 0
    (over,) = wait_for(lambda: attacks("ended"), "it is over")
    assert (over["id"], over["ended_by"]) == (attack["id"], "quiet")
    assert over["sources"]["top"][0]["address"] == ATTACKER
