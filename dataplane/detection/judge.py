"""Opens incidents, follows them and ends them, from the collector's windows.

Called by the control loop every tenth of a second. At most `FOLLOWED_MAX` incidents of addresses
and prefixes are active at a time. Attacks without room are counted, and share one incident of their
profile.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from dataplane.detection.crowd import Crowd
from dataplane.detection.findings import Finding, Known, Place, Views, find, find_on_ports
from dataplane.detection.incident import Incident
from dataplane.detection.signs import (
    AMPLIFICATION,
    GENERAL,
    LULL_TICKS_MAX,
    VALUES,
    Sign,
    goes_on,
    is_scan,
    strength,
    ticks_needed,
)
from dataplane.detection.thresholds import ProfileThresholds
from dataplane.detection.traffic import Counts, Evidence, Sampling, Target, Traffic, Window
from dataplane.native import abi
from dataplane.native.abi import Attack, IncidentEnd

TICK_MS = 100
"""Interval of the judgement."""
FOLLOWED_MAX = abi.INCIDENTS_ACTIVE_MAX
WHOLE_MAX = 64
"""Active incidents of whole profiles."""
_FIRST_LOOK_MS, _LOOK_MS = 300, 1000
_LOOKS = 8
_FOLLOWED = (abi.Target.ADDRESS, abi.Target.PREFIX)
_UDP = 17
_NONE = Counts((0,) * abi.TRAFFIC_COUNT, 0)
_NOTHING = Traffic(window=_NONE, since=_NONE)


class Follower(Protocol):
    """The part of the collector that the judge uses."""

    def follow(self, target: Target) -> None:
        """Collect evidence of a target."""

    def unfollow(self, target: Target) -> None:
        """Stop collecting it."""

    def evidence(self, target: Target) -> Evidence:
        """The evidence of a followed target."""
        ...

    @property
    def sampling(self) -> Sampling:
        """The sampling rates."""
        ...


class _Seen(NamedTuple):
    """A target beyond its threshold that is not an incident yet."""

    ticks: int
    """Number of consecutive ticks."""
    ticks_all: int
    crossed_ms: int


class Judge:
    """Not for several threads. ``publish`` is called with each incident that is new or
    has changed."""

    def __init__(self, follower: Follower, publish: Callable[[Incident], None]) -> None:
        self._follower = follower
        self._publish = publish
        self._profiles: Mapping[int, ProfileThresholds] = {}
        self._active: dict[Place, Incident] = {}
        self._look_at_ms: dict[Place, int] = {}
        self._number = 0
        self._seen: dict[Place, _Seen] = {}
        self._crowd = Crowd()
        self._followed_count = 0

    @property
    def active(self) -> tuple[Incident, ...]:
        """The active incidents."""
        return tuple(self._active.values())

    @property
    def suppressed(self) -> int:
        """Attacks that found no room, since the start."""
        return self._crowd.count

    def use(self, profiles: Mapping[int, ProfileThresholds], boot_ms: int) -> None:
        """Set the profiles in force."""
        self._profiles = profiles
        views = Views(profiles, 0)
        for place, incident in tuple(self._active.items()):
            view = views.of(place.profile, place.kind)
            if view is None or not view.threshold(place.family):
                self._end(incident, IncidentEnd.POLICY, boot_ms)

    def judge(self, window: Window, ports: Mapping[Place, Traffic], answers: int = 0) -> None:
        """Process a window.

        ``ports``: the frames of the link. ``answers``: SYNs that the node answered in the same
        second.
        """
        views = Views(self._profiles, answers)
        known = self._go_on(window, ports, views)
        found = [
            *self._patient(find(window, views, known), window.boot_ms),
            *find_on_ports(ports, views, known),
        ]
        without_room = [each for each in found if not self._open(each, window.boot_ms)]
        for finding in self._crowd.gather(without_room, window.profiles):
            if finding.place not in self._active:
                self._open(finding, window.boot_ms, is_crowd=True)

    def end_all(self, boot_ms: int) -> None:
        """End all incidents: the data plane stops."""
        for incident in self.active:
            self._end(incident, IncidentEnd.DRAINING, boot_ms)

    def successor(self, boot_ms: int) -> Judge:
        """A new judge without any attack, after an error of this one; counts continue.

        Active incidents end here, as far as that is possible, and are opened again there.
        """
        for incident in self.active:
            with suppress(Exception):  # it may have caused the error
                self._end(incident, IncidentEnd.FAILED, boot_ms)
        other = Judge(self._follower, self._publish)
        other._number, other._crowd.count = self._number, self._crowd.count
        return other

    def _go_on(self, window: Window, ports: Mapping[Place, Traffic], views: Views) -> Known:
        """Update active incidents with this window; `use` has ended those without a profile."""
        known = Known()
        for place in sorted(self._active, key=_order):
            incident, view = self._active[place], views[place.profile, place.kind]
            traffic = _traffic(place, window, ports)
            others = known.attacks(place.target, place.profile)
            counts = known.without(traffic.window, place)
            threshold = view.threshold(place.family)
            if incident.is_crowd:
                now, threshold = self._crowd.strength(place), incident.sign.threshold
            else:
                now = strength(place.family, counts, view, others)
            incident.go_on(traffic, now, window.boot_ms)
            is_merged = counts != traffic.window or (place.family in GENERAL and len(others) > 0)
            self._end_or_renew(incident, threshold, window.boot_ms, is_merged=is_merged)
            if place in self._active:
                known.add(place, incident.strength, incident.strength_lately, traffic.window)
        return known

    def _end_or_renew(
        self, incident: Incident, threshold: int, boot_ms: int, *, is_merged: bool
    ) -> None:
        """End it, or renew its evidence. ``is_merged``: other incidents explain a part of it."""
        is_over = incident.is_over(threshold, boot_ms)
        if is_merged and incident.quiet_since_ms is not None:
            self._end(incident, IncidentEnd.MERGED, boot_ms)
        elif is_over:
            self._end(incident, IncidentEnd.QUIET, boot_ms)
        elif boot_ms >= self._look_at_ms[incident.place]:
            self._look_at_ms[incident.place] = boot_ms + _LOOK_MS
            self._look(incident)
            self._publish(incident)

    def _patient(self, found: Iterable[Finding], boot_ms: int) -> list[Finding]:
        """Leave out findings that may turn out to be something else within a tick."""
        found = list(found)
        seen = {each.place: self._seen.get(each.place, _first(each, boot_ms)) for each in found}
        self._seen = {each.place: _again(seen[each.place], each) for each in found}
        return [each for each in found if _is_certain(self._seen[each.place], each.sign)]

    def _open(self, finding: Finding, boot_ms: int, *, is_crowd: bool = False) -> bool:
        """Open an incident; False: there is no room. A finding that its evidence explains otherwise
        is skipped."""
        place, sign = finding.place, finding.sign
        if not self._has_room(place):
            return False
        if place.kind in _FOLLOWED and not self._is_followed(place.target):
            self._follower.follow(place.target)
        incident = Incident(
            id=secrets.randbits(64),
            number=self._number + 1,
            attack=sign.attack,
            place=place,
            profile=self._profiles[place.profile],
            sign=sign,
            started_boot_ms=self._seen.get(place, _first(finding, boot_ms)).crossed_ms,
            detected_boot_ms=boot_ms,
            updated_boot_ms=boot_ms,
            strength=sign.value,
            is_crowd=is_crowd,
        )
        self._look(incident)
        if is_scan(sign, incident.evidence):
            self._unfollow(place)
            return True
        self._number += 1
        incident.attack = _named(sign.attack, incident.evidence)
        incident.begin(finding.traffic)
        self._active[place] = incident
        self._followed_count += place.kind in _FOLLOWED
        # Not all new ones at once: reading evidence is most of the cost of an incident.
        self._look_at_ms[place] = boot_ms + _FIRST_LOOK_MS + self._number % _LOOKS * TICK_MS
        self._publish(incident)
        return True

    def _end(self, incident: Incident, why: IncidentEnd, boot_ms: int) -> None:
        place = incident.place
        self._look(incident)
        incident.end, incident.updated_boot_ms = why, boot_ms
        is_quiet = why is IncidentEnd.QUIET and incident.quiet_since_ms is not None
        incident.ended_boot_ms = (incident.quiet_since_ms or boot_ms) if is_quiet else boot_ms
        del self._active[place], self._look_at_ms[place]
        self._followed_count -= place.kind in _FOLLOWED
        self._unfollow(place)
        self._publish(incident)

    def _look(self, incident: Incident) -> None:
        if incident.place.kind in _FOLLOWED:
            evidence = self._follower.evidence(incident.place.target)
            incident.look_at(evidence, self._follower.sampling)

    def _has_room(self, place: Place) -> bool:
        if place.kind is abi.Target.PORT:
            return True
        followed = self._followed_count
        if place.kind in _FOLLOWED:
            return followed < FOLLOWED_MAX
        return len(self._active) - followed < WHOLE_MAX

    def _unfollow(self, place: Place) -> None:
        if place.kind in _FOLLOWED and not self._is_followed(place.target):
            self._follower.unfollow(place.target)

    def _is_followed(self, target: Target) -> bool:
        return any(place.target == target and place.kind in _FOLLOWED for place in self._active)


def _order(place: Place) -> tuple[int, bool]:
    """Parts before the targets that contain them, and explaining attacks before explained ones."""
    return place.kind, place.family in GENERAL


def _traffic(place: Place, window: Window, ports: Mapping[Place, Traffic]) -> Traffic:
    if place.kind is abi.Target.PORT:
        return ports[place]
    if place.kind is abi.Target.PROFILE:
        return window.profiles.get(place.profile, _NOTHING)
    found = window.followed.get(place.target)
    return found.traffic if found else _NOTHING


def _first(finding: Finding, boot_ms: int) -> _Seen:
    """The time at which the threshold was crossed, extrapolated within the last tick."""
    came = VALUES[finding.place.family](finding.traffic.since)
    beyond = finding.sign.value - finding.sign.threshold
    since_ms = min(TICK_MS, TICK_MS * beyond // came) if came else 0
    return _Seen(0, 0, boot_ms - since_ms)


def _again(seen: _Seen, finding: Finding) -> _Seen:
    ticks = seen.ticks + goes_on(finding.sign, finding.traffic.since)
    return _Seen(ticks, seen.ticks_all + 1, seen.crossed_ms)


def _is_certain(seen: _Seen, sign: Sign) -> bool:
    return seen.ticks >= ticks_needed(sign) or seen.ticks_all >= LULL_TICKS_MAX


def _named(attack: Attack, evidence: Evidence) -> Attack:
    """The name of an amplification, by the port that most of it comes from."""
    if attack is not Attack.UDP_AMPLIFICATION:
        return attack
    ports = (each for each in evidence.source_ports if each.protocol == _UDP)
    most = max(ports, key=lambda each: each.packets, default=None)
    return AMPLIFICATION.get(most.port, attack) if most else attack
