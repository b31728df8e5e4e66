"""What the collector tells of traffic, as values.

Counts are of traffic from outside (``fastpath/include/defs/traffic.def`` describes each kind).
Addresses are 16 bytes, IPv4 mapped; a prefix length runs from 0 to 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dataplane.native.abi import Reason, Sample, TrafficKind


class Target(NamedTuple):
    """A protected address (128), or a prefix of them."""

    key: bytes
    prefix_length: int


@dataclass(frozen=True)
class Counts:
    """Packets and so on by kind: ``counts[TrafficKind.SYN]``."""

    by_kind: tuple[int, ...]
    bytes: int

    def __getitem__(self, kind: TrafficKind) -> int:
        return self.by_kind[kind]


@dataclass(frozen=True)
class Traffic:
    """Of one target, one profile or the whole node."""

    window: Counts
    """In the last second, counted in steps of a tenth: a rate."""
    since: Counts
    """Since the collection before: every packet is in one of these, exactly once."""


@dataclass(frozen=True)
class TargetTraffic:
    """Of a protected address, or of a prefix: /24 of IPv4, /64 of IPv6, or one that is followed."""

    key: bytes
    prefix_length: int
    profile: int
    """Its index; of a prefix, of which the addresses may have several: each is a candidate of its
    own, and a followed one says that of the address that it has traffic to."""
    traffic: Traffic
    destinations: int = 1
    """Of a prefix: to so many addresses there was traffic in the last second."""

    @property
    def target(self) -> Target:
        """What it is the traffic of."""
        return Target(self.key, self.prefix_length)


@dataclass(frozen=True)
class Window:
    """One collection."""

    boot_ms: int
    all: Traffic
    profiles: Mapping[int, Traffic]
    """By index; those that had any in the last second."""
    highest: Mapping[int, Counts]
    """Of these: the highest count of any one address in the last second, each by itself."""
    candidates: tuple[TargetTraffic, ...]
    """Whose count of some kind has reached the floor of their profile, the highest excess first."""
    followed: Mapping[Target, TargetTraffic]
    cut: int
    """How many more candidates there were than ``abi.CANDIDATES_MAX``."""


@dataclass(frozen=True)
class Ranked:
    """An entry of a sketch."""

    key: bytes
    """Address."""
    packets: int
    error: int
    """``packets`` is at most so many too high or too low, in 95 of 100 cases: what the sketch may
    have taken from others, and twice the standard deviation of the sampling."""


@dataclass(frozen=True)
class RankedPort:
    """A port that packets went to, or came from."""

    protocol: int
    port: int
    packets: int
    error: int


@dataclass(frozen=True)
class Sampling:
    """One packet, and one source, in so many is looked at."""

    packets_every: int
    sources_every: int


@dataclass(frozen=True)
class Evidence:
    """What is known of the packets to a target, from a second before it was followed.

    Counts are of packets, estimated from samples.
    """

    packets: int = 0
    """That all the samples stand for."""
    samples_taken: int = 0
    sources: tuple[Ranked, ...] = ()
    """The most frequent first; at most ``abi.TOP_MAX``."""
    ports: tuple[RankedPort, ...] = ()
    """Of destination."""
    source_ports: tuple[RankedPort, ...] = ()
    countries: Mapping[int, int] = field(default_factory=dict)
    """By number (``abi.COUNTRY_MAX``; 0: not known)."""
    tcp_flags: Mapping[int, int] = field(default_factory=dict)
    """By the flags byte (RFC 9293, 3.1); of TCP alone."""
    sizes: tuple[int, ...] = ()
    """By class: of up to ``SIZE_BOUNDS[i]`` bytes, the last of more."""
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    """Of packets that were dropped or would have been."""
    distinct_sources: int = 0
    """Estimate; exact up to ``abi.DISTINCT_MAX`` if every source is sampled."""
    seen_once: float = 0.0
    """Share of the sources that sent one packet, 0 to 1; of forged ones nearly all do."""
    samples: tuple[Sample, ...] = ()
    """The newest packets, oldest first."""


SIZE_BOUNDS = (64, 128, 256, 512, 1024, 1280, 1518)
"""Bytes: ``SB_SIZE_BOUNDS``."""
