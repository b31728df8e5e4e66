"""Two worker lcores share the traffic by its clients' owners."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import iperf, iperf_server


@pytest.fixture(scope="module")
def two() -> Iterator[Lab]:
    made = Lab("e2e-two")
    made.down()
    made.up(config="[dataplane]\nlcores = 2\n")
    yield made
    made.down()


def test_both_forward_and_every_packet_is_accounted_for(two: Lab):
    for number in range(1, 9):
        two.add_address("client", f"198.18.20.{number}/15")
        two.add_address("client", f"2001:2::20:{number}/64")
    with iperf_server(two):
        for source, target in (("198.18.20.1", "198.19.0.1"), ("2001:2::20:1", "2001:2::2:1")):
            assert iperf(two, target, "--bind", source, megabytes=4) >= 4 << 20
    for number in range(1, 9):
        assert two.curl("http://198.19.0.1/", f"198.18.20.{number}").returncode == 0
        assert two.curl("http://[2001:2::2:1]/", f"2001:2::20:{number}").returncode == 0
    stats = two.quiet_stats()
    assert len(stats.lcores) == 2
    assert_ledgers(stats)
    assert all(lcore.stages["lists"].packets > 0 for lcore in stats.lcores)


def test_a_ban_holds_on_whichever_of_them_owns_the_client(two: Lab):
    for number in range(1, 5):
        source = f"198.18.21.{number}"
        two.add_address("client", f"{source}/15")
        assert two.curl("http://198.19.0.1/", source).returncode == 0
        two.change("POST", "/blacklist", json={"ip": source})
        assert two.curl("http://198.19.0.1/", source, timeout_s=1).returncode != 0
