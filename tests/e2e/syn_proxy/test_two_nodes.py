"""Two nodes with one secret: who was answered by one may come back at the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clients.syn_flood import mac
from tests.support.instances.lab import Lab, assert_ledgers, run

CLIENT = Path(__file__).parents[2] / "support" / "clients" / "cookie_client.py"
SOURCE, TARGET = "198.18.55.1", "198.19.0.1"
SECRET = "shared by both nodes"  # noqa: S105


@contextmanager
def proxying_node(name: str, secret: str) -> Iterator[Lab]:
    """One that answers for all hosts, and does not learn."""
    lab = Lab(name)
    lab.down()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYN_COOKIE_SECRET", secret)
        lab.up(config="[connections]\nlearning_seconds = 0\n")
    try:
        lab.change("PUT", "/policy", json={"name": "proxied", "syn": "always"})
        # The source is nobody's, and the origin need not ask for it.
        names = lab.instance.namespaces
        neighbour = ("neighbour", "replace", SOURCE, "lladdr", mac(names.client, "net0"))
        done = run("ip", "-n", names.origin, *neighbour, "dev", "net0", "nud", "permanent")
        assert done.returncode == 0, done.stderr
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def first() -> Iterator[Lab]:
    with proxying_node("e2e-first", SECRET) as lab:
        yield lab


def client(lab: Lab, verb: str, *arguments: str, wait_s: int = 30) -> str:
    target_mac = mac(lab.instance.namespaces.origin, "net0")
    where = ("net0", SOURCE, TARGET, target_mac, str(wait_s))
    done = lab.in_client(sys.executable, str(CLIENT), verb, *where, *arguments)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_cookie_of_one_opens_a_connection_through_the_other(first: Lab):
    with proxying_node("e2e-second", SECRET) as second:
        cookie = client(first, "syn")
        assert client(second, "ack", cookie) == "HTTP/1.1 200 OK"
        stats = second.quiet_stats()
    assert_ledgers(stats)
    assert stats.connections.accepted == 1
    assert first.quiet_stats().connections.opened == 0


def test_a_node_with_another_secret_does_not_take_it(first: Lab):
    with proxying_node("e2e-second", "another secret than the first's") as second:
        cookie = client(first, "syn")
        assert "TimeoutError" in client(second, "ack", cookie, wait_s=5)
        stats = second.quiet_stats()
    assert stats.connections.opened == 0
    assert stats.ports["outside"].dropped["syn_proxy_no_cookie"] > 0
