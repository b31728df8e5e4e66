"""Nodes that were rolled out to forward what a client asks its origin."""

from __future__ import annotations

from tests.fleet.conftest import NODES
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

ORIGIN = "http://198.19.0.1/"
FORWARDS_S = 180


def test_a_client_gets_its_page_through_each_node(run: Run) -> None:
    for name in NODES:
        with run.origin(name) as lab:
            wait_for(
                lambda lab=lab: lab.curl(ORIGIN, timeout_s=5).returncode == 0,
                f"{name} forwards",
                FORWARDS_S,
                every_s=0.5,
            )
