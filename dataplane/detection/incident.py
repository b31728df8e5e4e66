"""An active attack: its totals, and the condition for its end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dataplane.detection.findings import Place
from dataplane.detection.signs import GENERAL, VALUES, Sign
from dataplane.detection.thresholds import ProfileThresholds
from dataplane.detection.traffic import Counts, Evidence, Sampling, Traffic
from dataplane.native.abi import (
    Attack,
    IncidentAction,
    IncidentEnd,
    Reason,
    TrafficKind,
    Verdict,
)

_BITS = 8
LIMITS = frozenset(
    {Reason.CONNECTIONS_SOURCE}
    | {reason for reason in Reason if reason.name.startswith("RATE_")}
    | {reason for reason in Reason if reason.name.endswith("_LIMIT")}
)
"""Reasons that drop only an excess of something."""
_SAMPLES_MIN = 50
"""With fewer sampled sources it is not decided whether they are forged."""
_LATELY_TICKS = 30
"""Tenths of a second: a host that answers a flood at all has answered within three seconds."""
_MET_SHARE = 2
"""An attack counts as mitigated if at least one in so many of its packets does not pass."""


@dataclass(frozen=True)
class Rates:
    """Rates per second."""

    packets: int = 0
    bits: int = 0
    requests: int = 0

    def with_peaks_of(self, other: Rates) -> Rates:
        """The maximum of each rate."""
        return Rates(
            max(self.packets, other.packets),
            max(self.bits, other.bits),
            max(self.requests, other.requests),
        )


@dataclass
class Incident:
    """One incident. The judge writes it; the table publishes it."""

    id: int
    number: int
    attack: Attack
    place: Place
    profile: ProfileThresholds
    """The rates when the attack was detected."""
    sign: Sign
    started_boot_ms: int
    """Time at which the threshold was crossed, from the packets of the last tick."""
    detected_boot_ms: int
    updated_boot_ms: int
    strength: int
    is_crowd: bool = False
    """The incident stands for attacks of its profile that found no room."""
    ended_boot_ms: int = 0
    end: IncidentEnd = IncidentEnd.NONE
    now: Rates = Rates()
    peak: Rates = Rates()
    packets: int = 0
    bits: int = 0
    requests: int = 0
    amount: int = 0
    """The part of the totals that the attack consists of: packets, connections or requests."""
    dropped: int = 0
    challenged: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    sampling: Sampling = field(default_factory=lambda: Sampling(1, 1))
    quiet_since_ms: int | None = None
    _challenged_share: float = 0.0
    _strengths: deque[int] = field(default_factory=lambda: deque(maxlen=_LATELY_TICKS))

    def begin(self, traffic: Traffic) -> None:
        """Count the second in which it was detected; call after `look_at`."""
        self._count(traffic, traffic.window)

    def go_on(self, traffic: Traffic, strength: int, boot_ms: int) -> None:
        """Count a tick. ``strength``: the attack's present strength."""
        self.updated_boot_ms = boot_ms
        self.strength = strength
        self._strengths.append(strength)
        self._count(traffic, traffic.since)

    def look_at(self, evidence: Evidence, sampling: Sampling) -> None:
        """Take newer evidence."""
        self.evidence, self.sampling = evidence, sampling
        taken = len(evidence.samples)
        consumed = sum(sample.verdict == Verdict.CONSUMED for sample in evidence.samples)
        self._challenged_share = consumed / taken if taken else 0.0

    @property
    def strength_lately(self) -> int:
        """The maximum strength of the last three seconds."""
        return max(self._strengths, default=self.strength)

    def is_over(self, threshold: int, boot_ms: int) -> bool:
        """Whether the strength has stayed below half of the threshold for long enough."""
        if 2 * self.strength >= threshold:
            self.quiet_since_ms = None
            return False
        if self.quiet_since_ms is None:
            self.quiet_since_ms = boot_ms
        quiet_ms = boot_ms - self.quiet_since_ms
        return quiet_ms >= self.profile.thresholds.quiet_seconds * 1000

    @property
    def is_spoofed(self) -> bool:
        """Whether the attack's sources count as forged."""
        evidence = self.evidence
        enough = min(evidence.distinct_sources, evidence.samples_taken) >= _SAMPLES_MIN
        return enough and evidence.seen_once >= self.profile.thresholds.spoofed_share

    @property
    def would_drop(self) -> int:
        """Packets that passed only because of a mode ``monitor``; estimated from samples."""
        evidence = self.evidence
        if not evidence.packets:
            return 0
        objected = self.packets * sum(evidence.reasons.values()) // evidence.packets
        return max(0, min(self.packets, objected) - self.dropped)

    @property
    def action(self) -> IncidentAction:
        """The treatment of the attack. Other drops of the target's packets may be included."""
        if (self.dropped + self.challenged) * _MET_SHARE < max(1, self.amount):
            return IncidentAction.MONITORED
        if self.challenged > self.dropped:
            return IncidentAction.CHALLENGED
        reasons = self.evidence.reasons
        limited = sum(packets for reason, packets in reasons.items() if reason in LIMITS)
        is_most = 2 * limited > sum(reasons.values())
        return IncidentAction.LIMITED if is_most else IncidentAction.BLOCKED

    def _count(self, traffic: Traffic, came: Counts) -> None:
        window = traffic.window
        self.now = Rates(
            window[TrafficKind.PACKETS], window.bytes * _BITS, window[TrafficKind.REQUEST]
        )
        self.peak = self.peak.with_peaks_of(self.now)
        packets, dropped = came[TrafficKind.PACKETS], came[TrafficKind.DROPPED]
        self.packets += packets
        self.amount += packets if self.attack in GENERAL else VALUES[self.attack](came)
        self.bits += came.bytes * _BITS
        self.requests += came[TrafficKind.REQUEST]
        self.dropped += dropped
        self.challenged += int((packets - dropped) * self._challenged_share)
