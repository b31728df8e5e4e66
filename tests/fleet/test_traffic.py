"""Nodes that were rolled out to forward what a client asks its origin."""

from __future__ import annotations

from tests.fleet.conftest import NODES
from tests.fleet.support import network
from tests.fleet.support.load import Load
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

FORWARDS_S = 180
SHARE = 50
"""Packets that show that a node has its part of the requests."""


def test_a_client_gets_its_page_through_each_node(run: Run) -> None:
    with run.origin() as lab:
        for name in NODES:
            url = f"http://{network.far(run.number(name))}/"
            wait_for(
                lambda url=url: lab.curl(url, timeout_s=5).returncode == 0,
                f"{name} forwards",
                FORWARDS_S,
                every_s=0.5,
            )


def test_requests_are_spread_over_all_nodes(run: Run) -> None:
    run.spread(*NODES)
    with run.origin() as lab, Load(lab) as load:
        before = {name: run.sent(name) for name in NODES}
        wait_for(
            lambda: all(run.sent(name) >= before[name] + SHARE for name in NODES),
            "every node has requests",
            FORWARDS_S,
        )
    assert load.lost == {}
