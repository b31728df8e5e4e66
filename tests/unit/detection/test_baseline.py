"""The rates of profiles that are published for the baseline."""

from __future__ import annotations

from dataplane.detection.thresholds import ProfileThresholds, Thresholds
from dataplane.native import abi
from dataplane.shared.incidents import ProfileRates
from tests.support.values.traffic import row, target
from tests.unit.detection.detection_support import WEB, Watched

OTHER = "203.0.113.11"
PERIOD_S = abi.BASELINE_MS / 1000


def only(watched: Watched) -> ProfileRates:
    (found,) = watched.view.baseline().profiles
    return found


def test_before_the_first_period_is_over_there_is_none() -> None:
    watched = Watched()
    watched.run(PERIOD_S - 0.5, {WEB: row(syn=1)})
    assert watched.view.baseline().number == 0
    assert watched.view.baseline().profiles == ()


def test_a_period_has_the_highest_second_of_the_busiest_address() -> None:
    watched = Watched()
    watched.run(3, {WEB: row(syn=10, syn_ack=10), OTHER: row(udp=5)})
    watched.run(1, {WEB: row(syn=20, syn_ack=20, size=50), OTHER: row(syn=30, syn_ack=30)})
    watched.run(PERIOD_S - 3.5, {WEB: row(syn=1, syn_ack=1)})
    found = only(watched)
    assert (found.name, found.is_attacked) == ("web", False)
    assert (found.rates["syns"], found.rates["udp"]) == (300, 50)
    assert found.rates["bits"] == 30 * 10 * 100 * 8
    assert "frames" not in found.rates


def test_a_period_begins_without_what_was_in_the_one_before() -> None:
    watched = Watched()
    watched.run(PERIOD_S / 2, {WEB: row(syn=50, syn_ack=50)})
    watched.run(PERIOD_S * 1.6, {WEB: row(syn=1, syn_ack=1)})
    assert watched.view.baseline().number == 2
    assert only(watched).rates["syns"] == 10


def test_a_period_with_an_attack_says_so_for_its_profile_alone() -> None:
    watched = Watched()
    watched.profiles = {0: ProfileThresholds("web"), 3: ProfileThresholds("mail")}
    watched.collector.profile_of[target(OTHER)] = 3
    watched.run(1, {WEB: row(syn=10_000, syn_ack=10_000), OTHER: row(udp=1)})
    watched.run(PERIOD_S, {})
    web, mail = watched.view.baseline().profiles
    assert (web.name, web.is_attacked) == ("web", True)
    assert (mail.name, mail.is_attacked, mail.rates["udp"]) == ("mail", False, 10)


def test_profiles_beyond_the_room_are_counted() -> None:
    watched = Watched()
    count = abi.BASELINE_PROFILES + 3
    watched.profiles = {n: ProfileThresholds(f"p{n}", Thresholds()) for n in range(count)}
    watched.run(PERIOD_S + 0.2, {})
    found = watched.view.baseline()
    assert (len(found.profiles), found.beyond) == (abi.BASELINE_PROFILES, 3)
    assert found.profiles[-1].name == f"p{abi.BASELINE_PROFILES - 1}"


def test_a_profile_that_comes_within_a_period_has_the_next_one() -> None:
    watched = Watched()
    watched.run(PERIOD_S / 2, {WEB: row(udp=1)})
    watched.profiles = {**watched.profiles, 3: ProfileThresholds("mail")}
    watched.run(PERIOD_S / 2 + 0.2, {WEB: row(udp=1)})
    assert [each.name for each in watched.view.baseline().profiles] == ["web"]
    watched.run(PERIOD_S, {WEB: row(udp=1)})
    assert [each.name for each in watched.view.baseline().profiles] == ["web", "mail"]
