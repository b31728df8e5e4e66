"""FRR beside a node, as `docs/links.md` configures it, with BIRD on the other side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.routers.test_drain import assert_nothing_is_lost, draining, wait_until_complete
from tests.support.routers.curls import curls
from tests.support.routers.layout import BOTH, Site

pytestmark = pytest.mark.alone  # two nodes, and BFD


@pytest.fixture
def outer_frr(site: Site) -> Iterator[Site]:
    """A daemon begins when the other router has noticed that the one before has gone."""
    site.outer.halt()
    try:
        site.wait_for_paths(set())
        site.outer.run_frr()
        site.wait_for_paths(BOTH)
        yield site
    finally:
        site.outer.halt()
        site.wait_for_paths(set())
        site.outer.run_bird()


def test_no_request_is_lost_between_frr_and_bird(outer_frr: Site, tmp_path: Path):
    site, node = outer_frr, outer_frr.of("path-a")
    with curls(site, site.clients(1), tmp_path) as running:
        running.wait_for_more()
        with draining(node):
            site.wait_for_paths({"path-b"})
            wait_until_complete(node)
            running.wait_for_more()
        site.wait_for_paths(BOTH)
        running.wait_for_more()
        with site.dead("path-a"):
            site.wait_for_paths({"path-b"})
            running.wait_for_more()
        site.wait_for_paths(BOTH)
    assert_nothing_is_lost(running)
