"""When an incident begins, what it adds up, when it ends."""

from __future__ import annotations

from dataplane.detection.duty import CAPTURES_PER_TICK
from dataplane.detection.thresholds import ProfileThresholds, Thresholds
from dataplane.detection.traffic import Ranked
from dataplane.native import abi
from tests.support.values.traffic import amplified, evidence, row, target
from tests.unit.detection.detection_support import WEB, Watched

FLOOD = row(syn=10_000, syn_ack=8000)


def test_it_begins_in_the_first_tick_over_the_threshold() -> None:
    watched = Watched()
    watched.tick({WEB: FLOOD})
    (found,) = watched.incidents
    assert found.detected_at == watched.clock.utc_ms()
    assert found.trigger.metric == "syns_per_second"
    assert (found.trigger.threshold, found.trigger.value) == (1000, 10_000)
    # 9,000 of the tick's 10,000 came behind the thousandth.
    assert found.started_at == found.detected_at - 90


def test_syns_that_are_not_far_beyond_are_given_time_for_their_handshakes() -> None:
    watched = Watched()
    few = row(syn=200, syn_ack=200)
    watched.run(0.5, {WEB: few})  # the fifth tick is the first at the threshold
    assert watched.types() == []
    watched.tick({WEB: few})
    (found,) = watched.incidents
    assert found.detected_at - found.started_at == 100


def test_it_ends_after_the_quiet_time_and_as_of_the_last_noise() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    watched.run(3.7, {})  # 0.9 s until the last second is below half, and 3 s
    assert watched.types(state="active") == [("syn_flood", WEB)]
    watched.run(0.4, {})
    (found,) = watched.incidents
    assert (found.state, found.ended_by) == ("ended", "quiet")
    assert found.ended_at is not None
    assert watched.clock.utc_ms() - found.ended_at >= 3000
    assert watched.collector.followed == []


def test_what_sinks_below_the_threshold_but_not_below_half_goes_on() -> None:
    watched = Watched()
    watched.run(1, {WEB: row(syn=200, syn_ack=200)})
    watched.run(10, {WEB: row(syn=60, syn_ack=60)})
    assert watched.types(state="active") == [("syn_flood", WEB)]


def test_pauses_shorter_than_the_quiet_time_are_one_attack() -> None:
    watched = Watched()
    for _ in range(5):
        watched.run(1, {WEB: FLOOD})
        watched.run(2, {})
    assert len(watched.incidents) == 1


def test_the_next_attack_is_another_incident() -> None:
    watched = Watched()
    for _ in range(2):
        watched.run(1, {WEB: FLOOD})
        watched.run(6, {})
    first, second = watched.incidents
    assert (first.number, second.number) == (1, 2)
    assert first.id != second.id


def test_totals_are_of_every_packet_since_the_second_that_was_too_much() -> None:
    watched = Watched()
    watched.run(1.1, {WEB: row(syn=10_000, syn_ack=8000, dropped=4000)})
    watched.run(5, {})
    (found,) = watched.incidents
    assert (found.totals.packets, found.totals.dropped) == (110_000, 44_000)
    assert found.totals.bits == 110_000 * 800
    assert found.peak.packets == 100_000
    assert found.rates.packets == 0


def test_what_was_dropped_makes_it_blocked_and_counts_once() -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = evidence(reasons={abi.Reason.BLACKLIST: 900})
    watched.run(3, {WEB: row(syn=1000, syn_ack=1000, dropped=900)})
    (found,) = watched.incidents
    assert (found.action, found.dropped_by_reason[0].reason) == ("blocked", "blacklist")
    assert watched.view.read().attacks_blocked == 1


def test_what_was_dropped_of_other_packets_leaves_it_monitored() -> None:
    watched = Watched()
    watched.run(3, {WEB: row(syn=1000, syn_ack=1000, malformed=150, dropped=150, packets=1150)})
    assert [each.action for each in watched.incidents] == ["monitored"]
    assert watched.view.read().attacks_blocked == 0


def test_what_a_limit_dropped_makes_it_limited() -> None:
    watched = Watched()
    reasons = {abi.Reason.RATE_SOURCE_PACKETS: 900, abi.Reason.BLACKLIST: 3}
    watched.collector.evidence_of[target(WEB)] = evidence(reasons=reasons)
    watched.run(3, {WEB: row(syn=1000, syn_ack=1000, dropped=900)})
    assert [each.action for each in watched.incidents] == ["limited"]


def test_what_the_syn_proxy_answered_makes_it_challenged() -> None:
    watched = Watched()
    consumed = abi.Sample(verdict=abi.Verdict.CONSUMED)
    watched.collector.evidence_of[target(WEB)] = evidence(samples=(consumed,))
    watched.run(3, {WEB: row(syn=1000)})
    (found,) = watched.incidents
    assert (found.action, found.totals.challenged) == ("challenged", found.totals.packets)
    assert found.totals.passed == 0
    assert watched.view.read().attacks_blocked == 1


def test_what_only_monitor_let_through_is_said() -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = evidence(reasons={abi.Reason.BLACKLIST: 500})
    watched.run(3, {WEB: row(syn=1000, syn_ack=1000)})
    (found,) = watched.incidents
    assert (found.action, found.totals.dropped) == ("monitored", 0)
    assert found.totals.would_drop == found.totals.packets // 2
    assert watched.view.read().attacks_blocked == 0


def test_counts_are_by_type_and_delays_are_measured() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    stats = watched.view.read().detection
    assert (stats.attacks["syn_flood"], stats.active["syn_flood"]) == (1, 1)
    assert (stats.delay_count, stats.delay_sum_ms, stats.delay_buckets[1]) == (1, 90, 1)
    watched.run(6, {})
    stats = watched.view.read().detection
    assert (stats.attacks["syn_flood"], stats.active["syn_flood"]) == (1, 0)
    assert stats.ticks == 70


def test_another_policy_ends_what_it_looks_no_more_at_and_changes_thresholds() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    watched.profiles = {0: ProfileThresholds("web", Thresholds(syns=0))}
    watched.tick({WEB: FLOOD})
    assert watched.types(ended_by="policy") == [("syn_flood", WEB)]
    watched.profiles = {0: ProfileThresholds("web", Thresholds(syns=200_000))}
    watched.run(2, {WEB: FLOOD})
    assert watched.types(state="active") == []
    watched.profiles = {0: ProfileThresholds("web", Thresholds(syns=50_000))}
    watched.run(0.3, {WEB: FLOOD})
    assert watched.types(state="active") == [("syn_flood", WEB)]


def test_a_profile_that_is_no_more_ends_its_incidents() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    watched.profiles = {}
    watched.tick({WEB: FLOOD})
    assert watched.types(ended_by="policy") == [("syn_flood", WEB)]


def test_a_data_plane_that_stops_ends_all() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    watched.detection.close()
    assert watched.types(ended_by="draining") == [("syn_flood", WEB)]


def test_times_of_an_incident_stay_when_the_wall_clock_steps() -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    before = watched.incidents[0].started_at
    watched.clock.step_ms(-3_600_000)
    watched.run(2, {WEB: FLOOD})
    (found,) = watched.incidents
    assert found.started_at == before
    assert found.updated_at > before


def test_evidence_is_renewed_while_it_goes_on() -> None:
    watched = Watched()
    watched.run(1, {WEB: row(udp=9000, amplification=9000)})
    watched.collector.evidence_of[target(WEB)] = amplified(53)
    watched.run(1, {WEB: row(udp=9000, amplification=9000)})
    (found,) = watched.incidents
    assert found.sources.distinct == 990


def test_ended_ones_are_kept_until_newer_ones_need_their_place() -> None:
    watched = Watched(Thresholds(quiet_seconds=1))
    count = abi.INCIDENTS_MAX + 3
    for _ in range(count):
        watched.tick({WEB: FLOOD})
        watched.run(2, {})
    numbers = [each.number for each in watched.incidents]
    assert numbers == list(range(4, count + 1))


def test_packets_are_kept_where_something_goes_on_and_nowhere_else() -> None:
    watched = Watched()
    watched.run(1, {"198.51.100.1": row(packets=10)})
    assert watched.collector.captures == {}
    watched.tick({WEB: FLOOD})
    assert watched.collector.captures == {0: CAPTURES_PER_TICK}
    watched.run(6, {})
    assert watched.collector.captures == {0: 0}


def test_the_heaviest_have_their_country_and_their_error() -> None:
    watched = Watched()
    watched.collector.evidence_of[target(WEB)] = evidence()
    watched.collector.sources = [Ranked(target("192.0.2.7").key, 50, 3)]
    watched.run(2, {WEB: FLOOD})
    (source,) = watched.view.top().sources
    assert (source.address, source.country, source.packets, source.error) == (
        *("192.0.2.7", "DE"),
        *(50, 3),
    )
    (incident,) = watched.incidents
    assert [each.country for each in incident.sources.top] == ["DE"]
