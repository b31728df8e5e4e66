"""Each type of attack, from traffic that is nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplane.detection.thresholds import DEFAULT, Thresholds
from dataplane.native.abi import ATTACK_METRIC, Attack, TrafficKind
from tests.support.values.traffic import Row, amplified, evidence, row, target
from tests.unit.detection.detection_support import WEB, Watched

FLOODS: dict[str, Row] = {
    "syn_flood": row(syn=900, syn_ack=800),
    "ack_flood": row(ack=9000),
    "rst_flood": row(rst=3000),
    "udp_flood": row(udp=20_000),
    "icmp_flood": row(icmp=900),
    "fragment_flood": row(fragment=3000),
    "malformed_flood": row(malformed=900),
    "connection_flood": row(syn=9000, syn_ack=9000, connection=9000, packets=30_000),
    "http_flood": row(request=9000, packets=20_000),
    "slowloris": row(slow=20, packets=200),
}
"""What a tick brings to one address."""
AMPLIFIED = {
    "dns_amplification": 53,
    "ntp_amplification": 123,
    "memcached_amplification": 11211,
    "ssdp_amplification": 1900,
    "cldap_amplification": 389,
    "udp_amplification": 17,
}


@pytest.mark.parametrize("attack", FLOODS)
def test_a_flood_is_one_incident_of_its_type(attack: str) -> None:
    watched = Watched()
    watched.run(2, {WEB: FLOODS[attack]})
    assert watched.types() == [(attack, WEB)]
    (found,) = watched.incidents
    assert found.is_active
    assert found.trigger.threshold <= found.trigger.value


@pytest.mark.parametrize("attack", AMPLIFIED)
def test_amplification_is_told_by_the_port_that_most_of_it_comes_from(attack: str) -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = amplified(AMPLIFIED[attack])
    watched.run(2, {WEB: row(udp=9000, amplification=9000)})
    assert watched.types() == [(attack, WEB)]


def test_fragments_of_a_reflectors_answers_are_no_flood_of_their_own() -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = amplified(53)
    answers = row(udp=3000, amplification=3000, fragment=9000, packets=9000)
    watched.run(2, {WEB: answers})
    assert watched.types() == [("dns_amplification", WEB)]


def test_first_fragments_of_udp_are_no_udp_flood() -> None:
    watched = Watched()
    watched.run(2, {WEB: row(fragment=9000, udp=9000)})
    assert watched.types() == [("fragment_flood", WEB)]


def test_what_random_sources_bring_with_them_is_no_flood_of_malformed_packets() -> None:
    watched = Watched()
    watched.run(3, {WEB: row(syn=9000, syn_ack=5000, malformed=1400, packets=10_400)})
    assert watched.types() == [("syn_flood", WEB)]


def test_resets_of_hosts_whose_addresses_a_flood_forges_are_no_flood_of_their_own() -> None:
    watched = Watched()
    watched.run(3, {WEB: row(syn=9000, syn_ack=9000, rst=8000, packets=17_000)})
    assert watched.types() == [("syn_flood", WEB)]


@pytest.mark.parametrize("late_ticks", [1, 5, 15])
def test_resets_that_come_when_the_flood_is_over_are_still_part_of_it(late_ticks: int) -> None:
    watched = Watched(replace(DEFAULT, packets=5000))
    watched.run(3, {WEB: row(syn=9000, syn_ack=9000, rst=8000, packets=17_000)})
    watched.run(late_ticks / 10, {WEB: row(rst=8000, packets=8000)})
    watched.run(3.9, {})
    assert watched.types() == [("syn_flood", WEB)]


def test_more_resets_than_there_were_syns_are_a_flood_of_their_own() -> None:
    watched = Watched()
    watched.run(3, {WEB: row(syn=9000, syn_ack=9000, rst=8000, packets=17_000)})
    watched.run(2, {WEB: row(rst=20_000, packets=20_000)})
    assert watched.types() == [("syn_flood", WEB), ("rst_flood", WEB)]


@pytest.mark.parametrize(
    "answers", [row(syn=9000, syn_ack=9000, rst=9000), row(syn=9000, syn_ack=9000, ack=900)]
)
def test_answers_to_forged_syns_are_no_packet_flood_beside_the_flood(answers: Row) -> None:
    packets = answers[TrafficKind.SYN] + answers[TrafficKind.RST] + answers[TrafficKind.ACK]
    flood = (*answers[: TrafficKind.PACKETS], packets, *answers[TrafficKind.PACKETS + 1 :])
    watched = Watched(Thresholds(packets=3000, bits=3_000_000))
    watched.run(3, {WEB: flood})
    assert watched.types(state="active") == [("syn_flood", WEB)]


def test_packets_beside_a_syn_flood_and_its_answers_are_a_packet_flood() -> None:
    watched = Watched(Thresholds(packets=30_000))
    watched.run(3, {WEB: row(syn=9000, syn_ack=9000, rst=9000, packets=30_000)})
    assert sorted(watched.types(state="active")) == [("packet_flood", WEB), ("syn_flood", WEB)]


def test_requests_on_connections_of_their_own_are_no_flood_of_connections() -> None:
    watched = Watched()
    requests = row(request=9000, connection=9000, syn=9000, syn_ack=9000, packets=40_000)
    watched.run(2, {WEB: requests})
    assert watched.types() == [("http_flood", WEB)]


@pytest.mark.parametrize(
    ("thresholds", "attack"),
    [(Thresholds(packets=50_000), "packet_flood"), (Thresholds(bits=50_000_000), "bit_flood")],
)
def test_packets_and_bits_of_no_other_attack_are_a_flood_where_the_policy_says_so(
    thresholds: Thresholds, attack: str
) -> None:
    watched = Watched(thresholds)
    watched.run(2, {WEB: row(packets=30_000, size=1000)})
    assert watched.types() == [(attack, WEB)]


@pytest.mark.parametrize("attack", [*FLOODS])
def test_packets_and_bits_that_another_attack_explains_are_no_flood(attack: str) -> None:
    packets = FLOODS[attack][0]
    watched = Watched(Thresholds(packets=5 * packets, bits=5 * packets * 800))
    watched.run(5, {WEB: FLOODS[attack]})
    flood = ("packet_flood", "bit_flood")
    there = {attack for attack, _ in watched.types(state="active")}
    explained = {"connection_flood", "http_flood", "slowloris"}  # each of them is many packets
    assert attack in there
    assert attack in explained or there.isdisjoint(flood)


def test_a_packet_flood_that_turns_out_to_be_another_is_ended_in_its_favour() -> None:
    watched = Watched(Thresholds(packets=2000, syns=20_000))
    watched.run(0.5, {WEB: row(syn=500, syn_ack=400)})
    assert watched.types() == [("packet_flood", WEB)]
    watched.run(2, {WEB: row(syn=5000, syn_ack=4000)})
    assert watched.types(state="active") == [("syn_flood", WEB)]
    assert watched.types(ended_by="merged") == [("packet_flood", WEB)]


def test_two_attacks_are_two_incidents_if_each_is_beyond_its_own_threshold() -> None:
    watched = Watched()
    watched.run(2, {WEB: row(syn=900, syn_ack=800, icmp=900, packets=1800)})
    assert sorted(watched.types()) == [("icmp_flood", WEB), ("syn_flood", WEB)]


@pytest.mark.parametrize("attack", FLOODS)
def test_nothing_is_found_below_the_threshold_or_where_it_is_not_looked_at(attack: str) -> None:
    metric = ATTACK_METRIC[Attack[attack.upper()]].name.lower()
    quiet = Watched()
    part = tuple(
        value * 9 * getattr(DEFAULT, metric) // (100 * max(FLOODS[attack]))
        for value in FLOODS[attack]
    )
    quiet.run(3, {WEB: part})
    assert quiet.types() == []
    blind = Watched(replace(DEFAULT, **{metric: 0}))
    blind.run(3, {WEB: FLOODS[attack]})
    assert (attack, WEB) not in blind.types()


def test_frames_of_the_link_are_floods_of_a_port() -> None:
    from dataplane.native.abi import Link, Port  # noqa: PLC0415

    watched = Watched()
    for _ in range(20):
        watched.page.link[Port.OUTSIDE][Link.ARP] += 500
        watched.page.link[Port.INSIDE][Link.OTHER_ANY] += 500
        watched.tick({})
    assert sorted(watched.types()) == [("link_flood", "outside"), ("non_ip_flood", "inside")]


def test_sources_of_which_most_were_seen_once_are_said_to_be_forged() -> None:
    for share, is_spoofed in ((0.99, True), (0.3, False)):
        watched = Watched()
        watched.collector.evidence_of[target(WEB)] = evidence(seen_once=share)
        watched.run(2, {WEB: FLOODS["syn_flood"]})
        assert [each.sources.is_spoofed for each in watched.incidents] == [is_spoofed]


def test_a_few_sources_are_no_forged_ones() -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = evidence(distinct_sources=3, seen_once=1.0)
    watched.run(2, {WEB: FLOODS["syn_flood"]})
    assert [each.sources.is_spoofed for each in watched.incidents] == [False]
