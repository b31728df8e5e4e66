"""Which incidents are one threat: the same as by looking at every pair."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from api.orchestrator.threats.grouping import GAP_MS, Spell, Target, group
from api.orchestrator.threats.sources import Attackers, Merger, Sketch
from dataplane.base.networks import Network

TARGETS: list[Target] = [
    *map(
        Network.parse,
        [
            *("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/24", "10.1.0.1", "10.1.0.2"),
            *("10.2.0.1", "::/0", "2001:db8::/32", "2001:db8::/64", "2001:db8::1", "2001:db9::1"),
        ],
    ),
    ("profile", "web"),
    ("profile", "dns"),
    ("port", "outside", "node-1"),
]


@some.composite
def spells(draw: some.DrawFn) -> Spell:
    start = draw(some.integers(0, 40)) * GAP_MS // 3
    lasts = draw(some.integers(0, 9)) * GAP_MS // 3
    kind, target = draw(some.sampled_from(["syn", "udp"])), draw(some.sampled_from(TARGETS))
    return Spell(kind, target, start, start + lasts)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(some.lists(spells(), max_size=40))
def test_the_groups_are_those_of_looking_at_every_pair(found: list[Spell]) -> None:
    assert sorted(group(found)) == sorted(_by_pairs(found))


@pytest.mark.parametrize(("gap_ms", "groups"), [(GAP_MS, 1), (GAP_MS + 1, 2)])
def test_what_follows_within_half_a_minute_is_the_same(gap_ms: int, groups: int) -> None:
    target = Network.parse("192.0.2.1")
    found = [Spell("syn", target, 0, 1000), Spell("syn", target, 1000 + gap_ms, 90_000)]
    assert len(group(found)) == groups


def test_what_only_a_carpet_flood_links_is_one() -> None:
    carpet = Spell("syn", Network.parse("10.1.0.0/24"), 0, 200_000)
    first = Spell("syn", Network.parse("10.1.0.1"), 0, 1000)
    later = Spell("syn", Network.parse("10.1.0.2"), 150_000, 160_000)
    assert len(group([first, later])) == 2
    assert len(group([first, later, carpet])) == 1


def test_merged_sources_have_the_sum_of_errors_and_of_what_sketches_may_hide() -> None:
    full = Sketch([("192.0.2.1", "NL", 900, 10), ("192.0.2.2", "DE", 300, 20)], distinct=50)
    whole = Sketch([("192.0.2.1", "NL", 500, 5)], distinct=1)
    found = _merged(full, whole)
    both, one = found["192.0.2.1"], found["192.0.2.2"]
    assert (both.attacks, both.packets, both.error) == (2, 1400, 15)
    assert (one.attacks, one.packets, one.error) == (1, 300, 20)  # the whole one hides nothing
    other = Sketch([("192.0.2.9", "FR", 700, 0)], distinct=2)
    assert _merged(full, other)["192.0.2.9"].error == 300


def _merged(*sketches: Sketch) -> Attackers:
    merger = Merger()
    for each in sketches:
        merger.add(each)
    return merger.result()


def _by_pairs(found: list[Spell]) -> list[list[int]]:
    groups = [{each} for each in range(len(found))]
    for one, first in enumerate(found):
        for other, second in enumerate(found[:one]):
            if _is_linked(first, second):
                mine = next(each for each in groups if one in each)
                theirs = next(each for each in groups if other in each)
                if mine is not theirs:
                    groups.remove(theirs)
                    mine |= theirs
    return [sorted(each) for each in groups]


def _is_linked(one: Spell, other: Spell) -> bool:
    near = one.start_ms <= other.end_ms + GAP_MS and other.start_ms <= one.end_ms + GAP_MS
    return one.type == other.type and near and _meet(one.target, other.target)


def _meet(one: Target, other: Target) -> bool:
    if isinstance(one, Network) and isinstance(other, Network):
        return one.contains(other) or other.contains(one)
    return one == other
