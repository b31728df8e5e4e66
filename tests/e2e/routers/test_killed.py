"""A node between two routers is killed: BFD finds out, and the other node takes its traffic."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.routers.curls import curls
from tests.support.routers.layout import BOTH, Site
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # two nodes, and BFD


def test_what_a_killed_node_had_on_its_way_is_sent_again_by_the_other(site: Site, tmp_path: Path):
    node = site.of("path-a")
    with curls(site, site.clients(1), tmp_path) as running:
        running.wait_for_more()
        with site.dead("path-a"):
            site.wait_for_paths({"path-b"})
            running.wait_for_more()
        site.wait_for_paths(BOTH)
        running.wait_for_more()
        wait_for(lambda: node.stats().connections.opened > 0, "it has connections again")
    assert running.lost() == []
    assert running.broken() == []
    site.assert_ledgers("path-b")
