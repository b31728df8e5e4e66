"""Addresses, prefixes and whole profiles: what an attack is aimed at, and how many are told."""

from __future__ import annotations

from dataplane.detection.judge import FOLLOWED_MAX
from dataplane.detection.thresholds import ProfileThresholds, Thresholds
from dataplane.native import abi
from dataplane.shared.incidents import Incident
from tests.support.values.traffic import Row, row, target
from tests.unit.detection.detection_support import WEB, Watched

PREFIX = "203.0.113.0/24"


def hosts(count: int, counts: Row, network: str = "203.0.113") -> dict[str, Row]:
    """The same for so many addresses of a /24."""
    return {f"{network}.{number}": counts for number in range(count)}


def many(count: int, counts: Row) -> dict[str, Row]:
    """One address of so many /24 each."""
    return {f"10.{number >> 8}.{number & 255}.1": counts for number in range(count)}


def active(watched: Watched) -> list[Incident]:
    return [each for each in watched.incidents if each.is_active]


def test_a_flood_over_a_prefix_is_one_incident_of_the_prefix() -> None:
    watched = Watched()
    watched.run(3, hosts(250, row(syn=10, syn_ack=5)))
    assert watched.types() == [("syn_flood", PREFIX)]
    (found,) = watched.incidents
    assert found.is_carpet
    assert found.trigger.threshold == 3000


def test_an_address_that_gets_most_of_its_prefix_is_the_target() -> None:
    watched = Watched()
    watched.run(
        3, {**hosts(250, row(syn=2, syn_ack=2, connection=2)), WEB: row(syn=5000, syn_ack=3000)}
    )
    assert watched.types() == [("syn_flood", WEB)]


def test_addresses_that_have_parts_of_a_carpet_flood_are_none_of_their_own() -> None:
    watched = Watched()
    watched.run(3, hosts(8, row(syn=300, syn_ack=200)))
    assert watched.types() == [("syn_flood", PREFIX)]


def test_a_carpet_flood_beside_a_flood_on_one_address_is_what_that_one_leaves() -> None:
    watched = Watched()
    watched.run(2, {WEB: row(syn=5000, syn_ack=3000)})
    watched.run(3, {**hosts(200, row(syn=20, syn_ack=10)), WEB: row(syn=5000, syn_ack=3000)})
    found = active(watched)
    assert sorted((each.type, each.target) for each in found) == [
        ("syn_flood", PREFIX),
        ("syn_flood", WEB),
    ]


def test_a_carpet_flood_that_draws_together_on_one_address_becomes_its_flood() -> None:
    watched = Watched()
    watched.run(2, hosts(250, row(syn=20, syn_ack=10)))
    watched.run(3, {WEB: row(syn=9000, syn_ack=5000)})
    assert [(each.type, each.target) for each in active(watched)] == [("syn_flood", WEB)]
    assert watched.types(ended_by="merged") == [("syn_flood", PREFIX)]


def test_handshakes_of_busy_hosts_say_that_a_prefix_is_not_flooded() -> None:
    watched = Watched()
    watched.run(3, hosts(250, row(syn=12, syn_ack=12, connection=5)))
    assert [each.type for each in watched.incidents] == []


def test_a_flood_thinner_than_every_prefix_is_one_on_the_profile() -> None:
    watched = Watched()
    watched.run(3, many(1000, row(syn=9, syn_ack=5)))
    (found,) = watched.incidents
    assert (found.type, found.target_kind, found.target) == ("syn_flood", "profile", "web")
    assert found.is_carpet
    watched.run(6, {})
    assert active(watched) == []


def test_profiles_have_thresholds_of_their_own() -> None:
    watched = Watched()
    watched.profiles = {
        0: ProfileThresholds("default", Thresholds(icmp=100)),
        5: ProfileThresholds("quiet", Thresholds(icmp=50_000)),
    }
    watched.collector.profile_of[target("198.51.100.1")] = 5
    watched.run(2, {WEB: row(icmp=900), "198.51.100.1": row(icmp=900)})
    assert [(each.target, each.profile) for each in watched.incidents] == [(WEB, "default")]


def test_what_finds_no_room_is_counted_once_and_stands_together() -> None:
    watched = Watched()
    crowd = many(FOLLOWED_MAX + 6, row(icmp=900))
    watched.run(3, crowd)
    found = active(watched)
    assert [each.target_kind for each in found].count("address") == FOLLOWED_MAX
    (whole,) = (each for each in found if each.target_kind == "profile")
    assert (whole.type, whole.target) == ("icmp_flood", "web")
    assert watched.view.read().detection.suppressed == 6
    assert len(watched.collector.followed) == FOLLOWED_MAX
    watched.run(6, {})
    assert active(watched) == []


def test_room_that_comes_free_is_taken_by_what_had_none() -> None:
    watched = Watched()
    crowd = many(FOLLOWED_MAX + 1, row(icmp=900))
    watched.run(2, crowd)
    first = active(watched)[0].target
    left = {address: counts for address, counts in crowd.items() if address != first}
    watched.run(6, left)
    assert {each.target for each in active(watched)} == left.keys()


def test_more_attacks_than_slots_never_write_over_an_active_one() -> None:
    watched = Watched(Thresholds(quiet_seconds=1, carpet_factor=1000))
    watched.run(1, {WEB: row(icmp=900)})
    for wave in range(abi.INCIDENTS_MAX // 50 + 2):
        network = f"198.51.{wave}"
        waves = hosts(50, row(icmp=900), network)
        watched.run(1, {WEB: row(icmp=900), **waves})
        watched.run(3, {WEB: row(icmp=900)})
    assert [(each.number, each.target) for each in active(watched)] == [(1, WEB)]
    assert len(watched.incidents) == abi.INCIDENTS_MAX
