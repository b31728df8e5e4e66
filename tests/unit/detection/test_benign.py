"""Traffic that is no attack, though there is much of it: no incident, whatever the order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplane.native.abi import Sample
from tests.support.values.traffic import Row, evidence, row, target
from tests.unit.detection.detection_support import WEB, Watched

DOWN = "203.0.113.20"


def test_a_crowd_of_a_thousand_clients_within_a_second() -> None:
    """Six connections each at first, a page of twenty requests, then a request now and then."""

    def tick(number: int) -> dict[str, Row]:
        if number >= 10:
            return {WEB: row(request=100, connection=10, syn=10, syn_ack=10, packets=3000)}
        # The last handshakes of a tick are completed in the next one.
        completed = 600 if number else 300
        return {WEB: row(syn=600, syn_ack=600, connection=completed, request=600, packets=9000)}

    watched = Watched()
    watched.run(30, tick)
    assert watched.types() == []


def test_a_thousand_clients_at_once_whose_handshakes_take_a_tenth_of_a_second() -> None:
    ticks = (row(syn=3000, syn_ack=3000), row(connection=3000))
    watched = Watched()
    watched.run(1, lambda number: {WEB: ticks[number]} if number < len(ticks) else {})
    assert watched.types() == []


def test_a_thousand_clients_in_a_second_whose_handshakes_take_a_fifth_of_one() -> None:
    """Six connections each."""

    def tick(number: int) -> dict[str, Row]:
        syns, completed = 600 * (number < 10), 600 * (2 <= number < 12)
        return {WEB: row(syn=syns, syn_ack=syns, connection=completed, packets=3000)}

    watched = Watched()
    watched.run(3, tick)
    assert watched.types() == []


@pytest.mark.parametrize("round_trip", [2, 3, 4])
def test_three_thousand_clients_at_once_who_are_far_away(round_trip: int) -> None:
    """Ticks: it is known after the first that nothing more comes."""

    def tick(number: int) -> dict[str, Row]:
        if number == 0:
            return {WEB: row(syn=3000, syn_ack=3000)}
        return {WEB: row(connection=3000 * (number == round_trip))}

    watched = Watched()
    watched.run(2, tick)
    assert watched.types() == []


def test_as_many_syns_at_once_that_nothing_becomes_of() -> None:
    watched = Watched()
    watched.run(1, lambda number: {WEB: row(syn=3000 * (number == 0), syn_ack=3000)})
    assert watched.types() == [("syn_flood", WEB)]
    pulsed = Watched()
    pulsed.run(1.2, lambda number: {WEB: row(syn=3000 * (number % 3 == 0), syn_ack=2000)})
    assert pulsed.types() == [("syn_flood", WEB)]


def test_one_fast_backup() -> None:
    watched = Watched()
    watched.tick({WEB: row(syn=1, syn_ack=1)})
    watched.run(30, {WEB: row(packets=10_000, size=1500)})
    assert watched.types() == []


def test_a_monitor_that_tries_every_port_of_every_host() -> None:
    """20 hosts, 40 SYNs a second each; closed ports, so nothing becomes a connection."""
    hosts = [f"203.0.113.{number}" for number in range(20)]
    watched = Watched()
    watched.run(60, {host: row(syn=4, syn_ack=1, rst=1, icmp=1) for host in hosts})
    assert watched.types() == []


def test_a_scanner_that_takes_a_second_for_a_thousand_ports() -> None:
    tried = tuple(Sample(tcp_flags=2, destination_port=port) for port in range(64))
    scan = evidence(samples=tried, distinct_sources=1, seen_once=0)
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = scan
    watched.run(3, {WEB: row(syn=120, syn_ack=20)})
    assert watched.types() == []
    assert watched.collector.followed == []
    # The same SYNs to one port are a flood, and so are many more of them.
    watched.collector.evidence_of[target(WEB)] = replace(scan, samples=tried[:1] * 64)
    watched.run(0.5, {WEB: row(syn=120, syn_ack=20)})
    assert watched.types() == [("syn_flood", WEB)]
    fast = Watched()
    fast.collector.evidence_of[target(WEB)] = scan
    fast.run(2, {WEB: row(syn=500, syn_ack=400)})
    assert fast.types() == [("syn_flood", WEB)]


@pytest.mark.parametrize("clients", [1000, 3000])
def test_a_host_that_reboots_and_whose_clients_retry(clients: int) -> None:
    """All their connections end at once; each tries again at 0, 1, 3 and 7 s (RFC 6298,
    5.5), less and less together."""
    at = {0: 1, 10: 2, 11: 2, **dict.fromkeys(range(30, 34), 4), **dict.fromkeys(range(70, 78), 8)}

    def tick(number: int) -> dict[str, Row]:
        if number < 90:
            retries = clients // at[number] if number in at else 0
            return {DOWN: row(syn=retries, ack=50, packets=retries + 50)}
        return {DOWN: row(syn=100, syn_ack=100, connection=100, packets=1000)}

    watched = Watched()
    watched.run(2, {DOWN: row(packets=5000)})
    watched.run(20, tick)
    assert watched.types() == []


def test_a_ramp_to_what_a_large_site_has_on_a_good_day() -> None:
    def tick(number: int) -> dict[str, Row]:
        opened = number // 2
        return {
            WEB: row(
                syn=opened,
                syn_ack=opened,
                connection=opened,
                request=2 * opened,
                packets=20 * opened,
            )
        }

    watched = Watched()
    watched.run(90, tick)
    assert watched.types() == []


def test_many_busy_hosts_of_one_prefix() -> None:
    hosts = [f"203.0.113.{number}" for number in range(200)]
    busy = row(syn=50, syn_ack=50, connection=50, request=100, packets=1000)
    watched = Watched()
    watched.run(10, dict.fromkeys(hosts, busy))
    assert [each for each in watched.types() if each[0] not in {"http_flood"}] == []
