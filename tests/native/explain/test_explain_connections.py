"""What is said of connections: how many the source has, and whether the SYN proxy answers."""

from __future__ import annotations

from dataclasses import replace

from dataplane.native import abi
from dataplane.native.abi import Reason, SynProxy, Unit
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import Pair, passes, tracking
from tests.native.connections.syn.syn_proxy_support import FRAMES, step, syn
from tests.native.explain.explain_support import ask
from tests.native.harness import Harness
from tests.native.stages.limits.limits_support import buckets, put_limit

CLIENT, SERVER = "203.0.113.7", "198.51.100.10"


def connect(harness: Harness, count: int) -> None:
    for port in range(1, count + 1):
        for frames in Pair(client_port=port).handshake():
            assert passes(harness, frames)


def test_proven_connections_of_the_source_are_counted(harness: Harness) -> None:
    with tracking(harness):
        connect(harness, 3)
        assert ask(harness, CLIENT, SERVER).connections == 3
        assert ask(harness, "203.0.113.8", SERVER).connections == 0
    assert ask(harness, CLIENT, SERVER).connections is None


def test_a_source_that_has_as_many_as_it_may_begins_no_other(harness: Harness) -> None:
    harness.policy.profile(0).connections_max = 2
    with tracking(harness):
        connect(harness, 2)
        found = ask(harness, CLIENT, SERVER)
        assert (found.verdict, found.reason) == ("dropped", "connections_source")
        assert (found.connections, found.connections_max) == (2, 2)
        assert ask(harness, CLIENT, SERVER, protocol="udp").verdict == "forwarded"
        last = replace(Pair(), client_port=3)
        assert not passes(harness, last.handshake()[0])


def test_a_proxy_that_is_on_answers_syns_alone(harness: Harness, secrets: CookieSecrets) -> None:
    found = ask(harness, CLIENT, SERVER)
    assert (found.verdict, found.syn_proxy, found.syn_proxy_on) == ("challenged", "always", True)
    assert found.reached[-1] == "connections"
    assert ask(harness, CLIENT, SERVER, protocol="udp").verdict == "forwarded"


def test_auto_is_on_where_there_are_too_many_syns_and_asking_is_none(
    harness: Harness, secrets: CookieSecrets
) -> None:
    profile = harness.policy.profile(0)
    profile.syn_proxy, profile.syn_rate = SynProxy.AUTO, 100
    for _ in range(300):
        assert ask(harness, CLIENT, SERVER).verdict == "forwarded"
    like = bytes(FRAMES["ipv4"])
    for _ in range(150):
        step(harness, syn(like, []))
    assert ask(harness, CLIENT, SERVER).verdict == "challenged"
    assert ask(harness, CLIENT, "198.51.100.11").verdict == "forwarded"
    harness.time.boot_ds += abi.SYN_PROXY_HOLD_DS + 10
    assert ask(harness, CLIENT, SERVER).verdict == "forwarded"


def test_behind_a_proxy_that_is_on_a_new_connection_pays_later(
    harness: Harness, secrets: CookieSecrets
) -> None:
    reason = Reason.RATE_SOURCE_CONNECTIONS

    def pays(mode: SynProxy) -> str:
        def fill(table: object) -> None:
            profile = table.profile(0)  # type: ignore[attr-defined]
            put_limit(profile, reason, 10, 5, unit=Unit.CONNECTIONS)
            profile.syn_proxy, profile.syn_rate = mode, 100

        harness.use_policy(fill)
        [limit] = ask(harness, CLIENT, SERVER).limits
        return limit.pays

    with buckets(harness):
        assert pays(SynProxy.ALWAYS) == "after_handshake"
        assert pays(SynProxy.AUTO) == "now"
        assert pays(SynProxy.OFF) == "now"
