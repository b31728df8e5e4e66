"""A node drains between two routers: its traffic moves to the other node, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import Lab
from tests.support.routers.curls import LARGE_BYTES, Curls, curls
from tests.support.routers.held import Held
from tests.support.routers.layout import BOTH, Site
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # two nodes, and BFD


@contextmanager
def draining(lab: Lab) -> Iterator[None]:
    """Asked for, not complete."""
    lab.api("POST", "/drain").raise_for_status()
    try:
        yield
    finally:
        lab.api("DELETE", "/drain").raise_for_status()


def drain(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.api("GET", "/drain").json()["drain"]
    return found


def wait_until_complete(lab: Lab) -> None:
    wait_for(lambda: drain(lab)["complete"], "the drain is complete")


def opened(lab: Lab) -> int:
    return lab.stats().connections.opened


def refused(lab: Lab) -> int:
    return lab.stats().ports["outside"].dropped.get("syn_proxy_no_cookie", 0)


def assert_nothing_is_lost(running: Curls) -> None:
    assert running.lost() == []
    assert running.broken() == []
    large = [each for curl in running.all if curl.kind == "large" for each in curl.requests()]
    assert {each.size for each in large} == {LARGE_BYTES}


def test_no_request_is_lost_when_the_links_of_a_draining_node_go_down(site: Site, tmp_path: Path):
    node, other = site.of("path-a"), site.of("path-b")
    lost_before = node.stats().drain.lost
    with curls(site, site.clients(1), tmp_path) as running:
        running.wait_for_more()
        with draining(node):
            site.wait_for_paths({"path-b"})
            wait_until_complete(node)
            assert node.api("GET", "/status").json()["links"]["state"] == "drained"
            running.wait_for_more()
        site.wait_for_paths(BOTH)
        before = opened(node), opened(other)
        running.wait_for_more()
        wait_for(lambda: opened(node) > before[0] and opened(other) > before[1], "both work")
    assert_nothing_is_lost(running)
    assert node.stats().drain.lost == lost_before
    for path in BOTH:
        site.assert_ledgers(path)


def test_a_node_that_keeps_its_links_waits_until_the_routers_send_it_nothing(
    site: Site, tmp_path: Path
):
    node = site.of("path-b")
    with curls(site, site.clients(1), tmp_path) as running, draining(node):
        wait_for(lambda: drain(node)["waiting_for"] == "traffic", "it waits")
        running.wait_for_more()
        assert drain(node)["waiting_for"] == "traffic"
        for router in (site.outer, site.inner):
            router.bird.ask("disable", '"path_b*"')
        try:
            site.wait_for_paths({"path-a"})
            wait_until_complete(node)
            running.wait_for_more()
        finally:
            for router in (site.outer, site.inner):
                router.bird.ask("enable", '"path_b*"')
        site.wait_for_paths(BOTH)
        running.wait_for_more()
    assert_nothing_is_lost(running)


def test_proxied_connections_are_waited_for_then_lost_and_counted(site: Site):
    node, other = site.of("path-a"), site.of("path-b")
    lost_before = node.stats().drain.lost
    clients = site.clients(3)
    with ExitStack() as stack:
        for lab in (node, other):
            lab.change("PUT", "/policy", json={"name": "proxied", "syn": "always"})
            stack.callback(lab.change, "PUT", "/policy", json={"name": "default"})
        held: dict[str, list[Held]] = {path: [] for path in BOTH}
        for client in clients:
            held[client.path].append(stack.enter_context(Held(site, client)))
        count = len(held["path-a"])
        with draining(node):
            wait_for(lambda: drain(node)["waiting_for"] == "connections", "it waits")
            held["path-a"].pop().close()
            site.wait_for_paths({"path-b"})
            wait_until_complete(node)
            assert drain(node)["connections_lost"] == lost_before + count - 1

            assert all(each.is_answered() for each in held["path-b"])
            for client in clients:
                assert site.hosts.curl(client.url(), client.address).returncode == 0
            # The other node can't translate what this one has begun.
            before = refused(other)
            held["path-a"][0].ask()
            wait_for(lambda: refused(other) > before, "a lost connection is refused")
