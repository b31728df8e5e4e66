"""Finds the attacked targets in a window of traffic: addresses, prefixes, and whole profiles.

An attack on many addresses of a prefix, with no address that gets most of it, is one on the prefix
(a carpet flood). An attack on more than a prefix is one on the profile. Traffic that known attacks
explain is not reported again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX
from dataplane.detection.signs import GENERAL, VALUES, Sign, View, signs
from dataplane.detection.thresholds import ProfileThresholds
from dataplane.detection.traffic import Counts, Target, TargetTraffic, Traffic, Window
from dataplane.native import abi
from dataplane.native.abi import Attack

PROFILE_FACTOR = 10
"""A profile's threshold is this multiple of a prefix's."""
WHOLE = Target(bytes(16), 0)
"""Target that stands for all addresses of a profile."""
_PREFIX_IPV4, _PREFIX_IPV6 = 120, 64
_Of: TypeAlias = tuple[Target, int]
"""A target, and a profile's index."""


class Place(NamedTuple):
    """The identity of an incident: at most one is active for each."""

    family: Attack
    kind: abi.Target
    target: Target
    profile: int


@dataclass(frozen=True)
class Finding:
    """An attack in this window, new or known."""

    sign: Sign
    place: Place
    traffic: Traffic


class Views:
    """The thresholds for the counts of each profile."""

    def __init__(self, profiles: Mapping[int, ProfileThresholds], answers: int) -> None:
        self._profiles = profiles
        self._answers = answers

    def of(self, profile: int, kind: abi.Target) -> View | None:
        """The view of a profile; None: the profile is no longer in force."""
        return self[profile, kind] if profile in self._profiles else None

    def __getitem__(self, of: tuple[int, abi.Target]) -> View:
        profile, kind = of
        known = self._profiles[profile]
        factor = {
            abi.Target.PREFIX: known.thresholds.carpet_factor,
            abi.Target.PROFILE: known.thresholds.carpet_factor * PROFILE_FACTOR,
        }.get(kind, 1)
        return View(known.thresholds, factor, self._answers)


class Known:
    """The active attacks, and the traffic of their targets."""

    def __init__(self) -> None:
        self._strength: dict[Place, int] = {}
        self._attacks: dict[_Of, dict[Attack, int]] = {}
        self._parts = _Parts()

    def add(self, place: Place, strength: int, lately: int, window: Counts) -> None:
        """Add an active attack. ``strength``: its present strength; ``lately``: its
        recent maximum."""
        self._strength[place] = strength
        self._attacks.setdefault((place.target, place.profile), {})[place.family] = lately
        self._parts.add(place, window)

    def __contains__(self, place: Place) -> bool:
        return place in self._strength

    def attacks(self, target: Target, profile: int) -> Mapping[Attack, int]:
        """The families of the attacks on exactly that target, with their recent maximum
        strengths."""
        return self._attacks.get((target, profile), {})

    def without(self, counts: Counts, whole: Place, new: Iterable[Finding] = ()) -> Counts:
        """The traffic of a prefix or profile without that of its attacked parts."""
        parts = self._parts.of(whole)
        more = _Parts()
        for finding in new:
            more.add(finding.place, finding.traffic.window)
        return _less(counts, {**parts, **more.of(whole)})

    def is_in_carpet(self, place: Place, value: int) -> bool:
        """Whether the place is a minor part of a known carpet flood."""
        prefix = place._replace(kind=abi.Target.PREFIX, target=prefix_of(place.target))
        return 2 * value < self._strength.get(prefix, 0)


class _Parts:
    """Traffic of targets, grouped by the target that contains them."""

    def __init__(self) -> None:
        self._prefixes: dict[int, dict[Target, Counts]] = {}
        self._addresses: dict[_Of, dict[Target, Counts]] = {}

    def add(self, place: Place, window: Counts) -> None:
        if place.kind is abi.Target.PREFIX:
            self._prefixes.setdefault(place.profile, {})[place.target] = window
        elif place.kind is abi.Target.ADDRESS:
            prefix = prefix_of(place.target), place.profile
            self._addresses.setdefault(prefix, {})[place.target] = window

    def of(self, whole: Place) -> dict[Target, Counts]:
        """The parts of a target; each packet counts once: addresses of a listed prefix are left
        out."""
        if whole.kind is abi.Target.PREFIX:
            return self._addresses.get((whole.target, whole.profile), {})
        if whole.kind is not abi.Target.PROFILE:
            return {}
        found = dict(self._prefixes.get(whole.profile, {}))
        for (prefix, profile), addresses in self._addresses.items():
            if profile == whole.profile and prefix not in found:
                found.update(addresses)
        return found


def find_on_ports(ports: Mapping[Place, Traffic], views: Views, known: Known) -> list[Finding]:
    """Floods on the link itself; ``ports``: the frames of each kind and port."""
    found = []
    for place, traffic in ports.items():
        view = views.of(place.profile, place.kind)
        if view is None or place in known:
            continue
        threshold = view.threshold(place.family)
        value = VALUES[place.family](traffic.window)
        if value >= threshold:
            found.append(Finding(Sign(place.family, threshold, value), place, traffic))
    return found


def find(window: Window, views: Views, known: Known) -> list[Finding]:
    """Attacks that are not known yet: on addresses, then prefixes, then profiles; each with the
    highest excess first."""
    addresses: dict[_Of, list[Finding]] = {}
    for finding in _of_addresses(window, views, known):
        prefix = prefix_of(finding.place.target), finding.place.profile
        addresses.setdefault(prefix, []).append(finding)
    carpets = []
    for one in window.candidates:
        view = views.of(one.profile, abi.Target.PREFIX)
        if view and one.prefix_length < KEY_BITS:
            inside = addresses.get((one.target, one.profile), [])
            found, addresses[one.target, one.profile] = _of_prefix(one, view, known, inside)
            carpets += found
    found = [*_sorted(itertools.chain(*addresses.values())), *_sorted(carpets)]
    return [*found, *_sorted(_of_profiles(window, views, known, found))]


def _of_addresses(window: Window, views: Views, known: Known) -> Iterator[Finding]:
    for one in window.candidates:
        view = views.of(one.profile, abi.Target.ADDRESS)
        if not view or one.prefix_length < KEY_BITS:
            continue
        there = known.attacks(one.target, one.profile)
        for sign in signs(one.traffic.window, view, there):
            place = Place(sign.attack, abi.Target.ADDRESS, one.target, one.profile)
            if place not in known and not known.is_in_carpet(place, sign.value):
                yield Finding(sign, place, one.traffic)


def _of_prefix(
    one: TargetTraffic, view: View, known: Known, inside: list[Finding]
) -> tuple[list[Finding], list[Finding]]:
    """The findings on the prefix, and those on its addresses that are not part of them."""
    whole = Place(Attack.PACKET_FLOOD, abi.Target.PREFIX, one.target, one.profile)
    there = known.attacks(one.target, one.profile)
    counts = known.without(one.traffic.window, whole)
    most = [each for each in inside if 2 * each.sign.value >= VALUES[each.place.family](counts)]
    rest = known.without(one.traffic.window, whole, most)
    found = [sign for sign in signs(rest, view, there) if sign.attack not in GENERAL]
    families = {sign.attack: sign.value for sign in found}
    remaining = [each for each in inside if each in most or each.place.family not in families]
    left = known.without(one.traffic.window, whole, remaining)
    found += [sign for sign in signs(left, view, {**families, **there}) if sign.attack in GENERAL]
    new = ((sign, whole._replace(family=sign.attack)) for sign in found)
    carpets = [Finding(sign, place, one.traffic) for sign, place in new if place not in known]
    return carpets, remaining


def _of_profiles(
    window: Window, views: Views, known: Known, found: list[Finding]
) -> Iterator[Finding]:
    by_profile: dict[int, list[Finding]] = {}
    for finding in found:
        by_profile.setdefault(finding.place.profile, []).append(finding)
    for index, traffic in window.profiles.items():
        view = views.of(index, abi.Target.PROFILE)
        if view is None:
            continue
        whole = Place(Attack.PACKET_FLOOD, abi.Target.PROFILE, WHOLE, index)
        rest = known.without(traffic.window, whole, by_profile.get(index, ()))
        for sign in signs(rest, view, known.attacks(WHOLE, index)):
            place = whole._replace(family=sign.attack)
            if place not in known:
                yield Finding(sign, place, traffic)


def _less(counts: Counts, parts: Mapping[Target, Counts]) -> Counts:
    if not parts:
        return counts
    columns = zip(counts.by_kind, *(part.by_kind for part in parts.values()), strict=True)
    kinds = tuple(max(0, whole - sum(rest)) for whole, *rest in columns)
    size = counts.bytes - sum(part.bytes for part in parts.values())
    return Counts(kinds, max(0, size))


def prefix_of(address: Target) -> Target:
    """The prefix that the collector sums the address up in: a /24 of IPv4, a /64 of IPv6."""
    length = _PREFIX_IPV4 if address.key.startswith(MAPPED_PREFIX) else _PREFIX_IPV6
    return Target(address.key[: length // 8].ljust(16, b"\0"), length)


def _sorted(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: each.sign.excess, reverse=True)
