"""What the routers say to one another passes the nodes, whatever the policy refuses."""

from __future__ import annotations

import pytest

from tests.support.routers.layout import BOTH, Site
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # two nodes, and BFD

STRICT = {"name": "strict", "rules": [{"type": "rate_limit", "value": 1, "burst": 1}]}
ENOUGH = 100
"""Packets of BFD on each port: many more than a limit of one a second would let through in the
time in which BFD gives up."""


def test_a_policy_that_limits_everybody_leaves_bfd_and_bgp_alone(site: Site):
    nodes = [site.of(path) for path in sorted(BOTH)]
    client = site.clients(1)[0]
    before = [router.bird.sessions() for router in (site.outer, site.inner)]
    assert [len(each) for each in before] == [4, 4]

    def heard() -> list[int]:
        return [port.link["bfd"] for lab in nodes for port in lab.stats().ports.values()]

    for lab in nodes:
        lab.change("PUT", "/policy", json=STRICT)
    try:
        wait_for(
            lambda: site.hosts.curl(client.url(), client.address, timeout_s=1).returncode != 0,
            "the clients are limited",
        )
        first = heard()
        wait_for(
            lambda: all(now - then > ENOUGH for now, then in zip(heard(), first, strict=True)),
            "the routers go on",
        )
        assert [router.bird.sessions() for router in (site.outer, site.inner)] == before
        assert all(lab.stats().ports["outside"].link["bgp"] > 0 for lab in nodes)
    finally:
        for lab in nodes:
            lab.change("PUT", "/policy", json={"name": "default"})
