"""Routers that trust a neighbour alone, or sign what they send, through the SYN proxy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instances.lab import Lab, assert_ledgers, run
from tests.support.network import neighbour
from tests.support.network.peers import background
from tests.support.waiting import wait_for

ENDS = {
    "ipv4": ("198.18.0.1", "198.19.0.1"),
    "ipv6": ("2001:2::1:1", "2001:2::2:1"),
}
"""Client and origin of the lab."""
SCRIPT = (sys.executable, str(Path(neighbour.__file__)))


@pytest.fixture(autouse=True)
def proxied(lab: Lab, key: str) -> Iterator[None]:
    lab.change("PUT", "/policy", key, json={"name": "proxied", "syn": "always"})
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


@pytest.mark.parametrize("kind", ["gtsm", "md5"])
@pytest.mark.parametrize("family", ENDS)
def test_neighbours_connect_as_they_do_without_it(lab: Lab, family: str, kind: str):
    """Three times: the first may be let through to see what the origin can."""
    client, origin = ENDS[family]
    command = (*lab.enter("origin"), *SCRIPT, kind, "server", client)
    with background(*command) as server:

        def listens() -> bool:
            assert server.poll() is None, server.stdout and server.stdout.read()
            listening = run(*lab.enter("origin"), "ss", "--no-header", "-tln").stdout
            return f":{neighbour.PORT} " in listening

        wait_for(listens, "the origin listens")
        for _ in range(3):
            done = lab.in_client(*SCRIPT, kind, "client", origin)
            assert done.stdout == neighbour.GREETING.decode(), done.stderr
    assert_ledgers(lab.quiet_stats())
