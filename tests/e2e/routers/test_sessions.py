"""What the routers say to one another passes the nodes, whatever the policy refuses."""

from __future__ import annotations

import pytest

from tests.support.routers.daemons import Sessions
from tests.support.routers.layout import BOTH, Site
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # two nodes, and BFD

STRICT = {"name": "strict", "rules": [{"type": "rate_limit", "value": 1, "burst": 1}]}
ENOUGH = 100
"""Packets of BFD on each port: many more than a limit of one a second would let through in the
time in which BFD gives up."""


def sessions(site: Site) -> list[Sessions]:
    return [router.bird.sessions() for router in (site.outer, site.inner)]


def test_a_policy_that_limits_everybody_leaves_bfd_and_bgp_alone(site: Site):
    nodes = [site.of(path) for path in sorted(BOTH)]
    client = site.clients(1)[0]

    def heard() -> list[int]:
        return [port.link["bfd"] for lab in nodes for port in lab.stats().ports.values()]

    def are_undisturbed() -> bool:
        """A machine that was frozen for longer than BFD waits begins anew."""
        before, first = sessions(site), heard()
        wait_for(
            lambda: all(now - then > ENOUGH for now, then in zip(heard(), first, strict=True)),
            "the routers go on",
        )
        return sessions(site) == before and [len(each) for each in before] == [4, 4]

    for lab in nodes:
        lab.change("PUT", "/policy", json=STRICT)
    try:
        wait_for(
            lambda: site.hosts.curl(client.url(), client.address, timeout_s=1).returncode != 0,
            "the clients are limited",
        )
        wait_for(are_undisturbed, "no session of BFD ends", bound_s=120)
        assert all(lab.stats().ports["outside"].link["bgp"] > 0 for lab in nodes)
    finally:
        for lab in nodes:
            lab.change("PUT", "/policy", json={"name": "default"})
